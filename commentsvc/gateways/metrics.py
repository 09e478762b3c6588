"""Counts what happens, for Prometheus: in memory, or for several worker processes in files that all of them add up."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import REGISTRY, Collector

# Read by prometheus_client when it is first imported: only a process that starts with it shares its counts.
FOLDER_SETTING = "PROMETHEUS_MULTIPROC_DIR"

REQUESTS = Counter("commentsvc_requests", "Requests that reached the application.", ["method", "route", "status"])
REQUEST_S = Histogram(
    "commentsvc_request_seconds",
    "Time that the application took for a request.",
    ["method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
HOT_READS = Counter("commentsvc_hot_reads", "Public reads answered from memory.")
PAGES_BUILT = Counter("commentsvc_pages_built", "Published pages built anew, since something had changed.")
PAGES_CONFIRMED = Counter("commentsvc_pages_confirmed", "Looks at the database whether a published page still stands.")
AWAY = Counter("commentsvc_database_away", "Times that the database did not answer.")
DECISIONS = Counter("commentsvc_decisions", "Comments that a rule or a person moved.", ["status"])
JOBS = Counter("commentsvc_jobs", "Background jobs tried.", ["kind", "outcome"])
SLOW_QUERIES = Counter("commentsvc_slow_queries", "Database queries that took longer than the setting allows.")
REFUSED = Counter("commentsvc_refused", "Requests refused for coming too fast.", ["limit"])


def share(folder: Path) -> None:
    """Have the worker processes that start from here on count together, from zero."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ[FOLDER_SETTING] = str(folder)


def report(gauges: dict[str, tuple[str, str, dict[str, float]]]) -> bytes:
    """All counts, and `gauges` as read just now: by name what it means, its label's name ('' for none), its values."""
    registry = CollectorRegistry()
    registry.register(_Gauges(gauges))
    text = generate_latest(registry)
    if FOLDER_SETTING not in os.environ:
        return text + generate_latest(REGISTRY)
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    return text + generate_latest(together)


class _Gauges(Collector):
    def __init__(self, gauges: dict[str, tuple[str, str, dict[str, float]]]) -> None:
        self._gauges = gauges

    def collect(self) -> Iterable[GaugeMetricFamily]:
        for name, (meaning, label, values) in self._gauges.items():
            family = GaugeMetricFamily(f"commentsvc_{name}", meaning, labels=[label] if label else [])
            for key, value in values.items():
                family.add_metric([key] if label else [], value)
            yield family

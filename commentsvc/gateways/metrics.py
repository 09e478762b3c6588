"""Counts what happens, for Prometheus: in memory, or for several worker processes in files that all of them add up."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest, values
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import REGISTRY, Collector

FOLDER_SETTING = "PROMETHEUS_MULTIPROC_DIR"

disable_created_metrics()  # type: ignore[no-untyped-call]  # each count would be told twice

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

REQUESTS = Counter("commentsvc_requests", "Requests that reached the application.", ["method", "route", "status"])
REQUEST_S = Histogram(
    "commentsvc_request_seconds",
    "Time that the application took for a request.",
    ["method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
PAGES = Counter(
    "commentsvc_pages",
    "Public reads: hot, answered from memory; confirmed, by a look at the database; built anew, since it had changed.",
    ["how"],
)
DATABASE = Counter("commentsvc_database_troubles", "Times that the database was away, and queries slow.", ["trouble"])
DECISIONS = Counter("commentsvc_decisions", "Comments that a rule or a person moved.", ["status"])
JOBS = Counter("commentsvc_jobs", "Background jobs tried.", ["kind", "outcome"])
REFUSED = Counter("commentsvc_refused", "Requests refused for coming too fast.", ["limit"])


# Rare counters start at zero: rate() misses the first increment of a series that did not exist.
FROM_ZERO = {PAGES: ("hot", "confirmed", "built"), DATABASE: ("away", "slow query")}


def share(folder: Path) -> None:
    """Have the worker processes that start from here on count together, from zero.

    Every count has a label, so that none exists before it is first used: by then it must know that it is shared.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ[FOLDER_SETTING] = str(folder)
    values.ValueClass = values.get_value_class()  # type: ignore[no-untyped-call]  # the library has no types here


def count_request(method: str, route: str, status: int, took_s: float) -> None:
    """The method label: unknown methods share one label, because clients can send any text."""
    known = method if method in METHODS else "other"
    REQUESTS.labels(known, route, status).inc()
    REQUEST_S.labels(known, route).observe(took_s)


def note_slow_query() -> None:
    DATABASE.labels("slow query").inc()


def note_away() -> None:
    DATABASE.labels("away").inc()


def report(gauges: dict[str, tuple[str, str, dict[str, float]]]) -> bytes:
    """The metrics document: all counters, and `gauges` by name with help text, label name ('' for none) and values."""
    for counter, names in FROM_ZERO.items():
        for name in names:
            counter.labels(name)
    registry = CollectorRegistry()
    registry.register(_Gauges(gauges))
    text = generate_latest(registry)
    if FOLDER_SETTING not in os.environ:
        return text + generate_latest(REGISTRY)
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]  # nor here
    return text + generate_latest(together)


class _Gauges(Collector):
    def __init__(self, gauges: dict[str, tuple[str, str, dict[str, float]]]) -> None:
        self._gauges = gauges

    def collect(self) -> Iterable[GaugeMetricFamily]:
        for name, (meaning, label, found) in self._gauges.items():
            family = GaugeMetricFamily(f"commentsvc_{name}", meaning, labels=[label] if label else [])
            for key, value in found.items():
                family.add_metric([key] if label else [], value)
            yield family

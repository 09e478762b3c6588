"""`make bench`: every measurement that takes minutes, or those that are named; prints each as it goes and writes its
table into docs/benchmarks.md. Growth to ten million and the browser are commands of their own (docs/benchmarks.md)."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence

from bench import (
    backups,
    behind_nginx,
    freshness,
    growth,
    hot_reads,
    memory,
    peers,
    sizes,
    slow_clients,
    threads,
    writes,
)
from tests.support import report

logging.disable(logging.WARNING)

Rows = Sequence[dict[str, object]]
PARTS: dict[str, tuple[str, Callable[[], Rows]]] = {
    "hot_reads": ("Hot reads beside nginx, one core", hot_reads.run),
    "behind_nginx": ("Behind nginx beside nginx, one core", behind_nginx.run),
    "sizes": ("Small and large threads, cold and hot", sizes.run),
    "threads": ("Hot threads by Zipf beside nginx", threads.run),
    "freshness": ("Freshness under load", freshness.run),
    "writes": ("Writes", writes.run),
    "slow_clients": ("Beside five hundred slow clients", slow_clients.run),
    "memory": ("Memory", memory.run),
    "peers": ("Beside others", peers.run),
    "backups": ("Backups while guests post", backups.run),
    "growth": ("Growth", lambda: growth.run([10_000, 200_000])),
}


def main(names: list[str]) -> None:
    unknown = set(names) - set(PARTS)
    if unknown:
        raise SystemExit(f"there is no {', '.join(sorted(unknown))}; there are: {', '.join(PARTS)}")
    for name in names or PARTS:
        title, measure = PARTS[name]
        print(f"\n== {title} ==", flush=True)
        report.write(name, report.table(measure()))


main(sys.argv[1:])

"""`make bench`: every measurement that takes minutes; growth and peers take longer (docs/benchmarks.md)."""

from __future__ import annotations

import logging

from bench import behind_nginx, freshness, growth, hot_reads, memory, writes

logging.disable(logging.WARNING)

for title, measure in (
    ("Hot reads beside nginx, one core", hot_reads.run),
    ("Behind nginx beside nginx, one core", behind_nginx.run),
    ("Freshness under load", freshness.run),
    ("Writes", writes.run),
    ("Memory", memory.run),
    ("Growth", lambda: growth.run([10_000, 200_000])),
):
    print(f"\n== {title} ==", flush=True)
    measure()

"""Drives a server with wrk and parses its output."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Load:
    """The results of wrk; latencies in milliseconds."""

    per_s: float
    p50_ms: float
    p99_ms: float
    errors: int


UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60000.0}


def wrk(
    url: str,
    seconds: float = 3,
    connections: int = 32,
    cores: str | None = None,
    headers: tuple[str, ...] = (),
    script: Path | None = None,
) -> Load:
    """Request `url` repeatedly over `connections` connections, by one thread."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--latency", "--timeout", "60s"]
    for header in headers:
        command += ["-H", header]
    if script:
        command += ["-s", str(script)]
    pinned = ["taskset", "-c", cores, *command] if cores else command
    done = subprocess.run([*pinned, url], capture_output=True, text=True, check=True)
    return read(done.stdout)


def wrk_paths(url: str, paths: Sequence[str], seconds: float, cores: str | None, headers: tuple[str, ...]) -> Load:
    """Request the paths in turn."""
    with tempfile.NamedTemporaryFile("w") as file:
        file.write("\n".join(paths) + "\n")
        file.flush()
        os.environ["BENCH_PATHS"] = file.name
        return wrk(url, seconds, cores=cores, headers=headers, script=Path(__file__).with_name("threads.lua"))


def read(said: str) -> Load:
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    latency = {m[1]: float(m[2]) * UNITS[m[3]] for m in re.finditer(r"(50|99)%\s+([\d.]+)(us|ms|s|m)\b", said)}
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", said)
    errors = int(refused[1]) if refused else 0
    errors += sum(int(n) for n in broken.groups()) if broken else 0
    if rate is None:
        raise SystemExit(f"wrk said something unexpected:\n{said}")
    return Load(float(rate[1]), latency.get("50", 0.0), latency.get("99", 0.0), errors)

"""Starts and stops real servers, each on its own cores."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
START_MAX_S = 60.0
STOP_MAX_S = 15.0
PORTS = range(10_100, 32_000)  # browsers refuse 10080
# Each process begins at a place of its own.
_ports = itertools.islice(itertools.cycle(PORTS), random.randrange(len(PORTS)), None)


@dataclass
class Server:
    """A process and everything below it, and where it answers."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    def rss_mb(self) -> float:
        """Memory of the process and all it started; shared pages are counted once (PSS)."""
        return sum(_pss_kb(pid) for pid in family(self.process.pid)) / 1024

    def cpu_s(self) -> float:
        """Processor time that the process and all it started have used; independent of who else uses the machine."""
        return sum(_cpu_s(pid) for pid in family(self.process.pid))

    def workers_rss_mb(self) -> list[float]:
        """Resident memory of each process below, as `ps` shows it."""
        return [rss_kb(pid) / 1024 for pid in family(self.process.pid)[1:]]


def free_port() -> int:
    """A free port that no other process gets by chance before its server binds it.

    The kernel uses ports from 32768 on for outgoing connections, so none of those; and none twice.
    """
    return next(port for port in _ports if _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def family(pid: int) -> list[int]:
    """The process and its descendants."""
    found = [pid]
    for parent in found:
        try:
            children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        except FileNotFoundError:
            continue
        found += [int(child) for child in children]
    return found


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _pss_kb(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def rss_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)


@contextmanager
def running(
    command: list[str], url: str, log: Path, cores: str | None = None, env: dict[str, str] | None = None
) -> Iterator[Server]:
    """The server, once it answers; stopped at the end with everything it started."""
    pinned = ["taskset", "-c", cores, *command] if cores else command
    with log.open("ab") as out:
        process = subprocess.Popen(
            pinned, stdout=out, stderr=out, env={**os.environ, **(env or {})}, start_new_session=True
        )
    try:
        wait_for(url, process, log)
        yield Server(process, url, log)
    finally:
        stop(process)


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> float:
    """Seconds until it answered at all."""
    began = time.monotonic()
    while time.monotonic() - began < START_MAX_S:
        if process.poll() is not None:
            break
        try:
            urllib.request.urlopen(url, timeout=5).read()
        except urllib.error.HTTPError:
            pass
        except OSError:
            time.sleep(0.02)
            continue
        return time.monotonic() - began
    raise SystemExit(f"{url} did not start; its log ends:\n{log.read_text()[-2000:]}")


def stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_MAX_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def settings(folder: Path, port: int, database_url: str = "", **more: str) -> dict[str, str]:
    """The environment of a service of its own in `folder`."""
    return {
        "COMMENTSVC_SECRET_KEY": "a secret for the benchmark",
        "COMMENTSVC_BASE_URL": f"http://127.0.0.1:{port}",
        "COMMENTSVC_INSTANCE_DIR": str(folder),
        "COMMENTSVC_DATABASE_URL": database_url,
        "COMMENTSVC_LIMITS": "off",
        **{f"COMMENTSVC_{name}": value for name, value in more.items()},
    }


def command(env: dict[str, str], *words: str) -> tuple[int, str, str]:
    """Run `commentsvc` with settings; gives its exit status, standard output and standard error."""
    done = subprocess.run([str(BIN / "commentsvc"), *words], env={**os.environ, **env}, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def serve(port: int, *options: str) -> list[str]:
    return [str(BIN / "commentsvc"), "serve", "--port", str(port), *options]


@contextmanager
def folder(within: str | None = None) -> Iterator[Path]:
    """A folder of its own, open to servers that give up root's rights."""
    path = Path(tempfile.mkdtemp(prefix="commentsvc-bench-", dir=within))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def need(*programs: str) -> None:
    """Stop with the mend when one of the programs is not installed."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        raise SystemExit(f"{', '.join(missing)} not found; run: scripts/install-debian-packages bench")

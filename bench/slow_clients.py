"""The cost of five hundred slow clients: reads and posts with and without them, in turns."""

from __future__ import annotations

import contextlib
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from bench import hot_reads, load
from tests.support import seeding, servers

HERE = Path(__file__).parent
EACH = 100
SETTLE_S = 2  # until what they asked for at first is answered
HEAD = b"POST /api/v1/comments HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
PAGE = b"GET /api/v1/comments?site=blog&thread=/read&limit=100 HTTP/1.1\r\nHost: x\r\n\r\n"
# The first bytes that each kind sends, and those that it sends slowly after them.
KINDS = (
    (HEAD + b"X-Slow: ", b"a"),
    (HEAD + b"Content-Length: 5000\r\n\r\n{", b" "),
    (HEAD + b"Content-Length: 5000\r\n\r\n", b""),
    (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    (PAGE * 5, b""),  # reads nothing of the response
)


@contextlib.contextmanager
def slow_clients(port: int) -> Iterator[None]:
    """Five hundred connections, opened anew whenever the server gives them up."""
    stop = threading.Event()

    def connect(first: bytes) -> socket.socket:
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.connect(("127.0.0.1", port))
        one.sendall(first)
        return one

    def hold() -> None:
        held = [(connect(first), first, more) for first, more in KINDS for _ in range(EACH)]
        while not stop.wait(1):
            for at, (one, first, more) in enumerate(held):
                try:
                    one.send(more or b"")
                except OSError:
                    one.close()
                    held[at] = (connect(first), first, more)
        for one, _, _ in held:
            one.close()

    thread = threading.Thread(target=hold)
    thread.start()
    time.sleep(SETTLE_S)
    try:
        yield
    finally:
        stop.set()
        thread.join()


def run(rounds: int = 5, seconds: float = 2) -> list[dict[str, object]]:
    servers.need("wrk", "taskset")
    rows: list[dict[str, object]] = []
    with servers.folder() as folder:
        port = servers.free_port()
        env = servers.settings(folder, port)
        app = seeding.prepare(env)
        seeding.add_thread(app, env["COMMENTSVC_SECRET_KEY"], "/read", 100)
        base = f"http://127.0.0.1:{port}"
        command = servers.serve(port, "--no-worker")
        with servers.running(command, base + "/healthz", folder / "log", hot_reads.SERVER_CORE, env):
            asked = {
                "hot reads": (f"{base}/embed/v1/comments?site=blog&thread=%2Fread", None),
                "health": (f"{base}/healthz", None),
                "posts": (base, HERE / "post.lua"),
            }
            for name, (url, script) in asked.items():
                rows.append(_compared(name, url, script, port, rounds, seconds))
    return rows


def _compared(name: str, url: str, script: Path | None, port: int, rounds: int, seconds: float) -> dict[str, object]:
    def once() -> load.Load:
        return load.wrk(url, seconds, 4, hot_reads.LOAD_CORE, (hot_reads.ENCODING,), script)

    pairs = []
    for _ in range(rounds):
        alone = once()
        with slow_clients(port):
            pairs.append((alone, once()))
    alone_ms = statistics.median(alone.p99_ms for alone, _ in pairs)
    beside_ms = statistics.median(beside.p99_ms for _, beside in pairs)
    ratio = statistics.median(beside.p99_ms / alone.p99_ms for alone, beside in pairs)
    errors = sum(beside.errors for _, beside in pairs)
    print(f"{name}: p99 {alone_ms:.1f} ms alone, {beside_ms:.1f} ms beside slow clients: {ratio:.2f}; {errors} errors")
    return {"what": name, "p99_ms": alone_ms, "beside_p99_ms": beside_ms, "ratio": round(ratio, 2), "errors": errors}


if __name__ == "__main__":
    run()

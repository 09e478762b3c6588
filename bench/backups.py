"""Backups: guests go on posting while one is written; it is restored into the other database and read there.

python -m bench backups              # 100,000 comments
python -m bench.backups 1000000
"""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import sys
import threading
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from bench import filling, growth
from tests.support import servers

COMMENTS = 100_000
POSTS_PER_S = 200
CLIENTS = 8
ALONE_S = 15.0  # of posting before the backup begins
PAGES = 300  # that are compared
SITE = "site1"
NAMED = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


@dataclass
class Posts:
    """What clients have sent: when each post was sent and answered (seconds), and its comment's id, or None."""

    port: int
    sent: list[tuple[float, float, int | None]] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    @contextlib.contextmanager
    def going_on(self):
        clients = [threading.Thread(target=self._post, args=(number,)) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        try:
            yield
        finally:
            self._stop.set()
            for client in clients:
                client.join()

    def _post(self, client: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        due, each_s, number = time.monotonic(), CLIENTS / POSTS_PER_S, 0
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            due, number = due + each_s, number + 1
            who = f"{client}-{number}"
            body = {
                "site": SITE,
                "thread": f"/writes-{number % 20}",
                "body": f"Words of {who}, sent while a backup is written.",
            }
            body["author"] = {"name": f"Guest {who}", "email": f"g{who}@example.org"}
            head = {"Content-Type": "application/json", "Idempotency-Key": f"bench-{who}-{self.port}"}
            began = time.monotonic()
            connection.request("POST", "/api/v1/comments", json.dumps(body), head)
            answer = connection.getresponse()
            said = json.load(answer)
            posted = said["id"] if answer.status in (201, 202) else None
            self.sent.append((began, time.monotonic(), posted))
        connection.close()

    def waits_ms(self, since: float, until: float) -> list[float]:
        return sorted((end - began) * 1000 for began, end, _ in self.sent if since <= began < until)

    def ids_before(self, at: float) -> set[int]:
        return {posted for _, end, posted in self.sent if posted is not None and end < at}


def run(comments: int = COMMENTS) -> list[dict[str, object]]:
    return [_measured(comments, *kinds) for kinds in (("sqlite", "postgresql"), ("postgresql", "sqlite"))]


def _measured(comments: int, kind: str, other: str) -> dict[str, object]:
    with growth.place(None, kind) as (folder, environ), growth.place(None, other) as (_, others_environ):
        port = servers.free_port()
        base = {"COMMENTSVC_BASE_URL": f"http://127.0.0.1:{port}"}
        app = growth.migrated(environ)
        world, _filled = growth.fill(app, comments, folder)
        file = folder / "all.backup"
        posts = Posts(port)
        with _serving(port, environ | base, folder / "log"):
            with posts.going_on():
                time.sleep(ALONE_S)
                began = time.monotonic()
                _command(environ, "backup", str(file))
                ended = time.monotonic()
            pages = _pages(port, world)
        restoring = time.monotonic()
        _command(others_environ, "restore", str(file))
        restored = time.monotonic()
        with _serving(port, others_environ | base, folder / "log"):
            different = sum(_read(url) != page for url, page in pages.items())
            here = _ids_of_posts(port)
        lost = len(posts.ids_before(began) - here)
        if different or lost:
            raise SystemExit(f"{different} pages differ and {lost} comments are lost after the restore")
        alone, meanwhile = posts.waits_ms(began - ALONE_S + 5, began), posts.waits_ms(began, ended)
        row: dict[str, object] = {
            "from": NAMED[kind],
            "to": NAMED[other],
            "comments": comments,
            "backup_s": round(ended - began),
            "MB": round(file.stat().st_size / 1e6),
            "restore_s": round(restored - restoring),
            "posts_per_s": round(len(meanwhile) / (ended - began)),
            "refused": sum(posted is None for _, _, posted in posts.sent),
            "p99_ms": round(alone[len(alone) * 99 // 100]),
            "p99_ms_in_backup": round(meanwhile[len(meanwhile) * 99 // 100]),
            "longest_ms": round(alone[-1]),
            "longest_ms_in_backup": round(meanwhile[-1]),
            "same_pages": len(pages),
        }
        print("  ".join(f"{name} {value}" for name, value in row.items()), flush=True)
        return row


def _serving(port: int, environ: dict[str, str], log: Path) -> contextlib.AbstractContextManager[servers.Server]:
    command = servers.serve(port, "--no-worker")
    return servers.running(command, f"http://127.0.0.1:{port}/healthz", log, None, environ)


def _command(environ: dict[str, str], *words: str) -> None:
    status, said, errors = servers.command(environ, *words)
    if status:
        raise SystemExit(f"commentsvc {' '.join(words)}: {said}{errors}")


def _pages(port: int, world: filling.World) -> dict[str, bytes]:
    """What readers get of some threads that nobody posts to, by address."""
    found = {}
    for thread in random.Random(3).sample(world.threads, min(PAGES, len(world.threads))):
        query = urllib.parse.urlencode({"site": f"site{thread.site_id}", "thread": f"/{thread.id}/"})
        url = f"http://127.0.0.1:{port}/api/v1/comments?{query}"
        found[url] = _read(url)
    return found


def _read(url: str) -> bytes:
    with urllib.request.urlopen(url) as answer:
        content: bytes = answer.read()
        return content


def _ids_of_posts(port: int) -> set[int]:
    """Ids of all comments of the threads that were posted to."""
    found: set[int] = set()
    for number in range(20):
        cursor: str | None = ""
        while cursor is not None:
            query = {
                "site": SITE,
                "thread": f"/writes-{number}",
                "limit": "100",
                **({"cursor": cursor} if cursor else {}),
            }
            page = json.loads(_read(f"http://127.0.0.1:{port}/api/v1/comments?{urllib.parse.urlencode(query)}"))
            found.update(comment["id"] for comment in page["comments"])
            cursor = page.get("next")
    return found


if __name__ == "__main__":
    run(int(sys.argv[1]) if len(sys.argv) > 1 else COMMENTS)

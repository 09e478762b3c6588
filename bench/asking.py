"""What the service is asked when it has grown: each public call, the desk and each kind of write, always of another
thread, comment or site, so that no answer is in memory."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import urlencode

from flask import Flask
from sqlalchemy import select
from werkzeug.test import Client, TestResponse

from bench import filling
from bench.filling import World
from commentsvc.core.status import Status
from commentsvc.services import api_tokens, sign_in
from commentsvc.store import accounts
from commentsvc.store.comments import Comment
from commentsvc.store.db import db
from commentsvc.store.transactions import write

# With ten thousand comments, this number of sites has full pages in all lists, with QUEUE_LIMIT pending comments.
LARGE_SITES = 5
QUEUE_LIMIT = 30
DECIDED_AT_ONCE = 5
SAMPLES = 2_000
LARGEST = {"site": "site1", "thread": "/1/", "limit": 40}

Question = Callable[[], TestResponse]


class Asker:
    """An admin's browser and API client, and the pools of objects that they request."""

    def __init__(self, app: Flask, world: World) -> None:
        chance = random.Random(datetime.now(UTC).timestamp())  # a filled database that is asked again is not warm
        threads = chance.sample(world.threads[1:], min(len(world.threads) - 1, SAMPLES))
        self._threads, self._number = itertools.cycle(threads), itertools.count()
        self._chance, self._world = chance, world
        with app.app_context():
            some = [chance.randrange(1, world.comments + 1) for _ in range(SAMPLES)]
            columns = select(Comment.id, Comment.site_id, Comment.thread_id, Comment.author_id)
            known = columns.where(Comment.id.in_(some), Comment.status == Status.APPROVED, Comment.depth < 2)
            approved = db.session.execute(known).all()
            pending = columns.where(Comment.site_id <= LARGE_SITES, Comment.status == Status.PENDING).limit(SAMPLES)
            self._pending = [row.id for row in db.session.execute(pending)]
            with write():
                email = f"root{len(self._pending)}-{chance.getrandbits(40)}@example.org"
                root = accounts.make_account(email, "Root", True, datetime.now(UTC))
                self._bearer = {"Authorization": f"Bearer {api_tokens.new_api_token(root, None, datetime.now(UTC))}"}
                link = sign_in.printed_link(root, datetime.now(UTC))
        self._comments = itertools.cycle(approved)
        self._asked_once: list[dict[str, object]] = []
        self._undos: list[str] = []
        self._written: list[tuple[int, str]] = []
        self._client, self._browser = Client(app), Client(app)
        page = self._browser.get(f"/auth/link/{link}").text
        csrf = page.partition('name="csrf_token" value="')[2].partition('"')[0]
        self._browser.post(f"/auth/link/{link}", data={"csrf_token": csrf})

    def questions(self) -> dict[str, Question]:
        return {
            "fragment": lambda: self._read("/embed/v1/comments", self._thread()),
            "JSON": lambda: self._read("/api/v1/comments", self._thread_to_ask_twice()),
            "JSON of a thread read lately": lambda: self._read(
                "/api/v1/comments", {**self._asked_once.pop(0), "limit": 49}
            ),
            "hosted page": self._hosted,
            "largest thread": lambda: self._anew("/embed/v1/comments", LARGEST),
            "largest thread, newest first": lambda: self._anew("/embed/v1/comments", {**LARGEST, "sort": "newest"}),
            "largest thread, best first": lambda: self._anew("/embed/v1/comments", {**LARGEST, "sort": "top"}),
            "one comment": lambda: self._read(f"/api/v1/comments/{next(self._comments).id}", {}),
            "counts of 50 threads": lambda: self._read("/api/v1/counts", self._many_threads()),
            "newest of a site": lambda: self._anew("/api/v1/recent", {"site": self._large(), "limit": 20}),
            "feed of a site": lambda: self._anew(f"/feeds/{self._large()}.atom", {}),
            "who I am here": lambda: self._read("/api/v1/viewer", self._thread(), self._bearer),
            "queue": lambda: self._queue("oldest"),
            "queue, newest first": lambda: self._queue("newest"),
            "log of decisions": lambda: self._read(
                "/api/v1/moderation/decisions", {"site": self._large()}, self._bearer
            ),
            "why it is where it is": lambda: self._read(
                f"/api/v1/moderation/comments/{next(self._comments).id}/judgement", {}, self._bearer
            ),
            "a rule tried on 100": self._backtest,
            "desk": lambda: self._desk(status="pending"),
            "desk, likely spam": lambda: self._desk(status="approved", sort="likely-spam"),
            "desk, counts": lambda: self._browser.get(
                f"/dashboard/{self._large()}/counts", query_string={"status": "pending", "since": 0}
            ),
            "desk, one comment": lambda: self._desk_of("comment", "id"),
            "desk, one person": lambda: self._desk_of("people", "author_id"),
            "search, a common word": lambda: self._search("bread"),
            "search, two common words": lambda: self._search("bread oven"),
            "search, one in 25": lambda: self._search("frequent"),
            "search, one in 1,000": lambda: self._search("seldom"),
            "search, a page of hits in all": lambda: self._search(filling.NEEDLE),
            "search, none": lambda: self._search("nonexistent"),
            "search, an author": lambda: self._search(f'author:"{self._author()}"'),
            "search, a page": lambda: self._search("thread:/1/"),
            "search, links": lambda: self._search("has:link"),
            "search, all that match": lambda: self._browser.get(
                "/dashboard/site1/matching", query_string={"status": "approved", "q": filling.NEEDLE}
            ),
            "metrics": lambda: self._read("/metrics", {}),
            "ready": lambda: self._read("/readyz", {}),
            "post": self._post,
            "answer": self._answer,
            "change": self._change,
            "withdraw": self._withdraw,
            "vote": lambda: self._client.put(
                f"/api/v1/comments/{next(self._comments).id}/vote", json={"value": 1}, headers=self._bearer
            ),
            "report": lambda: self._client.post(
                f"/api/v1/comments/{next(self._comments).id}/flag", json={"reason": "spam"}, headers=self._bearer
            ),
            f"decide {DECIDED_AT_ONCE}": self._decide,
            "undo": lambda: self._client.post(
                "/api/v1/moderation/undo", json={"undo": self._undos.pop()}, headers=self._bearer
            ),
        }

    def _read(
        self, path: str, asked: Mapping[str, object] | str, headers: dict[str, str] | None = None
    ) -> TestResponse:
        query = asked if isinstance(asked, str) else urlencode(asked)
        return self._client.get(path, query_string=query, headers=headers)

    def _thread(self) -> dict[str, object]:
        thread = next(self._threads)
        return {"site": f"site{thread.site_id}", "thread": f"/{thread.id}/"}

    def _thread_to_ask_twice(self) -> dict[str, object]:
        self._asked_once.append(self._thread())
        return self._asked_once[-1]

    def _large(self) -> str:
        """One of the sites whose lists are full at each size."""
        return f"site{next(self._number) % LARGE_SITES + 1}"

    def _anew(self, path: str, asked: Mapping[str, object]) -> TestResponse:
        """What a few addresses answer, made each time: with an author's token none is from memory."""
        return self._read(path, asked, {"X-Edit-Token": "none"})

    def _hosted(self) -> TestResponse:
        thread = next(self._threads)
        return self._read(f"/t/site{thread.site_id}", {"thread": f"/{thread.id}/"})

    def _many_threads(self) -> str:
        keys = [("thread", f"/{self._chance.randrange(1, len(self._world.threads))}/") for _ in range(50)]
        return urlencode([("site", f"site{next(self._threads).site_id}"), *keys])

    def _author(self) -> str:
        """Somebody of the largest sites, who has written there some hundred comments."""
        per_site = self._world.authors // filling.SITES
        return f"Reader {self._chance.randrange(per_site) * filling.SITES + 1}"

    def _queue(self, order: str) -> TestResponse:
        asked = {"site": self._large(), "status": "pending", "limit": QUEUE_LIMIT, "sort": order}
        return self._read("/api/v1/moderation/comments", asked, self._bearer)

    def _desk(self, **asked: str) -> TestResponse:
        return self._browser.get(f"/dashboard/{self._large()}", query_string=asked)

    def _search(self, query: str) -> TestResponse:
        """On the largest site: there a page is full at each size, but for what is seldom."""
        asked = {"status": "approved", "q": query, "sort": self._chance.choice(("oldest", "newest"))}
        return self._browser.get("/dashboard/site1", query_string=asked)

    def _desk_of(self, page: str, column: str) -> TestResponse:
        row = next(self._comments)
        return self._browser.get(f"/dashboard/site{row.site_id}/{page}/{getattr(row, column)}")

    def _backtest(self) -> TestResponse:
        rule = {"site": self._large(), "kind": "words", "value": "bread", "outcome": "hold", "limit": 100}
        return self._client.post("/api/v1/moderation/rules/backtest", json=rule, headers=self._bearer)

    def _post(self) -> TestResponse:
        answer = self._say(self._thread())
        self._written.append((answer.json["id"], answer.json["edit_token"]))
        return answer

    def _answer(self) -> TestResponse:
        parent = next(self._comments)
        return self._say({"site": f"site{parent.site_id}", "thread": f"/{parent.thread_id}/", "parent_id": parent.id})

    def _say(self, where: dict[str, object]) -> TestResponse:
        n = self._chance.getrandbits(40)
        author = {"name": f"New {n}", "email": f"new{n}@example.org"}
        return self._client.post("/api/v1/comments", json={**where, "body": f"Something new: {n}.", "author": author})

    def _change(self) -> TestResponse:
        comment_id, edit_token = self._written[next(self._number) % len(self._written)]
        body = {"body": f"Something else, number {next(self._number)}."}
        return self._client.patch(f"/api/v1/comments/{comment_id}", json=body, headers={"X-Edit-Token": edit_token})

    def _withdraw(self) -> TestResponse:
        comment_id, edit_token = self._written.pop()
        return self._client.delete(f"/api/v1/comments/{comment_id}", headers={"X-Edit-Token": edit_token})

    def _decide(self) -> TestResponse:
        ids = [self._pending.pop() for _ in range(DECIDED_AT_ONCE)]
        act = {"ids": ids, "action": "approve"}
        answer = self._client.post("/api/v1/moderation/decisions", json=act, headers=self._bearer)
        self._undos.append(answer.json["undo"])
        return answer

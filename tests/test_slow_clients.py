"""Clients that send or read slowly hold nothing that others need: the real server, and five hundred of them."""

import contextlib
import json
import selectors
import socket
import threading
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import pytest

from commentsvc.store.db import db
from tests.support import seeding, servers

EACH = 100
HEAD = b"POST /api/v1/comments HTTP/1.1\r\nHost: comments.example\r\nContent-Type: application/json\r\n"
SLOW = {
    "headers": b"POST /api/v1/comments HTTP/1.1\r\nHost: comments.example\r\nX-Slow: ",
    "body": HEAD + b"Content-Length: 5000\r\n\r\n{",
    "silent body": HEAD + b"Content-Length: 5000\r\n\r\n",
    "chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
    "reading": b"GET /api/v1/comments?site=blog&thread=/large&limit=100 HTTP/1.1\r\nHost: comments.example\r\n\r\n"
    * 20,
}
DRIBBLE = {"headers": b"a", "body": b" ", "chunks": b"1\r\n \r\n"}


@pytest.fixture(scope="module")
def service():
    """The address of a service on SQLite with one worker process, reached directly."""
    with servers.folder() as folder:
        port = servers.free_port()
        env = servers.settings(folder, port)
        app = seeding.prepare(env)
        seeding.add_thread(app, env["COMMENTSVC_SECRET_KEY"], "/large", 100)
        with app.app_context():
            db.engine.dispose()
        url = f"http://127.0.0.1:{port}"
        with servers.running(servers.serve(port, "--no-worker"), url + "/healthz", folder / "log", env=env):
            yield url


@pytest.fixture
def connect(service):
    at = urlsplit(service)
    with contextlib.ExitStack() as stack:

        def make(sent: bytes, receive_bytes: int = 0) -> socket.socket:
            one = stack.enter_context(socket.socket())
            if receive_bytes:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
            one.settimeout(60)
            one.connect((at.hostname, at.port))
            one.sendall(sent)
            return one

        yield make


def ask(url, body=None):
    request = urllib.request.Request(url, headers={"Content-Type": "application/json"})
    request.data = json.dumps(body).encode() if body is not None else None
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def post(service, words):
    author = {"name": "Carol", "email": "carol@example.org"}
    return ask(service + "/api/v1/comments", {"site": "blog", "thread": "/new", "body": words, "author": author})


def answer(one: socket.socket) -> tuple[int, dict, dict]:
    """Status, headers and document, once the server has answered."""
    with one.makefile("rb") as stream:
        status = int(stream.readline().split()[1])
        headers = {}
        while line := stream.readline().strip():
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        return status, headers, json.loads(stream.read(int(headers["content-length"])))


def is_closed(one: socket.socket) -> bool:
    try:
        return one.recv(1) == b""
    except ConnectionResetError:
        return True


def dribble(slow: dict[str, list[socket.socket]], stop: threading.Event) -> None:
    while not stop.wait(0.5):
        for kind, bit in DRIBBLE.items():
            for one in slow[kind]:
                with contextlib.suppress(OSError):  # the server has given this one up
                    one.send(bit)


def test_five_hundred_slow_clients_keep_nobody_waiting(service, connect):
    slow = {kind: [connect(sent, 4096 if kind == "reading" else 0) for _ in range(EACH)] for kind, sent in SLOW.items()}
    stop = threading.Event()
    dribbling = threading.Thread(target=dribble, args=(slow, stop))
    dribbling.start()
    try:
        for turn in range(10):
            assert ask(service + "/healthz")[0] == 200
            assert ask(service + "/readyz")[0] == 200
            assert ask(service + "/embed/v1/comments?site=blog&thread=/large")[0] == 200
            assert ask(service + f"/embed/v1/comments?site=blog&thread=/never-read-{turn}")[0] == 200
            assert ask(service + "/auth/signin")[0] == 200
            assert post(service, f"Written while others are slow, {turn}")[0] == 201
        gone = [one for kind in ("body", "silent body", "chunks") for one in slow[kind] if has_answer(one)]
        assert len(gone) < EACH, "the slow ones were held while others were answered"
    finally:
        stop.set()
        dribbling.join()


def has_answer(one: socket.socket, within_s: float = 0) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(one, selectors.EVENT_READ)
        return bool(selector.select(within_s))


def test_a_body_that_does_not_come_is_answered_and_the_connection_closed(connect):
    waiting = [connect(SLOW[kind]) for kind in ("silent body", "body", "chunks")]
    for one in waiting:
        status, headers, document = answer(one)
        assert (status, headers["content-type"]) == (408, "application/problem+json")
        assert (document["status"], document["type"].rpartition("#")[2]) == (408, "problem-slow")
        assert is_closed(one)


def test_headers_that_do_not_end_close_the_connection(connect):
    assert is_closed(connect(SLOW["headers"]))
    assert is_closed(connect(b""))


def test_a_body_in_slow_chunks_that_ends_in_time_is_taken(connect):
    author = {"name": "Carol", "email": "carol@example.org"}
    body = json.dumps({"site": "blog", "thread": "/chunked", "body": "In chunks", "author": author}).encode()
    one = connect(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    for part in (body[:20], body[20:60], body[60:]):
        one.sendall(b"%x\r\n%s\r\n" % (len(part), part))
        assert not has_answer(one, within_s=0.3)
    one.sendall(b"0\r\n\r\n")
    assert answer(one)[0] == 201


@pytest.mark.parametrize("kind", ["length", "chunks", "wrong chunk"])
def test_a_body_that_breaks_off_is_never_taken_for_a_whole_one(service, connect, kind):
    words = f"Broken off, {kind}"
    author = {"name": "Carol", "email": "carol@example.org"}
    body = json.dumps({"site": "blog", "thread": "/broken", "body": words, "author": author}).encode()
    if kind == "length":
        one = connect(HEAD + b"Content-Length: %d\r\n\r\n%s" % (len(body) + 1, body))
    else:
        one = connect(HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(body), body))
    if kind == "wrong chunk":
        one.sendall(b"zz\r\n")
    one.shutdown(socket.SHUT_WR)
    with contextlib.suppress(ConnectionResetError):
        first = one.makefile("rb").readline()
        assert not first or first.split()[1] == b"400"
    status, page = ask(service + "/api/v1/comments?site=blog&thread=/broken")
    assert (status, json.loads(page)["thread"]["count"]) == (200, 0)


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_lengths_the_chunks_count(connect, order):
    author = {"name": "Carol", "email": "carol@example.org"}
    wanted = {"site": "blog", "thread": "/smuggled", "body": f"Two lengths {order}", "author": author}
    body = json.dumps(wanted).encode()
    lengths = [b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"][::order]
    one = connect(HEAD + b"".join(lengths) + b"\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
    assert answer(one)[0] == 201


def test_two_different_lengths_are_refused(connect):
    one = connect(HEAD + b"Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}")
    assert one.makefile("rb").readline().split()[1] == b"400"


@pytest.mark.parametrize("kind", ["length", "chunks"])
def test_a_body_over_the_limit_is_refused_as_too_large(connect, kind):
    size = 300 * 1024
    if kind == "length":
        one = connect(HEAD + b"Content-Length: %d\r\n\r\n" % size)
    else:
        one = connect(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            one.sendall(b"%x\r\n%s\r\n" % (size, b" " * size))
    status, headers, document = answer(one)
    assert (status, headers["content-type"]) == (413, "application/problem+json")
    assert document["status"] == 413


def test_repeated_headers_are_one_list_and_names_with_underscores_are_left_out(service, connect):
    request_id = b"abcdef-123456"
    one = connect(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX_Request_ID: %s\r\n\r\n" % request_id)
    assert answer(one)[1]["x-request-id"] != request_id.decode()
    one = connect(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Request-ID: %s\r\n\r\n" % request_id)
    assert answer(one)[1]["x-request-id"] == request_id.decode()


def test_a_path_in_another_script_reaches_its_page(service):
    assert ask(service + "/t/blog?thread=/%E4%B8%AD")[0] == 200
    status, page = ask(service + "/embed/v1/comments?site=%E4%B8%AD&thread=/x")
    assert (status, json.loads(page)["status"]) == (404, 404)
    assert ask(service + "/%E4%B8%AD/%FF")[0] == 404

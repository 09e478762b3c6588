"""The spam service: a clear answer counts, and everything else is no answer, soon."""

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest

from commentsvc.core.verdict import Outside
from commentsvc.gateways import spam_service
from commentsvc.gateways.akismet import Akismet
from commentsvc.gateways.spam_question import SpamQuestion

ASKED = SpamQuestion("https://blog.example", "https://blog.example/post", "192.0.2.1", "Firefox", "comment",
              "Carol", "carol@example.org", "https://carol.example", "Hello – “you”")  # fmt: skip


class Service(ThreadingHTTPServer):
    """A real server that behaves as it is told."""

    daemon_threads = True
    block_on_close = False

    def __init__(self):
        self.asked = []
        self.is_given_up = threading.Event()
        self.behaviour = lambda handler: reply(handler, 200, b"false")
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/1.1"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.asked.append((self.path, {name: values[0] for name, values in parse_qs(body).items()}))
        self.server.behaviour(self)

    def log_message(self, *_):
        pass


def reply(handler, status, body, headers=()):
    handler.send_response(status)
    for name, value in headers:
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def hang(handler):
    """Answer only when nobody waits any more; after half a minute of waiting, that it is no spam."""
    if not handler.server.is_given_up.wait(30):
        reply(handler, 200, b"false")


def drip(handler):
    """Send blanks for half a minute, so that no single read takes long, and then that it is no spam."""
    handler.send_response(200)
    handler.send_header("Content-Length", "305")
    handler.end_headers()
    with contextlib.suppress(OSError):
        for _ in range(300):
            handler.wfile.write(b" ")
            handler.wfile.flush()
            if handler.server.is_given_up.wait(0.1):
                return
        handler.wfile.write(b"false")


@pytest.fixture
def service():
    server = Service()
    yield server
    server.is_given_up.set()
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("behaviour", "want"),
    [
        (lambda h: reply(h, 200, b"false"), Outside.HAM),
        (lambda h: reply(h, 200, b"true\n"), Outside.SPAM),
        (lambda h: reply(h, 200, b"true", [("X-akismet-pro-tip", "discard")]), Outside.BLATANT),
        (lambda h: reply(h, 200, b"invalid"), Outside.NO_ANSWER),
        (lambda h: reply(h, 200, b"<html>a proxy's page: true</html>"), Outside.NO_ANSWER),
        (lambda h: reply(h, 200, b""), Outside.NO_ANSWER),
        (lambda h: reply(h, 500, b"true"), Outside.NO_ANSWER),
        (lambda h: reply(h, 302, b"false", [("Location", "http://127.0.0.1:1/")]), Outside.NO_ANSWER),
        (lambda h: reply(h, 200, b"false" * 400_000), Outside.NO_ANSWER),
        (hang, Outside.NO_ANSWER),
        (drip, Outside.NO_ANSWER),
    ],
)
def test_what_counts_as_an_answer_and_how_long_it_is_waited_for(service, behaviour, want):
    service.behaviour = behaviour
    assert Akismet("key", service.url).ask(ASKED) is want


def test_it_is_asked_in_akismets_words(service):
    Akismet("key", service.url).ask(ASKED)
    path, said = service.asked[0]
    assert path == "/1.1/comment-check"
    assert said["api_key"] == "key" and said["blog"] == "https://blog.example"
    assert said["comment_content"] == "Hello – “you”" and said["user_ip"] == "192.0.2.1"


def test_after_a_failure_nobody_waits_for_a_while(service):
    service.behaviour = hang
    akismet = Akismet("key", service.url)
    assert [akismet.ask(ASKED) for _ in range(50)] == [Outside.NO_ANSWER] * 50
    assert len(service.asked) == 1


def test_it_is_taught_what_moderators_decided(service):
    akismet = Akismet("key", service.url)
    akismet.teach(ASKED, True)
    akismet.teach(ASKED, False)
    assert [path for path, _ in service.asked] == ["/1.1/submit-spam", "/1.1/submit-ham"]
    service.behaviour = lambda h: reply(h, 500, b"")
    with pytest.raises(OSError):
        akismet.teach(ASKED, True)


def test_where_none_is_set_nobody_is_asked():
    assert not spam_service.NoService().is_there
    assert spam_service.NoService().ask(ASKED) is Outside.NOT_ASKED

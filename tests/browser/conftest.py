"""The demo as a person starts it, and real Chromium in front of it."""

import contextlib
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.support import servers

CHROMIUM = "/usr/bin/chromium"
READING = {"GET", "HEAD", "OPTIONS"}
PATIENCE_MS = 20_000  # for a busy machine; tests go on as soon as the element is there

expect.set_options(timeout=PATIENCE_MS)


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@dataclass(frozen=True)
class Demo:
    service: str
    blog: str
    sign_in_link: str

    @property
    def post(self) -> str:
        return f"{self.blog}/2026/09/why-i-left-the-big-comment-platform/"


@contextlib.contextmanager
def running_demo(folder):
    """`commentsvc demo` on ports of its own."""
    port, blog_port = servers.free_port(), servers.free_port()
    command = [str(servers.BIN / "commentsvc"), "demo", "--port", str(port), "--blog-port", str(blog_port)]
    service, log = f"http://127.0.0.1:{port}", folder / "demo.log"
    with servers.running(command, f"{service}/healthz", log, env={"COMMENTSVC_LIMITS": "off"}):
        link = re.search(r"http://\S+/auth/link/\S+", log.read_text())[0]
        yield Demo(service, f"http://127.0.0.1:{blog_port}", link)


@pytest.fixture(scope="session")
def standing_demo(tmp_path_factory):
    with running_demo(tmp_path_factory.mktemp("demo")) as demo:
        yield demo


@pytest.fixture
def demo(request, tmp_path):
    """A fresh demo for each test; those that only read share one."""
    if request.node.get_closest_marker("only_reads"):
        yield request.getfixturevalue("standing_demo")
        return
    with running_demo(tmp_path) as demo:
        yield demo


@pytest.fixture
def serve(tmp_path):
    """Run `commentsvc serve` with settings of the test's own until it ends; `port` is where."""
    with contextlib.ExitStack() as running:

        def start(port, environ):
            command, url = servers.serve(port), f"http://127.0.0.1:{port}/healthz"
            running.enter_context(servers.running(command, url, tmp_path / "serve.log", env=environ))

        yield start


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    quiet = (
        "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
        "--disable-component-update --disable-sync"
    )
    return {
        **browser_type_launch_args,
        "executable_path": CHROMIUM,
        # A page that a test answers in the server's place comes from nowhere, and may then not call loopback.
        "args": [*quiet.split(), "--disable-features=LocalNetworkAccessChecks"],
    }


@pytest.fixture
def reader(request, browser, demo):
    """Make readers: each a browser of its own, that must see no script error and call nobody but the two origins."""
    contexts, troubles = [], []
    only_reads = request.node.get_closest_marker("only_reads")

    def make(**options):
        context = browser.new_context(**options)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(f"script error: {error}"))
        page.on("request", lambda request: _check(request.url))
        context.on("response", lambda response: _check_reads(response))
        contexts.append(context)
        return page

    def _check(url: str) -> None:
        if not url.startswith((demo.service, demo.blog, "data:", "about:")):
            troubles.append(f"a request to a third party: {url}")

    def _check_reads(response) -> None:
        asked = response.request
        if only_reads and asked.method not in READING and response.status < 400 and not asked.url.endswith("/preview"):
            troubles.append(f"a test that only reads wrote: {asked.method} {asked.url}")

    yield make
    for context in contexts:
        context.close()
    assert troubles == []


@pytest.fixture
def moderator(reader, demo):
    """Alice, signed in by the link that the demo printed."""
    page = reader()
    page.goto(demo.sign_in_link)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/dashboard**")
    return page

"""The demo as a person starts it, and real Chromium in front of it."""

import os
import re
import selectors
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

CHROMIUM = "/usr/bin/chromium"
START_TIMEOUT_S = 40


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


def find_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def free_port():
    return find_port


@pytest.fixture
def demo():
    """`commentsvc demo` on ports of its own; each test has a fresh one."""
    command = str(Path(sys.executable).parent / "commentsvc")
    port, blog_port = find_port(), find_port()
    environ = {**os.environ, "COMMENTSVC_LIMITS": "off", "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [command, "demo", "--port", str(port), "--blog-port", str(blog_port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environ,
    )
    try:
        printed = read_until(process, rf"http://127.0.0.1:{port}/auth/link/\S+")
        wait_for(port)
        link = re.search(r"http://\S+/auth/link/\S+", printed)[0]
        yield Demo(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{blog_port}", link)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        finally:
            process.stdout.close()


def read_until(process, pattern: str) -> str:
    printed, end = "", time.monotonic() + START_TIMEOUT_S
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while time.monotonic() < end and process.poll() is None:
            if selector.select(1.0):
                printed += os.read(process.stdout.fileno(), 65536).decode()
            if re.search(pattern, printed):
                return printed
    raise AssertionError(f"the demo did not start:\n{printed}")


def wait_for(port: int) -> None:
    end = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the service does not listen")


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
def reader(browser, demo):
    """Make readers: each a browser of its own, that must see no script error and call nobody but the two origins."""
    contexts, troubles = [], []

    def make(**options):
        context = browser.new_context(**options)
        context.set_default_timeout(10_000)
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(f"script error: {error}"))
        page.on("request", lambda request: _check(request.url))
        contexts.append(context)
        return page

    def _check(url: str) -> None:
        if not url.startswith((demo.service, demo.blog, "data:", "about:")):
            troubles.append(f"a request to a third party: {url}")

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

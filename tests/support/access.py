"""Permissions of every route: the rows of the table in docs/security.md, which tests/web/http/test_access.py tries.

`python -m tests.support.access` writes the table into docs/security.md.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "security.md"
BEGIN, END = "<!-- routes: begin -->", "<!-- routes: end -->"


class Role(StrEnum):
    """Callers: Carol wrote the comments, Mallory owns another site, Bob moderates, Alice owns, Ada administers."""

    NOBODY = "nobody"
    READER = "reader"
    STRANGER = "owner of another site"
    MODERATOR = "moderator"
    OWNER = "owner"
    ADMIN = "admin"


class Proof(StrEnum):
    """The credentials by which the route authenticates."""

    NONE = "nothing"
    COOKIE = "session cookie"
    TOKEN = "bearer token"
    LINK = "link or signature"  # any holder of the token; the rows are tried with a wrong one


EVERYBODY = frozenset(Role)
SIGNED_IN = EVERYBODY - {Role.NOBODY}
MODERATORS = frozenset({Role.MODERATOR, Role.OWNER, Role.ADMIN})
OWNERS = frozenset({Role.OWNER, Role.ADMIN})
ADMINS = frozenset({Role.ADMIN})
AUTHOR = frozenset({Role.READER})
NO_ONE: frozenset[Role] = frozenset()


@dataclass(frozen=True)
class Row:
    """A method and a route, who may call it, and a request that is right but for who sends it.

    `fields` is a form, `body` JSON, `query` what follows the question mark; `{pending}` and the like in them and in
    the route's parameters are filled in from the test's world.
    """

    method: str
    route: str
    proof: Proof
    may: frozenset[Role]
    fields: dict[str, str] = field(default_factory=dict)
    body: dict[str, object] | None = None
    query: dict[str, str] = field(default_factory=dict)
    path: dict[str, str] = field(default_factory=dict)
    leads_to: str = ""  # where it redirects when all is well, if that looks like a refusal
    refused_with: int = 0  # another status that means no here: the page again, with the reason

    @property
    def name(self) -> str:
        return f"{self.method} {self.route}"


def _get(route: str, proof: Proof, may: frozenset[Role], **query: str) -> Row:
    return Row("GET", route, proof, may, query=query)


def _form(route: str, proof: Proof, may: frozenset[Role], **fields: str) -> Row:
    return Row("POST", route, proof, may, fields=fields)


def _json(method: str, route: str, proof: Proof, may: frozenset[Role], **body: object) -> Row:
    return Row(method, route, proof, may, body=body)


def _link(method: str, route: str) -> Row:
    return Row(method, route, Proof.LINK, NO_ONE)


NONE, COOKIE, TOKEN, LINK = Proof
ROWS = [
    # Public pages and reads
    _get("/", NONE, EVERYBODY),
    _get("/.well-known/security.txt", NONE, EVERYBODY),
    _get("/healthz", NONE, EVERYBODY),
    _link("GET", "/healthz/seen"),  # signed by the service itself, for `commentsvc doctor`
    _get("/readyz", NONE, EVERYBODY),
    _link("GET", "/metrics"),  # COMMENTSVC_METRICS_TOKEN, or a program on the same machine
    Row("GET", "/static/<path:filename>", NONE, EVERYBODY, path={"filename": "desk.css"}),
    _get("/embed.js", NONE, EVERYBODY),
    Row("GET", "/embed/<name>", NONE, EVERYBODY, path={"name": "{part}"}),
    Row("GET", "/avatars/<name>.webp", NONE, EVERYBODY, path={"name": "{picture}"}),
    _get("/t/<site_key>", NONE, EVERYBODY, thread="/post"),
    _get("/embed/v1/comments", NONE, EVERYBODY, site="blog", thread="/post"),
    _get("/embed/v1/texts", NONE, EVERYBODY, lang="de"),
    _get("/embed/v1/may-write", NONE, EVERYBODY, site="blog"),
    _get("/feeds/<site_key>.atom", NONE, EVERYBODY),
    _get("/transparency/<site_key>", NONE, EVERYBODY),
    _get("/api/v1/comments", NONE, EVERYBODY, site="blog", thread="/post"),
    _get("/api/v1/counts", NONE, EVERYBODY, site="blog", thread="/post"),
    _get("/api/v1/recent", NONE, EVERYBODY, site="blog"),
    _get("/api/v1/openapi.json", NONE, EVERYBODY),
    _get("/api/v1/docs", NONE, EVERYBODY),
    # Comments and what readers do with them
    _json(
        "POST",
        "/api/v1/comments",
        TOKEN,
        EVERYBODY,
        site="blog",
        thread="/post",
        body="A new one",
        author={"name": "Gus", "email": "gus@example.net"},
    ),
    _json("POST", "/api/v1/preview", NONE, EVERYBODY, site="blog", body="*x*"),
    _json(
        "POST",
        "/api/v1/subscriptions",
        NONE,
        EVERYBODY,
        site="blog",
        thread="/post",
        email="dora@example.net",
        what="thread",
    ),
    _get("/api/v1/comments/<int:comment_id>", TOKEN, AUTHOR | MODERATORS),
    _json("PATCH", "/api/v1/comments/<int:comment_id>", TOKEN, AUTHOR, body="Changed"),
    Row("DELETE", "/api/v1/comments/<int:comment_id>", TOKEN, AUTHOR),
    _json("POST", "/api/v1/comments/<int:comment_id>/appeal", TOKEN, AUTHOR, text="Please look again."),
    Row(
        "PUT",
        "/api/v1/comments/<int:comment_id>/vote",
        TOKEN,
        SIGNED_IN,
        body={"value": 1},
        path={"comment_id": "{approved}"},
    ),
    Row(
        "POST",
        "/api/v1/comments/<int:comment_id>/flag",
        TOKEN,
        EVERYBODY,
        body={"reason": "spam"},
        path={"comment_id": "{approved}"},
    ),
    _get("/api/v1/viewer", TOKEN, SIGNED_IN, site="blog", thread="/post"),
    _get("/embed/v1/comment", TOKEN, AUTHOR | MODERATORS, id="{pending}"),
    Row(
        "POST",
        "/api/v1/sanctions/acknowledge",
        LINK,
        NO_ONE,
        body={"site": "blog", "sanction": "{sanction}", "token": "wrong"},
    ),
    *[
        Row("POST", f"/t/<site_key>{act}", proof, may, fields=fields, query={"thread": "/post"}, refused_with=422)
        for act, proof, may, fields in (
            ("", NONE, EVERYBODY, {"body": "Hosted", "name": "Gus", "email": "gus@example.net"}),
            ("/flag", NONE, EVERYBODY, {"comment": "{approved}", "reason": "spam"}),
            ("/follow", NONE, EVERYBODY, {"follower": "dora@example.net"}),
            ("/vote", COOKIE, SIGNED_IN, {"comment": "{approved}", "value": "1"}),
        )
    ],
    # Moderation API
    _get("/api/v1/moderation/comments", TOKEN, MODERATORS, site="blog"),
    _get("/api/v1/moderation/comments/<int:comment_id>/judgement", TOKEN, MODERATORS),
    _get("/api/v1/moderation/decisions", TOKEN, MODERATORS, site="blog"),
    _json("POST", "/api/v1/moderation/decisions", TOKEN, MODERATORS, ids=["{pending}"], action="approve"),
    _json("POST", "/api/v1/moderation/undo", TOKEN, MODERATORS, undo="{undo}"),
    _json("POST", "/api/v1/moderation/threads", TOKEN, MODERATORS, site="blog", thread="/post", open=False),
    _get("/api/v1/moderation/sanctions", TOKEN, MODERATORS, site="blog"),
    _json(
        "POST",
        "/api/v1/moderation/sanctions",
        TOKEN,
        MODERATORS,
        site="blog",
        kind="ban",
        subject_kind="account",
        subject="{carol}",
    ),
    Row("DELETE", "/api/v1/moderation/sanctions/<int:sanction_id>", TOKEN, MODERATORS, query={"site": "blog"}),
    _get("/api/v1/moderation/rules", TOKEN, OWNERS, site="blog"),
    _json("POST", "/api/v1/moderation/rules", TOKEN, OWNERS, site="blog", kind="words", value="casino"),
    _json("PATCH", "/api/v1/moderation/rules/<int:rule_id>", TOKEN, OWNERS, is_on=False),
    Row("DELETE", "/api/v1/moderation/rules/<int:rule_id>", TOKEN, OWNERS),
    _json(
        "POST",
        "/api/v1/moderation/rules/test",
        TOKEN,
        OWNERS,
        site="blog",
        rule={"kind": "words", "value": "casino"},
        body="casino",
    ),
    _json("POST", "/api/v1/moderation/rules/backtest", TOKEN, OWNERS, site="blog", kind="words", value="casino"),
    # Dashboard
    _get("/dashboard", COOKIE, SIGNED_IN),
    *[
        _get(f"/dashboard/<site_key>{page}", COOKIE, MODERATORS)
        for page in (
            "",
            "/appeals",
            "/counts",
            "/matching",
            "/log",
            "/mails",
            "/insights",
            "/insights.csv",
            "/insights.json",
        )
    ],
    *[
        _get(f"/dashboard/<site_key>/{page}/<int:comment_id>", COOKIE, MODERATORS)
        for page in ("card", "comment", "judgement")
    ],
    _get("/dashboard/<site_key>/people/<int:author_id>", COOKIE, MODERATORS),
    _form("/dashboard/<site_key>/decide", COOKIE, MODERATORS, ids="{pending}", action="approve"),
    _form("/dashboard/<site_key>/decide-all", COOKIE, MODERATORS, action="approve", status="pending", count="1"),
    _form("/dashboard/<site_key>/undo", COOKIE, MODERATORS, undo="{undo}"),
    _form("/dashboard/<site_key>/comment/<int:comment_id>/edit", COOKIE, MODERATORS, body="Edited", version="1"),
    _form("/dashboard/<site_key>/comment/<int:comment_id>/uphold", COOKIE, MODERATORS),
    _form("/dashboard/<site_key>/mails", COOKIE, MODERATORS),
    _form(
        "/dashboard/<site_key>/people/<int:author_id>/sanction", COOKIE, MODERATORS, kind="mute", subject_kind="account"
    ),
    _form("/dashboard/<site_key>/people/<int:author_id>/lift", COOKIE, MODERATORS, sanction="{sanction}"),
    _form("/dashboard/<site_key>/people/<int:author_id>/note", COOKIE, MODERATORS, text="Knows the field."),
    _get("/dashboard/<site_key>/changes", COOKIE, OWNERS),
    _get("/dashboard/<site_key>/members", COOKIE, OWNERS),
    _get("/dashboard/_jobs", COOKIE, ADMINS),
    _form("/dashboard/_jobs", COOKIE, ADMINS, act="retry"),
    _get("/dashboard/<site_key>/threads", COOKIE, MODERATORS),
    _form("/dashboard/<site_key>/threads", COOKIE, MODERATORS, act="names", thread="/post", title="A title"),
    _get("/dashboard/<site_key>/imports", COOKIE, OWNERS),
    _get("/dashboard/<site_key>/imports/<int:run_id>", COOKIE, OWNERS),
    _get("/dashboard/<site_key>/rules", COOKIE, OWNERS),
    _get("/dashboard/<site_key>/rules/<int:rule_id>", COOKIE, OWNERS),
    _get("/dashboard/<site_key>/settings", COOKIE, OWNERS),
    _get("/dashboard/<site_key>/spam", COOKIE, OWNERS),
    *[
        _form(f"/dashboard/<site_key>/{act}", COOKIE, OWNERS)
        for act in (
            "changes/undo",
            "checks",
            "end-flood",
            "members",
            "imports",
            "imports/<int:run_id>",
            "notes",
            "rules",
            "rules/<int:rule_id>",
            "rules/<int:rule_id>/remove",
            "rules/<int:rule_id>/switch",
            "rules/undo",
            "settings",
            "spam",
            "spam/learn",
            "spam/try",
            "thread-mode",
            "tokens",
            "tokens/revoke",
        )
    ],
    _form("/dashboard/<site_key>/people/<int:author_id>/data", COOKIE, OWNERS),
    _form("/dashboard/<site_key>/people/<int:author_id>/erase", COOKIE, OWNERS),
    # One's own account
    _get("/account", COOKIE, SIGNED_IN),
    _get("/account/copy.json", COOKIE, SIGNED_IN),
    _get("/account/security", COOKIE, SIGNED_IN),
    _get("/account/security/passkey", COOKIE, SIGNED_IN),
    *[
        _form(f"/account/{act}", COOKIE, SIGNED_IN)
        for act in ("appeal", "end", "erase", "language", "security/passkey", "unlink")
    ],
    *[
        Row("POST", f"/account/security/{act}", COOKIE, SIGNED_IN, leads_to="/account/security")
        for act in ("app", "recovery", "remove")
    ],
    Row("POST", "/account/link", COOKIE, SIGNED_IN, fields={"provider": "twitter"}),
    _form("/account/link/add", COOKIE, SIGNED_IN),  # adds what a page of this session has named, sealed
    # What is stored about a guest: the browser must have proved the address by a mailed code
    _get("/privacy", NONE, EVERYBODY),
    _form("/privacy", NONE, EVERYBODY, email="dora@example.net"),
    Row("GET", "/privacy/code", NONE, EVERYBODY, leads_to="/privacy"),
    *[Row("POST", f"/privacy/{act}", NONE, EVERYBODY, leads_to="/privacy") for act in ("code", "erase")],
    *[Row("GET", f"/privacy/{page}", NONE, EVERYBODY, leads_to="/privacy") for page in ("copy.json", "data")],
    # Signing in
    _get("/auth/signin", NONE, EVERYBODY),
    _form("/auth/signin", NONE, EVERYBODY, email="dora@example.net"),
    Row("POST", "/auth/signout", NONE, EVERYBODY, leads_to="/auth/signin"),
    Row("GET", "/auth/code", NONE, EVERYBODY, leads_to="/auth/signin"),
    Row("POST", "/auth/code", LINK, NO_ONE, fields={"code": "000000"}),
    _get("/auth/<provider>/login", NONE, EVERYBODY),
    _form("/auth/<provider>/login", NONE, EVERYBODY),
    *[_link("POST", f"/auth/<provider>/{answer}") for answer in ("confirm", "instead")],
    _get(
        "/auth/authorize",
        NONE,
        EVERYBODY,
        client_id="blog",
        redirect_uri="https://blog.example/post",
        response_type="code",
        code_challenge="E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        code_challenge_method="S256",
        state="a state",
        response_mode="fragment",
    ),
    _form("/auth/authorize", LINK, NO_ONE),  # the page that asked, sealed
    _get("/auth/second", COOKIE, SIGNED_IN),
    _form("/auth/second", COOKIE, SIGNED_IN, code="000000"),
    _get("/auth/second/passkey", COOKIE, SIGNED_IN),
    _form("/auth/second/passkey", COOKIE, SIGNED_IN),
    _get("/auth/again", COOKIE, SIGNED_IN),
    _form("/auth/again", COOKIE, SIGNED_IN),
    *[_link("GET", f"/auth/{way}/<token>") for way in ("join", "link")],
    *[_link("POST", f"/auth/{way}/<token>") for way in ("join", "link")],
    _link("GET", "/auth/<provider>/callback"),
    # The form that Apple posts: it is looked at where it redirects to.
    Row("POST", "/auth/<provider>/callback", NONE, EVERYBODY, path={"provider": "apple"}),
    _link("GET", "/auth/<provider>/finish"),
    _link("POST", "/auth/token"),
    _link("POST", "/auth/revoke"),
    _link("POST", "/auth/facebook/data-deletion"),
    _link("POST", "/auth/facebook/deauthorize"),
    _link("GET", "/auth/facebook/deletion/<code>"),
    # Links in mails
    *[_link(method, f"/m/{way}<token>") for way in ("", "comment/", "confirm/") for method in ("GET", "POST")],
    Row("GET", "/m/stop/<token>", NONE, EVERYBODY, path={"token": "no-such-token"}),  # it only asks
    _link("POST", "/m/stop/<token>"),
    _link("POST", "/m/<token>/undo"),
]


def table() -> str:
    """The rows as Markdown: a route a line, a column for each role."""
    head = "| route | shown by | " + " | ".join(Role) + " |\n| --- | --- |" + " --- |" * len(Role)
    lines = []
    for row in sorted(ROWS, key=lambda row: (row.route, row.method)):
        if row.proof is Proof.LINK:
            cells = ["with it"] * len(Role)
        else:
            cells = ["yes" if role in row.may else "–" for role in Role]
        lines.append(f"| `{row.name}` | {row.proof} | " + " | ".join(cells) + " |")
    return "\n".join([head, *lines])


def documented() -> str:
    """The table as it is in docs/security.md."""
    return DOCUMENT.read_text().partition(BEGIN)[2].partition(END)[0].strip()


def filled(value: object, world: dict[str, object]) -> object:
    """A value with its `{names}` replaced by the world's; a text that is one name alone becomes its value."""
    if isinstance(value, str):
        if value.startswith("{") and value.endswith("}"):
            return world[value[1:-1]]
        return value
    if isinstance(value, dict):
        return {key: filled(inner, world) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, world) for inner in value]
    return value


def main() -> None:
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    DOCUMENT.write_text(f"{before}{BEGIN}\n{table()}\n{END}{after}")


if __name__ == "__main__":
    main()

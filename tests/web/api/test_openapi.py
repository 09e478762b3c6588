"""The OpenAPI document is true: schemathesis sends what it allows and compares what comes back."""

import os

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis.checks import CHECKS

from commentsvc.core.status import Status
from commentsvc.web.api import openapi_calls
from tests.support.cast import BLOG

EXAMPLES = int(os.environ.get("SCHEMA_EXAMPLES", "8"))  # of each operation
WANTED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)


def test_every_success_says_what_it_answers(client, app):
    document = client.get("/api/v1/openapi.json").json
    for path, calls in document["paths"].items():
        for method, call in calls.items():
            for status in call["responses"].keys() & {"200", "201", "202"}:
                schema = call["responses"][status]["content"]["application/json"]["schema"]
                assert "$ref" in schema, f"{method} {path} {status}"


@pytest.fixture
def described(client, app, site, make_comment, alice, token):
    """The document's operations, on a site with a comment of every status; Alice asks."""
    ids = [make_comment(status=status, body=f"Hello {status}") for status in Status]
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)
    return schema, token(alice), ids


def test_the_service_answers_as_its_document_says(app, described):
    schema, auth, ids = described
    checks = CHECKS.get_by_names(WANTED)
    for found in schema.get_all_operations():
        operation = found.ok()

        @seed(1)
        @settings(
            max_examples=EXAMPLES,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(), is_known=st.booleans(), number=st.sampled_from(ids))
        def send(case, is_known, number):
            if is_known:  # else no comment of a site that there is would ever be named
                _name_what_is_here(case, number)
            case.call_and_validate(checks=checks, headers={"Origin": BLOG, **auth})

        send()


def _name_what_is_here(case, number):
    for optional in ("cursor", "q", "thread") if "/moderation/" in case.path else ("cursor",):
        case.query.pop(optional, None)
    case.headers.pop("X-Edit-Token", None)
    for part in (case.query, case.body):
        if isinstance(part, dict) and "site" in part:
            part["site"] = "blog"
    if isinstance(case.body, dict) and "ids" in case.body:
        case.body |= {"ids": [number], "versions": {}}
    if isinstance(case.body, dict) and "parent_id" in case.body:
        case.body |= {"parent_id": None, "author": None}
    if case.path_parameters and "/comments/" in case.path:
        case.path_parameters["id"] = number


def test_each_success_has_the_shape_that_the_document_names(client, site, alice, bob, token, person, make_comment):
    owner, moderator, carol = token(alice), token(bob), person("Carol")
    comment, other = make_comment(), make_comment(body="Another", status=Status.PENDING)
    guest = {"name": "Dave", "email": "dave@example.org"}

    def ask(method, path, headers=None, numbered=None, query=None, **fields):
        address = f"/api/v1{path}".replace("{id}", str(numbered))
        more = {"json": {"site": "blog", **fields}} if fields else {}
        headers = {"Origin": BLOG, **(headers or {})}
        answer = client.open(address, method=method.upper(), headers=headers, query_string=query, **more)
        (call,) = (call for call in openapi_calls.CALLS if (call.method, call.path) == (method, path))
        assert answer.status_code in call.answers and answer.status_code < 300, answer.text
        asked.add((method, path))
        if call.gives:
            call.gives.model_validate_json(answer.data, strict=True)
        return answer.json if answer.data else None

    asked: set[tuple[str, str]] = set()
    here = {"site": "blog"}
    there = {**here, "thread": "/post"}
    for path in ("/comments", "/counts"):
        ask("get", path, query=there)
    ask("get", "/recent", query=here)
    ask("get", "/viewer", carol, query=there)
    ask("get", "/comments/{id}", numbered=comment)
    ask("get", "/comments/{id}", owner, numbered=other)
    posted = ask("post", "/comments", thread="/post", body="Hello again", author=guest)
    own = {"X-Edit-Token": posted["edit_token"]}
    ask("patch", "/comments/{id}", own, numbered=posted["id"], body="Hello once more")
    ask("put", "/comments/{id}/vote", carol, numbered=comment, value=1)
    ask("post", "/comments/{id}/flag", carol, numbered=comment, reason="spam")
    ask("post", "/preview", body="*Hello*")
    for status in (*Status, "flagged"):
        ask("get", "/moderation/comments", owner, query={**here, "status": status})
    decided = ask("post", "/moderation/decisions", moderator, ids=[posted["id"]], action="reject")
    ask("post", "/comments/{id}/appeal", own, numbered=posted["id"], text="Please look again")
    ask("post", "/moderation/undo", moderator, undo=decided["undo"])
    ask("delete", "/comments/{id}", own, numbered=posted["id"])
    ask("get", "/moderation/decisions", owner, query=here)
    ask("get", "/moderation/comments/{id}/judgement", owner, numbered=comment)
    ask("post", "/moderation/threads", owner, thread="/post", title="Mine")
    imposed = ask("post", "/moderation/sanctions", owner, kind="hold", subject_kind="domain", subject="spam.example")
    ask("get", "/moderation/sanctions", owner, query=here)
    ask("delete", "/moderation/sanctions/{id}", owner, numbered=imposed["id"], query=here)
    rule = ask("post", "/moderation/rules", owner, kind="words", value="casino")
    ask("patch", "/moderation/rules/{id}", owner, numbered=rule["id"], value="Hello")
    ask("get", "/moderation/rules", owner, query=here)
    ask("post", "/moderation/rules/test", owner, rule={"kind": "words", "value": "casino"}, body="A casino")
    ask("post", "/moderation/rules/backtest", owner, kind="words", value="Another")
    ask("delete", "/moderation/rules/{id}", owner, numbered=rule["id"])
    ask("post", "/subscriptions", site="blog", thread="/post", email="dora@example.net", what="thread")
    assert {(call.method, call.path) for call in openapi_calls.CALLS} - asked == {("post", "/sanctions/acknowledge")}

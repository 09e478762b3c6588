"""A moderator without the right to see addresses cannot learn them by any request."""

import re
from datetime import timedelta

import pytest

from commentsvc.core.status import Status
from commentsvc.services import posting, rules, sanctions
from commentsvc.services.moderation import Moderator
from commentsvc.services.rules import RuleText
from commentsvc.services.sanctions import SanctionOrder
from commentsvc.services.submissions import Draft, Sender, Submission
from commentsvc.store import comments, sites
from commentsvc.store.db import db
from tests.support.cast import BLOG, SECRET, set_policy

EVE, DORA = ("eve@secret.example", "198.18.7.77"), ("dora@hidden.example", "198.51.100.5")
SECRETS = ("secret", "198.18.7", "hidden.example", "198.51.100")


@pytest.fixture
def write_as(site, now):
    """A comment by Sam with an address; gives its id."""
    clock = iter(range(1000))

    def write(address, body="Hello", name="Sam"):
        email, ip = address
        draft = Draft("/post", f"{BLOG}/post", "A post", None, body, name, email, None)
        at = now - timedelta(hours=1) + timedelta(seconds=next(clock))
        return posting.post(
            sites.by_key("blog"), Submission(draft, Sender(None, ip, "Firefox", False)), SECRET, at
        ).comment.id

    return write


@pytest.fixture
def pair(site, alice, write_as):
    """Two comments that differ in nothing but the address, of which one is known to the site's rules and sanctions."""
    set_policy(site, mode="all", copies_held=False)
    rules.add(site, RuleText("email", "@secret.example", "hold"), alice, site.created_at)
    rules.add(site, RuleText("ip", "198.18.7.0/24", "hold"), alice, site.created_at)
    rules.add(site, RuleText("words", "secret", "hold"), alice, site.created_at)
    return write_as(EVE), write_as(DORA)


@pytest.fixture
def bobs(app, bob, sign_in):
    client = app.test_client()
    sign_in(client, bob)
    return client


def status_of(*ids):
    db.session.rollback()
    return [comments.by_id(number).status for number in ids]


def blank(text, comment_id):
    """An answer without what tells two comments apart anyway: numbers, times, seals."""
    text = re.sub(
        r'<li>[^<]*moderators review[^<]*</li>|\{[^{}]*"rule [0-9]+"[^{}]*\}|<tr>.*?[Rr]ule \d+.*?</tr>', "", text
    )
    return re.sub(r"\d+|[0-9a-f]{32,}", "#", text)


@pytest.mark.parametrize(
    ("kind", "subject"),
    [("email", EVE[0]), ("network", "198.18.7.77/32"), ("network", "198.18.7.0/24"), ("domain", "secret.example")],
)
@pytest.mark.parametrize("days", [0, 1])
def test_a_sanction_is_no_question_about_an_address(client, bob, token, pair, kind, subject, days):
    asked = {"site": "blog", "kind": "ban", "subject_kind": kind, "subject": subject, "reject_days": days}
    refused = client.post("/api/v1/moderation/sanctions", json=asked, headers=token(bob))
    assert refused.status_code == 403 and "comment" in refused.json["detail"]
    assert status_of(*pair) == ["pending", "pending"]


@pytest.mark.parametrize("kind", ["email", "network", "domain"])
@pytest.mark.parametrize("sanction", ["hold", "ban", "warn", "shadow", "trust", "suspend"])
def test_a_planted_comment_tells_nobody_whose_address_is_the_same(
    client, site, bob, token, bobs, write_as, kind, sanction, now
):
    """Bob writes a guest's comment with the address that he guesses, and has its author sanctioned."""
    set_policy(site, mode="rules", copies_held=False)
    theirs = write_as(EVE, "A word of mine", "Eve")
    planted, other = write_as(EVE, "Planted"), write_as(DORA, "Another")
    headers = token(bob)
    asked = {
        "site": "blog", "kind": sanction, "subject_kind": kind, "comment": planted, "reason": "Because",
        "reject_days": 0 if sanction == "trust" else 7, "until": (now + timedelta(days=3)).isoformat(),
    }  # fmt: skip
    made = client.post("/api/v1/moderation/sanctions", json=asked, headers=headers)
    assert made.status_code == 201, made.text
    assert made.json["subject"] is None
    assert status_of(theirs, other) == ["approved", "approved"]
    assert status_of(planted) == ["approved" if sanction == "trust" else "rejected"]
    author_of = {number: comments.by_id(number).author_id for number in (theirs, planted, other)}
    db.session.rollback()
    for path in ("/dashboard/blog/comment/{}", "/dashboard/blog/card/{}", "/dashboard/blog/people/{}"):
        number = author_of[theirs] if "people" in path else theirs
        assert ">Because<" not in bobs.get(path.format(number)).text
        assert 'class="chip sanction"' not in bobs.get(path.format(number)).text
    assert "Because" in bobs.get(f"/dashboard/blog/people/{author_of[planted]}").text
    if sanction in ("ban", "suspend"):
        return  # Eve's address, which a guest cannot write, is shown nowhere
    later = [write_as(address, f"Later {name}", name) for address, name in ((EVE, "Eve"), (DORA, "Dora"))]
    assert status_of(*later) == ["approved", "approved"]
    shown = [client.get(f"/api/v1/comments/{number}", headers=headers).json["reasons"] for number in later]
    assert shown[0] == shown[1]


def test_a_ban_by_somebody_who_sees_no_address_still_bans_the_address(client, site, bob, token, write_as):
    set_policy(site, mode="rules")
    asked = {"site": "blog", "kind": "ban", "subject_kind": "email", "comment": write_as(EVE, name="Eve")}
    assert client.post("/api/v1/moderation/sanctions", json=asked, headers=token(bob)).status_code == 201
    body = {"site": "blog", "thread": "/post", "body": "Again", "author": {"name": "Eva", "email": EVE[0]}}
    assert client.post("/api/v1/comments", json=body, headers={"Origin": BLOG}).status_code == 403


def test_a_sanction_names_a_comment_of_the_site_alone(
    client, alice, mallory, token, other_site, write_as, make_comment
):
    elsewhere = make_comment(on=other_site)
    asked = {"site": "blog", "kind": "ban", "subject_kind": "email"}
    path = "/api/v1/moderation/sanctions"
    assert client.post(path, json={**asked, "comment": elsewhere}, headers=token(alice)).status_code == 404
    assert client.post(path, json={**asked, "comment": 999_999}, headers=token(alice)).status_code == 404
    mine = write_as(EVE)
    assert client.post(path, json={**asked, "comment": mine}, headers=token(mallory)).status_code == 404
    wrong = client.post(path, json={**asked, "subject_kind": "account", "comment": mine}, headers=token(alice))
    assert (wrong.status_code, wrong.json["errors"][0]["field"]) == (422, "subject_kind")
    made = client.post(path, json={**asked, "subject_kind": "network", "comment": mine}, headers=token(alice))
    assert made.json["subject"] == "198.18.7.77/32"


def test_no_page_and_no_answer_has_an_address_or_differs_by_one(client, site, alice, bob, bobs, token, pair, now):
    sanctions.impose(site, SanctionOrder("hold", "email", EVE[0], reason="Theirs"), Moderator(alice), now)
    sanctions.impose(site, SanctionOrder("trust", "network", "198.18.7.0/24", reason="Theirs"), Moderator(alice), now)
    headers = token(bob)
    db.session.rollback()
    author_of = {number: comments.by_id(number).author_id for number in pair}
    db.session.rollback()
    apart = (
        "/api/v1/comments/{id}", "/api/v1/moderation/comments/{id}/judgement",
        "/api/v1/moderation/decisions?site=blog&comment={id}", "/dashboard/blog/comment/{id}",
        "/dashboard/blog/card/{id}", "/dashboard/blog/judgement/{id}", "/dashboard/blog/log?comment={id}",
        "/dashboard/blog/people/{author}",
    )  # fmt: skip
    for path in apart:
        seen = []
        for number in pair:
            asked = path.format(id=number, author=author_of[number])
            answer = client.get(asked, headers=headers) if path.startswith("/api") else bobs.get(asked)
            assert answer.status_code == 200, (asked, answer.text)
            assert [word for word in SECRETS if word in answer.text] == [], asked
            assert "Theirs" not in answer.text and 'class="chip sanction"' not in answer.text, asked
            seen.append(blank(answer.text, number))
        assert len(seen[0].split()) == len(seen[1].split()), path
    together = (
        "/dashboard/blog", "/dashboard/_all", "/dashboard/blog/log", "/dashboard/blog/appeals",
        "/dashboard/blog/insights",
        "/dashboard/blog/insights.json", "/dashboard/blog/insights.csv", "/dashboard/blog/mails",
        "/dashboard/blog/counts", "/dashboard/blog/matching?q=hello",
    )  # fmt: skip
    for path in together:
        answer = bobs.get(path)
        assert answer.status_code == 200, path
        assert [word for word in SECRETS if word in answer.text] == [], path
    for path in (
        "comments?site=blog",
        "comments?site=blog&sort=likely-spam",
        "decisions?site=blog",
        "sanctions?site=blog",
    ):
        answer = client.get(f"/api/v1/moderation/{path}", headers=headers)
        assert answer.status_code == 200, path
        assert [word for word in SECRETS if word in answer.text] == [], path


@pytest.mark.parametrize("other", [EVE, ("dora@a.b.hidden.example", "2001:db8:9:9::5")])
def test_the_form_for_sanctions_does_not_tell_two_authors_apart_or_alike(bobs, write_as, other):
    options = []
    for number in (write_as(EVE, name="Eve"), write_as(other, name="Eva")):
        author_id = comments.by_id(number).author_id
        db.session.rollback()
        page = bobs.get(f"/dashboard/blog/people/{author_id}").text
        options.append(re.findall(r'<option value="([0-9a-f]{32})">([^<]+)</option>', page))
    ones, others = options
    assert [words for _, words in ones] == [words for _, words in others]
    assert not {value for value, _ in ones} & {value for value, _ in others}
    assert len(ones) == 4


def test_no_search_finds_an_address(client, bob, bobs, token, pair):
    headers = token(bob)
    found = "/api/v1/moderation/comments"
    for query in (
        {"q": "secret"},
        {"q": "eve@secret.example"},
        {"author": "eve"},
        {"q": "author:eve"},
        {"q": "198.18.7.77"},
    ):
        assert client.get(found, query_string={"site": "blog", **query}, headers=headers).json["comments"] == []
        assert bobs.get("/dashboard/blog/matching", query_string={"q": query.get("q", "eve")}).json["count"] == 0
    for query in ({"q": "email:eve@secret.example"}, {"q": "ip:198.18.7.77"}, {"author": "eve@secret.example"}):
        assert client.get(found, query_string={"site": "blog", **query}, headers=headers).status_code == 403
    for query in ("email:eve@secret.example", "ip:198.18.7.77"):
        for path in ("", "/matching"):
            answer = bobs.get(f"/dashboard/blog{path}", query_string={"q": query})
            assert answer.status_code == 422, path


def test_rules_and_their_trial_are_for_owners(client, bob, bobs, token, pair):
    headers = token(bob)
    rule = {"kind": "email", "value": EVE[0], "outcome": "hold"}
    for path, body in (
        ("rules", {"site": "blog", **rule}), ("rules/backtest", {"site": "blog", **rule}),
        ("rules/test", {"site": "blog", "rule": rule}),
    ):  # fmt: skip
        assert client.post(f"/api/v1/moderation/{path}", json=body, headers=headers).status_code == 403
    assert client.get("/api/v1/moderation/rules?site=blog", headers=headers).status_code == 403
    for path in ("rules", "spam", "settings", "changes"):
        assert bobs.get(f"/dashboard/blog/{path}").status_code == 403, path


def test_the_spam_filter_does_not_know_addresses(site, write_as):
    from commentsvc.core import spam_filter

    one, other = (comments.by_id(write_as(address)) for address in (EVE, DORA))
    assert spam_filter.features(one.submission) == spam_filter.features(other.submission)
    assert one.status == other.status == Status.PENDING

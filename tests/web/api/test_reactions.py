"""Voting, reporting and pinning through the API: effects, permissions, and refusals."""

import pytest

from commentsvc.core.status import Status
from commentsvc.services import posting
from commentsvc.services.submissions import Draft, Sender, Submission
from commentsvc.store import accounts, comments, sites
from commentsvc.store.db import db
from commentsvc.store.transactions import write
from tests.support.answers import decide, fields_of
from tests.support.cast import BLOG, OTHER, SECRET, set_policy


def vote(client, comment_id, value, auth=None, origin=BLOG):
    headers = {"Origin": origin, **(auth or {})}
    return client.put(f"/api/v1/comments/{comment_id}/vote", json={"value": value}, headers=headers)


def flag(client, comment_id, reason="spam", auth=None, browser="Firefox", origin=BLOG, **more):
    headers = {"Origin": origin, "User-Agent": browser, **(auth or {})}
    return client.post(f"/api/v1/comments/{comment_id}/flag", json={"reason": reason, **more}, headers=headers)


def queue(client, auth, status="flagged", **more):
    return client.get(
        "/api/v1/moderation/comments", query_string={"site": "blog", "status": status, **more}, headers=auth
    )


def pin(client, auth, thread="/post", **changes):
    body = {"site": "blog", "thread": thread, **changes}
    return client.post("/api/v1/moderation/threads", json=body, headers=auth)


def listed(client, thread="/post", **query):
    """The page as it is now: with this header the edge asks Flask each time."""
    query = {"site": "blog", "thread": thread, **query}
    return client.get("/api/v1/comments", query_string=query, headers={"X-Edit-Token": "none"}).json


def ids(page):
    return [comment["id"] for comment in page["comments"]]


# Votes


def test_a_vote_counts_once_changes_and_is_taken_back(client, make_comment, person):
    comment_id = make_comment()
    carl = person("Carl")
    for value, score in ((1, 1), (1, 1), (-1, -1), (0, 0), (0, 0), (1, 1)):
        answer = vote(client, comment_id, value, carl)
        assert (answer.status_code, answer.json) == (200, {"score": score, "value": value})
        assert listed(client)["comments"][0]["score"] == score
    assert vote(client, comment_id, 1, person("Dora")).json == {"score": 2, "value": 1}


def test_the_page_that_was_published_is_no_longer_true_after_a_vote(client, make_comment, person):
    comment_id = make_comment()
    version = listed(client)["thread"]["version"]
    carl = person("Carl")
    vote(client, comment_id, 1, carl)
    assert listed(client)["thread"]["version"] == version + 1
    vote(client, comment_id, 1, carl)
    assert listed(client)["thread"]["version"] == version + 1, "a retry publishes nothing"


def test_the_viewer_reads_their_own_votes_in_this_thread(client, make_comment, person):
    carl, dora = person("Carl"), person("Dora")
    liked, disliked, taken_back = make_comment(), make_comment(body="B"), make_comment(body="C")
    elsewhere = make_comment("/elsewhere")
    for comment_id, value in ((liked, 1), (disliked, -1), (taken_back, 1), (taken_back, 0), (elsewhere, 1)):
        vote(client, comment_id, value, carl)
    vote(client, disliked, 1, dora)

    viewer = client.get("/api/v1/viewer?site=blog&thread=/post", headers=carl).json
    assert viewer["votes"] == {str(liked): 1, str(disliked): -1}
    assert viewer["rights"]["vote"] is True
    assert client.get("/api/v1/viewer?site=blog&thread=/none", headers=carl).json["votes"] == {}


def test_top_sorts_by_votes(client, make_comment, person):
    first, second, third = make_comment(), make_comment(body="B"), make_comment(body="C")
    carl = person("Carl")
    vote(client, second, 1, carl)
    vote(client, third, -1, carl)
    assert ids(listed(client, sort="top")) == [second, first, third]


@pytest.mark.parametrize("value", [2, -2, 1.5, "1", True, None])
def test_a_vote_is_one_up_or_down_or_none(client, make_comment, person, value):
    answer = vote(client, make_comment(), value, person("Carl"))
    assert answer.status_code == 422
    assert fields_of(answer) == ["value"]


def test_a_site_may_take_votes_for_a_comment_only_or_none(client, site, make_comment, person):
    comment_id, carl = make_comment(), person("Carl")
    set_policy(site, votes="up")
    refused = vote(client, comment_id, -1, carl)
    assert (refused.status_code, fields_of(refused)) == (422, ["value"])
    assert vote(client, comment_id, 1, carl).json["score"] == 1
    assert listed(client)["thread"]["votes"] == "up"

    set_policy(site, votes="off")
    refused = vote(client, comment_id, -1, carl)
    assert refused.status_code == 403
    assert "Voting is turned off" in refused.json["detail"]
    assert client.get("/api/v1/viewer?site=blog&thread=/post", headers=carl).json["rights"]["vote"] is False


def test_ones_own_comment_cannot_be_voted_on(client, site, alice, token, now):
    draft = Draft("/post", "", "A post", None, "Mine", "Alice", "alice@example.org", None)
    posted = posting.post(site, Submission(draft, Sender(alice, "192.0.2.1", "test")), SECRET, now)
    assert posted.status is Status.APPROVED
    answer = vote(client, posted.comment.id, 1, token(alice))
    assert answer.status_code == 403
    assert "your own comment" in answer.json["detail"]


def test_who_may_not_vote(client, site, other_site, make_comment, person, mallory, token):
    comment_id = make_comment()
    pending = make_comment(status=Status.PENDING, body="Waiting")
    carl = person("Carl")
    assert vote(client, comment_id, 1).status_code == 401
    assert vote(client, comment_id, 1, {"Authorization": "Bearer nonsense"}).status_code == 401
    assert vote(client, comment_id, 1, token(mallory, other_site)).status_code == 403
    assert vote(client, comment_id, 1, carl, origin=OTHER).status_code == 403
    assert vote(client, comment_id, 1, carl, origin="https://evil.example").status_code == 403
    for gone in (pending, 10**6, 2**63):
        assert vote(client, gone, 1, carl).status_code == 404
    decide(client, token(accounts.account_by_email("root@example.org")), "delete", comment_id)
    assert vote(client, comment_id, 1, carl).status_code == 404
    db.session.rollback()
    assert comments.by_id(comment_id).score == 0


def test_many_votes_in_a_minute_have_to_wait_also_on_one_comment(make_app, now):
    from commentsvc.services import api_tokens, votes
    from commentsvc.store.memberships import Role
    from tests.support.cast import add_account, add_site

    app = make_app(LIMITS="on")
    with app.app_context():
        site = add_site("blog", BLOG, now=now)
        alice = add_account("alice@example.org", "Alice", site, Role.OWNER, now)
        with write():
            carl = accounts.make_account("carl@example.net", "Carl", False, now)
            auth = {"Authorization": f"Bearer {api_tokens.new_api_token(carl, None, now)}"}
        draft = Draft("/post", "", "A post", None, "Mine", "Alice", "alice@example.org", None)
        comment_id = posting.post(site, Submission(draft, Sender(alice, "192.0.2.1", "test")), SECRET, now).comment.id
        client = app.test_client()
        answers = [vote(client, comment_id, n % 2, auth) for n in range(1, votes.CHANGES_MAX + 2)]
        assert [a.status_code for a in answers] == [200] * votes.CHANGES_MAX + [429]
        assert answers[-1].headers["Retry-After"] == "60"
        db.session.remove()


# Flags


def test_a_report_is_taken_once_a_person_and_can_be_changed(client, alice, token, make_comment, person):
    comment_id = make_comment()
    carl = person("Carl")
    first = flag(client, comment_id, "spam", carl)
    assert first.status_code == 201
    assert first.json["hidden"] is False
    assert first.json["message"].startswith("Thank you")
    again = flag(client, comment_id, "other", carl, text="  It names my sister.\r\n")
    assert again.status_code == 200

    listing = queue(client, token(alice)).json
    assert listing["counts"]["flagged"] == 1
    (found,) = listing["comments"]
    assert (found["id"], found["flag_count"], found["status"]) == (comment_id, 1, "approved")
    (told,) = found["flags"]
    assert (told["reason"], told["text"], told["by"]) == ("other", "It names my sister.", "Carl")
    one = client.get(f"/api/v1/comments/{comment_id}", headers=token(alice)).json
    assert one["flags"] == found["flags"]
    public = client.get("/api/v1/comments?site=blog&thread=/post").text
    assert "flag" not in public and "sister" not in public


def test_a_guest_is_known_by_address_and_browser(client, alice, token, make_comment):
    comment_id = make_comment()
    assert flag(client, comment_id).status_code == 201
    assert flag(client, comment_id, "abuse").status_code == 200
    assert flag(client, comment_id, browser="Opera").status_code == 201
    (found,) = queue(client, token(alice)).json["comments"]
    assert [(f["reason"], f["by"]) for f in found["flags"]] == [("abuse", None), ("spam", None)]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("off_topic", "off_topic"),
        ("off topic", "off_topic"),
        ("Off-Topic", "off_topic"),
        ("offtopic", "off_topic"),
        ("illegal", "illegal"),
        ("illegal content", "illegal"),
        (" SPAM ", "spam"),
    ],
)
def test_reasons_may_be_spelled_as_people_do(client, alice, token, make_comment, written, kept):
    assert flag(client, make_comment(), written).status_code == 201
    assert queue(client, token(alice)).json["comments"][0]["flags"][0]["reason"] == kept


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"reason": "ugly"}, "reason"),
        ({"reason": ""}, "reason"),
        ({"reason": 1}, "reason"),
        ({"reason": "other"}, "text"),
        ({"reason": "other", "text": " \n "}, "text"),
        ({"reason": "spam", "text": "x" * 1001}, "text"),
        ({"reason": "spam", "text": "a\0b"}, "text"),
    ],
)
def test_a_report_that_does_not_fit_names_the_field(client, alice, token, make_comment, fields, wrong):
    comment_id = make_comment()
    answer = client.post(f"/api/v1/comments/{comment_id}/flag", json=fields)
    assert (answer.status_code, fields_of(answer)) == (422, [wrong])
    assert queue(client, token(alice)).json["comments"] == []


def test_enough_readers_bring_a_comment_back_to_the_queue_and_a_moderator_settles_it(
    client, alice, token, make_comment, person
):
    comment_id = make_comment()
    carl, dora, erik, fred = (person(name) for name in ("Carl", "Dora", "Erik", "Fred"))
    auth = token(alice)
    flag(client, comment_id, "spam", carl)
    flag(client, comment_id, "abuse", carl)
    flag(client, comment_id, "abuse", dora)
    assert ids(listed(client)) == [comment_id]
    third = flag(client, comment_id, "spam", erik)
    assert (third.status_code, third.json["hidden"]) == (201, True)
    assert "until a moderator has reviewed" in third.json["message"]
    assert ids(listed(client)) == []
    assert flag(client, comment_id, "spam", fred).status_code == 404

    listing = queue(client, auth, "pending").json
    assert (listing["counts"]["flagged"], listing["counts"]["pending"]) == (0, 1)
    (held,) = listing["comments"]
    assert held["reasons"][0] == {
        "rule": "flags",
        "outcome": "hold",
        "sentence": "3 readers reported it.",
        "match": "abuse ×2, spam",
    }
    assert held["flag_count"] == len(held["flags"]) == 3
    log = client.get(f"/api/v1/moderation/decisions?site=blog&comment={comment_id}", headers=auth).json["decisions"]
    assert (log[0]["rule"], log[0]["to"], log[0]["by"]) == ("flags", "pending", None)

    decide(client, auth, "approve", comment_id)
    assert ids(listed(client)) == [comment_id]
    assert queue(client, auth).json["comments"] == []
    # Those who were answered do not count again, others do.
    answered = flag(client, comment_id, "spam", carl)
    assert (answered.status_code, answered.json["hidden"]) == (200, False)
    assert "kept it" in answered.json["message"]
    assert flag(client, comment_id, "spam", fred).status_code == 201
    (found,) = queue(client, auth).json["comments"]
    assert found["flag_count"] == 1


def test_approving_what_is_published_answers_its_reports(client, alice, token, make_comment, person):
    comment_id, auth = make_comment(), token(alice)
    flag(client, comment_id, "spam", person("Carl"))
    version = listed(client)["thread"]["version"]

    decided = decide(client, auth, "approve", comment_id)
    assert decided.status_code == 200
    assert queue(client, auth).json["counts"]["flagged"] == 0
    assert listed(client)["thread"]["version"] == version, "no reader sees a difference"
    assert decide(client, auth, "approve", comment_id).status_code == 409

    undone = client.post("/api/v1/moderation/undo", json={"undo": decided.json["undo"]}, headers=auth)
    assert undone.status_code == 200
    assert queue(client, auth).json["counts"]["flagged"] == 1
    assert ids(listed(client)) == [comment_id]


def test_a_site_sets_how_many_reports_it_takes(client, site, make_comment, person):
    comment_id = make_comment()
    set_policy(site, flags_hold=0)
    for name in ("Carl", "Dora", "Erik", "Fred"):
        assert flag(client, comment_id, "spam", person(name)).json["hidden"] is False
    set_policy(site, flags_hold=1)
    assert flag(client, make_comment(body="B"), "spam", person("Carl")).json["hidden"] is True


def test_a_moderators_comment_is_never_held_by_reports(client, site, alice, bob, token, person, now):
    set_policy(site, flags_hold=1)
    draft = Draft("/post", "", "A post", None, "Mine", "Bob", "bob@example.org", None)
    comment_id = posting.post(sites.by_key("blog"), Submission(draft, Sender(bob, "", "")), SECRET, now).comment.id
    assert flag(client, comment_id, "abuse", person("Carl")).json["hidden"] is False
    assert queue(client, token(alice)).json["comments"][0]["id"] == comment_id


def test_who_may_not_report_and_who_may_not_read_reports(client, other_site, make_comment, mallory, token, person):
    comment_id = make_comment()
    pending = make_comment(status=Status.PENDING, body="Waiting")
    for gone in (pending, 10**6):
        assert flag(client, gone).status_code == 404
    assert flag(client, comment_id, origin="https://evil.example").status_code == 403
    assert flag(client, comment_id, auth={"Authorization": "Bearer nonsense"}).status_code == 401
    assert flag(client, comment_id, auth=token(mallory, other_site)).status_code == 403
    flag(client, comment_id, text="between us", auth=person("Carl"))
    assert queue(client, token(mallory)).status_code == 404
    assert queue(client, person("Carl")).status_code == 404
    assert "between us" not in client.get(f"/api/v1/comments/{comment_id}", headers=token(mallory)).text


def test_reports_of_one_address_are_limited(make_app, now):
    from commentsvc.core.policy import Mode
    from commentsvc.services import reports
    from tests.support.cast import add_site

    app = make_app(LIMITS="on")
    with app.app_context():
        site = add_site("blog", BLOG, Mode.OFF, now=now)
        made = []
        for n in range(reports.FLAGS_MAX + 1):
            draft = Draft("/post", "", "A post", None, f"Text {n}", "Carol", "carol@example.org", None)
            made.append(posting.post(site, Submission(draft, Sender(None, "", "", False)), SECRET, now).comment.id)
        client = app.test_client()
        one = [flag(client, made[0], browser=f"Browser {n}").status_code for n in range(reports.GUESTS_MAX + 1)]
        assert one == [201] * reports.GUESTS_MAX + [429], "one address alone does not reach the threshold"
        more = [flag(client, comment_id).status_code for comment_id in made[1:]]
        assert more == [201] * (reports.FLAGS_MAX - reports.GUESTS_MAX) + [429] * reports.GUESTS_MAX
        assert flag(client, made[0], browser="Browser 0", reason="abuse").status_code == 200
        db.session.remove()


# Pins


@pytest.mark.parametrize("sort", ["oldest", "newest", "top"])
@pytest.mark.parametrize("limit", [1, 2, 3, 10])
def test_the_pinned_comment_comes_first_and_no_comment_twice(client, alice, token, make_comment, sort, limit):
    made = [make_comment(body=f"Text {n}") for n in range(5)]
    make_comment(body="A reply", parent=made[2])
    unpinned = [n for n in ids(listed(client, sort=sort)) if n in made]
    answer = pin(client, token(alice), pinned=made[2])
    assert (answer.status_code, answer.json["thread"]["pinned"]) == (200, made[2])

    seen, cursor = [], ""
    while cursor is not None:
        page = listed(client, sort=sort, limit=limit, cursor=cursor)
        roots = [c["id"] for c in page["comments"] if c["parent_id"] is None]
        assert 1 <= len(roots) <= limit
        seen += roots
        cursor = page["next"]
    assert seen == [made[2], *(n for n in unpinned if n != made[2])]
    assert listed(client)["thread"]["pinned"] == made[2]
    html = client.get("/embed/v1/comments?site=blog&thread=/post").text
    assert html.count("data-pinned") == 1
    assert html.index("data-pinned") < html.index(f'id="comment-{made[0]}"')


def test_a_pin_is_changed_removed_and_in_the_audit_log(client, site, alice, token, make_comment):
    from commentsvc.store import audit_log

    first, second, auth = make_comment(), make_comment(body="B"), token(alice)
    version = listed(client)["thread"]["version"]
    pin(client, auth, pinned=first)
    pin(client, auth, pinned=second)
    pin(client, auth, pinned=second)
    assert ids(listed(client)) == [second, first]
    assert pin(client, auth, open=True).json["thread"]["pinned"] == second
    assert pin(client, auth, pinned=None).json["thread"]["pinned"] is None
    assert ids(listed(client)) == [first, second]
    assert listed(client)["thread"]["version"] == version + 3
    entries, _ = audit_log.of_site(site, ["thread"], None, 10)
    assert [(e.subject, e.before, e.after) for e in entries] == [
        ("/post", {"pinned_id": second}, {"pinned_id": None}),
        ("/post", {"pinned_id": first}, {"pinned_id": second}),
        ("/post", {"pinned_id": None}, {"pinned_id": first}),
    ]
    assert entries[0].by_account.name == "Alice"


def test_a_pin_ends_when_the_comment_is_withdrawn(client, alice, token, make_comment):
    comment_id, auth = make_comment(), token(alice)
    make_comment(body="A reply", parent=comment_id)
    pin(client, auth, pinned=comment_id)
    decide(client, auth, "reject", comment_id)
    assert listed(client)["thread"]["pinned"] is None
    decide(client, auth, "approve", comment_id)
    assert listed(client)["thread"]["pinned"] is None


def test_a_thread_is_closed_and_opened_also_before_anybody_wrote(client, site, alice, token):
    from tests.support.answers import post

    auth = token(alice)
    assert pin(client, auth, thread="/new", open=False).json["thread"]["open"] is False
    assert listed(client, "/new")["thread"]["open"] is False
    refused = post(client, thread="/new")
    assert refused.status_code == 403
    assert "closed" in refused.json["detail"]
    assert pin(client, auth, thread="/new", open=True).json["thread"]["open"] is True
    assert post(client, thread="/new").status_code == 202


def test_what_cannot_be_pinned(client, alice, token, make_comment):
    auth = token(alice)
    parent = make_comment()
    reply = make_comment(body="A reply", parent=parent)
    waiting = make_comment(status=Status.PENDING, body="Waiting")
    elsewhere = make_comment("/elsewhere")
    for number in (reply, waiting, elsewhere, 10**6, 0, 2**70):
        answer = pin(client, auth, pinned=number)
        assert (answer.status_code, fields_of(answer)) == (422, ["pinned"])
    for fields in ({"pinned": "1"}, {"open": 1}, {"thread": ""}):
        assert pin(client, auth, **fields).status_code == 422
    assert pin(client, auth, thread="/unknown", pinned=parent).status_code == 422
    assert listed(client)["thread"]["pinned"] is None


def test_who_may_not_pin(client, make_comment, mallory, other_site, token, person):
    comment_id = make_comment()
    assert pin(client, {}, pinned=comment_id).status_code == 401
    assert pin(client, person("Carl"), pinned=comment_id).status_code == 404
    assert pin(client, token(mallory), pinned=comment_id).status_code == 404
    assert pin(client, token(mallory, other_site), open=False).status_code == 404
    assert listed(client)["thread"] | {"version": 0} == {
        "key": "/post",
        "title": "A post",
        "url": "",
        "open": True,
        "count": 1,
        "version": 0,
        "pinned": None,
        "votes": "updown",
    }


def undo(client, auth, token):
    return client.post("/api/v1/moderation/undo", json={"undo": token}, headers=auth)


@pytest.mark.parametrize(("field", "value"), [("open", False), ("pinned", None)])
def test_a_change_of_a_thread_answers_with_its_undo(client, alice, mallory, token, make_comment, field, value):
    comment_id, auth = make_comment(), token(alice)
    value = comment_id if field == "pinned" else value
    before = listed(client)["thread"][field]
    made = pin(client, auth, **{field: value}).json
    assert pin(client, auth, **{field: value}).json["undo"] is None
    assert undo(client, token(mallory), made["undo"]).status_code == 404
    assert listed(client)["thread"][field] == value

    undone = undo(client, auth, made["undo"])
    assert (undone.status_code, undone.json["decisions"], undone.json["thread"][field]) == (200, [], before)
    assert listed(client)["thread"][field] == before
    assert undo(client, auth, made["undo"]).status_code == 409
    assert undo(client, auth, undone.json["undo"]).json["thread"][field] == value


def test_the_mode_of_a_thread_is_undone_by_owners(client, alice, bob, token, site):
    made = pin(client, token(alice), mode="off").json
    assert undo(client, token(bob), made["undo"]).status_code == 403
    assert undo(client, token(alice), made["undo"]).status_code == 200


@pytest.mark.parametrize("unknown", ["thread-1000000", "thread-0", "thread-", "thread-1x", f"thread-{2**70}"])
def test_an_undo_that_names_no_change_of_a_thread_is_refused(client, alice, token, unknown):
    assert undo(client, token(alice), unknown).status_code == 404

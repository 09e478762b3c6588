"""The desk's queue as a script uses it: acts that answer in JSON, who was faster, all that match, undo, live counts."""

import re

import pytest

from commentsvc.core.status import Action, Status
from commentsvc.services import edits, moderation
from commentsvc.services.moderation import Moderator
from commentsvc.store import canned_responses, comments, decisions, memberships
from commentsvc.store.appeals import Appeal
from commentsvc.store.db import db
from commentsvc.store.memberships import Role
from commentsvc.store.sanctions import Sanction
from commentsvc.store.transactions import write
from tests.support.cast import set_policy

JSON = {"Accept": "application/json"}


@pytest.fixture
def desk(client, alice, sign_in, csrf):
    """Alice's browser, and a way to send what her page would."""
    sign_in(client, alice)
    token = csrf(client.get("/dashboard/blog/log").text)

    def send(path, on="blog", **fields):
        return client.post(f"/dashboard/{on}/{path}", data={"csrf_token": token, **fields}, headers=JSON)

    send.client = client
    return send


def row(comment_id):
    db.session.rollback()
    return comments.by_id(comment_id)


def test_an_act_answers_with_what_undoes_it_and_the_new_versions(desk, make_comment):
    ids = [make_comment(status=Status.PENDING, body=f"{n}") for n in range(2)]
    answer = desk("decide", action="approve", ids=ids, seen=[f"{i}:1" for i in ids])
    assert (answer.status_code, answer.json["said"], answer.json["done"]) == (200, "2 comments approved.", 2)
    assert answer.json["versions"] == {str(i): 2 for i in ids}
    undone = desk("undo", undo=answer.json["undo"])
    assert (undone.json["said"], undone.json["left"]) == ("Undone.", 0)
    assert undone.json["versions"] == {str(i): 3 for i in ids}
    assert {row(i).status for i in ids} == {"pending"}


def test_who_was_slower_hears_who_was_faster_and_when_and_nothing_changes(desk, bob, make_comment, now):
    ids = [make_comment(status=Status.PENDING, body=f"{n}", name="Carol") for n in range(2)]
    moderation.decide([ids[0]], Action.APPROVE, Moderator(bob), "", now)
    answer = desk("decide", action="spam", ids=ids, seen=[f"{i}:1" for i in ids])
    assert (answer.status_code, answer.json["slug"]) == (409, "changed-since")
    assert re.search(
        r"Bob has already decided: the comment by Carol is approved since \d\d:\d\d:\d\d UTC", answer.json["refused"]
    )
    assert [row(i).status for i in ids] == ["approved", "pending"]


def test_the_api_says_the_same_to_who_sends_versions(client, alice, bob, token, make_comment, now):
    comment_id = make_comment(status=Status.PENDING)
    headers = token(alice)
    seen = client.get("/api/v1/moderation/comments?site=blog", headers=headers).json["comments"][0]["version"]
    moderation.decide([comment_id], Action.REJECT, Moderator(bob), "", now)
    body = {"ids": [comment_id], "action": "approve", "versions": {str(comment_id): seen}}
    answer = client.post("/api/v1/moderation/decisions", json=body, headers=headers)
    assert answer.status_code == 409 and "Bob has already decided" in answer.json["detail"]
    answer = client.post("/api/v1/moderation/decisions", json={**body, "versions": {}}, headers=headers)
    assert answer.status_code == 200


def test_an_edit_counts_as_faster_too(desk, make_comment, now):
    comment_id = make_comment(status=Status.PENDING)
    edits.edit(comment_id, "quite another text", None, row(comment_id).created_at)
    answer = desk("decide", action="approve", ids=[comment_id], seen=[f"{comment_id}:1"])
    assert answer.status_code == 409
    assert row(comment_id).status == "pending"


def test_all_that_match_are_decided_in_parts_and_undone_as_one(desk, make_comment, monkeypatch):
    monkeypatch.setattr(moderation, "BATCH_MAX", 3)
    ids = [make_comment(status=Status.PENDING, body=f"{'buy' if n % 4 else 'hello'} {n}") for n in range(12)]
    listed = desk.client.get("/dashboard/blog/matching?status=pending&q=buy").json
    assert (listed["count"], listed["is_exact"]) == (9, True)
    late = make_comment(status=Status.PENDING, body="buy late")

    fields = {"action": "spam", "status": "pending", "q": "buy", "until": listed["until"]}
    done, batch, left = 0, "", 1
    while left:
        answer = desk("decide-all", **fields, batch=batch).json
        done, batch, left = done + answer["done"], answer["undo"], answer["left"]
    assert done == 9
    assert [row(i).status for i in ids] == ["spam" if n % 4 else "pending" for n in range(12)]
    assert row(late).status == "pending", "what came after the list was looked at stays"

    into, left = "", 1
    while left:
        answer = desk("undo", undo=batch, into=into).json
        into, left = answer["undo"], answer["left"]
    assert {row(i).status for i in ids} == {"pending"}
    assert desk("undo", undo=batch).status_code == 409, "there is nothing left to undo"


def test_an_act_of_somebody_else_cannot_be_gone_on_with(desk, bob, make_comment, now):
    ids = [make_comment(status=Status.PENDING, body=f"{n}") for n in range(2)]
    decided = moderation.decide([ids[0]], Action.SPAM, Moderator(bob), "", now)
    answer = desk("decide-all", action="spam", status="pending", batch=decided.undo)
    assert answer.status_code == 404
    assert row(ids[1]).status == "pending"


def test_a_large_act_leaves_alone_what_was_decided_since(desk, alice, bob, make_comment, monkeypatch, now):
    monkeypatch.setattr(moderation, "BATCH_MAX", 2)
    ids = [make_comment(status=Status.PENDING, body=f"{n}") for n in range(5)]
    batch, left = "", 1
    while left:
        answer = desk("decide-all", action="spam", status="pending", batch=batch).json
        batch, left = answer["undo"], answer["left"]
    moderation.decide([ids[2]], Action.APPROVE, Moderator(bob), "", now)
    into, left = "", 1
    while left:
        answer = desk("undo", undo=batch, into=into).json
        into, left = answer["undo"], answer["left"]
    assert [row(i).status for i in ids] == ["pending", "pending", "approved", "pending", "pending"]


def test_answering_approves_and_publishes_in_one_act_that_one_undo_takes_back(desk, make_comment, now):
    comment_id = make_comment(status=Status.PENDING, body="A question")
    answer = desk("decide", one=f"answer:{comment_id}", **{f"reply-{comment_id}": "An *answer*"})
    assert answer.json["said"] == "Your reply is published."
    assert row(comment_id).status == "approved"
    (reply,) = comments.below(row(comment_id))
    assert (reply.status, reply.author_name, reply.author_role) == ("approved", "Alice", "owner")
    assert "<em>answer</em>" in reply.html
    assert row(comment_id).thread.count == 2

    assert desk("undo", undo=answer.json["undo"]).status_code == 200
    assert (row(comment_id).status, row(reply.id).status) == ("pending", "deleted")
    assert row(comment_id).thread.count == 0


@pytest.mark.parametrize(("words", "status"), [("", 422), ("  ", 422), ("x" * 10_001, 422)])
def test_an_answer_that_cannot_stand_changes_nothing(desk, make_comment, words, status):
    comment_id = make_comment(status=Status.PENDING)
    answer = desk("decide", one=f"answer:{comment_id}", **{f"reply-{comment_id}": words})
    assert answer.status_code == status
    assert row(comment_id).status == "pending"


def test_the_same_answer_twice_is_refused(desk, make_comment):
    comment_id = make_comment(status=Status.PENDING)
    fields = {"one": f"answer:{comment_id}", f"reply-{comment_id}": "Once"}
    assert desk("decide", **fields).status_code == 200
    assert desk("decide", **fields).json["slug"] == "duplicate"


def test_a_moderators_edit_keeps_the_text_before_shows_the_difference_and_is_undone(desk, make_comment):
    comment_id = make_comment(status=Status.APPROVED, body="I like it")
    answer = desk(f"comment/{comment_id}/edit", body="I hate it", version=row(comment_id).version)
    assert answer.json["said"] == "Comment edited."
    assert (row(comment_id).source, row(comment_id).status) == ("I hate it", "approved")
    page = desk.client.get(f"/dashboard/blog/comment/{comment_id}").text
    assert "<del>like</del><ins>hate</ins>" in page and "edited the text" in page

    assert desk("undo", undo=answer.json["undo"]).status_code == 200
    assert row(comment_id).source == "I like it"
    assert "<p>I like it</p>" in row(comment_id).html


def test_an_edit_of_what_has_changed_since_is_refused(desk, make_comment):
    comment_id = make_comment(status=Status.APPROVED)
    assert desk(f"comment/{comment_id}/edit", body="New", version=99).status_code == 409
    assert desk(f"comment/{comment_id}/edit", body="Hello", version=row(comment_id).version).json["slug"] == "no-change"
    assert desk(f"comment/{comment_id}/edit", body=" ", version=row(comment_id).version).status_code == 422
    assert row(comment_id).source == "Hello"


def test_counts_are_small_and_say_when_nothing_moved(desk, make_comment):
    first = make_comment(status=Status.PENDING)
    address = f"/dashboard/blog/counts?status=pending&since={first}"
    answer = desk.client.get(address)
    assert answer.json == {
        "counts": {"pending": 1, "flagged": 0, "approved": 0, "rejected": 0, "spam": 0, "deleted": 0},
        "appeals": 0,
        "new": 0,
    }
    etag = {"If-None-Match": answer.headers["ETag"]}
    assert desk.client.get(address, headers=etag).status_code == 304
    make_comment(status=Status.PENDING, body="new")
    assert desk.client.get(address, headers=etag).json["new"] == 1


def test_words_found_are_marked_in_the_text_and_nothing_else_of_it_changes(desk, make_comment):
    make_comment(status=Status.PENDING, body="A <b>garden</b> & a [gardener](https://garden.example/?garden)")
    page = desk.client.get("/dashboard/blog?q=GARDEN").text
    assert "A &lt;b&gt;<mark>garden</mark>&lt;/b&gt; &amp; a" in page
    assert 'href="https://garden.example/?garden"' in page and "<mark>garden</mark>er</a>" in page


def test_a_query_with_a_status_leads_to_that_list(desk):
    answer = desk.client.get("/dashboard/blog?q=hello+status:spam")
    assert (answer.status_code, answer.location) == (302, "/dashboard/blog?status=spam&q=hello")


def test_a_query_that_is_none_is_answered_in_words_on_the_page(desk, make_comment):
    page = desk.client.get("/dashboard/blog?q=foo:bar")
    assert page.status_code == 422
    assert "“foo:” is not a search filter" in page.text and 'value="foo:bar"' in page.text


def test_a_moderator_sees_addresses_only_when_an_owner_allows(app, site, bob, sign_in, token, make_comment):
    make_comment(status=Status.PENDING, name="Carol")
    bobs = app.test_client()
    sign_in(bobs, bob)
    headers = token(bob)

    def seen():
        page = bobs.get("/dashboard/blog").text
        listed = bobs.get("/api/v1/moderation/comments?site=blog", headers=headers).json["comments"][0]
        found = bobs.get("/dashboard/blog?q=email:carol@example.org")
        by_word = bobs.get("/api/v1/moderation/comments?site=blog&q=carol@example", headers=headers).json["comments"]
        by_author = bobs.get("/api/v1/moderation/comments?site=blog&author=carol@example.org", headers=headers)
        return (
            "carol@example.org" in page or "192.0.2.1" in page,
            (listed["email"], listed["ip"]),
            found.status_code,
            len(by_word),
            by_author.status_code,
        )

    assert seen() == (False, (None, None), 422, 0, 403)
    set_policy(site, moderators_see_addresses=True)
    assert seen() == (True, ("carol@example.org", "192.0.2.1"), 200, 1, 200)


def test_all_sites_are_one_queue_and_acts_reach_only_ones_own(desk, alice, other_site, mallory, make_comment, now):
    ours = make_comment(status=Status.PENDING, body="Ours")
    theirs = make_comment(status=Status.PENDING, body="Theirs", on=other_site)
    page = desk.client.get("/dashboard/_all").text
    assert "Ours" in page and "Theirs" not in page
    assert desk("decide", on="_all", action="approve", ids=[ours, theirs]).status_code == 404
    with write():
        memberships.set_role(alice, other_site, Role.MODERATOR)
    page = desk.client.get("/dashboard/_all").text
    assert "Ours" in page and "Theirs" in page and "Other notes" in page
    assert desk("decide", on="_all", action="approve", ids=[ours, theirs]).json["done"] == 2


def test_what_a_moderator_tells_the_author_is_kept_apart_from_the_note(desk, make_comment):
    comment_id = make_comment(status=Status.PENDING)
    fields = {f"told-{comment_id}": "Please stay on topic.", f"note-{comment_id}": "third time"}
    desk("decide", one=f"reject:{comment_id}", ids=[], **fields)
    decision = decisions.newest(comment_id)
    assert (decision.message, decision.note) == ("Please stay on topic.", "third time")
    assert decisions.messages_to_authors([comment_id]) == {comment_id: "Please stay on topic."}
    desk("decide", one=f"approve:{comment_id}")
    assert row(comment_id).status == "approved"
    assert decisions.messages_to_authors([comment_id]) == {}, "a newer decision has its own words"


def test_canned_notes_are_offered(desk, site):
    with write():
        db.session.add(canned_responses.CannedResponse(site_id=site.id, text="Please stay on topic."))
    assert "Please stay on topic." not in desk.client.get("/dashboard/blog").text, "there is nothing to decide"


def test_mallory_gets_404_everywhere(app, alice, mallory, sign_in, csrf, make_comment):
    comment_id = make_comment(status=Status.PENDING)
    hers = app.test_client()
    sign_in(hers, mallory)
    token = csrf(hers.get("/dashboard/other").text)
    for path in ("counts", "matching", "appeals", f"comment/{comment_id}", f"card/{comment_id}"):
        assert hers.get(f"/dashboard/blog/{path}").status_code == 404, path
        assert "Hello" not in hers.get(f"/dashboard/other/{path}").text
    assert hers.get(f"/dashboard/_all/comment/{comment_id}").status_code == 404
    for path in ("decide-all", f"comment/{comment_id}/edit", f"comment/{comment_id}/uphold", "undo", "decide"):
        for key in ("blog", "other", "_all"):
            form = {
                "csrf_token": token,
                "action": "spam",
                "body": "x",
                "ids": comment_id,
                "one": f"answer:{comment_id}",
            }
            answer = hers.post(f"/dashboard/{key}/{path}", data=form, headers=JSON)
            assert answer.status_code in (200, 404), (key, path)
            assert answer.status_code == 404 or answer.json["done"] == 0
    assert (row(comment_id).status, row(comment_id).source, row(comment_id).version) == ("pending", "Hello", 1)


def test_an_appeal_goes_to_another_moderator_where_there_is_one(app, desk, alice, bob, sign_in, make_comment, now):
    comment_id = make_comment(status=Status.PENDING, body="I was right")
    desk("decide", one=f"reject:{comment_id}")
    with write():
        values = {"against_account_id": alice.id, "created_at": now, "text": "Look again, please"}
        db.session.add(Appeal(site_id=1, comment_id=comment_id, **values))
    assert "Look again" not in desk.client.get("/dashboard/blog/appeals").text
    bobs = app.test_client()
    sign_in(bobs, bob)
    page = bobs.get("/dashboard/blog/appeals").text
    assert "Look again, please" in page and "against the decision by <bdi>Alice</bdi>" in page
    moderation.decide([comment_id], Action.APPROVE, Moderator(bob), "", now)
    assert "Look again" not in bobs.get("/dashboard/blog/appeals").text


def test_who_is_alone_answers_appeals_against_themselves(desk, alice, make_comment, now):
    comment_id = make_comment(status=Status.REJECTED)
    with write():
        values = {"against_account_id": alice.id, "created_at": now, "text": "Look again, please"}
        db.session.add(Appeal(site_id=1, comment_id=comment_id, **values))
    assert "Look again, please" in desk.client.get("/dashboard/blog/appeals").text
    assert desk(f"comment/{comment_id}/uphold").status_code == 200
    assert "Look again" not in desk.client.get("/dashboard/blog/appeals").text
    assert row(comment_id).status == "rejected"


def test_what_readers_report_has_its_own_list_and_keeping_it_answers_them(desk, site, make_comment):
    comment_id = make_comment(body="Reported")
    quiet = make_comment(body="Quiet")
    report = {"reason": "abuse", "text": "He <b>insults</b> me"}
    assert desk.client.post(f"/api/v1/comments/{comment_id}/flag", json=report).status_code in (200, 201, 202)
    page = desk.client.get("/dashboard/blog?status=flagged").text
    assert "Reported" in page and "Quiet" not in page
    assert "<b>abusive</b>" in page and "He &lt;b&gt;insults&lt;/b&gt; me" in page and "Dismiss reports<kbd" in page
    assert desk.client.get("/dashboard/blog/counts?status=flagged").json["counts"]["flagged"] == 1

    kept = desk("decide", one=f"approve:{comment_id}", seen=f"{comment_id}:{row(comment_id).version}")
    assert kept.status_code == 200
    assert desk.client.get("/dashboard/blog/counts").json["counts"]["flagged"] == 0
    assert (row(comment_id).status, row(quiet).status) == ("approved", "approved")
    desk("undo", undo=kept.json["undo"])
    assert desk.client.get("/dashboard/blog/counts").json["counts"]["flagged"] == 1


def test_a_card_shows_what_was_decided_about_its_author_and_how_like_spam_it_is(desk, alice, make_comment, now):
    comment_id = make_comment(status=Status.PENDING, name="Carol")
    make_comment(status=Status.PENDING, name="Dave", body="Other")
    with write():
        comments.by_id(comment_id).spam_score = 0.873
        values = {"site_id": 1, "kind": "hold", "subject": "email:carol@example.org", "token": "t", "created_at": now}
        db.session.add(Sanction(**values))
    page = desk.client.get("/dashboard/blog?sort=likely-spam").text
    assert page.count('class="chip sanction">hold</span>') == 1 and "87% likely spam" in page
    assert next(int(n) for n in re.findall(r'id="comment-(\d+)"', page)) == comment_id
    assert desk.client.get("/dashboard/blog?sort=best").status_code == 422

"""Rights of tokens: an edit token for its comment, a personal token for its site."""

from datetime import UTC, datetime

import pytest

from commentsvc.core import tokens
from commentsvc.core.status import Status
from commentsvc.services import moderation
from commentsvc.services import sanctions as sanctions_service
from commentsvc.services.moderation import Moderator
from commentsvc.services.sanctions import SanctionOrder
from commentsvc.store import accounts
from commentsvc.store import sanctions as stored_sanctions
from commentsvc.store.db import db
from commentsvc.store.transactions import write
from tests.support.cast import BLOG, OTHER

WRONG = ("0" * 64, "", "junk", "é")


@pytest.fixture
def admin(site, other_site, now):
    with write():
        return accounts.make_account("root@example.org", "Root", True, now)


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("status", [Status.APPROVED, Status.PENDING, Status.SPAM, Status.DELETED])
def test_a_wrong_edit_token_gives_what_nobody_gets(client, make_comment, status, wrong):
    comment_id = make_comment(status=status, body="My *words*")
    for path_of in ("/api/v1/comments/{}", "/embed/v1/comment?id={}"):
        path = path_of.format(comment_id)
        nobody, guessed = client.get(path), client.get(path, headers={"X-Edit-Token": wrong})
        assert (guessed.status_code, guessed.data) == (nobody.status_code, nobody.data)
        assert guessed.headers.get("Cache-Control") == nobody.headers.get("Cache-Control")
        assert b"My *words*" not in guessed.data
        missing = client.get(path_of.format(999_999), headers={"X-Edit-Token": wrong})
        if status is not Status.APPROVED:
            assert (guessed.status_code, guessed.json) == (404, missing.json)


@pytest.mark.parametrize("status", [Status.APPROVED, Status.PENDING, Status.REJECTED])
def test_a_wrong_edit_token_does_not_tell_which_comments_there_are(client, make_comment, status):
    comment_id = make_comment(status=status)
    for origin in (BLOG, OTHER, "https://evil.example"):
        headers = {"X-Edit-Token": "0" * 64, "Origin": origin, "Accept-Language": "de"}
        answers = [
            (client.patch(path, json={"body": "x"}, headers=headers), client.delete(path, headers=headers))
            for path in (f"/api/v1/comments/{comment_id}", "/api/v1/comments/999999")
        ]
        for there, missing in zip(*answers, strict=True):
            assert there.status_code == 404 and there.json == missing.json
        bare = {"Origin": origin}
        assert client.delete(f"/api/v1/comments/{comment_id}", headers=bare).status_code == 401
        assert client.delete("/api/v1/comments/999999", headers=bare).status_code == 401


def test_the_author_still_reads_and_changes_their_comment(app, client, make_comment):
    comment_id = make_comment(status=Status.PENDING, body="My words")
    own = {"X-Edit-Token": tokens.edit_token(app.secret_key, comment_id), "Origin": BLOG}
    answer = client.get(f"/api/v1/comments/{comment_id}", headers=own)
    assert answer.json["body"] == "My words" and answer.headers["Cache-Control"] == "private, no-store"
    # Only who wrote it learns that the page it is on may not write.
    refused = client.delete(f"/api/v1/comments/{comment_id}", headers={**own, "Origin": "https://evil.example"})
    assert refused.status_code == 403


def test_an_admins_token_of_one_site_sanctions_on_that_site_alone(client, admin, token, site, other_site):
    asked = {"site": "blog", "kind": "ban", "subject_kind": "email", "subject": "eve@example.org"}
    bound, free = token(admin, site), token(admin)
    path = "/api/v1/moderation/sanctions"
    assert client.post(path, json={**asked, "everywhere": True}, headers=bound).status_code == 403
    assert client.post(path, json={**asked, "site": "other"}, headers=bound).status_code == 404
    assert client.post(path, json=asked, headers=bound).json["everywhere"] is False
    assert client.post(path, json={**asked, "everywhere": True}, headers=free).json["everywhere"] is True


def test_an_admins_token_of_one_site_lifts_and_undoes_there_alone(
    client, admin, token, site, other_site, make_comment, now
):
    everywhere = sanctions_service.impose(
        site, SanctionOrder("ban", "email", "eve@example.org", everywhere=True), Moderator(admin), now
    )
    elsewhere = sanctions_service.impose(
        other_site, SanctionOrder("ban", "email", "eve@example.org"), Moderator(admin), now
    )
    there = make_comment(on=other_site)
    decided = moderation.decide([there], "reject", Moderator(admin), "", datetime.now(UTC))
    bound = token(admin, site)
    for sanction_id in (everywhere.id, elsewhere.id):
        for key in ("blog", "other"):
            path = f"/api/v1/moderation/sanctions/{sanction_id}?site={key}"
            assert client.delete(path, headers=bound).status_code == 404
    db.session.rollback()
    assert {s.lifted_at for s in (stored_sanctions.by_id(everywhere.id), stored_sanctions.by_id(elsewhere.id))} == {
        None
    }
    assert client.post("/api/v1/moderation/undo", json={"undo": decided.undo}, headers=bound).status_code == 404
    for path in (
        "comments?site=other", "decisions?site=other", "rules?site=other", "sanctions?site=other",
        f"comments/{there}/judgement",
    ):  # fmt: skip
        assert client.get(f"/api/v1/moderation/{path}", headers=bound).status_code == 404, path
    assert client.get(f"/api/v1/comments/{there}", headers=bound).status_code == 404
    assert client.get("/api/v1/viewer?site=other&thread=/post", headers=bound).status_code == 403
    acts = {"ids": [there], "action": "approve"}
    assert client.post("/api/v1/moderation/decisions", json=acts, headers=bound).status_code == 404
    assert client.delete(f"/api/v1/moderation/sanctions/{everywhere.id}?site=blog", headers=token(admin)).json[
        "lifted_at"
    ]

"""A saved comment is answered as saved, also when the database fails before the response is made."""

import logging
from contextlib import contextmanager

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DataError, OperationalError

from commentsvc.store.db import db, is_postgres
from commentsvc.store.db_errors import first_line
from tests.support.answers import decide, post
from tests.support.cast import BLOG


@contextmanager
def dying_after_the_commit():
    """The first commit that follows is the last thing that the database does."""
    engine, is_dead = db.engine, []

    def commit(_connection):
        is_dead.append(True)

    def execute(*_):
        if is_dead:
            raise OperationalError("", {}, ConnectionError("the server is gone"))

    event.listen(engine, "commit", commit)
    event.listen(engine, "before_cursor_execute", execute)
    try:
        yield
    finally:
        event.remove(engine, "commit", commit)
        event.remove(engine, "before_cursor_execute", execute)
    assert is_dead, "nothing was saved"


def test_a_comment_is_answered_and_its_page_may_read_the_answer(client, site):
    with dying_after_the_commit():
        answer = post(client)
    assert answer.status_code == 202, answer.text
    assert answer.headers["Access-Control-Allow-Origin"] == BLOG


def test_what_authors_and_readers_change_is_answered(client, site, make_comment, person):
    posted = post(client).json
    own = {"X-Edit-Token": posted["edit_token"], "Origin": BLOG}
    address = f"/api/v1/comments/{posted['id']}"
    with dying_after_the_commit():
        assert client.patch(address, json={"body": "Changed"}, headers=own).status_code == 202
    with dying_after_the_commit():
        assert client.delete(address, headers=own).status_code == 204
    comment_id, reader = make_comment(), person("Dan")
    reader["Origin"] = BLOG
    with dying_after_the_commit():
        assert client.put(f"/api/v1/comments/{comment_id}/vote", json={"value": 1}, headers=reader).status_code == 200
    with dying_after_the_commit():
        report = {"reason": "spam"}
        assert client.post(f"/api/v1/comments/{comment_id}/flag", json=report, headers=reader).status_code < 300


def test_decisions_are_answered(client, site, alice, token, make_comment):
    comment_id, auth = make_comment(status="pending"), token(alice)
    with dying_after_the_commit():
        answer = decide(client, auth, "approve", comment_id)
    assert answer.status_code == 200, answer.text
    with dying_after_the_commit():
        undone = client.post("/api/v1/moderation/undo", json={"undo": answer.json["undo"]}, headers=auth)
    assert undone.status_code == 200, undone.text


def test_a_refused_query_is_logged_without_the_words_of_a_comment(app, client, site, make_comment, caplog):
    words = "unmistakable" + "words"
    make_comment(body=words)

    @app.get("/refused")
    def refused():
        db.session.execute(text("UPDATE comment SET status = NULL, source = :said"), {"said": words})

    with caplog.at_level(logging.INFO):
        assert client.get("/refused").status_code == 500
    assert "the database refused a query" in caplog.text
    assert words not in caplog.text and "carol@example.org" not in caplog.text


def test_the_first_line_of_an_error_quotes_no_value(app):
    if not is_postgres():
        pytest.skip("SQLite quotes none")
    with pytest.raises(DataError) as caught:
        db.session.execute(text("SELECT CAST(:said AS integer)"), {"said": "unmistakablewords"})
    assert "unmistakablewords" not in first_line(caught.value)
    db.session.rollback()

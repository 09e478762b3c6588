"""What a process is told of changed pages: every change once, in whatever order transactions commit."""

import pytest
from sqlalchemy import delete, insert, update

from commentsvc.store import page_changes, threads
from commentsvc.store.counters import StatusCount
from commentsvc.store.db import db
from commentsvc.store.page_changes import PageChange
from commentsvc.store.sites import Site
from commentsvc.store.threads import Thread
from commentsvc.store.transactions import write
from commentsvc.store.versions import ALL_THREADS

POST, OTHER = threads.hash_of("/post"), threads.hash_of("/other")


@pytest.fixture
def changes(app, site, make_comment):
    """A reader that has seen all until now; the site has a comment on /post."""
    make_comment()
    reader = page_changes.change_reader(app)
    assert reader.read() is None, "what it holds from before it may know nothing about"
    assert reader.read() == set()
    return reader


def test_a_comment_changes_the_pages_of_its_thread_and_of_all_threads(changes, site, make_comment):
    make_comment(body="another")
    assert changes.read() == {(site.id, POST), (site.id, ALL_THREADS)}
    assert changes.read() == set()


def test_a_comment_that_waits_changes_no_page(changes, make_comment):
    make_comment(status="pending", body="another")
    assert changes.read() == set()


def test_a_new_thread_changes_the_page_that_had_none(changes, site, make_comment):
    make_comment(thread_key="/other")
    assert (site.id, OTHER) in changes.read()


@pytest.mark.parametrize(
    ("change", "keys"),
    [
        (update(Thread).values(version=Thread.version + 1), {POST}),
        (update(Thread).values(key="/other", key_hash=OTHER), {POST, OTHER}),
        (update(Site).values(version=Site.version + 1), {None}),
        (update(StatusCount).values(version=StatusCount.version + 1), {ALL_THREADS}),
        (update(Site).values(name="Another name"), set()),
        (delete(StatusCount), {ALL_THREADS}),
    ],
)
def test_each_version_that_pages_are_known_by_is_followed(changes, site, change, keys):
    with write():
        db.session.execute(change)
    assert changes.read() == {(site.id, key) for key in keys}


def test_what_is_rolled_back_has_not_changed(changes, site):
    db.session.execute(update(Thread).values(version=7))
    db.session.rollback()
    assert changes.read() == set()


def test_a_transaction_that_commits_late_is_seen_though_a_later_one_came_before_it(changes, site, app):
    """On PostgreSQL the one that began first has the lower number; on SQLite the second waits for the first."""
    if db.engine.dialect.name == "sqlite":
        pytest.skip("SQLite runs one writing transaction after another")
    with db.engine.connect() as slow, db.engine.connect() as quick:
        slow.execute(update(Thread).values(version=7))
        quick.execute(insert(PageChange).values(site_id=site.id, key_hash=OTHER))
        quick.commit()
        assert changes.read() == {(site.id, OTHER)}
        assert changes.read() == set(), "told once, although it is read again"
        slow.commit()
    assert changes.read() == {(site.id, POST)}
    assert changes.read() == set()


def test_who_was_away_while_rows_were_deleted_is_told_that_anything_may_have_changed(
    changes, site, app, make_comment, monkeypatch
):
    monkeypatch.setattr(page_changes, "KEPT", 2)
    awake = page_changes.change_reader(app)
    awake.read()
    for number in range(3):
        make_comment(body=f"number {number}")
        assert awake.read() == {(site.id, POST), (site.id, ALL_THREADS)}
        with write():
            assert page_changes.delete_old() is False
        assert awake.read() == set()
    assert db.session.query(PageChange).count() == 2
    assert changes.read() is None
    assert changes.read() == set()


def test_another_database_in_the_same_place_is_noticed(changes, site, app, make_comment):
    with write():
        db.session.execute(delete(PageChange))
    if db.engine.dialect.name == "sqlite":  # PostgreSQL's transactions go on counting in another database
        assert changes.read() is None

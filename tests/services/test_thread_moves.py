"""Threads get other keys, are merged and deleted; former keys lead to them, and each of it is undone."""

import pytest
from sqlalchemy import select

from commentsvc.core.errors import Conflict, Invalid, NotFound
from commentsvc.core.status import Status
from commentsvc.services import recounts, thread_deletion, thread_moves, thread_settings
from commentsvc.services.thread_settings import find_entry
from commentsvc.store import audit_log, comments, sites, thread_aliases, threads
from commentsvc.store.audit_log import ActorKind
from commentsvc.store.db import Base, db
from commentsvc.store.threads import Thread
from tests.support.cast import set_policy
from tests.support.clocks import next_window
from tests.support.invariants import check_kept_numbers

CLI = ActorKind.COMMAND_LINE


@pytest.fixture
def move(site, now):
    return lambda old, new, by=CLI: thread_moves.move(site.id, old, new, by, "", now)


@pytest.fixture
def merge(site, now):
    return lambda source, into, by=CLI: thread_moves.merge(site.id, source, into, by, "", now)


@pytest.fixture
def undo(now):
    return lambda change, by=CLI: thread_moves.undo(find_entry(change.undo), by, "", now)


@pytest.fixture(autouse=True)
def nothing_is_off(site):
    yield
    assert recounts.check(sites.by_key("blog"), lambda _: None) == []
    check_kept_numbers()


def kept():
    """Everything of threads, as far as a reader or moderator can tell."""
    db.session.rollback()
    names = ("id", "key", "title", "url", "is_open", "mode", "count", "pinned_id", "is_title_fixed")
    found = db.session.scalars(select(Thread).order_by(Thread.id))
    return [(*(getattr(t, name) for name in names), thread_aliases.keys_of(t.id)) for t in found]


def test_a_former_key_leads_to_the_moved_thread(site, make_comment, move, shown, client):
    first = make_comment("/old")
    assert shown("/old") == ("/old", [first])

    move("/old/", "/new/")

    assert shown("/old/") == shown("/new") == ("/new", [first])
    second = make_comment("/old", body="Again")
    assert shown("/new") == ("/new", [first, second])
    asked = {"site": "blog", "thread": ["/old/", "/new?utm=x", "/other"]}
    assert client.get("/api/v1/counts", query_string=asked).json["counts"] == {
        "/old/": 2,
        "/new?utm=x": 2,
        "/other": 0,
    }
    assert "Hello" in client.get("/feeds/blog.atom?thread=/old").text
    assert f"comment-{second}" in client.get("/t/blog?thread=/old").text


def test_a_cached_page_is_not_served_after_a_move(app, site, make_comment, move, undo, client):
    def cached(key):
        next_window(app)
        return client.get("/api/v1/comments", query_string={"site": "blog", "thread": key}).json["thread"]["key"]

    make_comment("/old", status=Status.PENDING)  # such a thread has the version of no thread
    assert [cached(key) for key in ("/old", "/new")] == ["/old", "/new"]
    moved = move("/old", "/new")
    assert [cached(key) for key in ("/old", "/new")] == ["/new", "/new"]
    undo(moved)
    assert [cached(key) for key in ("/old", "/new")] == ["/old", "/new"]
    make_comment("/old", body="Another")
    assert client.get("/api/v1/counts?site=blog&thread=/old").json["counts"] == {"/old": 1}


def test_a_move_is_undone_and_the_undoing_too(site, make_comment, move, undo, shown):
    make_comment("/old", url="https://blog.example/old/")
    before = kept()
    moved = move("/old", "/new/")
    after = kept()
    undone = undo(moved)
    assert kept() == before
    assert shown("/new") == ("/new", [])
    undo(undone)
    assert kept() == after
    with pytest.raises(Conflict):
        undo(undone)


def test_a_thread_can_move_back_and_that_is_undone(site, make_comment, move, undo):
    make_comment("/a")
    move("/a", "/b")
    before = kept()
    back = move("/b", "/a")
    assert [row[-1] for row in kept()] == [["/b"]]
    undo(back)
    assert kept() == before


@pytest.mark.parametrize(
    ("url", "new", "expected"),
    [
        ("https://blog.example/old/", "/new/", "https://blog.example/new/"),
        ("https://blog.example/old/", "https://blog.example/Neu?p=1#x", "https://blog.example/Neu?p=1"),
        ("https://blog.example/old/", "/über uns", "https://blog.example/%C3%BCber%20uns"),
        ("https://blog.example/old/", "post-12", "https://blog.example/old/"),
        ("https://blog.example/elsewhere", "/new/", "https://blog.example/elsewhere"),
        ("", "/new/", ""),
    ],
)
def test_the_address_of_the_page_follows(site, make_comment, move, undo, url, new, expected):
    comment_id = make_comment("/old", url=url)
    moved = move("/old", new)
    assert kept()[0][3] == expected
    assert comments.by_id(comment_id).page_url == expected
    undo(moved)
    assert kept()[0][3] == url


def test_a_move_to_a_page_with_comments_is_refused_and_names_merge(site, make_comment, move):
    make_comment("/old")
    make_comment("/new")
    with pytest.raises(Conflict, match="Use merge") as caught:
        move("/old", "/new/")
    assert caught.value.slug == "taken"


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("/unknown", "/new", NotFound),
        ("/old", "/old/", Conflict),
        ("/old", "", Invalid),
        ("/old", "/a\n", Invalid),
        ("/old", "https://other.example/new", Invalid),
    ],
)
def test_what_cannot_be_moved(site, make_comment, move, old, new, error):
    make_comment("/old")
    before = kept()
    with pytest.raises(error):
        move(old, new)
    assert kept() == before


def test_a_merge_keeps_everything_and_the_targets_title_and_pin(site, alice, make_comment, merge, shown, now):
    root = make_comment("/from", title="From")
    reply = make_comment("/from", parent=root, name="Dave")
    waiting = make_comment("/from", status=Status.PENDING, body="Later")
    target = make_comment("/into", title="Into")
    thread_settings.tend(site, "/from", {"pinned_id": root}, alice, "", now)
    thread_settings.tend(site, "/into", {"pinned_id": target}, alice, "", now)
    dates = {c.id: c.created_at for c in comments.of_ids([root, reply, waiting])}

    merged = merge("/from/", "/into/", alice)

    assert merged.comments == 3
    ((_, key, title, _, _, _, count, pinned, _, former),) = kept()
    assert (key, title, count, pinned, former) == ("/into", "Into", 3, target, ["/from"])
    assert {c.id: c.created_at for c in comments.of_ids(dates)} == dates
    assert shown("/from") == ("/into", [target, root, reply])


def test_a_merge_is_undone_with_the_replies_that_came_since(site, alice, make_comment, move, merge, undo, shown, now):
    root = make_comment("/first", title="From", url="https://blog.example/first")
    thread_settings.tend(site, "/first", {"pinned_id": root, "mode": "off"}, alice, "", now)
    move("/first", "/from")
    target = make_comment("/into", title="Into")
    before = kept()

    merged = merge("/from", "/into", alice)
    assert shown("/first") == ("/into", [root, target])
    reply = make_comment("/from", parent=root, name="Dave")
    fresh = make_comment("/from", name="Erin", body="Hi")
    undo(merged, alice)

    db.session.rollback()
    assert shown("/first") == ("/from", [root, reply])
    assert shown("/into") == ("/into", [target, fresh])
    changed = [(*row[:6], *row[7:]) for row in kept()]
    assert changed == [(*row[:6], *row[7:]) for row in before]
    with pytest.raises(Conflict):
        undo(merged)


def test_merges_are_undone_in_order(site, make_comment, merge, undo, shown):
    a, b, c = make_comment("/a"), make_comment("/b"), make_comment("/c")
    first, second = merge("/a", "/b"), merge("/b", "/c")
    with pytest.raises(Conflict):
        undo(first)
    undo(second)
    assert shown("/a") == ("/b", [a, b])
    undo(first)
    assert [shown(key) for key in ("/a", "/b", "/c")] == [("/a", [a]), ("/b", [b]), ("/c", [c])]


def test_votes_come_along(site, make_comment, person, merge, undo, client):
    comment_id = make_comment("/from")
    make_comment("/into", name="Erin")
    dave = person("Dave")
    assert client.put(f"/api/v1/comments/{comment_id}/vote", json={"value": 1}, headers=dave).status_code == 200
    merged = merge("/from", "/into")
    viewer = client.get("/api/v1/viewer?site=blog&thread=/into", headers=dave)
    assert viewer.json["votes"] == {str(comment_id): 1}
    undo(merged)
    assert client.get("/api/v1/viewer?site=blog&thread=/into", headers=dave).json["votes"] == {}


@pytest.mark.parametrize(
    ("source", "into", "error"), [("/a", "/a/", Conflict), ("/x", "/a", NotFound), ("/a", "/x", NotFound)]
)
def test_what_cannot_be_merged(site, make_comment, merge, source, into, error):
    make_comment("/a")
    with pytest.raises(error):
        merge(source, into)


@pytest.mark.parametrize("by_name", ["alice", "command line"])
def test_a_deleted_thread_is_restored_as_it_was(site, alice, make_comment, shown, undo, now, by_name):
    by = alice if by_name == "alice" else CLI
    root = make_comment("/post")
    make_comment("/post", parent=root, status=Status.PENDING, name="Dave")
    make_comment("/post", status=Status.SPAM, name="Erin")
    gone = make_comment("/post", status=Status.DELETED, name="Fred")
    thread_settings.tend(site, "/post", {"pinned_id": root}, alice, "", now)
    before = {c.id: c.status for c in comments.of_ids(range(root, gone + 1))}
    rows = kept()

    deleted = thread_deletion.delete(site, "/post/", by, "", now)

    assert deleted.comments == 3
    assert shown("/post") == ("/post", [])
    assert {c.status for c in comments.of_ids(before)} == {Status.DELETED}
    assert not threads.find(site, "/post").is_open
    with pytest.raises(Conflict):
        thread_deletion.delete(site, "/post", by, "", now)
    undo(deleted, by)
    assert {c.id: c.status for c in comments.of_ids(before)} == before
    assert kept() == rows
    with pytest.raises(Conflict):
        undo(deleted, by)


def test_everything_is_in_the_audit_log_with_its_actor(site, alice, make_comment, move, merge, undo, now):
    make_comment("/a")
    make_comment("/b")
    move("/a", "/c", alice)
    undo(merge("/c", "/b"), alice)
    thread_deletion.delete(site, "/b", CLI, "", now)
    entries, _ = audit_log.of_site(site, (), None, 10)
    assert [(e.kind, e.actor_name) for e in entries] == [
        ("thread-delete", "the command line"),
        ("thread-merge", "Alice"),
        ("thread-merge", "the command line"),
        ("thread-move", "Alice"),
    ]


def test_a_setting_is_changed_together_with_a_move(site, alice, make_comment, now):
    make_comment("/old", url="https://blog.example/old")
    changes = {"title": "Better", "url": "https://blog.example/other"}
    thread_moves.move(site.id, "/old", "/new", alice, "", now, changes)
    assert kept()[0][1:4] == ("/new", "Better", "https://blog.example/other")


def test_all_tables_that_name_a_thread_follow_a_merge():
    """A new table with a thread must be moved in store/thread_merges.py, and deleted with its site."""
    naming = {
        table.name
        for table in Base.metadata.sorted_tables
        for key in table.foreign_keys
        if key.column.table.name == "thread"
    }
    assert naming == {"comment", "vote", "thread_alias", "thread_subscription"}


def test_a_site_that_keeps_slashes_has_two_pages(site, make_comment, move, shown):
    set_policy(site, trailing_slash="keep")
    comment_id = make_comment("/a/")
    assert shown("/a") == ("/a", [])
    assert shown("/a/") == ("/a/", [comment_id])
    move("/a/", "/a")
    assert shown("/a/") == ("/a", [comment_id])

"""Moves and deletions of sites: addresses follow, other sites keep everything, and an export brings a site back."""

import pytest
from sqlalchemy import select

from commentsvc.core.errors import Conflict, Invalid
from commentsvc.core.policy import Mode
from commentsvc.services import exports, import_lines, recounts, site_moves
from commentsvc.store import site_rows, sites, threads, whole_tables
from commentsvc.store.audit_log import ActorKind, AuditEntry
from commentsvc.store.comments import Comment
from commentsvc.store.db import Base, db
from commentsvc.store.threads import Thread
from commentsvc.store.transactions import write
from tests.support import random_site
from tests.support.cast import add_site

CLI = ActorKind.COMMAND_LINE


def test_a_site_moves_with_the_addresses_of_its_pages(site, make_comment, now, monkeypatch):
    monkeypatch.setattr(site_rows, "AT_ONCE", 2)
    origin = site.origins[0].origin
    for n in range(5):
        make_comment(thread_key=f"/{n}", url=f"{origin}/{n}")
    make_comment(thread_key="/other", url="https://elsewhere.example/other")
    versions = dict(db.session.execute(select(Thread.key, Thread.version)).all())
    moved = site_moves.move(site, origin, "https://new.example", CLI, now)
    db.session.expire_all()
    assert (moved.threads, moved.comments) == (5, 5)
    assert [one.origin for one in sites.by_key("blog").origins] == ["https://new.example"]
    found = {thread.key: thread for thread in db.session.scalars(select(Thread))}
    assert {key: thread.url for key, thread in found.items() if key != "/other"} == {
        f"/{n}": f"https://new.example/{n}" for n in range(5)
    }
    assert all(found[f"/{n}"].version > versions[f"/{n}"] for n in range(5))
    assert found["/other"].url != "https://new.example/other"
    kinds = db.session.scalars(select(AuditEntry.kind).where(AuditEntry.actor == CLI)).all()
    assert {"setting", "site-move"} <= set(kinds)
    again = site_moves.move(sites.by_key("blog"), origin, "https://new.example", CLI, now)
    assert (again.threads, again.comments) == (0, 0)


def test_the_address_that_a_page_gave_itself_moves_with_the_site(site, make_comment, now):
    origin = site.origins[0].origin
    make_comment(thread_key="/read", url=f"{origin}/read?x=1"), make_comment(thread_key="/fixed", name="Dave")
    with write():
        for key, url in (("/read", f"{origin}/read"), ("/fixed", "https://elsewhere.example/fixed")):
            thread = threads.find(site, key)
            thread.page_url, thread.url = f"{origin}{key}", url
    site_moves.move(site, origin, "https://new.example", CLI, now)
    db.session.expire_all()
    found = {one.key: (one.page_url, one.url) for one in db.session.scalars(select(Thread))}
    assert found == {
        "/read": ("https://new.example/read", "https://new.example/read"),
        "/fixed": ("https://new.example/fixed", "https://elsewhere.example/fixed"),
    }


def test_a_move_from_an_unknown_origin_says_which_are_known(site, now):
    with pytest.raises(Invalid, match=site.origins[0].origin):
        site_moves.move(site, "https://nobody.example", "https://new.example", CLI, now)


def test_a_deleted_site_is_gone_from_every_table_and_others_keep_all(app, now, tmp_path):
    random_site.fill("one", 1, now)
    random_site.fill("two", 2, now)
    file = tmp_path / "one.jsonl"
    file.write_text("".join(exports.json_lines("one", now)), "utf-8")
    kept = "".join(list(exports.json_lines("two", now))[1:])
    site_id = sites.by_key("one").id
    counts = site_moves.delete(sites.by_key("one"), CLI, now)
    assert counts["comment"] > 0 and counts["site"] == 1
    db.session.expire_all()
    assert [site.key for site in sites.all_sites()] == ["two"]
    for table in (Base.metadata.tables[name] for name in whole_tables.names()):
        if "site_id" in table.c:
            assert db.session.execute(select(table).where(table.c.site_id == site_id)).first() is None, table.name
    comments = set(db.session.scalars(select(Comment.id)))
    for name in ("revision", "vote", "flag", "decision", "comment_words", "appeal"):
        assert {row["comment_id"] for row in whole_tables.read(name)} <= comments, name
    assert "".join(list(exports.json_lines("two", now))[1:]) == kept
    assert recounts.check(sites.by_key("two"), lambda _: None) == []

    add_site("one", "https://one.example", Mode.ALL, now)
    report = import_lines.run(file, sites.by_key("one"), False, lambda *_: None, CLI, now)
    assert report.problems == []
    assert "".join(list(exports.json_lines("one", now))[1:]) == "".join(file.read_text().splitlines(True)[1:])


def test_a_deletion_must_be_confirmed():
    with pytest.raises(Conflict, match="--yes"):
        site_moves.check_is_meant(False, "blog")

"""Rendering again: older or differing HTML is replaced, pages are rebuilt, and what is right is not written."""

import pytest
from sqlalchemy import select, update

from commentsvc.core import sanitizer
from commentsvc.core.status import Status
from commentsvc.services import moderation, rerender
from commentsvc.services.moderation import Moderator
from commentsvc.store import comments, counters
from commentsvc.store import rerender as stored_rerender
from commentsvc.store.audit_log import AuditEntry
from commentsvc.store.comments import Comment
from commentsvc.store.db import db
from commentsvc.store.threads import Thread
from commentsvc.store.transactions import write
from tests.support.invariants import check_kept_numbers

TOO_DEEP = "> " * 60 + "deep"


@pytest.fixture
def old(app):
    """Give a comment HTML as an older version would have made it."""

    def make(comment_id, **values):
        with write():
            values = {"renderer": "md0", "html": "<p>old</p>", **values}
            db.session.execute(update(Comment).where(Comment.id == comment_id).values(**values))

    return make


def run(site=None, pauses=None):
    report = rerender.run(site, lambda read, share: None, moment(), (pauses if pauses is not None else []).append)
    db.session.rollback()
    return report


def moment():
    from datetime import UTC, datetime

    return datetime(2026, 1, 1, tzinfo=UTC)


def stored(comment_id):
    row = db.session.get(Comment, comment_id, populate_existing=True)
    return row.html, row.renderer


def version_of(comment_id):
    return db.session.scalar(select(Thread.version).join(Comment).where(Comment.id == comment_id))


def test_older_html_is_replaced_and_its_page_rebuilt(site, make_comment, old):
    one, other = make_comment(body="see https://a.example"), make_comment("/other", body="as it was")
    old(one)
    versions = [version_of(one), version_of(other), counters.version_of(site)]

    report = run()

    assert (report.read, report.changed, report.renamed, report.refused) == (2, 1, 0, [])
    assert stored(one) == (sanitizer.to_html("see https://a.example"), sanitizer.RENDERER)
    assert [version_of(one), version_of(other), counters.version_of(site)] == [
        versions[0] + 1,
        versions[1],
        versions[2] + 1,
    ]
    check_kept_numbers()  # the search index knows that it has a link now
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.kind == "rerender")).one()
    assert (entry.actor, entry.after) == ("command line", {"changed": 1})


def test_html_that_is_right_gets_the_new_name_without_a_new_page(make_comment, old):
    one = make_comment(body="Hello")
    html = stored(one)[0]
    old(one, html=html)
    version = version_of(one)
    report = run()
    assert (report.changed, report.renamed) == (0, 1)
    assert stored(one) == (html, sanitizer.RENDERER)
    assert version_of(one) == version


def test_the_html_of_imported_comments_is_rendered_as_html(make_comment, old):
    one = make_comment(body="placeholder")
    old(one, renderer="html0", source="<b>bold</b><script>x</script>")
    run()
    assert stored(one) == (sanitizer.html_to_html("<b>bold</b><script>x</script>"), sanitizer.HTML_RENDERER)


def test_a_source_that_is_refused_today_keeps_its_html_cleaned_again(make_comment, old):
    one = make_comment()
    old(one, source=TOO_DEEP, html="<p onclick='x()'>as <b>accepted</b></p>")
    report = run()
    assert [one.comment_id for one in report.refused] == [one]
    assert "levels deep" in report.refused[0].reason
    assert stored(one) == (sanitizer.clean("<p onclick='x()'>as <b>accepted</b></p>"), sanitizer.RENDERER)
    assert rerender.outdated_count(None) == 0


def test_a_second_run_writes_nothing(make_comment, old):
    old(make_comment())
    run()
    pauses = []
    report = run(pauses=pauses)
    assert (report.read, report.changed, report.renamed, pauses) == (1, 0, 0, [])


def test_a_run_that_was_ended_goes_on_with_the_next_comment(make_comment, old, monkeypatch):
    monkeypatch.setattr(rerender, "BATCH", 1)
    ids = [make_comment(body=f"Text {number}") for number in range(3)]
    for comment_id in ids:
        old(comment_id)

    def die(_seconds):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rerender.run(None, lambda read, share: None, moment(), die)
    db.session.rollback()
    assert [stored(comment_id)[1] for comment_id in ids] == [sanitizer.RENDERER, "md0", "md0"]
    pauses = []
    assert run(pauses=pauses).changed == 2
    assert len(pauses) == 2 and min(pauses) >= rerender.PAUSE_S


def test_a_comment_that_is_edited_meanwhile_keeps_its_new_text(site, make_comment, old, alice, now):
    one = make_comment(body="Before")
    old(one)

    def edit(_read, _share):
        moderation.edit(one, "After", Moderator(alice), None, now)

    report = rerender.run(None, edit, now, lambda seconds: None)
    db.session.rollback()
    assert comments.by_id(one).html == "<p>After</p>\n" == stored(one)[0]
    assert report.read == 1
    check_kept_numbers()


def test_a_dry_run_shows_the_differences_and_changes_nothing(make_comment, old):
    one = make_comment(body="New")
    old(one)
    report = rerender.check(None, lambda read, share: None)
    db.session.rollback()
    assert report.changed == 1
    assert report.diffs[one].splitlines() == [
        f"--- comment {one} (md0)",
        f"+++ {sanitizer.RENDERER}",
        "@@ -1 +1 @@",
        "-<p>old</p>",
        "+<p>New</p>",
    ]
    assert stored(one) == ("<p>old</p>", "md0")


def test_only_the_named_site_is_rendered(site, other_site, make_comment, old):
    here, there = make_comment(), make_comment(on=other_site)
    old(here)
    old(there)
    assert run(other_site).read == 1
    assert [stored(here)[1], stored(there)[1]] == ["md0", sanitizer.RENDERER]
    assert (rerender.outdated_count(site), rerender.outdated_count(other_site)) == (1, 0)


def test_the_texts_of_erased_comments_stay_empty(make_comment, old):
    one = make_comment(status=Status.DELETED)
    old(one, source="", html="", renderer=sanitizer.RENDERER)
    assert run().changed == 0
    assert stored(one)[0] == ""


def test_outdated_comments_are_estimated_when_there_are_many(make_comment, old, monkeypatch):
    monkeypatch.setattr(stored_rerender, "COUNTED_MAX", 4)
    monkeypatch.setattr(stored_rerender, "GROUPS", 2)
    ids = [make_comment(body=f"Text {number}") for number in range(8)]
    assert rerender.outdated_count(None) == 0
    for comment_id in ids[:4]:
        old(comment_id)
    assert rerender.outdated_count(None) == 4


def test_the_renderer_of_an_edit_is_named_as_today(make_comment, old, alice, now):
    one = make_comment(body="Before")
    old(one, renderer="html0", source="<i>before</i>")
    moderation.edit(one, "<i>after</i>", Moderator(alice), None, now)
    assert stored(one) == (sanitizer.html_to_html("<i>after</i>"), sanitizer.HTML_RENDERER)

"""Invariants of every database after every test: stored counts equal recounted ones."""

from collections import Counter

from sqlalchemy import func, select

from commentsvc.core import search_query, spam_filter
from commentsvc.core.status import Status
from commentsvc.store import counters, sites
from commentsvc.store import reports as stored_reports
from commentsvc.store.authors import Author
from commentsvc.store.comments import Comment, CommentKind
from commentsvc.store.db import db
from commentsvc.store.search_index import CommentWords
from commentsvc.store.spam_words import SpamTotal, SpamWord
from commentsvc.store.threads import Thread
from commentsvc.store.votes import Vote


def check_kept_numbers():
    """Whatever is kept beside the comments equals what counting them gives."""
    db.session.rollback()
    db.session.expire_all()  # as it is in the database, not as it was loaded
    rows = db.session.scalars(select(Comment)).all()
    for thread in db.session.scalars(select(Thread)):
        counted = [c for c in rows if c.thread_id == thread.id and c.kind == CommentKind.COMMENT]
        assert thread.count == sum(c.status == Status.APPROVED for c in counted)
    for site in sites.all_sites():
        for status, count in counters.of_site(site).items():
            assert count == sum(c.site_id == site.id and c.status == status for c in rows), status
        flagged = [c for c in rows if c.site_id == site.id and c.status == Status.APPROVED and c.flag_count]
        assert counters.flagged_on(site) == len(flagged)
    open_flags = stored_reports.open_of([c.id for c in rows])
    assert [c.flag_count for c in rows] == [len(open_flags.get(c.id, [])) for c in rows]
    scores = dict(db.session.execute(select(Vote.comment_id, func.sum(Vote.value)).group_by(Vote.comment_id)).all())
    assert [c.score for c in rows] == [scores.get(c.id, 0) for c in rows]
    for author in db.session.scalars(select(Author)):
        theirs = [c.status for c in rows if c.author_id == author.id]
        refused = theirs.count("rejected") + theirs.count("spam")
        counts = (theirs.count("approved"), theirs.count("pending"), refused)
        assert (author.approved, author.pending, author.refused) == counts
    below = {parent: [c for c in rows if c.parent_id == parent] for parent in {c.parent_id for c in rows}}

    def is_visible(comment):
        return comment.status == Status.APPROVED or any(is_visible(reply) for reply in below.get(comment.id, []))

    assert [c.id for c in rows if c.is_visible_in_tree] == [c.id for c in rows if is_visible(c)]
    check_places_words_and_learning({c.id: c for c in rows})


def check_places_words_and_learning(rows):
    for thread in db.session.scalars(select(Thread).where(Thread.pinned_id.is_not(None))):
        pinned = rows[thread.pinned_id]
        assert (pinned.thread_id, pinned.status, pinned.parent_id) == (thread.id, Status.APPROVED, None)
    kept_words = dict(db.session.execute(select(CommentWords.comment_id, CommentWords.words)).all())
    assert kept_words.keys() == rows.keys()
    learnt = Counter()
    for c in rows.values():
        above = rows.get(c.parent_id)
        assert c.depth == (above.depth + 1 if above else 0)
        assert c.root_id == ((above.root_id or above.id) if above else None)
        texts = (c.source, c.author_name, c.author_email or "")
        assert kept_words[c.id] == search_query.index_of(c.site_id, *texts, "<a " in c.html)
        if c.learnt:
            learnt.update((c.site_id, word, c.learnt) for word in [None, *spam_filter.features(c.submission)])
    totals = [(row.site_id, None, row) for row in db.session.scalars(select(SpamTotal))]
    for site_id, word, row in [*totals, *((r.site_id, r.word, r) for r in db.session.scalars(select(SpamWord)))]:
        assert row.ham == learnt.pop((site_id, word, "ham"), 0), (site_id, word)
        assert row.spam == learnt.pop((site_id, word, "spam"), 0), (site_id, word)
    assert not learnt

"""Recounts: how each stored number is counted again, and where the stored and the counted number differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, literal, null, or_, select, text, update
from sqlalchemy.orm import aliased

from commentsvc.core import spam_filter
from commentsvc.core.rule_kinds import RuleInput
from commentsvc.core.status import Status
from commentsvc.store import search_index
from commentsvc.store.authors import COUNTED_AS, Author
from commentsvc.store.comments import Comment, CommentKind
from commentsvc.store.counters import StatusCount
from commentsvc.store.db import Base, db, is_postgres
from commentsvc.store.reports import Report
from commentsvc.store.search_index import CommentWords
from commentsvc.store.spam_words import SpamTotal, SpamWord
from commentsvc.store.threads import Thread
from commentsvc.store.upserts import upsert
from commentsvc.store.votes import Vote

AT_ONCE = 1000  # comments whose texts are in memory at the same time
PUBLISHED = {
    "thread.count",
    "thread.pinned_id",
    "comment.score",
    "comment.is_shown",
    "comment.depth",
    "comment.root_id",
}

Value = int | str | bool | None


@dataclass(frozen=True)
class Difference:
    """A stored number that differs from the counted one. `number` is its table and column, `row_id` its row.

    `thread_id` is the thread whose lock protects it, for columns of threads and comments.
    """

    number: str
    where: str
    kept: Value
    counted: Value
    row_id: int = 0
    thread_id: int | None = None

    @property
    def is_published(self) -> bool:
        return self.number in PUBLISHED


def allow_long_reading() -> None:
    """Remove the time limit of this transaction's queries, which lock nothing."""
    if is_postgres():
        db.session.execute(text("SET LOCAL statement_timeout = 0"))


def in_threads(site_id: int, thread_ids: Collection[int] | None = None) -> list[Difference]:
    """Differences in a site's threads and comments, without the search words; of these threads or (None) of all."""
    of_thread = Thread.site_id == site_id if thread_ids is None else Thread.id.in_(thread_ids)
    of_comment = Comment.site_id == site_id if thread_ids is None else Comment.thread_id.in_(thread_ids)
    return [
        *_thread_counts(of_thread),
        *_pins(of_thread),
        *_scores(of_comment),
        *_flag_counts(of_comment),
        *_places(of_comment),
        *_shown(of_comment),
    ]


def _thread_counts(of_thread: ColumnElement[bool]) -> Iterator[Difference]:
    """Approved comments, without pingbacks."""
    approved = select(func.count(Comment.id)).where(Comment.thread_id == Thread.id)
    approved = approved.where(Comment.status == Status.APPROVED, Comment.kind == CommentKind.COMMENT)
    counted = approved.correlate(Thread).scalar_subquery()
    query = select(Thread.id, Thread.key, Thread.count, counted).where(of_thread, Thread.count != counted)
    for thread_id, key, kept, count in db.session.execute(query.order_by(Thread.id)).all():
        yield Difference("thread.count", key, kept, count, thread_id, thread_id)


def _pins(of_thread: ColumnElement[bool]) -> Iterator[Difference]:
    """Only a published top-level comment of the thread can be pinned."""
    can_be = select(Comment.id).where(Comment.id == Thread.pinned_id, Comment.thread_id == Thread.id)
    can_be = can_be.where(
        Comment.status == Status.APPROVED, Comment.kind == CommentKind.COMMENT, Comment.parent_id.is_(None)
    )
    query = select(Thread.id, Thread.key, Thread.pinned_id).where(of_thread, Thread.pinned_id.is_not(None))
    for thread_id, key, kept in db.session.execute(query.where(~can_be.exists()).order_by(Thread.id)).all():
        yield Difference("thread.pinned_id", key, kept, None, thread_id, thread_id)


def _scores(of_comment: ColumnElement[bool]) -> Iterator[Difference]:
    """The sum of a comment's votes, and the score that it was imported with."""
    votes = select(func.coalesce(func.sum(Vote.value), 0)).where(Vote.comment_id == Comment.id)
    return _of_comments("score", votes.correlate(Comment).scalar_subquery() + Comment.imported_score, of_comment)


def _flag_counts(of_comment: ColumnElement[bool]) -> Iterator[Difference]:
    """Reports of a comment that no decision has answered."""
    flags = select(func.count(Report.id)).where(Report.comment_id == Comment.id, Report.handled_at.is_(None))
    return _of_comments("flag_count", flags.correlate(Comment).scalar_subquery(), of_comment)


def _of_comments(column: str, counted: ColumnElement[int], of_comment: ColumnElement[bool]) -> Iterator[Difference]:
    kept = getattr(Comment, column)
    query = select(Comment.id, Comment.thread_id, kept, counted).where(of_comment, kept != counted)
    for comment_id, thread_id, number, count in db.session.execute(query.order_by(Comment.id)).all():
        yield _of_comment(column, comment_id, thread_id, number, int(count))


def _places(of_comment: ColumnElement[bool]) -> Iterator[Difference]:
    """Depth and top-level comment of each reply, which follow from the parents."""
    top = select(Comment.id, literal(0).label("depth"), null().cast(Comment.root_id.type).label("root_id"))
    placed = top.where(of_comment, Comment.parent_id.is_(None)).cte("placed", recursive=True)
    reply = aliased(Comment)
    root = func.coalesce(placed.c.root_id, placed.c.id)
    placed = placed.union_all(select(reply.id, placed.c.depth + 1, root).join(placed, reply.parent_id == placed.c.id))
    query = select(Comment.id, Comment.thread_id, Comment.depth, placed.c.depth, Comment.root_id, placed.c.root_id)
    query = query.join(placed, placed.c.id == Comment.id)
    query = query.where(
        or_(Comment.depth != placed.c.depth, Comment.root_id.is_distinct_from(placed.c.root_id)), of_comment
    )
    for comment_id, thread_id, depth, true_depth, root_id, true_root in db.session.execute(
        query.order_by(Comment.id)
    ).all():
        if depth != true_depth:
            yield _of_comment("depth", comment_id, thread_id, depth, true_depth)
        if root_id != true_root:
            yield _of_comment("root_id", comment_id, thread_id, root_id, true_root)


def _shown(of_comment: ColumnElement[bool]) -> Iterator[Difference]:
    """Approved comments and the comments above them are visible."""
    replies = select(Comment.parent_id.label("id")).where(of_comment, Comment.status == Status.APPROVED)
    above = replies.where(Comment.parent_id.is_not(None)).cte("above", recursive=True)
    parent = aliased(Comment)
    above = above.union(
        select(parent.parent_id).join(above, parent.id == above.c.id).where(parent.parent_id.is_not(None))
    )
    is_above = Comment.id.in_(select(above.c.id))
    is_wrong = or_(
        and_(Comment.is_visible_in_tree.is_(True), Comment.status != Status.APPROVED, ~is_above),
        and_(Comment.is_visible_in_tree.is_(False), or_(Comment.status == Status.APPROVED, is_above)),
    )
    query = select(Comment.id, Comment.thread_id, Comment.is_visible_in_tree).where(of_comment, is_wrong)
    for comment_id, thread_id, kept in db.session.execute(query.order_by(Comment.id)).all():
        yield _of_comment("is_shown", comment_id, thread_id, kept, not kept)


def _of_comment(column: str, comment_id: int, thread_id: int, kept: Value, counted: Value) -> Difference:
    return Difference(f"comment.{column}", f"comment {comment_id}", kept, counted, comment_id, thread_id)


def of_authors(site_id: int, author_ids: Collection[int] | None = None) -> list[Difference]:
    """Differences in authors' counts by status; of these authors or (None) of all authors of the site."""
    of_author = Author.site_id == site_id if author_ids is None else Author.id.in_(author_ids)
    columns = ("approved", "pending", "refused")
    counted = {
        column: func.count(Comment.id).filter(Comment.status.in_([s for s, c in COUNTED_AS.items() if c == column]))
        for column in columns
    }
    query = select(Author.id, *(getattr(Author, column) for column in columns), *counted.values())
    query = query.outerjoin(Comment, Comment.author_id == Author.id).where(of_author).group_by(Author.id)
    query = query.having(or_(*(getattr(Author, column) != counted[column] for column in columns)))
    return [
        Difference(f"author.{column}", f"author {author_id}", kept, count, author_id)
        for author_id, *numbers in db.session.execute(query.order_by(Author.id)).all()
        for column, kept, count in zip(columns, numbers[:3], numbers[3:], strict=True)
        if kept != count
    ]


def of_tallies(site_id: int) -> list[Difference]:
    """Differences in a site's comments by status, and in its approved comments with open reports."""
    query = select(Comment.status, func.count()).where(Comment.site_id == site_id).group_by(Comment.status)
    counts: dict[str, int] = dict(db.session.execute(query).all())
    flagged = select(func.count()).where(Comment.site_id == site_id, Comment.status == Status.APPROVED)
    reported = db.session.scalar(flagged.where(Comment.flag_count > 0)) or 0
    rows = select(StatusCount.status, StatusCount.count, StatusCount.flagged).where(StatusCount.site_id == site_id)
    kept = {status: (count, flags) for status, count, flags in db.session.execute(rows).all()}
    found = []
    for status in Status:
        count, flags = kept.get(status, (0, 0))
        true_flags = reported if status is Status.APPROVED else 0
        if count != counts.get(status, 0):
            found.append(Difference("tally.count", status, count, counts.get(status, 0)))
        if flags != true_flags:
            found.append(Difference("tally.flagged", status, flags, true_flags))
    return found


def of_words(site_id: int, after_id: int, thread_ids: Collection[int] | None = None) -> tuple[list[Difference], int]:
    """Differences in the search words of the next 1,000 comments; and the id of the last one (0: there is none)."""
    query = select(Comment, CommentWords.words).outerjoin(CommentWords, CommentWords.comment_id == Comment.id)
    query = query.where(Comment.site_id == site_id, Comment.id > after_id).order_by(Comment.id).limit(AT_ONCE)
    if thread_ids is not None:
        query = query.where(Comment.thread_id.in_(thread_ids))
    rows = db.session.execute(query).all()
    found = []
    for comment, kept in rows:
        counted = search_index.of(comment)
        if kept != counted:
            found.append(_of_comment("words", comment.id, comment.thread_id, *_compared(kept or "", counted)))
    return found, rows[-1][0].id if rows else 0


def _compared(kept: str, counted: str) -> tuple[str, str]:
    """The numbers of right and wrong words; not the words, which are a commenter's text."""
    here, wanted = set(kept.split()), set(counted.split())
    return f"{len(here & wanted)} right and {len(here - wanted)} wrong words", f"{len(wanted)} words"


@dataclass(frozen=True)
class LearntDifference:
    """Stored and counted (good, spam) numbers of a word in the spam filter; `word` is None for the totals."""

    word: int | None
    kept: tuple[int, int]
    counted: tuple[int, int]

    @property
    def shown(self) -> list[Difference]:
        table = "spam_total" if self.word is None else "spam_word"
        where = "all comments learnt" if self.word is None else f"word {self.word}"
        pairs = zip(("ham", "spam"), self.kept, self.counted, strict=True)
        return [Difference(f"{table}.{name}", where, kept, count) for name, kept, count in pairs if kept != count]


def of_learnt(site_id: int) -> list[LearntDifference]:
    """Differences in a site's spam filter; call it in a transaction whose queries all see one moment (begin_read)."""
    counted: dict[str, Counter[int | None]] = {"ham": Counter(), "spam": Counter()}
    columns = ("source", "html", "author_name", "author_email", "author_website", "ip", "user_agent")
    last = 0
    while True:
        query = select(Comment.id, Comment.learnt, *(getattr(Comment, name) for name in columns))
        query = query.where(Comment.site_id == site_id, Comment.id > last, Comment.learnt.is_not(None))
        rows = db.session.execute(query.order_by(Comment.id).limit(AT_ONCE)).all()
        if not rows:
            break
        for comment_id, sort, source, html, name, email, website, ip, agent in rows:
            submission = RuleInput(source, html, name, email or "", website or "", ip, agent)
            counted[sort].update([None, *spam_filter.features(submission)])
            last = comment_id
    kept: dict[int | None, tuple[int, int]] = {}
    rows_of_words = select(SpamWord.word, SpamWord.ham, SpamWord.spam).where(SpamWord.site_id == site_id)
    for word, ham, spam in db.session.execute(rows_of_words).all():
        kept[word] = (ham, spam)
    for ham, spam in db.session.execute(
        select(SpamTotal.ham, SpamTotal.spam).where(SpamTotal.site_id == site_id)
    ).all():
        kept[None] = (ham, spam)
    every = [None, *sorted({w for w in (*kept, *counted["ham"], *counted["spam"]) if w is not None})]
    found = [LearntDifference(w, kept.get(w, (0, 0)), (counted["ham"][w], counted["spam"][w])) for w in every]
    return [one for one in found if one.kept != one.counted]


# Corrections; the caller holds the lock of each number, and commits.


def mend(differences: Sequence[Difference]) -> None:
    """Store the counted numbers in columns of threads, comments and authors."""
    for one in differences:
        table, column = one.number.split(".")
        rows = Base.metadata.tables[table]
        db.session.connection().execute(update(rows).where(rows.c.id == one.row_id).values({column: one.counted}))


def lock_authors(author_ids: Collection[int]) -> None:
    """Lock authors until the transaction ends, in order of id; other transactions have counted, or wait."""
    query = select(Author.id).where(Author.id.in_(author_ids)).order_by(Author.id)
    db.session.execute(query.with_for_update(of=Author))


def mend_tallies(site_id: int, differences: Sequence[Difference]) -> None:
    for one in differences:
        row = update(StatusCount).where(StatusCount.site_id == site_id, StatusCount.status == one.where)
        db.session.execute(row.values({one.number.split(".")[1]: one.counted}))


def mend_learnt(site_id: int, one: LearntDifference) -> bool:
    """Store the counted numbers unless the stored ones have changed since; gives whether they were stored.

    A correct change adds the same to the stored and to the counted number: while the stored number is unchanged, the
    counted one is too.
    """
    table: type[SpamWord] | type[SpamTotal] = SpamTotal if one.word is None else SpamWord
    key = {"site_id": site_id} if one.word is None else {"site_id": site_id, "word": one.word}
    (ham, spam), (kept_ham, kept_spam) = one.counted, one.kept
    row = upsert(table).values(**key, ham=ham, spam=spam)
    is_unchanged = and_(table.ham == kept_ham, table.spam == kept_spam)
    row = row.on_conflict_do_update(index_elements=list(key), set_={"ham": ham, "spam": spam}, where=is_unchanged)
    return db.session.scalar(row.returning(table.site_id)) is not None

"""Comment pages: the pages of a thread in each order, and the pages of long lists of replies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from sqlalchemy import Select, and_, func, literal, select, text
from sqlalchemy.orm import aliased

from commentsvc.core.pagination import REPLIES_MAX, Cursor, Sort
from commentsvc.core.whole_numbers import ROW_ID_MAX
from commentsvc.store import pagination
from commentsvc.store.comments import SHOWN_ROOT, Comment
from commentsvc.store.db import Id, db
from commentsvc.store.threads import Thread

ROOT_IDS_STEP = 25  # the id list of the replies query is padded to a multiple of this


@dataclass(frozen=True)
class CommentPage:
    """One page: top-level comments, then their replies, parents first; `following` is where the next page begins.

    `more` has the cursor of the remaining replies, by id of the top-level comment.
    """

    comments: list[Comment]
    following: Cursor | None
    more: Mapping[int, Cursor] = field(default_factory=dict)


def page_of(thread: Thread, sort: Sort, after: Cursor | None, limit: int) -> CommentPage:
    """`limit` top-level comments with their replies; or, when the cursor has a `root_id`, more replies below that one.

    A pinned comment is the first of the first page in every order, and on no other page.
    """
    if after is not None and after.root_id is not None:
        return _more_replies(thread, after)
    query = select(Comment).where(Comment.thread_id == thread.id, text(SHOWN_ROOT))
    pinned = []
    if thread.pinned_id is not None:
        query = query.where(Comment.id != thread.pinned_id)
        pinned = [db.session.get_one(Comment, thread.pinned_id)] if after is None else []
    room = limit - len(pinned)
    roots = list(db.session.scalars(_ordered(query, sort, after).limit(room + 1)))
    following = None
    if len(roots) > room:
        following = _cursor(roots[room - 1], sort) if room else _cursor_before(roots[0], sort)
    roots = [*pinned, *roots[:room]]
    replies, more = _replies([root.id for root in roots], sort)
    return CommentPage([*roots, *sorted(replies, key=lambda reply: (reply.created_at, reply.id))], following, more)


def _replies(root_ids: list[int], sort: Sort) -> tuple[Sequence[Comment], Mapping[int, Cursor]]:
    """All replies below these comments; when they are more than REPLIES_MAX, the same number below each."""
    if not root_ids:
        return [], {}
    shown = Comment.is_visible_in_tree.is_(True)
    # Repeat the last id up to a multiple of ROOT_IDS_STEP, so that SQLite caches few prepared statements (40 kB each).
    padded_ids = root_ids + root_ids[-1:] * (-len(root_ids) % ROOT_IDS_STEP)
    query = select(Comment).where(Comment.root_id.in_(padded_ids), shown).order_by(Comment.root_id, Comment.id)
    found = db.session.scalars(query.limit(REPLIES_MAX + 1)).all()
    if len(found) <= REPLIES_MAX:
        return found, {}
    root, other = aliased(Comment), aliased(Comment)
    beyond = select(other.id).where(other.root_id == root.id, other.is_visible_in_tree.is_(True)).order_by(other.id)
    share = max(1, REPLIES_MAX // len(root_ids))
    first_cut = beyond.offset(share).limit(1).correlate(root).scalar_subquery()
    cuts = select(root.id, func.coalesce(first_cut, literal(ROW_ID_MAX, Id)).label("cut")).where(root.id.in_(root_ids))
    cut = cuts.subquery()
    query = select(Comment, cut.c.cut).join(cut, and_(Comment.root_id == cut.c.id, Comment.id < cut.c.cut)).where(shown)
    found_rows = db.session.execute(query.order_by(Comment.root_id, Comment.id)).all()
    rows = cast("Sequence[tuple[Comment, int]]", found_rows)
    more = {reply.root_id or 0: _reply_cursor(reply, sort) for reply, cut_at in rows if cut_at != ROW_ID_MAX}
    return [reply for reply, _ in rows], more


def _more_replies(thread: Thread, after: Cursor) -> CommentPage:
    query = select(Comment).where(Comment.root_id == after.root_id, Comment.is_visible_in_tree.is_(True))
    query = query.where(Comment.thread_id == thread.id, Comment.id > after.id).order_by(Comment.id)
    found = list(db.session.scalars(query.limit(REPLIES_MAX + 1)))
    following = _reply_cursor(found[REPLIES_MAX - 1], after.sort) if len(found) > REPLIES_MAX else None
    return CommentPage(found[:REPLIES_MAX], following)


def _reply_cursor(reply: Comment, sort: Sort) -> Cursor:
    return replace(_cursor(reply, sort), root_id=reply.root_id)


def _ordered(query: Select[Comment], sort: Sort, after: Cursor | None, is_back: bool = False) -> Select[Comment]:
    """Sort a query and start it after a cursor; with `is_back` in the opposite order, so before the cursor."""
    is_rising = (sort is Sort.OLDEST) is not is_back
    if sort is Sort.TOP:
        place = (after.score, after.id) if after else None
        return pagination.read_on(query, (Comment.score, Comment.id), place, is_rising)
    return pagination.read_on(
        query, (Comment.created_at, Comment.id), (after.at, after.id) if after else None, is_rising
    )


def _cursor(comment: Comment, sort: Sort) -> Cursor:
    return Cursor(sort=sort, at=comment.created_at, score=comment.score, id=comment.id)


def page_before(thread: Thread, first: Comment, sort: Sort, limit: int) -> Cursor | None:
    """Cursor of the page before the one that begins with `first`; None when that page is the first."""
    query = select(Comment).where(Comment.thread_id == thread.id, text(SHOWN_ROOT))
    if thread.pinned_id is not None:
        query = query.where(Comment.id != thread.pinned_id)
    back = _ordered(query, sort, _cursor(first, sort), is_back=True)
    earlier = db.session.scalars(back.limit(limit + 1)).all()
    return _cursor(earlier[limit], sort) if len(earlier) > limit else None


def _cursor_before(comment: Comment, sort: Sort) -> Cursor:
    """Cursor of a page whose first comment is this one."""
    return replace(_cursor(comment, sort), id=comment.id + (-1 if sort is Sort.OLDEST else 1))

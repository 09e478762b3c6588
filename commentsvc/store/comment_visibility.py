"""Visibility: which comments have a node in their thread's tree, also below a refused parent."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select

from commentsvc.core.status import Status
from commentsvc.store.comments import Comment
from commentsvc.store.db import db


def update(changed: Iterable[Comment]) -> None:
    """Recompute `is_visible_in_tree` of these comments and of the comments above them, the deepest level first.

    Runs two queries for each level of the tree, however many comments change.
    """
    levels: dict[int, dict[int, Comment]] = {}
    for comment in changed:
        levels.setdefault(comment.depth, {})[comment.id] = comment
    own = {comment_id for level in levels.values() for comment_id in level}
    while levels:
        level = levels.pop(max(levels))
        # The level below is flushed already. Without autoflush each comment here is written once, with all its changes.
        with db.session.no_autoflush:
            with_replies = _with_shown_replies(c.id for c in level.values() if c.status != Status.APPROVED)
        touched = []
        for comment in level.values():
            is_visible = comment.status == Status.APPROVED or comment.id in with_replies
            if comment.is_visible_in_tree != is_visible or comment.id in own:
                touched.append(comment)
            if comment.is_visible_in_tree != is_visible:
                comment.is_visible_in_tree = is_visible
        db.session.flush()
        above = {comment.parent_id for comment in touched if comment.parent_id is not None}
        for parent in _by_ids(above):
            levels.setdefault(parent.depth, {})[parent.id] = parent
    db.session.flush()


def _with_shown_replies(ids: Iterable[int]) -> set[int]:
    wanted = list(ids)
    if not wanted:
        return set()
    query = select(Comment.parent_id).where(Comment.parent_id.in_(wanted), Comment.is_visible_in_tree.is_(True))
    return {parent_id for parent_id in db.session.scalars(query.distinct()) if parent_id is not None}


def _by_ids(ids: set[int]) -> Iterable[Comment]:
    return db.session.scalars(select(Comment).where(Comment.id.in_(ids))) if ids else ()

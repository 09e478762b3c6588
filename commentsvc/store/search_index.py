"""Search index: the words of every comment, updated with each new text, and the condition that finds them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    ForeignKey,
    Insert,
    Text,
    any_,
    cast,
    column,
    event,
    func,
    literal,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Mapper, Session, mapped_column, object_session
from sqlalchemy.orm.attributes import get_history

from commentsvc.core import search_query
from commentsvc.store.comments import Comment
from commentsvc.store.db import Base, Id, db, execute_all, is_postgres

# Name of the tables and indexes that a migration creates for each database, and that no model has.
OWN_KIND = "word_search"


class CommentWords(Base):
    __tablename__ = "comment_words"

    comment_id: Mapped[int] = mapped_column(Id, ForeignKey("comment.id"), primary_key=True, autoincrement=False)
    words: Mapped[str] = mapped_column(Text)


def is_hit(words: Sequence[str]) -> ColumnElement[bool]:
    """The condition that a comment has, for each of `words`, a word that begins with it.

    `words` come from `index_words`: letters and digits, nothing to escape. The matching comments are collected first,
    on PostgreSQL into an array: with a LIMIT its planner would else scan the whole queue and look up each comment.
    """
    if is_postgres():
        tsquery = cast(literal(" & ".join(f"'{word}':*" for word in words)), postgresql.TSQUERY)
        indexed = func.array_to_tsvector(func.string_to_array(CommentWords.words, text("' '")))
        found = select(CommentWords.comment_id).where(indexed.bool_op("@@")(tsquery))
        return Comment.id == any_(func.array(found.scalar_subquery()))
    match = " AND ".join(f'"{word}"*' for word in words)
    return Comment.id.in_(
        text("SELECT rowid FROM word_search WHERE word_search MATCH :words")
        .bindparams(words=match)
        .columns(column("rowid", Id))
    )


def keep(comments: Sequence[Comment]) -> None:
    """Store the words of comments that were inserted without the session; a flush stores those of all others."""
    _add(db.session.connection(), comments)


def _add(connection: Connection, comments: Sequence[Comment]) -> None:
    execute_all(connection, _KEEP[connection.dialect.name], [_row(comment) for comment in comments])


def _row(comment: Comment) -> dict[str, Any]:
    return {"comment_id": comment.id, "words": of(comment)}


def of(comment: Comment) -> str:
    """The words of a comment, as the table stores them."""
    texts = (comment.source, comment.author_name, comment.author_email or "")
    return search_query.index_of(comment.site_id, *texts, has_link(comment.html))


def _kept(insert: Callable[[type[CommentWords]], postgresql.Insert | sqlite.Insert]) -> Insert:
    row = insert(CommentWords)
    return row.on_conflict_do_update(index_elements=["comment_id"], set_={"words": row.excluded.words})


_KEEP = {"postgresql": _kept(postgresql.insert), "sqlite": _kept(sqlite.insert)}


def has_link(html: str) -> bool:
    return "<a " in html


@event.listens_for(Comment, "after_insert")
def _added(_mapper: Mapper[Any], _connection: Connection, comment: Comment) -> None:
    _note(comment)


@event.listens_for(Comment, "after_update")
def _changed(_mapper: Mapper[Any], _connection: Connection, comment: Comment) -> None:
    if any(get_history(comment, name).has_changes() for name in ("source", "html", "author_name", "author_email")):
        _note(comment)


def _note(comment: Comment) -> None:
    session = object_session(comment)
    assert session is not None  # the mapper has just written the row in it
    session.info[CommentWords].append(comment)


@event.listens_for(db.session, "before_flush")
def _begin(session: Session, _context: object, _instances: object) -> None:
    session.info[CommentWords] = []  # drops the list of a flush that failed


@event.listens_for(db.session, "after_flush")
def _keep_noted(session: Session, _context: object) -> None:
    """Store the words of all comments that the flush has written, by one statement."""
    if noted := session.info[CommentWords]:
        _add(session.connection(), noted)

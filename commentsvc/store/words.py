"""The words of comments, kept in line with every text that is written, and the index that finds comments by them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import (
    CTE,
    Connection,
    Executable,
    ForeignKey,
    Select,
    Text,
    TextualSelect,
    cast,
    column,
    event,
    func,
    inspect,
    literal,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Mapper, mapped_column

from commentsvc.core import searching
from commentsvc.store.comments import Comment
from commentsvc.store.db import Base, Id, is_postgres

# Tables and indexes that no model names, because each database has its own kind; the migration makes them.
OWN_KIND = "word_search"


class CommentWords(Base):
    __tablename__ = "comment_words"

    comment_id: Mapped[int] = mapped_column(Id, ForeignKey("comment.id"), primary_key=True, autoincrement=False)
    words: Mapped[str] = mapped_column(Text)


def hits(words: Sequence[str]) -> CTE:
    """The numbers (`comment_id`) of the comments whose words begin with each of `words`, by the index.

    `words` are as `index_words` gives them: letters and digits, nothing to escape. Gathered first (materialised), since
    a planner that sees a limit likes to walk the whole queue instead and look each comment up.
    """
    query: TextualSelect | Select[Any]
    if is_postgres():
        asked = cast(literal(" & ".join(f"'{word}':*" for word in words)), postgresql.TSQUERY)
        indexed = func.array_to_tsvector(func.string_to_array(CommentWords.words, text("' '")))
        query = select(CommentWords.comment_id).where(indexed.bool_op("@@")(asked))
    else:
        asked_for = " AND ".join(f'"{word}"*' for word in words)
        found = text("SELECT rowid AS comment_id FROM word_search WHERE word_search MATCH :words")
        query = found.bindparams(words=asked_for).columns(column("comment_id", Id))
    return query.cte("hits").prefix_with("MATERIALIZED")


def keep(connection: Connection, comment: Comment) -> None:
    texts = (comment.source, comment.author_name, comment.author_email or "")
    words = searching.index_of(comment.site_id, *texts, has_link(comment.html))
    values = {"comment_id": comment.id, "words": words}
    connection.execute(_KEEP[connection.dialect.name], values)


def _kept(insert: Callable[[type[CommentWords]], postgresql.Insert | sqlite.Insert]) -> Executable:
    row = insert(CommentWords)
    return row.on_conflict_do_update(index_elements=["comment_id"], set_={"words": row.excluded.words})


_KEEP = {"postgresql": _kept(postgresql.insert), "sqlite": _kept(sqlite.insert)}


def has_link(html: str) -> bool:
    return "<a " in html


@event.listens_for(Comment, "after_insert")
def _added(_mapper: Mapper[Any], connection: Connection, comment: Comment) -> None:
    keep(connection, comment)


@event.listens_for(Comment, "after_update")
def _changed(_mapper: Mapper[Any], connection: Connection, comment: Comment) -> None:
    state = inspect(comment).attrs
    if any(state[name].history.has_changes() for name in ("source", "html", "author_name", "author_email")):
        keep(connection, comment)

"""Places of comments in their threads: parent, top-level comment and depth, without the comments' texts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import select

from commentsvc.store import uids
from commentsvc.store.comments import Comment
from commentsvc.store.db import db
from commentsvc.store.sites import Site


class TreePlace(NamedTuple):
    id: int
    thread_id: int
    parent_id: int | None
    root_id: int | None
    depth: int
    kind: str


_COLUMNS = (Comment.id, Comment.thread_id, Comment.parent_id, Comment.root_id, Comment.depth, Comment.kind)


def by_import_id(site: Site, import_ids: Iterable[str]) -> dict[str, TreePlace]:
    """Places of a site's imported comments, by their id in the file that they came from."""
    query = select(Comment.import_id, *_COLUMNS).where(Comment.site_id == site.id)
    rows = db.session.execute(query.where(Comment.import_id.in_(list(import_ids)))).all()
    return {row[0] or "": TreePlace(*row[1:]) for row in rows}


def by_uid(site: Site, names: Iterable[str]) -> dict[str, TreePlace]:
    """Places of a site's comments, by uid."""
    numbers = uids.numbers(Comment, site, names)
    rows = db.session.execute(select(*_COLUMNS).where(Comment.id.in_(list(numbers.values())))).all()
    places = {row.id: TreePlace(*row) for row in rows}
    return {name: places[number] for name, number in numbers.items() if number in places}

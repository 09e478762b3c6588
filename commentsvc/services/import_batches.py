"""Adds imported comments to a site, a batch in one transaction, and places replies below their parents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from sqlalchemy.orm.attributes import set_committed_value

from commentsvc.core.status import Status
from commentsvc.services import transitions
from commentsvc.store import comment_visibility, comments, search_index, threads
from commentsvc.store.comment_places import TreePlace
from commentsvc.store.comments import Comment, CommentKind
from commentsvc.store.db import db
from commentsvc.store.sites import Site
from commentsvc.store.transactions import retried, write

LATE_BATCH = 100  # replies placed in one transaction

# Finds comments of a site by the names that the file gives them: their import ids, or their uids.
Finder = Callable[[Site, Iterable[str]], dict[str, TreePlace]]


@dataclass(frozen=True)
class NewComment:
    """A comment to add, of a thread that exists; `name` and `parent` are what the file calls it and its parent."""

    comment: Comment
    name: str
    parent: str | None


@dataclass(frozen=True)
class Misplaced:
    """A reply that became a top-level comment, and why."""

    name: str
    reason: str


def add(
    site: Site, new: Sequence[NewComment], placed: Mapping[str, TreePlace]
) -> tuple[dict[str, str], list[Misplaced]]:
    """Insert comments in their order, with counters, tree and search words; the caller has locked their threads.

    `placed` are comments of the site that are there already, by name. Gives the replies whose parents have not come
    yet, by name, and those that can't be where the file has them.
    """
    parents, late, misplaced = _parents(new, placed)
    _mark_visible(new, parents)
    rows = [one.comment for one in new]
    for comment, comment_id in zip(rows, comments.new_ids(len(rows)), strict=True):
        set_committed_value(comment, "id", comment_id)
    _place(new, parents)
    comments.add_numbered(rows)
    search_index.keep(rows)
    transitions.update_counters([(row, None) for row in rows])
    return late, misplaced


Parent = NewComment | TreePlace


def _parents(
    new: Sequence[NewComment], placed: Mapping[str, TreePlace]
) -> tuple[dict[str, Parent], dict[str, str], list[Misplaced]]:
    by_name = {one.name: one for one in new}
    found: dict[str, Parent] = {}
    late: dict[str, str] = {}
    misplaced: list[Misplaced] = []
    for one in new:
        if one.parent is None:
            continue
        parent: Parent | None = by_name.get(one.parent) or placed.get(one.parent)
        if parent is None:
            late[one.name] = one.parent
        elif not _may_answer(one.comment, parent):
            misplaced.append(Misplaced(one.name, WRONG_PARENT))
        elif _is_ring(one, by_name):
            misplaced.append(Misplaced(one.name, RING))
        else:
            found[one.name] = parent
    return found, late, misplaced


WRONG_PARENT = "its parent is on another page or is no comment; it is a top-level comment now"
RING = "it is a reply to itself, by way of its own replies; it is a top-level comment now"
NO_PARENT = "its parent is not in the file; it is a top-level comment now"


def _is_ring(start: NewComment, by_name: dict[str, NewComment]) -> bool:
    """Whether the way up from a comment leads back to it.

    Cuts the ring there: with its first comment at the top, the others are ordinary replies.
    """
    seen = {start.name}
    at: NewComment | None = start
    while at is not None and at.parent is not None:
        if at.parent == start.name:
            by_name[start.name] = NewComment(start.comment, start.name, None)
            return True
        if at.parent in seen:
            return False  # a ring further up, which does not include this comment
        seen.add(at.parent)
        at = by_name.get(at.parent)
    return False


def _may_answer(comment: Comment, parent: Parent) -> bool:
    """Only comments of one page answer each other: a pingback has neither parent nor replies."""
    thread_id, kind = (
        (parent.comment.thread_id, parent.comment.kind)
        if isinstance(parent, NewComment)
        else (parent.thread_id, parent.kind)
    )
    return thread_id == comment.thread_id and comment.kind == kind == CommentKind.COMMENT


def _mark_visible(new: Sequence[NewComment], parents: Mapping[str, Parent]) -> None:
    """Approved comments are in the tree, and so are all comments above them."""
    for one in new:
        one.comment.is_visible_in_tree = False
    for one in new:
        above: Parent | None = one if one.comment.status == Status.APPROVED else None
        while isinstance(above, NewComment) and not above.comment.is_visible_in_tree:
            above.comment.is_visible_in_tree = True
            above = parents.get(above.name)


def _place(new: Sequence[NewComment], parents: Mapping[str, Parent]) -> None:
    """Set parent, root and depth, from the top down."""
    by_name = {one.name: one for one in new}
    done: set[str] = set()
    for one in new:
        upwards = []
        name: str | None = one.name
        while name is not None and name in by_name and name not in done:
            done.add(name)
            upwards.append(name)
            parent = parents.get(name)
            name = parent.name if isinstance(parent, NewComment) else None
        for name in reversed(upwards):
            _set_place(by_name[name].comment, parents.get(name))


def _set_place(comment: Comment, parent: Parent | None) -> None:
    place: tuple[int | None, int | None, int] = (None, None, 0)
    if parent is not None:
        above = _place_of(parent.comment) if isinstance(parent, NewComment) else parent
        place = (above.id, above.root_id or above.id, above.depth + 1)
    for name, value in zip(("parent_id", "root_id", "depth"), place, strict=True):
        set_committed_value(comment, name, value)


def _place_of(comment: Comment) -> TreePlace:
    return TreePlace(comment.id, comment.thread_id, comment.parent_id, comment.root_id, comment.depth, comment.kind)


def place_late(site: Site, waiting: Mapping[str, str], find: Finder) -> list[Misplaced]:
    """Put replies that came before their parents below them, by name; those without one stay top-level comments."""
    pairs = _parents_first(waiting)
    misplaced = []
    while batch := list(islice(pairs, LATE_BATCH)):
        misplaced += _place_some(site, batch, find)
    return misplaced


@retried
def _place_some(site: Site, pairs: Sequence[tuple[str, str]], find: Finder) -> list[Misplaced]:
    names = {name for pair in pairs for name in pair}
    misplaced = []
    with write():
        threads.lock(place.thread_id for place in find(site, names).values())
        db.session.expire_all()  # rows read before the lock may have changed
        places = find(site, names)
        found = {comment.id: comment for comment in comments.of_ids(place.id for place in places.values())}
        changed = set()
        for name, parent_name in pairs:
            comment = found.get(places[name].id) if name in places else None
            if comment is None or comment.parent_id is not None:
                continue
            parent = found.get(places[parent_name].id) if parent_name in places else None
            if parent is None:
                misplaced.append(Misplaced(name, NO_PARENT))
            elif not _may_answer(comment, _place_of(parent)):
                misplaced.append(Misplaced(name, WRONG_PARENT))
            elif comment.id in (parent.id, parent.root_id):
                misplaced.append(Misplaced(name, RING))
            else:
                _put_below(comment, parent)
                changed.add(comment.thread_id)
        threads.touch_all(dict.fromkeys(changed, 0))
    return misplaced


def _parents_first(waiting: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Each reply with its parent, a parent that waits itself before its replies: so nothing moves twice."""
    taken: set[str] = set()
    for name in waiting:
        upwards = []
        while name in waiting and name not in taken:
            taken.add(name)
            upwards.append(name)
            name = waiting[name]
        yield from ((reply, waiting[reply]) for reply in reversed(upwards))


def _put_below(comment: Comment, parent: Comment) -> None:
    """Make a top-level comment a reply, and give all below it the depth and root of their new place."""
    comment.parent_id = parent.id
    open_pairs = [(comment, parent)]
    while open_pairs:
        child, above = open_pairs.pop()
        child.depth = above.depth + 1
        child.root_id = above.root_id or above.id
        open_pairs.extend((reply, child) for reply in comments.below(child))
    db.session.flush()
    comment_visibility.update([parent])

"""Turns a flat page of comments into a tree to draw, without recursion and never deeper than a page can show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

# Imported threads nest without limit; deeper replies are drawn at this level, below their parent.
LEVELS_DRAWN = 20


class Placed(Protocol):
    # Any: a mapped column is a number on a row and something else on its class.
    @property
    def id(self) -> Any: ...
    @property
    def parent_id(self) -> Any: ...


T = TypeVar("T", bound=Placed)


@dataclass
class Node(Generic[T]):
    comment: T
    level: int
    replies: list[Node[T]] = field(default_factory=list)


def parents_first(parents: Mapping[int, int | None]) -> dict[int, int]:
    """New numbers for the comments of a thread: their own, dealt out so that each is higher than its parent's.

    `parents` has the parent of each comment by its number, in ascending order.
    """
    order: list[int] = []
    seen: set[int] = set()
    for number in parents:
        upwards = []
        above: int | None = number
        while above is not None and above in parents and above not in seen:
            seen.add(above)
            upwards.append(above)
            above = parents[above]
        order += reversed(upwards)
    return dict(zip(order, parents, strict=True))


def build_tree(comments: Iterable[T], with_orphans: bool = False) -> list[Node[T]]:
    """Top-level nodes in the order given, replies in the order given below their parents.

    A reply may come before its parent; one whose parent is not in `comments` is left out, or `with_orphans` stands
    among the top-level nodes, as a reply.
    """
    comments = list(comments)
    below: dict[int | None, list[T]] = {}
    for comment in comments:
        below.setdefault(comment.parent_id, []).append(comment)
    known = {comment.id for comment in comments}
    roots = [
        Node(comment, 0 if comment.parent_id is None else 1)
        for comment in comments
        if comment.parent_id is None or (with_orphans and comment.parent_id not in known)
    ]
    open_nodes: list[tuple[Node[T], list[Node[T]]]] = [(root, root.replies) for root in reversed(roots)]
    while open_nodes:
        node, into = open_nodes.pop()
        replies = []
        for comment in below.get(node.comment.id, []):
            reply = Node(comment, min(node.level + 1, LEVELS_DRAWN))
            into.append(reply)
            # At the last level an answer's answers follow as its siblings.
            replies.append((reply, reply.replies if reply.level < LEVELS_DRAWN else into))
        open_nodes.extend(reversed(replies))
    return roots


def walk(nodes: Iterable[Node[T]]) -> Iterator[T]:
    """Every comment, each before its replies."""
    stack = list(nodes)[::-1]
    while stack:
        node = stack.pop()
        yield node.comment
        stack.extend(reversed(node.replies))

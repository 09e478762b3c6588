"""Reads pages of a thread: one consistent page, a single comment, a thread without its comments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property

from commentsvc.core import tree
from commentsvc.core.errors import NotFound
from commentsvc.core.pagination import Cursor, Sort
from commentsvc.core.phrases import phrase
from commentsvc.core.policy import Policy
from commentsvc.core.status import Status
from commentsvc.store import comment_pages, comments, decisions, sites, threads
from commentsvc.store.comments import Comment
from commentsvc.store.sites import Site
from commentsvc.store.threads import Thread


@dataclass(frozen=True)
class ThreadPage:
    """One page of a thread. `thread` is None when it has no comments yet."""

    site: Site
    key: str
    thread: Thread | None
    roots: list[tree.Node[Comment]]
    sort: Sort
    following: Cursor | None
    own_ids: frozenset[int] = frozenset()  # comments that only their author sees yet
    messages: Mapping[int, str] = field(default_factory=dict)  # a moderator's message to the author, by comment
    drawn_at: datetime | None = None  # when it was drawn; a thread may close by its age
    more: Mapping[int, Cursor] = field(default_factory=dict)  # where replies go on, by top-level comment

    @cached_property
    def policy(self) -> Policy:
        return self.site.policy

    @property
    def count(self) -> int:
        return self.thread.count if self.thread else 0

    @property
    def version(self) -> int:
        return self.thread.version if self.thread else 0

    @property
    def remaining(self) -> int:
        """How many comments follow the first page; of another page, how many it does not have."""
        return self.count - sum(comment.status == Status.APPROVED for comment in tree.walk(self.roots))

    @property
    def is_open(self) -> bool:
        if self.thread is None:
            return self.policy.is_open
        return threads.is_open(self.policy, self.thread, self.drawn_at or self.thread.created_at)


def load(site: Site, key: str, sort: Sort, after: Cursor | None, limit: int, now: datetime | None = None) -> ThreadPage:
    thread = threads.find(site, key)
    if thread is None:
        return ThreadPage(site, key, None, [], sort, None, drawn_at=now)
    key = thread.key  # `key` may be a former one
    found = comment_pages.page_of(thread, sort, after, limit)
    is_cut = bool(found.more) or (after is not None and after.root_id is not None)
    roots = tree.build_tree(found.comments, with_orphans=is_cut)
    return ThreadPage(site, key, thread, roots, sort, found.following, drawn_at=now, more=found.more)


def locked(comment_id: int) -> Comment:
    """A published comment with its thread locked; raises NotFound for any other: for a reader it is not there."""
    threads.lock([comments.by_id(comment_id).thread_id])
    comment = comments.of_ids([comment_id])[0]
    if comment.status != Status.APPROVED:
        raise NotFound(phrase("There is no comment with this number here."))
    return comment


def close_old(since: datetime, now: datetime) -> None:
    """Publish anew the threads that have closed by their age since then: their pages still say that they are open.

    A comment is refused at once in any case.
    """
    closed: list[int] = []
    for site in sites.all_sites():
        days = timedelta(days=site.policy.close_after_days)
        if days:
            closed += threads.created_between(site, since - days, now - days)
    threads.touch_all(dict.fromkeys(closed, 0))


def page_around(comment: Comment) -> ThreadPage:
    """A page with a single comment, for its author."""
    own, messages = frozenset({comment.id}), decisions.messages_to_authors([comment.id])
    return ThreadPage(comment.site, comment.thread.key, comment.thread, [], Sort.OLDEST, None, own, messages)


def bare_page(site: Site, thread: Thread) -> ThreadPage:
    """A thread by itself, without its comments."""
    return ThreadPage(site, thread.key, thread, [], Sort.OLDEST, None)


def with_own(page: ThreadPage, own: Sequence[Comment]) -> ThreadPage:
    """The page with comments that only their author sees yet, each at its place."""
    shown = list(tree.walk(page.roots))
    ids = {comment.id for comment in shown}
    shown += [c for c in own if c.id not in ids and (c.parent_id is None or c.parent_id in ids)]
    return replace(page, roots=tree.build_tree(shown), own_ids=frozenset(c.id for c in own))

"""Threads: the comments of one page, with their number and a version that grows with each change."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import (
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    bindparam,
    false,
    select,
    update,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from commentsvc.core.policy import TITLE_MAX, URL_MAX, Policy
from commentsvc.store.db import Base, Id, UtcTime, db
from commentsvc.store.sites import Site
from commentsvc.store.upserts import upsert


class Thread(Base):
    __tablename__ = "thread"
    __table_args__ = (
        UniqueConstraint("site_id", "key_hash"),
        Index("ix_thread_site_id_created_at", "site_id", "created_at"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"))
    key: Mapped[str] = mapped_column(Text)
    # PostgreSQL indexes at most some 2,700 bytes; a key may have 2,048 characters of four bytes.
    key_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    url: Mapped[str] = mapped_column(String(URL_MAX), default="")
    title: Mapped[str] = mapped_column(String(TITLE_MAX), default="")
    # Title and address come from the first approved comment, unless a moderator or an import has fixed them.
    is_title_fixed: Mapped[bool] = mapped_column(default=False, server_default=false())
    is_url_fixed: Mapped[bool] = mapped_column(default=False, server_default=false())
    is_open: Mapped[bool] = mapped_column(default=True)
    mode: Mapped[str | None] = mapped_column(String(8))  # when comments are held; None: the site's mode
    count: Mapped[int] = mapped_column(Integer, default=0)  # approved comments, without pingbacks
    version: Mapped[int] = mapped_column(Integer, default=0)  # only grows; a cached page is valid for one version
    # Id of the pinned comment. No foreign key: the two tables would refer to each other.
    pinned_id: Mapped[int | None] = mapped_column(Id)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    site: Mapped[Site] = relationship()


def is_open(policy: Policy, thread: Thread, now: datetime) -> bool:
    """Whether the thread accepts comments: neither it nor its site is closed, and it is not too old."""
    days = policy.close_after_days
    is_old = days > 0 and thread.created_at <= now - timedelta(days=days)
    return policy.is_open and thread.is_open and not is_old


def created_between(site: Site, after: datetime, until: datetime) -> Sequence[int]:
    """Ids of a site's threads that were created after `after`, up to `until`."""
    query = select(Thread.id).where(Thread.site_id == site.id, Thread.created_at > after, Thread.created_at <= until)
    return db.session.scalars(query.order_by(Thread.id)).all()


def with_mode(site: Site, limit: int) -> Sequence[Thread]:
    """Threads that have a mode of their own, the newest first."""
    query = select(Thread).where(Thread.site_id == site.id, Thread.mode.is_not(None))
    return db.session.scalars(query.order_by(Thread.id.desc()).limit(limit)).all()


def hash_of(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def find(site: Site, key: str) -> Thread | None:
    return db.session.scalar(select(Thread).where(Thread.site_id == site.id, Thread.key_hash == hash_of(key)))


def get_or_add(site: Site, key: str, now: datetime) -> Thread:
    """The thread, locked until the transaction ends, so that two posts can't count at the same moment."""
    return get_or_add_all(site, [key], now)[key]


def get_or_add_all(
    site: Site, keys: Iterable[str], now: datetime, closed: Collection[str] = frozenset()
) -> dict[str, Thread]:
    """Threads by key, locked as in get_or_add and in order of id; new threads in `closed` accept no comments."""
    named = {hash_of(key): key for key in keys}
    found = _locked(site, named)
    missing = sorted(named.keys() - found.keys())
    if missing:
        fresh = {"site_id": site.id, "url": "", "title": "", "count": 0, "version": 0, "created_at": now}
        new_keys = [(key_hash, named[key_hash]) for key_hash in missing]
        rows = [{"key_hash": key_hash, "key": key, "is_open": key not in closed, **fresh} for key_hash, key in new_keys]
        made = db.session.scalars(upsert(Thread).on_conflict_do_nothing().returning(Thread), rows).all()
        found.update({bytes(thread.key_hash): thread for thread in made})
        if len(found) < len(named):  # another transaction has inserted them at this moment
            found.update(_locked(site, named.keys() - found.keys()))
    return {named[key_hash]: thread for key_hash, thread in found.items()}


def is_any(site: Site) -> bool:
    """Whether the site has a thread."""
    return db.session.scalar(select(Thread.id).where(Thread.site_id == site.id).limit(1)) is not None


def add(thread: Thread) -> None:
    db.session.add(thread)
    db.session.flush()


def describe(thread: Thread, title: str, url: str) -> None:
    """Set title and address from an approved comment, where they are empty; the caller holds the lock."""
    if not thread.is_title_fixed:
        thread.title = thread.title or title
    if not thread.is_url_fixed:
        thread.url = thread.url or url


def fix(thread: Thread, title: str, url: str) -> None:
    """Set title and address for good, as the blog itself gives them; an empty one changes nothing."""
    if title and not thread.is_title_fixed:
        thread.title, thread.is_title_fixed = title, True
    if url and not thread.is_url_fixed:
        thread.url, thread.is_url_fixed = url, True


def _locked(site: Site, key_hashes: Iterable[bytes]) -> dict[bytes, Thread]:
    query = select(Thread).where(Thread.site_id == site.id, Thread.key_hash.in_(sorted(key_hashes)))
    query = query.order_by(Thread.id).with_for_update(of=Thread).execution_options(populate_existing=True)
    return {bytes(thread.key_hash): thread for thread in db.session.scalars(query)}


def newest_key(site: Site) -> str:
    """Key of the site's newest thread; `/` when the site has none."""
    query = select(Thread.key).where(Thread.site_id == site.id).order_by(Thread.id.desc()).limit(1)
    return db.session.scalar(query) or "/"


def read_anew(ids: Iterable[int]) -> dict[int, Thread]:
    """Threads by id, read again from the database; the caller holds their locks."""
    query = select(Thread).where(Thread.id.in_(sorted(ids))).execution_options(populate_existing=True)
    return {thread.id: thread for thread in db.session.scalars(query)}


def lock(ids: Iterable[int]) -> None:
    """Lock threads until the transaction ends, in order of id, so that two transactions can't deadlock."""
    query = select(Thread.id).where(Thread.id.in_(sorted(set(ids)))).order_by(Thread.id)
    db.session.execute(query.with_for_update(of=Thread))


def touch(thread_id: int, count_change: int) -> None:
    """Increment a thread's version, so that its cached pages are rebuilt, and add to its count."""
    touch_all({thread_id: count_change})


def touch_all(count_changes: Mapping[int, int]) -> None:
    """Increment versions of threads and add to their counts, in order of id."""
    if count_changes:
        table = Base.metadata.tables["thread"]
        moved = update(table).where(table.c.id == bindparam("thread_id"))
        moved = moved.values(version=table.c.version + 1, count=table.c.count + bindparam("change"))
        rows = [{"thread_id": number, "change": change} for number, change in sorted(count_changes.items())]
        db.session.connection().execute(moved, rows)


def unpin(comment_ids: Iterable[int], thread_ids: Iterable[int]) -> None:
    """Remove the pins of comments that are no longer published."""
    pinned = update(Thread).where(Thread.id.in_(list(thread_ids)), Thread.pinned_id.in_(list(comment_ids)))
    db.session.execute(pinned.values(pinned_id=None))


def pin_again(thread_id: int, comment_id: int) -> None:
    """Pin a comment in a thread that has no pin; the caller increments the thread's version."""
    pinned = update(Thread).where(Thread.id == thread_id, Thread.pinned_id.is_(None))
    db.session.execute(pinned.values(pinned_id=comment_id))


def counts(site: Site, keys: list[str]) -> dict[str, int]:
    """The number of approved comments by thread key; 0 for a thread that does not exist."""
    hashes = {hash_of(key): key for key in keys}
    query = select(Thread.key_hash, Thread.count).where(Thread.site_id == site.id, Thread.key_hash.in_(list(hashes)))
    found = {bytes(key_hash): count for key_hash, count in db.session.execute(query).all()}
    return {key: found.get(key_hash, 0) for key_hash, key in hashes.items()}

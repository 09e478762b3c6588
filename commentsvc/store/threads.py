"""Threads: the comments of one page, with their number and a version that grows with each change."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType

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
    or_,
    select,
    update,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from commentsvc.core import page_keys
from commentsvc.core.policy import TITLE_MAX, URL_MAX, Policy
from commentsvc.store.db import Base, Id, UtcTime, db
from commentsvc.store.sites import Site
from commentsvc.store.thread_aliases import ThreadAlias
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
    # Title and address are the page's own or, until it was read, those of the first approved comment; a moderator or
    # an import may have fixed them.
    is_title_fixed: Mapped[bool] = mapped_column(default=False, server_default=false())
    is_url_fixed: Mapped[bool] = mapped_column(default=False, server_default=false())
    page_title: Mapped[str | None] = mapped_column(String(TITLE_MAX))  # as the page itself gives it; None: unknown
    page_url: Mapped[str | None] = mapped_column(String(URL_MAX))
    page_asked_at: Mapped[datetime | None] = mapped_column(UtcTime)  # when a job to read the page was last queued
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
    """The thread with this key, now or formerly."""
    key_hash = hash_of(key)
    found = db.session.scalar(select(Thread).where(Thread.site_id == site.id, Thread.key_hash == key_hash))
    if found is None:
        query = select(Thread).join(ThreadAlias, ThreadAlias.thread_id == Thread.id)
        query = query.where(ThreadAlias.site_id == site.id, ThreadAlias.key_hash == key_hash)
        found = db.session.scalar(query)
    return found


def key_for(site: Site, value: str, field: str = "thread") -> str:
    """The key of the page that an address, a path or an identifier names.

    A thread that has exactly this spelling is the page's: it was made before the site's present rules for keys.
    Raises Invalid, naming `field`, for what can't be a key.
    """
    key = page_keys.checked_key(value, site.policy, field)
    exact = find(site, value) if key != value else None
    return exact.key if exact is not None else key


def get_or_add(site: Site, key: str, now: datetime) -> Thread:
    """The thread, locked until the transaction ends, so that two posts can't count at the same moment."""
    return get_or_add_all(site, [key], now)[key]


def get_or_add_all(
    site: Site,
    keys: Iterable[str],
    now: datetime,
    closed: Collection[str] = frozenset(),
    created: Mapping[str, datetime] = MappingProxyType({}),
) -> dict[str, Thread]:
    """Threads by key, locked as in get_or_add and in order of id.

    New threads in `closed` accept no comments, and new threads in `created` begin at that time instead of now. A
    former key gives the thread that it leads to. The caller keeps keys from being moved (sites.hold_posting).
    """
    asked = {key: hash_of(key) for key in keys}
    named = {key_hash: key for key, key_hash in asked.items()}
    moved = _moved(site, named)
    for former, (key_hash, key) in moved.items():
        del named[former]
        named[key_hash] = key
    found = _locked(site, named)
    missing = sorted(named.keys() - found.keys())
    if missing:
        fresh = {"site_id": site.id, "url": "", "title": "", "count": 0, "version": 0}
        rows = [
            {"key_hash": key_hash, "key": key, "is_open": key not in closed, "created_at": created.get(key, now)}
            | fresh
            for key_hash, key in ((key_hash, named[key_hash]) for key_hash in missing)
        ]
        made = db.session.scalars(upsert(Thread).on_conflict_do_nothing().returning(Thread), rows).all()
        found.update({bytes(thread.key_hash): thread for thread in made})
        if len(found) < len(named):  # another transaction has inserted them at this moment
            found.update(_locked(site, named.keys() - found.keys()))
    now_at = {former: key_hash for former, (key_hash, _) in moved.items()}
    return {key: found[now_at.get(key_hash, key_hash)] for key, key_hash in asked.items()}


def _moved(site: Site, key_hashes: Collection[bytes]) -> dict[bytes, tuple[bytes, str]]:
    """Key and its hash of the threads that former keys lead to, by the hash of the former key."""
    query = select(ThreadAlias.key_hash, Thread.key_hash, Thread.key).join(Thread, Thread.id == ThreadAlias.thread_id)
    query = query.where(ThreadAlias.site_id == site.id, ThreadAlias.key_hash.in_(sorted(key_hashes)))
    return {bytes(former): (bytes(key_hash), key) for former, key_hash, key in db.session.execute(query).all()}


def is_any(site: Site) -> bool:
    """Whether the site has a thread."""
    return db.session.scalar(select(Thread.id).where(Thread.site_id == site.id).limit(1)) is not None


def with_ids(ids: Iterable[int]) -> Sequence[Thread]:
    """Threads by their ids, in order of id."""
    return db.session.scalars(select(Thread).where(Thread.id.in_(sorted(set(ids)))).order_by(Thread.id)).all()


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


def of_site(site: Site) -> Sequence[Thread]:
    """All threads of a site, the oldest first."""
    query = select(Thread).where(Thread.site_id == site.id)
    return db.session.scalars(query.order_by(Thread.created_at, Thread.id)).all()


def matching(site: Site, words: str, before_id: int | None, limit: int) -> Sequence[Thread]:
    """Threads whose key or title holds the words, in any case of ASCII letters; the newest first, below `before_id`."""
    query = select(Thread).where(Thread.site_id == site.id)
    if words:
        of_thread = (Thread.key.icontains(words, autoescape=True), Thread.title.icontains(words, autoescape=True))
        query = query.where(or_(*of_thread))
    if before_id is not None:
        query = query.where(Thread.id < before_id)
    return db.session.scalars(query.order_by(Thread.id.desc()).limit(limit)).all()


def keys_of(site: Site) -> list[tuple[int, str]]:
    """Ids and keys of the threads of a site, in order of id."""
    query = select(Thread.id, Thread.key).where(Thread.site_id == site.id).order_by(Thread.id)
    return [(number, key) for number, key in db.session.execute(query).all()]


def rename(thread: Thread, key: str) -> None:
    """Give a thread another key, which no other thread or alias has; the caller holds the lock."""
    thread.key, thread.key_hash = key, hash_of(key)


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
    """The number of approved comments by thread key, now or formerly; 0 for a thread that does not exist."""
    hashes = {hash_of(key): key for key in keys}
    query = select(Thread.key_hash, Thread.count).where(Thread.site_id == site.id, Thread.key_hash.in_(list(hashes)))
    found = {bytes(key_hash): count for key_hash, count in db.session.execute(query).all()}
    if missing := sorted(hashes.keys() - found.keys()):
        query = select(ThreadAlias.key_hash, Thread.count).join(Thread, Thread.id == ThreadAlias.thread_id)
        query = query.where(ThreadAlias.site_id == site.id, ThreadAlias.key_hash.in_(missing))
        found.update({bytes(key_hash): count for key_hash, count in db.session.execute(query).all()})
    return {key: found.get(key_hash, 0) for key_hash, key in hashes.items()}

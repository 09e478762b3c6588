"""Authors: accounts and guests that wrote comments on a site, with the number of their comments by status."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    UniqueConstraint,
    select,
    update,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from commentsvc.core import tokens
from commentsvc.core.policy import EMAIL_MAX, NAME_MAX
from commentsvc.core.whole_numbers import is_row_id
from commentsvc.store.accounts import Account
from commentsvc.store.db import UID_MAX, Base, Id, UtcTime, db, uid_index
from commentsvc.store.sites import Site
from commentsvc.store.upserts import upsert


class Author(Base):
    """An account on a site, or a guest identified by name and e-mail address together, as in WordPress.

    The counts are the author's comments on this site by current status; verdicts read them.
    """

    __tablename__ = "author"
    __table_args__ = (
        UniqueConstraint("site_id", "account_id"),
        UniqueConstraint("site_id", "guest_hash"),
        Index("ix_author_site_id_email", "site_id", "email"),
        CheckConstraint("(account_id IS NULL) <> (guest_hash IS NULL)", name="account_or_guest"),
        uid_index("author"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"), index=True)
    guest_hash: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    name: Mapped[str] = mapped_column(String(NAME_MAX))
    email: Mapped[str | None] = mapped_column(String(EMAIL_MAX))
    approved: Mapped[int] = mapped_column(Integer, default=0)
    pending: Mapped[int] = mapped_column(Integer, default=0)
    refused: Mapped[int] = mapped_column(Integer, default=0)  # rejected or spam
    first_seen_at: Mapped[datetime] = mapped_column(UtcTime)
    uid: Mapped[str | None] = mapped_column(String(UID_MAX))  # of an imported row, from where it was first written
    account: Mapped[Account | None] = relationship(lazy="joined")


def by_account(account_id: int) -> Sequence[Author]:
    return db.session.scalars(select(Author).where(Author.account_id == account_id)).all()


def guest_hash(name: str, email: str, ip: str) -> bytes:
    """The key of a guest: name and e-mail address together, or name and IP address without an e-mail address."""
    return tokens.digest(f"{name.casefold()}\0{email or '@' + ip}")


@dataclass(frozen=True)
class Writer:
    """An account or a guest, before its author row is known."""

    account_id: int | None
    name: str
    email: str
    ip: str

    @cached_property
    def key(self) -> int | bytes:
        """Unique among the authors of a site."""
        return guest_hash(self.name, self.email, self.ip) if self.account_id is None else self.account_id


def get_or_add_author(site: Site, account: Account | None, name: str, email: str, ip: str, now: datetime) -> Author:
    """The author of an account, or of a guest; a new one is inserted."""
    writer = Writer(account.id if account else None, name, email, ip)
    return get_or_add_authors(site, [writer], now)[writer.key]


def get_or_add_authors(site: Site, writers: Sequence[Writer], now: datetime) -> dict[int | bytes, Author]:
    """Authors on a site by key; new ones are inserted in sorted order, so that two transactions can't deadlock."""
    wanted = {writer.key: writer for writer in writers}
    found = _authors(site, wanted)
    missing = sorted(wanted.keys() - found.keys(), key=str)
    if missing:
        rows = [_author_row(site, wanted[key], now) for key in missing]
        # Another transaction may insert the same row at this moment; then its row is read below.
        made = db.session.scalars(upsert(Author).on_conflict_do_nothing().returning(Author), rows).all()
        found.update({_key_of(author): author for author in made})
        if len(found) < len(wanted):
            found.update(_authors(site, wanted.keys() - found.keys()))
    return found


def _authors(site: Site, keys: Iterable[int | bytes]) -> dict[int | bytes, Author]:
    found: dict[int | bytes, Author] = {}
    for column, kind in ((Author.account_id, int), (Author.guest_hash, bytes)):
        asked = [key for key in keys if isinstance(key, kind)]
        if asked:
            query = select(Author).where(Author.site_id == site.id, column.in_(asked))
            found.update({_key_of(author): author for author in db.session.scalars(query)})
    return found


def _author_row(site: Site, writer: Writer, now: datetime) -> dict[str, object]:
    key = {"account_id": writer.account_id, "guest_hash": writer.key if writer.account_id is None else None}
    counts = {"approved": 0, "pending": 0, "refused": 0}
    row = {"site_id": site.id, "name": writer.name, "email": writer.email or None, "first_seen_at": now}
    return {**row, **counts, **key}


def _key_of(author: Author) -> int | bytes:
    return bytes(author.guest_hash) if author.guest_hash is not None else author.account_id or 0


def find_author(author_id: int) -> Author | None:
    return db.session.get(Author, author_id) if is_row_id(author_id) else None


def lock_author(author_id: int) -> None:
    db.session.execute(select(Author.id).where(Author.id == author_id).with_for_update(key_share=True))


def by_id(author_id: int) -> Author:
    return db.session.get_one(Author, author_id)


def find_on(site: Site, account_id: int | None, guest: bytes | None) -> Author | None:
    """The author of an account, or of a guest's hash, on a site."""
    query = select(Author).where(Author.site_id == site.id)
    return db.session.scalar(
        query.where(Author.account_id == account_id if account_id is not None else Author.guest_hash == guest)
    )


def add_to_counts(changes: Mapping[int, Mapping[str, int]]) -> None:
    """Add changes, by author id and status, to authors' counts.

    The database adds them, not the session: two moderators at once must not overwrite each other's count.
    """
    # Most authors of many change alike: a statement for each kind of change, instead of one for each author.
    alike: dict[tuple[int, int, int], list[int]] = {}
    for author_id, by_status in changes.items():
        row = dict.fromkeys(("approved", "pending", "refused"), 0)
        for status, change in by_status.items():
            if status in COUNTED_AS:
                row[COUNTED_AS[status]] += change
        if any(row.values()):
            alike.setdefault((row["approved"], row["pending"], row["refused"]), []).append(author_id)
    ids = sorted(author_id for same in alike.values() for author_id in same)
    if len(ids) > 1:
        # In one order, so that two transactions can't deadlock.
        db.session.execute(
            select(Author.id).where(Author.id.in_(ids)).order_by(Author.id).with_for_update(key_share=True)
        )
    table = Base.metadata.tables["author"]
    for (approved, pending, refused), same in alike.items():
        values = {"approved": approved, "pending": pending, "refused": refused}
        changed = {table.c[name]: table.c[name] + change for name, change in values.items()}
        db.session.connection().execute(update(table).where(table.c.id.in_(same)).values(changed))


COUNTED_AS = {"approved": "approved", "pending": "pending", "rejected": "refused", "spam": "refused"}  # not `deleted`

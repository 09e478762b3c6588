"""Authors: who wrote comments on a site, an account or a guest, with counts of their comments by status."""

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
    bindparam,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column, relationship

from commentsvc.core import tokens
from commentsvc.core.policy import EMAIL_MAX, NAME_MAX
from commentsvc.store.accounts import Account
from commentsvc.store.db import Base, Id, UtcTime, db, is_postgres
from commentsvc.store.sites import Site


class Author(Base):
    """Who writes on a site: an account, or a guest known by name and address together, as in WordPress.

    The counts are this author's comments here by their status now; the judge reads them.
    """

    __tablename__ = "author"
    __table_args__ = (
        UniqueConstraint("site_id", "account_id"),
        UniqueConstraint("site_id", "guest_hash"),
        Index("ix_author_site_id_email", "site_id", "email"),
        CheckConstraint("(account_id IS NULL) <> (guest_hash IS NULL)", name="account_or_guest"),
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
    account: Mapped[Account | None] = relationship(lazy="joined")


def authors_of(account_id: int) -> Sequence[Author]:
    return db.session.scalars(select(Author).where(Author.account_id == account_id)).all()


def guest_hash(name: str, email: str, ip: str) -> bytes:
    """What a guest is known by: name and address together.

    Without an address a name alone is nobody in particular; the network address tells two such guests apart.
    """
    return tokens.digest(f"{name.casefold()}\0{email or '@' + ip}")


@dataclass(frozen=True)
class Writer:
    """Who writes: an account, or a guest."""

    account_id: int | None
    name: str
    email: str
    ip: str

    @cached_property
    def key(self) -> int | bytes:
        """What tells one author of a site from the others."""
        return guest_hash(self.name, self.email, self.ip) if self.account_id is None else self.account_id


def get_or_add_author(site: Site, account: Account | None, name: str, email: str, ip: str, now: datetime) -> Author:
    """The author who writes as this account, or as this guest."""
    writer = Writer(account.id if account else None, name, email, ip)
    return get_or_add_authors(site, [writer], now)[writer.key]


def get_or_add_authors(site: Site, writers: Sequence[Writer], now: datetime) -> dict[int | bytes, Author]:
    """Who writes here as these, by their keys; new ones are made in one order of rows."""
    wanted = {writer.key: writer for writer in writers}
    found = _authors(site, wanted)
    missing = sorted(wanted.keys() - found.keys(), key=str)
    if missing:
        rows = [_author_row(site, wanted[key], now) for key in missing]
        insert = postgresql.insert if is_postgres() else sqlite.insert
        # Somebody else may write the same row at this moment; then theirs is the one.
        made = db.session.scalars(insert(Author).on_conflict_do_nothing().returning(Author), rows).all()
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
    return db.session.get(Author, author_id) if 0 < author_id < 2**63 else None


def lock_author(author_id: int) -> None:
    db.session.execute(select(Author.id).where(Author.id == author_id).with_for_update(key_share=True))


def author_of(author_id: int) -> Author:
    return db.session.get_one(Author, author_id)


def count_moved(changes: Mapping[int, Mapping[str, int]]) -> None:
    """Keep authors' counts true when comments went from one status to another: by author, then by status.

    In the database, not in the session: two moderators at once must not overwrite each other's count.
    """
    rows = []
    for author_id, by_status in sorted(changes.items()):
        row = dict.fromkeys(("approved", "pending", "refused"), 0)
        for status, change in by_status.items():
            if status in COUNTED_AS:
                row[COUNTED_AS[status]] += change
        if any(row.values()):
            rows.append({"author_id": author_id, **{f"more_{name}": change for name, change in row.items()}})
    if rows:
        table = Base.metadata.tables["author"]
        values = {name: table.c[name] + bindparam(f"more_{name}") for name in ("approved", "pending", "refused")}
        db.session.connection().execute(update(table).where(table.c.id == bindparam("author_id")).values(values), rows)


COUNTED_AS = {"approved": "approved", "pending": "pending", "rejected": "refused", "spam": "refused"}  # not `deleted`

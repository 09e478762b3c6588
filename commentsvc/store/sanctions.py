"""Sanctions on people by account, address, domain or network; they are lifted, never deleted."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, or_, select, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from commentsvc.core.errors import NotFound
from commentsvc.core.sanction_kinds import SanctionKind, Subject, SubjectKind, subjects_of
from commentsvc.core.status import Status
from commentsvc.core.whole_numbers import is_row_id
from commentsvc.store.accounts import Account
from commentsvc.store.authors import Author
from commentsvc.store.comments import Comment
from commentsvc.store.db import Base, Id, UtcTime, db
from commentsvc.store.sites import Site

SUBJECT_MAX = 300
NOT_LIFTED = "lifted_at IS NULL"
REFUSING = (SanctionKind.BAN, SanctionKind.SUSPEND)
_KINDS = ", ".join(f"'{kind}'" for kind in SanctionKind)


class Sanction(Base):
    __tablename__ = "sanction"
    __table_args__ = (
        CheckConstraint(f"kind IN ({_KINDS})", name="kind"),
        Index("ix_sanction_subject", "subject", sqlite_where=text(NOT_LIFTED), postgresql_where=text(NOT_LIFTED)),
        Index("ix_sanction_site_id_id", "site_id", "id"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int | None] = mapped_column(ForeignKey("site.id"))  # None: on every site
    kind: Mapped[str] = mapped_column(String(16))
    subject: Mapped[str] = mapped_column(String(SUBJECT_MAX))  # `account:7`, `email:…`, `domain:…`, `network:…`
    # Set when the moderator may not see addresses: the author that it concerns. No foreign key: it outlives authors.
    author_id: Mapped[int | None] = mapped_column(Id)
    reason: Mapped[str] = mapped_column(Text, default="")  # shown to the person
    note: Mapped[str] = mapped_column(Text, default="")  # for moderators
    by_account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"), index=True)
    batch: Mapped[str | None] = mapped_column(String(32))  # batch of the decisions that rejected the person's comments
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    token: Mapped[str] = mapped_column(String(32))  # proves that the person has seen the sanction
    until_at: Mapped[datetime | None] = mapped_column(UtcTime)
    acknowledged_at: Mapped[datetime | None] = mapped_column(UtcTime)  # of a warning
    lifted_at: Mapped[datetime | None] = mapped_column(UtcTime)
    lifted_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"), index=True)
    site: Mapped[Site | None] = relationship()
    by_account: Mapped[Account | None] = relationship(foreign_keys=[by_account_id])
    lifted_by: Mapped[Account | None] = relationship(foreign_keys=[lifted_by_id])

    def is_active(self, now: datetime) -> bool:
        is_over = self.until_at is not None and self.until_at <= now
        return self.lifted_at is None and not is_over and self.acknowledged_at is None

    def binds(self, author_id: int | None) -> bool:
        """Whether it applies to this author, whose subjects include its subject.

        A sanction with an author applies to that author alone: on other authors' comments it would show moderators
        whose address is the same. A ban or suspension shows nothing there, so it applies to the whole subject.
        """
        return self.author_id in (None, author_id) or self.kind in REFUSING

    def is_shown_with(self, author_id: int, sees_addresses: bool) -> bool:
        """Whether a moderator may see it with this author; without the right to see addresses, not if it names one."""
        names_account = self.subject.startswith(f"{SubjectKind.ACCOUNT}:")
        return sees_addresses or names_account or self.author_id == author_id


def is_any(site_ids: Collection[int]) -> bool:
    """Whether any sanction is in force on these sites; saves the query for a person's thirty subjects on most sites."""
    here = or_(Sanction.site_id.is_(None), Sanction.site_id.in_(site_ids))
    return db.session.scalar(select(Sanction.id).where(here, text(NOT_LIFTED)).limit(1)) is not None


def active_for(
    site: Site, account_id: int | None, email: str, ip: str, now: datetime, author_id: int | None = None
) -> Sequence[Sanction]:
    """Sanctions in force on this site for an account, e-mail address or IP address; oldest first."""
    # The site is compared in Python: with it in the query, SQLite would use the index of the site, which grows.
    query = select(Sanction).where(Sanction.subject.in_([str(s) for s in subjects_of(account_id, email, ip)]))
    found = db.session.scalars(query.where(text(NOT_LIFTED)).order_by(Sanction.id)).all()
    here = [sanction for sanction in found if sanction.site_id in (None, site.id) and sanction.is_active(now)]
    return [sanction for sanction in here if sanction.binds(author_id)]


def active_by_comment(comments: Sequence[Comment], now: datetime) -> dict[int, list[Sanction]]:
    """Sanctions in force for the author of each comment, by comment id, by one query; authors are loaded."""
    if not is_any({comment.site_id for comment in comments}):
        return {}
    subjects = {c.id: {str(s) for s in subjects_of(c.author.account_id, c.author_email or "", c.ip)} for c in comments}
    wanted = {subject for own in subjects.values() for subject in own}
    query = select(Sanction).where(Sanction.subject.in_(wanted), text(NOT_LIFTED)).order_by(Sanction.id)
    found = [sanction for sanction in db.session.scalars(query) if sanction.is_active(now)] if wanted else []
    by_comment: dict[int, list[Sanction]] = {}
    for comment in comments:
        here = [s for s in found if s.subject in subjects[comment.id] and s.site_id in (None, comment.site_id)]
        own = [s for s in here if s.binds(comment.author_id)]
        if own:
            by_comment[comment.id] = own
    return by_comment


def history(site: Site, subjects: Sequence[Subject]) -> Sequence[Sanction]:
    """All sanctions that these subjects ever had on this site, newest first."""
    query = select(Sanction).where(Sanction.subject.in_([str(s) for s in subjects]))
    query = query.where(or_(Sanction.site_id.is_(None), Sanction.site_id == site.id))
    return db.session.scalars(query.order_by(Sanction.id.desc())).unique().all()


def of_site(site: Site, before_id: int | None, limit: int) -> tuple[list[Sanction], int | None]:
    """The site's own sanctions, newest first; and the id before which the next page begins, if there is one."""
    query = select(Sanction).where(Sanction.site_id == site.id)
    if before_id is not None:
        query = query.where(Sanction.id < before_id)
    found = list(db.session.scalars(query.order_by(Sanction.id.desc()).limit(limit + 1)).unique())
    return found[:limit], found[limit - 1].id if len(found) > limit else None


def locked(sanction_id: int) -> Sanction:
    """Like by_id, read again from the database and locked until the transaction ends."""
    query = select(Sanction).where(Sanction.id == by_id(sanction_id).id).with_for_update(of=Sanction)
    return db.session.scalars(query.execution_options(populate_existing=True)).one()


def by_id(sanction_id: int) -> Sanction:
    sanction = db.session.get(Sanction, sanction_id) if is_row_id(sanction_id) else None
    if sanction is None:
        raise NotFound("There is no sanction with this number here.")
    return sanction


class CommentOrigin(NamedTuple):
    """The columns that identify the person who wrote a comment."""

    id: int
    account_id: int | None
    email: str | None
    ip: str
    author_id: int


def origins_since(site_id: int | None, since: datetime) -> list[CommentOrigin]:
    """Origins of approved and pending comments since then, of one site or (None) of all sites."""
    site_ids = [site_id] if site_id is not None else list(db.session.scalars(select(Site.id)))
    query = select(Comment.id, Author.account_id, Comment.author_email, Comment.ip, Comment.author_id)
    query = query.join(Author, Author.id == Comment.author_id)
    query = query.where(Comment.site_id.in_(site_ids), Comment.created_at > since)
    query = query.where(Comment.status.in_([Status.APPROVED, Status.PENDING]))
    return [CommentOrigin(*row) for row in db.session.execute(query).all()]

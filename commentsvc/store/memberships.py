"""Memberships: which accounts moderate or own which sites."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    String,
    UniqueConstraint,
    delete,
    func,
    select,
    text,
)
from sqlalchemy.orm import Mapped, joinedload, mapped_column, relationship

from commentsvc.store import sessions
from commentsvc.store.accounts import Account
from commentsvc.store.db import Base, Id, db
from commentsvc.store.sites import Site


class Role(StrEnum):
    OWNER = "owner"
    MODERATOR = "moderator"


class Membership(Base):
    """A role of an account on a site."""

    __tablename__ = "membership"
    __table_args__ = (
        UniqueConstraint("account_id", "site_id"),
        CheckConstraint("role IN ('owner', 'moderator')", name="role"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"), index=True)
    role: Mapped[str] = mapped_column(String(16))
    account: Mapped[Account] = relationship(back_populates="memberships")
    site: Mapped[Site] = relationship()


def set_role(account: Account, site: Site, role: Role) -> None:
    membership = find_membership(account, site)
    if membership is None:
        sessions.end_unconfirmed(account)
        db.session.add(Membership(account_id=account.id, site_id=site.id, role=role))
    else:
        membership.role = role
    db.session.flush()
    db.session.expire(account, ["memberships"])


def remove_role(account: Account, site: Site) -> None:
    db.session.execute(delete(Membership).where(Membership.account_id == account.id, Membership.site_id == site.id))
    db.session.expire(account, ["memberships"])


def members_with_roles(site: Site) -> Sequence[Membership]:
    query = select(Membership).where(Membership.site_id == site.id).join(Account, Account.id == Membership.account_id)
    return db.session.scalars(query.order_by(Account.name, Account.id).options(joinedload(Membership.account))).all()


def find_membership(account: Account, site: Site) -> Membership | None:
    return next((m for m in account.memberships if m.site_id == site.id), None)


def role_on(account: Account, site: Site) -> Role | None:
    """The account's right on the site; an admin is an owner everywhere."""
    if account.is_admin:
        return Role.OWNER
    membership = find_membership(account, site)
    return Role(membership.role) if membership else None


def moderator_names(site: Site) -> Sequence[str]:
    """The names of all who moderate the site, admins too."""
    query = select(Account.name).join(Membership, Membership.account_id == Account.id)
    members = db.session.scalars(query.where(Membership.site_id == site.id)).all()
    return [*members, *db.session.scalars(select(Account.name).where(text("account.is_admin"))).all()]


def moderated_sites(account: Account) -> list[Site]:
    query = select(Site).order_by(Site.name, Site.id)
    if not account.is_admin:
        query = query.join(Membership, Membership.site_id == Site.id).where(Membership.account_id == account.id)
    return list(db.session.scalars(query))


def members_of(site_id: int) -> int:
    """The number of moderators of a site, owners included, administrators not."""
    return db.session.scalar(select(func.count()).select_from(Membership).where(Membership.site_id == site_id)) or 0


def owners_of(site_id: int) -> int:
    query = select(func.count()).select_from(Membership)
    return db.session.scalar(query.where(Membership.site_id == site_id, Membership.role == Role.OWNER)) or 0

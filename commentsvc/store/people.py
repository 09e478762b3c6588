"""People: accounts with their identities, roles, tokens, codes and dashboard sessions; and the authors of comments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Select,
    String,
    UniqueConstraint,
    bindparam,
    delete,
    false,
    func,
    or_,
    select,
    text,
    true,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, joinedload, mapped_column, relationship

from commentsvc.core import emails, tokens
from commentsvc.core import text as core_text
from commentsvc.core.errors import NotFound, NotSignedIn
from commentsvc.core.networks import Scope, count_in, network_of
from commentsvc.core.phrases import phrase
from commentsvc.core.policy import EMAIL_MAX, NAME_MAX, WEBSITE_MAX
from commentsvc.store.db import Base, Id, UtcTime, db, is_postgres
from commentsvc.store.sites import Site

PROVIDER_MAX = 64
SUBJECT_MAX = 255
TOKEN_NAME_MAX = 80
LANGUAGE_MAX = 16  # characters of a tag
ADMIN = text("is_admin")


class Role(StrEnum):
    OWNER = "owner"
    MODERATOR = "moderator"


class Account(Base):
    __tablename__ = "account"
    # The few administrators are looked for with each comment: nobody else may go by their names.
    __table_args__ = (Index("ix_account_admin", "id", sqlite_where=ADMIN, postgresql_where=ADMIN),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    # Lower case, and only an address that its holder has proved or the operator has set.
    email: Mapped[str | None] = mapped_column(String(EMAIL_MAX), unique=True)
    name: Mapped[str] = mapped_column(String(NAME_MAX))
    website: Mapped[str | None] = mapped_column(String(WEBSITE_MAX))
    is_admin: Mapped[bool] = mapped_column(default=False)
    picture: Mapped[str | None] = mapped_column(String(64))  # its hash
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    language: Mapped[str | None] = mapped_column(String(LANGUAGE_MAX))  # of mails to them; one of languages.TAGS
    erased_at: Mapped[datetime | None] = mapped_column(UtcTime)  # the bare row stays; nothing is written for it again
    # Wrong second factors in a row, over all sessions, and when the last came (see proving.py).
    factor_misses: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    factor_missed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    memberships: Mapped[list[Membership]] = relationship(back_populates="account", lazy="selectin")
    identities: Mapped[list[Identity]] = relationship(back_populates="account", lazy="select")


class Identity(Base):
    """One way an account signs in."""

    __tablename__ = "identity"
    __table_args__ = (UniqueConstraint("provider", "subject"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    provider: Mapped[str] = mapped_column(String(PROVIDER_MAX))
    subject: Mapped[str] = mapped_column(String(SUBJECT_MAX))
    name: Mapped[str] = mapped_column(String(NAME_MAX), default="")  # as the provider says it, to tell two apart
    # Added by the account's holder or by a mailed code; False for what rests on the provider's word alone.
    is_confirmed: Mapped[bool] = mapped_column(default=True, server_default=true())
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    account: Mapped[Account] = relationship(back_populates="identities")


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


class ApiToken(Base):
    """A personal token; only its SHA-256 is kept."""

    __tablename__ = "api_token"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    site_id: Mapped[int | None] = mapped_column(ForeignKey("site.id"))  # None: all the account's sites
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcTime)
    name: Mapped[str] = mapped_column(String(TOKEN_NAME_MAX), default="", server_default="")  # what it is for
    # Made on the command line, or by a session that had shown its second factor.
    has_shown_factor: Mapped[bool] = mapped_column(default=False, server_default=false())
    account: Mapped[Account] = relationship(lazy="joined")
    site: Mapped[Site | None] = relationship()


class SigninCode(Base):
    """A code and link sent to an address, or a link printed for an account; single use."""

    __tablename__ = "signin_code"
    __table_args__ = (
        Index("ix_signin_code_email_created_at", "email", "created_at"),
        Index("ix_signin_code_network_created_at", "network", "created_at"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    email: Mapped[str] = mapped_column(String(EMAIL_MAX))
    ip: Mapped[str | None] = mapped_column(String(45))
    network: Mapped[str] = mapped_column(String(45), default="", server_default="")  # the neighbourhood of `ip`
    link_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    code_hash: Mapped[bytes | None] = mapped_column(LargeBinary(32))  # None: only the link works
    tries: Mapped[int] = mapped_column(Integer, default=0)
    stray_tries: Mapped[int] = mapped_column(Integer, default=0, server_default="0")  # by browsers that did not ask
    asker: Mapped[bytes | None] = mapped_column(LargeBinary(32))  # the browser that asked
    is_known: Mapped[bool] = mapped_column(default=False, server_default=false())  # it had signed in there before
    is_mailed: Mapped[bool] = mapped_column(default=True, server_default=true())  # False: the address had enough mail
    joins: Mapped[bool] = mapped_column(default=False)  # makes an account when the address has none
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcTime)


class Session(Base):
    """A browser signed in to the dashboard; ending the row ends it, whatever the cookie says."""

    __tablename__ = "session"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    provider: Mapped[str] = mapped_column(String(PROVIDER_MAX), default="email")  # how this browser signed in
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    ip: Mapped[str] = mapped_column(String(45))
    user_agent: Mapped[str] = mapped_column(String(300))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)
    proved_at: Mapped[datetime | None] = mapped_column(UtcTime)  # when it last showed a second factor
    tries: Mapped[int] = mapped_column(Integer, default=0, server_default="0")  # wrong codes since
    account: Mapped[Account] = relationship(lazy="joined")


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


def account_by_email(email: str) -> Account:
    account = find_account(email)
    if account is None:
        raise NotFound(f"There is no account with the address {email}. Add one with: commentsvc user create")
    return account


def find_account(email: str) -> Account | None:
    return db.session.scalar(select(Account).where(Account.email == email.strip().lower()))


def find_name_and_language(email: str) -> tuple[str, str | None] | None:
    """Of the account with this address. One query whether there is one or not: its duration must tell nobody."""
    found = db.session.execute(select(Account.name, Account.language).where(Account.email == email)).first()
    return (found.name, found.language) if found else None


def find_account_by_id(account_id: int) -> Account | None:
    return db.session.get(Account, account_id) if 0 < account_id < 2**63 else None


def held(account_ids: Iterable[int]) -> set[int]:
    """Those of these accounts that are not erased; none of them can be until the transaction ends."""
    asked = sorted(set(account_ids))
    query = select(Account.id).where(Account.id.in_(asked), Account.erased_at.is_(None)).order_by(Account.id)
    # FOR KEY SHARE waits for `locked` alone: many can write for one account at once.
    return set(db.session.scalars(query.with_for_update(read=True, key_share=True))) if asked else set()


def hold(account_id: int) -> None:
    """Keep an account from being erased until the transaction ends; raises NotSignedIn when it has been."""
    if not held([account_id]):
        raise NotSignedIn(phrase("Your account is erased."))


def locked(account_id: int) -> Account:
    """The account, read anew; until the transaction ends nobody else writes for it. Raises NotSignedIn as hold."""
    query = select(Account).where(Account.id == account_id, Account.erased_at.is_(None)).with_for_update(of=Account)
    found = db.session.scalar(query.execution_options(populate_existing=True))
    if found is None:
        raise NotSignedIn(phrase("Your account is erased."))
    return found


def make_account(email: str, name: str, is_admin: bool, now: datetime) -> Account:
    """The account with this address, made when there is none; raises Invalid for a bad address or name."""
    email = emails.address(email, "email", required=True)
    name = core_text.line(name, "name", "The name", NAME_MAX, required=True)
    account = find_account(email)
    if account is None:
        account = Account(email=email, name=name, is_admin=False, created_at=now)
        db.session.add(account)
    db.session.flush()
    if is_admin and not account.is_admin:
        end_unconfirmed(account)
    account.is_admin = account.is_admin or is_admin
    db.session.flush()
    return account


def add_account(name: str, email: str | None, website: str | None, now: datetime) -> Account:
    """An account for somebody who has just proved who they are; the address, if any, is proved."""
    account = Account(name=name[:NAME_MAX], email=email, website=website, is_admin=False, created_at=now)
    db.session.add(account)
    db.session.flush()
    return account


def find_identity(provider: str, subject: str) -> Identity | None:
    return db.session.scalar(select(Identity).where(Identity.provider == provider, Identity.subject == subject))


def add_identity(
    account: Account, provider: str, subject: str, name: str, now: datetime, is_confirmed: bool = True
) -> None:
    values = {"provider": provider, "subject": subject, "name": name[:NAME_MAX], "is_confirmed": is_confirmed}
    db.session.add(Identity(account_id=account.id, created_at=now, **values))
    db.session.flush()


def set_role(account: Account, site: Site, role: Role) -> None:
    membership = find_membership(account, site)
    if membership is None:
        end_unconfirmed(account)
        db.session.add(Membership(account_id=account.id, site_id=site.id, role=role))
    else:
        membership.role = role
    db.session.flush()
    db.session.expire(account, ["memberships"])


def end_unconfirmed(account: Account) -> None:
    """End the sessions that only a provider's word has opened: it must not give the rights that are given now."""
    doubtful = select(Identity.provider).where(Identity.account_id == account.id, Identity.is_confirmed.is_(False))
    db.session.execute(delete(Session).where(Session.account_id == account.id, Session.provider.in_(doubtful)))


def remove_role(account: Account, site: Site) -> None:
    db.session.execute(delete(Membership).where(Membership.account_id == account.id, Membership.site_id == site.id))
    db.session.expire(account, ["memberships"])


def members_with_roles(site: Site) -> Sequence[Membership]:
    query = select(Membership).where(Membership.site_id == site.id).join(Account, Account.id == Membership.account_id)
    return db.session.scalars(query.order_by(Account.name, Account.id).options(joinedload(Membership.account))).all()


def api_tokens_of(account: Account) -> Sequence[ApiToken]:
    """The personal tokens that still work, the newest first."""
    query = select(ApiToken).where(ApiToken.account_id == account.id, ApiToken.revoked_at.is_(None))
    return db.session.scalars(query.options(joinedload(ApiToken.site)).order_by(ApiToken.id.desc())).all()


def find_membership(account: Account, site: Site) -> Membership | None:
    return next((m for m in account.memberships if m.site_id == site.id), None)


def role_on(account: Account, site: Site) -> Role | None:
    """The account's right on the site; an admin is an owner everywhere."""
    if account.is_admin:
        return Role.OWNER
    membership = find_membership(account, site)
    return Role(membership.role) if membership else None


def taken_addresses(emails: Iterable[str]) -> set[str]:
    """Those of these addresses that belong to an account."""
    asked = sorted(emails)
    found = db.session.scalars(select(Account.email).where(Account.email.in_(asked))) if asked else ()
    return {email for email in found if email is not None}


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


def find_token(token_hash: bytes) -> ApiToken | None:
    return db.session.scalar(select(ApiToken).where(ApiToken.token_hash == token_hash, ApiToken.revoked_at.is_(None)))


def find_session(token_hash: bytes, now: datetime) -> Session | None:
    query = select(Session).where(Session.token_hash == token_hash)
    return db.session.scalar(query.where(Session.ended_at.is_(None), Session.expires_at > now))


def open_sessions(account_id: int, now: datetime) -> Sequence[Session]:
    """The browsers an account is signed in with, the newest first."""
    query = select(Session).where(Session.account_id == account_id, Session.ended_at.is_(None))
    return db.session.scalars(query.where(Session.expires_at > now).order_by(Session.id.desc())).all()


def end_session(account_id: int, session_id: int, now: datetime) -> None:
    ended = update(Session).where(Session.account_id == account_id, Session.id == session_id)
    db.session.execute(ended.where(Session.ended_at.is_(None)).values(ended_at=now))


def end_sessions(account_id: int, now: datetime, but: bytes | None) -> None:
    ended = update(Session).where(Session.account_id == account_id, Session.ended_at.is_(None))
    db.session.execute((ended.where(Session.token_hash != but) if but else ended).values(ended_at=now))


def forget_proofs(account_id: int) -> None:
    """No session of the account counts as having shown a second factor any more."""
    db.session.execute(update(Session).where(Session.account_id == account_id).values(proved_at=None))


def identities_of(account_id: int) -> Sequence[Identity]:
    return db.session.scalars(select(Identity).where(Identity.account_id == account_id).order_by(Identity.id)).all()


def members_of(site_id: int) -> int:
    """How many moderate the site, owners among them; admins are not counted."""
    return db.session.scalar(select(func.count()).select_from(Membership).where(Membership.site_id == site_id)) or 0


def owners_of(site_id: int) -> int:
    query = select(func.count()).select_from(Membership)
    return db.session.scalar(query.where(Membership.site_id == site_id, Membership.role == Role.OWNER)) or 0


def authors_of(account_id: int) -> Sequence[Author]:
    return db.session.scalars(select(Author).where(Author.account_id == account_id)).all()


def forget_codes(email: str | None) -> None:
    db.session.execute(delete(SigninCode).where(SigninCode.email == email))


def forget(account: Account, now: datetime) -> None:
    """Remove all that leads to a person; the bare row stays, because decisions name it."""
    for table in (Identity, Membership, ApiToken, Session):
        db.session.execute(delete(table).where(table.__table__.c.account_id == account.id))
    forget_codes(account.email)
    account.erased_at = now
    account.email = account.website = account.picture = account.language = None
    account.is_admin = False
    db.session.expire(account, ["memberships"])


def newest_code(email: str, asker: bytes, now: datetime) -> SigninCode | None:
    """The only code that counts for the browser that asked for it: a new one makes the older ones worthless."""
    return db.session.scalar(_newest_mailed(email, now).where(SigninCode.asker == asker))


def newest_code_of_others(email: str, asker: bytes, now: datetime) -> SigninCode | None:
    """The newest code that another browser asked for."""
    is_others = or_(SigninCode.asker.is_(None), SigninCode.asker != asker)
    return db.session.scalar(_newest_mailed(email, now).where(is_others))


def _newest_mailed(email: str, now: datetime) -> Select[SigninCode]:
    query = select(SigninCode).where(SigninCode.email == email, SigninCode.code_hash.is_not(None))
    query = query.where(SigninCode.is_mailed, SigninCode.used_at.is_(None), SigninCode.expires_at > now)
    return query.order_by(SigninCode.id.desc()).limit(1).with_for_update()


def code_by_link(link_hash: bytes) -> SigninCode:
    code = db.session.scalar(select(SigninCode).where(SigninCode.link_hash == link_hash).with_for_update())
    if code is None:
        raise NotFound(phrase("This sign-in link has been used or is too old. Ask for a new one."))
    return code


def codes_asked_from(ip: str, since: datetime, now: datetime, most: int) -> tuple[int, int]:
    """How many codes strangers of an address' household, and of its neighbourhood, have asked for, up to `most`.

    A browser that is known at the account is no stranger.
    """
    near = select(SigninCode.ip).where(SigninCode.network == network_of(ip, Scope.NEIGHBOURHOOD))
    near = near.where(SigninCode.created_at > since, SigninCode.created_at <= now, SigninCode.ip.is_not(None))
    found = [other or "" for other in db.session.scalars(near.where(SigninCode.is_known.is_(False)).limit(most))]
    return count_in(found, ip, Scope.HOUSEHOLD), len(found)


def codes_mailed(email: str, is_known: bool, since: datetime, now: datetime) -> int:
    """How many codes were mailed to the address for strangers, or for browsers that are known there."""
    query = select(func.count()).where(SigninCode.email == email, SigninCode.is_known.is_(is_known))
    query = query.where(SigninCode.is_mailed, SigninCode.ip.is_not(None))  # a printed link has no network
    return db.session.scalar(query.where(SigninCode.created_at > since, SigninCode.created_at <= now)) or 0


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

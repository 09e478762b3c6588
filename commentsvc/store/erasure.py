"""Erasures: which people were erased, by keyed hash, and the removal of what leads to a person from every table."""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import CheckConstraint, LargeBinary, String, delete, func, select, text, update
from sqlalchemy.orm import Mapped, mapped_column

from commentsvc.core.erased_text import Identifiers
from commentsvc.core.networks import NetworkScope, network_of
from commentsvc.core.sanction_kinds import SubjectKind
from commentsvc.core.search_query import Search
from commentsvc.store import search_index
from commentsvc.store.accounts import Account
from commentsvc.store.address_checks import AddressCheck
from commentsvc.store.api_tokens import ApiToken
from commentsvc.store.audit_log import AuditEntry
from commentsvc.store.authors import Author
from commentsvc.store.comments import Comment
from commentsvc.store.db import Base, Id, UtcTime, db
from commentsvc.store.decisions import Decision
from commentsvc.store.identities import Identity
from commentsvc.store.invitations import Invitation
from commentsvc.store.jobs import FAILED, OPEN, Job
from commentsvc.store.memberships import Membership
from commentsvc.store.reports import Report
from commentsvc.store.sanctions import Sanction
from commentsvc.store.sessions import Session, forget_codes
from commentsvc.store.sites import Site
from commentsvc.store.subscriptions import Subscription

MERGED_PAGES = 500  # of the search index in one transaction, so that posts do not wait long for it
AT_ONCE = 500  # values in one list of a query, and rows of the audit log read together
# Entries of these kinds are about settings, rules and pages: a name in them is a word of the site's own.
OF_THE_SITE = ("setting", "rule", "rules", "thread", "site", "checks")
ERASED_NOTE = "Deleted with the data of this person."


class ErasureKind(StrEnum):
    ACCOUNT = "account"
    GUEST = "guest"


class Erasure(Base):
    """`subject_hash` is keyed with the service's secret: of a guest's address, or of an account's id and beginning.

    No foreign keys: a restored backup may lack the site or the account.
    """

    __tablename__ = "erasure"
    __table_args__ = (CheckConstraint("kind IN ('account', 'guest')", name="kind"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    site_id: Mapped[int | None] = mapped_column(Id)  # None: on every site
    subject_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    account_id: Mapped[int | None] = mapped_column(Id)
    keeps_comments: Mapped[bool]
    erased_at: Mapped[datetime] = mapped_column(UtcTime)


def record(
    kind: ErasureKind,
    site_id: int | None,
    subject_hash: bytes,
    account_id: int | None,
    keeps_comments: bool,
    now: datetime,
) -> None:
    """Remember an erasure in the transaction that erases, once; the caller commits."""
    same = select(Erasure).where(Erasure.subject_hash == subject_hash, Erasure.kind == kind)
    same = same.where(Erasure.site_id == site_id if site_id is not None else Erasure.site_id.is_(None))
    found = db.session.scalar(same.where(Erasure.keeps_comments.is_(keeps_comments)).limit(1))
    if found is None:
        values = {"account_id": account_id, "keeps_comments": keeps_comments, "erased_at": now}
        db.session.add(Erasure(kind=kind, site_id=site_id, subject_hash=subject_hash, **values))
    else:
        found.erased_at = now


def recorded() -> Sequence[Erasure]:
    return db.session.scalars(select(Erasure).order_by(Erasure.id)).all()


def forget(account: Account, now: datetime) -> None:
    """Remove all that leads to a person; the bare row stays, because decisions name it."""
    for table in (Identity, Membership, ApiToken, Session):
        db.session.execute(delete(table).where(table.__table__.c.account_id == account.id))
    forget_codes(account.email)
    account.erased_at = now
    account.email = account.website = account.picture = account.language = None
    account.is_admin = False
    db.session.expire(account, ["memberships"])


def addresses() -> Iterator[str]:
    """Every address of a guest, an unconfirmed comment or a subscription; some of them more than once."""
    for table, column in ((Author, Author.email), (Comment, Comment.author_email), (Subscription, Subscription.email)):
        last = 0
        while True:
            query = select(table.id, column).where(table.id > last).order_by(table.id).limit(AT_ONCE)
            rows = db.session.execute(query).all()
            if not rows:
                break
            yield from (email for _, email in rows if email)
            last = rows[-1].id


def guest_ids(email: str, sites: Collection[Site]) -> set[int]:
    """Ids of the guests with this address on these sites."""
    found = select(Author.id).where(Author.site_id.in_([site.id for site in sites]), Author.email == email)
    return set(db.session.scalars(found.where(Author.account_id.is_(None))))


def comment_ids_of(email: str, author_ids: Collection[int], sites: Collection[Site], until: datetime) -> set[int]:
    """Ids of the comments by these authors, and of those on these sites that were written under the address.

    The search index finds the latter: a comment whose address is not confirmed belongs to an author without one.
    """
    found: set[int] = set()
    for part in _parts(author_ids):
        found.update(db.session.scalars(select(Comment.id).where(Comment.author_id.in_(part))))
    for site in sites:
        is_hit = search_index.is_hit(Search(email=email).index_words(site.id))
        found.update(db.session.scalars(select(Comment.id).where(is_hit, func.lower(Comment.author_email) == email)))
    kept: set[int] = set()
    for part in _parts(found):
        kept.update(db.session.scalars(select(Comment.id).where(Comment.id.in_(part), Comment.created_at <= until)))
    return kept


def authors_without_others(author_ids: Collection[int], comment_ids: Collection[int]) -> list[Author]:
    """The authors, locked, that have written nothing but these comments."""
    gone = set(comment_ids)
    busy: set[int] = set()
    for part in _parts(author_ids):
        rows = db.session.execute(select(Comment.author_id, Comment.id).where(Comment.author_id.in_(part)))
        busy.update(author_id for author_id, comment_id in rows if comment_id not in gone)
    free = sorted(set(author_ids) - busy)
    query = select(Author).where(Author.id.in_(free)).order_by(Author.id)
    return list(db.session.scalars(query.with_for_update(of=Author)))


T = TypeVar("T", int, str)


def _parts(values: Iterable[T]) -> Iterator[list[T]]:
    """The values in order, in lists that one query can name."""
    listed = sorted(values)
    return (listed[at : at + AT_ONCE] for at in range(0, len(listed), AT_ONCE))


@dataclass(frozen=True)
class Traces:
    """What leads to a person: on one site, or (None) on all."""

    site: Site | None
    identifiers: Identifiers
    email_hashes: Collection[bytes]  # as address checks keep them
    author_ids: Collection[int]
    comment_ids: Collection[int]
    account_id: int | None = None  # of an account that is erased too


def scrub(traces: Traces) -> None:
    """Take a person out of everything but comments, authors and the account; the caller commits.

    The service's own rules and settings stay, also where an owner has written the address into them.
    """
    _scrub_decisions(traces)
    _scrub_networks(traces)
    _scrub_addresses(traces)
    _drop_sanctions(traces)
    _scrub_jobs(traces)
    _scrub_audit_log(traces)


def _scrub_decisions(traces: Traces) -> None:
    known = traces.identifiers
    for part in _parts(traces.comment_ids):
        for decision in db.session.scalars(select(Decision).where(Decision.comment_id.in_(part))):
            decision.note, decision.message = known.without(decision.note), known.without(decision.message)
            decision.reasons = known.without_matches(decision.reasons)


def _scrub_networks(traces: Traces) -> None:
    """Reports of guests and checks of addresses that came from the person's IP addresses; nothing else names them."""
    for part in _parts(traces.identifiers.ips):
        near = {network_of(ip, NetworkScope.NEIGHBOURHOOD) for ip in part}
        reported = update(Report).where(Report.network.in_(near), Report.ip.in_(part), Report.account_id.is_(None))
        if traces.site:
            reported = reported.where(Report.site_id == traces.site.id)
        db.session.execute(reported.values(ip="", network=""))
        db.session.execute(delete(AddressCheck).where(AddressCheck.network.in_(near), AddressCheck.ip.in_(part)))


def _scrub_addresses(traces: Traces) -> None:
    db.session.execute(delete(AddressCheck).where(AddressCheck.email_hash.in_(list(traces.email_hashes))))
    emails = sorted(traces.identifiers.emails)
    site_ids = [traces.site.id] if traces.site else list(db.session.scalars(select(Site.id)))
    for table in (Subscription, Invitation):
        db.session.execute(delete(table).where(table.site_id.in_(site_ids), table.email.in_(emails)))
    if traces.site is None:
        for email in emails:
            forget_codes(email)


def _drop_sanctions(traces: Traces) -> None:
    """Sanctions on the person's address, account or own connection; those on domains and larger networks stay."""
    subjects = [f"{SubjectKind.EMAIL}:{email}" for email in traces.identifiers.emails]
    for ip in traces.identifiers.ips:
        network = network_of(ip, NetworkScope.HOUSEHOLD)
        single = network if "/" in network else f"{network}/32"
        subjects += [f"{SubjectKind.NETWORK}:{single}", f"{SubjectKind.NETWORK}:{ip}/128"]
    if traces.account_id is not None:
        subjects.append(f"{SubjectKind.ACCOUNT}:{traces.account_id}")
    for part in _parts(subjects):
        dropped = delete(Sanction).where(Sanction.subject.in_(part))
        db.session.execute(dropped.where(Sanction.site_id == traces.site.id) if traces.site else dropped)


def _scrub_jobs(traces: Traces) -> None:
    """Drop the mails to the person and the work for the account; take the person out of all other jobs."""
    known = traces.identifiers
    unfinished = [
        *db.session.scalars(select(Job).where(text(OPEN))),
        *db.session.scalars(select(Job).where(text(FAILED))),
    ]
    for job in unfinished:
        payload = job.payload or {}
        if str(payload.get("to", "")).lower() in known.emails or (
            traces.account_id is not None and payload.get("account_id") == traces.account_id
        ):
            db.session.delete(job)
            continue
        job.payload = known.without(payload)
        job.last_error = known.without(job.last_error)


def _scrub_audit_log(traces: Traces) -> None:
    known = traces.identifiers
    notes = {f"author:{number}" for number in traces.author_ids}
    for entry in _entries(traces.site):
        if traces.account_id is not None and entry.by_account_id == traces.account_id:
            entry.ip = ""
            entry.after = {name: value for name, value in entry.after.items() if name != "browser"}
        if entry.kind == "note" and entry.subject in notes:
            entry.after = {"note": ERASED_NOTE}
        if entry.kind in OF_THE_SITE:
            continue
        changed = (known.without(entry.subject), known.without(entry.before), known.without(entry.after))
        entry.subject, entry.before, entry.after = changed
        entry.ip = "" if entry.ip in known.ips and entry.by_account_id == traces.account_id else entry.ip


def _entries(site: Site | None) -> Iterator[AuditEntry]:
    last = 0
    while True:
        query = select(AuditEntry).where(AuditEntry.id > last).order_by(AuditEntry.id).limit(AT_ONCE)
        found: Iterable[AuditEntry] = db.session.scalars(query.where(AuditEntry.site_id == site.id) if site else query)
        rows = list(found)
        if not rows:
            return
        yield from rows
        last = rows[-1].id
        db.session.flush()


def finish() -> None:
    """Take what was deleted out of SQLite's files too: out of its search index now, and out of its log.

    The pages of tables are overwritten by `secure_delete`. PostgreSQL does this with its next VACUUM.
    """
    if db.engine.dialect.name != "sqlite":
        return
    connection = db.engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        cursor.close()
    finally:
        connection.close()


def merge_search_index(is_first: bool) -> bool:
    """Rewrite a part of SQLite's search index without the words of deleted texts; returns whether more is left.

    The caller commits, and repeats it. See “The 'merge' command” in https://www.sqlite.org/fts5.html
    """
    if db.engine.dialect.name != "sqlite":
        return False
    connection = db.session.connection()
    count = "SELECT total_changes()"
    before: int = connection.exec_driver_sql(count).scalar_one()
    pages = -MERGED_PAGES if is_first else MERGED_PAGES  # negative: begin to merge all parts of the index into one
    connection.exec_driver_sql("INSERT INTO word_search(word_search, rank) VALUES ('merge', ?)", (pages,))
    after: int = connection.exec_driver_sql(count).scalar_one()
    return after - before >= 2


def add_missing(rows: Iterable[dict[str, Any]]) -> None:
    """Add erasures of another database, as store/whole_tables reads them, that this one does not have."""
    known = {(row.kind, row.site_id, bytes(row.subject_hash), row.erased_at) for row in recorded()}
    for row in rows:
        subject, at = base64.b64decode(row["subject_hash"]), datetime.fromisoformat(row["erased_at"])
        if (row["kind"], row["site_id"], subject, at) not in known:
            values = {name: value for name, value in row.items() if name != "id"}
            db.session.add(Erasure(**{**values, "subject_hash": subject, "erased_at": at}))

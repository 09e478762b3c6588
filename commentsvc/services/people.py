"""What is stored about the holder of an e-mail address: a copy of it, and its erasure, as guest and as account."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from commentsvc.config import Config
from commentsvc.core.errors import Conflict, Invalid
from commentsvc.services import accounts as accounts_service
from commentsvc.services import erasure as erasures
from commentsvc.store import accounts, audit_log, authors, comments, erasure, person_records, sites, threads
from commentsvc.store.accounts import Account
from commentsvc.store.audit_log import Actor
from commentsvc.store.authors import Author
from commentsvc.store.erasure import Erasure, ErasureKind, Traces
from commentsvc.store.sites import Site
from commentsvc.store.transactions import retried, write


@dataclass(frozen=True)
class ErasedPerson:
    """What an erasure has reached."""

    comments: int
    had_account: bool


def export(email: str, site: Site | None, now: datetime) -> Iterator[dict[str, Any]]:
    """All that is stored about an address, on one site or (None) on all, each record with its `type`.

    The account, its sessions and its sign-in methods belong to no site and are left out of the copy of one.
    """
    email = _address(email)
    account = accounts.find_account(email)
    everywhere = [site] if site else sites.all_sites()
    if account is not None and site is None:
        copy = accounts_service.copy_of(account, now)
        yield {"type": "account", **copy["account"]}
        for kind in ("identities", "sessions", "votes", "reports"):
            yield from ({"type": kind.removesuffix("s").replace("identitie", "identity"), **one} for one in copy[kind])
    for comment in comments.of_ids_with_thread(_comment_ids(email, account, everywhere, now)):
        yield person_records.of_comment(comment)
    yield from person_records.subscriptions_of(email, everywhere)
    yield from person_records.sanctions_of(email, account.id if account else None, site)
    if site is None:
        yield from person_records.mails_to(email)


@retried
def export_for_owner(email: str, site: Site, by: Account, now: datetime, ip: str) -> list[dict[str, Any]]:
    """As export, for an owner of the site; the audit log says who took the copy, not whose data it is."""
    found = list(export(email, site, now))
    with write():
        audit_log.add("person-export", now, site=site, by=by, after={"records": len(found)}, ip=ip)
    return found


def counts(email: str, now: datetime) -> dict[Site, int]:
    """The number of comments of an address by site; sites without any are left out."""
    account = accounts.find_account(_address(email))
    found = {site: len(_comment_ids(_address(email), account, [site], now)) for site in sites.all_sites()}
    return {site: number for site, number in found.items() if number}


def erase(
    email: str, site: Site | None, keeps_comments: bool, config: Config, by: Actor | None, now: datetime, ip: str = ""
) -> ErasedPerson:
    """Erase the holder of an address, on one site or (None) everywhere with the account.

    On one site, what the account wrote there is taken from it and the account stays. The comments stay under the name
    “Deleted account”, or lose their text too. `by` is who did it, for the audit log; None: the person. Raises Conflict
    for a site's only owner.
    """
    email = _address(email)
    account = accounts.find_account(email) if site is None else None
    written = 0
    if account is not None:
        written = len(_comment_ids(email, account, [], now))
        accounts_service.erase(account.id, keeps_comments, now, config)
    found = _erase_guest(email, site, keeps_comments, now, config, now)
    if by is not None:
        _log(site, by, written + found, now, ip)
    return ErasedPerson(written + found, account is not None)


def erase_again(config: Config, now: datetime) -> int:
    """Erase the people who were erased before a backup that has been restored; returns how many were there again.

    Of a guest only what was written before the erasure goes: they may have come back since.
    """
    found = 0
    rows = erasure.recorded()
    for row in (row for row in rows if row.kind == ErasureKind.ACCOUNT):
        found += _erase_account_again(row, config, now)
    guests = [row for row in rows if row.kind == ErasureKind.GUEST]
    known = {bytes(row.subject_hash) for row in guests}
    here: dict[bytes, set[str]] = {}
    for email in erasure.addresses() if guests else ():
        subject = erasures.guest_hash(email, config.secret_key)
        if subject in known:
            here.setdefault(subject, set()).add(email.lower())
    by_id = {site.id: site for site in sites.all_sites()}
    for row in guests:
        site = by_id.get(row.site_id) if row.site_id is not None else None
        for email in here.get(bytes(row.subject_hash), ()) if site or row.site_id is None else ():
            found += _erase_guest(email, site, row.keeps_comments, row.erased_at, config, now, is_again=True) > 0
    return found


def _erase_account_again(row: Erasure, config: Config, now: datetime) -> bool:
    account = accounts.find_account_by_id(row.account_id or 0)
    is_same = account is not None and erasures.account_hash(account, config.secret_key) == bytes(row.subject_hash)
    if account is None or not is_same or account.erased_at is not None:
        return False
    try:
        accounts_service.erase(account.id, row.keeps_comments, now, config, is_again=True)
    except Conflict:  # in the backup nobody else owned the site: it would be left without an owner
        return False
    return True


@retried
def _erase_guest(
    email: str,
    site: Site | None,
    keeps_comments: bool,
    until: datetime,
    config: Config,
    now: datetime,
    is_again: bool = False,
) -> int:
    """Erase what was written under an address up to `until`; returns how many comments."""
    secret = config.secret_key
    with write():
        everywhere = [site] if site else sites.all_sites()
        sites.stop_posting([one.id for one in everywhere])  # what is being posted must be found too
        account = accounts.find_account(email) if site else None
        guests = erasure.guest_ids(email, everywhere)
        ids = erasure.comment_ids_of(email, {*guests, *_own_author_ids(account, everywhere)}, everywhere, until)
        threads.lock(comments.thread_ids_of(ids))
        written = comments.of_ids(ids)
        author_ids = guests | {comment.author_id for comment in written}
        free = erasure.authors_without_others(author_ids, ids)
        names = {comment.author_name for comment in written} | {author.name for author in free}
        known = erasures.identifiers([email], {comment.ip for comment in written}, names)
        if not is_again:
            subject = erasures.guest_hash(email, secret)
            site_id = site.id if site else None
            erasure.record(ErasureKind.GUEST, site_id, subject, None, keeps_comments, now)
        erasures.erase_comments(written, keeps_comments, known, "its author was erased", now)
        threads.touch_all({comment.thread_id: 0 for comment in written})
        gone = {author.id for author in free}
        erasures.separate((comment for comment in written if comment.author_id not in gone), now)
        for author in free:
            erasures.forget_author(author)
        hashes = [erasures.address_check_hash(email, secret)]
        erasure.scrub(Traces(site, known, hashes, author_ids, ids))
        site_ids = {comment.site_id for comment in written}
        count = len(written)
    erasures.finish(site_ids, config)
    return count


def _comment_ids(email: str, account: Account | None, everywhere: list[Site], now: datetime) -> set[int]:
    own = _own_author_ids(account, everywhere) if everywhere else _own_author_ids(account, sites.all_sites())
    return erasure.comment_ids_of(email, own | erasure.guest_ids(email, everywhere), everywhere, now)


def _own_author_ids(account: Account | None, everywhere: list[Site]) -> set[int]:
    site_ids = {site.id for site in everywhere}
    own = authors.by_account(account.id) if account else ()
    return {author.id for author in own if author.site_id in site_ids}


@retried
def _log(site: Site | None, by: Actor, count: int, now: datetime, ip: str) -> None:
    """The entry says neither who it was nor how they were called."""
    with write():
        audit_log.add("erasure", now, site=site, by=by, after={"comments": count}, ip=ip)


def _address(email: str) -> str:
    """The address as it is stored; raises Invalid for what is none."""
    email = email.strip().lower()
    if "@" not in email:
        raise Invalid("email", "Enter an email address such as carol@example.org.")
    return email


def address_of(author: Author) -> str | None:
    """The address of an author: the guest's own, or that of the account."""
    return author.account.email if author.account else author.email

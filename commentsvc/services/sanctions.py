"""Sanctions: adds and lifts them, and gives their effect on an author who writes."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from commentsvc.core import sanction_kinds, tokens
from commentsvc.core.errors import Conflict, Invalid, NotAllowed, NotFound, Sanctioned
from commentsvc.core.phrases import phrase
from commentsvc.core.sanction_kinds import SanctionKind, Subject, SubjectKind
from commentsvc.core.status import Status
from commentsvc.core.verdict import SanctionEffect
from commentsvc.services import transitions
from commentsvc.services.moderation import Moderator
from commentsvc.services.transitions import DecisionActor, Transition
from commentsvc.store import accounts, audit_log, authors, comments, decisions, memberships, sanctions, sites, threads
from commentsvc.store.comments import Comment
from commentsvc.store.db import db
from commentsvc.store.decisions import Decision
from commentsvc.store.sanctions import Sanction
from commentsvc.store.sites import Site
from commentsvc.store.transactions import retried, write

WORDS_MAX = 1000
DAYS_MAX = 30
REFUSED_MAX = 5000  # comments that one sanction may refuse: a transaction that others can wait for

_STANDING = {
    SanctionKind.SHADOW: SanctionEffect.SHADOWED,
    SanctionKind.HOLD: SanctionEffect.HELD,
    SanctionKind.TRUST: SanctionEffect.TRUSTED,
}
ASK_ABOUT_COMMENT = (
    "Addresses are for owners here. Name a comment of the person instead, by its number: “comment”; "
    "or an owner can allow moderators to see addresses."
)
_SLUG = {SanctionKind.WARN: "warned", SanctionKind.SUSPEND: "suspended", SanctionKind.BAN: "banned"}


@dataclass(frozen=True)
class SanctionOrder:
    """A moderator's order. `reject_days` rejects the person's comments of that many days before.

    `author_id` is the author whose account or address is the subject, when the moderator chose an author.
    """

    kind: str
    subject_kind: str
    subject: str
    reason: str = ""
    note: str = ""
    until_at: datetime | None = None
    reject_days: int = 0
    everywhere: bool = False
    author_id: int | None = None


def standing(
    site: Site, account_id: int | None, email: str, ip: str, now: datetime, author_id: int | None = None
) -> SanctionEffect:
    """The effect of sanctions on an author who wants to write; raises Sanctioned when they may not."""
    active = sanctions.active_for(site, account_id, email, ip, now, author_id)
    for kind in (SanctionKind.BAN, SanctionKind.SUSPEND, SanctionKind.WARN):
        for found in active:
            if found.kind == kind:
                raise Sanctioned(_sentences(found), _SLUG[kind], sanction_json(found))
    kinds = {found.kind for found in active}
    return next((_STANDING[kind] for kind in _STANDING if kind in kinds), SanctionEffect.NONE)


def sanction_json(found: Sanction) -> dict[str, object]:
    """The part of a sanction that its subject may see; with `token` they acknowledge it."""
    return {
        "id": found.id,
        "kind": found.kind,
        "reason": found.reason,
        "until": found.until_at.isoformat() if found.until_at else None,
        "token": found.token,
    }


def visible_sanctions(site: Site, account_id: int, email: str, ip: str, now: datetime) -> list[dict[str, object]]:
    """The sanctions that an author is told of: not shadow bans, trust or holds."""
    author_id = next((author.id for author in authors.by_account(account_id) if author.site_id == site.id), None)
    found = sanctions.active_for(site, account_id, email, ip, now, author_id)
    return [sanction_json(s) for s in found if s.kind in _SLUG]


def _sentences(found: Sanction) -> list[str]:
    why = [phrase("Reason: %(reason)s", reason=found.reason)] if found.reason else []
    if found.kind == SanctionKind.WARN:
        return [
            phrase("A moderator has sent you a warning. Confirm that you have read it before you comment again."),
            *why,
        ]
    if found.kind == SanctionKind.SUSPEND and found.until_at:
        until = f"{found.until_at:%Y-%m-%d %H:%M} UTC"
        return [phrase("A moderator has suspended you from commenting here until %(until)s.", until=until), *why]
    return [phrase("A moderator has banned you from commenting here."), *why]


@retried
def acknowledge(sanction_id: int, token: str, now: datetime) -> None:
    """Record that a warning was read; raises NotFound unless the token is that of this warning."""
    with write():
        found = sanctions.locked(sanction_id)
        if not hmac.compare_digest(found.token.encode(), token.encode("utf-8", "surrogatepass")):
            raise NotFound("There is no sanction with this number here.")
        if found.kind != SanctionKind.WARN:
            raise Conflict("Only a warning can be acknowledged.")

        found.acknowledged_at = found.acknowledged_at or now


@retried
def impose(site: Site, order: SanctionOrder, by: Moderator, now: datetime, ip: str = "") -> Sanction:
    """Sanction a person, and reject their recent comments if ordered, in one transaction.

    Raises Invalid for an inconsistent order, and NotAllowed for a moderator as the subject, for a sanction on every
    site by a non-administrator, and for an address as the subject by a moderator who may not see addresses: the
    effect on comments would reveal whose address it is.
    """
    kind = sanction_kinds.check(order.kind, order.until_at is not None, bool(order.reason.strip()))
    subject = sanction_kinds.subject(order.subject_kind, order.subject)
    _check(order, kind, by, now)
    is_blind = not by.sees_addresses(site) and subject.kind is not SubjectKind.ACCOUNT
    if is_blind and order.author_id is None:
        raise NotAllowed(ASK_ABOUT_COMMENT)

    with write():
        if order.reject_days:
            # Comments being posted now were judged without the sanction: wait for them, so that they are rejected too.
            sites.stop_posting([s.id for s in sites.all_sites()] if order.everywhere else [site.id])
        accounts.hold(by.account.id)
        _check_subject(site, subject, kind)
        imposed = Sanction(
            site_id=None if order.everywhere else site.id,
            kind=kind,
            subject=str(subject),
            author_id=order.author_id if is_blind else None,
            reason=order.reason.strip(),
            note=order.note.strip(),
            by_account_id=by.account.id,
            created_at=now,
            until_at=order.until_at,
            token=secrets.token_hex(16),
        )
        db.session.add(imposed)
        db.session.flush()
        if order.reject_days:
            imposed.batch = _refuse(imposed, site, subject, order.reject_days, by, now)
        audit_log.add(
            "sanction", now, site=site, by=by.account, subject=str(imposed.id), after=_written(imposed), ip=ip
        )
    return imposed


@retried
def lift(sanction_id: int, site: Site, by: Moderator, now: datetime, ip: str = "") -> Sanction:
    """Lift a sanction and restore the comments that it rejected, except those decided on since."""
    with write():
        found = sanctions.locked(sanction_id)
        if found.lifted_at is not None:
            raise Conflict("This sanction was already removed.", "no-change")
        if found.site_id is None:
            _check_everywhere(by)
        before = _written(found)

        found.lifted_at = now
        found.lifted_by_id = by.account.id
        accounts.hold(by.account.id)
        if found.batch:
            _restore(found.batch, by, now)
        audit_log.add(
            "sanction",
            now,
            site=site,
            by=by.account,
            subject=str(found.id),
            before=before,
            after=_written(found),
            ip=ip,
        )
    return found


@retried
def note(site: Site, author_id: int, words: str, by: Moderator, now: datetime) -> None:
    """Write down something about a person for the other moderators."""
    words = words.strip()
    if not words or len(words) > WORDS_MAX:
        raise Invalid("note", f"A note needs 1 to {WORDS_MAX} characters.")
    with write():
        audit_log.add("note", now, site=site, by=by.account, subject=f"author:{author_id}", after={"note": words})


def _check(order: SanctionOrder, kind: SanctionKind, by: Moderator, now: datetime) -> None:
    for name, words in (("reason", order.reason), ("note", order.note)):
        if len(words) > WORDS_MAX or "\0" in words:
            raise Invalid(name, f"Use at most {WORDS_MAX} characters.")
    if order.until_at is not None and order.until_at <= now:
        raise Invalid("until", "Choose a date in the future.")
    if not 0 <= order.reject_days <= DAYS_MAX:
        raise Invalid("reject_days", f"Enter 0 to {DAYS_MAX} days.")
    if order.reject_days and kind is SanctionKind.TRUST:
        raise Invalid("reject_days", "You can't reject the comments of someone you trust.")
    if order.everywhere:
        _check_everywhere(by)


def _check_everywhere(by: Moderator) -> None:
    """Sanctions on every site need an administrator who has shown the second factor that any site requires."""
    if not by.may_everywhere:
        raise NotAllowed("Only an administrator can do this for every site, and not with a token for one site.")
    for site in memberships.moderated_sites(by.account):
        by.check_factor(site)


def _check_subject(site: Site, subject: Subject, kind: SanctionKind) -> None:
    """A moderator's account or address cannot be shut out: take their role away first."""
    account = None
    if subject.kind is SubjectKind.ACCOUNT:
        account = accounts.find_account_by_id(int(subject.value))
        if account is None:
            raise Invalid("subject", "There is no account with this number.")
    elif subject.kind is SubjectKind.EMAIL:
        account = accounts.find_account(subject.value)
    if account is not None and memberships.role_on(account, site) is not None and kind is not SanctionKind.TRUST:
        raise NotAllowed("This person moderates the site. Remove them from the team first.")


def _refuse(imposed: Sanction, site: Site, subject: Subject, days: int, by: Moderator, now: datetime) -> str | None:
    """Reject what the subject wrote in the last days, as one act; gives the act, None when there was nothing."""
    site_id = None if imposed.site_id is None else site.id
    since = now - timedelta(days=days)
    own = [c for c in sanctions.origins_since(site_id, since) if imposed.author_id in (None, c.author_id)]
    ids = [c.id for c in own if str(subject) in _subjects(c)]
    if len(ids) > REFUSED_MAX:
        raise Invalid(
            "reject_days", f"This would reject {len(ids)} comments; the limit is {REFUSED_MAX}. Choose fewer days."
        )
    if not ids:
        return None
    batch = tokens.new_batch()
    refused = [c for c in _locked(ids) if c.status in (Status.APPROVED, Status.PENDING)]
    changes = [Transition(comment, Status.REJECTED, note=f"sanction {imposed.id}") for comment in refused]
    return batch if transitions.apply(changes, DecisionActor(by.account), batch, now) else None


def _subjects(comment: sanctions.CommentOrigin) -> set[str]:
    return {str(s) for s in sanction_kinds.subjects_of(comment.account_id, comment.email or "", comment.ip)}


def _restore(batch: str, by: Moderator, now: datetime) -> None:
    refused = decisions.of_batch(batch, None)
    found = {comment.id: comment for comment in _locked([d.comment_id for d in refused])}
    can_undo = decisions.undoable(list(found))
    undone = [d for d in refused if d.id in can_undo and d.comment_id in found]
    transitions.take_back(undone, found, by.account, tokens.new_batch(), now, _no_text)


def _no_text(_comment: Comment, decision: Decision) -> None:
    raise AssertionError(f"a sanction edits no text: decision {decision.id}")


def _locked(ids: Sequence[int]) -> list[Comment]:
    threads.lock(comments.thread_ids_of(ids))
    return comments.of_ids(ids)


def _written(found: Sanction) -> dict[str, object]:
    """The sanction as the audit log stores it."""
    return {
        "kind": found.kind,
        "subject": found.subject,
        "everywhere": found.site_id is None,
        "reason": found.reason,
        "note": found.note,
        "until": found.until_at.isoformat() if found.until_at else None,
        "lifted": found.lifted_at is not None,
        "batch": found.batch,
    }

"""A person's own account: sign-in methods, sessions, a copy of all data, and erasure."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from commentsvc.config import Config
from commentsvc.core import languages, routes, tokens
from commentsvc.core.errors import Conflict, Invalid, NotFound
from commentsvc.core.phrases import phrase
from commentsvc.services import erasure as erasures
from commentsvc.services import members, sign_in
from commentsvc.store import (
    accounts,
    api_tokens,
    audit_log,
    authors,
    comments,
    erasure,
    memberships,
    own_comments,
    reports,
    second_factors,
    sessions,
    sites,
    subscriptions,
    threads,
    votes,
    widget_tokens,
)
from commentsvc.store import identities as stored_identities
from commentsvc.store.accounts import Account
from commentsvc.store.audit_log import Actor
from commentsvc.store.comments import Comment
from commentsvc.store.db import db
from commentsvc.store.erasure import Traces
from commentsvc.store.memberships import Role
from commentsvc.store.transactions import retried, write


@retried
def create(
    email: str, name: str, is_admin: bool, site_key: str | None, role: Role, base_url: str, by: Actor, now: datetime
) -> str:
    """Add an account, or a right to one, and give the address of a sign-in link that works once, for a day.

    With `site_key` the account gets `role` on that site. Raises Invalid for a bad address or name, NotFound for an
    unknown site, Conflict as members.give_role().
    """
    with write():
        before = accounts.find_account(email)
        was_admin = before is not None and before.is_admin
        account = accounts.make_account(email, name, is_admin, now)
        if before is None or account.is_admin != was_admin:
            made = {"name": account.name, "is_admin": account.is_admin}
            was = {"name": before.name, "is_admin": was_admin} if before else {}
            audit_log.add("account", now, by=by, subject=account.email or "", before=was, after=made)
        if site_key:
            members.give_role(account, sites.by_key(site_key), role, by, now)
        audit_log.add("link", now, by=by, subject=account.email or "", after={"made": True})
        return base_url + routes.fill(routes.SIGN_IN_LINK, token=sign_in.printed_link(account, now))


@retried
def unlink(account_id: int, identity_id: int) -> None:
    """Take a way to sign in from an account; raises Conflict for the last one: nobody could come back in."""
    with write():
        accounts.locked(account_id)
        identities = stored_identities.identities_of(account_id)
        found = next((i for i in identities if i.id == identity_id), None)
        if found is None:
            raise NotFound(phrase("This sign-in method is not on your account."))
        if len(identities) == 1:
            raise Conflict(phrase("This is your only sign-in method. Add another one first."), "last")
        db.session.delete(found)


@retried
def choose_language(account: Account, tag: str) -> None:
    """Set the language of mails; raises Invalid for an unsupported one."""
    if tag not in languages.TAGS:
        raise Invalid("language", phrase("Please choose one."))
    with write():
        accounts.locked(account.id).language = tag


@retried
def end_everywhere(account_id: int, now: datetime, but: bytes | None = None) -> None:
    """End every browser session (but one, by its token's hash) and every blog's sign-in of an account."""
    with write():
        sessions.end_sessions(account_id, now, but)
        widget_tokens.end_all_of(account_id, now)


@retried
def lock_out(account: Account, with_tokens: bool, by: Actor, now: datetime) -> None:
    """As end_everywhere; `with_tokens` also revokes the account's personal API tokens."""
    with write():
        accounts.locked(account.id)
        sessions.end_sessions(account.id, now, None)
        widget_tokens.end_all_of(account.id, now)
        for token in api_tokens.api_tokens_of(account) if with_tokens else ():
            token.revoked_at = now
            audit_log.add("token", now, site=token.site, by=by, subject=token.name, before={"made": True})
        audit_log.add("sign-out", now, by=by, subject=account.email or account.name)


@retried
def end_session(account_id: int, session_id: int, now: datetime) -> None:
    with write():
        sessions.end_session(account_id, session_id, now)


@retried
def end_family(account_id: int, family: str, now: datetime) -> None:
    """Sign out of one blog."""
    with write():
        if any(token.family == family for token in widget_tokens.open_families(account_id, now)):
            widget_tokens.end_family(family, now)


def copy_of(account: Account, now: datetime) -> dict[str, Any]:
    """All stored data about an account, as JSON for its holder."""
    return {
        "account": {name: getattr(account, name) for name in ("name", "email", "website", "language")},
        "identities": [{"provider": i.provider, "id": i.subject} for i in stored_identities.identities_of(account.id)],
        "sessions": [
            {"since": s.created_at.isoformat(), "ip": s.ip, "browser": s.user_agent}
            for s in sessions.open_sessions(account.id, now)
        ],
        "comments": [
            {
                "site": comment.site.key,
                "thread": comment.thread.key,
                "written_at": comment.created_at.isoformat(),
                "status": comment.status,
                "text": comment.source,
                "ip": comment.ip,
                "browser": comment.user_agent,
            }
            for comment in own_comments.of_account(account.id)
        ],
        "votes": [
            {"comment": vote.comment_id, "value": vote.value, "voted_at": vote.changed_at.isoformat()}
            for vote in votes.of_account(account.id)
        ],
        "reports": [
            {
                "comment": flag.comment_id,
                "reason": flag.reason,
                "text": flag.text,
                "ip": flag.ip,
                "written_at": flag.created_at.isoformat(),
            }
            for flag in reports.of_account(account.id)
        ],
    }


@retried
def erase(account_id: int, keeps_comments: bool, now: datetime, config: Config, is_again: bool = False) -> None:
    """Erase an account and the personal data of its holder.

    Comments stay under the name “Deleted account”, or lose their text too. Votes are removed. Reports stay without a
    sender, and without their text when the comments go. `is_again`: a restored backup had it; nothing is recorded.
    Raises Conflict for a site's only owner.
    """
    with write():
        account = _locked(account_id, now)
        traces = _traces(account, config.secret_key)
        if not is_again:
            erasures.record_account(account, keeps_comments, config.secret_key, now)
        written, changed = _written(account_id)
        _take_back_votes(account_id)
        _forget_flags(account_id, keeps_comments)
        erasures.erase_comments(written, keeps_comments, traces.identifiers, "account erased", now)
        threads.touch_all(dict.fromkeys(changed, 0))
        for author in authors.by_account(account_id):
            subscriptions.forget(author.site_id, account.email)
            erasures.forget_author(author)
        second_factors.forget_all(account_id)
        erasure.scrub(traces)
        erasure.forget(account, now)
        widget_tokens.end_all_of(account_id, now)
        account.name = erasures.ERASED
        site_ids = {comment.site_id for comment in written}
    erasures.finish(site_ids, config)


def _traces(account: Account, secret: str) -> Traces:
    written = own_comments.of_account(account.id)
    ips = {comment.ip for comment in written} | {flag.ip for flag in reports.of_account(account.id)}
    names = {account.name, *(comment.author_name for comment in written)}
    names |= {author.name for author in authors.by_account(account.id)}
    emails = {account.email or "", *(comment.author_email or "" for comment in written)}
    return Traces(
        None,
        erasures.identifiers(emails, ips, names),
        [erasures.address_check_hash(email, secret) for email in emails],
        [author.id for author in authors.by_account(account.id)],
        [comment.id for comment in written],
        account.id,
    )


def _locked(account_id: int, now: datetime) -> Account:
    """The account, which nobody else writes for any more; raises Conflict when a site would have no owner left."""
    account = db.session.get_one(Account, account_id)
    # In the order of all locks: codes and tokens, then the sites whose owners must not change, then the account.
    sessions.forget_codes(account.email)
    widget_tokens.end_all_of(account_id, now)
    sites.lock_all(_owned(account))
    account = accounts.locked(account_id)
    db.session.refresh(account, ["memberships"])
    for site in sites.lock_all(_owned(account)):
        if memberships.owners_of(site.id) == 1:
            sentence = phrase("You are the only owner of “%(site)s”. Make someone else an owner first.", site=site.name)
            raise Conflict(sentence, "owner")
    return account


def _owned(account: Account) -> list[int]:
    return [m.site_id for m in account.memberships if m.role == memberships.Role.OWNER]


def _written(account_id: int) -> tuple[list[Comment], set[int]]:
    """The account's comments, and the threads that its comments and votes change.

    All of them are locked, and the threads of its reports too.
    """
    ids = own_comments.ids_of_account(account_id)
    changed = set(comments.thread_ids_of(ids)) | {vote.thread_id for vote in votes.of_account(account_id)}
    threads.lock(changed | {flag.comment.thread_id for flag in reports.of_account(account_id)})
    return comments.of_ids(ids), changed


def _take_back_votes(account_id: int) -> None:
    for vote in votes.of_account(account_id):
        votes.score(vote.comment, -vote.value)
        db.session.delete(vote)


def _forget_flags(account_id: int, keeps_text: bool) -> None:
    for flag in reports.of_account(account_id):
        flag.account_id, flag.guest_hash = None, tokens.digest(secrets.token_hex(16))
        flag.ip = flag.network = ""
        flag.text = flag.text if keeps_text else ""


def cut_off(provider: str, subject: str, now: datetime) -> None:
    """The provider no longer vouches for this person: whatever they are signed in to ends."""
    identity = stored_identities.find_identity(provider, subject)
    if identity is not None:
        end_everywhere(identity.account_id, now)


def forget_provider(provider: str, subject: str, now: datetime, config: Config) -> None:
    """Delete what a provider gave us of a person: the way to sign in, and the account when it is the only one."""
    identity = stored_identities.find_identity(provider, subject)
    if identity is None:
        return
    cut_off(provider, subject, now)
    try:
        unlink(identity.account_id, identity.id)
    except Conflict:
        erase(identity.account_id, True, now, config)

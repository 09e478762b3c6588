"""Members of a site: invitations by mail, roles, and removal; every change is in the audit log."""

from __future__ import annotations

from datetime import datetime, timedelta

from commentsvc.core import emails, routes, tokens
from commentsvc.core.errors import Conflict, NotFound
from commentsvc.core.whole_numbers import is_row_id
from commentsvc.gateways import mail_templates
from commentsvc.services import mail_queue, sign_in
from commentsvc.services.sign_in import Browser
from commentsvc.store import accounts, audit_log, invitations, memberships, sites
from commentsvc.store.accounts import Account
from commentsvc.store.audit_log import Actor, AuditEntry
from commentsvc.store.db import db
from commentsvc.store.invitations import Invitation
from commentsvc.store.memberships import Role
from commentsvc.store.sites import Site
from commentsvc.store.transactions import retried, write

INVITATION_LIFE = timedelta(days=7)


@retried
def invite(site: Site, email: str, role: Role, by: Account, base_url: str, ip: str, now: datetime) -> None:
    """Mail an invitation; raises Invalid for a bad address, Conflict for who is a member already."""
    email = emails.address(email, "email", required=True)
    token = tokens.new()

    with write():
        site, by = db.session.merge(site), db.session.merge(by)
        sites.lock(site)
        member = accounts.find_account(email)
        if member is not None and memberships.find_membership(member, site) is not None:
            raise Conflict(f"{email} is already on the team. Change the role in the list.", "member")
        for earlier in invitations.open_of(site, now):
            if earlier.email == email:
                earlier.ended_at = now
        values = {"email": email, "role": role, "token_hash": tokens.digest(token), "invited_by_id": by.id}
        db.session.add(Invitation(site_id=site.id, created_at=now, expires_at=now + INVITATION_LIFE, **values))
        audit_log.add("invitation", now, site=site, by=by, subject=email, after={"role": role}, ip=ip)
        translator = site.translator(member.language if member else None)
        link = base_url + routes.fill(routes.INVITATION, token=token, lang=translator.tag)
        written = mail_templates.render("invitation", translator, site=site, role=role, by=by, link=link)
        mail_queue.add(email, written, now)


@retried
def take_back(site: Site, invitation_id: int, by: Account, ip: str, now: datetime) -> None:
    """End an invitation that nobody has accepted yet."""
    with write():
        found = invitations.locked(site, invitation_id)
        if found.ended_at is not None:
            raise Conflict("This invitation was already accepted or cancelled.", "no-change")
        found.ended_at = now
        audit_log.add("invitation", now, site=site, by=by, subject=found.email, before={"role": found.role}, ip=ip)


@retried
def accept(token: str, browser: Browser, now: datetime) -> str:
    """Accept an invitation: add its holder as a member and sign them in; returns the session's token.

    The mail proves the address. A role is never lowered by an invitation.
    """
    with write():
        found = invitations.by_token(tokens.digest(token), now)
        sites.lock(found.site)
        account = accounts.find_account(found.email) or accounts.add_account(
            found.email.partition("@")[0], found.email, None, now
        )
        before = memberships.find_membership(account, found.site)
        if before is None or before.role != Role.OWNER:
            _set(account, found.site, Role(found.role), account, browser.ip, now)
        found.ended_at = now
        return sign_in.enter_by_mail(account, found.email, browser, now)


@retried
def set_role(
    site: Site, account_id: int, role: Role, by: Account, ip: str, now: datetime, shown: str | None = None
) -> None:
    """Change a member's role from the one that the page showed.

    Raises Conflict when others have changed it meanwhile, or the site would have no owner left.
    """
    with write():
        sites.lock(site)
        account = _member(site, account_id)
        membership = memberships.find_membership(account, site)
        if shown is not None and membership is not None and membership.role not in (shown, role):
            who = audit_log.last_actor_name(site, "member", "role", account.email or account.name) or "Somebody else"
            raise Conflict(
                f"{who} changed the role of {account.name} to {membership.role} since you opened this page.",
                "changed-since",
            )
        _check_owner_stays(site, account, role)
        _set(account, site, role, by, ip, now)


@retried
def remove(site: Site, account_id: int, by: Account, ip: str, now: datetime) -> None:
    """Take a member's role away; raises Conflict when the site would have no owner left."""
    with write():
        sites.lock(site)
        account = _member(site, account_id)
        _check_owner_stays(site, account, None)
        _set(account, site, None, by, ip, now)


def give_role(account: Account, site: Site, role: Role, by: Actor, now: datetime) -> None:
    """Give an account a role without an invitation; raises Conflict as set_role. The caller commits."""
    sites.lock(site)
    _check_owner_stays(site, account, role)
    membership = memberships.find_membership(account, site)
    if membership is None or membership.role != role:
        _set(account, site, role, by, "", now)


def undo(entry: AuditEntry, site: Site, by: Account, ip: str, now: datetime) -> None:
    """Put a member's role back as it was; raises Conflict when it has changed since.

    The caller has locked the site, and commits.
    """
    account = accounts.find_account(entry.subject)
    if account is None:
        raise Conflict("This account was deleted.", "changed-since")
    membership = memberships.find_membership(account, site)
    if (membership.role if membership else None) != entry.after.get("role"):
        raise Conflict("This member's role has changed since.", "changed-since")
    role = Role(entry.before["role"]) if "role" in entry.before else None
    _check_owner_stays(site, account, role)
    _set(account, site, role, by, ip, now, entry)


def _set(
    account: Account,
    site: Site,
    role: Role | None,
    by: Actor,
    ip: str,
    now: datetime,
    undoes: AuditEntry | None = None,
) -> None:
    if role is not None and not accounts.held([account.id]):
        raise NotFound("This account was deleted.")
    before = memberships.find_membership(account, site)
    was = {"role": before.role} if before else {}
    if role is None:
        memberships.remove_role(account, site)
    else:
        memberships.set_role(account, site, role)
    after = {"role": str(role)} if role else {}
    subject = account.email or account.name
    audit_log.add("member", now, site=site, by=by, subject=subject, before=was, after=after, ip=ip, undoes=undoes)


def _member(site: Site, account_id: int) -> Account:
    account = db.session.get(Account, account_id) if is_row_id(account_id) else None
    if account is None or memberships.find_membership(account, site) is None:
        raise NotFound("This person is not on the team of this site.")
    return account


def _check_owner_stays(site: Site, account: Account, role: Role | None) -> None:
    membership = memberships.find_membership(account, site)
    is_last = membership and membership.role == Role.OWNER and memberships.owners_of(site.id) == 1
    if is_last and role is not Role.OWNER:
        raise Conflict("A site needs at least one owner. Make someone else an owner first.", "owner")

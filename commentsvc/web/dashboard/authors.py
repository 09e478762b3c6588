"""The page of an author: comments, decisions, sanctions now and before, and notes."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Blueprint, jsonify, redirect, request, url_for
from werkzeug.wrappers import Response

from commentsvc.core import domains, routes, sanction_kinds, tokens
from commentsvc.core.errors import Conflict, Invalid, NotFound
from commentsvc.core.sanction_kinds import SanctionKind, Subject, SubjectKind
from commentsvc.core.whole_numbers import find_number
from commentsvc.services import people
from commentsvc.services import sanctions as sanctions_service
from commentsvc.services.sanctions import DAYS_MAX, SanctionOrder
from commentsvc.store import audit_log, authors, comments, memberships
from commentsvc.store import sanctions as stored_sanctions
from commentsvc.store.authors import Author
from commentsvc.store.memberships import Role
from commentsvc.store.sites import Site
from commentsvc.web.dashboard import layout
from commentsvc.web.http import access
from commentsvc.web.http.app_setup import now, settings
from commentsvc.web.http.refusals import attempt

pages = Blueprint("persons", __name__)

SHOWN = 20
# The sizes of networks that are offered, and what they are called for who may not see addresses.
NETWORKS = {
    4: {"32": "their IP address", "24": "their network"},
    6: {"64": "their IP address", "48": "their network"},
}
DOES = {
    SanctionKind.TRUST: "Trusted: comments skip the queue",
    SanctionKind.WARN: "Warn: they must acknowledge the warning before commenting again",
    SanctionKind.HOLD: "Hold: all their comments are held for review",
    SanctionKind.SUSPEND: "Suspend until…",
    SanctionKind.SHADOW: "Shadow-ban: only they see their comments",
    SanctionKind.BAN: "Ban: they can’t comment",
}


@pages.get(routes.AUTHOR)
def show(site_key: str, author_id: int) -> str:
    by = access.require_dashboard_moderator()
    site = access.require_moderated_site(site_key, by)
    author = _author(site, author_id)
    newest = comments.newest_of_author(author.id, SHOWN)
    subjects = _subjects(author)
    return layout.draw(
        "dashboard/person.html",
        by,
        site,
        author=author,
        newest=newest,
        subjects=_offered(author, subjects, by.sees_addresses(site)),
        subject_of=lambda sanction: _named(sanction.subject, by.sees_addresses(site)),
        kinds=DOES,
        sanctions=[
            s for s in stored_sanctions.history(site, subjects) if s.is_shown_with(author.id, by.sees_addresses(site))
        ],
        now=now(),
        notes=audit_log.about(site, "note", f"author:{author.id}", SHOWN),
        days_max=DAYS_MAX,
        may_everywhere=by.may_everywhere,
        may_erase=memberships.role_on(by.account, site) is Role.OWNER and bool(people.address_of(author)),
    )


@pages.post(routes.AUTHOR_SANCTION)
def impose(site_key: str, author_id: int) -> Response:
    by = access.require_dashboard_moderator()
    site = access.require_moderated_site(site_key, by)
    author = _author(site, author_id)
    with attempt("Done. You can remove it below."):
        sanctions_service.impose(site, _order(author), by, now(), access.client_ip())
    return redirect(url_for("persons.show", site_key=site_key, author_id=author_id), 303)


@pages.post(routes.AUTHOR_LIFT)
def lift(site_key: str, author_id: int) -> Response:
    by = access.require_dashboard_moderator()
    access.require_moderated_site(site_key, by)
    sanction_id = find_number(request.form.get("sanction", "")) or 0
    with attempt("Removed. The comments it had rejected are restored, except those decided since."):
        site = access.require_site_of_sanction(sanction_id, site_key, by)
        sanctions_service.lift(sanction_id, site, by, now(), access.client_ip())
    return redirect(url_for("persons.show", site_key=site_key, author_id=author_id), 303)


@pages.post(routes.AUTHOR_NOTE)
def note(site_key: str, author_id: int) -> Response:
    by = access.require_dashboard_moderator()
    site = access.require_moderated_site(site_key, by)
    author = _author(site, author_id)
    with attempt():
        sanctions_service.note(site, author.id, request.form.get("note", "").replace("\0", ""), by, now())
    return redirect(url_for("persons.show", site_key=site_key, author_id=author_id), 303)


@pages.post(routes.AUTHOR_EXPORT)
def export(site_key: str, author_id: int) -> Response:
    """All that is stored on the site about the author's address; a POST, because it leaves an audit log entry."""
    by = access.require_dashboard_moderator()
    site = access.require_owned_site(site_key, by)
    email = _email(_author(site, author_id))
    found = people.export_for_owner(email, site, by.account, now(), access.client_ip())
    response = jsonify(found)
    response.headers["Content-Disposition"] = f"attachment; filename=person-{author_id}.json"
    return response


@pages.post(routes.AUTHOR_ERASE)
def erase(site_key: str, author_id: int) -> Response:
    by = access.require_dashboard_moderator()
    site = access.require_owned_site(site_key, by)
    email = _email(_author(site, author_id))
    with attempt("The person was erased from this site."):
        if request.form.get("sure") != "yes":
            raise Conflict("Tick the box to confirm. Nothing was erased.")
        keeps = request.form.get("comments") != "go"
        people.erase(email, site, keeps, settings(), by.account, now(), access.client_ip())
    return redirect(url_for("persons.show", site_key=site_key, author_id=author_id), 303)


def _email(author: Author) -> str:
    email = people.address_of(author)
    if not email:
        raise NotFound("This commenter has no email address here.")
    return email


def _author(site: Site, author_id: int) -> Author:
    author = authors.find_author(author_id)
    if author is None or author.site_id != site.id:
        raise NotFound("There is no commenter with this number here.")
    return author


def _order(author: Author) -> SanctionOrder:
    form = request.form
    subject = _chosen(author, form.get("subject", ""))
    until, days = form.get("until", ""), find_number(form.get("reject_days", "") or "0")
    try:
        until_at = datetime.fromisoformat(until).replace(tzinfo=UTC) if until else None
    except ValueError:
        raise Invalid("until", "Write the date as 2026-12-31.") from None
    return SanctionOrder(
        form.get("kind", ""),
        subject.kind,
        subject.value,
        form.get("reason", ""),
        form.get("note", ""),
        until_at,
        -1 if days is None else days,
        form.get("everywhere") == "yes",
        author.id,
    )


def _subjects(author: Author) -> list[Subject]:
    newest = comments.newest_of_author(author.id, 1)
    return sanction_kinds.subjects_of(author.account_id, author.email or "", newest[0].ip if newest else "")


def _offered(author: Author, subjects: list[Subject], sees_addresses: bool) -> dict[str, str]:
    """The possible subjects of a sanction on this author, narrowest first: form value and label.

    Without the right to see addresses, all authors with an address get the same choices.
    """
    offered: dict[str, str] = {}
    for found in subjects:
        version, size = (6 if ":" in found.value else 4), found.value.rpartition("/")[2]
        if found.kind is SubjectKind.NETWORK:
            if size not in NETWORKS[version]:
                continue
            words = _named(str(found), sees_addresses) if sees_addresses else NETWORKS[version][size]
        elif found.kind is SubjectKind.DOMAIN:
            is_whole = found.value == domains.domain((author.email or "").rpartition("@")[2])
            if "." not in found.value or not (sees_addresses or is_whole):
                continue
            words = _named(str(found), sees_addresses)
        else:
            words = _named(str(found), sees_addresses)
        offered[_token(author, found)] = words
    return offered


def _named(subject: str, sees_addresses: bool) -> str:
    """The subject of a sanction in words, without the address for moderators who may not see it."""
    kind, _, value = subject.partition(":")
    if kind == SubjectKind.ACCOUNT:
        return "this account"
    return f"{kind} {value}" if sees_addresses else f"their {kind}"


def _token(author: Author, subject: Subject) -> str:
    """An opaque form value for a subject: it reveals neither an address nor that two authors share one."""
    return tokens.keyed(settings().secret_key, "sanction subject", str(author.id), str(subject)).hex()[:32]


def _chosen(author: Author, token: str) -> Subject:
    found = next((subject for subject in _subjects(author) if _token(author, subject) == token), None)
    if found is None:
        raise Invalid("subject", "Choose again whom this applies to: this commenter’s addresses have changed.")
    return found

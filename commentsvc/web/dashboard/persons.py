"""A person as moderators know them: what they wrote, what was decided, sanctions now and before, and notes."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from commentsvc.core import sanction
from commentsvc.core.errors import CommentError, Invalid, NotFound
from commentsvc.core.sanction import SanctionKind, Subject, SubjectKind
from commentsvc.services import sanctioning
from commentsvc.services.sanctioning import DAYS_MAX, Order
from commentsvc.store import comments, journal, people, sanctions
from commentsvc.store.people import Author
from commentsvc.store.sites import Site
from commentsvc.web import guard
from commentsvc.web.dashboard import frame
from commentsvc.web.wiring import now

pages = Blueprint("persons", __name__, url_prefix="/dashboard")

SHOWN = 20
DOES = {
    SanctionKind.TRUST: "Trust: the mode never holds them",
    SanctionKind.WARN: "Warn: they must acknowledge it before they write on",
    SanctionKind.HOLD: "Always hold: a moderator reads everything",
    SanctionKind.SUSPEND: "Suspend until a day",
    SanctionKind.SHADOW: "Shadow-ban: only they see what they write",
    SanctionKind.BAN: "Ban: they may not write",
}


@pages.get("/<site_key>/people/<int:author_id>")
def show(site_key: str, author_id: int) -> str:
    by = guard.dashboard_moderator()
    site = guard.moderated(site_key, by)
    author = _author(site, author_id)
    newest = comments.newest_of_author(author.id, SHOWN)
    subjects = _subjects(author, newest[0].ip if newest else "")
    return frame.draw(
        "dashboard/person.html",
        by,
        site,
        author=author,
        newest=newest,
        subjects=_offered(subjects),
        kinds=DOES,
        sanctions=sanctions.history(site, subjects),
        now=now(),
        notes=journal.about(site, "note", f"author:{author.id}", SHOWN),
        days_max=DAYS_MAX,
        may_everywhere=by.account.is_admin,
    )


@pages.post("/<site_key>/people/<int:author_id>/sanction")
def impose(site_key: str, author_id: int) -> Response:
    by = guard.dashboard_moderator()
    site = guard.moderated(site_key, by)
    _author(site, author_id)
    try:
        sanctioning.impose(site, _order(), by, now(), guard.client_ip())
        frame.say("Decided. It counts from now on, and can be lifted below.")
    except CommentError as error:
        frame.refuse(error)
    return redirect(url_for("persons.show", site_key=site_key, author_id=author_id), 303)


@pages.post("/<site_key>/people/<int:author_id>/lift")
def lift(site_key: str, author_id: int) -> Response:
    by = guard.dashboard_moderator()
    guard.moderated(site_key, by)
    sanction_id = frame.find_number(request.form.get("sanction", "")) or 0
    try:
        site = guard.site_of_sanction(sanction_id, site_key, by)
        sanctioning.lift(sanction_id, site, by, now(), guard.client_ip())
        frame.say("Lifted, and what it had refused is back where nobody has decided since.")
    except CommentError as error:
        frame.refuse(error)
    return redirect(url_for("persons.show", site_key=site_key, author_id=author_id), 303)


@pages.post("/<site_key>/people/<int:author_id>/note")
def note(site_key: str, author_id: int) -> Response:
    by = guard.dashboard_moderator()
    site = guard.moderated(site_key, by)
    author = _author(site, author_id)
    try:
        sanctioning.note(site, author.id, request.form.get("note", "").replace("\0", ""), by, now())
    except Invalid as error:
        frame.refuse(error)
    return redirect(url_for("persons.show", site_key=site_key, author_id=author_id), 303)


def _author(site: Site, author_id: int) -> Author:
    author = people.find_author(author_id)
    if author is None or author.site_id != site.id:
        raise NotFound("There is nobody with this number here.")
    return author


def _order() -> Order:
    form = request.form
    kind, _, value = form.get("subject", "").partition(":")
    until, days = form.get("until", ""), frame.find_number(form.get("reject_days", "") or "0")
    try:
        until_at = datetime.fromisoformat(until).replace(tzinfo=UTC) if until else None
    except ValueError:
        raise Invalid("until", "Give the day as 2026-12-31.") from None
    return Order(
        form.get("kind", ""),
        kind,
        value,
        form.get("reason", ""),
        form.get("note", ""),
        until_at,
        -1 if days is None else days,
        form.get("everywhere") == "yes",
    )


def _subjects(author: Author, ip: str) -> list[Subject]:
    return sanction.subjects_of(author.account_id, author.email or "", ip)


def _offered(subjects: list[Subject]) -> dict[str, str]:
    """The ways to name this person that make sense on a page: the narrowest first."""
    offered: dict[str, str] = {}
    for found in subjects:
        if found.kind is SubjectKind.ACCOUNT:
            offered[str(found)] = "this account"
        elif found.kind is SubjectKind.EMAIL or (found.kind is SubjectKind.DOMAIN and "." in found.value):
            offered[str(found)] = f"{found.kind} {found.value}"
        elif found.kind is SubjectKind.NETWORK and found.value.endswith(("/32", "/128", "/24", "/48")):
            offered[str(found)] = f"network {found.value}"
    return offered

"""The hosted page of a thread, for readers without scripts: lists the comments, takes a guest's reply by a form."""

from __future__ import annotations

from collections import defaultdict

from flask import Blueprint, Response, make_response, redirect, render_template, request, session
from flask_login import current_user
from flask_wtf.csrf import generate_csrf, validate_csrf
from werkzeug.wrappers import Response as BaseResponse
from wtforms import ValidationError

from commentsvc.core.errors import CommentError, Invalid, NotAllowed
from commentsvc.core.phrases import marked, phrase
from commentsvc.core.status import Status
from commentsvc.services import posting, publishing
from commentsvc.services.publishing import ThreadPage
from commentsvc.store import comments, sites
from commentsvc.store.comments import Comment
from commentsvc.web import guard, shapes
from commentsvc.web.edge import SESSION_COOKIE
from commentsvc.web.error_pages import STATUS
from commentsvc.web.reading import thread_page
from commentsvc.web.translating import gettext, language_asked, tell, tell_error
from commentsvc.web.wiring import SignedIn, csrf, now, settings

pages = Blueprint("thread_page", __name__)

OWN_MAX = 20
FIELDS = ("body", "name", "email", "website")
SAID = {
    Status.APPROVED: marked("Your comment is published."),
    Status.PENDING: marked("Your comment is awaiting moderation."),
}
SAID_NO = marked("Your comment was not published.")


@pages.get("/t/<site_key>")
def show(site_key: str) -> Response:
    page = _with_own(thread_page())
    parent = _parent(page, request.args.get("reply_to", ""))
    said = session.pop("said", "") if _has_session() else ""
    return _drawn(page, parent, dict.fromkeys(FIELDS, ""), {}, said=gettext(said) if said else None)


@pages.post("/t/<site_key>")
def reply(site_key: str) -> BaseResponse:
    form = {name: request.form.get(name, "") for name in FIELDS}
    parent_id = request.form.get("parent_id", "")
    site = sites.by_key(site_key)
    key = shapes.thread_key(request.args.get("thread", ""))
    try:
        _check_form()
        shape = shapes.CommentIn(
            site=site.key,
            thread=key,
            body=form["body"],
            parent_id=int(parent_id) if parent_id.isascii() and parent_id.isdigit() and len(parent_id) < 19 else None,
            author=shapes.GuestIn(name=form["name"], email=form["email"], website=form["website"]),
        )
        holder = _signed_in()
        account, provider = (holder.account, holder.session.provider) if holder else (None, None)
        draft = shapes.draft(shape, site, account)
        sender = posting.Sender(account, guard.client_ip(), _user_agent(), settings().limits, provider)
        posted = posting.post(site, draft, sender, None, settings().secret_key, now())
    except CommentError as error:
        page = _with_own(thread_page())
        problems = {field: tell(reason) for field, reason in error.problems} if isinstance(error, Invalid) else {}
        response = _drawn(page, _parent(page, parent_id), form, problems, trouble=tell_error(error))
        response.status_code = STATUS[type(error)][0]
        return response
    session["own"] = [*session.get("own", []), posted.comment.id][-OWN_MAX:]
    session["said"] = SAID.get(posted.status, SAID_NO)
    page_path = shapes.hosted_path(site.key, key, **language_asked())
    return redirect(f"{page_path}#comment-{posted.comment.id}", 303)


csrf.exempt(reply)  # it is checked below instead, where a refusal keeps the text


def _check_form() -> None:
    """Refuse a form that another site sent in a reader's name.

    A guest has nothing that could be used in their name, so without a cookie the browser's own word on where the
    form comes from is enough; and the page can be the same for everybody.
    """
    origin = request.headers.get("Origin", settings().origin)
    if origin != settings().origin or request.headers.get("Sec-Fetch-Site", "same-origin") not in (
        "same-origin",
        "none",
    ):
        raise NotAllowed(phrase("This form was not sent from this page. Please send it again from here."))
    if _has_session():
        try:
            validate_csrf(request.form.get("csrf_token"))
        except ValidationError:
            raise NotAllowed(phrase("This page was open for long. Your text is kept; please send it again.")) from None


def _has_session() -> bool:
    return SESSION_COOKIE in request.cookies


def _signed_in() -> SignedIn | None:
    """Who is signed in at the service in this browser; a reader without a session costs no query."""
    return guard.signed_in() if _has_session() and current_user.is_authenticated else None


def _user_agent() -> str:
    return request.headers.get("User-Agent", "")[: guard.USER_AGENT_MAX]


def _with_own(page: ThreadPage) -> ThreadPage:
    if not _has_session() or page.thread is None:
        return page
    own = [c for c in comments.of_ids(session.get("own", [])) if c.thread_id == page.thread.id]
    return publishing.with_own(page, [c for c in own if c.status not in (Status.APPROVED, Status.DELETED)])


def _parent(page: ThreadPage, value: str) -> Comment | None:
    if page.thread is None or not (value.isascii() and value.isdigit() and len(value) < 19):
        return None
    found = comments.find_parent(page.thread, int(value))
    return found if found is not None and found.status == Status.APPROVED else None


def _drawn(
    page: ThreadPage,
    parent: Comment | None,
    form: dict[str, str],
    problems: dict[str, str],
    trouble: str = "",
    said: str | None = None,
) -> Response:
    holder = _signed_in()
    title = (page.thread.title if page.thread else "") or page.key
    response = make_response(
        render_template(
            "thread_page.html",
            page=page,
            title=title,
            parent=parent,
            form=form,
            problems=defaultdict(str, problems),
            trouble=trouble,
            said=said,
            account=holder.account if holder else None,
            here=request.full_path.rstrip("?") + "#respond",
            csrf_field=generate_csrf() if _has_session() else "",
        )
    )
    response.headers["Cache-Control"] = "private, no-store" if _has_session() else "no-cache"
    return response

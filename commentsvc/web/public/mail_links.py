"""Where the links in mails lead: a page that asks first, then the act. The link itself is the proof."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, render_template, request

from commentsvc.core import excerpts
from commentsvc.core.errors import CommentError, Conflict, Invalid, NotFound
from commentsvc.core.phrases import marked
from commentsvc.core.status import Action, Status
from commentsvc.services import address_checks, notifications
from commentsvc.store.sites import Site
from commentsvc.web.auth.accounts import STATUS_NAMES
from commentsvc.web.http.app_setup import csrf, now, settings
from commentsvc.web.http.i18n import gettext, language_asked, tell, tell_error

pages = Blueprint("mail_links", __name__, url_prefix="/m")
csrf.exempt(pages)  # no cookie counts here, and nobody can make another's browser know the link

PARENT_MAX = 600
# Of each act that a mail offers: what the page asks, what its button says, and what is said afterwards.
WORDS = {
    Action.APPROVE: (marked("Approve this comment?"), marked("Approve"), marked("The comment is approved.")),
    Action.REJECT: (marked("Reject this comment?"), marked("Reject"), marked("The comment is rejected.")),
    Action.SPAM: (marked("Mark this comment as spam?"), marked("Spam"), marked("The comment is marked as spam.")),
}


@pages.get("/<token>")
def ask(token: str) -> Response:
    """Only asks: mail scanners and previews follow links."""
    try:
        return _ask_page(token)
    except NotFound as error:
        return _gone(error)


@pages.post("/<token>")
def act(token: str) -> Response:
    try:
        notifications.act(token, settings().secret_key, request.form.get("reply", ""), now())
    except NotFound as error:
        return _gone(error)
    except (Conflict, Invalid) as error:
        return _ask_page(token, tell_error(error), 409 if isinstance(error, Conflict) else 422)
    _, action = notifications.notice_of(token, settings().secret_key, now())
    return _done(gettext(WORDS[action][2]), undo=token)


@pages.post("/<token>/undo")
def undo(token: str) -> Response:
    try:
        notifications.undo(token, settings().secret_key, now())
    except (Conflict, NotFound) as error:
        return _gone(error)
    return _done(gettext("Undone: the comment is as before."))


@pages.get("/stop/<token>")
def ask_to_stop(token: str) -> Response:
    return make_response(render_template("notice/stop.html", is_desk=notifications.is_for_moderators(token)))


@pages.post("/stop/<token>")
def stop(token: str) -> Response:
    """By the page's button, or by a mail program's own (RFC 8058)."""
    is_desk = notifications.is_for_moderators(token)
    try:
        said = notifications.stop(token, settings().secret_key, now())
    except NotFound as error:
        return _gone(error, is_desk)
    return _done(tell(said), is_desk=is_desk)


@pages.get("/confirm/<token>")
def ask_to_confirm(token: str) -> Response:
    try:
        found = notifications.subscription_of(token, settings().secret_key, now())
    except NotFound as error:
        return _gone(error, is_desk=False)
    return make_response(render_template("notice/confirm.html", site=None, of=found.site, address=found.email))


@pages.post("/confirm/<token>")
def confirm(token: str) -> Response:
    try:
        said = notifications.confirm(token, settings().secret_key, now())
    except NotFound as error:
        return _gone(error, is_desk=False)
    return _done(
        tell(said), is_desk=False, blog=notifications.subscription_of(token, settings().secret_key, now()).site
    )


@pages.get("/comment/<token>")
def ask_to_confirm_comment(token: str) -> Response:
    try:
        comment = address_checks.comment_of(notifications.comment_number(token, settings().secret_key), now())
    except NotFound as error:
        return _gone(error, is_desk=False)
    words = excerpts.plain(comment.html, PARENT_MAX)
    page = render_template("notice/confirm_comment.html", site=None, of=comment.site, comment=comment, words=words)
    return make_response(page)


@pages.post("/comment/<token>")
def confirm_comment(token: str) -> Response:
    try:
        comment = address_checks.confirm(notifications.comment_number(token, settings().secret_key), now())
    except NotFound as error:
        return _gone(error, is_desk=False)
    site = comment.site
    said = gettext("Thank you. Your comment on %(site)s is confirmed.", site=site.name)
    return _done(said, is_desk=False, blog=site)


def _ask_page(token: str, problem: str = "", status: int = 200) -> Response:
    notice, action = notifications.notice_of(token, settings().secret_key, now())
    comment = notice.comment
    question, label, _ = map(gettext, WORDS[action])
    page = render_template(
        "notice/ask.html",
        comment=comment,
        parent_words=excerpts.plain(comment.parent.html, PARENT_MAX) if comment.parent else "",
        standing=gettext(STATUS_NAMES[Status(comment.status)]),
        question=question,
        label=label,
        can_reply=action is Action.APPROVE,
        typed=request.form.get("reply", ""),
        problem=problem,
        used=notice.used_at is not None,
    )
    return make_response(page, status)


def _done(said: str, undo: str = "", is_desk: bool = True, blog: Site | None = None) -> Response:
    names = {"undo": undo, "asked": language_asked(), "is_desk": is_desk, "blog": blog}
    return make_response(render_template("notice/done.html", said=said, **names))


def _gone(error: CommentError, is_desk: bool = True) -> Response:
    return make_response(render_template("notice/gone.html", sentence=tell_error(error), is_desk=is_desk), 404)

"""The pages of the links in mails: each asks first, and acts on a POST. The link itself is the permission."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, render_template, request

from commentsvc.core import excerpts, routes
from commentsvc.core.errors import Conflict, Invalid, NotFound
from commentsvc.core.phrases import marked
from commentsvc.core.status import Action, Status
from commentsvc.services import address_checks, mail_links
from commentsvc.store.sites import Site
from commentsvc.web.auth.accounts import STATUS_NAMES
from commentsvc.web.http.app_setup import csrf, now, settings
from commentsvc.web.http.i18n import gettext, language_asked, tell, tell_error
from commentsvc.web.http.refusals import refused, refused_link

pages = Blueprint("mail_links", __name__)
csrf.exempt(pages)  # no cookie counts here, and a forged request would need to know the link

PARENT_MAX = 600
# For each action that a mail offers: the question, the label of the button, and the message afterwards.
WORDS = {
    Action.APPROVE: (marked("Approve this comment?"), marked("Approve"), marked("Comment approved.")),
    Action.REJECT: (marked("Reject this comment?"), marked("Reject"), marked("Comment rejected.")),
    Action.SPAM: (marked("Mark this comment as spam?"), marked("Spam"), marked("Comment marked as spam.")),
}


@pages.get(routes.MAIL_ACT)
def ask(token: str) -> Response:
    """Only asks: mail scanners and previews follow links."""
    try:
        return _ask_page(token)
    except NotFound as error:
        return refused_link(error)


@pages.post(routes.MAIL_ACT)
def act(token: str) -> Response:
    try:
        mail_links.act(token, settings().secret_key, request.form.get("reply", ""), now())
    except NotFound as error:
        return refused_link(error)
    except (Conflict, Invalid) as error:
        return refused(error, _ask_page(token, tell_error(error)))
    _, action = mail_links.moderator_mail_of(token, settings().secret_key, now())
    return _done(gettext(WORDS[action][2]), undo=token)


@pages.post(routes.MAIL_UNDO)
def undo(token: str) -> Response:
    try:
        mail_links.undo(token, settings().secret_key, now())
    except (Conflict, NotFound) as error:
        return refused_link(error)
    return _done(gettext("Undone. The comment is as it was before."))


@pages.get(routes.MAIL_STOP)
def ask_to_stop(token: str) -> Response:
    return make_response(render_template("notice/stop.html", is_desk=mail_links.is_for_moderators(token)))


@pages.post(routes.MAIL_STOP)
def stop(token: str) -> Response:
    """Unsubscribe, by the page's button or a mail program's one-click request (RFC 8058)."""
    is_desk = mail_links.is_for_moderators(token)
    try:
        said = mail_links.stop(token, settings().secret_key, now())
    except NotFound as error:
        return refused_link(error, is_desk)
    return _done(tell(said), is_desk=is_desk)


@pages.get(routes.MAIL_CONFIRM_SUBSCRIPTION)
def ask_to_confirm(token: str) -> Response:
    try:
        found = mail_links.subscription_of(token, settings().secret_key, now())
    except NotFound as error:
        return refused_link(error, is_desk=False)
    return make_response(render_template("notice/confirm.html", site=None, of=found.site, address=found.email))


@pages.post(routes.MAIL_CONFIRM_SUBSCRIPTION)
def confirm(token: str) -> Response:
    try:
        said = mail_links.confirm_subscription(token, settings().secret_key, now())
    except NotFound as error:
        return refused_link(error, is_desk=False)
    return _done(tell(said), is_desk=False, blog=mail_links.subscription_of(token, settings().secret_key, now()).site)


@pages.get(routes.MAIL_CONFIRM_COMMENT)
def ask_to_confirm_comment(token: str) -> Response:
    try:
        comment = address_checks.comment_of(mail_links.comment_number(token, settings().secret_key), now())
    except NotFound as error:
        return refused_link(error, is_desk=False)
    words = excerpts.plain(comment.html, PARENT_MAX)
    page = render_template("notice/confirm_comment.html", site=None, of=comment.site, comment=comment, words=words)
    return make_response(page)


@pages.post(routes.MAIL_CONFIRM_COMMENT)
def confirm_comment(token: str) -> Response:
    try:
        comment = address_checks.confirm(mail_links.comment_number(token, settings().secret_key), now())
    except NotFound as error:
        return refused_link(error, is_desk=False)
    site = comment.site
    said = gettext("Thank you. Your comment on %(site)s is confirmed.", site=site.name)
    return _done(said, is_desk=False, blog=site)


def _ask_page(token: str, problem: str = "", status: int = 200) -> Response:
    mail, action = mail_links.moderator_mail_of(token, settings().secret_key, now())
    comment = mail.comment
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
        used=mail.used_at is not None,
    )
    return make_response(page, status)


def _done(said: str, undo: str = "", is_desk: bool = True, blog: Site | None = None) -> Response:
    names = {"undo": undo, "asked": language_asked(), "is_desk": is_desk, "blog": blog}
    return make_response(render_template("notice/done.html", said=said, **names))

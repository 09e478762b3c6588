"""The hosted page of a thread, for readers without scripts: reading, and plain forms for what the widget does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from flask import Blueprint, Response, make_response, redirect, render_template, request, session
from flask_login import current_user
from flask_wtf.csrf import generate_csrf, validate_csrf
from werkzeug.wrappers import Response as BaseResponse
from wtforms import ValidationError

from commentsvc.core import emails, excerpts, routes
from commentsvc.core import pagination as paging
from commentsvc.core.errors import CommentError, Invalid, NotAllowed, NotFound
from commentsvc.core.pagination import Sort
from commentsvc.core.phrases import marked, phrase
from commentsvc.core.status import Status
from commentsvc.core.whole_numbers import find_number
from commentsvc.services import group_commit, reports, submissions, subscriptions, thread_pages
from commentsvc.services import votes as votes_service
from commentsvc.services.submissions import Notify, Sender, Submission
from commentsvc.services.thread_pages import ThreadPage
from commentsvc.store import authors, comment_pages, comments, own_comments, sites, threads
from commentsvc.store import votes as stored_votes
from commentsvc.store.accounts import Account
from commentsvc.store.comments import Comment
from commentsvc.store.reports import TEXT_MAX, ReportReason
from commentsvc.store.sites import Site
from commentsvc.web.api import schemas, serializers
from commentsvc.web.http import access, app_setup, urls
from commentsvc.web.http.app_setup import SignedIn, csrf, has_session, now, settings
from commentsvc.web.http.i18n import gettext, language_asked, language_wished, tell, tell_error
from commentsvc.web.http.refusals import refused
from commentsvc.web.public import feeds, structured_data
from commentsvc.web.public.thread_reads import thread_page

pages = Blueprint("thread_page", __name__)

OWN_MAX = 20
QUOTE_MAX = 300
FIELDS = ("body", "name", "email", "website", "reason", "text", "follower")
SAID = {
    Status.APPROVED: marked("Your comment is published."),
    Status.PENDING: marked("Your comment is awaiting moderation."),
}
SAID_NO = marked("Your comment was not published.")
FOLLOWED = marked("Thank you. If this address is new here, you will get an email with a link to confirm it.")
VOTED = {
    "1": marked("Your vote for it was counted."),
    "-1": marked("Your vote against it was counted."),
    "0": marked("Your vote was removed."),
}
ORDERS = {
    Sort.OLDEST: marked("Oldest first"),
    Sort.NEWEST: marked("Newest first"),
    Sort.TOP: marked("Best first"),
}
REASONS = {
    ReportReason.SPAM: marked("It is spam"),
    ReportReason.ABUSE: marked("It is abusive"),
    ReportReason.OFF_TOPIC: marked("It is off topic"),
    ReportReason.ILLEGAL: marked("It is illegal"),
    ReportReason.OTHER: marked("Something else"),
}


@dataclass(frozen=True)
class PageState:
    """The state of the page for one reader: the comment they answer or look at, form values, and problems.

    `is_following`: the form that was sent is the one for following the page.
    """

    reply_to: str = ""
    about: str = ""
    is_following: bool = False
    form: dict[str, str] = field(default_factory=lambda: dict.fromkeys(FIELDS, ""))
    problems: dict[str, str] = field(default_factory=dict)
    trouble: str = ""


@pages.get(routes.HOSTED_PAGE)
def show(site_key: str) -> Response:
    said = session.pop("said", "") if _has_session() else ""
    asked = PageState(request.args.get("reply_to", ""), request.args.get("about", ""))
    return _drawn(asked, gettext(said) if said else None)


@pages.post(routes.HOSTED_PAGE)
def reply(site_key: str) -> BaseResponse:
    parent_id = request.form.get("parent_id", "")

    def send(sender: Sender) -> str:
        site = sites.by_key(site_key)
        form = _form()
        shape = schemas.CommentIn(
            site=site.key,
            thread=request.args.get("thread", ""),
            body=form["body"],
            parent_id=find_number(parent_id),
            author=schemas.GuestIn(name=form["name"], email=form["email"], website=form["website"]),
        )
        draft = schemas.draft(shape, site, sender.account)
        sent = submissions.Form(bool(request.form.get("subject")), send_anyway=True, can_work=False)
        service = app_setup.spam_service()
        posted = group_commit.post(site, Submission(draft, sender, None, sent), settings().secret_key, now(), service)
        session["own"] = [*session.get("own", []), posted.comment.id][-OWN_MAX:]
        session["said"] = SAID.get(posted.status, SAID_NO)
        return f"comment-{posted.comment.id}"

    return _done(site_key, send, PageState(reply_to=parent_id, form=_form()))


@pages.post(routes.HOSTED_PAGE_VOTE)
def vote(site_key: str) -> BaseResponse:
    number, value = request.form.get("comment", ""), request.form.get("value", "")

    def send(sender: Sender) -> str:
        if value not in VOTED:
            raise Invalid("value", phrase("A vote is for a comment or against it."))
        by = access.require_signed_in().account
        votes_service.vote(_comment_here(site_key, number), int(value), by, sender.limited, now())
        session["said"] = VOTED[value]
        return "said"

    return _done(site_key, send, PageState(about=number))


@pages.post(routes.HOSTED_PAGE_FLAG)
def flag(site_key: str) -> BaseResponse:
    number, form = request.form.get("comment", ""), _form()

    def send(sender: Sender) -> str:
        comment_id = _comment_here(site_key, number)
        flagged = reports.flag(comment_id, form["reason"], form["text"], sender, settings().secret_key, now())
        session["said"] = serializers.flagged_json(flagged)["message"]
        return "said"

    return _done(site_key, send, PageState(about=number, form=form))


@pages.post(routes.HOSTED_PAGE_FOLLOW)
def follow(site_key: str) -> BaseResponse:
    form = _form()

    def send(sender: Sender) -> str:
        site = sites.by_key(site_key)
        email, key, secret = emails.address(form["follower"], "follower", True), _key(site), settings().secret_key
        access.check_subscribing_pace()
        subscriptions.subscribe(site.id, key, email, Notify.THREAD, language_wished(), sender.ip, secret, now())
        session["said"] = FOLLOWED
        return "said"

    return _done(site_key, send, PageState(is_following=True, form=form))


for view in (reply, vote, flag, follow):
    csrf.exempt(view)  # it is checked in `_done` instead, where a refusal keeps the text


def _done(site_key: str, send: Callable[[Sender], str], asked: PageState) -> BaseResponse:
    """Send what a form holds and lead to the place on the page that `send` names; or show the form with its trouble."""
    key = _key(sites.by_key(site_key))
    try:
        _check_form()
        access.check_pace()
        holder = _signed_in()
        account, provider = (holder.account, holder.session.provider) if holder else (None, None)
        place = send(Sender(account, access.client_ip(), _user_agent(), settings().limits, provider))
    except CommentError as error:
        problems = {field: tell(reason) for field, reason in error.problems} if isinstance(error, Invalid) else {}
        return refused(error, _drawn(replace(asked, problems=problems, trouble=tell_error(error))))
    return redirect(urls.hosted_path(site_key, key, **language_asked()) + f"#{place}", 303)


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
            raise NotAllowed(phrase("This page has expired. Your text is kept; please send it again.")) from None


def _form() -> dict[str, str]:
    return {name: request.form.get(name, "") for name in FIELDS}


def _key(site: Site) -> str:
    return schemas.page_key(request.args.get("thread", ""), site)


def _comment_here(site_key: str, value: str) -> int:
    """The number of a comment of the thread that the form is about; raises NotFound for any other."""
    site = sites.by_key(site_key)
    thread, number = threads.find(site, _key(site)), find_number(value)
    if thread is None or number is None or comments.find_parent(thread, number) is None:
        raise NotFound(phrase("This comment was removed."))
    return number


def _has_session() -> bool:
    return has_session()


def _signed_in() -> SignedIn | None:
    """The session of this browser, or None; without a session cookie there is no query."""
    return access.require_signed_in() if _has_session() and current_user.is_authenticated else None


def _user_agent() -> str:
    return request.headers.get("User-Agent", "")[: access.USER_AGENT_MAX]


def _with_own(page: ThreadPage, account: Account | None) -> ThreadPage:
    """The page with what this reader wrote from this browser, or by this account, and nobody else sees yet."""
    if not _has_session() or page.thread is None:
        return page
    own = [c for c in comments.of_ids(session.get("own", [])) if c.thread_id == page.thread.id]
    waiting = own_comments.pending_in(page.site, page.key, account) if account else []
    mine = {c.id: c for c in (*own, *waiting)}
    return thread_pages.with_own(page, [c for c in mine.values() if c.status not in (Status.APPROVED, Status.DELETED)])


def _published(page: ThreadPage, value: str) -> Comment | None:
    number = find_number(value)
    if page.thread is None or number is None:
        return None
    found = comments.find_parent(page.thread, number)
    return found if found is not None and found.status == Status.APPROVED else None


def _drawn(asked: PageState, said: str | None = None) -> Response:
    page = thread_page()
    holder = _signed_in()
    account = holder.account if holder else None
    discussion = structured_data.discussion(page)
    page = _with_own(page, account)
    about = _published(page, asked.about)
    cast = stored_votes.find(about, account) if about and account else None
    response = make_response(
        render_template(
            "thread_page.html",
            page=page,
            title=(page.thread.title if page.thread else "") or page.key,
            discussion=discussion,
            feed=feeds.address(page.site.key, page.key),
            orders=ORDERS,
            previous=_previous(page),
            parent=_published(page, asked.reply_to),
            about=about,
            is_following=asked.is_following,
            quote=excerpts.plain(about.html, QUOTE_MAX) if about else "",
            is_own=bool(about and account and authors.by_id(about.author_id).account_id == account.id),
            cast=cast.value if cast else 0,
            reasons=REASONS,
            text_max=TEXT_MAX,
            form=asked.form,
            problems=defaultdict(str, asked.problems),
            trouble=asked.trouble,
            said=said,
            account=account,
            here=request.full_path.rstrip("?"),
            csrf_field=generate_csrf() if _has_session() else "",
        )
    )
    response.headers["Cache-Control"] = "private, no-store" if _has_session() else "no-cache"
    if page.site.policy.noindex:
        response.headers["X-Robots-Tag"] = "noindex"
    return response


def _previous(page: ThreadPage) -> str | None:
    """The cursor of the page before, '' for the first page; None when this is the first."""
    if not request.args.get("cursor"):
        return None
    if page.thread is None or not page.roots:
        return ""
    limit = paging.limit(request.args.get("limit", ""))
    before = comment_pages.page_before(page.thread, page.roots[0].comment, page.sort, limit)
    return str(before) if before else ""

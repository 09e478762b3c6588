"""Shapes: JSON in becomes a typed draft; the OpenAPI document is made from these types."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from flask import request
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr, ValidationError
from werkzeug.exceptions import BadRequest

from commentsvc.core import emails, links, page_keys, text_input
from commentsvc.core.errors import Invalid
from commentsvc.core.phrases import phrase
from commentsvc.core.policy import NAME_MAX, THREAD_KEY_MAX, TITLE_MAX, URL_MAX
from commentsvc.core.status import Status
from commentsvc.services.submissions import Draft, Form, Notify
from commentsvc.store import threads
from commentsvc.store.accounts import Account
from commentsvc.store.reports import ReportReason
from commentsvc.store.sites import Site
from commentsvc.web.http.app_setup import settings

# Constraints of a thread's key, for the OpenAPI document.
THREAD_KEY: dict[str, Any] = {
    "type": "string",
    "minLength": 1,
    "maxLength": THREAD_KEY_MAX,
    "pattern": r"^[^\x00-\x1f\x7f\ufffe\uffff]*[^\s\x00-\x1f\x7f\ufffe\uffff][^\x00-\x1f\x7f\ufffe\uffff]*$",
}
# Words that somebody must write.
WORDS: dict[str, Any] = {"minLength": 1, "pattern": r"\S"}
ANONYMOUS = "Anonymous"
COUNTS_MAX = 200  # threads in one request for counts
YOUR_NAME = phrase("Your name")
V = TypeVar("V")


class Schema(BaseModel):
    """Fields that a client may not set do not exist here: they are not read."""

    model_config = ConfigDict(extra="ignore", frozen=True)


S = TypeVar("S", bound=Schema)


def one_of(choices: Iterable[int | str], description: str | None = None, default: Any = ...) -> Any:
    """A field whose choices the OpenAPI document names; a wrong one is refused where it is used, with a sentence."""
    return Field(default, description=description, json_schema_extra={"enum": list(choices)})


class GuestIn(Schema):
    name: StrictStr = ""
    email: StrictStr = ""
    website: StrictStr | None = None


class CommentIn(Schema):
    site: StrictStr
    thread: StrictStr = Field(json_schema_extra=THREAD_KEY)
    url: StrictStr = Field("", description="address of the page; of an origin of the site")
    canonical: StrictStr = Field(
        "", description="the page's canonical link; the page's address, if of an origin of the site"
    )
    title: StrictStr = Field("", description="title of the page")
    parent_id: StrictInt | None = Field(None, description="the comment answered")
    body: StrictStr = Field(description="Markdown", json_schema_extra=WORDS)
    author: GuestIn | None = Field(None, description="who a guest is; not read with a bearer token")
    notify: StrictBool | StrictStr = Field(
        False,
        description="mail me about replies (`true` or `replies`) or about all new comments of the page (`thread`); "
        "a guest confirms the address by a mail first",
        json_schema_extra={"enum": [False, True, Notify.REPLIES, Notify.THREAD]},
    )
    trap: StrictStr | None = Field(None, description="a field that people do not see; what fills it in is a program")
    elapsed_ms: StrictInt | None = Field(None, ge=0, description="from seeing the form to sending it")
    challenge: StrictStr | None = Field(None, description="the solution of a challenge: Base64 of its JSON")
    send_anyway: StrictBool = Field(False, description="send it to the moderators although they will have to read it")


class SubscriptionIn(Schema):
    site: StrictStr
    thread: StrictStr = Field(json_schema_extra=THREAD_KEY)
    email: StrictStr = Field(
        description="asked to confirm by a mail; nothing else is sent before", json_schema_extra=WORDS
    )
    what: StrictStr = one_of(
        ("replies", "thread"), "replies to its own comments in the thread, or all new comments there"
    )


class SubscribedOut(Schema):
    message: str = Field(description="what to do now, the same for every address")


class EditIn(Schema):
    body: StrictStr = Field(json_schema_extra=WORDS)


class AppealIn(Schema):
    text: StrictStr = Field(
        description="why a moderator should look again; up to 1,000 characters", json_schema_extra=WORDS
    )


class VoteIn(Schema):
    value: StrictInt = one_of((1, 0, -1), "0 takes the vote back")


class VoteOut(Schema):
    score: int
    value: int


class FlagIn(Schema):
    reason: StrictStr = one_of(ReportReason)
    text: StrictStr = Field("", description="for the moderators, up to 1,000 characters; needed with `other`")


class FlagOut(Schema):
    message: str = Field(description="thanks, and what happens now")
    hidden: bool = Field(description="this report took the comment off the page until a moderator has decided")


class PreviewIn(Schema):
    site: StrictStr
    body: StrictStr = Field(json_schema_extra=WORDS)


class AcknowledgedIn(Schema):
    site: StrictStr
    sanction: StrictInt
    token: StrictStr = Field(description="as it came with the sanction")


class AuthorOut(Schema):
    name: str
    website: str | None
    avatar: str | None
    provider: str | None
    role: str | None


class CommentOut(Schema):
    id: int
    parent_id: int | None
    depth: int
    author: AuthorOut
    html: str
    created_at: str
    edited_at: str | None
    score: int
    status: Status
    permalink: str


class ThreadOut(Schema):
    key: str
    title: str
    url: str
    open: bool
    count: int
    version: int
    pinned: int | None = Field(description="the comment that comes first in every order")
    votes: str = Field(description="updown, up or off")


class MoreRepliesOut(Schema):
    id: int = Field(description="the top-level comment")
    next: str = Field(description="the cursor of a page of further replies below it")


class PageOut(Schema):
    thread: ThreadOut
    comments: list[CommentOut]
    next: str | None
    more_replies: list[MoreRepliesOut] = Field(
        [], description="only where a page has too many replies to take them all"
    )


class PostedOut(CommentOut):
    body: str
    reason: str | None = Field(None, description="why it is not published, for its author")
    edit_token: str | None = Field(None, description="a guest's right to change it; send it as X-Edit-Token")


class FieldProblemOut(Schema):
    field: str
    message: str


class ProblemOut(Schema):
    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldProblemOut] = []


def parsed(shape: type[S]) -> S:
    """The request's JSON in the shape; BadRequest when it is no JSON, Invalid naming each field that does not fit."""
    try:
        document = json.loads(request.get_data().decode("utf-8"))
    except UnicodeDecodeError:
        raise BadRequest("The request is not valid UTF-8.") from None
    except (ValueError, RecursionError):
        raise BadRequest("The request is not valid JSON.") from None
    if not isinstance(document, dict):
        raise BadRequest("Send a JSON object.")
    try:
        return shape.model_validate(document)
    except ValidationError as error:
        problems = [(".".join(str(part) for part in e["loc"]), _sentence(e)) for e in error.errors()]
        raise Invalid(*problems[0], *problems[1:]) from None


def _sentence(error: Any) -> str:
    name = error["loc"][-1] if error["loc"] else "the request"
    if error["type"] == "missing":
        return f"“{name}” is missing."
    if error["type"] == "extra_forbidden":
        return f"There is no field “{name}” here."
    wanted = {
        "string_type": "a text",
        "int_type": "a whole number",
        "bool_type": "true or false",
        "list_type": "a list",
    }
    if error["type"] in wanted:
        return f"“{name}” must be {wanted[error['type']]}."
    return f"“{name}”: {error['msg'][:1].lower()}{error['msg'][1:]}."


def draft(shape: CommentIn, site: Site, account: Account | None) -> Draft:
    """A checked draft; raises Invalid with all wrong fields, not only the first."""
    problems: list[tuple[str, str]] = []
    policy = site.policy
    required = policy.name_and_email_required

    def checked(make: Callable[[], V], otherwise: V) -> V:
        try:
            return make()
        except Invalid as error:
            problems.extend(error.problems)
            return otherwise

    guest = shape.author or GuestIn()
    source = checked(lambda: text_input.body(shape.body, policy.body_max), "")
    key = checked(lambda: page_key(shape.thread, site), "")
    title = checked(lambda: text_input.line(shape.title, "title", phrase("The page's title"), TITLE_MAX, False), "")
    given = shape.canonical if counts_as_canonical(shape.canonical, site) else shape.url
    url = checked(lambda: page_keys.stored_url(page_url(given, site), key, policy), "")
    wanted = checked(lambda: _notify(shape.notify), Notify.NONE)
    if account:
        name, email, website = account.name, account.email or "", account.website
    else:
        name = (
            checked(lambda: text_input.line(guest.name, "author.name", YOUR_NAME, NAME_MAX, required), "") or ANONYMOUS
        )
        email = checked(lambda: emails.address(guest.email, "author.email", required), "")
        website = checked(lambda: _website(guest.website), None)
    if problems:
        raise Invalid(*problems[0], *problems[1:])
    notify = wanted if email else Notify.NONE
    return Draft(key, url, title, shape.parent_id, source, name, email, website, notify)


def _notify(value: bool | str) -> Notify:
    if isinstance(value, bool):
        return Notify.REPLIES if value else Notify.NONE
    try:
        return Notify(value)
    except ValueError:
        raise Invalid("notify", "notify is false, true, “replies” or “thread”.") from None


def form(shape: CommentIn) -> Form:
    """The form that was sent."""
    return Form(bool(shape.trap), shape.elapsed_ms, shape.challenge, shape.send_anyway)


def _website(value: str | None) -> str | None:
    try:
        return links.website(value or "")
    except Invalid as error:
        raise Invalid("author.website", error.sentences[0]) from None


def page_key(value: str, site: Site) -> str:
    """The key of the thread that an address, a path or an identifier names; raises Invalid for what can't be one."""
    return threads.key_for(site, value)


def page_key_of_link(value: str, canonical: str, site: Site) -> str:
    """The key of the page that an address or a path names, whose canonical link may name another page."""
    return page_key(canonical if counts_as_canonical(canonical, site) else value, site)


def counts_as_canonical(link: str, site: Site) -> bool:
    """Whether a page's canonical link says which page it is: it is of an origin of the site, and not the home page.

    Templates often link every page to the home page; and for the home page, its address says the same.
    """
    parts = links.parts_of(link)
    is_of_site = parts is not None and site.allows(f"{parts.scheme}://{parts.netloc}")
    return is_of_site and not page_keys.is_home(link, site.policy)


def page_url(value: str, site: Site) -> str:
    """The page's address, of an origin of the site; raises Invalid for any other: it would stand in mails and links.

    It comes without the parameters that tell how a reader came to the page.
    """
    value = value.strip()
    if not value:
        return ""
    parts = links.parts_of(value)
    origin = f"{parts.scheme}://{parts.netloc}" if parts else ""
    clean = len(value) <= URL_MAX and value.isprintable() and not any(c.isspace() or c in '"<>\\' for c in value)
    if not clean or not (site.allows(origin) or origin == settings().origin):
        raise Invalid("url", "url must be the address of the page, on one of the site's own origins.")
    return page_keys.without_tracking(site.lasting_url(value))

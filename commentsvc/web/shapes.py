"""Shapes: JSON in becomes a typed draft, rows become JSON; the OpenAPI document is made from these types."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from flask import Flask, current_app, request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr, ValidationError
from werkzeug.exceptions import BadRequest

from commentsvc.core import emails, places, text
from commentsvc.core.errors import Invalid
from commentsvc.core.judging import Reason, Verdict
from commentsvc.core.phrases import phrase
from commentsvc.core.policy import NAME_MAX, THREAD_KEY_MAX, TITLE_MAX, URL_MAX, Votes
from commentsvc.core.rule_kinds import RuleKind
from commentsvc.core.sanction import SanctionKind, SubjectKind
from commentsvc.core.status import Action, Status
from commentsvc.services import ruling
from commentsvc.services.flagging import Flagged
from commentsvc.services.posting import Draft, Form, Posted
from commentsvc.services.publishing import ThreadPage
from commentsvc.services.ruling import Backtest, Judgement, Proposal, RuleText
from commentsvc.services.sanctioning import Order
from commentsvc.store import decisions, people
from commentsvc.store.comments import Comment
from commentsvc.store.decisions import Decision
from commentsvc.store.flags import Flag
from commentsvc.store.people import Account
from commentsvc.store.rules import Rule
from commentsvc.store.sanctions import Sanction
from commentsvc.store.sites import Site
from commentsvc.web.translating import gettext, language_asked, tell, tell_kept
from commentsvc.web.wiring import machine_time, settings

ANONYMOUS = "Anonymous"
YOUR_NAME = phrase("Your name")
V = TypeVar("V")


class Shape(BaseModel):
    """Fields a client may not set do not exist: what is not named here is not read."""

    model_config = ConfigDict(extra="ignore", frozen=True)


S = TypeVar("S", bound=Shape)


class GuestIn(Shape):
    name: StrictStr = ""
    email: StrictStr = ""
    website: StrictStr | None = None


class CommentIn(Shape):
    site: StrictStr
    thread: StrictStr
    url: StrictStr = Field("", description="address of the page; of an origin of the site")
    title: StrictStr = Field("", description="title of the page")
    parent_id: StrictInt | None = Field(None, description="the comment answered")
    body: StrictStr = Field(description="Markdown")
    author: GuestIn | None = Field(None, description="who a guest is; not read with a bearer token")
    notify: StrictBool = Field(
        False, description="mail me when somebody answers; a guest confirms the address by a mail first"
    )
    trap: StrictStr | None = Field(None, description="a field that people do not see; what fills it in is a program")
    elapsed_ms: StrictInt | None = Field(None, ge=0, description="from seeing the form to sending it")
    challenge: StrictStr | None = Field(None, description="the solution of a challenge: Base64 of its JSON")
    send_anyway: StrictBool = Field(False, description="send it to the moderators although they will have to read it")


class EditIn(Shape):
    body: StrictStr


class AppealIn(Shape):
    text: StrictStr = Field(description="why a moderator should look again; up to 1,000 characters")


class VoteIn(Shape):
    value: StrictInt = Field(description="1 or -1; 0 takes the vote back")


class VoteOut(Shape):
    score: int
    value: int


class FlagIn(Shape):
    reason: StrictStr = Field(description="spam, abuse, off_topic, illegal or other")
    text: StrictStr = Field("", description="for the moderators, up to 1,000 characters; needed with `other`")


class FlagOut(Shape):
    message: str = Field(description="thanks, and what happens now")
    hidden: bool = Field(description="this report took the comment off the page until a moderator has decided")


class ThreadIn(Shape):
    site: StrictStr
    thread: StrictStr
    pinned: StrictInt | None = Field(None, description="the top-level comment that comes first; null for none")
    open: StrictBool = Field(True, description="whether it takes more comments")
    mode: StrictStr | None = Field(None, description="all, new, rules, off; empty for the site's own. Owners only")


class PreviewIn(Shape):
    site: StrictStr
    body: StrictStr


class DecisionsIn(Shape):
    ids: list[StrictInt] = Field(description="1 to 500 comments")
    action: Action
    note: StrictStr = Field("", description="kept with the decision; up to 1,000 characters")
    told: StrictStr = Field("", description="what the author reads about it; up to 1,000 characters")
    versions: dict[int, StrictInt] = Field(
        {}, description="`version` of each comment as you saw it, by id; 409 when somebody was faster"
    )


class UndoIn(Shape):
    undo: StrictStr


class RuleTextIn(Shape):
    kind: StrictStr = Field(description=", ".join(RuleKind))
    value: StrictStr = Field(description="one word, domain, address or network a line; a number for links")
    outcome: StrictStr = Field("hold", description="hold, spam or reject")
    language: StrictStr = Field("", description="of words: only in texts of this language, such as de")
    is_on: StrictBool = True

    @property
    def text(self) -> RuleText:
        return RuleText(self.kind, self.value, self.outcome, self.language, self.is_on)


class RuleIn(RuleTextIn):
    site: StrictStr


class RuleChangeIn(Shape):
    value: StrictStr | None = None
    outcome: StrictStr | None = None
    language: StrictStr | None = None
    is_on: StrictBool | None = None


class RuleTestIn(Shape):
    site: StrictStr
    rule: RuleTextIn
    body: StrictStr = Field("", description="Markdown, as a comment has it")
    name: StrictStr = ""
    email: StrictStr = ""
    website: StrictStr = ""
    ip: StrictStr = ""
    user_agent: StrictStr = ""


class BacktestIn(Shape):
    """What is to be tried: a rule (`kind`, `value`), one in the place of `rule_id`, or a whole set of `rules`."""

    site: StrictStr
    kind: StrictStr | None = None
    value: StrictStr | None = None
    outcome: StrictStr = "hold"
    language: StrictStr = ""
    is_on: StrictBool = True
    rule_id: StrictInt | None = Field(None, description="the rule that this one would take the place of")
    rules: list[RuleTextIn] | None = Field(None, max_length=1000, description="all rules, instead of today's")
    settings: dict[str, Any] = Field({}, description="changes of the site's settings, such as mode")
    limit: StrictInt = Field(1000, ge=1, le=10_000, description="how many of the newest comments to try it on")

    def proposal(self, site: Site) -> Proposal:
        """Raises Invalid for what could not be used."""
        added = None
        if self.rules is None and (self.kind is not None or self.value is not None):
            added = RuleText(self.kind or "", self.value or "", self.outcome, self.language, self.is_on)
        listed = None if self.rules is None else [rule.text for rule in self.rules]
        return ruling.proposal(site, added, self.rule_id, listed, self.settings)


class SanctionIn(Shape):
    site: StrictStr
    kind: StrictStr = Field(description=", ".join(SanctionKind))
    subject_kind: StrictStr = Field(description=", ".join(SubjectKind))
    subject: StrictStr = Field(description="an account's number, an address, a domain, or a network")
    reason: StrictStr = Field("", description="told to the person")
    note: StrictStr = Field("", description="for moderators")
    until: AwareDatetime | None = Field(None, description="when it ends by itself")
    reject_days: StrictInt = Field(0, description="refuse what they wrote in so many days, up to 30")
    everywhere: StrictBool = Field(False, description="on every site; for administrators")

    @property
    def order(self) -> Order:
        words = (self.subject_kind, self.subject, self.reason, self.note)
        return Order(self.kind, *words, self.until, self.reject_days, self.everywhere)


class AcknowledgedIn(Shape):
    site: StrictStr
    sanction: StrictInt
    token: StrictStr = Field(description="as it came with the sanction")


class AuthorOut(Shape):
    name: str
    website: str | None
    avatar: str | None
    provider: str | None
    role: str | None


class CommentOut(Shape):
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


class ThreadOut(Shape):
    key: str
    title: str
    url: str
    open: bool
    count: int
    version: int
    pinned: int | None = Field(description="the comment that comes first in every order")
    votes: str = Field(description="updown, up or off")


class MoreRepliesOut(Shape):
    id: int = Field(description="the top-level comment")
    next: str = Field(description="the cursor of a page of further replies below it")


class PageOut(Shape):
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


class FieldProblemOut(Shape):
    field: str
    message: str


class ProblemOut(Shape):
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
    """A clean draft; raises Invalid with every field that has to be mended, not only the first."""
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
    source = checked(lambda: text.body(shape.body, policy.body_max), "")
    key = checked(lambda: thread_key(shape.thread), "")
    title = checked(lambda: text.line(shape.title, "title", phrase("The page's title"), TITLE_MAX, False), "")
    url = checked(lambda: page_url(shape.url, site), "")
    if account:
        name, email, website = account.name, account.email or "", account.website
    else:
        name = checked(lambda: text.line(guest.name, "author.name", YOUR_NAME, NAME_MAX, required), "") or ANONYMOUS
        email = checked(lambda: emails.address(guest.email, "author.email", required), "")
        website = checked(lambda: _website(guest.website), None)
    if problems:
        raise Invalid(*problems[0], *problems[1:])
    return Draft(key, url, title, shape.parent_id, source, name, email, website, shape.notify and bool(email))


def form(shape: CommentIn) -> Form:
    """How it was sent."""
    return Form(bool(shape.trap), shape.elapsed_ms, shape.challenge, shape.send_anyway)


def _website(value: str | None) -> str | None:
    try:
        return text.website(value or "")
    except Invalid as error:
        raise Invalid("author.website", error.sentences[0]) from None


def thread_key(value: str) -> str:
    """A thread's key as it is; raises Invalid when it is empty, too long or holds what no key can."""
    if not value.strip() or len(value) > THREAD_KEY_MAX:
        raise Invalid(
            "thread", f"thread is the page's identifier, 1 to {THREAD_KEY_MAX} characters, such as /2026/hello/."
        )
    if any(ord(c) < 32 or ord(c) == 127 or 0xD800 <= ord(c) < 0xE000 for c in value):
        raise Invalid("thread", "thread holds a control character; remove it.")
    return value


def page_url(value: str, site: Site) -> str:
    """The page's address, of an origin of the site; raises Invalid for any other: it would stand in mails and links."""
    value = value.strip()
    if not value:
        return ""
    try:
        parts = urlsplit(value)
    except ValueError:
        parts = urlsplit("")
    origin = f"{parts.scheme}://{parts.netloc}"
    clean = len(value) <= URL_MAX and not any(ord(c) <= 32 or 0xD800 <= ord(c) < 0xE000 or c in '"<>\\' for c in value)
    if not clean or not (site.allows(origin) or origin == settings().origin):
        raise Invalid("url", "url must be the address of the page, on one of the site's own origins.")
    return value


def hosted_path(site_key: str, key: str, **more: object) -> str:
    return f"/t/{quote(site_key)}?{urlencode({'thread': key, **more})}"


def hosted_url(site_key: str, key: str, **more: object) -> str:
    return settings().base_url + hosted_path(site_key, key, **more)


def initial(name: str) -> str:
    """The letter that stands for an author without a picture."""
    return next((c.upper() for c in name if c.isalnum()), "?")


def avatar(picture: str | None) -> str | None:
    """Where a picture is: with us, and nowhere else."""
    return f"{settings().base_url}/avatars/{picture}.webp" if picture else None


def hue(name: str) -> int:
    """One of eight colours, always the same for a name."""
    return zlib.crc32(name.casefold().encode()) % 8


def permalink(comment: Comment) -> str:
    thread = comment.thread
    page = thread.url or hosted_url(comment.site.key, thread.key)
    return f"{page.partition('#')[0]}#comment-{comment.id}"


def comment_json(comment: Comment) -> dict[str, Any]:
    """A comment as everybody may see it; one that is not approved keeps its place and nothing of its author."""
    return _comment(comment, comment.status == Status.APPROVED)


def own_comment_json(comment: Comment) -> dict[str, Any]:
    """A comment as its author sees it, whatever became of it, with what the moderator wants to tell them."""
    told = {} if comment.face in (Status.PENDING, Status.APPROVED) else decisions.told_to_authors([comment.id])
    own = {"status": comment.face, "body": comment.source, "told": told.get(comment.id)}
    return {**_comment(comment, True), **own}


def moderated_json(comment: Comment, with_addresses: bool, reported: Sequence[Flag] = ()) -> dict[str, Any]:
    """A comment as a moderator sees it, with its open reports; addresses are null for who may not see them."""
    thread = comment.thread
    return {
        **_comment(comment, True),
        "body": comment.source,
        "kind": comment.kind,
        "email": comment.author_email if with_addresses else None,
        "ip": comment.ip if with_addresses else None,
        "user_agent": comment.user_agent,
        "reasons": _reasons(comment.reasons, with_addresses),
        "version": comment.version,
        "flag_count": comment.flag_count,
        "flags": [_flag_json(flag) for flag in reported],
        "site": comment.site.key,
        "thread": thread.key,
        "thread_title": thread.title,
        "thread_url": thread.url,
    }


def _flag_json(flag: Flag) -> dict[str, Any]:
    return {
        "reason": flag.reason,
        "text": flag.text,
        "by": flag.account.name if flag.account else None,  # None: a guest
        "created_at": machine_time(flag.created_at),
    }


def flagged_json(flagged: Flagged) -> dict[str, Any]:
    if flagged.is_held:
        message = gettext("Thank you. The comment is out of sight until a moderator has decided on it.")
    elif flagged.is_answered:
        message = gettext("Thank you. A moderator has decided on this comment since you reported it, and left it here.")
    else:
        message = gettext("Thank you. This blog's moderators will look at the comment.")
    return {"message": message, "hidden": flagged.is_held}


def posted_json(posted: Posted, edit_token: str | None) -> dict[str, Any]:
    answer = {
        **own_comment_json(posted.comment),
        "status": posted.status,
        "reason": posted.reason and tell(posted.reason),
    }
    return {**answer, "edit_token": edit_token} if edit_token else answer


def viewer_json(
    account: Account,
    provider: str | None,
    site: Site,
    pending: Sequence[Comment],
    own: Sequence[int],
    votes: Mapping[int, int],
    sanctions: Sequence[dict[str, object]] = (),
) -> dict[str, Any]:
    """Who somebody is on a site, what of theirs waits in a thread or can still be changed, how they voted there, …"""
    role = people.role_on(account, site)
    return {
        "account": {
            "name": account.name,
            "website": account.website,
            "avatar": avatar(account.picture),
            "provider": provider,
            "role": role,
        },
        "pending": [own_comment_json(comment) for comment in pending],
        "own": list(own),
        "votes": {str(comment_id): value for comment_id, value in votes.items()},
        "sanctions": list(sanctions),
        "rights": {
            "comment": not sanctions,
            "vote": site.policy.votes is not Votes.OFF,
            "moderate": role is not None and provider is None,
        },
    }


def _comment(comment: Comment, is_visible: bool) -> dict[str, Any]:
    author = {
        "name": comment.author_name if is_visible else "",
        "website": comment.author_website if is_visible else None,
        "avatar": avatar(comment.author_picture) if is_visible else None,
        "provider": comment.author_provider if is_visible else None,
        "role": comment.author_role if is_visible else None,
    }
    return {
        "id": comment.id,
        "parent_id": comment.parent_id,
        "depth": comment.depth,
        "author": author,
        "html": comment.html if is_visible else "",
        "created_at": machine_time(comment.created_at),
        "edited_at": machine_time(comment.edited_at) if comment.edited_at and is_visible else None,
        "score": comment.score,
        "status": comment.status,
        "permalink": permalink(comment),
    }


def _reasons(kept: Sequence[dict[str, Any]], with_addresses: bool) -> list[dict[str, Any]]:
    """Why, as the database keeps it, in the language of who asks; an address that was found only for who may see it."""
    return [
        {
            "rule": reason["rule"],
            "outcome": reason["outcome"],
            "match": reason["match"] if with_addresses else places.discreet(reason["match"]),
            "sentence": tell_kept(reason),
        }
        for reason in kept
    ]


def thread_json(page: ThreadPage) -> dict[str, Any]:
    thread = page.thread
    return {
        "key": page.key,
        "title": thread.title if thread else "",
        "url": thread.url if thread else "",
        "open": page.is_open,
        "count": page.count,
        "version": page.version,
        "pinned": thread.pinned_id if thread else None,
        "votes": page.site.policy.votes,
    }


def decision_json(decision: Decision, with_addresses: bool) -> dict[str, Any]:
    by = decision.by_account
    return {
        "id": decision.id,
        "comment_id": decision.comment_id,
        "action": decision.action,
        "from": decision.status_before,
        "to": decision.status_after,
        "by": by.name if by else None,
        "rule": decision.by_rule,
        "note": decision.note,
        "told": decision.told,
        "reasons": _reasons(decision.reasons, with_addresses),
        "undoes": decision.undoes_id,
        "undo": decision.batch if decision.status_before else None,
        "created_at": machine_time(decision.created_at),
    }


def rule_json(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "kind": rule.kind,
        "value": rule.value,
        "outcome": rule.outcome,
        "language": rule.language,
        "is_on": rule.is_on,
        "created_at": machine_time(rule.created_at),
    }


def reason_json(reason: Reason) -> dict[str, Any]:
    found = (reason.rule, reason.outcome, tell(reason.sentence), reason.match)
    return dict(zip(("rule", "outcome", "sentence", "match"), found, strict=True))


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    return {"status": verdict.status, "reasons": [reason_json(reason) for reason in verdict.reasons]}


def backtest_json(found: Backtest, shown: dict[int, Comment]) -> dict[str, Any]:
    """`shown` are the comments that stand as examples, by number."""
    caught = [
        {**moderated_json(shown[number], with_addresses=True), "match": match}
        for number, match in found.caught_examples
    ]
    changed = [
        {
            **moderated_json(shown[example.comment_id], with_addresses=True),
            "match": example.match,
            "today": verdict_json(example.today),
            "then": verdict_json(example.then),
        }
        for example in found.examples
    ]
    return {
        "tested": found.tested,
        "caught": found.caught,
        "examples": caught,
        "changed": found.changed,
        "changes": [{"from": a, "to": b, "count": count} for (a, b), count in sorted(found.changes.items())],
        "changed_examples": changed,
        "agreement": {"decided": found.decided, "today": asdict(found.today), "then": asdict(found.then)},
    }


def judgement_json(comment: Comment, found: Judgement, with_addresses: bool) -> dict[str, Any]:
    checks = [
        {
            "rule": name,
            "outcome": r.outcome if r else None,
            "sentence": tell(r.sentence) if r else "",
            "match": (r.match if with_addresses else places.discreet(r.match)) if r else "",
        }
        for name, r in found.now_checks
    ]
    then = {
        "at": machine_time(found.then_at) if found.then_at else None,
        "status": found.then_status,
        "settings": found.then_version,
        "reasons": _reasons(found.then_reasons, with_addresses),
    }
    now = {"status": found.now_status, "settings": found.now_version, "checks": checks}
    return {"comment_id": comment.id, "status": comment.status, "then": then, "now": now}


def sanction_json(sanction: Sanction, at: datetime, with_addresses: bool) -> dict[str, Any]:
    """A sanction as moderators see it; whom it names is null for who may not see addresses."""
    kind, _, value = sanction.subject.partition(":")
    return {
        "id": sanction.id,
        "kind": sanction.kind,
        "subject_kind": kind,
        "subject": value if with_addresses or kind == SubjectKind.ACCOUNT else None,
        "everywhere": sanction.site_id is None,
        "reason": sanction.reason,
        "note": sanction.note,
        "by": sanction.by_account.name if sanction.by_account else None,
        "created_at": machine_time(sanction.created_at),
        "until": machine_time(sanction.until_at) if sanction.until_at else None,
        "acknowledged_at": machine_time(sanction.acknowledged_at) if sanction.acknowledged_at else None,
        "lifted_at": machine_time(sanction.lifted_at) if sanction.lifted_at else None,
        "is_active": sanction.is_active(at),
    }


def terms(page: ThreadPage) -> dict[str, Any]:
    """What the widget must know of writing in a thread."""
    policy = page.site.policy
    return {
        "max": policy.body_max,
        "guests": not policy.signin_required,
        "ways": current_app.jinja_env.globals["signin_ways"](),  # type: ignore[operator]
        "edit": policy.edit_window_s,
    }


def init_app(app: Flask) -> None:
    """Names the templates use."""
    app.jinja_env.filters.update(
        permalink=permalink,
        hosted=lambda site_key, key, **more: hosted_url(site_key, key, **more, **language_asked()),
        hosted_path=lambda site_key, key, **more: hosted_path(site_key, key, **more, **language_asked()),
        initial=initial,
        discreet=places.discreet,
        hue=hue,
        avatar=avatar,
        terms=terms,
    )

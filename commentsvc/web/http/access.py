"""Authorization: loads an object and checks the right to it in one call. A view may use what it gets here."""

from __future__ import annotations

import math
from dataclasses import dataclass

from flask import current_app, g, request
from flask_login import current_user

from commentsvc.core import tokens
from commentsvc.core.errors import NotAllowed, NotFound, NotFresh, NotProved, NotSignedIn, TooMany
from commentsvc.core.networks import NetworkScope, network_of
from commentsvc.core.phrases import counted, phrase
from commentsvc.core.status import Status
from commentsvc.gateways import metrics, rate_limits
from commentsvc.services import second_factors as second_factors_service
from commentsvc.services import widget_tokens
from commentsvc.services.moderation import Moderator
from commentsvc.services.sign_in import Browser
from commentsvc.services.submissions import Sender
from commentsvc.store import api_tokens, audit_log, authors, comments, memberships, rules, sanctions, sites
from commentsvc.store import second_factors as stored_second_factors
from commentsvc.store.accounts import Account
from commentsvc.store.comments import Comment
from commentsvc.store.memberships import Role
from commentsvc.store.rules import Rule
from commentsvc.store.sites import Site
from commentsvc.web.http import refused_origins
from commentsvc.web.http.app_setup import SignedIn, now, settings
from commentsvc.web.http.forwarding import client_ip as client_ip  # views ask the guard for it
from commentsvc.web.http.i18n import language_wished

USER_AGENT_MAX = 300


def require_site_for_writes(key: str) -> Site:
    """The site, when the page that asks may write to it.

    A request without an Origin comes from no browser; it carries nobody's cookies and proves who it is by itself.
    """
    site = sites.by_key(key)
    _check_writing(site)
    return site


def require_site_for_posts(key: str) -> Site:
    """As require_site_for_writes, for the busiest call: a cached, read-only site (see sites.cached_by_key)."""
    site = sites.cached_by_key(key)
    if not may_write(site):
        site = sites.cached_by_key(key, anew=True)
    _check_writing(site)
    return site


def _check_writing(site: Site) -> None:
    if not may_write(site):
        g.refused_origin = True
        sentence = phrase(
            "%(origin)s is not one of this site's origins. Its owner can add it to the site's settings.",
            origin=request.headers["Origin"],
        )
        refused_origins.tell(site)
        refused = NotAllowed(sentence)
        refused.more = {"main_origin": site.main_origin}
        raise refused
    check_pace()


def may_write(site: Site) -> bool:
    """Whether the page that the request comes from, if it comes from one, may write to the site."""
    origin = request.headers.get("Origin")
    return origin is None or origin == settings().origin or site.allows(origin)


def check_pace() -> None:
    """Raise TooMany when more writing comes from this address than a person can do."""
    if not settings().limits:
        return
    ip, limiter = client_ip(), current_app.extensions["limits"]
    for limit, scope in (
        (rate_limits.WRITES, NetworkScope.HOUSEHOLD),
        (rate_limits.WRITES_NEAR, NetworkScope.NEIGHBOURHOOD),
    ):
        wait_s = math.ceil(limiter.take(limit, network_of(ip, scope)))
        if not wait_s:
            continue
        metrics.REFUSED.labels(limit.name).inc()
        sentence = counted(
            "Too many requests from your address. Please wait one second and try again.",
            "Too many requests from your address. Please wait %(num)s seconds and try again.",
            wait_s,
        )
        raise TooMany(sentence, wait_s)


@dataclass(frozen=True)
class Bearer:
    """Whose token came with the request. A widget's may comment on its one site, and that is all it may."""

    account: Account
    only_site_id: int | None
    widget_provider: str | None = None  # how the reader signed in; None for a personal token
    has_shown_factor: bool = False

    @property
    def moderator(self) -> Moderator | None:
        return None if self.widget_provider else Moderator(self.account, self.only_site_id, self.has_shown_factor)

    def may_moderate(self, site: Site) -> bool:
        """Whether the token moderates the site now: without the second factor that a site requires it does not."""
        if self.moderator is None or not self.moderator.may_moderate(site):
            return False
        return self.has_shown_factor or not site.policy.second_factor_required


def current_bearer() -> Bearer | None:
    """Whose token came with the request, or None without one; raises NotSignedIn for a bad one."""
    header = request.headers.get("Authorization")
    if header is None:
        return None
    scheme, _, value = header.partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer" and value.startswith(widget_tokens.ACCESS_PREFIX):
        held = widget_tokens.holder_of(value, now())
        if held is not None:
            return Bearer(held.account, held.site_id, held.provider)
    elif scheme.lower() == "bearer":
        found = api_tokens.find_token(tokens.digest(value))
        if found is not None:
            return Bearer(found.account, found.site_id, has_shown_factor=found.has_shown_factor)
    sentence = phrase("This token is not valid here: it has expired or was revoked. Sign in again, or get a new one.")
    raise NotSignedIn(sentence)


def current_sender(site: Site) -> Sender:
    """The sender of a comment: the token's account, or a guest."""
    holder = require_bearer_on(site)
    agent = request.headers.get("User-Agent", "")[:USER_AGENT_MAX]
    account, provider = (holder.account, holder.widget_provider) if holder else (None, None)
    return Sender(account, client_ip(), agent, settings().limits, provider, language_wished())


def require_bearer_on(site: Site) -> Bearer | None:
    """Whose token came with the request; raises NotAllowed for one of another site."""
    holder = current_bearer()
    if holder and holder.only_site_id not in (None, site.id):
        raise NotAllowed(phrase("This token is for another site."))
    return holder


def require_viewer(site: Site) -> Bearer:
    """The account of the token; raises NotSignedIn without one."""
    holder = require_bearer_on(site)
    if holder is None:
        raise NotSignedIn("Send the widget's token or a personal one: Authorization: Bearer ….")
    return holder


def require_token_moderator() -> Moderator:
    """The moderator whose token came with an API call; raises NotSignedIn without one, NotAllowed for a widget's."""
    holder = current_bearer()
    if holder is None:
        raise NotSignedIn("Send a personal token: Authorization: Bearer …. Make one with: commentsvc token create")
    if holder.moderator is None:
        raise NotAllowed("A widget's token may only comment. Moderate in the dashboard, or with a personal token.")
    return holder.moderator


def require_moderated_site(site_key: str, by: Moderator) -> Site:
    """The site, if the moderator moderates it; raises NotFound for everybody else."""
    try:
        site = sites.by_key(site_key)
    except NotFound:
        site = None
    if site is None or not by.may_moderate(site):
        raise NotFound("There is no site with this key that you moderate.")
    by.check_factor(site)
    return site


def require_owned_site(site_key: str, by: Moderator) -> Site:
    """The site, when the moderator owns it."""
    site = require_moderated_site(site_key, by)
    if memberships.role_on(by.account, site) is not Role.OWNER:
        raise NotAllowed("Only an owner of this site may do this.")
    return site


def require_moderated_comment(comment_id: int, by: Moderator) -> Comment:
    """A comment of a site that the moderator moderates; raises NotFound for everybody else."""
    comment = comments.by_id(comment_id)
    if not by.may_moderate(comment.site):
        raise NotFound(phrase("There is no comment with this number here."))
    by.check_factor(comment.site)
    return comment


def require_site_of_sanction(sanction_id: int, site_key: str, by: Moderator) -> Site:
    """The site whose sanction this is; one on every site is an administrator's to lift, from a site of their choice."""
    found = sanctions.by_id(sanction_id)
    if found.site is None and not by.may_everywhere:
        raise NotFound("There is no sanction with this number here.")
    return require_moderated_site(found.site.key if found.site else site_key, by)


def require_moderated_change(entry_id: int, by: Moderator) -> Site:
    """The site of an audit log entry about a thread; raises NotFound unless the moderator moderates it."""
    entry = audit_log.by_id(entry_id)
    if entry.site_id is None or entry.kind not in audit_log.OF_THREADS:
        raise NotFound("There is nothing to undo.")
    return require_moderated_site(sites.by_id(entry.site_id).key, by)


def require_owned_rule(rule_id: int, by: Moderator) -> Rule:
    """A rule of a site that the moderator owns; raises NotFound for everybody else."""
    rule = rules.by_id(rule_id)
    require_owned_site(rule.site.key, by)
    return rule


def require_signed_in() -> SignedIn:
    """The browser session on our own pages; raises NotSignedIn."""
    if not current_user.is_authenticated:
        raise NotSignedIn(phrase("Please sign in."))
    found: SignedIn = current_user._get_current_object()
    return found


def require_second_factor() -> SignedIn:
    """The browser session, with its second factor shown when the account has one; raises NotProved."""
    holder = require_signed_in()
    if holder.session.second_factor_at is None and stored_second_factors.is_protected(holder.account.id):
        raise NotProved("Show your second factor first.", has_factor=True)
    return holder


def require_recent_sign_in() -> None:
    """Raise NotFresh when it is a while since the person showed who they are: for what cannot be taken lightly.

    Where no mail is sent, and without a second factor, there would be no way to show it.
    """
    holder = require_second_factor()
    can_show = bool(settings().mail_url and holder.account.email) or stored_second_factors.is_protected(
        holder.account.id
    )
    if can_show and not second_factors_service.is_fresh(holder.session, now()):
        raise NotFresh("Show once more that it is you.")


def require_dashboard_moderator() -> Moderator:
    """The moderator of the browser session, whatever headers come with the request."""
    holder = require_second_factor()
    return Moderator(holder.account, has_shown_factor=holder.session.second_factor_at is not None)


def require_admin() -> Moderator:
    """As require_dashboard_moderator, for what concerns the whole service; raises NotFound for everybody else."""
    by = require_dashboard_moderator()
    if not by.account.is_admin:
        raise NotFound(phrase("There is no page at this address."))
    return by


@dataclass(frozen=True)
class Readable:
    """A comment that the caller may see, and in which role: moderator, author, or reader."""

    comment: Comment
    moderator: Moderator | None
    is_author: bool


def require_readable_comment(comment_id: int) -> Readable:
    """An approved comment for all, any other for its author and moderators; a wrong edit token gives nothing more."""
    comment = comments.by_id(comment_id)
    holder = current_bearer()
    moderator = holder.moderator if holder is not None and holder.may_moderate(comment.site) else None
    is_author = _is_author(comment, _account_on(comment.site, holder))
    if comment.status == Status.APPROVED or moderator or is_author:
        return Readable(comment, moderator, is_author)
    raise NotFound(phrase("There is no comment with this number here."))


def require_published_comment(comment_id: int) -> Comment:
    """A comment that a reader reacts to; one that is not published is not there."""
    comment = comments.by_id(comment_id)
    if comment.status != Status.APPROVED:
        raise NotFound(phrase("There is no comment with this number here."))
    require_site_for_writes(comment.site.key)
    return comment


def require_own_comment(comment_id: int) -> tuple[Comment, Account | None]:
    """A comment that the caller wrote, by token or `X-Edit-Token`; raises NotFound for everybody else."""
    holder = current_bearer()
    if holder is None and "X-Edit-Token" not in request.headers:
        raise NotSignedIn("Send the edit_token that came with the comment as X-Edit-Token, or a bearer token.")
    comment = comments.find(comment_id)
    account = _account_on(comment.site, holder) if comment else None
    if comment is None or not _is_author(comment, account):
        check_pace()
        raise NotFound(phrase("There is no comment of yours with this number here."))
    require_site_for_writes(comment.site.key)
    return comment, account


def _account_on(site: Site, holder: Bearer | None) -> Account | None:
    """The account, as far as its token reaches: that of another site knows nobody here."""
    return holder.account if holder and holder.only_site_id in (None, site.id) else None


def _is_author(comment: Comment, account: Account | None) -> bool:
    token = request.headers.get("X-Edit-Token")
    if token is not None and tokens.is_edit_token(settings().secret_key, comment.id, token):
        return True
    author = authors.by_id(comment.author_id)
    return account is not None and author.account_id == account.id


def current_browser() -> Browser:
    return Browser(client_ip(), request.headers.get("User-Agent", "")[:USER_AGENT_MAX], language_wished())

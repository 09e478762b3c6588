"""Setup of the Flask application: session cookie, sign-in, CSRF, size limits and security headers."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from flask import Flask, Request, Response, current_app, g, request, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_login import LoginManager, UserMixin
from flask_wtf.csrf import CSRFProtect
from werkzeug.routing import RequestRedirect

from commentsvc.config import Config
from commentsvc.core import routes, tokens
from commentsvc.core.errors import NotAllowed
from commentsvc.core.phrases import phrase
from commentsvc.gateways import spam_service as gateway
from commentsvc.gateways.spam_service import SpamService
from commentsvc.store import sessions
from commentsvc.store.accounts import Account
from commentsvc.store.sessions import Session
from commentsvc.web.http import security_headers
from commentsvc.web.http.cached_routes import SESSION_COOKIE
from commentsvc.web.http.i18n import translator

# The longest body a site may allow is 20,000 characters; JSON may spell each as twelve bytes.
REQUEST_MAX_BYTES = 256 * 1024
RULES_MAX_BYTES = 8 * 1024 * 1024  # an owner's word list may be long
SESSION_DAYS = 14
FOR_OTHER_ORIGINS = "cross-origin"
REMEMBER_COOKIE = "commentsvc_remember"
# Where signing in from a blog begins and ends.
FROM_BLOG = f"{routes.AUTHORIZE}?"
# Browser features that no page of the service needs.
PERMISSIONS = ", ".join(
    f"{name}=()" for name in ("camera", "display-capture", "geolocation", "microphone", "midi", "payment", "usb")
)

# Values of Sec-Fetch-Site for requests caused by a page of another site or a sibling subdomain.
FOREIGN = ("cross-site", "same-site")


# Views whose forms may be as large as RULES_MAX_BYTES. They are known before the view runs: the token is in the form.
LARGE_FORMS = frozenset({"rules.add", "rules.change", "imports.upload"})


class Forms(CSRFProtect):
    """Guards every unsafe request that counts by the session cookie: it must come from a page of ours, with its token.

    A view that is exempt takes no cookie for proof: it looks at a bearer token, a signature, or a link from a mail.
    """

    def protect(self, apply_exemptions: bool = False) -> None:
        is_guarded = bool(request.endpoint) and request.method in current_app.config["WTF_CSRF_METHODS"]
        is_exempt = apply_exemptions and self._is_exempt()
        if is_guarded and not is_exempt and request.headers.get("Sec-Fetch-Site") in FOREIGN:
            raise NotAllowed(
                phrase(
                    "This request came from another website, so nothing was changed. Open the page here and try again."
                )
            )
        if request.endpoint in LARGE_FORMS:
            request.max_content_length = request.max_form_memory_size = RULES_MAX_BYTES
        super().protect(apply_exemptions)


csrf = Forms()
login = LoginManager()


class LazySessionInterface(SecureCookieSessionInterface):
    """Makes ready to read a cookie only where there is one: most requests come without."""

    digest_method = staticmethod(hashlib.sha256)  # Flask's own is SHA-1

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        name = self.get_cookie_name(app)
        return super().open_session(app, request) if name in request.cookies else self.session_class()


class SignedIn(UserMixin):
    """Flask-Login's user: a dashboard session and its account. The cookie holds the session's token."""

    def __init__(self, token: str, session_row: Session) -> None:
        self.token = token
        self.session = session_row

    @property
    def account(self) -> Account:
        return self.session.account

    def get_id(self) -> str:
        return self.token


def now() -> datetime:
    return datetime.now(UTC)


def settings() -> Config:
    config: Config = current_app.extensions["commentsvc"]
    return config


def spam_service() -> SpamService:
    service: SpamService = current_app.extensions["spam_service"]
    return service


def init_app(app: Flask, config: Config) -> None:
    app.extensions["commentsvc"] = config
    app.extensions["spam_service"] = gateway.spam_service(config)
    app.config.update(
        SECRET_KEY=config.secret_key,
        SESSION_COOKIE_NAME=cookie_name(SESSION_COOKIE, config),
        SESSION_COOKIE_PATH="/",
        SESSION_COOKIE_SECURE=config.is_https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=timedelta(days=SESSION_DAYS),
        # Nothing sets this cookie (see signin.welcome), but Flask-Login reads it.
        REMEMBER_COOKIE_NAME=cookie_name(REMEMBER_COOKIE, config),
        REMEMBER_COOKIE_SECURE=config.is_https,
        REMEMBER_COOKIE_HTTPONLY=True,
        REMEMBER_COOKIE_SAMESITE="Lax",
        MAX_CONTENT_LENGTH=REQUEST_MAX_BYTES,
        MAX_FORM_MEMORY_SIZE=REQUEST_MAX_BYTES,
        WTF_CSRF_TIME_LIMIT=None,  # a moderator's page may stand open for a day
        WTF_CSRF_SSL_STRICT=False,  # referrers are switched off; the token is what counts
    )
    app.session_interface = LazySessionInterface()
    csrf.init_app(app)
    # No current_user in templates: an error page must not ask the database that has just failed.
    login.init_app(app, add_context_processor=False)
    login.session_protection = None
    login.user_loader(_signed_in)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(day=day, exact_time=exact_time, machine_time=machine_time)
    app.before_request(_begin)
    app.after_request(_add_security_headers)


def _begin() -> None:
    # Only where there is a session: marking one sets a cookie, and a public read that sets one cannot be kept.
    if has_session():
        session.permanent = True


def has_session() -> bool:
    """Whether the browser sent a session cookie, which may be anything."""
    return current_app.config["SESSION_COOKIE_NAME"] in request.cookies


def cookie_name(name: str, config: Config) -> str:
    """The cookie's name. On https no other host, also none of the same domain, can set one with this prefix."""
    return f"__Host-{name}" if config.is_https else name


def keep_opener(goal: str) -> None:
    """Let the answer's page keep its opener when it is a step of signing in from a blog, whose page opened it.

    For answers whose address does not show it: those to a form, and those that go by the browser's session.
    """
    g.keeps_opener = goal.startswith(FROM_BLOG)


def _signed_in(token: str) -> SignedIn | None:
    found = sessions.find_session(tokens.digest(token), now())
    return SignedIn(token, found) if found else None


def _add_security_headers(response: Response) -> Response:
    headers = response.headers
    if isinstance(request.routing_exception, RequestRedirect):
        # To where a doubled slash leads, but without the host of the request, which anybody can make up.
        _, _, place = request.routing_exception.new_url.partition("://")[2].partition("/")
        response.location = "/" + place.lstrip("/")
    headers.setdefault("X-Content-Type-Options", security_headers.CONTENT_TYPE_OPTIONS)
    headers.setdefault("Referrer-Policy", security_headers.REFERRER_POLICY)
    if response.mimetype == "text/html":
        # Browsers hold the redirect that answers a form to this too, and a sign-in ends on the blog's own page.
        form_action = " ".join(["'self'", g.get("form_leads_to", "")]).strip()
        headers.setdefault("Content-Security-Policy", security_headers.content_security_policy(form_action))
    if headers.get("Cross-Origin-Resource-Policy") != FOR_OTHER_ORIGINS:
        _keep_to_ourselves(response)
    headers.setdefault("Cache-Control", "no-store")
    return response


def _keep_to_ourselves(response: Response) -> None:
    """Set Cross-Origin-Resource-Policy except for the widget's files (web/public/thread_reads.py)."""
    headers, config = response.headers, settings()
    if response.mimetype == "text/html":
        headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        headers.setdefault("Permissions-Policy", PERMISSIONS)
        headers.setdefault("Cross-Origin-Opener-Policy", "unsafe-none" if _keeps_opener(response) else "same-origin")
    if config.hsts_max_age_s:
        headers.setdefault("Strict-Transport-Security", f"max-age={config.hsts_max_age_s}")


def _keeps_opener(response: Response) -> bool:
    """Whether this is a step of signing in from a blog; a redirect is one, wherever it leads from."""
    if not request.path.startswith(routes.AUTH):
        return False
    if 300 <= response.status_code < 400 or g.get("keeps_opener"):
        return True
    return request.full_path.startswith(FROM_BLOG) or request.args.get("next", "").startswith(FROM_BLOG)


def day(value: datetime) -> str:
    return f"{value.day} {value:%B %Y}"


def exact_time(value: datetime) -> str:
    """Day and minute, in the language of the page."""
    return translator().moment(value)


def machine_time(value: datetime) -> str:
    """RFC 3339 in UTC, to the second."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

"""Which requests the page cache answers, and the key under which it keeps an answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from commentsvc.core import languages

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

# Every parameter that changes a public page; others are dropped, so that they cannot create new cache entries.
QUERY_NAMES = frozenset({"site", "thread", "canonical", "sort", "cursor", "limit", "lang", "form", "reply_to", "about"})
DEFAULTS = {
    ("canonical", ""),
    ("sort", "oldest"),
    ("cursor", ""),
    ("limit", ""),
    ("lang", ""),
    ("form", "1"),
    ("reply_to", ""),
    ("about", ""),
}
# A request with one of these may get a personal answer, or has a condition to check first.
UNUSUAL = frozenset({"HTTP_AUTHORIZATION", "HTTP_X_EDIT_TOKEN", "HTTP_COOKIE"})


@dataclass(frozen=True)
class Routes:
    """The service's routes as the cache needs them; paths, and prefixes where the name says so."""

    public_prefixes: tuple[str, ...]
    asset_prefix: str
    asset_suffixes: tuple[str, ...]
    localized_prefix: str  # pages in the reader's language, and personal for readers with a session
    session_cookie: str  # a part of the cookie's name
    post_path: str  # POST requests to it have a concurrency limit of their own
    # The value of a parameter (path, name, value) that stands for all values with the same page.
    normal_value: Callable[[str, str, str], str]
    unlimited: frozenset[str]  # health checks and metrics: answered also while all other requests wait

    def is_public(self, path: str) -> bool:
        is_asset = path.startswith(self.asset_prefix) and path.endswith(self.asset_suffixes)
        return is_asset or path.startswith(self.public_prefixes)

    def is_localized(self, path: str) -> bool:
        return path.startswith(self.localized_prefix)


def page_key(environ: WSGIEnvironment, routes: Routes) -> str | None:
    """The cache key of a request, or None for a request that the cache leaves to the application."""
    if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
        return None
    path = environ.get("PATH_INFO", "")
    if "HTTP_AUTHORIZATION" in environ or "HTTP_X_EDIT_TOKEN" in environ:
        return None
    # These were percent-encoded in the request. The key of such a path would be that of another page.
    if "?" in path or "#" in path:
        return None
    if not routes.is_public(path):
        return None
    if routes.is_localized(path) and f"{routes.session_cookie}=" in environ.get("HTTP_COOKIE", ""):
        return None
    query = environ.get("QUERY_STRING", "")
    # Neither names that mean nothing nor defaults request_key out must make new pages to build.
    asked = parse_qsl(query, keep_blank_values=True)
    named = [(name, routes.normal_value(path, name, value)) for name, value in asked]
    known = sorted({pair for pair in named if pair[0] in QUERY_NAMES} - DEFAULTS)
    address = f"{path}?{urlencode(known)}" if known else path
    # The part after "#" is the negotiated language; _ask_app sends it to the application as Accept-Language.
    return f"{address}#{language_key(environ, known)}" if routes.is_localized(path) else address


def language_key(environ: WSGIEnvironment, known: list[tuple[str, str]]) -> str:
    """The language that the browser asks for; "" when the address names one."""
    if any(name == "lang" for name, _ in known):
        return ""
    return languages.negotiated(environ.get("HTTP_ACCEPT_LANGUAGE", "")) or ""

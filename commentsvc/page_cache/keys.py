"""Which requests the page cache answers, and the key under which it keeps an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from commentsvc.core import languages, routes

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

SESSION_COOKIE = "commentsvc"
QUERY_NAMES = frozenset({"site", "thread", "sort", "cursor", "limit", "lang", "reply_to", "about"})
DEFAULTS = {("sort", "oldest"), ("cursor", ""), ("limit", ""), ("lang", ""), ("reply_to", ""), ("about", "")}
PREFIXES = (
    routes.API_COMMENTS,
    routes.EMBED_COMMENTS,
    routes.EMBED_TEXTS,
    routes.API_COUNTS,
    routes.API_RECENT,
    routes.HOSTED_PAGES,
    routes.FEEDS,
    routes.WIDGET_SCRIPT,
    routes.AVATARS,
)
EMBED_FILES = (routes.WIDGET_FILES, (".js", ".css"))
# Who sends one of these may be answered personally, or asks with a condition that must be looked at first.
UNUSUAL = frozenset({"HTTP_AUTHORIZATION", "HTTP_X_EDIT_TOKEN", "HTTP_COOKIE"})


def page_key(environ: WSGIEnvironment) -> str | None:
    """What names the page, or None for what the edge leaves to Flask."""
    if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
        return None
    path = environ.get("PATH_INFO", "")
    if "HTTP_AUTHORIZATION" in environ or "HTTP_X_EDIT_TOKEN" in environ:
        return None
    # Percent-encoded in the request: the key of such a path would be that of another page, with a query or a language.
    if "?" in path or "#" in path:
        return None
    if not path.startswith(PREFIXES) and not (path.startswith(EMBED_FILES[0]) and path.endswith(EMBED_FILES[1])):
        return None
    if path.startswith(routes.HOSTED_PAGES) and f"{SESSION_COOKIE}=" in environ.get("HTTP_COOKIE", ""):
        return None
    query = environ.get("QUERY_STRING", "")
    # Neither names that mean nothing nor defaults spelled out must make new pages to build.
    asked = parse_qsl(query, keep_blank_values=True)
    named = [(name, value) if name != "lang" else (name, languages.nearest(value) or "") for name, value in asked]
    known = sorted({pair for pair in named if pair[0] in QUERY_NAMES} - DEFAULTS)
    address = f"{path}?{urlencode(known)}" if known else path
    # A hosted page is in the reader's own language; what stands behind the mark is put to Flask as such.
    return f"{address}#{language_key(environ, known)}" if path.startswith(routes.HOSTED_PAGES) else address


def language_key(environ: WSGIEnvironment, known: list[tuple[str, str]]) -> str:
    """The language that a browser asks for, where the address itself names none."""
    if any(name == "lang" for name, _ in known):
        return ""
    return languages.negotiated(environ.get("HTTP_ACCEPT_LANGUAGE", "")) or ""

"""The routes that the page cache serves, and the headers that nginx must add to the pages it serves as files."""

from __future__ import annotations

from commentsvc.core import languages, page_keys, routes
from commentsvc.page_cache.keys import Routes
from commentsvc.page_cache.static_pages import StaticKind
from commentsvc.web.http import security_headers

SESSION_COOKIE = "commentsvc"
HEALTH = routes.HEALTH


def _normal_value(path: str, name: str, value: str) -> str:
    if name == "lang":
        return languages.nearest(value) or ""
    # Counts are answered by the values as they were asked.
    if name == "thread" and path != routes.API_COUNTS and page_keys.is_address(value):
        return page_keys.without_tracking(value)
    return value


ROUTES = Routes(
    public_prefixes=(
        routes.API_COMMENTS,
        routes.EMBED_COMMENTS,
        routes.EMBED_TEXTS,
        routes.API_COUNTS,
        routes.API_RECENT,
        routes.HOSTED_PAGES,
        routes.FEEDS,
        routes.WIDGET_SCRIPT,
        routes.AVATARS,
    ),
    asset_prefix=routes.WIDGET_FILES,
    asset_suffixes=(".js", ".css"),
    localized_prefix=routes.HOSTED_PAGES,
    session_cookie=SESSION_COOKIE,
    post_path=routes.API_COMMENTS,
    normal_value=_normal_value,
    unlimited=frozenset({HEALTH, routes.READY, routes.METRICS}),
)
# deploy/nginx.conf adds these headers to a file. A page with any other header is left to the service.
_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag, Retry-After",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": security_headers.CONTENT_TYPE_OPTIONS,
    "Referrer-Policy": security_headers.REFERRER_POLICY,
}
STATIC_KINDS = {
    routes.EMBED_COMMENTS: StaticKind(
        "embed",
        {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Security-Policy": security_headers.content_security_policy(),
            **_HEADERS,
        },
    ),
    routes.API_COMMENTS: StaticKind("api", {"Content-Type": "application/json", **_HEADERS}),
}

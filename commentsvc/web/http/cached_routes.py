"""The routes that the page cache serves, and the headers that nginx must add to the pages it serves as files."""

from __future__ import annotations

from commentsvc.page_cache.keys import Routes
from commentsvc.page_cache.static_pages import StaticKind
from commentsvc.web.http import security_headers

SESSION_COOKIE = "commentsvc"
HEALTH = "/healthz"

ROUTES = Routes(
    public_prefixes=(
        "/api/v1/comments",
        "/embed/v1/comments",
        "/embed/v1/texts",
        "/api/v1/counts",
        "/api/v1/recent",
        "/t/",
        "/feeds/",
        "/embed.js",
        "/avatars/",
    ),
    asset_prefix="/embed/",
    asset_suffixes=(".js", ".css"),
    localized_prefix="/t/",
    session_cookie=SESSION_COOKIE,
    post_path="/api/v1/comments",
    unlimited=frozenset({HEALTH, "/readyz", "/metrics"}),
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
    "/embed/v1/comments": StaticKind(
        "embed",
        {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Security-Policy": security_headers.content_security_policy(),
            **_HEADERS,
        },
    ),
    "/api/v1/comments": StaticKind("api", {"Content-Type": "application/json", **_HEADERS}),
}

"""The reader's address of a request, behind trusted proxies or from this machine."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from flask import Flask, current_app, request

from commentsvc.config_values import PREFIX
from commentsvc.core import forwarded
from commentsvc.web.http.app_setup import settings

log = logging.getLogger(__name__)

# Headers that proxies add. A request with one of them did not come directly from a program on this machine.
OF_PROXIES = (
    "Forwarded",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Real-IP",
    "Via",
    "CF-Connecting-IP",
    "True-Client-IP",
)
# Not the names that a web page in a browser of this machine could be reached by (DNS rebinding).
OWN_HOSTS = ("localhost", "127.0.0.1", "::1")


def client_ip() -> str:
    """The reader's plain address, or '' when it is not known."""
    config = settings()
    value = request.headers.get(config.forwarded_header, "")
    return forwarded.client_address(request.remote_addr or "", value, config.forwarded_header, config.trusted_proxies)


def is_from_this_machine() -> bool:
    """Whether a program on this machine asks directly, through no proxy."""
    known = forwarded.address(request.remote_addr or "")
    return (
        known is not None
        and known.is_loopback
        and not any(name in request.headers for name in OF_PROXIES)
        and urlsplit(f"//{request.host}").hostname in OWN_HOSTS
    )


def init_app(app: Flask) -> None:
    app.extensions["untrusted_proxy_told"] = False
    app.before_request(_tell_of_untrusted_proxy)


def _tell_of_untrusted_proxy() -> None:
    """Write once to the log that a proxy is there which the settings do not name: all its readers count as one."""
    if current_app.extensions["untrusted_proxy_told"]:
        return
    config = settings()
    name = "Forwarded" if config.forwarded_header == "forwarded" else "X-Forwarded-For"
    proxy = forwarded.address(request.remote_addr or "")
    if name not in request.headers or proxy is None or forwarded.is_in(proxy, config.trusted_proxies):
        return
    current_app.extensions["untrusted_proxy_told"] = True
    log.warning(
        "%s from %s is ignored, because that address is not in %sTRUSTED_PROXIES: all who come through it count as one "
        "reader. If it is your proxy, set %sTRUSTED_PROXIES=%s",
        name,
        proxy,
        PREFIX,
        PREFIX,
        proxy,
    )

"""Gives each request a number, counts it, times it, and writes it down where the log is for machines."""

from __future__ import annotations

import logging
import re
import secrets
import time

from flask import Flask, Response, current_app, g, request

from commentsvc.config import Config
from commentsvc.gateways import log_lines, metrics

log = logging.getLogger(__name__)

GIVEN = re.compile(r"[A-Za-z0-9._-]{8,64}")


def init_app(app: Flask, config: Config) -> None:
    app.before_request(_begin)
    app.after_request(_end)
    app.teardown_request(_forget)
    app.extensions["log_requests"] = config.log_format == "json"


def _begin() -> None:
    # A proxy's number is kept, so that its log and ours can be read together.
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if GIVEN.fullmatch(given) else secrets.token_hex(8)
    g.began_at = time.perf_counter()
    log_lines.request_id.set(g.request_id)


def _end(response: Response) -> Response:
    took_s = time.perf_counter() - g.began_at
    # The rule, never the path: a path may hold a sign-in link's secret.
    route = request.url_rule.rule if request.url_rule else "none"
    metrics.count_request(request.method, route, response.status_code, took_s)
    response.headers.setdefault("X-Request-ID", g.request_id)
    if current_app.extensions["log_requests"]:
        said = {"method": request.method, "route": route, "status": response.status_code}
        log.info("%s %s", request.method, route, extra={**said, "took_ms": round(took_s * 1000, 1)})
    return response


def _forget(_error: BaseException | None) -> None:
    log_lines.request_id.set("")

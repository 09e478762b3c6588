"""Health checks, metrics, and security.txt."""

from __future__ import annotations

import hmac
from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, abort, current_app, jsonify, make_response, request
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from commentsvc.core import doctor_checks, routes
from commentsvc.gateways import metrics
from commentsvc.store import availability, comments, counters, jobs, migrations
from commentsvc.store.db import db
from commentsvc.store.db_errors import is_away
from commentsvc.store.migrations import SchemaState
from commentsvc.store.transactions import end_failed_transaction
from commentsvc.web.http.app_setup import machine_time, now, settings
from commentsvc.web.http.forwarding import client_ip, is_from_this_machine

pages = Blueprint("health", __name__)

# A job waits seconds; one that is due for longer has no worker that does it, or a mail server that keeps all waiting.
LATE_S = 600.0
NO_WORKER = "late, and no worker does jobs; is commentsvc worker running?"
SLOW = "late; a worker is running, but a server that it needs is slow"
SECURITY_TXT_LIFE = timedelta(days=180)  # a year at most (RFC 9116 §2.5.5)
PLAIN = "text/plain; version=0.0.4; charset=utf-8"


@pages.get(routes.HEALTH)
def process() -> Response:
    return jsonify({"status": "ok"})


@pages.get(routes.SEEN)
def seen() -> Response:
    """How this request arrived, for `commentsvc doctor` alone: it proves itself by the service's secret."""
    at = request.args.get("at", "")
    if not doctor_checks.is_signed(settings().secret_key, at, request.args.get("proof", ""), now()):
        abort(404)
    return jsonify({"client": client_ip(), "scheme": request.scheme, "host": request.host})


@pages.get(routes.READY)
def ready() -> tuple[Response, int]:
    """Whether this process can do everything: 503 when not. Published pages are served all the same."""
    found = availability.of(db.engine).look()
    if found is not None:
        return _not_ready(str(found))
    try:
        schema = migrations.schema()
        queue = _queue() if schema in (SchemaState.CURRENT, SchemaState.NEWER) else {}
    except (DBAPIError, PoolTimeout) as error:
        end_failed_transaction()
        if isinstance(error, DBAPIError) and not is_away(error):
            return _not_ready(migrations.MEND[SchemaState.NONE])
        return _not_ready("away")
    if not queue:
        return _not_ready(migrations.MEND[schema])
    if queue["status"] == NO_WORKER:
        return jsonify({"status": "not ready", "database": "ok", "queue": queue}), 503
    said = "ok" if schema is SchemaState.CURRENT else f"ok; it {migrations.MEND[schema]}"
    return jsonify({"status": "ok", "database": said, "queue": queue}), 200


def _not_ready(database_state: str) -> tuple[Response, int]:
    return jsonify({"status": "not ready", "database": database_state}), 503


def _queue() -> dict[str, Any]:
    found = jobs.queue_stats(now())
    is_late = found.oldest_s > LATE_S
    state = (SLOW if found.is_worked_on else NO_WORKER) if is_late else "ok"
    return {"status": state, "waiting": found.waiting, "oldest_s": round(found.oldest_s), "failed": found.failed}


@pages.get(routes.METRICS)
def counts() -> Response:
    """Metrics for Prometheus, for this machine or with the token. Without the database, only process metrics.

    Nobody else learns that there is such an address.
    """
    if not _may_watch():
        abort(404)
    current_app.extensions["page_cache"].report_hits()
    found = availability.of(db.engine).look()
    try:
        gauges = _gauges()
    except (DBAPIError, PoolTimeout):
        end_failed_transaction()
        gauges = {}
    is_up = bool(gauges) and found is None
    gauges["database_up"] = ("Whether the database can be read and written.", "", {"": float(is_up)})
    return Response(metrics.report(gauges), content_type=PLAIN)


def _may_watch() -> bool:
    token = settings().metrics_token
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme:
        return bool(token) and scheme.lower() == "bearer" and hmac.compare_digest(given.encode(), token.encode())
    return is_from_this_machine()


def _gauges() -> dict[str, tuple[str, str, dict[str, float]]]:
    found = jobs.queue_stats(now())
    tally = {str(status): float(count) for status, count in counters.of_all().items()}
    return {
        "comments": ("Comments of all sites by status.", "status", tally),
        "queue_oldest_seconds": (
            "How long the comment that has waited longest for a moderator has waited.",
            "",
            {"": comments.longest_wait_s(now())},
        ),
        "jobs_waiting": ("Jobs that are not done.", "", {"": float(found.waiting)}),
        "jobs_oldest_seconds": ("How long the job that is due longest has been due.", "", {"": found.oldest_s}),
        "jobs_failed": ("Jobs that were given up.", "", {"": float(found.failed)}),
    }


@pages.get(routes.SECURITY_TXT)
def security() -> Response:
    """RFC 9116; not there until the operator says who reads it."""
    config = settings()
    if not config.security_contact:
        abort(404)
    fields = {
        "Contact": config.security_contact,
        "Expires": machine_time(now() + SECURITY_TXT_LIFE),
        "Preferred-Languages": "en",
        "Canonical": f"{config.base_url}{routes.SECURITY_TXT}",
    }
    response = make_response("".join(f"{name}: {value}\n" for name, value in fields.items()))
    response.mimetype = "text/plain"
    return response

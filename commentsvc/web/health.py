"""Whether this process and what it needs are well; and where to report a security problem."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, Response, jsonify, make_response
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from commentsvc.store import jobs
from commentsvc.store.db import db
from commentsvc.web.wiring import machine_time, now, settings

pages = Blueprint("health", __name__)


@pages.get("/healthz")
def process() -> Response:
    return jsonify({"status": "ok"})


@pages.get("/readyz")
def ready() -> tuple[Response, int]:
    try:
        db.session.execute(text("SELECT 1 FROM site LIMIT 1"))
        waiting = jobs.waiting()
    except (DBAPIError, PoolTimeout):
        db.session.rollback()
        return jsonify({"status": "not ready", "database": "away"}), 503
    return jsonify({"status": "ok", "database": "ok", "queue": {"waiting": waiting}}), 200


@pages.get("/.well-known/security.txt")
def security() -> Response:
    """RFC 9116."""
    expires = machine_time(now() + timedelta(days=180))
    response = make_response(f"Contact: mailto:{settings().mail_from}\nExpires: {expires}\n")
    response.mimetype = "text/plain"
    return response

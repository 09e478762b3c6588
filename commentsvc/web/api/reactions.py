"""The API by which readers react to a comment: vote, and report it to the moderators."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from commentsvc.core import routes
from commentsvc.services import reports, votes
from commentsvc.web.api import schemas, serializers
from commentsvc.web.http import access
from commentsvc.web.http.app_setup import csrf, now, settings

pages = Blueprint("reacting", __name__)
csrf.exempt(pages)  # cookies are ignored here: requests authenticate by a token


@pages.put(routes.API_COMMENT_VOTE)
def vote(comment_id: int) -> Response:
    site = access.require_published_comment(comment_id).site
    account = access.require_viewer(site).account
    value = schemas.parsed(schemas.VoteIn).value
    score = votes.vote(comment_id, value, account, settings().limits, now())
    return jsonify({"score": score, "value": value})


@pages.post(routes.API_COMMENT_FLAG)
def flag(comment_id: int) -> tuple[Response, int]:
    site = access.require_published_comment(comment_id).site
    sender = access.current_sender(site)
    shape = schemas.parsed(schemas.FlagIn)
    flagged = reports.flag(comment_id, shape.reason, shape.text, sender, settings().secret_key, now())
    return jsonify(serializers.flagged_json(flagged)), 201 if flagged.is_new else 200

"""The API by which readers react to a comment: vote, and report it to the moderators."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from commentsvc.services import flagging, voting
from commentsvc.web import describing, guard, shapes
from commentsvc.web.wiring import csrf, now, settings

pages = Blueprint("reacting", __name__, url_prefix="/api/v1/comments")
csrf.exempt(pages)  # as in api.py: who reacts proves it in the request itself


@pages.put("/<int:comment_id>/vote")
def vote(comment_id: int) -> Response:
    site = guard.published_comment(comment_id).site
    account = guard.viewer(site).account
    value = shapes.parsed(shapes.VoteIn).value
    score = voting.vote(comment_id, value, account, settings().limits, now())
    return jsonify({"score": score, "value": value})


@pages.post("/<int:comment_id>/flag")
def flag(comment_id: int) -> tuple[Response, int]:
    site = guard.published_comment(comment_id).site
    sender = guard.sender(site)
    shape = shapes.parsed(shapes.FlagIn)
    flagged = flagging.flag(comment_id, shape.reason, shape.text, sender, settings().secret_key, now())
    return jsonify(describing.flagged_json(flagged)), 201 if flagged.is_new else 200

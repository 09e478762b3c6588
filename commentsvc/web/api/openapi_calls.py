"""Every call of the API, as the OpenAPI document describes it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from commentsvc.core import pagination as paging
from commentsvc.core import routes
from commentsvc.core.pagination import Sort
from commentsvc.core.policy import EMAIL_MAX
from commentsvc.core.status import Status
from commentsvc.core.whole_numbers import ROW_ID_MAX
from commentsvc.web.api import answer_schemas, moderation_schemas
from commentsvc.web.api import schemas as schemas_pages
from commentsvc.web.api.comments import IDEMPOTENCY_KEY_MAX
from commentsvc.web.api.schemas import Schema

ANYONE, AUTHOR, MODERATOR, OWNER = "anyone", "guest or bearer", "moderator", "owner"
VIEWER = "whoever brings a token"


@dataclass(frozen=True)
class Call:
    method: str
    route: str
    who: str
    does: str
    answers: tuple[int, ...]
    takes: type[Schema] | None = None
    gives: type[Schema] | None = None
    query: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Below the API's own path, with its number as OpenAPI writes it."""
        return re.sub(r"<[^>]+>", "{id}", self.route).removeprefix(routes.API)


ID = {"type": "integer", "minimum": 1, "maximum": ROW_ID_MAX}
QUERY: dict[str, dict[str, Any]] = {
    "site": {"type": "string", "minLength": 1},
    "thread": schemas_pages.THREAD_KEY,
    "canonical": {
        "type": "string",
        "description": "the page's canonical link: its thread counts instead, if it is of an origin of the site",
    },
    "sort": {"type": "string", "enum": list(Sort)},
    "cursor": {"type": "string", "description": "the `next` of the page before"},
    "limit": {"type": "integer", "minimum": 1, "maximum": paging.PAGE_SIZE_MAX},
}
MODERATION_QUERY: dict[str, dict[str, Any]] = {
    "sort": {"type": "string", "enum": ["newest", "oldest", "likely-spam"]},
    "status": {"type": "string", "enum": [*Status, "flagged", "any"]},
    "q": {"type": "string", "description": "the search language of the dashboard"},
    "author": {"type": "string", "maxLength": EMAIL_MAX, "pattern": r"^[^\x00]*$"},
    "comment": ID,
}
HEADER: dict[str, dict[str, Any]] = {
    "Idempotency-Key": {"type": "string", "minLength": 1, "maxLength": IDEMPOTENCY_KEY_MAX, "pattern": "^[ -~]+$"},
    "X-Edit-Token": {"type": "string"},
}
LIST = ("site", "thread", "canonical", "sort", "cursor", "limit")
CALLS = (
    Call(
        "get",
        routes.API_COMMENTS,
        ANYONE,
        "A page of a thread: `limit` top-level comments with their replies, parents first. "
        "An unknown thread of a known site is an empty one.",
        (200, 304, 404, 422),
        gives=schemas_pages.PageOut,
        query=LIST,
    ),
    Call(
        "get",
        routes.API_COUNTS,
        ANYONE,
        "Approved comments of up to 200 threads: repeat `thread`.",
        (200, 304, 404, 422),
        query=("site", "thread", "canonical"),
        gives=answer_schemas.CountsOut,
    ),
    Call(
        "get",
        routes.API_RECENT,
        ANYONE,
        "The newest approved comments of the site with their threads.",
        (200, 304, 404, 422),
        query=("site", "limit"),
        gives=answer_schemas.RecentOut,
    ),
    Call(
        "post",
        routes.API_COMMENTS,
        AUTHOR,
        "Write a comment: 201 when published at once, 202 when held, with the reason. "
        "The same `Idempotency-Key` gets the first answer again. 428 brings a `challenge` to solve, 409 `nudge` the "
        "`reasons` why it would wait, 403 `warned` a `sanction` to acknowledge.",
        (201, 202, 400, 401, 403, 404, 409, 413, 422, 428, 429, 503),
        schemas_pages.CommentIn,
        schemas_pages.PostedOut,
        headers=("Idempotency-Key",),
    ),
    Call(
        "get",
        routes.API_COMMENT,
        ANYONE,
        "One comment: approved for anyone, else for its author and moderators.",
        (200, 304, 401, 404),
        gives=answer_schemas.OneCommentOut,
        headers=("X-Edit-Token",),
    ),
    Call(
        "patch",
        routes.API_COMMENT,
        AUTHOR,
        "Change one's comment within the edit window; it is judged again (202 when held).",
        (200, 202, 400, 401, 403, 404, 409, 413, 422, 503),
        schemas_pages.EditIn,
        schemas_pages.PostedOut,
        headers=("X-Edit-Token",),
    ),
    Call(
        "delete",
        routes.API_COMMENT,
        AUTHOR,
        "Take one's comment back within the site's edit window.",
        (204, 401, 403, 404, 409, 503),
        headers=("X-Edit-Token",),
    ),
    Call(
        "post",
        routes.API_COMMENT_APPEAL,
        AUTHOR,
        "Ask once for another look at a comment of one's own that was refused; another moderator answers.",
        (202, 400, 401, 403, 404, 409, 422, 503),
        schemas_pages.AppealIn,
        headers=("X-Edit-Token",),
        gives=answer_schemas.AppealOut,
    ),
    Call(
        "get",
        routes.API_VIEWER,
        VIEWER,
        "Who I am on this site, what of mine waits in this thread, how I voted there, and what I may do.",
        (200, 401, 403, 404, 422),
        query=("site", "thread"),
        gives=answer_schemas.ViewerOut,
    ),
    Call(
        "put",
        routes.API_COMMENT_VOTE,
        VIEWER,
        "Vote for a published comment of somebody else, or against it where the site takes that; the same again "
        "changes nothing.",
        (200, 400, 401, 403, 404, 422, 429, 503),
        schemas_pages.VoteIn,
        schemas_pages.VoteOut,
    ),
    Call(
        "post",
        routes.API_COMMENT_FLAG,
        AUTHOR,
        "Report a published comment to the moderators: 201, or 200 when this person had reported it before.",
        (200, 201, 400, 401, 403, 404, 422, 429, 503),
        schemas_pages.FlagIn,
        schemas_pages.FlagOut,
    ),
    Call(
        "post",
        routes.API_SANCTION_ACKNOWLEDGE,
        ANYONE,
        "Say that a warning was read: its `token` came with it. Then one may write again.",
        (204, 400, 403, 404, 409, 422),
        schemas_pages.AcknowledgedIn,
    ),
    Call(
        "post",
        routes.API_PREVIEW,
        ANYONE,
        "The HTML that would be published.",
        (200, 400, 403, 404, 413, 422),
        schemas_pages.PreviewIn,
        gives=answer_schemas.PreviewOut,
    ),
    Call(
        "get",
        routes.API_QUEUE,
        MODERATOR,
        "The queue with counts per status; `sort` is newest, oldest or likely-spam; `q` takes the dashboard's search "
        "language. `status` is also `flagged`: published, with reports that nobody has answered; and `any`.",
        (200, 401, 403, 404, 422),
        query=("site", "status", "q", "author", "thread", "sort", "cursor", "limit"),
        gives=answer_schemas.QueueOut,
    ),
    Call(
        "post",
        routes.API_DECISIONS,
        MODERATOR,
        "Decide on up to 500 comments, all or nothing.",
        (200, 400, 401, 403, 404, 409, 422, 503),
        moderation_schemas.DecisionsIn,
        gives=answer_schemas.DecidedOut,
    ),
    Call(
        "post",
        routes.API_UNDO,
        MODERATOR,
        "Put the comments of an act back as they were, or the settings of a thread: `undo` is what the act answered. "
        "409 when something was changed since. The answer's own `undo` takes the undoing back.",
        (200, 400, 401, 403, 404, 409, 422, 503),
        moderation_schemas.UndoIn,
        gives=answer_schemas.DecidedOut,
    ),
    Call(
        "get",
        routes.API_DECISIONS,
        MODERATOR,
        "The log, newest first.",
        (200, 401, 403, 404, 422),
        query=("site", "comment", "cursor", "limit"),
        gives=answer_schemas.LogOut,
    ),
    Call(
        "post",
        routes.API_THREADS,
        MODERATOR,
        "Pin a comment of a thread, close the thread, or (owner) give it a mode of its own; what is not named stays. "
        "`undo` in the answer is for POST /moderation/undo; null when nothing was changed.",
        (200, 400, 401, 403, 404, 422, 503),
        moderation_schemas.ThreadIn,
        gives=answer_schemas.ThreadAnswerOut,
    ),
    Call(
        "get",
        routes.API_VERDICT,
        MODERATOR,
        "Why a comment is where it is: what each rule said then, and would say with today's settings.",
        (200, 401, 403, 404),
        gives=answer_schemas.JudgementOut,
    ),
    Call(
        "get",
        routes.API_SANCTIONS,
        MODERATOR,
        "The site's sanctions, newest first.",
        (200, 401, 403, 404, 422),
        query=("site", "cursor", "limit"),
        gives=answer_schemas.SanctionsOut,
    ),
    Call(
        "post",
        routes.API_SANCTIONS,
        MODERATOR,
        "Trust, warn, hold, suspend, shadow-ban or ban somebody, and refuse what they wrote lately.",
        (201, 400, 401, 403, 404, 422, 503),
        moderation_schemas.SanctionIn,
        gives=answer_schemas.SanctionOut,
    ),
    Call(
        "delete",
        routes.API_SANCTION,
        MODERATOR,
        "Lift a sanction, and bring back what it refused.",
        (200, 401, 403, 404, 409, 503),
        query=("site",),
        gives=answer_schemas.SanctionOut,
    ),
    Call(
        "get",
        routes.API_RULES,
        OWNER,
        "The site's rules.",
        (200, 401, 403, 404),
        query=("site",),
        gives=answer_schemas.RulesOut,
    ),
    Call(
        "post",
        routes.API_RULES,
        OWNER,
        "Add a rule.",
        (201, 400, 401, 403, 404, 422),
        moderation_schemas.RuleIn,
        gives=answer_schemas.RuleOut,
    ),
    Call(
        "patch",
        routes.API_RULE,
        OWNER,
        "Change a rule.",
        (200, 400, 401, 403, 404, 422),
        moderation_schemas.RuleChangeIn,
        gives=answer_schemas.RuleOut,
    ),
    Call("delete", routes.API_RULE, OWNER, "Remove a rule.", (204, 401, 403, 404)),
    Call(
        "post",
        routes.API_RULES_TEST,
        OWNER,
        "What a rule says of a text, before there is such a rule.",
        (200, 400, 401, 403, 404, 422),
        moderation_schemas.RuleTestIn,
        gives=answer_schemas.RuleTestOut,
    ),
    Call(
        "post",
        routes.API_RULES_BACKTEST,
        OWNER,
        "What a rule, or changed settings, would have made of the newest comments, and of what moderators decided.",
        (200, 400, 401, 403, 404, 422),
        moderation_schemas.BacktestIn,
        gives=answer_schemas.BacktestOut,
    ),
)
MEANS = {
    200: "Done",
    201: "Published at once",
    202: "Held for a moderator",
    204: "Done",
    304: "Not changed since",
    400: "Not JSON, or not UTF-8",
    401: "No token, or one that is not valid",
    403: "Not allowed: another origin, closed, too late",
    404: "Not there, or not for you to know of",
    409: "A duplicate, or something changed since",
    413: "Larger than a comment may be",
    422: "A field is wrong; `errors` names it",
    428: "Solve the `challenge` and send it again",
    429: "Too fast; `Retry-After` says how long to wait",
    503: "The database is away; try again",
}

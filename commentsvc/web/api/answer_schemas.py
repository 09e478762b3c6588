"""Schemas of the API's responses, from which the OpenAPI document is made."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from commentsvc.core.rule_kinds import Outcome, RuleKind
from commentsvc.core.sanction_kinds import SanctionKind, SubjectKind
from commentsvc.core.status import Status
from commentsvc.web.api.schemas import AuthorOut, CommentOut, PostedOut, Schema, ThreadOut


class CountsOut(Schema):
    counts: dict[str, int] = Field(description="approved comments, by thread")
    texts: dict[str, str] = Field(description="each number that occurs, as the widget writes it")


class PageLinkOut(Schema):
    key: str
    title: str
    url: str


class RecentCommentOut(CommentOut):
    excerpt: str
    thread: PageLinkOut


class RecentOut(Schema):
    comments: list[RecentCommentOut]
    line: str = Field(description="how the widget writes a line, with places to fill")


class OneCommentOut(CommentOut):
    """A comment; authors and moderators also get `body`, and moderators the fields of the queue."""

    body: str | None = None


class AppealOut(Schema):
    appealed: bool


class PreviewOut(Schema):
    html: str


class ToldSanctionOut(Schema):
    id: int
    kind: SanctionKind
    reason: str
    until: str | None
    token: str = Field(description="shows that it was read")


class RightsOut(Schema):
    comment: bool
    vote: bool
    moderate: bool


class ViewerOut(Schema):
    account: AuthorOut
    pending: list[PostedOut] = Field(description="comments of mine that only I see yet")
    own: list[int] = Field(description="comments of mine that can still be changed")
    votes: dict[str, int] = Field(description="my votes, by comment")
    sanctions: list[ToldSanctionOut]
    rights: RightsOut


class ReasonOut(Schema):
    rule: str
    outcome: Outcome
    sentence: str
    match: str


class ReportOut(Schema):
    reason: str
    text: str
    by: str | None
    created_at: str


class ModeratedOut(CommentOut):
    body: str
    kind: str
    email: str | None = Field(description="null for a moderator who may not see addresses, as `ip`")
    ip: str | None
    user_agent: str
    reasons: list[ReasonOut]
    version: int
    flag_count: int
    flags: list[ReportOut]
    site: str
    thread: str
    thread_title: str
    thread_url: str
    given_title: str | None = Field(description="what the commenter calls the page, as `given_url`; null: not known")
    given_url: str | None


class QueueOut(Schema):
    comments: list[ModeratedOut]
    counts: dict[str, int]
    next: str | None


class DecisionOut(Schema):
    model_config = ConfigDict(populate_by_name=True)

    id: int
    comment_id: int
    action: str
    from_status: Status | None = Field(alias="from")
    to_status: Status = Field(alias="to")
    by: str | None
    rule: str | None
    note: str
    told: str
    reasons: list[ReasonOut]
    undoes: int | None
    undo: str | None
    created_at: str


class DecidedOut(Schema):
    decisions: list[DecisionOut]
    undo: str


class LogOut(Schema):
    decisions: list[DecisionOut]
    next: str | None


class ThreadAnswerOut(Schema):
    thread: ThreadOut


class ThenOut(Schema):
    at: str | None
    status: Status | None
    settings: str | None
    reasons: list[ReasonOut]


class CheckOut(Schema):
    rule: str
    outcome: Outcome | None
    sentence: str
    match: str


class TodayOut(Schema):
    status: Status
    settings: str
    checks: list[CheckOut]


class JudgementOut(Schema):
    comment_id: int
    status: Status
    then: ThenOut
    now: TodayOut


class SanctionOut(Schema):
    id: int
    kind: SanctionKind
    subject_kind: SubjectKind
    subject: str | None = Field(description="null for a moderator who may not see addresses")
    everywhere: bool
    reason: str
    note: str
    by: str | None
    created_at: str
    until: str | None
    acknowledged_at: str | None
    lifted_at: str | None
    is_active: bool


class SanctionsOut(Schema):
    sanctions: list[SanctionOut]
    next: str | None


class RuleOut(Schema):
    id: int
    kind: RuleKind
    value: str
    outcome: Outcome
    language: str
    is_on: bool
    created_at: str


class RulesOut(Schema):
    rules: list[RuleOut]


class RuleTestOut(Schema):
    speaks: bool
    reason: ReasonOut | None


class VerdictOut(Schema):
    status: Status
    reasons: list[ReasonOut]


class CaughtOut(ModeratedOut):
    match: str


class ChangedOut(CaughtOut):
    today: VerdictOut
    then: VerdictOut


class ChangeOut(Schema):
    from_status: Status = Field(alias="from")
    to_status: Status = Field(alias="to")
    count: int


class AgreementOut(Schema):
    alike: int
    otherwise: int
    left: int


class AgreementsOut(Schema):
    decided: int
    today: AgreementOut
    then: AgreementOut


class BacktestOut(Schema):
    tested: int
    caught: int
    examples: list[CaughtOut]
    changed: int
    changes: list[ChangeOut]
    changed_examples: list[ChangedOut]
    agreement: AgreementsOut

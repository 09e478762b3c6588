"""Shapes of what the API answers, from which the OpenAPI document is made."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from commentsvc.core.rule_kinds import Outcome, RuleKind
from commentsvc.core.sanction import SanctionKind, SubjectKind
from commentsvc.core.status import Status
from commentsvc.web.shapes import AuthorOut, CommentOut, PostedOut, Shape, ThreadOut


class CountsOut(Shape):
    counts: dict[str, int] = Field(description="approved comments, by thread")
    texts: dict[str, str] = Field(description="each number that occurs, as the widget writes it")


class PageLinkOut(Shape):
    key: str
    title: str
    url: str


class RecentCommentOut(CommentOut):
    excerpt: str
    thread: PageLinkOut


class RecentOut(Shape):
    comments: list[RecentCommentOut]
    line: str = Field(description="how the widget writes a line, with places to fill")


class OneCommentOut(CommentOut):
    """With `body` to its author and to moderators, who get what the queue has of it."""

    body: str | None = None


class AppealOut(Shape):
    appealed: bool


class PreviewOut(Shape):
    html: str


class ToldSanctionOut(Shape):
    id: int
    kind: SanctionKind
    reason: str
    until: str | None
    token: str = Field(description="shows that it was read")


class RightsOut(Shape):
    comment: bool
    vote: bool
    moderate: bool


class ViewerOut(Shape):
    account: AuthorOut
    pending: list[PostedOut] = Field(description="comments of mine that only I see yet")
    own: list[int] = Field(description="comments of mine that can still be changed")
    votes: dict[str, int] = Field(description="my votes, by comment")
    sanctions: list[ToldSanctionOut]
    rights: RightsOut


class ReasonOut(Shape):
    rule: str
    outcome: Outcome
    sentence: str
    match: str


class ReportOut(Shape):
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


class QueueOut(Shape):
    comments: list[ModeratedOut]
    counts: dict[str, int]
    next: str | None


class DecisionOut(Shape):
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


class DecidedOut(Shape):
    decisions: list[DecisionOut]
    undo: str


class LogOut(Shape):
    decisions: list[DecisionOut]
    next: str | None


class ThreadAnswerOut(Shape):
    thread: ThreadOut


class ThenOut(Shape):
    at: str | None
    status: Status | None
    settings: str | None
    reasons: list[ReasonOut]


class CheckOut(Shape):
    rule: str
    outcome: Outcome | None
    sentence: str
    match: str


class TodayOut(Shape):
    status: Status
    settings: str
    checks: list[CheckOut]


class JudgementOut(Shape):
    comment_id: int
    status: Status
    then: ThenOut
    now: TodayOut


class SanctionOut(Shape):
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


class SanctionsOut(Shape):
    sanctions: list[SanctionOut]
    next: str | None


class RuleOut(Shape):
    id: int
    kind: RuleKind
    value: str
    outcome: Outcome
    language: str
    is_on: bool
    created_at: str


class RulesOut(Shape):
    rules: list[RuleOut]


class RuleTestOut(Shape):
    speaks: bool
    reason: ReasonOut | None


class VerdictOut(Shape):
    status: Status
    reasons: list[ReasonOut]


class CaughtOut(ModeratedOut):
    match: str


class ChangedOut(CaughtOut):
    today: VerdictOut
    then: VerdictOut


class ChangeOut(Shape):
    from_status: Status = Field(alias="from")
    to_status: Status = Field(alias="to")
    count: int


class AgreementOut(Shape):
    alike: int
    otherwise: int
    left: int


class AgreementsOut(Shape):
    decided: int
    today: AgreementOut
    then: AgreementOut


class BacktestOut(Shape):
    tested: int
    caught: int
    examples: list[CaughtOut]
    changed: int
    changes: list[ChangeOut]
    changed_examples: list[ChangedOut]
    agreement: AgreementsOut

"""Schemas of requests to the moderation API."""

from __future__ import annotations

from typing import Any

from pydantic import AwareDatetime, ConfigDict, Field, StrictBool, StrictInt, StrictStr

from commentsvc.core import sanction_kinds, text_input
from commentsvc.core.errors import Invalid
from commentsvc.core.phrases import phrase
from commentsvc.core.policy import TITLE_MAX
from commentsvc.core.rule_kinds import Outcome, RuleKind
from commentsvc.core.sanction_kinds import SanctionKind, SubjectKind
from commentsvc.core.status import Action
from commentsvc.services import backtest
from commentsvc.services.backtest import Proposal
from commentsvc.services.rules import RuleText
from commentsvc.services.sanctions import SanctionOrder
from commentsvc.store import authors
from commentsvc.store.comments import Comment
from commentsvc.store.sites import Site
from commentsvc.web.api.schemas import THREAD_KEY, Schema, one_of, page_url


class ThreadIn(Schema):
    """Fields that are left out stay unchanged; unknown fields are refused by name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    site: StrictStr
    thread: StrictStr = Field(json_schema_extra=THREAD_KEY)
    title: StrictStr | None = Field(
        None, description="of the page; wins over what the page says; empty: what the page says again"
    )
    url: StrictStr | None = Field(None, description="address of the page, of an origin of the site; empty: as `title`")
    pin: StrictInt | None = Field(None, description="the top-level comment that comes first; null for none")
    pinned: StrictInt | None = Field(None, description="the same as `pin`")
    open: StrictBool = Field(True, description="whether it takes more comments")
    move_to: StrictStr | None = Field(
        None, description="address, path or identifier that the thread gets; the old one goes on leading to it"
    )
    mode: StrictStr | None = Field(None, description="all, new, rules, off; empty for the site's own. Owners only")

    def changes(self, site: Site) -> dict[str, Any]:
        """The thread's columns that are to change; raises Invalid for a title or address that no page can have."""
        named = {name: getattr(self, name) for name in self.model_fields_set}
        found: dict[str, Any] = {}
        if "pin" in named or "pinned" in named:
            found["pinned_id"] = named.get("pin", self.pinned)
        if "open" in named:
            found["is_open"] = self.open
        if self.mode is not None:
            found["mode"] = self.mode or None
        if self.title is not None:
            found["title"] = text_input.line(self.title, "title", phrase("The page's title"), TITLE_MAX, False)
        if self.url is not None:
            found["url"] = page_url(self.url, site)
        return found


class DecisionsIn(Schema):
    ids: list[StrictInt] = Field(description="comments", json_schema_extra={"minItems": 1, "maxItems": 500})
    action: Action
    note: StrictStr = Field("", description="kept with the decision; up to 1,000 characters")
    told: StrictStr = Field("", description="what the author reads about it; up to 1,000 characters")
    versions: dict[int, StrictInt] = Field(
        {}, description="`version` of each comment as you saw it, by id; 409 when somebody was faster"
    )


class UndoIn(Schema):
    undo: StrictStr


class RuleTextIn(Schema):
    kind: StrictStr = one_of(RuleKind)
    value: StrictStr = Field(description="one word, domain, address or network a line; a number for links")
    outcome: StrictStr = one_of((Outcome.HOLD, Outcome.SPAM, Outcome.REJECT), default="hold")
    language: StrictStr = Field("", description="of words: only in texts of this language, such as de")
    is_on: StrictBool = True

    @property
    def text(self) -> RuleText:
        return RuleText(self.kind, self.value, self.outcome, self.language, self.is_on)


class RuleIn(RuleTextIn):
    site: StrictStr


class RuleChangeIn(Schema):
    value: StrictStr | None = None
    outcome: StrictStr | None = None
    language: StrictStr | None = None
    is_on: StrictBool | None = None


class RuleTestIn(Schema):
    site: StrictStr
    rule: RuleTextIn
    body: StrictStr = Field("", description="Markdown, as a comment has it")
    name: StrictStr = ""
    email: StrictStr = ""
    website: StrictStr = ""
    ip: StrictStr = ""
    user_agent: StrictStr = ""


class BacktestIn(Schema):
    """The change to try: a rule (`kind`, `value`), a replacement for `rule_id`, or a whole set of `rules`."""

    site: StrictStr
    kind: StrictStr | None = None
    value: StrictStr | None = None
    outcome: StrictStr = "hold"
    language: StrictStr = ""
    is_on: StrictBool = True
    rule_id: StrictInt | None = Field(None, description="the rule that this one would take the place of")
    rules: list[RuleTextIn] | None = Field(None, max_length=1000, description="all rules, instead of today's")
    settings: dict[str, Any] = Field({}, description="changes of the site's settings, such as mode")
    limit: StrictInt = Field(1000, ge=1, le=10_000, description="how many of the newest comments to try it on")

    def proposal(self, site: Site) -> Proposal:
        """Raises Invalid for what could not be used."""
        added = None
        if self.rules is None and (self.kind is not None or self.value is not None):
            added = RuleText(self.kind or "", self.value or "", self.outcome, self.language, self.is_on)
        listed = None if self.rules is None else [rule.text for rule in self.rules]
        return backtest.proposal(site, added, self.rule_id, listed, self.settings)


class SanctionIn(Schema):
    site: StrictStr
    kind: StrictStr = one_of(SanctionKind)
    subject_kind: StrictStr = one_of(SubjectKind)
    subject: StrictStr = Field("", description="an account's number, an address, a domain, or a network")
    comment: StrictInt | None = Field(
        None, description="instead of `subject`, a comment: its author's account, address, domain or network is meant"
    )
    reason: StrictStr = Field("", description="told to the person")
    note: StrictStr = Field("", description="for moderators")
    until: AwareDatetime | None = Field(None, description="when it ends by itself")
    reject_days: StrictInt = Field(0, description="refuse what they wrote in so many days, up to 30")
    everywhere: StrictBool = Field(False, description="on every site; for administrators")

    def order(self, about: Comment | None) -> SanctionOrder:
        """The order; `about` is the comment that is named instead of a subject."""
        subject, author_id = self.subject, None
        if about is not None:
            if self.subject_kind not in set(SubjectKind):
                raise Invalid("subject_kind", f"subject_kind is one of {', '.join(SubjectKind)}.")
            kind, account_id = SubjectKind(self.subject_kind), authors.by_id(about.author_id).account_id
            subject = sanction_kinds.value_of(kind, account_id, about.author_email or "", about.ip)
            author_id = about.author_id
        words = (self.subject_kind, subject, self.reason, self.note)
        return SanctionOrder(self.kind, *words, self.until, self.reject_days, self.everywhere, author_id)

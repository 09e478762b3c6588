"""The contents of a comment's card: text with search hits, the author's history, edits and actions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from commentsvc.core import excerpts, text_diff
from commentsvc.core.policy import Mode, Policy
from commentsvc.core.search_query import Search
from commentsvc.core.status import Action, Status
from commentsvc.core.text_diff import Piece
from commentsvc.services.moderation import Moderator
from commentsvc.store import appeals, reports, revisions, sanctions
from commentsvc.store.appeals import Appeal
from commentsvc.store.comments import Comment
from commentsvc.store.reports import Report, ReportReason
from commentsvc.store.revisions import Revision
from commentsvc.store.sanctions import Sanction
from commentsvc.web.http.app_setup import now

# The most likely action first; the current status is not offered.
OFFERED = {
    Status.PENDING: (Action.APPROVE, Action.REJECT, Action.SPAM, Action.DELETE),
    Status.APPROVED: (Action.PENDING, Action.REJECT, Action.SPAM, Action.DELETE),
    Status.REJECTED: (Action.APPROVE, Action.PENDING, Action.SPAM, Action.DELETE),
    Status.SPAM: (Action.APPROVE, Action.PENDING, Action.REJECT, Action.DELETE),
    Status.DELETED: (Action.APPROVE, Action.PENDING),
}
# Approving what is published answers the readers who reported it.
OFFERED_FLAGGED = (Action.APPROVE, Action.PENDING, Action.REJECT, Action.SPAM, Action.DELETE)
SAYS = {
    ReportReason.SPAM: "spam",
    ReportReason.ABUSE: "abusive",
    ReportReason.OFF_TOPIC: "off topic",
    ReportReason.ILLEGAL: "illegal",
    ReportReason.OTHER: "other",
}
LABEL = {
    Action.APPROVE: "Approve",
    Action.REJECT: "Reject",
    Action.SPAM: "Spam",
    Action.DELETE: "Delete",
    Action.PENDING: "Back to pending",
}
# WordPress's letters; it has none for refusing without calling it spam.
KEY = {Action.APPROVE: "a", Action.REJECT: "n", Action.SPAM: "s", Action.DELETE: "d", Action.PENDING: "u"}
DONE = {
    Action.APPROVE: "approved",
    Action.REJECT: "rejected",
    Action.SPAM: "marked as spam",
    Action.DELETE: "deleted",
    Action.PENDING: "moved back to pending",
}
MODE_NAMES: Mapping[str, str] = {
    Mode.ALL: "All comments",
    Mode.NEW: "First-time commenters",
    Mode.RULES: "Only comments that match a rule",
    Mode.OFF: "None",
}
CHECK_NAMES = {
    "person": "Actions on the commenter",
    "mode": "Moderation mode",
    "trap": "Honeypot",
    "haste": "Too fast",
    "links": "Links",
    "copies": "Duplicates",
    "pace": "Rate limits",
    "refusals": "Repeat offenders",
    "spam filter": "Spam filter",
    "outside check": "Spam service",
    "flags": "Reader reports",
    "moderator": "Written by a moderator",
    "address": "Email confirmation",
}


def check_name(rule: str) -> str:
    """The label of a check by its name in verdicts: `trap`, `mode all`, `rule 12`."""
    if rule.startswith("mode ") and rule[5:] in set(Mode):
        return f"{CHECK_NAMES['mode']}: {MODE_NAMES[Mode(rule[5:])]}"
    return CHECK_NAMES.get(rule, rule.capitalize())


@dataclass(frozen=True)
class Edit:
    """The text that was replaced, and what the next one changed in it."""

    revision: Revision
    pieces: Sequence[Piece]


@dataclass(frozen=True)
class Card:
    comment: Comment
    html: str
    edits: Sequence[Edit]
    appeal: Appeal | None
    reported: Sequence[Report]
    sanctions: Sequence[Sanction]
    policy: Policy
    sees_addresses: bool

    @property
    def offered(self) -> tuple[Action, ...]:
        """The actions that change something about this comment."""
        is_flagged = self.comment.status == Status.APPROVED and self.comment.flag_count
        return OFFERED_FLAGGED if is_flagged else OFFERED[self.comment.current]


def of(found: Sequence[Comment], by: Moderator, search: Search) -> list[Card]:
    """The cards of a page, with one query each for edits and appeals."""
    earlier = revisions.of_comments([comment.id for comment in found if comment.edited_at])
    refused = [comment.id for comment in found if comment.status in (Status.REJECTED, Status.SPAM)]
    appealed = appeals.of_comments(refused) if refused else {}
    in_force = sanctions.active_by_comment(found, now())
    policies = {site.id: site.policy for site in {comment.site for comment in found}}
    reported = reports.open_of([comment.id for comment in found if comment.flag_count])
    return [
        Card(
            comment,
            excerpts.marked(comment.html, [*search.words, *_matches(comment)]),
            _edits(comment, earlier.get(comment.id, ())),
            appealed.get(comment.id),
            reported.get(comment.id, ()),
            _shown(in_force.get(comment.id, ()), comment, by),
            policies[comment.site_id],
            by.sees_addresses(comment.site),
        )
        for comment in found
    ]


def _shown(in_force: Sequence[Sanction], comment: Comment, by: Moderator) -> list[Sanction]:
    sees_addresses = by.sees_addresses(comment.site)
    return [sanction for sanction in in_force if sanction.is_shown_with(comment.author_id, sees_addresses)]


def _matches(comment: Comment) -> list[str]:
    """The rules' matches in the text; counts and the like are not parts of the text."""
    found = [r["match"] for r in comment.reasons if r.get("match") and r["rule"] != reports.HOLD_RULE]
    return [match for match in found if len(match) > 2 and not match.isdigit()]


def _edits(comment: Comment, earlier: Sequence[Revision]) -> list[Edit]:
    texts = [*(revision.source for revision in earlier), comment.source]
    return [Edit(r, text_diff.between(*pair)) for r, *pair in zip(earlier, texts, texts[1:], strict=False)]

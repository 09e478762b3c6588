"""The five statuses of a comment, the five acts on it, and which act leads where."""

from __future__ import annotations

from enum import StrEnum

from commentsvc.core.errors import Conflict


class Status(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    SPAM = "spam"
    DELETED = "deleted"


class Action(StrEnum):
    APPROVE = "approve"
    REJECT = "reject"
    SPAM = "spam"
    DELETE = "delete"
    PENDING = "pending"


TARGET = {
    Action.APPROVE: Status.APPROVED,
    Action.REJECT: Status.REJECTED,
    Action.SPAM: Status.SPAM,
    Action.DELETE: Status.DELETED,
    Action.PENDING: Status.PENDING,
}


def move(now: Status, action: Action) -> Status:
    """The status after an action; raises Conflict (`no-change`) when the comment has it already.

    Any other move is allowed: even a deleted comment keeps its text, so a moderator can bring it back.
    """
    target = TARGET[action]
    if target is now:
        raise Conflict(f"This comment is already {now}.", "no-change")
    return target

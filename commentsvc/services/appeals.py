"""Appeals: an author asks for another look, once, and another moderator than the one who refused it answers."""

from __future__ import annotations

from datetime import datetime

from commentsvc.core import text_input
from commentsvc.core.errors import Conflict
from commentsvc.core.phrases import phrase
from commentsvc.core.status import Status
from commentsvc.store import accounts, appeals, comments, decisions, threads
from commentsvc.store.accounts import Account
from commentsvc.store.comments import Comment
from commentsvc.store.transactions import retried, write

REFUSED = (Status.REJECTED, Status.SPAM, Status.DELETED)


@retried
def appeal(comment_id: int, words: str, now: datetime, by: Account | None = None) -> None:
    """Ask for another look at a comment of one's own; the caller has checked that it is. `by` is None for a guest.

    Raises Invalid for no words or too many, Conflict when nothing was refused or there was an appeal before.
    """
    words = text_input.line(words, "text", "Your reason", appeals.TEXT_MAX, required=True)

    with write():
        if by is not None:
            accounts.hold(by.id)
        threads.lock([comments.by_id(comment_id).thread_id])
        (comment,) = comments.of_ids([comment_id])
        if not can_appeal(comment):
            raise Conflict(phrase("There is nothing to appeal here: only rejections by a moderator can be appealed."))
        if appeals.of_comments([comment_id]):
            raise Conflict(phrase("You have already appealed this decision. You can appeal only once."), "appealed")
        appeals.add(comment, words, decisions.newest(comment_id).by_account_id, now)


def can_appeal(comment: Comment) -> bool:
    """Whether a moderator or a rule refused the comment; a comment withdrawn by its author was not refused."""
    return comment.status in REFUSED and decisions.newest(comment.id).by_rule != "author"

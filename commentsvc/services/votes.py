"""Takes a vote on a comment in, changes it or takes it back; the score and the published page follow."""

from __future__ import annotations

from datetime import datetime, timedelta

from commentsvc.core.errors import Invalid, NotAllowed, TooMany
from commentsvc.core.phrases import phrase
from commentsvc.core.policy import Votes
from commentsvc.services import thread_pages
from commentsvc.store import accounts, threads, votes
from commentsvc.store.accounts import Account
from commentsvc.store.comments import Comment
from commentsvc.store.transactions import retried, write

# More than a reader gives who agrees with every comment on the screen; each one makes pages be built anew.
CHANGES_MAX = 30
WINDOW_S = 60


@retried
def vote(comment_id: int, value: int, by: Account, limited: bool, now: datetime) -> int:
    """Set the account's vote to 1, 0 (none) or -1; returns the comment's score. Idempotent.

    Raises NotFound unless the comment is published, Invalid, NotAllowed for one's own comment, or TooMany.
    """
    if value not in (1, 0, -1):
        raise Invalid("value", phrase("value is 1, 0 or -1."))

    with write():
        accounts.locked(by.id)  # the pace is counted over all pages
        comment = thread_pages.locked(comment_id)
        _check_site_and_author(comment, value, by)
        cast = votes.find(comment, by)
        score = comment.score
        if value != (cast.value if cast else 0):
            if limited:
                _check_pace(by, now)
            cast = cast or votes.add(comment, by, now)
            score = votes.score(comment, value - cast.value)
            goes_on = now - cast.changed_at < timedelta(seconds=WINDOW_S)
            cast.value, cast.changes, cast.changed_at = value, cast.changes + 1 if goes_on else 1, now
            threads.touch(comment.thread_id, 0)
    return score


def _check_site_and_author(comment: Comment, value: int, by: Account) -> None:
    mode = comment.site.policy.votes
    if mode is Votes.OFF:
        raise NotAllowed(phrase("Voting is turned off on this blog."))
    if mode is Votes.UP and value < 0:
        raise Invalid("value", phrase("This blog only has votes for a comment: value must be 1 or 0."))
    if comment.author.account_id == by.id:
        raise NotAllowed(phrase("You can't vote on your own comment."))


def _check_pace(by: Account, now: datetime) -> None:
    if votes.changes_since(by, now - timedelta(seconds=WINDOW_S), now) >= CHANGES_MAX:
        raise TooMany(phrase("You're voting too fast. Please wait a minute and try again."), WINDOW_S)

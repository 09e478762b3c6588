"""Trains the spam filter on the moderators' decisions, and reports mistakes to the spam service."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from commentsvc.core import spam_filter, verdict
from commentsvc.core.job_kinds import LearnImportedJob, TeachSpamServiceJob
from commentsvc.core.policy import Policy
from commentsvc.core.rule_kinds import RuleInput
from commentsvc.core.spam_filter import WordCounts
from commentsvc.core.status import Status
from commentsvc.core.verdict import Outside
from commentsvc.gateways.spam_question import SpamQuestion
from commentsvc.gateways.spam_service import SpamService
from commentsvc.store import comments, decisions, jobs, spam_words, threads
from commentsvc.store.comments import Comment
from commentsvc.store.sites import Site
from commentsvc.store.transactions import end_read_transaction, retried, write

HAM, SPAM = "ham", "spam"
_COUNTS = {Status.APPROVED: HAM, Status.SPAM: SPAM}  # a rejected comment is neither
FOLLOWER = "learning"
BATCH = 100  # comments in one transaction, so that posts do not wait long for it
# Ids are assigned before their transactions commit: every id below that of a decision of this age is committed.
SETTLED = timedelta(seconds=20)


def opinion(site: Site, policy: Policy, submission: RuleInput) -> tuple[float | None, tuple[str, ...]]:
    """The spam score of a comment (0 to 1) and its strongest words; None while the filter has learnt too little."""
    if not policy.spam_filter:
        return None, ()
    total = spam_words.total(site)
    if min(total.ham, total.spam) < spam_filter.LEARNT_MIN:
        return None, ()
    features = spam_filter.features(submission)
    found = spam_filter.opinion(features, spam_words.seen(site, features), total)
    return (round(found.score, 4), found.words) if found else (None, ())


@retried
def follow(now: datetime) -> int:
    """Learn from the next decisions of moderators; returns how many.

    Each comment counts by its current status, so that learning twice, or from a decision that was undone since, leaves
    the counts right.
    """
    has_more = bool(decisions.after(spam_words.position(FOLLOWER), now - SETTLED, 1))
    end_read_transaction()
    if not has_more:  # the usual case: then no write transaction makes others wait
        return 0

    with write():
        follower = spam_words.follower(FOLLOWER)
        made = decisions.after(follower.decision_id, now - SETTLED, BATCH)
        if made:
            _count(_locked({d.comment_id for d in made}), now)
            follower.decision_id = made[-1].id
            follower.moved_at = now
        return len(made)


@retried
def start_imported(site: Site, now: datetime) -> None:
    with write():
        jobs.add(LearnImportedJob(site.id, 0), now)


@retried
def learn_imported(site_id: int, after_id: int, now: datetime) -> None:
    """Learn from the next BATCH comments that were imported with their status; queues the batch after it."""
    with write():
        ids = [comment.id for comment in comments.imported_after(site_id, after_id, BATCH)]
        _count([comment for comment in _locked(ids) if not comment.learnt], now)
        if ids:
            jobs.add(LearnImportedJob(site_id, ids[-1]), now)


def teach(comment_id: int, is_spam: bool, service: SpamService) -> None:
    """Report a moderator's decision to the spam service; raises OSError when another try may succeed."""
    comment = comments.by_id(comment_id)
    blog = comment.site.main_origin
    asked = asked_of(comment.submission, blog, comment.page_url or comment.thread.url, comment.parent_id is not None)
    end_read_transaction()  # no network call inside a transaction
    service.teach(asked, is_spam)


def asked_of(submission: RuleInput, blog: str, page: str, is_reply: bool) -> SpamQuestion:
    """The question to the spam service about a comment."""
    return SpamQuestion(
        blog=blog,
        permalink=page,
        user_ip=submission.ip,
        user_agent=submission.user_agent,
        comment_type="reply" if is_reply else "comment",
        comment_author=submission.name,
        comment_author_email=submission.email,
        comment_author_url=submission.website,
        comment_content=submission.source,
    )


def forget(comment: Comment) -> None:
    """Remove a comment from the counts, before its text changes; the caller commits."""
    _add([(comment, -1, comment.learnt)] if comment.learnt else [])
    comment.learnt = None


@contextmanager
def learnt_anew(found: Sequence[Comment]) -> Iterator[None]:
    """Keep the counts right while the block changes texts or authors of comments.

    Comments with an empty text afterwards no longer count. The caller has locked the comments, and commits.
    """
    learnt = [comment for comment in found if comment.learnt]
    _add([(comment, -1, comment.learnt or "") for comment in learnt])
    yield
    for comment in learnt:
        comment.learnt = comment.learnt if comment.source else None
    _add([(comment, 1, comment.learnt) for comment in learnt if comment.learnt])


def _locked(comment_ids: Collection[int]) -> list[Comment]:
    """The comments, with their threads locked first, so that no text changes while its words are counted."""
    threads.lock(comments.thread_ids_of(comment_ids))
    return comments.of_ids(comment_ids)


def _count(found: Iterable[Comment], now: datetime) -> None:
    """Count each comment by its status, and queue a report where the spam service was wrong."""
    changes: list[tuple[Comment, int, str]] = []
    for comment in found:
        counts_as = _COUNTS.get(Status(comment.status)) if comment.site.policy.spam_filter else comment.learnt
        if counts_as != comment.learnt:
            changes += [(comment, -1, comment.learnt)] if comment.learnt else []
            changes += [(comment, 1, counts_as)] if counts_as else []
            comment.learnt = counts_as
        if _was_wrong(comment):
            jobs.add(TeachSpamServiceJob(comment.id, comment.status == Status.SPAM), now)
    _add(changes)


def _add(changes: Iterable[tuple[Comment, int, str]]) -> None:
    words: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    totals: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for comment, by, sort in changes:
        totals[comment.site_id][sort == SPAM] += by
        for word in spam_filter.features(comment.submission):
            words[comment.site_id][word][sort == SPAM] += by
    for site_id in sorted(totals):
        spam_words.learn(
            site_id, WordCounts(*totals[site_id]), {w: WordCounts(*both) for w, both in words[site_id].items()}
        )


def _was_wrong(comment: Comment) -> bool:
    """Whether the spam service answered one thing about this comment and a moderator decided the other."""
    answer = verdict.facts(comment.facts).moment.outside
    if comment.status == Status.SPAM:
        return answer is Outside.HAM
    return comment.status == Status.APPROVED and answer in (Outside.SPAM, Outside.BLATANT)

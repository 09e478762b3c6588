"""Follows the moderators' decisions: teaches the spam filter by them, and queues what a spam service got wrong."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from commentsvc.core import spam_filter, verdict
from commentsvc.core.policy import Policy
from commentsvc.core.rule_kinds import RuleInput
from commentsvc.core.spam_filter import WordCounts
from commentsvc.core.status import Status
from commentsvc.core.verdict import Outside
from commentsvc.gateways.spam_question import SpamQuestion
from commentsvc.gateways.spam_service import SpamService
from commentsvc.store import comments, decisions, jobs, spam_words, threads
from commentsvc.store.comments import Comment
from commentsvc.store.db import begin_write, db, retried
from commentsvc.store.sites import Site

HAM, SPAM = "ham", "spam"
_COUNTS = {Status.APPROVED: HAM, Status.SPAM: SPAM}  # rejected is not spam, and says nothing
FOLLOWER = "learning"
BATCH = 100  # comments at once: a transaction that posting can wait for
# A decision's number is given before it is committed: the numbers before one that is so old are all there.
SETTLED = timedelta(seconds=20)


def opinion(site: Site, policy: Policy, submission: RuleInput) -> tuple[float | None, tuple[str, ...]]:
    """What the site's filter thinks of a comment: how like spam it is, and by which words; None before it knows."""
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
    """Learn from the next decisions of moderators; gives how many were looked at.

    Each comment is counted as what its newest decision made of it, so that learning twice, or from a decision that
    was undone since, leaves the counts right.
    """
    has_more = bool(decisions.after(spam_words.position(FOLLOWER), now - SETTLED, 1))
    db.session.rollback()
    if not has_more:  # as it is nearly always; then nobody has to wait for our lock
        return 0

    begin_write()
    follower = spam_words.follower(FOLLOWER)
    made = decisions.after(follower.decision_id, now - SETTLED, BATCH)
    if not made:
        db.session.rollback()
        return 0

    _count(_locked({d.comment_id for d in made}), now)
    follower.decision_id = made[-1].id
    follower.moved_at = now
    db.session.commit()
    return len(made)


@retried
def start_imported(site: Site, now: datetime) -> None:
    begin_write()
    jobs.add("learn", {"site_id": site.id, "after_id": 0}, now)
    db.session.commit()


@retried
def learn_imported(site_id: int, after_id: int, now: datetime) -> None:
    """Learn from comments that were decided on elsewhere, before they were brought in here; goes on by itself."""
    begin_write()
    ids = [comment.id for comment in comments.imported_after(site_id, after_id, BATCH)]

    _count([comment for comment in _locked(ids) if not comment.learnt], now)
    if ids:
        jobs.add("learn", {"site_id": site_id, "after_id": ids[-1]}, now)
    db.session.commit()


def teach(comment_id: int, is_spam: bool, service: SpamService) -> None:
    """Tell the spam service what a moderator decided; raises OSError when that failed and is worth another try."""
    comment = comments.by_id(comment_id)
    blog = comment.site.origins[0].origin if comment.site.origins else ""
    asked = asked_of(comment.submission, blog, comment.page_url or comment.thread.url, comment.parent_id is not None)
    db.session.rollback()
    service.teach(asked, is_spam)


def asked_of(submission: RuleInput, blog: str, page: str, is_reply: bool) -> SpamQuestion:
    """The comment as the spam service is asked about it."""
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
    """Take back what was learnt from a comment, before its text changes; the caller commits."""
    _add([(comment, -1, comment.learnt)] if comment.learnt else [])
    comment.learnt = None


@contextmanager
def learnt_anew(found: Sequence[Comment]) -> Iterator[None]:
    """Around a change of what comments say or by whom: what was learnt from each is counted as it is afterwards.

    Nothing stays learnt of a text that is emptied. The caller has locked the comments, and commits.
    """
    learnt = [comment for comment in found if comment.learnt]
    _add([(comment, -1, comment.learnt or "") for comment in learnt])
    yield
    for comment in learnt:
        comment.learnt = comment.learnt if comment.source else None
    _add([(comment, 1, comment.learnt) for comment in learnt if comment.learnt])


def _locked(comment_ids: Collection[int]) -> list[Comment]:
    """The comments, with their threads locked first: nobody changes a text while we count its words."""
    threads.lock(comments.thread_ids_of(comment_ids))
    return comments.of_ids(comment_ids)


def _count(found: Iterable[Comment], now: datetime) -> None:
    """Bring what the filter has counted each comment as in line with its status."""
    changes: list[tuple[Comment, int, str]] = []
    for comment in found:
        counts_as = _COUNTS.get(Status(comment.status)) if comment.site.policy.spam_filter else comment.learnt
        if counts_as != comment.learnt:
            changes += [(comment, -1, comment.learnt)] if comment.learnt else []
            changes += [(comment, 1, counts_as)] if counts_as else []
            comment.learnt = counts_as
        if _was_wrong(comment):
            jobs.add("teach", {"comment_id": comment.id, "is_spam": comment.status == Status.SPAM}, now)
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
    """Whether a spam service was asked about this comment and a moderator decided otherwise."""
    answer = verdict.facts(comment.facts).moment.outside
    if comment.status == Status.SPAM:
        return answer is Outside.HAM
    return comment.status == Status.APPROVED and answer in (Outside.SPAM, Outside.BLATANT)

"""Measures what a verdict rests on besides the text: the author's record, and what else is coming in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from commentsvc.core import similarity, verdict
from commentsvc.core.networks import NetworkScope, network_of
from commentsvc.core.policy import Mode, Policy
from commentsvc.core.rule_kinds import RuleInput
from commentsvc.core.verdict import Moment, Record, SanctionEffect
from commentsvc.services import spam_training
from commentsvc.store import signals as stored_signals
from commentsvc.store.authors import Author
from commentsvc.store.comments import Comment
from commentsvc.store.sites import Site
from commentsvc.store.threads import Thread

PACE = timedelta(seconds=verdict.PACE_S)
COPIES_WITHIN = timedelta(days=7)
COPIES_MAX = 20  # looked at by each number of the sketch
ALIKE = 0.7  # which part of two texts' groups of words both must have
# Comments of strangers within PACE_S that one network may post on a site, each for its proof of work. A school class
# of thirty, each writing three times, stays below; see docs/spam.md.
HOUSEHOLD_MAX = 100
NEIGHBOURHOOD_MAX = 200


@dataclass(frozen=True)
class RecentPosts:
    """Recent posts: times of the author's, times and addresses of the network's; newest first, up to a limit."""

    of_author: Sequence[datetime] = ()
    of_network: Sequence[tuple[datetime, str]] = ()
    is_measured: bool = False

    @property
    def last_at(self) -> datetime | None:
        """The time of the author's last post."""
        return max(self.of_author, default=None)

    def wait_of_network(self, ip: str, now: datetime) -> timedelta:
        """The time until this network may post again; zero when it may now."""
        household = network_of(ip, NetworkScope.HOUSEHOLD)
        near = [at for at, other in self.of_network if network_of(other, NetworkScope.HOUSEHOLD) == household]
        counted = ((near, HOUSEHOLD_MAX), ([at for at, _ in self.of_network], NEIGHBOURHOOD_MAX))
        ends = [times[most - 1] + PACE for times, most in counted if len(times) >= most]
        return max((end - now for end in ends), default=timedelta())


def record(author: Author, is_moderator: bool, standing: SanctionEffect, now: datetime) -> Record:
    since = author.account.created_at if author.account else author.first_seen_at
    lately = now - timedelta(days=verdict.REFUSALS_DAYS)
    refused_lately = stored_signals.count_refused(author.id, lately, 100) if author.refused and not is_moderator else 0
    return Record(
        approved=author.approved,
        pending=author.pending,
        refused=author.refused,
        is_moderator=is_moderator,
        refused_lately=refused_lately,
        age_days=round(max(0.0, (now - since).total_seconds()) / 86400, 2),
        standing=standing,
    )


def recent_posts(site: Site, author: Author, ip: str, now: datetime) -> RecentPosts:
    """Recent comments of the author and their network, within PACE_S or the minimum interval if that is longer."""
    policy = site.policy
    since = now - max(PACE, timedelta(seconds=policy.min_interval_s))
    most_of_network = max(policy.pace_network, policy.challenge_after, NEIGHBOURHOOD_MAX)
    return RecentPosts(
        stored_signals.times_by_author(author.id, since, now, max(policy.pace_author, 1)),
        stored_signals.times_from_network(
            site, network_of(ip, NetworkScope.NEIGHBOURHOOD), since, now, most_of_network
        ),
        is_measured=True,
    )


def is_flood(site: Site, now: datetime) -> bool:
    """Whether more comes in on the whole site than its owner thinks possible."""
    policy = site.policy
    if not policy.pace_site or policy.mode is Mode.ALL:
        return False
    return stored_signals.is_busy(Comment.site_id == site.id, now - PACE, now, policy.pace_site)


def moment(
    site: Site,
    thread: Thread,
    policy: Policy,
    submission: RuleInput,
    shingles: frozenset[str],
    lately: RecentPosts,
    now: datetime,
) -> Moment:
    """Measure only what can matter: nothing in the mode `off`."""
    if policy.mode is Mode.OFF:
        return Moment()
    since = now - PACE
    most = policy.pace_thread
    is_busy = (
        lately.is_measured and most > 0 and stored_signals.is_busy(Comment.thread_id == thread.id, since, now, most)
    )
    score, words = spam_training.opinion(site, policy, submission)
    return Moment(
        author_lately=sum(at > since for at in lately.of_author),
        network_lately=sum(at > since for at, _ in lately.of_network),
        thread_lately=most if is_busy else 0,
        is_flood=bool(policy.flood_from),
        copies=_copies(site, shingles, now) if policy.copies_held else 0,
        spam_score=score,
        spam_words=words,
    )


def _copies(site: Site, shingles: frozenset[str], now: datetime) -> int:
    sketch = similarity.sketch(shingles)
    if sketch is None:
        return 0
    others = stored_signals.sources_like_sketch(site, sketch, now - COPIES_WITHIN, COPIES_MAX)
    return sum(similarity.likeness(shingles, similarity.shingles(other)) >= ALIKE for other in others)

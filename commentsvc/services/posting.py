"""Posts a comment: checks it, has it judged, and writes it with everything that follows from it, in one commit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeAlias

from commentsvc.core import phrases
from commentsvc.core.errors import CommentError, Invalid
from commentsvc.core.policy import Mode, Policy
from commentsvc.core.rule_kinds import RuleInput
from commentsvc.core.status import Status
from commentsvc.core.verdict import Outside
from commentsvc.gateways.spam_service import NO_SPAM_SERVICE, SpamService
from commentsvc.page_cache.concurrency import release_while_waiting
from commentsvc.services import address_checks as address_checks_service
from commentsvc.services import admission, mail_queue, signals, spam_training, transitions, verdict
from commentsvc.services.admission import AddressTaken
from commentsvc.services.decision_log import rendered, role_of
from commentsvc.services.submissions import Draft, Pending, Posted, Submission
from commentsvc.services.transitions import JudgedComment
from commentsvc.services.verdict import Judged
from commentsvc.store import address_checks as stored_address_checks
from commentsvc.store import audit_log, comments, idempotency, search_index, sites
from commentsvc.store import threads as stored_threads
from commentsvc.store.audit_log import ActorKind
from commentsvc.store.authors import Writer
from commentsvc.store.sites import Site
from commentsvc.store.transactions import end_read_transaction, retried, write

Outcome: TypeAlias = Posted | CommentError
# Writes one submission and gives its outcome: by itself, or together with others (services/group_commit.py).
WriteOne: TypeAlias = Callable[[Pending], Outcome]


def write_alone(pending: Pending) -> Outcome:
    """Write one submission in a transaction of its own."""
    (outcome,) = write_all([pending])
    return outcome


def post(
    site: Site,
    submission: Submission,
    secret: str,
    now: datetime,
    spam_service: SpamService = NO_SPAM_SERVICE,
    write_one: WriteOne = write_alone,
) -> Posted:
    """Post a comment; gives its status and, when it is held, the reason for its author.

    Raises Invalid, NotAllowed (closed), Sanctioned, Conflict (duplicate), TooMany, Challenged or Nudged; then nothing
    is kept. With an idempotency key the same request again gets the first answer, and never makes a second comment.
    """
    pending = _prepared(site, submission, secret, now, spam_service)
    is_guest_with_address = pending.writer.account_id is None and bool(pending.draft.email) and pending.is_limited
    if is_guest_with_address and not stored_address_checks.may_be_told(pending.writer.ip, now):
        pending = pending.awaiting_address()
    end_read_transaction()

    outcome = write_one(pending)
    # Tell only a few guests of each network that an address belongs to an account: more could probe for addresses.
    is_told = isinstance(outcome, AddressTaken) and is_guest_with_address
    if is_told and not admission.note_taken_address(pending.writer.ip, now):
        outcome = write_one(pending.awaiting_address())
    if isinstance(outcome, AddressTaken):
        raise Invalid(*outcome.problems[0])
    if isinstance(outcome, CommentError):
        raise outcome
    return outcome


def _prepared(site: Site, submission: Submission, secret: str, now: datetime, spam_service: SpamService) -> Pending:
    """Render the comment and ask the external spam service, before any transaction is open."""
    draft, sender = submission.draft, submission.sender
    html = rendered(draft.source)
    rule_input = submission.rule_input(html)
    account, role = sender.account, role_of(site, sender.account)
    return Pending(
        site_id=site.id,
        draft=draft,
        form=submission.form,
        html=html,
        rule_input=rule_input,
        writer=Writer(account.id if account else None, draft.name, draft.email, sender.ip),
        role=role,
        provider=sender.provider,
        picture=account.picture if account else None,
        language=sender.language,
        is_limited=sender.limited,
        key_hash=submission.key_hash(secret),
        secret=secret,
        now=now,
        # Last: it ends the read transaction, after which rows of this session would be loaded again.
        spam_answer=_spam_answer(site, draft, rule_input, role is not None, spam_service),
    )


def _spam_answer(
    site: Site, draft: Draft, rule_input: RuleInput, is_moderator: bool, spam_service: SpamService
) -> Outside:
    """The spam service's answer, asked outside of any transaction: no lock is held while waiting for the network."""
    policy = site.policy
    if not spam_service.is_there or not policy.external_spam_check or policy.mode is Mode.OFF or is_moderator:
        return Outside.NOT_ASKED
    question = spam_training.asked_of(rule_input, site.main_origin, draft.url, draft.parent_id is not None)
    end_read_transaction()
    with release_while_waiting():
        return spam_service.ask(question)


class _SomeRefused(Exception):
    """Rolls a transaction back in which some submissions were refused."""

    def __init__(self, judged: Sequence[Judged | Outcome]) -> None:
        self.judged = judged


@retried
def write_all(submissions: Sequence[Pending]) -> list[Outcome]:
    """Judge submissions to one site and write them, all in one transaction; one outcome each, in their order.

    Nothing of a refused one is kept: the others are judged again as if it had not come. Two requests with one
    idempotency key on two pages hold different locks. The second one fails when it keeps its answer; tried again, it
    finds the answer of the first.
    """
    try:
        with write(keep_loaded=True):
            sites.hold_posting(submissions[0].site_id)
            site = sites.by_id(submissions[0].site_id)
            _hold_all_in_a_flood(site, submissions)
            judged = verdict.judge_all(site, submissions)
            if any(isinstance(one, CommentError) for one in judged):
                raise _SomeRefused(judged)
            _write_comments(site, [one for one in judged if isinstance(one, Judged)])
    except _SomeRefused as refused:
        pairs = zip(submissions, refused.judged, strict=True)
        allowed = [submission for submission, one in pairs if not isinstance(one, CommentError)]
        outcomes = iter(write_all(allowed) if allowed else ())
        return [one if isinstance(one, CommentError) else next(outcomes) for one in refused.judged]
    return [one.posted if isinstance(one, Judged) else one for one in judged]


def _hold_all_in_a_flood(site: Site, submissions: Sequence[Pending]) -> None:
    """In a flood, set the mode to `all` until a person changes it. The site is locked before the threads."""
    now = submissions[0].now
    if not any(one.is_rate_limited for one in submissions) or not signals.is_flood(site, now):
        return
    sites.lock(site)
    before: Policy = site.policy
    if before.mode is Mode.ALL:
        return
    sites.change_policy(site, {"mode": Mode.ALL, "flood_from": before.mode})
    was, now_is = {"mode": before.mode, "flood_from": ""}, {"mode": Mode.ALL, "flood_from": before.mode}
    audit_log.add("setting", now, site=site, by=ActorKind.SYSTEM, subject="flood", before=was, after=now_is)


def _write_comments(site: Site, judged: Sequence[Judged]) -> None:
    """Write the comments with everything that follows from them."""
    if not judged:
        return
    new = [one.comment for one in judged]
    for comment in new:
        if comment.status == Status.APPROVED:
            stored_threads.describe(comment.thread, comment.page_title or "", comment.page_url or "")
    comments.add_all(new)
    search_index.keep(new)
    now = max(one.pending.now for one in judged)
    transitions.apply_verdicts(
        [JudgedComment(one.comment, None, one.verdict, one.settings_version) for one in judged], now
    )
    answers = [_stored_response(one, one.pending.key_hash) for one in judged if one.pending.key_hash]
    idempotency.add_all(site, answers, now)
    # Sorted by address: two transactions that lock rows of subscriptions must lock them in the same order.
    for one in sorted(judged, key=lambda one: one.pending.draft.email):
        _queue_notifications(one)


def _queue_notifications(one: Judged) -> None:
    pending, comment = one.pending, one.comment
    mail_queue.add_pending_notice(comment, pending.now)
    if pending.awaits_address:
        if one.verdict.status is Status.PENDING:
            address_checks_service.ask(comment, pending.language, pending.secret, pending.now)
        return
    may_be_published = one.verdict.status in (Status.APPROVED, Status.PENDING)
    if comment.notify and pending.writer.account_id is None and may_be_published:
        mail_queue.ask_about_replies(comment, pending.language, pending.now)


def _stored_response(one: Judged, key_hash: bytes) -> idempotency.NewResponse:
    """The stored response for retries under this key."""
    status, reason = one.posted.status, one.posted.reason
    answer = {"status": status, "reason": None if reason is None else phrases.to_json(reason)}
    return idempotency.NewResponse(key_hash, one.pending.draft.request_hash, one.comment.id, answer)

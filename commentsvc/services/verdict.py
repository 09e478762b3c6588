"""Checks a submission and judges it, inside the write transaction: gives the comment with its verdict."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from commentsvc.core import phrases, sanitizer, similarity
from commentsvc.core import verdict as core_verdict
from commentsvc.core.errors import CommentError, Conflict, Invalid, NotSignedIn
from commentsvc.core.phrases import phrase
from commentsvc.core.status import Status
from commentsvc.core.verdict import Facts, Reason, Record, SanctionEffect, Verdict
from commentsvc.services import address_checks as address_checks_service
from commentsvc.services import admission, rules
from commentsvc.services import names as names_service
from commentsvc.services import sanctions as sanctions_service
from commentsvc.services import signals as signals_service
from commentsvc.services.decision_log import message_to_author, reasons_json
from commentsvc.services.signals import RecentPosts
from commentsvc.services.submissions import Draft, Notify, Pending, Posted
from commentsvc.store import accounts as stored_accounts
from commentsvc.store import authors as stored_authors
from commentsvc.store import comments, idempotency
from commentsvc.store import sanctions as stored_sanctions
from commentsvc.store import signals as stored_signals
from commentsvc.store import threads as stored_threads
from commentsvc.store.authors import Author
from commentsvc.store.comments import Comment
from commentsvc.store.signals import DuplicateKey
from commentsvc.store.sites import Site
from commentsvc.store.threads import Thread


@dataclass(frozen=True)
class Lookups:
    """Rows that all submissions of one transaction need, each kind read by one query."""

    threads: Mapping[str, Thread]
    authors: Mapping[int | bytes, Author]
    answers: Mapping[bytes, idempotency.StoredResponse]
    account_addresses: Collection[str]  # those of the guests' addresses that belong to accounts
    protected_names: frozenset[str] | None  # of staff, as core.names compares them
    account_ids: Collection[int]  # of the writers' accounts, without those erased meanwhile
    has_sanctions: bool
    duplicates: Collection[DuplicateKey] = ()

    def duplicate_key(self, pending: Pending) -> DuplicateKey:
        thread, author = self.threads[pending.draft.thread_key], self.authors[pending.writer.key]
        return DuplicateKey(thread.id, pending.draft.parent_id, author.id, pending.draft.text_hash)


def _look_up(site: Site, submissions: Sequence[Pending]) -> Lookups:
    now = submissions[0].now
    account_ids = stored_accounts.held(
        one.writer.account_id for one in submissions if one.writer.account_id is not None
    )
    # The threads' locks make retries wait for each other, so that the second finds the answer of the first.
    threads = stored_threads.get_or_add_all(site, [one.draft.thread_key for one in submissions], now)
    guest_addresses = {one.draft.email for one in submissions if one.writer.account_id is None} - {""}
    lookups = Lookups(
        threads=threads,
        authors=stored_authors.get_or_add_authors(site, [one.writer for one in submissions], now),
        answers=idempotency.find_all(site, [one.key_hash for one in submissions if one.key_hash]),
        account_addresses=stored_accounts.taken_addresses(guest_addresses),
        protected_names=None if all(one.is_moderator for one in submissions) else names_service.protected(site),
        account_ids=account_ids,
        has_sanctions=stored_sanctions.is_any([site.id]),
    )
    return replace(lookups, duplicates=stored_signals.duplicates([lookups.duplicate_key(one) for one in submissions]))


@dataclass(frozen=True)
class Judged:
    """A comment with its verdict, before it is written."""

    pending: Pending
    comment: Comment
    verdict: Verdict
    settings_version: str

    @property
    def posted(self) -> Posted:
        return message_to_author(self.comment, self.verdict)


def judge_all(site: Site, submissions: Sequence[Pending]) -> list[Judged | Posted | CommentError]:
    lookups = _look_up(site, submissions)
    judged: list[Judged | Posted | CommentError] = []
    for pending in submissions:
        try:
            judged.append(_judge(site, pending, lookups))
        except CommentError as error:
            judged.append(error)
    return judged


def _judge(site: Site, pending: Pending, lookups: Lookups) -> Judged | Posted:
    """Check a submission and judge it; raises what post() raises."""
    draft, writer, now = pending.draft, pending.writer, pending.now
    thread, author = lookups.threads[draft.thread_key], lookups.authors[writer.key]
    if pending.key_hash and (earlier := lookups.answers.get(pending.key_hash)):
        return _first_answer(earlier, draft)

    if writer.account_id is None:
        is_taken = draft.email in lookups.account_addresses and not pending.awaits_address
        admission.check_guest(site, is_taken)
    elif writer.account_id not in lookups.account_ids:
        raise NotSignedIn(phrase("Your account was deleted."))
    effect = SanctionEffect.NONE
    if not pending.is_moderator:
        admission.check_name(draft.name, writer.account_id is not None, lookups.protected_names or frozenset())
        if lookups.has_sanctions:
            effect = sanctions_service.standing(site, writer.account_id, draft.email, writer.ip, now, author.id)
    parent = admission.find_parent(site, thread, author, draft.parent_id, now)
    if lookups.duplicate_key(pending) in lookups.duplicates:
        raise Conflict(phrase("You've already posted this."), "duplicate")
    record = signals_service.record(author, pending.is_moderator, effect, now)
    recent, must_wait = _check_rates(site, pending, author, record)

    policy = core_verdict.in_thread(site.policy, thread.mode)
    rulebook = rules.rulebook(site)
    shingles = frozenset() if pending.is_moderator else similarity.shingles(draft.source)
    moment = replace(
        signals_service.moment(site, thread, policy, pending.rule_input, shingles, recent, now),
        is_trapped=pending.form.is_trapped,
        elapsed_ms=pending.form.elapsed_ms if pending.is_limited else None,
        outside=pending.spam_answer,
    )
    verdict = core_verdict.judge(pending.rule_input, policy, rulebook.rules, record, moment)
    if policy.warn_before_hold and not pending.form.send_anyway:
        admission.warn_before_hold(verdict, rulebook)
    if pending.awaits_address:
        must_wait = [*must_wait, address_checks_service.REASON]
    if must_wait:
        verdict = core_verdict.still_held(verdict, must_wait)
    comment = _new_comment(site, thread, author, parent, pending, verdict, Facts(record, moment), shingles)
    return Judged(pending, comment, verdict, core_verdict.version(policy, rulebook.digest))


def _check_rates(site: Site, pending: Pending, author: Author, record: Record) -> tuple[RecentPosts, Sequence[Reason]]:
    """Recent posts of this author and network, and reasons to hold this comment; raises TooMany above the limits."""
    if not pending.is_rate_limited:
        return RecentPosts(), ()
    recent = signals_service.recent_posts(site, author, pending.writer.ip, pending.now)
    admission.check_pace(site, recent, pending.now)
    if record.approved:
        return recent, ()
    return recent, admission.check_network(site, recent, pending.writer.ip, pending.form, pending.secret, pending.now)


def _new_comment(
    site: Site,
    thread: Thread,
    author: Author,
    parent: Comment | None,
    pending: Pending,
    verdict: Verdict,
    facts: Facts,
    shingles: frozenset[str],
) -> Comment:
    draft = pending.draft
    sketch = similarity.sketch(shingles)
    comment = Comment(
        site_id=site.id,
        thread_id=thread.id,
        parent_id=parent.id if parent else None,
        root_id=(parent.root_id or parent.id) if parent else None,
        depth=parent.depth + 1 if parent else 0,
        author_id=author.id,
        author_name=draft.name,
        author_email=draft.email or None,
        author_website=draft.website,
        author_role=pending.role,
        author_provider=pending.provider,
        author_picture=pending.picture,
        ip=pending.writer.ip,
        user_agent=pending.rule_input.user_agent,
        network=pending.network,
        page_title=draft.title,
        page_url=draft.url,
        source=draft.source,
        html=pending.html,
        renderer=sanitizer.RENDERER,
        text_hash=draft.text_hash,
        status=verdict.status,
        is_visible_in_tree=verdict.status is Status.APPROVED,
        reasons=reasons_json(verdict),
        facts=core_verdict.facts_json(facts),
        is_shadowed=facts.record.standing is SanctionEffect.SHADOWED,
        spam_score=facts.moment.spam_score,
        sketch_1=sketch[0] if sketch else None,
        sketch_2=sketch[1] if sketch else None,
        notify=draft.notify is Notify.REPLIES,
        created_at=pending.now,
    )
    comments.place(comment, site, thread)
    return comment


def _first_answer(earlier: idempotency.StoredResponse, draft: Draft) -> Posted:
    if earlier.request_hash != draft.request_hash or earlier.comment_id is None:
        sentence = phrase("This Idempotency-Key was used for another comment; send a new one.")
        raise Invalid("Idempotency-Key", sentence)
    (comment,) = comments.of_ids_with_thread([earlier.comment_id])
    reason = earlier.answer["reason"]
    if isinstance(reason, dict):  # answers stored before sentences kept their templates have only the English
        reason = phrases.from_json(reason)
    return Posted(comment, Status(earlier.answer["status"]), reason)

"""Takes a comment in: checks it against its thread, has it judged, keeps it with what must follow, in one commit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from weakref import WeakKeyDictionary

from sqlalchemy import Engine

from commentsvc.core import phrases, sanitizer, similarity, tokens
from commentsvc.core import verdict as core_verdict
from commentsvc.core.errors import CommentError, Conflict, Invalid, NotSignedIn
from commentsvc.core.phrases import phrase
from commentsvc.core.policy import Mode, Policy
from commentsvc.core.rule_kinds import RuleInput
from commentsvc.core.status import Status
from commentsvc.core.verdict import Facts, Outside, Reason, SanctionEffect, Verdict
from commentsvc.gateways.spam_service import SpamService
from commentsvc.page_cache.concurrency import release_while_waiting
from commentsvc.services import address_checks as address_checks_service
from commentsvc.services import names as names_service
from commentsvc.services import rules, signals, spam_training, thread_pages
from commentsvc.services import sanctions as sanctions_service
from commentsvc.services.admission import (
    AddressTaken,
    check_guest,
    check_name,
    check_network,
    check_pace,
    find_parent,
    note_taken_address,
    warn_before_hold,
)
from commentsvc.services.decision_log import log_verdict, message_to_author, reasons_json, rendered, role_of
from commentsvc.services.group_commit import GroupCommitQueue
from commentsvc.services.signals import RecentPosts
from commentsvc.services.submissions import AS_USUAL, NOBODY, Draft, Entry, Form, Known, Posted, Sender, text_hash
from commentsvc.store import accounts as stored_accounts
from commentsvc.store import address_checks as stored_address_checks
from commentsvc.store import (
    audit_log,
    comments,
    digest_settings,
    idempotency,
    search_index,
    sites,
    subscriptions,
    threads,
)
from commentsvc.store import authors as stored_authors
from commentsvc.store import sanctions as stored_sanctions
from commentsvc.store.audit_log import ActorKind
from commentsvc.store.authors import Writer
from commentsvc.store.comments import Comment
from commentsvc.store.db import begin_write, commit_and_keep, db, end_read_transaction, retried
from commentsvc.store.sites import Site


def post(
    site: Site,
    draft: Draft,
    sender: Sender,
    idempotency_key: str | None,
    secret: str,
    now: datetime,
    form: Form = AS_USUAL,
    spam_service: SpamService = NOBODY,
) -> Posted:
    """Take the comment in and say what became of it.

    Raises Invalid, NotAllowed (closed), Sanctioned, Conflict (duplicate), TooMany, Challenged or Nudged; then nothing
    is kept. With an idempotency key the same request again gets the first answer, and never makes a second comment.
    """
    html = rendered(draft.source)
    submission = _submission(draft, html, sender)
    account = sender.account
    entry = Entry(
        site_id=site.id,
        draft=draft,
        html=html,
        submission=submission,
        writer=Writer(account.id if account else None, draft.name, draft.email, sender.ip),
        role=role_of(site, account),
        provider=sender.provider,
        picture=account.picture if account else None,
        user_agent=sender.user_agent,
        language=sender.language,
        is_limited=sender.limited,
        form=form,
        outside=_outside_answer(site, draft, submission, sender, spam_service),
        key_hash=_key_hash(secret, idempotency_key, draft, sender) if idempotency_key else None,
        secret=secret,
        now=now,
    )
    is_checked = account is None and bool(draft.email) and sender.limited
    if is_checked and not stored_address_checks.may_be_told(sender.ip, now):
        entry = entry.awaiting_address()
    end_read_transaction()
    lane = _lanes.setdefault(db.engine, GroupCommitQueue(_take_in, _may_share))
    outcome = lane.run(entry)
    if isinstance(outcome, AddressTaken) and is_checked and not note_taken_address(sender.ip, now):
        outcome = lane.run(entry.awaiting_address())
    if isinstance(outcome, AddressTaken):
        raise Invalid(*outcome.problems[0])
    if isinstance(outcome, CommentError):
        raise outcome
    return outcome


_lanes: WeakKeyDictionary[Engine, GroupCommitQueue[Entry, Posted | CommentError]] = WeakKeyDictionary()


def _may_share(taken: Sequence[Entry], other: Entry) -> bool:
    """Whether the other changes nothing of what the checks look at for those taken already, nor they for it."""
    return all(
        one.site_id == other.site_id
        and one.writer.key != other.writer.key
        and not (one.is_limited and one.network == other.network)
        for one in taken
    )


def _take_in(entries: Sequence[Entry]) -> list[Posted | CommentError]:
    """What the lane does for all at once: the first entry is the leader's, and of its request's session."""
    outcomes = _take_in_on(entries[0].site_id, entries)
    for posted in outcomes[1:]:
        if isinstance(posted, Posted) and posted.comment in db.session:
            db.session.expunge(posted.comment)  # it goes to another request, and must not be read through this one
    return outcomes


@retried
def _take_in_on(site_id: int, entries: Sequence[Entry]) -> list[Posted | CommentError]:
    """Judge comments for one site and keep them, all in one transaction.

    Two requests with one idempotency key on two pages, at the same moment, hold different locks. The second one fails
    when it keeps its answer; tried again, it finds the answer of the first.
    """
    begin_write()
    sites.hold_posting(site_id)
    site = sites.by_id(site_id)
    _look_for_flood(site, entries)
    judged = _judge_all(site, entries)
    allowed = [entry for entry, one in zip(entries, judged, strict=True) if not isinstance(one, CommentError)]
    if len(allowed) < len(entries):
        db.session.rollback()  # nothing of a refused one is kept; the others are judged again as if it had not come
        again = iter(_take_in_on(site_id, allowed) if allowed else ())
        return [one if isinstance(one, CommentError) else next(again) for one in judged]
    kept = [one for one in judged if isinstance(one, Judged)]
    if kept:
        _keep_all(site, kept)
    commit_and_keep()
    return [one.posted if isinstance(one, Judged) else one for one in judged]


@dataclass(frozen=True)
class Judged:
    """A comment that is not kept yet, and what was found."""

    entry: Entry
    comment: Comment
    verdict: Verdict
    settings_version: str

    @property
    def posted(self) -> Posted:
        return message_to_author(self.comment, self.verdict)

    def answer(self, key_hash: bytes) -> idempotency.NewResponse:
        """What a retry under this key gets."""
        status, reason = self.posted.status, self.posted.reason
        answer = {"status": status, "reason": None if reason is None else phrases.to_json(reason)}
        return idempotency.NewResponse(key_hash, _request_hash(self.entry.draft), self.comment.id, answer)


def _judge_all(site: Site, entries: Sequence[Entry]) -> list[Judged | Posted | CommentError]:
    now = entries[0].now
    held = stored_accounts.held(entry.writer.account_id for entry in entries if entry.writer.account_id is not None)
    # The threads' locks make retries wait for each other, so that the second finds the answer of the first.
    known_threads = threads.get_or_add_all(site, [entry.draft.thread_key for entry in entries], now)
    guests = [entry for entry in entries if entry.writer.account_id is None]
    known = Known(
        threads=known_threads,
        authors=stored_authors.get_or_add_authors(site, [entry.writer for entry in entries], now),
        answers=idempotency.find_all(site, [entry.key_hash for entry in entries if entry.key_hash]),
        duplicates=(),
        addresses=stored_accounts.taken_addresses({entry.draft.email for entry in guests} - {""}),
        names=names_service.protected(site) if any(entry.is_stranger for entry in entries) else None,
        accounts=held,
        has_sanctions=stored_sanctions.is_any([site.id]),
    )
    known = replace(known, duplicates=comments.duplicates([known.said(entry) for entry in entries]))
    judged: list[Judged | Posted | CommentError] = []
    for entry in entries:
        try:
            judged.append(_judge(site, entry, known))
        except CommentError as error:
            judged.append(error)
    return judged


def _judge(site: Site, entry: Entry, known: Known) -> Judged | Posted:
    """What becomes of a comment, with all the checks in their order; raises what post() raises."""
    draft, writer, now = entry.draft, entry.writer, entry.now
    thread, author = known.threads[draft.thread_key], known.authors[writer.key]
    if entry.key_hash and (earlier := known.answers.get(entry.key_hash)):
        return _again(earlier, draft)
    if writer.account_id is None:
        check_guest(site, entry, known)
    elif writer.account_id not in known.accounts:
        raise NotSignedIn(phrase("Your account is erased."))
    if entry.is_stranger:
        check_name(entry, known)
    standing = SanctionEffect.NONE
    if entry.is_stranger and known.has_sanctions:
        standing = sanctions_service.standing(site, writer.account_id, draft.email, writer.ip, now, author.id)
    parent = find_parent(site, thread, author, draft, now)
    if known.said(entry) in known.duplicates:
        raise Conflict(phrase("You have said exactly this here already; no need to say it twice."), "duplicate")
    record = signals.record(author, not entry.is_stranger, standing, now)
    is_paced = entry.is_limited and entry.is_stranger
    pace = signals.recent_posts(site, author, writer.ip, now) if is_paced else RecentPosts()
    busy: Sequence[Reason] = ()
    if is_paced:
        check_pace(site, pace, now)
        if not record.approved:
            busy = check_network(site, pace, entry, now)

    policy = core_verdict.in_thread(site.policy, thread.mode)
    rulebook = rules.rulebook(site)
    shingles = similarity.shingles(draft.source) if entry.is_stranger else frozenset()
    moment = signals.moment(site, thread, policy, entry.submission, shingles, pace, now)
    elapsed_ms = entry.form.elapsed_ms if entry.is_limited else None
    moment = replace(moment, is_trapped=entry.form.is_trapped, elapsed_ms=elapsed_ms, outside=entry.outside)
    verdict = core_verdict.judge(entry.submission, policy, rulebook.rules, record, moment)
    if policy.warn_before_hold and not entry.form.send_anyway:
        warn_before_hold(verdict, rulebook)
    waits_for = [*busy, *([address_checks_service.REASON] if entry.awaits_address else ())]
    if waits_for:
        verdict = core_verdict.still_held(verdict, waits_for)
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
        author_role=entry.role,
        author_provider=entry.provider,
        author_picture=entry.picture,
        ip=writer.ip,
        user_agent=entry.user_agent,
        network=entry.network,
        page_title=draft.title,
        page_url=draft.url,
        source=draft.source,
        html=entry.html,
        renderer=sanitizer.RENDERER,
        text_hash=text_hash(draft.source),
        status=verdict.status,
        is_shown=verdict.status is Status.APPROVED,
        reasons=reasons_json(verdict),
        facts=core_verdict.facts_json(Facts(record, moment)),
        is_shadowed=standing is SanctionEffect.SHADOWED,
        spam_score=moment.spam_score,
        sketch_1=sketch[0] if sketch else None,
        sketch_2=sketch[1] if sketch else None,
        notify=draft.notify,
        created_at=now,
    )
    comments.place(comment, site, thread)
    return Judged(entry, comment, verdict, core_verdict.version(policy, rulebook.digest))


def _keep_all(site: Site, judged: Sequence[Judged]) -> None:
    """Write the comments with all that follows; the caller commits."""
    new = [one.comment for one in judged]
    for comment in new:
        if comment.status == Status.APPROVED:
            threads.describe(comment.thread, comment.page_title or "", comment.page_url or "")
    comments.add_all(new)
    search_index.keep(new)
    now = max(one.entry.now for one in judged)
    log_verdict([(one.comment, None, one.verdict, one.settings_version) for one in judged], now)
    thread_pages.moved([(one.comment, None) for one in judged])
    idempotency.add_all(site, [one.answer(one.entry.key_hash) for one in judged if one.entry.key_hash], now)
    for one in sorted(judged, key=lambda one: one.entry.draft.email):  # of subscriptions; always in one order
        entry, comment = one.entry, one.comment
        thread_pages.queue_reply_notifications([(comment, None)], entry.now)
        digest_settings.announce(comment, entry.now)
        is_kept_or_waits = one.verdict.status in (Status.APPROVED, Status.PENDING)
        if entry.awaits_address:
            if one.verdict.status is Status.PENDING:
                address_checks_service.ask(comment, entry.language, entry.secret, entry.now)
        elif comment.notify and entry.writer.account_id is None and is_kept_or_waits:
            subscriptions.ask(comment, entry.language, entry.now)


def _outside_answer(
    site: Site, draft: Draft, submission: RuleInput, sender: Sender, spam_service: SpamService
) -> Outside:
    """What the spam service says, asked outside of any transaction: nobody may wait for the network with a lock."""
    policy = site.policy
    is_moderator = role_of(site, sender.account) is not None
    if not spam_service.is_there or not policy.external_spam_check or policy.mode is Mode.OFF or is_moderator:
        return Outside.NOT_ASKED
    asked = spam_training.asked_of(
        submission, site.origins[0].origin if site.origins else "", draft.url, draft.parent_id is not None
    )
    end_read_transaction()
    with release_while_waiting():
        return spam_service.ask(asked)


def _submission(draft: Draft, html: str, sender: Sender) -> RuleInput:
    website = draft.website or ""
    return RuleInput(draft.source, html, draft.name, draft.email, website, sender.ip, sender.user_agent)


def _look_for_flood(site: Site, entries: Sequence[Entry]) -> None:
    """In a flood everything waits, until a person chooses the mode again. The site is locked before the threads."""
    now = entries[0].now
    if not any(entry.is_limited and entry.is_stranger for entry in entries) or not signals.is_flood(site, now):
        return
    sites.lock(site)
    before: Policy = site.policy
    if before.mode is Mode.ALL:
        return
    sites.change_policy(site, {"mode": Mode.ALL, "flood_from": before.mode})
    was, now_is = {"mode": before.mode, "flood_from": ""}, {"mode": Mode.ALL, "flood_from": before.mode}
    audit_log.add("setting", now, site=site, by=ActorKind.SYSTEM, subject="flood", before=was, after=now_is)


def _key_hash(secret: str, idempotency_key: str, draft: Draft, sender: Sender) -> bytes:
    who = f"account {sender.account.id}" if sender.account else f"guest {draft.email} {draft.name.casefold()}"
    return tokens.keyed(secret, "idempotency", idempotency_key, who)


def _request_hash(draft: Draft) -> bytes:
    return hashlib.sha256(json.dumps(vars(draft), sort_keys=True).encode()).digest()


def _used_for_another() -> Invalid:
    return Invalid("Idempotency-Key", phrase("This Idempotency-Key was used for another comment; send a new one."))


def _again(earlier: idempotency.StoredResponse, draft: Draft) -> Posted:
    if earlier.request_hash != _request_hash(draft) or earlier.comment_id is None:
        raise _used_for_another()
    (comment,) = comments.with_places([earlier.comment_id])
    reason = earlier.answer["reason"]
    if isinstance(reason, dict):  # an answer of before sentences kept their templates has only the English
        reason = phrases.from_json(reason)
    return Posted(comment, Status(earlier.answer["status"]), reason)

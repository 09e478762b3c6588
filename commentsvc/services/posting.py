"""Takes a comment in: checks it against its thread, has it judged, keeps it with what must follow, in one commit."""

from __future__ import annotations

import hashlib
import json
import math
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Engine

from commentsvc.core import challenge, judging, likeness, phrases, rule_kinds, text, tokens
from commentsvc.core import names as core_names
from commentsvc.core.errors import Challenged, CommentError, Conflict, Invalid, NotAllowed, NotSignedIn, Nudged, TooMany
from commentsvc.core.judging import Facts, Outside, Reason, Record, Standing, Verdict
from commentsvc.core.networks import Scope, network_of
from commentsvc.core.phrases import counted, phrase
from commentsvc.core.policy import Mode, Policy
from commentsvc.core.rule_kinds import Outcome, Submission
from commentsvc.core.status import Action, Status
from commentsvc.gateways.spam_service import NoService, SpamService
from commentsvc.services import confirmations, learning, measuring, names, publishing, ruling, sanctioning
from commentsvc.services.measuring import Pace
from commentsvc.services.sharing import Lane, outside
from commentsvc.store import (
    address_checks,
    answers,
    challenges,
    comments,
    decisions,
    journal,
    people,
    revisions,
    sanctions,
    sites,
    spoken,
    subscriptions,
    threads,
    watches,
    words,
)
from commentsvc.store.comments import Comment, Said
from commentsvc.store.db import begin_write, commit_and_keep, db, let_go, retried
from commentsvc.store.flags import HOLD_RULE
from commentsvc.store.people import Account, Author, Writer
from commentsvc.store.sites import Site
from commentsvc.store.threads import Thread


@dataclass(frozen=True)
class Draft:
    """A comment as its author sent it, already cleaned of what no field may hold."""

    thread_key: str
    url: str
    title: str
    parent_id: int | None
    source: str
    name: str
    email: str
    website: str | None
    notify: bool = False


@dataclass(frozen=True)
class Sender:
    """Who sends it; a guest has no account. `limited` is false where flood limits are switched off.

    `provider` is how somebody with an account signed in on the blog; `language` the one of ours that they read in.
    """

    account: Account | None
    ip: str
    user_agent: str
    limited: bool = True
    provider: str | None = None
    language: str | None = None


@dataclass(frozen=True)
class Form:
    """How it was sent; what the page does not say is None. `solution` is that of a challenge."""

    is_trapped: bool = False
    elapsed_ms: int | None = None
    solution: str | None = None
    send_anyway: bool = False
    can_work: bool = True  # false for a page without scripts, which can solve no challenge


@dataclass(frozen=True)
class Posted:
    """`status` and `reason` are those of the first answer, also when a retry gets it again."""

    comment: Comment
    status: Status
    reason: str | None


NOBODY = NoService()
AS_USUAL = Form()


@dataclass(frozen=True)
class Entry:
    """A comment ready to be taken in, and all that is known of it without the database's lock."""

    site_id: int
    draft: Draft
    html: str
    submission: Submission
    writer: Writer
    role: str | None
    provider: str | None
    picture: str | None
    user_agent: str
    language: str | None
    is_limited: bool
    form: Form
    outside: Outside
    key_hash: bytes | None
    secret: str
    now: datetime
    awaits_address: bool = False  # it waits for the holder of its e-mail address, whoever that is

    @property
    def is_stranger(self) -> bool:
        return self.role is None

    @cached_property
    def network(self) -> str:
        return network_of(self.writer.ip, Scope.NEIGHBOURHOOD)

    def awaiting_address(self) -> Entry:
        """The same, to wait for the holder of its address: until then it is nobody's who is known here."""
        return replace(self, awaits_address=True, writer=replace(self.writer, email=""))


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
    html = _rendered(draft.source)
    submission = _submission(draft, html, sender)
    account = sender.account
    entry = Entry(
        site_id=site.id,
        draft=draft,
        html=html,
        submission=submission,
        writer=Writer(account.id if account else None, draft.name, draft.email, sender.ip),
        role=_role(site, account),
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
    if is_checked and not address_checks.may_be_told(sender.ip, now):
        entry = entry.awaiting_address()
    let_go()
    lane = _lanes.setdefault(db.engine, Lane(_take_in, _may_share))
    outcome = lane.run(entry)
    if isinstance(outcome, AddressTaken) and is_checked and not _tell_taken(sender.ip, now):
        outcome = lane.run(entry.awaiting_address())
    if isinstance(outcome, AddressTaken):
        raise Invalid(*outcome.problems[0])
    if isinstance(outcome, CommentError):
        raise outcome
    return outcome


class AddressTaken(Invalid):
    """The guest's e-mail address belongs to an account; `post` decides whether they may be told so."""


@retried
def _tell_taken(ip: str, now: datetime) -> bool:
    """Count that a network is told of an account's address; False when it was told too often."""
    begin_write()
    may_be_told = address_checks.may_be_told(ip, now)
    if may_be_told:
        address_checks.note_told(ip, now)
    db.session.commit()
    return may_be_told


_lanes: WeakKeyDictionary[Engine, Lane[Entry, Posted | CommentError]] = WeakKeyDictionary()


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
        return _told(self.comment, self.verdict)

    def answer(self, key_hash: bytes) -> answers.Given:
        """What a retry under this key gets."""
        status, reason = self.posted.status, self.posted.reason
        answer = {"status": status, "reason": None if reason is None else phrases.to_json(reason)}
        return answers.Given(key_hash, _request_hash(self.entry.draft), self.comment.id, answer)


@dataclass(frozen=True)
class Known:
    """What is looked up once for all that are judged together."""

    threads: Mapping[str, Thread]
    authors: Mapping[int | bytes, Author]
    answers: Mapping[bytes, answers.Answer]
    duplicates: Collection[Said]
    addresses: Collection[str]  # of accounts, among those that guests gave
    names: frozenset[str] | None  # that are protected, as `core.names` compares them
    accounts: Collection[int]  # of those who write, but for the ones that were erased meanwhile
    has_sanctions: bool

    def said(self, entry: Entry) -> Said:
        thread, author = self.threads[entry.draft.thread_key], self.authors[entry.writer.key]
        return Said(thread.id, entry.draft.parent_id, author.id, _hash(entry.draft.source))


def _judge_all(site: Site, entries: Sequence[Entry]) -> list[Judged | Posted | CommentError]:
    now = entries[0].now
    held = people.held(entry.writer.account_id for entry in entries if entry.writer.account_id is not None)
    # The threads' locks make retries wait for each other, so that the second finds the answer of the first.
    known_threads = threads.get_or_add_all(site, [entry.draft.thread_key for entry in entries], now)
    guests = [entry for entry in entries if entry.writer.account_id is None]
    known = Known(
        threads=known_threads,
        authors=people.get_or_add_authors(site, [entry.writer for entry in entries], now),
        answers=answers.find_all(site, [entry.key_hash for entry in entries if entry.key_hash]),
        duplicates=(),
        addresses=people.taken_addresses({entry.draft.email for entry in guests} - {""}),
        names=names.protected(site) if any(entry.is_stranger for entry in entries) else None,
        accounts=held,
        has_sanctions=sanctions.is_any([site.id]),
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
        _check_guest(site, entry, known)
    elif writer.account_id not in known.accounts:
        raise NotSignedIn(phrase("Your account is erased."))
    if entry.is_stranger:
        _check_name(entry, known)
    standing = Standing.NONE
    if entry.is_stranger and known.has_sanctions:
        standing = sanctioning.standing(site, writer.account_id, draft.email, writer.ip, now, author.id)
    parent = _parent(site, thread, author, draft, now)
    if known.said(entry) in known.duplicates:
        raise Conflict(phrase("You have said exactly this here already; no need to say it twice."), "duplicate")
    record = measuring.record(author, not entry.is_stranger, standing, now)
    is_paced = entry.is_limited and entry.is_stranger
    pace = measuring.pace(site, author, writer.ip, now) if is_paced else Pace()
    busy: Sequence[Reason] = ()
    if is_paced:
        _check_pace(site, pace, now)
        if not record.approved:
            busy = _check_network(site, pace, entry, now)

    policy = judging.in_thread(site.policy, thread.mode)
    rulebook = ruling.rulebook(site)
    shingles = likeness.shingles(draft.source) if entry.is_stranger else frozenset()
    moment = measuring.moment(site, thread, policy, entry.submission, shingles, pace, now)
    elapsed_ms = entry.form.elapsed_ms if entry.is_limited else None
    moment = replace(moment, is_trapped=entry.form.is_trapped, elapsed_ms=elapsed_ms, outside=entry.outside)
    verdict = judging.judge(entry.submission, policy, rulebook.rules, record, moment)
    if policy.nudge and not entry.form.send_anyway:
        _nudge(verdict, rulebook)
    waits_for = [*busy, *([confirmations.REASON] if entry.awaits_address else ())]
    if waits_for:
        verdict = judging.still_held(verdict, waits_for)
    sketch = likeness.sketch(shingles)
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
        renderer=text.RENDERER,
        text_hash=_hash(draft.source),
        status=verdict.status,
        is_shown=verdict.status is Status.APPROVED,
        reasons=reasons_json(verdict),
        facts=judging.facts_json(Facts(record, moment)),
        is_shadowed=standing is Standing.SHADOWED,
        spam_score=moment.spam_score,
        sketch_1=sketch[0] if sketch else None,
        sketch_2=sketch[1] if sketch else None,
        notify=draft.notify,
        created_at=now,
    )
    comments.place(comment, site, thread)
    return Judged(entry, comment, verdict, judging.version(policy, rulebook.digest))


def _keep_all(site: Site, judged: Sequence[Judged]) -> None:
    """Write the comments with all that follows; the caller commits."""
    new = [one.comment for one in judged]
    for comment in new:
        if comment.status == Status.APPROVED:
            threads.describe(comment.thread, comment.page_title or "", comment.page_url or "")
    comments.add_all(new)
    words.keep(new)
    now = max(one.entry.now for one in judged)
    _log([(one.comment, None, one.verdict, one.settings_version) for one in judged], now)
    publishing.moved([(one.comment, None) for one in judged])
    answers.add_all(site, [one.answer(one.entry.key_hash) for one in judged if one.entry.key_hash], now)
    for one in sorted(judged, key=lambda one: one.entry.draft.email):  # of subscriptions; always in one order
        entry, comment = one.entry, one.comment
        publishing.tell_who_waits([(comment, None)], entry.now)
        watches.announce(comment, entry.now)
        is_kept_or_waits = one.verdict.status in (Status.APPROVED, Status.PENDING)
        if entry.awaits_address:
            if one.verdict.status is Status.PENDING:
                confirmations.ask(comment, entry.language, entry.secret, entry.now)
        elif comment.notify and entry.writer.account_id is None and is_kept_or_waits:
            subscriptions.ask(comment, entry.language, entry.now)


@retried
def edit(comment_id: int, source: str, by: Account | None, now: datetime) -> Posted:
    """Replace the text within the site's edit window; the new text is judged like a new comment."""
    html = _rendered(source)

    begin_write()
    if by is not None:
        people.hold(by.id)
    comment = _own(comment_id, now)
    site, before = comment.site, Status(comment.status)
    role = _role(site, by)
    email = comment.author_email or ""
    account_id = by.id if by else None
    standing = Standing.NONE
    if role is None:
        standing = sanctioning.standing(site, account_id, email, comment.ip, now, comment.author_id)
    submission = replace(comment.submission, source=source, html=html)
    record = _without(measuring.record(comment.author, role is not None, standing, now), before)
    policy = judging.in_thread(site.policy, comment.thread.mode)
    rulebook = ruling.rulebook(site)
    first = judging.facts(comment.facts).moment
    score, words = learning.opinion(site, policy, submission)
    moment = replace(first, spam_score=score, spam_words=words)
    verdict = judging.judge(submission, policy, rulebook.rules, record, moment)
    if before is Status.PENDING and comment.flag_count:
        # Readers had it held and no moderator has answered them: its author can't.
        reported = [_reason(kept) for kept in comment.reasons if kept["rule"] == HOLD_RULE]
        verdict = judging.still_held(verdict, reported)
    if before is Status.PENDING and (kept := confirmations.kept_reasons(comment.reasons)):
        verdict = judging.still_held(verdict, kept)

    revisions.add(comment, now)
    comment.version += 1
    learning.forget(comment)
    comment.source, comment.html, comment.renderer = source, html, text.RENDERER
    comment.text_hash = _hash(source)
    comment.edited_at = now
    comment.status = verdict.status
    comment.reasons = reasons_json(verdict)
    comment.facts = judging.facts_json(Facts(record, moment))
    comment.spam_score = score
    db.session.flush()
    _log([(comment, before, verdict, judging.version(policy, rulebook.digest))], now)
    publishing.moved([(comment, before)])
    watches.announce(comment, now)
    commit_and_keep()
    return _told(comment, verdict)


@retried
def withdraw(comment_id: int, now: datetime) -> None:
    """The author takes the comment back, within the site's edit window."""
    begin_write()
    comment = _own(comment_id, now)
    before = Status(comment.status)

    comment.status = Status.DELETED
    comment.version += 1
    decisions.add(comment, Action.DELETE, before, secrets.token_hex(16), now, rule="author")
    publishing.moved([(comment, before)])
    db.session.commit()


def reasons_json(verdict: Verdict) -> list[dict[str, Any]]:
    return [{**vars(reason), **phrases.to_json(reason.sentence)} for reason in verdict.reasons]


def _reason(kept: dict[str, Any]) -> Reason:
    """A reason as `reasons_json` keeps it."""
    return Reason(kept["rule"], Outcome(kept["outcome"]), phrases.from_json(kept), kept["match"])


def _hash(source: str) -> bytes:
    return hashlib.sha256(source.encode()).digest()


def _rendered(source: str) -> str:
    html = text.to_html(source)
    if not text.plain(html, 10).strip():
        raise Invalid("body", phrase("Nothing of this would be visible; please write some words."))
    return html


def _outside_answer(
    site: Site, draft: Draft, submission: Submission, sender: Sender, spam_service: SpamService
) -> Outside:
    """What the spam service says, asked outside of any transaction: nobody may wait for the network with a lock."""
    policy = site.policy
    is_moderator = _role(site, sender.account) is not None
    if not spam_service.is_there or not policy.outside_check or policy.mode is Mode.OFF or is_moderator:
        return Outside.NOT_ASKED
    asked = learning.asked_of(
        submission, site.origins[0].origin if site.origins else "", draft.url, draft.parent_id is not None
    )
    let_go()
    with outside():
        return spam_service.ask(asked)


def _check_guest(site: Site, entry: Entry, known: Known) -> None:
    """A guest may not speak here at all, or not under an address that is somebody else's."""
    if site.policy.signin_required:
        raise NotAllowed(phrase("Please sign in to comment here."))
    if entry.draft.email in known.addresses and not entry.awaits_address:
        sentence = phrase("This address belongs to an account here. Sign in to use it, or give another.")
        raise AddressTaken("author.email", sentence)


def _check_name(entry: Entry, known: Known) -> None:
    """Refuse a name by which readers would take somebody for staff."""
    if known.names is None or not core_names.looks_like_staff(entry.draft.name, known.names):
        return
    if entry.writer.account_id is not None:
        sentence = phrase("Your name looks like a moderator's or the blog's own. Sign in again and choose another.")
        raise Invalid("author.name", sentence)
    if core_names.is_one_of(entry.draft.name, known.names):
        sentence = phrase("A moderator here has this name. Sign in if it is you, or give another.")
        raise Invalid("author.name", sentence)
    raise Invalid("author.name", names.LOOKS_LIKE_STAFF)


def _parent(site: Site, thread: Thread, author: Author, draft: Draft, now: datetime) -> Comment | None:
    """The comment answered; one that is not published is, for a reader, not there."""
    if not threads.is_open(site.policy, thread, now):
        raise NotAllowed(phrase("Comments are closed."))
    if draft.parent_id is None:
        return None
    parent = comments.find_parent(thread, draft.parent_id)
    is_seen = parent is not None and (
        parent.status == Status.APPROVED or (parent.is_shadowed and parent.author_id == author.id)
    )
    if parent is None or not is_seen:
        raise Invalid(
            "parent_id",
            phrase("The comment you answer is no longer here. You can still post this as a comment of its own."),
        )
    if parent.depth + 1 >= site.policy.depth_max:
        raise Invalid("parent_id", phrase("Replies go no deeper here. Please answer a comment further up."))
    return parent


def _role(site: Site, account: Account | None) -> str | None:
    return people.role_on(account, site) if account else None


def _without(record: Record, status: Status) -> Record:
    """The record but for the comment being edited: it must not vouch for itself."""
    return replace(record, approved=record.approved - (status is Status.APPROVED))


def _submission(draft: Draft, html: str, sender: Sender) -> Submission:
    website = draft.website or ""
    return Submission(draft.source, html, draft.name, draft.email, website, sender.ip, sender.user_agent)


def _check_pace(site: Site, pace: Pace, now: datetime) -> None:
    """Refuse an author who writes quickly. Others of the same network may be a whole school; see _check_network."""
    window = timedelta(seconds=site.policy.flood_s)
    last_at = pace.last_at
    if last_at is not None and last_at > now - window:
        wait_s = max(1, math.ceil((last_at + window - now).total_seconds()))
        sentence = counted(
            "You are writing quickly. Please wait one second and send it again.",
            "You are writing quickly. Please wait %(num)s seconds and send it again.",
            wait_s,
        )
        raise TooMany(sentence, wait_s)


def _check_network(site: Site, pace: Pace, entry: Entry, now: datetime) -> Sequence[Reason]:
    """Let a stranger's browser work once much has come from its network, and refuse when that is too much.

    A solution works once. A page without scripts cannot work: the reason why its comment is held is given back.
    """
    form, secret, after = entry.form, entry.secret, site.policy.challenge_after
    wait = pace.wait_of_network(entry.writer.ip, now) if site.policy.flood_s else timedelta()
    if wait > timedelta():
        sentence = phrase("Much has come in from your network. Please wait ten minutes and send it again.")
        raise TooMany(sentence, math.ceil(wait.total_seconds()))
    lately = sum(at > now - measuring.PACE for at, _ in pace.of_network)
    if not 0 < after <= lately:
        return ()
    if not form.can_work:
        return [judging.too_many(f"this network: {lately} in {judging.PACE_S // 60} minutes")]
    proof = challenge.proof(secret, site.key, form.solution, now) if form.solution else None
    if proof is None or not challenges.use(proof.signature, proof.expires_at):
        sentence = phrase("Much has come in from your network. Your browser has to prove a moment's work first.")
        raise Challenged(sentence, challenge.new(secret, site.key, now))
    return ()


def _look_for_flood(site: Site, entries: Sequence[Entry]) -> None:
    """In a flood everything waits, until a person chooses the mode again. The site is locked before the threads."""
    now = entries[0].now
    if not any(entry.is_limited and entry.is_stranger for entry in entries) or not measuring.is_flood(site, now):
        return
    sites.lock(site)
    before: Policy = site.policy
    if before.mode is Mode.ALL:
        return
    sites.change_policy(site, {"mode": Mode.ALL, "flood_from": before.mode})
    was, now_is = {"mode": before.mode, "flood_from": ""}, {"mode": Mode.ALL, "flood_from": before.mode}
    journal.add("setting", now, site=site, subject="flood", before=was, after=now_is)


def _nudge(verdict: Verdict, rulebook: ruling.Rulebook) -> None:
    """Tell the author once what holds the text, where it is about words or links and nothing else."""
    holding = [reason for reason in verdict.reasons if reason.outcome is not Outcome.APPROVE]
    kinds = {rule.name: rule.kind for rule in rulebook.rules}
    is_about_text = all(r.rule == "links" or kinds.get(r.rule) in rule_kinds.ABOUT_THE_TEXT for r in holding)
    if verdict.status is Status.PENDING and is_about_text:
        reasons = [{"sentence": reason.sentence, "match": reason.match} for reason in holding]
        sentence = phrase("As it is, a moderator has to read this first. Change it, or send it to them as it is.")
        raise Nudged(sentence, reasons)


def _log(judged: Sequence[tuple[Comment, Status | None, Verdict, str]], now: datetime) -> None:
    """Keep why comments have the status they have: each with the one it had, its verdict and the settings' version."""
    decisions.add_rulings(
        [
            decisions.Ruling(comment, _ACTION_TO[verdict.status], before, verdict.decided_by, version)
            for comment, before, verdict, version in judged
        ],
        now,
    )
    spoken.add_all([(comment, reason) for comment, _, verdict, _ in judged for reason in verdict.objections], now)


def _told(comment: Comment, verdict: Verdict) -> Posted:
    """What the author hears; who is shadow-banned hears that it is published."""
    return Posted(comment, comment.face, None if comment.is_shadowed else _plain_reason(verdict))


_ACTION_TO = {
    Status.APPROVED: Action.APPROVE,
    Status.PENDING: Action.PENDING,
    Status.SPAM: Action.SPAM,
    Status.REJECTED: Action.REJECT,
}


def _plain_reason(verdict: Verdict) -> str | None:
    """Why it is not published, in one sentence for its author."""
    if verdict.status is Status.APPROVED:
        return None
    return next(r.sentence for r in verdict.reasons if judging.STATUS[r.outcome] is verdict.status)


def _own(comment_id: int, now: datetime) -> Comment:
    """The author's comment, with its thread locked, while it can still be changed."""
    comment = comments.by_id(comment_id)
    threads.lock([comment.thread_id])
    comment = comments.of_ids([comment_id])[0]
    if comment.face not in (Status.APPROVED, Status.PENDING):
        raise Conflict(phrase("A moderator has removed this comment; it can no longer be changed."), "removed")
    age_s = (now - comment.created_at).total_seconds()
    if age_s > comment.site.policy.edit_window_s:
        minutes = comment.site.policy.edit_window_s // 60
        sentence = counted(
            "A comment can be changed for one minute here; that time has passed.",
            "A comment can be changed for %(num)s minutes here; that time has passed.",
            minutes,
        )
        raise NotAllowed(sentence)
    return comment


def _key_hash(secret: str, idempotency_key: str, draft: Draft, sender: Sender) -> bytes:
    who = f"account {sender.account.id}" if sender.account else f"guest {draft.email} {draft.name.casefold()}"
    return tokens.keyed(secret, "idempotency", idempotency_key, who)


def _request_hash(draft: Draft) -> bytes:
    return hashlib.sha256(json.dumps(vars(draft), sort_keys=True).encode()).digest()


def _used_for_another() -> Invalid:
    return Invalid("Idempotency-Key", phrase("This Idempotency-Key was used for another comment; send a new one."))


def _again(earlier: answers.Answer, draft: Draft) -> Posted:
    if earlier.request_hash != _request_hash(draft) or earlier.comment_id is None:
        raise _used_for_another()
    (comment,) = comments.with_places([earlier.comment_id])
    reason = earlier.answer["reason"]
    if isinstance(reason, dict):  # an answer of before sentences kept their templates has only the English
        reason = phrases.from_json(reason)
    return Posted(comment, Status(earlier.answer["status"]), reason)

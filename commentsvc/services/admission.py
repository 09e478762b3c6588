"""Checks that refuse a comment before it is judged: guest's name and email, parent, rate, addresses of accounts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from commentsvc.core import names as core_names
from commentsvc.core import proof_of_work as core_proof_of_work
from commentsvc.core import rule_kinds
from commentsvc.core import verdict as core_verdict
from commentsvc.core.errors import Challenged, Invalid, NotAllowed, Nudged, TooMany
from commentsvc.core.phrases import counted, phrase
from commentsvc.core.rule_kinds import Outcome
from commentsvc.core.status import Status
from commentsvc.core.verdict import Reason, Verdict
from commentsvc.services import names as names_service
from commentsvc.services import rules, signals
from commentsvc.services.signals import RecentPosts
from commentsvc.services.submissions import Draft, Entry, Known
from commentsvc.store import address_checks as stored_address_checks
from commentsvc.store import (
    comments,
    threads,
)
from commentsvc.store import proof_of_work as stored_proof_of_work
from commentsvc.store.authors import Author
from commentsvc.store.comments import Comment
from commentsvc.store.db import begin_write, db, retried
from commentsvc.store.sites import Site
from commentsvc.store.threads import Thread


class AddressTaken(Invalid):
    """The guest's e-mail address belongs to an account; `post` decides whether they may be told so."""


@retried
def note_taken_address(ip: str, now: datetime) -> bool:
    """Count that a network is told of an account's address; False when it was told too often."""
    begin_write()
    may_be_told = stored_address_checks.may_be_told(ip, now)
    if may_be_told:
        stored_address_checks.note_told(ip, now)
    db.session.commit()
    return may_be_told


def check_guest(site: Site, entry: Entry, known: Known) -> None:
    """A guest may not speak here at all, or not under an address that is somebody else's."""
    if site.policy.signin_required:
        raise NotAllowed(phrase("Please sign in to comment here."))
    if entry.draft.email in known.addresses and not entry.awaits_address:
        sentence = phrase("This address belongs to an account here. Sign in to use it, or give another.")
        raise AddressTaken("author.email", sentence)


def check_name(entry: Entry, known: Known) -> None:
    """Refuse a name by which readers would take somebody for staff."""
    if known.names is None or not core_names.looks_like_staff(entry.draft.name, known.names):
        return
    if entry.writer.account_id is not None:
        sentence = phrase("Your name looks like a moderator's or the blog's own. Sign in again and choose another.")
        raise Invalid("author.name", sentence)
    if core_names.is_one_of(entry.draft.name, known.names):
        sentence = phrase("A moderator here has this name. Sign in if it is you, or give another.")
        raise Invalid("author.name", sentence)
    raise Invalid("author.name", names_service.LOOKS_LIKE_STAFF)


def find_parent(site: Site, thread: Thread, author: Author, draft: Draft, now: datetime) -> Comment | None:
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


def check_pace(site: Site, pace: RecentPosts, now: datetime) -> None:
    """Refuse an author who writes quickly. Others of the same network may be a whole school; see _check_network."""
    window = timedelta(seconds=site.policy.min_interval_s)
    last_at = pace.last_at
    if last_at is not None and last_at > now - window:
        wait_s = max(1, math.ceil((last_at + window - now).total_seconds()))
        sentence = counted(
            "You are writing quickly. Please wait one second and send it again.",
            "You are writing quickly. Please wait %(num)s seconds and send it again.",
            wait_s,
        )
        raise TooMany(sentence, wait_s)


def check_network(site: Site, pace: RecentPosts, entry: Entry, now: datetime) -> Sequence[Reason]:
    """Let a stranger's browser work once much has come from its network, and refuse when that is too much.

    A solution works once. A page without scripts cannot work: the reason why its comment is held is given back.
    """
    form, secret, after = entry.form, entry.secret, site.policy.challenge_after
    wait = pace.wait_of_network(entry.writer.ip, now) if site.policy.min_interval_s else timedelta()
    if wait > timedelta():
        sentence = phrase("Much has come in from your network. Please wait ten minutes and send it again.")
        raise TooMany(sentence, math.ceil(wait.total_seconds()))
    lately = sum(at > now - signals.PACE for at, _ in pace.of_network)
    if not 0 < after <= lately:
        return ()
    if not form.can_work:
        return [core_verdict.too_many(f"this network: {lately} in {core_verdict.PACE_S // 60} minutes")]
    proof = core_proof_of_work.proof(secret, site.key, form.solution, now) if form.solution else None
    if proof is None or not stored_proof_of_work.use(proof.signature, proof.expires_at):
        sentence = phrase("Much has come in from your network. Your browser has to prove a moment's work first.")
        raise Challenged(sentence, core_proof_of_work.new(secret, site.key, now))
    return ()


def warn_before_hold(verdict: Verdict, rulebook: rules.Rulebook) -> None:
    """Tell the author once what holds the text, where it is about words or links and nothing else."""
    holding = [reason for reason in verdict.reasons if reason.outcome is not Outcome.APPROVE]
    kinds = {rule.name: rule.kind for rule in rulebook.rules}
    is_about_text = all(r.rule == "links" or kinds.get(r.rule) in rule_kinds.ABOUT_THE_TEXT for r in holding)
    if verdict.status is Status.PENDING and is_about_text:
        reasons = [{"sentence": reason.sentence, "match": reason.match} for reason in holding]
        sentence = phrase("As it is, a moderator has to read this first. Change it, or send it to them as it is.")
        raise Nudged(sentence, reasons)

"""Checks that refuse a comment before it is judged: guest's name and email, parent, rate, addresses of accounts."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
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
from commentsvc.services.submissions import Form
from commentsvc.store import address_checks as stored_address_checks
from commentsvc.store import (
    comments,
    threads,
)
from commentsvc.store import proof_of_work as stored_proof_of_work
from commentsvc.store.authors import Author
from commentsvc.store.comments import Comment
from commentsvc.store.sites import Site
from commentsvc.store.threads import Thread
from commentsvc.store.transactions import retried, write


class AddressTaken(Invalid):
    """The guest's email address belongs to an account; `posting.post` decides whether the guest is told so."""


@retried
def note_taken_address(ip: str, now: datetime) -> bool:
    """Count a disclosure to a network that an address belongs to an account; False above the limit."""
    with write():
        may_be_told = stored_address_checks.may_be_told(ip, now)
        if may_be_told:
            stored_address_checks.note_told(ip, now)
    return may_be_told


def check_guest(site: Site, is_address_taken: bool) -> None:
    """Refuse guests where signing in is required, and a guest's address that belongs to an account."""
    if site.policy.signin_required:
        raise NotAllowed(phrase("Please sign in to comment here."))
    if is_address_taken:
        sentence = phrase("This address belongs to an account here. Sign in to use it, or enter another.")
        raise AddressTaken("author.email", sentence)


def check_name(name: str, has_account: bool, staff_names: Collection[str]) -> None:
    """Refuse a name that readers would take for a moderator's; `staff_names` as services/names.py gives them."""
    if not core_names.looks_like_staff(name, staff_names):
        return
    if has_account:
        sentence = phrase("Your name looks like a moderator's or the blog's own. Sign in again and choose another.")
        raise Invalid("author.name", sentence)
    if core_names.is_one_of(name, staff_names):
        sentence = phrase("A moderator here uses this name. Sign in if this is you, or enter another name.")
        raise Invalid("author.name", sentence)
    raise Invalid("author.name", names_service.LOOKS_LIKE_STAFF)


def find_parent(site: Site, thread: Thread, author: Author, parent_id: int | None, now: datetime) -> Comment | None:
    """The comment that is answered, None for a top-level comment.

    Raises NotAllowed when the thread is closed, Invalid when its author cannot see the parent or it is too deep.
    """
    if not threads.is_open(site.policy, thread, now):
        raise NotAllowed(phrase("Comments are closed."))
    if parent_id is None:
        return None
    parent = comments.find_parent(thread, parent_id)
    is_seen = parent is not None and (
        parent.status == Status.APPROVED or (parent.is_shadowed and parent.author_id == author.id)
    )
    if parent is None or not is_seen:
        raise Invalid(
            "parent_id",
            phrase("The comment you are replying to was removed. You can still post this as a new comment."),
        )
    if parent.depth + 1 >= site.policy.depth_max:
        raise Invalid(
            "parent_id", phrase("Replies can't be nested any deeper here. Please reply to a comment further up.")
        )
    return parent


def check_pace(site: Site, recent: RecentPosts, now: datetime) -> None:
    """Raise TooMany when this author wrote within the site's least interval between two comments."""
    window = timedelta(seconds=site.policy.min_interval_s)
    last_at = recent.last_at
    if last_at is not None and last_at > now - window:
        wait_s = max(1, math.ceil((last_at + window - now).total_seconds()))
        sentence = counted(
            "You're posting too fast. Please wait one second and try again.",
            "You're posting too fast. Please wait %(num)s seconds and try again.",
            wait_s,
        )
        raise TooMany(sentence, wait_s)


def check_network(site: Site, recent: RecentPosts, ip: str, form: Form, secret: str, now: datetime) -> Sequence[Reason]:
    """Ask for proof of work once many comments have come from a network; gives the reasons that hold this one.

    Raises Challenged when the form brings no valid solution (each works once), TooMany when even more have come. A
    page without scripts cannot solve a challenge: its comment is held instead.
    """
    after = site.policy.challenge_after
    wait = recent.wait_of_network(ip, now) if site.policy.min_interval_s else timedelta()
    if wait > timedelta():
        sentence = phrase("Too many comments from your network. Please wait ten minutes and try again.")
        raise TooMany(sentence, math.ceil(wait.total_seconds()))
    lately = sum(at > now - signals.PACE for at, _ in recent.of_network)
    if not 0 < after <= lately:
        return ()
    if not form.can_work:
        return [core_verdict.too_many(f"this network: {lately} in {core_verdict.PACE_S // 60} minutes")]
    proof = core_proof_of_work.proof(secret, site.key, form.solution, now) if form.solution else None
    if proof is None or not stored_proof_of_work.use(proof.signature, proof.expires_at):
        sentence = phrase("Too many comments from your network. Your browser must pass a short check first.")
        raise Challenged(sentence, core_proof_of_work.new(secret, site.key, now))
    return ()


def warn_before_hold(verdict: Verdict, rulebook: rules.Rulebook) -> None:
    """Tell the author once what holds the text, where it is about words or links and nothing else."""
    holding = [reason for reason in verdict.reasons if reason.outcome is not Outcome.APPROVE]
    kinds = {rule.name: rule.kind for rule in rulebook.rules}
    is_about_text = all(r.rule == "links" or kinds.get(r.rule) in rule_kinds.ABOUT_THE_TEXT for r in holding)
    if verdict.status is Status.PENDING and is_about_text:
        reasons = [{"sentence": reason.sentence, "match": reason.match} for reason in holding]
        sentence = phrase("This comment will be held for review. Edit it, or send it anyway.")
        raise Nudged(sentence, reasons)

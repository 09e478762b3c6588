"""What the erasure of an account and that of a guest have in common: their comments, the record, and the files."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from commentsvc.config import Config
from commentsvc.core import sanitizer, tokens
from commentsvc.core.erased_text import Identifiers
from commentsvc.core.status import Status
from commentsvc.page_cache import stores
from commentsvc.services import spam_training, transitions
from commentsvc.services.transitions import BY_AUTHOR, DecisionActor, Transition
from commentsvc.store import authors, erasure, revisions
from commentsvc.store.accounts import Account
from commentsvc.store.authors import Author
from commentsvc.store.comments import Comment
from commentsvc.store.db import db
from commentsvc.store.erasure import ErasureKind
from commentsvc.store.transactions import retried, write

ERASED = "Deleted account"  # in place of the name, also of a guest


def identifiers(emails: Iterable[str], ips: Iterable[str], names: Iterable[str]) -> Identifiers:
    """What a person is known by, without empty values and without the name of those who were erased before."""
    lower = frozenset(email.lower() for email in emails if email)
    return Identifiers(lower, frozenset(ips) - {""}, frozenset(names) - {"", ERASED})


def address_check_hash(email: str, secret: str) -> bytes:
    """The address as store/address_checks.py keeps it."""
    return tokens.keyed(secret, "address check", email)


def guest_hash(email: str, secret: str) -> bytes:
    """An address as the record of erasures keeps it."""
    return tokens.keyed(secret, "erased guest", email.lower())


def account_hash(account: Account, secret: str) -> bytes:
    """An account as the record of erasures keeps it: another account with the same id began at another time."""
    return tokens.keyed(secret, "erased account", str(account.id), account.created_at.isoformat())


def record_account(account: Account, keeps_comments: bool, secret: str, now: datetime) -> None:
    """Record the erasure of an account, and of what a backup has from before it took over its holder's guests."""
    kind, subject = ErasureKind.ACCOUNT, account_hash(account, secret)
    erasure.record(kind, None, subject, account.id, keeps_comments, now)
    if account.email:
        erasure.record(ErasureKind.GUEST, None, guest_hash(account.email, secret), None, keeps_comments, now)


def erase_comments(
    written: Sequence[Comment],
    keeps_comments: bool,
    known: Identifiers,
    note: str,
    now: datetime,
    by: str = BY_AUTHOR,
) -> None:
    """Take the author out of comments, and their texts when they are not kept; the caller has locked their threads.

    `by` is the rule that the decisions name.
    """
    with spam_training.learnt_anew(written):
        for comment in written:
            _forget_author_of(comment, known)
            if not keeps_comments:
                _erase_text(comment)
    erased = [c for c in written if not keeps_comments and c.status != Status.DELETED]
    changes = [Transition(comment, Status.DELETED, note=note) for comment in erased]
    site_ids = {comment.site_id for comment in written}
    transitions.apply(changes, DecisionActor(rule=by), None, now, site_ids)


def forget_author(author: Author) -> None:
    """Make an author one whom nobody knows; its comments stay below it."""
    author.account_id, author.guest_hash = None, tokens.digest(secrets.token_hex(16))
    author.name, author.email = ERASED, None


def separate(written: Iterable[Comment], now: datetime) -> None:
    """Give erased comments to authors of their own, whom nobody knows, because their authors have written more since.

    The caller has locked the threads.
    """
    by_author: dict[int, list[Comment]] = {}
    for comment in written:
        by_author.setdefault(comment.author_id, []).append(comment)
    moved: dict[int, Counter[str]] = {}
    for author_id, found in sorted(by_author.items()):
        unknown = Author(site_id=found[0].site_id, name=ERASED, first_seen_at=now, approved=0, pending=0, refused=0)
        unknown.guest_hash = tokens.digest(secrets.token_hex(16))
        db.session.add(unknown)
        db.session.flush()
        for comment in found:
            comment.author_id = unknown.id
        counted = Counter(comment.status for comment in found)
        moved[author_id] = Counter({status: -number for status, number in counted.items()})
        moved[unknown.id] = counted
    authors.add_to_counts(moved)


@retried
def finish(site_ids: Collection[int], config: Config) -> None:
    """Take what was erased out of files: SQLite's search index and log, and the published pages of these sites."""
    is_first = has_more = True
    while has_more:
        with write():
            has_more = erasure.merge_search_index(is_first)
        is_first = False
    erasure.finish()
    stores.forget_sites(config.instance_dir / stores.FOLDER, site_ids)


def _forget_author_of(comment: Comment, known: Identifiers) -> None:
    comment.author_name = ERASED
    comment.author_email = comment.author_website = comment.author_provider = comment.author_picture = None
    comment.ip = comment.network = comment.user_agent = ""
    comment.notify = False
    comment.reasons = known.without_matches(comment.reasons)
    moment = comment.facts.get("moment", {})
    comment.facts = {**comment.facts, **({"moment": known.without(moment)} if moment else {})}


def _erase_text(comment: Comment) -> None:
    comment.source = comment.html = ""
    comment.renderer = sanitizer.RENDERER
    revisions.forget([comment.id])
    if comment.status == Status.DELETED:
        transitions.note_new_text(comment)

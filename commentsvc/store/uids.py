"""Identifiers that survive a move: rows of a site are named by its random uid and their own number.

An imported row keeps the name that it had where it was first written, in its column `uid`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from sqlalchemy import select

from commentsvc.core.whole_numbers import is_row_id
from commentsvc.store.authors import Author
from commentsvc.store.comments import Comment
from commentsvc.store.db import db
from commentsvc.store.decisions import Decision
from commentsvc.store.reports import Report
from commentsvc.store.rules import Rule
from commentsvc.store.sites import Site

Named = type[Author] | type[Comment] | type[Decision] | type[Report] | type[Rule]
ACCOUNT = "a"  # before the number of an account that has not written on the site, and so has no author row


class NamedRow(Protocol):
    id: int
    uid: str | None


def of(site: Site, row: NamedRow) -> str:
    """The uid of an author, comment, decision, report or rule."""
    return row.uid or f"{site.uid}-{row.id}"


def of_account(site: Site, account_id: int) -> str:
    """The uid of a person without an author row on this site."""
    return f"{site.uid}-{ACCOUNT}{account_id}"


def of_accounts(site: Site, account_ids: Iterable[int | None]) -> dict[int | None, str]:
    """The uids of people on a site by account id."""
    asked = {account_id for account_id in account_ids if account_id is not None}
    if not asked:
        return {}
    query = select(Author.id, Author.uid, Author.account_id).where(Author.site_id == site.id)
    found = db.session.execute(query.where(Author.account_id.in_(asked))).all()
    uids: dict[int | None, str] = {account_id: of_account(site, account_id) for account_id in asked}
    uids.update({row.account_id: of(site, row) for row in found})
    return uids


def numbers(model: Named, site: Site, uids: Iterable[str | None]) -> dict[str, int]:
    """Row ids by uid, of the rows that exist on this site."""
    asked = {uid for uid in uids if uid is not None}
    if not asked:
        return {}
    query = select(model.uid, model.id).where(model.site_id == site.id)
    found = {uid: number for uid, number in db.session.execute(query.where(model.uid.in_(asked))).all() if uid}
    own = {number: uid for uid in asked - found.keys() if (number := _own_number(site, uid)) is not None}
    if own:
        query = select(model.uid, model.id).where(model.site_id == site.id, model.id.in_(own), model.uid.is_(None))
        found.update({own[number]: number for _, number in db.session.execute(query).all()})
    return found


def _own_number(site: Site, uid: str) -> int | None:
    """The row id in a uid that this site itself has given."""
    prefix, _, number = uid.rpartition("-")
    if prefix != site.uid or not number.isascii() or not number.isdigit() or len(number) > 20:
        return None
    return int(number) if is_row_id(int(number)) else None


def own_account(site: Site, uid: str) -> int | None:
    """The account id in a uid that this site has given to a person without an author row."""
    prefix, _, number = uid.rpartition("-")
    if not number.startswith(ACCOUNT):
        return None
    return _own_number(site, f"{prefix}-{number.removeprefix(ACCOUNT)}")


def account_ids(site: Site, uids: Iterable[str | None]) -> dict[str | None, int]:
    """Account ids by uid of the authors on this site that have an account."""
    author_ids = numbers(Author, site, uids)
    query = select(Author.id, Author.account_id).where(Author.id.in_(list(author_ids.values())))
    accounts = {row.id: row.account_id for row in db.session.execute(query).all()} if author_ids else {}
    found: dict[str | None, int] = {}
    for uid, author_id in author_ids.items():
        if accounts.get(author_id) is not None:
            found[uid] = accounts[author_id]
    return found

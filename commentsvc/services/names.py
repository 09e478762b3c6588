"""Which names only the staff of a site may go by."""

from __future__ import annotations

from commentsvc.core import names
from commentsvc.core.phrases import phrase
from commentsvc.store import memberships
from commentsvc.store.accounts import Account
from commentsvc.store.sites import Site

LOOKS_LIKE_STAFF = phrase("This name looks like a moderator's or the blog's own. Please choose another.")


def protected(site: Site) -> frozenset[str] | None:
    """The protected names of a site in the form that `core.names` compares; None when the site protects none."""
    if not site.policy.names_protected:
        return None
    return names.skeletons([*memberships.moderator_names(site), site.name, *site.policy.protected_names.splitlines()])


def is_allowed(site: Site, account: Account, name: str) -> bool:
    """Whether the account may go by this name on the site; staff may by any."""
    if memberships.role_on(account, site) is not None:
        return True
    known = protected(site)
    return known is None or not names.looks_like_staff(name, known)

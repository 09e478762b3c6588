"""The frame of every dashboard page: account, sites and menu; and the notes about fields that others have changed."""

from __future__ import annotations

from flask import render_template, request

from commentsvc.core import excerpts
from commentsvc.core.errors import Overlap
from commentsvc.services.moderation import Moderator
from commentsvc.store import memberships
from commentsvc.store.comments import Comment
from commentsvc.store.memberships import Role
from commentsvc.store.sites import Site
from commentsvc.web.dashboard import cards

EXCERPT_MAX = 300  # characters; enough to know what was answered or decided


def draw(template: str, by: Moderator, site: Site | None, **names: object) -> str:
    sites = memberships.moderated_sites(by.account)
    here = request.full_path.rstrip("?")
    is_owner = site is not None and memberships.role_on(by.account, site) is Role.OWNER
    sees_addresses = site is not None and by.sees_addresses(site)
    common = {
        "sees_addresses": sees_addresses,
        "is_owner": is_owner,
        "account": by.account,
        "sites": sites,
        "site": site,
        "here": here,
    }
    on_cards = {"excerpt": _excerpt, "label": cards.LABEL, "letters": cards.KEY, "says": cards.SAYS}
    on_cards |= {"mode_names": cards.MODE_NAMES, "check_name": cards.check_name}
    return render_template(template, **common, **on_cards, **names)


def _excerpt(comment: Comment) -> str:
    return excerpts.plain(comment.html, EXCERPT_MAX)


def shown() -> str | None:
    """The fingerprint of the values that the form showed; None when it brings none, as a script's may."""
    return request.form.get("shown")


def overlap_problems(error: Overlap) -> dict[str, str]:
    """For each field that others have changed meanwhile: the new value, and how to keep one's own."""
    return {
        name: f"{who or 'Someone else'} has changed this since you opened the page. It is now: {_told(value)}. "
        "Save again to keep your value."
        for name, (value, who) in error.now_is.items()
    }


def _told(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return "; ".join(f"{key} = {own}" for key, own in value.items()) or "nothing"
    return f"“{value}”"

"""Addresses of pages, comments and avatars, and the drawn avatars of people without a picture; also for templates."""

from __future__ import annotations

import zlib
from typing import Any

from flask import Flask, current_app

from commentsvc.core import redaction, routes, text_direction
from commentsvc.services.thread_pages import ThreadPage
from commentsvc.store.comments import Comment
from commentsvc.web.http.app_setup import settings
from commentsvc.web.http.i18n import language_asked


def hosted_path(site_key: str, key: str, **more: object) -> str:
    return routes.hosted_page(site_key, key, **more)


def hosted_url(site_key: str, key: str, **more: object) -> str:
    return settings().base_url + hosted_path(site_key, key, **more)


def initial(name: str) -> str:
    """The letter that stands for an author without a picture; of a name without letters its first sign."""
    return next((c.upper() for c in name if c.isalnum()), name[:1] or "?")


def avatar(picture: str | None) -> str | None:
    """The address of an avatar, always on this service."""
    return settings().base_url + routes.fill(routes.AVATAR, name=picture) if picture else None


def hue(name: str) -> int:
    """One of eight colours, always the same for a name."""
    return zlib.crc32(name.casefold().encode()) % 8


def permalink(comment: Comment) -> str:
    thread = comment.thread
    page = routes.thread_page(settings().base_url, comment.site.key, thread.key, thread.url)
    return routes.comment_anchor(page, comment.id)


def terms(page: ThreadPage) -> dict[str, Any]:
    """The data that the widget needs for writing in a thread."""
    policy = page.site.policy
    return {
        "max": policy.body_max,
        "guests": not policy.signin_required,
        "ways": current_app.jinja_env.globals["signin_ways"](),  # type: ignore[operator]  # Jinja's globals have no types
        "edit": policy.edit_window_s,
    }


def init_app(app: Flask) -> None:
    """Names the templates use."""
    app.jinja_env.filters.update(
        permalink=permalink,
        hosted=lambda site_key, key, **more: hosted_url(site_key, key, **more, **language_asked()),
        hosted_path=lambda site_key, key, **more: hosted_path(site_key, key, **more, **language_asked()),
        initial=initial,
        discreet=redaction.redacted_match,
        hue=hue,
        avatar=avatar,
        terms=terms,
        with_direction=text_direction.with_direction,
    )
    app.jinja_env.globals["sends_mail"] = lambda: bool(settings().mail_url)

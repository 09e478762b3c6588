"""Backtest: the columns of earlier comments that judging them again reads."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import select

from commentsvc.core.rule_kinds import RuleInput
from commentsvc.store.comments import Comment
from commentsvc.store.db import db
from commentsvc.store.sites import Site
from commentsvc.store.threads import Thread


class PastComment(NamedTuple):
    """The columns of a comment that a verdict reads; loading a Comment would cost more than judging it."""

    id: int
    source: str
    html: str
    name: str
    email: str | None
    website: str | None
    ip: str
    user_agent: str
    facts: dict[str, Any]
    status: str
    is_imported: bool
    mode: str | None  # of the thread; None: the site's

    @property
    def submission(self) -> RuleInput:
        name, email, website = self.name, self.email or "", self.website or ""
        return RuleInput(self.source, self.html, name, email, website, self.ip, self.user_agent)


def newest(site: Site, limit: int) -> list[PastComment]:
    """The newest comments of a site."""
    query = select(
        Comment.id,
        Comment.source,
        Comment.html,
        Comment.author_name,
        Comment.author_email,
        Comment.author_website,
        Comment.ip,
        Comment.user_agent,
        Comment.facts,
        Comment.status,
        Comment.import_id.is_not(None),
        Thread.mode,
    )
    query = query.join(Thread, Thread.id == Comment.thread_id).where(Comment.site_id == site.id)
    return [PastComment(*row) for row in db.session.execute(query.order_by(Comment.id.desc()).limit(limit)).all()]

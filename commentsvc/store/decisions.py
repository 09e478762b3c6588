"""Decisions: the log of every status that a moderator, a rule or an author gave a comment; rows are only added."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import takewhile
from typing import Any, NamedTuple

from sqlalchemy import JSON, ForeignKey, Index, Select, String, Text, bindparam, func, or_, select, text, update
from sqlalchemy.orm import Mapped, aliased, joinedload, mapped_column, relationship

from commentsvc.core import tokens, undo
from commentsvc.core.status import Action, Status
from commentsvc.store.accounts import Account
from commentsvc.store.comments import Comment
from commentsvc.store.db import UID_MAX, Base, Id, UtcTime, db, insert_all, uid_index
from commentsvc.store.sites import Site

NOTE_MAX = 1000
BY_PEOPLE = text("by_account_id IS NOT NULL")
EDIT = "edit"  # action of a decision that changed the text and not the status
COMMAND_LINE = "command line"  # in place of a rule's name: the operator decided, by a command


class Decision(Base):
    __tablename__ = "decision"
    __table_args__ = (
        Index("ix_decision_site_id_id", "site_id", "id"),
        Index("ix_decision_comment_id_id", "comment_id", "id"),
        # Only decisions of moderators, so that posting does not write to these indexes.
        Index("ix_decision_of_people", "id", sqlite_where=BY_PEOPLE, postgresql_where=BY_PEOPLE),
        Index(
            "ix_decision_of_people_on_site", "site_id", "comment_id", sqlite_where=BY_PEOPLE, postgresql_where=BY_PEOPLE
        ),
        Index("ix_decision_site_id_created_at", "site_id", "created_at"),
        uid_index("decision"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"))
    comment_id: Mapped[int] = mapped_column(ForeignKey("comment.id"))
    batch: Mapped[str] = mapped_column(String(32), index=True)  # decisions of one batch are undone together
    action: Mapped[str] = mapped_column(String(16))
    status_before: Mapped[str | None] = mapped_column(String(16))  # None: the comment was just written
    status_after: Mapped[str] = mapped_column(String(16))
    by_account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    by_rule: Mapped[str | None] = mapped_column(String(64))  # a rule's name, or `author`, when no moderator decided
    note: Mapped[str] = mapped_column(Text, default="")  # for moderators
    message: Mapped[str] = mapped_column("told", Text, default="", server_default="")  # for the author
    reasons: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    settings_version: Mapped[str | None] = mapped_column(String(12))  # the verdict's policy and rules
    undoes_id: Mapped[int | None] = mapped_column(ForeignKey("decision.id"))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    uid: Mapped[str | None] = mapped_column(String(UID_MAX))  # of an imported row, from where it was first written
    by_account: Mapped[Account | None] = relationship(lazy="joined")
    comment: Mapped[Comment] = relationship(lazy="select")

    @property
    def who(self) -> str:
        if self.by_account is not None:
            return self.by_account.name
        not_rules = {"author": "its author", COMMAND_LINE: "the command line"}
        return not_rules.get(self.by_rule or "", f"rule: {self.by_rule}")


def add(
    comment: Comment,
    action: Action | str,
    before: Status | None,
    batch: str,
    now: datetime,
    *,
    by: Account | None = None,
    rule: str | None = None,
    note: str = "",
    message: str = "",
    reasons: list[dict[str, Any]] | None = None,
    undoes: Decision | None = None,
) -> Decision:
    decision = Decision(
        site_id=comment.site_id,
        comment_id=comment.id,
        batch=batch,
        action=action,
        status_before=before,
        status_after=comment.status,
        by_account_id=by.id if by else None,
        by_rule=rule,
        note=note,
        message=message,
        reasons=reasons or [],
        undoes_id=undoes.id if undoes else None,
        created_at=now,
    )
    db.session.add(decision)
    return decision


class AutomaticDecision(NamedTuple):
    """The verdict of the rules on a new or edited comment."""

    comment: Comment
    action: Action
    before: Status | None
    rule: str
    settings_version: str


def add_automatic(made: Iterable[AutomaticDecision], now: datetime) -> None:
    """Log verdicts, each with the comment's reasons and in a batch of its own."""
    rows = [
        {
            "site_id": one.comment.site_id,
            "comment_id": one.comment.id,
            "batch": tokens.new_batch(),
            "action": one.action,
            "status_before": one.before,
            "status_after": one.comment.status,
            "by_rule": one.rule,
            "reasons": one.comment.reasons,
            "settings_version": one.settings_version,
            "created_at": now,
        }
        for one in made
    ]
    insert_all(Decision, rows)


def add_imported(made: Sequence[Decision]) -> None:
    """Add decisions of an import in their order, and set their ids."""
    db.session.add_all(made)
    db.session.flush()


def set_undone(undone: Mapping[int, int]) -> None:
    """Set the decisions that imported ones undo; ids of the later by those of the earlier ones."""
    table = Base.metadata.tables["decision"]
    rows = [{"later": later, "earlier": earlier} for later, earlier in undone.items()]
    if rows:
        change = update(table).where(table.c.id == bindparam("later")).values(undoes_id=bindparam("earlier"))
        db.session.connection().execute(change, rows)


def of_batch(batch: str, limit: int | None) -> Sequence[Decision]:
    return db.session.scalars(select(Decision).where(Decision.batch == batch).order_by(Decision.id).limit(limit)).all()


def is_by(batch: str, account: Account) -> bool:
    """Whether this account made the first decision of the batch."""
    query = select(Decision.by_account_id).where(Decision.batch == batch).limit(1)
    return db.session.scalar(query) == account.id


def latest_of_batch(batch: str, limit: int) -> Sequence[Decision]:
    """The newest `limit` decisions of a batch that are the last ones on their comments, in order of id."""
    found = db.session.scalars(_latest(batch).order_by(Decision.id.desc()).limit(limit)).all()
    return found[::-1]


def count_latest_of_batch(batch: str) -> int:
    return db.session.scalar(select(func.count()).select_from(_latest(batch).subquery())) or 0


def _latest(batch: str) -> Select[Decision]:
    later = aliased(Decision)
    is_later = select(later.id).where(later.comment_id == Decision.comment_id, later.id > Decision.id)
    return select(Decision).where(Decision.batch == batch, ~is_later.exists())


def made_at(site: Site, decision_id: int) -> datetime | None:
    """Time of the site's first decision with this id or a later one; None when there is none."""
    query = select(Decision.created_at).where(Decision.site_id == site.id, Decision.id >= decision_id)
    return db.session.scalar(query.order_by(Decision.id).limit(1))


def newest(comment_id: int) -> Decision:
    query = select(Decision).where(Decision.comment_id == comment_id).order_by(Decision.id.desc()).limit(1)
    return db.session.scalars(query).one()


def messages_to_authors(comment_ids: Iterable[int]) -> dict[int, str]:
    """Messages to authors, by comment id: that of the last decision that set a status, where it is not empty."""
    later = aliased(Decision)
    sets_status = or_(later.status_before.is_(None), later.status_before != later.status_after)
    is_later = select(later.id).where(later.comment_id == Decision.comment_id, later.id > Decision.id, sets_status)
    query = select(Decision.comment_id, Decision.message).where(Decision.comment_id.in_(list(comment_ids)))
    query = query.where(Decision.message != "", ~is_later.exists())
    return dict(db.session.execute(query).all())


def after(decision_id: int, until: datetime, limit: int) -> Sequence[Decision]:
    """The next decisions of moderators on all sites, in order of id, up to the first that is later than `until`."""
    query = select(Decision).where(Decision.id > decision_id, text("decision.by_account_id IS NOT NULL"))
    found = db.session.scalars(query.order_by(Decision.id).limit(limit))
    return list(takewhile(lambda decision: decision.created_at <= until, found))


def decided_by_people(site: Site, from_comment_id: int) -> set[int]:
    """Ids of comments, from this id on, that a moderator has decided on."""
    query = select(Decision.comment_id).where(Decision.site_id == site.id, Decision.by_account_id.is_not(None))
    return set(db.session.scalars(query.where(Decision.comment_id >= from_comment_id)))


def first_of(comment_id: int) -> Decision | None:
    """The verdict on the current text of a comment: when it was posted, or last edited."""
    query = select(Decision).where(Decision.comment_id == comment_id, Decision.settings_version.is_not(None))
    return db.session.scalar(query.order_by(Decision.id.desc()).limit(1))


def sizes_of(batches: set[str]) -> dict[str, int]:
    """The number of decisions in each batch."""
    query = select(Decision.batch, func.count()).where(Decision.batch.in_(batches)).group_by(Decision.batch)
    return dict(db.session.execute(query).all())


def undoable(comment_ids: Iterable[int]) -> set[int]:
    """Ids of the decisions on these comments that can be undone: no later decision on the comment is in force."""
    query = select(Decision.comment_id, Decision.id, Decision.undoes_id)
    query = query.where(Decision.comment_id.in_(list(comment_ids))).order_by(Decision.id)
    steps: dict[int, list[tuple[int, int | None]]] = {}
    for comment_id, decision_id, undoes_id in db.session.execute(query).all():
        steps.setdefault(comment_id, []).append((decision_id, undoes_id))
    return {decision_id for decisions_made in steps.values() for decision_id in undo.acts_in_force(decisions_made)}


def log(site: Site, comment_id: int | None, before_id: int | None, limit: int) -> tuple[list[Decision], int | None]:
    """The site's decisions, newest first; and the id before which the next page begins."""
    query = select(Decision).where(Decision.site_id == site.id).options(joinedload(Decision.comment))
    if comment_id is not None:
        query = query.where(Decision.comment_id == comment_id)
    if before_id is not None:
        query = query.where(Decision.id < before_id)
    found = list(db.session.scalars(query.order_by(Decision.id.desc()).limit(limit + 1)))
    return found[:limit], found[limit - 1].id if len(found) > limit else None

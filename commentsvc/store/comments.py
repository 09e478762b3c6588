"""Comments: the table, and the queries that several services share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    false,
    func,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.orm import Mapped, joinedload, mapped_column, relationship
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.schema import ColumnDefault

from commentsvc.core.errors import NotFound
from commentsvc.core.phrases import phrase
from commentsvc.core.policy import EMAIL_MAX, NAME_MAX, TITLE_MAX, URL_MAX, WEBSITE_MAX
from commentsvc.core.rule_kinds import RuleInput
from commentsvc.core.status import Status
from commentsvc.core.whole_numbers import is_row_id
from commentsvc.store.authors import Author
from commentsvc.store.db import UID_MAX, Base, Id, UtcTime, db, insert_all, is_postgres, uid_index
from commentsvc.store.sites import Site
from commentsvc.store.threads import Thread


class CommentKind(StrEnum):
    COMMENT = "comment"
    PINGBACK = "pingback"
    TRACKBACK = "trackback"


STATUSES = ", ".join(f"'{s}'" for s in Status)
SHOWN_ROOT = "parent_id IS NULL AND is_shown AND kind = 'comment'"
SCORED = text("spam_score IS NOT NULL")
IMPORTED = text("import_run_id IS NOT NULL")
SKETCHED = {column: text(f"{column} IS NOT NULL") for column in ("sketch_1", "sketch_2")}
FLAGGED = "flag_count > 0"
LINKED = {"sqlite": "instr(html, '<a ') > 0", "postgresql": "strpos(html, '<a ') > 0"}


class Comment(Base):
    __tablename__ = "comment"
    __table_args__ = (
        UniqueConstraint("site_id", "import_id"),
        CheckConstraint(f"status IN ({STATUSES})", name="status"),
        # The top-level comments of a page, in each order; only what is shown is in the index.
        Index(
            "ix_comment_page_by_time",
            "thread_id",
            "created_at",
            "id",
            sqlite_where=text(SHOWN_ROOT),
            postgresql_where=text(SHOWN_ROOT),
        ),
        Index(
            "ix_comment_page_by_score",
            "thread_id",
            "score",
            "id",
            sqlite_where=text(SHOWN_ROOT),
            postgresql_where=text(SHOWN_ROOT),
        ),
        Index(
            "ix_comment_replies",
            "root_id",
            "is_shown",
            "id",
            sqlite_where=text("root_id IS NOT NULL"),
            postgresql_where=text("root_id IS NOT NULL"),
        ),
        Index(
            "ix_comment_parent_id",
            "parent_id",
            sqlite_where=text("parent_id IS NOT NULL"),
            postgresql_where=text("parent_id IS NOT NULL"),
        ),
        Index("ix_comment_site_id_id", "site_id", "id"),
        Index("ix_comment_queue", "site_id", "status", "created_at", "id"),
        Index(
            "ix_comment_flagged",
            "site_id",
            "status",
            "created_at",
            "id",
            sqlite_where=text(FLAGGED),
            postgresql_where=text(FLAGGED),
        ),
        Index(
            "ix_comment_linked",
            "site_id",
            "status",
            "created_at",
            "id",
            sqlite_where=text(LINKED["sqlite"]),
            postgresql_where=text(LINKED["postgresql"]),
        ),
        Index("ix_comment_thread_queue", "thread_id", "status", "created_at", "id"),
        Index("ix_comment_author_id_created_at", "author_id", "created_at"),
        Index("ix_comment_site_id_ip_created_at", "site_id", "ip", "created_at"),
        Index("ix_comment_thread_id_text_hash", "thread_id", "text_hash"),
        Index("ix_comment_thread_id_id", "thread_id", "id"),
        Index("ix_comment_site_id_network_created_at", "site_id", "network", "created_at"),
        Index(
            "ix_comment_by_spam_score",
            "site_id",
            "status",
            "spam_score",
            "id",
            sqlite_where=SCORED,
            postgresql_where=SCORED,
        ),
        *(
            Index(f"ix_comment_{column}", "site_id", column, "id", sqlite_where=where, postgresql_where=where)
            for column, where in SKETCHED.items()
        ),
        uid_index("comment"),
        Index("ix_comment_import_run", "import_run_id", "id", sqlite_where=IMPORTED, postgresql_where=IMPORTED),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"))
    thread_id: Mapped[int] = mapped_column(ForeignKey("thread.id"))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("comment.id"))
    root_id: Mapped[int | None] = mapped_column(ForeignKey("comment.id"))  # the top-level comment above a reply
    depth: Mapped[int] = mapped_column(Integer, default=0)
    kind: Mapped[str] = mapped_column(String(16), default=CommentKind.COMMENT)

    author_id: Mapped[int] = mapped_column(ForeignKey("author.id"))
    # Copied from the author when the comment is written: a later comment must not change the name approved here.
    author_name: Mapped[str] = mapped_column(String(NAME_MAX))
    author_email: Mapped[str | None] = mapped_column(String(EMAIL_MAX))
    author_website: Mapped[str | None] = mapped_column(String(WEBSITE_MAX))
    author_role: Mapped[str | None] = mapped_column(String(16))
    author_provider: Mapped[str | None] = mapped_column(String(64))
    author_picture: Mapped[str | None] = mapped_column(String(64))
    ip: Mapped[str] = mapped_column(String(45), default="")
    user_agent: Mapped[str] = mapped_column(String(300), default="")
    network: Mapped[str] = mapped_column(
        String(45), default="", server_default=""
    )  # the range that `ip` is counted with
    # Title and address that the comment gives its page; the thread shows them once it is approved. None: not known.
    page_title: Mapped[str | None] = mapped_column(String(TITLE_MAX))
    page_url: Mapped[str | None] = mapped_column(String(URL_MAX))

    source: Mapped[str] = mapped_column(Text)  # as typed; never rendered
    html: Mapped[str] = mapped_column(Text)  # cleaned
    renderer: Mapped[str] = mapped_column(String(16))  # name and version of the code that made `html` from `source`
    text_hash: Mapped[bytes] = mapped_column(LargeBinary(32))

    status: Mapped[str] = mapped_column(String(16))
    # The comment is approved, or is an empty node above an approved reply.
    is_visible_in_tree: Mapped[bool] = mapped_column("is_shown", default=False)
    reasons: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    facts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, server_default="{}")  # inputs of the verdict
    is_shadowed: Mapped[bool] = mapped_column(default=False, server_default=false())  # its author sees it as published
    spam_score: Mapped[float | None] = mapped_column(Float)  # 0 to 1, by the filter
    learnt: Mapped[str | None] = mapped_column(String(4))  # `ham` or `spam`: how the spam filter has counted it
    # Comments with nearly the same text share one of these (core/similarity.py); None for short texts.
    sketch_1: Mapped[int | None] = mapped_column(BigInteger)
    sketch_2: Mapped[int | None] = mapped_column(BigInteger)
    score: Mapped[int] = mapped_column(Integer, default=0)  # the sum of its votes, and its imported score
    imported_score: Mapped[int] = mapped_column(Integer, default=0, server_default="0")  # of votes that are not here
    flag_count: Mapped[int] = mapped_column(Integer, default=0, server_default="0")  # open reports, one for each person
    notify: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    edited_at: Mapped[datetime | None] = mapped_column(UtcTime)
    import_id: Mapped[str | None] = mapped_column(String(600))
    uid: Mapped[str | None] = mapped_column(String(UID_MAX))  # of an imported row, from where it was first written
    # The import that added it (store/import_runs.py). No foreign key: SQLite would write the table anew for one.
    import_run_id: Mapped[int | None] = mapped_column(Id)
    version: Mapped[int] = mapped_column(Integer, default=1, server_default="1")  # grows with each decision and edit

    author: Mapped[Author] = relationship(lazy="raise_on_sql")
    thread: Mapped[Thread] = relationship(lazy="select")
    site: Mapped[Site] = relationship(lazy="select")
    parent: Mapped[Comment | None] = relationship(
        remote_side=[id], foreign_keys=[parent_id], lazy="select", post_update=True
    )

    @property
    def current(self) -> Status:
        return Status(self.status)

    @property
    def status_for_author(self) -> Status:
        """The status that its author sees: approved while the author is shadow-banned."""
        return Status.APPROVED if self.is_shadowed and self.status != Status.DELETED else Status(self.status)

    @property
    def submission(self) -> RuleInput:
        """The input of the verdict on this comment."""
        name, email, website = self.author_name, self.author_email or "", self.author_website or ""
        return RuleInput(self.source, self.html, name, email, website, self.ip, self.user_agent)


def place(comment: Comment, site: Site, thread: Thread) -> None:
    """Set site and thread of a new comment without adding it to their session."""
    set_committed_value(comment, "site", site)
    set_committed_value(comment, "thread", thread)


def add_all(new: Sequence[Comment]) -> None:
    """Insert new comments and set their ids; without the session, which would take a third longer.

    They belong to no session afterwards. The caller indexes their texts (search_index).
    """
    table = Base.metadata.tables["comment"]
    written = insert(table).returning(table.c.id, sort_by_parameter_order=True)
    ids = db.session.connection().execute(written, _rows_of(new)).scalars()
    for comment, comment_id in zip(new, ids, strict=True):
        set_committed_value(comment, "id", comment_id)


def new_ids(count: int) -> Sequence[int]:
    """Ids for comments that this transaction inserts by add_numbered, in ascending order."""
    if is_postgres():
        sequence = func.nextval(func.pg_get_serial_sequence("comment", "id"))
        return sorted(db.session.scalars(select(sequence).select_from(func.generate_series(1, count))))
    last = db.session.scalar(select(func.max(Comment.id))) or 0
    return range(last + 1, last + 1 + count)


def add_numbered(new: Sequence[Comment]) -> None:
    """Insert many new comments with ids from new_ids and with their places in the tree; see add_all for the rest."""
    # SQLite wants the row of a parent before those of its replies.
    insert_all(Comment, _rows_of(sorted(new, key=lambda comment: comment.depth)))


def _rows_of(new: Sequence[Comment]) -> list[dict[str, Any]]:
    columns = {attribute.key: attribute.columns[0] for attribute in inspect(Comment).column_attrs}
    defaults = {
        name: column.default.arg
        for name, column in columns.items()
        if isinstance(column.default, ColumnDefault) and column.default.is_scalar
    }
    for comment in new:
        for name in defaults.keys() - vars(comment).keys():
            set_committed_value(comment, name, defaults[name])
    return [{columns[name].name: value for name, value in vars(comment).items() if name in columns} for comment in new]


def find(comment_id: int) -> Comment | None:
    return db.session.get(Comment, comment_id) if is_row_id(comment_id) else None


def by_id(comment_id: int) -> Comment:
    comment = find(comment_id)
    if comment is None:
        raise NotFound(phrase("There is no comment with this number here."))
    return comment


def find_parent(thread: Thread, parent_id: int) -> Comment | None:
    query = select(Comment).where(Comment.id == parent_id, Comment.thread_id == thread.id)
    return db.session.scalar(query) if is_row_id(parent_id) else None


def recent(site: Site, limit: int) -> Sequence[Comment]:
    query = select(Comment).where(Comment.site_id == site.id, Comment.status == Status.APPROVED)
    query = query.where(Comment.kind == CommentKind.COMMENT).options(joinedload(Comment.thread))
    return db.session.scalars(query.order_by(Comment.created_at.desc(), Comment.id.desc()).limit(limit)).all()


def recent_in(thread: Thread, limit: int) -> Sequence[Comment]:
    """The newest published comments of a thread, replies too."""
    query = select(Comment).where(Comment.thread_id == thread.id, Comment.status == Status.APPROVED)
    query = query.where(Comment.kind == CommentKind.COMMENT).options(joinedload(Comment.thread))
    return db.session.scalars(query.order_by(Comment.created_at.desc(), Comment.id.desc()).limit(limit)).all()


def imported(site: Site, import_ids: Iterable[str]) -> dict[str, Comment]:
    """Comments of a site that are imported already, by their id in the export."""
    query = select(Comment).where(Comment.site_id == site.id, Comment.import_id.in_(list(import_ids)))
    return {comment.import_id or "": comment for comment in db.session.scalars(query)}


def below(comment: Comment) -> Sequence[Comment]:
    return db.session.scalars(select(Comment).where(Comment.parent_id == comment.id)).all()


def site_ids_of(ids: Iterable[int]) -> dict[int, int]:
    """Site ids of the comments that exist, by comment id."""
    numbers = [number for number in ids if is_row_id(number)]
    rows = db.session.execute(select(Comment.id, Comment.site_id).where(Comment.id.in_(numbers))).all()
    return dict(rows)


def above(comment: Comment) -> list[Comment]:
    """The comments above this one in its tree, from the top-level comment down."""
    found: list[Comment] = []
    parent = comment.parent
    while parent is not None:
        found.append(parent)
        parent = parent.parent
    return found[::-1]


def thread_ids_of(ids: Iterable[int]) -> Sequence[int]:
    return db.session.scalars(select(Comment.thread_id).where(Comment.id.in_(list(ids)))).all()


def thread_ids_by(author_ids: Iterable[int]) -> Sequence[int]:
    """Ids of the threads in which any of these authors has written, in order."""
    query = select(Comment.thread_id).where(Comment.author_id.in_(list(author_ids))).distinct()
    return db.session.scalars(query.order_by(Comment.thread_id)).all()


def not_deleted_in(thread_id: int, limit: int) -> Sequence[int]:
    """Ids of the first comments of a thread that are not deleted, in order of id."""
    query = select(Comment.id).where(Comment.thread_id == thread_id, Comment.status != Status.DELETED)
    return db.session.scalars(query.order_by(Comment.id).limit(limit)).all()


def of_ids(ids: Iterable[int]) -> list[Comment]:
    """The comments that exist with their authors, read again from the database, in order of id."""
    query = select(Comment).where(Comment.id.in_(list(ids))).order_by(Comment.id)
    query = query.options(joinedload(Comment.author))
    return list(db.session.scalars(query.execution_options(populate_existing=True)).unique())


def of_ids_with_thread(ids: Iterable[int]) -> Sequence[Comment]:
    """Comments with thread and site loaded, so that they can be read after the session has ended."""
    query = select(Comment).where(Comment.id.in_(list(ids))).order_by(Comment.id)
    return db.session.scalars(query.options(joinedload(Comment.thread), joinedload(Comment.site))).unique().all()


def longest_wait_s(now: datetime) -> float:
    """Age in seconds of the oldest pending comment of all sites; 0 when none is pending."""
    oldest = select(func.min(Comment.created_at)).where(Comment.site_id == Site.id, Comment.status == Status.PENDING)
    of_each_site = oldest.correlate(Site).scalar_subquery()
    at = db.session.scalar(select(func.min(of_each_site, type_=UtcTime)).select_from(Site))
    return max(0.0, (now - at).total_seconds()) if at else 0.0


def by_spam_score(site: Site, status: Status, limit: int) -> Sequence[Comment]:
    """Comments of this status that have a spam score, the highest score first."""
    query = select(Comment).where(Comment.site_id == site.id, Comment.status == status)
    query = query.where(Comment.spam_score.is_not(None)).order_by(Comment.spam_score.desc(), Comment.id.desc())
    return db.session.scalars(query.limit(limit)).all()


def newest_of_author(author_id: int, limit: int) -> Sequence[Comment]:
    query = select(Comment).where(Comment.author_id == author_id)
    return db.session.scalars(query.order_by(Comment.created_at.desc(), Comment.id.desc()).limit(limit)).all()


def imported_after(site_id: int, after_id: int, limit: int) -> Sequence[Comment]:
    """The next imported comments of a site after an id, in order of id."""
    query = select(Comment).where(Comment.site_id == site_id, Comment.id > after_id, Comment.import_id.is_not(None))
    return db.session.scalars(query.order_by(Comment.id).limit(limit)).all()

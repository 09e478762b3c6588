"""Comments: the table, and what is asked of it from all sides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ColumnElement,
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
    or_,
    select,
    text,
    update,
)
from sqlalchemy.orm import Mapped, aliased, joinedload, mapped_column, relationship
from sqlalchemy.orm.attributes import InstrumentedAttribute, set_committed_value
from sqlalchemy.schema import ColumnDefault

from commentsvc.core.errors import NotFound
from commentsvc.core.phrases import phrase
from commentsvc.core.policy import EMAIL_MAX, NAME_MAX, TITLE_MAX, URL_MAX, WEBSITE_MAX
from commentsvc.core.rule_kinds import RuleInput
from commentsvc.core.status import Status
from commentsvc.store import authors, threads
from commentsvc.store.accounts import Account
from commentsvc.store.authors import Author
from commentsvc.store.db import Base, Id, UtcTime, db
from commentsvc.store.sites import Site
from commentsvc.store.threads import Thread


class CommentKind(StrEnum):
    COMMENT = "comment"
    PINGBACK = "pingback"
    TRACKBACK = "trackback"


STATUSES = ", ".join(f"'{s}'" for s in Status)
SHOWN_ROOT = "parent_id IS NULL AND is_shown AND kind = 'comment'"
SCORED = text("spam_score IS NOT NULL")
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
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"))
    thread_id: Mapped[int] = mapped_column(ForeignKey("thread.id"))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("comment.id"))
    root_id: Mapped[int | None] = mapped_column(ForeignKey("comment.id"))  # the top-level comment above a reply
    depth: Mapped[int] = mapped_column(Integer, default=0)
    kind: Mapped[str] = mapped_column(String(16), default=CommentKind.COMMENT)

    author_id: Mapped[int] = mapped_column(ForeignKey("author.id"))
    # As written with this comment: a later comment of the same author must not change what was approved here.
    author_name: Mapped[str] = mapped_column(String(NAME_MAX))
    author_email: Mapped[str | None] = mapped_column(String(EMAIL_MAX))
    author_website: Mapped[str | None] = mapped_column(String(WEBSITE_MAX))
    author_role: Mapped[str | None] = mapped_column(String(16))
    author_provider: Mapped[str | None] = mapped_column(String(64))
    author_picture: Mapped[str | None] = mapped_column(String(64))
    ip: Mapped[str] = mapped_column(String(45), default="")
    user_agent: Mapped[str] = mapped_column(String(300), default="")
    network: Mapped[str] = mapped_column(String(45), default="", server_default="")  # that the address is counted with
    # What it says of its page; the thread shows that once it is approved. None: not known.
    page_title: Mapped[str | None] = mapped_column(String(TITLE_MAX))
    page_url: Mapped[str | None] = mapped_column(String(URL_MAX))

    source: Mapped[str] = mapped_column(Text)  # as typed; never rendered
    html: Mapped[str] = mapped_column(Text)  # cleaned
    renderer: Mapped[str] = mapped_column(String(16))  # what made the html from the source, so it can be made again
    text_hash: Mapped[bytes] = mapped_column(LargeBinary(32))

    status: Mapped[str] = mapped_column(String(16))
    # Approved, or an empty node because an approved reply hangs on it.
    is_shown: Mapped[bool] = mapped_column(default=False)
    reasons: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    facts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, server_default="{}")  # what the verdict rests on
    is_shadowed: Mapped[bool] = mapped_column(default=False, server_default=false())  # its author sees it as published
    spam_score: Mapped[float | None] = mapped_column(Float)  # 0 to 1, by the filter
    learnt: Mapped[str | None] = mapped_column(String(4))  # `ham` or `spam`: what the filter has counted it as
    # By these one finds texts that say nearly the same (core/similarity.py); None for short ones.
    sketch_1: Mapped[int | None] = mapped_column(BigInteger)
    sketch_2: Mapped[int | None] = mapped_column(BigInteger)
    score: Mapped[int] = mapped_column(Integer, default=0)  # the sum of its votes
    flag_count: Mapped[int] = mapped_column(Integer, default=0, server_default="0")  # open reports, one a person
    notify: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    edited_at: Mapped[datetime | None] = mapped_column(UtcTime)
    import_id: Mapped[str | None] = mapped_column(String(600))
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
    def face(self) -> Status:
        """The status as its author is told it: who is shadow-banned sees it as published."""
        return Status.APPROVED if self.is_shadowed and self.status != Status.DELETED else Status(self.status)

    @property
    def submission(self) -> RuleInput:
        """What was judged."""
        name, email, website = self.author_name, self.author_email or "", self.author_website or ""
        return RuleInput(self.source, self.html, name, email, website, self.ip, self.user_agent)


def place(comment: Comment, site: Site, thread: Thread) -> None:
    """Let a new comment know its site and thread without bringing it into their session."""
    set_committed_value(comment, "site", site)
    set_committed_value(comment, "thread", thread)


def add_all(new: Sequence[Comment]) -> None:
    """Write new comments and give them their ids, past the session, which would cost a third more.

    They belong to no session afterwards. Their words are for the caller to keep (words.keep).
    """
    table = Base.metadata.tables["comment"]
    usual = {c.name: c.default.arg for c in table.c if isinstance(c.default, ColumnDefault) and c.default.is_scalar}
    for comment in new:
        for name in usual.keys() - vars(comment).keys():
            set_committed_value(comment, name, usual[name])
    rows = [{name: value for name, value in vars(comment).items() if name in table.c} for comment in new]
    written = insert(table).returning(table.c.id, sort_by_parameter_order=True)
    ids = db.session.connection().execute(written, rows).scalars()
    for comment, comment_id in zip(new, ids, strict=True):
        set_committed_value(comment, "id", comment_id)


def find(comment_id: int) -> Comment | None:
    return db.session.get(Comment, comment_id) if 0 < comment_id < 2**63 else None


def by_id(comment_id: int) -> Comment:
    comment = find(comment_id)
    if comment is None:
        raise NotFound(phrase("There is no comment with this number here."))
    return comment


def find_parent(thread: Thread, parent_id: int) -> Comment | None:
    query = select(Comment).where(Comment.id == parent_id, Comment.thread_id == thread.id)
    return db.session.scalar(query) if 0 < parent_id < 2**63 else None


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
    """Those already brought in, by the name their export gives them."""
    query = select(Comment).where(Comment.site_id == site.id, Comment.import_id.in_(list(import_ids)))
    return {comment.import_id or "": comment for comment in db.session.scalars(query)}


def below(comment: Comment) -> Sequence[Comment]:
    return db.session.scalars(select(Comment).where(Comment.parent_id == comment.id)).all()


class DuplicateKey(NamedTuple):
    """What makes a comment the same as an earlier one."""

    thread_id: int
    parent_id: int | None
    author_id: int
    text_hash: bytes


def duplicates(said: Collection[DuplicateKey]) -> set[DuplicateKey]:
    """Those of these that were said already, and are not deleted."""
    query = select(Comment.thread_id, Comment.parent_id, Comment.author_id, Comment.text_hash)
    query = query.where(Comment.thread_id.in_({one.thread_id for one in said}), Comment.status != Status.DELETED)
    query = query.where(Comment.text_hash.in_({one.text_hash for one in said}))
    earlier = {
        DuplicateKey(thread, parent, author, bytes(text_hash))
        for thread, parent, author, text_hash in db.session.execute(query)
    }
    return earlier.intersection(said)


def describe_threads(approved: Collection[Comment], withdrawn: Collection[Comment]) -> None:
    """Bring titles and addresses of threads in line after a moderator's acts; the caller holds the threads' locks.

    What a withdrawn comment said of its page goes, unless a comment that is still approved says the same; the oldest
    approved comment that says something takes its place.
    """
    found = threads.read_anew({comment.thread_id for comment in [*approved, *withdrawn]})
    for comment in withdrawn:
        thread = found[comment.thread_id]
        if thread.title and not thread.is_title_fixed and comment.page_title in (None, thread.title):
            comment.page_title, thread.title = thread.title, page_title_of(thread)
        if thread.url and not thread.is_url_fixed and comment.page_url in (None, thread.url):
            comment.page_url, thread.url = thread.url, page_url_of(thread)
    for comment in sorted(approved, key=lambda comment: comment.id):
        threads.describe(found[comment.thread_id], comment.page_title or "", comment.page_url or "")
    db.session.flush()


def page_title_of(thread: Thread) -> str:
    """What approved comments call their page: the title shown if one still does, else that of the oldest, else ""."""
    return _said_of_page(thread, Comment.page_title, "" if thread.is_title_fixed else thread.title)


def page_url_of(thread: Thread) -> str:
    """The address that approved comments give their page, chosen like the title."""
    return _said_of_page(thread, Comment.page_url, "" if thread.is_url_fixed else thread.url)


def _said_of_page(thread: Thread, column: InstrumentedAttribute[str | None], shown: str) -> str:
    approved = (Comment.thread_id == thread.id, Comment.status == Status.APPROVED, Comment.kind == CommentKind.COMMENT)
    says_shown = select(Comment.id).where(*approved, or_(column.is_(None), column == shown)).limit(1)
    if shown and db.session.scalar(says_shown) is not None:
        return shown
    oldest = select(column).where(*approved, column != "").order_by(Comment.id).limit(1)
    return db.session.scalar(oldest) or ""


def awaited_replies(ids: Iterable[int]) -> Sequence[int]:
    """Those of `ids` that answer somebody who wants to be told."""
    parent = aliased(Comment)
    query = select(Comment.id).join(parent, parent.id == Comment.parent_id)
    query = query.where(Comment.id.in_(list(ids)), parent.notify.is_(True), parent.author_email.is_not(None))
    return db.session.scalars(query.order_by(Comment.id)).all()


def stop_telling(comment: Comment) -> None:
    """Whoever wrote this wants no more mail about answers to anything of theirs on this site."""
    theirs = update(Comment).where(Comment.site_id == comment.site_id, Comment.author_id == comment.author_id)
    db.session.execute(theirs.where(Comment.notify.is_(True)).values(notify=False))


def site_ids_of(ids: Iterable[int]) -> dict[int, int]:
    """The site of each of `ids` that exists, by comment."""
    numbers = [number for number in ids if 0 < number < 2**63]
    rows = db.session.execute(select(Comment.id, Comment.site_id).where(Comment.id.in_(numbers))).all()
    return {comment_id: site_id for comment_id, site_id in rows}


def above(comment: Comment) -> list[Comment]:
    """The comments that this one answers, the topmost first."""
    found: list[Comment] = []
    parent = comment.parent
    while parent is not None:
        found.append(parent)
        parent = parent.parent
    return found[::-1]


def thread_ids_of(ids: Iterable[int]) -> Sequence[int]:
    return db.session.scalars(select(Comment.thread_id).where(Comment.id.in_(list(ids)))).all()


def thread_ids_by(author_ids: Iterable[int]) -> Sequence[int]:
    """The threads in which any of these authors has written."""
    query = select(Comment.thread_id).where(Comment.author_id.in_(list(author_ids))).distinct()
    return db.session.scalars(query.order_by(Comment.thread_id)).all()


def ids_of_account(account_id: int) -> Sequence[int]:
    """The numbers of all that an account has written."""
    query = select(Comment.id).join(Author, Author.id == Comment.author_id).where(Author.account_id == account_id)
    return db.session.scalars(query.order_by(Comment.id)).all()


def of_ids(ids: Iterable[int]) -> list[Comment]:
    """Those of `ids` that exist, read anew, by id."""
    query = select(Comment).where(Comment.id.in_(list(ids))).order_by(Comment.id)
    query = query.options(joinedload(Comment.author))
    return list(db.session.scalars(query.execution_options(populate_existing=True)).unique())


def with_places(ids: Iterable[int]) -> Sequence[Comment]:
    """These comments with their thread and site, to be read when the session has gone."""
    query = select(Comment).where(Comment.id.in_(list(ids))).order_by(Comment.id)
    return db.session.scalars(query.options(joinedload(Comment.thread), joinedload(Comment.site))).unique().all()


def longest_wait_s(now: datetime) -> float:
    """How long the comment that has waited longest for a moderator, on any site, has waited; 0 when none waits."""
    oldest = select(func.min(Comment.created_at)).where(Comment.site_id == Site.id, Comment.status == Status.PENDING)
    of_each_site = oldest.correlate(Site).scalar_subquery()
    at = db.session.scalar(select(func.min(of_each_site, type_=UtcTime)).select_from(Site))
    return max(0.0, (now - at).total_seconds()) if at else 0.0


def show(comment: Comment) -> None:
    """Bring `is_shown` of a comment and of those above it in line with its status and the replies below."""
    show_all([comment])


def show_all(changed: Iterable[Comment]) -> None:
    """Bring `is_shown` in line for comments and for those above them, the deepest level first.

    Two queries a level, however many comments.
    """
    levels: dict[int, dict[int, Comment]] = {}
    for comment in changed:
        levels.setdefault(comment.depth, {})[comment.id] = comment
    own = {comment_id for level in levels.values() for comment_id in level}
    while levels:
        level = levels.pop(max(levels))
        # The replies are written already, level by level; so each comment here is written once, with all that changed.
        with db.session.no_autoflush:
            held_up = _with_shown_replies(c.id for c in level.values() if c.status != Status.APPROVED)
        moved = []
        for comment in level.values():
            is_shown = comment.status == Status.APPROVED or comment.id in held_up
            if comment.is_shown != is_shown or comment.id in own:
                moved.append(comment)
            if comment.is_shown != is_shown:
                comment.is_shown = is_shown
        db.session.flush()
        above = {comment.parent_id for comment in moved if comment.parent_id is not None}
        for parent in _by_ids(above):
            levels.setdefault(parent.depth, {})[parent.id] = parent
    db.session.flush()


def _with_shown_replies(ids: Iterable[int]) -> set[int]:
    asked = list(ids)
    if not asked:
        return set()
    query = select(Comment.parent_id).where(Comment.parent_id.in_(asked), Comment.is_shown.is_(True))
    return {parent_id for parent_id in db.session.scalars(query.distinct()) if parent_id is not None}


def _by_ids(ids: set[int]) -> Iterable[Comment]:
    return db.session.scalars(select(Comment).where(Comment.id.in_(ids))) if ids else ()


def of_account(account_id: int, limit: int | None = None) -> Sequence[Comment]:
    """What an account has written, the newest first; everything unless there is a limit."""
    query = select(Comment).join(Author, Author.id == Comment.author_id).where(Author.account_id == account_id)
    query = query.order_by(Comment.id.desc()).limit(limit)
    return db.session.scalars(query.options(joinedload(Comment.thread))).all()


def waiting_of(site: Site, key: str, account: Account) -> Sequence[Comment]:
    """What an account has written in a thread that only its author sees yet."""
    thread = threads.find(site, key)
    if thread is None:
        return []
    query = select(Comment).where(*_is_by(account, thread), or_(Comment.status == Status.PENDING, Comment.is_shadowed))
    return db.session.scalars(query.where(Comment.status != Status.DELETED)).all()


def changeable_of(thread: Thread, account: Account, since: datetime) -> Sequence[int]:
    """The numbers of what an account has written in a thread since then, and nobody has removed."""
    query = select(Comment.id).where(*_is_by(account, thread), Comment.created_at > since)
    return db.session.scalars(query.where(Comment.status.in_([Status.APPROVED, Status.PENDING]))).all()


def _is_by(account: Account, thread: Thread) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    author = select(Author.id).where(Author.site_id == thread.site_id, Author.account_id == account.id)
    # A sum, which is in no index: one writes less than a thread may hold.
    return Comment.author_id == author.scalar_subquery(), Comment.thread_id + 0 == thread.id


def adopt_guests(account: Account, email: str, now: datetime) -> None:
    """Give the account what was written as a guest under an address that its holder has now proved.

    Moves what is in the threads that are locked here. A comment that comes in on another page at this moment is
    given to the account when its holder next signs in.
    """
    guests = select(Author.id, Author.site_id).where(Author.email == email, Author.account_id.is_(None))
    site_of = {guest_id: site_id for guest_id, site_id in db.session.execute(guests.order_by(Author.id)).all()}
    if not site_of:
        return
    thread_ids = thread_ids_by(site_of)
    threads.lock(thread_ids)
    own_of = {}
    for site_id in sorted(set(site_of.values())):
        site = db.session.get_one(Site, site_id)
        own_of[site_id] = authors.get_or_add_author(site, account, account.name, email, "", now).id
    moved: dict[int, Counter[str]] = {}
    for guest_id, site_id in site_of.items():
        theirs = (Comment.author_id == guest_id, Comment.thread_id.in_(thread_ids))
        counted = select(Comment.status, func.count()).where(*theirs).group_by(Comment.status)
        for status, count in db.session.execute(counted).all():
            moved.setdefault(guest_id, Counter())[status] -= count
            moved.setdefault(own_of[site_id], Counter())[status] += count
        db.session.execute(update(Comment).where(*theirs).values(author_id=own_of[site_id]))
    authors.count_moved(moved)


def lately_by(author_id: int, since: datetime, now: datetime, most: int) -> list[datetime]:
    """When the author last wrote, between `since` and `now`; the newest first, no more than `most`.

    Up to `now` only: after the clock was set back, comments of the future must not silence anybody.
    """
    query = select(Comment.created_at).where(Comment.author_id == author_id)
    query = query.where(Comment.created_at > since, Comment.created_at <= now)
    return list(db.session.scalars(query.order_by(Comment.created_at.desc()).limit(most)))


def lately_from(site: Site, network: str, since: datetime, now: datetime, most: int) -> list[tuple[datetime, str]]:
    """When and from which address a network last wrote, as `lately_by`."""
    if not network:
        return []
    query = select(Comment.created_at, Comment.ip).where(Comment.site_id == site.id, Comment.network == network)
    query = query.where(Comment.created_at > since, Comment.created_at <= now)
    rows = db.session.execute(query.order_by(Comment.created_at.desc()).limit(most)).all()
    return [(created_at, ip) for created_at, ip in rows]


def is_busy(where: ColumnElement[bool], since: datetime, now: datetime, most: int) -> bool:
    """Whether a site or thread has had `most` comments since; looks at the one so many before, and counts none."""
    query = select(Comment.created_at).where(where).order_by(Comment.id.desc())
    nth_newest = db.session.scalar(query.offset(most - 1).limit(1))
    return nth_newest is not None and since < nth_newest <= now


class PastComment(NamedTuple):
    """What judging a comment again needs of it; a row of a table would cost more to load than to judge."""

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
    mode: str | None  # of its thread

    @property
    def submission(self) -> RuleInput:
        name, email, website = self.name, self.email or "", self.website or ""
        return RuleInput(self.source, self.html, name, email, website, self.ip, self.user_agent)


def past(site: Site, limit: int) -> list[PastComment]:
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


class CommentOrigin(NamedTuple):
    """What tells whose a comment is."""

    id: int
    account_id: int | None
    email: str | None
    ip: str
    author_id: int


def seen_since(site_id: int | None, since: datetime) -> list[CommentOrigin]:
    """The published and waiting comments since then, of a site or (None) of all."""
    site_ids = [site_id] if site_id is not None else list(db.session.scalars(select(Site.id)))
    query = select(Comment.id, Author.account_id, Comment.author_email, Comment.ip, Comment.author_id)
    query = query.join(Author, Author.id == Comment.author_id)
    query = query.where(Comment.site_id.in_(site_ids), Comment.created_at > since)
    query = query.where(Comment.status.in_([Status.APPROVED, Status.PENDING]))
    return [CommentOrigin(*row) for row in db.session.execute(query).all()]


def by_spam_score(site: Site, status: Status, limit: int) -> Sequence[Comment]:
    """The comments of this status that the filter has looked at, the likest to spam first."""
    query = select(Comment).where(Comment.site_id == site.id, Comment.status == status)
    query = query.where(Comment.spam_score.is_not(None)).order_by(Comment.spam_score.desc(), Comment.id.desc())
    return db.session.scalars(query.limit(limit)).all()


def newest_of_author(author_id: int, limit: int) -> Sequence[Comment]:
    query = select(Comment).where(Comment.author_id == author_id)
    return db.session.scalars(query.order_by(Comment.created_at.desc(), Comment.id.desc()).limit(limit)).all()


def imported_after(site_id: int, after_id: int, limit: int) -> Sequence[Comment]:
    """The next of a site's imported comments, in their order."""
    query = select(Comment).where(Comment.site_id == site_id, Comment.id > after_id, Comment.import_id.is_not(None))
    return db.session.scalars(query.order_by(Comment.id).limit(limit)).all()


def refused_of(author_id: int, since: datetime, most: int) -> int:
    """How many of the author's comments since then are refused, counted up to `most`."""
    query = select(Comment.id).where(Comment.author_id == author_id, Comment.created_at > since)
    query = query.where(Comment.status.in_([Status.REJECTED, Status.SPAM])).limit(most)
    return len(db.session.scalars(query).all())


def like_sketch(site: Site, sketch: tuple[int, int], since: datetime, most: int) -> list[str]:
    """The texts of the newest comments since then that may say the same; of each of the two numbers `most`."""
    found: dict[int, str] = {}
    for column, value in zip((Comment.sketch_1, Comment.sketch_2), sketch, strict=True):
        query = select(Comment.id, Comment.source).where(Comment.site_id == site.id, column == value)
        query = query.where(Comment.created_at > since, Comment.status != Status.DELETED)
        found.update(
            (number, source)
            for number, source in db.session.execute(query.order_by(Comment.id.desc()).limit(most)).all()
        )
    return list(found.values())

"""The spam filter's counts: in how many good and bad comments of a site each word occurs, by its hash."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Integer, String, select
from sqlalchemy.orm import Mapped, mapped_column

from commentsvc.core.spam_filter import WordCounts
from commentsvc.store.db import Base, Id, UtcTime, db
from commentsvc.store.sites import Site
from commentsvc.store.upserts import upsert

_AT_ONCE = 400  # values in one question: SQLite's limit is far higher, PostgreSQL plans these well


class SpamWord(Base):
    __tablename__ = "spam_word"

    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"), primary_key=True, autoincrement=False)
    word: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    ham: Mapped[int] = mapped_column(Integer, default=0)
    spam: Mapped[int] = mapped_column(Integer, default=0)


class SpamTotal(Base):
    """The numbers of good and bad comments that the filter has learnt from."""

    __tablename__ = "spam_total"

    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"), primary_key=True, autoincrement=False)
    ham: Mapped[int] = mapped_column(Integer, default=0)
    spam: Mapped[int] = mapped_column(Integer, default=0)


class Follower(Base):
    """The position of a follower of the decision log."""

    __tablename__ = "follower"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    decision_id: Mapped[int] = mapped_column(Id, default=0)
    moved_at: Mapped[datetime | None] = mapped_column(UtcTime)


def total(site: Site) -> WordCounts:
    row = db.session.execute(select(SpamTotal.ham, SpamTotal.spam).where(SpamTotal.site_id == site.id)).first()
    return WordCounts(*row) if row else WordCounts()


def seen(site: Site, words: Collection[int]) -> dict[int, WordCounts]:
    """The counts of these words; unknown words are left out."""
    found: dict[int, WordCounts] = {}
    listed = list(words)
    for at in range(0, len(listed), _AT_ONCE):
        query = select(SpamWord.word, SpamWord.ham, SpamWord.spam).where(SpamWord.site_id == site.id)
        for word, ham, spam in db.session.execute(query.where(SpamWord.word.in_(listed[at : at + _AT_ONCE]))).all():
            found[word] = WordCounts(ham, spam)
    return found


def learn(site_id: int, totals: WordCounts, words: Mapping[int, WordCounts]) -> None:
    """Add to what was learnt (or take away: the numbers may be negative); in one order of rows, as two may learn."""
    _add(SpamTotal, [{"site_id": site_id, "ham": totals.ham, "spam": totals.spam}])
    _add(
        SpamWord,
        [{"site_id": site_id, "word": w, "ham": s.ham, "spam": s.spam} for w, s in sorted(words.items())],
    )


def _add(table: type[SpamWord] | type[SpamTotal], rows: Iterable[dict[str, int]]) -> None:
    listed = list(rows)
    if not listed:
        return
    row = upsert(table)
    more = {"ham": table.ham + row.excluded.ham, "spam": table.spam + row.excluded.spam}
    keys = [column.name for column in table.__table__.primary_key]
    db.session.execute(row.on_conflict_do_update(index_elements=keys, set_=more), listed)


def position(name: str) -> int:
    """The position of a follower, without a lock; 0 when it has not begun."""
    return db.session.scalar(select(Follower.decision_id).where(Follower.name == name)) or 0


def follower(name: str) -> Follower:
    """The row, locked until the transaction ends: two workers must not follow the same decisions at once."""
    db.session.execute(upsert(Follower).values(name=name, decision_id=0).on_conflict_do_nothing())
    query = select(Follower).where(Follower.name == name).with_for_update()
    return db.session.scalars(query.execution_options(populate_existing=True)).one()

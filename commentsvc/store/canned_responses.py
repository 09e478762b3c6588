"""Canned responses: messages that a site's moderators often send to authors."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ForeignKey, String, select
from sqlalchemy.orm import Mapped, mapped_column

from commentsvc.core.errors import NotFound
from commentsvc.core.whole_numbers import is_row_id
from commentsvc.store.db import Base, Id, db
from commentsvc.store.sites import Site

TEXT_MAX = 500


class CannedResponse(Base):
    __tablename__ = "canned_note"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"), index=True)
    text: Mapped[str] = mapped_column(String(TEXT_MAX))


def of_site(site: Site) -> Sequence[CannedResponse]:
    return db.session.scalars(
        select(CannedResponse).where(CannedResponse.site_id == site.id).order_by(CannedResponse.id)
    ).all()


def by_id(site: Site, note_id: int) -> CannedResponse:
    note = db.session.get(CannedResponse, note_id) if is_row_id(note_id) else None
    if note is None or note.site_id != site.id:
        raise NotFound("There is no such saved reply here.")
    return note

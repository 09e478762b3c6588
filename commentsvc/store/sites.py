"""Sites: one row a blog, its allowed origins, its policy."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    JSON,
    ForeignKey,
    Integer,
    Select,
    String,
    UniqueConstraint,
    bindparam,
    event,
    select,
)
from sqlalchemy.orm import (
    Mapped,
    Session,
    joinedload,
    lazyload,
    mapped_column,
    object_session,
    relationship,
    scoped_session,
)

from commentsvc.core import languages, origins, page_keys, policy, translations
from commentsvc.core.errors import Conflict, Invalid, NotFound
from commentsvc.core.phrases import phrase
from commentsvc.core.policy import Policy
from commentsvc.core.translator import Translator
from commentsvc.store.db import Base, Id, UtcTime, db
from commentsvc.store.process_cache import Section
from commentsvc.store.transactions import advisory_lock, shared_advisory_lock

KEY = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
NAME_MAX = 200
CACHE_MAX_AGE_S = 0.5
CACHE_MAX_SITES = 1000  # sites


class Site(Base):
    __tablename__ = "site"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    # Random: with it, the ids of this site's rows are unique among all installations (see docs/export-format.md).
    uid: Mapped[str] = mapped_column(String(32), default=lambda: secrets.token_hex(8), server_default="")
    key: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(NAME_MAX))
    # Grows with every change of name, origins or policy: published pages depend on them.
    version: Mapped[int] = mapped_column(Integer, default=1)
    # Grows with every change of its rules; published pages do not depend on them.
    rules_version: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
    settings: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    origins: Mapped[list[SiteOrigin]] = relationship(
        back_populates="site", order_by="SiteOrigin.id", cascade="all, delete-orphan", lazy="selectin"
    )

    @property
    def policy(self) -> Policy:
        """The settings are only ever replaced as a whole, so one reading of them serves a request."""
        kept: tuple[dict[str, Any], Policy] | None = self.__dict__.get("_policy")
        if kept is None or kept[0] is not self.settings:
            kept = self.__dict__["_policy"] = (self.settings, policy.from_json(self.settings))
        return kept[1]

    @property
    def texts(self) -> dict[str, Any]:
        """The site's own wording (see translations.checked_texts)."""
        texts: dict[str, Any] = self.settings.get("texts", {})
        return texts

    def translator(self, language: str | None) -> Translator:
        """The site's translator: in the given language, else the site's, else English."""
        return Translator(language or self.policy.language or languages.DEFAULT, self.texts)

    def allows(self, origin: str) -> bool:
        """Whether a page of `origin`, exactly as the browser sends it, may write here."""
        return origins.allows((one.origin for one in self.origins), origin)

    @property
    def main_origin(self) -> str:
        """The origin that stands for the site: the first that is no wildcard; "" where there is none."""
        return next((one.origin for one in self.origins if not origins.is_wildcard(one.origin)), "")

    def lasting_url(self, url: str) -> str:
        """The address of a page, with the main origin in place of a preview's: one that only a wildcard allows."""
        origin = page_keys.origin_of(url) or ""
        known = {one.origin for one in self.origins}
        is_of_preview = origin not in known and origins.allows(known, origin)
        return self.main_origin + url[len(origin) :] if is_of_preview and self.main_origin else url


class SiteOrigin(Base):
    __tablename__ = "site_origin"
    __table_args__ = (UniqueConstraint("site_id", "origin"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"))
    origin: Mapped[str] = mapped_column(String(300), index=True)
    site: Mapped[Site] = relationship(back_populates="origins")


# Built once, at the first call: an option of a relationship needs all tables to be imported.
@cache
def _by_key() -> Select[Site]:
    return select(Site).where(Site.key == bindparam("key")).options(joinedload(Site.origins))


@cache
def _by_id() -> Select[Site]:
    return select(Site).where(Site.id == bindparam("site_id")).options(lazyload(Site.origins))


def by_key(key: str) -> Site:
    """The site; raises NotFound with a sentence for the owner of the page."""
    return _found(db.session, key)


def _found(session: Session | scoped_session[Any], key: str) -> Site:
    site = session.scalars(_by_key(), {"key": key}).unique().one_or_none() if KEY.fullmatch(key) else None
    if site is None:
        raise NotFound(phrase("There is no site with this key here. Check the site attribute of the embed code."))
    return site


def by_id(site_id: int) -> Site:
    """A site that is there, without its origins."""
    return db.session.scalars(_by_id(), {"site_id": site_id}).one()


# A site and the monotonic time until which it is used without looking again.
_by_keys: Section[str, tuple[Site, float]] = Section(CACHE_MAX_SITES)


def cached_by_key(key: str, anew: bool = False) -> Site:
    """The site, at most CACHE_MAX_AGE_S behind a change by another process; raises as by_key.

    The object belongs to no session and is shared between requests: read it only. Before refusing a request because of
    it, read it `anew`.
    """
    site, until = _by_keys.get(key) or (None, 0.0)
    if site is None or anew or time.monotonic() >= until:
        until = time.monotonic() + CACHE_MAX_AGE_S
        with Session(db.engine) as session:
            site = _found(session, key)
        _by_keys.put(key, (site, until))
    return site


@event.listens_for(Site, "after_update")
def _note_change(_mapper: object, _connection: object, site: Site) -> None:
    session = object_session(site)
    if session is not None:
        session.info[Site] = "changed"


@event.listens_for(db.session, "after_commit")
def _forget_changed(session: Session) -> None:
    if session.info.pop(Site, None):
        _by_keys.clear()


def all_sites() -> list[Site]:
    return list(db.session.scalars(select(Site).order_by(Site.key)))


def is_known_origin(origin: str) -> bool:
    """Whether any site allows this origin: a CORS preflight names no site."""
    if origins.is_wildcard(origin):
        return False
    possible = [one for one in (origin, origins.wildcard_of(origin)) if one]
    return db.session.scalar(select(SiteOrigin.id).where(SiteOrigin.origin.in_(possible)).limit(1)) is not None


def add(key: str, name: str, allowed: list[str], site_policy: Policy, now: datetime) -> Site:
    """A new site with its origins; raises Invalid for a bad key, name or origin and Conflict when the key is taken."""
    if not KEY.fullmatch(key):
        raise Invalid(
            "key",
            f"“{key}” can't be a site key: use 1 to 64 of a–z, 0–9, dot, hyphen and underscore, "
            "beginning and ending with a letter or digit.",
        )
    if not name.strip() or len(name) > NAME_MAX:
        raise Invalid("name", f"Enter a site name of 1 to {NAME_MAX} characters.")
    wanted = origins.normal_list(allowed, "origin")
    if db.session.scalar(select(Site.id).where(Site.key == key)) is not None:
        raise Conflict(f"The site “{key}” exists already.", "taken")
    site = Site(key=key, name=name.strip(), settings=policy.to_json(site_policy), created_at=now)
    site.origins = [SiteOrigin(origin=origin) for origin in wanted]
    db.session.add(site)
    db.session.flush()
    return site


def lock(site: Site) -> None:
    """Hold the site's row until the transaction ends, and read it anew. Members change under this lock alone."""
    lock_all([site.id])


def lock_all(ids: Iterable[int]) -> Sequence[Site]:
    """As lock, for several sites, by id.

    Without the key: rows that only name the site, such as comments, can be written meanwhile.
    """
    query = select(Site).where(Site.id.in_(sorted(set(ids)))).order_by(Site.id).with_for_update(of=Site, key_share=True)
    return db.session.scalars(query.execution_options(populate_existing=True)).all()


def hold_posting(site_id: int) -> None:
    """Take new comments in, until the transaction ends, on a site where nobody has stopped that."""
    shared_advisory_lock("posting", site_id)


def stop_posting(ids: Iterable[int]) -> None:
    """Wait for new comments that are being taken in, and let none begin until the transaction ends."""
    for site_id in sorted(set(ids)):
        advisory_lock("posting", site_id)


def change_policy(site: Site, changes: Mapping[str, object]) -> None:
    """Change some of a site's settings; raises Invalid naming one that is unknown or out of bounds.

    Beside those of the policy there is `texts`: the site's own words, all of them at once.
    """
    of_policy = {name: value for name, value in changes.items() if name != "texts"}
    settings = {**site.settings, **policy.to_json(policy.changed(site.policy, of_policy))}
    if "texts" in changes:
        settings["texts"] = translations.checked_texts(changes["texts"])
    site.settings = settings
    site.version += 1


def policy_json(site: Site) -> dict[str, Any]:
    """The policy in force, each setting by its name."""
    return {name: str(v) if isinstance(v, str) else v for name, v in policy.to_json(site.policy).items()}

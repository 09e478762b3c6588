"""Sites: one row a blog, its allowed origins, its policy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import JSON, ForeignKey, Integer, String, UniqueConstraint, bindparam, select
from sqlalchemy.orm import Mapped, joinedload, mapped_column, relationship

from commentsvc.core import catalogue, languages, policy
from commentsvc.core.errors import Conflict, Invalid, NotFound
from commentsvc.core.phrases import phrase
from commentsvc.core.policy import Policy
from commentsvc.core.voice import Voice
from commentsvc.store.db import Base, Id, UtcTime, db

KEY = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
NAME_MAX = 200


class Site(Base):
    __tablename__ = "site"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
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
        """What this site says instead of our own sentences (see catalogue.checked_texts)."""
        texts: dict[str, Any] = self.settings.get("texts", {})
        return texts

    def voice(self, language: str | None) -> Voice:
        """What speaks for this site to somebody whose language is this, else in the site's own, else in English."""
        return Voice(language or self.policy.language or languages.DEFAULT, self.texts)

    def allows(self, origin: str) -> bool:
        """Whether a page of `origin` may write here; exactly as the browser sends it, nothing like it."""
        return any(o.origin == origin for o in self.origins)


class SiteOrigin(Base):
    __tablename__ = "site_origin"
    __table_args__ = (UniqueConstraint("site_id", "origin"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"))
    origin: Mapped[str] = mapped_column(String(300), index=True)
    site: Mapped[Site] = relationship(back_populates="origins")


_BY_KEY = select(Site).where(Site.key == bindparam("key")).options(joinedload(Site.origins))


def by_key(key: str) -> Site:
    """The site; raises NotFound with a sentence for the owner of the page."""
    site = db.session.scalars(_BY_KEY, {"key": key}).unique().one_or_none() if KEY.fullmatch(key) else None
    if site is None:
        raise NotFound(phrase("There is no site with this key here. Check the site attribute of the embed code."))
    return site


def all_sites() -> list[Site]:
    return list(db.session.scalars(select(Site).order_by(Site.key)))


def is_known_origin(origin: str) -> bool:
    """Whether any site allows this origin: what a preflight, which names no site, can be asked."""
    return db.session.scalar(select(SiteOrigin.id).where(SiteOrigin.origin == origin).limit(1)) is not None


def add(key: str, name: str, origins: list[str], site_policy: Policy, now: datetime) -> Site:
    """A new site; raises Invalid for a bad key, name or origin and Conflict when the key is taken."""
    if not KEY.fullmatch(key):
        raise Invalid(
            "key",
            f"“{key}” can't be a site key: use 1 to 64 of a–z, 0–9, dot, hyphen and underscore, "
            "beginning and ending with a letter or digit.",
        )
    if not name.strip() or len(name) > NAME_MAX:
        raise Invalid("name", f"Give the site a name of 1 to {NAME_MAX} characters.")
    if not origins:
        raise Invalid("origin", "Name at least one origin, such as https://blog.example.")
    if db.session.scalar(select(Site.id).where(Site.key == key)) is not None:
        raise Conflict(f"There is a site “{key}” already.", "taken")
    site = Site(key=key, name=name.strip(), settings=policy.to_json(site_policy), created_at=now)
    site.origins = [SiteOrigin(origin=o) for o in dict.fromkeys(normal_origin(o) for o in origins)]
    db.session.add(site)
    db.session.flush()
    return site


def lock(site: Site) -> None:
    """Hold the site's row until the transaction ends, and read it anew."""
    query = select(Site).where(Site.id == site.id).with_for_update(of=Site)
    db.session.scalars(query.execution_options(populate_existing=True)).one()


def change_policy(site: Site, changes: Mapping[str, object]) -> None:
    """Change some of a site's settings; raises Invalid naming one that is unknown or out of bounds.

    Beside those of the policy there is `texts`: the site's own words, all of them at once.
    """
    of_policy = {name: value for name, value in changes.items() if name != "texts"}
    settings = {**site.settings, **policy.to_json(policy.changed(site.policy, of_policy))}
    if "texts" in changes:
        settings["texts"] = catalogue.checked_texts(changes["texts"])
    site.settings = settings
    site.version += 1


def policy_json(site: Site) -> dict[str, Any]:
    """The policy in force, each setting by its name."""
    return {name: str(v) if isinstance(v, str) else v for name, v in policy.to_json(site.policy).items()}


def normal_origin(value: str) -> str:
    """`value` as a browser would send it in `Origin` (RFC 6454 §6.2); raises Invalid when it is no origin."""
    parts = urlsplit(value.strip())
    try:
        port = parts.port
    except ValueError:
        port = -1
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or port == -1
        or parts.path.rstrip("/")
        or parts.query
        or parts.fragment
        or "@" in parts.netloc
        or not re.fullmatch(r"[a-z0-9.:-]+", parts.hostname)
    ):
        raise Invalid("origin", f"“{value}” is no origin: write scheme and host only, such as https://blog.example.")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    default = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in (None, default) else "")

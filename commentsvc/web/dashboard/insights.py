"""Insights: comments by status, reasons, waiting times and moderators, as charts, tables, CSV and JSON."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask import Blueprint, Response, jsonify, make_response, render_template, request

from commentsvc.core import insights as core_insights
from commentsvc.core import routes
from commentsvc.core.errors import Invalid, NotFound
from commentsvc.core.phrases import marked
from commentsvc.core.status import Status
from commentsvc.store import counters, sites
from commentsvc.store import insights as stored_insights
from commentsvc.store.insights import ModeratorStats
from commentsvc.store.process_cache import Section
from commentsvc.store.sites import Site
from commentsvc.web.dashboard import layout
from commentsvc.web.http import access
from commentsvc.web.http.app_setup import machine_time, now
from commentsvc.web.http.i18n import gettext, speak_for, translator

pages = Blueprint("figures_page", __name__)

PERIODS = (7, 30, 90, 365)
PACE_OF = 200  # newest decisions that a pace is told from
PUBLIC_DAYS = 90
PUBLIC_NAMES = {
    Status.APPROVED: marked("Published"),
    Status.PENDING: marked("Pending"),
    Status.REJECTED: marked("Rejected"),
    Status.SPAM: marked("Spam"),
    Status.DELETED: marked("Deleted"),
}
PUBLIC_S = 3600
PUBLIC_MAX = 1000  # sites


@dataclass(frozen=True)
class Day:
    day: date
    counts: dict[Status, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True)
class Insights:
    """All figures of a site over some days, ready to be drawn."""

    days: list[Day]
    rules: list[tuple[str, str, int]]
    median_s: float | None
    p90_s: float | None
    waiting: int
    oldest_at: datetime | None
    empty_in_s: float | None
    judges: list[ModeratorStats]
    threads: list[tuple[str, str, int]]
    spam: tuple[int, int, int]

    @property
    def agreement(self) -> float | None:
        """The share of decisions that no other moderator has changed."""
        decided = sum(judge.decided for judge in self.judges)
        return 1 - sum(judge.changed for judge in self.judges) / decided if decided else None

    @property
    def totals(self) -> dict[Status, int]:
        return {status: sum(day.counts[status] for day in self.days) for status in Status}


@pages.get(routes.INSIGHTS)
def show(site_key: str) -> str:
    by = access.require_dashboard_moderator()
    site = access.require_moderated_site(site_key, by)
    days = _days()
    statuses = {status: status.value for status in PUBLIC_NAMES}
    names = {
        "found": gather(site, days, now()),
        "days": days,
        "periods": PERIODS,
        "spoken": core_insights.format_duration,
        "statuses": statuses,
    }
    return layout.draw("dashboard/insights.html", by, site, now=now(), **names)


@pages.get(routes.INSIGHTS_JSON)
def as_json(site_key: str) -> Response:
    site = access.require_moderated_site(site_key, access.require_dashboard_moderator())
    return jsonify(_document(gather(site, _days(), now())))


@pages.get(routes.INSIGHTS_CSV)
def as_csv(site_key: str) -> Response:
    """One table: a line for each day, and below it the pages that were written on most."""
    site = access.require_moderated_site(site_key, access.require_dashboard_moderator())
    found = gather(site, _days(), now())
    rows: list[list[object]] = [["day", *Status], *([day.day.isoformat(), *day.counts.values()] for day in found.days)]
    rows += [[], ["page", "title", "comments"], *map(list, found.threads)]
    response = make_response(core_insights.csv_text(rows))
    response.headers["Content-Type"] = "text/csv; charset=utf-8"
    response.headers["Content-Disposition"] = f"attachment; filename={site.key}-insights.csv"
    return response


@pages.get(routes.TRANSPARENCY)
def transparency(site_key: str) -> Response:
    """The transparency page, if the owner has enabled it: published and rejected comments, reasons, and times."""
    site = sites.by_key(site_key)
    if not site.policy.is_transparent:
        raise NotFound("This site has no public page about its moderation.")
    speak_for(site)
    names = {status: gettext(name) for status, name in PUBLIC_NAMES.items()}
    shown = {"found": _public(site, now()), "days": PUBLIC_DAYS, "names": names, "span": translator().span}
    response = make_response(render_template("transparency.html", site_name=site.name, **shown))
    response.headers["Cache-Control"] = f"public, max-age={PUBLIC_S}"
    response.vary.add("Accept-Language")
    return response


def gather(site: Site, days: int, at: datetime) -> Insights:
    since = stored_insights.days_ago(days, at)
    by_day = stored_insights.by_day(site, since)
    calendar = core_insights.days_between(since.date(), at.date())
    waits = stored_insights.waits_s(site, since)
    waiting = counters.of_site(site)[Status.PENDING]
    pace = [moment.timestamp() for moment in stored_insights.decided_at(site, stored_insights.days_ago(2, at), PACE_OF)]
    return Insights(
        days=[Day(day, by_day.get(day, dict.fromkeys(Status, 0))) for day in calendar],
        rules=stored_insights.by_rule(site, since),
        median_s=core_insights.percentile(waits, 0.5),
        p90_s=core_insights.percentile(waits, 0.9),
        waiting=waiting,
        oldest_at=stored_insights.oldest_waiting_at(site),
        empty_in_s=core_insights.empty_in_s(waiting, pace, at.timestamp()),
        judges=stored_insights.judges(site, since),
        threads=stored_insights.top_threads(site, since),
        spam=stored_insights.spam(site, since),
    )


# The public page of each site is kept for an hour in each process: readers must not make the database count.
_public_insights: Section[int, tuple[datetime, Insights]] = Section(PUBLIC_MAX)


def _public(site: Site, at: datetime) -> Insights:
    kept = _public_insights.get(site.id)
    if kept is None or not 0 <= (at - kept[0]).total_seconds() < PUBLIC_S:
        kept = _public_insights.put(site.id, (at, gather(site, PUBLIC_DAYS, at)))
    return kept[1]


def _days() -> int:
    value = request.args.get("days", "30")
    if value not in map(str, PERIODS):
        raise Invalid("days", f"days is one of {', '.join(map(str, PERIODS))}.")
    return int(value)


def _document(found: Insights) -> dict[str, Any]:
    return {
        "days": [{"day": day.day.isoformat(), **day.counts} for day in found.days],
        "rules": [{"rule": rule, "status": status, "count": count} for rule, status, count in found.rules],
        "wait_s": {"median": found.median_s, "p90": found.p90_s},
        "queue": {
            "waiting": found.waiting,
            "oldest_at": machine_time(found.oldest_at) if found.oldest_at else None,
            "empty_in_s": found.empty_in_s,
        },
        "moderators": [{"name": j.name, "decided": j.decided, "changed_by_others": j.changed} for j in found.judges],
        "agreement": found.agreement,
        "threads": [{"key": key, "title": title, "count": count} for key, title, count in found.threads],
        "spam": dict(zip(("caught_by_rules", "found_by_moderators", "wrongly_caught"), found.spam, strict=True)),
    }

"""Settles how a site works: its name, origins, policy, words and canned notes; journalled, and undone from there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from commentsvc.core import origins, text_input, translations
from commentsvc.core.errors import Conflict, Invalid, NotFound, Overlap
from commentsvc.core.form_merge import merge
from commentsvc.core.job_kinds import NormalizeThreadsJob
from commentsvc.core.policy import Mode, Policy, changed
from commentsvc.services import members, thread_moves, thread_settings
from commentsvc.store import audit_log, canned_responses, jobs, sites
from commentsvc.store.accounts import Account
from commentsvc.store.audit_log import Actor, AuditEntry
from commentsvc.store.db import db
from commentsvc.store.sites import NAME_MAX, Site, SiteOrigin
from commentsvc.store.transactions import retried, write

UNDOABLE = ("setting", "member", "canned", *audit_log.OF_THREADS)
# Settings that change which addresses are one page.
KEY_RULES = frozenset({"trailing_slash", "letter_case", "page_params"})


@retried
def create(key: str, name: str, allowed: Sequence[str], mode: Mode, by: Actor, now: datetime) -> Site:
    """A new site; raises Invalid for a bad key, name or origin and Conflict when the key is taken."""
    with write(keep_loaded=True):
        site = sites.add(key, name, list(allowed), Policy(mode=mode), now)
        settings = {"name": site.name, "origins": [origin.origin for origin in site.origins], "mode": mode}
        audit_log.add("site", now, site=site, by=by, subject=site.key, after=settings)
        return site


@retried
def change(
    site_id: int,
    changes: Mapping[str, Any],
    by: Actor,
    ip: str,
    now: datetime,
    shown: str | None = None,
) -> list[str]:
    """Change settings by name (`name`, `origins`, `texts`, fields of the policy); returns the names that changed.

    `shown` is the fingerprint of the form's values: with it, only the fields that this person changed are saved.
    Raises Invalid naming a setting that is unknown or out of bounds, and Overlap when others have changed the same
    fields since the form was opened; then nothing is changed.
    """
    with write():
        site = _locked(site_id)
        if shown is not None:
            changes = _own_changes(site, changes, shown)
        before, after = _changed(site, changes)
        if after:
            audit_log.add("setting", now, site=site, by=by, subject=", ".join(after), before=before, after=after, ip=ip)
        if not KEY_RULES.isdisjoint(after):
            jobs.add(NormalizeThreadsJob(site.id), now)
    return list(after)


def replace_all(
    site: Site,
    name_and_origins: Mapping[str, Any],
    policy_and_texts: Mapping[str, Any],
    notes: Sequence[str],
    by: Actor,
    now: datetime,
) -> None:
    """Give a new site everything that an export of another has; raises Invalid as change. The caller commits.

    Settings that this version does not know, or whose value it does not allow, keep their defaults.
    """
    sites.lock(site)
    known = {name: value for name, value in policy_and_texts.items() if is_possible(name, value)}
    before, after = _changed(site, {**name_and_origins, **known})
    for words in notes:
        db.session.add(canned_responses.CannedResponse(site_id=site.id, text=words[: canned_responses.TEXT_MAX]))
    audit_log.add("setting", now, site=site, by=by, subject="import", before=before, after=after)


def is_possible(name: str, value: object) -> bool:
    """Whether this version has the setting and allows the value."""
    try:
        if name == "texts":
            translations.checked_texts(value)
        else:
            changed(Policy(), {name: value})
    except Invalid:
        return False
    return True


@retried
def add_note(site_id: int, words: str, by: Account, ip: str, now: datetime) -> None:
    """Keep a sentence that moderators tell authors often.

    Raises Invalid when it is empty or too long, Conflict when the site has it already.
    """
    words = text_input.line(words, "text", "The note", canned_responses.TEXT_MAX, required=True)

    with write():
        site = _locked(site_id)
        if any(note.text == words for note in canned_responses.of_site(site)):
            raise Conflict("This saved reply exists already.", "no-change")
        note = canned_responses.CannedResponse(site_id=site.id, text=words)
        db.session.add(note)
        audit_log.add("canned", now, site=site, by=by, subject=words, after={"text": words}, ip=ip)


@retried
def remove_note(site_id: int, note_id: int, by: Account, ip: str, now: datetime) -> None:
    with write():
        site = _locked(site_id)
        note = canned_responses.by_id(site, note_id)
        db.session.delete(note)
        audit_log.add("canned", now, site=site, by=by, subject=note.text, before={"text": note.text}, ip=ip)


@retried
def undo(site_id: int, entry_id: int, by: Account, ip: str, now: datetime) -> None:
    """Put back what a journal's entry changed; raises Conflict when it has been changed again since."""
    entry = audit_log.by_id(entry_id)
    if entry.site_id == site_id and entry.kind in thread_moves.KINDS:
        thread_moves.undo(entry_id, by, ip, now)
        return
    with write():
        site = _locked(site_id)
        entry = audit_log.by_id(entry_id)
        if entry.site_id != site.id or entry.kind not in UNDOABLE:
            raise NotFound("There is no such change to undo.")
        if entry.kind == "member":
            members.undo(entry, site, by, ip, now)
        elif entry.kind == audit_log.THREAD:
            thread_settings.put_back(site, entry, by, ip, now)
        else:
            (_undo_setting if entry.kind == "setting" else _undo_note)(site, entry)
            if not KEY_RULES.isdisjoint(entry.after):
                jobs.add(NormalizeThreadsJob(site.id), now)
            was, now_is = entry.after, entry.before
            audit_log.add(
                entry.kind, now, site=site, by=by, subject=entry.subject, before=was, after=now_is, ip=ip, undoes=entry
            )


def _locked(site_id: int) -> Site:
    site = db.session.get_one(Site, site_id)
    sites.lock(site)
    return site


def _own_changes(site: Site, sent: Mapping[str, Any], shown: str) -> dict[str, Any]:
    """The fields that this person changed on the form; raises Overlap."""
    current = current_settings(site)
    merged = merge(shown, sent, current)
    if merged.overlaps:
        raise Overlap(
            {name: (current[name], audit_log.last_actor_name(site, "setting", name)) for name in merged.overlaps}
        )
    return merged.changes


def _undo_setting(site: Site, entry: AuditEntry) -> None:
    current = current_settings(site)
    if any(current.get(name) != value for name, value in entry.after.items()):
        raise Conflict("One of these settings has changed since.", "changed-since")
    _changed(site, entry.before)


def _undo_note(site: Site, entry: AuditEntry) -> None:
    if "text" in entry.before:
        if any(note.text == entry.before["text"] for note in canned_responses.of_site(site)):
            raise Conflict("This saved reply was already restored.", "changed-since")
        db.session.add(canned_responses.CannedResponse(site_id=site.id, text=entry.before["text"]))
        return
    found = next((note for note in canned_responses.of_site(site) if note.text == entry.after["text"]), None)
    if found is None:
        raise Conflict("This saved reply was already deleted.", "changed-since")
    db.session.delete(found)


def current_settings(site: Site) -> dict[str, Any]:
    """Every setting of a site by name, as the journal keeps it."""
    allowed = [origin.origin for origin in site.origins]
    return {"name": site.name, "origins": allowed, "texts": site.texts, **sites.policy_json(site)}


def _changed(site: Site, changes: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Change the site; gives what differs, as it was and as it is."""
    before = current_settings(site)
    rest = dict(changes)
    if "name" in rest:
        site.name = text_input.line(rest.pop("name"), "name", "The site's name", NAME_MAX, required=True)
    if "origins" in rest:
        _set_origins(site, rest.pop("origins"))
    # Only what differs: a mode that somebody chooses again is no longer one that a flood has turned.
    sites.change_policy(site, {name: value for name, value in rest.items() if before.get(name) != value})
    db.session.flush()
    after = current_settings(site)
    names = [name for name in after if after[name] != before[name]]
    return {name: before[name] for name in names}, {name: after[name] for name in names}


def _set_origins(site: Site, allowed: Sequence[str]) -> None:
    wanted = origins.normal_list(allowed)
    if wanted != [one.origin for one in site.origins]:
        site.origins.clear()  # all rows anew: their ids are the order, and the first one stands for the site
        db.session.flush()
        site.origins = [SiteOrigin(origin=origin) for origin in wanted]

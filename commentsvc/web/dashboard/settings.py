"""A site's settings, each with one line that explains it; the lines to embed, notes, tokens, and what changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from commentsvc.core import languages, policy
from commentsvc.core.errors import Invalid, Overlap
from commentsvc.core.form_merge import fingerprint, merge
from commentsvc.core.pagination import PAGE_SIZE
from commentsvc.core.policy import Mode, Policy, Votes
from commentsvc.services import api_tokens as api_tokens_service
from commentsvc.services import site_settings
from commentsvc.store import api_tokens as stored_api_tokens
from commentsvc.store import audit_log, canned_responses, threads
from commentsvc.store.sites import Site
from commentsvc.web.dashboard import layout
from commentsvc.web.http import access
from commentsvc.web.http.access import client_ip
from commentsvc.web.http.app_setup import now
from commentsvc.web.http.app_setup import settings as service_settings

pages = Blueprint("settings", __name__, url_prefix="/dashboard")

GROUPS = {
    "Moderation": (
        "mode",
        "approved_needed",
        "new_account_days",
        "links_max",
        "flags_hold",
        "refusals_max",
        "warn_before_hold",
    ),
    "Against spam": (
        "spam_filter",
        "spam_hold",
        "external_spam_check",
        "copies_held",
        "names_protected",
        "protected_names",
        "min_compose_s",
        "challenge_after",
    ),
    "Against floods": ("min_interval_s", "pace_author", "pace_network", "pace_thread", "pace_site"),
    "Moderators": ("moderators_see_addresses", "second_factor_required", "is_transparent"),
    "Commenting": (
        "is_open",
        "signin_required",
        "name_and_email_required",
        "body_max",
        "depth_max",
        "edit_window_s",
        "close_after_days",
        "votes",
    ),
    "Readers and search engines": ("language", "noindex"),
}
LINES = {"protected_names"}  # several lines of text
INNER = {"flood_from"}  # what the service itself remembers
SAYS = {
    "mode": ("Who waits for a moderator", "What happens to a new comment before anybody has looked at it."),
    "approved_needed": ("Approved comments that make an author known", "Counts where only those who are new wait."),
    "links_max": ("Links that make a comment wait", "A comment with more links than this waits, whoever wrote it."),
    "flags_hold": (
        "Reports that take a comment off the page",
        "So many readers hold it again; 0: none do.",
    ),
    "moderators_see_addresses": (
        "Moderators see addresses",
        "E-mail and network addresses of those who comment; owners always see them.",
    ),
    "second_factor_required": ("Moderators need a second factor", "An app or a passkey, before they get in."),
    "is_transparent": ("Public page about moderation", "Readers see how much is published and refused, and how fast."),
    "is_open": ("Open for comments", "Without it every page of the site only shows what is there."),
    "signin_required": ("Only signed-in readers comment", "Without it guests give a name and an address."),
    "name_and_email_required": ("Guests must give name and address", "The address is never shown to readers."),
    "body_max": ("Longest comment, in characters", "Longer ones are refused with a sentence that says so."),
    "depth_max": ("Levels of replies", "1 is a flat list."),
    "edit_window_s": ("Seconds in which an author can change a comment", "An edit is judged like a new comment."),
    "min_interval_s": ("Seconds between two comments of one author", "Who writes faster is asked to wait."),
    "votes": ("Votes", "Whether readers vote on comments, and on which side."),
    "noindex": ("Keep out of search engines", "The hosted pages and the feeds; your own pages are yours."),
    "close_after_days": ("Days after which a page closes", "Then it takes no more comments; 0: never by itself."),
    "new_account_days": ("Days that an account is young", "Where those who are new wait, younger accounts wait too."),
    "refusals_max": ("Refusals that make an author wait", "So many within 30 days; 0: never."),
    "warn_before_hold": ("Warn authors before a rule holds them", "Once, so that they can say it better."),
    "spam_filter": (
        "Learn from moderators what spam is",
        "The filter sorts, and holds what is very like spam.",
    ),
    "spam_hold": ("Likeness to spam that makes a comment wait, in per cent", "100: the filter only sorts."),
    "external_spam_check": ("Ask the spam service", "Where whoever runs this service has set one up."),
    "copies_held": ("Hold copies", "What says nearly the same as another comment of the last days waits."),
    "names_protected": (
        "Protect the names of staff",
        "Only moderators can use a moderator's name, the site's name, or a name such as Admin or Owner.",
    ),
    "protected_names": ("More protected names", "Names that only moderators can use; one a line."),
    "min_compose_s": ("Seconds that writing takes at least", "What is sent sooner after opening the form waits."),
    "challenge_after": (
        "Strangers' comments until browsers must work",
        "Of one network in ten minutes; 0: never.",
    ),
    "pace_author": ("Comments of one person in ten minutes", "From then on more wait; 0: no limit."),
    "pace_network": ("Comments of one network in ten minutes", "From then on more wait; 0: no limit."),
    "pace_thread": ("Comments on one page in ten minutes", "From then on more wait; 0: no limit."),
    "pace_site": ("Comments on the site in ten minutes", "More are a flood: then everybody waits; 0: no limit."),
    "language": ("Language", "Where neither the page nor the reader's browser asks for one; empty is English."),
}
CHOICES: Mapping[str, Mapping[str, str]] = {
    "mode": {
        Mode.ALL: "Everybody",
        Mode.NEW: "Who has no approved comment here yet",
        Mode.RULES: "Only what a rule holds",
        Mode.OFF: "Nobody",
    },
    "votes": {Votes.UPDOWN: "Up and down", Votes.UP: "Only up", Votes.OFF: "None"},
    "language": {"": "English, unless asked for another", **{tag: tag for tag in languages.TAGS}},
}


@dataclass(frozen=True)
class Field:
    """A setting as the form draws it; `kind` is `choice`, `number`, `yes`, `lines` or `words`."""

    name: str
    label: str
    line: str
    kind: str
    value: object
    choices: Mapping[str, str]
    bounds: tuple[int, int]


@pages.get("/<site_key>/settings")
def show(site_key: str) -> str:
    return _page(site_key)


@pages.post("/<site_key>/settings")
def save(site_key: str) -> Response | tuple[str, int]:
    by = access.require_dashboard_moderator()
    site = access.require_owned_site(site_key, by)
    shown = layout.shown()
    try:
        sent = _changes(site)
        changed = site_settings.change(site.id, sent, by.account, client_ip(), now(), shown)
    except Invalid as error:
        return _page(site_key, dict(error.problems), typed=_typed(), shown=shown), 422
    except Overlap as error:
        # What this person changed stays in the form; everything else is as it is now.
        own = merge(shown or "", sent, site_settings.current_settings(site)).changes
        typed = {name: value for name, value in _typed().items() if name in own}
        problems = layout.overlap_problems(error)
        title = "Others have changed settings since you opened this page. Nothing was saved."
        return _page(site_key, problems, typed=typed, title=title), 409
    layout.say(f"Saved: {', '.join(_label(name) for name in changed)}." if changed else "Nothing was different.")
    return redirect(url_for("settings.show", site_key=site_key), 303)


@pages.post("/<site_key>/notes")
def change_notes(site_key: str) -> Response:
    by = access.require_dashboard_moderator()
    site = access.require_owned_site(site_key, by)
    removed = layout.find_number(request.form.get("remove", ""))
    with layout.attempt("Saved."):
        if removed is not None:
            site_settings.remove_note(site.id, removed, by.account, client_ip(), now())
        else:
            site_settings.add_note(site.id, request.form.get("text", ""), by.account, client_ip(), now())
    return redirect(url_for("settings.show", site_key=site_key) + "#notes", 303)


@pages.get("/<site_key>/changes")
def changes(site_key: str) -> str:
    """The journal of the site: who changed what, from what, when."""
    by = access.require_dashboard_moderator()
    site = access.require_owned_site(site_key, by)
    before_id = layout.find_number(request.args.get("before", ""))
    entries, following = audit_log.of_site(site, (), before_id, PAGE_SIZE)
    names = {"entries": entries, "following": following, "undoable": site_settings.UNDOABLE, "label_of": _label}
    return layout.draw("dashboard/changes.html", by, site, is_first_page=before_id is None, **names)


@pages.post("/<site_key>/changes/undo")
def undo(site_key: str) -> Response:
    by = access.require_dashboard_moderator()
    site = access.require_owned_site(site_key, by)
    entry_id = layout.find_number(request.form.get("entry", "")) or 0
    with layout.attempt("Undone: it is as before."):
        site_settings.undo(site.id, entry_id, by.account, client_ip(), now())
    return redirect(url_for("settings.changes", site_key=site_key), 303)


@pages.post("/<site_key>/tokens")
def make_token(site_key: str) -> Response | str:
    """A new token is on the page that answers, and nowhere else, ever."""
    by = access.require_dashboard_moderator()
    site = access.require_owned_site(site_key, by)
    access.require_recent_sign_in()
    with layout.attempt():
        name = request.form.get("name", "")
        token = api_tokens_service.make_api_token(by.account, site, name, by.has_shown_factor, client_ip(), now())
        return _page(site_key, token=token)
    return redirect(url_for("settings.show", site_key=site_key) + "#tokens", 303)


@pages.post("/<site_key>/tokens/revoke")
def revoke_token(site_key: str) -> Response:
    by = access.require_dashboard_moderator()
    access.require_owned_site(site_key, by)
    token_id = layout.find_number(request.form.get("token", "")) or 0
    with layout.attempt("The token is revoked; it works no more."):
        api_tokens_service.revoke_api_token(by.account, token_id, client_ip(), now())
    return redirect(url_for("settings.show", site_key=site_key) + "#tokens", 303)


def _page(
    site_key: str,
    problems: Mapping[str, str] | None = None,
    token: str = "",
    typed: Mapping[str, Any] | None = None,
    shown: str | None = None,
    title: str = "",
) -> str:
    """`typed` is what stands in the form instead of the settings; `shown` what it remembers to have shown."""
    by = access.require_dashboard_moderator()
    site = access.require_owned_site(site_key, by)
    typed = typed or {}
    current = site_settings.current_settings(site)
    return layout.draw(
        "dashboard/settings.html",
        by,
        site,
        groups=_groups(site, typed),
        problems=problems or {},
        problem_title=title,
        shown=fingerprint(current) if shown is None else shown,
        name=typed.get("name", site.name),
        origins=typed.get("origins", "\n".join(current["origins"])),
        words=typed.get("texts", "\n".join(f"{key} = {own}" for key, own in _plain_texts(site).items())),
        canned=canned_responses.of_site(site),
        tokens=[t for t in stored_api_tokens.api_tokens_of(by.account) if t.site_id in (None, site.id)],
        new_token=token,
        preview_key=threads.newest_key(site),
        base_url=service_settings().base_url,
        language_tags=languages.TAGS,
    )


def _plain_texts(site: Site) -> dict[str, str]:
    """The site's own words that the form can show; those with plural forms are set by the command line."""
    return {key: own for key, own in site.texts.items() if isinstance(own, str)}


def _groups(site: Site, typed: Mapping[str, Any]) -> dict[str, list[Field]]:
    known = {name for names in GROUPS.values() for name in names}
    more = [f.name for f in fields(Policy) if f.name not in known | INNER]
    groups = {**GROUPS, **({"More": tuple(more)} if more else {})}
    values = {name: getattr(site.policy, name) for names in groups.values() for name in names}
    return {title: [_field(name, values[name], typed) for name in names] for title, names in groups.items()}


def _field(name: str, value: object, typed: Mapping[str, Any]) -> Field:
    choices = CHOICES.get(name) or ({str(v): str(v) for v in type(value)} if isinstance(value, StrEnum) else {})
    kind = (
        "yes" if isinstance(value, bool) else "number" if isinstance(value, int) else "choice" if choices else "words"
    )
    kind = "lines" if name in LINES else kind
    line = SAYS[name][1] if name in SAYS else ""
    value = typed.get(name, value)
    return Field(name, _label(name), line, kind, value, choices, policy.BOUNDS.get(name, (0, 2**31 - 1)))


def _label(name: str) -> str:
    own = {"name": "Name", "origins": "Origins", "texts": "Own words"}
    return SAYS[name][0] if name in SAYS else own.get(name, name.replace("_", " ").capitalize())


def _typed() -> dict[str, Any]:
    """The fields of the form as somebody left them, to be shown once more."""
    form = request.form
    typed: dict[str, Any] = {name: form.get(name, "") for name in ("name", "origins")}
    for name in form.getlist("has"):
        typed[name] = name in form if isinstance(getattr(Policy(), name, None), bool) else form.get(name, "")
    return typed | ({"texts": form["words"]} if "words" in form else {})


def _changes(site: Site) -> dict[str, Any]:
    """What the form says, for the settings that it holds; a box that is not ticked is sent as nothing."""
    form = request.form
    changes: dict[str, Any] = {"name": form.get("name", ""), "origins": _lines(form.get("origins", ""))}
    for name in form.getlist("has"):
        default = getattr(Policy(), name, None)
        if isinstance(default, bool):
            changes[name] = name in form
        elif isinstance(default, int):
            value = form.get(name, "").strip()
            changes[name] = int(value) if value.isascii() and value.isdigit() and len(value) < 10 else value
        else:
            changes[name] = form.get(name, "")
    if "words" in form:
        with_forms = {key: own for key, own in site.texts.items() if not isinstance(own, str)}
        changes["texts"] = {**with_forms, **_words(form["words"])}
    return changes


def _lines(typed: str) -> list[str]:
    return [line.strip() for line in typed.splitlines() if line.strip()]


def _words(typed: str) -> dict[str, str]:
    """A line for each sentence: ours, ` = `, and what the site says instead."""
    lines = [line for line in typed.replace("\0", "").splitlines() if line.strip()]
    pairs = [line.partition(" = ") for line in lines]
    for line, (_, equals, own) in zip(lines, pairs, strict=True):
        if not equals or not own.strip():
            raise Invalid("texts", f"“{line[:60]}” is no line of the form: our sentence = your words.")
    return {key.strip(): own.strip() for key, _, own in pairs}

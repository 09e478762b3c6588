"""A site's settings, each with one line that explains it; the lines to embed, notes, tokens, and what changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from commentsvc.core import languages, policy, routes
from commentsvc.core.errors import Invalid, Overlap
from commentsvc.core.form_merge import fingerprint, merge
from commentsvc.core.pagination import PAGE_SIZE
from commentsvc.core.policy import LetterCase, Policy, TrailingSlash, Votes
from commentsvc.core.whole_numbers import find_number
from commentsvc.services import api_tokens as api_tokens_service
from commentsvc.services import site_settings
from commentsvc.store import api_tokens as stored_api_tokens
from commentsvc.store import audit_log, canned_responses, threads
from commentsvc.store.sites import Site
from commentsvc.web.dashboard import cards, layout
from commentsvc.web.http import access
from commentsvc.web.http.access import client_ip
from commentsvc.web.http.app_setup import now
from commentsvc.web.http.app_setup import settings as service_settings
from commentsvc.web.http.refusals import attempt, refused, say

pages = Blueprint("settings", __name__)

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
    "Spam": (
        "spam_filter",
        "spam_hold",
        "external_spam_check",
        "copies_held",
        "names_protected",
        "protected_names",
        "min_compose_s",
        "challenge_after",
    ),
    "Rate limits": ("min_interval_s", "pace_author", "pace_network", "pace_thread", "pace_site"),
    "Team": ("moderators_see_addresses", "second_factor_required", "is_transparent"),
    "Commenting": (
        "is_open",
        "signin_required",
        "name_and_email_required",
        "body_max",
        "depth_max",
        "edit_window_s",
        "close_after_days",
        "votes",
        "privacy_url",
    ),
    "Pages": ("trailing_slash", "letter_case", "page_params", "home_path"),
    "Language and search engines": ("language", "noindex"),
}
LINES = {"protected_names"}  # several lines of text
INNER = {"flood_from"}  # set by the service itself
SAYS = {
    "mode": ("Hold for review", "Which new comments wait for a moderator before they are published."),
    "approved_needed": ("Approved comments needed to skip review", "Applies when first-time commenters are held."),
    "links_max": ("Hold comments with more than … links", "Applies to all commenters except moderators."),
    "flags_hold": (
        "Hide a comment after … reports",
        "The comment goes back to the queue. 0 turns this off.",
    ),
    "moderators_see_addresses": (
        "Show commenters' addresses to moderators",
        "Email and IP addresses. Owners always see them.",
    ),
    "second_factor_required": (
        "Require two-step verification",
        "Moderators need an authenticator app or a passkey to use the dashboard.",
    ),
    "is_transparent": (
        "Public transparency page",
        "Shows readers how many comments are published and rejected, and how fast.",
    ),
    "is_open": ("Accept new comments", "When off, pages show existing comments only."),
    "signin_required": ("Require sign-in to comment", "When off, guests can comment too."),
    "name_and_email_required": ("Require name and email from guests", "The email address is never published."),
    "body_max": ("Maximum comment length (characters)", "Longer comments are not accepted."),
    "depth_max": ("Maximum depth of replies", "1 shows all comments as a flat list."),
    "edit_window_s": (
        "Edit window (seconds)",
        "How long commenters can edit their comments. Edits are checked like new comments.",
    ),
    "min_interval_s": (
        "Minimum time between comments (seconds)",
        "Minimum seconds between two comments by the same person.",
    ),
    "privacy_url": ("Privacy page", "An address that the reply form links to, such as https://blog.example/privacy."),
    "votes": ("Votes", "How readers can vote on comments."),
    "noindex": ("Hide from search engines", "Applies to hosted pages and feeds, not to your own pages."),
    "close_after_days": (
        "Close comments after … days",
        "Pages older than this accept no new comments. 0 turns this off.",
    ),
    "new_account_days": (
        "Treat accounts younger than … days as new",
        "Applies when first-time commenters are held. 0 turns this off.",
    ),
    "refusals_max": ("Hold authors after … rejections in 30 days", "0 turns this off."),
    "warn_before_hold": (
        "Let authors revise before a rule holds their comment",
        "The author is told once and can edit the comment first.",
    ),
    "spam_filter": (
        "Use the spam filter",
        "Learns from moderators' decisions. Sorts the queue and holds likely spam.",
    ),
    "spam_hold": ("Hold when spam score is at least … %", "100 turns holding off; the filter then only sorts."),
    "external_spam_check": ("Use the external spam service", "Has no effect unless the administrator has set one up."),
    "copies_held": ("Hold duplicates", "Hold comments that nearly repeat another comment from the last 7 days."),
    "names_protected": (
        "Protect team names",
        "Only moderators can use a moderator's name, the site's name, or a name such as Admin or Owner.",
    ),
    "protected_names": ("More protected names", "Names that only moderators can use, one per line."),
    "min_compose_s": ("Hold comments sent within … seconds of opening the form", "0 turns this off."),
    "challenge_after": (
        "Ask new visitors' browsers for a proof of work after … comments",
        "Counts comments from one network in 10 minutes. 0 turns this off.",
    ),
    "pace_author": ("Comments per person in 10 minutes", "More comments are held. 0 turns this off."),
    "pace_network": ("Comments per network in 10 minutes", "More comments are held. 0 turns this off."),
    "pace_thread": ("Comments per page in 10 minutes", "More comments are held. 0 turns this off."),
    "pace_site": (
        "Comments on the whole site in 10 minutes",
        "Above this, all new comments are held until an owner ends it. 0 turns this off.",
    ),
    "trailing_slash": (
        "Slash at the end of an address",
        "Whether /hello/ and /hello are one page. After a change, existing threads follow within minutes.",
    ),
    "letter_case": (
        "Upper and lower case of an address",
        "Whether /Hello and /hello are one page. After a change, existing threads follow within minutes.",
    ),
    "page_params": (
        "Query parameters that tell pages apart",
        "With commas between. All other parameters of an address are ignored.",
    ),
    "home_path": (
        "Path of the home page",
        "For a blog in a folder of its domain, such as /blog/. A page whose canonical link leads there keeps its own "
        "comments.",
    ),
    "language": ("Language", "Used when neither the page nor the reader's browser asks for another."),
}
CHOICES: Mapping[str, Mapping[str, str]] = {
    "mode": cards.MODE_NAMES,
    "votes": {Votes.UPDOWN: "Up and down", Votes.UP: "Up only", Votes.OFF: "Off"},
    "trailing_slash": {TrailingSlash.DROP: "/hello/ and /hello are one page", TrailingSlash.KEEP: "They are two pages"},
    "letter_case": {LetterCase.KEEP: "/Hello and /hello are two pages", LetterCase.IGNORE: "They are one page"},
    "language": {"": "English (default)", **{tag: tag for tag in languages.TAGS}},
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


@pages.get(routes.SETTINGS)
def show(site_key: str) -> str:
    return _page(site_key)


@pages.post(routes.SETTINGS)
def save(site_key: str) -> Response:
    by = access.require_dashboard_moderator()
    site = access.require_owned_site(site_key, by)
    shown = layout.shown()
    try:
        sent = _changes(site)
        changed = site_settings.change(site.id, sent, by.account, client_ip(), now(), shown)
    except Invalid as error:
        return refused(error, _page(site_key, dict(error.problems), typed=_typed(), shown=shown))
    except Overlap as error:
        # The form keeps the values that this person changed, and shows the current ones of all other fields.
        own = merge(shown or "", sent, site_settings.current_settings(site)).changes
        typed = {name: value for name, value in _typed().items() if name in own}
        problems = layout.overlap_problems(error)
        title = "Someone else has changed these settings since you opened the page. Nothing was saved."
        return refused(error, _page(site_key, problems, typed=typed, title=title))
    say(f"Saved: {', '.join(_label(name) for name in changed)}." if changed else "No changes to save.")
    return redirect(url_for("settings.show", site_key=site_key), 303)


@pages.post(routes.NOTES)
def change_notes(site_key: str) -> Response:
    by = access.require_dashboard_moderator()
    site = access.require_owned_site(site_key, by)
    removed = find_number(request.form.get("remove", ""))
    with attempt("Saved."):
        if removed is not None:
            site_settings.remove_note(site.id, removed, by.account, client_ip(), now())
        else:
            site_settings.add_note(site.id, request.form.get("text", ""), by.account, client_ip(), now())
    return redirect(url_for("settings.show", site_key=site_key) + "#notes", 303)


@pages.get(routes.CHANGES)
def changes(site_key: str) -> str:
    """The audit log of the site."""
    by = access.require_dashboard_moderator()
    site = access.require_owned_site(site_key, by)
    before_id = find_number(request.args.get("before", ""))
    entries, following = audit_log.of_site(site, (), before_id, PAGE_SIZE)
    names = {"entries": entries, "following": following, "undoable": site_settings.UNDOABLE, "label_of": _label}
    return layout.draw("dashboard/changes.html", by, site, is_first_page=before_id is None, **names)


@pages.post(routes.CHANGES_UNDO)
def undo(site_key: str) -> Response:
    by = access.require_dashboard_moderator()
    site = access.require_owned_site(site_key, by)
    entry_id = find_number(request.form.get("entry", "")) or 0
    with attempt("Change undone."):
        site_settings.undo(site.id, entry_id, by.account, client_ip(), now())
    return redirect(url_for("settings.changes", site_key=site_key), 303)


@pages.post(routes.TOKENS)
def make_token(site_key: str) -> Response | str:
    """A new token is on the page that answers, and nowhere else, ever."""
    by = access.require_dashboard_moderator()
    site = access.require_owned_site(site_key, by)
    access.require_recent_sign_in()
    with attempt():
        name = request.form.get("name", "")
        token = api_tokens_service.make_api_token(by.account, site, name, by.has_shown_factor, client_ip(), now())
        return _page(site_key, token=token)
    return redirect(url_for("settings.show", site_key=site_key) + "#tokens", 303)


@pages.post(routes.TOKENS_REVOKE)
def revoke_token(site_key: str) -> Response:
    by = access.require_dashboard_moderator()
    access.require_owned_site(site_key, by)
    token_id = find_number(request.form.get("token", "")) or 0
    with attempt("Token revoked."):
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
    """`typed` are form values that replace the settings; `shown` is the fingerprint of the values shown before."""
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
    own = {"name": "Name", "origins": "Allowed domains", "texts": "Custom wording"}
    return SAYS[name][0] if name in SAYS else own.get(name, name.replace("_", " ").capitalize())


def _typed() -> dict[str, Any]:
    """The submitted fields of the form, to show them again."""
    form = request.form
    typed: dict[str, Any] = {name: form.get(name, "") for name in ("name", "origins")}
    for name in form.getlist("has"):
        typed[name] = name in form if isinstance(getattr(Policy(), name, None), bool) else form.get(name, "")
    return typed | ({"texts": form["words"]} if "words" in form else {})


def _changes(site: Site) -> dict[str, Any]:
    """The values of the settings on the form; an unticked box is not sent."""
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
    """One line for each sentence: the original, ` = `, and the site's wording."""
    lines = [line for line in typed.replace("\0", "").splitlines() if line.strip()]
    pairs = [line.partition(" = ") for line in lines]
    for line, (_, equals, own) in zip(lines, pairs, strict=True):
        if not equals or not own.strip():
            raise Invalid("texts", f"“{line[:60]}”: write it as “Original text = Your text”.")
    return {key.strip(): own.strip() for key, _, own in pairs}

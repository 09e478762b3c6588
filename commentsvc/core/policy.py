"""A site's settings for posting and judging, with their defaults and bounds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum

from commentsvc.core import languages
from commentsvc.core.errors import Invalid
from commentsvc.core.links import is_web_url

# WordPress's own limits (wp_comments columns: author tinytext 245, email 100→254 by RFC 5321, url 200).
NAME_MAX = 245
EMAIL_MAX = 254
WEBSITE_MAX = 200
THREAD_KEY_MAX = 2048
TITLE_MAX = 500
URL_MAX = 2048


class Mode(StrEnum):
    ALL = "all"  # every comment waits
    NEW = "new"  # those of authors without approved comments wait
    RULES = "rules"  # only what a rule holds waits
    OFF = "off"  # nothing waits


class Votes(StrEnum):
    UPDOWN = "updown"
    UP = "up"  # for a comment only
    OFF = "off"


class TrailingSlash(StrEnum):
    DROP = "drop"  # /hello/ and /hello are one page
    KEEP = "keep"  # they are two


class LetterCase(StrEnum):
    KEEP = "keep"  # /Hello and /hello are two pages
    IGNORE = "ignore"  # they are one


PAGE_PARAMS = "p,page_id,attachment_id"  # those by which WordPress names a page that has no path


@dataclass(frozen=True)
class Policy:
    """Kept as JSON on the site; an absent field has its default, so a new setting needs no migration."""

    mode: Mode = Mode.ALL
    approved_needed: int = 1  # in mode `new`: approved comments that make an author known
    new_account_days: int = 0  # in mode `new`: younger accounts wait however much of theirs was approved
    flood_from: str = ""  # the mode before a flood turned it to `all`; "" when none did
    is_open: bool = True  # false closes every thread of the site
    name_and_email_required: bool = True
    signin_required: bool = False  # true: no guests
    depth_max: int = 5  # levels of replies; a top-level comment has depth 0 and is level 1
    body_max: int = 10_000  # characters
    edit_window_s: int = 15 * 60
    min_interval_s: int = 15  # least time between two comments of one author or address
    links_max: int = 2  # in mode `rules` and `new`: more links than this wait
    moderators_see_addresses: bool = False  # owners always see e-mail and network addresses
    second_factor_required: bool = False  # for moderators in the dashboard
    is_transparent: bool = False  # a public page says how much is published and refused, and how fast
    close_after_days: int = 0  # a thread older than this takes no more comments; 0: never closes by itself
    names_protected: bool = True  # nobody but staff may use a name that looks like a moderator's, a role or the blog's
    protected_names: str = ""  # more names that nobody else may use, one a line
    min_compose_s: int = 3  # sent sooner after opening the form waits
    copies_held: bool = True  # hold near-duplicates of other comments of the last days
    # Comments within ten minutes from which on more wait, of one person, network and page; 0: no limit.
    pace_author: int = 10
    pace_network: int = 20
    pace_thread: int = 100
    pace_site: int = 300  # more than these turn the mode to `all`
    refusals_max: int = 3  # refused within 30 days: from then on the author's comments wait; 0: never
    spam_filter: bool = True  # learn from the moderators' decisions, and sort by it
    spam_hold: int = 90  # per cent of likeness to spam from which a comment waits; 100: it only sorts
    external_spam_check: bool = True  # ask the spam service, where the operator has set one
    challenge_after: int = 5  # comments of a stranger's network within ten minutes until browsers must work; 0: never
    warn_before_hold: bool = False  # tell authors once what a rule on words or links would hold, before it does
    votes: Votes = Votes.UPDOWN
    noindex: bool = False  # keep the hosted page and the feeds out of search engines
    flags_hold: int = 3  # open reports that return a published comment to the queue; 0: never
    privacy_url: str = ""  # the site's privacy page, linked from the reply form; "": no link
    language: str = ""  # where neither the page nor the reader's browser asks for one of ours; '': English
    # Which addresses are one page (core/page_keys.py). After a change, a job renames the threads.
    trailing_slash: TrailingSlash = TrailingSlash.DROP
    letter_case: LetterCase = LetterCase.KEEP
    page_params: str = PAGE_PARAMS  # parameters of the query that tell pages apart, with commas between
    home_path: str = "/"  # the blog's home page, where templates often lead the canonical link of every page

    @property
    def page_param_names(self) -> frozenset[str]:
        return frozenset(name for name in self.page_params.split(",") if name)


BOUNDS = {
    "approved_needed": (1, 100),
    "depth_max": (1, 20),
    "body_max": (200, 20_000),
    "edit_window_s": (0, 7 * 24 * 3600),
    "min_interval_s": (0, 3600),
    "links_max": (0, 100),
    "new_account_days": (0, 3650),
    "close_after_days": (0, 36_500),
    "min_compose_s": (0, 60),
    "pace_author": (0, 1000),
    "pace_network": (0, 1000),
    "pace_thread": (0, 1000),
    "pace_site": (0, 5000),
    "refusals_max": (0, 100),
    "spam_hold": (50, 100),
    "challenge_after": (0, 1000),
    "flags_hold": (0, 100),
}


def from_json(stored: Mapping[str, object]) -> Policy:
    """The policy as stored; unknown fields are those of a newer version and are left alone."""
    return changed(Policy(), {k: v for k, v in stored.items() if k in _NAMES})


def to_json(policy: Policy) -> dict[str, object]:
    return asdict(policy)


def changed(policy: Policy, changes: Mapping[str, object]) -> Policy:
    """`policy` with `changes`; raises Invalid naming the field that is unknown or out of bounds."""
    checked = {name: _checked(name, value) for name, value in changes.items()}
    if "mode" in checked:  # chosen by a person, and no longer by a flood
        checked.setdefault("flood_from", "")
    return replace(policy, **checked)  # type: ignore[arg-type]  # each value was checked by its name above


_NAMES = {f.name for f in fields(Policy)}
PROTECTED_MAX = 200  # names; each comment is compared with all of them


def _names(value: object) -> str:
    """One name a line, without empty lines."""
    lines = [" ".join(line.split()) for line in value.splitlines()] if isinstance(value, str) else None
    if lines is None or any("\0" in line or len(line) > NAME_MAX for line in lines) or len(lines) > PROTECTED_MAX:
        limits = f"up to {PROTECTED_MAX} names of up to {NAME_MAX} characters"
        raise Invalid("protected_names", f"“protected_names” is text, one name per line: {limits}.")
    return "\n".join(line for line in lines if line)


def _web_address(name: str, value: object) -> str:
    """An http or https address as it was typed, or an empty one."""
    address = value.strip() if isinstance(value, str) else None
    if address == "":
        return ""
    if address is None or len(address) > URL_MAX or not address.startswith(("https://", "http://")):
        raise Invalid(name, f"“{name}” is an address that begins with https:// or http://, or empty.")
    if not is_web_url(address):
        raise Invalid(name, f"“{name}” is not a complete address, such as https://blog.example/privacy.")
    return address


PAGE_PARAM = re.compile(r"[A-Za-z0-9._~:-]{1,64}")
PAGE_PARAMS_MAX = 20


def _page_params(value: object) -> str:
    """Names with commas between, each once."""
    names = [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else None
    if names is None or len(names) > PAGE_PARAMS_MAX or not all(PAGE_PARAM.fullmatch(name) for name in names):
        example = f"up to {PAGE_PARAMS_MAX} names of query parameters with commas between, such as {PAGE_PARAMS}"
        raise Invalid("page_params", f"“page_params” is {example}; or empty for none.")
    return ",".join(dict.fromkeys(names))


def _path(name: str, value: object) -> str:
    path = value.strip() if isinstance(value, str) else ""
    if not path.startswith("/") or len(path) > URL_MAX or not path.isprintable():
        raise Invalid(name, f"“{name}” is a path that begins with a slash, such as /blog/; / is the whole domain.")
    return path


def _checked(name: str, value: object) -> object:
    if name not in _NAMES:
        raise Invalid(name, f"There is no setting “{name}”.")
    if name == "mode":
        if value not in set(Mode):
            raise Invalid(name, f"The moderation mode is one of {', '.join(Mode)}.")
        return Mode(str(value))
    if name == "flood_from":
        if value not in {"", *Mode}:
            raise Invalid(name, f"flood_from is one of {', '.join(Mode)}, or empty.")
        return str(value)
    if name == "votes":
        if value not in set(Votes):
            raise Invalid(name, f"“votes” is one of {', '.join(Votes)}.")
        return Votes(str(value))
    if name == "trailing_slash":
        if value not in set(TrailingSlash):
            raise Invalid(name, f"“trailing_slash” is one of {', '.join(TrailingSlash)}.")
        return TrailingSlash(str(value))
    if name == "letter_case":
        if value not in set(LetterCase):
            raise Invalid(name, f"“letter_case” is one of {', '.join(LetterCase)}.")
        return LetterCase(str(value))
    if name == "page_params":
        return _page_params(value)
    if name == "home_path":
        return _path(name, value)
    if name in BOUNDS:
        low, high = BOUNDS[name]
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise Invalid(name, f"“{name}” is a whole number from {low} to {high}.")
        return value
    if name == "protected_names":
        return _names(value)
    if name == "privacy_url":
        return _web_address(name, value)
    if name == "language":
        found = languages.nearest(value) if isinstance(value, str) else None
        if value != "" and found is None:
            raise Invalid(name, f"The language is one of {', '.join(languages.TAGS)}, or empty.")
        return found or ""
    if not isinstance(value, bool):
        raise Invalid(name, f"“{name}” is true or false.")
    return value

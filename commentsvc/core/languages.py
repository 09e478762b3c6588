"""The supported languages, and the one nearest to a requested language."""

from __future__ import annotations

import re
from functools import lru_cache

from babel import Locale

DEFAULT = "en"
# BCP 47; each has a file in commentsvc/locale/.
TAGS = (
    "en",
    "de",
    "fr",
    "es",
    "pt",
    "it",
    "nl",
    "pl",
    "ru",
    "uk",
    "tr",
    "ar",
    "he",
    "hi",
    "ja",
    "ko",
    "zh-Hans",
    "zh-Hant",
)
_RIGHT_TO_LEFT = {"ar", "he"}
_OLD_NAMES = {"iw": "he", "cmn": "zh", "yue": "zh-hant"}
_TRADITIONAL = {"hant", "tw", "hk", "mo"}
_TAG = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{1,8}){0,5}")
# Longer than any browser's list; the rest of the header is ignored.
_HEADER_MAX = 200


def direction(tag: str) -> str:
    """`rtl` or `ltr`, as HTML's `dir` wants it."""
    return "rtl" if tag in _RIGHT_TO_LEFT else "ltr"


def locale_name(tag: str) -> str:
    """The CLDR locale whose dates, numbers and plurals go with one of our tags.

    English readers are everywhere: day before month and a 24-hour clock are misread by nobody.
    """
    return "en_GB" if tag == "en" else tag.replace("-", "_")


def own_name(tag: str) -> str:
    """The language's own name for itself."""
    return str(Locale.parse(locale_name(tag) if tag != "en" else tag).display_name)


def nearest(tag: str) -> str | None:
    """The supported language nearest to a BCP 47 tag (`de-AT` → `de`, `zh-TW` → `zh-Hant`, `iw` → `he`), or None."""
    return _nearest(tag) if 2 <= len(tag) <= 35 else None


@lru_cache(maxsize=1024)
def _nearest(tag: str) -> str | None:
    tag = tag.strip().lower().replace("_", "-")
    if not _TAG.fullmatch(tag):
        return None
    language, *more = tag.split("-")
    language, *script = _OLD_NAMES.get(language, language).split("-")
    if language == "zh":
        said = [*script, *more]
        return "zh-Hant" if _TRADITIONAL & set(said) and "hans" not in said else "zh-Hans"
    return language if language in TAGS else None


def negotiated(accepted: str) -> str | None:
    """The best of ours for an Accept-Language header (RFC 9110 §12.5.4), or None when it names none of them."""
    return _negotiated(accepted[:_HEADER_MAX]) if accepted else None


@lru_cache(maxsize=1024)
def _negotiated(accepted: str) -> str | None:
    weighed: list[tuple[float, str]] = []
    for part in accepted.split(","):
        tag, _, parameters = part.partition(";")
        found = nearest(tag.strip())
        weight = _weight(parameters)
        if found is not None and weight > 0:
            weighed.append((weight, found))
    return max(weighed, key=lambda pair: pair[0])[1] if weighed else None


def _weight(parameters: str) -> float:
    value = parameters.strip().removeprefix("q=").strip()
    return float(value) if re.fullmatch(r"[01](?:\.[0-9]{0,3})?", value) else 1.0

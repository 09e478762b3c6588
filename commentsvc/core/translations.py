"""The catalogue of translated sentences by their English text, and a site's own wording."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from babel import Locale

from commentsvc.core import languages
from commentsvc.core.errors import Invalid

FOLDER = Path(__file__).parents[1] / "locale"
# A translation; of a counted sentence one for each of CLDR's plural categories in that language.
Entry: TypeAlias = str | Mapping[str, str]
OTHER = "other"  # the one category that every language has
CATEGORIES = {"zero", "one", "two", "few", "many", OTHER}
PLACEHOLDER = re.compile(r"%\((\w+)\)s")

TEXTS_MAX = 200
TEXT_MAX = 1000  # characters


@cache
def of(tag: str) -> Mapping[str, Entry]:
    """The catalogue of one of our languages; that of English has only counted sentences."""
    found: dict[str, Entry] = json.loads((FOLDER / f"{tag}.json").read_text(encoding="utf-8"))
    return found


@cache
def widget_keys() -> tuple[str, ...]:
    """The sentences that the widget says by itself."""
    return tuple(json.loads((FOLDER / "widget.json").read_text(encoding="utf-8")))


@cache
def first_keys() -> frozenset[str]:
    """The widget's sentences that are sent with the comments."""
    return frozenset(json.loads((FOLDER / "widget_first.json").read_text(encoding="utf-8")))


@cache
def keys() -> frozenset[str]:
    return frozenset(widget_keys()).union(*(of(tag) for tag in languages.TAGS))


def entry(tag: str, key: str, texts: Mapping[str, object]) -> Entry:
    """The sentence in a language; a site's own words for it (`texts`) win."""
    own: Any = texts.get(key)
    if isinstance(own, dict) and OTHER not in own:
        own = own.get(tag)
    found: Entry = own or of(tag).get(key) or key
    return found


def form(found: Entry, tag: str, num: object) -> str:
    """The plural form of a counted sentence for a number."""
    if isinstance(found, str):
        return found
    category = plural_category(tag, num) if isinstance(num, int) else OTHER
    return found.get(category, found[OTHER])


def plural_category(tag: str, num: int) -> str:
    category: str = Locale.parse(languages.locale_name(tag)).plural_form(num)
    return category


def plural_categories(tag: str) -> set[str]:
    return {*Locale.parse(languages.locale_name(tag)).plural_form.tags, OTHER}


def placeholders(sentence: str) -> set[str]:
    """The names of a sentence's placeholders; a stray `%`, which would break formatting, is included as `%`."""
    return set(PLACEHOLDER.findall(sentence)) | ({"%"} if "%" in PLACEHOLDER.sub("", sentence) else set())


def checked_texts(texts: object) -> dict[str, object]:
    """A site's own words as they can be kept; raises Invalid("texts", …) naming what is wrong.

    For each English sentence a text for all languages, or an object of texts by language; in both places a counted
    sentence may have an object by plural category, which must have `other`.
    """
    if not isinstance(texts, dict) or len(texts) > TEXTS_MAX:
        raise Invalid(
            "texts", f"texts must be an object with at most {TEXTS_MAX} original English texts and your texts."
        )
    for key, own in texts.items():
        if key not in keys():
            raise Invalid("texts", f"There is no text “{key}”. Copy the original English text exactly.")
        for part in _parts(key, own):
            _check_text(key, part)
    return texts


def _parts(key: str, own: object) -> list[object]:
    """Every text in what a site says instead of one sentence."""
    if not isinstance(own, dict):
        return [own]
    if not own:
        raise Invalid("texts", f"Your text for “{key}” is missing.")
    if set(own) <= CATEGORIES:
        if OTHER not in own:
            raise Invalid("texts", f"The plural forms of “{key}” lack “{OTHER}”.")
        return list(own.values())
    for tag in own:
        if tag not in languages.TAGS:
            raise Invalid("texts", f"“{tag}” is not a supported language. Use one of {', '.join(languages.TAGS)}.")
    return [part for forms in own.values() for part in _forms(key, forms)]


def _forms(key: str, forms: object) -> list[object]:
    if isinstance(forms, dict) and not set(forms) <= CATEGORIES:
        raise Invalid("texts", f"The plural forms of “{key}” must be among {', '.join(sorted(CATEGORIES))}.")
    return _parts(key, forms)


def _check_text(key: str, text: object) -> None:
    if not isinstance(text, str) or not text.strip() or len(text) > TEXT_MAX:
        raise Invalid("texts", f"Your text for “{key}” needs 1 to {TEXT_MAX} characters.")
    unknown = placeholders(text) - placeholders(key)
    if unknown:
        raise Invalid("texts", f"“{text}” has {', '.join(sorted(unknown))}, which is not in “{key}”.")
    if placeholders(key) - placeholders(text) - {"num"}:
        raise Invalid("texts", f"“{text}” must have the same %(…)s as “{key}”.")

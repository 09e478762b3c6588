"""Sentences for people that can be said in another language later: the English, its template and what fills it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Phrase(str):
    """The sentence in English; `template` is its key in the catalogues, `values` fill it.

    With a number `num` among the values its words may depend on it: it is a counted sentence.
    """

    __slots__ = ("template", "values")
    template: str
    values: Mapping[str, object]

    def __new__(cls, english: str, template: str = "", values: Mapping[str, object] | None = None) -> Phrase:
        made = super().__new__(cls, english)
        made.template = template or english
        made.values = dict(values or {})
        return made


def phrase(template: str, **values: object) -> Phrase:
    """A sentence; each `%(name)s` stands for a value. Whole numbers get their thousands marked."""
    return Phrase(template % _shown(values) if values else template, template, values)


def counted(singular: str, plural: str, num: int, **values: object) -> Phrase:
    """A sentence about `num` things; its key is the plural."""
    values = {"num": num, **values}
    return Phrase((singular if num == 1 else plural) % _shown(values), plural, values)


def marked(template: str) -> str:
    """Returns the template; marks a sentence in a table for the collection of sentences."""
    return template


def _shown(values: Mapping[str, object]) -> dict[str, object]:
    return {name: f"{value:,}" if isinstance(value, int) else value for name, value in values.items()}


def to_json(sentence: str) -> dict[str, Any]:
    """The sentence as JSON with its template and values, so that it can be translated later."""
    kept: dict[str, Any] = {"sentence": str(sentence)}
    if isinstance(sentence, Phrase):
        kept["template"] = sentence.template
        if sentence.values:
            kept["values"] = {name: v if isinstance(v, int) else str(v) for name, v in sentence.values.items()}
    return kept


def from_json(kept: Mapping[str, Any]) -> str:
    """The sentence that `to_json` stored; rows without a template are English text."""
    sentence: str = kept["sentence"]
    return Phrase(sentence, kept["template"], kept.get("values", {})) if "template" in kept else sentence

"""Translates the service's sentences into one language: plurals, numbers, times, and a site's own wording first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache

from babel import dates
from babel.numbers import format_decimal
from markupsafe import Markup, escape

from commentsvc.core import languages, phrases, translations
from commentsvc.core.phrases import Phrase


@dataclass(frozen=True)
class Translator:
    """`tag` is one of languages.TAGS; `texts` are what a site says instead (see catalogue.checked_texts)."""

    tag: str
    texts: Mapping[str, object] = field(default_factory=dict)

    @property
    def direction(self) -> str:
        return languages.direction(self.tag)

    def form(self, key: str, num: object = None) -> str:
        """The translated template; for a counted sentence its plural form for `num`."""
        return translations.form(translations.entry(self.tag, key, self.texts), self.tag, num)

    def say(self, key: str, **values: object) -> str:
        """The sentence; each `%(name)s` in it stands for a value."""
        return self._filled(key, values)

    def say_in_html(self, key: str, **values: object) -> Markup:
        """The same as HTML, escaped: it may be a site owner's wording. Values that are Markup are not escaped."""
        sentence = escape(self.form(key, values.get("num")))
        return sentence % self._shown(values) if values else sentence

    def tell(self, sentence: str) -> str:
        """Translate a Phrase that another module created; any other string stays unchanged."""
        return self._filled(sentence.template, sentence.values) if isinstance(sentence, Phrase) else sentence

    def tell_kept(self, kept: Mapping[str, object]) -> str:
        """A sentence of the database (see phrases.to_json)."""
        return self.tell(phrases.from_json(kept))

    def moment(self, at: datetime) -> str:
        """Day and minute."""
        name = languages.locale_name(self.tag)
        return f"{dates.format_datetime(at, _long_with_minutes(name), locale=name)} UTC"

    def span(self, seconds: float) -> str:
        """A stretch of time in one unit, as people say it."""
        return str(dates.format_timedelta(timedelta(seconds=seconds), locale=languages.locale_name(self.tag)))

    def _filled(self, key: str, values: Mapping[str, object]) -> str:
        sentence = self.form(key, values.get("num"))
        return sentence % self._shown(values) if values else sentence

    def _shown(self, values: Mapping[str, object]) -> dict[str, object]:
        return {name: self._shown_one(value) for name, value in values.items()}

    def _shown_one(self, value: object) -> object:
        if isinstance(value, int):
            return format_decimal(value, locale=languages.locale_name(self.tag))
        return self.tell(value) if isinstance(value, Phrase) else value


def bdi(text: str) -> Markup:
    """A user-chosen name within a translated sentence, with its own text direction."""
    return Markup("<bdi>%s</bdi>") % text


def bold(text: str) -> Markup:
    return Markup("<b>%s</b>") % text


@lru_cache(maxsize=64)
def _long_with_minutes(locale: str) -> str:
    """CLDR's pattern for a long date with a short time; its own long times are to the second."""
    time = dates.get_time_format("short", locale).pattern
    return str(dates.get_datetime_format("long", locale)).format(time, dates.get_date_format("long", locale).pattern)

"""Writes mails from their templates, in the recipient's language: subject, text and HTML side by side."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined

from commentsvc.core import defang
from commentsvc.core.translator import Translator, bdi, bold


@dataclass(frozen=True)
class RenderedMail:
    subject: str
    text: str
    html: str


def _environment(autoescape: bool) -> Environment:
    made = Environment(
        loader=PackageLoader("commentsvc", "web/templates/mail"),
        autoescape=autoescape,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    made.filters.update(tamed=defang.defang, quoted=defang.quoted, bdi=bdi, bold=bold)
    return made


# A subject is one line; the spaces that French has within its quotes stay as they are.
_BREAKABLE = re.compile(r"[^\S\u00a0\u202f]+")
# Text is no HTML: there `&lt;` would be read as it stands.
_TEXT, _HTML = _environment(False), _environment(True)


def render(name: str, translator: Translator, /, **values: object) -> RenderedMail:
    """Render the mail `name` in the translator's language. Its templates pass untrusted text through `tamed` or
    `quoted`."""
    in_text = {**values, **_words(translator, translator.say)}
    subject, text = (_TEXT.get_template(f"{name}.{part}").render(**in_text) for part in ("subject.txt", "txt"))
    subject = _BREAKABLE.sub(" ", subject).strip()
    in_html = {**values, **_words(translator, translator.say_in_html), "subject": subject}
    return RenderedMail(subject, text, _HTML.get_template(f"{name}.html").render(**in_html))


def _words(translator: Translator, say: Callable[..., str]) -> dict[str, object]:
    """The translation functions of one mail's templates; the next mail may be in another language."""

    def say_counted(singular: str, plural: str, num: int, **values: object) -> str:
        return say(plural, num=num, **values)

    start = "right" if translator.direction == "rtl" else "left"  # mail programs know no logical sides
    saying = {"_": say, "ngettext": say_counted, "told": translator.tell_kept, "moment": translator.moment}
    return {**saying, "translator": translator, "start": start}

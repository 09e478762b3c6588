"""Writes mails from their templates: subject, text and HTML side by side."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from jinja2 import Environment, PackageLoader, StrictUndefined

from commentsvc.core import quoting


@dataclass(frozen=True)
class Written:
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
    made.filters.update(tamed=quoting.tamed, quoted=quoting.quoted, moment=_moment)
    return made


def _moment(at: datetime) -> str:
    return f"{at.day} {at:%B %Y at %H:%M} UTC"


# Text is no HTML: there `&lt;` would be read as it stands.
_TEXT, _HTML = _environment(False), _environment(True)


def write(name: str, **values: object) -> Written:
    """The mail `name`; what a stranger wrote goes through `tamed` or `quoted` in its templates."""
    subject, text = (_TEXT.get_template(f"{name}.{part}").render(**values) for part in ("subject.txt", "txt"))
    return Written(" ".join(subject.split()), text, _HTML.get_template(f"{name}.html").render(**values))

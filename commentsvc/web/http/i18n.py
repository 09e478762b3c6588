"""Says our sentences in the language of the request: Flask-Babel with our catalogues, and a site's own words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import flask_babel
from babel import Locale, support
from flask import Flask, g, has_request_context, request
from flask_babel import Domain
from jinja2 import pass_eval_context
from jinja2.nodes import EvalContext

from commentsvc.core import languages, routes, translations
from commentsvc.core.errors import CommentError
from commentsvc.core.translator import Translator, bdi, bold
from commentsvc.store.sites import Site

babel = flask_babel.Babel()
ENGLISH_ONLY = (routes.DASHBOARD, routes.SECURITY)  # the moderators' desk


def language() -> str:
    """The response's language: the request's, else the site's, else English."""
    if not has_request_context() or request.path.startswith(ENGLISH_ONLY):
        return languages.DEFAULT
    return language_wished() or g.get("site_language") or languages.DEFAULT


def language_wished() -> str | None:
    """The supported language that the request asks for: `lang` of the query, else Accept-Language; or None.

    The page cache removes Accept-Language from public reads: their pages are the same for everybody.
    """
    return languages.nearest(request.args.get("lang", "")) or languages.negotiated(
        request.headers.get("Accept-Language", "")
    )


def language_asked() -> dict[str, str]:
    """The `lang` parameter for links to other pages, when the query has one."""
    asked = languages.nearest(request.args.get("lang", "")) if has_request_context() else None
    return {"lang": asked} if asked else {}


def widget_texts() -> dict[str, Any]:
    """The widget's sentences in the language of the request; it fills and counts them itself."""
    tag, own = language(), g.get("site_texts", {})
    texts = {key: translations.entry(tag, key, own) for key in translations.widget_keys()}
    return {"lang": tag, "dir": languages.direction(tag), "texts": texts}


def speak_for(site: Site) -> None:
    """Use the site's language and wording for the rest of the request."""
    g.site_language = site.policy.language
    g.site_texts = site.texts
    flask_babel.refresh()


def translator() -> Translator:
    """The translator of the request, with its site's wording."""
    sentences: Sentences = flask_babel.get_translations()
    return sentences.translator


def tell(sentence: str) -> str:
    """The sentence in the language of the request; one that is not ours stays as it is."""
    return translator().tell(sentence)


def tell_error(error: CommentError) -> str:
    return " ".join(tell(sentence) for sentence in error.sentences)


def tell_kept(kept: Mapping[str, Any]) -> str:
    """A sentence of the database (see phrases.to_json)."""
    return translator().tell_kept(kept)


def first_texts() -> dict[str, object]:
    """The few of the widget's sentences that it may need before it has asked for them all; English ones it has."""
    texts = widget_texts()["texts"]
    return {key: text for key, text in texts.items() if key in translations.first_keys() and text != key}


def said(key: str) -> str:
    """A translated sentence whose placeholders are user text."""
    return translator().form(key)


def ngettext(singular: str, plural: str, num: int, **values: object) -> str:
    """A counted sentence of ours; the plural is its key."""
    return translator().say(plural, num=num, **values)


def gettext(key: str, **values: object) -> str:
    """A sentence of ours; each `%(name)s` in it stands for a value."""
    return translator().say(key, **values)


class Sentences(support.NullTranslations):
    """Our catalogue of a language behind the methods that Flask-Babel asks, with a site's own words in front."""

    def __init__(self, of: Translator) -> None:
        super().__init__()
        self.translator = of

    def ugettext(self, message: str) -> str:
        return self.translator.form(message)

    def ungettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self.translator.form(msgid2, n)


class Catalogues(Domain):
    """Flat JSON files instead of gettext's: the widget reads the same."""

    def get_translations(self) -> Sentences:
        return Sentences(Translator(language(), g.get("site_texts", {})))


def _locale() -> Locale:
    return Locale.parse(languages.locale_name(language()))


# Flask-Babel's own would trust a sentence as HTML.
@pass_eval_context
def _in_template(context: EvalContext, key: str, **values: object) -> str:
    return translator().say_in_html(key, **values) if context.autoescape else translator().say(key, **values)


@pass_eval_context
def _counted_in_template(context: EvalContext, singular: str, plural: str, num: int, **values: object) -> str:
    in_template: Callable[..., str] = _in_template
    return in_template(context, plural, num=num, **values)


def init_app(app: Flask) -> None:
    babel.init_app(app, locale_selector=_locale)
    babel.domain_instance = Catalogues()
    app.jinja_env.globals.update(
        _=_in_template,
        gettext=_in_template,
        ngettext=_counted_in_template,
        language=language,
        first_texts=first_texts,
        direction=lambda: languages.direction(language()),
    )
    app.jinja_env.filters.update(bdi=bdi, bold=bold, told=tell_kept)

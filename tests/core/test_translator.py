"""Sentences in a language, with values, plurals and times."""

from datetime import UTC, datetime

import pytest
from markupsafe import Markup

from commentsvc.core.phrases import counted, phrase, to_json
from commentsvc.core.translator import Translator, bdi, bold

AT = datetime(2026, 11, 26, 18, 5, tzinfo=UTC)
OWN = {
    "Reply to %(name)s": "%(name)s bekommt eine Antwort",
    "%(num)s thoughts on “%(title)s”": {"one": "Eins <i>zu</i> %(title)s", "other": "%(num)s zu %(title)s"},
}
COUNTED = "%(num)s thoughts on “%(title)s”"


@pytest.mark.parametrize(
    ("tag", "moment", "span"),
    [
        ("en", "26 November 2026, 18:05 UTC", "3 hours"),
        ("de", "26. November 2026, 18:05 UTC", "3 Stunden"),
        ("ja", "2026年11月26日 18:05 UTC", "3 時間"),
    ],
)
def test_times_are_written_as_the_language_does(tag, moment, span):
    assert Translator(tag).moment(AT) == moment
    assert Translator(tag).span(3 * 3600) == span


@pytest.mark.parametrize(
    ("num", "said"),
    [(1, "Eins <i>zu</i> Ameisen"), (0, "0 zu Ameisen"), (2, "2 zu Ameisen"), (12345, "12.345 zu Ameisen")],
)
def test_a_counted_sentence_takes_the_form_and_the_digits_of_the_language(num, said):
    assert Translator("de", OWN).say(COUNTED, num=num, title="Ameisen") == said


def test_a_sentence_without_values_may_have_any_percent():
    assert Translator("de").say("100 % sure") == "100 % sure"
    assert Translator("de").say_in_html("100 % <sure>") == "100 % &lt;sure&gt;"


def test_in_html_a_sites_words_and_all_values_but_markup_are_escaped():
    speaker = Translator("de", OWN)
    assert speaker.say_in_html(COUNTED, num=1, title=bold("A & B")) == "Eins &lt;i&gt;zu&lt;/i&gt; <b>A &amp; B</b>"
    assert speaker.say_in_html(COUNTED, num=1234, title="<b>") == "1.234 zu &lt;b&gt;"
    assert isinstance(speaker.say_in_html(COUNTED, num=1, title=""), Markup)
    assert bdi("<Ann>") == "<bdi>&lt;Ann&gt;</bdi>"


def test_a_phrase_is_told_in_the_language_and_so_are_the_phrases_in_it():
    speaker = Translator("de", OWN)
    reply = phrase("Reply to %(name)s", name="Ann")
    assert speaker.tell(reply) == "Ann bekommt eine Antwort"
    assert speaker.tell(phrase("Reply to %(name)s", name=reply)) == "Ann bekommt eine Antwort bekommt eine Antwort"
    assert speaker.tell_kept(to_json(reply)) == "Ann bekommt eine Antwort"
    assert speaker.tell(counted("One", COUNTED, 3, title="x")) == "3 zu x"
    assert speaker.tell("Reply to %(name)s") == "Reply to %(name)s", "a sentence that is no phrase stays as it is"


@pytest.mark.parametrize(("tag", "direction"), [("de", "ltr"), ("ar", "rtl"), ("he", "rtl")])
def test_a_translator_knows_its_direction(tag, direction):
    assert Translator(tag).direction == direction

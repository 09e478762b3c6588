"""Every sentence is there in every language, with the placeholders of its English and exactly the plurals it needs."""

import json
from pathlib import Path

import pytest
from babel.messages.extract import extract
from jinja2.ext import babel_extract

from commentsvc.core import languages, translations

PACKAGE = Path(__file__).parents[1] / "commentsvc"
MARKS = dict.fromkeys(("_", "gettext", "phrase", "marked")) | dict.fromkeys(("ngettext", "counted"), (1, 2))
OTHERS = [tag for tag in languages.TAGS if tag != languages.DEFAULT]


def collected() -> dict[str, str | None]:
    """The sentences in the code and the templates: for a counted one, which is known by its plural, the singular."""
    found: dict[str, str | None] = {}
    places = [(path, "python") for path in PACKAGE.rglob("*.py")]
    places += [(path, babel_extract) for path in (PACKAGE / "web" / "templates").rglob("*.*")]
    for path, method in places:
        with path.open("rb") as file:
            for _, message, _, _ in extract(method, file, MARKS):
                singular, key = message if isinstance(message, tuple) else (None, message)
                found[key] = singular or found.get(key)
    return found


SENTENCES = collected()
WIDGET = set(translations.widget_keys())


def test_what_is_marked_is_found():
    assert SENTENCES["Leave a comment"] is None  # in a template
    assert SENTENCES["Please write your comment first."] is None  # in core
    assert SENTENCES["%(num)s thoughts on “%(title)s”"] == "One thought on “%(title)s”"
    assert len(SENTENCES) > 150


def test_the_widgets_list_names_each_sentence_once():
    listed = json.loads((PACKAGE / "locale" / "widget.json").read_text())
    assert listed == list(dict.fromkeys(listed))


def test_english_has_exactly_the_counted_sentences_as_the_code_has_them():
    english = translations.of("en")
    in_code = {key: {"one": one, "other": key} for key, one in SENTENCES.items() if one}
    assert {key: entry for key, entry in english.items() if key not in WIDGET - set(SENTENCES)} == in_code
    for key in set(english) - set(in_code):
        assert english[key]["other"] == key


@pytest.mark.parametrize("tag", OTHERS)
def test_every_sentence_is_there_in(tag):
    missing = (set(SENTENCES) | WIDGET) - set(translations.of(tag))
    assert sorted(missing) == []


@pytest.mark.parametrize("tag", OTHERS)
def test_no_sentence_is_there_that_nobody_says(tag):
    stale = set(translations.of(tag)) - set(SENTENCES) - WIDGET
    assert sorted(stale) == []


@pytest.mark.parametrize("tag", languages.TAGS)
def test_a_sentence_keeps_the_placeholders_of_its_english(tag):
    wrong = []
    for key, entry in translations.of(tag).items():
        wanted = translations.placeholders(key)
        for category, form in entry.items() if isinstance(entry, dict) else [("", entry)]:
            # A form for exactly one number may say it in a word: “One comment”.
            spoken = {"num"} if category in ("zero", "one", "two") else set()
            if not form.strip() or not wanted - spoken <= translations.placeholders(form) <= wanted:
                wrong.append(f"{key} [{category}]: {form}")
    assert wrong == []


@pytest.mark.parametrize("tag", languages.TAGS)
def test_a_counted_sentence_has_exactly_the_plurals_of_its_language(tag):
    wrong = []
    for key, entry in translations.of(tag).items():
        is_counted = key in translations.of("en")
        if is_counted != isinstance(entry, dict) or (is_counted and set(entry) != translations.plural_categories(tag)):
            wrong.append(key)
    assert wrong == []


@pytest.mark.parametrize("tag", OTHERS)
def test_a_number_is_written_wherever_a_form_stands_for_several_numbers(tag):
    """In Russian `one` is 1, 21, 31, …: “One comment” would be wrong for most of them."""
    wrong = []
    by_category: dict[str, set[int]] = {}
    for number in range(200):
        by_category.setdefault(translations.plural_category(tag, number), set()).add(number)
    for key, entry in translations.of(tag).items():
        if isinstance(entry, dict):
            for category, form in entry.items():
                # None of these sentences is said of nothing at all.
                numbers = by_category.get(category, {0}) - {0}
                if len(numbers) > 1 and "num" not in translations.placeholders(form):
                    wrong.append(f"{key} [{category}]: {form}")
    assert wrong == []

"""A site's own words: which are taken, and what they change."""

import pytest

from commentsvc.core import translations
from commentsvc.core.errors import Invalid

CATEGORIES = ("zero", "one", "two", "few", "many", "other")
REPLY, COUNTED = "Leave a comment", "%(num)s thoughts on “%(title)s”"


@pytest.mark.parametrize(
    "texts",
    [
        {},
        {REPLY: "Say something"},
        {COUNTED: dict.fromkeys(CATEGORIES, "%(title)s")},
        {COUNTED: {"ar": dict.fromkeys(CATEGORIES, "%(title)s")}},
        {REPLY: "x" * 1000},
        {REPLY: {"de": "Sagen Sie etwas", "zh-Hant": "說"}},
        {COUNTED: "%(num)s × „%(title)s“"},
        {COUNTED: {"one": "Eins zu %(title)s", "other": "%(num)s zu %(title)s"}},
        {COUNTED: {"de": {"one": "Eins zu %(title)s", "other": "%(num)s zu %(title)s"}, "fr": "%(num)s %(title)s"}},
    ],
)
def test_a_sites_own_words_are_taken(texts):
    assert translations.checked_texts(texts) == texts


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        ([], "must be an object"),
        ({"No such sentence": "x"}, "no text"),
        ({REPLY: ""}, "1 to"),
        ({REPLY: "x" * 1001}, "1 to"),
        ({REPLY: 7}, "1 to"),
        ({REPLY: None}, "1 to"),
        ({REPLY: {}}, "missing"),
        ({REPLY: {"xx": "x"}}, "not a supported language"),
        ({REPLY: {"de": {}}}, "missing"),
        ({REPLY: "Hello %(name)s"}, "name"),
        ({REPLY: "100 %"}, "%"),
        ({"Reply to %(name)s": "Answer"}, "must have the same"),
        ({COUNTED: {"one": "%(num)s"}}, "lack “other”"),
        ({COUNTED: {"de": {"several": "%(title)s", "other": "%(title)s"}}}, "plural forms"),
        ({COUNTED: {"other": {"other": "%(title)s"}}}, "1 to"),
    ],
)
def test_words_that_could_not_be_said_are_refused_with_the_reason(texts, says):
    with pytest.raises(Invalid, match=r"texts|text|form|language|must|has|lack") as refused:
        translations.checked_texts(texts)
    assert says in str(refused.value)
    assert refused.value.problems[0][0] == "texts"


def said(key, tag, num, texts):
    return translations.form(translations.entry(tag, key, texts), tag, num)


def test_a_sites_own_words_win_in_all_languages_or_in_those_it_names():
    assert said(REPLY, "de", None, {REPLY: "Say something"}) == "Say something"
    assert said(REPLY, "de", None, {REPLY: {"de": "Sagen Sie etwas"}}) == "Sagen Sie etwas"
    assert said(REPLY, "en", None, {REPLY: {"de": "Sagen Sie etwas"}}) == REPLY


def test_own_words_may_count():
    texts = {COUNTED: {"one": "Just one on %(title)s", "other": "%(num)s on %(title)s"}}
    assert said(COUNTED, "en", 1, texts) == "Just one on %(title)s"
    assert said(COUNTED, "pl", 5, texts) == "%(num)s on %(title)s", "a form that they lack is that of the rest"


@pytest.mark.parametrize(
    ("tag", "num", "category"),
    [("ru", 21, "one"), ("ru", 22, "few"), ("ru", 25, "many"), ("ar", 2, "two"), ("ja", 1, "other"), ("fr", 0, "one")],
)
def test_numbers_fall_into_the_categories_of_their_language(tag, num, category):
    assert translations.plural_category(tag, num) == category


def test_placeholders_are_named_and_so_is_a_stray_percent_sign():
    assert translations.placeholders("%(num)s of %(max)s") == {"num", "max"}
    assert translations.placeholders("100 % of %(num)s") == {"%", "num"}

"""Sentences that remember what they were made of."""

import json

from commentsvc.core import phrases
from commentsvc.core.phrases import Phrase, counted, phrase


def test_a_phrase_is_its_english():
    said = phrase("%(label)s is %(length)s characters long.", label="Your name", length=12345)
    assert said == "Your name is 12,345 characters long."
    assert said.template == "%(label)s is %(length)s characters long."


def test_a_sentence_without_values_may_have_any_percent():
    assert phrase("100 % sure") == "100 % sure"


def test_a_counted_phrase_is_known_by_its_plural():
    assert counted("One link", "%(num)s links", 1) == "One link"
    assert counted("One link", "%(num)s links", 2) == "2 links"
    assert counted("One link", "%(num)s links", 1).template == "%(num)s links"


def test_a_phrase_comes_back_from_a_database():
    for said in (phrase("Hello"), counted("One of %(limit)s", "%(num)s of %(limit)s", 3, limit=7)):
        back = phrases.from_json(json.loads(json.dumps(phrases.to_json(said))))
        assert isinstance(back, Phrase)
        assert (back, back.template, back.values) == (said, said.template, said.values)


def test_a_row_of_an_older_version_stays_english():
    back = phrases.from_json({"rule": "mode all", "sentence": "A moderator reads it."})
    assert back == "A moderator reads it."
    assert not isinstance(back, Phrase)

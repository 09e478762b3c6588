"""The filter: learns words, says which, knows nothing at first; its figures on labelled comments it has not seen."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commentsvc.core import sanitizer, spam_filter
from commentsvc.core.errors import Invalid
from commentsvc.core.rule_kinds import RuleInput
from commentsvc.core.spam_filter import Figures, WordCounts
from tests.support.cast import data


def said(source, name="Carol", email="carol@example.org", website=""):
    try:
        html = sanitizer.to_html(source)
    except Invalid:
        html = ""
    return RuleInput(source, html, name, email, website, "192.0.2.1")


def learnt(ham, spam):
    seen = {}
    for sources, sort in ((ham, 0), (spam, 1)):
        for source in sources:
            for number in spam_filter.features(said(source)):
                seen.setdefault(number, [0, 0])[sort] += 1
    return {number: WordCounts(*both) for number, both in seen.items()}, WordCounts(len(ham), len(spam))


HAM = [f"I agree with the point about gardens number {n}" for n in range(30)]
SPAM = [f"Buy cheap watches now at https://shop{n}.example" for n in range(30)]


def test_it_knows_what_it_has_learnt_and_says_by_which_words():
    seen, total = learnt(HAM, SPAM)
    bad = spam_filter.opinion(spam_filter.features(said("cheap watches for you, buy now")), seen, total)
    good = spam_filter.opinion(spam_filter.features(said("I agree about gardens")), seen, total)
    assert bad.score > 0.95 and {"cheap", "watches"} & set(" ".join(bad.words).split())
    assert good.score < 0.05 and good.words == ()
    unknown = spam_filter.opinion({}, seen, total)
    assert unknown.score == 0.5


def test_it_says_nothing_before_it_has_seen_enough_of_both():
    seen, total = learnt(HAM, SPAM[:19])
    assert spam_filter.opinion(spam_filter.features(said(SPAM[0])), seen, total) is None


def test_cross_validation_too_says_nothing_before_it_has_learnt_enough_of_both():
    """Each half has 20 good comments and 19 of spam, one fewer than it needs."""
    labelled = [(said(source), False) for source in HAM[:20] * 2] + [(said(source), True) for source in SPAM[:19] * 2]
    figures = spam_filter.cross_validated(labelled, folds=2, threshold=0.9)
    assert figures == Figures(caught=0, missed=38, wronged=0, passed=40)
    labelled += [(said(SPAM[0]), True)] * 2
    figures = spam_filter.cross_validated(labelled, folds=2, threshold=0.9)
    assert figures == Figures(caught=40, missed=0, wronged=0, passed=40)


def test_cross_validation_tries_what_it_has_not_learnt():
    """With two folds of different words, nothing of one is known in the other."""
    words = [("garden roses autumn", False), ("casino poker bonus", True)]
    labelled = []
    for n in range(120):
        source, is_spam = words[n // 2 % 2]
        labelled.append((said(f"{source} fold{n % 2}"), is_spam))
    assert spam_filter.cross_validated(labelled, folds=2, threshold=0.9).missed == 0
    odd = [(said(f"{'abcdefgh'[n % 8] * 5} {'xy'[n % 2]}one {'xy'[n % 2]}two"), n % 4 < 2) for n in range(160)]
    assert spam_filter.cross_validated(odd, folds=2, threshold=0.9).caught == 0


def test_twenty_linked_hosts_count():
    html = "".join(f'<a href="https://host{n}.example/">x</a> ' for n in range(25))
    linked = [
        word for word in spam_filter.features(RuleInput("x", html, "", "", "", "", "")).values() if "link:" in word
    ]
    assert len(linked) == 20


def test_precision_and_recall():
    figures = Figures(caught=6, missed=4, wronged=2, passed=88)
    assert (figures.precision, figures.recall) == (0.75, 0.6)
    assert (Figures(0, 0, 0, 5).precision, Figures(0, 0, 0, 5).recall) == (1.0, 1.0)


def test_a_text_is_known_by_its_words_and_by_pairs_of_neighbours():
    found = set(spam_filter.features(RuleInput("red green blue", "", "", "", "", "")).values())
    assert {"red", "green", "blue", "red green", "green blue"} <= found
    assert "red blue" not in found


def test_a_text_without_blanks_is_known_by_pairs_of_characters():
    found = set(spam_filter.features(RuleInput("赌博网站", "", "", "", "", "")).values())
    assert {"赌博", "博网", "网站"} <= found


@given(st.text(max_size=400), st.text(max_size=20))
def test_any_comment_has_features_that_fit_into_the_database(source, name):
    found = spam_filter.features(RuleInput(source, "", name, "x@example.org", "", ""))
    assert len(found) <= spam_filter.TOKENS_MAX
    assert all(-(2**63) <= number < 2**63 for number in found)


@given(st.dictionaries(st.integers(0, 50), st.tuples(st.integers(0, 30), st.integers(0, 30))))
def test_a_score_is_a_probability_whatever_was_learnt(words):
    seen = {number: WordCounts(*both) for number, both in words.items()}
    found = spam_filter.opinion(dict.fromkeys(words, "word"), seen, WordCounts(30, 30))
    assert 0 <= found.score <= 1


@pytest.mark.parametrize(
    ("name", "precision", "recall"), [("spam/sms_a.json", 0.97, 0.87), ("spam/youtube_01-03.json", 0.97, 0.85)]
)
def test_by_cross_validation_it_catches_most_spam_and_wrongs_hardly_anybody(name, precision, recall):
    """The figures of docs/spam.md, with a little room; `commentsvc spam-report` prints them."""
    labelled = [(said(row["text"], "", ""), bool(row["spam"])) for row in json.loads(data(name).read_text())]
    figures = spam_filter.cross_validated(labelled, folds=10, threshold=0.9)
    assert figures.precision >= precision
    assert figures.recall >= recall


def test_words_of_good_and_bad_comments_alike_count_for_nothing():
    seen = {1: WordCounts(ham=0, spam=20), 2: WordCounts(ham=30, spam=30), 3: WordCounts(ham=29, spam=31)}
    total = WordCounts(ham=100, spam=100)
    alone = spam_filter.opinion({1: "one"}, seen, total)
    assert spam_filter.opinion({1: "one", 2: "two", 3: "three"}, seen, total) == alone

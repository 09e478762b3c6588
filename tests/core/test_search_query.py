"""The search language: parsing, refused queries, and matching."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commentsvc.core import search_query
from commentsvc.core.errors import Invalid
from commentsvc.core.search_query import Search, fits, index_of, parse
from commentsvc.core.status import Status
from tests.support.cast import data


@pytest.mark.parametrize(
    ("query", "means"),
    [
        ("", Search()),
        ("  two   words ", Search(words=("two", "words"))),
        ('"two words" three', Search(words=("two words", "three"))),
        ('an "open quote', Search(words=("an", "open quote"))),
        ("author:Carol", Search(author="Carol")),
        ('author:"Carol Danvers" hello', Search(words=("hello",), author="Carol Danvers")),
        ("email:Carol@Example.org", Search(email="carol@example.org")),
        ("ip:2001:db8::1", Search(ip="2001:db8::1")),
        ("thread:/2026/hello/", Search(thread="/2026/hello/")),
        ("STATUS:Spam", Search(status=Status.SPAM)),
        ("has:link", Search(has_link=True)),
        ("status:ANY hello", Search(words=("hello",), is_any_status=True)),
        ("id:12", Search(comment_id=12, is_any_status=True)),
        ("https://blog.example/a/?p=1#comment-12", Search(comment_id=12, is_any_status=True)),
        ("https://comments.example/t/blog?thread=/a#comment-12", Search(comment_id=12, is_any_status=True)),
        ("https://blog.example/a/", Search(words=("https://blog.example/a/",))),
        ('"https://blog.example/#comment-12"', Search(words=("https://blog.example/#comment-12",))),
        ("after:2026-03-01", Search(after=datetime(2026, 3, 1, tzinfo=UTC))),
        ("before:2026-03-01", Search(before=datetime(2026, 3, 1, tzinfo=UTC))),
        ("https://example.org/x", Search(words=("https://example.org/x",))),
        ("10:30", Search(words=("10:30",))),
        ('"status: unclear"', Search(words=("status: unclear",))),
        (":)", Search(words=(":)",))),
        ("中文", Search(words=("中文",))),
    ],
)
def test_a_query_means(query, means):
    assert parse(query) == means


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("foo:bar", "“foo:” is not a search filter"),
        ("author:", "Enter a value after “author:”"),
        ('author:""', "Enter a value"),
        ("status:open", "Use one of pending, approved"),
        ("has:image", "Use has:link"),
        ("before:yesterday", "is not a date; write it like before:2026-03-01"),
        ("after:2026-02-30", "is not a date"),
        ("after:20260201", "is not a date"),
        ("x" * 301, "at most 300 characters"),
    ],
)
def test_what_is_no_query_is_refused_in_words(query, sentence):
    with pytest.raises(Invalid) as caught:
        parse(query)
    assert sentence in str(caught.value)


def test_a_list_is_chosen_and_the_rest_of_the_query_stays():
    assert search_query.without_status('a status:spam "b c" status:"deleted" nostatus:x') == 'a "b c" nostatus:x'


@pytest.mark.parametrize(
    ("query", "text", "is_found"),
    [
        ("gar", "A garden", True),
        ("den", "A garden", False),
        ("GARDEN", "a garden", True),
        ("cafe", "Le Café", True),
        ("CAFÉ", "le cafe", True),
        ("strasse", "Straße", True),
        ("100%", "100% of it", True),
        ("100%", "100 of it", False),
        ("_", "a_b", True),
        ("文", "中文字", True),
        ("中文", "我说中文字", True),
        ("文中", "中文", False),
        ("文", "中文", True),
        ('"two words"', "these two words", True),
        ('"two words"', "two other words", False),
        ("a b", "b and a", True),
        ("ﬁne", "fine", True),
    ],
)
def test_what_fits(query, text, is_found):
    search = parse(query)
    assert fits(search, [text]) is is_found
    if is_found:
        kept = index_of(7, text, "", "", False).split(" ")
        assert all(any(word.startswith(asked) for word in kept) for asked in search.index_words(7))


@given(st.text(max_size=60), st.text(max_size=10))
def test_the_index_never_hides_what_fits(text, query):
    search = Search(words=(query,)) if query else Search()
    if fits(search, [text]):
        kept = index_of(1, text, "", "", False).split(" ")
        assert all(any(word.startswith(asked) for word in kept) for asked in search.index_words(1))


@given(st.text(max_size=400))
def test_any_text_is_a_query_or_is_refused(query):
    try:
        parse(query)
    except Invalid as error:
        assert str(error)


def test_hostile_texts_are_queries_like_any_other():
    for line in data("sql/payloadsallthethings.txt").read_text("utf-8", "replace").splitlines():
        try:
            words = parse(line[:300]).index_words(1)
        except Invalid:
            continue
        assert all(not set(word) & set("'\"\\ *&|!():") for word in words)


def test_words_of_one_site_are_not_those_of_another():
    assert set(index_of(1, "same", "same", "same", True).split()).isdisjoint(
        index_of(11, "same", "same", "same", True).split()
    )


def test_a_text_without_spaces_is_indexed_by_pairs_of_signs():
    assert search_query.words_of("東京都庁") == ["東京", "京都", "都庁"]
    assert search_query.words_of("都") == ["都"]

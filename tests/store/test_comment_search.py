"""Finding comments: the same on both databases, whatever is asked, and never beyond one's own sites."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import inspect
from sqlalchemy.exc import IntegrityError

from commentsvc.core.errors import Invalid
from commentsvc.core.pagination import Sort
from commentsvc.core.search_query import parse
from commentsvc.core.status import Status
from commentsvc.services import edits
from commentsvc.store import comment_search, comments
from commentsvc.store.comment_search import Wanted
from commentsvc.store.comments import Comment
from commentsvc.store.db import db
from commentsvc.store.decisions import Decision
from commentsvc.store.transactions import _begin_write, write
from tests.support.cast import data


def found(site, query, status=Status.PENDING, **more):
    db.session.rollback()
    wanted = replace(Wanted([site], status, Sort.OLDEST, parse(query)), **more)
    return [comment.id for comment in comment_search.page(wanted, None, 50).comments]


@pytest.fixture(params=["read in order", "by the index"])
def way(request, monkeypatch):
    """Both ways to the same answer."""
    if request.param == "by the index":
        monkeypatch.setattr(comment_search, "FIRST_READ", 0)


def test_each_key_narrows_the_list(site, make_comment, way):
    one = make_comment("/one", Status.PENDING, "Carol Danvers", "See [this](https://example.org) garden")
    two = make_comment("/two", Status.PENDING, "Dave", "Un café, 中文字 100%")
    assert found(site, "") == [one, two]
    for query, ids in [
        ("gard", [one]),
        ("CAFE", [two]),
        ("文字", [two]),
        ("字", [two]),
        ("100%", [two]),
        ("den", []),
        ('author:"carol danvers"', [one]),
        ("author:carol", []),
        ("email:carol@example.org", [one]),
        ("carol@example", [one]),
        ("ip:192.0.2.1", [one, two]),
        ("ip:192.0.2.2", []),
        ("thread:/two", [two]),
        ("thread:/nowhere", []),
        ("has:link", [one]),
        ("has:link author:Dave", []),
        ("after:2100-01-01", []),
        ("before:2100-01-01 see", [one]),
        ('"this garden"', []),
    ]:
        assert found(site, query) == ids, query
    assert found(site, "carol@example", with_addresses=False) == []


def test_an_edit_changes_what_finds_a_comment(site, make_comment, way, now):
    comment_id = make_comment(status=Status.PENDING, body="first words")
    edits.edit(comment_id, "other text", None, now - timedelta(days=1))
    assert found(site, "first") == []
    assert found(site, "other") == [comment_id]


def test_words_of_what_could_not_be_written_are_forgotten(site, make_comment, way, now):
    comment_id = make_comment(status=Status.PENDING, body="first words")
    kept = comments.by_id(comment_id)
    same = {name: getattr(kept, name) for name in inspect(Comment).column_attrs.keys() if name != "id"}  # noqa: SIM118 (not a dict)
    _begin_write()
    lacking = Decision(comment_id=comment_id, created_at=now)
    db.session.add_all([Comment(**{**same, "source": "never written"}), lacking])
    with pytest.raises(IntegrityError):
        db.session.commit()
    db.session.rollback()
    edits.edit(comment_id, "other text", None, now - timedelta(days=1))
    assert found(site, "never") == []
    assert found(site, "other") == [comment_id]


def test_the_words_of_another_site_stay_there(site, other_site, make_comment, way):
    ours = make_comment(status=Status.PENDING, body="secret")
    theirs = make_comment(status=Status.PENDING, body="secret", on=other_site)
    assert found(site, "secret") == [ours]
    assert found(other_site, "secret") == [theirs]


@pytest.mark.parametrize("sort", [Sort.OLDEST, Sort.NEWEST])
def test_several_sites_are_one_list_read_page_by_page(site, other_site, make_comment, sort):
    ids = [make_comment(status=Status.PENDING, body=f"{n}", on=(site, other_site)[n % 2]) for n in range(9)]
    wanted = Wanted([site, other_site], Status.PENDING, sort)
    seen, after = [], None
    for _ in range(5):
        page = comment_search.page(wanted, after, 2)
        seen += [comment.id for comment in page.comments]
        after = page.following
    assert seen == (ids if sort is Sort.OLDEST else ids[::-1])
    assert after is None


@pytest.mark.parametrize("read_is_worth", [1000, 0.001])  # by the index, and in order
def test_a_search_is_read_page_by_page_across_both_ways(site, make_comment, monkeypatch, read_is_worth):
    monkeypatch.setattr(comment_search, "FIRST_READ", 4)
    monkeypatch.setattr(comment_search, "ROUND", 4)
    monkeypatch.setattr(comment_search, "READ_IS_WORTH", dict.fromkeys(comment_search.READ_IS_WORTH, read_is_worth))
    ids = [make_comment(status=Status.PENDING, body=f"{'wanted' if n % 2 else 'other'} {n}") for n in range(20)]
    wanted = Wanted([site], Status.PENDING, Sort.OLDEST, parse("wanted"))
    seen, after = [], None
    while True:
        page = comment_search.page(wanted, after, 3)
        seen += [comment.id for comment in page.comments]
        after = page.following
        if after is None:
            break
    assert seen == ids[1::2]
    assert comment_search.ids(replace(wanted, until_id=ids[5]), 100) == ids[1:6:2]


def test_signs_alone_are_looked_for_in_the_first_comments_and_it_is_said(site, make_comment, monkeypatch):
    monkeypatch.setattr(comment_search, "SIGNS_READ", 2)
    monkeypatch.setattr(comment_search, "ROUND", 2)
    for n in range(3):
        make_comment(status=Status.PENDING, body=f"n {n} ?!")
    page = comment_search.page(Wanted([site], Status.PENDING, Sort.OLDEST, parse("?!")), None, 50)
    assert (len(page.comments), page.is_whole) == (2, False)


def test_words_that_are_seldom_side_by_side_are_looked_for_in_the_first_that_hold_both(site, make_comment, monkeypatch):
    monkeypatch.setattr(comment_search, "FIRST_READ", 0)
    monkeypatch.setattr(comment_search, "HITS_READ", 2)
    ids = [make_comment(status=Status.PENDING, body=f"{n} left of right") for n in range(3)]
    ids.append(make_comment(status=Status.PENDING, body="left right"))
    search = parse('"left right"')
    for sort, seen in ((Sort.OLDEST, []), (Sort.NEWEST, ids[3:])):
        page = comment_search.page(Wanted([site], Status.PENDING, sort, search), None, 1)
        assert ([comment.id for comment in page.comments], page.is_whole) == (seen, False)
    monkeypatch.setattr(comment_search, "HITS_READ", 5)
    page = comment_search.page(Wanted([site], Status.PENDING, Sort.OLDEST, search), None, 1)
    assert ([comment.id for comment in page.comments], page.is_whole) == (ids[3:], True)


def test_no_hostile_text_is_an_error(site, make_comment, monkeypatch):
    monkeypatch.setattr(comment_search, "FIRST_READ", 0)
    make_comment(status=Status.PENDING, body="quite harmless")
    lines = data("sql/payloadsallthethings.txt").read_text("utf-8", "replace").splitlines()
    for line in [
        *lines,
        "%",
        "_",
        "\\",
        "*",
        '"',
        "NEAR(a b)",
        "a AND",
        "words:a",
        "^a",
        "a*",
        "-a",
        "'",
        "' & '",
        "\0",
    ]:
        try:
            query = parse(line[:300].replace("\0", ""))
        except Invalid:
            continue
        comment_search.page(Wanted([site], Status.PENDING, Sort.OLDEST, query), None, 50)


def test_new_arrivals_are_counted_up_to_a_limit(site, make_comment):
    ids = [make_comment(status=Status.PENDING, body=f"{n}") for n in range(4)]
    assert comment_search.newest_id([site]) == ids[-1]
    assert comment_search.arrived_since([site], Status.PENDING, ids[0], 100) == 3
    assert comment_search.arrived_since([site], Status.PENDING, ids[0], 2) == 2
    assert comment_search.arrived_since([site], Status.SPAM, ids[0], 2) == 0


def test_what_an_erased_person_wrote_is_found_no_more(site, make_comment, now):
    comment_id = make_comment(status=Status.PENDING, body="gone soon")
    with write():
        row = comments.by_id(comment_id)
        row.source = row.html = ""
        row.author_name, row.author_email = "Deleted account", None
    assert found(site, "gone") == []


def test_likely_spam_comes_first_and_what_the_filter_does_not_know_last(site, other_site, make_comment):
    scores = [0.2, None, 0.97, 0.5, None, 0.9701, 0.5]
    ids = [make_comment(status=Status.PENDING, body=f"{n}", on=(site, other_site)[n % 2]) for n in range(7)]
    with write():
        for comment_id, score in zip(ids, scores, strict=True):
            comments.by_id(comment_id).spam_score = score
    wanted = Wanted([site, other_site], Status.PENDING, Sort.TOP)
    for limit in (1, 2, 3, 50):
        seen, after = [], None
        while True:
            page = comment_search.page(wanted, after, limit)
            seen += [comment.id for comment in page.comments]
            after = page.following
            if after is None:
                break
        assert seen == [ids[n] for n in (5, 2, 6, 3, 0, 4, 1)], limit
    assert found(site, "4", sort=Sort.TOP) == [ids[4]]

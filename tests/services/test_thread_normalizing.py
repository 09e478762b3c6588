"""Threads made under other rules for keys: found by their spelling, renamed by a job, merged by a command."""

import pytest

from commentsvc import worker
from commentsvc.services import site_settings, thread_normalizing
from commentsvc.store import audit_log, sites, threads
from commentsvc.store.audit_log import THREADS_NORMALIZED, ActorKind
from commentsvc.store.db import db
from tests.support.cast import BLOG
from tests.support.invariants import check_kept_numbers

CLI = ActorKind.COMMAND_LINE


@pytest.fixture
def normalize(site, now):
    return lambda merges: thread_normalizing.normalize(site.id, merges, CLI, now)


def keys():
    db.session.rollback()
    return [key for _, key in threads.keys_of(sites.by_key("blog"))]


def test_until_then_each_spelling_leads_to_its_own_thread(client, site, make_comment, shown):
    old, new = make_comment("/post/"), make_comment("/post", name="Dave")
    assert shown("/post/") == ("/post/", [old])
    assert shown("/post") == ("/post", [new])
    body = {
        "site": "blog",
        "thread": "/post/",
        "body": "One more",
        "author": {"name": "Erin", "email": "e@example.org"},
    }
    assert client.post("/api/v1/comments", json=body, headers={"Origin": BLOG}).status_code in (201, 202)
    assert keys() == ["/post/", "/post"]
    counts = client.get("/api/v1/counts?site=blog&thread=/post/&thread=/post").json["counts"]
    assert counts == {"/post/": 1, "/post": 1}


def test_threads_are_renamed_and_all_spellings_lead_to_them(site, make_comment, shown, normalize):
    first, second = make_comment("/a/"), make_comment("/b/index.html")
    plan = thread_normalizing.planned(site)
    assert keys() == ["/a/", "/b/index.html"], "a plan changes nothing"
    done = normalize(False)
    assert done == plan
    assert done.renamed == [("/a/", "/a"), ("/b/index.html", "/b")]
    assert [shown(key) for key in ("/a", "/a/", "/b", "/b/index.html")] == [("/a", [first])] * 2 + [
        ("/b", [second])
    ] * 2
    (entry,) = audit_log.of_site(sites.by_key("blog"), [THREADS_NORMALIZED], None, 5)[0]
    assert entry.after == {"threads": 2}
    assert normalize(True).renamed == []
    check_kept_numbers()


def test_what_is_one_page_is_merged_only_when_asked(site, make_comment, shown, normalize):
    old, new = make_comment("/post/"), make_comment("/post", name="Dave")
    assert normalize(False).renamed == []
    assert keys() == ["/post/", "/post"]
    assert thread_normalizing.doubled(site) == [("/post/", "/post")]
    assert normalize(True).merged == [("/post/", "/post")]
    assert keys() == ["/post"]
    assert shown("/post/") == ("/post", [old, new])
    check_kept_numbers()


def test_a_worker_renames_threads_when_a_rule_has_changed(site, make_comment, shown, now):
    page, other = make_comment("/x?id=1"), make_comment("/y?p=2")
    site_settings.change(site.id, {"page_params": "id"}, CLI, "", now)
    while worker.run_due(None, now):
        pass
    assert keys() == ["/x?id=1", "/y"]
    assert shown("/x?utm_source=feed&id=1") == ("/x?id=1", [page])
    assert shown("/y") == shown("/y?p=2") == ("/y", [other])


def test_pages_that_differ_in_letter_case_become_one_where_the_site_says_so(site, make_comment, shown, now):
    page = make_comment("/Hello")
    site_settings.change(site.id, {"letter_case": "ignore"}, CLI, "", now)
    while worker.run_due(None, now):
        pass
    assert keys() == ["/hello"]
    assert shown("/Hello/") == shown("/HELLO") == ("/hello", [page])

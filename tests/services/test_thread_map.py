"""A map of old and new addresses moves threads; a page that has comments already gets the others too."""

from commentsvc.core.page_addresses import read_pages
from commentsvc.services import thread_map
from commentsvc.store import sites, threads
from commentsvc.store.audit_log import ActorKind
from commentsvc.store.db import db
from tests.support.invariants import check_kept_numbers

LINES = """old,new
https://blog.example/old/,https://blog.example/new/
/a,/b
/nothing,/else
/c,https://other.example/c
"""


def apply(now, is_dry_run=False):
    site = sites.by_key("blog")
    pages = read_pages(LINES.splitlines(), site.policy)
    found = thread_map.apply(site, pages, is_dry_run, ActorKind.COMMAND_LINE, now)
    db.session.rollback()
    return {one.old: str(one.outcome) for one in found}


def test_lines_are_moved_merged_unknown_or_refused_and_a_second_run_changes_nothing(site, make_comment, now):
    for key in ("/old", "/a", "/b", "/c"):
        make_comment(key, name=f"Carol {key[1]}")
    keys = [key for _, key in threads.keys_of(site)]
    done = {"/old": "moved", "/a": "merged", "/nothing": "no comments", "/c": "failed"}
    assert apply(now, is_dry_run=True) == done
    assert [key for _, key in threads.keys_of(sites.by_key("blog"))] == keys, "a dry run changes nothing"
    assert apply(now) == done
    assert sorted(key for _, key in threads.keys_of(sites.by_key("blog"))) == ["/b", "/c", "/new"]
    assert threads.find(sites.by_key("blog"), "/old").key == "/new"
    check_kept_numbers()
    assert apply(now) == done | {"/old": "already there", "/a": "already there"}

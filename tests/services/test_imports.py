"""Imports of WordPress exports: complete, repeatable without doubles, and tolerant of odd data."""

import json
import re
from collections import Counter
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from commentsvc.core import html_tokens, links, sanitizer
from commentsvc.core.errors import BadFile
from commentsvc.core.page_addresses import AddressMap
from commentsvc.core.policy import NAME_MAX, TITLE_MAX
from commentsvc.core.status import Status
from commentsvc.services import imports
from commentsvc.store import counters, threads
from commentsvc.store.audit_log import AuditEntry
from commentsvc.store.authors import Author
from commentsvc.store.comments import Comment, CommentKind
from commentsvc.store.counters import StatusCount
from commentsvc.store.db import Base, db
from commentsvc.store.threads import Thread
from tests.support import imports as file_imports
from tests.support.cast import data
from tests.support.imports import quiet
from tests.support.wordpress import HEAD, comment_xml, item_xml

REAL = {"isso_wordpress.xml": 8, "themeunittestdata.wordpress.xml": 32, "artransfer_WordPress.sample": 5}


@pytest.fixture
def export(tmp_path):
    def write(*items, base="https://old.example"):
        path = tmp_path / "export.xml"
        path.write_text(HEAD.format(base=base) + "\n".join(items) + "</channel></rss>")
        return path

    return write


@pytest.fixture
def run(site, now):
    def imported(path, on=None, is_dry_run=False, progress=quiet):
        report = file_imports.run(path, on or site, now, progress=progress, is_dry_run=is_dry_run)
        db.session.expire_all()
        return report

    return imported


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr(imports, "BATCH", 2)


@pytest.fixture
def tree(site):
    """Each comment's number in its blog with its parent's, its depth, and its root's."""

    def look():
        rows = {row.id: row for row in db.session.scalars(select(Comment).execution_options(populate_existing=True))}
        number = {id: row.import_id.rpartition("#")[2] for id, row in rows.items()}
        return {
            number[row.id]: (number.get(row.parent_id), row.depth, number.get(row.root_id)) for row in rows.values()
        }

    return look


def row_counts():
    db.session.rollback()
    """Rows of every table but the audit log and the list of changed pages, to which each import adds."""
    tables = [table for table in Base.metadata.sorted_tables if table.name not in {"journal", "page_change"}]
    return {table.name: db.session.scalar(select(func.count()).select_from(table)) for table in tables}


def listed(client, key="/post/"):
    return client.get("/api/v1/comments", query_string={"site": "blog", "thread": key}).json


def assert_counters_are_true():
    """Everything that is kept equals what is counted."""
    db.session.expire_all()
    rows = db.session.scalars(select(Comment)).all()
    shown = Counter(row.thread_id for row in rows if row.status == Status.APPROVED and row.kind == CommentKind.COMMENT)
    assert {t.id: t.count for t in db.session.scalars(select(Thread))} == {
        t.id: shown[t.id] for t in db.session.scalars(select(Thread))
    }
    tallies = {(t.site_id, t.status): t.count for t in db.session.scalars(select(StatusCount)) if t.count}
    assert tallies == Counter((row.site_id, row.status) for row in rows)
    by_author = Counter((row.author_id, row.status) for row in rows)
    for author in db.session.scalars(select(Author)):
        refused = by_author[author.id, "rejected"] + by_author[author.id, "spam"]
        counted = (by_author[author.id, "approved"], by_author[author.id, "pending"], refused)
        assert (author.approved, author.pending, author.refused) == counted
    has_shown_below = {row.parent_id for row in rows if row.is_visible_in_tree}
    for row in rows:
        assert row.is_visible_in_tree == (row.status == Status.APPROVED or row.id in has_shown_below)
        assert (row.depth, row.root_id) == (
            (row.parent.depth + 1, row.parent.root_id or row.parent.id) if row.parent else (0, None)
        )


@pytest.mark.parametrize(("name", "count"), REAL.items())
def test_a_real_export_is_here_whole_after_one_run_and_no_more_after_the_next(run, site, name, count):
    path = data(f"import/{name}")
    blocks = re.findall(r"<wp:comment>.*?</wp:comment>", path.read_text(), re.DOTALL)

    first = run(path)

    assert (first.read, first.added, first.known) == (len(blocks), count, 0)
    assert first.left_out == len(blocks) - count
    assert db.session.scalar(select(func.count()).select_from(Comment)) == count
    assert db.session.scalar(select(func.count()).select_from(Thread)) == first.threads
    statuses = db.session.execute(select(Comment.status, func.count()).group_by(Comment.status))
    assert first.by_status == Counter(dict(statuses.all()))
    assert first.read == first.added + first.left_out and first.left_out == first.private.total()
    assert_counters_are_true()
    before = row_counts()
    second = run(path)
    assert (second.read, second.added, second.known) == (len(blocks), 0, count)
    assert row_counts() == before
    assert_counters_are_true()


def test_the_real_threads_hang_together(run, tree):
    run(data("import/isso_wordpress.xml"))

    assert {n: place for n, place in tree().items() if "@" not in n} == {
        "2": (None, 0, None),
        "6": (None, 0, None),
        "7": ("6", 1, "6"),
        "8": ("7", 2, "6"),
        "9": ("7", 2, "6"),
        "10": (None, 0, None),
        "11": (None, 0, None),
    }
    assert [place for n, place in tree().items() if "@" in n] == [(None, 0, None)], "the second comment 11, on ?p=4"


def test_a_comment_keeps_all_that_was_known_of_it(run, export, site):
    fields = {
        "comment_author": "Zoë &amp; Co",
        "comment_author_email": "Zoe@Example.org",
        "comment_author_url": "https://zoe.example/?a=1&amp;b=2",
        "comment_author_IP": "2001:db8::1",
        "comment_date_gmt": "2009-08-07 06:05:04",
        "comment_content": "Hello <em>there</em>",
        "comment_approved": "0",
    }
    run(export(item_xml(comment_xml(7, **fields), title="Tea &amp;amp; cake", comment_status="closed")))

    thread = threads.find(site, "/post")
    row = db.session.scalars(select(Comment)).one()
    assert (thread.url, thread.title, thread.is_open) == ("https://old.example/post/", "Tea & cake", False)
    assert (row.author_name, row.author_email) == ("Zoë & Co", "zoe@example.org")
    assert row.author_website == "https://zoe.example/?a=1&b=2"
    assert (row.ip, row.status, row.kind) == ("2001:db8::1", Status.PENDING, CommentKind.COMMENT)
    assert row.created_at == datetime(2009, 8, 7, 6, 5, 4, tzinfo=UTC)
    assert row.source == "Hello <em>there</em>"
    assert row.html == "<p>Hello <em>there</em></p>"
    assert row.import_id == "wordpress:old.example#7"


@pytest.mark.parametrize(
    "written",
    [
        [comment_xml(1), comment_xml(2), comment_xml(3), "<wp:comment>"],
        [comment_xml(1), comment_xml(2), comment_xml(3), "&nbsp;"],
    ],
)
def test_a_broken_file_changes_nothing(run, export, site, small_batches, written):
    path = export(item_xml(*written))
    before = row_counts()
    with pytest.raises(BadFile):
        run(path)
    assert row_counts() == before


def test_a_dry_run_says_the_same_and_changes_nothing(run, export, site):
    path = export(
        item_xml(comment_xml(1), comment_xml(2, 1, comment_approved="0"), comment_xml(3, comment_type="order_note")),
        item_xml(
            comment_xml(1),
            comment_xml(4, comment_type="pingback"),
            comment_xml(4, comment_type="pingback"),
            path="/other/",
        ),
    )
    before = row_counts()

    dry = run(path, is_dry_run=True)
    assert row_counts() == before

    wet = run(path)
    assert (dry.read, dry.added, dry.left_out, dry.threads) == (6, 4, 2, 2), "one of them is twice in the file"
    assert (wet.read, wet.added, wet.left_out, wet.threads) == (6, 4, 2, 2)
    assert {**dry.to_json(), "dry_run": False} == wet.to_json()
    assert [(one.record, one.outcome, one.reason) for one in wet.problems] == [
        (3, "left out", "it is of the type “order_note”, which is no comment"),
        (6, "left out", "the same comment is in the file twice"),
    ]
    again = run(path, is_dry_run=True)
    assert (again.added, again.known) == (0, 4)


class CutOff(Exception):
    pass


@pytest.mark.parametrize("batches", [1, 2, 3, 4])
def test_a_run_that_was_cut_off_is_completed_by_the_next(run, export, site, tree, client, small_batches, batches):
    """Comment 1 answers 7, which comes last: the run that learns of 7 is not the one that wrote 1."""
    path = export(
        item_xml(comment_xml(1, 7), comment_xml(2, 1), comment_xml(3, 2), *[comment_xml(n) for n in range(4, 8)])
    )
    seen = []

    def pull_the_plug(_what, done, _total):
        seen.append(done)
        if len(seen) == batches:
            raise CutOff

    with pytest.raises(CutOff):
        run(path, progress=pull_the_plug)
    assert row_counts()["comment"] == min(2 * batches, 7)
    assert_counters_are_true()

    report = run(path)

    assert (report.added, report.known) == (7 - min(2 * batches, 7), min(2 * batches, 7))
    assert tree()["1"] == ("7", 1, "7")
    assert tree()["3"] == ("2", 3, "7")
    assert len(listed(client)["comments"]) == 7
    assert_counters_are_true()


def test_replies_before_their_parents_end_up_below_them(run, export, client, tree, small_batches):
    numbers = range(1, 12)
    run(export(item_xml(*[comment_xml(n, n - 1) for n in reversed(numbers)])))

    assert tree() == {str(n): (str(n - 1) if n > 1 else None, n - 1, "1" if n > 1 else None) for n in numbers}
    page = listed(client)
    assert [c["depth"] for c in page["comments"]] == list(range(11))
    assert page["thread"]["count"] == 11
    assert_counters_are_true()


def test_a_late_parent_that_waits_for_a_moderator_is_an_empty_node(run, export, client, small_batches):
    run(
        export(
            item_xml(comment_xml(3, 1), comment_xml(2), comment_xml(1, comment_approved="0", comment_content="waiting"))
        )
    )

    page = listed(client)
    assert sorted(c["depth"] for c in page["comments"]) == [0, 0, 1]
    assert "waiting" not in json.dumps(page)
    assert page["thread"]["count"] == 2
    assert_counters_are_true()


def test_a_thread_whose_tree_changed_has_a_new_version(run, export, site, small_batches):
    path = export(item_xml(*[comment_xml(n, {1: 5}.get(n, 0)) for n in range(1, 6)]))
    versions = []

    def look(*_):
        versions.append(threads.find(site, "/post").version)
        db.session.rollback()

    run(path, progress=look)
    assert threads.find(site, "/post").version > versions[-1]


@pytest.mark.parametrize(
    "ring",
    [{1: 1}, {1: 2, 2: 1}, {1: 3, 2: 1, 3: 2}, {1: 2, 2: 3, 3: 1}, {1: 4, 2: 1, 3: 1, 4: 3}, {1: 2, 2: 3, 3: 3}],
)
@pytest.mark.parametrize("batch", [1, 100])
def test_a_ring_of_parents_ends(run, export, client, monkeypatch, ring, batch):
    monkeypatch.setattr(imports, "BATCH", batch)
    run(export(item_xml(*[comment_xml(n, parent) for n, parent in ring.items()])))

    page = listed(client)
    assert len(page["comments"]) == page["thread"]["count"] == len(ring)
    assert [c["depth"] for c in page["comments"]].count(0) == 1
    assert_counters_are_true()


def test_a_parent_that_is_not_in_the_file_leaves_a_top_level_comment(run, export, client, tree):
    path = export(item_xml(comment_xml(1, 999), comment_xml(2, 1)), item_xml(comment_xml(3, 1), path="/other/"))
    run(path)
    run(path)

    assert tree() == {"1": (None, 0, None), "2": ("1", 1, "1"), "3": (None, 0, None)}
    assert len(listed(client, "/other/")["comments"]) == 1


def test_what_is_too_long_or_odd_is_made_to_fit(run, export, client, site):
    def odd(number, **fields):
        return comment_xml(number, **{f"comment_{name}": value for name, value in fields.items()})

    path = export(
        item_xml(
            odd(1, author="N" * 1000, author_email="c" * 300 + "@example.org"),
            odd(2, author="", author_email="carol(at)example.org"),
            odd(3, author=" \n\u202e ", author_url="javascript:alert(1)"),
            odd(4, author_url="https://carol.example/" + "x" * 300),
            odd(5, author_url="carol.example", author_IP="1" * 100),
            odd(6, author_url="http://", author_email="a@b@c"),
            title="T" * 1000,
        ),
        item_xml(comment_xml(7), path="/" + "u" * 3000),
    )
    assert run(path).added == 7

    rows = db.session.scalars(select(Comment).order_by(Comment.id)).all()
    names = [row.author_name for row in rows]
    assert names[:4] == ["N" * NAME_MAX, "Anonymous", "Anonymous", "Carol"]
    assert [row.author_email for row in rows[:3]] == [None, None, "carol@example.org"]
    assert rows[5].author_email is None
    assert [row.author_website for row in rows][2:4] == [None, None]
    assert all(row.author_website is None or links.is_web_url(row.author_website) for row in rows)
    assert len(rows[4].ip) <= 45
    assert threads.find(site, "/post").title == "T" * TITLE_MAX
    assert threads.find(site, "/" + "u" * 3000).url == ""
    assert "javascript" not in json.dumps(listed(client))


def test_hostile_html_is_clean_when_it_is_shown(run, export, client):
    attacks = [s for s in _strings(json.loads(data("xss/owasp_filter_evasion.json").read_text())) if _is_xml(s)]
    attacks += ["<script>alert(1)</script>", '<img src=x onerror="alert(1)">', '<a href="javascript:alert(1)">x</a>']
    run(export(item_xml(*[comment_xml(n, comment_content=s) for n, s in enumerate(attacks, 1)])))

    rows = db.session.scalars(select(Comment)).all()
    assert len(rows) == len(attacks) > 50
    for row in rows:
        assert row.html == sanitizer.clean(row.html)
        tags = set(re.findall(r"<([a-z0-9]+)", row.html))
        assert tags <= html_tokens.TAGS, row.html
        assert not re.search(r"<[^>]*\s(on\w+|style|src)\s*=", row.html), row.html
        for link in re.findall(r"<a\b[^>]*>", row.html):
            assert re.fullmatch(r'<a href="(https?://|mailto:)[^"]*" rel="nofollow ugc noopener">', link), row.html


def _strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner)


def _is_xml(value):
    return "]]>" not in value and not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", value)


def test_pingbacks_wait_in_the_queue_and_are_nowhere_else(run, export, client, site, alice, token):
    path = export(
        item_xml(
            comment_xml(1),
            comment_xml(2, comment_type="pingback", comment_content="ping one"),
            comment_xml(3, comment_type="trackback", comment_content="track one", comment_approved="0"),
            comment_xml(4, 1, comment_type="pingback", comment_content="ping two"),
        )
    )
    run(path)

    page = listed(client)
    assert (len(page["comments"]), page["thread"]["count"]) == (1, 1)
    assert client.get("/api/v1/counts?site=blog&thread=/post/").json["counts"] == {"/post/": 1}
    assert len(client.get("/api/v1/recent?site=blog").json["comments"]) == 1
    fragment = client.get("/embed/v1/comments?site=blog&thread=/post/").text
    assert "ping one" not in fragment and "ping two" not in fragment and "Hello" in fragment

    def queue(status):
        answer = client.get(f"/api/v1/moderation/comments?site=blog&status={status}", headers=token(alice))
        return {c["html"] for c in answer.json["comments"]}

    assert queue("pending") == {"<p>track one</p>"}
    assert queue("approved") == {"<p>Hello</p>", "<p>ping one</p>", "<p>ping two</p>"}
    assert counters.of_site(site)[Status.APPROVED] == 3
    assert_counters_are_true()


@pytest.mark.parametrize("batch", [1, 100])
def test_an_answer_to_a_pingback_is_shown_at_the_top(run, export, client, monkeypatch, batch):
    monkeypatch.setattr(imports, "BATCH", batch)
    path = export(
        item_xml(comment_xml(3, 2), comment_xml(1, comment_type="pingback"), comment_xml(2, 1), comment_xml(4, 1))
    )
    run(path)
    run(path)

    page = listed(client)
    assert [c["depth"] for c in page["comments"]].count(0) == 2
    assert len(page["comments"]) == page["thread"]["count"] == 3
    assert_counters_are_true()


def test_two_blogs_in_one_site_do_not_collide(run, export, client):
    run(export(item_xml(comment_xml(1), comment_xml(2, 1))))
    second = export(
        item_xml(comment_xml(1, comment_content="Hi"), comment_xml(2, 1), base="https://new.example"),
        base="https://new.example",
    )
    assert run(second).added == 2

    page = listed(client)
    assert page["thread"]["count"] == 4
    by_id = {c["id"]: c for c in page["comments"]}
    replies = [c for c in page["comments"] if c["parent_id"]]
    assert {by_id[c["parent_id"]]["html"] for c in replies} == {"<p>Hello</p>", "<p>Hi</p>"}


def test_one_blog_in_two_sites_does_not_collide(run, export, site, other_site):
    path = export(item_xml(comment_xml(1), comment_xml(2, 1)))
    assert (run(path).added, run(path, on=other_site).added, run(path).added) == (2, 2, 0)
    assert_counters_are_true()


def test_a_number_used_again_on_another_page_is_another_comment(run, export, tree, client):
    path = export(
        item_xml(comment_xml(1), comment_xml(2, 1)), item_xml(comment_xml(1), comment_xml(3, 1), path="/other/")
    )
    assert run(path).added == 4
    assert run(path).added == 0

    assert [c["depth"] for c in listed(client, "/other/")["comments"]] == [0, 1]
    assert_counters_are_true()


def test_only_what_is_new_since_the_last_export_is_added(run, export, client, make_comment):
    run(export(item_xml(comment_xml(1))))
    make_comment("/post", body="written here since")
    report = run(export(item_xml(comment_xml(1), comment_xml(2, 1), comment_xml(3))))

    assert (report.added, report.known) == (2, 1)
    assert listed(client)["thread"]["count"] == 4
    assert_counters_are_true()


def test_what_a_moderator_decided_here_is_not_undone_by_the_next_run(run, export, client, alice, token):
    path = export(item_xml(comment_xml(1)))
    run(path)
    [shown] = listed(client)["comments"]
    decision = {"ids": [shown["id"]], "action": "spam"}
    assert client.post("/api/v1/moderation/decisions", json=decision, headers=token(alice)).status_code == 200
    run(path)

    assert db.session.scalars(select(Comment.status)).all() == ["spam"]
    assert_counters_are_true()


def test_two_imports_of_one_file_at_once_double_nothing(app, export, site, now, at_once, small_batches):
    path = export(
        item_xml(comment_xml(1, 9), *[comment_xml(n) for n in range(2, 10)]),
        item_xml(*[comment_xml(n) for n in range(10, 20)], path="/a/"),
    )

    def one():
        with app.app_context():
            from commentsvc.store import sites

            return file_imports.run(path, sites.by_key("blog"), now)

    reports = at_once(one, one, one)

    assert [r for r in reports if isinstance(r, Exception)] == []
    assert sum(r.added for r in reports) == row_counts()["comment"] == 19
    assert_counters_are_true()


def test_progress_is_told_while_a_long_file_is_read_and_written(run, export, monkeypatch):
    monkeypatch.setattr(imports, "EVERY", 3)
    monkeypatch.setattr(imports, "BATCH", 3)
    told = []
    run(export(item_xml(*[comment_xml(n) for n in range(1, 8)])), progress=lambda *step: told.append(step))
    assert told == [
        ("comments read", 3, 0),
        ("comments read", 6, 0),
        ("comments imported", 3, 7),
        ("comments imported", 6, 7),
        ("comments imported", 7, 7),
    ]


def test_a_file_without_comments_is_no_mistake(run, export):
    report = run(export(item_xml()))
    assert (report.read, report.added, report.known, report.left_out) == (0, 0, 0, 0)


PRIVATE = {
    "private": {"status": "private"},
    "draft": {"status": "draft"},
    "pending": {"status": "pending"},
    "future": {"status": "future"},
    "trash": {"status": "trash"},
    "auto-draft": {"status": "auto-draft"},
    "a revision": {"status": "inherit", "post_type": "post"},
    "an unknown status": {"status": "members-only"},
    "a password": {"status": "publish", "post_password": "secret"},
    "a type of a plugin": {"status": "publish", "post_type": "shop_order"},
    "attached to a draft": {"status": "inherit", "post_type": "attachment", "post_parent": "9"},
    "attached to a post elsewhere": {"status": "inherit", "post_type": "attachment", "post_parent": "404"},
}


def late(*written, **fields):
    """A post whose type follows after its comments."""
    named = "".join(f"<wp:{name}>{value}</wp:{name}>" for name, value in fields.items())
    return item_xml(*written, f"<link>https://old.example/late/</link>{named}", path="/late/", title="Secret")


@pytest.mark.parametrize("make", [item_xml, late])
@pytest.mark.parametrize("fields", PRIVATE.values(), ids=PRIVATE)
def test_comments_of_posts_that_are_not_public_are_left_out(site, export, run, fields, make):
    draft = item_xml(path="/?p=9", post_id="9", status="draft")
    public = item_xml(comment_xml(1), path="/public/", post_id="2", status="publish")
    path = export(public, make(comment_xml(2), comment_xml(3, parent=2), **fields), draft)

    report = run(path)

    assert [c.import_id for c in db.session.scalars(select(Comment))] == ["wordpress:old.example#1"]
    assert [thread.key for thread in db.session.scalars(select(Thread))] == ["/public"]
    assert (report.read, report.added, report.known, report.left_out) == (3, 1, 0, 2)
    assert report.private.total() == 2 and {one.record for one in report.problems} == {2, 3}


@pytest.mark.parametrize("fields", PRIVATE.values(), ids=PRIVATE)
def test_private_comments_that_are_asked_for_wait_and_name_nothing(site, export, now, fields):
    path = export(item_xml(comment_xml(2), comment_xml(3, comment_approved="spam"), title="Secret", **fields))

    report = file_imports.run(path, site, now, include_private=True)

    db.session.expire_all()
    found = list(db.session.scalars(select(Comment).order_by(Comment.id)))
    assert [c.status for c in found] == [Status.PENDING, Status.SPAM]
    thread = found[0].thread
    assert (thread.title, thread.url, thread.is_open, thread.count) == ("", "", False, 0)
    assert (report.added, report.left_out) == (2, 0)
    assert report.private.total() == 2


def test_an_attachment_is_as_public_as_its_post(site, export, run):
    attached = {"status": "inherit", "post_type": "attachment"}
    files = [
        item_xml(comment_xml(1), path="/a/", post_id="3", post_parent="2", **attached),
        item_xml(path="/post/", post_id="2", status="publish"),
        item_xml(comment_xml(2), path="/b/", post_id="4", post_parent="0", **attached),
    ]
    assert run(export(*files)).added == 2


def test_a_second_import_brings_the_private_ones_and_doubles_nothing(site, export, run, now):
    path = export(item_xml(comment_xml(7), path="/secret/", status="private"), item_xml(comment_xml(7), path="/post/"))
    run(path)
    again = file_imports.run(path, site, now, include_private=True)
    assert (again.added, again.known) == (1, 1)


def test_the_title_of_a_public_post_stays_whatever_comments_say(site, export, run, make_comment):
    make_comment(thread_key="/post/", title="From a reader")
    run(export(item_xml(comment_xml(7), title="The post")))
    assert threads.find(site, "/post").title == "The post"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (
            {"comment_date_gmt": "2026-02-30 00:00:00", "comment_date": ""},
            "the date “2026-02-30 00:00:00” can't be read",
        ),
        ({"comment_date_gmt": "", "comment_date": ""}, "it has no date that can be read; dated 2026-01-02 like its"),
        ({"comment_approved": "maybe"}, "the status “maybe” is unknown; it is pending"),
        ({"comment_author": ""}, "its author has no name; called Anonymous"),
        ({"comment_content": "a\x0bb"}, "control characters were removed"),
        ({"comment_content": "a&#x1;b"}, "control characters were removed"),
        ({"comment_author_email": "nobody"}, "the author's e-mail address is not valid and was dropped"),
        ({"comment_author_url": "javascript:x"}, "the author's website is not a valid address and was dropped"),
        ({"comment_id": "x"}, "its comment_id “x” is no number; it is named by its place in the file"),
        ({"comment_parent": "99"}, "its parent is not in the file; it is a top-level comment now"),
        ({"comment_date_gmt": "2199-01-01 00:00:00"}, "its date 2199-01-01 is in the future; dated today"),
    ],
)
def test_what_cannot_be_read_is_mended_and_reported_with_number_and_line(run, export, fields, reason):
    path = export(item_xml(comment_xml(1), comment_xml(2, **fields)))
    if "&#x1;" in fields.get("comment_content", ""):
        path.write_text(path.read_text().replace("<![CDATA[a&#x1;b]]>", "a&#x1;b"))
    report = run(path)
    assert (report.read, report.added, report.left_out, report.mended) == (2, 2, 0, 1)
    (problem, *_) = report.problems
    assert (problem.record, problem.outcome) == (2, "mended") and problem.reason.startswith(reason)
    lines = path.read_text().splitlines()
    assert "<wp:comment>" in lines[problem.line - 1]


def test_a_comment_without_words_is_left_out(run, export):
    report = run(export(item_xml(comment_xml(1), comment_xml(2, comment_content=" "))))
    assert (report.read, report.added, report.left_out) == (2, 1, 1)
    assert report.problems[0].reason == "it has no text"


def test_times_without_a_zone_take_the_zone_that_is_asked_for(site, export, now):
    path = export(item_xml(comment_xml(1, comment_date_gmt="", comment_date="2026-07-01 12:00:00")))
    report = file_imports.run(path, site, now, zone=ZoneInfo("Europe/Berlin"))
    assert report.timezone == "Europe/Berlin"
    assert db.session.scalar(select(Comment.created_at)) == datetime(2026, 7, 1, 10, tzinfo=UTC)


def test_a_thread_begins_when_its_post_was_published(site, export, now):
    gmt = item_xml(comment_xml(1), path="/gmt/", post_date="2020-01-01 02:00:00", post_date_gmt="2020-01-01 01:00:00")
    none = {"post_date": "2020-07-01 02:00:00", "post_date_gmt": "0000-00-00 00:00:00"}
    local, later = item_xml(comment_xml(2), path="/local/", **none), item_xml(comment_xml(3), path="/x/", **FUTURE)
    file_imports.run(export(gmt, local, later, item_xml(comment_xml(4))), site, now, zone=ZoneInfo("Europe/Berlin"))
    found = {thread.key: thread.created_at for thread in db.session.scalars(select(Thread))}
    utc_local = datetime(2020, 7, 1, tzinfo=UTC)
    assert found == {"/gmt": datetime(2020, 1, 1, 1, tzinfo=UTC), "/local": utc_local, "/x": now, "/post": now}


FUTURE = {"post_date": "2090-01-01 00:00:00", "post_date_gmt": "2090-01-01 00:00:00"}


def test_a_thread_that_is_there_keeps_its_beginning(site, export, now, make_comment):
    make_comment()
    begun = db.session.scalar(select(Thread.created_at))
    file_imports.run(export(item_xml(comment_xml(1), post_date_gmt="2020-01-01 01:00:00")), site, now)
    assert db.session.scalars(select(Thread.created_at)).all() == [begun]


def test_addresses_of_pages_can_be_rewritten(site, export, now):
    pages = {"/2010/old": "/new/", "/gone": "https://elsewhere.example/here/"}
    moved = ("https://old.example", "https://new.example")
    path = export(
        item_xml(comment_xml(1), path="/2010/old/"),
        item_xml(comment_xml(2), path="/gone/"),
        item_xml(comment_xml(3), path="/stays/"),
    )
    file_imports.run(path, site, now, addresses=AddressMap(pages, moved))
    found = {thread.key: thread.url for thread in db.session.scalars(select(Thread))}
    assert found == {
        "/new": "https://new.example/new/",
        "/here": "https://elsewhere.example/here/",
        "/stays": "https://new.example/stays/",
    }


def test_an_import_is_in_the_audit_log(run, export, site):
    run(export(item_xml(comment_xml(1))))
    (entry,) = db.session.scalars(select(AuditEntry).where(AuditEntry.kind == "import"))
    assert (entry.actor, entry.subject, entry.after["added"]) == ("command line", "wordpress", 1)

"""Feeds: valid Atom of the newest comments, true within a second, and nothing that does not belong there."""

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as xml

import pytest

from commentsvc.core.status import Status
from commentsvc.services import accounts as accounts_service
from commentsvc.services import edits, posting
from commentsvc.services.submissions import Draft, Sender, Submission
from commentsvc.store import accounts as stored_accounts
from commentsvc.store import comments, sites
from commentsvc.store.comments import Comment
from commentsvc.store.db import db
from commentsvc.store.transactions import write
from tests.support.answers import decide
from tests.support.cast import BLOG, SECRET, service_config, set_policy

NS = {"a": "http://www.w3.org/2005/Atom", "thr": "http://purl.org/syndication/thread/1.0"}
SITE_FEED = "/feeds/blog.atom"
THREAD_FEED = "/feeds/blog.atom?thread=/post"


def read(client, address):
    answer = client.get(address)
    assert answer.status_code == 200
    return xml.fromstring(answer.data)


def words(element, path):
    return [found.text for found in element.findall(path, NS)]


@pytest.fixture
def later(app):
    """Let time pass at the edge."""
    edge = app.extensions["page_cache"]
    clock = edge._clock
    passed = [0.0]
    edge._clock = lambda: clock() + passed[0]

    def pass_s(seconds):
        passed[0] += seconds

    return pass_s


def test_a_feed_has_what_atom_asks_for(client, site, make_comment):
    parent = make_comment(body="Tom & *Jerry* <b>", url=f"{BLOG}/post", title="Cats & mice")
    reply = make_comment(body="A reply", parent=parent, name="Dave")
    for address in (SITE_FEED, THREAD_FEED):
        answer = client.get(address)
        assert answer.headers["Content-Type"] == "application/atom+xml; charset=utf-8"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        feed = read(client, address)
        assert feed.tag == f"{{{NS['a']}}}feed"
        (self_link,) = feed.findall("a:link[@rel='self']", NS)
        full = "https://comments.example" + address.replace("/post", "%2Fpost")
        assert (self_link.get("href"), words(feed, "a:id")) == (full, [full])
        assert client.get(self_link.get("href").removeprefix("https://comments.example")).status_code == 200
        entries = feed.findall("a:entry", NS)
        assert words(feed, "a:entry/a:id") == [f"https://comments.example/api/v1/comments/{n}" for n in (reply, parent)]
        for element in (feed, *entries):
            for name in ("id", "title", "updated"):
                (text,) = words(element, f"a:{name}")
                assert text.strip()
            for moment in words(element, "a:updated") + words(element, "a:published"):
                assert datetime.fromisoformat(moment).tzinfo == UTC
        assert words(feed, "a:entry/a:author/a:name") == ["Dave", "Carol"]
        assert words(feed, "a:entry/a:title") == ["Dave on Cats & mice", "Carol on Cats & mice"]
        (content,) = entries[1].findall("a:content", NS)
        assert content.get("type") == "html"
        assert content.text == "<p>Tom &amp; <em>Jerry</em> &lt;b&gt;</p>\n"
        assert entries[1].find("a:link", NS).get("href") == f"{BLOG}/post#comment-{parent}"
        answered = entries[0].find("thr:in-reply-to", NS)
        assert answered.get("ref") == f"https://comments.example/api/v1/comments/{parent}"
        assert answered.get("href") == f"{BLOG}/post#comment-{parent}"
        assert feed.findall("a:entry/a:author/a:email", NS) == []
        assert "example.org" not in answer.text, "no address"


def test_only_what_is_published_is_fed_the_newest_first_and_of_its_own_thread(client, site, other_site, make_comment):
    first, second = make_comment(body="1"), make_comment("/elsewhere", body="2")
    for status in (Status.PENDING, Status.REJECTED, Status.SPAM, Status.DELETED):
        make_comment(status=status, body=f"Not {status}")
    make_comment(on=other_site, body="Theirs")
    ids = [f"https://comments.example/api/v1/comments/{n}" for n in (second, first)]
    assert words(read(client, SITE_FEED), "a:entry/a:id") == ids
    assert words(read(client, THREAD_FEED), "a:entry/a:id") == ids[1:]
    assert words(read(client, "/feeds/other.atom"), "a:entry/a:content") == ["<p>Theirs</p>\n"]


def test_an_edit_moves_the_time_of_the_entry_and_of_the_feed(client, site, make_comment, now, later):
    comment_id = make_comment()
    set_policy(site, mode="off", edit_window_s=7 * 24 * 3600)
    before = read(client, SITE_FEED)
    edits.edit(comment_id, "Better words", None, now + timedelta(hours=1))
    later(1)
    after = read(client, SITE_FEED)
    assert words(after, "a:entry/a:content") == ["<p>Better words</p>\n"]
    assert words(after, "a:updated") == words(after, "a:entry/a:updated") > words(before, "a:updated")
    assert words(after, "a:entry/a:published") == words(before, "a:entry/a:published")


@pytest.mark.parametrize("address", [SITE_FEED, THREAD_FEED])
def test_what_is_withdrawn_is_gone_and_what_stands_is_not_built_again(
    app, client, alice, token, make_comment, address, later
):
    comment_id, edge = make_comment(), app.extensions["page_cache"]
    first = client.get(address)
    tag = first.headers["ETag"]
    builds = edge.builds
    later(1)
    again = client.get(address, headers={"If-None-Match": tag})
    assert (again.status_code, edge.builds) == (304, builds), "one look at its versions is enough"

    decide(client, token(alice), "reject", comment_id)
    later(0.5)
    assert words(read(client, address), "a:entry/a:id") == []
    decide(client, token(alice), "approve", comment_id)
    later(0.5)
    assert len(words(read(client, address), "a:entry/a:id")) == 1
    assert client.get(address).headers["ETag"] == tag


def test_a_comment_that_waits_builds_no_feed_again(app, client, make_comment, later):
    make_comment()
    client.get(SITE_FEED)
    builds = app.extensions["page_cache"].builds
    make_comment("/elsewhere", Status.PENDING, body="Waiting")
    later(1)
    client.get(SITE_FEED)
    assert app.extensions["page_cache"].builds == builds


def test_who_is_erased_is_gone_from_the_feed_by_name(app, client, site, now, later):
    with write():
        account = stored_accounts.make_account("ann@example.net", "Ann Lee", False, now)
    set_policy(site, mode="off")
    draft = Draft("/post", "", "A post", None, "Words", "Ann Lee", "ann@example.net", None)
    posting.post(sites.by_key("blog"), Submission(draft, Sender(account, "192.0.2.1", "", False)), SECRET, now)
    assert words(read(client, SITE_FEED), "a:entry/a:author/a:name") == ["Ann Lee"]
    accounts_service.erase(account.id, keeps_comments=True, now=now, config=service_config())
    later(1)
    for address in (SITE_FEED, THREAD_FEED):
        assert words(read(client, address), "a:entry/a:author/a:name") == ["Deleted account"]


def test_a_feed_without_comments_is_a_feed(client, site):
    for address in (SITE_FEED, THREAD_FEED):
        feed = read(client, address)
        assert words(feed, "a:entry") == []
        assert len(words(feed, "a:updated")) == 1


def test_there_is_no_feed_of_an_unknown_site_or_for_no_key(client, site):
    assert client.get("/feeds/nobody.atom").status_code == 404
    assert client.get("/feeds/a%2Fb.atom").status_code == 404
    assert client.get("/feeds/blog").status_code == 404
    assert client.get("/feeds/blog.atom?thread=%00").status_code == 422


def test_characters_that_xml_cannot_hold_are_left_out(client, site, make_comment):
    comment_id = make_comment()
    with write():
        comment = db.session.get_one(Comment, comment_id)
        comment.html, comment.author_name = "<p>a\x0bb\ufffe🙂</p>", "Ca\x1brol"  # as old exports may bring them in
    feed = read(client, SITE_FEED)
    assert words(feed, "a:entry/a:content") == ["<p>ab🙂</p>"]
    assert words(feed, "a:entry/a:author/a:name") == ["Carol"]


def test_a_site_may_keep_its_feeds_out_of_search_engines(client, site, make_comment):
    make_comment()
    assert "X-Robots-Tag" not in client.get(SITE_FEED).headers
    set_policy(site, noindex=True)
    assert client.get(THREAD_FEED).headers["X-Robots-Tag"] == "noindex"


def test_a_long_thread_is_fed_by_its_index_and_not_whole(client, site, make_comment):
    from sqlalchemy import event

    from commentsvc.store import threads
    from commentsvc.store.db import is_postgres
    from commentsvc.web.public import feeds

    for n in range(feeds.FEED_SIZE + 3):
        make_comment(body=f"Text {n}")
    assert len(words(read(client, THREAD_FEED), "a:entry")) == feeds.FEED_SIZE
    asked = []
    event.listen(db.engine, "before_cursor_execute", lambda *args: asked.append(args[2:4]))
    comments.recent_in(threads.find(sites.by_key("blog"), "/post"), 5)
    statement, parameters = asked[-1]
    if is_postgres():
        db.session.connection().exec_driver_sql("SET LOCAL enable_seqscan = off")
    explain = "EXPLAIN " if is_postgres() else "EXPLAIN QUERY PLAN "
    plan = [str(row) for row in db.session.connection().exec_driver_sql(explain + statement, parameters)]
    assert any("ix_comment_thread_queue" in line for line in plan), plan

"""Titles and addresses that the service reads from the pages themselves, on a real server."""

import pytest
from sqlalchemy import select

from commentsvc import worker
from commentsvc.core.job_kinds import JobKind
from commentsvc.core.outbound import OutboundAllow
from commentsvc.core.status import Status
from commentsvc.gateways.safe_http import BYTES_MAX
from commentsvc.services import (
    imports,
    moderation,
    page_reads,
    site_settings,
    thread_deletion,
    thread_moves,
    thread_settings,
)
from commentsvc.services.moderation import Moderator
from commentsvc.store import sites, threads
from commentsvc.store.audit_log import ActorKind
from commentsvc.store.db import db
from commentsvc.store.jobs import Job
from tests.support import blog as test_blog

CLI = ActorKind.COMMAND_LINE
ALLOW = OutboundAllow(hosts=frozenset({"127.0.0.1", "localhost"}))


@pytest.fixture
def blog(site, now):
    with test_blog.running() as running:
        site_settings.change(site.id, {"origins": [running.origin]}, CLI, "", now)
        running.write("/post", "<title>My post</title>")
        yield running


@pytest.fixture
def work(now):
    """Do all due jobs; gives how many pages were to be read."""

    def work(allow=ALLOW, at=None):
        found = len(waiting())
        worker.run_due(None, at or now, outbound_allow=allow)
        db.session.expire_all()
        return found

    return work


def waiting():
    db.session.rollback()
    is_open = (Job.kind == JobKind.READ_PAGE, Job.done_at.is_(None), Job.failed_at.is_(None))
    return list(db.session.scalars(select(Job).where(*is_open)))


def shown(site, key="/post"):
    db.session.expire_all()
    thread = threads.find(sites.by_key(site.key), key)
    return thread.title, thread.url


def decide(comment_id, action, by, now):
    moderation.decide([comment_id], action, Moderator(by), "", now)
    db.session.expire_all()


def test_a_page_is_read_when_its_first_comment_is_approved(site, blog, make_comment, work, alice, now):
    held = make_comment(status=Status.PENDING, title="CHEAP PILLS", url=f"{blog.origin}/pills")
    assert work() == 0 and shown(site) == ("", "")
    decide(held, "approve", alice, now)
    version = threads.find(site, "/post").version
    assert work() == 1
    assert shown(site) == ("My post", f"{blog.origin}/post")
    assert threads.find(site, "/post").version > version
    assert blog.asked == ["/post"] and blog.hosts == [blog.origin.removeprefix("http://")]


def test_many_comments_ask_once_for_each_page(site, blog, make_comment, work, alice, now):
    held = [make_comment(thread_key=f"/{n % 3}", name=f"Carol{n}", status=Status.PENDING) for n in range(12)]
    moderation.decide(held, "approve", Moderator(alice), "", now)
    assert sorted(job.payload["url"] for job in waiting()) == ["", "", ""]
    assert work() == 3
    assert sorted(blog.asked) == ["/0", "/1", "/2"]


def test_a_comment_that_says_what_the_page_says_asks_no_more(site, blog, make_comment, work):
    make_comment(title="My post", url=f"{blog.origin}/post")
    work()
    make_comment(name="Dave", title="My post", url=f"{blog.origin}/post")
    make_comment(name="Erin", title="", url="")
    assert waiting() == [] and blog.asked == ["/post"]


def test_a_comment_with_another_title_has_the_page_read_again(site, blog, make_comment, work):
    make_comment(title="My post", url=f"{blog.origin}/post")
    work()
    blog.write("/post", "<title>My better post</title>")
    for n in range(15):  # a second passes between two
        make_comment(name=f"Dave{n}", title="CHEAP PILLS", url=f"{blog.origin}/post")
    assert work() <= 2
    assert shown(site) == ("My better post", f"{blog.origin}/post")


def test_a_page_that_cannot_be_read_is_named_by_its_first_approved_comment(site, blog, make_comment, work):
    make_comment(thread_key="/gone", title="A draft", url=f"{blog.origin}/gone")
    assert work() == 1
    assert shown(site, "/gone") == ("A draft", f"{blog.origin}/gone"), "the title of a 404 page is not the page's"
    assert blog.asked == ["/gone"] and waiting() == []


@pytest.mark.parametrize("status", [403, 404, 410, 204, 206])
def test_an_answer_without_the_page_gives_no_title(site, blog, make_comment, work, status):
    blog.write("/post", "<title>Go away</title>", status=status)
    make_comment(title="By Carol")
    work()
    assert shown(site)[0] == "By Carol" and waiting() == []


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_server_in_trouble_is_asked_again(site, blog, make_comment, work, status, now):
    blog.write("/post", "<title>Sorry</title>", status=status)
    make_comment(title="By Carol")
    work()
    (job,) = waiting()
    assert job.run_at is not None and str(status) in job.last_error and shown(site)[0] == "By Carol"
    blog.write("/post", "<title>My post</title>")
    work(at=job.run_at)
    assert shown(site)[0] == "My post" and waiting() == []


@pytest.mark.parametrize("content_type", ["application/pdf", "text/plain", "image/png", "", "text/html2"])
def test_what_is_no_html_gives_no_title(site, blog, make_comment, work, content_type):
    blog.write("/post", "<title>No</title>", content_type=content_type)
    make_comment(title="By Carol")
    work()
    assert shown(site)[0] == "By Carol" and waiting() == []


def test_of_a_huge_page_the_beginning_is_read(site, blog, make_comment, work):
    blog.write("/post", b"<title>Long post</title>" + b"x" * (3 * BYTES_MAX) + b'<link rel="canonical" href="/late">')
    make_comment()
    work()
    assert shown(site) == ("Long post", f"{blog.origin}/post")


def test_an_empty_title_leaves_what_the_comment_said(site, blog, make_comment, work):
    blog.write("/post", "<title> </title>")
    make_comment(title="By Carol")
    work()
    assert shown(site) == ("By Carol", f"{blog.origin}/post")


def test_a_page_that_has_moved_takes_its_thread_along(site, blog, make_comment, work):
    blog.redirect("/post", "/new/place?utm_source=x#top")
    blog.write("/new/place?utm_source=x", "<title>My post</title>")
    make_comment()
    work()
    assert shown(site) == ("My post", f"{blog.origin}/new/place")


def test_a_generators_page_that_leads_on_is_followed(site, blog, make_comment, work):
    blog.write("/post", '<title>Redirecting…</title><meta http-equiv="refresh" content="0; url=/new/">')
    blog.write("/new/", "<title>My post</title>")
    make_comment()
    work()
    assert shown(site) == ("My post", f"{blog.origin}/new/")


@pytest.mark.parametrize(("target", "status"), [("/login", 302), ("/", 301), ("/", 302), ("/en/post", 307)])
def test_a_sign_in_or_the_first_page_is_not_the_page(site, blog, make_comment, work, target, status):
    blog.redirect("/post", target, status)
    blog.write(target, "<title>Please sign in</title>")
    make_comment(title="By Carol")
    work()
    assert shown(site)[0] == "By Carol"


def test_a_redirect_for_now_to_another_spelling_of_the_page_is_followed(site, blog, make_comment, work):
    blog.redirect("/post", "/post/", 302)
    blog.write("/post/", "<title>My post</title>")
    make_comment()
    work()
    assert shown(site) == ("My post", f"{blog.origin}/post/")


@pytest.mark.parametrize("kind", ["for good", "for now", "refresh", "name", "file"])
def test_no_redirect_leads_to_another_origin(site, blog, make_comment, work, kind):
    with test_blog.running() as other:
        other.write("/post", "<title>Evil</title>")
        targets = {"name": f"{blog.other_origin}/post", "file": "file:///etc/passwd"}
        target = targets.get(kind, f"{other.origin}/post")
        blog.redirect("/post", target, 302 if kind == "for now" else 301)
        if kind == "refresh":
            blog.write("/post", f'<title>On</title><meta http-equiv="refresh" content="0; url={target}">')
        make_comment(title="By Carol")
        work()
        assert other.asked == [] and blog.hosts == [blog.origin.removeprefix("http://")]
    assert shown(site)[0] == "By Carol" and waiting() == []


def test_redirects_in_a_circle_end(site, blog, make_comment, work):
    blog.redirect("/post", "/post/")
    blog.redirect("/post/", "/post")
    make_comment(title="By Carol")
    work()
    assert shown(site)[0] == "By Carol" and len(blog.asked) == 4 and waiting() == []


@pytest.mark.parametrize(
    ("canonical", "url"),
    [
        ("/post?p=7#x", "/post?p=7"),
        ("/2026/post/", "/2026/post/"),
        ("https://elsewhere.example/post", "/post"),
        ("/", "/post"),
        ("javascript:alert(1)", "/post"),
        ("//evil@127.0.0.1/post", "/post"),
    ],
)
def test_the_canonical_address_counts_on_the_sites_own_origins(site, blog, make_comment, work, canonical, url):
    blog.write("/post", f'<title>My post</title><link rel="canonical" href="{canonical}">')
    make_comment()
    work()
    assert shown(site) == ("My post", blog.origin + url)


def test_title_and_address_of_the_element_on_the_page_win(site, blog, make_comment, work):
    elements = '<comment-thread site="other" title="Not this"></comment-thread>'
    elements += '<comment-thread site="blog" thread="/else" title="Nor this"></comment-thread>'
    elements += '<comment-thread site="blog" thread="/post/" title="Mine" url="{}/mine"></comment-thread>'
    blog.write("/post", f"<title>My post | Blog</title>{elements.format(blog.origin)}")
    make_comment()
    work()
    assert shown(site) == ("Mine", f"{blog.origin}/mine")


def test_a_title_is_shown_as_text(site, blog, make_comment, work, client):
    blog.write("/post", "<title>&lt;script&gt;alert(1)&lt;/script&gt; &amp;amp; “Käse”</title>")
    make_comment()
    work()
    assert shown(site)[0] == "<script>alert(1)</script> &amp; “Käse”"
    page = client.get("/t/blog?thread=/post").text
    assert "<script>alert" not in page and "&lt;script&gt;alert(1)&lt;/script&gt; &amp;amp; “Käse”" in page


@pytest.mark.parametrize("allow", [OutboundAllow(), OutboundAllow(hosts=frozenset({"localhost"}))])
def test_a_private_network_is_asked_only_where_the_operator_allows_it(site, blog, make_comment, work, allow):
    make_comment(title="By Carol")
    assert work(allow) == 1
    assert blog.asked == [] and shown(site)[0] == "By Carol" and waiting() == []


def test_a_page_of_localhost_does_not_stand_for_the_site(site, blog, make_comment, work, now):
    """The address of the first comment is of a second origin, which the service may not ask."""
    site_settings.change(site.id, {"origins": [blog.origin, blog.other_origin]}, CLI, "", now)
    make_comment(url=f"{blog.other_origin}/post")
    work(OutboundAllow(hosts=frozenset({"127.0.0.1"})))
    assert shown(site) == ("My post", f"{blog.origin}/post")


def test_an_identifier_is_read_where_the_approved_comment_says(site, blog, make_comment, work):
    make_comment(thread_key="post-42", title="x", url=f"{blog.origin}/post?utm_source=mail#comments")
    work()
    assert shown(site, "post-42") == ("My post", f"{blog.origin}/post")


def test_the_key_names_the_page_and_not_what_a_comment_says(site, blog, make_comment, work):
    blog.write("/pills", "<title>Pills</title>")
    make_comment(title="Pills", url=f"{blog.origin}/pills")
    work()
    assert shown(site) == ("My post", f"{blog.origin}/post")
    assert "/pills" not in blog.asked


def test_what_a_moderator_has_set_stays(site, blog, make_comment, work, alice, now):
    make_comment(title="By Carol")
    thread_settings.tend(site, "/post", {"title": "By Alice"}, alice, "", now)
    work()
    assert shown(site) == ("By Alice", f"{blog.origin}/post")
    thread_settings.tend(site, "/post", {"url": f"{blog.origin}/alices"}, alice, "", now)
    make_comment(name="Dave", title="By Dave", url=f"{blog.origin}/post")
    assert work() == 0 and shown(site) == ("By Alice", f"{blog.origin}/alices")


def test_an_emptied_title_is_the_pages_own_again(site, blog, make_comment, work, alice, now):
    make_comment()
    work()
    thread_settings.tend(site, "/post", {"title": "By Alice"}, alice, "", now)
    blog.write("/post", "<title>My better post</title>")
    thread_settings.tend(site, "/post", {"title": ""}, alice, "", now)
    assert shown(site)[0] == "My post"
    assert work() == 1 and shown(site)[0] == "My better post"


def test_a_withdrawn_comment_takes_no_title_of_the_page_along(site, blog, make_comment, work, alice, now):
    comment = make_comment(title="My post", url=f"{blog.origin}/post")
    work()
    decide(comment, "spam", alice, now)
    assert shown(site) == ("My post", f"{blog.origin}/post")


def test_a_moved_thread_is_read_at_its_new_address(site, blog, make_comment, work, alice, now):
    make_comment()
    work()
    blog.write("/new", "<title>My renamed post</title>")
    thread_moves.move(site.id, "/post", "/new", alice, "", now)
    assert shown(site, "/new") == ("My post", f"{blog.origin}/new")
    assert work() == 1
    assert shown(site, "/new") == ("My renamed post", f"{blog.origin}/new")


def test_a_thread_that_is_gone_or_moved_meanwhile_is_left_alone(site, blog, make_comment, work, alice, now):
    make_comment()
    make_comment(thread_key="/other", title="Other", url=f"{blog.origin}/other")
    thread_id = threads.find(site, "/post").id
    thread_moves.merge(site.id, "/post", "/other", alice, "", now)
    assert work() == 2 and "/post" not in blog.asked
    page_reads.read(thread_id, "", ALLOW, now)
    assert shown(site, "/other")[0] == "Other"
    thread_deletion.delete(site, "/other", alice, "", now)
    blog.write("/other", "<title>Late</title>")
    page_reads.read(threads.find(site, "/other").id, "", ALLOW, now)
    assert shown(site, "/other")[0] == "Late"


def test_a_thread_that_moves_while_its_page_is_read_keeps_nothing_of_the_old_page(site, blog, make_comment, alice, now):
    make_comment()
    thread_id = threads.find(site, "/post").id
    found = page_reads.PageNames("Old", f"{blog.origin}/post")
    thread_moves.move(site.id, "/post", "/new", alice, "", now)
    page_reads._keep(thread_id, "/post", found, now)
    assert shown(site, "/new")[0] == "A post"


def test_an_import_reads_no_page_and_its_titles_stay(site, blog, work, now, tmp_path, make_comment):
    item = "<item><title>Imported</title><link>{url}</link><wp:comment><wp:comment_id>1</wp:comment_id>"
    item += "<wp:comment_author>Ann</wp:comment_author><wp:comment_content>Hi</wp:comment_content>"
    item += "<wp:comment_date_gmt>2020-01-01 00:00:00</wp:comment_date_gmt>"
    item += "<wp:comment_approved>1</wp:comment_approved></wp:comment></item>"
    space = 'xmlns:wp="http://wordpress.org/export/1.2/"'
    file = tmp_path / "in.xml"
    body = item.format(url=f"{blog.origin}/post")
    file.write_text(f'<rss version="2.0" {space}><channel><wp:wxr_version>1.2</wp:wxr_version>{body}</channel></rss>')
    report = imports.run("wordpress", file, site, imports.ImportOptions(), lambda *_: None, CLI, now)
    assert report.added == 1 and waiting() == []
    make_comment(title="By Carol", url=f"{blog.origin}/post")
    assert work() == 0 and shown(site) == ("Imported", f"{blog.origin}/post")


def test_a_page_that_a_script_keeps_in_the_fragment_is_not_read(site, blog, make_comment, work):
    make_comment("/app/post", url=f"{blog.origin}/app/#/post", title="From the comment")
    work()
    assert blog.asked == []

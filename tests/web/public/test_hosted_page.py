"""The hosted page: a reader without scripts reads, replies and sees what became of it."""

import html
import json
import re
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from commentsvc.core.pagination import REPLIES_MAX
from commentsvc.core.status import Action, Status
from commentsvc.services import moderation, posting
from commentsvc.services.mail_links import MailLinks
from commentsvc.services.moderation import Moderator
from commentsvc.services.submissions import Draft, Sender, Submission
from commentsvc.store import accounts, comments, sites
from commentsvc.store.comments import Comment
from commentsvc.store.db import db
from commentsvc.store.transactions import write
from tests.support.cast import BLOG, SECRET, add_site, find_csrf, set_policy
from tests.support.mails import deliver

ADDRESS = "/t/blog?thread=/post"
FORM = {"body": "Hello from Lynx", "name": "Carol", "email": "carol@example.org", "website": ""}
AT_HOME = {"Origin": "https://comments.example"}
MAILS = MailLinks("https://comments.example", SECRET)


def fresh(app):
    return app.test_client()


def test_a_guest_posts_and_only_they_see_it_waiting(app, client, site):
    answer = client.post(ADDRESS, data=FORM, headers=AT_HOME)
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/t/blog?thread=%2Fpost#comment-1"

    for _ in range(2):  # also after a reload
        page = client.get(ADDRESS).text
        assert "Hello from Lynx" in page
        assert "Your comment is awaiting moderation." in page
        assert "No comments yet" not in page
    assert "Hello from Lynx" not in fresh(app).get(ADDRESS).text
    assert "carol@example.org" not in page


def test_a_reply_goes_below_its_parent(client, site, make_comment):
    parent = make_comment(name="Dave")
    page = client.get(f"{ADDRESS}&reply_to={parent}").text
    assert "Reply to <bdi>Dave</bdi>" in page
    assert f'name="parent_id" value="{parent}"' in page

    client.post(ADDRESS, data={**FORM, "parent_id": str(parent)})
    page = client.get(ADDRESS).text
    assert page.index("Hello from Lynx") > page.index(f'id="comment-{parent}"')
    assert 'data-depth="1"' in page


def test_a_mistake_keeps_every_word(client, site):
    answer = client.post(ADDRESS, data={**FORM, "email": "carol", "website": "example.org"})
    assert answer.status_code == 422
    assert "Hello from Lynx" in answer.text
    assert 'value="carol"' in answer.text
    assert 'aria-describedby="problem-email"' in answer.text
    assert "example.org" in answer.text


def test_a_form_from_another_site_is_refused_and_nothing_is_lost(client, site):
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = client.post(ADDRESS, data=FORM, headers=headers)
        assert answer.status_code == 403
        assert "Hello from Lynx" in answer.text


def test_with_a_session_the_form_needs_its_token(client, site):
    client.post(ADDRESS, data=FORM)
    again = {**FORM, "body": "Second thought"}

    refused = client.post(ADDRESS, data=again)
    assert refused.status_code == 403
    assert "Second thought" in refused.text

    assert client.post(ADDRESS, data={**again, "csrf_token": find_csrf(refused.text)}).status_code == 303


def test_a_closed_thread_has_no_form(client, site):

    set_policy(site, is_open=False)
    page = client.get(ADDRESS).text
    assert "Comments are closed." in page
    assert "<form" not in page
    assert client.post(ADDRESS, data=FORM).status_code == 403


def test_hostile_words_stay_words(client, site, make_comment):
    make_comment(name='"><script>x</script>', body="<script>alert(1)</script>", title="</title><script>")
    page = client.get(ADDRESS).text
    assert page.count("<script") == page.count("</script") == 1, "the data for search engines, and nothing else"
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_an_unknown_site_or_no_thread_is_a_page_that_says_so(client, site):
    assert client.get("/t/nobody?thread=/x").status_code == 404
    assert client.get("/t/a%2Fb?thread=/x").status_code == 404
    answer = client.get("/t/blog")
    assert answer.status_code == 422
    assert answer.mimetype == "text/html"


def test_the_page_may_not_be_framed_and_runs_no_script(client, site):
    policy = client.get(ADDRESS).headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-inline" not in policy


def test_who_is_signed_in_at_the_service_comments_without_filling_anything_in(client, site, alice, sign_in):
    page = client.get("/t/blog?thread=/post").text
    way_in = html.unescape(re.search(r'href="(/auth/signin[^"]*)"', page)[1])
    assert parse_qs(urlsplit(way_in).query)["next"] == ["/t/blog?thread=%2Fpost#respond"]
    sign_in(client, alice)
    page = client.get("/t/blog?thread=/post").text
    assert "You are commenting as <b><bdi>Alice</bdi></b>" in page
    assert 'name="email"' not in page
    answer = client.post("/t/blog?thread=/post", data={"csrf_token": find_csrf(page), "body": "Mine"})
    assert answer.status_code == 303, answer.text
    [comment] = client.get("/api/v1/comments?site=blog&thread=/post").json["comments"]
    assert (comment["author"]["name"], comment["author"]["role"]) == ("Alice", "owner")


def test_where_signing_in_is_required_the_page_says_so_and_leads_there(client, site):
    set_policy(site, signin_required=True)
    page = client.get("/t/blog?thread=/post").text
    assert "Sign in</a> · Please sign in to comment here." in page
    assert 'name="email"' not in page and "Post Comment" not in page


def data_of(page):
    """The structured data that a search engine reads from the page."""
    (found,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page, re.S)
    return json.loads(found)


def test_search_engines_read_the_thread_as_a_tree(client, site, make_comment, person, now):
    parent = make_comment(body="First *words* </script><!--", url=f"{BLOG}/post", title="Cats & mice </script>")
    reply = make_comment(body="An answer", parent=parent, name="Dave")
    gone = make_comment(body="Regrets", name="Erin")
    kept = make_comment(body="Still here", parent=gone, name="Fay")
    make_comment(body="Waiting", status=Status.PENDING)
    alice = accounts.account_by_email("root@example.org")
    moderation.decide([gone], Action.REJECT, Moderator(alice), "", now)
    client.put(f"/api/v1/comments/{reply}/vote", json={"value": 1}, headers=person("Gil"))

    page = client.get(ADDRESS).text
    assert page.count("</script") == 1
    told = data_of(page)
    assert (told["@context"], told["@type"]) == ("https://schema.org", "DiscussionForumPosting")
    assert told["headline"] == told["text"] == "Cats & mice </script>"
    assert told["url"] == f"{BLOG}/post"
    assert told["author"] == {"@type": "Organization", "name": "Blog notes", "url": BLOG}
    assert told["commentCount"] == 3
    first, second = told["comment"]
    assert {k: v for k, v in first.items() if k not in ("comment", "datePublished")} == {
        "@type": "Comment",
        "@id": f"{BLOG}/post#comment-{parent}",
        "url": f"{BLOG}/post#comment-{parent}",
        "text": "First words </script><!--",
        "author": {"@type": "Person", "name": "Carol"},
        "upvoteCount": 0,
    }
    for moment in (told["datePublished"], first["datePublished"]):
        assert datetime.fromisoformat(moment).tzinfo == UTC
    (answer,) = first["comment"]
    assert (answer["text"], answer["author"]["name"], answer["upvoteCount"]) == ("An answer", "Dave", 1)
    assert second["creativeWorkStatus"] == "Deleted" and "text" not in second
    assert second["comment"][0]["@id"].endswith(f"#comment-{kept}")
    assert "Waiting" not in page and "Regrets" not in page


def test_what_only_its_author_sees_is_not_told_to_search_engines(client, site, make_comment):
    make_comment(body="Published")
    client.post(ADDRESS, data=FORM)
    page = client.get(ADDRESS).text
    assert "Hello from Lynx" in page
    assert [c["text"] for c in data_of(page)["comment"]] == ["Published"]


def test_the_head_of_the_page_leads_where_it_should(client, site, make_comment):
    make_comment(url=f"{BLOG}/post", title="Cats & mice")
    page = client.get(ADDRESS).text
    assert f'<link rel="canonical" href="{BLOG}/post">' in page
    assert '<meta property="og:title" content="Comments on “Cats &amp; mice”">' in page
    feed = re.search(r'<link rel="alternate" type="application/atom\+xml"[^>]* href="([^"]+)"', page)[1]
    assert client.get(feed.removeprefix("https://comments.example")).mimetype == "application/atom+xml"
    assert "ld+json" not in client.get("/t/blog?thread=/empty").text


def test_a_site_may_keep_its_pages_out_of_search_engines(client, site, make_comment):
    make_comment()
    answer = client.get(ADDRESS)
    assert "noindex" not in answer.text and "X-Robots-Tag" not in answer.headers
    set_policy(site, noindex=True)
    for headers in ({}, {"Cookie": "__Host-commentsvc=x"}):
        answer = client.get("/t/blog?thread=%2Fpost&sort=newest", headers=headers)
        assert '<meta name="robots" content="noindex">' in answer.text
        assert answer.headers["X-Robots-Tag"] == "noindex"


@pytest.mark.parametrize("sort", ["oldest", "newest", "top"])
@pytest.mark.parametrize("pinned", [False, True])
def test_pages_lead_on_and_back(client, site, alice, token, make_comment, person, sort, pinned):
    made = [make_comment(body=f"Text {n}") for n in range(7)]
    for n, comment_id in enumerate(made[2:4]):
        client.put(f"/api/v1/comments/{comment_id}/vote", json={"value": 1}, headers=person(f"Gil{n}"))
    if pinned:
        body = {"site": "blog", "thread": "/post", "pinned": made[4]}
        client.post("/api/v1/moderation/threads", json=body, headers=token(alice))

    def visit(link):
        parts = urlsplit(html.unescape(link))
        page = client.get(f"{parts.path}?{parts.query}&limit=2").text
        links = dict(re.findall(r'<link rel="(prev|next)" href="([^"]+)"', page))
        return tuple(map(int, re.findall(r'<li class="comment"[^>]* id="comment-(\d+)"', page))), links

    seen, links = visit(f"{ADDRESS}&sort={sort}")
    assert "prev" not in links
    forth = [seen]
    while "next" in links:
        seen, links = visit(links["next"])
        forth.append(seen)
    assert sorted(n for page in forth for n in page) == made
    back = [seen]
    while "prev" in links:
        seen, links = visit(links["prev"])
        back.append(seen)
    assert back == forth[::-1]


def test_orders_are_links(client, site, make_comment):
    first, second = make_comment(body="A"), make_comment(body="B")
    page = client.get(ADDRESS).text
    newest = html.unescape(re.search(r'<a href="([^"]+)">Newest first', page)[1])
    page = client.get(newest).text
    assert page.index(f'id="comment-{second}"') < page.index(f'id="comment-{first}"')
    assert re.search(r'sort=newest" aria-current="true"', page)


def test_a_guest_reports_by_a_form(app, client, site, alice, token, make_comment):
    make_comment()
    comment_id = make_comment(body="Insulting words", name="Dave")
    page = client.get(ADDRESS).text
    leads = re.findall(r'<a class="react"[^>]* href="([^"]+)"', page)
    assert [html.unescape(lead).partition("&about=")[2] for lead in leads[-2:]] == [
        f"{comment_id}#about",
        f"{comment_id}#report",
    ]
    page = client.get(html.unescape(leads[-1]).removeprefix("https://comments.example")).text
    assert "Comment by <bdi>Dave</bdi>" in page and "Vote for it" not in page

    sent = {"comment": str(comment_id), "reason": "other", "text": ""}
    refused = client.post("/t/blog/flag?thread=/post", data=sent, headers=AT_HOME)
    assert refused.status_code == 422
    assert "Comment by <bdi>Dave</bdi>" in refused.text
    assert 'aria-describedby="problem-text"' in refused.text and 'value="other" checked' in refused.text
    answer = client.post("/t/blog/flag?thread=/post", data={**sent, "text": "It names my sister"}, headers=AT_HOME)
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/t/blog?thread=%2Fpost#said"
    assert "Thank you. This blog&#39;s moderators will review the comment." in client.get(ADDRESS).text
    (found,) = client.get("/api/v1/moderation/comments?site=blog&status=flagged", headers=token(alice)).json["comments"]
    assert [(f["reason"], f["text"]) for f in found["flags"]] == [("other", "It names my sister")]


def test_who_is_signed_in_votes_by_a_form(client, site, alice, sign_in, make_comment):
    comment_id = make_comment()
    sign_in(client, alice)
    about = f"{ADDRESS}&about={comment_id}"

    def vote(value):
        sent = {"comment": str(comment_id), "value": value, "csrf_token": find_csrf(client.get(about).text)}
        return client.post("/t/blog/vote?thread=/post", data=sent, headers=AT_HOME)

    assert vote("1").status_code == 303
    page = client.get(about).text
    assert "Your vote for it was counted." in page
    assert "Votes so far: 1. You voted for it." in page and "Remove my vote" in page
    assert vote("-1").status_code == 303
    assert "Votes so far: -1. You voted against it." in client.get(about).text
    assert vote("0").status_code == 303
    assert "Votes so far: 0." in client.get(about).text
    assert vote("9").status_code == 422

    set_policy(site, votes="off")
    assert vote("1").status_code == 403
    page = client.get(about).text
    assert "Vote for it" not in page and "Report this comment" in page


def test_nobody_votes_or_reports_in_a_readers_name(app, client, site, alice, sign_in, make_comment, other_site):
    comment_id = make_comment()
    elsewhere = make_comment(on=other_site, body="Theirs")
    waiting = make_comment(status=Status.PENDING, body="Waiting")
    sent = {"comment": str(comment_id), "value": "1", "reason": "spam"}
    guest = fresh(app)
    refused = guest.post("/t/blog/vote?thread=/post", data=sent)
    assert refused.status_code == 401
    assert "Please sign in." in refused.text
    for foreign in (elsewhere, waiting, "x", "", 10**6):
        assert guest.post("/t/blog/flag?thread=/post", data={**sent, "comment": str(foreign)}).status_code == 404
    assert guest.post("/t/nobody/flag?thread=/post", data=sent).status_code == 404
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert guest.post("/t/blog/flag?thread=/post", data=sent, headers=headers).status_code == 403
    sign_in(client, alice)
    for act in ("vote", "flag"):
        assert client.post(f"/t/blog/{act}?thread=/post", data=sent).status_code == 403, "without the form's token"
    db.session.rollback()
    found = comments.by_id(comment_id)
    assert (found.score, found.flag_count) == (0, 0)


def test_ones_own_comment_has_no_buttons_to_vote(client, site, alice, sign_in):
    sign_in(client, alice)
    page = client.get(ADDRESS).text
    client.post(ADDRESS, data={"csrf_token": find_csrf(page), "body": "Mine"})
    page = client.get(f"{ADDRESS}&about=1").text
    assert "Comment by <bdi>Alice</bdi>" in page and "Vote for it" not in page


def test_what_waits_is_shown_to_its_account_in_any_browser(app, client, site, now, sign_in):
    with write():
        carl = accounts.make_account("carl@example.net", "Carl", False, now)
    draft = Draft("/post", "", "A post", None, "From my phone", "Carl", "carl@example.net", None)
    posting.post(sites.by_key("blog"), Submission(draft, Sender(carl, "192.0.2.1", "", False)), SECRET, now)
    sign_in(client, carl)
    assert "From my phone" in client.get(ADDRESS).text
    assert "From my phone" not in fresh(app).get(ADDRESS).text


def test_a_thousand_replies_are_told_as_far_as_the_page_goes(client, site, make_comment):
    root = make_comment()
    with write():
        for _ in range(1000):
            values = {"parent_id": root, "root_id": root, "depth": 1, "is_visible_in_tree": True, "status": "approved"}
            first = db.session.get_one(Comment, root)
            same = ("site_id", "thread_id", "author_id", "author_name", "html", "source", "renderer", "text_hash")
            copied = {name: getattr(first, name) for name in (*same, "created_at")}
            db.session.add(Comment(**copied, **values))
    page = client.get(ADDRESS).text
    assert len(data_of(page)["comment"][0]["comment"]) == REPLIES_MAX
    assert page.count('<li class="comment"') == 1 + REPLIES_MAX
    assert "More replies" in page


def test_a_reader_follows_by_a_form_and_is_asked_to_confirm(client, site, now):
    sent = {"follower": "dora@example.org"}
    assert client.post("/t/blog/follow?thread=/post", data={"follower": "dora"}, headers=AT_HOME).status_code == 422
    answer = client.post("/t/blog/follow?thread=/post", data=sent, headers={**AT_HOME, "Accept-Language": "de"})
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/t/blog?thread=%2Fpost#said"
    assert "you will get an email with a link to confirm it" in client.get(ADDRESS).text
    (question,) = deliver(now, MAILS)
    assert question.to == "dora@example.org"
    assert question.subject == "E-Mails über Kommentare auf Blog notes? Bitte bestätigen"


def test_nobody_follows_in_a_readers_name(app, client, site, alice, sign_in, now):
    sent = {"follower": "dora@example.org"}
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert fresh(app).post("/t/blog/follow?thread=/post", data=sent, headers=headers).status_code == 403
    sign_in(client, alice)
    refused = client.post("/t/blog/follow?thread=/post", data=sent)
    assert refused.status_code == 403, "without the form's token"
    assert deliver(now, MAILS) == []
    token = find_csrf(refused.text)
    assert client.post("/t/blog/follow?thread=/post", data={**sent, "csrf_token": token}).status_code == 303
    assert len(deliver(now, MAILS)) == 1


@pytest.mark.parametrize("mail_url", ["", "smtp://mail.example:587"])
def test_following_is_offered_where_the_service_sends_mail(make_app, now, mail_url):
    app = make_app(MAIL_URL=mail_url)
    with app.app_context():
        add_site("blog", BLOG, now=now)
        page = app.test_client().get(ADDRESS).text
        assert ('action="/t/blog/follow?thread=/post#follow"' in page) == bool(mail_url)
        db.session.remove()

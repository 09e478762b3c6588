"""The dashboard: permissions of the queue, its actions, and the decision log."""

import re

import pytest

from commentsvc.core.status import Status
from commentsvc.store import accounts, comments, memberships
from commentsvc.store.db import db
from commentsvc.store.transactions import write

TABS = r'<a href="[^"]*status=(\w+)[^"]*"( aria-current="page")?>\w+ <span class="count" data-status="\w+">(\d+)</span>'


@pytest.fixture
def bobs(client, bob, sign_in):
    """Bob's browser."""
    sign_in(client, bob)
    return client


@pytest.fixture
def post(bobs, csrf):
    """Send a form of the queue as the page would."""

    def send(path: str, client=bobs, **fields):
        token = csrf(client.get("/dashboard/blog/log", follow_redirects=True).text)
        return client.post(path, data={"csrf_token": token, **fields})

    return send


def status_of(*ids: int) -> list[str]:
    db.session.rollback()
    return [comments.by_id(comment_id).status for comment_id in ids]


def shown(page) -> list[int]:
    return [int(number) for number in re.findall(r'id="comment-(\d+)"', page.text)]


def tabs(page) -> dict[str, int]:
    counts = {name: int(count) for name, _, count in re.findall(TABS, page.text)}
    assert counts.pop("flagged") == 0
    return counts


def undo_in(page) -> str:
    return re.search(r'name="undo" value="([0-9a-f]{32})"', page.text)[1]


def test_a_stranger_is_sent_to_sign_in_and_comes_back(client, site):
    answer = client.get("/dashboard/blog?status=spam")
    assert (answer.status_code, answer.location) == (302, "/auth/signin?next=%2Fdashboard%2Fblog%3Fstatus%3Dspam")


def test_who_moderates_one_site_goes_straight_to_its_queue(bobs):
    assert bobs.get("/dashboard").location == "/dashboard/blog"


def test_who_moderates_several_sites_sees_what_waits_on_each(bobs, bob, other_site, make_comment):
    with write():
        memberships.set_role(bob, other_site, memberships.Role.MODERATOR)
    make_comment(status=Status.PENDING, body="One")
    make_comment(status=Status.PENDING, body="Two")
    page = bobs.get("/dashboard").text
    assert re.search(r"Blog notes</bdi> <span[^>]*>2 pending", page)
    assert re.search(r"Other notes</bdi> <span[^>]*>0 pending", page)


def test_who_moderates_nothing_learns_the_command(client, now, app, sign_in):
    with write():
        carol = accounts.make_account("carol@example.org", "Carol", False, now)
    sign_in(client, carol)
    page = client.get("/dashboard")
    assert page.status_code == 200
    assert "commentsvc user create carol@example.org" in page.text and "--role moderator" in page.text


def test_an_admin_of_an_empty_service_learns_how_to_add_a_site(client, now, app, sign_in):
    with write():
        admin = accounts.make_account("admin@example.org", "Admin", True, now)
    sign_in(client, admin)
    assert "commentsvc site create" in client.get("/dashboard").text


def test_the_queue_shows_what_a_moderator_needs_to_decide(bobs, make_comment):
    parent = make_comment(name="Alan", body="The first word", url="https://blog.example/post", title="A <b>post</b>")
    make_comment(status=Status.PENDING, name="Carol <i>", body="The *answer*", parent=parent)
    page = bobs.get("/dashboard/blog").text
    assert "<bdi>Carol &lt;i&gt;</bdi>" in page and "<em>answer</em>" in page
    assert 'href="https://blog.example/post"' in page and "A &lt;b&gt;post&lt;/b&gt;" in page
    assert "<bdi>Alan</bdi>" in page and "The first word" in page
    assert "A moderator reviews every comment here before it appears." in page


def test_tabs_count_exactly_and_name_the_current_one(bobs, make_comment):
    for status, count in zip(Status, (3, 2, 1, 1, 0), strict=True):
        for number in range(count):
            make_comment(status=status, body=f"{status} {number}")
    for status in Status:
        page = bobs.get(f"/dashboard/blog?status={status}")
        assert tabs(page) == {"pending": 3, "approved": 2, "rejected": 1, "spam": 1, "deleted": 0}
        assert [name for name, current, _ in re.findall(TABS, page.text) if current] == [status]


def test_pending_comes_oldest_first_and_the_others_newest_first(bobs, make_comment):
    pending = [make_comment(status=Status.PENDING, body=f"p{n}") for n in range(3)]
    spam = [make_comment(status=Status.SPAM, body=f"s{n}") for n in range(3)]
    assert shown(bobs.get("/dashboard/blog")) == pending
    assert shown(bobs.get("/dashboard/blog?status=spam")) == spam[::-1]


def test_a_long_queue_is_read_page_by_page_without_gap_or_repetition(bobs, make_comment):
    ids = [make_comment(status=Status.PENDING, body=f"Number {n}") for n in range(52)]
    first = bobs.get("/dashboard/blog")
    second = bobs.get(re.search(r'rel="next" href="([^"]+)"', first.text)[1].replace("&amp;", "&"))
    assert shown(first) + shown(second) == ids
    assert 'rel="next"' not in second.text


def test_search_looks_in_text_and_name_and_takes_signs_literally(bobs, make_comment):
    wanted = make_comment(status=Status.PENDING, body="100% of it")
    make_comment(status=Status.PENDING, body="100 of it", name="Percy")
    assert shown(bobs.get("/dashboard/blog", query_string={"q": "100%"})) == [wanted]
    assert len(shown(bobs.get("/dashboard/blog?q=PERCY"))) == 1
    assert shown(bobs.get("/dashboard/blog?q=%00%27--")) == []


def test_the_queue_of_one_page_shows_only_that_page(bobs, make_comment):
    here = make_comment("/here", Status.PENDING)
    make_comment("/there", Status.PENDING)
    assert shown(bobs.get("/dashboard/blog?q=thread:/here")) == [here]
    assert shown(bobs.get("/dashboard/blog?q=thread:/nowhere")) == []


@pytest.mark.parametrize("status", Status)
def test_an_empty_list_says_something_kind(bobs, status):
    page = bobs.get(f"/dashboard/blog?status={status}")
    assert re.search(r'<p class="empty">[^<]{10,}</p>', page.text)


@pytest.mark.parametrize(
    ("query", "status"), [("status=all", 404), ("cursor=x", 422), ("status=spam&cursor=b2xkZXN0", 422)]
)
def test_a_mangled_address_is_refused_in_words(bobs, query, status):
    page = bobs.get(f"/dashboard/blog?{query}")
    assert page.status_code == status
    assert "<h1>" in page.text


def test_no_page_has_inline_styles_or_scripts(bobs, make_comment):
    make_comment(status=Status.PENDING)
    for path in ("/", "/dashboard/blog", "/dashboard/blog/log", "/auth/link/x"):
        page = bobs.get(path)
        assert not re.search(r"<style|\sstyle=|<script(?! type=\"module\" src=)|\son\w+=", page.text)
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]


def test_a_card_offers_only_what_changes_something(bobs, make_comment):
    for status in Status:
        comment_id = make_comment(status=status, body=f"It is {status}")
        page = bobs.get(f"/dashboard/blog?status={status}").text
        offered = set(re.findall(rf'name="one" value="(\w+):{comment_id}"', page))
        own = {"approved": "approve", "rejected": "reject", "deleted": "delete"}.get(status, str(status))
        assert offered and own not in offered


def test_one_click_decides_on_one_comment(post, make_comment):
    ids = [make_comment(status=Status.PENDING, body=f"{n}") for n in range(2)]
    answer = post("/dashboard/blog/decide", one=f"spam:{ids[0]}", ids=ids[1])
    assert (answer.status_code, answer.location) == (303, "/dashboard/blog")
    assert status_of(*ids) == ["spam", "pending"]


def test_a_moderator_approves_two_and_undoes_it(bobs, post, make_comment):
    ids = [make_comment(status=Status.PENDING, body=f"{n}") for n in range(3)]
    back = "/dashboard/blog?status=pending&q=&thread=/post"
    answer = post("/dashboard/blog/decide", action="approve", ids=ids[:2], back=back, note="both fine")
    assert (answer.status_code, answer.location) == (303, back)
    page = bobs.get(back)
    assert "2 comments approved." in page.text
    assert shown(page) == ids[2:] and tabs(page)["approved"] == 2

    answer = post("/dashboard/blog/undo", undo=undo_in(page), back=back)
    assert (answer.status_code, answer.location) == (303, back)
    page = bobs.get(back)
    assert "Undone." in page.text
    assert shown(page) == ids and tabs(page) == {"pending": 3, "approved": 0, "rejected": 0, "spam": 0, "deleted": 0}


def test_an_act_cannot_be_undone_after_somebody_decided_anew(bobs, post, make_comment):
    comment_id = make_comment(status=Status.PENDING)
    post("/dashboard/blog/decide", one=f"approve:{comment_id}")
    batch = undo_in(bobs.get("/dashboard/blog"))
    post("/dashboard/blog/decide", one=f"spam:{comment_id}")
    post("/dashboard/blog/undo", undo=batch)
    assert "Someone has decided on these comments since" in bobs.get("/dashboard/blog").text
    assert status_of(comment_id) == ["spam"]


def test_what_somebody_else_has_decided_already_is_told_in_words(bobs, post, make_comment):
    ids = [make_comment(status=Status.PENDING, body=f"{n}") for n in range(2)]
    post("/dashboard/blog/decide", one=f"approve:{ids[0]}")
    post("/dashboard/blog/decide", one=f"approve:{ids[0]}")
    assert "Already approved" in bobs.get("/dashboard/blog").text
    post("/dashboard/blog/decide", action="approve", ids=ids)
    assert "1 comment approved (1 already approved)." in bobs.get("/dashboard/blog").text


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"action": "approve"}, "Select at least one comment."),
        ({"action": "publish", "ids": "1"}, "Choose an action."),
        ({"one": "approve:x"}, "no longer on this site"),
        ({"one": "approve:99999999999999999999"}, "no longer on this site"),
        ({"one": "approve:1", "note": "x" * 1001}, "at most 1000 characters"),
    ],
)
def test_a_form_that_cannot_be_done_is_answered_in_words(bobs, post, make_comment, fields, sentence):
    assert make_comment(status=Status.PENDING) == 1
    assert post("/dashboard/blog/decide", **fields).status_code == 303
    assert sentence in bobs.get("/dashboard/blog").text.replace("1,000", "1000")
    assert status_of(1) == ["pending"]


@pytest.mark.parametrize("undo", ["", "x", "0" * 32, "\0" * 32])
def test_an_act_that_never_was_cannot_be_undone(bobs, post, undo):
    assert post("/dashboard/blog/undo", undo=undo).status_code == 303
    assert "There is nothing to undo." in bobs.get("/dashboard/blog").text


def test_a_form_leads_back_only_into_the_service(post, make_comment):
    comment_id = make_comment(status=Status.PENDING)
    answer = post("/dashboard/blog/decide", one=f"approve:{comment_id}", back="//evil.example/")
    assert answer.location == "/dashboard/blog"


def test_a_form_of_one_site_never_acts_on_another_even_of_the_same_moderator(
    bobs, bob, post, other_site, mallory, make_comment
):
    with write():
        memberships.set_role(bob, other_site, memberships.Role.MODERATOR)
    ours, theirs = make_comment(status=Status.PENDING), make_comment(status=Status.PENDING, on=other_site)
    post("/dashboard/blog/decide", action="approve", ids=[ours, theirs])
    assert status_of(ours, theirs) == ["pending", "pending"]


def test_without_the_forms_token_nothing_is_decided(bobs, make_comment):
    comment_id = make_comment(status=Status.PENDING)
    assert bobs.post("/dashboard/blog/decide", data={"one": f"approve:{comment_id}"}).status_code == 400
    assert bobs.post("/dashboard/blog/undo", data={"undo": "0" * 32}).status_code == 400
    assert status_of(comment_id) == ["pending"]


def test_mallory_gets_404(app, bob, mallory, sign_in, csrf, make_comment):
    comment_id = make_comment(status=Status.PENDING)
    client = app.test_client()
    sign_in(client, mallory)
    token = csrf(client.get("/dashboard/other").text)
    for path in ("/dashboard/blog", "/dashboard/blog/log", "/dashboard/no-such-site"):
        assert client.get(path).status_code == 404
    for path in ("/dashboard/blog/decide", "/dashboard/blog/undo"):
        form = {"csrf_token": token, "one": f"approve:{comment_id}", "undo": "0" * 32}
        assert client.post(path, data=form).status_code == 404
    assert status_of(comment_id) == ["pending"]


def test_mallory_cannot_reach_a_comment_or_an_act_through_her_own_site(
    app, bobs, post, mallory, sign_in, csrf, make_comment
):
    pending = make_comment(status=Status.PENDING)
    approved = make_comment(status=Status.PENDING, body="Another")
    post("/dashboard/blog/decide", one=f"approve:{approved}")
    batch = undo_in(bobs.get("/dashboard/blog"))
    hers = app.test_client()
    sign_in(hers, mallory)
    token = csrf(hers.get("/dashboard/other").text)
    for path, fields in (("decide", {"one": f"delete:{pending}"}), ("undo", {"undo": batch})):
        hers.post(f"/dashboard/other/{path}", data={"csrf_token": token, **fields})
        assert 'class="said refused"' in hers.get("/dashboard/other").text
    assert status_of(pending, approved) == ["pending", "approved"]
    assert "Hello" not in hers.get(f"/dashboard/other/log?comment={pending}").text


def test_a_form_from_somebody_signed_out_is_refused(client, site, csrf):
    token = csrf(client.get("/auth/signin").text)
    assert client.post("/dashboard/blog/decide", data={"csrf_token": token, "one": "approve:1"}).status_code == 401


def test_the_log_says_who_did_what_and_why_newest_first(bobs, post, make_comment):
    comment_id = make_comment(status=Status.PENDING, body="Buy now")
    post("/dashboard/blog/decide", one=f"spam:{comment_id}", note="same on <b>three</b> blogs")
    page = bobs.get("/dashboard/blog/log").text
    newest, first = re.findall(r"<li>\n<p class=\"facts\">.*?(?=<li>\n<p class=\"facts\">|</ol>\n)", page, re.S)
    assert "<bdi>Bob</bdi>" in newest and re.search(r"pending .*spam", newest) and "Buy now" in newest
    assert "same on &lt;b&gt;three&lt;/b&gt; blogs" in newest and 'name="undo"' in newest
    assert "rule: mode all" in first and re.search(r"new .*pending", first) and 'name="undo"' not in first
    assert "A moderator reviews every comment" in first


def test_an_act_on_several_is_undone_from_the_log_as_one(bobs, post, make_comment):
    ids = [make_comment(status=Status.PENDING, body=f"{n}") for n in range(2)]
    post("/dashboard/blog/decide", action="delete", ids=ids)
    bobs.get("/dashboard/blog")
    page = bobs.get("/dashboard/blog/log")
    assert "Undo for all 2 comments" in page.text
    back = "/dashboard/blog/log"
    assert post("/dashboard/blog/undo", undo=undo_in(page), back=back).location == back
    assert status_of(*ids) == ["pending", "pending"]


def test_the_log_of_one_comment_and_its_older_pages(bobs, make_comment):
    ids = [make_comment(status=Status.PENDING, body=f"Number {n}") for n in range(51)]
    assert bobs.get(f"/dashboard/blog/log?comment={ids[7]}").text.count("Number") == 1
    older = re.search(r'rel="next" href="([^"]+)"', bobs.get("/dashboard/blog/log").text)[1]
    assert re.findall(r"Number \d+", bobs.get(older).text) == ["Number 0"]


def test_how_a_comment_came_in_cannot_be_undone(bobs, make_comment):
    make_comment(status=Status.PENDING, body="Fresh")
    page = bobs.get("/dashboard/blog/log").text
    assert "Fresh" in page and 'name="undo"' not in page


def test_a_comment_is_found_by_its_number_or_permalink_in_any_list(bobs, make_comment):
    ids = {status: make_comment(status=status, body=f"About {status}") for status in Status}
    for status, comment_id in ids.items():
        for query in (f"id:{comment_id}", f"https://blog.example/post#comment-{comment_id}"):
            page = bobs.get("/dashboard/blog", query_string={"q": query}, follow_redirects=True)
            assert shown(page) == [comment_id], (status, query)
    offered = set(
        re.findall(
            rf'name="one" value="(\w+):{ids[Status.SPAM]}"',
            bobs.get("/dashboard/blog", query_string={"status": "any", "q": f"id:{ids[Status.SPAM]}"}).text,
        )
    )
    assert "approve" in offered and "spam" not in offered, "the buttons are those of its own status"
    assert shown(bobs.get("/dashboard/blog", query_string={"q": "id:999999"}, follow_redirects=True)) == []
    assert bobs.get("/dashboard/blog", query_string={"q": "id:one"}).status_code == 422


def test_a_search_over_all_lists_finds_comments_in_each_and_decides_on_no_list_at_once(bobs, post, make_comment):
    ids = [make_comment(status=status, body=f"Garden {status}") for status in Status]
    first = bobs.get("/dashboard/blog?status=pending&q=garden")
    everywhere = re.search(r'href="([^"]*status=any[^"]*)"', first.text)[1].replace("&amp;", "&")
    page = bobs.get(everywhere)
    assert shown(page) == ids[::-1]
    assert 'data-more="0"' in page.text
    assert shown(bobs.get("/dashboard/blog?q=status:any+garden", follow_redirects=True)) == ids[::-1]
    before = status_of(*ids)
    answer = post("/dashboard/blog/decide-all", action="delete", status="any", q="garden", count="5")
    assert answer.status_code == 422 and "Choose a list" in answer.text
    assert status_of(*ids) == before

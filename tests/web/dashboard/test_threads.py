"""The pages of a site in the dashboard: owners retitle, move, merge, close and delete their threads, and undo it."""

import re

import pytest

from commentsvc.store import sites, threads
from commentsvc.store.db import db
from tests.support.invariants import check_kept_numbers

PAGES = "/dashboard/blog/threads"


@pytest.fixture
def act(alices, csrf):
    """Press a button of the page; gives the page after it."""

    def press(act, thread="/post", **form):
        token = csrf(alices.get(PAGES).text)
        return alices.post(
            PAGES, data={"csrf_token": token, "act": act, "thread": thread, **form}, follow_redirects=True
        )

    return press


@pytest.fixture
def undo(alices, csrf):
    """Press Undo beside what the page has said."""

    def press(page):
        named = re.search(r'name="undo" value="([^"]+)"', page.text)[1]
        form = {"csrf_token": csrf(page.text), "undo": named}
        return alices.post("/dashboard/blog/undo", data=form, follow_redirects=True)

    return press


def found():
    db.session.rollback()
    of_site = threads.of_site(sites.by_key("blog"))
    return [(thread.key, thread.title, thread.count, thread.is_open) for thread in of_site]


def test_pages_are_listed_searched_and_paged(alices, make_comment, monkeypatch):
    monkeypatch.setattr("commentsvc.web.dashboard.threads.PAGE_SIZE", 2)
    for number, title in enumerate(["Rhubarb", "Garden 100%", "Cellar"]):
        make_comment(f"/page{number}", name=f"Carol {number}", title=title)
    first = alices.get(PAGES).text
    assert re.findall(r"<bdi>(/page\d)</bdi>", first) == ["/page2", "/page1"]
    older = re.search(r'rel="next" href="([^"]+)"', first)[1].replace("&amp;", "&")
    assert re.findall(r"<bdi>(/page\d)</bdi>", alices.get(older).text) == ["/page0"]
    for query, pages in {"100%": ["/page1"], "rhub": ["/page0"], "/PAGE2": ["/page2"], "%": ["/page1"]}.items():
        assert re.findall(r"<bdi>(/page\d)</bdi>", alices.get(PAGES, query_string={"q": query}).text) == pages, query
    assert "No pages match" in alices.get(f"{PAGES}?q=none").text


def test_a_thread_is_moved_and_back(act, undo, make_comment):
    make_comment("/post", url="https://blog.example/post/")
    page = act("move", to="https://blog.example/new/")
    assert "Moved to /new. The old address still leads to these comments." in page.text
    assert found() == [("/new", "A post", 1, True)]
    assert "Undone." in undo(page).text
    assert found() == [("/post", "A post", 1, True)]
    check_kept_numbers()


def test_threads_are_merged_and_separated_again(act, undo, make_comment):
    make_comment("/post"), make_comment("/other", name="Dave")
    page = act("merge", to="/other")
    assert "Merged into /other. Comments moved: 1." in page.text
    assert found() == [("/other", "A post", 2, True)]
    assert "Undone." in undo(page).text
    assert sorted(found()) == [("/other", "A post", 1, True), ("/post", "A post", 1, True)]
    check_kept_numbers()


def test_a_thread_is_deleted_closed_and_restored(act, undo, make_comment):
    make_comment("/post"), make_comment("/post", name="Dave", status="pending")
    page = act("delete")
    assert "Comments deleted: 2. The page is closed." in page.text
    assert found() == [("/post", "", 0, False)]  # the title was that of a published comment
    undo(page)
    assert found() == [("/post", "A post", 1, True)]
    check_kept_numbers()


def test_titles_and_openness_change_and_are_undone(alices, act, undo, make_comment):
    make_comment("/post")
    undo(act("names", title="My title"))
    act("names", title="Another title")
    undo(act("close"))
    assert found() == [("/post", "Another title", 1, True)]
    log = alices.get("/dashboard/blog/log").text
    assert "title “A post”" in log and "<b>title “Another title”</b>" in log


def test_title_and_address_are_set_together_and_only_what_differs_is_fixed(alices, act, make_comment):
    make_comment("/post", url="https://blog.example/post?utm")
    assert "came with the first published comment" in alices.get(PAGES).text
    page = act("names", title="A post", url="https://blog.example/post")
    assert "Title and address saved." in page.text
    thread = threads.find(sites.by_key("blog"), "/post")
    assert (thread.title, thread.url) == ("A post", "https://blog.example/post")
    assert (thread.is_title_fixed, thread.is_url_fixed) == (False, True)
    assert "The address was set by a moderator or an import." in page.text
    assert "Nothing was changed." in act("names", title="A post", url="https://blog.example/post").text
    assert "one of the site&#39;s own origins" in act("names", url="https://elsewhere.example/").text


def test_moderators_name_pages_and_close_them_but_do_not_move_them(client, bob, make_comment, sign_in, csrf):
    make_comment("/post")
    sign_in(client, bob)
    page = client.get(PAGES).text
    assert "Save" in page and "Move there" not in page and "Delete all comments" not in page

    def press(act, **form):
        return client.post(PAGES, data={"csrf_token": csrf(page), "act": act, "thread": "/post", **form}).status_code

    assert press("names", title="By Bob") == press("close") == 303
    assert found() == [("/post", "By Bob", 1, False)]
    assert [press(act, to="/new") for act in ("move", "merge", "delete")] == [403, 403, 403]
    assert found() == [("/post", "By Bob", 1, False)]


@pytest.mark.parametrize(
    ("name", "form", "says"),
    [
        ("move", {"to": ""}, "Enter the address or the path of the other page."),
        ("move", {"to": "https://elsewhere.example/post"}, "https://elsewhere.example is not one of this site"),
        ("move", {"to": "/other"}, "There are comments for “/other” already."),
        ("move", {"thread": "/nothing", "to": "/new"}, "There are no comments for “/nothing” on this site."),
        ("merge", {"to": "/nothing"}, "There are no comments for “/nothing” on this site."),
        ("merge", {"to": "/post"}, "Both are one page already."),
        ("sell", {}, "Choose an action."),
    ],
)
def test_what_cant_be_done_is_said_and_changes_nothing(act, make_comment, name, form, says):
    make_comment("/post"), make_comment("/other", name="Dave")
    before = found()
    assert says in act(name, **form).text
    assert found() == before


def test_the_log_tells_of_moves_merges_and_deletions_(alices, act, undo, make_comment):
    make_comment("/post"), make_comment("/other", name="Dave")
    act("move", to="/new")
    act("merge", thread="/new", to="/other")
    page = act("delete", thread="/other")
    undo(page)
    log = alices.get("/dashboard/blog/log").text
    for sentence in (
        "Page moved to /new.",
        "Comments merged into /other.",
        "All comments deleted and the page closed.",
        "Comments restored.",
    ):
        assert sentence in log
    assert alices.get("/dashboard/blog/changes").status_code == 200


def test_the_change_history_undoes_a_move(alices, act, make_comment, csrf):
    make_comment("/post")
    act("move", to="/new")
    page = alices.get("/dashboard/blog/changes").text
    entry = re.search(r'name="entry" value="(\d+)"', page)[1]
    alices.post("/dashboard/blog/changes/undo", data={"csrf_token": csrf(page), "entry": entry})
    assert found() == [("/post", "A post", 1, True)]

"""Which page is this? The widget on pages with all kinds of addresses, and on pages that scripts change."""

import contextlib
import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.support.widget import WORDS, comment, write

EMBED = Path(__file__).parents[2] / "embed"
NOTES = "/2026/10/how-do-you-keep-notes/"
OTHER_WORDS = "I keep mine in a box of index cards."


@pytest.fixture
def visit(demo):
    """Serve pages of the test's own on the blog's origin (`{path: html}`) and open one of them."""

    def open_page(page, pages, start):
        def answer(route):
            path = route.request.url.removeprefix(demo.blog).partition("?")[0]
            if path in pages:
                route.fulfill(content_type="text/html; charset=utf-8", body=pages[path])
            else:
                route.continue_()

        page.route(f"{demo.blog}/**", answer)
        page.goto(demo.blog + start)

    return open_page


def script(demo):
    return f'<script type="module" src="{demo.service}/embed.js"></script>'


def embed(demo, attributes=""):
    return f'{script(demo)}<comment-thread site="blog" eager {attributes}></comment-thread>'


def comments(page):
    return page.locator("li.comment")


def form(page):
    return page.get_by_role("textbox", name="Comment")


def go(page, address, how="pushState"):
    page.evaluate(f"address => history.{how}(null, '', address)", address)


def expect_no_thread_of_two_pages(page, *words):
    for one in words:
        expect(comments(page).filter(has_text=one)).to_have_count(0)


@contextlib.contextmanager
def asked_for(page, route):
    """The addresses of the requests for a route while the block runs."""
    urls = []
    note = lambda request: urls.append(request.url) if re.search(route, request.url) else None  # noqa: E731
    page.on("request", note)
    yield urls
    page.remove_listener("request", note)


@pytest.mark.parametrize("browser_has", ["the Navigation API", "no Navigation API"])
def test_the_thread_follows_a_single_page_application(demo, reader, browser_has):
    page = reader()
    if browser_has != "the Navigation API":
        page.add_init_script("delete window.navigation")
    page.goto(demo.post)
    expect(comments(page)).to_have_count(8)
    first = comments(page).first.inner_text()
    form(page).fill("A draft about the platform.")

    go(page, NOTES)
    expect_no_thread_of_two_pages(page, first)
    expect(form(page)).to_have_value("")
    with page.expect_request("**/api/v1/comments") as sent:
        write(page, OTHER_WORDS)
    body = json.loads(sent.value.post_data)
    assert (body["thread"], body["url"]) == (NOTES.rstrip("/"), demo.blog + NOTES)
    expect(comment(page, OTHER_WORDS)).to_contain_text("awaiting moderation")

    page.go_back()
    expect(comments(page)).to_have_count(8)
    expect_no_thread_of_two_pages(page, OTHER_WORDS)
    expect(form(page)).to_have_value("A draft about the platform.")
    page.go_forward()
    expect(comment(page, OTHER_WORDS)).to_be_visible()


def test_a_comment_that_is_being_sent_stays_with_its_page(demo, reader):
    page = reader()
    page.goto(demo.post)
    held = []
    page.route("**/api/v1/comments", lambda route: held.append(route))
    with page.expect_request("**/api/v1/comments"):
        write(page)
    go(page, NOTES)
    expect(page.get_by_role("button", name="Post Comment")).to_be_enabled()
    with page.expect_response("**/embed/v1/comment?*"):
        held[0].continue_()
    expect(form(page)).to_be_visible()
    expect_no_thread_of_two_pages(page, WORDS)
    page.go_back()
    expect(comment(page)).to_contain_text("awaiting moderation")


@pytest.mark.only_reads
@pytest.mark.parametrize("embedded_by", ["the first page", "the second page"])
def test_the_address_wins_over_a_canonical_link_left_in_the_head(demo, reader, visit, embedded_by):
    """As htmx's hx-boost does: the body is swapped and the head is not."""
    page = reader()
    canonical = f'<link rel="canonical" href="{demo.post}">'
    inner = embed(demo) if embedded_by == "the first page" else "<p>No comments here.</p>"
    visit(page, {"/first/": f"<!doctype html><head>{canonical}</head><body>{inner}</body>"}, "/first/")
    if embedded_by == "the first page":
        expect(comments(page)).to_have_count(8)
    swap = """([address, service]) => {
        document.body.innerHTML = '<comment-thread site="blog" eager></comment-thread>';
        const script = document.createElement("script");
        Object.assign(script, {type: "module", src: service + "/embed.js"});
        document.body.append(script);
        history.pushState(null, "", address);
    }"""
    page.evaluate(swap, ["/second/", demo.service])
    expect(page.get_by_role("heading", name="No comments yet")).to_be_visible()
    expect(comments(page)).to_have_count(0)


@pytest.mark.only_reads
def test_an_element_that_outlives_its_page_takes_the_next_thread(demo, reader, visit):
    """As Turbo's permanent elements and Astro's `transition:persist` do: the same element is put into the new body."""
    page = reader()
    page.goto(demo.post)
    expect(comments(page)).to_have_count(8)
    page.evaluate(
        """address => {
            const element = document.querySelector("comment-thread"), body = document.createElement("body");
            history.pushState(null, "", address);
            body.append(element);
            document.body.replaceWith(body);
        }""",
        "/another/",
    )
    expect(page.get_by_role("heading", name="No comments yet")).to_be_visible()
    expect(comments(page)).to_have_count(0)


@pytest.mark.only_reads
def test_another_spelling_of_the_address_loads_nothing_again(demo, reader):
    page = reader()
    page.goto(demo.post + "?utm_source=x")
    expect(comments(page)).to_have_count(8)
    with asked_for(page, r"/embed/v1/comments\?") as urls:
        for address in (demo.post, demo.post.rstrip("/"), demo.post + "?tab=2#comment-1", demo.post + "index.html"):
            with page.expect_event("console", lambda said: said.text == "moved"):
                page.evaluate("address => { history.pushState(null, '', address); console.log('moved') }", address)
        expect(comments(page)).to_have_count(8)
        with page.expect_response("**/embed/v1/comments?*"):
            go(page, "/?p=12")
        expect(comments(page)).to_have_count(0)
    assert len(urls) == 1 and "p%3D12" in urls[0]


def test_a_router_in_the_fragment_names_the_page(demo, reader, visit):
    page = reader()
    visit(page, {"/app/": embed(demo, 'thread-from="hash"')}, "/app/#/first")
    with page.expect_request("**/api/v1/comments") as sent:
        write(page)
    body = json.loads(sent.value.post_data)
    assert (body["thread"], body["url"]) == ("/app/first", f"{demo.blog}/app/#/first")
    expect(comment(page)).to_contain_text("awaiting moderation")
    number = comment(page).get_attribute("data-id")

    page.evaluate("location.hash = '#/second'")
    expect_no_thread_of_two_pages(page, WORDS)
    page.evaluate("number => { location.hash = `#/first#comment-${number}` }", number)
    expect(comment(page)).to_have_class(re.compile("is-target"))


def test_comments_are_taken_whatever_the_canonical_link_is(demo, reader, visit):
    page = reader()
    head = '<link rel="canonical" href="https://medium.example/@me/post">'
    visit(page, {"/mine/": f"<!doctype html><head>{head}</head><body>{embed(demo)}"}, "/mine/?utm_source=x&fbclid=y")
    with page.expect_response("**/api/v1/comments") as answered:
        write(page)
    assert answered.value.status == 202
    expect(comment(page)).to_contain_text("awaiting moderation")
    page.goto(f"{demo.blog}/mine/index.html")


@pytest.mark.only_reads
def test_a_canonical_link_to_the_home_page_is_ignored_and_said_once(demo, reader, visit):
    page, said = reader(), []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    head = f'<link rel="canonical" href="{demo.blog}/">'
    page_html = f"<!doctype html><head>{head}</head><body>{embed(demo)}{embed(demo)}"
    visit(page, {"/inner/": page_html}, "/inner/")
    expect(page.get_by_role("heading", name="No comments yet")).to_have_count(2)
    threads = page.evaluate("[...document.querySelectorAll('comment-thread')].map(thread => thread.page.thread)")
    assert threads == ["/inner", "/inner"]
    assert said == [
        "commentsvc: the canonical link of this page is the home page, so it is ignored. "
        "Correct it in the page's template."
    ]


@pytest.mark.only_reads
def test_counts_know_all_spellings_of_a_page(demo, reader, visit):
    page = reader()
    path = demo.post.removeprefix(demo.blog)
    names = [
        path,
        path.rstrip("/"),
        path + "index.html",
        "/2026//09/./%77hy" + path.split("why")[1],
        demo.post + "?a=b",
    ]
    counts = "".join(f'<li><comment-count site="blog" thread="{name}"></comment-count>' for name in names)
    visit(page, {"/list/": f'{script(demo)}<ul>{counts}<li><comment-count site="blog"></comment-count></ul>'}, "/list/")
    expect(page.locator("li")).to_have_text(["8 comments"] * len(names) + ["0 comments"])
    with asked_for(page, "/api/v1/counts") as urls:
        go(page, path)
        expect(page.locator("li").last).to_have_text("8 comments")
    assert len(urls) == 1


@pytest.mark.only_reads
def test_recent_comments_are_asked_for_once(demo, reader, visit):
    page = reader()
    with asked_for(page, "/api/v1/recent") as urls:
        element = '<recent-comments site="blog" limit="3"></recent-comments>'
        visit(page, {"/list/": script(demo) + element}, "/list/")
        expect(page.locator("recent-comments li")).to_have_count(3)
    assert len(urls) == 1


def test_no_comments_yet_is_not_said_above_ones_own(demo, reader, visit):
    page = reader()
    visit(page, {"/fresh/": embed(demo)}, "/fresh/")
    heading = page.get_by_role("heading", name="No comments yet")
    expect(heading).to_be_visible()
    write(page)
    expect(comment(page)).to_contain_text("awaiting moderation")
    expect(heading).to_be_hidden()
    page.reload()
    expect(comment(page)).to_be_visible()
    expect(heading).to_be_hidden()


LIBRARIES = {
    "htmx": ("htmx.org/dist/htmx.min.js", 'hx-boost="true"', ""),
    "Swup": ("swup/dist/Swup.umd.js", "", "new Swup({containers: ['main'], animationSelector: false})"),
    "Turbo": ("@hotwired/turbo/dist/turbo.es2017-umd.js", "", ""),
}


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_thread_follows_a_library_that_swaps_pages(demo, reader, visit, library):
    file, boost, begin = LIBRARIES[library]
    if not (EMBED / "node_modules" / file).is_file():
        pytest.skip(f"{library} is not installed; run: cd embed && npm ci")
    first, second = demo.post.removeprefix(demo.blog), "/second/"
    code = (EMBED / "node_modules" / file).read_text("utf-8")
    links = f'<a {boost} href="{first}">First</a> <a {boost} href="{second}">Second</a>'

    def html(path):
        head = f'<title>{path}</title><link rel="canonical" href="{demo.blog}{path}"><script>{code}</script>'
        body = f"<main>{links}<h1>{path}</h1>{embed(demo)}</main><script>{begin}</script>"
        return f"<!doctype html><head>{head}</head><body>{body}</body>"

    page, loads = reader(), []
    page.on("domcontentloaded", lambda: loads.append(1))
    visit(page, {first: html(first), second: html(second)}, first)
    expect(comments(page)).to_have_count(8)

    page.get_by_role("link", name="Second").click()
    expect(page.get_by_role("heading", name=second, exact=True)).to_be_visible()
    expect(page.get_by_role("heading", name="No comments yet")).to_be_visible()
    with page.expect_request("**/api/v1/comments") as sent:
        write(page)
    assert json.loads(sent.value.post_data)["thread"] == "/second"
    expect(comment(page)).to_contain_text("awaiting moderation")
    expect(comments(page)).to_have_count(1)

    page.get_by_role("link", name="First").click()
    expect(comments(page)).to_have_count(8)
    page.go_back()
    expect(comments(page)).to_have_count(1)
    assert len(loads) == 1, "the library has left it to the browser to load the page"

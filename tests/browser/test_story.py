"""The main story in a real browser, on a blog of another origin: read, write, wait, approve, appear, undo, gone."""

import re

import pytest
from playwright.sync_api import expect

from tests.support.widget import WORDS, comment, write


def decide(moderator, words, button):
    card = moderator.locator("article, li", has_text=words).last
    card.get_by_role("button", name=button).click()


def test_the_main_story(demo, reader, moderator):
    carol = reader()
    carol.goto(demo.post)
    expect(carol.get_by_role("heading", name="8 thoughts on “Why I left the big comment platform”")).to_be_visible()
    expect(carol.locator("li.comment")).to_have_count(8)

    write(carol)
    expect(comment(carol)).to_contain_text("Your comment is awaiting moderation.")
    expect(carol.get_by_role("status")).to_contain_text("awaiting moderation")
    carol.reload()
    expect(comment(carol)).to_contain_text("Your comment is awaiting moderation.")

    dave = reader()
    dave.goto(demo.post)
    expect(dave.locator("li.comment")).to_have_count(8)

    moderator.goto(demo.service + "/dashboard/blog?status=pending")
    decide(moderator, WORDS, "Approve")
    expect(moderator.get_by_text("1 comment approved")).to_be_visible()
    dave.wait_for_timeout(1000)
    dave.reload()
    expect(comment(dave)).to_be_visible()
    expect(dave.get_by_role("heading", name="9 thoughts")).to_be_visible()
    carol.reload()
    expect(comment(carol)).to_be_visible()
    expect(comment(carol)).not_to_contain_text("awaiting moderation")

    moderator.get_by_role("button", name="Undo").first.click()
    dave.wait_for_timeout(1000)
    dave.reload()
    expect(dave.locator("li.comment")).to_have_count(8)
    expect(dave.get_by_text(WORDS)).to_have_count(0)


def test_a_reply_by_keyboard_alone(demo, reader):
    page = reader()
    page.goto(demo.post)
    reply = page.get_by_role("link", name=re.compile("^Reply to")).first
    reply.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=re.compile("^Reply to"))).to_be_visible()
    expect(page.get_by_role("textbox", name="Comment")).to_be_focused()

    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")  # Cancel reply
    expect(page.get_by_role("heading", name="Leave a comment")).to_be_visible()
    expect(reply).to_be_focused()

    page.keyboard.press("Enter")
    page.keyboard.type("An answer from the keyboard")

    def tab_to(field):
        while not field.evaluate("field => field.matches(':focus')"):
            page.keyboard.press("Tab")

    tab_to(page.get_by_role("textbox", name="Name"))  # past the ways to sign in
    page.keyboard.type("Erin")
    page.keyboard.press("Tab")
    page.keyboard.type("erin@example.org")
    tab_to(page.get_by_role("button", name="Post Comment"))  # past the website, the checkbox and the mails
    page.keyboard.press("Enter")
    mine = comment(page, "An answer from the keyboard")
    expect(mine).to_contain_text("awaiting moderation")
    expect(mine).to_be_focused()
    expect(mine).not_to_have_attribute("data-depth", "0")


@pytest.mark.only_reads
def test_mistakes_are_shown_where_they_are(demo, reader):
    page = reader()
    page.goto(demo.post)
    page.get_by_role("button", name="Post Comment").click()
    expect(page.get_by_text("Please write your comment first.")).to_be_visible()
    expect(page.get_by_role("textbox", name="Comment")).to_be_focused()

    write(page, email="carol")
    expect(page.get_by_text("such as carol@example.org")).to_be_visible()
    expect(page.get_by_role("textbox", name="Email")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_role("textbox", name="Comment")).to_have_value(WORDS)


def test_a_broken_network_loses_no_word_and_a_second_try_makes_no_second_comment(demo, reader):
    page = reader()
    page.goto(demo.post)
    # The request arrives and the answer is lost: the worst moment.
    page.route("**/api/v1/comments", lambda route: (route.fetch(), route.abort())[1], times=1)
    write(page)
    expect(page.get_by_role("alert")).to_contain_text("Your text is kept")
    page.reload()
    expect(page.get_by_role("textbox", name="Comment")).to_have_value(WORDS)
    write(page)
    expect(comment(page)).to_contain_text("awaiting moderation")
    page.reload()
    expect(page.locator("li.comment")).to_have_count(9)


@pytest.mark.only_reads
def test_a_draft_of_each_place_survives_a_reload(demo, reader):
    page = reader()
    page.goto(demo.post)
    page.get_by_role("textbox", name="Comment").fill("to everybody")
    reply = page.get_by_role("link", name=re.compile("^Reply to")).first
    reply.click()
    page.get_by_role("textbox", name="Comment").fill("to one")
    page.reload()
    expect(page.get_by_role("textbox", name="Comment")).to_have_value("to everybody")
    page.get_by_role("link", name=re.compile("^Reply to")).first.click()
    expect(page.get_by_role("textbox", name="Comment")).to_have_value("to one")


@pytest.mark.only_reads
def test_a_service_that_is_away_is_said_with_a_way_on(demo, reader):
    page = reader()
    page.route("**/embed/v1/comments*", lambda route: route.abort(), times=1)
    page.goto(demo.post)
    expect(page.get_by_text("The comments could not be loaded.")).to_be_visible()
    expect(page.get_by_role("link", name="on their own page")).to_have_attribute("href", re.compile("/t/blog"))
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("li.comment")).to_have_count(8)


POLICIES = {
    "nonce and strict-dynamic": "script-src 'nonce-R' 'strict-dynamic'; object-src 'none'; base-uri 'none'",
    "hosts by name": "default-src 'self'; script-src SERVICE; connect-src SERVICE",
    "the service and strict-dynamic": "script-src SERVICE 'strict-dynamic' 'nonce-R'; style-src 'self'",
    "trusted types without any policy": "require-trusted-types-for 'script'; trusted-types 'none'",
    "everything at once": "default-src 'none'; script-src 'nonce-R' 'strict-dynamic'; style-src 'self'; "
    "connect-src SERVICE; require-trusted-types-for 'script'; trusted-types 'none'",
}


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES.keys())
def test_strict_pages_need_no_exception(demo, reader, policy):
    page = reader()
    violations = []
    page.on("console", lambda message: violations.append(message.text) if "Content Security" in message.text else None)

    def harden(route):
        answer = route.fetch()
        headers = {**answer.headers, "content-security-policy": policy.replace("SERVICE", demo.service)}
        route.fulfill(response=answer, headers=headers, body=answer.text().replace("<script ", '<script nonce="R" '))

    page.route(demo.post, harden)
    page.goto(demo.post)
    expect(page.locator("li.comment")).to_have_count(8)
    write(page)
    expect(comment(page)).to_contain_text("awaiting moderation")
    gap = page.locator("li.comment li.comment").first.evaluate(
        "e => getComputedStyle(e.parentElement).borderInlineStartWidth"
    )
    assert gap == "2px", "the widget's own styles are in force"
    assert violations == []


def test_reading_and_posting_with_scripts_off(demo, reader):
    page = reader(java_script_enabled=False)
    page.goto(demo.post)
    page.get_by_role("link", name="Read and write comments").click()
    expect(page.locator("li.comment")).to_have_count(8)
    page.get_by_role("link", name=re.compile("^Reply to")).first.click()
    page.get_by_role("textbox", name="Comment", exact=True).fill(WORDS)
    page.get_by_role("textbox", name="Name").fill("Carol")
    page.get_by_role("textbox", name="Email", exact=True).fill("carol")
    page.get_by_role("button", name="Post Comment").click()
    expect(page.locator("#problem-email")).to_contain_text("such as carol@example.org")
    expect(page.locator("#problem-email")).to_be_in_viewport()
    expect(page.get_by_role("textbox", name="Comment", exact=True)).to_have_value(WORDS)
    page.get_by_role("textbox", name="Email", exact=True).fill("carol@example.org")
    page.get_by_role("button", name="Post Comment").click()
    expect(comment(page)).to_contain_text("Your comment is awaiting moderation.")
    page.reload()
    expect(comment(page)).to_contain_text("Your comment is awaiting moderation.")
    stranger = reader(java_script_enabled=False)
    stranger.goto(page.url)
    expect(stranger.get_by_text(WORDS)).to_have_count(0)


@pytest.mark.only_reads
def test_the_widget_follows_its_attributes_and_comes_and_goes(demo, reader):
    page = reader()
    page.goto(demo.blog + "/")
    page.evaluate(
        """() => {
            const thread = document.createElement('comment-thread');
            thread.setAttribute('site', 'blog');
            thread.setAttribute('thread', '/2026/09/why-i-left-the-big-comment-platform/');
            document.querySelector('main').append(thread);
        }"""
    )
    expect(page.locator("comment-thread li.comment")).to_have_count(8)
    page.locator("comment-thread").evaluate("e => e.setAttribute('thread', '/nowhere/')")
    expect(page.get_by_role("heading", name="No comments yet")).to_be_visible()
    page.locator("comment-thread").evaluate("e => { const p = e.parentNode; e.remove(); p.append(e); }")
    expect(page.get_by_role("heading", name="No comments yet")).to_be_visible()
    page.locator("comment-thread").evaluate("e => e.setAttribute('site', 'nobody')")
    expect(page.get_by_text("there is no site “nobody” here")).to_be_visible()


@pytest.mark.only_reads
def test_index_pages_count_in_one_request_and_list_the_newest(demo, reader):
    page = reader()
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "/counts" in request.url else None)
    page.goto(demo.blog + "/")
    expect(page.get_by_text("8 comments", exact=True)).to_be_visible()
    expect(page.locator("recent-comments li")).to_have_count(5)
    assert len(asked) == 1


@pytest.mark.only_reads
def test_a_permalink_leads_to_its_comment(demo, reader):
    page = reader()
    page.goto(demo.post)
    target = page.locator("li.comment").nth(5)
    number = target.get_attribute("id")
    page.goto(f"{demo.post}#{number}")
    page.reload()
    expect(page.locator(f"#{number}")).to_have_class(re.compile("is-target"))
    expect(page.locator(f"#{number}")).to_be_in_viewport()


@pytest.mark.only_reads
def test_no_cookie_is_set_and_nothing_is_stored_before_an_act(demo, reader):
    page = reader()
    page.goto(demo.post)
    expect(page.locator("li.comment")).to_have_count(8)
    assert page.context.cookies() == []
    assert page.evaluate("() => localStorage.length + sessionStorage.length") == 0


def test_where_storage_is_blocked_comments_can_still_be_written(demo, reader):
    page = reader()
    page.add_init_script(
        "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } });"
    )
    page.goto(demo.post)
    write(page)
    expect(comment(page)).to_contain_text("awaiting moderation")


@pytest.mark.parametrize("width", [320, 360, 1200])
def test_nothing_is_wider_than_the_page(demo, reader, moderator, width):
    page = reader(viewport={"width": width, "height": 800})
    for address in (demo.post, f"{demo.service}/t/blog?thread=/2026/09/why-i-left-the-big-comment-platform/"):
        page.goto(address)
        expect(page.locator("li.comment").first).to_be_visible()
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width, address
    moderator.set_viewport_size({"width": width, "height": 800})
    moderator.goto(demo.service + "/dashboard/blog?status=approved")
    assert moderator.evaluate("() => document.documentElement.scrollWidth") <= width

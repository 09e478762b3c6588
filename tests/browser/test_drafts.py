"""No written word is lost or hidden: drafts, previews, input methods, two tabs, another order."""

import re

import pytest
from playwright.sync_api import expect

from tests.support.widget import WORDS, comment, write

REPLY = "A reply that was not finished."


def area(page):
    return page.get_by_role("textbox", name="Comment", exact=True)


def begin_reply(page, words=REPLY, nth=1):
    link = page.get_by_role("link", name=re.compile("^Reply to")).nth(nth)
    name = link.get_attribute("aria-label")
    link.click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    area(page).fill(words)
    expect(page.get_by_role("toolbar", name="Formatting")).to_be_visible()
    return name


def replies_to(page, name):
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    expect(area(page)).to_have_value(REPLY)


def own_comment(page, demo):
    page.goto(demo.post)
    write(page)
    mine = comment(page)
    expect(mine).to_contain_text("awaiting moderation")
    return mine


def test_posting_ends_the_preview(demo, reader):
    page = reader()
    page.goto(demo.post)
    area(page).fill(WORDS)
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("region", name="Preview")).to_contain_text(WORDS)
    page.get_by_role("button", name="Post Comment").click()
    expect(page.get_by_text("Enter your name.")).to_be_visible()
    expect(area(page)).to_have_value(WORDS)
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("textbox", name="Name").fill("Carol")
    page.get_by_role("textbox", name="Email").first.fill("carol@example.org")
    page.get_by_role("button", name="Post Comment").click()
    expect(comment(page)).to_contain_text("awaiting moderation")
    expect(page.get_by_role("region", name="Preview")).to_be_hidden()
    expect(area(page)).to_have_value("")
    expect(page.get_by_role("button", name="Preview")).to_have_attribute("aria-pressed", "false")


@pytest.mark.only_reads
def test_replying_ends_the_preview(demo, reader):
    page = reader()
    page.goto(demo.post)
    area(page).fill(WORDS)
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("region", name="Preview")).to_contain_text(WORDS)
    page.get_by_role("link", name=re.compile("^Reply to")).first.click()
    expect(area(page)).to_be_focused()
    expect(page.get_by_role("region", name="Preview")).to_be_hidden()
    page.get_by_role("button", name="Cancel reply").click()
    expect(area(page)).to_have_value(WORDS)


COMPOSING = """(field, key) => field.dispatchEvent(
    new KeyboardEvent("keydown", {
        key, bubbles: true, composed: true, cancelable: true, isComposing: true, ctrlKey: key === "Enter",
    }))"""


@pytest.mark.parametrize("key", ["Escape", "Enter"])
def test_the_keys_of_an_input_method_are_its_own(demo, reader, key):
    page = reader()
    mine = own_comment(page, demo)
    sent = []
    page.on("request", lambda request: sent.append(request.method) if request.method in ("POST", "PATCH") else None)
    begin_reply(page)
    area(page).evaluate(COMPOSING, key)
    expect(page.get_by_role("heading", name=re.compile("^Reply to"))).to_be_visible()
    mine.get_by_role("button", name="Edit").click()
    edited = mine.get_by_role("textbox", name="Your comment")
    edited.fill("Changed.")
    edited.evaluate(COMPOSING, key)
    expect(edited).to_have_value("Changed.")
    expect(edited).to_be_focused()
    edited.evaluate("field => new Promise(done => setTimeout(done))")  # after what the key may have started
    assert sent == []


def test_a_change_is_never_thrown_away_without_asking(demo, reader):
    page = reader()
    mine = own_comment(page, demo)
    edit = mine.get_by_role("button", name="Edit")
    edit.click()
    edited = mine.get_by_role("textbox", name="Your comment")
    expect(edited).to_be_focused()
    page.keyboard.press("Escape")  # nothing was changed
    expect(edit).to_be_focused()
    edit.click()
    edited.fill("Changed.")
    page.keyboard.press("Escape")
    expect(mine.get_by_role("button", name="Discard your changes?")).to_be_focused()
    page.keyboard.press("Escape")
    expect(edited).to_be_focused()
    expect(edited).to_have_value("Changed.")
    page.reload()
    expect(edited).to_have_value("Changed.")
    mine.get_by_role("button", name="Cancel").click()
    mine.get_by_role("button", name="Discard your changes?").click()
    expect(edited).to_have_count(0)
    page.reload()
    expect(edit).to_be_visible()
    expect(edited).to_have_count(0)
    edit.click()
    edited.fill("Changed for good.")
    mine.get_by_role("button", name="Save").click()
    expect(comment(page, "Changed for good.")).to_be_visible()
    page.reload()
    expect(comment(page, "Changed for good.").get_by_role("button", name="Edit")).to_be_visible()
    expect(page.get_by_role("textbox", name="Your comment")).to_have_count(0)


@pytest.mark.only_reads
def test_a_reply_is_found_again_after_a_reload(demo, reader):
    page = reader()
    page.goto(demo.post)
    name = begin_reply(page)
    page.reload()
    replies_to(page, name)
    page.get_by_role("button", name="Cancel reply").click()
    area(page).fill(WORDS)
    page.reload()
    expect(area(page)).to_have_value(WORDS)
    page.get_by_role("button", name="Continue").click()
    replies_to(page, name)


@pytest.mark.only_reads
def test_drafts_of_versions_that_kept_the_slash_are_found(demo, reader):
    page = reader()
    page.goto(demo.post)
    name = f"commentsvc:draft:blog:{demo.post.removeprefix(demo.blog)}:"
    page.evaluate("([name, text]) => localStorage.setItem(name, JSON.stringify({ text }))", [name, WORDS])
    page.reload()
    expect(area(page)).to_have_value(WORDS)
    page.reload()
    expect(area(page)).to_have_value(WORDS)
    assert page.evaluate("name => localStorage.getItem(name)", name) is None


@pytest.mark.only_reads
def test_a_reply_to_a_comment_of_a_later_page_is_found_again(demo, reader):
    page = reader()
    page.goto(demo.post)
    name = begin_reply(page, nth=7)
    page.route("**/embed/v1/comments*", lambda route: route.continue_(url=route.request.url + "&limit=2"))
    page.reload()
    page.get_by_role("button", name="Continue").click()
    replies_to(page, name)


def test_the_draft_of_a_reply_to_a_comment_that_is_gone_is_a_comment(demo, reader):
    page = reader()
    page.goto(demo.post)
    begin_reply(page)
    page.evaluate("() => document.querySelector('comment-thread').remove()")
    page.evaluate("""() => { for (const key of Object.keys(localStorage).filter(key => key.includes("draft:"))) {
        localStorage.setItem(key.replace(/:\\d+$/, ":99999999"), localStorage.getItem(key));
        localStorage.removeItem(key);
    } }""")
    page.reload()
    page.get_by_role("button", name="Continue").click()
    expect(area(page)).to_have_value(REPLY)
    page.reload()
    expect(area(page)).to_have_value(REPLY)


def test_two_tabs_keep_what_is_written_in_each(demo, reader):
    one = reader()
    one.goto(demo.post)
    other = one.context.new_page()
    other.goto(demo.post)
    area(one).fill("Written in the first tab.")
    expect(one.get_by_role("toolbar", name="Formatting")).to_be_visible()
    area(other).fill("Written in the second tab.")
    expect(other.get_by_role("toolbar", name="Formatting")).to_be_visible()
    write(other, "Written in the second tab.")
    expect(comment(other, "Written in the second tab.")).to_contain_text("awaiting moderation")
    one.reload()
    expect(area(one)).to_have_value("Written in the first tab.")
    other.reload()
    expect(area(other)).to_have_value("")


@pytest.mark.only_reads
@pytest.mark.parametrize("what", ["another order", "another place"])
def test_name_and_email_survive_another_order_and_another_place(demo, reader, what):
    page = reader()
    page.goto(demo.post)
    name = begin_reply(page)
    page.get_by_role("textbox", name="Name").fill("Carol")
    page.get_by_role("textbox", name="Email").first.fill("carol@example.org")
    if what == "another order":
        page.get_by_label("Sort by").select_option("newest")
        expect(page.locator(".comments > li.comment").first).to_contain_text("Jonas Weill")
    else:
        page.evaluate("() => document.body.prepend(document.querySelector('comment-thread'))")
        expect(page.locator("body > comment-thread li.comment")).to_have_count(8)
    replies_to(page, name)
    expect(page.get_by_role("textbox", name="Name")).to_have_value("Carol")
    expect(page.get_by_role("textbox", name="Email").first).to_have_value("carol@example.org")

"""The desk in a real browser: fifty comments cleared by keyboard alone, undone, refused, and by touch on a phone."""

import json
import re
import urllib.request

import pytest
from playwright.sync_api import expect

MAIL = re.compile(r"http://[\w.:]+/auth/link/[\w-]+")
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
DESKTOP = {"viewport": {"width": 1200, "height": 800}}


def write_many(demo, count, first=0):
    for number in range(first, first + count):
        body = {
            "site": "blog",
            "thread": "/2026/09/why-i-left-the-big-comment-platform/",
            "body": f"Waiting number {number}",
            "author": {"name": f"Reader {number}", "email": f"r{number}@example.org"},
        }
        request = urllib.request.Request(
            f"{demo.service}/api/v1/comments", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        assert urllib.request.urlopen(request).status == 202


def enter(reader, demo, **options):
    page = reader(**options)
    page.goto(demo.sign_in_link)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/dashboard**")
    page.goto(f"{demo.service}/dashboard/blog")
    return page


@pytest.fixture
def bobs_page(reader, demo):
    """Bob in a browser of his own; he signs in by the mail that the demo's mailbox shows."""

    def enter_bob():
        bob = reader()
        bob.goto(f"{demo.service}/auth/signin")
        bob.get_by_role("textbox").first.fill("bob@blog.example")
        bob.get_by_role("button", name=re.compile("code|mail", re.I)).first.click()
        bob.wait_for_url("**/auth/code**")
        for _ in range(20):
            box = urllib.request.urlopen(f"{demo.blog}/mailbox").read().decode()
            if found := MAIL.search(box):
                break
            bob.wait_for_timeout(500)
        bob.goto(found[0])
        bob.get_by_role("button", name="Sign in").click()
        bob.wait_for_url("**/dashboard**")
        return bob

    return enter_bob


def waiting(page):
    return page.locator('.tabs [data-status="pending"]')


@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_fifty_are_cleared_by_keyboard_alone_and_undone(demo, reader, screen):
    page = enter(reader, demo, **screen)
    write_many(demo, 50 - int(waiting(page).inner_text()))
    page.reload()
    expect(waiting(page)).to_have_text("50")
    cards = page.locator(".card")
    expect(cards).to_have_count(50)

    page.keyboard.press("j")
    expect(page.locator(".card:focus")).to_have_count(1)
    for step in range(46):
        page.keyboard.press("asdn"[step % 4])
        expect(cards).to_have_count(49 - step)
        expect(page.locator(".card:focus")).to_have_count(1)
    for _ in range(3):
        page.keyboard.press("x")
        page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator(".bar")).to_contain_text("4 selected")
    page.keyboard.press("Shift+A")
    expect(page.get_by_text("All done on this page.")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("4 comments approved.")
    expect(waiting(page)).to_have_text("0")
    assert page.title().startswith("Pending")

    page.keyboard.press("z")
    expect(cards).to_have_count(4)
    for left in range(5, 51):
        page.keyboard.press("z")
        expect(cards).to_have_count(left)
    expect(waiting(page)).to_have_text("50")
    assert page.title().startswith("(50) Pending")
    page.keyboard.press("z")
    expect(page.get_by_role("alert")).to_contain_text("Nothing to undo on this page.")


def test_keys_are_silent_while_somebody_types_and_where_they_are_switched_off(demo, reader):
    write_many(demo, 3)
    page = enter(reader, demo, **DESKTOP)
    cards = page.locator(".card")
    count = cards.count()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("asdz")
    expect(page.get_by_role("searchbox")).to_have_value("asdz")
    expect(cards).to_have_count(count)

    page.locator(".card").first.focus()
    page.keyboard.press("Control+a")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("a")
    page.get_by_label("Use these shortcuts in this browser").uncheck()
    page.get_by_role("button", name="Close").click()
    page.locator(".card").first.focus()
    page.keyboard.press("a")
    expect(cards).to_have_count(count)
    page.reload()
    page.locator(".card").first.focus()
    page.keyboard.press("s")
    expect(cards).to_have_count(count)


def test_an_act_on_what_somebody_else_decided_comes_back_with_who_and_when(demo, reader, bobs_page):
    write_many(demo, 2)
    page = enter(reader, demo, **DESKTOP)
    bob = bobs_page()
    bob.goto(f"{demo.service}/dashboard/blog?q=%22Waiting+number+0%22")
    card = page.locator(".card", has_text="Waiting number 0")
    expect(card).to_be_visible()
    bob.locator(".card").get_by_role("button", name="Spam").click()
    expect(bob.get_by_role("status")).to_contain_text("1 comment marked as spam.")

    card.get_by_role("button", name="Approve", exact=False).first.click()
    expect(page.get_by_role("alert")).to_contain_text("has already decided")
    expect(card).to_be_visible()
    expect(card.get_by_role("button", name="Back to pending")).to_be_visible()


def test_replying_approves_and_editing_shows_at_once(demo, reader):
    write_many(demo, 2)
    page = enter(reader, demo, **DESKTOP)
    card = page.locator(".card", has_text="Waiting number 1")
    card.focus()
    page.keyboard.press("q")
    expect(card.locator(".edit-form textarea")).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("Mended by Alice")
    page.get_by_role("button", name="Save").click()
    mended = page.locator(".card", has_text="Mended by Alice")
    expect(mended).to_contain_text("Edited once")

    mended.focus()
    page.keyboard.press("r")
    page.keyboard.type("Thank you")
    mended.get_by_role("button", name="Reply and approve").click()
    expect(page.get_by_role("status")).to_contain_text("Your reply is published.")
    expect(mended).to_have_count(0)
    page.keyboard.press("z")
    expect(mended).to_be_visible()


def test_new_arrivals_are_announced_and_never_move_the_list(demo, reader):
    write_many(demo, 1)
    page = enter(reader, demo, **DESKTOP)
    count = page.locator(".card").count()
    write_many(demo, 2, first=100)
    expect(page.get_by_role("link", name="View 2 new")).to_be_visible()
    expect(page.locator(".card")).to_have_count(count)
    page.get_by_role("link", name="View 2 new").click()
    expect(page.locator(".card")).to_have_count(count + 2)


def test_all_that_match_are_decided_with_one_undo(demo, reader):
    write_many(demo, 60)
    page = enter(reader, demo, **DESKTOP)
    all_of_them = int(waiting(page).inner_text())
    page.get_by_label("Select all on this page").check()
    page.get_by_role("button", name="Select all results").click()
    expect(page.locator(".bar")).to_contain_text(f"All {all_of_them} results")
    page.locator(".bar").get_by_role("button", name="Spam").click()
    expect(page.get_by_role("status")).to_contain_text(f"Done: {all_of_them} comments.")
    expect(waiting(page)).to_have_text("0")
    page.keyboard.press("z")
    expect(waiting(page)).to_have_text(str(all_of_them))


def test_by_touch_at_360_pixels_everything_is_within_reach(demo, reader):
    write_many(demo, 2)
    page = enter(reader, demo, **PHONE)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    card = page.locator(".card", has_text="Waiting number 0")
    button = card.get_by_role("button", name="Approve").first
    assert button.bounding_box()["height"] >= 44
    button.tap()
    expect(card).to_have_count(0)
    page.get_by_role("button", name="Undo").tap()
    expect(card).to_be_visible()


def test_without_scripts_the_same_acts_are_plain_forms(demo, reader):
    write_many(demo, 2)
    page = enter(reader, demo, java_script_enabled=False, **DESKTOP)
    card = page.locator(".card", has_text="Waiting number 1")
    card.get_by_role("button", name="Approve").first.click()
    expect(page.get_by_text("1 comment approved.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Undone.")).to_be_visible()
    expect(card).to_be_visible()

"""The main stories in Firefox and WebKit, as Debian has them; Chromium has all stories in the other files."""

import json
import os
import re

import pytest

from tests.browser import engines
from tests.browser.engines import focused, shown, wait_for_windows

WORDS = "Written in another browser."
USING = "You are commenting using your GitHub account."
PENDING = "li.comment[data-status=pending]"
TABS_MAX = 200  # more than there is to reach on the page


@pytest.fixture(params=["firefox", "webkit"])
def engine(request):
    """Begin a browser; gives a function that makes one of a width."""
    program = {"firefox": engines.FIREFOX, "webkit": engines.WEBKIT}[request.param]
    if not os.path.exists(program):
        pytest.skip(f"{program} is not installed (scripts/install-debian-packages)")
    if request.param == "firefox" and not (engines.ROOT / "embed" / "node_modules" / "puppeteer-core").is_dir():
        pytest.skip("needs `npm ci` in embed/")
    with getattr(engines, request.param)(390) as browser:
        yield browser


def fill_in(engine, words):
    engine.type("form.respond textarea", words)
    engine.type("form.respond [name=name]", "Dave")
    engine.type("form.respond [name=email]", "dave@example.org")


def value_of(engine, css="form.respond textarea"):
    field = f"document.querySelector('comment-thread').shadowRoot.querySelector({json.dumps(css)})"
    return engine.evaluate(f"return {field}.value")


def tab_to(engine, css):
    for _ in range(TABS_MAX):
        engine.press("Tab")
        if focused(engine, css):
            return
    raise AssertionError(f"no tab leads to {css}")


def go_through_provider(engine):
    """The pages of the provider's stand-in and of the service, in the window or in the page itself."""
    shown(engine, "h1", "Stand-in for GitHub")
    engine.click("button[name=person]")
    shown(engine, "h1", "on Field Notes")
    engine.click("button.strong")


def sign_in_by_window(engine, said_meanwhile):
    shown(engine, "form.respond")
    engine.type("form.respond textarea", WORDS)
    shown(engine, "[role=toolbar]")
    engine.click("[data-way=github]")
    wait_for_windows(engine, 2)
    shown(engine, ".connecting", said_meanwhile)
    engine.turn_to(1)
    go_through_provider(engine)
    wait_for_windows(engine, 1)
    engine.turn_to(0)
    shown(engine, ".signed-in", USING)
    assert value_of(engine) == WORDS


@pytest.mark.only_reads
def test_comments_are_read(engine, demo):
    engine.open(demo.post)
    assert re.match(r"8 ", shown(engine, ".heading"))
    assert shown(engine, "li.comment time")
    shown(engine, "form.respond")
    widths = engine.evaluate("return [document.documentElement.scrollWidth, innerWidth]")
    assert widths[0] <= widths[1]


def test_a_guest_posts_and_the_comment_is_held(engine, demo):
    engine.open(demo.post)
    shown(engine, "form.respond")
    fill_in(engine, WORDS)
    engine.click("form.respond .send")
    assert "awaiting moderation" in shown(engine, PENDING, WORDS)


def test_a_reply_stands_below_its_comment(engine, demo):
    engine.open(demo.post)
    shown(engine, "li.comment .reply")
    engine.click("li.comment .reply")
    assert shown(engine, ".respond-heading", "Reply to")
    fill_in(engine, WORDS)
    engine.click("form.respond .send")
    assert shown(engine, f"li.comment .replies {PENDING}", WORDS)


def test_a_preview_shows_the_result(engine, demo):
    engine.open(demo.post)
    shown(engine, "form.respond")
    engine.type("form.respond textarea", "Some **bold** words")
    shown(engine, "[role=toolbar]")
    engine.evaluate(
        "[...document.querySelector('comment-thread').shadowRoot.querySelectorAll('button')]"
        ".find((button) => button.textContent === 'Preview').click()"
    )
    assert shown(engine, "form.respond .body strong") == "bold"


@pytest.mark.only_reads
def test_a_draft_is_there_when_the_page_is_opened_again(engine, demo):
    engine.open(demo.post)
    shown(engine, "form.respond")
    engine.type("form.respond textarea", WORDS)
    shown(engine, "[role=toolbar]")
    engine.open(demo.post)
    shown(engine, "[role=toolbar]")
    assert value_of(engine) == WORDS


def test_a_change_of_ones_own_comment_survives_a_reload(engine, demo):
    engine.open(demo.post)
    shown(engine, "form.respond")
    fill_in(engine, WORDS)
    engine.click("form.respond .send")
    shown(engine, f"{PENDING} .edit")
    engine.click(f"{PENDING} .edit")
    shown(engine, ".edit-area")
    assert focused(engine, ".edit-area")
    engine.write(" And changed.")
    engine.open(demo.post)
    shown(engine, ".edit-area")
    assert value_of(engine, ".edit-area") == f"{WORDS} And changed."
    engine.click("form.editing .send")
    assert "awaiting moderation" in shown(engine, PENDING, f"{WORDS} And changed.")
    shown(engine, f"{PENDING} .edit")
    engine.open(demo.post)
    shown(engine, f"{PENDING} .edit")
    shown(engine, PENDING, f"{WORDS} And changed.")


def test_sign_in_by_a_window_comment_and_log_out(engine, demo):
    engine.open(demo.post)
    sign_in_by_window(engine, "Connecting to GitHub…")
    engine.click("form.respond .send")
    assert "via GitHub" in shown(engine, PENDING, WORDS)
    engine.click("[part=log-out]")
    shown(engine, "[data-way=github]")
    engine.open(demo.post)
    shown(engine, "form.respond [name=email]")
    shown(engine, "[data-way=github]")


def test_a_window_that_the_pages_policy_cuts_off_signs_in(engine, demo):
    engine.open(f"{demo.blog}/hosts/isolated")
    sign_in_by_window(engine, "If you closed the sign-in window")  # it reads as closed, being cut off


def test_where_the_window_is_blocked_the_reader_comes_back_to_the_same_reply(engine, demo):
    engine.open(demo.post)
    shown(engine, "li.comment .reply")
    engine.click("li.comment li.comment .reply")
    heading = shown(engine, ".respond-heading", "Reply to")
    engine.type("form.respond textarea", WORDS)
    shown(engine, "[role=toolbar]")
    # A click by a script: no browser lets one open a window.
    engine.evaluate("document.querySelector('comment-thread').shadowRoot.querySelector('[data-way=github]').click()")
    shown(engine, "h1", "Stand-in for GitHub")
    assert engine.windows() == 1
    go_through_provider(engine)
    shown(engine, ".signed-in", USING)
    assert shown(engine, "li.comment li.comment .respond-heading", "Reply to") == heading
    assert value_of(engine) == WORDS
    assert focused(engine, "textarea")
    assert engine.evaluate("return location.href") == demo.post, "no code stays in the address"


def test_the_keyboard_alone(engine, demo):
    engine.open(demo.post)
    shown(engine, "form.respond")
    tab_to(engine, ".reply")
    engine.press("Enter")
    shown(engine, ".respond-heading", "Reply to")
    shown(engine, "[role=toolbar]")
    assert focused(engine, "textarea")
    engine.press("Escape")
    shown(engine, ".home .respond-heading", "Leave a comment")
    assert focused(engine, ".reply")

    tab_to(engine, ".menu")
    engine.press("Enter")
    shown(engine, "[role=menu]")
    engine.press("ArrowDown")
    assert focused(engine, "[role=menuitem]:nth-child(2)")
    engine.press("Escape")
    assert focused(engine, ".menu[aria-expanded=false]")

    tab_to(engine, "textarea")
    engine.write(WORDS)
    tab_to(engine, "[name=name]")
    engine.write("Dave")
    engine.press("Tab")
    engine.write("dave@example.org")
    tab_to(engine, ".send")
    engine.press("Enter")
    assert "awaiting moderation" in shown(engine, PENDING, WORDS)
    assert focused(engine, PENDING)


@pytest.mark.only_reads
def test_a_permalink_leads_to_its_comment(engine, demo):
    engine.open(demo.post)
    shown(engine, "li.comment")
    last = engine.evaluate(
        "return [...document.querySelector('comment-thread').shadowRoot.querySelectorAll('li.comment')].at(-1).id"
    )
    engine.open("about:blank")
    engine.open(f"{demo.post}#{last}")
    shown(engine, f"#{last}.is-target")
    article = f"document.querySelector('comment-thread').shadowRoot.querySelector('#{last} > article')"
    box = f"const {{top, bottom}} = {article}.getBoundingClientRect();"
    assert engine.evaluate(f"{box} return bottom > 0 && top < innerHeight")


@pytest.mark.only_reads
def test_a_page_from_right_to_left_is_not_widened(engine, demo):
    engine.open(demo.post)
    shown(engine, "form.respond")
    engine.evaluate(
        "document.documentElement.dir = 'rtl'; document.querySelector('comment-thread').setAttribute('lang', 'he')"
    )
    shown(engine, ".respond-heading", "כתיבת תגובה")
    widths = engine.evaluate("return [document.documentElement.scrollWidth, innerWidth]")
    assert widths[0] <= widths[1]

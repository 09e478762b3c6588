"""The main stories in Firefox and WebKit, as Debian has them; Chromium has all stories in the other files."""

import os
import re

import pytest

from tests.browser import engines
from tests.browser.engines import shown

WORDS = "Written in another browser."


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
    assert "awaiting moderation" in shown(engine, "li.comment[data-status=pending]", WORDS)


def test_a_reply_stands_below_its_comment(engine, demo):
    engine.open(demo.post)
    shown(engine, "li.comment .reply")
    engine.click("li.comment .reply")
    assert shown(engine, ".respond-heading", "Reply to")
    fill_in(engine, WORDS)
    engine.click("form.respond .send")
    assert shown(engine, "li.comment .replies li.comment[data-status=pending]", WORDS)


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
    text = "return document.querySelector('comment-thread').shadowRoot.querySelector('textarea').value"
    assert engine.evaluate(text) == WORDS


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

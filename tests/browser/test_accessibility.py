"""The widget for everybody: axe in every state and both themes, names and roles, and twice the size."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.support.widget import WORDS, comment, through_provider, write

WCAG_22_AA = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
# The page's own affair: a widget can't bring the landmarks and headings that a blog lacks.
PAGES_OWN = {"region", "landmark-one-main", "page-has-heading-one", "heading-order"}


def check(page, state):
    """Raise with what axe found in this state of the page."""
    page.wait_for_timeout(100)
    found = Axe().run(page, context="comment-thread", options=WCAG_22_AA).response["violations"]
    wrong = [
        f"{state}: {rule['id']}: {node['html'][:120]} {node['failureSummary'][:200]}"
        for rule in found
        if rule["id"] not in PAGES_OWN
        for node in rule["nodes"]
    ]
    assert wrong == []


@pytest.mark.only_reads
def test_axe_looks_into_the_widget(demo, reader):
    page = reader()
    page.goto(demo.post)
    expect(page.locator("li.comment")).to_have_count(8)
    page.locator("comment-thread").evaluate("e => e.shadowRoot.querySelector('.vote').removeAttribute('aria-label')")
    page.locator("comment-thread").evaluate("e => e.shadowRoot.querySelector('.vote').replaceChildren()")
    with pytest.raises(AssertionError, match="button-name"):
        check(page, "broken")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_any_state(demo, reader, scheme):
    page = reader(color_scheme=scheme)
    page.goto(demo.post)
    expect(page.locator("li.comment")).to_have_count(8)
    check(page, "reading")
    page.get_by_role("textbox", name="Comment").focus()
    expect(page.get_by_role("toolbar", name="Formatting")).to_be_visible()
    check(page, "writing")
    page.get_by_role("button", name="Post Comment").click()
    expect(page.get_by_text("Please write your comment first.")).to_be_visible()
    check(page, "mistakes")
    page.get_by_role("textbox", name="Comment").fill("**some** words " + "x" * 9500)
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("region", name="Preview").locator("strong")).to_be_visible()
    check(page, "preview")
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name="Mastodon").click()
    expect(page.get_by_text("Connecting to Mastodon…")).to_be_visible()
    check(page, "connecting")
    page.get_by_role("button", name="Cancel", exact=True).click()
    write(page)
    expect(comment(page)).to_contain_text("awaiting moderation")
    check(page, "waiting")
    comment(page).get_by_role("button", name="Edit").click()
    expect(page.get_by_role("textbox", name="Your comment")).to_be_visible()
    check(page, "changing")
    page.keyboard.press("Escape")
    more = page.get_by_role("button", name="More about the comment").first
    more.click()
    check(page, "menu")
    page.get_by_role("menuitem", name=re.compile("Report")).click()
    check(page, "reporting")
    page.keyboard.press("Escape")
    more.click()
    page.get_by_role("menuitem", name=re.compile("Hide")).click()
    check(page, "hidden")
    page.get_by_role("link", name=re.compile("^Reply to")).last.click()
    check(page, "replying")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_where_somebody_is_signed_in_or_nobody_has_written(demo, reader, theme):
    page = reader()
    through_provider(page, demo, "GitHub")
    expect(page.get_by_text("using your GitHub account")).to_be_visible()
    page.locator("comment-thread").evaluate("(e, theme) => e.setAttribute('theme', theme)", theme)
    page.get_by_role("button", name="Vote up").first.click()
    check(page, "signed in")
    page.locator("comment-thread").evaluate("e => e.setAttribute('thread', '/nowhere/')")
    expect(page.get_by_role("heading", name="No comments yet")).to_be_visible()
    check(page, "empty")
    page.route("**/embed/v1/comments*", lambda route: route.abort())
    page.locator("comment-thread").evaluate("e => e.setAttribute('thread', '/away/')")
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    check(page, "away")


@pytest.mark.only_reads
def test_names_and_roles(demo, reader):
    page = reader()
    page.goto(demo.post)
    expect(page.locator("li.comment").nth(6)).to_match_aria_snapshot("""
        - listitem:
          - article "Hana Marek":
            - link /September 15, 2026/
            - paragraph: /The loading time is remarkable/
            - group "Votes":
              - button "Vote up"
              - text: "0"
              - button "Vote down"
            - link "Reply to Hana Marek"
            - button "More about the comment by Hana Marek"
    """)
    page.get_by_role("textbox", name="Comment").focus()
    expect(page.get_by_role("toolbar", name="Formatting")).to_be_visible()
    expect(page.get_by_role("form", name="Leave a comment")).to_match_aria_snapshot("""
        - form "Leave a comment":
          - heading "Leave a comment" [level=3]
          - paragraph:
            - textbox "Comment"
            - toolbar "Formatting":
              - button "Bold"
              - button "Italic"
              - button "Link"
              - button "Quote"
              - button "Code"
              - button "List"
              - button "Preview"
          - paragraph: "Comment as a guest, or sign in:"
          - list:
            - listitem:
              - button "X (Twitter)"
          - paragraph:
            - textbox "Name"
          - paragraph:
            - textbox "Email"
          - paragraph:
            - textbox "Website"
          - paragraph:
            - checkbox "Save my name, email, and website in this browser for the next time I comment."
          - paragraph:
            - button "Post Comment"
    """)


@pytest.mark.only_reads
def test_at_twice_the_size_nothing_is_cut_off(demo, reader):
    page = reader(viewport={"width": 640, "height": 400}, device_scale_factor=2)  # 1280 px wide at 200 %
    page.goto(demo.post)
    page.get_by_role("textbox", name="Comment").fill(WORDS)
    expect(page.get_by_role("toolbar", name="Formatting")).to_be_visible()
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 640
    cut = page.locator("comment-thread").evaluate(
        """thread => [...thread.shadowRoot.querySelectorAll('button, a, label, p, h2, h3, input, textarea, select')]
            .filter(e => e.checkVisibility() && !e.closest('.trap'))
            .filter(e => e.getBoundingClientRect().right > innerWidth + 1 || e.getBoundingClientRect().left < -1)
            .map(e => e.outerHTML.slice(0, 100))"""
    )
    assert cut == []


def test_outcomes_are_announced_and_colours_may_be_forced(demo, reader):
    page = reader(forced_colors="active", reduced_motion="reduce")
    page.goto(demo.post)
    write(page)
    expect(page.get_by_role("status").last).to_contain_text("Your comment is awaiting moderation.")
    expect(comment(page)).to_be_focused()
    border = comment(page).locator(".note").evaluate("e => getComputedStyle(e).borderTopStyle")
    assert border == "solid", "what a colour tells is told by a line too"

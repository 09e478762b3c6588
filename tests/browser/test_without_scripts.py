"""The hosted page in a browser that runs no script: orders, reports, votes, and nothing that its own CSP refuses."""

import json
import urllib.request

import pytest
from playwright.sync_api import expect

from tests.support.widget import follow_link

THREAD = "/2026/09/why-i-left-the-big-comment-platform/"


def choose(page, name, act):
    page.locator("article", has_text=name).get_by_role("link", name=act, exact=True).first.click()


def test_a_reader_without_scripts_sorts_reports_and_votes(demo, reader):
    address = f"{demo.service}/t/blog?thread={THREAD}"
    guest = reader(java_script_enabled=False)
    guest.goto(address)
    expect(guest.locator("li.comment")).to_have_count(8)
    guest.get_by_role("link", name="Newest first").click()
    expect(guest.locator("li.comment").first).to_contain_text("keep the old thread addresses")

    choose(guest, "Hana Marek", "Report")
    expect(guest.get_by_role("heading", name="Comment by Hana Marek")).to_be_visible()
    expect(guest.get_by_role("heading", name="Report this comment to the moderators")).to_be_in_viewport()
    guest.get_by_role("button", name="Report").click()
    expect(guest.get_by_text("Please choose one.")).to_be_visible()
    guest.get_by_label("Something else").check()
    guest.get_by_role("button", name="Report").click()
    expect(guest.get_by_label("Something else")).to_be_checked()
    guest.get_by_label("What should the moderators know?").fill("That was my line.")
    guest.get_by_role("button", name="Report").click()
    expect(guest.get_by_role("status")).to_contain_text("moderators will review the comment")
    expect(guest.get_by_role("status")).to_be_in_viewport()

    bob = reader(java_script_enabled=False)
    bob.goto(demo.sign_in_link)
    bob.get_by_role("button", name="Sign in").click()
    bob.goto(address)
    choose(bob, "Hana Marek", "Vote")
    bob.get_by_role("button", name="Vote for it").click()
    expect(bob.get_by_role("status")).to_contain_text("Your vote for it was counted.")
    guest.wait_for_timeout(1000)
    with urllib.request.urlopen(f"{demo.service}/api/v1/comments?site=blog&thread={THREAD}") as answer:
        scores = {c["author"]["name"]: c["score"] for c in json.load(answer)["comments"]}
    assert scores["Hana Marek"] == 1


def test_a_reader_without_scripts_follows_the_page_by_email(demo, reader):
    guest, mailbox = reader(java_script_enabled=False), reader()
    guest.goto(f"{demo.service}/t/blog?thread={THREAD}")
    address = guest.get_by_label("Email me about new comments at:")
    address.fill("dora")
    guest.get_by_role("button", name="Follow").click()
    expect(guest.locator("#problem-follower")).to_contain_text("such as carol@example.org")
    expect(guest.locator("#problem-follower")).to_be_in_viewport()
    expect(address).to_have_value("dora")
    address.fill("dora@example.net")
    guest.get_by_role("button", name="Follow").click()
    expect(guest.get_by_role("status")).to_contain_text("you will get an email with a link to confirm it")
    expect(guest.get_by_role("status")).to_be_in_viewport()
    follow_link(mailbox, demo, "Email about comments on Field Notes? Please confirm", "Yes, email me")
    mailbox.get_by_role("button", name="Yes, email me").click()
    expect(mailbox.get_by_text("You'll now get the emails that you asked for on Field Notes.")).to_be_visible()


@pytest.mark.only_reads
@pytest.mark.parametrize("width", [320, 1200])
def test_the_page_fits_and_its_own_policy_refuses_nothing_on_it(demo, reader, width):
    page = reader(viewport={"width": width, "height": 800})
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(f"{demo.service}/t/blog?thread={THREAD}")
    choose(page, "Emil Brandt", "Report")
    page.wait_for_load_state()  # with its styles
    assert said == []
    told = page.locator('script[type="application/ld+json"]').evaluate("script => JSON.parse(script.textContent)")
    assert told["commentCount"] == 8
    state = page.evaluate("""[document.readyState, document.styleSheets.length, [...document.querySelectorAll('body *')]
        .filter(e => e.getBoundingClientRect().right > innerWidth).map(e => e.outerHTML.slice(0, 200))]""")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), state
    small = page.locator("a:visible, button:visible, select:visible, label.choice:visible").evaluate_all(
        """all => all.filter(e => !e.closest('.thread, .hint, h1'))
                     .map(e => [e.innerText, e.getBoundingClientRect().height])"""
    )
    assert [s for s in small if s[1] < 24] == []

"""The widget in a browser: writing comments, finding them, signing in, and the mails that come of it."""

import re

from playwright.sync_api import expect

DRAFT = "Written before I said who I am."
WORDS = "I moved my own blog last spring, and I agree."


def write(page, words=WORDS, name="Carol", email="carol@example.org"):
    page.get_by_role("textbox", name="Comment").fill(words)
    page.get_by_role("textbox", name="Name").fill(name)
    page.get_by_role("textbox", name="Email").fill(email)
    page.get_by_role("button", name="Post Comment").click()


def comment(page, words=WORDS):
    return page.locator("li.comment", has_text=words).last


def start_to_write(page):
    """Begin a comment, and wait for the toolbar: it moves the buttons below it."""
    page.get_by_role("textbox", name="Comment").fill(DRAFT)
    expect(page.get_by_role("toolbar", name="Formatting")).to_be_visible()


def through_provider(page, demo, label):
    """Sign in with a provider, from the form to the stand-in and back to the form."""
    page.goto(demo.post)
    start_to_write(page)
    with page.context.expect_page() as opened:
        page.get_by_role("button", name=label, exact=True).click()
    window = opened.value
    expect(window.get_by_role("heading", name=f"Stand-in for {label}")).to_be_visible()
    expect(page.get_by_text(f"Connecting to {label}…")).to_be_visible()
    window.get_by_role("button", name="Continue as Ann Lee").click()
    expect(window.get_by_role("heading", name="on Field Notes")).to_be_visible()
    window.get_by_label("The name shown").fill("Ann Lee")
    window.get_by_role("button", name="Continue").click()
    return window


def newest_mail(mailbox, demo, subject):
    """The newest mail with this subject in the demo's mailbox."""
    for _ in range(75):
        mailbox.goto(demo.blog + "/mailbox")
        found = mailbox.locator("section.mail", has=mailbox.get_by_role("heading", name=subject))
        if found.count():
            return found.first
        mailbox.wait_for_timeout(200)
    raise AssertionError(f"no mail “{subject}” came")


def follow_link(mailbox, demo, subject, words):
    mail = newest_mail(mailbox, demo, subject)
    link = re.search(rf"{words}\s+(http\S+)", mail.inner_text())[1]
    mailbox.goto(link)

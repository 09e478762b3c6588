"""Following a page by email, from the form and without a comment: confirmed, mailed, ended by one click."""

from playwright.sync_api import expect

from tests.support.widget import WORDS, comment, follow_link, newest_mail, write


def test_a_page_is_followed_without_a_comment_and_left_by_one_click(demo, reader, moderator):
    page, mailbox = reader(), reader()
    page.goto(demo.post)
    page.get_by_text("Follow by email").click()
    address = page.get_by_role("textbox", name="Email me about new comments at:")
    page.get_by_role("button", name="Follow", exact=True).click()
    expect(page.get_by_text("Enter your email address.")).to_be_visible()
    address.fill("nonsense")
    page.get_by_role("button", name="Follow", exact=True).click()
    expect(page.locator("form.follow [role=status]")).to_contain_text("@")
    address.fill("dora@example.net")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Thank you. If this address is new here")).to_be_visible()
    follow_link(mailbox, demo, "Email about comments on Field Notes? Please confirm", "Yes, email me")
    mailbox.get_by_role("button", name="Yes, email me").click()
    expect(mailbox.get_by_text("You'll now get the emails that you asked for on Field Notes.")).to_be_visible()

    page.reload()
    write(page)
    expect(comment(page)).to_contain_text("awaiting moderation")
    moderator.goto(demo.service + "/dashboard/blog?status=pending")
    moderator.locator("article", has_text=WORDS).get_by_role("button", name="Approve").click()
    expect(moderator.get_by_text("1 comment approved")).to_be_visible()
    follow_link(mailbox, demo, "Carol commented on “Why I left the big comment platform”", "Unsubscribe from this page")
    mailbox.get_by_role("button", name="Unsubscribe").click()
    expect(mailbox.get_by_text("You won't get any more emails about new comments on that page.")).to_be_visible()


def test_an_account_without_an_address_is_offered_no_mail(demo, reader):
    page = reader()
    page.goto(demo.post)
    notify = page.get_by_role("combobox", name="Notify me by email:")
    expect(notify).to_be_visible()
    with page.context.expect_page() as opened:
        page.get_by_role("button", name="Mastodon", exact=True).click()
    window = opened.value
    window.get_by_label("Your server").fill("@ann@social.example")
    window.keyboard.press("Enter")
    window.get_by_role("button", name="Continue as Ann Lee").click()
    window.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("You are commenting using your Mastodon account.")).to_be_visible()
    expect(notify).to_be_hidden()
    page.get_by_role("button", name="Log out").click()
    expect(notify).to_be_visible()


def test_the_form_asks_about_what_to_mail(demo, reader):
    page, mailbox = reader(), reader()
    page.goto(demo.post)
    page.get_by_role("combobox", name="Notify me by email:").select_option("Of all new comments here")
    write(page)
    expect(comment(page)).to_contain_text("awaiting moderation")
    mail = newest_mail(mailbox, demo, "Email about comments on Field Notes? Please confirm")
    expect(mail).to_contain_text("carol@example.org")

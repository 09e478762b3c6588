"""Signing in from the blog in a real browser: by mail, with and without a window, cut off from it, and out again."""

import re

import pytest
from playwright.sync_api import expect

from tests.support.widget import DRAFT, start_to_write, through_provider

USING = "You are commenting using your email address."


@pytest.fixture
def mailed_code(demo, reader):
    """The newest code in the demo's mailbox."""
    mailbox = reader()

    def look(subject=re.compile(r"Your sign-in code")):
        for _ in range(50):
            mailbox.goto(demo.blog + "/mailbox")
            if mailbox.get_by_role("heading", name=subject).count():
                return re.search(r"\d{3} \d{3}", mailbox.locator("main").inner_text())[0]
            mailbox.wait_for_timeout(200)
        raise AssertionError("no mail came")

    return look


def prove(window, mailed_code, address="ann@example.org", name="Ann Lee"):
    """Go through the service's window by the keyboard alone."""
    window.get_by_label("Your email address").fill(address)
    window.keyboard.press("Enter")
    window.wait_for_url("**/auth/code")
    window.get_by_label("6-digit code").fill(mailed_code())
    window.keyboard.press("Enter")
    window.get_by_label("The name shown with your comments").fill(name)
    window.keyboard.press("Enter")


def begin(page, demo):
    page.goto(demo.post)
    start_to_write(page)
    return page.get_by_role("button", name="Email", exact=True)


def open_window(page, demo):
    button = begin(page, demo)
    with page.context.expect_page() as opened:
        button.click()
    opened.value.wait_for_url("**/auth/authorize**")
    return opened.value


def closes(window):
    if not window.is_closed():
        window.wait_for_event("close")


def post_and_check(page):
    page.get_by_role("button", name="Post Comment").click()
    mine = page.locator("li.comment", has_text=DRAFT)
    expect(mine).to_contain_text("awaiting moderation")
    expect(mine).to_contain_text("Ann Lee")


def test_type_first_identify_later(demo, reader, mailed_code):
    page = reader()
    window = open_window(page, demo)
    expect(page.get_by_text("Connecting to Email…")).to_be_visible()
    expect(window.get_by_role("heading", name="Sign in to comment on Field Notes")).to_be_visible()
    prove(window, mailed_code)
    expect(page.get_by_text(USING)).to_be_visible()
    closes(window)
    expect(page.get_by_role("textbox", name="Comment")).to_have_value(DRAFT)
    expect(page.get_by_role("textbox", name="Email")).to_have_count(0)
    post_and_check(page)
    page.reload()
    expect(page.get_by_text(USING)).to_be_visible()
    expect(page.locator("li.comment", has_text=DRAFT)).to_contain_text("awaiting moderation")

    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("textbox", name="Email")).to_be_visible()
    assert page.evaluate("() => Object.keys(localStorage).filter((key) => key.includes('account'))") == []
    page.reload()
    expect(page.get_by_role("textbox", name="Email")).to_be_visible()
    expect(page.locator("li.comment")).to_have_count(8)


def test_where_no_window_opens_the_page_goes_and_comes_back(demo, reader, mailed_code):
    page = reader()
    page.add_init_script("window.open = () => null")
    begin(page, demo).click()
    page.wait_for_url("**/auth/authorize**")
    prove(page, mailed_code)
    page.wait_for_url(demo.post)
    expect(page.get_by_text(USING)).to_be_visible()
    expect(page.get_by_role("textbox", name="Comment")).to_have_value(DRAFT)
    expect(page.get_by_role("textbox", name="Comment")).to_be_focused()
    assert "#" not in page.url, "no code stays in the address"
    post_and_check(page)


def test_where_no_window_opens_the_reader_comes_back_to_the_same_reply(demo, reader, mailed_code):
    page = reader(viewport={"width": 900, "height": 700})
    page.add_init_script("window.open = () => null")
    begin(page, demo)
    page.get_by_role("link", name=re.compile("^Reply to")).nth(1).click()
    heading = page.get_by_role("heading", name=re.compile("^Reply to Emil"))
    expect(heading).to_be_visible()
    area = page.get_by_role("textbox", name="Comment")
    area.fill("A reply that was not finished.")
    page.get_by_role("button", name="Email", exact=True).click()
    page.wait_for_url("**/auth/authorize**")
    prove(page, mailed_code)
    page.wait_for_url(demo.post)
    expect(page.get_by_text(USING)).to_be_visible()
    expect(heading).to_be_in_viewport()
    expect(area).to_have_value("A reply that was not finished.")
    expect(area).to_be_focused()
    page.get_by_role("button", name="Cancel reply").click()
    expect(area).to_have_value(DRAFT)


def test_a_window_that_was_cut_off_hands_over_by_way_of_the_blog(demo, reader, mailed_code):
    page = reader()

    def cut(route):
        answer = route.fetch(max_redirects=0)
        headers = {**answer.headers, "cross-origin-opener-policy": "same-origin"}
        route.fulfill(response=answer, headers=headers)

    page.context.route("**/auth/code", cut)
    window = open_window(page, demo)
    prove(window, mailed_code)
    expect(page.get_by_text(USING)).to_be_visible()
    closes(window)
    post_and_check(page)


@pytest.mark.only_reads
def test_a_button_that_is_reached_before_the_second_file_arrives_keeps_the_focus(demo, reader):
    page = reader()
    held = []
    page.route("**/embed/act-*.js", lambda route: held.append(route), times=1)
    page.goto(demo.post)
    with page.expect_request("**/embed/act-*.js"):
        page.get_by_role("textbox", name="Comment").focus()
    button = page.get_by_role("button", name="Email", exact=True)
    button.focus()
    held[0].continue_()
    expect(page.get_by_role("toolbar", name="Formatting")).to_be_visible()
    expect(button).to_be_focused()
    with page.context.expect_page():
        page.keyboard.press("Enter")


def test_cancel_leaves_the_form_as_it_was(demo, reader):
    page = reader()
    window = open_window(page, demo)
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect(page.get_by_role("button", name="Email", exact=True)).to_be_focused()
    expect(page.get_by_role("textbox", name="Comment")).to_have_value(DRAFT)
    expect(page.get_by_role("textbox", name="Email")).to_be_visible()
    closes(window)

    window = open_window(page, demo)
    window.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Email", exact=True)).to_be_visible()
    expect(page.get_by_role("textbox", name="Comment")).to_have_value(DRAFT)


@pytest.mark.only_reads
def test_closing_the_window_is_not_taken_for_a_cancel(demo, reader):
    page = reader()
    open_window(page, demo).close()
    page.wait_for_timeout(1500)
    expect(page.get_by_text("Connecting to Email…")).to_be_visible()
    expect(page.get_by_role("button", name="Cancel", exact=True)).to_be_visible()


def test_a_sign_in_that_was_ended_elsewhere_keeps_the_words(demo, reader, mailed_code):
    page = reader()
    prove(open_window(page, demo), mailed_code)
    expect(page.get_by_text(USING)).to_be_visible()
    page.route("**/api/v1/comments", lambda route: route.fulfill(status=401, json={"detail": "ended", "status": 401},
               headers={"Access-Control-Allow-Origin": "*"}))  # fmt: skip
    page.get_by_role("button", name="Post Comment").click()
    expect(page.get_by_role("alert")).to_contain_text("You have been signed out.")
    expect(page.get_by_role("textbox", name="Comment")).to_have_value(DRAFT)
    expect(page.get_by_role("button", name="Email", exact=True)).to_be_visible()


@pytest.mark.only_reads
def test_a_message_from_anybody_else_is_not_listened_to(demo, reader):
    page = reader()
    open_window(page, demo)
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "/auth/token" in request.url else None)
    page.evaluate("() => window.postMessage({commentsvc: {state: 'x', code: 'csc_x', iss: 'y'}}, '*')")
    page.wait_for_timeout(300)
    assert asked == []
    expect(page.get_by_text("Connecting to Email…")).to_be_visible()


PROVIDERS = [
    "X (Twitter)",
    "Facebook",
    "WordPress.com",
    "Google",
    "Apple",
    "GitHub",
    "Microsoft",
    "Discord",
    "Example ID",
]


@pytest.mark.parametrize("label", PROVIDERS)
def test_sign_in_with_each_provider_comment_and_log_out(demo, reader, label):
    page = reader()
    through_provider(page, demo, label)
    expect(page.get_by_text(f"You are commenting using your {label} account.")).to_be_visible()
    expect(page.get_by_role("textbox", name="Comment")).to_have_value(DRAFT)
    post_and_check(page)
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("button", name=label, exact=True)).to_be_visible()


def test_a_provider_that_cuts_the_window_off_still_signs_in(demo, reader):
    page = reader()

    def cut(route):
        if "/i/oauth2/authorize" not in route.request.url:
            return route.fallback()
        answer = route.fetch(max_redirects=0)
        headers = {**answer.headers, "cross-origin-opener-policy": "same-origin"}
        return route.fulfill(response=answer, headers=headers)

    page.context.route("**/*", cut)
    window = through_provider(page, demo, "X (Twitter)")
    expect(page.get_by_text("You are commenting using your X (Twitter) account.")).to_be_visible()
    closes(window)
    post_and_check(page)


def test_a_page_that_adds_its_comments_later_and_cuts_the_window_off_still_signs_in(demo, reader):
    page = reader()
    script = f'<script type="module" src="{demo.service}/embed.js"></script>'
    add = "this.replaceWith(Object.assign(document.createElement('div'), {innerHTML: '<comment-thread site=blog>'}))"
    body = f'<!doctype html><title>Late</title>{script}<button onclick="{add}">Show comments</button>'
    headers = {"content-type": "text/html", "cross-origin-opener-policy": "same-origin"}
    page.context.route(f"{demo.blog}/late/", lambda route: route.fulfill(body=body, headers=headers))
    page.goto(f"{demo.blog}/late/")
    page.get_by_role("button", name="Show comments").click()
    start_to_write(page)
    with page.context.expect_page() as opened:
        page.get_by_role("button", name="GitHub", exact=True).click()
    window = opened.value
    window.get_by_role("button", name="Continue as Ann Lee").click()
    window.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("You are commenting using your GitHub account.")).to_be_visible()
    expect(page.get_by_role("textbox", name="Comment")).to_have_value(DRAFT)
    closes(window)


def test_the_picture_comes_from_the_service_alone(demo, reader):
    page = reader()
    through_provider(page, demo, "X (Twitter)")
    expect(page.get_by_text("using your X (Twitter) account")).to_be_visible()
    own = page.locator(".signed-in img")
    for _ in range(50):  # the service fetches it meanwhile
        page.reload()
        page.wait_for_timeout(250)
        if own.count():
            break
    post_and_check(page)
    face = page.locator("li.comment", has_text=DRAFT).locator("img.avatar")
    expect(face).to_have_attribute("src", re.compile(rf"^{demo.service}/avatars/[0-9a-f]{{64}}\.webp$"))
    assert face.evaluate("image => image.decode().then(() => image.naturalWidth)") == 96
    page.reload()
    expect(own).to_have_attribute("src", face.get_attribute("src"))


def test_denied_at_the_provider_says_so_and_leads_on(demo, reader):
    page = reader()
    page.goto(demo.post)
    with page.context.expect_page() as opened:
        page.get_by_role("button", name="GitHub", exact=True).click()
    window = opened.value
    window.get_by_role("button", name="Cancel").click()
    expect(window.get_by_role("heading", name="You are not signed in")).to_be_visible()
    expect(window.get_by_text("You did not allow GitHub to share who you are")).to_be_visible()
    window.get_by_role("link", name="Sign in another way").click()
    expect(window.get_by_role("link", name="Continue with Google")).to_be_visible()


def test_mastodon_asks_for_the_readers_own_server_first(demo, reader):
    page = reader()
    page.goto(demo.post)
    with page.context.expect_page() as opened:
        page.get_by_role("button", name="Mastodon", exact=True).click()
    window = opened.value
    window.get_by_label("Your server").fill("@ann@social.example")
    window.keyboard.press("Enter")
    window.get_by_role("button", name="Continue as Ann Lee").click()
    window.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("You are commenting using your Mastodon account.")).to_be_visible()


def test_change_to_another_account(demo, reader):
    page = reader()
    through_provider(page, demo, "X (Twitter)")
    expect(page.get_by_text("using your X (Twitter) account")).to_be_visible()
    with page.context.expect_page() as opened:
        page.get_by_role("button", name="Change").click()
    window = opened.value
    expect(window.get_by_role("heading", name="Continue as Ann Lee on Field Notes")).to_be_visible()
    window.get_by_role("button", name="Use another account").click()
    window.get_by_role("link", name="Continue with GitHub").click()
    window.get_by_role("button", name="Continue as Bo").click()
    expect(page.get_by_text("You are commenting using your GitHub account.")).to_be_visible()
    expect(page.get_by_role("textbox", name="Comment")).to_have_value(DRAFT)


def test_a_way_to_sign_in_is_added_by_its_holder_and_by_no_link(demo, reader):
    page = reader().context.new_page()  # one that may go to the provider
    page.goto(demo.sign_in_link)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/dashboard**")

    page.goto(demo.blog)
    # As a page of anybody's may do: the browser sends the session's cookie along with such a navigation.
    page.evaluate("address => { location.href = address }", f"{demo.service}/auth/github/login?link=1&next=/account")
    expect(page.get_by_text("You are signed in as Alice. Sign in with GitHub instead?")).to_be_visible()
    page.get_by_role("link", name="Cancel").click()
    expect(page.get_by_role("heading", name="Alice")).to_be_visible()
    expect(page.get_by_text("GitHub:")).to_have_count(0)

    page.get_by_role("button", name="Mastodon").click()
    page.get_by_label("Your server").fill("social.example")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Continue as Bo").click()
    expect(page.get_by_role("heading", name="Add this sign-in method?")).to_be_visible()
    expect(page.get_by_text("@bo@social.example")).to_be_visible()
    page.get_by_role("button", name="Add it to my account").click()
    expect(page.get_by_text("Sign-in method added.")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="Mastodon: Bo Nakamura")).to_be_visible()


@pytest.mark.only_reads
def test_a_reader_who_closes_the_window_is_told_to_cancel(demo, reader):
    page = reader()
    page.goto(demo.post)
    start_to_write(page)
    with page.context.expect_page() as opened:
        page.get_by_role("button", name="X (Twitter)", exact=True).click()
    opened.value.close()
    expect(page.get_by_text("If you closed the sign-in window, cancel and try again.")).to_be_visible()
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect(page.get_by_role("button", name="X (Twitter)", exact=True)).to_be_focused()

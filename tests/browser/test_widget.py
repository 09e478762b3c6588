"""The widget beyond the main story: voting, reporting, hiding, editing, preview, paging."""

import re
import time
from importlib import resources

import pytest
from playwright.sync_api import expect

from tests.support.widget import WORDS, comment, through_provider, write

TARGET_PX = 24  # WCAG 2.2, 2.5.8


def form(page):
    return page.get_by_role("form", name="Leave a comment")


def posted(page, words=WORDS):
    write(page, words)
    expect(comment(page, words)).to_contain_text("awaiting moderation")
    return comment(page, words)


@pytest.mark.only_reads
def test_reading_takes_three_requests_and_none_before_the_reader_is_near_but_the_script(demo, reader):
    page = reader(viewport={"width": 1000, "height": 600})
    asked = []
    page.on("request", lambda request: asked.append(request.url) if request.url.startswith(demo.service) else None)

    def push_down(route):
        answer = route.fetch()
        far = '<div style="height: 6000px"></div><comment-thread'
        route.fulfill(response=answer, body=answer.text().replace("<comment-thread", far))

    page.route(demo.post, push_down)
    page.goto(demo.post)
    page.wait_for_timeout(500)
    assert [url.removeprefix(demo.service) for url in asked] == ["/embed.js"]
    page.mouse.wheel(0, 5500)
    expect(page.locator("li.comment")).to_have_count(8)
    assert len(asked) == 3 and "/embed/v1/comments?" in asked[1] and "/embed/form-" in asked[2]
    page.mouse.wheel(0, 3000)
    page.wait_for_timeout(300)
    assert len(asked) == 3, "writing is loaded when somebody reaches for it"
    page.get_by_role("textbox", name="Comment").focus()
    expect(page.get_by_role("toolbar", name="Formatting")).to_be_visible()
    assert re.search(r"/embed/act-\w{8}\.js$", asked[3])


@pytest.mark.only_reads
def test_an_eager_thread_does_not_wait(demo, reader):
    page = reader(viewport={"width": 1000, "height": 600})

    def push_down(route):
        answer = route.fetch()
        far = '<div style="height: 6000px"></div><comment-thread eager'
        route.fulfill(response=answer, body=answer.text().replace("<comment-thread", far))

    page.route(demo.post, push_down)
    page.goto(demo.post)
    expect(page.locator("li.comment")).to_have_count(8)


def test_votes_show_at_once_and_are_taken_back_when_refused(demo, reader):
    page = reader()
    through_provider(page, demo, "X (Twitter)")
    expect(page.get_by_text("using your X (Twitter) account")).to_be_visible()
    first = page.locator("li.comment").first.locator("> article")
    up, down = first.get_by_role("button", name="Vote up"), first.get_by_role("button", name="Vote down")
    with page.expect_response("**/vote"):
        up.click()
        expect(up).to_have_attribute("aria-pressed", "true")
        expect(first.locator(".score")).to_have_text("1")
    with page.expect_response("**/vote"):
        down.click()
        expect(first.locator(".score")).to_have_text("-1")
    expect(up).to_have_attribute("aria-pressed", "false")
    page.reload()
    expect(down).to_have_attribute("aria-pressed", "true")

    refusal = '{"detail": "No more votes today.", "status": 429}'
    headers = {"access-control-allow-origin": demo.blog, "content-type": "application/problem+json"}
    page.route("**/vote", lambda route: route.fulfill(status=429, body=refusal, headers=headers))
    up.click()
    expect(page.get_by_role("status").last).to_have_text("No more votes today.")
    expect(down).to_have_attribute("aria-pressed", "true")
    expect(first.locator(".score")).to_have_text("-1")


@pytest.mark.only_reads
def test_who_is_not_signed_in_is_asked_to_before_a_vote(demo, reader):
    page = reader()
    page.goto(demo.post)
    page.get_by_role("button", name="Vote up").first.click()
    expect(page.get_by_role("alert")).to_have_text("Please sign in to vote.")
    expect(page.get_by_role("button", name="X (Twitter)", exact=True)).to_be_focused()


def test_a_comment_is_reported_by_the_keyboard(demo, reader, moderator):
    page = reader()
    page.goto(demo.post)
    more = page.get_by_role("button", name="More about the comment by Dora Lindqvist").first
    more.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem", name="Copy link")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Report this comment to the moderators")
    expect(dialog).to_be_visible()
    dialog.get_by_role("radio", name="Something else").check()
    dialog.get_by_role("button", name="Report").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Please say in a few words")
    dialog.get_by_role("textbox").fill("It names a child.")
    dialog.get_by_role("button", name="Report").click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("status").last).to_contain_text("Thank you")
    expect(more).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(more).to_be_focused()


@pytest.mark.only_reads
def test_a_person_is_hidden_until_shown_again(demo, reader):
    page = reader()
    page.goto(demo.post)
    words = page.get_by_text("I did the same thing last winter.")
    page.get_by_role("button", name="More about the comment by Dora Lindqvist").first.click()
    page.get_by_role("menuitem", name="Hide comments by Dora Lindqvist").click()
    expect(words).to_be_hidden()
    page.reload()
    expect(page.get_by_role("button", name="Hidden by you. Show").first).to_be_visible()
    expect(words).to_be_hidden()
    page.get_by_role("button", name="Hidden by you. Show").first.click()
    expect(words).to_be_visible()
    assert page.evaluate("() => localStorage.length") == 0


@pytest.mark.only_reads
def test_replies_fold_and_stay_folded_and_a_link_to_one_unfolds_them(demo, reader):
    page = reader()
    page.goto(demo.post)
    fold = page.get_by_role("button", name="Replies to Dora Lindqvist").first
    reply = page.get_by_text("I would love to believe that.")
    fold.click()
    expect(fold).to_have_attribute("aria-expanded", "false")
    expect(reply).to_be_hidden()
    page.reload()
    expect(page.locator("li.comment").first).to_be_visible()
    expect(reply).to_be_hidden()
    number = page.locator("li.comment", has=page.get_by_text("I would love to believe that.")).last.get_attribute("id")
    page.evaluate("hash => { location.hash = hash; }", f"#{number}")
    expect(reply).to_be_visible()


def test_what_one_wrote_can_be_changed_and_taken_back_in_sight_of_the_time(demo, reader):
    page = reader()
    page.goto(demo.post)
    mine = posted(page)
    expect(mine.get_by_text(re.compile(r"Editable for 1[45]:\d\d"))).to_be_visible()
    mine.get_by_role("button", name="Edit").click()
    area = mine.get_by_role("textbox", name="Your comment")
    expect(area).to_have_value(WORDS)
    area.fill("Said better.")
    page.keyboard.press("Control+Enter")
    changed = comment(page, "Said better.")
    expect(changed).to_contain_text("awaiting moderation")
    expect(changed).to_be_focused()
    page.reload()
    changed.get_by_role("button", name="Delete").click()
    changed.get_by_role("button", name="Really delete?").click()
    expect(page.get_by_text("Said better.")).to_have_count(0)
    expect(page.get_by_role("status").last).to_have_text("Your comment is deleted.")
    page.reload()
    expect(page.locator("li.comment")).to_have_count(8)
    expect(page.get_by_text("Said better.")).to_have_count(0)


@pytest.mark.only_reads
def test_marks_and_a_look_before_sending(demo, reader):
    page = reader()
    page.goto(demo.post)
    area = page.get_by_role("textbox", name="Comment")
    area.fill("loud")
    area.select_text()
    page.get_by_role("button", name="Bold").click()
    expect(area).to_have_value("**loud**")
    page.keyboard.press("Control+Z")
    expect(area).to_have_value("loud")
    page.keyboard.press("Control+Shift+Z")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("region", name="Preview").locator("strong")).to_have_text("loud")
    page.get_by_role("button", name="Preview").click()
    expect(area).to_be_focused()
    area.fill("x" * 9500)
    expect(page.get_by_text("500 characters left")).to_be_visible()


def test_control_enter_sends_and_escape_cancels_a_reply(demo, reader):
    page = reader()
    page.goto(demo.post)
    reply = page.get_by_role("link", name=re.compile("^Reply to")).first
    reply.click()
    area = page.get_by_role("textbox", name="Comment")
    area.fill("half a thou")
    page.keyboard.press("Escape")
    expect(reply).to_be_focused()
    expect(page.get_by_role("heading", name="Leave a comment")).to_be_visible()
    reply.click()
    expect(area).to_have_value("half a thou")
    area.fill(WORDS)
    page.get_by_role("textbox", name="Name").fill("Carol")
    page.get_by_role("textbox", name="Email").fill("carol@example.org")
    page.keyboard.press("Control+Enter")
    expect(comment(page)).to_contain_text("awaiting moderation")


def test_offline_the_words_are_kept_and_sent_once_when_the_network_is_back(demo, reader):
    page = reader()
    page.goto(demo.post)
    page.get_by_role("textbox", name="Comment").focus()
    expect(page.get_by_role("toolbar", name="Formatting")).to_be_visible()
    page.context.set_offline(True)
    write(page)
    expect(page.get_by_role("alert")).to_contain_text("Your text is kept")
    expect(page.get_by_role("alert")).to_contain_text("You are offline")
    page.context.set_offline(False)
    expect(comment(page)).to_contain_text("awaiting moderation")
    page.reload()
    expect(page.locator("li.comment")).to_have_count(9)


def test_who_is_told_that_a_text_must_wait_changes_it_or_sends_it_all_the_same(demo, reader, moderator):
    moderator.goto(demo.service + "/dashboard/blog/settings")
    moderator.locator("[name=mode]").select_option("rules")
    moderator.locator("[name=warn_before_hold]").check()
    moderator.get_by_role("button", name="Save settings").click()
    moderator.goto(demo.service + "/dashboard/blog/rules")
    moderator.locator("textarea[name=value]").first.fill("casino")
    moderator.get_by_role("button", name="Add rule").click()
    page = reader()
    page.goto(demo.post)
    write(page, "Come to the casino")
    hint = page.get_by_role("alert")
    expect(hint).to_contain_text("This comment will be held for review")
    expect(hint.locator("mark")).to_have_text("casino")
    write(page, "Come to the library")
    expect(page.get_by_role("status").last).to_contain_text("Your comment is published.")
    write(page, "Or to the casino", name="Dave")
    page.get_by_role("button", name="Send anyway").click()
    expect(comment(page, "Or to the casino")).to_contain_text("awaiting moderation")


def late(route):
    time.sleep(0.5)
    route.continue_()


def test_word_of_new_comments_moves_nothing_until_asked(demo, reader, moderator):
    page = reader()
    page.route("**/embed/v1/texts*", late)  # it is said in the page's words, however late they come
    with page.expect_response("**/embed/poller-*.js"):
        page.goto(demo.post)
    expect(page.locator("li.comment")).to_have_count(8)
    carol = reader()
    carol.goto(demo.post)
    posted(carol)
    moderator.goto(demo.service + "/dashboard/blog?status=pending")
    moderator.locator("article", has_text=WORDS).get_by_role("button", name="Approve").click()
    expect(moderator.get_by_text("1 comment approved")).to_be_visible()
    third = page.locator("li.comment").nth(3)
    third.scroll_into_view_if_needed()
    before = third.bounding_box()
    page.wait_for_timeout(1000)
    page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")  # as if the tab came back
    show = page.get_by_role("button", name="One new comment: show")
    expect(show).to_be_visible()
    expect(page.get_by_role("status").last).to_have_text("One new comment: show")
    assert third.bounding_box() == before
    expect(page.locator("li.comment")).to_have_count(8)
    show.click()
    expect(comment(page)).to_be_focused()
    expect(page.get_by_role("heading", name="9 thoughts on")).to_be_visible()


def narrow_pages(page):
    """Pages of two top-level comments: the demo's thread has four."""
    page.route("**/embed/v1/comments*", lambda route: route.continue_(url=route.request.url + "&limit=2"), times=20)


@pytest.mark.only_reads
def test_reading_on_says_how_much_is_left_and_a_link_finds_a_later_page(demo, reader):
    page = reader()
    narrow_pages(page)
    page.goto(demo.post)
    more = page.get_by_role("link", name="Show 2 more comments")
    more.click()
    expect(page.locator("li.comment")).to_have_count(8)
    expect(page.locator(".comments > li.comment").nth(2)).to_be_focused()
    expect(more).to_have_count(0)
    number = page.locator("li.comment").last.get_attribute("id")
    page.goto("about:blank")
    page.goto(f"{demo.post}#{number}")
    expect(page.locator(f"#{number}")).to_have_class(re.compile("is-target"))
    expect(page.locator(f"#{number}")).to_be_in_viewport()


@pytest.mark.only_reads
def test_the_order_is_the_readers_choice(demo, reader):
    page = reader()
    page.goto(demo.post)
    oldest = page.locator(".comments > li.comment").first
    expect(oldest).to_contain_text("Dora Lindqvist")
    page.get_by_label("Sort by").focus()
    page.get_by_label("Sort by").select_option("newest")
    expect(oldest).to_contain_text("Jonas Weill")
    expect(page.get_by_label("Sort by")).to_be_focused()


@pytest.mark.only_reads
def test_it_reads_and_writes_in_a_frame_that_may_hardly_do_anything(demo, reader):
    page = reader()
    page.route(demo.blog + "/framed", lambda route: route.fulfill(
        content_type="text/html",
        body=f'<iframe sandbox="allow-scripts allow-forms" width="900" height="4000" src="{demo.post}"></iframe>',
    ))  # fmt: skip
    page.goto(demo.blog + "/framed")
    frame = page.frame_locator("iframe")
    frame.get_by_text("I expected to miss something.").scroll_into_view_if_needed()
    page.mouse.wheel(0, 600)
    expect(frame.locator("li.comment")).to_have_count(8)
    frame.get_by_role("textbox", name="Comment").fill(WORDS)
    frame.get_by_role("textbox", name="Name").fill("Carol")
    frame.get_by_role("textbox", name="Email").fill("carol@example.org")
    frame.get_by_role("button", name="Post Comment").click()
    # A page without an origin is none of the site's own; it is told so, and the words stay.
    expect(frame.get_by_role("alert")).to_contain_text("origin")
    expect(frame.get_by_role("textbox", name="Comment")).to_have_value(WORDS)


def test_behind_a_path_of_the_blogs_own_origin(demo, reader):
    page = reader()

    def proxied(route):
        url = route.request.url.replace(demo.blog + "/talk", demo.service)
        route.fulfill(response=route.fetch(url=url, headers={**route.request.headers, "origin": demo.blog}))

    def embed_first_party(route):
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace(demo.service, demo.blog + "/talk"))

    page.route(demo.blog + "/talk/**", proxied)
    page.route(demo.post, embed_first_party)
    page.goto(demo.post)
    expect(page.locator("li.comment")).to_have_count(8)
    posted(page)


@pytest.mark.only_reads
def test_where_its_second_file_cannot_be_loaded_nothing_is_lost(demo, reader):
    page = reader()
    page.route("**/embed/act-*.js", lambda route: route.abort(), times=1)
    page.goto(demo.post)
    page.get_by_role("textbox", name="Comment").fill("kept")
    expect(page.get_by_role("status").last).to_contain_text("please try again")
    expect(page.get_by_role("textbox", name="Comment")).to_have_value("kept")
    page.get_by_role("textbox", name="Comment").blur()
    page.get_by_role("textbox", name="Comment").focus()
    expect(page.get_by_role("toolbar", name="Formatting")).to_be_visible()
    expect(page.get_by_role("textbox", name="Comment")).to_have_value("kept")


def test_a_pointer_on_the_comments_while_they_are_drawn_leaves_the_form_working(demo, reader):
    """It loads the code behind the buttons, which must wait for the form: its file comes late here."""
    page = reader()
    held = []
    page.route("**/embed/form-*.js", lambda route: held.append(route))
    page.goto(demo.post)
    expect(page.locator("li.comment")).to_have_count(8)
    (actions,) = (resources.files("commentsvc") / "web/static/embed").glob("act-*.js")
    page.evaluate("url => import(url).then(() => {})", f"{demo.service}/embed/{actions.name}")
    page.locator("li.comment .vote").first.hover()
    page.evaluate("new Promise(requestAnimationFrame)")
    held[0].continue_()
    write(page)
    expect(comment(page)).to_contain_text("awaiting moderation")


def test_a_page_opens_the_form_before_the_reader_has_come_to_it(demo, reader):
    page = reader()
    page.goto(demo.blog + "/about/")
    page.set_content(
        f"""<script type="module" src="{demo.service}/embed.js"></script><p style="height: 6000px">Far</p>
        <comment-thread site="blog" thread="{demo.post.removeprefix(demo.blog)}"></comment-thread>"""
    )
    page.evaluate(
        "customElements.whenDefined('comment-thread').then(() => document.querySelector('comment-thread').reply())"
    )
    expect(page.get_by_role("textbox", name="Comment")).to_be_focused()
    write(page)
    expect(comment(page)).to_contain_text("awaiting moderation")


@pytest.mark.only_reads
def test_the_page_gets_no_global_but_the_elements(demo, reader):
    page = reader()
    page.goto(demo.blog + "/mailbox")
    before = set(page.evaluate("() => Object.keys(window)"))
    page.goto(demo.post)
    page.get_by_role("textbox", name="Comment").focus()
    expect(page.get_by_role("toolbar", name="Formatting")).to_be_visible()
    assert set(page.evaluate("() => Object.keys(window)")) - before == set()


@pytest.mark.only_reads
def test_a_page_uses_the_elements_own_methods_and_events(demo, reader):
    page = reader()
    page.goto(demo.post)
    expect(page.locator("li.comment")).to_have_count(8)
    assert page.evaluate("() => document.querySelector('comment-thread').count") == 8
    loaded = """() => new Promise(resolve => {
        const thread = document.querySelector('comment-thread');
        document.addEventListener('comment-thread-loaded', event => resolve(event.detail.count), {once: true});
        thread.reload();
    })"""
    assert page.evaluate(loaded) == 8
    number = int(page.locator("li.comment").nth(2).get_attribute("data-id"))
    page.evaluate("id => document.querySelector('comment-thread').reply(id)", number)
    expect(page.get_by_role("heading", name=re.compile("^Reply to"))).to_be_visible()
    expect(page.get_by_role("textbox", name="Comment")).to_be_focused()


@pytest.mark.only_reads
def test_whoever_set_it_up_wrongly_is_told_once_and_how_to_mend_it(demo, reader):
    page = reader()
    lines = []
    page.on("console", lambda message: lines.append(message.text) if message.text.startswith("commentsvc:") else None)
    page.goto(demo.blog + "/")
    page.evaluate(
        """() => document.querySelector('main').append(
            document.createElement('comment-thread'),
            Object.assign(document.createElement('div'), {id: 'there'}))"""
    )
    expect(page.get_by_text("give the comment-thread element a site attribute")).to_be_visible()
    assert len(lines) == 1
    page.locator("comment-thread").evaluate("e => e.setAttribute('site', 'nobody')")
    expect(page.get_by_text("there is no site “nobody” here")).to_be_visible()
    assert len(lines) == 2


@pytest.mark.only_reads
@pytest.mark.parametrize("width", [320, 1200])
def test_whatever_can_be_pressed_is_large_enough(demo, reader, width):
    page = reader(viewport={"width": width, "height": 900})
    page.goto(demo.post)
    page.get_by_role("textbox", name="Comment").focus()
    expect(page.get_by_role("toolbar", name="Formatting")).to_be_visible()
    page.get_by_role("button", name="More about the comment").first.click()
    small = page.locator("comment-thread").evaluate(
        """(thread, least) => ['button', 'select', 'input', 'textarea', '.reply', '.permalink']
            .flatMap(kind => [...thread.shadowRoot.querySelectorAll(kind)])
            .filter(e => e.checkVisibility() && !e.closest('.trap'))
            .map(e => [e.outerHTML.slice(0, 80), e.getBoundingClientRect()])
            .filter(([, box]) => box.width < least || box.height < least)
            .map(([html, box]) => `${html} ${box.width}x${box.height}`)""",
        TARGET_PX,
    )
    assert small == []

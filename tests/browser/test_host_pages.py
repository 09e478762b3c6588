"""The widget on pages of all kinds: nothing on the page breaks it, and it breaks nothing on the page."""

import re

import pytest
from playwright.sync_api import expect

from tests.support.widget import WORDS

THREAD = "/2026/09/why-i-left-the-big-comment-platform/"
FAILED = "The comments could not be loaded."


@pytest.fixture
def show(demo, reader):
    """Show a page of the blog with this HTML, in which `E` stands for the widget."""

    def open_page(html, head="", lang="en", path="/host/", options=None, attributes="", visit=True, **context):
        page = reader(**context)
        snippet = f'<script type="module" src="{demo.service}/embed.js"></script>'
        element = f'<comment-thread site="blog" thread="{THREAD}" {attributes}></comment-thread>'
        body = f'<!doctype html><html {lang if "=" in lang else f"lang={lang}"}><head><meta charset="utf-8">'
        body += '<meta name="viewport" content="width=device-width">' + head + snippet + "</head><body>"
        body += html.replace("E!", element) + "</body></html>"
        page.route(demo.blog + path, lambda route: route.fulfill(content_type="text/html; charset=utf-8", body=body))
        if visit:
            page.goto(demo.blog + path)
        return page

    return open_page


def loaded(page):
    expect(page.locator("li.comment")).to_have_count(8)
    return page


def width_of(page):
    return page.evaluate("() => document.documentElement.scrollWidth")


@pytest.mark.only_reads
@pytest.mark.parametrize("width", [390, 1200])
@pytest.mark.parametrize("lang", ['lang="he" dir="rtl"', 'lang="ar" dir="rtl"', "en"])
def test_it_never_makes_the_page_wider(show, width, lang):
    page = loaded(show("<style>body{margin:0}</style>E!", lang=lang, viewport={"width": width, "height": 800}))
    page.locator("textarea").focus()
    expect(page.get_by_role("toolbar")).to_be_visible()
    page.locator("button.menu").last.click()
    expect(page.get_by_role("menu")).to_be_visible()
    assert width_of(page) == width
    outside = page.locator("comment-thread").evaluate(
        """(thread, width) => [...thread.shadowRoot.querySelectorAll('*')].filter(e => e.checkVisibility())
            .map(e => [e.outerHTML.slice(0, 80), e.getBoundingClientRect()])
            .filter(([, box]) => box.left < -0.5 || box.right > width + 0.5)
            .map(([html, box]) => `${html} ${box.left} ${box.right}`)""",
        width,
    )
    assert outside == []


LONG_LINE = "x = " + " + ".join(f"value_{number}" for number in range(40))
TABLE = "<table><tr>" + "".join(f"<td>unbreakable_{number}</td>" for number in range(30)) + "</tr></table>"


@pytest.mark.only_reads
@pytest.mark.parametrize(
    "layout",
    [
        ".wrap{display:grid}",
        ".wrap{display:grid;grid-template-columns:1fr}",
        ".wrap{display:flex}",
        ".wrap{display:flex;flex-direction:column;align-items:stretch}",
        ".wrap{display:table}",
        ".wrap{float:left}",
    ],
)
@pytest.mark.parametrize("wide", [f"<pre><code>{LONG_LINE}</code></pre>", TABLE], ids=["code", "table"])
def test_long_lines_scroll_in_any_layout(demo, show, layout, wide):
    page = show(
        f'<style>body{{margin:0}}{layout}</style><div class="wrap"><article><p>Words.</p>E!</article></div>',
        viewport={"width": 390, "height": 800},
        visit=False,
    )

    def with_long_line(route):
        answer = route.fetch()
        text = re.sub(r'(<div class="body"[^>]*>)', lambda found: found[1] + wide, answer.text(), count=1)
        route.fulfill(response=answer, body=text)

    page.route("**/embed/v1/comments*", with_long_line)
    page.goto(demo.blog + "/host/")
    loaded(page)
    assert width_of(page) == 390
    box = page.locator(".body").first.locator("pre, table").first
    assert box.evaluate("e => e.scrollWidth > e.clientWidth"), "it scrolls"
    assert page.locator("comment-thread").evaluate("e => e.offsetWidth") >= 380, "the comments use the room there is"


@pytest.mark.only_reads
@pytest.mark.parametrize("lang", ["en_US", "pt_BR", "de-", "{{lang}}", "x", "en-US@posix", "zz-zz-zz", "-", "a_b_c@d"])
def test_a_language_that_is_none_is_passed_over(show, lang):
    page = loaded(show("E!", lang=f'lang="{lang}"'))
    expected = "Comentário" if lang == "pt_BR" else "Comment"
    expect(page.get_by_role("textbox", name=expected)).to_be_visible()
    expect(page.locator("time").first).not_to_be_empty()


@pytest.mark.only_reads
@pytest.mark.parametrize("own", [["en-US@posix", "en"], ["C", "{}"], []])
def test_a_browser_that_names_no_language_is_like_any(demo, show, own):
    page = show("E!", visit=False)
    page.add_init_script(f"Object.defineProperty(navigator, 'languages', {{get: () => {own}}})")
    page.goto(demo.blog + "/host/")
    loaded(page)
    expect(page.locator("time").first).not_to_be_empty()


@pytest.mark.only_reads
@pytest.mark.parametrize(
    "broken",
    [
        "document.importNode = () => { throw new TypeError('patched by another script'); };",
        "Intl.DateTimeFormat = function () { throw new RangeError('patched by another script'); };",
        "Element.prototype.querySelectorAll = () => { throw new TypeError('patched by another script'); };",
    ],
)
def test_any_error_ends_in_a_box_that_leads_to_the_hosted_page(demo, show, broken):
    page = show("E!", visit=False)
    page.add_init_script(broken)
    page.goto(demo.blog + "/host/")
    expect(page.get_by_role("alert")).to_contain_text(FAILED)
    page.get_by_role("link", name="on their own page").click()
    expect(page).to_have_url(re.compile(rf"{demo.service}/t/blog\?thread="))
    expect(page.get_by_text("I did the same thing last winter.").first).to_be_visible()


HOTKEYS = """<input id=search><script>
    addEventListener('keydown', event => {
        if (['INPUT', 'TEXTAREA', 'SELECT'].includes(event.target.tagName) || event.ctrlKey) return;
        if (event.key.length === 1 || event.key.startsWith('Arrow')) {
            document.getElementById('search').focus(); event.preventDefault();
        }
    })
</script>"""


@pytest.mark.only_reads
@pytest.mark.parametrize("when", ["at once", "with the toolbar", "in the address"])
def test_the_pages_hotkeys_do_not_take_what_is_typed(show, when):
    page = loaded(show(HOTKEYS + "E!"))
    field = page.get_by_role("textbox", name="Email" if when == "in the address" else "Comment")
    if when == "at once":
        page.route("**/embed/act-*.js", lambda route: None)
    field.first.focus()
    if when == "with the toolbar":
        expect(page.get_by_role("toolbar")).to_be_visible()
    page.keyboard.type("is this nice and/or not?")
    page.keyboard.press("ArrowLeft")
    expect(field.first).to_have_value("is this nice and/or not?")
    expect(field.first).to_be_focused()
    field.first.blur()
    page.keyboard.press("s")
    expect(page.locator("#search")).to_be_focused()


@pytest.mark.only_reads
def test_fields_are_large_enough_for_phones_not_to_zoom(show):
    style = "<style>body{font:14px sans-serif}</style>"
    page = loaded(show(style + "E!", viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True))
    sizes = """thread => [...thread.shadowRoot.querySelectorAll('.field input, textarea, select')]
        .map(e => getComputedStyle(e).fontSize)"""
    assert set(page.locator("comment-thread").evaluate(sizes)) == {"16px"}
    desk = loaded(show(style + "E!"))
    assert set(desk.locator("comment-thread").evaluate(sizes)) == {"14px"}


@pytest.mark.only_reads
def test_words_can_be_selected_where_the_page_forbids_it(show):
    page = loaded(show("<style>*{user-select:none}body{user-select:none;-webkit-user-select:none}</style>E!"))
    page.locator(".body").first.click(click_count=3)
    assert page.evaluate("() => getSelection().toString()") or page.locator("comment-thread").evaluate(
        "e => (e.shadowRoot.getSelection ?? getSelection).call(e.shadowRoot).toString()"
    )


@pytest.mark.only_reads
@pytest.mark.parametrize(
    ("style", "scheme"),
    [
        ("background:#111;color:#eee", "dark"),
        ("background:#111;color:oklch(0.9 0.02 90)", "dark"),
        ("background:#111;color:lab(90 0 0)", "dark"),
        ("background:#fff;color:#222", "light"),
        ("background:#fff;color:hsl(220 30% 20%)", "light"),
    ],
)
def test_menus_and_boxes_fit_a_dark_page_that_does_not_say_so(show, style, scheme):
    page = loaded(show(f"<style>body{{{style}}}</style>E!"))
    page.locator("button.menu").first.click()
    for part in (page.get_by_role("menu"), page.get_by_role("checkbox")):
        assert part.evaluate("e => getComputedStyle(e).colorScheme") == scheme


@pytest.mark.only_reads
@pytest.mark.parametrize(
    ("rest", "lines_expected"),
    [
        ("/><p>After.</p>", 1),
        ("/><footer>After.</footer><script>1</script>", 1),
        ("><noscript><p>No scripts.</p></noscript></comment-thread>", 0),
        ('><section class="thread"></section></comment-thread>', 0),
        ("></comment-thread><p>After.</p>", 0),
    ],
)
def test_an_element_closed_by_a_slash_is_told_to_the_owner_once(demo, show, rest, lines_expected):
    page = show(f'<main><comment-thread site="blog" thread="{THREAD}" {rest}</main>', visit=False)
    lines = []
    page.on("console", lambda message: lines.append(message.text) if message.text.startswith("commentsvc:") else None)
    page.goto(demo.blog + "/host/")
    loaded(page)
    page.locator("comment-thread").evaluate("e => e.parentNode.append(e)")
    loaded(page)
    assert len([line for line in lines if "</comment-thread>" in line]) == lines_expected


def number_of(page):
    return page.locator("li.comment").nth(4).get_attribute("id")


FAR = '<div style="height:3000px"></div>'
BARS = """<style>.bar{position:fixed;left:0;right:0;background:gold;z-index:9}</style>
    <div class=bar style="top:0;height:120px"></div><div class=bar style="bottom:0;height:150px"></div>"""


@pytest.mark.only_reads
@pytest.mark.parametrize("around", [f"{FAR}E!{FAR}", f"{BARS}{FAR}E!{FAR}", f"{BARS}{FAR}<details>E!</details>{FAR}"])
def test_a_link_to_a_comment_shows_it_where_nothing_covers_it(demo, show, around):
    page = show(around, viewport={"width": 1000, "height": 700}, visit=False)
    page.goto(demo.post)
    loaded(page)
    number = number_of(page)
    page.goto(f"{demo.blog}/host/#{number}")
    target = page.locator(f"#{number}")
    expect(target).to_have_class(re.compile("is-target"))
    expect(target).to_be_visible()
    box = target.locator("> article").bounding_box()
    assert box["y"] >= 120 and (box["y"] + box["height"] <= 550 or box["y"] < 250)


@pytest.mark.only_reads
def test_a_link_followed_later_opens_what_hides_the_comment(demo, show):
    page = show(f"{FAR}<details id=more><summary>More</summary>E!</details>", viewport={"width": 1000, "height": 700})
    other = show("E!")
    number = number_of(loaded(other))
    page.evaluate("hash => { location.hash = hash; }", f"#{number}")
    expect(page.locator(f"#{number}")).to_be_in_viewport()
    assert page.locator("#more").evaluate("e => e.open")


@pytest.mark.only_reads
def test_a_link_to_a_comment_that_is_gone_says_so(demo, show):
    page = show(FAR + "E!", viewport={"width": 1000, "height": 700}, visit=False)
    page.route("**/embed/v1/comments*", lambda route: route.continue_(url=route.request.url + "&limit=2"))
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "comments" in request.url else None)
    page.goto(demo.blog + "/host/#comment-99999999")
    said = page.get_by_text("This comment is no longer here. It may have been removed.")
    expect(said).to_be_in_viewport()
    expect(page.get_by_role("link", name="Show 2 more comments")).to_be_visible()
    assert [url.partition("?")[0].removeprefix(demo.service) for url in asked] == [
        "/embed/v1/comments",
        "/api/v1/comments/99999999",
    ]


@pytest.mark.only_reads
def test_what_is_printed_before_scrolling_has_the_comments(show):
    page = show(FAR + FAR + "E!", viewport={"width": 1000, "height": 700})
    page.wait_for_load_state("networkidle")
    expect(page.locator("li.comment")).to_have_count(0)
    # Counted at once: browsers do not wait for what comes later.
    printed = """thread => {
        dispatchEvent(new Event('beforeprint'));
        return thread.shadowRoot.querySelectorAll('li.comment').length;
    }"""
    assert page.locator("comment-thread").evaluate(printed) == 8
    page.locator("comment-thread").scroll_into_view_if_needed()
    page.mouse.wheel(0, 4000)
    loaded(page)
    page.get_by_role("textbox", name="Comment").focus()
    expect(page.get_by_role("toolbar")).to_be_visible()


@pytest.mark.only_reads
def test_back_returns_to_where_the_reader_was(demo, show):
    page = show(f'<div style="height:1500px"></div><a id=away href="{demo.blog}/mailbox">Away</a>E!{FAR}', visit=False)
    page.route("**/embed/v1/comments*", lambda route: (page.wait_for_timeout(300), route.continue_()))
    page.add_init_script("addEventListener('unload', () => 0)")  # no back/forward cache
    page.goto(demo.blog + "/host/")
    page.mouse.wheel(0, 1400)
    loaded(page)
    page.evaluate("() => scrollTo(0, 2364)")
    page.wait_for_function("() => scrollY === 2364")
    page.goto(demo.blog + "/mailbox")
    page.go_back()
    loaded(page)
    expect(page.locator(".is-filling")).to_have_count(0)
    page.wait_for_timeout(800)
    assert abs(page.evaluate("() => scrollY") - 2364) < 50
    assert page.locator("comment-thread").evaluate("e => e.offsetHeight") < 10_000


@pytest.mark.only_reads
def test_a_frame_that_forbids_forms_sends_all_the_same(demo, show):
    page = show(f'<iframe sandbox="allow-scripts" width="900" height="3000" src="{demo.post}"></iframe>')
    frame = page.frame_locator("iframe")
    page.mouse.wheel(0, 600)
    expect(frame.locator("li.comment")).to_have_count(8)
    frame.get_by_role("textbox", name="Comment").fill(WORDS)
    frame.get_by_role("textbox", name="Name").fill("Carol")
    frame.get_by_role("textbox", name="Email").first.fill("carol@example.org")
    frame.get_by_role("button", name="Post Comment").click()
    expect(frame.get_by_role("alert")).to_contain_text("origin")

"""The example of integrations/vitepress."""

import pytest
from playwright.sync_api import expect

from tests.browser.integrations.conftest import expect_thread, install_example, post_and_read, run, serve


@pytest.fixture(scope="module")
def vitepress(npm_package, tmp_path_factory):
    """Build the example; gives the folder of its pages, and what the build printed."""
    example = install_example("vitepress", npm_package, tmp_path_factory.mktemp("vitepress"))

    def build(service, origin):
        printed = run("npm", "run", "build", folder=example, COMMENTS_SERVICE=service, SITE_ORIGIN=origin)
        return example / ".vitepress" / "dist", printed

    return build


def test_each_page_of_vitepress_has_its_thread_by_navigation_and_by_direct_load(demo, reader, vitepress):
    site, printed = vitepress(demo.service, demo.blog)
    assert '<comment-thread site="blog" thread="/posts/first.html"' in (first := read(site, "first"))
    assert '<section class="thread"' in first and "<form" not in first
    assert "comments:" not in printed

    page = reader()
    warnings = []
    page.on("console", lambda message: warnings.append(message.text) if message.type in ("warning", "error") else None)
    serve(page, demo.blog, site)
    page.goto(f"{demo.blog}/posts/first.html")
    post_and_read(page, "First words")
    expect_thread(page, "/posts/first.html", f"{demo.blog}/posts/first.html")

    page.evaluate("window.isFirstDocument = true")
    page.locator("main").get_by_role("link", name="日本語").click()
    expect(page.locator("h1")).to_contain_text("日本語の記事")
    post_and_read(page, "最初の言葉")
    url = f"{demo.blog}/posts/%E6%97%A5%E6%9C%AC%E8%AA%9E.html"
    expect_thread(page, "/posts/日本語.html", url)
    page.go_back()
    expect(page.locator("li.comment")).to_contain_text("First words")
    expect(page.locator("li.comment")).to_have_count(1)
    assert page.evaluate("window.isFirstDocument")

    page.goto(url)
    expect(page.locator("li.comment")).to_contain_text("最初の言葉")
    expect_thread(page, "/posts/日本語.html", url)
    assert warnings == []


def test_a_vitepress_build_without_the_service_warns_and_goes_on(vitepress):
    site, printed = vitepress("http://127.0.0.1:9", "https://blog.example")
    assert "comments: http://127.0.0.1:9/embed/v1/comments?" in printed
    assert '<section class="thread"' not in (first := read(site, "first"))
    assert "<noscript><a href=" in first


def read(site, post):
    return (site / "posts" / f"{post}.html").read_text()

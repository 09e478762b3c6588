"""The example of integrations/docusaurus."""

import pytest
from playwright.sync_api import expect

from tests.browser.integrations.conftest import expect_thread, install_example, post_and_read, run, serve

pytestmark = pytest.mark.integrations


@pytest.fixture(scope="module")
def docusaurus(npm_package, tmp_path_factory):
    """Build the example; gives the folder of its pages, and what the build printed."""
    example = install_example("docusaurus", npm_package, tmp_path_factory.mktemp("docusaurus"))

    def build(service, origin):
        environ = {"COMMENTS_SERVICE": service, "SITE_ORIGIN": origin, "NO_UPDATE_NOTIFIER": "1"}
        printed = run("npm", "run", "build", folder=example, **environ)
        return example / "build", printed

    return build


def test_each_page_of_docusaurus_has_its_thread_by_navigation_and_by_direct_load(demo, reader, docusaurus):
    site, printed = docusaurus(demo.service, demo.blog)
    first = (site / "first" / "index.html").read_text()
    assert '<comment-thread site="blog" thread="/first"' in first
    assert '<section class="thread"' in first and "<form" not in first
    assert '<section class="thread" part="thread" lang="he" dir="rtl"' in (site / "he/first/index.html").read_text()
    assert "<comment-thread" not in (site / "index.html").read_text()
    assert "comments:" not in printed

    page = reader()
    warnings = []
    page.on("console", lambda message: warnings.append(message.text) if message.type in ("warning", "error") else None)
    serve(page, demo.blog, site)
    page.goto(f"{demo.blog}/first/")
    post_and_read(page, "First words")
    expect_thread(page, "/first", f"{demo.blog}/first")

    page.evaluate("window.isFirstDocument = true")
    page.locator("article").get_by_role("link", name="日本語").click()
    expect(page.locator("h1")).to_contain_text("日本語の記事")
    post_and_read(page, "最初の言葉")
    url = f"{demo.blog}/%E6%97%A5%E6%9C%AC%E8%AA%9E"
    expect_thread(page, "/日本語", url)
    page.go_back()
    expect(page.locator("li.comment")).to_contain_text("First words")
    expect(page.locator("li.comment")).to_have_count(1)
    page.get_by_role("link", name="Docs").click()
    expect(page.locator("h1")).to_contain_text("Tools")
    post_and_read(page, "About tools")
    expect_thread(page, "/docs/tools", f"{demo.blog}/docs/tools")
    assert page.evaluate("window.isFirstDocument")

    page.goto(url)
    expect(page.locator("li.comment")).to_contain_text("最初の言葉")
    expect_thread(page, "/日本語", url)
    assert warnings == []


def test_a_docusaurus_build_without_the_service_warns_and_goes_on(docusaurus):
    site, printed = docusaurus("http://127.0.0.1:9", "https://blog.example")
    assert "comments: http://127.0.0.1:9/embed/v1/comments?" in printed
    first = (site / "first" / "index.html").read_text()
    assert '<section class="thread"' not in first
    assert "<noscript><a href=" in first

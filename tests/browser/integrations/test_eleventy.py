"""The example of integrations/eleventy."""

import urllib.parse

import pytest

from tests.browser.integrations.conftest import expect_thread, install_example, post_and_read, run, serve


@pytest.fixture(scope="module")
def eleventy(npm_package, tmp_path_factory):
    """Build the example; gives the folder of its pages, and what the build printed."""
    example = install_example("eleventy", npm_package, tmp_path_factory.mktemp("eleventy"))

    def build(service, origin):
        printed = run("npm", "run", "build", folder=example, COMMENTS_SERVICE=service, SITE_ORIGIN=origin)
        return example / "_site", printed

    return build


def test_eleventy_writes_comments_into_pages_and_each_page_has_its_own_thread(demo, reader, eleventy):
    site, _ = eleventy(demo.service, demo.blog)
    page = reader()
    serve(page, demo.blog, site)
    for path, words in (("/posts/first/", "First words"), ("/posts/日本語/", "最初の言葉")):
        page.goto(demo.blog + path)
        post_and_read(page, words)
        expect_thread(page, path.rstrip("/"), demo.blog + urllib.parse.quote(path))


def test_a_page_built_by_eleventy_holds_the_comments_without_a_form(demo, eleventy):
    """The demo has comments on the post of this path."""
    site, printed = eleventy(demo.service, demo.blog)
    first = (site / "posts" / "first" / "index.html").read_text()
    assert '<comment-thread site="blog" thread="/posts/first/"' in first
    assert "<section" in first and "<form" not in first
    assert "status" not in printed


def test_a_build_without_the_service_warns_and_goes_on(eleventy):
    site, printed = eleventy("http://127.0.0.1:9", "https://blog.example")
    assert "comments: http://127.0.0.1:9/embed/v1/comments?" in printed
    assert "<section" not in (site / "posts" / "first" / "index.html").read_text()

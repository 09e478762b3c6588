"""The example of integrations/react-router."""

import pytest

from tests.browser.integrations.conftest import (
    approve,
    install_example,
    read_two_pages,
    run,
    serve,
    warnings_of,
    write_on_two_pages,
)

pytestmark = pytest.mark.integrations


@pytest.fixture(scope="module")
def react_router(npm_package, tmp_path_factory):
    """Build the example; gives the folder of its pages, and what the build printed."""
    example = install_example("react-router", npm_package, tmp_path_factory.mktemp("react-router"))

    def build(service, origin):
        printed = run("npm", "run", "build", folder=example, COMMENTS_SERVICE=service, SITE_ORIGIN=origin)
        return example / "build" / "client", printed

    return build


def test_each_page_of_react_router_has_its_own_comments(demo, reader, moderator, react_router):
    site, _ = react_router(demo.service, demo.blog)
    carol, dave, blog = reader(), reader(), demo.blog + "/notes"
    warnings = warnings_of(carol)
    serve(carol, demo.blog, site)
    write_on_two_pages(carol, blog)
    assert warnings == []

    approve(moderator, demo, "Words for the first post")
    approve(moderator, demo, "日本語の記事への言葉")
    site, printed = react_router(demo.service, demo.blog)
    assert "Words for the first post" in (site / "notes/posts/first/index.html").read_text()
    assert "日本語の記事への言葉" in (site / "notes/posts/日本語/index.html").read_text()
    assert "comments: http" not in printed

    serve(dave, demo.blog, site)
    warnings = warnings_of(dave)
    read_two_pages(dave, blog)
    assert warnings == []


def test_a_build_by_react_router_without_the_service_warns_and_goes_on(react_router):
    site, printed = react_router("http://127.0.0.1:9", "https://blog.example")
    assert "comments: http://127.0.0.1:9/embed/v1/comments?" in printed
    first = (site / "notes/posts/first/index.html").read_text()
    assert '<comment-thread site="blog" thread="/notes/posts/first"' in first
    assert "<section" not in first

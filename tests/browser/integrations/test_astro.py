"""The example of integrations/astro, with and without `transition:persist`."""

import re

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


@pytest.fixture(scope="module")
def astro(npm_package, tmp_path_factory):
    """Build the example; gives the folder of its pages, and what the build printed."""
    example = install_example("astro", npm_package, tmp_path_factory.mktemp("astro"))
    layout = example / "src" / "layouts" / "Post.astro"
    plain = layout.read_text()
    persisted = re.sub(r"<Comments .*/>", r"<aside transition:persist>\g<0></aside>", plain)

    def build(service, origin, is_persisted=False):
        layout.write_text(persisted if is_persisted else plain)
        environ = {"COMMENTS_SERVICE": service, "SITE_ORIGIN": origin, "ASTRO_TELEMETRY_DISABLED": "1"}
        return example / "dist", run("npm", "run", "build", folder=example, **environ)

    return build


# `make browser` runs the plain example alone, to stay short.
@pytest.mark.parametrize(
    "is_persisted",
    [pytest.param(False, id="plain"), pytest.param(True, id="persisted", marks=pytest.mark.integrations)],
)
def test_each_page_of_astro_has_its_own_comments(demo, reader, moderator, astro, is_persisted):
    site, _ = astro(demo.service, demo.blog, is_persisted)
    assert ("<aside data-astro-transition-persist" in (site / "posts/first/index.html").read_text()) == is_persisted
    carol, dave, blog = reader(), reader(), demo.blog + "/notes"
    warnings = warnings_of(carol)
    serve(carol, blog, site)
    write_on_two_pages(carol, blog)
    assert warnings == []

    approve(moderator, demo, "Words for the first post")
    approve(moderator, demo, "日本語の記事への言葉")
    site, printed = astro(demo.service, demo.blog, is_persisted)
    assert "Words for the first post" in (site / "posts/first/index.html").read_text()
    assert "日本語の記事への言葉" in (site / "posts/日本語/index.html").read_text()
    assert "comments: http" not in printed

    serve(dave, blog, site)
    read_two_pages(dave, blog)


def test_a_build_by_astro_without_the_service_warns_and_goes_on(astro):
    site, printed = astro("http://127.0.0.1:9", "https://blog.example")
    assert "comments: http://127.0.0.1:9/embed/v1/comments?" in printed
    first = (site / "posts/first/index.html").read_text()
    assert '<comment-thread site="blog" thread="/notes/posts/first/"' in first
    assert "<section" not in first

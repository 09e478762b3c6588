"""Examples of integrations/, built against a running service as blog owners would build them, and read in Chromium."""

import mimetypes
import os
import shutil
import subprocess
import urllib.parse
from pathlib import Path

import pytest
from playwright.sync_api import expect

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(
    shutil.which("npm") is None or not (ROOT / "embed" / "node_modules").is_dir(),
    reason="needs npm, and `npm ci` in embed/",
)


def run(*command, folder, **environ):
    done = subprocess.run(command, cwd=folder, env={**os.environ, **environ}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def eleventy(tmp_path_factory):
    """Build the example; gives its pages by path, and what the build printed."""
    folder = tmp_path_factory.mktemp("eleventy")
    embed = folder / "embed"
    shutil.copytree(ROOT / "embed", embed, ignore=shutil.ignore_patterns("node_modules", "dist"))
    (embed / "node_modules").symlink_to(ROOT / "embed" / "node_modules")
    run("npm", "run", "build:package", folder=embed)
    run("npm", "pack", "--ignore-scripts", "--pack-destination", str(folder), folder=embed)
    (package,) = folder.glob("commentsvc-embed-*.tgz")
    example = folder / "example"
    shutil.copytree(
        ROOT / "integrations" / "eleventy" / "example", example, ignore=shutil.ignore_patterns("node_modules", "_site")
    )
    shutil.rmtree(embed)
    run("npm", "install", "--no-audit", "--no-fund", "--no-save", str(package), folder=example)

    def build(service, origin):
        printed = run("npm", "run", "build", folder=example, COMMENTS_SERVICE=service, SITE_ORIGIN=origin)
        return example / "_site", printed

    return build


def serve(page, blog, site):
    """Answer the blog's addresses from the built site."""

    def answer(route):
        path = site / urllib.parse.unquote(urllib.parse.urlsplit(route.request.url).path).lstrip("/")
        path = path / "index.html" if path.is_dir() else path
        if path.is_file():
            route.fulfill(body=path.read_bytes(), content_type=mimetypes.guess_type(path.name)[0])
        else:
            route.fulfill(status=404, body="")

    page.route(f"{blog}/**", answer)


def test_eleventy_writes_comments_into_pages_and_each_page_has_its_own_thread(demo, reader, eleventy):
    site, _ = eleventy(demo.service, demo.blog)
    page = reader()
    serve(page, demo.blog, site)
    for path, words in (("/posts/first/", "First words"), ("/posts/日本語/", "最初の言葉")):
        page.goto(demo.blog + path)
        form = page.locator("form.respond")  # in the language of the page
        form.locator("textarea").fill(words)
        form.locator("[name=name]").fill("Dave")
        form.locator("[name=email]").fill("dave@example.org")
        form.locator(".send").click()
        expect(page.locator("li.comment")).to_have_count(1)
        expect(page.locator("li.comment")).to_contain_text(words)
        shown = page.evaluate("document.querySelector('comment-thread').page")
        assert (shown["thread"], shown["url"]) == (path.rstrip("/"), demo.blog + urllib.parse.quote(path))


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

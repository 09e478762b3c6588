"""Tools for the examples of integrations/: each is built as a blog owner would build it, and read in Chromium."""

import mimetypes
import os
import shutil
import subprocess
import urllib.parse
from pathlib import Path

import pytest
from playwright.sync_api import expect

ROOT = Path(__file__).parents[3]


def run(*command, folder, **environ):
    """What a command prints; it must succeed."""
    done = subprocess.run(command, cwd=folder, env={**os.environ, **environ}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="session")
def npm_package(tmp_path_factory):
    """`commentsvc-embed` as `npm pack` makes it; the path of the file."""
    if shutil.which("npm") is None or not (ROOT / "embed" / "node_modules").is_dir():
        pytest.skip("needs npm, and `npm ci` in embed/")
    folder = tmp_path_factory.mktemp("package")
    embed = folder / "embed"
    shutil.copytree(ROOT / "embed", embed, ignore=shutil.ignore_patterns("node_modules", "dist"))
    (embed / "node_modules").symlink_to(ROOT / "embed" / "node_modules")
    run("npm", "run", "build:package", folder=embed)
    run("npm", "pack", "--ignore-scripts", "--pack-destination", str(folder), folder=embed)
    (package,) = folder.glob("commentsvc-embed-*.tgz")
    shutil.rmtree(embed)
    return package


def copy_of_example(name, folder):
    """The example of integrations/NAME in a folder of its own, without what an earlier build left there."""
    left = shutil.ignore_patterns("node_modules", "_site", "public", "dist", "build", "site", "output", ".*")
    return Path(shutil.copytree(ROOT / "integrations" / name / "example", folder / "example", ignore=left))


def install_example(name, npm_package, folder):
    """The example of integrations/NAME with the packages of its lock file, and ours as it is here."""
    example = copy_of_example(name, folder)
    run("npm", "install", "--no-audit", "--no-fund", "--no-save", str(npm_package), folder=example)
    return example


def serve(page, blog, site):
    """Answer the blog's addresses, or those of a folder of it, from the folder of a built site."""
    base = urllib.parse.urlsplit(blog).path

    def answer(route):
        path = urllib.parse.unquote(urllib.parse.urlsplit(route.request.url).path).removeprefix(base)
        path = site / path.lstrip("/")
        path = path / "index.html" if path.is_dir() else path
        if path.is_file():
            route.fulfill(body=path.read_bytes(), content_type=mimetypes.guess_type(path.name)[0])
        else:
            route.fulfill(status=404, body="")

    page.route(f"{blog}/**", answer)


def post_and_read(page, words):
    """Write a comment as a guest on the shown page, which has none yet, and find it there."""
    form = page.locator("form.respond")  # the labels are in the language of the page
    form.locator("textarea").fill(words)
    form.locator("[name=name]").fill("Dave")
    form.locator("[name=email]").fill("dave@example.org")
    form.locator(".send").click()
    expect(page.locator("li.comment")).to_have_count(1)
    expect(page.locator("li.comment")).to_contain_text(words)


def expect_thread(page, thread, url):
    """What the shown element asks the service for: the key as the service names it, and the page's address."""
    shown = page.evaluate("document.querySelector('comment-thread').page")
    assert (shown["thread"], shown["url"]) == (thread, url)


def thread_of(page, key):
    """The thread that the widget shows, if it is the one with this key."""
    return page.locator(f'section.thread[data-key="{key}"]')


def comments_of(page):
    """The comments that the widget shows, not those of the copy in the page."""
    return page.locator("section.thread[data-key] li.comment")


def expect_page(page, key, title):
    """The thread that is shown: its key, and the title and address that go with a comment."""
    expect(thread_of(page, key)).to_be_visible()
    shown = page.evaluate("document.querySelector('comment-thread').page")
    origin = page.evaluate("location.origin")
    assert urllib.parse.unquote(shown["url"]).rstrip("/") == origin + key
    assert shown["title"] == title


def follow(page, link):
    """Follow a link; the document must stay, as it does when a framework shows another page by itself."""
    page.evaluate("window.isFirstDocument = true")
    page.get_by_role("link", name=link).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(link)
    assert page.evaluate("window.isFirstDocument")


def approve(moderator, demo, words):
    """Approve the comment with these words in the dashboard."""
    moderator.goto(demo.service + "/dashboard/blog?status=pending")
    moderator.locator("article", has_text=words).get_by_role("button", name="Approve").click()
    expect(moderator.get_by_text("1 comment approved")).to_be_visible()


def warnings_of(page):
    """What the console of a page warns of; filled as it comes."""
    found = []
    page.on("console", lambda message: message.type in {"warning", "error"} and found.append(message.text))
    return found


def write_on_two_pages(page, blog):
    """Write on a page that is loaded, follow its link to another, write there too, and go back."""
    page.goto(f"{blog}/posts/first")
    post_and_read(page, "Words for the first post")
    expect_page(page, "/notes/posts/first", "The first post")

    follow(page, "日本語")
    expect_page(page, "/notes/posts/日本語", "日本語の記事")
    expect(comments_of(page)).to_have_count(0)
    post_and_read(page, "日本語の記事への言葉")

    page.go_back()
    expect_page(page, "/notes/posts/first", "The first post")
    expect(comments_of(page)).to_have_count(1)
    expect(comments_of(page)).to_contain_text("Words for the first post")
    assert page.evaluate("window.isFirstDocument")


def read_two_pages(page, blog):
    """Find what `write_on_two_pages` has written: on a page that is loaded, and on one that links lead to."""
    page.goto(f"{blog}/posts/日本語")
    expect_page(page, "/notes/posts/日本語", "日本語の記事")
    expect(comments_of(page)).to_have_count(1)
    expect(comments_of(page)).to_contain_text("日本語の記事への言葉")

    page.goto(blog)
    follow(page, "The first post")
    expect_page(page, "/notes/posts/first", "The first post")
    expect(comments_of(page)).to_have_count(1)
    expect(comments_of(page)).to_contain_text("Words for the first post")

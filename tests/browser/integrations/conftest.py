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


def install(npm_package, example):
    """What the example's package-lock.json pins, and this checkout's `commentsvc-embed`."""
    run("npm", "install", "--no-audit", "--no-fund", "--no-save", "--prefer-offline", str(npm_package), folder=example)


def copy_of_example(name, folder):
    """The example of integrations/NAME in a folder of its own, without what an earlier build left there."""
    built = ["_site", "public", "dist", "build", "site", "output"]
    caches = ["node_modules", "cache", ".[!v]*"]  # .vitepress has sources
    left = shutil.ignore_patterns(*built, *caches)
    return Path(shutil.copytree(ROOT / "integrations" / name / "example", folder / "example", ignore=left))


def serve(page, blog, site):
    """Answer the blog's addresses from the folder of a built site."""

    def answer(route):
        path = site / urllib.parse.unquote(urllib.parse.urlsplit(route.request.url).path).lstrip("/")
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

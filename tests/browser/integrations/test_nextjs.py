"""The example of integrations/nextjs, by its own server."""

import contextlib

import pytest
from playwright.sync_api import expect

from tests.browser.integrations.conftest import (
    approve,
    follow,
    install_example,
    read_two_pages,
    run,
    thread_of,
    warnings_of,
    write_on_two_pages,
)
from tests.support import servers
from tests.support.http import eventually

pytestmark = pytest.mark.integrations


@pytest.fixture(scope="module")
def nextjs(npm_package, tmp_path_factory):
    """The installed example, which renders its pages again after a second; and the environment of `next`."""
    example = install_example("nextjs", npm_package, tmp_path_factory.mktemp("nextjs"))
    post = example / "app" / "posts" / "[slug]" / "page.jsx"
    post.write_text(post.read_text().replace("revalidate = 600", "revalidate = 1"))

    def environ(service, origin):
        return {"COMMENTS_SERVICE": service, "SITE_ORIGIN": origin, "NEXT_TELEMETRY_DISABLED": "1"}

    return example, environ


@contextlib.contextmanager
def running(command, example, environ):
    """`next start` or `next dev`; gives its origin."""
    port = servers.free_port()
    origin = f"http://127.0.0.1:{port}"
    next_command = [str(example / "node_modules" / ".bin" / "next"), command, str(example)]
    arguments = [*next_command, "--port", str(port), "--hostname", "127.0.0.1"]
    with servers.running(arguments, f"{origin}/notes", example / f"{command}.log", env=environ):
        yield origin


def until_rendered(page, address, words):
    """Load a page until the server has rendered it with these words."""

    def is_rendered():
        page.goto(address)
        return page.locator("li.comment", has_text=words).count() > 0

    eventually(is_rendered, f"{words} on {address}")


@contextlib.contextmanager
def forwarded(pages, blog, server):
    """Answer the blog's addresses from a server, and wait at the end for what Next.js loads ahead."""

    def answer(route):
        path = route.request.url.removeprefix(blog)
        route.fulfill(response=route.fetch(url=server + path, max_redirects=0))

    for page in pages:
        page.route(f"{blog}/**", answer)
    yield
    for page in pages:
        page.goto("about:blank")
        page.unroute_all(behavior="wait")


def test_each_page_of_nextjs_has_its_own_comments(demo, reader, moderator, nextjs):
    example, environ = nextjs
    settings = environ(demo.service, demo.blog)
    carol, dave, crawler, blog = reader(), reader(), reader(java_script_enabled=False), demo.blog + "/notes"
    warnings = [warnings_of(carol), warnings_of(dave)]
    run("npm", "run", "build", folder=example, **settings)
    with running("start", example, settings) as server, forwarded((carol, dave, crawler), demo.blog, server):
        write_on_two_pages(carol, blog)
        expect(carol.locator(f'link[rel*=preload][href^="{demo.service}"]')).to_have_count(0)

        for path, words in (("posts/first", "Words for the first post"), ("posts/日本語", "日本語の記事への言葉")):
            approve(moderator, demo, words)
            until_rendered(crawler, f"{blog}/{path}", words)
        read_two_pages(dave, blog)
    assert warnings == [[], []]


@pytest.mark.only_reads
def test_react_finds_nothing_to_warn_of_in_development(demo, browser, nextjs):
    """Only a development build compares what the server has rendered with what the browser renders."""
    example, environ = nextjs
    page = browser.new_page()
    warnings = warnings_of(page)
    with running("dev", example, environ(demo.service, demo.blog)) as server:
        page.goto(f"{server}/notes/posts/first")
        expect(thread_of(page, "/notes/posts/first")).to_be_visible()
        follow(page, "日本語")
        expect(thread_of(page, "/notes/posts/日本語")).to_be_visible()
    page.close()
    assert warnings == []


def test_a_build_by_nextjs_without_the_service_warns_and_goes_on(nextjs):
    example, environ = nextjs
    printed = run("npm", "run", "build", folder=example, **environ("http://127.0.0.1:9", "https://blog.example"))
    assert "comments: http://127.0.0.1:9/embed/v1/comments?" in printed
    first = (example / ".next/server/app/posts/first.html").read_text()
    assert '<comment-thread site="blog" thread="/notes/posts/first"' in first
    assert "<section" not in first

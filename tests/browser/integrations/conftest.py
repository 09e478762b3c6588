"""Tools for the examples of integrations/: each is built as a blog owner would build it, and read in Chromium."""

import mimetypes
import os
import re
import shutil
import subprocess
import urllib.parse
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import running_demo
from tests.support import http, servers

ROOT = Path(__file__).parents[3]
# The posts of each example, and what a reader writes there.
POSTS = {"/posts/first/": "First words", "/posts/日本語/": "最初の言葉", "/posts/shalom/": "מילים ראשונות"}


def run(*command, folder, **environ):
    """What a command prints; it must succeed."""
    done = subprocess.run(command, cwd=folder, env={**os.environ, **environ}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="session")
def shared_demo(tmp_path_factory):
    """One demo for the systems whose sites are in folders of their own, such as `/hugo`, and so share no thread."""
    with running_demo(tmp_path_factory.mktemp("demo")) as demo:
        yield demo


@pytest.fixture(scope="session")
def alice(shared_demo, browser):
    """What the browser of Alice keeps once she has signed in at the shared demo; the link of the demo works once."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(shared_demo.sign_in_link)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/dashboard**")
    yield context.storage_state()
    context.close()


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


def python_packages(folder, *arguments):
    """Install packages in a virtual environment of their own, as `pip install` would; the folder of its programs."""
    environment, uv = folder / "environment", str(servers.BIN / "uv")
    run(uv, "venv", "--quiet", str(environment), folder=folder)
    run(uv, "pip", "install", "--quiet", *arguments, folder=folder, VIRTUAL_ENV=str(environment))
    return environment / "bin"


def copy_of_example(name, folder, *beside):
    """The example of integrations/NAME in a folder of its own, without what an earlier build left there.

    Beside it are the other files of integrations/NAME, and the folders of integrations/ that the example reads.
    """
    built = ["_site", "public", "dist", "build", "site", "output"]
    left = shutil.ignore_patterns(*built, "node_modules", "cache", ".[!v]*")  # .vitepress has sources
    for each in (name, *beside):
        shutil.copytree(ROOT / "integrations" / each, folder / each, ignore=left)
    return folder / name / "example"


def install_example(name, npm_package, folder):
    """The example of integrations/NAME with the packages of its lock file, and ours as it is here."""
    example = copy_of_example(name, folder)
    run("npm", "install", "--no-audit", "--no-fund", "--no-save", "--prefer-offline", str(npm_package), folder=example)
    return example


def serve(page, blog, site):
    """Answer the blog's addresses from the folder of a built site; `blog` may be an origin with a folder."""

    def answer(route):
        path = site / urllib.parse.unquote(urllib.parse.urlsplit(route.request.url.removeprefix(blog)).path).lstrip("/")
        path = path / "index.html" if path.is_dir() else path
        if path.is_file():
            route.fulfill(body=path.read_bytes(), content_type=mimetypes.guess_type(path.name)[0])
        else:
            route.fulfill(status=404, body="")

    page.route(re.compile(rf"{re.escape(blog)}(/.*)?$"), answer)


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


def built_thread(site, path):
    """The only `<comment-thread>` of a built page as it is written there: its tag and its content."""
    html = (site / path.strip("/") / "index.html").read_text()
    ((tag, content),) = re.findall(r"(<comment-thread [^>]*>)(.*?)</comment-thread>", html, re.S)
    return tag, content


def decide_on_all(moderator, demo, status, action):
    """Decide on the comments of guest Dave that have this status, and wait until the decision is in published pages."""
    moderator.goto(f"{demo.service}/dashboard/blog?status={status}&q=dave@example.org")
    moderator.get_by_label("Select all on this page").check()
    moderator.locator(".bar").get_by_role("button", name=action).click()
    expect(moderator.locator(".card")).to_have_count(0)


def expect_pages_with_threads(reader, alice, demo, folder, build):
    """Each page has its own thread and takes a comment; each build has the comments that are public at its time.

    `folder`, such as `/hugo`, is where the site is on the demo's blog.
    """
    blog = demo.blog + folder
    site, _ = build(demo.service, blog)
    page = reader()
    serve(page, blog, site)
    for path, words in POSTS.items():
        page.goto(blog + path)
        post_and_read(page, words)
        expect_thread(page, folder + path.rstrip("/"), blog + urllib.parse.quote(path))

    moderator = reader(storage_state=alice)
    for status, action, count in ("pending", "Approve", 1), ("approved", "Reject", 0):
        decide_on_all(moderator, demo, status, action)
        for path, words in POSTS.items():
            query = urllib.parse.urlencode({"site": "blog", "thread": folder + path})
            fragment = f"{demo.service}/embed/v1/comments?{query}"
            http.eventually(lambda f=fragment, w=words, c=count: http.ask(f)[2].count(w) == c, f"{action} on {path}")
        site, _ = build(demo.service, blog)
        for path, words in POSTS.items():
            _, content = built_thread(site, path)
            assert content.count(words) == count
            assert "<section" in content and "<form" not in content


def expect_warning_without_service(build):
    """A build without the service warns, goes on, and writes elements that name the page, in the folder of the site."""
    site, printed = build("http://127.0.0.1:9", "https://blog.example/notes")
    assert "comments: http://127.0.0.1:9/embed/v1/comments?" in printed
    tag, content = built_thread(site, "/posts/first/")
    assert ' site="blog" thread="/notes/posts/first/"' in tag
    assert ' url="https://blog.example/notes/posts/first/" title="The first post"' in tag
    assert "<section" not in content and '/t/blog?thread=%2Fnotes%2Fposts%2Ffirst%2F">' in content


def expect_warning_of_unknown_site(demo, build):
    site, printed = build(demo.service, demo.blog, site="blob")
    assert "there is no site “blob”" in printed
    tag, content = built_thread(site, "/posts/first/")
    assert ' site="blob"' in tag and "<section" not in content


def expect_options(demo, build):
    """`lang` and `sort` are for the element and for the copy, and `copy` leaves the copy out."""
    site, printed = build(demo.service, demo.blog, lang="de", sort="newest")
    tag, content = built_thread(site, "/posts/first/")
    assert ' lang="de"' in tag and ' sort="newest"' in tag
    assert ' lang="de"' in content
    assert "/embed/v1/" not in printed

    site, _ = build(demo.service, demo.blog, copy=False)
    _, content = built_thread(site, "/posts/first/")
    assert "<section" not in content and "<noscript>" in content


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

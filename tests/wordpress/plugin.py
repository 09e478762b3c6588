"""The plugin of integrations/wordpress in Debian's WordPress, in Chromium: both kinds of permalinks and of themes.

`python -m tests.wordpress.plugin FOLDER [BLOG…]` writes its screenshots into FOLDER. Exit status 1 for a promise that
is not kept.
"""

import json
import re
import shutil
import sys
import urllib.parse
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.support import servers
from tests.support.service import ask
from tests.wordpress.__main__ import HERE, WordPress, mariadb

PLUGIN = HERE.parents[1] / "integrations" / "wordpress" / "commentsvc"
PRETTY = "/%year%/%monthnum%/%postname%/"
BLOGS = {  # site key: permalinks, theme
    "pretty-block": (PRETTY, "twentytwentythree"),
    "plain-block": ("", "twentytwentythree"),
    "pretty-classic": (PRETTY, "twentytwentyone"),
    "plain-classic": ("", "twentytwentyone"),
}
PASSWORD = "only for this trial"


class Promises:
    """Prints what is kept, and counts what is not."""

    def __init__(self):
        self.broken = 0

    def check(self, is_kept, sentence, found=""):
        self.broken += not is_kept
        print("ok  " if is_kept else "FAIL", sentence, "" if is_kept else f"({found!r:.500})")


def with_plugin(folder, socket, key, url):
    """A copy of Debian's WordPress with the plugin, and the command that serves it."""
    root = folder / key
    shutil.copytree("/usr/share/wordpress", root, symlinks=False, ignore_dangling_symlinks=True)
    shutil.copytree(PLUGIN, root / "wp-content" / "plugins" / "commentsvc")
    (root / "wp-config.php").write_text(
        f"<?php\nrequire '{HERE}/config.php';\ndefine('WP_DEBUG', true);\ndefine('WP_DEBUG_DISPLAY', false);\n"
        f"define('WP_DEBUG_LOG', '{folder}/{key}.php.log');\ndefined('ABSPATH') || define('ABSPATH', __DIR__ . '/');\n"
        "require_once ABSPATH . 'wp-settings.php';\n"
    )
    wordpress = WordPress(socket, key.replace("-", "_"), url, unfiltered="1", folder=root)
    return wordpress, ["php", "-S", url.removeprefix("http://"), "-t", str(root), str(HERE / "router.php")]


def check_blog(browser, promises, blog, url, posts, service, screenshots):
    said = lambda sentence: f"{blog}: {sentence}"  # noqa: E731
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    page = context.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    for name in ("post", "page", "japanese", "closed"):
        html = ask(posts[name]["url"], timeout_s=60).body.decode()
        promises.check(
            f"Imported into {name}" in html, said(f"{name}: the comments are in the page for search engines")
        )
        promises.check("comment-form" not in html and "commentform" not in html, said(f"{name}: no form of WordPress"))
        for width in (1200, 390):
            page.set_viewport_size({"width": width, "height": 900})
            page.goto(posts[name]["url"])
            page.locator("comment-thread").scroll_into_view_if_needed()
            shown = page.locator("comment-thread").get_by_text(f"Imported into {name}").locator("visible=true").first
            shown.wait_for(timeout=30_000)
            box = page.locator("comment-thread").bounding_box()
            is_inside = box["x"] >= 12 and box["x"] + box["width"] <= width - 12 and box["width"] > 250
            promises.check(is_inside, said(f"{name}: not against the edge of a window of {width} px"), box)
            page.screenshot(path=screenshots / f"{blog}-{name}-{width}.png", full_page=True)
    for name in ("silent", "password", "private"):
        html = ask(posts[name]["url"], timeout_s=60).body.decode()
        promises.check("comment-thread" not in html and "embed.js" not in html, said(f"{name}: no comments"))

    feed = ask(f"{url}/?feed=rss2", timeout_s=60).body.decode()
    counts = re.findall(r"<slash:comments>(\d+)</slash:comments>", feed)
    promises.check(counts.count("1") == 3, said("the counts of posts are the service's"), feed)

    # A new comment goes to the same thread.
    page.set_viewport_size({"width": 1200, "height": 900})
    page.goto(posts["japanese"]["url"])
    form = page.locator("comment-thread")
    form.scroll_into_view_if_needed()
    form.locator("textarea").first.fill("Written in the widget")
    form.locator("input[name=name]").fill("Dan")
    form.locator("input[name=email]").fill("dan@example.org")
    form.get_by_role("button", name="Post Comment").click()
    form.get_by_text("Written in the widget").locator("visible=true").first.wait_for(timeout=30_000)
    query = urllib.parse.urlencode({"site": blog, "thread": posts["japanese"]["url"]})
    count = ask(f"{service}/api/v1/comments?{query}").json["thread"]["count"]
    promises.check(count == 2, said("a new comment is beside the imported one"), count)
    promises.check(not errors, said("no script failed"), errors)

    # WordPress takes no comment of its own.
    posted = page.request.post(
        f"{url}/wp-comments-post.php",
        form={
            "comment_post_ID": str(posts["post"]["id"]),
            "comment": "native",
            "author": "Mallory",
            "email": "m@example.org",
        },
    )
    promises.check(posted.status == 403, said("WordPress's own form is closed"), posted.status)

    # The settings page.
    page.goto(f"{url}/wp-login.php")
    page.fill("#user_login", "admin")
    page.fill("#user_pass", PASSWORD)
    page.click("#wp-submit")
    page.wait_for_url("**/wp-admin/**")
    page.goto(f"{url}/wp-admin/options-general.php?page=commentsvc")
    notice = page.locator(".notice.inline")
    promises.check("Connected" in notice.inner_text(), said("the connection is checked"), notice.inner_text())
    page.screenshot(path=screenshots / f"{blog}-settings.png", full_page=True)
    nonce = page.request.get(f"{url}/wp-admin/admin-ajax.php?action=rest-nonce").text()
    rest = page.request.post(
        f"{url}/?rest_route=/wp/v2/comments",
        headers={"X-WP-Nonce": nonce},
        data={"post": posts["post"]["id"], "content": "native"},
    )
    is_closed = rest.status == 403 and rest.json()["code"] == "commentsvc_closed"
    promises.check(is_closed, said("WordPress's REST API takes no comment"), rest.text())
    page.fill("#commentsvc-site", "nobody")
    page.click("#submit")
    promises.check("has no site" in notice.inner_text(), said("an unknown site is named"), notice.inner_text())
    with page.expect_download() as download:
        page.get_by_text("1. Download the export").click()
    promises.check(
        "Imported into post" in Path(download.value.path()).read_text(), said("the export can be downloaded")
    )
    context.close()


def main(screenshots, blogs):
    screenshots.mkdir(parents=True, exist_ok=True)
    promises = Promises()
    with servers.folder() as folder, mariadb(folder) as socket, sync_playwright() as playwright:
        port = servers.free_port()
        service, env = f"http://127.0.0.1:{port}", servers.settings(folder, port)
        servers.command(env, "db", "upgrade")
        urls = {blog: f"http://127.0.0.1:{servers.free_port()}" for blog in blogs}
        for blog, url in urls.items():
            for words in (("create", blog, "--name", blog, "--origin", url), ("set", blog, "mode=off")):
                status, _, errors = servers.command(env, "site", *words)
                assert status == 0, errors
        with servers.running(servers.serve(port), f"{service}/healthz", folder / "serve.log", env=env):
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
            for blog, url in urls.items():
                wordpress, command = with_plugin(folder, socket, blog, url)
                posts = json.loads(wordpress.run("plugin_fill.php", service, blog, *BLOGS[blog]))
                export = folder / f"{blog}.xml"
                export.write_text(wordpress.run("export.php"))
                status, output, errors = servers.command(env, "import", "wordpress", str(export), "--site", blog)
                assert status == 0, output + errors
                with servers.running(command, f"{url}/wp-login.php", folder / f"{blog}.log", env=wordpress.env):
                    check_blog(browser, promises, blog, url, posts, service, screenshots)
                warnings = folder / f"{blog}.php.log"
                found = warnings.read_text() if warnings.exists() else ""
                promises.check("plugins/commentsvc" not in found, f"{blog}: PHP warns of nothing", found)
            browser.close()
        copy = wordpress.run("plugin_away.php", posts["post"]["id"], blog)
        promises.check("Imported into post" in copy, "the last comments are shown while the service is away", copy)
    print(f"\n{promises.broken} promises are not kept")
    return 1 if promises.broken else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:] or list(BLOGS)))

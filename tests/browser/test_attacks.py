"""Hostile strings in every place where strangers' text ends up, in a real browser: nothing runs, nothing is called.

A seeded sample by default; `make attack` sends all of the public corpora.
"""

import json
import os
import random
import re
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default as mail_policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from commentsvc import create_app
from commentsvc.config import from_environment
from commentsvc.core.policy import Mode, Policy
from commentsvc.services import api_tokens, sign_in
from commentsvc.store import accounts, digest_settings, engine, memberships, migrations, sites
from commentsvc.store.db import db
from commentsvc.store.digest_settings import DigestInterval
from commentsvc.store.memberships import Role
from commentsvc.store.transactions import write
from tests.support import servers
from tests.support.cast import SECRET, find_data

SAMPLE = int(os.environ.get("ATTACK_SAMPLE", "80"))  # 0: all
SEED = int(os.environ.get("ATTACK_SEED", "1"))
TOGETHER = 40  # comments of one thread
CORPORA = [
    "xss/html5sec.json",
    "xss/bluemonday.json",
    "xss/bleach_nh3_teststrings.json",
    "xss/bleach_vectors.json",
    "xss/owasp_filter_evasion.json",
    "xss/payloadsallthethings.txt",
    "markdown/xss_handmade.json",
    "markdown/markdown_it_xss.json",
    "strings/blns.json",
]
# A control: strings that run where nothing sanitizes them, so that the tests would notice.
CONTROLS = [
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<b onmouseover=alert(1)>move here</b>",
    "<details ontoggle=alert(1) open>x</details>",
    "<img src=http://tracker.example/x.png>",
    "<a href=javascript:alert(1)>x</a>",
]
# Tells of whatever runs: by what attacks call, and by the browser's word that a policy stopped it.
WATCH = """
window.__ran = [];
for (const name of ["alert", "confirm", "prompt", "print", "open"]) window[name] = () => { window.__ran.push(name); };
document.addEventListener("securitypolicyviolation", (event) => {
  if (event.effectiveDirective.startsWith("script")) window.__ran.push("stopped by policy: " + event.blockedURI);
});
"""
# Does what people do to every element: handlers run, if there are any. Looks at addresses instead of following them.
TOUCH = """
async () => {
  const found = [];
  const allowed = ["http:", "https:", "mailto:", "data:"];
  const walk = (root) => {
    for (const element of root.querySelectorAll("*")) {
      for (const { name, value } of element.attributes)
        if (name.startsWith("on") || name === "srcdoc") found.push(`${element.tagName} ${name}=${value}`);
      for (const name of ["href", "src", "action", "formAction", "data", "poster"]) {
        const value = element[name];
        if (typeof value !== "string" || !element.hasAttribute(name.toLowerCase())) continue;
        const { protocol } = new URL(value, location.href);
        if (!allowed.includes(protocol)) found.push(`${element.tagName} ${name}=${value}`);
        const isOurs = element.parentElement === document.head;
        if (protocol === "data:" && name !== "src" && !isOurs) found.push(`${element.tagName} ${name}=${value}`);
      }
      for (const type of ["mouseover", "focus", "pointerover", "animationstart", "toggle", "error", "load"])
        element.dispatchEvent(new Event(type));
      if (element.shadowRoot) walk(element.shadowRoot);
    }
  };
  walk(document);
  await new Promise((go) => setTimeout(go, 50));
  return [...found, ...window.__ran];
}
"""


def strings() -> list[str]:
    """The strings of all corpora that are here, each once; a sample of them unless all are wanted."""
    found: dict[str, None] = {}
    for name in CORPORA:
        path = find_data(name)
        if path is None:  # tests/core reads the same corpora and shows a skip for each that is missing
            continue
        text = path.read_text(encoding="utf-8")
        lines = json.loads(text) if name.endswith(".json") else text.splitlines()
        for line in lines:
            found[line["input"] if isinstance(line, dict) else line] = None
    usable = [line for line in found if line.strip()]
    return usable if SAMPLE == 0 else random.Random(SEED).sample(usable, SAMPLE)


@dataclass
class Service:
    """A served site with strangers' strings in it."""

    base: str
    blog: str
    token: str
    sign_in_link: str
    mailbox: object
    comment_ids: list[int] = field(default_factory=list)
    sent: dict[int, str] = field(default_factory=dict)  # by comment
    threads: list[str] = field(default_factory=list)

    def call(self, method: str, path: str, body: object = None, with_token: bool = False, agent: str = "test"):
        """(status, answer) of an API call."""
        headers = {"Content-Type": "application/json", "User-Agent": agent}
        headers |= {"Authorization": f"Bearer {self.token}"} if with_token else {}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")


class Blog(BaseHTTPRequestHandler):
    """Pages without any policy that embed the widget: `/N` has thread `/N`."""

    service = ""

    def do_GET(self):
        html = (
            f'<!doctype html><meta charset="utf-8"><title>A page</title><link rel="icon" href="data:,">'
            f'<script type="module" src="{self.service}/embed.js"></script>'
            f'<comment-thread site="blog"></comment-thread><recent-comments site="blog" limit="20"></recent-comments>'
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(html)))
        self.end_headers()
        self.wfile.write(html)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def attacked(tmp_path_factory):
    """A service where every string was sent as text, name, website and title, waits, and is then approved."""
    hostile = strings()
    folder = tmp_path_factory.mktemp("attacks")
    port, blog_port = servers.free_port(), servers.free_port()
    blog = f"http://127.0.0.1:{blog_port}"
    environ = {
        "COMMENTSVC_SECRET_KEY": SECRET,
        "COMMENTSVC_BASE_URL": f"http://127.0.0.1:{port}",
        "COMMENTSVC_INSTANCE_DIR": str(folder),
        "COMMENTSVC_MAIL_URL": f"mailbox://{folder}/mail",
        "COMMENTSVC_LIMITS": "off",
    }
    now = datetime.now(UTC)
    config = from_environment(environ, None)
    engine.create_file(config)
    with create_app(config).app_context():
        migrations.upgrade()
        with write():
            site = sites.add("blog", "Field Notes", [blog], Policy(mode=Mode.ALL), now)
            alice = accounts.make_account("alice@blog.example", "Alice", False, now)
            memberships.set_role(alice, site, Role.OWNER)
            digest_settings.set_pace(alice, site, DigestInterval.AT_ONCE, now)
            token, link = api_tokens.new_api_token(alice, None, now), sign_in.printed_link(alice, now)
        db.session.remove()
        db.engine.dispose()
    Blog.service = f"http://127.0.0.1:{port}"
    pages = ThreadingHTTPServer(("127.0.0.1", blog_port), Blog)
    threading.Thread(target=pages.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{port}"
    with servers.running(servers.serve(port), f"{url}/healthz", folder / "serve.log", env=environ):
        service = Service(url, blog, token, f"{url}/auth/link/{link}", folder / "mail")
        for number, text in enumerate(hostile):
            send(service, text, number)
        assert len(service.comment_ids) > len(hostile) * 0.9, "most strings are comments that somebody may send"
        yield service
    pages.shutdown()
    pages.server_close()


def send(service: Service, text: str, number: int) -> None:
    """Post a string in every field of a guest's form; a field that refuses it is left out."""
    thread = f"/{number // TOGETHER}"
    body = {
        "site": "blog",
        "thread": thread,
        "title": text,
        "body": text,
        "author": {"name": text, "email": f"m{number}@example.org", "website": text},
    }
    agent = text if text.isascii() and text.isprintable() else "test"
    for _ in range(4):
        status, answer = service.call("POST", "/api/v1/comments", body, agent=agent)
        assert status < 500, f"{status} for {text!r}"
        if status in (201, 202):
            service.comment_ids.append(answer["id"])
            service.sent[answer["id"]] = text
            if thread not in service.threads:
                service.threads.append(thread)
            return
        refused = {error["field"] for error in answer.get("errors", [])}
        plain = {"author.name": f"Mallory {number}", "author.website": None, "title": "", "body": f"{text} …"}
        for name in refused & set(plain):
            if name.startswith("author."):
                body["author"][name.removeprefix("author.")] = plain[name]
            else:
                body[name] = plain[name]


@pytest.fixture
def watched(browser, attacked):
    """A page that tells of every script that ran, and of every request to somebody else."""
    context = browser.new_context()
    context.add_init_script(WATCH)
    page = context.new_page()
    page.others = []
    own = (attacked.base, attacked.blog, "data:", "about:", "blob:")
    page.on("request", lambda request: request.url.startswith(own) or page.others.append(request.url))
    page.on("dialog", lambda dialog: (page.others.append(f"dialog {dialog.message}"), dialog.dismiss()))
    yield page
    context.close()


def check(page, where: str) -> None:
    found = [*page.evaluate(TOUCH), *page.others]
    assert found == [], f"{where}: {found[:5]}"


@pytest.mark.parametrize("control", CONTROLS)
def test_a_string_that_nobody_cleans_is_seen_on_the_blogs_page(watched, attacked, control):
    watched.goto(f"{attacked.blog}/0")
    watched.evaluate("html => { document.body.insertAdjacentHTML('beforeend', html); }", control)
    with pytest.raises(AssertionError, match="the control"):
        check(watched, "the control")


def test_a_script_that_the_dashboards_policy_stops_is_seen_too(watched, attacked):
    watched.goto(f"{attacked.base}/auth/signin")
    watched.evaluate("html => { document.body.insertAdjacentHTML('beforeend', html); }", CONTROLS[0])
    with pytest.raises(AssertionError, match="stopped by policy"):
        check(watched, "the control")


def test_nothing_runs_wherever_strangers_text_ends_up(watched, attacked):
    """The whole way of a comment: it waits, it is mailed and read in the queue, it is approved, everybody reads it."""
    page, number = watched, len(attacked.comment_ids)
    page.goto(attacked.sign_in_link)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/dashboard**")
    look_through_the_queue(page, attacked, "pending")
    look_at_the_mails(page, attacked)
    for first in range(0, number, 500):
        ids = attacked.comment_ids[first : first + 500]
        status, _ = attacked.call("POST", "/api/v1/moderation/decisions", {"ids": ids, "action": "approve"}, True)
        assert status == 200
    look_through_the_queue(page, attacked, "approved")
    for comment_id in attacked.comment_ids[:50]:
        report = {"reason": "other", "text": attacked.sent[comment_id][:1000]}
        status, _ = attacked.call("POST", f"/api/v1/comments/{comment_id}/flag", report)
        assert status in (201, 422)
    page.goto(f"{attacked.base}/dashboard/blog?status=flagged")
    assert page.locator("[id^=comment-]").count() > 10
    check(page, "reports")
    for path in ("/dashboard/blog/log", "/dashboard/blog/insights", "/account"):
        page.goto(attacked.base + path)
        check(page, path)
    for comment_id in attacked.comment_ids[:: max(1, number // 40)]:
        for kind in ("comment", "judgement"):
            page.goto(f"{attacked.base}/dashboard/blog/{kind}/{comment_id}")
            check(page, f"{kind} {comment_id}")
    look_at_what_readers_see(page, attacked)


def look_through_the_queue(page, attacked, status: str) -> None:
    page.goto(f"{attacked.base}/dashboard/blog?status={status}&sort=oldest")
    seen = 0
    while True:
        seen += page.locator("[id^=comment-]").count()
        check(page, f"queue, {status}")
        following = page.get_by_role("link", name=re.compile("^(Next|More|Older|Newer)")).first
        if not following.count():
            break
        page.goto(attacked.base + following.get_attribute("href"))
    assert seen >= len(attacked.comment_ids) * 0.9, seen


def look_at_the_mails(page, attacked) -> None:
    files = list(attacked.mailbox.glob("*.eml"))
    assert files, "moderators were sent what waits"
    blank = f"{attacked.blog}/mail"
    for file in files[:: max(1, len(files) // 60)]:
        mail = message_from_bytes(file.read_bytes(), policy=mail_policy)
        html = mail.get_body(("html",))
        page.goto(blank)
        page.evaluate("html => { document.body.innerHTML = html; }", html.get_content())
        check(page, f"mail {mail['Subject']!r}")


def look_at_what_readers_see(page, attacked) -> None:
    for thread in attacked.threads:
        page.goto(f"{attacked.blog}{thread}")
        page.locator("comment-thread li.comment").first.wait_for()
        page.locator("recent-comments li").first.wait_for()
        check(page, f"widget {thread}")
        page.goto(f"{attacked.base}/t/blog?thread={thread}")
        check(page, f"hosted page {thread}")
        told = page.locator('script[type="application/ld+json"]')
        for one in told.all():
            json.loads(one.text_content())
    with urllib.request.urlopen(f"{attacked.base}/feeds/blog.atom", timeout=60) as answer:
        feed = answer.read().decode()
    page.goto(f"{attacked.blog}/feed")
    entries = page.evaluate(
        """feed => {
          const parsed = new DOMParser().parseFromString(feed, "application/xml");
          if (parsed.querySelector("parsererror")) throw new Error("the feed is no XML");
          const contents = [...parsed.querySelectorAll("content, title, name")].map((one) => one.textContent);
          document.body.innerHTML = [...parsed.querySelectorAll("content")].map((one) => one.textContent).join("");
          return contents.length;
        }""",
        feed,
    )
    assert entries > 0
    check(page, "feed")


def test_nothing_runs_in_the_preview_of_the_form(watched, attacked):
    watched.goto(f"{attacked.blog}/empty")
    watched.get_by_role("textbox", name="Comment").first.wait_for()
    for text in random.Random(SEED).sample(strings(), 30):
        status, answer = attacked.call("POST", "/api/v1/preview", {"site": "blog", "body": text})
        if status == 200:
            watched.evaluate("html => { document.body.insertAdjacentHTML('beforeend', html); }", answer["html"])
    check(watched, "preview")


REFLECTED = [
    "/t/blog?thread={}",
    "/auth/signin?next={}",
    "/auth/authorize?client_id=blog&response_type=code&state={}&redirect_uri={}",
    "/api/v1/docs?x={}",
    "/dashboard/blog?q={}",
    "/dashboard/{}",
    "/m/{}",
    "/auth/link/{}",
    "/{}",
]


@pytest.mark.parametrize("path", REFLECTED)
def test_nothing_runs_that_an_address_carries(watched, attacked, path):
    for text in random.Random(SEED).sample(strings(), 12):
        watched.goto(attacked.base + path.replace("{}", urllib.request.quote(text, safe="")))
        check(watched, f"{path} with {text!r}")

"""Security headers, cookies, and access to the metrics."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from werkzeug.test import EnvironBuilder, run_wsgi_app

from commentsvc.store.db import db
from tests.support.cast import find_csrf

POLICY = ("camera=()", "geolocation=()", "microphone=()")
# A value for each part of an address, so that as many routes as can be show a page and not an error.
PARTS = {
    "site_key": "blog", "key": "blog", "site": "blog", "token": "x" * 43, "provider": "github", "name": "blog",
    "filename": "desk.css", "code": "x", "tag": "en",
}  # fmt: skip
AUTHORIZE = (
    "/auth/authorize?client_id=blog&redirect_uri=https://blog.example/post&response_type=code&state=s"
    "&code_challenge=" + "c" * 43 + "&code_challenge_method=S256&response_mode=web_message"
)


def html_routes(app):
    """An address for each route that takes GET."""
    for rule in app.url_map.iter_rules():
        if "GET" in rule.methods:
            values = {name: PARTS.get(name, 1) for name in rule.arguments}
            with app.test_request_context():
                yield app.url_for(rule.endpoint, **values)


def check(path, answer):
    answer.close()
    headers = answer.headers
    assert headers["X-Content-Type-Options"] == "nosniff", path
    assert headers["Referrer-Policy"] in ("same-origin", "no-referrer"), path
    if answer.mimetype != "text/html":
        return 0
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"], path
    if headers.get("Cross-Origin-Resource-Policy") == "cross-origin":
        assert path.startswith(("/embed/", "/api/", "/avatars/", "/feeds/")), path
        return 0
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin", path
    assert all(one in headers["Permissions-Policy"] for one in POLICY), path
    keeps_opener = path.startswith(("/auth/authorize", "/auth/signin?next=%2Fauth%2Fauthorize"))
    if not 300 <= answer.status_code < 400:
        assert headers["Cross-Origin-Opener-Policy"] == ("unsafe-none" if keeps_opener else "same-origin"), path
    return 1


@pytest.fixture
def app(make_app):
    app = make_app(GITHUB_CLIENT_ID="id", GITHUB_CLIENT_SECRET="secret", MAIL_URL="smtp://127.0.0.1:9")
    with app.app_context():
        yield app
        db.session.remove()


def test_every_page_keeps_itself_to_itself(app, client, alice, sign_in, make_comment):
    make_comment()
    paths = [*html_routes(app), "/nothing-here", "/auth/signin?next=" + quote(AUTHORIZE, safe=""), AUTHORIZE]
    seen = sum(check(path, client.get(path)) for path in paths)
    assert check("/auth/signin", client.post("/auth/signin")) == 1  # a form without its token
    sign_in(client, alice)
    seen_signed_in = sum(check(path, client.get(path)) for path in paths)
    assert min(seen, seen_signed_in) > 30, "the walk reached the pages"


def test_the_window_of_a_blog_keeps_its_opener_through_all_steps_and_no_other_page_does(client, alice):
    def policy(answer):
        return answer.headers["Cross-Origin-Opener-Policy"]

    start = client.get(AUTHORIZE)
    form = {"csrf_token": find_csrf(start.text), "next": AUTHORIZE, "email": "not an address"}
    steps = [start, client.post("/auth/signin", data=form)]
    steps += [client.post("/auth/signin", data={**form, "email": "carol@example.org"}), client.get("/auth/code")]
    steps += [client.post("/auth/code", data={"csrf_token": find_csrf(steps[-1].text), "code": "000000"})]
    steps += [client.get("/auth/github/callback?state=x"), client.get("/auth/github/login?next=/dashboard")]
    assert [policy(one) for one in steps] == ["unsafe-none"] * 5 + ["same-origin", "unsafe-none"]
    assert [one.status_code for one in steps] == [200, 422, 303, 200, 422, 400, 302]

    form = {**form, "next": "/dashboard", "email": "alice@example.org"}
    client.post("/auth/signin", data=form)
    assert policy(client.get("/auth/code")) == "same-origin"
    assert policy(client.get("/auth/signin?next=/dashboard")) == "same-origin"


def cookies(answer):
    return [value for name, value in answer.headers if name == "Set-Cookie"]


@pytest.mark.parametrize(
    ("base_url", "name"),
    [("https://comments.example", "__Host-commentsvc"), ("http://127.0.0.1:8000", "commentsvc")],
)
def test_on_https_every_cookie_belongs_to_this_host_alone(make_app, base_url, name):
    client = make_app(BASE_URL=base_url).test_client()
    [cookie] = cookies(client.get("/auth/signin"))
    assert cookie.startswith(f"{name}=")
    parts = {part.strip() for part in cookie.split(";")}
    assert {"HttpOnly", "Path=/", "SameSite=Lax"} <= parts
    assert ("Secure" in parts) == base_url.startswith("https")
    assert not any(part.startswith("Domain") for part in parts)


def test_a_cookie_that_a_sibling_host_could_have_set_counts_for_nothing(client, alice, sign_in):
    sign_in(client, alice)
    kept = client.get_cookie("__Host-commentsvc", domain="localhost").value
    client.delete_cookie("__Host-commentsvc", domain="localhost")
    client.set_cookie("commentsvc", kept, domain="localhost")
    assert client.get("/dashboard").status_code == 302


def test_browsers_are_told_to_come_by_https_only_where_the_operator_says_so(make_app):
    assert "Strict-Transport-Security" not in make_app().test_client().get("/").headers
    client = make_app(HSTS_MAX_AGE_S="31536000").test_client()
    for path in ("/", "/auth/signin", "/healthz", "/nothing-here"):
        assert client.get(path).headers["Strict-Transport-Security"] == "max-age=31536000"


# Who asks for the metrics


def metrics(client, remote="127.0.0.1", host="127.0.0.1:8000", **headers):
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.get("/metrics", headers={"Host": host, **sent}, environ_base={"REMOTE_ADDR": remote}).status_code


def test_metrics_are_for_programs_on_this_machine(client):
    assert metrics(client) == metrics(client, "::1", "[::1]:8000") == metrics(client, host="localhost") == 200
    for remote in ("192.0.2.1", "10.0.0.1", "2001:db8::1", ""):
        assert metrics(client, remote) == 404, remote
    assert metrics(client, host="comments.example") == 404
    assert metrics(client, Authorization="Bearer anything") == 404


@pytest.mark.parametrize(
    "header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via", "X-Forwarded-Proto", "X-Forwarded-Host"]
)
def test_what_came_through_a_proxy_is_not_from_this_machine(make_app, header):
    client = make_app(TRUSTED_PROXIES="127.0.0.1").test_client()
    for value in ("127.0.0.1", "for=127.0.0.1", "203.0.113.7", ""):
        assert metrics(client, **{header: value}) == 404


def test_metrics_are_for_who_sends_the_token_from_anywhere(make_app):
    token = "gk2xQv9sLm4Tz8WqRb"
    client = make_app(METRICS_TOKEN=token).test_client()
    for remote, more in (("192.0.2.1", {}), ("127.0.0.1", {"X_Forwarded_For": "192.0.2.1"})):
        assert metrics(client, remote, Authorization=f"Bearer {token}", **more) == 200
        assert metrics(client, remote, Authorization=f"bearer {token}", **more) == 200
        for wrong in (f"Bearer {token}x", f"Bearer {token[:-1]}", "Bearer ", "Bearer", token, f"Basic {token}", "é"):
            assert metrics(client, remote, Authorization=wrong, **more) == 404, wrong
        assert metrics(client, remote, **more) == 404


# security.txt


def test_security_txt_names_the_contact_of_the_settings_and_is_not_there_without(make_app):
    assert make_app().test_client().get("/.well-known/security.txt").status_code == 404
    answer = make_app(SECURITY_CONTACT="security@blog.example").test_client().get("/.well-known/security.txt")
    assert (answer.status_code, answer.content_type) == (200, "text/plain; charset=utf-8")
    fields = dict(re.fullmatch(r"([A-Z][\w-]+): (\S+)", line).groups() for line in answer.text.splitlines())
    assert fields.pop("Contact") == "mailto:security@blog.example"
    assert fields.pop("Canonical") == "https://comments.example/.well-known/security.txt"
    assert fields.pop("Preferred-Languages") == "en"
    expires = datetime.fromisoformat(fields.pop("Expires"))
    assert timedelta(days=90) < expires - datetime.now(UTC) < timedelta(days=365)
    assert not fields


@pytest.mark.parametrize("path", ["/t//blog", "/feeds//blog.atom", "/t//blog?thread=%2Fp"])
@pytest.mark.parametrize("host", ["evil.example", "localhost"])
def test_no_redirect_leads_to_the_host_that_a_request_names(client, path, host):
    answer = client.get(path, headers={"Host": host})
    assert answer.status_code == 308
    assert answer.headers["Location"] == path.replace("//blog", "/blog")


@pytest.mark.parametrize("host", ["[::1", "a b", "", "xn--a", "\xff\xfe", "evil.example:port", "a/b", "[::1]:99999"])
def test_a_host_that_is_none_hinders_no_redirect(app, host):
    for path, goal in (("/dashboard", "/auth/signin?next=%2Fdashboard"), ("/t//blog", "/t/blog")):
        # Not by Werkzeug's client, which reads the host itself.
        _, status, headers = run_wsgi_app(app.wsgi_app, {**EnvironBuilder(path).get_environ(), "HTTP_HOST": host})
        assert (status[:3], headers["Location"]) in (("302", goal), ("308", goal))

"""Addresses that become links: the check is stricter than browsers, and never laxer."""

from __future__ import annotations

import json

import nh3
import pytest

from commentsvc.core.errors import Invalid
from commentsvc.core.links import is_link, is_web_url, website
from tests.support.cast import data


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org",
        "HTTPS://EXAMPLE.org:8443/a/b?c=d&e[]=1#f",
        "http://localhost:3000/",
        "http://192.0.2.1/x",
        "http://[2001:db8::1]:80/",
        "http://[::1]/",
        "http://example.org:65535",
        "https://bücher.example/ü",
        "http://b%C3%BCcher.example/",
        "http://xn--bcher-kva.example",
        "http://under_score.example.",
        "https://example.org/wiki/A_(b)",
    ],
)
def test_absolute_web_addresses_are_links(url):
    assert is_web_url(url)
    assert is_link(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/path",
        "//example.org",
        "example.org",
        "http:",
        "http://",
        "http:///x",
        "http:example.org",
        "javascript:123",
        "JaVaScRiPt:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:1",
        "file:///etc/passwd",
        "ftp://example.org",
        "http://carol:secret@example.org",
        "http://example.org@evil.example",
        "http://example.org\\@evil.example",
        "http://exam ple.org",
        "http://example.org/a b",
        " http://example.org",
        "http://example.org/\x00",
        "http://exam\u200bple.org",
        "http://example.org/\u202egpj.exe",
        "http://example.org/\ud800",
        "http://example.org:65536",
        "http://example.org:80x",
        "http://a..b",
        "http://.",
        "http://-a.example",
        "http://[::1",
        "http://[fe80::1%eth0]/",
        "http://1.2.3.400",
        "http://2130706433",
        "http://0x7f.1",
        "http://xn--pokxncvks",
        "http://XN--pokxncvks",
        "http://exam%2Fple.org",
        "http://exam\uff0fple.org",
        f"http://{'a' * 64}.example",
        f"http://{'a.' * 200}example",
    ],
)
def test_anything_else_is_no_link(url):
    assert not is_web_url(url)
    assert not is_link(url)


@pytest.mark.parametrize("url", ["mailto:carol@example.org", "MAILTO:carol@example.org?subject=Hi%20there"])
def test_mail_addresses_are_links_but_no_websites(url):
    assert is_link(url)
    assert not is_web_url(url)


@pytest.mark.parametrize("url", ["mailto:", "mailto:carol", "mailto:a@b,c@d", "mailto:a@b c", "mailto:a@b\r\nBcc:x@y"])
def test_broken_mail_addresses_are_no_links(url):
    assert not is_link(url)


def test_no_address_that_a_browser_refuses_is_a_link():
    cases = [case for case in json.loads(data("urls/wpt_urltestdata.json").read_text()) if isinstance(case, dict)]
    accepted = [case for case in cases if is_link(case["input"])]

    assert [case["input"] for case in accepted if case.get("failure")] == []
    for case in accepted:
        assert case["protocol"] in ("http:", "https:", "mailto:")
        assert not case["username"] and not case["password"]
        escaped = case["input"].replace("&", "&amp;").replace('"', "&quot;")
        assert "href" in nh3.clean(f'<a href="{escaped}">x</a>')  # the sanitiser behind ours agrees
    assert len(accepted) > 50


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (None, None),
        ("", None),
        ("  \n", None),
        ("example.com/x", "https://example.com/x"),
        ("example.com:8080", "https://example.com:8080"),
        ("www.example.com?a=1", "https://www.example.com?a=1"),
        (" http://example.com ", "http://example.com"),
        ("HTTP://example.com", "HTTP://example.com"),
        ("https://e\u0301.example", "https://\u00e9.example"),
    ],
)
def test_a_website_is_completed_and_may_be_missing(given, kept):
    assert website(given) == kept


@pytest.mark.parametrize(
    "given",
    [
        "javascript:alert(1)",
        "javascript://example.com/%0aalert(1)",
        "data:text/html,x",
        "ftp://example.com",
        "//example.com",
        "/me",
        "me",
        "carol@example.com",
        "https://carol:x@example.com",
        "mailto:carol@example.com",
        "exam ple.com",
        "https://example.com/\x07",
        "https://example.com/\ud800",
        "https://" + "a" * 200 + ".example",
        7,
        ["https://example.com"],
    ],
)
def test_a_wrong_website_is_named(given):
    with pytest.raises(Invalid) as caught:
        website(given)
    assert caught.value.problems[0][0] == "website"


def test_the_website_limit_is_said():
    with pytest.raises(Invalid, match=r"Your website's address is 220 characters long; the limit is 200\."):
        website("https://example.com/" + "a" * 200)
    assert website("https://example.com/" + "a" * 180)

"""Which web addresses may become links, and what an author may give as their website."""

from __future__ import annotations

import re
import unicodedata
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import SplitResult, unquote, urlsplit

from commentsvc.core.errors import Invalid
from commentsvc.core.phrases import phrase

EXAMPLE = "https://example.org"
YOUR_WEBSITE = phrase("Your website's address")

# Authority by our own reading: a browser also takes "\" for "/" and hides what stands before "@", so neither may occur.
_WEB = re.compile(r"https?://(?P<host>\[[^\]]*\]|[^/?#@:\\\[\]]+)(?::(?P<port>[0-9]{1,5}))?(?:[/?#].*)?", re.I)
_MAIL = re.compile(r"mailto:[^@/?#\\,]+@(?P<host>[^@/?#:\\,\[\]]+)(?:\?.*)?", re.I)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.I)
_BARE_HOST = re.compile(r"[^/?#@:\\]+\.[^/?#@:\\]+(?::[0-9]+)?(?:[/?#]|$)")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.I)
_HOST_MAX = 253  # RFC 1035
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"}  # categories: control, format, surrogate, separators


def parts_of(address: str) -> SplitResult | None:
    """The parts of an address that a stranger gave; None for one that urllib refuses to read.

    It raises for unpaired brackets, hosts that NFKC would change, and ports that are no numbers (only when asked).
    """
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return None
    return parts


def is_web_url(url: str) -> bool:
    """True for an absolute http or https address with a sound host and without credentials.

    The rule is ours: bleach's protocol list reads `javascript:123` and `file:1` as host and port.
    """
    found = _WEB.fullmatch(url)
    if found is None or _has_unseen(url) or int(found["port"] or 0) > 65_535:
        return False
    host = found["host"]
    return _is_ipv6(host[1:-1]) if host.startswith("[") else _is_host(host)


def is_link(url: str) -> bool:
    """True for what a link in a comment may lead to: a web address or one mail address (`mailto:`)."""
    if is_web_url(url):
        return True
    found = _MAIL.fullmatch(url)
    return found is not None and not _has_unseen(url) and _is_host(found["host"])


def website(value: object, max_length: int = 200) -> str | None:
    """The author's website, None when none is given; raises Invalid("website", sentence).

    `example.org/me` becomes `https://example.org/me`; any other address must be complete and http or https.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise Invalid("website", phrase("%(label)s must be text.", label=YOUR_WEBSITE))
    url = value.strip()
    if not url:
        return None
    if _BARE_HOST.match(url) and not _SCHEME.match(url):
        url = f"https://{url}"
    if len(url) > max_length:
        sentence = phrase(
            "%(label)s is %(length)s characters long; the limit is %(limit)s.",
            label=YOUR_WEBSITE,
            length=len(url),
            limit=max_length,
        )
        raise Invalid("website", sentence)
    if not is_web_url(url):
        sentence = phrase("Enter a complete web address, such as %(example)s.", example=EXAMPLE)
        raise Invalid("website", sentence)
    return unicodedata.normalize("NFC", url)


def _has_unseen(url: str) -> bool:
    return any(unicodedata.category(char) in _UNSEEN for char in url)


def _is_ipv6(address: str) -> bool:
    try:
        IPv6Address(address)
    except AddressValueError:
        return False
    return "%" not in address  # a zone names an interface of the reader's own machine


def _is_host(host: str) -> bool:
    """A name that DNS could hold, or an IPv4 address in four parts; Markdown writes non-ASCII hosts %-encoded."""
    try:
        decoded = unquote(host, errors="strict").lower()
        if len(decoded) > _HOST_MAX:
            return False
        # Both ways: the first turns look-alikes of "/" and "@" into the real ones, the second finds a broken "xn--".
        name = decoded.encode("idna").decode("ascii")
        name.encode("ascii").decode("idna")
    except UnicodeError:
        return False
    labels = name.removesuffix(".").split(".")
    if re.fullmatch(r"[0-9]+|0x[0-9a-f]*", labels[-1], re.I):  # browsers take any such host for an IPv4 address
        return _is_ipv4(name)
    return len(name) <= _HOST_MAX and all(_LABEL.fullmatch(label) for label in labels)


def _is_ipv4(address: str) -> bool:
    try:
        IPv4Address(address)
    except AddressValueError:
        return False
    return True

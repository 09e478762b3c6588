"""Page keys: the key of a page's thread, made from the page's address, its path, or an identifier of the site's own."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from commentsvc.core.errors import Invalid
from commentsvc.core.policy import THREAD_KEY_MAX, LetterCase, Policy, TrailingSlash

INDEX = "index.html"  # the page of a folder, which is also served under the folder's own address

_ADDRESS = re.compile(r"https?://[^/?#]*", re.I)
# Unreserved characters, sub-delims, and `:` and `@` (`pchar` of RFC 3986 §3.3), with `/` and, in a query, `?`.
_PATH_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@/")
_QUERY_CHARACTERS = _PATH_CHARACTERS | {"?"}
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_URL_SAFE = "!#$%&'()*+,/:;=?@[]~"  # of an address as somebody wrote it: everything but what must be encoded
_ENCODED = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
# Characters outside ASCII that an address may show decoded: `ucschar` of RFC 3987 §2.2, without white space and
# without the marks of direction, which §4.1 forbids. A fixed list: with each Python version, more are printable.
_SHOWN = re.compile(
    "[\u00a1-\u167f\u1681-\u1fff\u200b-\u200d\u2010-\u2027\u2030-\u205e\u2060-\u2065\u206a-\u2fff\u3001-\ud7ff"
    "\uf900-\ufdcf\ufdf0-\ufefe\uff00-\uffef"
    + "".join(f"{chr(plane << 16)}-{chr((plane << 16) + 0xFFFD)}" for plane in range(1, 14))
    + "\U000e1000-\U000efffd]"
)
# No database keeps NUL or a lone surrogate; no address has one of the others.
_NEVER = re.compile("[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_SLASHES = re.compile("/{2,}")
# Parameters that tell how a reader came to the page. embed/src/address.ts has the same expression: a page's readers
# must not all ask for copies of their own. `amp;` is left of a link that was escaped twice.
_TRACKING = re.compile(
    "(?:amp;)?(?:(?:utm|mtm|hsa|gad|vero|oly)_|_?_hs"
    r"|(?:\w*clid|msclkid|[gw]braid|mc_[ce]id|_g[al]|igshi?d?|mkt_tok|srsltid|li_fat_id|epik|ref_src|_openstat"
    "|pk_(?:campaign|kwd|keyword|source|medium|content|cid))(?:=|$))",
    re.A | re.I,
)


def key_of(value: str, policy: Policy) -> str:
    """The key of the thread of a page; the key of a key is the key itself.

    Of an address (http or https) or a path (it begins with `/`) this is the path in one spelling, with those
    parameters of the query that `policy.page_params` names. Any other value is an identifier and is its own key.
    docs/threads.md has the rules.
    """
    address = _ADDRESS.match(value)
    if address is None and not value.startswith("/"):
        return value
    rest = (value[address.end() :] if address else value).partition("#")[0]
    path, _, query = rest.partition("?")
    path = _without_dots(_normalised(path, _PATH_CHARACTERS))
    path = _SLASHES.sub("/", f"/{path}")
    if policy.letter_case is LetterCase.IGNORE:
        path = _ENCODED.sub(lambda octets: octets[0].upper(), path.lower())
    kept = _kept_parameters(query, policy.page_param_names)
    return _without_end(path, policy.trailing_slash) + (f"?{kept}" if kept else "")


def is_home(address: str, policy: Policy) -> bool:
    """Whether this is the address of the home page of the blog, or of the domain that it is a folder of."""
    return key_of(address, policy) in ("/", key_of(policy.home_path, policy))


def is_address(value: str) -> bool:
    """Whether the value is an address or a path; any other is an identifier."""
    return value.startswith("/") or _ADDRESS.match(value) is not None


def checked_key(value: str, policy: Policy, field: str = "thread") -> str:
    """The key of what a request or a command names; raises Invalid when it is empty, too long or holds what no key can.

    `field` is what the request or the command calls the value.
    """
    return check(key_of(check(value, field), policy), field)


def check(value: str, field: str = "thread") -> str:
    """The value as it is; raises Invalid when it is empty, too long or holds a character that no key can."""
    if not value.strip() or len(value) > THREAD_KEY_MAX:
        raise Invalid(
            field, f"{field} is the page's identifier, 1 to {THREAD_KEY_MAX} characters, such as /2026/hello/."
        )
    if _NEVER.search(value):
        raise Invalid(field, f"{field} has a control character; remove it.")
    return value


def can_be_stored(key: str) -> bool:
    """Whether a thread may have this key, however long: an imported page is not lost for its address."""
    return bool(key.strip()) and not _NEVER.search(key)


def _without_end(path: str, trailing_slash: TrailingSlash) -> str:
    """The path without the name of a folder's page and, unless the site keeps it, without a slash at its end."""
    while True:
        shorter = path.removesuffix(INDEX) if path.endswith(f"/{INDEX}") else path
        if trailing_slash is TrailingSlash.DROP:
            shorter = shorter.rstrip("/") or "/"
        if shorter == path or trailing_slash is TrailingSlash.KEEP:
            return shorter
        path = shorter


def _without_dots(path: str) -> str:
    """The path without `.` and `..` (RFC 3986 §5.2.4)."""
    if "/." not in path:
        return path
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


def _kept_parameters(query: str, names: frozenset[str]) -> str:
    """The parameters with these names and a value, sorted by name; those of one name keep their order."""
    kept = []
    for part in query.split("&") if names else ():
        name, _, value = _normalised(part, _QUERY_CHARACTERS).partition("=")
        if value and name in names:
            kept.append((name, value))
    return "&".join(f"{name}={value}" for name, value in sorted(kept, key=lambda pair: pair[0]))


def _normalised(text: str, plain: frozenset[str]) -> str:
    """The text in one spelling: what need not be encoded is decoded, what must be is in capitals (RFC 3986 §6.2.2)."""
    parts: list[str] = []
    at = 0
    for encoded in _ENCODED.finditer(text):
        parts += [_encoded(text[at : encoded.start()], plain), _decoded(bytes.fromhex(encoded[0].replace("%", "")))]
        at = encoded.end()
    return "".join([*parts, _encoded(text[at:], plain)])


def _decoded(octets: bytes) -> str:
    """Decode what need not be encoded; octets that are no UTF-8 stay encoded."""
    text = octets.decode("utf-8", "surrogateescape")
    return "".join(c if c in _UNRESERVED or _SHOWN.match(c) else _percent(c, "surrogateescape") for c in text)


def _encoded(text: str, plain: frozenset[str]) -> str:
    return "".join(c if c in plain or _SHOWN.match(c) else _percent(c, "surrogatepass") for c in text)


def _percent(character: str, errors: str) -> str:
    return "".join(f"%{octet:02X}" for octet in character.encode("utf-8", errors))


def without_tracking(address: str) -> str:
    """The address without the parameters of its query that tell how a reader came to the page."""
    rest, number_sign, fragment = address.partition("#")
    path, _, query = rest.partition("?")
    kept = "&".join(part for part in query.split("&") if part and not _TRACKING.match(unquote(part)))
    return path + (f"?{kept}" if kept else "") + number_sign + fragment


def without_anchor(address: str) -> str:
    """The address of a page without a place on it; the route of a single-page application (`#/…`, `#!…`) stays."""
    page, _, fragment = address.partition("#")
    return f"{page}#{fragment.partition('#')[0]}" if fragment.startswith(("/", "!")) else page


def has_route(address: str) -> bool:
    """Whether a script keeps the page in the fragment: the server gives the same document for all of them."""
    return "#" in without_anchor(address)


def stored_url(url: str, key: str, policy: Policy) -> str:
    """The address of a page as it is stored with the thread of this key: without a place on the page.

    When the key is made of it, its query keeps only the parameters that tell pages apart: any other is the accident of
    one reader's visit. Else it loses the parameters that tell how a reader came.
    """
    if key_of(url, policy) == key:
        return plain_address(url, policy)
    return without_tracking(without_anchor(url))


def moved_url(url: str, old_key: str, new: str, policy: Policy) -> str:
    """The address of a page after its thread was moved from `old_key` to `new`; `url` where nothing follows from it.

    A new address is the page's. A new path replaces that of the old address, if this is the address of the old key.
    """
    new = without_tracking(quote(new.partition("#")[0], safe=_URL_SAFE))
    if _ADDRESS.match(new):
        return new
    old = _ADDRESS.match(url)
    if old is None or not new.startswith("/") or key_of(url, policy) != old_key:
        return url
    return old[0] + new


def address_of(origin: str, key: str) -> str:
    """The address of the page that a key which is a path names."""
    return origin + quote(key, safe=_URL_SAFE)


def plain_address(address: str, policy: Policy) -> str:
    """The address without its fragment, and of the query only with the parameters that tell pages apart."""
    place, _, query = without_fragment(address).partition("?")
    kept = _kept_parameters(query, policy.page_param_names)
    return place + (f"?{quote(kept, safe=_URL_SAFE)}" if kept else "")


def without_fragment(address: str) -> str:
    return address.partition("#")[0]


def origin_of(value: str) -> str | None:
    """Scheme and host of an address; None of a path or an identifier."""
    address = _ADDRESS.match(value)
    return address[0] if address else None

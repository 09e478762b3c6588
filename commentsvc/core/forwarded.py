"""The sender's address of a request that came through proxies, from their forwarding header."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence
from enum import StrEnum

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# A node of RFC 7239 §6, and what proxies write in its place: an address, in brackets or not, with a port or not.
_BRACKETS = re.compile(r"\[([^\[\]]+)\](?::(?:\d{1,5}|_[\w.-]+))?")
_IPV4 = re.compile(r"(\d{1,3}(?:\.\d{1,3}){3})(?::(?:\d{1,5}|_[\w.-]+))?", re.ASCII)
_BLANK = " \t"


class ForwardingHeader(StrEnum):
    """The header that the operator's proxies write. Only one is read: a proxy passes on the other as it came."""

    X_FORWARDED_FOR = "x-forwarded-for"
    FORWARDED = "forwarded"


def client_address(remote: str, value: str, header: ForwardingHeader, trusted: Sequence[Network]) -> str:
    """The nearest address that is not one of our own proxies, or '' when even the connection's own is unknown.

    `remote` is the other end of the connection; `value` is the header, several lines of it joined by commas. Each
    proxy adds who asked it at the end, so the header is read from there and no further than to the first address that
    is not trusted. Where a trusted proxy wrote no address (`unknown`, a name of its own), the proxy's counts.
    """
    nearest = address(remote)
    for hop in _hops(value, header):
        if nearest is None or not is_in(nearest, trusted):
            break
        if hop is None:
            break
        nearest = hop
    return str(nearest) if nearest is not None else ""


def is_in(known: Address, networks: Sequence[Network]) -> bool:
    return any(known in network for network in networks)


def address(text: str) -> Address | None:
    """The plain address in one entry of a header: without port, brackets, quotes and zone; None where there is none."""
    text = text.strip(_BLANK)
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1].strip(_BLANK)
    if found := _BRACKETS.fullmatch(text) or _IPV4.fullmatch(text):
        text = found[1]
    try:
        known = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(known, "ipv4_mapped", None) or known


def _hops(value: str, header: ForwardingHeader) -> Iterator[Address | None]:
    """The address in each entry, the nearest proxy's first."""
    for entry in _split_from_the_end(value, ","):
        if not entry.strip(_BLANK):
            continue
        if header is ForwardingHeader.X_FORWARDED_FOR:
            yield address(entry)
        else:
            yield _for_of(entry)


def _for_of(element: str) -> Address | None:
    """The `for` of one element of `Forwarded` (RFC 7239 §4)."""
    for pair in _split_from_the_end(element, ";"):
        name, _, node = pair.partition("=")
        if name.strip(_BLANK).lower() == "for":
            return address(node)
    return None


def _split_from_the_end(value: str, separator: str) -> Iterator[str]:
    """The parts between separators that are not in quotes, the last first.

    Read from the end, where our own proxies write: a quote that a client leaves open must not swallow their entries.
    """
    end, is_quoted = len(value), False
    for at in range(len(value) - 1, -1, -1):
        if value[at] == '"' and not (is_quoted and _is_escaped(value, at)):
            is_quoted = not is_quoted
        elif value[at] == separator and not is_quoted:
            yield value[at + 1 : end]
            end = at
    yield value[:end]


def _is_escaped(value: str, at: int) -> bool:
    backslashes = at - len(value[:at].rstrip("\\"))
    return backslashes % 2 == 1

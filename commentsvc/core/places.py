"""Where things come from: networks of addresses, domains of links and mail addresses, and long lists of either."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from html import unescape
from urllib.parse import unquote

from commentsvc.core import links

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# What one household or hosting customer usually has: many addresses of IPv6, few of IPv4.
NEAR = {4: 24, 6: 48}
_HREF = re.compile(r'<a href="([^"]*)"')
_DOMAIN = re.compile(r"[^\s/@:?#\[\]]+\.[^\s/@:?#\[\]]+|localhost")


def address(ip: str) -> Address | None:
    """None for a comment without one, as imported ones are."""
    try:
        return ipaddress.ip_address(ip)
    except ValueError:
        return None


def network_near(ip: str) -> str:
    """The network that the address is counted with, such as 192.0.2.0/24; "" without an address."""
    found = address(ip)
    return str(ipaddress.ip_network((found, NEAR[found.version]), strict=False)) if found else ""


class Networks:
    """A list of addresses and networks; a look-up costs as many steps as there are sizes of networks in it."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines: dict[tuple[int, int, int], str] = {}
        for line in lines:
            network = ipaddress.ip_network(line, strict=False)
            self._lines.setdefault((network.version, network.prefixlen, int(network.network_address)), line)
        self._sizes = sorted({key[:2] for key in self._lines})

    def find(self, ip: str) -> str | None:
        """The line that holds the address."""
        found = address(ip)
        if found is None:
            return None
        for version, size in self._sizes:
            if version == found.version:
                bits = found.max_prefixlen - size
                if (line := self._lines.get((version, size, int(found) >> bits << bits))) is not None:
                    return line
        return None


def host_of(url: str) -> str:
    """The host of a link in lower case ASCII, "" when it has none."""
    parts = links.parts_of(url)
    return domain(parts.hostname or "") if parts else ""


def domain(name: str) -> str:
    """A domain in the one way that look-ups know: lower case, ASCII, without `www.` and a dot at the end."""
    plain = unquote(name).strip().strip(".").lower()
    try:
        plain = plain.encode("idna").decode("ascii")
    except UnicodeError:
        pass  # no name that DNS could hold; it is compared as it stands
    return plain.removeprefix("www.")


def is_domain(name: str) -> bool:
    return len(name) <= 253 and _DOMAIN.fullmatch(name) is not None


def with_parents(name: str) -> Iterator[str]:
    """`a.example.org`, `example.org`, `org`."""
    labels = name.split(".")
    for at in range(len(labels)):
        yield ".".join(labels[at:])


def link_hosts(html: str) -> list[str]:
    """The hosts of the links in cleaned HTML, in their order; mail addresses count with their domain."""
    found = []
    for target in _HREF.findall(html):
        url = unescape(target)
        is_mail = url.lower().startswith("mailto:")
        host = domain(url.partition("?")[0].rpartition("@")[2]) if is_mail else host_of(url)
        if host:
            found.append(host)
    return found


def network(value: str) -> Network | None:
    """A network or a single address; None for what is neither."""
    try:
        return ipaddress.ip_network(value.strip(), strict=False)
    except ValueError:
        return None


def discreet(match: str) -> str:
    """What a rule found, for who may not see addresses: '' where it is or holds an e-mail or network address."""
    if "@" in match:
        return ""
    try:
        ipaddress.ip_network(match, strict=False)
    except ValueError:
        return match
    return ""

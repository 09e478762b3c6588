"""Networks of addresses: which addresses count as one neighbour, and long lists of networks.

Every limit by address goes through `network_of`. One customer often has 2^64 addresses of IPv6, and some have 2^80, so
a limit by single address is none.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from enum import Enum

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address


class NetworkScope(Enum):
    """The size of one network: prefix lengths for IPv4 and IPv6."""

    HOUSEHOLD = (32, 64)  # one connection: the first that limits count
    CUSTOMER = (32, 48)  # the most that one customer of a provider or host usually gets
    NEIGHBOURHOOD = (24, 48)  # addresses that are given out together: for looser limits

    @property
    def sizes(self) -> dict[int, int]:
        return dict(zip((4, 6), self.value, strict=True))


def address(ip: str) -> Address | None:
    """The address, None for what is none, as with imported comments.

    An IPv6 address that only wraps an IPv4 address (mapped, 6to4, Teredo, NAT64) is that IPv4 address. The zone of a
    link-local address is dropped.
    """
    try:
        found = ipaddress.ip_address(ip.strip().strip("[]"))
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv4Address):
        return found
    found = ipaddress.IPv6Address(int(found))
    teredo = found.teredo
    if found in NAT64:
        return ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
    return found.ipv4_mapped or found.sixtofour or (teredo[1] if teredo else None) or found


def network_of(ip: str, scope: NetworkScope) -> str:
    """The network that the address is counted with, such as 192.0.2.0/24; a single address has no prefix length.

    "" for what is no address: all unknown addresses are one neighbour.
    """
    found = address(ip)
    if found is None:
        return ""
    size = scope.sizes[found.version]
    if size == found.max_prefixlen:
        return str(found)
    return str(ipaddress.ip_network((found, size), strict=False))


def count_in(ips: Iterable[str], ip: str, scope: NetworkScope) -> int:
    """The number of the addresses in the same network as `ip`."""
    own = network_of(ip, scope)
    return sum(network_of(other, scope) == own for other in ips)


def network(value: str) -> Network | None:
    """A network or a single address; None for what is neither."""
    try:
        return ipaddress.ip_network(value.strip(), strict=False)
    except ValueError:
        return None


class Networks:
    """A list of addresses and networks; a look-up costs as many steps as there are sizes of networks in it."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines: dict[tuple[int, int, int], str] = {}
        for line in lines:
            found = ipaddress.ip_network(line, strict=False)
            self._lines.setdefault((found.version, found.prefixlen, int(found.network_address)), line)
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

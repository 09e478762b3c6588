"""Which hosts of private networks the service's own requests may reach: none, unless the operator names them."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from commentsvc.core.forwarded import Network


@dataclass(frozen=True)
class OutboundAllow:
    """`hosts` are names in lower case, `networks` hold addresses."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    def covers(self, host: str, address: IPv4Address | IPv6Address) -> bool:
        """Whether requests may go to this address, which the host's name stands for, whatever network it is in."""
        return host.lower() in self.hosts or any(address in network for network in self.networks)


ALLOW_NONE = OutboundAllow()

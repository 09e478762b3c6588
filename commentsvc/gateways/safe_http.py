"""HTTP to other services: bounded in time and size, following nobody; no stranger's address leads into our network."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping
from contextlib import closing
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any
from urllib.parse import urlsplit

from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter
from requests.exceptions import ConnectionError, InvalidURL, ReadTimeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from commentsvc.core.outbound import ALLOW_NONE, OutboundAllow
from commentsvc.gateways import deadlines
from commentsvc.gateways.deadlines import Deadline

TIMEOUT_S = 10.0
BYTES_MAX = 2**20
CHUNK = 64 * 1024
AGENT = "commentsvc"
# IPv4-compatible (RFC 4291, 2.5.5.1) and NAT64 (RFC 6052, RFC 8215).
ENDS_IN_IPV4 = [IPv6Network(network) for network in ("::/96", "64:ff9b::/96", "64:ff9b:1::/48")]

# RFC 6890; Python before 3.11.9 calls it public, and a cloud tells its machines their secrets at 192.0.0.192.
PROTOCOLS_OWN = IPv4Network("192.0.0.0/24")

SECURE = {"https": 443}
WEB = {"http": 80, "https": 443}


class NotPublic(ConnectionError):
    """The address is none that a stranger may lead us to."""


class _Connection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return deadlines.watch(super()._new_conn())


class _TlsConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return deadlines.watch(super()._new_conn())


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class BoundedAdapter(HTTPAdapter):
    """Reads the whole answer at once, up to BYTES_MAX and within `timeout_s`, however slowly it drips.

    A longer answer is an error, or with `is_cut` ends there.
    """

    timeout_s = TIMEOUT_S
    is_cut = False

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        kwargs.update(stream=True, timeout=self.timeout_s)
        try:
            with Deadline(self.timeout_s):
                return self._whole(super().send(request, *args, **kwargs))
        except TimeoutError as error:
            raise ReadTimeout("the answer takes too long") from error

    def _whole(self, response: Response) -> Response:
        body = b""
        with closing(response):
            for chunk in response.iter_content(CHUNK):
                body += chunk
                if len(body) > BYTES_MAX and self.is_cut:
                    body = body[:BYTES_MAX]
                    break
                if len(body) > BYTES_MAX:
                    raise InvalidURL("the answer is larger than any that is expected")
        response._content = body
        return response


class PublicAdapter(BoundedAdapter):
    """Requests to public addresses only, by the schemes of `ports` and on their ports; `allow` opens private hosts too.

    The name is looked up once, and the connection goes to the address that was checked: a name server that answers
    differently the second time changes nothing.
    """

    def __init__(self, allow: OutboundAllow, ports: Mapping[str, int]) -> None:
        self._allow, self._ports = allow, ports
        super().__init__()

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        parts = urlsplit(request.url or "")
        if parts.scheme not in self._ports or not parts.hostname or "@" in parts.netloc:
            raise InvalidURL(f"only {' and '.join(self._ports)} addresses are asked")
        request.headers["Host"] = parts.netloc
        return super().send(request, *args, **kwargs)

    def build_connection_pool_key_attributes(
        self, request: PreparedRequest, verify: Any, cert: Any = None
    ) -> tuple[Any, Any]:
        host, pool = super().build_connection_pool_key_attributes(request, verify, cert)
        parts = urlsplit(request.url or "")
        name = parts.hostname or ""
        has_other_port = parts.port not in (None, self._ports[parts.scheme])
        address = public_address(name, self._allow, needs_allowance=has_other_port)
        secure = {"server_hostname": name, "assert_hostname": name} if parts.scheme == "https" else {}
        return {**host, "host": address}, {**pool, **secure}


def public_address(name: str, allow: OutboundAllow = ALLOW_NONE, needs_allowance: bool = False) -> str:
    """An address of the host; raises NotPublic when any of its addresses is neither public nor allowed by `allow`.

    With `needs_allowance` an address must be allowed, also a public one. Raises ConnectionError for an unknown host.
    """
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(name, 443, type=socket.SOCK_STREAM)}
    except OSError as error:
        raise ConnectionError("the host is not known") from error
    for address in found:
        written = ipaddress.ip_address(address.partition("%")[0])
        known = _led_to(written)
        if allow.covers(name, written) or allow.covers(name, known):
            continue
        if not known.is_global or known.is_multicast or known in PROTOCOLS_OWN:
            raise NotPublic("the host is not on the public internet")
        if needs_allowance:
            raise NotPublic("the port is not the usual one")
    return sorted(found, key=lambda a: ":" in a)[0]


def _led_to(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address inside an IPv6 address that a gateway on the way may call instead, where it has one."""
    if isinstance(address, IPv4Address):
        return address
    if any(address in network for network in ENDS_IN_IPV4):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def bounded(session: Session, timeout_s: float = TIMEOUT_S) -> Session:
    """The session, bounded: for services that the operator has named."""
    adapter = BoundedAdapter()
    adapter.timeout_s = timeout_s
    _mount(session, adapter)
    return session


def public_only(
    session: Session, allow: OutboundAllow = ALLOW_NONE, ports: Mapping[str, int] = SECURE, is_cut: bool = False
) -> Session:
    """The session, bounded and kept out of our own network: for addresses that a stranger gave.

    Hosts that `allow` names may be of any network and port. With `is_cut`, only the first BYTES_MAX are read.
    """
    adapter = PublicAdapter(allow, ports)
    adapter.is_cut = is_cut
    _mount(session, adapter)
    session.trust_env = False
    return session


def _mount(session: Session, adapter: HTTPAdapter) -> None:
    session.headers["User-Agent"] = AGENT
    session.max_redirects = 1  # none is followed where nobody asks for it; requests looks one ahead all the same
    for scheme in ("http://", "https://"):
        session.mount(scheme, adapter)

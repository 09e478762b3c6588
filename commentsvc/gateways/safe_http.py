"""HTTP to other services: bounded in time and size, following nobody; no stranger's address leads into our network."""

from __future__ import annotations

import ipaddress
import socket
from contextlib import closing
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any
from urllib.parse import urlsplit

from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter
from requests.exceptions import ConnectionError, InvalidURL, ReadTimeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

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
    """Reads the whole answer at once, up to BYTES_MAX and within `timeout_s`, however slowly it drips."""

    timeout_s = TIMEOUT_S

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
                if len(body) > BYTES_MAX:
                    raise InvalidURL("the answer is larger than any that is expected")
        response._content = body
        return response


class PublicAdapter(BoundedAdapter):
    """Requests over https on port 443 only, and to public addresses only.

    The name is looked up once, and the connection goes to the address that was checked: a name server that answers
    differently the second time changes nothing.
    """

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        parts = urlsplit(request.url or "")
        if parts.scheme != "https" or parts.port not in (None, 443) or not parts.hostname or "@" in parts.netloc:
            raise InvalidURL("only https addresses on port 443 are asked")
        request.headers["Host"] = parts.hostname
        return super().send(request, *args, **kwargs)

    def build_connection_pool_key_attributes(
        self, request: PreparedRequest, verify: Any, cert: Any = None
    ) -> tuple[Any, Any]:
        host, pool = super().build_connection_pool_key_attributes(request, verify, cert)
        name = urlsplit(request.url or "").hostname or ""
        return {**host, "host": public_address(name)}, {**pool, "server_hostname": name, "assert_hostname": name}


def public_address(name: str) -> str:
    """An address of the host; raises ConnectionError when any of its addresses is not one of the public internet."""
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(name, 443, type=socket.SOCK_STREAM)}
    except OSError as error:
        raise ConnectionError("the host is not known") from error
    for address in found:
        known = _led_to(ipaddress.ip_address(address.partition("%")[0]))
        if not known.is_global or known.is_multicast or known in PROTOCOLS_OWN:
            raise ConnectionError("the host is not on the public internet")
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


def public_only(session: Session) -> Session:
    """The session, bounded and kept out of our own network: for addresses that a stranger gave."""
    _mount(session, PublicAdapter())
    session.trust_env = False
    return session


def _mount(session: Session, adapter: HTTPAdapter) -> None:
    session.headers["User-Agent"] = AGENT
    session.max_redirects = 1  # none is followed where nobody asks for it; requests looks one ahead all the same
    for scheme in ("http://", "https://"):
        session.mount(scheme, adapter)

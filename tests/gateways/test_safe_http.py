"""HTTP to other services: no answer, however slowly it comes, holds a thread for longer than was agreed."""

import pytest
from requests import Session
from requests.exceptions import ConnectionError, ReadTimeout, RequestException

from commentsvc import config_values
from commentsvc.gateways import safe_http
from tests.support.cast import dripping

PUBLIC, PRIVATE = "1.1.1.1", "10.1.2.3"
LINES = b"HTTP/1.1 200 OK\r\n" + b"X-Filler: x\r\n" * 50


@pytest.mark.parametrize("answer", [LINES + b"\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 600\r\n\r\n" + b"x" * 600])
def test_an_answer_whose_head_or_body_drips_is_left_when_the_time_is_up(answer):
    with dripping(answer, 0.02) as port, safe_http.bounded(Session(), 0.5) as session, pytest.raises(ReadTimeout):
        session.get(f"http://127.0.0.1:{port}/")


def test_a_tls_handshake_that_drips_is_left_too():
    record = b"\x16\x03\x03\x40\x00" + b"\x02" * 600  # the begin of a long TLS record
    with dripping(record, 0.02) as port, safe_http.bounded(Session(), 0.5) as session, pytest.raises(ReadTimeout):
        session.get(f"https://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    ("setting", "host", "is_other_port"),
    [
        ("10.0.0.0/8", PRIVATE, False),
        ("10.1.2.3", PRIVATE, True),
        ("localhost", "LOCALHOST", True),
        ("[::1], other.example", "::1", False),
        ("1.1.1.1", PUBLIC, True),
        ("", PUBLIC, False),
    ],
)
def test_hosts_that_the_operator_allows_are_asked(setting, host, is_other_port):
    allow = config_values.outbound_allow(setting)
    assert safe_http.public_address(host, allow, needs_allowance=is_other_port)


@pytest.mark.parametrize(
    ("setting", "host", "is_other_port"),
    [
        ("", PRIVATE, False),
        ("10.0.0.0/16", PRIVATE, False),
        ("localhost", "127.0.0.1", False),
        ("127.0.0.1", "localhost.localdomain", False),
        ("", PUBLIC, True),
        (PRIVATE, PUBLIC, True),
    ],
)
def test_no_other_private_host_or_port_is_asked(setting, host, is_other_port):
    with pytest.raises(ConnectionError):
        safe_http.public_address(host, config_values.outbound_allow(setting), needs_allowance=is_other_port)


@pytest.mark.parametrize("value", ["http://localhost", "localhost:8000", "*", "*.internal", "a b", "10.0.0.0/99", "-;"])
def test_what_is_no_host_stops_the_start_with_a_sentence(value):
    with pytest.raises(config_values.BadSetting, match="COMMENTSVC_OUTBOUND_ALLOW"):
        config_values.outbound_allow(value)


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "http://1.1.1.1:8080/", "ftp://1.1.1.1/", "http://u@1.1.1.1/"])
def test_pages_of_the_web_are_public_and_on_its_ports(url):
    with safe_http.public_only(Session(), ports=safe_http.WEB) as session, pytest.raises(RequestException):
        session.get(url)

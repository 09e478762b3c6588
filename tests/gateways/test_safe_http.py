"""HTTP to other services: no answer, however slowly it comes, holds a thread for longer than was agreed."""

import pytest
from requests import Session
from requests.exceptions import ReadTimeout

from commentsvc.gateways import safe_http
from tests.support.cast import dripping

LINES = b"HTTP/1.1 200 OK\r\n" + b"X-Filler: x\r\n" * 50


@pytest.mark.parametrize("answer", [LINES + b"\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 600\r\n\r\n" + b"x" * 600])
def test_an_answer_whose_head_or_body_drips_is_left_when_the_time_is_up(answer):
    with dripping(answer, 0.02) as port, safe_http.bounded(Session(), 0.5) as session, pytest.raises(ReadTimeout):
        session.get(f"http://127.0.0.1:{port}/")


def test_a_tls_handshake_that_drips_is_left_too():
    record = b"\x16\x03\x03\x40\x00" + b"\x02" * 600  # the begin of a long TLS record
    with dripping(record, 0.02) as port, safe_http.bounded(Session(), 0.5) as session, pytest.raises(ReadTimeout):
        session.get(f"https://127.0.0.1:{port}/")

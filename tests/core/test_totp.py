"""Codes of authenticator apps, against the vectors of RFC 6238 (appendix B, SHA-1, the last six digits)."""

import base64

import pytest

from commentsvc.core import totp

SECRET = base64.b32encode(b"12345678901234567890").decode()


@pytest.mark.parametrize(
    ("at_s", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_the_vectors_of_the_rfc(at_s, code):
    assert totp.code_at(SECRET, at_s // 30) == code
    assert totp.find_step(SECRET, code, at_s, after=0) == at_s // 30


def test_a_code_is_good_a_step_early_and_late_and_never_twice():
    step = 1000
    code = totp.code_at(SECRET, step)
    for drift_s in (-30, 0, 30):
        assert totp.find_step(SECRET, code, step * 30 + drift_s, after=0) == step
    assert totp.find_step(SECRET, code, step * 30 + 60, after=0) is None
    assert totp.find_step(SECRET, code, step * 30, after=step) is None


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "\udcff"])
def test_what_is_no_code_is_refused(code):
    assert totp.find_step(SECRET, code, 59, after=0) is None


def test_what_an_app_reads():
    address = totp.address(SECRET, "alice@example.org", "comments.example")
    assert address.startswith("otpauth://totp/comments.example%3Aalice%40example.org?secret=GEZD")

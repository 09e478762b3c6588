"""Forwarding headers as proxies write them, and as clients forge them."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commentsvc.core.forwarded import ForwardingHeader, address, client_address

PROXY, READER, FORGED = "10.0.0.1", "203.0.113.7", "198.51.100.9"
TRUSTED = [ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8")]


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("1.2.3.4", "1.2.3.4"),
        ("1.2.3.4:51008", "1.2.3.4"),
        ("  1.2.3.4 \t", "1.2.3.4"),
        ('"1.2.3.4:80"', "1.2.3.4"),
        ('" 1.2.3.4 "', "1.2.3.4"),
        ("1.2.3.4:_port", "1.2.3.4"),
        ("2001:db8::1", "2001:db8::1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ('"[2001:db8::1]:443"', "2001:db8::1"),
        ('"[::1]:1"', "::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%25eth0]:80", "fe80::1"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("[::ffff:1.2.3.4]:80", "1.2.3.4"),
        ("[1.2.3.4]:80", "1.2.3.4"),
        ("unknown", None),
        ("_hidden", None),
        ("_SEVKISEK", None),
        ("", None),
        ('"', None),
        ('""', None),
        ("-", None),
        ("localhost", None),
        ("comments.example", None),
        ("1.2.3.4:http", None),
        ("1.2.3.4:123456", None),
        ("1.2.3", None),
        ("1.2.3.256", None),
        ("01.2.3.4", None),
        ("٤.2.3.4", None),
        ("2001:db8::1]:443", None),
        ("[2001:db8::1", None),
        ("[2001:db8::1]443", None),
        ("1.2.3.4/24", None),
        ("16909060", None),
        ("<script>", None),
    ],
)
def test_an_entry_gives_a_plain_address_or_none(text, plain):
    found = address(text)
    assert (str(found) if found else None) == plain


@pytest.mark.parametrize(
    ("remote", "value", "want"),
    [
        (READER, "", READER),
        (READER, FORGED, READER),  # not from a proxy of ours
        (PROXY, "", PROXY),
        (PROXY, READER, READER),
        (PROXY, f"{READER}:51008", READER),
        (PROXY, "[2001:db8::1]:443", "2001:db8::1"),
        (PROXY, f'"{READER}"', READER),
        (PROXY, f"{FORGED}, {READER}", READER),
        (PROXY, f"{FORGED},{READER},,", READER),
        (PROXY, f"{FORGED}, {READER}, 10.0.0.2", READER),
        (PROXY, f"{FORGED}, {READER}:1, [fd00::2]:2", READER),
        (PROXY, f'"{FORGED}, {READER}', READER),  # a quote that a client left open
        (PROXY, f'"{FORGED}", "{READER}"', READER),
        (PROXY, f"{FORGED}, unknown", PROXY),
        (PROXY, f"{FORGED}, 10.0.0.2, unknown, 10.0.0.3", "10.0.0.3"),
        (PROXY, "10.0.0.2, 10.0.0.3", "10.0.0.2"),
        ("fd00::1%eth0", READER, READER),
        ("::ffff:10.0.0.1", READER, READER),
        ("[fd00::1]:80", READER, READER),
        ("", READER, ""),
        ("unix:", READER, ""),
    ],
)
def test_x_forwarded_for_is_read_from_the_end_as_far_as_our_own_proxies_wrote_it(remote, value, want):
    assert client_address(remote, value, ForwardingHeader.X_FORWARDED_FOR, TRUSTED) == want


@pytest.mark.parametrize(
    ("value", "want"),
    [
        (f"for={READER}", READER),
        (f"For={READER};proto=https;by=10.0.0.9", READER),
        (f"proto=https; FOR = {READER} ;by=10.0.0.9", READER),
        (f'for="{READER}:4711"', READER),
        ('for="[2001:db8:cafe::17]:4711"', "2001:db8:cafe::17"),
        (f"for={FORGED}, for={READER}", READER),
        (f"for={FORGED}, for={READER};host=a, for=10.0.0.2", READER),
        (f'for={READER};host="a,b;for={FORGED}"', READER),
        (f'for={READER};host="a\\", for={FORGED}"', READER),
        (f'for="{FORGED}, for={READER}', READER),  # a quote that a client left open
        (f'host="\\, for={READER}', READER),
        (f"for={FORGED}, for=unknown", PROXY),
        (f'for={FORGED}, for="_gazonk"', PROXY),
        (f"for={FORGED}, proto=https", PROXY),
        (READER, PROXY),
        ("", PROXY),
    ],
)
def test_forwarded_is_read_as_rfc_7239_has_it(value, want):
    assert client_address(PROXY, value, ForwardingHeader.FORWARDED, TRUSTED) == want


@given(st.text(alphabet='0123456789abcf.:[]%"\\,;= _-for', max_size=40), st.sampled_from(list(ForwardingHeader)))
def test_whatever_a_client_writes_our_proxys_entry_counts_and_an_address_is_plain(forged, header):
    entry = READER if header is ForwardingHeader.X_FORWARDED_FOR else f"for={READER}"
    assert client_address(PROXY, f"{forged}, {entry}", header, TRUSTED) == READER
    alone = client_address(PROXY, forged, header, TRUSTED)
    assert str(ipaddress.ip_address(alone)) == alone and "%" not in alone

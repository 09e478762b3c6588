"""The server in what a reader types."""

import pytest

from commentsvc.core.provider_clients import host_of


@pytest.mark.parametrize(
    ("typed", "host"),
    [
        ("example.social", "example.social"),
        (" Example.Social ", "example.social"),
        ("@ann@example.social", "example.social"),
        ("ann@example.social", "example.social"),
        ("https://example.social", "example.social"),
        ("https://example.social/@ann", "example.social"),
        ("a.b-c.example", "a.b-c.example"),
        ("1.2.example", "1.2.example"),
        (f"{'a' * 63}.example", f"{'a' * 63}.example"),
        (".".join(["a" * 49] * 5) + ".ab", ".".join(["a" * 49] * 5) + ".ab"),  # 252 characters
    ],
)
def test_a_server_is_found_in_what_people_type(typed, host):
    assert host_of(typed) == host


@pytest.mark.parametrize(
    "typed",
    [
        *("", "ann", "localhost", "127.0.0.1", "[::1]", "example.social:8443", "http://example.social"),
        *("-a.example", "a-.example", "a..example", ".example", "example.", "ex_ample.social", "exämple.social"),
        *("example.c0m", "example.a", "example.social.", "example.social#x", "example.social?x", "a b.example"),
        f"{'a' * 64}.example",
        f"example.{'a' * 64}",
        ".".join(["a" * 49] * 5) + ".abcd",  # 254 characters
    ],
)
def test_what_names_no_server_of_the_internet_is_no_server(typed):
    assert host_of(typed) == ""

"""How much one network may write: counted by household, and more loosely by neighbourhood."""

import pytest

from commentsvc.gateways import rate_limits
from tests.support.cast import BLOG, add_site

MOST, MOST_NEAR = rate_limits.WRITES.most, rate_limits.WRITES_NEAR.most


@pytest.fixture
def preview(make_app):
    """Send one write from an address, at one moment; gives the answer."""
    app = make_app(LIMITS="on")
    app.extensions["limits"] = rate_limits.InProcess(lambda: 1_000_000.0)
    with app.app_context():
        add_site("blog", BLOG)
    client = app.test_client()

    def send(ip):
        return client.post("/api/v1/preview", json={"site": "blog", "body": "x"}, environ_base={"REMOTE_ADDR": ip})

    return send


def statuses(preview, addresses):
    return [preview(ip).status_code for ip in addresses]


def test_all_addresses_of_an_ipv6_household_count_as_one(preview):
    one = [f"2001:db8:1:2::{n:x}" for n in range(MOST)]
    assert statuses(preview, one) == [200] * MOST
    refused = preview("2001:db8:1:2:ffff::1")
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= rate_limits.WRITES.window_s
    assert preview("2001:db8:1:3::1").status_code == 200, "the next household"


def test_households_of_one_ipv6_neighbourhood_have_a_looser_limit_together(preview):
    many = [f"2001:db8:1:{n:x}::1" for n in range(MOST_NEAR)]
    assert statuses(preview, many) == [200] * MOST_NEAR
    assert preview("2001:db8:1:ffff::1").status_code == 429
    assert preview("2001:db8:2::1").status_code == 200


def test_each_ipv4_address_is_a_household_and_their_24_bits_a_neighbourhood(preview):
    assert statuses(preview, ["192.0.2.1"] * MOST) == [200] * MOST
    assert preview("192.0.2.1").status_code == 429
    assert statuses(preview, [f"192.0.2.{n}" for n in range(2, MOST + 2)]) == [200] * MOST
    assert preview("192.0.2.200").status_code == 429
    assert preview("192.0.3.1").status_code == 200

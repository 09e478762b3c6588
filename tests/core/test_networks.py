"""Networks: addresses of one household or neighbourhood, in any notation."""

import pytest

from commentsvc.core.networks import Networks, NetworkScope, address, count_in, network_of

OF = {
    "192.0.2.77": ("192.0.2.77", "192.0.2.77", "192.0.2.0/24"),
    "2001:db8:1:2:3:4:5:6": ("2001:db8:1:2::/64", "2001:db8:1::/48", "2001:db8:1::/48"),
    "fe80::1%eth0": ("fe80::/64", "fe80::/48", "fe80::/48"),
    "[2001:db8::1]": ("2001:db8::/64", "2001:db8::/48", "2001:db8::/48"),
}
# The same IPv4 address inside IPv6: mapped, NAT64, 6to4, Teredo.
WRAPPED = ("::ffff:192.0.2.77", "64:ff9b::c000:24d", "2002:c000:24d:9::1", "2001:0:1:2:0:3:3fff:fdb2")


@pytest.mark.parametrize(("ip", "networks"), OF.items())
def test_an_address_is_counted_with_its_network_by_purpose(ip, networks):
    assert tuple(network_of(ip, scope) for scope in NetworkScope) == networks


@pytest.mark.parametrize("ip", WRAPPED)
def test_an_ipv4_address_inside_ipv6_is_that_address(ip):
    assert str(address(ip)) == "192.0.2.77"
    assert network_of(ip, NetworkScope.HOUSEHOLD) == "192.0.2.77"
    assert network_of(ip, NetworkScope.NEIGHBOURHOOD) == "192.0.2.0/24"
    assert Networks(["192.0.2.0/24"]).find(ip) == "192.0.2.0/24"


@pytest.mark.parametrize("ip", ["", " ", "unknown", "1.2.3", "999.1.1.1", "1.2.3.4:80", "2001:db8::/32", "\0"])
def test_what_is_no_address_is_one_neighbour(ip):
    assert address(ip) is None
    assert {network_of(ip, scope) for scope in NetworkScope} == {""}


def test_neighbours_are_counted():
    seen = ["2001:db8:0:1::1", "2001:db8:0:1::2", "2001:db8:0:2::1", "192.0.2.1", ""]
    assert count_in(seen, "2001:db8:0:1::9", NetworkScope.HOUSEHOLD) == 2
    assert count_in(seen, "2001:db8:0:1::9", NetworkScope.NEIGHBOURHOOD) == 3
    assert count_in(seen, "192.0.2.2", NetworkScope.HOUSEHOLD) == 0
    assert count_in(seen, "", NetworkScope.HOUSEHOLD) == 1

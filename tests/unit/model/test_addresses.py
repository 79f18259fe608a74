"""Prefix lengths of networks: other declarations that cannot derive from them agree with them."""

from __future__ import annotations

from fortepiano.http.admin.bans import BanRequest
from fortepiano.model.addresses import NETWORK_BITS, network_around
from fortepiano.model.identity import OFFERED_BITS
from fortepiano.native import subscriber


def test_the_narrowest_network_with_an_id_is_that_of_a_subscriber() -> None:
    address = "2001:db8:1:2:3:4:5:6"
    assert network_around(address, NETWORK_BITS[6][0]) == subscriber(address)
    assert network_around("203.0.113.7", NETWORK_BITS[4][0]) == f"{subscriber('203.0.113.7')}/32"


def test_staff_are_offered_networks_with_ids() -> None:
    for sizes in OFFERED_BITS.values():
        assert all(bits in NETWORK_BITS[version] for version, bits in sizes.items())


def test_the_admin_api_takes_what_staff_are_offered() -> None:
    network = BanRequest.model_json_schema()["properties"]["network"]
    assert set(network["anyOf"][0]["enum"]) == set(OFFERED_BITS)

"""Benchmarks of network lists, and of bans of networks of all lengths."""

import random

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from fortepiano.native import Bans, NetworkTable, ParsedNetworks

ASKED = ["203.0.113.77", "18.44.9.1", "2a03:2880:f11c:8183::25de", "2001:db8::1"]
"""Addresses that by chance are in some of the mixed networks, or in none."""


@pytest.mark.parametrize("address", ASKED)
def test_look_an_address_up_among_mixed_networks(benchmark: BenchmarkFixture, address: str) -> None:
    bans = Bans()
    for network in mixed():
        bans.add_network(network, None)
    benchmark(bans.address_banned_until, address, 0)


@pytest.mark.parametrize("address", ASKED)
def test_look_an_address_up_in_lists(benchmark: BenchmarkFixture, address: str) -> None:
    networks = mixed()
    lists = [ParsedNetworks("\n".join(networks[part::4]).encode()) for part in range(4)]
    benchmark(NetworkTable(lists).around, address)


def test_read_a_list(benchmark: BenchmarkFixture) -> None:
    file = "\n".join(mixed()).encode()
    assert len(benchmark(ParsedNetworks, file)) == 100_000


def test_join_lists(benchmark: BenchmarkFixture) -> None:
    listing = ParsedNetworks("\n".join(mixed()).encode())
    assert len(benchmark(NetworkTable, [listing])) > 90_000


def mixed() -> list[str]:
    """Return a hundred thousand networks of both families and all lengths, many nested."""
    chance = random.Random(1)
    narrow = [
        f"{chance.randrange(1, 224)}.{chance.randrange(256)}.{chance.randrange(256)}."
        f"{chance.randrange(256)}/{chance.choice([10, 14, *range(16, 33)])}"
        for _ in range(60_000)
    ]
    wide = [
        f"{chance.choice(['2001', '2400', '2600', '2804', '2a00', '2a03'])}"
        f":{chance.randrange(65_536):x}:{chance.randrange(65_536):x}:{chance.randrange(65_536):x}::"
        f"/{chance.choice([29, 32, 36, 40, 44, 48, 52, 56, 60, 64, 80, 128])}"
        for _ in range(40_000)
    ]
    return [*narrow, *wide]

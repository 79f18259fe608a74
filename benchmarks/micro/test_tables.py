"""Benchmarks of the quotas of all clients, and of bans."""

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from fortepiano.native import Bans, Quotas


@pytest.mark.parametrize("clients", [1_000, 10_000, 100_000])
def test_tick_all_quotas(benchmark: BenchmarkFixture, clients: int) -> None:
    quotas = Quotas(3)
    slots = [quotas.add(8000, 24000) for _ in range(clients)]
    for slot in slots:
        assert quotas.spend(slot, 24000)
    benchmark(quotas.tick)
    assert quotas.points(slots[-1]) in (8000, 16000, 24000)


def test_look_a_ban_up(benchmark: BenchmarkFixture) -> None:
    bans = Bans()
    for number in range(100_000):
        bans.add(f"room {number % 1000}", f"{number:024x}", number + 1)
    until = benchmark(bans.banned_until, "room 7", f"{99_007:024x}", 0)
    assert until == 99_008


def test_look_up_somebody_who_is_not_banned(benchmark: BenchmarkFixture) -> None:
    bans = Bans()
    for number in range(100_000):
        bans.add(f"room {number % 1000}", f"{number:024x}", number + 1)
    assert benchmark(bans.banned_until, "room 7", "f" * 24, 0) is None


@pytest.mark.parametrize("address", ["11.0.195.15", "2001:db8:0:9::1"])
def test_look_a_banned_address_up(benchmark: BenchmarkFixture, address: str) -> None:
    bans = networks()
    assert benchmark(bans.address_banned_until, address, 0) == bans.PERMANENT


def test_look_up_an_address_that_is_not_banned(benchmark: BenchmarkFixture) -> None:
    assert benchmark(networks().address_banned_until, "127.0.0.1", 0) is None


def networks() -> Bans:
    """Return bans of a hundred thousand addresses and networks of both families."""
    bans = Bans()
    for number in range(50_000):
        bans.add_network(f"11.{number >> 16}.{number >> 8 & 255}.{number & 255}", None)
    for number in range(10_000):
        bans.add_network(f"12.{number >> 8}.{number & 255}.0/24", None)
    for number in range(40_000):
        bans.add_network(f"2001:db8:0:{number:x}::/64", None)
    return bans

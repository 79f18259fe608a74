"""Quotas of all clients, and bans."""

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
    until = benchmark(bans.until, "room 7", f"{99_007:024x}", 0)
    assert until == 99_008


def test_look_up_somebody_who_is_not_banned(benchmark: BenchmarkFixture) -> None:
    bans = Bans()
    for number in range(100_000):
        bans.add(f"room {number % 1000}", f"{number:024x}", number + 1)
    assert benchmark(bans.until, "room 7", "f" * 24, 0) is None

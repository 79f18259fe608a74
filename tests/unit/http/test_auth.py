"""Whose a token is, and how often one may be wrong, at a clock of the test's choosing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fortepiano.http.auth import Access, LockedError
from fortepiano.model.tokens import mint
from fortepiano.store.memory import MemoryStore
from fortepiano.store.records import Scope

HOME = "203.0.113.7"
START_MS = 1_795_300_000_000
DAY_MS = 86_400_000


class Door:
    """Access with tokens and a clock."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.store = MemoryStore()
        self.access = Access(
            self.store,
            lambda: START_MS + int((self.seconds - 1000) * 1000),
            lambda: self.seconds,
        )

    def token(self, scope: Scope = "read", days: int | None = None) -> str:
        secret, record = mint(scope, "", START_MS, days)
        self.store.save_token(record)
        return secret

    def fails(self, address: str = HOME, times: int = 1) -> None:
        for number in range(times):
            assert self.access.holder(address, f"fp_00000000_{number:064x}") is None


@pytest.fixture
def door() -> Door:
    return Door()


def test_the_holder_of_a_token(door: Door) -> None:
    token = door.token("moderate")
    holder = door.access.holder(HOME, token)
    assert holder is not None
    assert (holder.scope, holder.id) == ("moderate", token.split("_")[1])
    assert door.access.holder(HOME, token + "0") is None
    assert door.access.holder(HOME, holder.digest) is None, "what is kept opens nothing"


def test_an_expired_token_opens_nothing(door: Door) -> None:
    token = door.token(days=1)
    assert door.access.holder(HOME, token) is not None
    door.seconds += DAY_MS / 1000
    assert door.access.holder(HOME, token) is None


def test_after_five_failures_a_minute_passes(door: Door) -> None:
    token = door.token()
    door.fails(times=5)
    for _ in range(1000):
        with pytest.raises(LockedError) as locked:
            door.access.holder(HOME, token)
        assert locked.value.seconds <= 61
    door.seconds += 59.9
    with pytest.raises(LockedError):
        door.access.holder(HOME, token)
    door.seconds += 0.1
    assert door.access.holder(HOME, token) is not None


def test_it_is_five_in_any_minute(door: Door) -> None:
    for _ in range(4):
        door.fails()
        door.seconds += 10
    door.seconds += 20.5  # the first one is more than a minute ago
    door.fails(times=2)
    with pytest.raises(LockedError):
        door.access.holder(HOME, "x")


def test_other_addresses_are_not_locked_out(door: Door) -> None:
    token = door.token()
    door.fails(times=5)
    assert door.access.holder("203.0.113.8", token) is not None


def test_one_subscriber_of_ipv6_is_one_address(door: Door) -> None:
    for number in range(5):
        door.fails(f"2001:db8:0:1::{number + 1:x}")
    with pytest.raises(LockedError):
        door.access.holder("2001:db8:0:1:ffff::1%eth0", "x")
    door.fails("2001:db8:0:2::1")


def test_what_is_remembered_is_bounded(door: Door) -> None:
    door.fails(times=5)
    for number in range(10_000):
        door.fails(f"10.{number // 65_536}.{number // 256 % 256}.{number % 256}")
    assert door.access.holder(HOME, door.token()) is not None


def test_a_bots_token_is_none_of_the_staff(door: Door) -> None:
    secret, record = mint("read", "", START_MS, None)
    door.store.save_token(replace(record, scope="bot"))
    assert door.access.holder(HOME, secret) is None

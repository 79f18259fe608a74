"""Subscribers and token buckets of the core, against models in plain Python."""

from __future__ import annotations

import ipaddress
import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fortepiano.native import Buckets, MessageRates, subscriber
from support.reference.throttle import Bucket

NOW = 1_795_300_000_000
HERE = "192.0.2.1"


def expected(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """Return the subscriber of an address, as user ids are made of it."""
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network(f"{address}/64", strict=False))


@given(st.ip_addresses(v=4), st.sampled_from(["", "::ffff:"]))
def test_an_ipv4_address_is_a_subscriber(address: ipaddress.IPv4Address, before: str) -> None:
    assert subscriber(f"{before}{address}") == str(address)


@given(st.integers(0, 2**128 - 1), st.integers(0, 2**128 - 1), st.sampled_from(["", "%eth0"]))
def test_a_64_of_ipv6_is_a_subscriber(bits: int, kept: int, zone: str) -> None:
    # Long runs of zeros too, which have a short spelling.
    for number in (bits, bits & kept & (kept << 17), bits & (2**128 - 2**64), bits & 0xFFFF):
        address = ipaddress.IPv6Address(number & (2**128 - 1))
        for text in (str(address), address.exploded, str(address).upper()):
            assert subscriber(text + zone) == expected(address)


@given(st.text(st.characters(codec="utf-8", exclude_characters=":%."), max_size=40))
def test_any_other_text_is_its_own_subscriber(text: str) -> None:
    assert subscriber(text) == text


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 900)), max_size=80))
def test_a_free_message_takes_what_there_is(steps: list[tuple[bool, int]]) -> None:
    rates, own, model, now = MessageRates(), Buckets(), Bucket(3, 400), NOW
    model.at = now
    for is_free, later in steps:
        now += later
        has_token = model.take(now)
        if is_free and not has_token:
            model.tokens = Fraction(0)
        assert rates.take(own, None, "a", 3, 2.5, is_free, now) == (is_free or has_token)


def test_used_buckets_are_listed_and_made_again() -> None:
    rates, own = MessageRates(), MessageRates.new_buckets()
    assert own.full_at_ms() == {}
    for kind in ("a", "dm", "a"):
        assert rates.take(own, HERE, kind, 4, 0.5, False, NOW)
    times = own.full_at_ms()
    assert times == {"a": NOW + 4000.0, "dm": NOW + 2000.0}
    assert Buckets(times).full_at_ms() == times


def test_a_charge_empties_a_bucket_at_worst() -> None:
    own = Buckets({"a": NOW - 5.0})
    own.charge("a", 1500.0, 4, 0.5, NOW)
    assert own.full_at_ms() == {"a": NOW + 1500.0}
    own.charge("a", 1e9, 4, 0.5, NOW)
    assert own.full_at_ms() == {"a": NOW + 8000.0}


@pytest.mark.parametrize(("burst", "per_second"), [(0, 1.0), (1, 0.0), (1, -1.0), (1, math.nan)])
def test_a_rate_that_is_none_is_refused(burst: int, per_second: float) -> None:
    with pytest.raises(ValueError, match="a rate must"):
        MessageRates().take(Buckets(), HERE, "a", burst, per_second, False, NOW)
    with pytest.raises(ValueError, match="a rate must"):
        Buckets().charge("a", 1.0, burst, per_second, NOW)


def test_strange_numbers_overflow_nothing() -> None:
    own = Buckets({"a": 1e300, "b": -1.0})
    own.charge("b", float("inf"), 100_000, 1e-300, NOW)
    assert MessageRates().take(own, HERE, "c", 100_000, 1e-300, False, NOW)
    assert not MessageRates().take(own, HERE, "a", 1, 1.0, False, NOW)

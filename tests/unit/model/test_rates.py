"""Rates by user and by address, against a plain model: tokens that are counted one by one."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fortepiano.config.rules import Rate, Rules
from fortepiano.model.rates import Rates
from fortepiano.model.session import Session
from fortepiano.model.user import User
from fortepiano.native import Buckets, MessageRates

NOW = 1_795_300_000_000
HERE, THERE = "192.0.2.1", "192.0.2.2"

SLOW = Rate(2, 0.5)
"""Two at once, then one in two seconds; of an address sixty, then fifteen a second."""


def user(number: int) -> User:
    return User(f"{number:024x}", "Anonymous", "#000000", number, NOW)


def session(of: User | None = None, *, at: str = HERE, is_limited: bool = True) -> Session:
    made = Session(0, cast("Any", None), "x", address=at, is_limited=is_limited)
    made.user = of
    return made


def takes(rates: Rates, by: Session, times: int, kind: str = "a", now: int = NOW) -> int:
    """Send this many messages; return how many pass."""
    return sum(rates.take(by, kind, SLOW, now) for _ in range(times))


class TestUsers:
    def test_all_connections_have_one_bucket(self) -> None:
        rates, ann = Rates(MessageRates()), user(1)
        assert takes(rates, session(ann), 1) == 1
        assert takes(rates, session(ann, at=THERE), 5) == 1
        assert takes(rates, session(user(2)), 5) == 2

    def test_each_kind_has_one(self) -> None:
        rates, ann = Rates(MessageRates()), session(user(1))
        assert takes(rates, ann, 5) == 2
        assert takes(rates, ann, 5, "dm") == 2

    @pytest.mark.parametrize(("later", "passed"), [(1999, 0), (2000, 1), (3999, 1), (9999, 2)])
    def test_it_fills_again(self, later: int, passed: int) -> None:
        rates, ann = Rates(MessageRates()), session(user(1))
        takes(rates, ann, 5)
        assert takes(rates, ann, 5, now=NOW + later) == passed

    def test_who_is_exempt_has_one_too(self) -> None:
        rates, ann = Rates(MessageRates()), session(user(1), is_limited=False)
        assert takes(rates, ann, 5) == 2
        assert len(rates) == 0


class TestAddresses:
    def crowd(self, rates: Rates, count: int, *, at: str = HERE, is_limited: bool = True) -> int:
        people = (session(user(n), at=at, is_limited=is_limited) for n in range(count))
        return sum(takes(rates, one, 2) for one in people)

    def test_many_users_share_thirty_times_as_much(self) -> None:
        rates = Rates(MessageRates())
        assert self.crowd(rates, 40) == 60
        assert self.crowd(rates, 1, at=THERE) == 2

    def test_an_exempt_one_has_no_end(self) -> None:
        assert self.crowd(Rates(MessageRates()), 400, is_limited=False) == 800

    def test_one_cannot_starve_the_others(self) -> None:
        rates, ann = Rates(MessageRates()), session(user(1))
        takes(rates, ann, 1000)
        assert takes(rates, session(user(2)), 2) == 2

    def test_what_the_address_refuses_costs_the_user_nothing(self) -> None:
        rates = Rates(MessageRates())
        self.crowd(rates, 30)
        late = user(99)
        assert takes(rates, session(late), 2) == 0
        assert takes(rates, session(late, at=THERE), 2) == 2

    def test_a_64_is_one(self) -> None:
        rates = Rates(MessageRates())
        assert self.crowd(rates, 20, at="2001:db8::1") == 40
        assert self.crowd(rates, 20, at="2001:db8::ffff:2") == 20
        assert self.crowd(rates, 20, at="2001:db8:0:1::1") == 40
        assert len(rates) == 2

    def test_it_counts_before_hi_too(self) -> None:
        rates = Rates(MessageRates())
        passed = sum(takes(rates, session(), 1, "hi") for _ in range(100))
        assert passed == 60

    def test_shares_of_a_window(self) -> None:
        rates = Rates(MessageRates())
        one, exempt = session(user(1)), session(user(1), is_limited=False)
        shares = [rates.take_share(one, "custom", 0.5, 10_000, NOW) for _ in range(70)]
        assert shares.count(True) == 60
        assert not rates.take_share(one, "custom", 0.5, 10_000, NOW + 166)
        assert rates.take_share(one, "custom", 0.5, 10_000, NOW + 167)
        assert all(rates.take_share(exempt, "custom", 0.5, 10_000, NOW) for _ in range(70))


class TestMemory:
    def test_those_that_are_full_again_are_forgotten(self) -> None:
        rates = Rates(MessageRates())
        for number in range(1024):
            takes(rates, session(user(1), at=f"2001:db8:{number:x}::1"), 1, now=NOW + number * 2000)
        late = NOW + 10_000_000
        takes(rates, session(user(2)), 1, now=late)
        assert len(rates) == 1


class TestArriving:
    def test_a_connection_brings_what_it_has_spent(self) -> None:
        rates, rules, ann = Rates(MessageRates()), Rules(), user(1)
        for one in (session(), session()):
            for _ in range(4):
                assert rates.take(one, "devices", rules.rate_hello, NOW)
            one.user = ann
            rates.settle(one, rules, NOW)
            assert one.buckets is None
        tab = session(ann)
        tab.has_sent_devices = True
        assert [rates.take(tab, "devices", rules.rate_hello, NOW) for _ in range(3)] == [
            *(True, True),
            False,
        ]

    def test_never_more_than_a_bucket(self) -> None:
        rates, rules, ann = Rates(MessageRates()), Rules(), user(1)
        for _ in range(50):
            one = session()
            rates.take(one, "hi", rules.rate_hello, NOW)
            one.user = ann
            rates.settle(one, rules, NOW)
        assert not rates.take(session(ann), "hi", rules.rate_hello, NOW)
        assert rates.take(session(ann), "hi", rules.rate_hello, NOW + 1000)

    def test_of_an_older_version_all_kinds(self) -> None:
        rates, rules, ann = Rates(MessageRates()), Rules(), user(1)
        old = session(ann)
        old.buckets = Buckets({"a": NOW + 8000.0, "gone": NOW + 1.0, "ch": NOW - 5000.0})
        rates.settle(old, rules, NOW)
        assert not rates.take(session(ann), "a", rules.rate_chat, NOW)
        assert rates.take(session(ann), "a", rules.rate_chat, NOW + 1000)
        assert ann.buckets is not None
        assert "gone" not in ann.buckets.full_at_ms()

    def test_the_first_room_of_a_connection_is_free(self) -> None:
        rates, ann = Rates(MessageRates()), user(1)
        tabs = [session(ann) for _ in range(16)]
        assert all(rates.take(tab, "ch", SLOW, NOW) for tab in tabs)
        inside = session(ann)
        inside.participant = cast("Any", object())
        assert not rates.take(inside, "ch", SLOW, NOW)
        assert rates.take(inside, "ch", SLOW, NOW + 2000)


@dataclass
class Tokens:
    """A bucket as anybody would think of one."""

    burst: int
    per_ms: Fraction
    left: Fraction = field(default=Fraction(0))
    seen: int = NOW

    def look(self, now: int) -> bool:
        self.left = min(Fraction(self.burst), self.left + (now - self.seen) * self.per_ms)
        self.seen = now
        return self.left >= 1


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 1), st.integers(0, 400)),
        max_size=200,
    )
)
def test_they_do_as_the_model_does(steps: list[tuple[int, int, int]]) -> None:
    rate = Rate(2, 4)
    rates, people, now = Rates(MessageRates()), [user(n) for n in range(4)], NOW
    users = [Tokens(2, Fraction(4, 1000), Fraction(2)) for _ in people]
    places = [Tokens(60, Fraction(120, 1000), Fraction(60)) for _ in range(2)]
    for who, where, later in steps:
        now += later
        expected = users[who].look(now) & places[where].look(now)
        if expected:
            users[who].left -= 1
            places[where].left -= 1
        one = session(people[who], at=(HERE, THERE)[where])
        assert rates.take(one, "a", rate, now) == expected

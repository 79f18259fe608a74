"""The decisions about another owner's lease, on a clock that the test sets."""

from __future__ import annotations

import msgspec
import pytest

from fortepiano.store.lease import LEASE_MS, Lease, OwnedError, Terms, Verdict
from fortepiano.store.owner import Fate, Owner, owner_of

OURS = Owner(pid=1, host="piano", nonce="ours")
OTHER = Owner(pid=2, host="harp", url="http://localhost:8080", nonce="theirs")


class Bench:
    """A lease with a clock, and a state of the other process, that tests set.

    Attributes:
        now: The time; seconds.
        fate: The state of the other owner's process.
    """

    def __init__(self, fate: Fate = Fate.UNKNOWN, inherited: bytes = b"") -> None:
        self.now = 100.0
        self.fate = fate
        self.lease = Lease(
            OURS, inherited, clock=lambda: self.now, fate=lambda _other, _here: self.fate
        )

    def judge(self, remaining: int, other: Owner = OTHER) -> Verdict:
        """Judge a lease that lasts `remaining` milliseconds."""
        return self.lease.judge(OwnedError("piano", msgspec.json.encode(other), remaining))

    def watch(self, first: int, *, seconds: float, step: float = 0.25) -> Verdict:
        """Look at a lease that is not renewed, until there is a verdict; -1 lasts for ever."""
        began, verdict = self.now, Verdict.WAIT
        while verdict is Verdict.WAIT and self.now - began <= seconds:
            elapsed = int((self.now - began) * 1000)
            verdict = self.judge(first if first < 0 else first - elapsed)
            self.now += step
        return verdict


def test_dead_owner_is_followed_at_once() -> None:
    bench = Bench(Fate.DEAD)
    assert bench.judge(LEASE_MS) is Verdict.TAKE
    terms = bench.lease.terms
    assert owner_of(terms.value) == OURS
    assert owner_of(terms.replaced) == OTHER
    bench.lease.taken(terms)
    assert bench.lease.terms == Terms(terms.value)  # should the other come back, it is judged anew


def test_living_owner_is_refused_at_once() -> None:
    bench = Bench(Fate.ALIVE)
    assert bench.judge(1) is Verdict.REFUSE
    assert bench.lease.terms.replaced == b""


@pytest.mark.parametrize("remaining", [-1, LEASE_MS + 1, 10_000, 10**9])
def test_owner_elsewhere_is_followed_when_nobody_has_renewed_for_the_time_of_a_lease(
    remaining: int,
) -> None:
    bench = Bench()
    assert bench.watch(remaining, seconds=10) is Verdict.TAKE
    assert 6.0 <= bench.now - 100.0 < 7.0


def test_value_of_a_cluster_is_that_of_each_version() -> None:
    leases = [Lease(owner, is_of_cluster=True) for owner in (OURS, OTHER)]
    assert {lease.terms.value for lease in leases} == {b'{"is_cluster":true}'}
    assert all(lease.outlives_process for lease in leases)
    assert not Lease(OURS).outlives_process


@pytest.mark.parametrize("age", [0.5, 2.5, 5.0])
def test_renewal_is_seen(age: float) -> None:
    bench = Bench()
    assert bench.watch(LEASE_MS, seconds=age) is Verdict.WAIT
    assert bench.judge(LEASE_MS) is Verdict.REFUSE
    assert bench.judge(LEASE_MS) is Verdict.WAIT  # watched anew


def test_renewals_more_often_than_looks_are_seen() -> None:
    bench = Bench()
    verdicts = []
    for _ in range(4):
        verdicts.append(bench.judge(9_950))
        bench.now += 0.25
    assert Verdict.REFUSE in verdicts


@pytest.mark.parametrize(("before", "after"), [(5_000, -1), (-1, 5_000)])
def test_lease_that_gets_or_loses_its_end_was_written(before: int, after: int) -> None:
    bench = Bench()
    assert bench.judge(before) is Verdict.WAIT
    bench.now += 0.25
    assert bench.judge(after) is Verdict.REFUSE


def test_lease_that_passes_to_a_third_is_a_living_ones() -> None:
    bench = Bench()
    assert bench.watch(LEASE_MS, seconds=3) is Verdict.WAIT
    assert bench.judge(1_000, Owner(pid=3, host="lute")) is Verdict.REFUSE


def test_network_that_is_slow_is_no_renewal() -> None:
    bench = Bench()
    assert bench.judge(5_000) is Verdict.WAIT
    bench.now += 0.25
    assert bench.judge(4_900) is Verdict.WAIT


def test_error_names_the_other_and_the_setting() -> None:
    error = OwnedError("piano", msgspec.json.encode(OTHER), 5)
    assert str(error) == (
        "process 2 on harp (http://localhost:8080, since 1970-01-01 00:00 UTC) uses the prefix"
        " piano; stop it, or choose another `store.prefix`"
    )


class TestUpgrade:
    def test_successor_has_the_old_value_until_it_takes_over(self) -> None:
        bench = Bench(inherited=b"old")
        lease = bench.lease
        calls: list[Terms] = []
        lease.on_take_over = lambda: calls.append(lease.terms)
        lease.name(OURS)
        assert lease.terms == Terms(b"old")
        assert lease.is_shared
        lease.take_over(OURS)
        assert lease.terms == Terms(msgspec.json.encode(OURS), b"old")
        assert not lease.is_shared
        assert calls == [lease.terms]

    def test_transaction_on_its_way_meanwhile_takes_nothing_back(self) -> None:
        lease = Bench(inherited=b"old").lease
        earlier = lease.terms
        lease.take_over(OURS)
        lease.taken(earlier)
        assert lease.terms.replaced == b"old"

    def test_new_name_replaces_the_one_that_may_be_stored_already(self) -> None:
        lease = Bench().lease
        first = lease.terms
        lease.name(msgspec.structs.replace(OURS, url="http://localhost:8080"))
        assert lease.terms.replaced == first.value

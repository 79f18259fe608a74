"""The bans, compiled and as a model."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from fortepiano import native
from support.reference import bans as reference

Bans = native.Bans | reference.Bans


@pytest.fixture(params=[native.Bans, reference.Bans], ids=["native", "reference"])
def bans(request: pytest.FixtureRequest) -> Bans:
    return request.param()


class TestBans:
    def test_a_ban_is_of_one_user_in_one_scope(self, bans: Bans) -> None:
        bans.add("room", "ann", 100)
        assert bans.until("room", "ann", 99) == 100
        assert bans.until("room", "bea", 0) is None
        assert bans.until("other", "ann", 0) is None

    def test_scope_and_user_are_not_run_together(self, bans: Bans) -> None:
        bans.add("ab", "c", 9)
        assert bans.until("a", "bc", 0) is None
        assert bans.until("abc", "", 0) is None

    def test_a_ban_ends_at_its_millisecond(self, bans: Bans) -> None:
        bans.add("room", "ann", 100)
        assert bans.until("room", "ann", 100) is None
        assert len(bans) == 1

    def test_no_end_is_permanent(self, bans: Bans) -> None:
        bans.add("room", "ann", None)
        assert bans.until("room", "ann", 2**64 - 1) == bans.PERMANENT == 2**64 - 1
        assert bans.prune(2**64 - 1) == 0

    def test_a_later_ban_replaces_even_by_a_shorter_one(self, bans: Bans) -> None:
        bans.add("room", "ann", None)
        bans.add("room", "ann", 50)
        assert bans.until("room", "ann", 0) == 50
        assert len(bans) == 1

    def test_removing_says_whether_there_was_one(self, bans: Bans) -> None:
        bans.add("room", "ann", 100)
        assert not bans.remove("room", "bea")
        assert not bans.remove("other", "ann")
        assert bans.remove("room", "ann")
        assert not bans.remove("room", "ann")
        assert len(bans) == 0

    def test_pruning_counts_what_has_ended(self, bans: Bans) -> None:
        for user, end in (("ann", 10), ("bea", 11), ("cid", None)):
            bans.add("room", user, end)
        bans.add("other", "ann", 5)
        assert bans.prune(10) == 2
        assert bans.prune(10) == 0
        assert len(bans) == 2

    def test_a_scope_lists_its_own(self, bans: Bans) -> None:
        bans.add("room", "ann", 10)
        bans.add("room", "bea", None)
        bans.add("other", "cid", 12)
        assert sorted(bans.of("room")) == [("ann", 10), ("bea", bans.PERMANENT)]
        assert bans.of("nowhere") == []

    @pytest.mark.parametrize("name", ["", "\0", "é🎹", "a" * 5000])
    def test_names_may_be_anything(self, bans: Bans, name: str) -> None:
        bans.add(name, name, 10)
        assert bans.until(name, name, 0) == 10
        assert bans.of(name) == [(name, 10)]


class Agreement(RuleBasedStateMachine):
    """The two do the same to the same bans."""

    scopes = st.sampled_from(["", "a", "ab", "lobby"])
    users = st.sampled_from(["", "b", "ann", "bea"])
    times = st.integers(0, 20) | st.sampled_from([2**64 - 2, 2**64 - 1])

    def __init__(self) -> None:
        super().__init__()
        self.native = native.Bans()
        self.reference = reference.Bans()

    @rule(scope=scopes, user=users, until=st.none() | times)
    def add(self, scope: str, user: str, until: int | None) -> None:
        self.native.add(scope, user, until)
        self.reference.add(scope, user, until)

    @rule(scope=scopes, user=users)
    def remove(self, scope: str, user: str) -> None:
        assert self.native.remove(scope, user) == self.reference.remove(scope, user)

    @rule(now=times)
    def prune(self, now: int) -> None:
        assert self.native.prune(now) == self.reference.prune(now)

    @rule(scope=scopes, user=users, now=times)
    def until(self, scope: str, user: str, now: int) -> None:
        expected = self.reference.until(scope, user, now)
        assert self.native.until(scope, user, now) == expected

    @rule(scope=scopes)
    def of(self, scope: str) -> None:
        assert sorted(self.native.of(scope)) == sorted(self.reference.of(scope))

    @invariant()
    def as_many(self) -> None:
        assert len(self.native) == len(self.reference)


class TestAgreement(Agreement.TestCase):
    settings = settings()

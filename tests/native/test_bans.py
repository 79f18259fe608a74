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
        assert bans.banned_until("room", "ann", 99) == 100
        assert bans.banned_until("room", "bea", 0) is None
        assert bans.banned_until("other", "ann", 0) is None

    def test_scope_and_user_are_not_run_together(self, bans: Bans) -> None:
        bans.add("ab", "c", 9)
        assert bans.banned_until("a", "bc", 0) is None
        assert bans.banned_until("abc", "", 0) is None

    def test_a_ban_ends_at_its_millisecond(self, bans: Bans) -> None:
        bans.add("room", "ann", 100)
        assert bans.banned_until("room", "ann", 100) is None
        assert len(bans) == 1

    def test_no_end_is_permanent(self, bans: Bans) -> None:
        bans.add("room", "ann", None)
        assert bans.banned_until("room", "ann", 2**64 - 1) == bans.PERMANENT == 2**64 - 1
        assert bans.prune(2**64 - 1) == 0

    def test_a_later_ban_replaces_even_by_a_shorter_one(self, bans: Bans) -> None:
        bans.add("room", "ann", None)
        bans.add("room", "ann", 50)
        assert bans.banned_until("room", "ann", 0) == 50
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
        assert sorted(bans.bans_of("room")) == [("ann", 10), ("bea", bans.PERMANENT)]
        assert bans.bans_of("nowhere") == []

    def test_a_network_bans_the_addresses_in_it(self, bans: Bans) -> None:
        bans.add_network("203.0.113.0/24", 100)
        bans.add_network("2001:db8:7::/48", 200)
        bans.add_network("198.51.100.7", None)
        assert len(bans) == 3
        assert bans.address_banned_until("203.0.113.255", 99) == 100
        assert bans.address_banned_until("203.0.113.255", 100) is None
        assert bans.address_banned_until("203.0.114.0", 0) is None
        assert bans.address_banned_until("2001:db8:7:ffff::1", 0) == 200
        assert bans.address_banned_until("2001:db8:8::1", 0) is None
        assert bans.address_banned_until("198.51.100.7", 0) == bans.PERMANENT
        assert bans.address_banned_until("198.51.100.8", 0) is None

    def test_the_smallest_network_in_force_decides(self, bans: Bans) -> None:
        bans.add_network("203.0.0.0/16", 30)
        bans.add_network("203.0.113.0/24", 10)
        assert bans.address_banned_until("203.0.113.1", 9) == 10
        assert bans.address_banned_until("203.0.113.1", 10) == 30
        assert bans.address_banned_until("203.0.113.1", 30) is None

    def test_an_address_is_the_same_in_every_spelling(self, bans: Bans) -> None:
        bans.add_network("203.0.113.99/24", 10)
        bans.add_network("203.0.113.0/24", 20)
        assert len(bans) == 1
        assert bans.address_banned_until("::ffff:203.0.113.1", 0) == 20
        assert bans.address_banned_until("::ffff:cb00:7101", 0) == 20
        assert bans.remove_network("::ffff:203.0.113.0/120")
        assert not bans.remove_network("203.0.113.0/24")

    def test_an_interface_is_no_part_of_an_address(self, bans: Bans) -> None:
        bans.add_network("fe80::/64", 10)
        assert bans.address_banned_until("fe80::1%eth0", 0) == 10

    def test_all_of_ipv6_is_not_ipv4(self, bans: Bans) -> None:
        bans.add_network("::/0", None)
        assert bans.address_banned_until("2001:db8::1", 0) == bans.PERMANENT
        assert bans.address_banned_until("203.0.113.1", 0) is None
        bans.add_network("0.0.0.0/0", 10)
        assert bans.address_banned_until("203.0.113.1", 0) == 10

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "/",
            "name",
            "203.0.113",
            "203.0.113.0/",
            "203.0.113.0/33",
            "::/129",
            "::1/0x8",
            "::/-1",
        ],
    )
    def test_what_is_no_network_is_refused(self, bans: Bans, text: str) -> None:
        with pytest.raises(ValueError):
            bans.add_network(text, None)
        with pytest.raises(ValueError):
            bans.remove_network(text)
        assert len(bans) == 0

    @pytest.mark.parametrize("text", ["", "/run/proxy.sock", "203.0.113.0/24", "%eth0", "\0"])
    def test_what_is_no_address_is_not_banned(self, bans: Bans, text: str) -> None:
        bans.add_network("0.0.0.0/0", None)
        bans.add_network("::/0", None)
        assert bans.address_banned_until(text, 0) is None

    @pytest.mark.parametrize("name", ["", "\0", "é🎹", "a" * 5000])
    def test_names_may_be_anything(self, bans: Bans, name: str) -> None:
        bans.add(name, name, 10)
        assert bans.banned_until(name, name, 0) == 10
        assert bans.bans_of(name) == [(name, 10)]


class Agreement(RuleBasedStateMachine):
    """The two do the same to the same bans."""

    scopes = st.sampled_from(["", "a", "ab", "lobby"])
    users = st.sampled_from(["", "b", "ann", "bea"])
    # Few bits that differ, so that networks lie within each other.
    addresses = st.one_of(
        st.integers(0, 15).map(lambda bits: f"10.0.{bits & 3}.{(bits >> 2) * 64}"),
        st.integers(0, 15).map(lambda bits: f"2001:db8:{bits & 3:x}:{bits >> 2:x}::"),
    )
    lengths = st.sampled_from(["", "/0", "/8", "/15", "/22", "/24", "/25", "/32"])
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

    @rule(address=addresses, length=lengths, until=st.none() | times)
    def add_network(self, address: str, length: str, until: int | None) -> None:
        self.native.add_network(address + length, until)
        self.reference.add_network(address + length, until)

    @rule(address=addresses, length=lengths)
    def remove_network(self, address: str, length: str) -> None:
        network = address + length
        assert self.native.remove_network(network) == self.reference.remove_network(network)

    @rule(address=addresses, now=times)
    def until_address(self, address: str, now: int) -> None:
        expected = self.reference.address_banned_until(address, now)
        assert self.native.address_banned_until(address, now) == expected

    @rule(now=times)
    def prune(self, now: int) -> None:
        assert self.native.prune(now) == self.reference.prune(now)

    @rule(scope=scopes, user=users, now=times)
    def until(self, scope: str, user: str, now: int) -> None:
        expected = self.reference.banned_until(scope, user, now)
        assert self.native.banned_until(scope, user, now) == expected

    @rule(scope=scopes)
    def of(self, scope: str) -> None:
        assert sorted(self.native.bans_of(scope)) == sorted(self.reference.bans_of(scope))

    @invariant()
    def as_many(self) -> None:
        assert len(self.native) == len(self.reference)


class TestAgreement(Agreement.TestCase):
    settings = settings()

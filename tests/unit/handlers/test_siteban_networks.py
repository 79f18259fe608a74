"""Bans of the network around a user: offered, without ever showing the address."""

from __future__ import annotations

from typing import Any

import pytest

from fortepiano.model.ban_list import SITE
from fortepiano.model.close_codes import CloseCode
from fortepiano.store.base import AuditQuery
from support.dispatch_harness import START, DispatchHarness, FakeClient

DAY = 86_400_000
SIX, FOUR = "2001:db8:0:1ff::1", "203.0.113.7"


def comes(harness: DispatchHarness, address: str) -> FakeClient:
    """Connect from an address."""
    client = harness.open(harness.context.identity.user_id(address), address=address)
    client.send("hi")
    client.id = client.session.user_id
    return client


def is_out(harness: DispatchHarness, address: str) -> bool:
    identity, bans = harness.context.identity, harness.context.bans
    return bans.refuses(identity.user_id(address), address, harness.context.now())


def ban(harness: DispatchHarness, who: str, network: Any, scope: Any = "moderate") -> FakeClient:
    staff = harness.staff(scope=scope)
    staff.received()
    staff.send("siteban", id=who, duration=7 * DAY, reason="spam", network=network)
    return staff


@pytest.mark.parametrize(
    ("address", "network", "out", "fine"),
    [
        (SIX, 64, "2001:db8:0:1ff::2", "2001:db8:0:1fe::1"),
        (SIX, "/64", "2001:db8:0:1ff:ffff::", "2001:db8:0:1fe::1"),
        (SIX, 56, "2001:db8:0:100::1", "2001:db8:0:200::1"),
        (SIX, 24, "2001:db8:0:100::1", "2001:db8:0:200::1"),
        (FOUR, 24, "203.0.113.200", "203.0.112.7"),
        (FOUR, "/56", "203.0.113.200", "203.0.112.7"),
        (FOUR, 64.0, FOUR, "203.0.113.8"),
    ],
)
def test_what_is_offered(address: str, network: Any, out: str, fine: str) -> None:
    harness = DispatchHarness()
    banned, other = comes(harness, address), comes(harness, fine)
    near = comes(harness, out)
    staff = ban(harness, banned.id, network)
    assert banned.closed == near.closed == CloseCode.BANNED
    assert other.closed is None
    assert is_out(harness, address)
    assert is_out(harness, out)
    assert not is_out(harness, fine)
    [answer] = staff.received()
    # A moderator bans for a day at most.
    assert f"{banned.id} and the network around" in answer["text"]
    assert "for 1440 minutes" in answer["text"] or "day" in answer["text"]
    harness.wait(DAY / 1000)
    assert not is_out(harness, out)


def test_nobody_is_shown_where_that_is() -> None:
    harness = DispatchHarness()
    heard: list[dict[str, Any]] = []
    harness.context.events.watch(heard.append)
    banned = comes(harness, SIX)
    staff = ban(harness, banned.id, 56)
    kept = [*harness.context.store.bans(), *harness.context.store.audit(AuditQuery())]
    assert "2001:" not in str(kept) + str(heard) + str(staff.received())
    subjects = {ban.subject for ban in harness.context.store.bans()}
    assert banned.id in subjects
    [hidden] = subjects - {banned.id}
    assert hidden.endswith("/56")
    # The hidden id that names the network can lift the ban.
    staff.send("admin message", msg={"m": "siteunban", "id": hidden})
    assert not is_out(harness, "2001:db8:0:100::1")


def test_only_an_admin_bans_a_48() -> None:
    harness = DispatchHarness()
    banned = comes(harness, SIX)
    [answer] = ban(harness, banned.id, 48).received()
    assert answer["text"] == "Only an admin bans a /48."
    assert banned.closed is None
    ban(harness, banned.id, 48, "admin")
    assert banned.closed == CloseCode.BANNED
    assert is_out(harness, "2001:db8:0:ffff::1")
    assert not is_out(harness, "2001:db8:1::1")
    harness.wait(2 * DAY / 1000)
    assert is_out(harness, "2001:db8:0:ffff::1")


@pytest.mark.parametrize(
    "network", [0, 16, 128, "/8", "56/", "x", "", True, [56], 56.5, -56, 1e308]
)
def test_what_is_malformed_bans_nobody(network: Any) -> None:
    harness = DispatchHarness()
    banned = comes(harness, SIX)
    ban(harness, banned.id, network, "admin")
    assert banned.closed is None
    assert harness.context.bans.all() == []


def test_of_somebody_who_is_not_here_nothing_is_known() -> None:
    harness = DispatchHarness()
    staff = ban(harness, "a" * 24, 56)
    [answer] = staff.received()
    assert "only while they are here" in answer["text"]
    assert harness.context.bans.all() == []


def test_all_connections_count_and_none_that_has_no_address() -> None:
    harness = DispatchHarness()
    first = comes(harness, SIX)
    for address in (FOUR, "unix:/run/x"):
        harness.open(first.id, address=address).send("hi")
    ban(harness, first.id, 56)
    assert is_out(harness, "2001:db8:0:1aa::1")
    assert is_out(harness, "203.0.113.99")
    assert {one.room for one in harness.context.bans.all()} == {SITE}
    assert all(one.at == START for one in harness.context.bans.all())


def test_who_is_not_of_the_staff_bans_nothing() -> None:
    harness = DispatchHarness()
    banned, anybody = comes(harness, SIX), harness.enter()
    anybody.send("siteban", id=banned.id, duration=DAY, network=56)
    assert harness.context.bans.all() == []
    # Nor does a moderator who names a network outright.
    hidden = harness.context.identity.network_id(SIX, 48)
    staff = harness.staff(scope="moderate")
    staff.received()
    staff.send("siteban", id=hidden, duration=DAY)
    [answer] = staff.received()
    assert answer["text"] == "Only an admin bans networks."

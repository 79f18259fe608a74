"""The network around somebody who is banned: offered, and never shown."""

from __future__ import annotations

from typing import Any

import pytest

from fortepiano.errors import CloseCode
from fortepiano.model.ban_list import SITE
from fortepiano.store.base import AuditQuery
from support.dispatch_harness import START, Actor, Backstage

DAY = 86_400_000
SIX, FOUR = "2001:db8:0:1ff::1", "203.0.113.7"


def comes(backstage: Backstage, address: str) -> Actor:
    """Let somebody in from an address."""
    actor = backstage.open(backstage.context.identity.user_id(address), address=address)
    actor.send("hi")
    actor.id = actor.session.user_id
    return actor


def is_out(backstage: Backstage, address: str) -> bool:
    identity, bans = backstage.context.identity, backstage.context.bans
    return bans.refuses(identity.user_id(address), address, backstage.context.now())


def ban(backstage: Backstage, who: str, network: Any, scope: Any = "moderate") -> Actor:
    staff = backstage.staff(scope=scope)
    staff.heard()
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
    backstage = Backstage()
    banned, other = comes(backstage, address), comes(backstage, fine)
    near = comes(backstage, out)
    staff = ban(backstage, banned.id, network)
    assert banned.closed == near.closed == CloseCode.BANNED
    assert other.closed is None
    assert is_out(backstage, address)
    assert is_out(backstage, out)
    assert not is_out(backstage, fine)
    [answer] = staff.heard()
    # A moderator bans for a day at most.
    assert f"{banned.id} and the network around" in answer["text"]
    assert "for 1440 minutes" in answer["text"] or "day" in answer["text"]
    backstage.wait(DAY / 1000)
    assert not is_out(backstage, out)


def test_nobody_is_shown_where_that_is() -> None:
    backstage = Backstage()
    heard: list[dict[str, Any]] = []
    backstage.context.events.watch(heard.append)
    banned = comes(backstage, SIX)
    staff = ban(backstage, banned.id, 56)
    kept = [*backstage.context.store.bans(), *backstage.context.store.audit(AuditQuery())]
    assert "2001:" not in str(kept) + str(heard) + str(staff.heard())
    subjects = {ban.subject for ban in backstage.context.store.bans()}
    assert banned.id in subjects
    [hidden] = subjects - {banned.id}
    assert hidden.endswith("/56")
    # It can be lifted by what it is called.
    staff.send("admin message", msg={"m": "siteunban", "id": hidden})
    assert not is_out(backstage, "2001:db8:0:100::1")


def test_only_an_admin_bans_a_48() -> None:
    backstage = Backstage()
    banned = comes(backstage, SIX)
    [answer] = ban(backstage, banned.id, 48).heard()
    assert answer["text"] == "Only an admin bans a /48."
    assert banned.closed is None
    ban(backstage, banned.id, 48, "admin")
    assert banned.closed == CloseCode.BANNED
    assert is_out(backstage, "2001:db8:0:ffff::1")
    assert not is_out(backstage, "2001:db8:1::1")
    backstage.wait(2 * DAY / 1000)
    assert is_out(backstage, "2001:db8:0:ffff::1")


@pytest.mark.parametrize(
    "network", [0, 16, 128, "/8", "56/", "x", "", True, [56], 56.5, -56, 1e308]
)
def test_what_is_malformed_bans_nobody(network: Any) -> None:
    backstage = Backstage()
    banned = comes(backstage, SIX)
    ban(backstage, banned.id, network, "admin")
    assert banned.closed is None
    assert backstage.context.bans.all() == []


def test_of_somebody_who_is_not_here_nothing_is_known() -> None:
    backstage = Backstage()
    staff = ban(backstage, "a" * 24, 56)
    [answer] = staff.heard()
    assert "only while they are here" in answer["text"]
    assert backstage.context.bans.all() == []


def test_all_connections_count_and_none_that_has_no_address() -> None:
    backstage = Backstage()
    first = comes(backstage, SIX)
    for address in (FOUR, "unix:/run/x"):
        backstage.open(first.id, address=address).send("hi")
    ban(backstage, first.id, 56)
    assert is_out(backstage, "2001:db8:0:1aa::1")
    assert is_out(backstage, "203.0.113.99")
    assert {one.room for one in backstage.context.bans.all()} == {SITE}
    assert all(one.at == START for one in backstage.context.bans.all())


def test_who_is_not_of_the_staff_bans_nothing() -> None:
    backstage = Backstage()
    banned, anybody = comes(backstage, SIX), backstage.enter()
    anybody.send("siteban", id=banned.id, duration=DAY, network=56)
    assert backstage.context.bans.all() == []
    # Nor does a moderator who names a network outright.
    hidden = backstage.context.identity.network_id(SIX, 48)
    staff = backstage.staff(scope="moderate")
    staff.heard()
    staff.send("siteban", id=hidden, duration=DAY)
    [answer] = staff.heard()
    assert answer["text"] == "Only an admin bans networks."

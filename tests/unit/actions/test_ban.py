"""Bans: the same records, notices and lines of the audit log, whoever asks for them."""

from __future__ import annotations

from typing import Any

import pytest

from fortepiano.actions.ban import ban_from_room, ban_from_site, store_ban, store_unban, unban
from fortepiano.actions.refusal import RefusedError
from fortepiano.model.ban_list import SITE
from fortepiano.model.notice_codes import Code
from fortepiano.store.memory import MemoryStore
from fortepiano.store.records import AuditQuery, AuditRecord, BanRecord, Scope, TokenRecord
from support.dispatch_harness import START, DispatchHarness, FakeClient

ROOM = "duets"
ANN, BEA = "a" * 24, "b" * 24
HOUR = 3_600_000
DAY = 24 * HOUR


def token(scope: Scope = "admin") -> TokenRecord:
    return TokenRecord("token1", "", scope, "", START, None)


def acts(harness: DispatchHarness) -> list[AuditRecord]:
    return harness.context.store.audit(AuditQuery())[::-1]


def codes(client: FakeClient) -> list[str]:
    return [message["code"] for message in client.received() if message["m"] == "notification"]


@pytest.fixture
def harness() -> DispatchHarness:
    return DispatchHarness()


@pytest.fixture
def pair(harness: DispatchHarness) -> tuple[FakeClient, FakeClient]:
    """Ann, who holds the crown, and Bea."""
    return harness.enter(ROOM, user_id=ANN), harness.enter(ROOM, user_id=BEA)


class TestFromARoom:
    @pytest.mark.parametrize("by_token", [False, True])
    def test_a_message_and_the_admin_api_do_the_same(self, by_token: bool) -> None:
        harness = DispatchHarness()
        holder, banned = harness.enter(ROOM, user_id=ANN), harness.enter(ROOM, user_id=BEA)
        banned.received()
        if by_token:
            ban_from_room(harness.context, token(), ROOM, BEA, HOUR)
        else:
            holder.send("kickban", id_=BEA, ms=HOUR)
        notices = [one["text"] for one in banned.received() if one["m"] == "notification"]
        assert notices == ['Banned from "duets" for 60 minutes.']
        assert banned.room == "test/awkward"
        assert harness.context.bans.banned_until(ROOM, BEA, START) == START + HOUR
        (act,) = acts(harness)
        assert (act.action, act.room, act.subject) == ("kickban", ROOM, BEA)
        assert act.details["name"] == "Anonymous"
        assert act.details["until"] == START + HOUR
        (news,) = harness.outbound.broadcasts[ROOM]
        assert news["code"] == "kickbanned"

    def test_a_token_has_no_name_to_tell(
        self, harness: DispatchHarness, pair: tuple[FakeClient, FakeClient]
    ) -> None:
        ban_from_room(harness.context, token(), ROOM, BEA, None, "rude")
        (news,) = harness.outbound.broadcasts[ROOM]
        assert news["text"] == "Anonymous was banned from this room for ever."
        (ban,) = harness.context.store.bans()
        assert ban == BanRecord(ROOM, BEA, None, "token1", "rude", START)
        assert acts(harness)[0].reason == "rude"

    def test_who_is_absent_is_banned_and_not_announced(
        self, harness: DispatchHarness, pair: tuple[FakeClient, FakeClient]
    ) -> None:
        ban_from_room(harness.context, token(), ROOM, "c" * 24, HOUR)
        ban_from_room(harness.context, token(), "nowhere", BEA, HOUR)
        assert ROOM not in harness.outbound.broadcasts
        assert [act.details.get("name") for act in acts(harness)] == [None, "Anonymous"]
        assert len(harness.context.bans.all()) == 2

    def test_only_staff_and_the_holder_ban_the_holder(
        self, harness: DispatchHarness, pair: tuple[FakeClient, FakeClient]
    ) -> None:
        holder, other = pair
        with pytest.raises(RefusedError) as refused:
            ban_from_room(harness.context, other.session, ROOM, ANN, HOUR)
        assert refused.value.code is Code.HOLDER_IS_SAFE
        assert (holder.room, acts(harness)) == (ROOM, [])
        ban_from_room(harness.context, holder.session, ROOM, ANN, 0)
        assert holder.room == "test/awkward"
        assert harness.context.bans.all() == []
        ban_from_room(harness.context, token("moderate"), ROOM, BEA, HOUR)
        assert other.room == "test/awkward"

    def test_a_network_is_not_banned_from_a_room(self, harness: DispatchHarness) -> None:
        with pytest.raises(RefusedError, match="bad_id"):
            ban_from_room(harness.context, token(), ROOM, "203.0.113.7", HOUR)


class TestFromTheSite:
    def test_a_message_and_the_admin_api_do_the_same(self) -> None:
        seen: list[Any] = []
        for by_token in (False, True):
            harness = DispatchHarness()
            author = harness.staff()
            banned = harness.enter(ROOM, user_id=BEA)
            banned.received()
            if by_token:
                ban_from_site(harness.context, token(), BEA, HOUR, reason="spam")
            else:
                author.send("siteban", id=BEA, duration=HOUR, reason="spam")
            (act,) = acts(harness)
            (notice,) = banned.received()
            details = (act.action, act.room, act.subject, act.reason, act.details)
            seen.append((banned.closed, notice, details, harness.context.bans.all()[0].until))
        assert seen[0] == seen[1]

    @pytest.mark.parametrize("length", [None, DAY + 1])
    def test_only_an_admin_bans_for_longer_than_a_day(
        self, harness: DispatchHarness, length: int | None
    ) -> None:
        with pytest.raises(RefusedError) as refused:
            ban_from_site(harness.context, token("moderate"), ANN, length)
        assert refused.value.code is Code.NOT_ALLOWED
        ban_from_site(harness.context, token("moderate"), ANN, DAY)
        ban_from_site(harness.context, token("admin"), ANN, length)
        assert len(acts(harness)) == 2

    def test_the_networks_around_are_noted_by_their_sizes(self, harness: DispatchHarness) -> None:
        client = harness.open(ANN, address="2001:db8:0:1ff::1")
        client.send("hi")
        client.received()
        _, sizes = ban_from_site(harness.context, token(), ANN, HOUR, bits=24)
        assert (sizes, acts(harness)[0].details["network"]) == ("/56", "/56")
        assert len(harness.context.bans.all()) == 2
        assert codes(client) == ["site_banned"]

    def test_each_tab_is_closed_once(self, harness: DispatchHarness) -> None:
        tabs = [harness.enter(user_id=ANN), harness.enter(user_id=ANN)]
        for tab in tabs:
            tab.received()
        ban_from_site(harness.context, token(), ANN, None)
        assert [(tab.closed, codes(tab)) for tab in tabs] == [(4008, ["site_banned"])] * 2


def test_lifting(harness: DispatchHarness) -> None:
    author = token()
    ban_from_site(harness.context, author, ANN, HOUR)
    ban_from_room(harness.context, author, ROOM, ANN, HOUR)
    assert unban(harness.context, author, SITE, ANN)
    assert unban(harness.context, author, ROOM, ANN)
    assert not unban(harness.context, author, ROOM, ANN)
    assert [act.action for act in acts(harness)][2:] == ["siteunban", "unban"]


class TestInAStore:
    """Bans and ends of bans that the command line writes for a running server."""

    def test_a_ban_is_one_act_with_its_networks(self) -> None:
        store = MemoryStore()
        ban = BanRecord(SITE, "203.0.113.7", None, "cli", "spam", START)
        store_ban(store, ban, ["203.0.113.0/24"])
        assert {one.subject for one in store.bans()} == {"203.0.113.7", "203.0.113.0/24"}
        (act,) = store.audit(AuditQuery())
        assert (act.actor, act.action, act.reason) == ("cli", "siteban", "spam")
        assert act.details == {"until": None, "network": "/24"}

    def test_a_network_of_one_address_has_32_bits(self) -> None:
        store = MemoryStore()
        store_ban(store, BanRecord(SITE, "203.0.113.7", 1, "cli", "", START), ["203.0.113.7"])
        assert store.audit(AuditQuery())[0].details["network"] == "/32"

    def test_what_is_not_banned_is_not_lifted(self) -> None:
        store = MemoryStore()
        store_ban(store, BanRecord(ROOM, ANN, None, "cli", "", START))
        assert not store_unban(store, "cli", START, SITE, ANN)
        assert store_unban(store, "cli", START, ROOM, ANN)
        assert store.bans() == []
        assert [act.action for act in store.audit(AuditQuery())] == ["unban", "kickban"]

"""Bans of users and networks: refused joins, closed connections, and the notices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fortepiano.actions.ban_enforcement import merge_bans
from fortepiano.model.ban_list import PERMANENT, SITE, BanList, is_network, parse_subject
from fortepiano.model.identity import Identity
from fortepiano.native import Bans, subscriber
from fortepiano.store.memory import MemoryStore
from fortepiano.store.records import BanRecord
from support.dispatch_harness import START, DispatchHarness, FakeClient

ANN, BEA = "a" * 24, "b" * 24
HOUR = 3_600_000


def record(room: str, who: str, until: int | None = None, reason: str = "") -> BanRecord:
    return BanRecord(room, who, until, "c" * 24, reason, START)


class SharedStore(MemoryStore):
    """A store that another process changes."""

    def __init__(self) -> None:
        super().__init__()
        self.changes = 0

    @property
    def revision(self) -> int:
        return self.changes


class SlowStore(MemoryStore):
    """A store whose commits are made by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[Callable[[bool], object]] = []

    def when_saved(self, callback: Callable[[bool], object]) -> None:
        self.waiting.append(callback)

    def commit(self, *, is_saved: bool = True) -> None:
        """Answer all who wait."""
        waiting, self.waiting = self.waiting, []
        for callback in waiting:
            callback(is_saved)


class TestBanList:
    def test_from_the_store_and_into_it(self) -> None:
        store = MemoryStore()
        store.save_ban(record("room", ANN, 10))
        store.save_ban(record(SITE, "203.0.113.0/24"))
        bans = BanList(Bans(), store)
        assert bans.banned_until("room", ANN, 9) == 10
        assert bans.refuses(ANN, "203.0.113.7", 0)
        bans.ban(record(SITE, BEA, 20))
        assert {ban.subject for ban in store.bans()} == {ANN, BEA, "203.0.113.0/24"}
        assert bans.banned_until(SITE, BEA, 0) == 20
        assert bans.lift(SITE, "203.0.113.0/24")
        assert not bans.lift(SITE, "203.0.113.0/24")
        assert not bans.refuses(ANN, "203.0.113.7", 0)
        assert {ban.subject for ban in store.bans()} == {ANN, BEA}

    def test_only_what_is_banned_is_lifted(self) -> None:
        bans = BanList(Bans(), MemoryStore())
        bans.ban(record(SITE, "203.0.113.0/24"))
        for room, who in ((SITE, "no:address"), (SITE, "1/x"), ("room", "203.0.113.0/24")):
            assert not bans.lift(room, who)
        assert bans.refuses(ANN, "203.0.113.7", 0)

    def test_what_others_change_is_taken_over(self) -> None:
        store = SharedStore()
        store.save_ban(record("room", ANN))
        bans = BanList(Bans(), store)
        assert not bans.refresh()
        store.save_ban(record("room", ANN, 10))
        store.save_ban(record("room", BEA))
        store.save_ban(record(SITE, "2001:db8::/32"))
        store.changes += 1
        assert bans.refresh()
        assert bans.banned_until("room", ANN, 0) == 10
        assert bans.banned_until("room", BEA, 0) == PERMANENT
        assert bans.refuses(ANN, "2001:db8::7", 0)
        store.remove_ban("room", BEA)
        store.remove_ban(SITE, "2001:db8::/32")
        store.changes += 1
        assert bans.refresh()
        assert bans.banned_until("room", BEA, 0) is None
        assert not bans.refuses(ANN, "2001:db8::7", 0)
        assert not bans.refresh()

    def test_what_ends_is_forgotten(self) -> None:
        bans = BanList(Bans(), MemoryStore())
        bans.ban(record(SITE, ANN, 10))
        bans.ban(record(SITE, "203.0.113.0/24", 10))
        bans.ban(record(SITE, "203.0.0.0/16", 11))
        assert len(bans.all()) == 3
        bans.prune(10)
        assert [ban.subject for ban in bans.all()] == ["203.0.0.0/16"]

    def test_nonsense_in_the_store_harms_nobody(self) -> None:
        store = MemoryStore()
        for who in ("1.2.3", "::/200", "1.2.3.4/x", ":"):
            store.save_ban(record(SITE, who))
        store.save_ban(record("room", "0.0.0.0/0"))
        store.save_ban(record(SITE, ANN))
        bans = BanList(Bans(), store)
        assert [ban.subject for ban in bans.all()] == [ANN]
        assert bans.refuses(ANN, "203.0.113.7", 0)
        assert not bans.refuses(BEA, "203.0.113.7", 0)

    def test_which_ban_it_is(self) -> None:
        bans = BanList(Bans(), MemoryStore())
        wide = record(SITE, "203.0.0.0/16", reason="wide")
        narrow = record(SITE, "203.0.113.0/24", 10, "narrow")
        own = record(SITE, ANN, 20, "own")
        for ban in (wide, narrow, own, record("room", BEA)):
            bans.ban(ban)
        assert bans.site_ban_of(ANN, "203.0.113.7", 0) == own
        assert bans.site_ban_of(ANN, "203.0.113.7", 20) == wide
        assert bans.site_ban_of(BEA, "203.0.113.7", 0) == narrow
        assert bans.site_ban_of(BEA, "::ffff:203.0.113.7", 0) == narrow
        assert bans.site_ban_of(BEA, "203.0.113.7", 10) == wide
        assert bans.site_ban_of(BEA, "192.0.2.1", 0) is None
        assert bans.site_ban_of(BEA, "unix:/run/x", 0) is None

    def test_networks_that_nobody_may_see(self) -> None:
        identity, store = Identity("ip", "one", "two", subscriber), SharedStore()
        bans = BanList(Bans(), store, identity.network_ids)
        [_, hidden, _] = identity.network_ids("2001:db8:0:1::1")
        assert is_network(hidden)
        assert parse_subject(hidden) == hidden
        bans.ban(record(SITE, hidden, 10, "spam"))
        for out in ("2001:db8:0:1::1", "2001:db8:0:ff::1"):
            assert bans.refuses(BEA, out, 9)
            found = bans.site_ban_of(BEA, out, 9)
            assert found is not None
            assert found.reason == "spam"
        for fine in ("2001:db8:0:100::1", "203.0.113.7", "unix:/run/x", ""):
            assert not bans.refuses(BEA, fine, 9)
        assert not bans.refuses(BEA, "2001:db8:0:1::1", 10)
        bans.ban(record(SITE, hidden))
        assert bans.lift(SITE, hidden)
        assert not bans.refuses(BEA, "2001:db8:0:1::1", 0)
        # And from the store, where nothing tells the address.
        store.save_ban(record(SITE, hidden))
        store.save_ban(record(SITE, "f" * 24 + "/57"))
        store.changes += 1
        assert bans.refresh()
        assert [ban.subject for ban in bans.all()] == [hidden]
        assert bans.refuses(BEA, "2001:db8:0:1::1", 0)

    def test_who_comes_from_near_one_who_is_banned(self) -> None:
        identity = Identity("ip", "one", "two", subscriber)
        bans = BanList(Bans(), MemoryStore(), identity.network_ids)
        bans.ban(record(SITE, ANN, 10))
        bans.remember_networks(ANN, "2001:db8:0:1::1")
        bans.remember_networks(ANN, "203.0.113.7")
        assert bans.nearby_ban("2001:db8:0:2::1", 0) == ("/48", ANN)
        assert bans.nearby_ban("203.0.113.99", 0) == ("/24", ANN)
        assert bans.nearby_ban("::ffff:203.0.113.99", 0) == ("/24", ANN)
        for far in ("2001:db8:1:2::1", "203.0.114.7", "unix:/run/x", ""):
            assert bans.nearby_ban(far, 0) is None
        assert bans.nearby_ban("203.0.113.99", 10) is None
        assert bans.nearby_ban("2001:db8:0:2::1", 10) is None

    def test_one_near_a_network_in_plain_text_is_told_no_address(self) -> None:
        bans = BanList(Bans(), MemoryStore(), Identity("ip", "one", "two", subscriber).network_ids)
        bans.ban(record(SITE, "203.0.113.128/25"))
        bans.ban(record(SITE, "2001:db8:0:1::/64"))
        for address in ("203.0.113.7", "::ffff:203.0.113.7", "::ffff:cb00:7107"):
            assert bans.nearby_ban(address, 0) == ("/24", "")
        assert bans.nearby_ban("2001:db8::1", 0) == ("/48", "")
        assert bans.nearby_ban("203.0.112.7", 0) is None
        assert bans.lift(SITE, "203.0.113.128/25")
        assert bans.nearby_ban("203.0.113.7", 0) is None

    def test_subjects(self) -> None:
        assert parse_subject("203.0.113.9/24") == "203.0.113.0/24"
        assert is_network("203.0.113.9")
        assert is_network("2001:db8::/64")
        assert not is_network(ANN)
        with pytest.raises(ValueError, match="neither"):
            parse_subject("duets")


@pytest.fixture
def world() -> DispatchHarness:
    return DispatchHarness()


def texts(client: FakeClient) -> list[str]:
    return [m["text"] for m in client.received() if m["m"] == "notification"]


class TestSiteBan:
    def test_a_network_shows_out_who_comes_from_it(self, world: DispatchHarness) -> None:
        admin = world.staff()
        inside, outside = (
            world.open(address=address) for address in ("203.0.113.7", "198.51.100.7")
        )
        for client in (inside, outside):
            client.send("hi")
            client.received()
        admin.send("siteban", id="203.0.113.99/24", duration=HOUR, reason="spam")
        assert inside.closed == 4008
        assert texts(inside) == ["You are banned from this site for 60 minutes: spam"]
        assert outside.closed is None
        assert texts(admin) == ["203.0.113.0/24 is banned from this site for 60 minutes."]
        late = world.open(address="203.0.113.200")
        late.send("hi")
        assert late.closed == 4008

    def test_only_an_admin_bans_networks(self, world: DispatchHarness) -> None:
        moderator, victim = world.staff(scope="moderate"), world.open(address="203.0.113.7")
        victim.send("hi")
        moderator.send("siteban", id="203.0.113.7", duration=HOUR)
        assert texts(moderator) == ["Only an admin bans networks."]
        assert victim.closed is None
        moderator.send("siteban", id=victim.session.user_id, duration=HOUR)
        assert victim.closed == 4008

    @pytest.mark.parametrize("who", ["", "duets", "0.0.0.0/0", "A" * 24])
    def test_who_is_nobody_is_told(self, world: DispatchHarness, who: str) -> None:
        admin = world.staff()
        admin.send("siteban", id=who, permanent=True)
        assert len(texts(admin)) == 1
        assert world.context.store.bans() == []

    def test_lifting(self, world: DispatchHarness) -> None:
        moderator = world.staff(scope="moderate")
        moderator.send("siteban", id=ANN, duration=HOUR)
        moderator.received()
        moderator.send("admin message", msg={"m": "siteunban", "id": ANN})
        assert texts(moderator) == [f"{ANN} is not banned from this site any more."]
        assert world.context.store.bans() == []
        moderator.send("admin message", msg={"m": "siteunban", "id": ANN})
        moderator.send("admin message", msg={"m": "siteunban", "id": 5})
        assert [message["code"] for message in moderator.received()] == ["not_found", "bad_id"]

    def test_throwing_the_token_away_does_not_help(self) -> None:
        identity = Identity("ip", "one", "two", subscriber)
        world = DispatchHarness(identity=identity)
        admin, victim = world.staff(), world.open(address="203.0.113.7")
        victim.session.become(ANN, is_bot=False)
        victim.send("hi")
        admin.send("siteban", id=victim.session.user_id, permanent=True)
        assert victim.closed == 4008
        now = world.context.now()
        by_address = identity.user_id("203.0.113.7")
        assert world.context.bans.refuses(by_address, "203.0.113.7", now)
        # The address itself is written nowhere.
        assert "203.0.113.7" not in str(world.context.store.bans())


class TestTakenOver:
    """Bans that another process has set."""

    def test_out_of_the_site_and_of_a_room(self) -> None:
        store = SharedStore()
        world = DispatchHarness(store=store)
        holder, ann, bea = (world.enter("duets") for _ in range(3))
        for client in (holder, ann, bea):
            client.received()
        store.save_ban(record("duets", ann.id, START + HOUR))
        store.save_ban(record(SITE, bea.id, None, "spam"))
        merge_bans(world.context)
        assert (ann.room, bea.closed) == ("duets", None)
        store.changes += 1
        merge_bans(world.context)
        assert ann.room == "test/awkward"
        assert 'You are banned from "duets".' in texts(ann)
        assert bea.closed == 4008
        assert texts(bea) == ["You are banned from this site: spam"]
        assert (holder.room, holder.closed) == ("duets", None)


class TestAcknowledgement:
    """Messages that come when a ban is saved; the ban takes effect before."""

    def kickbanned(
        self, **fields: Any
    ) -> tuple[DispatchHarness, SlowStore, FakeClient, FakeClient]:
        store = SlowStore()
        world = DispatchHarness(store=store)
        holder, other = world.enter("duets"), world.enter("duets")
        holder.send("kickban", id_=other.id, ms=HOUR, **fields)
        return world, store, holder, other

    def test_the_room_hears_of_it_after_the_commit(self) -> None:
        world, store, _, other = self.kickbanned()
        assert other.room == "test/awkward"
        assert world.context.bans.banned_until("duets", other.id, START) == START + HOUR
        assert "duets" not in world.outbound.broadcasts
        store.commit()
        (notice,) = world.outbound.broadcasts["duets"]
        assert notice["text"] == "Anonymous kickbanned Anonymous from this room for 60 minutes."

    def test_the_room_hears_that_it_is_not_saved(self) -> None:
        world, store, _, _ = self.kickbanned()
        store.commit(is_saved=False)
        (notice,) = world.outbound.broadcasts["duets"]
        assert "not saved yet" in notice["text"]

    def test_a_kick_has_nothing_to_wait_for(self) -> None:
        store = SlowStore()
        world = DispatchHarness(store=store)
        holder, other = world.enter("duets"), world.enter("duets")
        holder.send("kickban", id_=other.id, ms=0)
        assert len(world.outbound.broadcasts["duets"]) == 1
        assert store.bans() == []

    def test_nobody_is_left_to_hear_it(self) -> None:
        world, store, holder, _ = self.kickbanned()
        world.end(holder)
        again = world.enter("duets")
        again.received()
        store.commit()
        assert "duets" not in world.outbound.broadcasts

    def test_unban_goes_without_saying_where_it_is_saved(self) -> None:
        world, store, holder, other = self.kickbanned()
        store.commit()
        holder.received()
        holder.send("unban", id_=other.id)
        assert world.context.bans.banned_until("duets", other.id, START) is None
        store.commit()
        assert texts(holder) == []
        holder.send("kickban", id_=other.id, ms=HOUR)
        holder.send("unban", id_=other.id)
        store.commit(is_saved=False)
        assert len(texts(holder)) == 1

    def test_staff_are_told(self) -> None:
        store = SlowStore()
        world = DispatchHarness(store=store)
        admin, other = world.staff(), world.enter()
        admin.send("siteban", id=other.id, permanent=True)
        assert other.closed == 4008
        assert texts(admin) == []
        store.commit(is_saved=False)
        (text,) = texts(admin)
        assert "for ever" in text
        assert "not saved yet" in text

    def test_who_has_left_is_not_told(self) -> None:
        store = SlowStore()
        world = DispatchHarness(store=store)
        admin = world.staff()
        admin.send("siteban", id=ANN, permanent=True)
        world.end(admin)
        store.commit()
        assert texts(admin) == []

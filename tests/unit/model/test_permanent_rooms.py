"""Rooms that outlive their people and the server, and what is remembered of people."""

from __future__ import annotations

import pytest

from fortepiano.actions import rooms
from fortepiano.config import Settings
from fortepiano.config.live import Live
from fortepiano.protocol.chat_archive import Archive
from fortepiano.store.memory import MemoryStore
from fortepiano.store.records import MuteRecord, RoomRecord, UserRecord
from support.dispatch_harness import START, DispatchHarness

ROOM = "duets"
OWNER, CO_OWNER, GUEST, MUTED = (digit * 24 for digit in "1234")


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def keep(world: DispatchHarness, room: str = ROOM, *, on: bool = True) -> None:
    """Have staff make a room permanent, or no more."""
    kind = "forceload" if on else "unforceload"
    world.staff().send("admin message", msg={"m": kind, "_id": room})


def evening(store: MemoryStore) -> DispatchHarness:
    """Return a world with a permanent room in which something of everything was set."""
    world = DispatchHarness(store=store)
    owner = world.enter(ROOM, user_id=OWNER, color="#112233", visible=False)
    keep(world)
    co_owner, muted = (world.enter(ROOM, user_id=who) for who in (CO_OWNER, MUTED))
    owner.send("chset", set={"slowMode": 5, "inviteOnly": True, "color": "#445566"})
    owner.send("coowner", id_=CO_OWNER)
    co_owner.send("invite", id_=GUEST)
    co_owner.send("mute", id_=MUTED, notes=True)
    owner.send("a", message="hello")
    owner.send("dm", id_=CO_OWNER, message="psst")
    muted.send("a", message="mm")
    return world


class TestPermanentRooms:
    def test_all_of_it_comes_back(self, store: MemoryStore) -> None:
        evening(store)
        again = DispatchHarness(store=store)
        room = again.context.directory.rooms[ROOM]
        assert room.is_permanent
        assert room.settings == {
            "visible": False,
            "chat": True,
            "crownsolo": False,
            "color": "#445566",
            "allowBots": True,
            "noindex": False,
            "no cussing": False,
            "slowMode": 5,
            "inviteOnly": True,
        }
        assert room.maker == OWNER
        assert room.co_owners == {CO_OWNER}
        assert room.invited == {GUEST}
        assert room.mutes == {MUTED: MuteRecord(notes=True, chat=False)}
        assert room.participants == {}
        assert room.crown is not None
        assert (room.crown.user_id, room.crown.holder) == (OWNER, None)

    def test_what_was_kept_by_an_older_version_says_what_every_room_says(
        self, store: MemoryStore
    ) -> None:
        store.save_room(RoomRecord(name=ROOM, settings={"visible": True, "noindex": True}))
        room = DispatchHarness(store=store).context.directory.rooms[ROOM]
        assert (room.settings["allowBots"], room.settings["noindex"]) == (True, True)
        assert room.settings["no cussing"] is False

    def test_the_owner_finds_the_crown(self, store: MemoryStore) -> None:
        evening(store)
        again = DispatchHarness(store=store)
        other = again.enter(ROOM, user_id=CO_OWNER)
        assert again.holder(ROOM) is None
        # The co-owner returns first, and still does not get the crown.
        other.send("chown", id=CO_OWNER)
        assert again.holder(ROOM) is None
        again.enter(ROOM, user_id=OWNER)
        assert again.holder(ROOM) == OWNER

    def test_after_a_while_anybody_takes_it(self, store: MemoryStore) -> None:
        evening(store)
        again = DispatchHarness(store=store)
        other = again.enter(ROOM, user_id=CO_OWNER)
        again.wait(15)
        other.send("chown", id=CO_OWNER)
        assert again.holder(ROOM) == CO_OWNER

    def test_it_lies_where_it_was_left(self, store: MemoryStore) -> None:
        world = evening(store)
        owner = world.context.directory.rooms[ROOM].participants[OWNER].tabs[0]
        world.dispatch.receive(owner, b'{"m":"chown"}')
        left = world.context.directory.rooms[ROOM].crown
        found = DispatchHarness(store=store).context.directory.rooms[ROOM].crown
        assert left is not None
        assert found is not None
        assert (found.user_id, found.start, found.end) == (OWNER, left.start, left.end)

    def test_a_stopping_server_leaves_the_crowns_to_their_holders(self, store: MemoryStore) -> None:
        world = evening(store)
        world.context.directory.freeze(world.context.now())
        room = world.context.directory.rooms[ROOM]
        for participant in list(room.participants.values()):
            for tab in list(participant.tabs):
                world.dispatch.ended(tab)
        assert room.crown is not None
        assert room.crown.user_id != OWNER
        found = DispatchHarness(store=store).context.directory.rooms[ROOM].crown
        assert found is not None
        assert found.user_id == OWNER

    def test_only_the_holder_plays_in_a_solo_room(self, store: MemoryStore) -> None:
        world = DispatchHarness(store=store)
        world.enter(ROOM, user_id=OWNER, crownsolo=True)
        keep(world)
        again = DispatchHarness(store=store)
        assert again.context.directory.rooms[ROOM].settings["crownsolo"] is True

    def test_other_rooms_go_as_ever(self, store: MemoryStore) -> None:
        world = DispatchHarness(store=store)
        world.end(world.enter(ROOM))
        assert ROOM not in world.context.directory.rooms
        world.enter(ROOM, color="#112233")
        assert store.rooms() == []
        assert ROOM not in DispatchHarness(store=store).context.directory.rooms

    def test_permanent_no_more(self, store: MemoryStore) -> None:
        world = evening(store)
        keep(world, on=False)
        assert store.rooms() == []
        assert store.chats() == []
        assert ROOM not in DispatchHarness(store=store).context.directory.rooms

    def test_empty_and_permanent_no_more(self, store: MemoryStore) -> None:
        evening(store)
        again = DispatchHarness(store=store)
        keep(again, on=False)
        assert ROOM not in again.context.directory.rooms
        assert store.rooms() == []

    def test_what_staff_set_is_kept(self, store: MemoryStore) -> None:
        world = evening(store)
        admin = world.staff()
        for key, value in (("owner_id", GUEST), ("limit", 7)):
            admin.send(
                "admin message", msg={"m": "ch_flag", "_id": ROOM, "key": key, "value": value}
            )
        (kept,) = store.rooms()
        assert (kept.owner_id, kept.settings["limit"]) == (GUEST, 7)
        again = DispatchHarness(store=store)
        guest = again.enter(ROOM, user_id=GUEST)
        guest.send("chown", id=GUEST)
        assert again.holder(ROOM) == GUEST

    def test_a_special_room_keeps_its_settings(self, store: MemoryStore) -> None:
        world = DispatchHarness(store=store)
        keep(world, "test/fishing")
        again = DispatchHarness(store=store).context.directory.rooms["test/fishing"]
        assert again.is_special
        assert again.crown is None
        assert again.settings["lobby"] is True

    def test_who_is_not_invited_stays_out(self, store: MemoryStore) -> None:
        evening(store)
        again = DispatchHarness(store=store)
        assert again.enter(ROOM).room == "test/awkward"
        assert again.enter(ROOM, user_id=GUEST).room == ROOM
        assert again.enter(ROOM, user_id=CO_OWNER).room == ROOM


class TestRestart:
    """Rooms that are not permanent, while the server is away for a moment."""

    def restarted(self, store: MemoryStore) -> DispatchHarness:
        world = DispatchHarness(store=store)
        world.enter(ROOM, user_id=OWNER, color="#112233")
        world.enter(ROOM, user_id=CO_OWNER)
        world.context.directory.freeze(world.context.now())
        again = DispatchHarness(store=store)
        rooms.await_return(again.context)
        return again

    def test_settings_and_the_crown_are_found_again(self, store: MemoryStore) -> None:
        again = self.restarted(store)
        # Clients come back with the settings they last saw; what they say does not matter.
        early = again.enter(ROOM, user_id=CO_OWNER, color="#445566")
        early.send("chown", id=CO_OWNER)
        assert again.holder(ROOM) is None
        again.enter(ROOM, user_id=OWNER)
        assert again.holder(ROOM) == OWNER
        assert again.context.directory.rooms[ROOM].settings["color"] == "#112233"
        # The room is an ordinary one again: it ends when it is empty.
        ((seconds, sweep),) = again.planned
        again.wait(seconds)
        sweep()
        assert ROOM in again.context.directory.rooms

    def test_it_does_not_wait_for_ever(self, store: MemoryStore) -> None:
        again = self.restarted(store)
        assert ROOM in again.context.directory.rooms
        assert store.rooms() == []
        ((seconds, sweep),) = again.planned
        again.wait(seconds)
        sweep()
        assert ROOM not in again.context.directory.rooms

    def test_not_after_a_long_time(self, store: MemoryStore) -> None:
        world = DispatchHarness(store=store)
        world.enter(ROOM)
        world.context.directory.freeze(world.context.now() - 600_000)
        again = DispatchHarness(store=store)
        assert ROOM not in again.context.directory.rooms
        assert store.rooms() == []

    def test_special_and_empty_rooms_need_it_not(self, store: MemoryStore) -> None:
        world = DispatchHarness(store=store, empty_room_ms=3000)
        world.enter("lobby")
        world.end(world.enter(ROOM))
        assert ROOM in world.context.directory.rooms
        world.context.directory.freeze(world.context.now())
        assert store.rooms() == []


class TestArchive:
    def test_chat_of_permanent_rooms(self, store: MemoryStore) -> None:
        evening(store)
        history = DispatchHarness(store=store).context.directory.rooms[ROOM].history
        assert [line["a"] for line in history] == ["hello", "mm"]
        # Private lines are never stored.
        assert "psst" not in str(store.chats())

    def test_and_of_the_lobby(self, store: MemoryStore) -> None:
        world = DispatchHarness(store=store)
        world.enter("lobby").send("a", message="hello")
        world.enter("test/awkward").send("a", message="oops")
        world.enter("test/other").send("a", message="gone")
        rooms = DispatchHarness(store=store).context.directory.rooms
        assert [line["a"] for line in rooms["lobby"].history] == ["hello"]
        assert [line["a"] for line in rooms["test/awkward"].history] == ["oops"]
        assert {chat.room for chat in store.chats()} == {"lobby", "test/awkward"}

    def test_no_more_than_the_room_remembers(self, store: MemoryStore) -> None:
        world = DispatchHarness(store=store, chat_history=3)
        client = world.staff("lobby")
        for number in range(5):
            client.send("a", message=f"line {number}")
        history = (
            DispatchHarness(store=store, chat_history=2).context.directory.rooms["lobby"].history
        )
        assert [line["a"] for line in history] == ["line 3", "line 4"]

    def test_what_is_cleared_is_gone(self, store: MemoryStore) -> None:
        world = DispatchHarness(store=store)
        admin = world.staff("lobby")
        admin.send("a", message="hello")
        admin.send("clearchat")
        assert store.chats() == []

    def test_nothing_is_kept_by_default(self, store: MemoryStore) -> None:
        world = evening(store)
        archive = Archive(store, Live(Settings()))
        archive.restore(world.context.directory.rooms.values())
        assert store.chats() == []
        room = world.context.directory.rooms[ROOM]
        archive.save(room)
        assert store.chats() == []


class TestPeople:
    def test_who_changed_something_is_remembered(self, store: MemoryStore) -> None:
        world = DispatchHarness(store=store)
        client = world.enter(user_id=OWNER)
        world.wait(10)
        client.send("userset", set={"name": "Clara"})
        assert store.user(OWNER) == UserRecord(OWNER, "Clara", "#111111", START, START + 10_000)
        world.wait(10)
        world.end(client)
        assert store.user(OWNER) == UserRecord(OWNER, "Clara", "#111111", START, START + 20_000)

    def test_who_did_not_is_not(self, store: MemoryStore) -> None:
        world = DispatchHarness(store=store)
        world.end(world.enter(user_id=OWNER))
        assert store.users() == []

    def test_how_long_somebody_is_known_counts_over_a_restart(self, store: MemoryStore) -> None:
        world = DispatchHarness(store=store)
        world.enter(user_id=OWNER).send("userset", set={"name": "Clara"})
        again = DispatchHarness(store=store)
        again.wait(60)
        again.enter(ROOM, minOnlineTime=50_000)
        assert again.enter(ROOM, user_id=OWNER).room == ROOM
        assert again.enter(ROOM, user_id=GUEST).room == "test/awkward"

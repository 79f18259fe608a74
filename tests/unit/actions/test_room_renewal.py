"""Rooms and users that were on another node of a cluster before."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fortepiano.actions import rooms
from fortepiano.store.memory import MemoryStore
from fortepiano.store.records import MuteRecord
from support.dispatch_harness import DispatchHarness, FakeClient

ROOM = "duets"
OWNER, CO_OWNER, MUTED, BANNED = (digit * 24 for digit in "1234")

BROKER = "redis://192.0.2.1"


class WaitingStore(MemoryStore):
    """A store that all nodes have at the same time; it answers when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[Callable[[bool], object]] = []

    def when_current(self, room: str, callback: Callable[[bool], object]) -> None:
        self.waiting.append(callback)

    def answer(self, *, is_current: bool = True) -> None:
        waiting, self.waiting = self.waiting, []
        for callback in waiting:
            callback(is_current)


@pytest.fixture
def store() -> WaitingStore:
    return WaitingStore()


@pytest.fixture
def one(store: WaitingStore) -> DispatchHarness:
    return DispatchHarness(store=store, cluster=BROKER)


@pytest.fixture
def two(store: WaitingStore) -> DispatchHarness:
    return DispatchHarness(store=store, cluster=BROKER)


def renew(node: DispatchHarness, room: str = ROOM) -> list[str]:
    """Make a node ready for a room; return what was called once it is."""
    done: list[str] = []
    rooms.renew(node.context, room, lambda: done.append(room))
    assert done == []
    assert isinstance(node.context.store, WaitingStore)
    node.context.store.answer()
    return done


def keep(node: DispatchHarness, *, on: bool = True) -> None:
    kind = "forceload" if on else "unforceload"
    node.staff().send("admin message", msg={"m": kind, "_id": ROOM})


def evening(node: DispatchHarness) -> list[FakeClient]:
    """Let people change a room in every way, and make it permanent; its holder comes last."""
    owner = node.enter(ROOM, user_id=OWNER)
    keep(node)
    others = [node.enter(ROOM, user_id=who) for who in (CO_OWNER, MUTED, BANNED)]
    owner.send("chset", set={"slowMode": 5, "color": "#445566"})
    owner.send("coowner", id_=CO_OWNER)
    owner.send("mute", id_=MUTED, notes=True)
    owner.send("kickban", id_=BANNED, ms=3_600_000)
    owner.send("a", message="hello")
    return [*others, owner]


def test_a_permanent_room_goes_on_at_another_node(
    one: DispatchHarness, two: DispatchHarness
) -> None:
    for client in evening(one):
        one.end(client)
    assert renew(two) == [ROOM]
    room = two.context.directory.rooms[ROOM]
    assert room.is_permanent
    assert (room.settings["slowMode"], room.settings["color"]) == (5, "#445566")
    assert room.co_owners == {CO_OWNER}
    assert room.mutes == {MUTED: MuteRecord(notes=True, chat=False)}
    assert [line["a"] for line in room.history] == ["hello"]
    assert room.crown is not None
    two.enter(ROOM, user_id=OWNER).send("a", message="and here")
    assert two.holder(ROOM) == OWNER


def test_a_room_comes_back_with_what_was_changed_elsewhere(
    one: DispatchHarness, two: DispatchHarness
) -> None:
    people = evening(one)
    for client in people:
        one.end(client)
    old = one.context.directory.rooms[ROOM]
    renew(two)
    owner = two.enter(ROOM, user_id=OWNER)
    owner.send("chset", set={"slowMode": None, "color": "#000000"})
    owner.send("a", message="and here")
    owner.send("mute", id_=MUTED, notes=False, chat=False)
    two.end(owner)
    renew(one)
    room = one.context.directory.rooms[ROOM]
    assert room is not old
    assert ("slowMode" in room.settings, room.settings["color"]) == (False, "#000000")
    assert room.mutes == {}
    assert [line["a"] for line in room.history] == ["hello", "and here"]


def test_a_room_that_is_permanent_no_more_ends_at_all_nodes(
    one: DispatchHarness, two: DispatchHarness
) -> None:
    for client in evening(one):
        one.end(client)
    renew(two)
    assert ROOM in two.context.directory.rooms
    keep(one, on=False)
    renew(two)
    assert ROOM not in two.context.directory.rooms


def test_a_room_with_people_stays(one: DispatchHarness) -> None:
    evening(one)
    room = one.context.directory.rooms[ROOM]
    assert renew(one) == [ROOM]
    assert one.context.directory.rooms[ROOM] is room


@pytest.mark.parametrize("name", ["lobby", "test/awkward", "test/mine", "nobody knows it"])
def test_rooms_without_a_record_are_new(two: DispatchHarness, name: str) -> None:
    client = two.enter(name)
    client.send("a", message="old")
    two.end(client)
    two.context.directory.renew(name, two.context.now())
    assert two.enter(name).room == name
    assert [*two.context.directory.rooms[name].history] == []
    assert name not in two.context.directory.empty_tests


def test_a_store_that_does_not_answer_opens_the_room_all_the_same(
    two: DispatchHarness, store: WaitingStore
) -> None:
    done: list[int] = []
    rooms.renew(two.context, ROOM, lambda: done.append(1))
    store.answer(is_current=False)
    assert done == [1]


class TestStop:
    """A node stops: its rooms are found again at another one."""

    def test_rooms_of_a_stopped_node_wait_for_their_next_home(
        self, one: DispatchHarness, two: DispatchHarness, store: WaitingStore
    ) -> None:
        owner = one.enter(ROOM, user_id=OWNER, color="#123456")
        one.enter(ROOM, user_id=CO_OWNER)
        one.context.directory.freeze(one.context.now())
        one.end(owner)
        three = DispatchHarness(store=store, cluster=BROKER)
        assert ROOM not in three.context.directory.rooms
        renew(two)
        assert store.rooms() == []
        assert two.context.directory.rooms[ROOM].settings["color"] == "#123456"
        two.enter(ROOM, user_id=CO_OWNER)
        assert two.holder(ROOM) is None
        two.enter(ROOM, user_id=OWNER)
        assert two.holder(ROOM) == OWNER

    def test_after_a_while_they_are_forgotten(
        self, one: DispatchHarness, two: DispatchHarness, store: WaitingStore
    ) -> None:
        one.enter(ROOM, color="#123456")
        one.context.directory.freeze(one.context.now())
        two.wait(601)
        renew(two)
        assert ROOM not in two.context.directory.rooms
        assert store.rooms() == []

    def test_a_start_removes_no_chat_of_others(
        self, one: DispatchHarness, store: WaitingStore
    ) -> None:
        store.save_chat("a room of another node", ("{}",))
        DispatchHarness(store=store, cluster=BROKER)
        assert len(store.chats()) == 1
        DispatchHarness(store=store)
        assert store.chats() == []


class TestUsers:
    def test_a_name_that_was_changed_elsewhere_is_not_taken_back(
        self, one: DispatchHarness, two: DispatchHarness, store: WaitingStore
    ) -> None:
        here, there = one.enter(user_id=OWNER), two.enter(user_id=OWNER)
        here.send("userset", set={"name": "first"})
        there.send("userset", set={"name": "second"})
        one.end(here)
        user = store.user(OWNER)
        assert user is not None
        assert (user.name, user.last_seen > 0) == ("second", True)

    def test_who_comes_back_has_the_name_of_elsewhere(
        self, one: DispatchHarness, two: DispatchHarness
    ) -> None:
        here = one.enter(user_id=OWNER)
        here.send("userset", set={"name": "first"})
        one.end(here)
        two.enter(user_id=OWNER).send("userset", set={"name": "second", "color": "#010203"})
        user = one.enter(user_id=OWNER).session.user
        assert user is not None
        assert (user.name, user.color) == ("second", "#010203")

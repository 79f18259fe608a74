"""Names and texts stored under older rules, in each kind of store (docs/operating.md)."""

from __future__ import annotations

import dataclasses

import orjson
import pytest

from fortepiano.model.ban_list import BanList
from fortepiano.native import Bans
from fortepiano.protocol.store_migration import respell
from fortepiano.store import AuditRecord, Store
from fortepiano.store.memory import MemoryStore
from fortepiano.store.records import BanRecord, CrownRecord, MuteRecord, RoomRecord, UserRecord
from fortepiano.store.redis import RedisStore
from fortepiano.store.sqlite import SQLiteStore
from support.dispatch_harness import START, DispatchHarness

ANN, BEA, CAT = (digit * 24 for digit in "abc")
COMPOSED, DECOMPOSED = "Caf\u00e9", "Cafe\u0301"


def line(text: str, at: int, name: str = "Ann") -> str:
    client = {"_id": ANN, "id": ANN, "name": name, "color": "#112233"}
    return orjson.dumps({"m": "a", "a": text, "p": client, "t": at, "id": "0"}).decode()


def reopened(store: Store) -> Store:
    """Return what a later start finds."""
    if not isinstance(store, MemoryStore) or isinstance(store, SQLiteStore | RedisStore):
        store.close()
        store.open()
    return store


class TestUsers:
    @pytest.mark.parametrize(
        ("kept", "now"),
        [
            ("Ann", "Ann"),
            ("Ann\u200b", "Ann"),
            (" Zoe\u0308 ", "Zo\u00eb"),
            ("\u200b\u3164", "Anonymous"),
            ("a\x1b[2Jb", "a [2Jb"),
            ("Z" + "\u0301" * 30, "\u0179" + "\u0301" * 4),
            ("[ADMIN] Bob", "Bob"),
        ],
    )
    def test_are_renamed(self, store: Store, kept: str, now: str) -> None:
        store.save_user(UserRecord(ANN, kept, "#112233", 1, 2))
        respell(store)
        assert reopened(store).user(ANN) == UserRecord(ANN, now, "#112233", 1, 2)

    def test_a_name_that_comes_later_is_mended_where_it_is_used(self) -> None:
        store = MemoryStore()
        store.save_user(UserRecord(ANN, "Ann\u200b", "#112233"))
        client = DispatchHarness(store=store).enter("a room", user_id=ANN)
        assert client.session.user is not None
        assert client.session.user.name == "Ann"


class TestRooms:
    def test_all_of_one_goes_along(self, store: Store) -> None:
        crown = CrownRecord(ANN, 5, (1.0, 2.0), (3.0, 4.0))
        kept = RoomRecord(
            DECOMPOSED,
            {"visible": True, "notice": "e\u0301\u200b\u202e"},
            ANN,
            (BEA,),
            (CAT,),
            {CAT: MuteRecord(notes=True, chat=False)},
            crown,
        )
        store.save_room(kept)
        store.save_chat(DECOMPOSED, (line("e\u0301\u200b", 7, "Ann\u200b"),))
        store.save_ban(BanRecord(DECOMPOSED, BEA, None, ANN, "", 9))
        respell(store)
        again = reopened(store)
        wanted = dataclasses.replace(
            kept, name=COMPOSED, settings={"visible": True, "notice": "\u00e9"}
        )
        assert again.rooms() == [wanted]
        (said,) = again.chat(COMPOSED)
        assert orjson.loads(said) == orjson.loads(line("\u00e9", 7))
        assert not again.chat(DECOMPOSED)
        assert again.bans() == [BanRecord(COMPOSED, BEA, None, ANN, "", 9)]

    @pytest.mark.parametrize(("first", "last"), [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)])
    @pytest.mark.parametrize("sign", ["crown", "chat", "log"])
    def test_the_one_changed_last_keeps_the_name(
        self, store: Store, first: str, last: str, sign: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for at, name in ((100, first), (200, last)):
            crown = CrownRecord(ANN, at, (0.0, 0.0), (0.0, 0.0)) if sign == "crown" else None
            store.save_room(RoomRecord(name, {"limit": at}, crown=crown))
            if sign == "chat":
                store.save_chat(name, (line(str(at), at),))
            if sign == "log":
                store.add_audit(AuditRecord(f"{at}", at, ANN, "forceload", name))
            store.save_ban(BanRecord(name, ANN, None, BEA, str(at), at))
        respell(store)
        again = reopened(store)
        assert {one.name: one.settings["limit"] for one in again.rooms()} == {
            COMPOSED: 200,
            f"{COMPOSED} 2": 100,
        }
        assert {ban.room: ban.reason for ban in again.bans()} == {
            COMPOSED: "200",
            f"{COMPOSED} 2": "100",
        }
        if sign == "chat":
            assert orjson.loads(again.chat(COMPOSED)[0])["a"] == "200"
            assert orjson.loads(again.chat(f"{COMPOSED} 2")[0])["a"] == "100"
        assert "two kept rooms have one name" in "".join(capsys.readouterr())

    def test_twice_is_once(self, store: Store) -> None:
        for name in (COMPOSED, DECOMPOSED, f"{DECOMPOSED}\u200b", f"{COMPOSED} 2"):
            store.save_room(RoomRecord(name, {"visible": name == COMPOSED}))
            store.save_ban(BanRecord(name, ANN, None, BEA, ascii(name), 1))
        respell(store)
        kept = store.rooms(), store.bans()
        assert sorted(room.name for room in kept[0]) == [
            *(COMPOSED, f"{COMPOSED} 2", f"{COMPOSED} 3", f"{COMPOSED} 4")
        ]
        assert len(kept[1]) == 4
        respell(store)
        assert (store.rooms(), store.bans()) == kept

    @pytest.mark.parametrize(
        ("kept", "now"),
        [
            ("\u200b", "room"),
            ("a\nb", "a b"),
            ("lobby\u200b", "lobby 2"),
            ("lobby ", "lobby 2"),
            ("lobby", "lobby"),
            ("test/awkward ", "test/awkward 2"),
        ],
    )
    def test_odd_names(self, store: Store, kept: str, now: str) -> None:
        store.save_room(RoomRecord(kept, {"visible": False}))
        respell(store)
        assert reopened(store).rooms() == [RoomRecord(now, {"visible": False})]

    def test_they_open_under_their_new_name(self) -> None:
        store = MemoryStore()
        store.save_room(RoomRecord(DECOMPOSED, {"visible": False}))
        respell(store)
        world = DispatchHarness(store=store)
        client = world.enter(f"{DECOMPOSED}\u200b ")
        assert client.room == COMPOSED
        assert world.context.directory.rooms[COMPOSED].settings["visible"] is False


class TestBans:
    def test_of_rooms_that_are_not_kept(self, store: Store) -> None:
        store.save_ban(BanRecord(DECOMPOSED, ANN, 500, BEA, "old", 1))
        store.save_ban(BanRecord(COMPOSED, ANN, 900, BEA, "new", 2))
        store.save_ban(BanRecord(DECOMPOSED, BEA, None, ANN, "", 3))
        store.save_ban(BanRecord("", CAT, None, ANN, "", 4))
        respell(store)
        assert sorted(store.bans(), key=lambda ban: ban.at) == [
            BanRecord(f"{COMPOSED} 2", ANN, 500, BEA, "old", 1),
            BanRecord(COMPOSED, ANN, 900, BEA, "new", 2),
            BanRecord(COMPOSED, BEA, None, ANN, "", 3),
            BanRecord("", CAT, None, ANN, "", 4),
        ]

    def test_that_another_program_adds_hold_for_each_spelling(self) -> None:
        store = MemoryStore()
        store.save_ban(BanRecord(DECOMPOSED, ANN, None, BEA, "", START))
        bans = BanList(Bans(), store)
        assert bans.banned_until(COMPOSED, ANN, START) is not None
        assert bans.lift(COMPOSED, ANN)
        assert bans.banned_until(COMPOSED, ANN, START) is None
        assert store.bans() == []


def test_where_all_is_well_nothing_is_written(store: Store) -> None:
    store.save_user(UserRecord(ANN, "Ann", "#112233"))
    store.save_room(RoomRecord(COMPOSED, {"notice": "Be kind."}))
    store.save_chat(COMPOSED, (line("hi", 1),))
    store.save_ban(BanRecord(COMPOSED, ANN, None, BEA, "", 1))
    assert store.flush(5)
    respell(store)
    assert store.pending == 0

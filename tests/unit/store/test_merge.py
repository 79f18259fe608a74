"""Records that are merged into a store that has some already."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from fortepiano.store import AuditQuery, TokenRecord, UserRecord
from fortepiano.store.dump import Item
from fortepiano.store.memory import MemoryStore
from fortepiano.store.merge import merge
from fortepiano.store.record_kinds import AUDIT, BAN, CHAT, ROOM, SALT, TOKEN, USER
from fortepiano.store.records import ChatRecord, SaltRecord
from support.records import ANN, BANNED, BEA, FIRST, HOUR, KICKED, NOW, STUDIO, act

SALT_ITEMS: list[Item] = [(SALT, SaltRecord(1, "theirs")), (SALT, SaltRecord(2, "too"))]


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def line(time: int) -> str:
    return json.dumps({"m": "a", "a": str(time), "t": time})


def user(first: int, last: int, name: str = "Ann") -> UserRecord:
    return UserRecord(ANN.id, name, ANN.color, first, last)


@pytest.mark.parametrize(
    ("stored", "other", "after"),
    [
        (user(0, 5), user(0, 6, "newer"), user(0, 6, "newer")),
        (user(0, 6), user(0, 5, "older"), user(0, 6)),
        (user(0, 5), user(0, 5, "as old"), user(0, 5)),
        (user(3, 5), user(2, 4, "older"), user(2, 5)),
        (user(0, 5), user(2, 6, "newer"), user(2, 6, "newer")),
        (user(0, 0), user(0, 0, "never seen"), user(0, 0)),
    ],
)
def test_the_newer_user(
    store: MemoryStore, stored: UserRecord, other: UserRecord, after: UserRecord
) -> None:
    store.save_user(stored)
    merged = merge(store, [(USER, other)], NOW)
    assert store.user(ANN.id) == after
    assert merged.changed.total() == (after != stored)
    assert merged.kept.total() == (after == stored)


def test_bans_are_united(store: MemoryStore) -> None:
    store.save_ban(BANNED)
    other = replace(KICKED, until=NOW + HOUR)
    assert str(merge(store, [(BAN, other), (BAN, BANNED)], NOW)) == (
        "1 added (1 ban), 0 changed, 1 kept (1 ban)"
    )
    assert {ban.subject for ban in store.bans()} == {BANNED.subject, KICKED.subject}


@pytest.mark.parametrize("later", [True, False])
def test_the_ban_that_was_made_later(store: MemoryStore, later: bool) -> None:
    store.save_ban(BANNED)
    other = replace(BANNED, until=NOW + HOUR, at=NOW + (1 if later else -1))
    merge(store, [(BAN, other)], NOW)
    assert store.bans() == [other if later else BANNED]


def test_what_has_ended_is_left_out(store: MemoryStore) -> None:
    items: list[Item] = [
        (BAN, replace(BANNED, until=NOW)),
        (ROOM, replace(STUDIO, until=NOW - 1)),
        (ROOM, replace(STUDIO, name="still", until=NOW + 1)),
    ]
    merged = merge(store, items, NOW)
    assert (store.bans(), [room.name for room in store.rooms()]) == ([], ["still"])
    assert (merged.added, merged.kept) == ({"room": 1}, {"ban": 1, "room": 1})


def test_a_revocation_lasts(store: MemoryStore) -> None:
    revoked = TokenRecord(ANN.id, "", "user", "", 1, None, ANN.id, revoked=5)
    store.save_token(revoked)
    store.save_token(FIRST)
    items: list[Item] = [
        (TOKEN, replace(revoked, revoked=9)),
        (TOKEN, replace(FIRST, revoked=7, label="other")),
    ]
    merge(store, items, NOW)
    assert store.tokens() == [replace(revoked, revoked=9), replace(FIRST, revoked=7)]
    merge(store, [(TOKEN, revoked), (TOKEN, FIRST)], NOW)
    assert store.tokens() == [replace(revoked, revoked=9), replace(FIRST, revoked=7)]


def test_rooms_stay_and_chat_is_the_later_one(store: MemoryStore) -> None:
    store.save_room(STUDIO)
    store.save_chat(STUDIO.name, (line(5),))
    items: list[Item] = [
        (ROOM, replace(STUDIO, owner_id=BEA.id)),
        (CHAT, ChatRecord(STUDIO.name, (line(3), line(6)))),
        (CHAT, ChatRecord("hall", (line(1),))),
    ]
    assert str(merge(store, items, NOW)) == "1 added (1 chat), 1 changed (1 chat), 1 kept (1 room)"
    assert store.rooms() == [STUDIO]
    assert store.chat(STUDIO.name) == (line(3), line(6))
    merge(store, [(CHAT, ChatRecord(STUDIO.name, (line(5),))), (CHAT, ChatRecord("hall", ()))], NOW)
    assert (store.chat(STUDIO.name), store.chat("hall")) == ((line(3), line(6)), (line(1),))


def test_acts_are_added_once(store: MemoryStore) -> None:
    acts = [act(number) for number in range(3)]
    store.add_audit(acts[1])
    merged = merge(store, [(AUDIT, one) for one in acts], NOW)
    assert (merged.added.total(), merged.kept.total()) == (2, 1)
    assert store.audit(AuditQuery()) == acts[::-1]


def test_salts_are_those_that_ids_were_made_of(store: MemoryStore) -> None:
    ours = store.salts()
    store.save_user(BEA)
    merge(store, SALT_ITEMS, NOW)
    assert store.salts() == ours


def test_salts_of_an_empty_store_are_taken(store: MemoryStore) -> None:
    assert str(merge(store, SALT_ITEMS, NOW)) == "0 added, 2 changed (2 salt), 0 kept"
    assert store.salts() == ("theirs", "too")
    assert str(merge(store, SALT_ITEMS, NOW)) == "0 added, 0 changed, 2 kept (2 salt)"

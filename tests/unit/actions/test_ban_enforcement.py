"""Bans of other processes, such as the command line: merged, and enforced as those of messages."""

from __future__ import annotations

import pytest

from fortepiano.actions.ban_enforcement import merge_bans
from fortepiano.model.ban_list import SITE
from fortepiano.model.identity import Identity
from fortepiano.model.room import Room
from fortepiano.native import subscriber
from fortepiano.store.memory import MemoryStore
from fortepiano.store.records import BanRecord
from support.dispatch_harness import START, DispatchHarness

ROOM = "duets"
ANN = "a" * 24


class _SharedStore(MemoryStore):
    """A store that another process changes."""

    changes = 0

    @property
    def revision(self) -> int:
        return self.changes


def test_the_room_list_shows_what_another_process_bans_and_lifts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = _SharedStore()
    harness = DispatchHarness(store=store)
    harness.enter(ROOM)
    changed: list[str] = []

    def note_change(room: Room) -> None:
        changed.append(room.name)

    monkeypatch.setattr(harness.context.room_list, "note_change", note_change)
    store.save_ban(BanRecord(ROOM, ANN, None, "cli", "", START))
    store.save_ban(BanRecord("no such room", ANN, None, "cli", "", START))
    store.save_ban(BanRecord(SITE, ANN, None, "cli", "", START))
    store.changes += 1
    merge_bans(harness.context)
    store.remove_ban(ROOM, ANN)
    store.changes += 1
    merge_bans(harness.context)
    merge_bans(harness.context)
    assert changed == [ROOM, ROOM]


def test_throwing_the_token_away_does_not_help_against_the_command_line() -> None:
    store, address = _SharedStore(), "203.0.113.7"
    identity = Identity("ip", "one", "two", subscriber)
    harness = DispatchHarness(identity=identity, store=store)
    client = harness.open(address=address)
    client.session.become(ANN, is_bot=False)
    client.send("hi")
    store.save_ban(BanRecord(SITE, ANN, None, "cli", "spam", START))
    store.changes += 1
    merge_bans(harness.context)
    assert client.closed == 4008
    assert harness.context.bans.refuses(identity.user_id(address), address, START)
    assert address not in str(store.bans())


def test_the_user_of_the_address_goes_too_whoever_came_first() -> None:
    store, address = _SharedStore(), "203.0.113.7"
    identity = Identity("ip", "one", "two", subscriber)
    harness = DispatchHarness(identity=identity, store=store)
    second = harness.open(identity.user_id(address), address=address)
    second.send("hi")
    client = harness.open(address=address)
    client.session.become(ANN, is_bot=False)
    client.send("hi")
    store.save_ban(BanRecord(SITE, ANN, None, "cli", "spam", START))
    store.changes += 1
    merge_bans(harness.context)
    assert (client.closed, second.closed) == (4008, 4008)

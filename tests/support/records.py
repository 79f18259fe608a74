"""Records that the tests of stores share, and a way to wait for the writer thread."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fortepiano.store import (
    AuditRecord,
    BanRecord,
    CrownRecord,
    MuteRecord,
    RoomRecord,
    TokenRecord,
    UserRecord,
)
from fortepiano.store.sqlite import SQLiteStore
from fortepiano.store.writer import WriterStore
from fortepiano.wall_clock import now_ms

ANN = UserRecord("a" * 24, "Ann", "#112233")
BEA = UserRecord("b" * 24, "Béa 🎹", "#445566")

NOW = now_ms()
HOUR = 3_600_000

KICKED = BanRecord("Duets 🎹", ANN.id, NOW + HOUR, BEA.id, "", NOW)
BANNED = BanRecord("", ANN.id, None, "1f2e3d4c", "spam", NOW)

FIRST = TokenRecord("00000001", "d1" * 32, "admin", "Bea's", NOW, None)
SECOND = TokenRecord("00000000", "d2" * 32, "read", "", NOW + 1, NOW + HOUR)

STUDIO = RoomRecord(
    "Studio 🎹",
    {"visible": False, "color": "#112233", "limit": 7},
    owner_id=ANN.id,
    co_owners=(BEA.id,),
    invited=(ANN.id, BEA.id),
    mutes={BEA.id: MuteRecord(notes=True, chat=False)},
    crown=CrownRecord(ANN.id, NOW, (50.0, 50.0), (12.5, 80.0)),
)


def act(number: int) -> AuditRecord:
    return AuditRecord(
        AuditRecord.next_id(NOW + number),
        NOW + number,
        "admin",
        ("ban", "mute")[number % 2],
        f"room {number}",
        ANN.id,
        "noise",
        {"until": None, "ms": number, "all": True, "name": "Béa"},
    )


LONG = 15.0
"""Seconds to wait for the writer; only a failing test ever waits that long."""


def until(store: WriterStore, reached: Callable[[], object], seconds: float = LONG) -> None:
    """Wait for the writer to reach a state by itself; `flush` would make it write at once."""
    with store._changed:
        assert store._changed.wait_for(reached, seconds), store.last_error


def reopened(path: Path) -> SQLiteStore:
    store = SQLiteStore(path)
    store.open()
    return store

"""The numbers of the two rule presets, as docs/protocol.md promises them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest

__all__ = ["HURRIED", "LOUD", "PRESETS", "STILL", "UNHURRIED", "Preset", "Quota", "only"]


class Quota(NamedTuple):
    """The quota of a class of players: how many note events they may send."""

    allowance: int
    """Points gained per tick."""
    max: int
    """The most points that one can have."""
    tick: int = 1000
    """Milliseconds between two ticks."""

    @property
    def nq(self) -> dict[str, Any]:
        """The `nq` message with this quota."""
        return {
            "m": "nq",
            "allowance": self.allowance,
            "max": self.max,
            "maxHistLen": 3,
            "tick": self.tick,
        }


@dataclass(frozen=True)
class Preset:
    """One column of the table of presets.

    Attributes:
        name: The value of `rules.preset`.
        lobby: The quota in special rooms.
        normal: The quota elsewhere.
        holder: The quota of the holder of the crown.
        tick_seconds: Seconds between two ticks of the quota.
        greets_with_quota: Whether `nq` also comes with the reply to `hi`.
        crown_falls: Whether the crown of a holder who leaves becomes free, not another's.
        lobbies: Rooms without a crown, besides `test/…`.
        lobby_limit: The most people in one lobby, 0 for no limit.
        ceiling_ms: The longest kickban.
        rooms_linger: Whether an empty room remains for a moment.
    """

    name: str
    lobby: Quota
    normal: Quota
    holder: Quota
    tick_seconds: float
    greets_with_quota: bool
    crown_falls: bool
    lobbies: tuple[str, ...]
    lobby_limit: int
    ceiling_ms: int
    rooms_linger: bool

    def quota(self, ch: dict[str, Any]) -> Quota:
        """Return the quota of the client that got this `ch` on joining."""
        crown = ch["ch"].get("crown")
        if crown is None:
            return self.lobby
        return self.holder if crown.get("participantId") == ch["p"] else self.normal


PRESETS = {
    "quick": Preset(
        name="quick",
        lobby=Quota(8000, 24000),
        normal=Quota(8000, 24000),
        holder=Quota(8000, 24000),
        tick_seconds=1,
        greets_with_quota=True,
        crown_falls=False,
        lobbies=("lobby",),
        lobby_limit=0,
        ceiling_ms=24 * 60 * 60 * 1000,
        rooms_linger=False,
    ),
    "net": Preset(
        name="net",
        lobby=Quota(200, 600, 2000),
        normal=Quota(400, 1200, 2000),
        holder=Quota(600, 1800, 2000),
        tick_seconds=2,
        greets_with_quota=False,
        crown_falls=True,
        lobbies=("lobby", "lobby2", "lobby99", "lobbyNaN"),
        lobby_limit=20,
        ceiling_ms=60 * 60 * 1000,
        rooms_linger=True,
    ),
}


HURRIED = {
    "CROWN_IDLE_MS": "400",
    "EMPTY_ROOM_MS": "300",
    "LOBBY_LIMIT": "3",
    "TEST_ROOMS_KEPT": "2",
    "NOTICE_GAP_MS": "300",
    "RATE_CHAT__BURST": "3",
    "RATE_CHAT__PER_SECOND": "0.01",
}
"""Rules with short times and small numbers, for fast tests. One server has them all."""

_RATES = {
    f"RATE_{kind}__{number}": "100000"
    for kind in ("CHAT", "CHAT_HOLDER", "ROOM", "USERSET", "TIME", "HELLO")
    for number in ("BURST", "PER_SECOND")
}

STILL = _RATES | {"QUOTA_TICK_MS": "60000", "NODE_ENV": "production"}
"""Rules under which no quota tick comes during a test, and no rate limit is reached."""

UNHURRIED = {f"FORTEPIANO_RULES__{name}": value for name, value in _RATES.items()}
"""Settings under which nothing is too fast."""

LOUD = {
    f"FORTEPIANO_RULES__QUOTA_{kind}__{size}": "1000000"
    for kind in ("NORMAL", "HOLDER")
    for size in ("MAX", "ALLOWANCE")
}
"""Settings under which nobody plays too much."""


def only(name: str) -> pytest.MarkDecorator:
    """Return the mark of a test that is about one preset only."""
    return pytest.mark.parametrize("preset", [name], indirect=True)

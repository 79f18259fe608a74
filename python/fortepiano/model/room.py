"""Rooms: who is there, what is set, what was said."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fortepiano.model.crown import Crown
    from fortepiano.model.participant import Participant

__all__ = ["AWKWARD", "LOBBY", "NORMAL_SETTINGS", "SPECIAL_SETTINGS", "Room", "Settings"]

Settings = dict[str, bool | int | str]
"""A room's settings under the keys of the wire (docs/protocol.md, "Room settings")."""

LOBBY = "lobby"
"""Where everybody arrives."""

AWKWARD = "test/awkward"
"""Where those land who may not be where they wanted to be."""

NORMAL_SETTINGS: Settings = {
    "visible": True,
    "chat": True,
    "crownsolo": False,
    "color": "#3b5054",
}
SPECIAL_SETTINGS: Settings = {
    "visible": True,
    "chat": True,
    "crownsolo": False,
    "color": "#73b3cc",
    "color2": "#273546",
    "lobby": True,
}


class Room:
    """A room.

    Attributes:
        name: Its name, which is also its id.
        number: Its number in the hub.
        is_special: Whether it is a lobby: no crown, fixed settings, never deleted for being empty.
        settings: What its owner set.
        crown: Its crown; None in special rooms and before the first one enters.
        participants: Who is there by user id, the one who has been there longest first.
        history: The last chat lines, oldest first, as they go out.
    """

    __slots__ = ("crown", "history", "is_special", "name", "number", "participants", "settings")

    def __init__(
        self, name: str, number: int, *, is_special: bool, settings: Settings, history: int
    ) -> None:
        self.name = name
        self.number = number
        self.is_special = is_special
        self.settings = settings
        self.crown: Crown | None = None
        self.participants: dict[str, Participant] = {}
        self.history: deque[dict[str, Any]] = deque(maxlen=history)

    @property
    def holder(self) -> Participant | None:
        """Who holds the crown."""
        return self.crown.holder if self.crown is not None else None

"""Rooms: who is there, what is set, what was said."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from fortepiano.model.claims import Claims
from fortepiano.model.crown import Crown
from fortepiano.store.records import CrownRecord, RoomRecord
from fortepiano.store.records import MuteRecord as Mute

if TYPE_CHECKING:
    from fortepiano.model.participant import Participant

__all__ = [
    "ALWAYS",
    "AWKWARD",
    "LOBBY",
    "NORMAL_SETTINGS",
    "SPECIAL_SETTINGS",
    "Mute",
    "Room",
    "Settings",
    "Wanted",
]

Settings = dict[str, bool | int | str]
"""A room's settings under the keys of the wire (docs/protocol.md, "Room settings")."""

LOBBY = "lobby"
"""Where everybody arrives."""

AWKWARD = "test/awkward"
"""Where those land who may not be where they wanted to be."""

Wanted = dict[str, bool | int | str | None]
"""What is to change of a room's settings; None takes one away."""

ALWAYS: Settings = {"allowBots": True, "noindex": False, "no cussing": False}
"""What every room says: dialogs of clients show what the room before said of what is absent."""

NORMAL_SETTINGS: Settings = ALWAYS | {
    "visible": True,
    "chat": True,
    "crownsolo": False,
    "color": "#3b5054",
}
SPECIAL_SETTINGS: Settings = ALWAYS | {
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
        maker: The id of who made it; empty where nobody did, or nobody knows.
        is_permanent: Whether staff have made it permanent: it outlives its people and the server.
        settings: What its owner set.
        crown: Its crown; None in special rooms and before the first one enters.
        claims: Who gets the crown back by returning in time.
        participants: Who is there by user id, the one who has been there longest first.
        hidden: Ids of the participants whom others do not see.
        history: The last chat lines, oldest first, as they go out.
        mutes: Who is muted, by user id.
        co_owners: Ids of users who rule beside the crown's holder.
        invited: Ids of users who may come in while it is invite-only.
        last_lines: When users last said something, by user id, while slow mode is on.
        empty_since: When the last one left; milliseconds since 1970.
        appearance_basis: What decided how its people are shown when all were last looked at.
    """

    __slots__ = (
        "appearance_basis",
        "claims",
        "co_owners",
        "crown",
        "empty_since",
        "hidden",
        "history",
        "invited",
        "is_permanent",
        "is_special",
        "last_lines",
        "maker",
        "mutes",
        "name",
        "number",
        "participants",
        "settings",
    )

    def __init__(
        self, name: str, number: int, *, is_special: bool, settings: Settings, history: int
    ) -> None:
        self.name = name
        self.number = number
        self.is_special = is_special
        self.maker = ""
        self.is_permanent = False
        self.settings = settings
        self.crown: Crown | None = None
        self.claims = Claims()
        self.participants: dict[str, Participant] = {}
        self.hidden: set[str] = set()
        self.history: deque[dict[str, Any]] = deque(maxlen=history)
        self.mutes: dict[str, Mute] = {}
        self.co_owners: set[str] = set()
        self.invited: set[str] = set()
        self.last_lines: dict[str, int] = {}
        self.empty_since = 0
        self.appearance_basis: tuple[str, str, bool] = ("", "", False)

    @property
    def holder(self) -> Participant | None:
        """Who holds the crown."""
        return self.crown.holder if self.crown is not None else None

    @property
    def count(self) -> int:
        """How many people are seen in it."""
        return len(self.participants) - len(self.hidden)

    def can_moderate(self, user_id: str) -> bool:
        """Whether somebody holds its crown or rules beside the holder."""
        holder = self.holder
        is_holder = holder is not None and holder.user.id == user_id
        return is_holder or (user_id in self.co_owners and user_id in self.participants)

    def change(self, wanted: Wanted) -> None:
        """Put valid settings in place of those that are there, or take some away."""
        for key, value in wanted.items():
            if value is None:
                self.settings.pop(key, None)
            else:
                self.settings[key] = value

    def record(self, until: int | None = None) -> RoomRecord:
        """Return what survives a restart: all but the people, and the chat, which has its own.

        Args:
            until: When it is forgotten; None for a permanent room.
        """
        crown, owner = self.crown, self.settings.get("owner_id")
        return RoomRecord(
            name=self.name,
            settings=self.settings,
            owner_id=owner if isinstance(owner, str) else "",
            co_owners=tuple(sorted(self.co_owners)),
            invited=tuple(sorted(self.invited)),
            mutes=self.mutes,
            crown=CrownRecord(crown.user_id, crown.time, crown.start, crown.end) if crown else None,
            claims=tuple(self.claims),
            maker=self.maker,
            until=until,
        )

    def restore(self, record: RoomRecord, now: int) -> None:
        """Make a new room what it was when a record was made of it.

        The crown lies where it was left. Who held it last finds it by entering; the others wait
        from now on, so that he is not robbed by whoever reconnects a moment earlier.

        Args:
            record: What was kept.
            now: Milliseconds since 1970.
        """
        self.maker = record.maker
        self.is_permanent = record.until is None
        self.empty_since = now
        if not self.is_special:
            self.settings |= record.settings
        self.co_owners = set(record.co_owners)
        self.invited = set(record.invited)
        self.mutes = dict(record.mutes)
        if record.crown is not None and not self.is_special:
            crown = record.crown
            self.crown = Crown(crown.user_id, None, now, crown.start, crown.end)
            self.claims = Claims(record.claims)

"""Rooms: their participants, settings and chat."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from fortepiano.model.crown import Crown
from fortepiano.model.crown_claims import Claims
from fortepiano.store.records import CrownRecord, RoomRecord
from fortepiano.store.records import MuteRecord as Mute

if TYPE_CHECKING:
    from fortepiano.model.participant import Participant
    from fortepiano.model.room_settings import Settings, Wanted

__all__ = [
    "AWKWARD",
    "LOBBY",
    "Mute",
    "Room",
]

LOBBY = "lobby"
"""The room that stock clients enter first."""

AWKWARD = "test/awkward"
"""The room for users who may not enter the room that they asked for."""


class Room:
    """A room.

    Attributes:
        name: The room's name, which is also its id.
        number: The room's number in the hub.
        is_special: Whether it is a lobby: no crown, fixed settings, never deleted for being empty.
        maker: The id of the user who created the room; empty if nobody did, or it is unknown.
        is_permanent: Whether staff have made it permanent: it outlives its people and restarts.
        settings: The room's settings (`model/room_settings.py`).
        crown: The crown; None in special rooms, and before the first participant enters.
        claims: Former holders who get the crown back if they return in time.
        participants: The participants by user id, in the order in which they entered.
        hidden: User ids of the participants whom others do not see.
        history: The last chat lines, oldest first, as they are sent.
        mutes: Mutes by user id.
        co_owners: User ids of those who moderate the room beside the crown's holder.
        invited: Ids of users who may enter while the room is invite-only.
        last_lines: When users last wrote a line, by user id, while slow mode is on.
        empty_since: When the last participant left; milliseconds since 1970.
        appearance_basis: The facts about the room on which the last check of all participants'
            names was based (`protocol/appearance.py`).
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
        """The participant who holds the crown, if there is one."""
        return self.crown.holder if self.crown is not None else None

    @property
    def count(self) -> int:
        """The number of participants whom others see."""
        return len(self.participants) - len(self.hidden)

    def can_moderate(self, user_id: str) -> bool:
        """Tell whether a user holds the crown, or is a co-owner who is in the room."""
        holder = self.holder
        is_holder = holder is not None and holder.user.id == user_id
        return is_holder or (user_id in self.co_owners and user_id in self.participants)

    def change(self, wanted: Wanted) -> None:
        """Set or remove settings, which must be valid."""
        for key, value in wanted.items():
            if value is None:
                self.settings.pop(key, None)
            else:
                self.settings[key] = value

    def record(self, until: int | None = None) -> RoomRecord:
        """Return the record of the room that survives a restart.

        Participants are not in it. Chat has records of its own.

        Args:
            until: When the record expires; None for a permanent room.
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
        """Give a new room the state of a record.

        The crown lies where it was. Its last holder gets it back by entering. Others may take it
        only after the usual time, counted from now: else anybody who reconnects a moment earlier
        could take it.

        Args:
            record: The stored record.
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

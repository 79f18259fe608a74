"""Users: who somebody is, however many tabs he has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fortepiano.model.participant import Participant

__all__ = ["User"]


@dataclass(slots=True, eq=False)
class User:
    """Somebody, known by the same id in all rooms and over all visits.

    Attributes:
        id: 24 lower-case hex digits; both `_id` and `id` on the wire.
        name: What he calls himself.
        color: `#rrggbb`.
        quota: The number of his note quota in the hub: one for all tabs and rooms.
        sessions: How many connections are his.
        participations: Where he takes part, one for each room.
    """

    id: str
    name: str
    color: str
    quota: int
    sessions: int = 0
    participations: list[Participant] = field(default_factory=list["Participant"])

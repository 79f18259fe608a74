"""The crown of a room: its holder, or where it lies on the floor."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fortepiano.model.participant import Participant

__all__ = ["Crown", "Point"]

Point = tuple[float, float]
"""A position in the client's window: percent of its width and height."""

_CENTRE: Point = (50.0, 50.0)
# A dropped crown lands where it can be seen: low, and not at an edge (docs/protocol.md, "Crown").
_LEFT, _RIGHT = 10.0, 90.0
_HIGH, _LOW = 70, 90


@dataclass(slots=True)
class Crown:
    """A room's crown, held or lying on the floor.

    Attributes:
        user_id: The user who holds the crown, or held it last.
        holder: The participant who holds it; None while it lies on the floor.
        time: When it was last given or dropped; milliseconds since 1970.
        start: The point from which it falls.
        end: The point where it lands.
    """

    user_id: str
    holder: Participant | None
    time: int
    start: Point = _CENTRE
    end: Point = _CENTRE

    @classmethod
    def given_to(cls, participant: Participant, now: int) -> Crown:
        """Return a crown that a participant holds from now on."""
        return cls(participant.user.id, participant, now)

    @classmethod
    def dropped_by(cls, participant: Participant, pointer: Point, now: int) -> Crown:
        """Return a crown that falls from a participant's pointer to the floor."""
        x = min(max(pointer[0], _LEFT), _RIGHT)
        y = float(_HIGH + secrets.randbelow(_LOW - _HIGH + 1))
        return cls(participant.user.id, None, now, pointer, (x, y))

    def may_be_taken_by(self, user_id: str, now: int, idle_ms: int) -> bool:
        """Tell whether a user may pick it up: its last holder at once, others after a while.

        Args:
            user_id: The user who wants it.
            now: Milliseconds since 1970.
            idle_ms: How long the crown lies before others may take it.
        """
        return self.holder is None and (self.user_id == user_id or now - self.time >= idle_ms)

"""The crown: who rules a room."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fortepiano.model.participant import Participant

__all__ = ["Crown", "Point"]

Point = tuple[float, float]
"""A place in the window: percent of its width and height."""

_CENTRE: Point = (50.0, 50.0)
# A crown comes to lie in view: not at the edges, and low (docs/protocol.md, "Crown").
_LEFT, _RIGHT = 10.0, 90.0
_HIGH, _LOW = 70, 90


@dataclass(slots=True)
class Crown:
    """A room's crown, held or lying on the floor.

    Attributes:
        user_id: Who holds it, or held it last.
        holder: Who holds it; None while it lies on the floor.
        time: When it was last given or dropped; milliseconds since 1970.
        start: Where it begins to fall.
        end: Where it comes to lie.
    """

    user_id: str
    holder: Participant | None
    time: int
    start: Point = _CENTRE
    end: Point = _CENTRE

    @classmethod
    def given_to(cls, participant: Participant, now: int) -> Crown:
        """Return a crown that somebody holds from now on."""
        return cls(participant.user.id, participant, now)

    @classmethod
    def dropped_by(cls, participant: Participant, pointer: Point, now: int) -> Crown:
        """Return a crown that falls from somebody's pointer to the floor."""
        x = min(max(pointer[0], _LEFT), _RIGHT)
        y = float(_HIGH + secrets.randbelow(_LOW - _HIGH + 1))
        return cls(participant.user.id, None, now, pointer, (x, y))

    def may_be_taken_by(self, user_id: str, now: int, idle_ms: int) -> bool:
        """Whether somebody may pick it up: its last holder at once, the others after a while.

        Args:
            user_id: Who wants it.
            now: Milliseconds since 1970.
            idle_ms: How long it lies before others may take it.
        """
        return self.holder is None and (self.user_id == user_id or now - self.time >= idle_ms)

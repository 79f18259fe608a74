"""The crown: who rules a room."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fortepiano.model.participant import Participant

__all__ = ["Crown"]

_CENTRE = (50.0, 50.0)


@dataclass(slots=True)
class Crown:
    """A room's crown, held or lying on the floor.

    Attributes:
        user_id: Who holds it, or held it last.
        holder: Who holds it; None while it lies on the floor.
        time: When it was last given or dropped; milliseconds since 1970.
        start: Where it begins to fall; percent of the window, x and y.
        end: Where it comes to lie; percent of the window, x and y.
    """

    user_id: str
    holder: Participant | None
    time: int
    start: tuple[float, float] = _CENTRE
    end: tuple[float, float] = _CENTRE

    @classmethod
    def given_to(cls, participant: Participant, now: int) -> Crown:
        """Return a crown that somebody holds from now on."""
        return cls(participant.user.id, participant, now)

"""Users: who somebody is, however many tabs he has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fortepiano.model.participant import Participant
    from fortepiano.model.session import Session

__all__ = ["User"]


@dataclass(slots=True, eq=False)
class User:
    """Somebody, known by the same id in all rooms and over all visits.

    Attributes:
        id: 24 lower-case hex digits; both `_id` and `id` on the wire.
        name: What he calls himself.
        color: `#rrggbb`.
        quota: The number of his note quota in the hub: one for all tabs and rooms.
        since: When he was first seen by this server; milliseconds since 1970.
        sessions: His connections.
        participations: Where he takes part, one for each room.
        tag: What staff have pinned to his name: `text` and `color`.
        is_hidden: Whether others see him (`vanish`).
        is_afk: Whether he says that he is away; over when his last connection ends.
        flags: What staff have set for him (`user_flag`).
        buckets: When the bucket of each kind of message is full again, over all connections;
            milliseconds since 1970.
        custom_since: When the window of his custom data began; milliseconds since 1970.
        custom_bytes: How much custom data he has sent in it.
    """

    id: str
    name: str
    color: str
    quota: int
    since: int
    sessions: list[Session] = field(default_factory=list["Session"])
    participations: list[Participant] = field(default_factory=list["Participant"])
    tag: dict[str, str] | None = None
    is_hidden: bool = False
    is_afk: bool = False
    flags: dict[str, Any] | None = None
    buckets: dict[str, float] | None = None
    custom_since: int = 0
    custom_bytes: int = 0

    def has_flag(self, name: str) -> bool:
        """Whether staff have set a flag for him."""
        return self.flags is not None and bool(self.flags.get(name))

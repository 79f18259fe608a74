"""Users: identities, each with one or several sessions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fortepiano.model.participant import Participant
    from fortepiano.model.session import Session
    from fortepiano.native import Buckets
    from fortepiano.store.records import TokenRecord

__all__ = ["User"]


@dataclass(slots=True, eq=False)
class User:
    """An identity with the same id in all rooms and on all visits.

    Attributes:
        id: 24 lower-case hex digits; both `_id` and `id` on the wire.
        name: The name that the user has chosen.
        color: The colour, `#rrggbb`.
        quota: The number of the user's note quota in the hub: one for all tabs and rooms.
        since: When this server first saw the user; milliseconds since 1970.
        sessions: The user's sessions.
        participations: The user's participants, one for each room that the user is in.
        tag: The tag that staff have given the user: `text` and `color`.
        is_hidden: Whether the user is hidden from others (`vanish`).
        is_afk: Whether the user says that they are away; ends with the last session.
        flags: Flags that staff have set for the user (`user_flag`).
        version: The number of the user's profile: of two nodes, the higher one is right. Changes
            take the time, in milliseconds since 1970.
        staff_tokens: The tokens, by id, with which the user has been staff: when the last of them
            ends, so do the user's tag and disguise.
        buckets: The token bucket of each kind of message, over all sessions.
        custom_since: When the window for custom data began; milliseconds since 1970.
        custom_bytes: How many bytes of custom data the user has sent in that window.
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
    version: int = 0
    staff_tokens: dict[str, TokenRecord] | None = None
    buckets: Buckets | None = None
    custom_since: int = 0
    custom_bytes: int = 0

    def add_staff_token(self, token: TokenRecord) -> None:
        """Note a token with which the user is staff; the record that is known longest stays."""
        self.staff_tokens = {token.id: token} | (self.staff_tokens or {})

    def has_flag(self, name: str) -> bool:
        """Tell whether staff have set a flag for this user."""
        return self.flags is not None and bool(self.flags.get(name))

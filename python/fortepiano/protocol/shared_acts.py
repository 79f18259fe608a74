"""Acts that concern people at all nodes of a cluster; each node acts on its own connections."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

__all__ = [
    "AwayEnded",
    "Custom",
    "Invitation",
    "Kick",
    "Move",
    "Notice",
    "Restart",
    "SharedAct",
    "StillAway",
    "StoreChange",
]


class _Act(msgspec.Struct, tag_field="act", frozen=True):
    """An act; the key `act` names its class."""


class Notice(_Act, frozen=True):
    """A notice to a user, to all in a room, to both, or to everybody.

    Attributes:
        payload: The frame that is sent.
        room: The name of a room; None for no room.
        user_id: The id of a user; None for no user.
        is_everybody: Whether all receive it.
    """

    payload: bytes
    room: str | None = None
    user_id: str | None = None
    is_everybody: bool = False


class Invitation(_Act, frozen=True):
    """A notice to a user that they are invited to a room, at most one in a while."""

    user_id: str
    room: str


class Custom(_Act, frozen=True, kw_only=True):
    """A custom message.

    Attributes:
        user_id: The sender.
        size: The bytes of custom data for which the sender is charged.
        payload: The frame that is sent.
        is_binary: Whether the frame is a binary one, which only subscribers get.
        ids: The users who receive it; None for all subscribers.
        room: The name of the room whose people receive it; None for all rooms.
    """

    user_id: str
    size: int
    payload: bytes
    is_binary: bool = False
    ids: list[str] | None = None
    room: str | None = None


class Move(_Act, frozen=True):
    """A move of all tabs of a user into a room.

    Attributes:
        user_id: The user.
        room: The room's name.
        settings: Settings for the room, if it has to be created.
        reason: The reason, which the user gets in a notice; None for no notice.
    """

    user_id: str
    room: str
    settings: Any = None
    reason: str | None = None


class Kick(_Act, frozen=True):
    """A user is put out of a room, or loses all connections.

    Attributes:
        user_id: The user.
        room: The room's name; None for the whole site.
        reason: The reason, which the user gets in a notice.
    """

    user_id: str
    room: str | None = None
    reason: str = ""


class AwayEnded(_Act, frozen=True):
    """A user who was away has no connection to a node any more, so is away nowhere else either.

    Attributes:
        user_id: The user.
        version: The version of the profile that said so.
    """

    user_id: str
    version: int


class StillAway(_Act, frozen=True):
    """Answer to `AwayEnded`: the user has a connection to another node, and stays away."""

    user_id: str
    version: int


class Restart(_Act, frozen=True):
    """All nodes restart after a while."""


class StoreChange(_Act, frozen=True):
    """Bans or tokens in the store have changed, and hold at once."""


SharedAct: TypeAlias = (
    AwayEnded | Custom | Invitation | Kick | Move | Notice | Restart | StillAway | StoreChange
)
"""Any of the acts."""

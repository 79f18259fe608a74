"""The messages by which nodes agree about sessions in rooms: all but notes and frames.

Fields have names and defaults, so that two versions of the server understand each other. A stay is
a number of the edge, never used again. So a message that comes too late names nothing any more.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from fortepiano.model.notice_codes import Code
from fortepiano.protocol.user_profile import SessionFacts, UserProfile
from fortepiano.store.records import Scope

__all__ = [
    "Admitted",
    "Charge",
    "Forward",
    "Join",
    "Leave",
    "Lost",
    "Merge",
    "Message",
    "Move",
    "NotHome",
    "Notice",
    "Present",
    "Profile",
    "Redirect",
    "Refused",
    "Resync",
    "Rights",
    "Standing",
    "Unsynced",
    "decode",
    "encode",
]


class _Message(msgspec.Struct, tag_field="m", omit_defaults=True):
    """A message; the key `m` names its class."""


class Join(_Message):
    """Edge to home: a session wants to enter a room.

    Attributes:
        stay: The stay that begins if the session is admitted.
        room: The room's name.
        epoch: The reign of the home, as the edge knows it.
        session: The session.
        user: The session's user.
        wanted: Settings for the room, if it has to be created.
        is_placed: Whether the session enters in any case.
    """

    stay: int
    room: str
    epoch: int
    session: SessionFacts
    user: UserProfile
    wanted: Any = None
    is_placed: bool = False


class Admitted(_Message):
    """Home to edge: the session is in the room, and all that it must know of it has been sent."""

    stay: int


class Refused(_Message):
    """Home to edge: the session may not enter, and has got a notice.

    Attributes:
        stay: The stay, which has not begun.
        may_stay: Whether the session may stay in the room where it is.
    """

    stay: int
    may_stay: bool = True


class Redirect(_Message):
    """Home to edge: the session shall try another room, as if it had asked for that one."""

    stay: int
    room: str


class NotHome(_Message):
    """Home to edge: the room's home is another node, or will be."""

    stay: int


class Forward(_Message):
    """Edge to home: a message of a session about its room.

    Attributes:
        stay: The stay.
        raw: The message as JSON, whose shape and rate the edge has checked.
    """

    stay: int
    raw: bytes


class Leave(_Message):
    """Edge to home: a session has left the room.

    Attributes:
        stay: The stay.
        has_ended: Whether the connection has ended.
    """

    stay: int
    has_ended: bool = False


class Move(_Message):
    """Home to edge: a session was taken out of the room, and is to be put into another one.

    Attributes:
        stay: The stay, which has ended.
        room: The other room's name.
        wanted: Settings for that room, if it has to be created.
    """

    stay: int
    room: str
    wanted: Any = None


class Standing(_Message):
    """Home to edge: the class of a session's note quota, and whether it holds the crown."""

    stay: int
    allowance: int
    max: int
    is_holder: bool = False


class Notice(_Message):
    """Home to edge: a notice that a client gets only once in a while; the edge knows when it did.

    Attributes:
        stay: The stay.
        code: The code of the notice.
        why: The text.
    """

    stay: int
    code: Code
    why: str


class Charge(_Message):
    """Home to edge: the bytes that a session's messages made the home send."""

    stay: int
    size: int


class Rights(_Message):
    """Edge to home: a session has the rights of another scope."""

    stay: int
    scope: Scope | None = None


class Profile(_Message):
    """Node to all nodes: others see a user differently now."""

    user: UserProfile


class Resync(_Message):
    """Edge to home: something of the room's stream is missing.

    Attributes:
        room: The room's name.
        epoch: The reign of the home, as the edge knows it.
        stays: All stays of the edge in that room.
    """

    room: str
    epoch: int
    stays: list[int] = []


class Lost(_Message):
    """Home to edge: the home does not know these stays, so their sessions have to enter again."""

    stays: list[int] = []


class Merge(_Message):
    """Edge to home: what people of the room said while their node was apart.

    Attributes:
        room: The room's name.
        lines: The lines of chat, as JSON.
    """

    room: str
    lines: list[bytes] = []


class Present(_Message):
    """Edge to home: all stays that the edge has anywhere; others have ended unheard."""

    stays: list[int] = []


class Unsynced(_Message):
    """Home to edge: messages of the edge are missing, so all its rooms here need a `Resync`."""


Message: TypeAlias = (
    Admitted
    | Charge
    | Forward
    | Join
    | Leave
    | Lost
    | Merge
    | Move
    | NotHome
    | Notice
    | Present
    | Profile
    | Redirect
    | Refused
    | Resync
    | Rights
    | Standing
    | Unsynced
)
"""Any of the messages."""


_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)


def encode(message: Message) -> bytes:
    """Return a message as bytes."""
    return _encoder.encode(message)


def decode(payload: bytes) -> Message:
    """Return the message that `encode` returned as bytes.

    Raises:
        msgspec.MsgspecError: The bytes are no message, or one of a later version.
    """
    return _decoder.decode(payload)

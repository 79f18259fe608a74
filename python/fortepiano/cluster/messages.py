"""The messages of nodes to each other: all but notes and frames.

Fields have names and defaults, so that two versions of the server understand each other. A stay is
a number of the edge, never used again. So a message that comes too late names nothing any more.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from fortepiano.model.notice_codes import Code
from fortepiano.protocol.room_list import RoomElsewhere
from fortepiano.protocol.shared_acts import SharedAct
from fortepiano.protocol.user_profile import SessionFacts, UserProfile
from fortepiano.store.records import Scope

__all__ = [
    "Act",
    "Admitted",
    "Ask",
    "Charge",
    "Errand",
    "ErrandDone",
    "Forward",
    "Handed",
    "Happened",
    "Join",
    "Leave",
    "Lost",
    "Merge",
    "Message",
    "Move",
    "NotHome",
    "Notice",
    "Presence",
    "Present",
    "Profile",
    "Redirect",
    "Refused",
    "Resync",
    "Rights",
    "Rooms",
    "RoomsWanted",
    "Standing",
    "Stopping",
    "Told",
    "Unsynced",
    "Watch",
    "WhoIs",
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
        is_first: Whether the edge has nobody in the room, and knows nothing of it.
    """

    stay: int
    room: str
    epoch: int
    session: SessionFacts
    user: UserProfile
    wanted: Any = None
    is_placed: bool = False
    is_first: bool = False


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
        is_stop: Whether it has ended as the edge stops, so that a crown lies reserved for its user.
    """

    stay: int
    has_ended: bool = False
    is_stop: bool = False


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


class Handed(_Message):
    """Home to edge: another node is the home of a room from now on.

    Attributes:
        room: The room's name.
        epoch: The reign that is over.
        nid: The number of the new home.
    """

    room: str
    epoch: int
    nid: int


class Stopping(_Message):
    """Node to all nodes: the node stops soon, and takes no more homes."""


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


class Ask(_Message):
    """Node to node: a question of an operator.

    Attributes:
        number: The number of the question, which the asking node gives once only.
        question: The question.
    """

    number: int
    question: bytes


class Told(_Message):
    """Node to node: the answer to a question.

    Attributes:
        number: The number of the question.
        answer: The answer.
        is_under_way: Whether the answer takes longer, and comes in another message.
    """

    number: int
    answer: bytes = b""
    is_under_way: bool = False


class Watch(_Message):
    """Node to all nodes: an operator watches what happens, for some seconds more."""


class Happened(_Message):
    """Node to a watching node: what has happened.

    Attributes:
        events: The events, as the stream of the admin API has them.
    """

    events: list[dict[str, Any]] = []


class Rooms(_Message):
    """Node to one node or all: rooms of which it is the home, as they are now.

    Attributes:
        rooms: The rooms.
        ended: The rooms that have ended, each with the reign that is over.
        begins: Whether a complete list of the node's rooms begins.
        is_complete: Whether that list is complete now.
    """

    rooms: list[RoomElsewhere] = []
    ended: dict[str, int] = {}
    begins: bool = False
    is_complete: bool = False


class RoomsWanted(_Message):
    """Node to one node or all: `Rooms` with all rooms are wanted.

    Attributes:
        has_people: Whether their people are wanted, from now on.
    """

    has_people: bool = False


class WhoIs(_Message):
    """Node to all nodes: a user is looked for who is not here.

    Attributes:
        number: The number of the question at the node that asks.
        user_id: The user.
    """

    number: int
    user_id: str


class Presence(_Message):
    """Answer to `WhoIs`.

    Attributes:
        number: The number of the question.
        user: The user; None if they have no connection to this node.
        networks: The ids of the networks around the user.
    """

    number: int
    user: UserProfile | None = None
    networks: list[str] = []


class Act(_Message):
    """Node to all nodes: an act that concerns people at all of them.

    Attributes:
        act: The act.
    """

    act: SharedAct


class Errand(_Message):
    """Node to home: a message of staff about a room in which the sender need not be.

    Attributes:
        stay: A stay that ends with the answers.
        room: The room's name.
        epoch: The reign of the home, as the sender's node knows it.
        session: The session.
        user: The session's user.
        raw: The message as JSON, whose shape and rate the sender's node has checked.
    """

    stay: int
    room: str
    epoch: int
    session: SessionFacts
    user: UserProfile
    raw: bytes


class ErrandDone(_Message):
    """Home to node: all answers to an `Errand` have been sent.

    Attributes:
        stay: The stay, which has ended.
        is_home: Whether the message was handled; if not, the room's home is another node.
    """

    stay: int
    is_home: bool = True


Message: TypeAlias = (
    Act
    | Admitted
    | Ask
    | Charge
    | Errand
    | ErrandDone
    | Forward
    | Handed
    | Happened
    | Join
    | Leave
    | Lost
    | Merge
    | Move
    | NotHome
    | Notice
    | Presence
    | Present
    | Profile
    | Redirect
    | Refused
    | Resync
    | Rights
    | Rooms
    | RoomsWanted
    | Standing
    | Stopping
    | Told
    | Unsynced
    | Watch
    | WhoIs
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

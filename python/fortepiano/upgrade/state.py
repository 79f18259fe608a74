"""The state that passes from one process to the next.

Fields have names and defaults: two versions of the server that know more or less of each other
understand the rest. What an older version could not do without makes another `FORMAT`.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from fortepiano.model.crown import Point
from fortepiano.store.records import Scope

__all__ = [
    "FORMAT",
    "CrownState",
    "LinkState",
    "ParticipantState",
    "QuotaState",
    "RoomState",
    "SessionState",
    "State",
    "ThrottleState",
    "UserState",
    "decode",
    "encode",
]

FORMAT = 1
"""Processes that name the same one understand each other."""

QuotaState: TypeAlias = tuple[int, int, int, int, list[int]]
"""As `native.pack_quota` tells it."""

ThrottleState: TypeAlias = tuple[int, list[tuple[str, int, list[int], list[int]]]]
"""As `native.pack_throttle` tells it."""


class SessionState(msgspec.Struct):
    """A session; see `model.session.Session`.

    Attributes:
        has_arrived: Whether it has said `hi`.
        room: The name of the room it is in; empty outside of rooms.
        buckets: Those from before `hi`; of a version that had one for each connection all of them.
        hears_custom: Whether it reads custom messages.
        hears_list: Whether it reads the list of rooms.
    """

    user_id: str
    address: str
    is_bot: bool
    is_known_by_token: bool
    is_limited: bool
    has_arrived: bool
    room: str
    scope: Scope | None = None
    refusals: dict[str, int] | None = None
    buckets: dict[str, float] | None = None
    hears_custom: bool = False
    hears_list: bool = False


class LinkState(msgspec.Struct):
    """A connection.

    Attributes:
        packed: As `native.pack_client` tells it.
        session: None where it is being closed.
    """

    packed: dict[str, Any]
    session: SessionState | None


class UserState(msgspec.Struct):
    """A user; see `model.user.User`.

    Attributes:
        sessions: His sessions' places in the list of connections, in order.
        rooms: The names of the rooms in which he takes part, in order.
        departed: When his last connection ended; milliseconds since 1970, None while he is here.
        buckets: When the bucket of each kind of message is full again; milliseconds since 1970.
    """

    id: str
    name: str
    color: str
    since: int
    quota: QuotaState | None
    sessions: list[int]
    rooms: list[str]
    tag: dict[str, str] | None = None
    is_hidden: bool = False
    is_afk: bool = False
    flags: dict[str, Any] | None = None
    custom_since: int = 0
    custom_bytes: int = 0
    departed: int | None = None
    buckets: dict[str, float] | None = None


class ParticipantState(msgspec.Struct):
    """A participant; see `model.participant.Participant`.

    Attributes:
        x: Where his cursor is, as JSON.
        y: As `x`.
        tabs: His sessions' places in the list of connections, in order.
    """

    user_id: str
    x: bytes
    y: bytes
    tabs: list[int]


class CrownState(msgspec.Struct):
    """A crown; see `model.crown.Crown`."""

    user_id: str
    is_held: bool
    time: int
    start: Point
    end: Point


class RoomState(msgspec.Struct):
    """A room; see `model.room.Room`.

    Attributes:
        participants: Who is there, the one who has been there longest first.
        mutes: Whose notes are dropped, and whose chat is refused, by user id.
        claims: As `model.claims.Claims` tells them.
    """

    name: str
    settings: dict[str, bool | int | str]
    participants: list[ParticipantState]
    is_kept: bool = False
    crown: CrownState | None = None
    history: list[dict[str, Any]] = []
    mutes: dict[str, tuple[bool, bool]] = {}
    co_owners: list[str] = []
    invited: list[str] = []
    last_lines: dict[str, int] = {}
    empty_since: int = 0
    claims: list[tuple[str, int]] = []
    maker: str = ""


class State(msgspec.Struct):
    """A whole server.

    Attributes:
        clock: As `native.pack_clock` tells it.
        at: When that was, on the monotonic clock of the machine; nanoseconds.
        links: All connections, in the order of their sockets.
        users: All users; those who are gone stand in the order in which they went.
        rooms: All rooms.
        empty_tests: Names of empty special rooms, the one used last at the end.
        returning: Names of rooms that wait for their people after a restart.
        throttle: What each address has cost.
        store: Of a server that keeps nothing on disk: all that it keeps in memory.
    """

    clock: tuple[int, int, int]
    at: int
    links: list[LinkState]
    users: list[UserState]
    rooms: list[RoomState]
    empty_tests: list[str]
    returning: list[str]
    throttle: ThrottleState
    store: bytes = b""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(State)


def encode(state: State) -> bytes:
    """Return a state as bytes."""
    return _encoder.encode(state)


def decode(data: bytes) -> State:
    """Return the state of bytes.

    Raises:
        msgspec.MsgspecError: They are none, or another format's.
    """
    return _decoder.decode(data)

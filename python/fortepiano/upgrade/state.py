"""The state that one process of an upgrade passes to the other.

Fields have names and defaults, so that two versions of the server understand each other even if one
knows more fields. A change that an older version cannot ignore needs another `FORMAT`.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from fortepiano.model.crown import Point
from fortepiano.net.visitor_state import VisitorState
from fortepiano.protocol.user_profile import SessionFacts, UserProfile
from fortepiano.store.record_kinds import NAMED, Changes, to_json
from fortepiano.store.records import TokenRecord

__all__ = [
    "FORMAT",
    "ChangeState",
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
    "pack_changes",
    "unpack_changes",
]

FORMAT = 1
"""The format of a state; processes with the same format understand each other."""

ChangeState: TypeAlias = tuple[str, tuple[str, ...], str | None]
"""A changed record of the store; see `State.changes`."""


QuotaState: TypeAlias = tuple[int, int, int, int, list[int]]
"""The result of `native.pack_quota`."""

ThrottleState: TypeAlias = tuple[int, list[tuple[str, int, list[int], list[int]]]]
"""The result of `native.pack_throttle`."""


class SessionState(SessionFacts, kw_only=True):
    """A session; see `model.session.Session`.

    Attributes:
        has_arrived: Whether the client has sent `hi`.
        room: The name of its room; empty outside of rooms.
        buckets: The token buckets used before `hi`, as those of a user; from versions with buckets
            per connection, all.
        token: The operator's token that it holds.
        bearer: The signed token that it holds: time of issue and expiry.
        hears_custom: Whether it receives custom messages.
        hears_list: Whether it has the room list open.
    """

    address: str
    is_limited: bool
    has_arrived: bool
    room: str
    refusals: dict[str, int] | None = None
    buckets: dict[str, float] | None = None
    hears_custom: bool = False
    hears_list: bool = False
    token: TokenRecord | None = None
    bearer: tuple[int, int] | None = None


class LinkState(msgspec.Struct):
    """A connection.

    Attributes:
        packed: The result of `native.pack_client`.
        session: Its session; None where the connection is being closed.
    """

    packed: dict[str, Any]
    session: SessionState | None


class UserState(UserProfile, kw_only=True):
    """A user; see `model.user.User`.

    Attributes:
        sessions: The indexes of the user's sessions in `State.links`, in order.
        rooms: The names of the rooms in which the user is a participant, in order.
        departed: When the user's last connection ended; milliseconds since 1970, None while there
            is one.
        buckets: When the bucket of each kind of message is full again; milliseconds since 1970.
        staff_tokens: The tokens with which the user has been staff, by id.
    """

    quota: QuotaState | None
    sessions: list[int]
    rooms: list[str]
    custom_since: int = 0
    custom_bytes: int = 0
    departed: int | None = None
    buckets: dict[str, float] | None = None
    staff_tokens: dict[str, TokenRecord] | None = None


class ParticipantState(msgspec.Struct):
    """A participant; see `model.participant.Participant`.

    Attributes:
        x: The pointer's horizontal position, as JSON.
        y: The pointer's vertical position, as JSON.
        tabs: The indexes of the tabs' sessions in `State.links`, in order.
        number: The participant's number, by which other nodes know it; None from versions that do
            not tell.
    """

    user_id: str
    x: bytes
    y: bytes
    tabs: list[int]
    number: int | None = None


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
        participants: The participants in the order in which they joined.
        is_kept: Whether the room is permanent.
        mutes: Whether notes are dropped, and whether chat is refused, by user id.
        claims: The items of `model.crown_claims.Claims`.
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
        clock: The result of `native.pack_clock`.
        at: The time of that result, on the monotonic clock of the machine; nanoseconds.
        links: All connections, in the order of their sockets.
        users: All users; those without connections in the order in which they left.
        rooms: All rooms.
        empty_tests: The names of empty special rooms, the one used last at the end.
        returning: The names of rooms whose people are expected back after a restart.
        throttle: The result of `native.pack_throttle`.
        store: The content of a store in memory; empty for a store on disk.
        changes: The records that changed while the new process read the store: the name of the
            kind, the key, and the record as JSON; None where it was deleted.
        visitors: The connections that speak HTTP, in the order of their sockets.
        more_public: How many public listeners come after that of commands, besides the first one.
        node: The state of a node of a cluster (`cluster.node_state`); empty for a server alone. The
            indexes of sessions of other nodes follow those of `links`.
        has_bus: Whether its connection to the broker comes after all other sockets.
        own_sockets: Names of the Unix sockets that the old process has bound itself; None from
            versions that do not tell.
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
    changes: list[ChangeState] = []
    visitors: list[VisitorState] = []
    more_public: int = 0
    own_sockets: tuple[str, ...] | None = None
    node: bytes = b""
    has_bus: bool = False


def pack_changes(changes: Changes) -> list[ChangeState]:
    """Return changes of the store as a part of a state."""
    return [
        (kind.name, key, None if record is None else to_json(record).decode())
        for (kind, key), record in changes.items()
    ]


def unpack_changes(packed: list[ChangeState]) -> Changes:
    """Return what `pack_changes` has packed; kinds of later versions are left out.

    Raises:
        msgspec.DecodeError: A record is not understood.
    """
    return {
        (kind, key): None if text is None else kind.from_json(text)
        for name, key, text in packed
        if (kind := NAMED.get(name)) is not None
    }


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(State)


def encode(state: State) -> bytes:
    """Return a state as bytes."""
    return _encoder.encode(state)


def decode(data: bytes) -> State:
    """Return the state that `encode` returned as bytes.

    Raises:
        msgspec.MsgspecError: The bytes are no state, or one of another format.
    """
    return _decoder.decode(data)

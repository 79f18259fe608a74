"""The state of a node that one process of an upgrade passes to the other.

Fields have names and defaults, as in `upgrade.state`. Own sessions are known by the index of their
connection there, sessions of other nodes by their place in `ClusterState.remotes`.
"""

from __future__ import annotations

from typing import Any, TypedDict

import msgspec

from fortepiano.cluster.messages import Standing
from fortepiano.cluster.registry import Home
from fortepiano.protocol.room_list import RoomElsewhere
from fortepiano.protocol.user_profile import SessionFacts

__all__ = [
    "BusState",
    "ClusterState",
    "HomesState",
    "JourneyState",
    "ListingsState",
    "NodeState",
    "OtherNode",
    "PackedRelay",
    "PackedReplica",
    "RemoteState",
    "ReplicaState",
    "StayState",
    "decode",
    "encode",
]


class PackedRelay(TypedDict):
    """The result of `Hub.pack_relay`."""

    seq: int
    posted: list[tuple[int, int]]
    heard: list[tuple[int, int | None, int | None]]


class PackedReplica(TypedDict):
    """The result of `Hub.pack_replica`."""

    is_whole: bool
    snapshot: bytes
    is_cut: bool
    unechoed: list[tuple[int, int, bytes, bool]]


class OtherNode(msgspec.Struct):
    """Another node, as this one knows it."""

    name: str
    nid: int
    incarnation: str


class StayState(msgspec.Struct, omit_defaults=True):
    """A stay of one of this node's sessions; see `cluster.stays.OwnStay`.

    Attributes:
        session: The index of the session.
        participant: The home's number of the session's participant; None if the home has not
            answered.
        quota: Allowance and maximum of its note quota, if the home has said them.
    """

    number: int
    session: int
    participant: int | None = None
    is_holder: bool = False
    quota: tuple[int, int] | None = None


class ReplicaState(msgspec.Struct, omit_defaults=True):
    """A room of another node; see `cluster.stays.Replica`.

    Attributes:
        unsent: The messages that wait until a home can be reached, each with its session's index.
    """

    name: str
    home: Home
    packed: PackedReplica
    stays: list[StayState]
    is_orphan: bool = False
    is_silent: bool = False
    unsent: list[tuple[int, bytes]] = []
    is_new: bool = False


class JourneyState(msgspec.Struct, omit_defaults=True):
    """A session on its way into a room; see `cluster.journeys`.

    Attributes:
        session: The index of the session.
        stay: The number of the stay of which the home has been asked; None before that.
        waiting: What its client sent meanwhile: JSON, or binary messages.
    """

    session: int
    room: str
    wanted: Any = None
    is_placed: bool = False
    is_return: bool = False
    stay: int | None = None
    rounds: int = 0
    refuge: tuple[str, Any] | None = None
    waiting: list[tuple[bytes, bool]] = []


class RemoteState(msgspec.Struct, omit_defaults=True):
    """A session of another node; see `cluster.remote_sessions`."""

    nid: int
    stay: int
    room: str
    session: SessionFacts
    standing: Standing | None = None
    caused: int = 0
    hears_custom: bool = False
    hears_list: bool = False


class HomesState(msgspec.Struct):
    """The homes of rooms; see `cluster.homes.Homes`.

    Attributes:
        own: The reigns of this node, by room.
        ending: Those that are about to end, as nobody is there.
        known: The rooms of other nodes.
        streams: The results of `Hub.pack_home`, by room.
    """

    own: dict[str, int] = {}
    ending: dict[str, int] = {}
    known: dict[str, Home] = {}
    streams: dict[str, tuple[int, int, int]] = {}


class ListingsState(msgspec.Struct):
    """The list of rooms; see `cluster.listings.Listings`.

    Attributes:
        published: The rooms of this node that others show, each with its epoch.
        wanting: The nodes that show people.
        asked_at: When other nodes were first asked for people; milliseconds since 1970.
        rooms: The rooms of other nodes, each with the number of its node.
    """

    published: dict[str, int] = {}
    wanting: list[int] = []
    asked_at: int | None = None
    rooms: list[tuple[int, RoomElsewhere]] = []


class ClusterState(msgspec.Struct):
    """All that a node shares with others, without the numbers of messages.

    Attributes:
        last_stay: The last number of a stay.
        questions: The next numbers of questions, of messages and of operators.
        gone: The nodes that are gone, and whose messages are not heeded.
        watching_nodes: The nodes that get this one's events.
        leaving: The sessions that have said `bye`, by index, with the close code of each.
        since: When rooms became rooms of this node, whose homes were gone.
        unmerged: Lines of chat that homes have yet to get, by room.
    """

    homes: HomesState
    last_stay: int
    replicas: list[ReplicaState] = []
    journeys: list[JourneyState] = []
    remotes: list[RemoteState] = []
    listings: ListingsState = msgspec.field(default_factory=ListingsState)
    questions: tuple[int, int] = (1, 1)
    gone: list[int] = []
    watching_nodes: list[int] = []
    leaving: dict[int, int] = {}
    since: dict[str, int] = {}
    unmerged: dict[str, list[bytes]] = {}


class BusState(msgspec.Struct):
    """The connection to the broker; its socket goes along.

    Attributes:
        packed: The result of `BusLink.pack`.
        channels: The channels that are subscribed to.
        answers: How many answers are to come.
        beat: The last beat that was published.
        beats_missing: How many of them have not come back.
    """

    packed: dict[str, Any]
    channels: list[bytes]
    answers: int
    beat: bytes
    beats_missing: int


class NodeState(msgspec.Struct):
    """A node.

    Attributes:
        nid: Its number.
        incarnation: Its incarnation.
        nodes: The others.
        relay: The numbers of messages.
        lease_seconds: How long this node may publish without renewing its lease.
        cluster: All that it shares with others.
        bus: The connection to the broker; None where another one has to be made.
    """

    nid: int
    incarnation: str
    nodes: list[OtherNode]
    relay: PackedRelay
    lease_seconds: float
    cluster: ClusterState
    bus: BusState | None = None


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(NodeState)


def encode(state: NodeState) -> bytes:
    """Return a state as bytes."""
    return _encoder.encode(state)


def decode(data: bytes) -> NodeState:
    """Return the state that `encode` returned as bytes.

    Raises:
        msgspec.MsgspecError: The bytes are no state.
    """
    return _decoder.decode(data)

"""The stays of this node's sessions in rooms of other nodes, and the replicas of these rooms."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from fortepiano.cluster.messages import Leave
from fortepiano.cluster.node_state import ReplicaState, StayState
from fortepiano.config.rules import QuotaClass
from fortepiano.model.elsewhere import Stay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from fortepiano.cluster.bus import Bus
    from fortepiano.cluster.mail import Mail
    from fortepiano.cluster.node_state import PackedReplica
    from fortepiano.cluster.registry import Home
    from fortepiano.model.session import Session
    from fortepiano.native import Hub

__all__ = ["OwnStay", "Replica", "Stays", "quota_class"]

quota_class = lru_cache(maxsize=64)(QuotaClass)
"""Classes of quotas: thousands of stays have the same few, which take 170 bytes each."""


@dataclass(eq=False, slots=True)
class Replica:
    """A room of another node, as the hub knows it here.

    Attributes:
        name: The room's name.
        home: The home.
        room: The room's number in the hub.
        stays: The stays there, by number; those that have not begun yet included.
        is_new: Whether the home has not been asked for all about the room.
        is_orphan: Whether the home is gone.
        is_silent: Whether the home does not hear this node.
        unsent: The messages that wait until a home of the room can be reached.
    """

    name: str
    home: Home
    room: int
    stays: dict[int, OwnStay]
    is_new: bool = True
    is_orphan: bool = False
    is_silent: bool = False
    unsent: list[tuple[Session, bytes]] = field(default_factory=list["tuple[Session, bytes]"])

    def people(self) -> list[Session]:
        """Return the sessions that are in the room."""
        return [one.session for one in self.stays.values() if one.session.stay is one]


@dataclass(eq=False, slots=True, kw_only=True)
class OwnStay(Stay):
    """A stay of one of this node's sessions.

    Attributes:
        number: The stay's number, which no other stay of this node ever has.
        session: The session.
        replica: The room.
    """

    number: int
    session: Session
    replica: Replica


class Stays:
    """All stays of this node, and the replicas that they need.

    Args:
        hub: The hub.
        bus: The connection to the broker.
        mail: Posts messages to other nodes.
        channel: Returns the channel of a room's stream, from the epoch.

    Attributes:
        is_stopping: Whether connections end as this node stops.
    """

    def __init__(self, hub: Hub, bus: Bus, mail: Mail, channel: Callable[[int], bytes]) -> None:
        self._hub = hub
        self._bus = bus
        self._mail = mail
        self._channel = channel
        self._last = 0
        self.is_stopping = False
        self._stays: dict[int, OwnStay] = {}
        self._replicas: dict[int, Replica] = {}

    def get(self, number: int) -> OwnStay | None:
        """Return a stay by its number; None if it has ended."""
        return self._stays.get(number)

    def numbers(self) -> list[int]:
        """Return the numbers of all stays."""
        return list(self._stays)

    def replicas(self, nid: int | None = None) -> list[Replica]:
        """Return all replicas, or those of one node."""
        return [one for one in self._replicas.values() if nid in (None, one.home.nid)]

    def replica(self, epoch: int) -> Replica | None:
        """Return a replica by the epoch of its home."""
        return self._replicas.get(epoch)

    def named(self, room: str) -> Replica | None:
        """Return the replica of a room that has people here; None without one."""
        found = (one for one in self._replicas.values() if one.name == room)
        return next((one for one in found if one.people()), None)

    def begin(self, session: Session, room: str, home: Home) -> OwnStay:
        """Prepare a stay: from now on the session gets what the home sends to it.

        Args:
            session: The session.
            room: The room's name.
            home: The room's home, another node.
        """
        replica = self._replicas.get(home.epoch) or self._open(room, home)
        self._last += 1
        stay = OwnStay(room=replica.name, number=self._last, session=session, replica=replica)
        self._stays[stay.number] = replica.stays[stay.number] = stay
        self._hub.begin_stay(session.client, stay.number)
        return stay

    def open_number(self, session: Session) -> int:
        """Return the number of a stay in no room: a home can send the session what it answers."""
        self._last += 1
        self._hub.begin_stay(session.client, self._last)
        return self._last

    def close_number(self, number: int) -> None:
        """End a stay in no room."""
        self._hub.end_stay(number)

    def _open(self, room: str, home: Home) -> Replica:
        self._bus.subscribe(self._channel(home.epoch))
        number = self._hub.open_replica(home.nid, home.epoch)
        replica = self._replicas[home.epoch] = Replica(room, home, number, {})
        return replica

    def enter(self, stay: OwnStay, participant: int) -> None:
        """Let a stay begin, of a session that is in no room.

        Args:
            stay: The stay.
            participant: The number of its participant at the home.
        """
        stay.session.stay = stay
        self._hub.enter_replica(stay.number, stay.replica.room, participant)

    def leave(self, stay: OwnStay, *, has_ended: bool = False) -> None:
        """End a stay, and tell the home.

        Args:
            stay: The stay.
            has_ended: Whether the connection has ended.
        """
        if stay.number in self._stays:
            nid, room = stay.replica.home.nid, stay.replica.room
            is_stop = has_ended and self.is_stopping
            self._mail.post(nid, Leave(stay.number, has_ended, is_stop), room)
            self.end(stay)

    def end(self, stay: OwnStay) -> None:
        """End a stay of which the home knows already."""
        if self._stays.pop(stay.number, None) is None:
            return
        replica, session = stay.replica, stay.session
        if session.stay is stay:
            session.stay = None
            self._hub.leave(session.client)
        self._hub.end_stay(stay.number)
        del replica.stays[stay.number]
        if not replica.stays:
            self._hub.close_room(replica.room)
            self._forget(replica)

    def _forget(self, replica: Replica) -> None:
        self._bus.unsubscribe(self._channel(replica.home.epoch))
        del self._replicas[replica.home.epoch]

    # An upgrade

    @property
    def last(self) -> int:
        """The last number of a stay."""
        return self._last

    def states(self, indexes: Mapping[Session, int]) -> list[ReplicaState]:
        """Return all replicas, and the stays there, for another process.

        Args:
            indexes: The indexes of sessions.
        """
        return [self._state(replica, indexes) for replica in self._replicas.values()]

    def _state(self, replica: Replica, indexes: Mapping[Session, int]) -> ReplicaState:
        return ReplicaState(
            name=replica.name,
            home=replica.home,
            packed=cast("PackedReplica", self._hub.pack_replica(replica.room)),
            stays=[
                StayState(
                    stay.number,
                    indexes[stay.session],
                    self._hub.stay_participant(stay.number),
                    stay.is_holder,
                    None if stay.quota is None else (stay.quota.allowance, stay.quota.max),
                )
                for stay in replica.stays.values()
            ],
            is_orphan=replica.is_orphan,
            is_silent=replica.is_silent,
            unsent=[(indexes[it], raw) for it, raw in replica.unsent if it in indexes],
            is_new=replica.is_new,
        )

    def restore(
        self, last: int, states: Iterable[ReplicaState], sessions: Sequence[Session]
    ) -> None:
        """Go on with the replicas of another process.

        Args:
            last: The last number of a stay.
            states: The replicas.
            sessions: The sessions by their indexes.
        """
        self._last = last
        for state in states:
            replica = self._open(state.name, state.home)
            self._hub.unpack_replica(replica.room, dict(state.packed))
            replica.is_orphan, replica.is_silent = state.is_orphan, state.is_silent
            replica.is_new = state.is_new
            replica.unsent = [(sessions[index], raw) for index, raw in state.unsent]
            for stay in state.stays:
                self._restore(replica, stay, sessions[stay.session])

    def _restore(self, replica: Replica, state: StayState, session: Session) -> None:
        stay = OwnStay(room=replica.name, number=state.number, session=session, replica=replica)
        stay.is_holder = state.is_holder
        stay.quota = None if state.quota is None else quota_class(*state.quota)
        self._stays[stay.number] = replica.stays[stay.number] = stay
        self._hub.begin_stay(session.client, stay.number)
        if state.participant is not None:
            self.enter(stay, state.participant)

    def release(self, replica: Replica) -> None:
        """End all stays in a replica that is a room of this node from now on."""
        for stay in replica.stays.values():
            del self._stays[stay.number]
            if stay.session.stay is stay:
                stay.session.stay = None
            self._hub.end_stay(stay.number)
        self._forget(replica)

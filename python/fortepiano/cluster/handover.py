"""The handover of a node to another process, which goes on as the same node.

Other nodes notice nothing. Sessions on their way into a room go along, with the numbers of their
stays, so that the answer of a home is for them wherever it arrives.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from fortepiano.cluster.node_state import ClusterState
from fortepiano.model.elsewhere import Postponed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fortepiano.cluster.arrivals import Arrivals
    from fortepiano.cluster.node_state import PackedRelay
    from fortepiano.cluster.parts import Parts
    from fortepiano.cluster.waits import Waits
    from fortepiano.model.session import Session

__all__ = ["Handover"]

_BYE_SECONDS = 2.0
"""How long a client that has said `bye` waits for the home of its room."""


class Handover:
    """Hands over what this node shares with others.

    Args:
        parts: The parts of this node.
        arrivals: Hands out what comes from other nodes.
        waits: The sessions whose messages wait.
    """

    def __init__(self, parts: Parts, arrivals: Arrivals, waits: Waits) -> None:
        self._parts = parts
        self._arrivals = arrivals
        self._waits = waits
        self._leaving: dict[Session, int] = {}

    # Sessions that have said `bye`

    def let_leave(self, session: Session, code: int) -> None:
        """Close a connection after a while, unless the home of its room does so before.

        Args:
            session: The session, of which nothing more is handled.
            code: The close code.
        """
        context = self._parts.context
        context.hub.hold(session.client)
        self._leaving[session] = code
        context.clock.later(_BYE_SECONDS, partial(self._end, session, code))

    def _end(self, session: Session, code: int) -> None:
        if self._leaving.pop(session, None) is not None:
            session.connection.close(code)

    def discard(self, session: Session) -> None:
        """Forget a session whose connection has ended."""
        self._leaving.pop(session, None)

    # The old process

    def hold(self) -> None:
        """Ask the registry nothing more until `let_go`, and let nothing wait for other nodes."""
        self._parts.homes.hold()
        self._parts.journeys.hold()

    def let_go(self) -> None:
        """Go on, as the other process has failed."""
        self._parts.everybody.hurry(is_hurried=False)
        self._parts.homes.let_go()
        self._parts.journeys.let_go()

    @property
    def is_idle(self) -> bool:
        """Whether the registry owes no answer."""
        return self._parts.homes.is_idle

    @property
    def is_quiet(self) -> bool:
        """Whether no message waits for answers of other nodes."""
        return not self._waits

    @property
    def has_others(self) -> bool:
        """Whether anybody of this node is in a room of another one, or the reverse."""
        return bool(self._parts.stays.replicas() or self._parts.remotes.sessions())

    def flush(self) -> None:
        """Handle all messages now that wait for answers of other nodes."""
        self._parts.everybody.hurry(is_hurried=True)

    def sessions(self) -> list[Session]:
        """Return the sessions of other nodes, in the order of the state."""
        return self._parts.remotes.sessions()

    def state(self, indexes: Mapping[Session, int]) -> tuple[PackedRelay, ClusterState]:
        """Publish all that is pending, and return the state for the other process.

        Args:
            indexes: The indexes of this node's sessions.
        """
        parts = self._parts
        hub, rooms = parts.context.hub, parts.context.directory.rooms
        parts.everybody.listings.flush()
        relay = cast("PackedRelay", hub.pack_relay())
        # Nothing is sent from here on: the places in streams are behind all that was.
        listings, homes = parts.everybody.listings.state(), parts.homes.state()
        streams = {name: hub.pack_home(room.number) for name, room in rooms.items()}
        homes.streams = {name: found for name, found in streams.items() if found is not None}
        return relay, ClusterState(
            homes=homes,
            last_stay=parts.stays.last,
            replicas=parts.stays.states(indexes),
            journeys=parts.journeys.states(indexes),
            remotes=parts.remotes.states(),
            listings=listings,
            questions=(parts.everybody.next_question(), parts.asking.next_number()),
            gone=list(parts.homes.gone),
            watching_nodes=parts.watching.nodes(),
            leaving={indexes[session]: code for session, code in self._leaving.items()},
            since=parts.islands.since(),
            unmerged=parts.islands.unmerged(),
        )

    # The new process

    def begin(self, nid: int, state: ClusterState) -> list[Session]:
        """Restore what other nodes have here, except in rooms; return their sessions.

        Args:
            nid: The number of this node.
            state: The state of the other process.
        """
        parts = self._parts
        self.hold()
        parts.homes.restore(nid, state.homes)
        parts.everybody.listings.restore(state.listings)
        parts.everybody.next_question(state.questions[0])
        parts.asking.next_number(state.questions[1])
        parts.homes.gone |= set(state.gone)
        return parts.remotes.restore(state.remotes)

    def finish(
        self,
        state: ClusterState,
        sessions: Sequence[Session],
        receive: Callable[[Session, bytes, bool], object],
    ) -> None:
        """Restore what this node has elsewhere, and the rooms of which it is the home.

        Args:
            state: The state of the other process.
            sessions: This node's sessions by their indexes.
            receive: Handles a message of a session, which may be binary.
        """
        parts, hub = self._parts, self._parts.context.hub
        rooms = parts.context.directory.rooms
        for name, stream in state.homes.streams.items():
            if name in rooms:
                hub.unpack_home(rooms[name].number, stream)
        parts.remotes.enter_again()
        parts.stays.restore(state.last_stay, state.replicas, sessions)
        parts.journeys.restore(state.journeys, sessions, partial(_postponed, receive))
        for nid in state.watching_nodes:
            parts.watching.on_watch(nid)
        for index, code in state.leaving.items():
            self.let_leave(sessions[index], code)

    def go_on(self, state: ClusterState) -> None:
        """Ask the registry again, as the store is open now.

        Args:
            state: The state of the other process.
        """
        self._parts.islands.restore(state.since, state.unmerged)
        self.let_go()


def _postponed(
    receive: Callable[[Session, bytes, bool], object],
    session: Session,
    raw: bytes,
    is_binary: bool,
) -> Postponed:
    return Postponed(raw, partial(receive, session, raw, is_binary), is_binary)

"""The part of a node of a cluster in an upgrade: others do not notice that its process changes.

The connection to the broker goes along, as those of clients do. So nothing is lost that is under
way: it waits in the socket. Only with TLS the new process makes a connection of its own, and brings
everything up to date as after each other loss of the connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fortepiano.cluster.description import BUS_VERSION, Description
from fortepiano.cluster.node_state import NodeState, OtherNode, decode, encode
from fortepiano.cluster.registry import Node

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping, Sequence

    from fortepiano.cluster.handover import Handover
    from fortepiano.model.session import Session
    from fortepiano.server.cluster import ClusterNode

__all__ = ["NodeHandover"]


class NodeHandover:
    """Hands a node over to another process, or takes it over; see `upgrade.node.UpgradableNode`.

    Args:
        node: The node.
        receive: Handles a message of a session, which may be binary.
    """

    def __init__(
        self, node: ClusterNode, receive: Callable[[Session, bytes, bool], object]
    ) -> None:
        self._node = node
        self._receive = receive
        self._state: NodeState | None = None

    @property
    def _cluster(self) -> Handover:
        return self._node.followers.handover

    @property
    def format(self) -> int:
        """The version of what this node sends to others."""
        return BUS_VERSION

    # The old process

    def hold(self) -> None:
        """Ask and send nothing more until `let_go`: another process may do so."""
        self._cluster.hold()
        self._node.bus.hold()

    def send_kept(self) -> None:
        """Send what was kept so far."""
        self._node.bus.let_go()
        self._node.bus.hold()

    def let_go(self) -> None:
        """Go on, as the other process has failed, or the moment was not the right one."""
        self._node.bus.let_go()
        self._cluster.let_go()

    @property
    def is_idle(self) -> bool:
        """Whether the registry owes no answer, and all that was sent has left this process."""
        bus = self._node.bus
        return self._cluster.is_idle and (not bus.can_go_along or bus.descriptor >= 0)

    @property
    def is_quiet(self) -> bool:
        """Whether no message waits for answers of other nodes."""
        return self._cluster.is_quiet

    def flush(self) -> None:
        """Handle all messages now that wait for answers of other nodes."""
        self._cluster.flush()

    def problem(self) -> str | None:
        """Return why this node cannot be handed over now; None where it can."""
        trouble = self._node.trouble
        if trouble and self._cluster.has_others:
            return f"this node cannot reach the others at the moment: {trouble}"
        return None

    def sessions(self) -> Sequence[Session]:
        """Return the sessions of other nodes; in a state they follow those of connections."""
        return self._cluster.sessions()

    def pack(self, indexes: Mapping[Session, int]) -> tuple[bytes, int]:
        """Return the state, empty for a node that is alone, and the descriptor that goes along.

        Args:
            indexes: The indexes of this node's sessions.

        Returns:
            The state, and the descriptor of the connection to the broker; -1 for none.
        """
        node = self._node
        if node.trouble:
            return b"", -1
        relay, cluster = self._cluster.state(indexes)
        descriptor = node.bus.descriptor
        state = NodeState(
            node.registry.nid,
            node.registry.incarnation,
            [OtherNode(node.names[nid], nid, it) for nid, it in node.incarnations.items()],
            relay,
            node.lease_left,
            cluster,
            node.bus.state() if descriptor >= 0 else None,
        )
        return encode(state), descriptor

    # The new process

    def begin(self, state: bytes) -> Sequence[Session]:
        """Be the node that the other process is; return the sessions of other nodes.

        Args:
            state: The state of the other process; empty for a node that is alone.

        Raises:
            msgspec.MsgspecError: The state is not understood.
        """
        if not state:
            return ()
        node, it = self._node, decode(state)
        self._state = it
        node.resume(it.nid, it.incarnation, it.lease_seconds)
        node.hub.unpack_relay(dict(it.relay))
        found = self._cluster.begin(it.nid, it.cluster)
        node.resume_members([_known(other) for other in it.nodes])
        return found

    def finish(self, sessions: Sequence[Session]) -> None:
        """Restore what this node shares with others, once rooms are here.

        Args:
            sessions: This node's sessions, by their indexes.
        """
        if self._state is not None:
            self._cluster.finish(self._state.cluster, sessions, self._receive)

    async def connect(self, connection: socket.socket | None) -> None:
        """Go on with the connection to the broker; the other process does not use it any more.

        Args:
            connection: The socket; None where it could not go along.
        """
        state, bus = self._state, self._node.bus
        if state is not None and connection is not None and state.bus is not None:
            await bus.adopt(connection, state.bus)
        elif state is not None:
            bus.start()

    def go_on(self) -> None:
        """Stay in the cluster, or join it again, as the store is open now."""
        if self._state is not None:
            self._cluster.go_on(self._state.cluster)
        self._state = None
        self._node.go_on()


def _known(other: OtherNode) -> Node:
    """Return a node of which only the next answer of the registry says the rest."""
    return Node(other.name, other.nid, other.incarnation, 1, 1, Description())

"""Nodes of a `Fabric` whose process changes, or that stop for good."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from fortepiano.cluster.handover import Handover
from fortepiano.cluster.node_state import NodeState, OtherNode, decode, encode
from fortepiano.model.session import Session
from fortepiano.upgrade import State, capture, restore
from fortepiano.upgrade import decode as decode_state
from fortepiano.upgrade import encode as encode_state
from support.nodes import Fabric, Node

__all__ = ["HandedNode", "change_process", "stop"]


class HandedNode:
    """A node in an upgrade; see `upgrade.node.UpgradableNode`."""

    format = 1

    def __init__(self, node: Node) -> None:
        self.node = node
        self._state: NodeState | None = None

    @property
    def handover(self) -> Handover:
        """The handover of the node."""
        assert self.node.cluster is not None
        return self.node.cluster.handover

    def hold(self) -> None:
        """Ask nothing more."""
        self.handover.hold()

    def send_kept(self) -> None:
        """Do nothing: all is sent at once."""

    def let_go(self) -> None:
        """Go on."""
        self.handover.let_go()

    @property
    def is_idle(self) -> bool:
        """Whether the registry owes no answer."""
        return self.handover.is_idle

    @property
    def is_quiet(self) -> bool:
        """Whether no message waits for answers of other nodes."""
        return self.handover.is_quiet

    def flush(self) -> None:
        """Handle all messages now that wait for answers of other nodes."""
        self.handover.flush()

    def problem(self) -> str | None:
        """Return None: there is no problem."""
        return None

    def sessions(self) -> Sequence[Session]:
        """Return the sessions of other nodes."""
        return self.handover.sessions()

    def pack(self, indexes: Mapping[Session, int]) -> tuple[bytes, int]:
        """Return the state."""
        node, (relay, cluster) = self.node, self.handover.state(indexes)
        others = [OtherNode("", nid, "") for nid in node.known]
        return encode(NodeState(node.nid, "", others, relay, 6.0, cluster)), -1

    def begin(self, state: bytes) -> Sequence[Session]:
        """Be the node that the process before was; return the sessions of other nodes."""
        node, it = self.node, decode(state)
        self._state = it
        node.take_part()
        node.hub.unpack_relay(dict(it.relay))
        found = self.handover.begin(it.nid, it.cluster)
        for other in it.nodes:
            node.hub.add_node(other.nid, b"n:%d" % other.nid)
            assert node.cluster is not None
            node.cluster.on_node_joined(other.nid)
        return found

    def finish(self, sessions: Sequence[Session]) -> None:
        """Restore the rest."""
        assert self._state is not None
        self.handover.finish(self._state.cluster, sessions, self._receive)

    def _receive(self, session: Session, raw: bytes, is_binary: bool) -> None:
        dispatch = self.node.dispatch
        (dispatch.receive_binary if is_binary else dispatch.receive)(session, raw)

    def go_on(self) -> None:
        """Ask the registry again."""
        assert self._state is not None
        self.handover.go_on(self._state.cluster)

    async def connect(self, connection: socket.socket | None) -> None:
        """Do nothing: the broker of a fabric knows the node, not a connection."""


def change_process(node: Node, *, change: Callable[[State], State] = lambda state: state) -> None:
    """Let another process go on as a node, with all its connections, without a pause.

    Args:
        node: The node.
        change: Returns the state as another version would have passed it on.
    """
    handed = HandedNode(node)
    handed.hold()
    while not handed.is_idle:
        node.step_tasks()
    handed.flush()
    links = node.engine.connections()
    state, _ = capture(node.context, links, with_store=False, node=handed)
    node.publish()
    by_link = {client.socket.link: client for client in node.clients}
    clients = [by_link[link] for link in links]
    node.engine.close()
    for task in node.tasks:
        task.close()
    node.build()
    state = decode_state(encode_state(change(state)))
    descriptors = [client.socket.server_end.fileno() for client in clients]
    after = HandedNode(node)
    for client, link in zip(
        clients, restore(node.context, node.engine, state, descriptors, after), strict=True
    ):
        client.socket.adopt(link)
        client.session = link.session
    after.go_on()
    node.turn()


def stop(fabric: Fabric, node: Node) -> None:
    """Let a node hand its rooms over, close its connections, and leave the cluster."""
    assert node.cluster is not None
    node.cluster.leaving.start(partial(_end, fabric, node))


def _end(fabric: Fabric, node: Node) -> None:
    for client in node.clients:
        client.socket.vanish()
    node.turn()
    node.is_alive = False
    for task in node.tasks:
        task.close()
    fabric.bury(node)

"""This server as a node of a cluster: makes its parts. A server alone does not import this."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fortepiano.cluster.description import describe
from fortepiano.cluster.elsewhere import Cluster
from fortepiano.http.asked_calls import AskedCalls
from fortepiano.server.cluster import ClusterNode
from fortepiano.server.node_handover import NodeHandover

if TYPE_CHECKING:
    from collections.abc import Callable

    from fortepiano.cluster.description import Description
    from fortepiano.http.internal_site import LazyApi
    from fortepiano.protocol.node_handlers import NodeHandlers
    from fortepiano.server.server import Server

__all__ = ["NodeHandover", "describe", "make_node"]


def make_node(
    server: Server,
    name: str,
    description: Description,
    handlers: Callable[[], NodeHandlers],
    api: LazyApi,
) -> ClusterNode:
    """Return a server as a node of a cluster, which it has not joined yet.

    Args:
        server: The server.
        name: The name of the node.
        description: What it says of itself.
        handlers: Returns the handlers in force.
        api: The admin API.
    """
    node = ClusterNode(server.engine, server.settings, name, description)
    node.followers = Cluster(
        server.context, node.registry, node.bus, handlers, node.run, node.rooms
    )
    node.followers.asking.answer = AskedCalls(server, api)
    return node

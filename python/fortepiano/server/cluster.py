"""This server as a node of a cluster: joins, renews its lease, buries the dead, follows the time.

Without a broker the node serves alone. Transitions of the registry go over a connection of their
own, since an answer may be waited for; all that is hot goes over the bus.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
from typing import TYPE_CHECKING, Any, Protocol

from fortepiano.cluster.broker_time import PERIOD_SECONDS, offset_of
from fortepiano.cluster.description import describe, differences
from fortepiano.cluster.members import Members
from fortepiano.cluster.redis_registry import RedisRegistry
from fortepiano.cluster.registry import ForgottenError, NodeGone, TakenError, event_of
from fortepiano.errors import StartError
from fortepiano.net.bus import BrokerBus
from fortepiano.observe.logs import logger
from fortepiano.server.broker_check import FAILURES, check, trouble
from fortepiano.store.owner import Fate, fate_of
from fortepiano.store.redis_url import client_for, without_secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from fortepiano.cluster.bus import Event
    from fortepiano.cluster.description import Description
    from fortepiano.cluster.registry import Joined, Node
    from fortepiano.config import Settings
    from fortepiano.native import Engine
    from fortepiano.store.owner import Owner

__all__ = ["ClusterNode", "Followers"]

_RENEWALS = 3
"""How often a lease is renewed while it lasts."""

_PAUSES = 0.5, 2.0
"""The bounds of the pause after a failure: all nodes lose a broker at the same moment; seconds."""

_LOOK_SECONDS = 0.5
"""The interval at which the lease of a node of the same name is looked at."""

_LAST_SECONDS = 2.0
"""How long a node that stops tries to say so."""

_log = logger(__name__)


class Followers(Protocol):
    """The part of a server that rooms on several nodes are made of (`fortepiano.cluster`)."""

    def on_joined(self, nid: int) -> None:
        """Be a node; the hub has joined already.

        Args:
            nid: The number of this node.
        """
        ...

    def on_up(self) -> None:
        """Bring everything up to date: all messages of other nodes may have been lost."""
        ...

    def on_node_gone(self, nid: int) -> None:
        """End all that was of another node."""
        ...

    def on_event(self, event: Event) -> None:
        """Handle what the hub leaves to Python of the publications of other nodes."""
        ...


class ClusterNode:
    """This server as a node of a cluster.

    Args:
        engine: The engine of the hub that joins.
        settings: All settings, with a `cluster.url`.
        name: The name of this node.
        description: What this node says of itself.

    Attributes:
        name: The name of this node.
        registry: The registry.
        bus: The connection to the broker; it is started once the node has a number.
        rooms: The beginning of the channels of rooms; the epoch follows.
        followers: The part that hears of other nodes; to be set before `start`.
        trouble: Why this node is alone; empty while it is in the cluster.
    """

    followers: Followers

    def __init__(
        self, engine: Engine, settings: Settings, name: str, description: Description
    ) -> None:
        cluster = settings.cluster
        self._hub = engine.owner
        self._place = without_secrets(cluster.url)
        self._client = client_for(cluster.url)
        self._channels = channels = f"{{{settings.store.prefix}}}"
        self._gap_ms = cluster.gap_ms
        self._lease_seconds = cluster.lease_seconds
        self._description = description
        self.name = name
        self.rooms = f"{channels}:r:".encode()
        self.trouble = "it has not joined yet"
        self.registry = RedisRegistry(
            self._client.execute_command,
            settings.store.prefix,
            name,
            lambda: secrets.token_hex(8),
            round(cluster.lease_seconds * 1000),
        )
        self.bus = BrokerBus(
            engine,
            cluster.url,
            self._inbox(0),
            [self._everybody],
            name=name,
            on_event=self._on_event,
            on_up=self._on_up,
            on_down=self._on_down,
        )
        self._members = Members(self._on_node, self._on_node_gone)
        self._loop = asyncio.get_running_loop()
        self._wakes = asyncio.Event()
        self._steer_at = 0.0
        self._is_serving = False  # whether anybody may have seen the time
        self._has_started_bus = False
        self._runs: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None

"""This server as a node of a cluster: joins, renews its lease, buries the dead, follows the time.

Without a broker the node serves alone. Transitions of the registry go over a connection of their
own, since an answer may be waited for; all that is hot goes over the bus.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
from typing import TYPE_CHECKING, Any

from fortepiano.cluster.broker_time import PERIOD_SECONDS, offset_of
from fortepiano.cluster.description import describe_again, differences
from fortepiano.cluster.members import Members
from fortepiano.cluster.redis_registry import RedisRegistry
from fortepiano.cluster.registry import ForgottenError, NodeGone, TakenError, event_of
from fortepiano.errors import StartError
from fortepiano.net.bus import BrokerBus
from fortepiano.net.bus_errors import BusError, check_url
from fortepiano.observe.logs import logger
from fortepiano.server.broker_check import FAILURES, check, trouble
from fortepiano.store.owner import Fate, fate_of
from fortepiano.store.redis_url import client_for, without_secrets

if TYPE_CHECKING:
    from collections.abc import Collection, Coroutine

    from fortepiano.cluster.bus import Event
    from fortepiano.cluster.description import Description
    from fortepiano.cluster.followers import Followers
    from fortepiano.cluster.registry import Joined, Node
    from fortepiano.config import Settings
    from fortepiano.native import Engine

__all__ = ["ClusterNode"]

_RENEWALS = 6
"""How often a lease is renewed while it lasts."""

_LEASE_SHARE = 5 / 6
"""The part of a lease, by this node's own clock, in which it publishes.

After that it asks first: others may have declared it dead.
"""

_PAUSES = 0.5, 2.0
"""The bounds of the pause after a failure: all nodes lose a broker at the same moment; seconds."""

_LOOK_SECONDS = 0.5
"""The interval at which the lease of a node of the same name is looked at."""

_BUS_SECONDS = 3.0
"""How long a start waits for the bus, so that the first messages to other nodes are not lost."""

_HAND_SECONDS = 3.0
"""How long a node that stops waits until its people are in the rooms that it has handed over."""

_LAST_SECONDS = 2.0
"""How long a node that stops tries to say so."""

_log = logger(__name__)


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
        hub: The hub.
        nodes: All nodes, this one too, as the registry has last named them.
        differences: In what this node differs from others, a line each.
        names: The names of the other nodes, by their numbers.

    Raises:
        StartError: No broker can be at the URL.
    """

    followers: Followers

    def __init__(
        self, engine: Engine, settings: Settings, name: str, description: Description
    ) -> None:
        cluster, channels = settings.cluster, f"{{{settings.store.prefix}}}"
        self.hub = engine.owner
        self._loop = asyncio.get_running_loop()
        self._place = without_secrets(cluster.url)
        try:
            check_url(cluster.url)
        except BusError as error:
            raise StartError(f"cluster.url: the broker {self._place} {error}") from None
        self._client = client_for(cluster.url)
        self._inboxes = f"{channels}:n:"
        self._everybody = f"{channels}:a".encode()
        self._gap_ms = cluster.gap_ms
        self._lease_seconds = cluster.lease_seconds
        self._description = description
        self.name = name
        self.rooms = f"{channels}:r:".encode()
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
        self.nodes: list[Node] = []
        self.differences: list[str] = []
        self.names: dict[int, str] = {}
        self._registry_trouble = "it has not joined yet"
        self._bus_trouble = ""
        self._has_bus = False
        self._bus_has_tried = asyncio.Event()
        self._is_serving = False  # whether anybody may have seen the time
        self._steer_at = 0.0
        self._asked = 0.0  # when it was asked for a number
        self._lease_until = 0.0
        self._is_confirmed = False
        self._wakes = asyncio.Event()
        self._is_closing = False
        self._task: asyncio.Task[None] | None = None
        self._runs: set[asyncio.Task[None]] = set()

    @property
    def trouble(self) -> str:
        """Why this node is alone; empty while it is in the cluster."""
        return self._registry_trouble or self._bus_trouble

    @property
    def is_confirmed(self) -> bool:
        """Whether this process, also after an upgrade, has heard that it is in the cluster."""
        return self._is_confirmed and not self.trouble

    @property
    def others(self) -> list[str]:
        """The names of the other nodes."""
        return sorted(self.names.values())

    async def homes_of(self, rooms: Collection[str]) -> dict[str, str]:
        """Return the names of the nodes that are the homes of rooms; of none while it is alone."""
        if self.trouble or not rooms:
            return {}
        try:
            return await self.registry.homes(list(rooms))
        except FAILURES:
            return {}

    def _inbox(self, nid: int) -> bytes:
        return f"{self._inboxes}{nid}".encode()

    # The life of a node

    async def start(self) -> None:
        """Join before anybody can connect; where no broker answers, serve alone and go on trying.

        Raises:
            StartError: The operator has to mend something first.
        """
        try:
            await self._join()
        except (TakenError, StartError, *FAILURES) as error:
            why, is_mistake = self._reason(error)
            if is_mistake:
                await self.close()
                raise StartError(why) from None
            self._set_alone(why)
        else:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_BUS_SECONDS):
                    await self._bus_has_tried.wait()
        self._is_serving = True
        self._task = self._loop.create_task(self._work(), name="cluster")

    @property
    def task(self) -> asyncio.Task[None]:
        """The task that keeps this node in the cluster, once it is started."""
        assert self._task is not None  # noqa: S101 - `start` comes first
        return self._task

    async def hand_rooms(self, at_once: asyncio.Event) -> None:
        """Hand the homes of rooms to other nodes, before the connections of this one are closed.

        Args:
            at_once: When set, wait no longer.
        """
        if self.trouble:
            return
        done = asyncio.Event()
        self.followers.leaving.start(done.set)
        waits = [asyncio.create_task(it.wait()) for it in (done, at_once)]
        await asyncio.wait(waits, timeout=_HAND_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        for task in waits:
            task.cancel()

    async def close(self) -> None:
        """Leave the cluster."""
        self._is_closing = True  # redis-py swallows a cancellation now and then
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        with contextlib.suppress(*FAILURES):
            async with asyncio.timeout(_LAST_SECONDS):
                if self.registry.nid:
                    await self.registry.leave()
        await self.bus.close()
        with contextlib.suppress(*FAILURES):
            await self._client.aclose()

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine to its end."""
        task = self._loop.create_task(work)
        self._runs.add(task)
        task.add_done_callback(self._on_run_ended)

    def _on_run_ended(self, task: asyncio.Task[None]) -> None:
        self._runs.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a question to the registry failed", exc_info=error)

    async def _work(self) -> None:
        """Renew the lease, and join again where that is necessary."""
        while not self._is_closing:
            pause = self._lease_seconds / _RENEWALS
            if not self.registry.nid:
                pause = random.uniform(*_PAUSES)  # noqa: S311 - no secret
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wakes.wait()
            self._wakes.clear()
            if not self.registry.nid and self._bus_trouble:
                continue  # nobody would hear this node, and all others would bury it again
            try:
                await (self._renew() if self.registry.nid else self._join())
            except ForgottenError:
                self._set_alone("others have declared it dead, or the broker has lost everything")
                self._wakes.set()
            except (TakenError, StartError, *FAILURES) as error:
                self._set_alone(self._reason(error)[0])

    def _set_alone(self, why: str) -> None:
        """Log that this node is alone, and once each further reason."""
        if why != self._registry_trouble and not self._bus_trouble:
            _log.warning("this node serves alone until it is in the cluster", why=why)
        self._registry_trouble = why

    def _reason(self, error: Exception) -> tuple[str, bool]:
        """Return why this node cannot be in the cluster, and whether the operator has to act."""
        if isinstance(error, TakenError):
            owner = error.node.description.owner
            text = f"{owner} is the node {self.name}; stop it, or choose another `cluster.node`"
            return text, True
        if isinstance(error, StartError):
            return str(error), True
        why = trouble(error)
        return f"cluster.url: the broker {self._place} {why.text}", why.is_mistake

    # Joining

    async def _join(self) -> None:
        """Become a node.

        Raises:
            TakenError: Another node has the name.
            StartError: Another node differs in what must be equal.
        """
        await check(self._client.execute_command, self._inbox(0).decode())
        joined = await self._take_name()
        try:
            self._compare(joined)
        except StartError:
            await self.registry.leave()
            self.registry.nid = 0
            raise
        await self._follow_time()
        self._be_node(joined)

    async def _take_name(self) -> Joined:
        """Join under the name, waiting for the end of another node's lease that may be dead.

        Raises:
            TakenError: The other node lives.
        """
        until = self._loop.time() + self._lease_seconds + _LOOK_SECONDS
        is_first = True
        while True:
            self._asked = self._loop.time()
            try:
                return await self.registry.join(self._description)
            except TakenError as error:
                fate = fate_of(error.node.description.owner, self._description.owner)
                if fate is Fate.ALIVE or self._loop.time() >= until:
                    raise
                if fate is Fate.DEAD:
                    await self.registry.bury(error.node, is_certain=True)
                    continue
                if is_first:
                    _log.info("looking whether the node of the same name lives", node=self.name)
                is_first = False
                await asyncio.sleep(_LOOK_SECONDS)

    def _compare(self, joined: Joined) -> None:
        """Compare this node with the others that live.

        Raises:
            StartError: One differs in what must be equal.
        """
        for node in joined.nodes:
            if node.nid == joined.nid or node.remaining_ms <= 0:
                continue
            refused, _ = differences(self._description, node.name, node.description)
            if refused:
                raise StartError("; ".join(refused))

    def _note_members(self, nodes: list[Node]) -> None:
        """Note all nodes; log once in what this one differs from others that live."""
        self.nodes, known = nodes, self.differences
        self.differences = [
            line
            for node in nodes
            if node.name != self.name and node.remaining_ms > 0
            for line in differences(self._description, node.name, node.description).warned
        ]
        for line in self.differences:
            if line not in known:
                _log.warning("nodes differ", difference=line)
        if known and not self.differences:
            _log.info("nodes differ no more", node=self.name)

    async def follow_settings(self, settings: Settings) -> list[str]:
        """Tell other nodes of settings that have changed.

        Args:
            settings: The settings of this node.

        Returns:
            In what this node differs from others now; nothing while it is alone.
        """
        self._description = describe_again(self._description, settings)
        return [] if self.trouble else await self._join_again()

    async def _join_again(self) -> list[str]:
        """Tell other nodes what this one is now; return in what it differs from them."""
        nid, asked = self.registry.nid, self._loop.time()
        try:
            joined = await self.registry.join(self._description)
        except (TakenError, *FAILURES):
            return []  # the next join tells them
        if joined.nid == nid:
            self._take_lease(asked)
        else:
            self.registry.nid = 0  # others have buried this node, so that it has to begin anew
            self._wakes.set()
        self._note_members(joined.nodes)
        return self.differences

    def _be_node(self, joined: Joined) -> None:
        """Take up the number that the registry has given."""
        inbox = self._inbox(joined.nid)
        self.hub.join_cluster(joined.nid, inbox, self._everybody, self.rooms, self._gap_ms)
        self.bus.move_inbox(inbox)
        self._take_lease(self._asked)
        self._members.joined(joined.nid, joined.nodes, self._loop.time())
        self._note_members(joined.nodes)
        self._registry_trouble = ""
        _log.info("joined the cluster", node=self.name, nid=joined.nid, others=self.others)
        self.followers.on_joined(joined.nid)
        if not self._has_bus:
            self._has_bus = True
            self.bus.start()

    async def _renew(self) -> None:
        """Renew the lease, and bury the dead.

        Raises:
            ForgottenError: This incarnation is no node any more.
        """
        poll, asked = self._members.polling(), self._loop.time()
        renewed = await self.registry.renew()
        self._take_lease(asked)
        self._note_members(renewed.nodes)
        for node in self._members.polled(poll, renewed.nodes, self._loop.time()):
            if await self.registry.bury(node):
                self._members.buried(node)
        if self._loop.time() >= self._steer_at:
            await self._follow_time()
        if self._registry_trouble:
            self._registry_trouble = ""
            _log.info("the registry answers again", node=self.name)

    def _take_lease(self, asked: float) -> None:
        """Publish for as long as others take this node to live.

        Args:
            asked: When the lease was asked for, by the loop's clock.
        """
        self._is_confirmed = True
        self._lease_until = asked + self._lease_seconds * _LEASE_SHARE
        self.hub.set_lease(self.lease_left)

    # An upgrade

    @property
    def lease_left(self) -> float:
        """How long this node may publish without renewing its lease; seconds."""
        return max(self._lease_until - self._loop.time(), 0.0)

    @property
    def incarnations(self) -> dict[int, str]:
        """The incarnations of the other nodes, by their numbers."""
        return self._members.incarnations()

    def resume(self, nid: int, incarnation: str, lease_left: float) -> None:
        """Be the node that another process of this server is.

        Args:
            nid: Its number.
            incarnation: Its incarnation.
            lease_left: How long it may publish without renewing its lease; seconds.
        """
        self.registry.nid, self.registry.incarnation = nid, incarnation
        inbox = self._inbox(nid)
        self.hub.join_cluster(nid, inbox, self._everybody, self.rooms, self._gap_ms)
        self.bus.move_inbox(inbox)
        self._lease_until = self._loop.time() + lease_left
        self.hub.set_lease(lease_left)
        self._has_bus = True

    def resume_members(self, nodes: list[Node]) -> None:
        """Know the other nodes that the other process has known."""
        self._members.joined(self.registry.nid, nodes, self._loop.time())
        self._registry_trouble = ""

    def go_on(self) -> None:
        """Keep this node in the cluster from now on; others learn of the new process at once."""
        self._is_serving = True
        self._task = self._loop.create_task(self._work_on(), name="cluster")

    async def _work_on(self) -> None:
        if self.registry.nid:
            await self._join_again()
        await self._work()

    async def _follow_time(self) -> None:
        """Follow the broker's clock: at once before anybody is there, slowly from then on."""
        offset = await offset_of(self._client.execute_command, self.hub.now_us)
        (self.hub.steer_clock if self._is_serving else self.hub.set_clock)(offset)
        self._steer_at = self._loop.time() + PERIOD_SECONDS

    # Called by the bus and by the list of members

    def _on_up(self) -> None:
        self._bus_trouble = ""
        self._bus_has_tried.set()
        self._members.connected(self._loop.time())
        self.followers.on_up()
        self._wakes.set()

    def _on_down(self, why: str) -> None:
        self._bus_trouble = why
        self._bus_has_tried.set()
        self.followers.on_down()

    def _on_event(self, event: Event) -> None:
        if event[0] == "unheard":
            self._wakes.set()  # to see whether that node is there
        if event[0] != "registry":
            self.followers.on_event(event)
            return
        change = event_of(event[1])
        if isinstance(change, NodeGone) and change.incarnation == self.registry.incarnation:
            self._wakes.set()  # to join again
        elif change is not None:
            self._members.follow(change)

    def _on_node(self, nid: int, name: str) -> None:
        self.names[nid] = name
        self.hub.add_node(nid, self._inbox(nid))
        self.followers.on_node_joined(nid)
        if not self._registry_trouble:
            _log.info("a node has joined the cluster", node=name, nid=nid)

    def _on_node_gone(self, nid: int, why: str) -> None:
        _log.info("a node is gone", node=self.names.pop(nid), nid=nid, why=why)
        self.followers.on_node_gone(nid)
        self.hub.remove_node(nid)

"""The server: builds its parts, starts, serves, drains and stops."""

from __future__ import annotations

import asyncio
import os
import signal
from functools import partial
from typing import TYPE_CHECKING, Any

from fortepiano.actions import rooms
from fortepiano.errors import ExitStatus, StartError
from fortepiano.handlers.dispatch import Dispatch
from fortepiano.http.internal_site import BODY_BYTES, LazyApi, internal_site
from fortepiano.http.metrics import Metrics
from fortepiano.http.public_site import public_site
from fortepiano.native import Engine
from fortepiano.net.accept_budget import AcceptBudget
from fortepiano.net.admission import AdmissionControl
from fortepiano.net.client_address import ClientAddresses
from fortepiano.net.deadlines import Deadlines
from fortepiano.net.forwarded import UntrustedProxies
from fortepiano.net.front_door import FrontDoor
from fortepiano.net.hidden_people import HiddenPeople
from fortepiano.net.http_connection import HttpConnection
from fortepiano.net.network_lists import NetworkListUpdater
from fortepiano.net.proxied_connection import ProxiedConnection
from fortepiano.net.socket_addresses import name_of, names_of, port_of, url_of
from fortepiano.net.stalled import StalledConnections
from fortepiano.observe.events import STOPPING
from fortepiano.observe.logs import logger
from fortepiano.observe.loop_lag import LoopLag
from fortepiano.observe.systemd import Watchdog, notify
from fortepiano.server.assembly import context_on
from fortepiano.server.drain import drain
from fortepiano.server.file_limits import most_connections, most_files
from fortepiano.server.garbage_collector import GarbageCollector
from fortepiano.server.member import command_folder
from fortepiano.server.reload import Reload
from fortepiano.server.supervisor import Supervisor
from fortepiano.server.upkeep import Upkeep
from fortepiano.server.uvicorn_server import UvicornServer, uvicorn_server
from fortepiano.upgrade.name_migration import respell
from fortepiano.upgrade.old_process import OldProcess, Visitor

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from fortepiano.cluster.description import Description
    from fortepiano.config import Settings
    from fortepiano.model.session import Session
    from fortepiano.net.listeners import Listeners
    from fortepiano.server.assembly import Foundation
    from fortepiano.server.cluster import ClusterNode
    from fortepiano.server.command_socket import Answer
    from fortepiano.server.member import Member
    from fortepiano.server.node_handover import NodeHandover
    from fortepiano.store.keyring import KeyRing
    from fortepiano.store.ownership import Ownership
    from fortepiano.upgrade.new_process import Inheritance, NewProcess

__all__ = ["Server"]

_FLUSH_SECONDS = 2.0
"""How long a node that leaves its cluster tries to write what others will read."""

_STAFF_FILES = 4
"""How many connections the internal port may have when the public one has all others."""

_HAND_ON_SECONDS = 0.2
"""How long one of several processes that stops waits before and after it leaves its port."""


class Server:
    """One server: `start`, `serve`, `drain`, `stop`, each called once, in this order.

    Args:
        foundation: The settings, the store and what is made of it.
        read: Reads the settings again, for a reload.
        keys: The signing keys of tokens.
        ownership: The ownership of the data folder and the store.
        listeners: The listening sockets.
        member: This process as one of several; None for the only one.
        description: What this server says of itself as a node of a cluster; None for one alone.

    Attributes:
        context: The world and the ways to change it.
        cluster: This server as a node of a cluster; None for a server alone.
        node: The same, for an upgrade.
        engine: All connections.
        ownership: The ownership of the data folder and the store.
        metrics: What `/metrics` shows.
        started: When the server started; milliseconds since 1970.
        reload: Replaces settings and handlers.
    """

    def __init__(
        self,
        foundation: Foundation,
        read: Callable[[], Settings],
        keys: KeyRing,
        ownership: Ownership,
        listeners: Listeners,
        *,
        member: Member | None = None,
        description: Description | None = None,
    ) -> None:
        settings = foundation.live.settings
        self._loop = loop = asyncio.get_running_loop()
        self._log = logger(__name__)
        self._stop, self._stop_now = asyncio.Event(), asyncio.Event()
        self.ownership = ownership
        self._listeners = listeners
        self._member = member
        self._command_listener: socket.socket | None = None

        # The world, its handlers and its connections
        self.context = context_on(foundation, loop.call_later, self._stop.set)
        self.started = self.context.now()
        self._collector = GarbageCollector(self.context.hub.connections, loop.call_later)
        dispatch = Dispatch(self.context, self._collector.on_activity)
        self.engine = Engine(
            self.context.hub, loop, dispatch.receive, dispatch.ended, dispatch.receive_binary
        )
        self._admission = self._make_admission(settings)
        self._stalled = StalledConnections(loop, self.context.live)
        self._untrusted = UntrustedProxies(self.context.live)
        self.reload = self._make_reload(read, dispatch)

        # The tasks, sites and timers beside them
        self._network_lists = NetworkListUpdater(
            self.context.networks,
            settings.data_dir,
            self.context.live,
            self.reload.follow_networks,
        )
        self._hidden = HiddenPeople(self.engine, self.context.now)
        self._upkeep = Upkeep(loop, self.context, self.reload, keys, self._collector, self._hidden)
        self._lag = LoopLag(loop)
        self.metrics = self._make_metrics()
        self._api = LazyApi(self)
        self._public, self._internal = self._make_ports(settings)
        self._watchdog: Watchdog | None = None
        self._old_process = OldProcess(self, self._is_quiet)
        self._tasks: list[asyncio.Task[None]] = []
        self._supervisor = Supervisor(self._stop.set)
        self.node: NodeHandover | None = None
        self.cluster = None if description is None else self._make_node(description)

    def _make_node(self, description: Description) -> ClusterNode:
        """Return this server as a node of a cluster."""
        from fortepiano.server.node import NodeHandover, make_node  # a server alone does without

        owner, listener = self.ownership.owner, self._listeners.public[0]
        common = f"{owner.host}:{port_of(listener) or name_of(listener)}"
        name = self.settings.cluster.node or common
        if self._member is not None:
            name = self._member.name(name)
        node = make_node(
            self, name, description, lambda: self.reload.dispatch.from_nodes, self._api
        )
        self.metrics.node, self.reload.follow = node, node.follow_settings
        self.node = NodeHandover(node, self._receive)
        return node

    def _receive(self, session: Session, raw: bytes, is_binary: bool) -> None:
        """Handle a message that has waited in the process before this one."""
        dispatch = self.reload.dispatch
        (dispatch.receive_binary if is_binary else dispatch.receive)(session, raw)

    def _make_reload(self, read: Callable[[], Settings], dispatch: Dispatch) -> Reload:
        return Reload(
            read,
            self.context,
            self.engine,
            self._admission,
            dispatch,
            self._collector.on_activity,
            self._collector.collect_all,
        )

    def _make_metrics(self) -> Metrics:
        context = self.context
        return Metrics(
            context.hub,
            context.directory,
            context.counters,
            context.store,
            self._lag,
            self._admission.refused,
            context.live,
            self._stalled,
            self._untrusted,
            self._hidden,
        )

    def _make_ports(self, settings: Settings) -> tuple[list[UvicornServer], UvicornServer]:
        """Return the HTTP servers of the public listeners and of the internal port."""
        protocol = ProxiedConnection if settings.proxy.protocol else HttpConnection
        site = public_site(self.readiness_problem, refusal_for=self._admission.refusal_for)
        self._doors = [self._make_door(listener) for listener in self._listeners.public]
        public = [uvicorn_server(site, http=partial(protocol, door=door)) for door in self._doors]
        self._staff_door = self._make_door(
            self._listeners.internal, is_internal=True, body_bytes=BODY_BYTES, spare=_STAFF_FILES
        )
        http = partial(HttpConnection, door=self._staff_door)
        return public, uvicorn_server(internal_site(self, self._api), http=http)

    def _make_door(self, listener: socket.socket, **bounds: Any) -> FrontDoor:
        """Return the bounds of a port."""
        return FrontDoor(
            self._admission, self._stalled, self._untrusted, name_of(listener), **bounds
        )

    def _make_admission(self, settings: Settings) -> AdmissionControl:
        context, loop = self.context, self._loop
        admission = AdmissionControl(
            self.engine,
            context.live,
            context.identity,
            context.bans,
            Deadlines(loop, context.live),
            ClientAddresses(settings.proxy),
            context.throttle,
            AcceptBudget(loop),
            unix_peer=next(iter(names_of(self._listeners.public)), ""),
            networks=context.networks,
        )
        admission.limit_files(most_connections(), most_files())
        return admission

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self.context.live.settings

    @property
    def parent(self) -> int:
        """The descriptor of the channel to the parent of several processes; -1 for none."""
        return -1 if self._member is None else self._member.descriptor

    @property
    def _command_folder(self) -> Path:
        folder, member = self.settings.data_dir, self._member
        return folder if member is None else command_folder(folder, member.number)

    def address_of(self, peer: str, headers: Iterable[tuple[str, str]]) -> str:
        """Return the address of a client of the internal port; of a proxy that names none, its own.

        Args:
            peer: The address at the other end; empty for a Unix socket.
            headers: Names and values of the request as sent.
        """
        here = peer or name_of(self._listeners.internal)
        return self._admission.addresses.of(here, headers) or here

    def readiness_problem(self) -> str | None:
        """Return why the server should get no new clients now; None where it should."""
        if self._admission.is_draining:
            return "the server is stopping"
        return None if self.context.store.healthy else "the store does not take writes"

    async def start(self) -> None:
        """Accept connections, starting without clients.

        Raises:
            StartError: A listener cannot be used, or this server cannot be a node of its cluster.
        """
        self._handle_signals()
        rooms.await_return(self.context)
        await self._network_lists.refresh(at_once=True)
        if self.cluster is not None:
            await self.cluster.start()
            self._supervisor.watch(self.cluster.task, "cluster")
        await self._accept()

    async def start_from(self, upgrade: NewProcess, inheritance: Inheritance) -> None:
        """Adopt the connections of the old process, and accept new ones.

        Network lists are read a moment later, so that the adopted clients do not wait for them.

        Raises:
            ChannelError: The upgrade failed; the old process continues.
        """
        self._handle_signals()
        self._command_listener = inheritance.commands
        renamed = respell(inheritance.state)
        take_over, node = self.ownership.take_over, self.node
        await upgrade.adopt(inheritance, self.context, self.engine, take_over, node)
        self.context.store.open()  # not earlier: a failed upgrade must write nothing
        if node is not None and self.cluster is not None:
            node.go_on()
            self._supervisor.watch(self.cluster.task, "cluster")
        await self._adopt_visitors(inheritance)
        rooms.resume_empty_rooms(self.context)
        rooms.refresh_quotas(self.context)
        rooms.broadcast_renamed(self.context, renamed)
        await self._accept()

    async def _adopt_visitors(self, inheritance: Inheritance) -> None:
        """Go on with the connections that speak HTTP."""
        for visitor, connection in zip(
            inheritance.state.visitors, inheritance.visitors, strict=True
        ):
            port, door = self._internal, self._staff_door
            if not visitor.is_internal:
                port, door = self._public[visitor.listener], self._doors[visitor.listener]
            protocol = ProxiedConnection if visitor.awaits_proxy else HttpConnection
            peer = {} if visitor.awaits_proxy else {"peer": visitor.peer}
            await port.adopt(connection, protocol, door=door, resumed=visitor, **peer)

    def hold(self, *, public: bool) -> None:
        """Let new requests to the internal port wait, or those to the public ones."""
        for door in self._doors if public else [self._staff_door]:
            door.hold()

    def release(self) -> None:
        """Handle requests again."""
        for door in (*self._doors, self._staff_door):
            door.release()

    def visitors(self) -> list[Visitor]:
        """Return the connections that speak HTTP, the earliest deadline first."""
        found: list[Visitor] = []
        for number, door in enumerate((*self._doors, self._staff_door)):
            for connection in door.inside:
                state = connection.state()
                if state is not None:
                    state.listener = number
                    descriptor = connection.transport.get_extra_info("socket").fileno()
                    found.append(Visitor(state, descriptor))
        return sorted(found, key=lambda visitor: visitor.state.seconds_left or 0.0)

    def _handle_signals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._on_stop_signal)
        if self._member is not None:
            self._member.obey(self._loop, self._stop.set, self._stop_now.set)

    def _on_stop_signal(self) -> None:
        """Drain and stop; at the second signal, stop without draining further."""
        (self._stop_now if self._stop.is_set() else self._stop).set()

    async def _accept(self) -> None:
        """Accept connections of the internal port, and start the tasks beside the connections."""
        await self._begin(self._internal, self._listeners.internal, "internal port")
        self._supervisor.watch(self._network_lists.start(), "network lists")
        self._collector.start()
        self.context.store.attach(self._loop, self.reload.follow_store)
        self._upkeep.run()

    async def _begin(self, server: UvicornServer, listener: socket.socket, part: str) -> None:
        try:
            task = await server.begin(listener)
        except OSError as error:
            why = error.strerror or str(error)
            raise StartError(f"the {part}, {url_of(listener)}, does not accept: {why}") from error
        self._tasks.append(task)
        self._supervisor.watch(task, part)

    async def serve(self, watched: Sequence[Path] | None, started: Callable[[], object]) -> None:
        """Serve until a signal, a message of the staff or a failure stops the server.

        Args:
            watched: Settings files: a change of one of them, or of a handler, causes a reload. None
                to reload on request only.
            started: Called once everything accepts connections.

        Raises:
            StartError: A listener cannot be used.
        """
        reloading = self.reload.reloading_on_request(
            self._command_folder,
            watched,
            {
                "upgrade": self._upgrade,
                "reload all": self._reload_all,
                "health": self._health,
            },
            self._command_listener,
            self._supervisor.watch,
        )
        async with reloading as self._command_listener:
            for server, listener in zip(self._public, self._listeners.public, strict=True):
                await self._begin(server, listener, "public port")
            started()
            first, *more = map(url_of, self._listeners.public)
            self._log.info(
                "listening",
                url=first,
                **({"more": more} if more else {}),
                internal=url_of(self._listeners.internal),
                pid=os.getpid(),
            )
            self._watchdog = Watchdog(self._loop)
            notify("READY=1")
            await self._stop.wait()
            self._supervisor.release()

    async def _upgrade(self, answer: Answer) -> dict[str, Any]:
        return await self._old_process(self._listeners, self._command_listener, answer)

    async def _health(self, _answer: Answer) -> dict[str, Any]:
        """Return why this process is not what it should be, for the parent of several processes."""
        problem = self.readiness_problem()
        if problem is None and self.cluster is not None and not self.cluster.is_confirmed:
            problem = self.cluster.trouble or "it has yet to show itself to the other nodes"
        return {"problems": [problem]} if problem else {}

    async def _reload_all(self, _answer: Answer) -> dict[str, Any]:
        """Reload at all nodes of a cluster, for a command."""
        if self.cluster is None:
            return await self.reload.on_command()
        from fortepiano.server.reload_all import reload_all

        return await reload_all(self.cluster, self.reload, lambda: self.settings)

    def _is_quiet(self) -> bool:
        """Return whether no response is incomplete, and no message is deferred."""
        is_behind = self.engine.owner.deferred or len(self.context.waiting)
        if self.node is not None and not self.node.is_quiet:
            return False
        return not is_behind and not any(
            connection.is_owed
            for door in (*self._doors, self._staff_door)
            for connection in door.inside
        )

    async def drain(self) -> None:
        """Refuse new connections, and close all others."""
        self._network_lists.close()
        notify("STOPPING=1")
        self._log.info("stopping", connections=len(self.engine))
        if self._member is not None and not self._member.is_ordered:
            await self._leave_port()
        self._admission.is_draining = True
        if self.cluster is not None:
            await self.cluster.hand_rooms(self._stop_now)
        self.context.events.publish(STOPPING)
        self.context.directory.freeze(self.context.now())
        seconds = self.settings.limits.drain_seconds
        await drain(self.engine, self.context.outbound, seconds, self._stop_now)

    async def _leave_port(self) -> None:
        """Leave new connections to other processes; serve those that are still on their way."""
        await asyncio.sleep(_HAND_ON_SECONDS)  # the parent lets addresses choose others
        for server in self._public:
            server.stop_accepting()
        await asyncio.sleep(_HAND_ON_SECONDS)  # requests that are still to come

    async def stop(self) -> ExitStatus:
        """End the sites, tasks and timers beside the connections.

        Returns:
            The exit status: `BUG` if a part of the server has failed.
        """
        for server in (*self._public, self._internal):
            server.end()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.cluster is not None:
            # The next homes of this node's rooms read what it has written.
            await asyncio.to_thread(self.context.store.flush, _FLUSH_SECONDS)
            await self.cluster.close()
        self._upkeep.close()
        self._lag.close()
        self._collector.close()
        if self._watchdog is not None:
            self._watchdog.close()
        self.engine.close()
        self._log.info("stopped")
        return ExitStatus.BUG if self._supervisor.has_failed else ExitStatus.STOPPED

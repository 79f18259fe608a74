"""The new process's side of an upgrade; `old_process` describes the steps."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
import time
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from fortepiano import __version__
from fortepiano.config.section import UNIX
from fortepiano.errors import ChannelError, FortepianoError, ReloadError, StartError
from fortepiano.net.listeners import Listeners, closing_listeners
from fortepiano.store import DATABASE
from fortepiano.store.ownership import Handed
from fortepiano.store.sqlite import is_migrated
from fortepiano.upgrade import FORMAT, State, decode, restore
from fortepiano.upgrade.channel import Channel
from fortepiano.upgrade.messages import Going, Offer, Reply, problems_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from fortepiano.config import Settings
    from fortepiano.native import Engine, Link
    from fortepiano.protocol.context import Context
    from fortepiano.upgrade.node import UpgradableNode

__all__ = ["Inheritance", "NewProcess"]

_MESSAGE_SECONDS = 20.0

_INHERITANCE_SECONDS = 60.0
"""The time for the state to come. The old process waits for a quiet moment; without one it kills
this process."""


class Inheritance(NamedTuple):
    """Everything that the old process hands over.

    Attributes:
        state: The state of the server.
        listeners: Accept clients, and metrics and administration.
        commands: Accepts commands; None where another server accepts them.
        sockets: The clients' sockets, in the order of the state.
        visitors: The sockets of connections that speak HTTP, in the order of the state.
        bus: The connection of a node to the broker; None for none.
    """

    state: State
    listeners: Listeners
    commands: socket.socket | None
    sockets: list[socket.socket]
    visitors: list[socket.socket]
    bus: socket.socket | None = None


class NewProcess:
    """The new process's side of an upgrade: adopts everything that the old process hands over.

    Args:
        descriptor: The descriptor of the channel to the old process.

    Attributes:
        gets_changes: Whether the state will have the changes of the store since `check`, so that
            the store can be read before it comes; older versions do not send them.

    Raises:
        StartError: The descriptor is no socket.
    """

    def __init__(self, descriptor: int) -> None:
        try:
            connection = socket.socket(fileno=descriptor)
        except OSError:
            raise StartError("only a running server starts the one that takes over") from None
        os.set_inheritable(descriptor, False)
        self._channel = Channel(connection)
        self.gets_changes = False
        self._has_taken_over = False

    def refuse(self, error: BaseException) -> None:
        """Send the old process the reason why the upgrade fails."""
        is_ours = isinstance(error, FortepianoError)
        problems = str(error).splitlines() if is_ours else [f"the new version fails: {error!r}"]
        try:
            self._channel.send_message(Reply(problems=problems), _MESSAGE_SECONDS)
        except ChannelError:
            pass  # the old process has ended the upgrade itself
        finally:
            self._channel.close()

    def check(self, settings: Settings) -> Handed:
        """Check that this process can continue for the old one.

        Returns:
            What is needed to own what the old process owns.

        Raises:
            ReloadError: This process cannot continue with its version and these settings.
            ChannelError: The old process is gone.
        """
        offer = self._channel.receive_message(Offer, _MESSAGE_SECONDS)
        problems = problems_of(offer, settings, FORMAT, _node_format(settings))
        if not settings.store.url and not is_migrated(settings.data_dir / DATABASE):
            # Opening the database would migrate it, and the old process may have to continue.
            problems.append("the new version keeps its data in another form: restart instead")
        if problems:
            raise ReloadError(problems)
        self.gets_changes = offer.notes_changes
        return Handed(offer.lock, offer.lease)

    def report_ready(self) -> None:
        """Send the old process that this one only waits for the state.

        Raises:
            ChannelError: The old process is gone.
        """
        # Imported modules and what is stored never become garbage: a collection would visit them
        # during the pause.
        gc.collect()
        gc.freeze()
        ready = Reply(version=__version__, adopts_visitors=True, adopts_node=True)
        self._channel.send_message(ready, _MESSAGE_SECONDS)

    @contextlib.contextmanager
    def inheritance(self, settings: Settings) -> Generator[Inheritance]:
        """Wait for everything that the old process hands over; close its listeners at the end.

        Raises:
            ChannelError: The upgrade failed, or the state is not understood.
        """
        data, descriptors = self._channel.receive(_INHERITANCE_SECONDS)
        try:
            state = decode(data)
        except msgspec.MsgspecError as error:
            raise ChannelError(f"it is not understood: {error}") from error
        sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors]
        for inherited in sockets:
            inherited.setblocking(False)
        bus = sockets.pop() if state.has_bus else None
        links_at = len(sockets) - len(state.links)
        count = links_at - len(state.visitors)
        # Those of commands, if there is one, and the other public ones come after the first two.
        public, internal, *others = sockets[:count]
        split = len(others) - state.more_public
        commands = others[0] if split else None
        own = state.own_sockets
        if own is None:
            own = tuple(
                host for host in (settings.host, settings.internal_host) if host.startswith(UNIX)
            )
        listeners = Listeners((public, *others[split:]), internal, own)
        visitors, clients = sockets[count:links_at], sockets[links_at:]
        # Until then the old process may go on with them, and needs their files.
        with closing_listeners(listeners, lambda: self._has_taken_over):
            yield Inheritance(state, listeners, commands, clients, visitors, bus)

    async def adopt(
        self,
        inheritance: Inheritance,
        context: Context,
        engine: Engine,
        take_over: Callable[[], None],
        node: UpgradableNode | None = None,
    ) -> None:
        """Restore the old process's state, let that process end, and serve its clients.

        Args:
            inheritance: Everything that the old process hands over.
            context: The world, still empty.
            engine: All connections, still none.
            take_over: Called once the old process cannot continue any more.
            node: This server as a node of a cluster; None for a server alone.

        Raises:
            ChannelError: The upgrade failed; the old process continues.
        """
        descriptors = [client.fileno() for client in inheritance.sockets]
        links = restore(context, engine, inheritance.state, descriptors, node)
        self._channel.send_message(Reply(), _MESSAGE_SECONDS)
        going = self._channel.receive_message(Going, _MESSAGE_SECONDS)
        self._has_taken_over = True
        take_over()
        if node is not None:
            await node.connect(inheritance.bus)
        await _connect(links, inheritance.sockets)
        pause_ms = (time.monotonic_ns() - going.begun) / 1_000_000
        try:
            self._channel.send_message(Reply(pause_ms=pause_ms), _MESSAGE_SECONDS)
        except ChannelError:
            pass  # the old process has ended early, but its clients are here
        finally:
            self._channel.close()


def _node_format(settings: Settings) -> int:
    """Return the version of what this process would send to other nodes; 0 for a server alone."""
    if not settings.cluster.url:
        return 0
    from fortepiano.cluster.description import BUS_VERSION  # not for a server alone

    return BUS_VERSION


async def _connect(links: Sequence[Link], sockets: Sequence[socket.socket]) -> None:
    """Give each link a transport for its socket.

    All transports are made in one turn of the loop, and begin to read in the next one. So when the
    first message is handled, every connection can already be closed.
    """
    loop = asyncio.get_running_loop()

    def factory(link: Link) -> Callable[[], asyncio.BaseProtocol]:
        return lambda: link  # type: ignore[return-value]  # a BufferedProtocol by its methods

    outcomes = await asyncio.gather(
        *(
            loop.connect_accepted_socket(factory(link), client)
            for link, client in zip(links, sockets, strict=True)
        ),
        return_exceptions=True,
    )
    for link, client, outcome in zip(links, sockets, outcomes, strict=True):
        if isinstance(outcome, BaseException):
            link.connection_lost(None)
            client.close()

"""The old process's side of an upgrade.

1. The old process starts the new one, which gets ready beside it (`Offer`, `Reply`).
2. In one turn of its event loop, in which thus nothing is read or written, the old process hands
   over its sockets and its state. The new process restores the state (`Reply`).
3. The old process lets the new one serve the clients (`Going`, `Reply`), and ends.

The new process touches no socket before step 3. So if anything fails before, the old process kills
the new one and continues as if nothing had happened.
"""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import time
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, Protocol

from fortepiano.errors import ChannelError, ExitStatus, ReloadError, StoreError
from fortepiano.observe.logs import logger
from fortepiano.observe.program import TAKE_OVER, command, environment
from fortepiano.observe.systemd import notify
from fortepiano.upgrade import FORMAT, State, capture, encode
from fortepiano.upgrade.channel import Channel
from fortepiano.upgrade.messages import Going, Offer, Reply, fixed

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Generator, Sequence

    from fortepiano.config import Settings
    from fortepiano.native import Engine, Link
    from fortepiano.net.listeners import Listeners
    from fortepiano.net.visitor_state import VisitorState
    from fortepiano.protocol.context import Context
    from fortepiano.store.ownership import Handed, Ownership
    from fortepiano.store.record_kinds import Changes
    from fortepiano.upgrade.node import UpgradableNode

__all__ = ["OldProcess", "UpgradableServer", "Visitor"]

_MESSAGE_SECONDS = 20.0
_READY_SECONDS = 150.0
"""The time in which a new process reads the store; that of a command is 180 s."""

_RESTORE_SECONDS = 5.0
_STORE_SECONDS = 2.0

_QUIET_SECONDS = 1.0
"""How long to wait for a moment in which no response is incomplete. Staff wait all the while."""

_HOLD_SECONDS = 0.1
"""How long new requests to the public port wait at the end of that time."""

_POLL_SECONDS = 0.002

_INIT_PID = 1
"""The process id of a container's main process, whose end is the end of the container."""


class Visitor(NamedTuple):
    """A connection that speaks HTTP.

    Attributes:
        state: What the new process needs to go on with it.
        descriptor: Its socket.
    """

    state: VisitorState
    descriptor: int


class UpgradableServer(Protocol):
    """The parts of a server that an upgrade needs."""

    context: Context
    """The world and the ways to change it."""

    engine: Engine
    """All connections."""

    ownership: Ownership
    """The ownership of the data folder and the store."""

    @property
    def node(self) -> UpgradableNode | None:
        """This server as a node of a cluster; None for a server alone."""
        ...

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        ...

    @property
    def parent(self) -> int:
        """The descriptor of the channel to the parent of several processes; -1 for none."""
        ...

    def readiness_problem(self) -> str | None:
        """Return why the server should get no new clients now; None where it should."""
        ...

    def hold(self, *, public: bool) -> None:
        """Let new requests to the internal port wait, or those to the public port."""
        ...

    def release(self) -> None:
        """Handle requests again."""
        ...

    def visitors(self) -> list[Visitor]:
        """Return the connections that speak HTTP, the earliest deadline first."""
        ...


class OldProcess:
    """The running server's side of an upgrade: starts a new process and hands everything over.

    Args:
        server: The running server.
        is_quiet: Returns whether no response is incomplete, and no message is deferred.
    """

    def __init__(self, server: UpgradableServer, is_quiet: Callable[[], bool]) -> None:
        self._server = server
        self._is_quiet = is_quiet
        self._lock = asyncio.Lock()
        self._log = logger(__name__)

    async def __call__(
        self,
        listeners: Listeners,
        commands: socket.socket | None,
        answer: Callable[[dict[str, Any]], None],
    ) -> dict[str, Any]:
        """Start a new process and hand everything over to it; then this process ends.

        Args:
            listeners: The public and the internal listeners.
            commands: Accepts commands; None where another server accepts them.
            answer: Called with the result before this process ends.

        Returns:
            `problems`, if the upgrade failed; otherwise this process ends.
        """
        if self._lock.locked():
            return {"problems": ["an upgrade is under way already"]}
        async with self._lock:
            try:
                await self._hand_over(listeners, commands, answer)
            except Exception as error:
                why = error.problems if isinstance(error, ReloadError) else [_explained(error)]
                is_bug = not isinstance(error, (ChannelError, ReloadError, StoreError, OSError))
                self._log.error(
                    "not upgraded, this process goes on", why=list(why), exc_info=is_bug
                )
                return {"problems": list(why)}

    async def _hand_over(
        self,
        listeners: Listeners,
        commands: socket.socket | None,
        answer: Callable[[dict[str, Any]], None],
    ) -> NoReturn:
        if os.getpid() == _INIT_PID:
            raise ReloadError(["process 1 cannot leave: that ends its container; restart it"])
        self._log.info("upgrading")
        store, handed = self._server.context.store, self._server.ownership.handed()
        with ExitStack() as stack:
            changes = stack.enter_context(store.noting_changes())
            channel, process = stack.enter_context(_started(handed.lock, self._server.parent))
            ready = await self._prepared(channel, handed)
            await asyncio.to_thread(self._flush)
            stack.callback(self._release)
            links = await self._quiet_moment()
            # From here on the event loop does not run.
            begun = time.monotonic_ns()
            visitors = self._server.visitors() if ready.adopts_visitors else []
            state, bus = self._captured(links, visitors, changes)
            first, *more = listeners.public
            state.more_public, state.own_sockets = len(more), listeners.own
            ordered = (first, listeners.internal, commands, *more)
            descriptors = [listener.fileno() for listener in ordered if listener is not None]
            descriptors += [visitor.descriptor for visitor in visitors]
            descriptors += [link.fileno() for link in links]
            descriptors += [bus] if bus >= 0 else []
            channel.send(encode(state), descriptors, _RESTORE_SECONDS)
            restored = channel.receive_message(Reply, _RESTORE_SECONDS)
            if restored.problems:
                raise ReloadError(restored.problems)
            channel.send_message(Going(begun), _RESTORE_SECONDS)
            notify(f"MAINPID={process.pid}")
            self._end_process(channel, process.pid, ready.version, answer)

    async def _prepared(self, channel: Channel, handed: Handed) -> Reply:
        """Wait until the new process is ready, which may have to read a large store first."""
        settings = self._server.settings
        # A store in memory is handed over as a whole.
        notes_changes = settings.store.url != "memory:"
        node = self._server.node
        node_format = 0 if node is None else node.format
        offer = Offer(FORMAT, fixed(settings), notes_changes, *handed, node_format=node_format)
        await asyncio.to_thread(channel.send_message, offer, _MESSAGE_SECONDS)
        ready = await asyncio.to_thread(channel.receive_message, Reply, _READY_SECONDS)
        if ready.problems:
            raise ReloadError(ready.problems)
        if self._server.node is not None and not ready.adopts_node:
            raise ReloadError([f"{ready.version} cannot go on as a node of a cluster: restart it"])
        return ready

    def _release(self) -> None:
        """Go on as if nothing had happened."""
        if self._server.node is not None:
            self._server.node.let_go()
        self._server.release()

    def _captured(
        self, links: Sequence[Link], visitors: Sequence[Visitor], changes: Callable[[], Changes]
    ) -> tuple[State, int]:
        """Return the state of the server, whose changes are all stored.

        The second value is the descriptor of a node's connection to the broker; -1 for none.
        """
        server, node = self._server, self._server.node
        if node is not None:
            node.flush()
        server.context.waiting.flush()
        problem = server.readiness_problem() or (node.problem() if node is not None else None)
        if problem is not None:
            raise ReloadError([problem])
        self._flush()
        return capture(
            server.context,
            links,
            with_store=server.settings.store.url == "memory:",
            changes=changes(),
            visitors=[visitor.state for visitor in visitors],
            node=node,
        )

    def _flush(self) -> None:
        if not self._server.context.store.flush(_STORE_SECONDS):
            raise ReloadError(["the store does not take writes"])

    async def _quiet_moment(self) -> list[Link]:
        """Return all links at a moment in which none is being closed.

        Prefer a moment in which no response is incomplete either, if there is one soon. Each look
        comes from a timer: so connections that were just accepted have their protocols.
        """
        engine = self._server.engine
        deadline = time.monotonic() + _QUIET_SECONDS
        self._server.hold(public=False)
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            engine.flush()  # may find that a peer is gone
            links = engine.connections()
            is_whole = all(link.fileno() >= 0 for link in links)
            if time.monotonic() > deadline - _HOLD_SECONDS:
                self._server.hold(public=True)
            is_late = time.monotonic() > deadline
            is_moment = is_whole and (is_late or self._is_quiet())
            if self._is_node_ready(is_moment=is_moment):
                return links
            if is_late and time.monotonic() > deadline + _QUIET_SECONDS:
                why = "in which no connection is being closed, and the broker owes no answer"
                raise ReloadError([f"there is no moment {why}"])

    def _is_node_ready(self, *, is_moment: bool) -> bool:
        """Return whether a node of a cluster, if this is one, may be handed over now.

        From the first good moment on the node asks nothing new. So it is ready soon.
        """
        node = self._server.node
        if node is None or not is_moment:
            if node is not None:
                node.let_go()
            return is_moment
        node.hold()
        if not node.is_idle:
            node.send_kept()
        return node.is_idle

    def _end_process(
        self, channel: Channel, pid: int, version: str, answer: Callable[[dict[str, Any]], None]
    ) -> NoReturn:
        """End this process in this turn of its loop: the connections belong to the new process."""
        count = len(self._server.engine)
        result: dict[str, Any] = {"pid": pid, "version": version, "connections": count}
        try:
            result["pause_ms"] = channel.receive_message(Reply, _RESTORE_SECONDS).pause_ms
            self._log.info("upgraded", **result)
        except ChannelError as error:
            problem = f"process {pid} has taken over and does not serve: {error}; see its log"
            result = {"problems": [problem]}
            self._log.error("upgraded, and nobody serves", why=problem)
        self._server.ownership.hand_over()
        with suppress(StoreError):
            self._server.context.store.close()
        answer(result)
        logging.shutdown()
        # A normal exit would close the connections and broadcast that every participant has left.
        os._exit(ExitStatus.STOPPED)


@contextmanager
def _started(*inherited: int) -> Generator[tuple[Channel, subprocess.Popen[bytes]]]:
    """Start the new process; kill it when the context ends, unless this process ends first.

    Args:
        inherited: Further descriptors that the new process inherits; -1 for none.
    """
    channel, other_end = Channel.pair()
    try:
        with other_end:
            descriptor = other_end.fileno()
            process = subprocess.Popen(  # noqa: S603 - this process's own command line
                [*command(), TAKE_OVER, str(descriptor)],
                env=environment(),
                pass_fds=[number for number in (descriptor, *inherited) if number >= 0],
            )
        try:
            yield channel, process
        finally:
            process.kill()
            process.wait()
    finally:
        channel.close()


def _explained(error: Exception) -> str:
    is_expected = isinstance(error, (ChannelError, StoreError, OSError))
    return f"the new process cannot take over: {error if is_expected else repr(error)}"

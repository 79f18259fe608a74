"""The new process of an upgrade, as the running server sees it.

It is started and gets ready beside the server. Then, in one step of the event loop, which thus
neither reads nor writes, the server hands over its sockets and what it knows. Until the new process
says that it has it all, and is told to go on, it touches nothing; so whatever goes wrong before
that, it is killed and the server goes on as if nothing had been.
"""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from fortepiano.errors import ChannelError, ExitStatus, ReloadError, StoreError
from fortepiano.observe.logs import logger
from fortepiano.observe.systemd import notify
from fortepiano.upgrade import FORMAT, capture, encode
from fortepiano.upgrade.channel import Channel
from fortepiano.upgrade.messages import Going, Offer, Reply, fixed

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Generator, Sequence

    from fortepiano.config import Settings
    from fortepiano.native import Engine, Link
    from fortepiano.protocol.context import Context

__all__ = ["TAKE_OVER", "OldProcess", "UpgradableServer"]

TAKE_OVER = "--take-over"
"""The option by which a new process is told of the channel to the server it goes on for."""

_READY_SECONDS = 20.0
_TAKEN_SECONDS = 5.0
_STORE_SECONDS = 2.0

_QUIET_SECONDS = 1.0
"""How long a moment is waited for in which nobody is in the middle of loading a page."""

_LOOK_SECONDS = 0.002

_FIRST = 1
"""The process whose end is the end of its container."""


class UpgradableServer(Protocol):
    """Everything that a server hands over."""

    context: Context
    """The world and the ways to change it."""

    engine: Engine
    """All connections."""

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        ...

    def readiness_problem(self) -> str | None:
        """Return why this server cannot be relied on now; None where all is well."""
        ...


class OldProcess:
    """The running server's side of an upgrade: starts a new process and hands everything over.

    Args:
        server: The running server.
        is_quiet: Whether no request for a page, and no handshake, is half done.
    """

    def __init__(self, server: UpgradableServer, is_quiet: Callable[[], bool]) -> None:
        self._server = server
        self._is_quiet = is_quiet
        self._lock = asyncio.Lock()
        self._log = logger(__name__)

    async def __call__(
        self, listeners: Sequence[socket.socket | None], answer: Callable[[dict[str, Any]], None]
    ) -> dict[str, Any]:
        """Start a new process and leave everything to it.

        Args:
            listeners: Where connections come in.
            answer: Tells that it is done, before this process ends.

        Returns:
            What is wrong, as `problems`; where all is well this process ends.
        """
        if self._lock.locked():
            return {"problems": ["an upgrade is under way already"]}
        async with self._lock:
            try:
                await self._hand_over(listeners, answer)
            except (ChannelError, ReloadError, StoreError, OSError) as error:
                told = error.problems if isinstance(error, ReloadError) else [_explained(error)]
                self._log.error("not upgraded, this process goes on", why=list(told))
                return {"problems": list(told)}

    async def _hand_over(
        self, listeners: Sequence[socket.socket | None], answer: Callable[[dict[str, Any]], None]
    ) -> NoReturn:
        if os.getpid() == _FIRST:
            raise ReloadError(["process 1 cannot leave: that ends its container; restart it"])
        self._log.info("upgrading")
        with _started(_command()) as (channel, process):
            settings = self._server.settings
            await asyncio.to_thread(
                channel.send_message, Offer(FORMAT, fixed(settings)), _READY_SECONDS
            )
            ready = await asyncio.to_thread(channel.receive_message, Reply, _READY_SECONDS)
            if ready.problems:
                raise ReloadError(ready.problems)
            await asyncio.to_thread(self._flush)
            links = await self._quiet_moment()
            # From here on the loop does not turn.
            begun = time.monotonic_ns()
            problem = self._server.readiness_problem()
            if problem is not None:
                raise ReloadError([problem])
            self._flush()
            with_store = settings.store.url == "memory:"
            state = capture(self._server.context, links, with_store=with_store)
            sockets = [-1 if one is None else one.fileno() for one in listeners]
            given = [one for one in sockets if one >= 0] + [link.fileno() for link in links]
            channel.send(encode(state), given, _TAKEN_SECONDS)
            taken = channel.receive_message(Reply, _TAKEN_SECONDS)
            if taken.problems:
                raise ReloadError(taken.problems)
            channel.send_message(Going(begun), _TAKEN_SECONDS)
            notify(f"MAINPID={process.pid}")
            self._leave(channel, process.pid, ready.version, answer)

    def _flush(self) -> None:
        if not self._server.context.store.flush(_STORE_SECONDS):
            raise ReloadError(["the store does not take writes"])

    async def _quiet_moment(self) -> list[Link]:
        """Return all links when none is being closed and, if that comes soon, all is quiet."""
        engine = self._server.engine
        deadline = time.monotonic() + _QUIET_SECONDS
        while True:
            engine.flush()  # which may find that somebody is gone
            links = engine.connections()
            is_whole = all(link.fileno() >= 0 for link in links)
            is_late = time.monotonic() > deadline
            if is_whole and (is_late or self._is_quiet()):
                return links
            if is_late and time.monotonic() > deadline + _QUIET_SECONDS:
                raise ReloadError(["there is no moment in which no connection is being closed"])
            await asyncio.sleep(_LOOK_SECONDS)

    def _leave(
        self, channel: Channel, pid: int, version: str, answer: Callable[[dict[str, Any]], None]
    ) -> NoReturn:
        """End this process, without a turn of its loop: the connections are another's now."""
        count = len(self._server.engine)
        told: dict[str, Any] = {"pid": pid, "version": version, "connections": count}
        try:
            told["pause_ms"] = channel.receive_message(Reply, _TAKEN_SECONDS).pause_ms
            self._log.info("upgraded", **told)
        except ChannelError as error:
            problem = f"process {pid} has taken over and does not serve: {error}; see its log"
            told = {"problems": [problem]}
            self._log.error("upgraded, and nobody serves", why=problem)
        with suppress(StoreError):
            self._server.context.store.close()
        answer(told)
        logging.shutdown()
        # The usual way out would close the connections, and tell everybody that everybody has left.
        os._exit(ExitStatus.STOPPED)


def _command() -> list[str]:
    """Return the command line of this process, but for what told it of its own predecessor."""
    arguments = sys.argv[1:]
    if TAKE_OVER in arguments:
        del arguments[arguments.index(TAKE_OVER) :]
    return [sys.executable, "-m", "fortepiano", *arguments, TAKE_OVER]


@contextmanager
def _started(command: Sequence[str]) -> Generator[tuple[Channel, subprocess.Popen[bytes]]]:
    """Start the new process; it is killed unless this one ends first."""
    channel, theirs = Channel.pair()
    try:
        with theirs:
            given = theirs.fileno()
            # The signs of life that systemd waits for are the new process's then.
            own = {name: text for name, text in os.environ.items() if name != "WATCHDOG_PID"}
            process = subprocess.Popen(  # noqa: S603 - our own command line
                [*command, str(given)], env=own, pass_fds=[given]
            )
        try:
            yield channel, process
        finally:
            process.kill()
            process.wait()
    finally:
        channel.close()


def _explained(error: Exception) -> str:
    return f"the new process cannot take over: {error}"

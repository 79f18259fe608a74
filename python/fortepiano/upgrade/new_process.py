"""The server that a new process goes on for, as the new process sees it."""

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
from fortepiano.errors import ChannelError, FortepianoError, ReloadError, StartError
from fortepiano.net.listeners import closing_listener
from fortepiano.store import DATABASE
from fortepiano.store.sqlite import is_migrated
from fortepiano.upgrade import FORMAT, State, decode, restore
from fortepiano.upgrade.channel import Channel
from fortepiano.upgrade.messages import Going, Offer, Reply, problems_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from fortepiano.config import Settings
    from fortepiano.native import Engine, Link
    from fortepiano.protocol.context import Context

__all__ = ["Inheritance", "NewProcess"]

_GREETING_SECONDS = 20.0

_INHERITANCE_SECONDS = 60.0
"""It waits for a quiet moment; where there is none, this process is killed."""

_LISTENERS = 2
"""The public and the internal one; that of commands comes third, if it is there."""


class Inheritance(NamedTuple):
    """What another server leaves.

    Attributes:
        state: What it knew.
        public: Where its clients come in.
        internal: Where those who run it come in.
        commands: Where commands come in; None where they go to another server.
        sockets: Its clients' sockets, in the order of the state.
    """

    state: State
    public: socket.socket
    internal: socket.socket
    commands: socket.socket | None
    sockets: list[socket.socket]


class NewProcess:
    """The running server.

    Args:
        descriptor: The channel to it.

    Raises:
        StartError: There is no channel there.
    """

    def __init__(self, descriptor: int) -> None:
        try:
            connection = socket.socket(fileno=descriptor)
        except OSError:
            raise StartError("only a running server starts the one that takes over") from None
        os.set_inheritable(descriptor, False)
        self._channel = Channel(connection)

    def refuse(self, error: BaseException) -> None:
        """Say why nothing comes of it."""
        is_ours = isinstance(error, FortepianoError)
        problems = str(error).splitlines() if is_ours else [f"the new version fails: {error!r}"]
        try:
            self._channel.send_message(Reply(problems=problems), _GREETING_SECONDS)
        except ChannelError:
            pass  # it has given up, and knows why
        finally:
            self._channel.close()

    def prepare(self, settings: Settings) -> None:
        """Say that this process is ready.

        Raises:
            ReloadError: It cannot go on for that server with these settings.
            ChannelError: The server is gone.
        """
        offer = self._channel.receive_message(Offer, _GREETING_SECONDS)
        problems = problems_of(offer, settings, FORMAT)
        if not settings.store.url and not is_migrated(settings.data_dir / DATABASE):
            # It would be changed under a server that may have to go on with it.
            problems.append("the new version keeps its data in another form: restart instead")
        if problems:
            raise ReloadError(problems)
        self._channel.send_message(Reply(version=__version__), _GREETING_SECONDS)

    @contextlib.contextmanager
    def inheritance(self, settings: Settings) -> Generator[Inheritance]:
        """Wait for what the server leaves, and keep it.

        Raises:
            ChannelError: The server goes on itself, or is not understood.
        """
        # What is imported stays; a collection would look at all of it while nobody is served.
        gc.collect()
        gc.freeze()
        gc.disable()
        data, descriptors = self._channel.receive(_INHERITANCE_SECONDS)
        try:
            state = decode(data)
        except msgspec.MsgspecError as error:
            raise ChannelError(f"it is not understood: {error}") from error
        sockets = [socket.socket(fileno=one) for one in descriptors]
        for one in sockets:
            one.setblocking(False)
        count = len(sockets) - len(state.links)
        listeners, clients = sockets[:count], sockets[count:]
        commands = listeners[_LISTENERS] if count > _LISTENERS else None
        with (
            closing_listener(listeners[0], settings.host),
            closing_listener(listeners[1], settings.internal_host),
        ):
            yield Inheritance(state, listeners[0], listeners[1], commands, clients)

    async def adopt(self, inheritance: Inheritance, context: Context, engine: Engine) -> None:
        """Be what the server was, have it leave, and serve its clients.

        Raises:
            ChannelError: The server goes on itself.
        """
        sockets = [one.fileno() for one in inheritance.sockets]
        links = restore(context, engine, inheritance.state, sockets)
        self._channel.send_message(Reply(), _GREETING_SECONDS)
        going = self._channel.receive_message(Going, _GREETING_SECONDS)
        await _adopt(links, inheritance.sockets)
        pause_ms = (time.monotonic_ns() - going.begun) / 1_000_000
        try:
            self._channel.send_message(Reply(pause_ms=pause_ms), _GREETING_SECONDS)
        except ChannelError:
            pass  # it has ended before its time; its clients are here
        finally:
            self._channel.close()


async def _adopt(links: Sequence[Link], sockets: Sequence[socket.socket]) -> None:
    """Let the loop serve sockets.

    All transports are made in one turn of the loop, and begin to read in the next: by the time that
    the first message is handled, every connection can be closed.
    """
    loop = asyncio.get_running_loop()

    def made(link: Link) -> Callable[[], asyncio.BaseProtocol]:
        return lambda: link  # type: ignore[return-value]  # a BufferedProtocol by its methods

    outcomes = await asyncio.gather(
        *(
            loop.connect_accepted_socket(made(link), one)
            for link, one in zip(links, sockets, strict=True)
        ),
        return_exceptions=True,
    )
    for link, one, outcome in zip(links, sockets, outcomes, strict=True):
        if isinstance(outcome, BaseException):
            link.connection_lost(None)
            one.close()

"""Types of the Cython link (ext/_link.pyx)."""

import asyncio
from collections.abc import Callable
from typing import Any, final

from fortepiano._core import Hub

@final
class Engine:
    """Drives a hub on an event loop: reads, flushes at the end of a turn, carries out verdicts.

    Args:
        hub: The hub; the engine keeps it alive.
        loop: A loop with `add_reader` (uvloop).
        receive: Called with a link's session and one message (a JSON object, strict UTF-8) that
            Python handles. Messages of one connection come in order. It must not raise.
        receive_binary: Called like `receive` with a binary message; None ignores them.
        ended: Called exactly once with a link's session when the connection ends in any way.
    """

    owner: Hub
    """The hub."""

    def __init__(
        self,
        hub: Hub,
        loop: asyncio.AbstractEventLoop,
        receive: Callable[[Any, bytes], object],
        ended: Callable[[Any], object],
        receive_binary: Callable[[Any, bytes], object] | None = None,
    ) -> None: ...
    def rebind(
        self,
        receive: Callable[[Any, bytes], object],
        ended: Callable[[Any], object],
        receive_binary: Callable[[Any, bytes], object] | None = None,
    ) -> None:
        """Calls these from now on instead of those it was made with."""

    def close(self) -> None:
        """Stops watching the hub's descriptor."""

    def open(self, transport: asyncio.BaseTransport, data: bytes) -> Link:
        """Takes a connection over from HTTP.

        From here on everything is written by the hub, straight to the socket: the transport's own
        write buffer must be empty and stay unused.

        Args:
            transport: The connection's transport.
            data: The first bytes to send: the answer to the upgrade request.
        """

    def adopt(self, client: int) -> Link:
        """Makes a link of a connection that the hub has taken over from another process.

        It is to be the protocol of a transport that is made for its socket.
        """

    def connections(self) -> list[Link]:
        """All links, including those that are closing."""

    def __len__(self) -> int:
        """The number of links."""

    def flush(self) -> None:
        """Sends what is owed, as a turn has time for it, and carries out the hub's verdicts."""

    def wake(self) -> None:
        """Handles what the hub's descriptor reports: its timer, sockets that take bytes again."""

@final
class Link:
    """One connection: the protocol object that the event loop calls (asyncio.BufferedProtocol).

    DANGER: `get_buffer` hands out the one receive buffer that all links share. It is valid until
    the next call of any link, which holds because the loop reads and calls `buffer_updated` in one
    go.
    """

    client: int
    """The connection's number in the hub."""
    session: Any
    """What `receive` and `ended` are called with; None before and after."""

    def __init__(self) -> None: ...
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Takes the transport of a connection that came from another process."""

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the loop reads to."""

    def buffer_updated(self, nbytes: int) -> None:
        """Handles what was read."""

    def eof_received(self) -> bool:
        """Lets the transport close: nobody plays on half a connection."""

    def pause_writing(self) -> None:
        """Does nothing: the transport writes nothing."""

    def resume_writing(self) -> None:
        """Does nothing: the transport writes nothing."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends the session, if it has not ended yet, and forgets the connection."""

    def feed(self, data: bytes) -> None:
        """Handles bytes that came behind the upgrade request."""

    def close(self, code: int, reason: str = "") -> None:
        """Ends the session and closes the connection with a code (see `errors.CloseCode`)."""

    def abort(self) -> None:
        """Drops the connection at once."""

    def fileno(self) -> int:
        """The descriptor of its socket; -1 where it is being closed."""

"""The Cython links between an event loop and the hub (ext/_link.pyx)."""

import asyncio
from collections.abc import Callable
from typing import Any, Final, final

from fortepiano._core import Hub

@final
class Engine:
    """Drives a hub on an event loop: reads, flushes at the end of a turn, applies close orders.

    Args:
        hub: The hub; the engine keeps it alive.
        loop: A loop with `add_reader` (uvloop).
        receive: Called with a link's session and one cold message (a JSON object, strict UTF-8).
            Messages of one connection come in order. It must not raise.
        ended: Called exactly once with a link's session when the connection ends in any way.
        receive_binary: Called like `receive` with a binary message; None to ignore these.
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
        """Replace the functions that the engine calls.

        Args:
            receive: As in the constructor.
            ended: As in the constructor.
            receive_binary: As in the constructor.
        """

    def close(self) -> None:
        """Stop watching the hub's descriptor."""

    def open(self, transport: asyncio.BaseTransport, data: bytes) -> Link:
        """Make a link of a connection that spoke HTTP.

        From now on the hub writes directly to the socket: the transport's own write buffer must be
        empty and stay unused.

        Args:
            transport: The connection's transport.
            data: The first bytes to send: the answer to the handshake.
        """

    def adopt(self, client: int) -> Link:
        """Make a link of a client that the hub has adopted from another process.

        The caller makes a transport for the socket, with the link as its protocol.

        Args:
            client: The client's number.
        """

    def connections(self) -> list[Link]:
        """Return all links, including those that are closing."""

    def __len__(self) -> int:
        """Return the number of links."""

    def flush(self) -> None:
        """Send queued frames within the budget of a turn, and apply the hub's close orders."""

    def wake(self) -> None:
        """Handle the events of the hub's descriptor: its timer, and sockets that can be written."""

@final
class Link:
    """One connection: the protocol object that the event loop calls (asyncio.BufferedProtocol).

    DANGER: `get_buffer` returns the one receive buffer of all links. The buffer is valid until the
    next call of any link. That is long enough, because the loop reads and then calls
    `buffer_updated` without a call of another link in between.
    """

    client: int
    """The client's number in the hub."""
    session: Any
    """The argument of `receive` and `ended`; None before the session begins and after it ends."""

    def __init__(self) -> None: ...
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport of a connection that was adopted from another process.

        Args:
            transport: The transport.
        """

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return the buffer into which the loop reads.

        Args:
            sizehint: Ignored.
        """

    def buffer_updated(self, nbytes: int) -> None:
        """Handle the bytes that were read into the buffer.

        Args:
            nbytes: The number of bytes.
        """

    def eof_received(self) -> bool:
        """Return False, so that the transport closes: a client needs both directions."""

    def pause_writing(self) -> None:
        """Do nothing: nothing is written through the transport."""

    def resume_writing(self) -> None:
        """Do nothing: nothing is written through the transport."""

    def connection_lost(self, exc: Exception | None) -> None:
        """End the session, if it has not ended yet, and forget the connection.

        Args:
            exc: Ignored.
        """

    def feed(self, data: bytes) -> None:
        """Handle bytes that came after the handshake in the same read.

        Args:
            data: The bytes.
        """

    def close(self, code: int, reason: str = "") -> None:
        """End the session and close the connection.

        Args:
            code: The close code; see `model.close_codes.CloseCode`.
            reason: The reason, cut to 123 bytes of UTF-8; empty for the meaning of the code.
        """

    def abort(self) -> None:
        """Drop the connection at once, without a close frame."""

    def fileno(self) -> int:
        """Return the descriptor of the socket; -1 where it is being closed."""

@final
class BusLink:
    """The connection to the broker, as the event loop calls it (asyncio.BufferedProtocol).

    Published messages go to the hub; after each flush the hub's own are sent. Events have the same
    share of a turn as messages of clients; those beyond it wait. One object is used for one
    connection after the other. While there is none, and before `publish`, what the hub publishes
    is dropped.

    DANGER: `get_buffer` returns a buffer that is valid until the next call.

    Args:
        engine: The engine of the hub.
        receive: Called with each event of the hub (see `Hub.receive_publication`). It must not
            raise.
        answer: Called with everything else, as a tuple of a kind and a value: `("reply", value)`,
            `("error", text)`, `("subscribed", channel)`, `("unsubscribed", channel)`, `("beat",
            text)`, `("broken", reason)`, `("full",)` with more than 8 MiB unsent. It must not
            raise. Texts of replies are bytes, arrays tuples and maps dicts. Answers to `PUBLISH`
            are only counted.
        lost: Called with None or an error when the connection has ended.
    """

    def __init__(
        self,
        engine: Engine,
        receive: Callable[[tuple[Any, ...]], object],
        answer: Callable[[tuple[Any, ...]], object],
        lost: Callable[[Exception | None], object],
    ) -> None: ...
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin with another connection.

        Args:
            transport: The transport.
        """

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return the buffer into which the loop reads.

        Args:
            sizehint: Ignored.
        """

    def buffer_updated(self, nbytes: int) -> None:
        """Handle the bytes that were read into the buffer.

        Args:
            nbytes: The number of bytes.
        """

    def eof_received(self) -> bool:
        """Return False, so that the transport closes."""

    def pause_writing(self) -> None:
        """Report that too much is unsent."""

    def resume_writing(self) -> None:
        """Do nothing: a connection with too much unsent is dropped."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Report that the connection has ended.

        Args:
            exc: The error; None if the broker, or this node, closed the connection.
        """

    is_behind: Final[bool]
    """Whether events wait for a later turn of the loop, which nothing new is read before."""

    @property
    def is_open(self) -> bool:
        """Whether there is a connection."""

    def resume(self) -> None:
        """Go on with the events that wait; called by the loop."""

    def publish(self) -> None:
        """Send what the hub publishes from now on; what it published before is dropped."""

    def send(self, *parts: bytes) -> None:
        """Send a command, behind what the hub has published.

        Args:
            parts: The name of the command, and its arguments.
        """

    def beat(self, channel: bytes, text: bytes) -> None:
        """Publish a message that comes back as a beat, behind what the hub has published.

        Args:
            channel: The name of the channel.
            text: The text of the beat.
        """

    def abort(self) -> None:
        """Drop the connection at once."""

    def stats(self) -> dict[str, int]:
        """Return the counters of all connections.

        Messages that were `published`, and `published_bytes`; those that were `dropped` and those
        that were `unheard`; `received` and `received_bytes`.
        """

    def hold(self) -> None:
        """Keep what is to be sent, until `let_go`: another process may send it."""

    def let_go(self) -> None:
        """Send what was kept, and send everything at once again."""

    def fileno(self) -> int:
        """Return the descriptor of the socket, for another process; -1 if it cannot go on with it.

        That is so before `hold`, while bytes from before wait in the transport, and with TLS.
        """

    def pack(self) -> dict[str, Any]:
        """Return what another process needs to go on with the connection; nothing changes here."""

    def restore(self, packed: dict[str, Any]) -> None:
        """Go on, with the next transport, where the connection of another process was.

        Args:
            packed: The result of `pack`.
        """

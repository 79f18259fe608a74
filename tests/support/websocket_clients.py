"""WebSocket clients that remember, in order, everything they received."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from support import grammar
from support.grammar import units
from support.raw_peer import RawPeer, reset_on_close
from support.server import Server

__all__ = [
    "PATIENCE",
    "Client",
    "Clients",
    "ClientsFactory",
    "Message",
    "events",
    "new_address",
    "new_room",
    "units",
]

Message = dict[str, Any]

PATIENCE = 10.0
"""Seconds to wait for a message that must come; only a failing test ever waits that long."""

_numbers = itertools.count(1_000)
"""Numbers that no test uses: of rooms, addresses, and times that `received` asks for."""


def new_room() -> str:
    """Return a room name that no other test uses."""
    return f"room {next(_numbers)}"


def new_address() -> str:
    """Return a loopback address that no other test uses: one user, who can come back."""
    number = next(_numbers)
    return f"127.{1 + number // 62_500}.{number // 250 % 250}.{1 + number % 250}"


class Client:
    """One WebSocket connection of one user.

    Messages are read when a test asks for them. `expect`, `frame` and `received` go forward through
    the messages and never back. A test that asks for A and then for B also asserts their order.

    Attributes:
        log: All messages received so far, in order.
        frames: The same messages, one list for each WebSocket frame.
        texts: The text frames as they came.
        binaries: The binary frames.
        user: The user as the `hi` reply has it.
        room: The room that the client joined last.
        address: The loopback address it connects from, or `None` for 127.0.0.1.
        server: The server that it uses.
        node: The node of that server that it is connected to.
        preset: The rules of the server.
        custom_notes: Whether the server passes notes with names that no key has.
    """

    def __init__(
        self,
        connection: ClientConnection,
        address: str | None,
        server: Server,
        node: Server,
    ) -> None:
        """Wrap an open connection; see `Clients.enter`."""
        self.connection = connection
        self.address = address
        self.server = server
        self.node = node
        self.preset = server.preset
        self.custom_notes = server.custom_notes
        self.log: list[Message] = []
        self.frames: list[list[Message]] = []
        self.texts: list[str] = []
        self.binaries: list[bytes] = []
        self.user: Message = {}
        self.room = ""
        self._frame_of: list[int] = []
        self._next = 0

    @classmethod
    async def open(
        cls,
        server: Server,
        *,
        path: str = "/ws",
        address: str | None = None,
        agent: str | None = None,
        node: Server | None = None,
    ) -> Client:
        """Connect, and wait for the `b` that every connection begins with.

        Args:
            server: The server.
            path: The path of the request.
            address: The loopback address to connect from.
            agent: The User-Agent.
            node: The node to connect to; the server's next one, if not given.
        """
        node = node or server.next_node()
        connection = await connect(
            node.ws_url + path,
            compression=None,
            proxy=None,
            ping_interval=None,
            max_size=None,
            max_queue=None,
            local_addr=(address, 0) if address else None,
            user_agent_header=agent,
        )
        client = cls(connection, address, server, node)
        await client.expect("b")
        return client

    @property
    def id(self) -> str:
        """The id of the user, which is also that of its participant in every room."""
        return str(self.user["_id"])

    async def send(self, *messages: Any) -> None:
        """Send `messages` as one frame.

        A request for the list of rooms waits first until all nodes know what has been done.
        """
        if {"m": "+ls"} in messages:
            await self.server.barrier(for_lists=True)
        await self.connection.send(json.dumps(messages))

    async def send_raw(self, frame: str | bytes) -> None:
        """Send one frame as it is: text for `str`, binary for `bytes`."""
        await self.connection.send(frame)

    async def hello(self, **fields: Any) -> Message:
        """Send `hi` with these fields and return the reply."""
        await self.send({"m": "hi"} | fields)
        return await self.expect_hi()

    async def expect_hi(self) -> Message:
        """Return the next reply to a `hi`, which must be the frame that the preset prescribes."""
        reply, *_ = await self.frame(*self._greeting)
        self.user = reply["u"]
        return reply

    @property
    def _greeting(self) -> list[str]:
        return ["hi", "nq"] if self.preset.greets_with_quota else ["hi"]

    async def assert_silent_until_hi(self) -> None:
        """Send `hi`, and assert that nothing but `b` came before the reply."""
        await self.hello()
        assert [message["m"] for message in self.log] == ["b", *self._greeting], self.log

    async def join(self, room: str, settings: Message | None = None) -> Message:
        """Join `room` and return the `ch` that describes it."""
        await self.send({"m": "ch", "_id": room} | ({"set": settings} if settings else {}))
        return await self.joined()

    async def joined(self) -> Message:
        """Return the `ch` of the next frame that answers a join, skipping all other frames."""
        while True:
            reply = await self.expect("ch")
            frame = self.frames[self._frame_of[self._next - 1]]
            if [message["m"] for message in frame] == ["ch", "c", "nq"]:
                self._next += 2
                self.room = reply["ch"]["_id"]
                return reply

    async def expect(
        self,
        m: str,
        *,
        where: Callable[[Message], bool] | None = None,
        within: float = PATIENCE,
    ) -> Message:
        """Return the next message named `m`, skipping all others.

        Args:
            m: The name of the message.
            where: A further condition.
            within: Seconds to wait.

        Raises:
            AssertionError: No such message came, or the connection closed.
        """
        start = self._next
        try:
            async with asyncio.timeout(within):
                while True:
                    while self._next == len(self.log):
                        await self._receive()
                    message = self.log[self._next]
                    self._next += 1
                    if message["m"] == m and (where is None or where(message)):
                        return message
        except (TimeoutError, ConnectionClosed) as cause:
            received = self.log[start:]
            raise AssertionError(f"{cause!r} instead of {m!r}; received {received!r}") from None

    @property
    def last_frame(self) -> list[Message]:
        """The frame with the message that `expect` returned last."""
        return self.frames[self._frame_of[self._next - 1]]

    async def frame(self, *names: str) -> list[Message]:
        """Return the next frame that begins with `names[0]`, which must hold exactly `names`."""
        await self.expect(names[0])
        number = self._frame_of[self._next - 1]
        frame = self.frames[number]
        assert [message["m"] for message in frame] == list(names), frame
        assert frame[0] is self.log[self._next - 1], frame
        self._next += len(frame) - 1
        return frame

    async def received(self, *, is_settled: bool = False) -> list[Message]:
        """Return all messages sent to this client until now that no call has returned yet.

        The server answers a `t` after everything it sent before, so this need not wait. Call it on
        another client first to be sure that the effects of that client's messages are here. The
        server answers a `t` only after `hi`. Where there are several nodes, each answers a `t` by
        itself. So there a barrier follows, and a second `t`, unless `is_settled`: the caller has
        just waited for a barrier.
        """
        start, echoes = self._next, [await self._echo()]
        if not is_settled and await self.server.barrier():
            echoes.append(await self._echo())
        return [each for each in self.log[start : self._next] if each not in echoes]

    async def _echo(self) -> Message:
        """Ask for the time, and return the answer."""
        echo = next(_numbers)
        await self.send({"m": "t", "e": echo})
        return await self.expect("t", where=lambda message: message.get("e") == echo)

    async def received_until_notice(self) -> list[Message]:
        """Return the messages until now, and if none is a notification, those up to the next one.

        The notice of a ban comes when the ban is saved, some milliseconds after it takes effect.
        """
        received = await self.received()
        if not any(message["m"] == "notification" for message in received):
            start = self._next
            await self.expect("notification")
            received += self.log[start : self._next]
        return received

    async def assert_silent(self, *names: str) -> None:
        """Assert that no message with one of these names came; without names, no message at all."""
        received = await self.received()
        unwanted = [message for message in received if not names or message["m"] in names]
        assert not unwanted, unwanted

    async def refusal(self) -> str:
        """Assert that one notification came and nothing else; return its text."""
        received = await self.received()
        assert [message["m"] for message in received] == ["notification"], received
        return str(received[0]["text"])

    async def refusal_codes(self) -> list[str]:
        """Assert that nothing but notifications came; return their codes."""
        received = await self.received()
        assert {message["m"] for message in received} <= {"notification"}, received
        return [str(message["code"]) for message in received]

    async def assert_ignored(self) -> None:
        """Assert that nothing came, or one notification."""
        received = await self.received()
        assert [message["m"] for message in received] in ([], ["notification"]), received

    async def closed(self, within: float = PATIENCE) -> int:
        """Wait until the server has closed the connection; return the close code (1006 if none)."""
        try:
            async with asyncio.timeout(within):
                while True:
                    await self._receive()
        except TimeoutError:
            raise AssertionError(f"the connection is still open after {within} s") from None
        except ConnectionClosed:
            return self.connection.close_code or 1006

    async def leave(self) -> None:
        """Close the connection with a close frame, as a browser does."""
        await self.connection.close()

    async def vanish(self) -> None:
        """End the connection by a TCP reset."""
        transport = self.connection.transport
        end = transport.get_extra_info("socket")
        if end.fileno() >= 0:
            reset_on_close(end)
        transport.abort()
        await self.connection.wait_closed()

    async def _receive(self) -> None:
        text = await self.connection.recv()
        if isinstance(text, bytes):
            self.binaries.append(text)
            return
        frame = json.loads(text, parse_constant=_refuse)
        assert isinstance(frame, list), f"not an array: {text}"
        # A lone surrogate may hide behind an escape.
        json.dumps(frame, ensure_ascii=False).encode()
        for message in frame:
            grammar.check(message, custom_notes=self.custom_notes)
        self.texts.append(text)
        self.frames.append(frame)
        self.log.extend(frame)
        self._frame_of.extend([len(self.frames) - 1] * len(frame))


class Clients:
    """The clients of a test on one server; the end of the `async with` block closes them."""

    def __init__(self, server: Server) -> None:
        """Begin without clients; all of them will connect to `server`."""
        self.server = server
        self._open: list[Client | RawPeer] = []
        self._nodes: dict[str, Server] | None = None

    def by_address(self) -> Clients:
        """Let all connections of an address go to one node; return the collection itself.

        The proxies of docs/operating.md do so, and `serve --processes`. Tests use it for what each
        node counts for its own connections.
        """
        self._nodes = {}
        return self

    async def __aenter__(self) -> Clients:
        """Return the collection itself."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close all connections."""
        for client in self._open:
            await client.vanish()

    async def open(
        self,
        *,
        path: str = "/ws",
        address: str | None = None,
        agent: str | None = None,
        node: Server | None = None,
    ) -> Client:
        """Connect a client that has not sent `hi` yet; `agent` is its User-Agent."""
        if node is None:
            node = self.server.next_node()
            if self._nodes is not None and address:
                node = self._nodes.setdefault(address, node)
        client = await Client.open(self.server, path=path, address=address, agent=agent, node=node)
        self._open.append(client)
        return client

    async def enter(
        self,
        room: str | None = None,
        settings: Message | None = None,
        *,
        address: str | None = None,
        agent: str | None = None,
        node: Server | None = None,
        **hello: Any,
    ) -> Client:
        """Connect a client, send `hi` and, if a room is given, join it.

        Args:
            room: The room to join.
            settings: The `set` of that join.
            address: The loopback address to connect from. On a server with production ids each
                address is one user.
            agent: The User-Agent, by which the server tells browsers from bots.
            node: The node of a cluster to connect to; by default the next one.
            hello: Fields of the `hi`.
        """
        client = await self.open(address=address, agent=agent, node=node)
        await client.hello(**hello)
        if room is not None:
            await client.join(room, settings)
        return client

    async def group(self, size: int, settings: Message | None = None) -> list[Client]:
        """Connect `size` clients that are alone in a new room and know of each other.

        The first of them holds the crown; `settings` are those of the room.
        """
        room = new_room()
        people = [await self.enter(room, settings, address=new_address()) for _ in range(size)]
        for client in people:
            await client.received()
        return people

    async def pair(self, settings: Message | None = None) -> tuple[Client, Client]:
        """Return a `group` of two."""
        first, second = await self.group(2, settings)
        return first, second

    async def tab(self, client: Client, room: str | None = None) -> Client:
        """Open one more tab of the user of `client`, which must have an address of its own."""
        assert client.address is not None, "a user comes back only by an address of its own"
        return await self.enter(room, address=client.address)

    async def raw_peer(self, *, address: str | None = None) -> RawPeer:
        """Open a bare TCP connection."""
        peer = await RawPeer.connect(self.server, address=address)
        self._open.append(peer)
        return peer


ClientsFactory = Callable[..., Clients]
"""Makes clients on a server with these settings: `clients_with(NAME="value")`."""


def events(notes: list[Message]) -> Iterator[Message]:
    """Yield all notes of several `n` messages, in order."""
    for message in notes:
        yield from message["n"]


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")

"""The people who play: WebSocket clients that remember everything they heard, in order."""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
import struct
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from support import grammar
from support.grammar import units
from support.presets import Preset
from support.raw_peer import Peer
from support.server import Server

__all__ = [
    "PATIENCE",
    "Company",
    "House",
    "Message",
    "Person",
    "events",
    "new_address",
    "new_room",
    "units",
]

Message = dict[str, Any]

PATIENCE = 10.0
"""Seconds to wait for a message that must come; only a failing test ever waits that long."""

_numbers = itertools.count(1)


def new_room() -> str:
    """Return a room name that no other test uses."""
    return f"room {next(_numbers)}"


def new_address() -> str:
    """Return a loopback address that no other test uses: a user of his own, who can come back."""
    number = next(_numbers)
    return f"127.{1 + number // 62_500}.{number // 250 % 250}.{1 + number % 250}"


class Person:
    """One socket of one user.

    Messages are read when a test asks for them. `expect`, `frame` and `hears` go forward through
    what was heard and never back, so a test that asks for A and then B also says that B came later.

    Attributes:
        log: All messages heard so far, in order.
        frames: The same, one list for each WebSocket frame.
        texts: The same, as they came.
        binaries: The binary frames.
        user: The user as the `hi` reply has it.
        room: The room of the last welcome.
        address: The loopback address this person comes from, or `None` for 127.0.0.1.
        preset: The rules of the house.
        custom_notes: Whether notes of other names than the keys' pass there.
    """

    def __init__(
        self,
        connection: ClientConnection,
        address: str | None,
        preset: Preset,
        *,
        custom_notes: bool = False,
    ) -> None:
        """Take over an open connection; see `Company.enter`."""
        self.connection = connection
        self.address = address
        self.preset = preset
        self.custom_notes = custom_notes
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
    ) -> Person:
        """Connect, and hear the `b` that every connection begins with."""
        connection = await connect(
            server.ws_url + path,
            compression=None,
            proxy=None,
            ping_interval=None,
            max_size=None,
            max_queue=None,
            local_addr=(address, 0) if address else None,
            user_agent_header=agent,
        )
        person = cls(connection, address, server.preset, custom_notes=server.custom_notes)
        await person.expect("b")
        return person

    @property
    def id(self) -> str:
        """The id of the user, which is also his participant's in every room."""
        return str(self.user["_id"])

    async def send(self, *messages: Any) -> None:
        """Send `messages` as one frame."""
        await self.connection.send(json.dumps(messages))

    async def send_raw(self, frame: str | bytes) -> None:
        """Send one frame as it is: text for `str`, binary for `bytes`."""
        await self.connection.send(frame)

    async def hello(self, **fields: Any) -> Message:
        """Say `hi` with these fields and return the reply."""
        await self.send({"m": "hi"} | fields)
        return await self.greeted()

    async def greeted(self) -> Message:
        """Return the next reply to a `hi`, which is one frame and as the preset has it."""
        reply, *_ = await self.frame(*self._greeting)
        self.user = reply["u"]
        return reply

    @property
    def _greeting(self) -> list[str]:
        return ["hi", "nq"] if self.preset.greets_with_quota else ["hi"]

    async def hello_after_nothing(self) -> None:
        """Say `hi`, and assert that nothing but `b` was said to this person before the reply."""
        await self.hello()
        assert [message["m"] for message in self.log] == ["b", *self._greeting], self.log

    async def join(self, room: str, settings: Message | None = None) -> Message:
        """Go into `room` and return the `ch` that tells about it."""
        await self.send({"m": "ch", "_id": room} | ({"set": settings} if settings else {}))
        return await self.welcomed()

    async def welcomed(self) -> Message:
        """Return the `ch` of the next frame that a joiner is told, passing over all others."""
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
        """Return the next message named `m`, passing over all others.

        Args:
            m: Its name.
            where: What else it must fulfil.
            within: How many seconds to wait.

        Raises:
            AssertionError: It did not come, or the connection closed.
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
            heard = self.log[start:]
            raise AssertionError(f"{cause!r} instead of {m!r}; heard {heard!r}") from None

    @property
    def last_frame(self) -> list[Message]:
        """The frame of the message that was expected last."""
        return self.frames[self._frame_of[self._next - 1]]

    async def frame(self, *names: str) -> list[Message]:
        """Return the next frame that begins with `names[0]`; it must hold exactly `names`."""
        await self.expect(names[0])
        number = self._frame_of[self._next - 1]
        frame = self.frames[number]
        assert [message["m"] for message in frame] == list(names), frame
        assert frame[0] is self.log[self._next - 1], frame
        self._next += len(frame) - 1
        return frame

    async def hears(self) -> list[Message]:
        """Return all that was said to this person until now and has not been asked for.

        The server answers a `t` after everything it said before, so this needs no waiting. For
        what others do, let them do a `hears` first. It works after `hi` only.
        """
        start, echo = self._next, next(_numbers)
        await self.send({"m": "t", "e": echo})
        await self.expect("t", where=lambda message: message.get("e") == echo)
        return self.log[start : self._next - 1]

    async def announced(self) -> list[Message]:
        """Return what was said to this person until now and on to the next notification.

        That a ban holds is announced when it is safe on the disk, some milliseconds after it does.
        """
        heard = await self.hears()
        if not any(message["m"] == "notification" for message in heard):
            start = self._next
            await self.expect("notification")
            heard += self.log[start : self._next]
        return heard

    async def nothing(self, *names: str) -> None:
        """Assert that nothing named in `names` was said to this person; without names: nothing."""
        heard = [message for message in await self.hears() if not names or message["m"] in names]
        assert not heard, heard

    async def refused(self) -> str:
        """Assert that this person was told nothing but why not, once; return the text."""
        heard = await self.hears()
        assert [message["m"] for message in heard] == ["notification"], heard
        return str(heard[0]["text"])

    async def told(self) -> list[str]:
        """Assert that this person was told nothing but why not; return the codes."""
        heard = await self.hears()
        assert {message["m"] for message in heard} <= {"notification"}, heard
        return [str(message["code"]) for message in heard]

    async def unheard(self) -> None:
        """Assert that this person was told nothing, or in one notification why not."""
        heard = await self.hears()
        assert [message["m"] for message in heard] in ([], ["notification"]), heard

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
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
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


class Company:
    """All whom a test lets in; they are sent home when the `async with` block ends."""

    def __init__(self, server: Server) -> None:
        """Everybody comes to `server`."""
        self.server = server
        self._guests: list[Person | Peer] = []

    async def __aenter__(self) -> Company:
        """Begin with nobody."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close all connections."""
        for guest in self._guests:
            await guest.vanish()

    async def open(
        self, *, path: str = "/ws", address: str | None = None, agent: str | None = None
    ) -> Person:
        """Let somebody in who has not said `hi` yet; `agent` is his User-Agent."""
        person = await Person.open(self.server, path=path, address=address, agent=agent)
        self._guests.append(person)
        return person

    async def enter(
        self,
        room: str | None = None,
        settings: Message | None = None,
        *,
        address: str | None = None,
        agent: str | None = None,
        **hello: Any,
    ) -> Person:
        """Let somebody in who has said `hi` and, if a room is given, has joined it.

        Args:
            room: The room to join.
            settings: The `set` of that join.
            address: Where the person comes from (a loopback address). On a server with production
                ids the address is the user.
            agent: His User-Agent, by which browsers are told from bots.
            hello: Fields of the `hi`.
        """
        person = await self.open(address=address, agent=agent)
        await person.hello(**hello)
        if room is not None:
            await person.join(room, settings)
        return person

    async def group(self, size: int, settings: Message | None = None) -> list[Person]:
        """Let in so many people who are alone in a new room and have heard of each other.

        The first of them holds the crown; `settings` are the room's.
        """
        room = new_room()
        people = [await self.enter(room, settings, address=new_address()) for _ in range(size)]
        for person in people:
            await person.hears()
        return people

    async def pair(self, settings: Message | None = None) -> tuple[Person, Person]:
        """Return a `group` of two."""
        first, second = await self.group(2, settings)
        return first, second

    async def tab(self, person: Person, room: str | None = None) -> Person:
        """Open one more tab of `person`, who must come from an address of his own."""
        assert person.address is not None, "only an address of his own makes a returning user"
        return await self.enter(room, address=person.address)

    async def peer(self, *, address: str | None = None) -> Peer:
        """Open a bare TCP connection."""
        peer = await Peer.connect(self.server, address=address)
        self._guests.append(peer)
        return peer


House = Callable[..., Company]
"""Makes companies on servers with rules of their own: `house(NAME="value")`."""


def events(notes: list[Message]) -> Iterator[Message]:
    """Yield all notes of several `n` messages, in order."""
    for message in notes:
        yield from message["n"]


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")

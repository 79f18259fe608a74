"""One connection to the broker at a time: what is asked, answered and subscribed to."""

import asyncio
import socket
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from fortepiano.cluster.bus import Event, OnEvent
from fortepiano.cluster.node_state import BusState
from fortepiano.native import BusLink, Engine
from fortepiano.net.bus_errors import BusError, RefusedError, check_broker, refusal
from fortepiano.store.redis_url import Endpoint

__all__ = ["BrokerConnection"]

_CHANNELS_AT_ONCE = 1000
"""The most channels in one command."""


class BrokerConnection:
    """The connection to the broker; after its end another one may be opened.

    Args:
        engine: The engine of the hub whose messages are published.
        on_event: Called with what the hub leaves to Python; it must not raise.

    Attributes:
        beats_missing: How many beats were published since the last one that came back.
        beat_seconds: How long the last beat was under way.
        subscribes: Whether `subscribe` and `unsubscribe` may be called.
    """

    def __init__(self, engine: Engine, on_event: OnEvent) -> None:
        self._link = BusLink(engine, on_event, self._answered, self._lost)
        self._forget()

    def _forget(self) -> None:
        self.beats_missing = 0
        self.beat_seconds = 0.0
        self.subscribes = False
        self._asked = deque[asyncio.Future[Any]]()
        self._unconfirmed = set[bytes]()
        self._confirmed = asyncio.Event()
        self._beat = b""
        self._beat_at = 0.0
        self._beaten = asyncio.Event()
        self._error: BusError | None = None
        self._ended = asyncio.Event()
        self._closed = asyncio.Event()

    # Opening

    async def open(self, endpoint: Endpoint, name: str) -> None:
        """Connect and log in.

        Args:
            endpoint: Where the broker is.
            name: The name of the connection, for `CLIENT LIST`.

        Raises:
            BusError: The broker cannot be used.
            OSError: The broker cannot be reached.
        """
        self._forget()
        await _connect(self._link, endpoint)
        options = ["SETNAME", name]
        if endpoint.user or endpoint.password:
            options = ["AUTH", endpoint.user or "default", endpoint.password, *options]
        check_broker(await self.ask(b"HELLO", b"3", *(option.encode() for option in options)))

    async def ask(self, *command: bytes) -> Any:
        """Send a command that is answered by one value, but not by a number.

        Args:
            command: The name of the command, and its arguments.

        Raises:
            RefusedError: The broker answers with an error.
            BusError: The connection has ended.
        """
        self._check()
        answer = asyncio.get_running_loop().create_future()
        self._asked.append(answer)
        self._link.send(*command)
        return await answer

    async def subscribe_all(self, channels: Sequence[bytes]) -> None:
        """Subscribe to channels, and wait until the broker has confirmed them all.

        Args:
            channels: The names of the channels.

        Raises:
            BusError: The broker refuses, or the connection has ended.
        """
        self._unconfirmed.update(channels)
        self.subscribes = True
        for at in range(0, len(channels), _CHANNELS_AT_ONCE):
            self._link.send(b"SUBSCRIBE", *channels[at : at + _CHANNELS_AT_ONCE])
        await self._wait(self._confirmed)

    async def await_beat(self) -> None:
        """Wait until a beat comes back.

        Raises:
            BusError: The connection has ended.
        """
        await self._wait(self._beaten)

    # While it is open

    def publish(self) -> None:
        """Send what the hub publishes from now on; until now that was dropped."""
        self._link.publish()

    def subscribe(self, channel: bytes) -> None:
        """Subscribe to a channel, behind what the hub has published before.

        Args:
            channel: The name of the channel.
        """
        self._link.send(b"SUBSCRIBE", channel)

    def unsubscribe(self, channel: bytes) -> None:
        """End a subscription, behind what the hub has published before.

        Args:
            channel: The name of the channel.
        """
        self._link.send(b"UNSUBSCRIBE", channel)

    def beat(self, channel: bytes, text: bytes) -> None:
        """Publish a beat, which comes back if there is a subscription.

        Args:
            channel: The name of the channel.
            text: A text that was not used before.
        """
        self.beats_missing += 1
        self._beat = text
        self._beat_at = time.perf_counter()
        self._link.beat(channel, text)

    @property
    def is_behind(self) -> bool:
        """Whether this node has more to handle than a turn of the loop permits."""
        return self._link.is_behind

    async def wait_until(self, when: float) -> None:
        """Wait until a time of the loop.

        Raises:
            BusError: The connection has ended.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout_at(when):
                await self._ended.wait()
        self._check()

    # An upgrade

    def hold(self) -> None:
        """Keep what is to be sent, until `let_go`."""
        self._link.hold()

    def let_go(self) -> None:
        """Send what was kept."""
        self._link.let_go()

    @property
    def descriptor(self) -> int:
        """The descriptor of the socket, for another process; -1 if it cannot go on with it."""
        return self._link.fileno()

    def state(self, channels: list[bytes]) -> BusState:
        """Return what another process needs to go on.

        Args:
            channels: The channels that are subscribed to.
        """
        packed, answers = self._link.pack(), len(self._asked)
        return BusState(packed, channels, answers, self._beat, self.beats_missing)

    async def adopt(self, connection: socket.socket, state: BusState) -> None:
        """Go on with the connection of another process.

        Args:
            connection: The socket.
            state: The result of `state` there.

        Raises:
            OSError: The socket cannot be used.
        """
        self._forget()
        loop = asyncio.get_running_loop()
        self._asked.extend(loop.create_future() for _ in range(state.answers))
        self._beat, self.beats_missing = state.beat, state.beats_missing
        self._beat_at = time.perf_counter()
        self.subscribes = True
        self._link.restore(state.packed)
        protocol: Any = self._link  # one of asyncio but for its base class
        await loop.connect_accepted_socket(lambda: protocol, connection)

    def stats(self) -> dict[str, int]:
        """Return the counters of all connections until now."""
        return self._link.stats()

    # The end

    def end(self, error: BusError) -> None:
        """Drop the connection: whatever waits for it raises this error.

        Args:
            error: The reason.
        """
        if self._error is None:
            self._error = error
            self.subscribes = False
            self._link.abort()
            for event in (self._ended, self._confirmed, self._beaten):
                event.set()
            for answer in self._asked:
                if not answer.done():
                    answer.set_exception(error)

    async def close(self) -> None:
        """Drop the connection, if there is one, and wait until it is gone."""
        self.end(BusError("is not needed any more"))
        if self._link.is_open:
            await self._closed.wait()

    async def _wait(self, event: asyncio.Event) -> None:
        await event.wait()
        self._check()

    def _check(self) -> None:
        if self._error is not None:
            raise self._error

    # Called by the link

    def _answered(self, answer: Event) -> None:
        kind, *values = answer
        if kind == "beat":
            self._take_beat(values[0])
        elif kind == "reply":
            self._take_answer(values[0])
        elif kind == "error":
            self._take_error(RefusedError(refusal(values[0])))
        elif kind == "subscribed":
            self._unconfirmed.discard(values[0])
            if not self._unconfirmed:
                self._confirmed.set()
        elif kind == "broken":
            self.end(BusError(f"does not speak the protocol of Redis: {values[0]}"))
        elif kind == "full":
            self.end(BusError("takes too slowly what this node publishes"))

    def _take_beat(self, text: bytes) -> None:
        if text == self._beat:
            self.beats_missing = 0
            self.beat_seconds = time.perf_counter() - self._beat_at
            self._beaten.set()

    def _take_answer(self, value: object) -> None:
        if self._asked:
            answer = self._asked.popleft()
            if not answer.done():  # nobody waits for so long
                answer.set_result(value)

    def _take_error(self, error: RefusedError) -> None:
        if self._asked:
            answer = self._asked.popleft()
            if not answer.done():
                answer.set_exception(error)
                return
        # Of a publication or a subscription: without the right to these there is no bus.
        self.end(error)

    def _lost(self, error: Exception | None) -> None:
        self._closed.set()
        reason = f": {getattr(error, 'strerror', '') or error}" if error else ""
        self.end(BusError(f"has closed the connection{reason}"))


async def _connect(link: BusLink, endpoint: Endpoint) -> None:
    def protocol() -> Any:  # one of asyncio but for its base class
        return link

    loop = asyncio.get_running_loop()
    if endpoint.path:
        await loop.create_unix_connection(protocol, endpoint.path)
    else:
        await loop.create_connection(protocol, endpoint.host, endpoint.port, ssl=endpoint.tls)

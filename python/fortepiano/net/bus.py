"""A node's connection to the broker, Redis or Valkey, over one RESP3 connection.

Publications and subscriptions share the connection, so that what a node sends leaves in its order.
The connection is up as long as beats come back, which the node publishes to its own inbox. So a
frozen broker is noticed, and so is a connection that is silently dead. Nothing is kept for a
connection that is down.
"""

import asyncio
import random
import secrets
import socket
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from typing import Any

from redis.exceptions import RedisError

from fortepiano.cluster.bus import Event, OnDown, OnEvent, OnUp
from fortepiano.cluster.node_state import BusState
from fortepiano.native import Engine
from fortepiano.net.bus_connection import BrokerConnection
from fortepiano.net.bus_errors import BusError, RefusedError, check_broker, explain
from fortepiano.observe import logs
from fortepiano.store.redis_url import endpoint_for, without_secrets

__all__ = ["BrokerBus"]

OPEN_SECONDS = 5.0
"""How long a connection may take until its first beat has come back."""

BEAT_SECONDS = 1.0
"""The time between two beats."""

MOST_MISSING = 3
"""The number of beats without one that came back that ends a connection."""

CLOSE_SECONDS = 1.0
"""How long the end of the connection may wait for the broker."""

_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.5, 2.0
"""The bounds of the time between two attempts, of which a random part is waited; seconds."""

_log = logs.logger(__name__)


class BrokerBus:
    """A node's connection to the broker.

    Args:
        engine: The engine of the hub whose messages are published.
        url: The URL of the broker, which `check_url` accepts.
        inbox: The channel of this node alone, to which beats go too.
        channels: Further channels to subscribe to from the beginning.
        name: The name of the node, for `CLIENT LIST`.
        on_event: Called with each event of the hub.
        on_up: Called when the connection is up.
        on_down: Called with the reason when it is down.
    """

    def __init__(
        self,
        engine: Engine,
        url: str,
        inbox: bytes,
        channels: Iterable[bytes] = (),
        *,
        name: str,
        on_event: OnEvent,
        on_up: OnUp,
        on_down: OnDown,
    ) -> None:
        self._url = url
        self._place = without_secrets(url)
        self._inbox = inbox
        self._channels = dict.fromkeys([inbox, *channels])
        self._name = "fortepiano:" + "".join(sign if "!" <= sign <= "~" else "_" for sign in name)
        self._on_event, self._on_up, self._on_down = on_event, on_up, on_down
        self._connection = BrokerConnection(engine, self._receive)
        self._task: asyncio.Task[None] | None = None
        self._is_up: bool | None = None  # None until the first attempt has ended
        self._failures = 0
        self._logged = set[str]()  # reasons, since the last change of state
        self._warned = False
        self._ups = 0
        self._garbage = 0

    @property
    def is_up(self) -> bool:
        """Whether publications arrive: a beat of this node came back lately."""
        return self._is_up is True

    def start(self) -> None:
        """Connect, and from now on connect again after each end; on the running loop."""
        self._start(self._serve)

    def _start(self, serve: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(serve), name="bus")

    async def close(self) -> None:
        """Close the connection, and make no other one.

        Publications until now are sent before, unless that takes too long.
        """
        if self.is_up:
            with suppress(TimeoutError, BusError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._connection.ask(b"HELLO")  # whose answer follows all before it
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        self._is_up = False

    def subscribe(self, channel: bytes) -> None:
        """Receive what is published on a channel from now on, after each reconnect too.

        Args:
            channel: The name of the channel.
        """
        if channel not in self._channels:
            self._channels[channel] = None
            if self._connection.subscribes:
                self._connection.subscribe(channel)

    def unsubscribe(self, channel: bytes) -> None:
        """Receive nothing more of a channel; nothing happens if there is no subscription.

        Args:
            channel: The name of the channel.
        """
        if channel in self._channels:
            del self._channels[channel]
            if self._connection.subscribes:
                self._connection.unsubscribe(channel)

    def move_inbox(self, inbox: bytes) -> None:
        """Replace this node's own channel: the node has got another number.

        Args:
            inbox: The name of the new channel.
        """
        if inbox != self._inbox:
            self.subscribe(inbox)
            self.unsubscribe(self._inbox)
            self._inbox = inbox

    # An upgrade

    def hold(self) -> None:
        """Send nothing until `let_go`: another process may do so."""
        self._connection.hold()

    def let_go(self) -> None:
        """Send what was kept, and everything at once again."""
        self._connection.let_go()

    @property
    def descriptor(self) -> int:
        """The descriptor of the connection, for another process; -1 if it cannot go along now."""
        return self._connection.descriptor if self.is_up else -1

    @property
    def can_go_along(self) -> bool:
        """Whether there is a connection with which another process can go on at some moment."""
        return self.is_up and not self._url.startswith("rediss")

    def state(self) -> BusState:
        """Return what another process needs to go on with the connection."""
        return self._connection.state(list(self._channels))

    async def adopt(self, connection: socket.socket, state: BusState) -> None:
        """Go on with the connection of another process.

        Args:
            connection: The socket.
            state: The result of `state` there.
        """
        self._channels = dict.fromkeys([*state.channels, *self._channels])
        try:
            await self._connection.adopt(connection, state)
        except OSError:
            self.start()
            return
        self._is_up, self._ups = True, 1
        self._start(self._stay)

    def stats(self) -> dict[str, int]:
        """Return counters since the start, and the state of the connection.

        Counters of messages are `published`, `received`, both with their bytes, `dropped` while
        there was no connection, `unheard` by any node, and `garbage`. Of the connection there are
        `reconnects`, `is_up`, and how long the last beat was under way, `beat_microseconds`.
        """
        return {
            **self._connection.stats(),
            "garbage": self._garbage,
            "reconnects": max(self._ups - 1, 0),
            "is_up": int(self.is_up),
            "beat_microseconds": int(self._connection.beat_seconds * 1e6),
        }

    # The life of the connection

    async def _run(self, serve: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            try:
                await serve()
            except (BusError, RedisError, OSError, ValueError) as error:
                self._set_down(error)
            except Exception as error:  # a fault of ours must not end all attempts
                _log.exception("the connection to the broker failed")
                self._set_down(error)
            finally:
                await self._connection.close()
            serve = self._serve
            longest = min(_SHORTEST_PAUSE * 2**self._failures, _LONGEST_PAUSE)
            self._failures += 1
            # All nodes lose a broker at the same moment.
            await asyncio.sleep(random.uniform(0, longest))  # noqa: S311 - no secret

    async def _serve(self) -> None:
        """Connect, and stay connected until the connection ends, which raises."""
        connection = self._connection
        async with asyncio.timeout(OPEN_SECONDS):
            await connection.open(await endpoint_for(self._url), self._name)
            await self._warn_of_eviction()
            await connection.subscribe_all(list(self._channels))
            connection.beat(self._inbox, secrets.token_hex(8).encode())
            await connection.await_beat()
        connection.publish()
        self._set_up()
        await self._stay()

    async def _stay(self) -> None:
        """Stay connected until the connection ends, which raises."""
        connection, loop = self._connection, asyncio.get_running_loop()
        token = secrets.token_hex(8)
        number = 0
        while True:
            # By count, not by time: this process itself may have been stopped for longer.
            # Beats wait behind what this node has not handled yet.
            if connection.beats_missing >= MOST_MISSING and not connection.is_behind:
                raise BusError(f"sent no beat back for {MOST_MISSING * BEAT_SECONDS:.0f} s")
            number += 1
            connection.beat(self._inbox, f"{token} {number}".encode())
            next_beat = loop.time() + BEAT_SECONDS
            with suppress(TimeoutError):
                async with asyncio.timeout_at(next_beat):
                    check_broker(await connection.ask(b"HELLO"))
            await connection.wait_until(next_beat)

    async def _warn_of_eviction(self) -> None:
        """Warn, once, of a broker that may forget the registry when its memory is full."""
        with suppress(RefusedError):  # not every user may ask
            info = bytes(await self._connection.ask(b"INFO", b"memory"))
            parts = [line.partition(b":") for line in info.splitlines()]
            found = {name: value for name, _, value in parts}
            may_evict = found.get(b"maxmemory_policy", b"noeviction") != b"noeviction"
            if may_evict and found.get(b"maxmemory") != b"0" and not self._warned:
                self._warned = True
                _log.warning(
                    "the broker may forget what nodes agreed upon: set maxmemory-policy noeviction",
                    broker=self._place,
                )

    def _set_up(self) -> None:
        self._is_up = True
        self._failures = 0
        self._logged.clear()
        self._ups += 1
        _log.info("the broker is connected", broker=self._place)
        self._call(self._on_up)

    def _set_down(self, error: Exception) -> None:
        was_down, self._is_up = self._is_up is False, False
        reason = f"the broker {explain(error)}"
        # Of further attempts only a reason that an operator can do something about.
        if not was_down or (isinstance(error, BusError) and reason not in self._logged):
            self._logged.add(reason)
            _log.warning("the broker is not connected", broker=self._place, reason=reason)
        if not was_down:
            self._call(self._on_down, reason)

    # Called by the link

    def _receive(self, event: Event) -> None:
        if event[0] != "garbage":
            self._call(self._on_event, event)
            return
        self._garbage += 1
        if self._garbage == 1:
            _log.warning(
                "another program publishes what no node understands; ignored from now on",
                broker=self._place,
                reason=event[1],
            )

    def _call(self, callback: Callable[..., object], *values: Any) -> None:
        """Call a part above; what it raises must not end the connection."""
        try:
            callback(*values)
        except Exception:
            _log.exception("what the broker sent could not be handled")

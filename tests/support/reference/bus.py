"""A node's connection to the broker on redis-py: the model of `fortepiano.net.bus`.

One task sends, another one receives, each on a connection of its own. A subscription is confirmed
before the next publication is sent, so that the order is that of a single connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from fortepiano.cluster.bus import OnDown, OnEvent, OnUp
from fortepiano.native import Engine

__all__ = ["ReferenceBus"]

_POLL_SECONDS = 0.002
_BEAT_SECONDS = 1.0
_MOST_MISSING = 3
_PAUSE_SECONDS = 0.2
_BEAT = b"beat of the reference"


class ReferenceBus:
    """A node's connection to the broker; see `fortepiano.net.bus.BrokerBus`."""

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
        self._hub = engine.owner
        self._url, self._name = url, name.replace(" ", "_")
        self._inbox = inbox
        self._channels = dict.fromkeys([inbox, *channels])
        self._on_event, self._on_up, self._on_down = on_event, on_up, on_down
        self._is_up: bool | None = None
        self._to_send = asyncio.Queue[tuple[str, bytes, bytes]]()
        self._confirmed = asyncio.Event()
        self._missing = 0
        self._garbage = 0
        self._ups = 0
        self._task: asyncio.Task[None] | None = None

    @property
    def is_up(self) -> bool:
        return self._is_up is True

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        assert self._task is not None
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        self._is_up = False

    def subscribe(self, channel: bytes) -> None:
        if channel not in self._channels:
            self._channels[channel] = None
            self._take()
            self._to_send.put_nowait(("SUBSCRIBE", channel, b""))

    def unsubscribe(self, channel: bytes) -> None:
        if channel in self._channels:
            del self._channels[channel]
            self._take()
            self._to_send.put_nowait(("UNSUBSCRIBE", channel, b""))

    def stats(self) -> dict[str, int]:
        return {"garbage": self._garbage, "reconnects": max(self._ups - 1, 0)}

    def _take(self) -> None:
        for channel, message in self._hub.take_publications():
            self._to_send.put_nowait(("PUBLISH", channel, message))

    async def _run(self) -> None:
        while True:
            try:
                await self._serve()
            except* (RedisError, OSError) as errors:
                was_down, self._is_up = self._is_up is False, False
                if not was_down:
                    self._on_down(str(errors.exceptions[0]))
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _serve(self) -> None:
        options = {"protocol": 3, "client_name": self._name, "socket_connect_timeout": 1.5}
        client = cast("Any", Redis).from_url(self._url, **options)
        async with client, client.pubsub() as subscriptions, asyncio.TaskGroup() as group:
            await subscriptions.subscribe(*self._channels)
            while not self._to_send.empty():
                self._to_send.get_nowait()
            self._missing = 0
            group.create_task(self._receive(subscriptions))
            group.create_task(self._send(client, subscriptions))
            group.create_task(self._poll())
            group.create_task(self._beat())

    async def _receive(self, subscriptions: Any) -> None:
        while True:
            got = await subscriptions.get_message(timeout=None)
            if got is None:
                continue
            if got["type"] != "message":
                self._confirmed.set()
            elif got["data"] == _BEAT:
                self._take_beat()
            else:
                self._handle(self._hub.receive_publication(got["channel"], got["data"]))

    def _take_beat(self) -> None:
        self._missing = 0
        if not self._is_up:
            self._hub.take_publications()
            self._is_up = True
            self._ups += 1
            self._on_up()

    def _handle(self, event: tuple[Any, ...] | None) -> None:
        if event is not None and event[0] == "garbage":
            self._garbage += 1
        elif event is not None:
            self._on_event(event)

    async def _send(self, client: Any, subscriptions: Any) -> None:
        while True:
            command, channel, message = await self._to_send.get()
            if command == "PUBLISH":
                await client.publish(channel, message)
                continue
            self._confirmed.clear()
            await getattr(subscriptions, command.lower())(channel)
            await self._confirmed.wait()

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            if self._is_up:
                self._take()
            else:
                self._hub.take_publications()

    async def _beat(self) -> None:
        while True:
            if self._missing >= _MOST_MISSING:
                raise ConnectionError("no beat came back")
            self._missing += 1
            self._to_send.put_nowait(("PUBLISH", self._inbox, _BEAT))
            await asyncio.sleep(_BEAT_SECONDS)

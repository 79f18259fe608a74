"""Replays: the messages of a client as data, and their expected effects (tests/clients/replays).

Keys of a scene, besides `shows` and `about`:

- `rules`: settings of the server, without `FORTEPIANO_RULES__`;
- `does`: the client's frames in order. Each is a list of messages, a text as it is, or
  `{"binary", "bytes"}` with the head and the payload in hexadecimal. In `{"other": messages}` the
  other client sends;
- `others`: all messages that the other client receives, in order; `other sees`: some of them;
  `other binaries`: the binary frames, as head and payload; `other goes`: the room it is moved to;
- `self`: all messages of these kinds that the client receives. No other notifications may come.

A received object may have more keys than the expected one, except in notes. Texts may be `$me` and
`$other`, the ids; `$room`; `$now` and `$now+1000`, the server's clock when the scene began; and
`$absent` for a key that must not be there.
"""

from __future__ import annotations

import json
import re
from typing import Any

from support.custom import binary, parted
from support.public_clients import Replay
from support.websocket_clients import Client, Clients, Message, new_room

__all__ = ["Replayer", "arrive", "matches"]

_PASSED_OVER = {"t", "nq", "c"}
_CLOCK = re.compile(r"\$now(?:\+(\d+))?")


class Replayer:
    """A replayed client and another client, in a room that the replayed one opened."""

    def __init__(self, client: Client, other: Client, now: float) -> None:
        """Begin with both in the room; see `set_up`."""
        self.client = client
        self.other = other
        self._names = {"$me": client.id, "$other": other.id, "$room": client.room}
        self._now = now
        self._client_from = len(client.log)
        self._other_from = len(other.log)
        self._asked = 0

    @classmethod
    async def set_up(cls, replay: Replay, clients: Clients) -> Replayer:
        """Let the replayed client join a new room in its own way, then the other client."""
        room = new_room()
        client = await clients.open()
        now = await arrive(client, replay, room)
        other = await clients.enter(room)
        await client.received()
        await other.received()
        return cls(client, other, now)

    async def play(self, scene: dict[str, Any]) -> None:
        """Play a scene, and compare its effects with the expected ones.

        Raises:
            AssertionError: They differ.
        """
        for step in scene["does"]:
            await self._do(step)
        if "other goes" in scene:
            ch = await self.other.joined()
            assert ch["ch"]["_id"] == scene["other goes"]
        await self._check_own(scene.get("self", []))
        await self._check_others(scene)

    async def _do(self, step: Any) -> None:
        client = self.client
        if isinstance(step, str):
            await client.send_raw(step)
        elif isinstance(step, list):
            await client.send(*self._filled(step))
        elif "binary" in step:
            head, payload = self._filled(step["binary"]), bytes.fromhex(step["bytes"])
            await client.send_raw(binary(head, payload))
        else:
            client = self.other
            await client.send(*self._filled(step["other"]))
        # The answer shows that the server has handled this step before the next one.
        await self._catch_up(client)

    async def _catch_up(self, client: Client) -> None:
        """Wait for an answer to `t`; its negative `e` tells it from those of the scene."""
        self._asked -= 1
        await client.send({"m": "t", "e": self._asked})
        await client.expect("t", where=lambda t: t.get("e") == self._asked)

    def _received(self, client: Client) -> list[Message]:
        start = self._client_from if client is self.client else self._other_from
        return [
            each for each in client.log[start:] if not (each["m"] == "t" and each.get("e", 0) < 0)
        ]

    async def _wait_for(self, client: Client, expected: list[Any]) -> None:
        """Wait until a client has received all of this, in this order: some takes a moment."""
        position = 0
        for each in expected:
            while not (
                found := [
                    index
                    for index, message in enumerate(self._received(client)[position:], position)
                    if message["m"] == each["m"] and self._is(each, message)
                ]
            ):
                await client.expect(each["m"])
            position = found[0] + 1
        await self._catch_up(client)

    async def _check_own(self, expected: list[Any]) -> None:
        await self._wait_for(self.client, expected)
        kinds = {each["m"] for each in expected} | {"notification"}
        self._compare(
            expected, [each for each in self._received(self.client) if each["m"] in kinds]
        )

    async def _check_others(self, scene: dict[str, Any]) -> None:
        await self._wait_for(self.other, scene.get("others", scene.get("other sees", [])))
        if "others" in scene:
            received = [
                each for each in self._received(self.other) if each["m"] not in _PASSED_OVER
            ]
            self._compare(scene["others"], received)
        frames = [parted(frame) for frame in self.other.binaries]
        binaries = [[head, payload.hex()] for head, payload in frames]
        self._compare(scene.get("other binaries", []), binaries)

    def _compare(self, expected: list[Any], received: list[Any]) -> None:
        assert len(received) == len(expected) and all(map(self._is, expected, received)), (
            f"expected {self._filled(expected)}, heard {received}"
        )

    def _is(self, expected: Any, received: Any) -> bool:
        return matches(self._filled(expected), received)

    def _filled(self, value: Any) -> Any:
        """Replace the texts that begin with a dollar by the values of this scene."""
        if isinstance(value, list):
            return [self._filled(each) for each in value]
        if isinstance(value, dict):
            return {key: self._filled(each) for key, each in value.items()}
        if isinstance(value, str) and (clock := _CLOCK.fullmatch(value)):
            return int(self._now) + int(clock[1] or 0)
        return self._names.get(value, value) if isinstance(value, str) else value


async def arrive(client: Client, replay: Replay, room: str) -> float:
    """Send the frames with which the client joins a room; return the server's clock."""
    for frame in replay.arrives:
        await client.send_raw(json.dumps(frame).replace('"$room"', json.dumps(room)))
    now: float = (await client.expect_hi())["t"]
    assert (await client.joined())["ch"]["_id"] == room
    await client.received()
    return now


def matches(expected: Any, received: Any) -> bool:
    """Return whether a value is as expected; see the docstring of this module."""
    if isinstance(expected, dict):
        return isinstance(received, dict) and all(
            key not in received
            if each == "$absent"
            else key in received
            and (received[key] == each if key == "n" else matches(each, received[key]))
            for key, each in expected.items()
        )
    if isinstance(expected, list):
        return (
            isinstance(received, list)
            and len(expected) == len(received)
            and all(map(matches, expected, received))
        )
    same_kind = isinstance(expected, bool) == isinstance(received, bool)
    return bool(same_kind and expected == received)

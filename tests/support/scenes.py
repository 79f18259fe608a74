"""Scenes: what one client sends, as data, and what is to come of it (tests/clients/replays).

Keys of a scene, besides `shows` and `about`:

- `rules`: settings of the server, without `FORTEPIANO_RULES__`;
- `does`: the client's frames in order: a list of messages, a text as it is, `{"binary", "bytes"}`
  with the head and the payload in hexadecimal, or `{"other": messages}`, which somebody else sends;
- `others`: all that the other one hears of it, in order; `other sees`: some of it; `other
  binaries`: the binary frames, as head and payload; `other goes`: the room where it finds itself;
- `self`: all of the same kinds that the client is told. It is told of no notification but those.

An expected object may have more keys than are named, but notes may not. Texts may be `$me` and
`$other`, the ids; `$room`; `$now` and `$now+1000`, the server's clock when the scene began; and
`$absent` for a key that must not be there.
"""

from __future__ import annotations

import json
import re
from typing import Any

from support.custom import binary, parted
from support.public_clients import Replay
from support.websocket_clients import Company, Message, Person, new_room

__all__ = ["Stage", "arrive", "matches"]

_PASSED_OVER = {"t", "nq", "c"}
_CLOCK = re.compile(r"\$now(?:\+(\d+))?")


class Stage:
    """A client that is replayed, and somebody else, in a room which the client made."""

    def __init__(self, client: Person, other: Person, now: float) -> None:
        """Begin with both there; see `set_up`."""
        self.client = client
        self.other = other
        self._names = {"$me": client.id, "$other": other.id, "$room": client.room}
        self._now = now
        self._client_from = len(client.log)
        self._other_from = len(other.log)
        self._asked = 0

    @classmethod
    async def set_up(cls, replay: Replay, company: Company) -> Stage:
        """Let the client arrive in a new room in its own way, and somebody else after it."""
        room = new_room()
        client = await company.open()
        now = await arrive(client, replay, room)
        other = await company.enter(room)
        await client.hears()
        await other.hears()
        return cls(client, other, now)

    async def play(self, scene: dict[str, Any]) -> None:
        """Do what the scene says, and hold what came of it to the scene.

        Raises:
            AssertionError: Something else came of it.
        """
        for step in scene["does"]:
            await self._do(step)
        if "other goes" in scene:
            welcome = await self.other.welcomed()
            assert welcome["ch"]["_id"] == scene["other goes"]
        await self._hold_own(scene.get("self", []))
        await self._hold_others(scene)

    async def _do(self, step: Any) -> None:
        person = self.client
        if isinstance(step, str):
            await person.send_raw(step)
        elif isinstance(step, list):
            await person.send(*self._filled(step))
        elif "binary" in step:
            head, payload = self._filled(step["binary"]), bytes.fromhex(step["bytes"])
            await person.send_raw(binary(head, payload))
        else:
            person = self.other
            await person.send(*self._filled(step["other"]))
        # Whoever is answered has been heard, so that the next step comes after this one.
        await self._catch_up(person)

    async def _catch_up(self, person: Person) -> None:
        """Let somebody hear all that was said until now; these clocks are negative."""
        self._asked -= 1
        await person.send({"m": "t", "e": self._asked})
        await person.expect("t", where=lambda t: t.get("e") == self._asked)

    def _heard(self, person: Person) -> list[Message]:
        start = self._client_from if person is self.client else self._other_from
        return [
            each for each in person.log[start:] if not (each["m"] == "t" and each.get("e", 0) < 0)
        ]

    async def _wait_for(self, person: Person, expected: list[Any]) -> None:
        """Wait until somebody has heard all of this, in this order: some of it takes a moment."""
        position = 0
        for each in expected:
            while not (
                found := [
                    index
                    for index, message in enumerate(self._heard(person)[position:], position)
                    if message["m"] == each["m"] and self._is(each, message)
                ]
            ):
                await person.expect(each["m"])
            position = found[0] + 1
        await self._catch_up(person)

    async def _hold_own(self, expected: list[Any]) -> None:
        await self._wait_for(self.client, expected)
        kinds = {each["m"] for each in expected} | {"notification"}
        self._compare(expected, [each for each in self._heard(self.client) if each["m"] in kinds])

    async def _hold_others(self, scene: dict[str, Any]) -> None:
        await self._wait_for(self.other, scene.get("others", scene.get("other sees", [])))
        if "others" in scene:
            heard = [each for each in self._heard(self.other) if each["m"] not in _PASSED_OVER]
            self._compare(scene["others"], heard)
        frames = [parted(frame) for frame in self.other.binaries]
        binaries = [[head, payload.hex()] for head, payload in frames]
        self._compare(scene.get("other binaries", []), binaries)

    def _compare(self, expected: list[Any], heard: list[Any]) -> None:
        assert len(heard) == len(expected) and all(map(self._is, expected, heard)), (
            f"expected {self._filled(expected)}, heard {heard}"
        )

    def _is(self, expected: Any, heard: Any) -> bool:
        return matches(self._filled(expected), heard)

    def _filled(self, value: Any) -> Any:
        """Return data with the names of this scene in place of those that begin with a dollar."""
        if isinstance(value, list):
            return [self._filled(each) for each in value]
        if isinstance(value, dict):
            return {key: self._filled(each) for key, each in value.items()}
        if isinstance(value, str) and (clock := _CLOCK.fullmatch(value)):
            return int(self._now) + int(clock[1] or 0)
        return self._names.get(value, value) if isinstance(value, str) else value


async def arrive(client: Person, replay: Replay, room: str) -> float:
    """Send what the client sends until it is in a room; return the server's clock."""
    for frame in replay.arrives:
        await client.send_raw(json.dumps(frame).replace('"$room"', json.dumps(room)))
    now: float = (await client.greeted())["t"]
    assert (await client.welcomed())["ch"]["_id"] == room
    await client.hears()
    return now


def matches(expected: Any, heard: Any) -> bool:
    """Tell whether something is as expected; see the head of this file."""
    if isinstance(expected, dict):
        return isinstance(heard, dict) and all(
            key not in heard
            if each == "$absent"
            else key in heard and (heard[key] == each if key == "n" else matches(each, heard[key]))
            for key, each in expected.items()
        )
    if isinstance(expected, list):
        return (
            isinstance(heard, list)
            and len(expected) == len(heard)
            and all(map(matches, expected, heard))
        )
    same_kind = isinstance(expected, bool) == isinstance(heard, bool)
    return bool(same_kind and expected == heard)

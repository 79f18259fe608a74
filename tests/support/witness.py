"""People who play all the time, and remember when they heard what: for tests of nodes that fail."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

from websockets.exceptions import ConnectionClosed

from support.server import Server
from support.websocket_clients import Client, new_address

__all__ = ["HEARD_SECONDS", "Witness", "Witnesses", "assert_heard", "longest_silence"]

Message = dict[str, Any]

_BEAT_SECONDS = 0.1

HEARD_SECONDS = 0.6
"""The longest silence between people of one node: 0.3 s, notes every 0.1 s, the tests' own time."""


class Witness:
    """A person in a room, who plays a note ten times a second and remembers what comes.

    Attributes:
        client: The connection.
        name: A short name, which is also that of the player in notes.
        heard: All messages, with the times at which they came (monotonic seconds).
        sent: When each note was played.
        people: Who is in the room, by what came.
        lines: The chat that is shown.
        channel: The room, as the last `ch` has it.
    """

    def __init__(self, client: Client, number: int) -> None:
        self.client = client
        self.number = number
        self.heard: list[tuple[float, Message]] = []
        self.sent: list[float] = []
        self.people: set[str] = set()
        self.lines: list[Message] = []
        self.channel: Message = {}
        self.is_closed = False
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def enter(
        cls, node: Server, room: str, number: int, address: str | None = None
    ) -> Witness:
        """Connect to a node, join a room, and begin to play and listen."""
        client = await Client.open(node, address=address or new_address(), node=node)
        await client.hello()
        witness = cls(client, number)
        await client.send({"m": "ch", "_id": room})
        witness._tasks = [
            asyncio.create_task(witness._listen()),
            asyncio.create_task(witness._play()),
        ]
        await witness.until(lambda: witness.channel.get("_id") == room, 10)
        return witness

    @property
    def id(self) -> str:
        """The id of the user."""
        return self.client.id

    @property
    def texts(self) -> list[str]:
        """The lines of chat, without their senders."""
        return [line["a"] for line in self.lines]

    async def _listen(self) -> None:
        try:
            while True:
                before = len(self.client.log)
                await self.client._receive()
                now = time.monotonic()
                for message in self.client.log[before:]:
                    self.heard.append((now, message))
                    self._apply(message)
        except ConnectionClosed:
            self.is_closed = True

    def _apply(self, message: Message) -> None:
        match message["m"]:
            case "ch":
                self.channel = message["ch"]
                self.people = {entry["id"] for entry in message["ppl"]}
            case "p":
                self.people.add(message["id"])
            case "bye":
                self.people.discard(message["p"])
            case "c":
                self.lines = list(message["c"])
            case "a":
                self.lines.append(message)

    async def _play(self) -> None:
        try:
            for count in itertools.count():
                note = {"n": "a1", "v": round((1 + self.number) / 10 + count / 1e6, 6)}
                self.sent.append(time.monotonic())
                await self.client.send({"m": "n", "t": 1, "n": [note]}, {"m": "t", "e": count})
                await asyncio.sleep(_BEAT_SECONDS)
        except ConnectionClosed:
            self.is_closed = True

    async def speak(self, text: str) -> None:
        """Say a line."""
        await self.client.send({"m": "a", "message": text})

    def notes_of(self, other: Witness, since: float = 0.0) -> list[tuple[float, int]]:
        """Return the notes of another witness: when each came, and its number."""
        found: list[tuple[float, int]] = []
        for at, message in list(self.heard):
            if at < since or message["m"] != "n":
                continue
            value = float(message["n"][0]["v"])
            if int(value * 10 + 1e-9) == 1 + other.number:
                found.append((at, round((value * 10 % 1) * 1e5)))
        return found

    def gone(self, user: str, since: float) -> int:
        """Return how often this witness was told that somebody is gone."""
        return sum(
            at >= since and message["m"] == "bye" and message["p"] == user
            for at, message in self.heard
        )

    async def until(self, is_so: Callable[[], bool], within: float) -> float:
        """Wait until something is so; return how long that took, in seconds.

        Raises:
            AssertionError: It was not so in time.
        """
        began = time.monotonic()
        while not is_so():
            passed = time.monotonic() - began
            assert passed < within, (passed, self.number, self.people, self.channel)
            assert not self.is_closed, "the connection was closed"
            await asyncio.sleep(0.01)
        return time.monotonic() - began

    async def leave(self) -> None:
        """Stop, and end the connection."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.client.vanish()


class Witnesses:
    """The witnesses of a test; the end of the `async with` block lets them leave."""

    def __init__(self, room: str) -> None:
        self.room = room
        self.all: list[Witness] = []

    async def __aenter__(self) -> Witnesses:
        """Return the collection itself."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let all leave."""
        for witness in self.all:
            await witness.leave()

    async def enter(self, node: Server, address: str | None = None) -> Witness:
        """Let one more enter the room."""
        witness = await Witness.enter(node, self.room, len(self.all), address)
        self.all.append(witness)
        return witness

    async def crowd(self, nodes: Sequence[Server]) -> list[Witness]:
        """Let two people enter at each of two nodes, and one at a third; the first is the home."""
        home, edge, other = nodes
        people = [await self.enter(node) for node in (home, home, edge, edge, other)]
        await self.together(people, 10)
        return people

    async def together(self, witnesses: Sequence[Witness], within: float) -> float:
        """Wait until these see each other and nobody else, and hear each other.

        Returns:
            How long that took, in seconds.
        """
        began = time.monotonic()
        everybody = {witness.id for witness in witnesses}
        for witness in witnesses:
            left = within - (time.monotonic() - began)
            await witness.until(lambda it=witness: it.people == everybody, left)
        took = time.monotonic() - began
        since = time.monotonic()
        for witness in witnesses:
            for other in witnesses:
                if other.id != witness.id:
                    await witness.until(
                        lambda it=witness, who=other: bool(it.notes_of(who, since)), within
                    )
        for witness in witnesses:
            assert not witness.is_closed
            ids = Counter(line["id"] for line in witness.lines)
            assert not ids or max(ids.values()) == 1
        return took


def longest_silence(listener: Witness, player: Witness, since: float) -> float:
    """Return the longest time between two notes of a player that a listener heard; seconds.

    The time in which the player did not play counts as one beat: this process may be slow, too.
    """
    waits, due = [0.0], sum(at < since for at in player.sent)
    for at, number in listener.notes_of(player, since):
        if number >= due:
            waits.append(at - player.sent[due])
            due = number + 1
    if due < len(player.sent):
        waits.append(time.monotonic() - player.sent[due])
    return max(waits) + _BEAT_SECONDS


def assert_heard(people: Sequence[Witness], since: float) -> None:
    """Assert that people of one node have heard each other all the time; see `Witnesses.crowd`."""
    for one, two in ((people[0], people[1]), (people[2], people[3])):
        silence = longest_silence(one, two, since)
        print(f"longest silence on one node: {silence:.2f} s")
        assert silence < HEARD_SECONDS

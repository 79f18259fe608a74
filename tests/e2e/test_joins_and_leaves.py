"""Joining and leaving at random, against a model of the rooms in plain Python: no difference."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    multiple,
    rule,
    run_state_machine_as_test,
)

from support.presets import STILL
from support.raw_peer import RawPeer
from support.server import Server, run_server
from support.websocket_clients import Client, Message, new_address, new_room

USERS = 5
ROOMS = ["lobby", "test/{}", "{} a", "{} b"]
"""Names; the braces are filled in, so that no two programs meet in a room but the lobby."""

WAYS_OUT = ["close", "reset", "bye", "eof"]


@pytest.fixture(scope="module")
def calm() -> Iterator[Server]:
    """A server without rates, on which holders who left get the crown back for a whole day."""
    rules = STILL | {"CROWN_RETURN_MS": "86400000"}
    variables = {f"FORTEPIANO_RULES__{name}": rules[name] for name in rules if name != "NODE_ENV"}
    with run_server(**variables) as running:
        yield running


@dataclass
class Room:
    """The expected state of a room."""

    name: str
    stays: list[int] = field(default_factory=list)
    """The users in it, the one who has been there longest first."""
    crown: int | None = None
    claims: list[int] = field(default_factory=list)
    """The users who get the crown back by returning; who comes before them in this list, too."""

    @property
    def special(self) -> bool:
        return self.name == "lobby" or self.name.startswith("test/")


@dataclass(eq=False)
class Tab:
    """A client of a user, and the room it should be in."""

    user: int
    client: Client
    room: Room | None = None


class RoomsModel:
    """The server and the model side by side: each step is done in both, and compared."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.tabs: list[Tab] = []
        self.addresses = [new_address() for _ in range(USERS)]
        self.ids: dict[int, str] = {}
        name = new_room()
        self.rooms = [Room(room.format(name)) for room in ROOMS]

    async def arrive(self, user: int, room: Room) -> Tab:
        """Open a tab and go into `room`."""
        client = await Client.open(self.server, address=self.addresses[user])
        tab = Tab(user, client)
        self.tabs.append(tab)
        await client.hello()
        assert self.ids.setdefault(user, client.id) == client.id
        await self.go(tab, room)
        return tab

    async def go(self, tab: Tab, room: Room) -> None:
        """Go from wherever `tab` is into `room`."""
        await tab.client.send({"m": "ch", "_id": room.name})
        if tab.room is not room:
            await self._out(tab, has_ended=False)
            await self._into(tab, room)
        ch, _, _ = await self._next(tab, "ch", "c", "nq")
        assert ch["p"] == tab.client.id
        self._compare(room, ch)

    async def leave(self, tab: Tab, way: str) -> None:
        """End the connection of `tab` in one of the `WAYS_OUT`."""
        self.tabs.remove(tab)
        match way:
            case "close":
                await tab.client.leave()
            case "reset":
                await tab.client.vanish()
            case "bye":
                await tab.client.send({"m": "bye"})
                assert await tab.client.closed() == 1000
            case "eof":
                tab.client.connection.transport.write_eof()
                await tab.client.connection.wait_closed()
        if not await self._out(tab, has_ended=True):
            await self._settle()

    async def end(self) -> None:
        """Assert that no client has received anything else, and that the server still answers."""
        for tab in self.tabs:
            await tab.client.assert_silent()
        for room in self.rooms:
            assert (room.crown is None) is (room.special or not room.stays)
        newcomer = await Client.open(self.server, address=new_address())
        await newcomer.hello()
        await newcomer.send({"m": "+ls"})
        listed = {r["_id"]: r["count"] for r in (await newcomer.expect("ls"))["u"]}
        for room in self.rooms:
            # Special rooms may stay when they are empty, the others must not.
            missing = 0 if room.special or not room.stays else None
            assert listed.get(room.name, missing) == len(room.stays), room
            assert room.special or (room.name in listed) is bool(room.stays)
        await newcomer.leave()

    async def close(self) -> None:
        """Send everybody home, so that the next program finds the lobby empty."""
        for tab in self.tabs:
            await tab.client.vanish()
        await self._settle()

    async def _into(self, tab: Tab, room: Room) -> None:
        tab.room = room
        if tab.user in room.stays:
            return
        if not room.stays and not room.special:
            room.crown = tab.user
        others = [other for other in self.tabs if other.room is room and other is not tab]
        room.stays.append(tab.user)
        is_back = tab.user in room.claims
        if is_back:
            room.crown = tab.user
            del room.claims[room.claims.index(tab.user) :]
        for other in others:
            (said,) = await self._next(other, "ch" if is_back else "p")
            if is_back:
                self._compare(room, said)
            else:
                assert said.items() >= tab.client.user.items()

    async def _out(self, tab: Tab, *, has_ended: bool) -> bool:
        """Take `tab` out of its room; return whether other clients got a message."""
        room, tab.room = tab.room, None
        left = [other for other in self.tabs if other.room is room]
        if room is None or any(other.user == tab.user for other in left):
            return False
        room.stays.remove(tab.user)
        held = room.crown == tab.user
        if held:
            room.crown = room.stays[0] if room.stays else None
            if has_ended:
                room.claims.append(tab.user)
        if not room.stays:
            room.claims.clear()  # the next room of that name is another one
        for other in left:
            if held:
                (ch,) = await self._next(other, "ch")
                self._compare(room, ch)
            else:
                (bye,) = await self._next(other, "bye")
                assert bye == {"m": "bye", "p": tab.client.id}
        return bool(left)

    def _compare(self, room: Room, ch: Message) -> None:
        assert ch["ch"]["_id"] == room.name
        assert sorted(p["_id"] for p in ch["ppl"]) == sorted(self.ids[u] for u in room.stays)
        assert ch["ch"]["count"] == len(room.stays)
        if room.crown is None:
            assert "crown" not in ch["ch"]
        else:
            assert ch["ch"]["crown"]["participantId"] == self.ids[room.crown]

    async def _next(self, tab: Tab, *names: str) -> list[Message]:
        """Return the very next frame of `tab`, which must hold `names` and no more."""
        before = len(tab.client.frames)
        frame = await tab.client.frame(*names)
        assert len(tab.client.frames) == before + 1, tab.client.frames[before:]
        return frame

    async def _settle(self) -> None:
        """Wait until the server has noticed the end of a connection that brings no message.

        A request that begins after that end takes the server's loop at least two turns.
        """
        peer = await RawPeer.connect(self.server)
        await peer.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await peer.response()).status == 200
        await peer.vanish()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", [1, 2])
async def test_a_thousand_random_joins_and_leaves(calm: Server, seed: int) -> None:
    model = RoomsModel(calm)
    try:
        await walk(model, random.Random(seed))
        await model.end()
    finally:
        await model.close()


async def walk(model: RoomsModel, dice: random.Random) -> None:
    """Do a thousand random steps in `model`."""
    moves: dict[Tab, int] = {}
    for _ in range(1000):
        if model.tabs and dice.random() < len(model.tabs) / 16:
            await model.leave(dice.choice(model.tabs), dice.choice(WAYS_OUT))
            continue
        # `ch` is limited to ten at once, so a tab moves a few times in its life.
        walkers = [tab for tab in model.tabs if moves[tab] < 6]
        if walkers and dice.random() < 0.4:
            tab = dice.choice(walkers)
            await model.go(tab, dice.choice(model.rooms))
            moves[tab] += 1
        else:
            tab = await model.arrive(dice.randrange(USERS), dice.choice(model.rooms))
            moves[tab] = 1


class Visits(RuleBasedStateMachine):
    """The same as a state machine, which finds the shortest program that fails."""

    server: Server
    tabs: Bundle[Tab] = Bundle("tabs")

    @initialize()
    def open(self) -> None:
        self.runner = asyncio.Runner()
        self.model = RoomsModel(self.server)
        self.differs = False

    def run(self, step: Coroutine[Any, Any, Any]) -> Any:
        try:
            return self.runner.run(step)
        except BaseException:
            self.differs = True
            raise

    @rule(target=tabs, user=st.integers(0, USERS - 1), room=st.integers(0, len(ROOMS) - 1))
    def arrive(self, user: int, room: int) -> Any:
        if len(self.model.tabs) == 12:
            return multiple()
        return self.run(self.model.arrive(user, self.model.rooms[room]))

    @rule(tab=tabs, room=st.integers(0, len(ROOMS) - 1))
    def go(self, tab: Tab, room: int) -> None:
        said = [message for message in tab.client.log if message["m"] == "nq"]
        if len(said) < 8:
            self.run(self.model.go(tab, self.model.rooms[room]))

    @rule(tab=consumes(tabs), way=st.sampled_from(WAYS_OUT))
    def leave(self, tab: Tab, way: str) -> None:
        self.run(self.model.leave(tab, way))

    def teardown(self) -> None:
        if not hasattr(self, "model"):
            return
        try:
            if not self.differs:
                self.run(self.model.end())
        finally:
            self.run(self.model.close())
            self.runner.close()


@pytest.mark.timeout(180)
def test_no_program_of_joins_and_leaves_differs_from_the_model(calm: Server) -> None:
    class Here(Visits):
        server = calm

    profile = settings(
        max_examples=15,
        stateful_step_count=30,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Here, settings=profile)

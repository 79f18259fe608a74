"""Each end of a connection reaches the others once: as `bye`, or as `ch` with the crown."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from support.raw_peer import CLOSE, PING, PONG, TEXT, RawPeer, frame
from support.server import Server, environment, run_server
from support.websocket_clients import Client, Clients, Message, new_address

TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def watchful() -> Iterator[Server]:
    """A server that pings every second and waits one second for the answer."""
    with run_server(
        NODE_ENV="development",
        FORTEPIANO_LIMITS__PING_SECONDS="1",
        FORTEPIANO_LIMITS__PONG_SECONDS="1",
    ) as running:
        yield running


async def assert_gone(who: Client, left: str, *, held_the_crown: bool) -> None:
    """Assert that `who` receives one message that `left` is gone: `bye`, or `ch` for a holder."""
    if held_the_crown:
        ch = await who.expect("ch")
        assert left not in {p["_id"] for p in ch["ppl"]}
        assert ch["ch"]["crown"]["participantId"] != left
        assert ch["ch"]["count"] == len(ch["ppl"])
    else:
        assert await who.expect("bye") == {"m": "bye", "p": left}
    await who.assert_silent()


async def join_by_hand(peer: RawPeer, room: str) -> str:
    """Join `room` with a raw peer; return its participant id."""
    await peer.handshake()
    await peer.send(frame(TEXT, json.dumps([{"m": "hi"}, {"m": "ch", "_id": room}]).encode()))
    while True:
        for message in json.loads(await peer.expect(TEXT)):
            if message["m"] == "ch":
                return str(message["p"])


class ClientProcess:
    """A client in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, id_: str) -> None:
        self.process = process
        self.id = id_


@asynccontextmanager
async def client_process(server: Server, room: str) -> AsyncIterator[ClientProcess]:
    """Start a client in a process of its own; kill it at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "support.client_process",
        server.ws_url,
        room,
        cwd=TESTS,
        env=environment(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        yield ClientProcess(process, (await process.stdout.readline()).decode().strip())
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.fixture(params=[False, True], ids=["guest", "crown"])
def crowned(request: pytest.FixtureRequest) -> bool:
    """Whether the client that leaves holds the crown."""
    return bool(request.param)


class Scene:
    """A room with two clients that stay; another one joins before or after them, and leaves."""

    def __init__(self, clients: Clients, room: str, crowned: bool) -> None:
        self.clients = clients
        self.room = room
        self.crowned = crowned
        self.stay: list[Client] = []

    async def others(self) -> None:
        self.stay = [await self.clients.enter(self.room) for _ in range(2)]

    @asynccontextmanager
    async def around(self) -> AsyncIterator[None]:
        """Let the two clients that stay join before or after the one that joins in the block."""
        if not self.crowned:
            await self.others()
        yield
        if self.crowned:
            await self.others()
        for client in self.stay:
            await client.received()

    async def assert_gone(self, left: str) -> None:
        for client in self.stay:
            await assert_gone(client, left, held_the_crown=self.crowned)
        # The server still works: newcomers get in and see the participants.
        ch = await (await self.clients.enter()).join(self.room)
        assert {p["_id"] for p in ch["ppl"]} == {p.id for p in self.stay} | {ch["p"]}


@pytest.fixture
async def scene(clients: Clients, room: str, crowned: bool) -> Scene:
    return Scene(clients, room, crowned)


@pytest.fixture
async def watched(watchful: Server, room: str, crowned: bool) -> AsyncIterator[Scene]:
    async with Clients(watchful) as clients:
        yield Scene(clients, room, crowned)


async def test_close_frame(scene: Scene) -> None:
    async with scene.around():
        client = await scene.clients.enter(scene.room)
    await client.leave()
    await scene.assert_gone(client.id)


@pytest.mark.case(33)
async def test_a_connection_that_is_reset_leaves_its_room(scene: Scene) -> None:
    async with scene.around():
        client = await scene.clients.enter(scene.room)
    await client.vanish()
    await scene.assert_gone(client.id)


async def test_reset_while_the_server_is_writing(scene: Scene) -> None:
    async with scene.around():
        client = await scene.clients.enter(scene.room)
    note: Message = {"m": "n", "t": 1, "n": [{"n": "c3", "v": 1}]}
    for _ in range(50):
        await scene.stay[0].send(note)
    await client.vanish()
    for _ in range(50):
        await scene.stay[0].send(note)
    for stays in scene.stay:
        await stays.expect("ch" if scene.crowned else "bye")
        assert {message["m"] for message in await stays.received()} <= {"n"}


async def test_end_of_the_stream_without_a_close_frame(scene: Scene) -> None:
    async with scene.around():
        peer = await scene.clients.raw_peer()
        left = await join_by_hand(peer, scene.room)
    peer.writer.write_eof()
    await scene.assert_gone(left)


async def test_in_the_middle_of_a_frame(scene: Scene) -> None:
    async with scene.around():
        peer = await scene.clients.raw_peer()
        left = await join_by_hand(peer, scene.room)
    await peer.send(frame(TEXT, b'[{"m":"a","message":"never sent"}]')[:20])
    peer.writer.write_eof()
    await scene.assert_gone(left)


async def test_violation(scene: Scene) -> None:
    async with scene.around():
        peer = await scene.clients.raw_peer()
        left = await join_by_hand(peer, scene.room)
    await peer.send(frame(TEXT, b"[]", masked=False))
    assert await peer.close_code() == 1002
    await scene.assert_gone(left)


async def test_a_close_that_is_never_finished(scene: Scene) -> None:
    async with scene.around():
        peer = await scene.clients.raw_peer()
        left = await join_by_hand(peer, scene.room)
    # A client that sent a close frame is gone, even if its TCP connection stays open.
    await peer.send(frame(CLOSE, b"\x03\xe8"))
    await scene.assert_gone(left)


async def test_killed_process(scene: Scene) -> None:
    async with AsyncExitStack() as stack:
        async with scene.around():
            guest = await stack.enter_async_context(
                client_process(scene.clients.server, scene.room)
            )
        guest.process.kill()
        await scene.assert_gone(guest.id)


async def test_half_open_peer_that_never_answers(watched: Scene) -> None:
    async with watched.around():
        peer = await watched.clients.raw_peer()
        left = await join_by_hand(peer, watched.room)
    await watched.assert_gone(left)
    assert await peer.ended()


async def test_stopped_process(watched: Scene) -> None:
    async with AsyncExitStack() as stack:
        async with watched.around():
            guest = await stack.enter_async_context(
                client_process(watched.clients.server, watched.room)
            )
        guest.process.send_signal(signal.SIGSTOP)
        await watched.assert_gone(guest.id)


async def test_who_answers_pings_stays(watchful: Server, room: str) -> None:
    async with Clients(watchful) as clients:
        client = await clients.enter(room)
        answering = await clients.raw_peer()
        await join_by_hand(answering, room)
        # Meanwhile the client answers its own pings: websockets does that by itself.
        for _ in range(3):
            await answering.send(frame(PONG, await answering.expect(PING)))
        await answering.send(frame(TEXT, b'[{"m":"a","message":"still here"}]'))
        await client.expect("a")
        assert not [message for message in client.log if message["m"] in {"bye", "ch"}][1:]


async def test_a_tab_that_dies_is_no_leave(clients_by_address: Clients, room: str) -> None:
    other = await clients_by_address.enter(room, address=new_address())
    client = await clients_by_address.enter(room, address=new_address())
    tab = await clients_by_address.tab(client, room)
    await other.received()
    await tab.vanish()
    await client.send({"m": "a", "message": "still here"})
    assert [message["m"] for message in await client.received()] == ["a"]
    assert [message["m"] for message in await other.received()] == ["a"]
    await client.vanish()
    await assert_gone(other, client.id, held_the_crown=False)


async def test_all_leave_at_once(clients: Clients, room: str) -> None:
    last = await clients.enter(room)
    people = [await clients.enter(room) for _ in range(30)]
    await last.received()
    await asyncio.gather(
        *(p.vanish() if number % 2 else p.leave() for number, p in enumerate(people))
    )
    gone = [(await last.expect("bye"))["p"] for _ in people]
    assert sorted(gone) == sorted(p.id for p in people)
    await last.assert_silent()
    assert (await last.join(room))["ch"]["count"] == 1


async def test_a_room_of_many_that_all_leave_at_once_is_not_told_of_each_heir(
    clients: Clients,
) -> None:
    *leaving, last = await clients.group(120)
    await asyncio.gather(*(one.vanish() for one in leaving))
    begin = len(last.log)
    final = await last.expect("ch", where=lambda ch: [p["_id"] for p in ch["ppl"]] == [last.id])
    assert final["ch"]["crown"]["participantId"] == last.id
    assert_gone = last.log[begin:]
    gone = [message["p"] for message in assert_gone if message["m"] == "bye"]
    assert len(gone) == len(set(gone))
    # Each was the heir of the one before: it was 119 times the list of all who were left.
    assert sum(message["m"] == "ch" for message in assert_gone) < 80

"""Clients that no registry has, replayed: what they send is data, and so is what comes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from support.custom import binary
from support.fleet import Fleet
from support.presets import PRESETS
from support.public_clients import replays
from support.scenes import Replayer, arrive
from support.websocket_clients import Clients, ClientsFactory, new_address, new_room

FILES = list(replays())


def scenes() -> Iterator[Any]:
    """Yield each scene of each client, named by its file and what it is about."""
    for file, replay in replays().items():
        for scene in replay.scenes:
            yield pytest.param(file, scene, id=f"{file}: {scene['about']}")


@pytest.mark.parametrize(("file", "scene"), list(scenes()))
async def test_what_comes_of_a_scene(
    clients_with: ClientsFactory, file: str, scene: dict[str, Any]
) -> None:
    clients = clients_with(**scene.get("rules", {}))
    replayer = await Replayer.set_up(replays()[file], clients)
    await replayer.play(scene)


@pytest.mark.parametrize("file", FILES)
async def test_each_knows_who_comes_and_goes_and_stands_the_lobby(
    clients_with: ClientsFactory, file: str
) -> None:
    clients = clients_with()
    replayer = await Replayer.set_up(replays()[file], clients)
    client, other = replayer.client, replayer.other
    visitor = await clients.enter(client.room)
    assert (await client.expect("p"))["_id"] == visitor.id
    await visitor.leave()
    assert (await client.expect("bye"))["p"] == visitor.id
    await client.send({"m": "ch", "_id": "lobby"})
    ch = await client.joined()
    assert ch["ch"]["settings"]["lobby"] is True
    assert "crown" not in ch["ch"]
    await other.received()


@pytest.mark.parametrize("file", FILES)
async def test_none_is_sent_binary_unless_it_asked(clients_with: ClientsFactory, file: str) -> None:
    clients = clients_with()
    replay = replays()[file]
    replayer = await Replayer.set_up(replay, clients)
    asked = any(message["m"] == "+custom" for frame in replay.arrives for message in frame)
    visitor = replayer.other
    for target in (
        {"mode": "subscribed"},
        {"mode": "id", "id": replayer.client.id},
        {"mode": "ids", "ids": [replayer.client.id]},
        {"mode": "id", "id": replayer.client.id, "global": True},
    ):
        await visitor.send_raw(binary({"m": "custom", "data": 1, "target": target}))
    await visitor.received()
    await replayer.client.received()
    assert len(replayer.client.binaries) == (4 if asked else 0)


async def test_all_come_back_after_a_restart(fleet: Fleet) -> None:
    server = fleet.server(PRESETS["quick"], FORTEPIANO_LIMITS__DRAIN_SECONDS="0")
    rooms = {file: (new_room(), new_address()) for file in FILES}
    ids: dict[str, str] = {}
    for _ in range(2):
        async with AsyncExitStack() as stack:
            clients = await stack.enter_async_context(Clients(server))
            for file, (room, address) in rooms.items():
                client = await clients.open(address=address)
                await arrive(client, replays()[file], room)
                assert ids.setdefault(file, client.id) == client.id
        await asyncio.to_thread(server.restart)

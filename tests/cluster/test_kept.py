"""The data of two nodes on one store, of which one restarts: chat, rooms, crowns and names stay."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.cluster import Cluster, run_cluster
from support.presets import LOUD, UNHURRIED
from support.server import Server
from support.websocket_clients import Client, Clients, Message, new_address, new_room

pytestmark = pytest.mark.timeout(180)

GRANT = "admin message"


@pytest.fixture(scope="module")
def lasting() -> Iterator[Cluster]:
    """Nodes that keep the chat of permanent rooms; people are at the last two of them."""

    def prepare(cluster: Cluster) -> None:
        cluster.tokens["admin"] = cluster.make_token("admin")

    settings = UNHURRIED | LOUD | {"FORTEPIANO_CHAT__KEEP": "permanent"}
    with run_cluster(3, prepare, **settings) as cluster:
        yield cluster


def people_at(cluster: Cluster) -> list[Server]:
    """Return two nodes, of which the second one restarts."""
    return cluster.nodes[1:]  # connections to the first one go round


async def make_permanent(cluster: Cluster, room: str, *, is_permanent: bool = True) -> None:
    """Let staff make a room permanent, or end that."""
    kind = "forceload" if is_permanent else "unforceload"
    async with Clients(people_at(cluster)[0]) as clients:
        staff = await clients.open(address=new_address())
        await staff.hello(token=cluster.tokens["admin"])
        await staff.send({"m": GRANT, "msg": {"m": kind, "_id": room}})
        assert await staff.received() == []


async def settings_of(client: Client) -> Message:
    """Return the settings of a client's room."""
    assert client.room is not None
    settings: Message = (await client.join(client.room))["ch"]["settings"]
    return settings


@pytest.mark.parametrize("home", [0, 1])
async def test_kept_chat_stays(lasting: Cluster, home: int) -> None:
    """A start of a node deletes no chat that another one keeps (A2)."""
    room = new_room()
    async with Clients(people_at(lasting)[home]) as clients:
        writer = await clients.enter(room)
        await make_permanent(lasting, room)
        await writer.send({"m": "a", "message": "remember"})
        await writer.expect("a")
    people_at(lasting)[1].restart()
    for node in people_at(lasting):
        async with Clients(node) as clients:
            reader = await clients.enter(address=new_address())
            await reader.send({"m": "ch", "_id": room})
            _, lines, _ = await reader.frame("ch", "c", "nq")
            assert [line["a"] for line in lines["c"]] == ["remember"]


@pytest.mark.parametrize("home", [0, 1])
async def test_a_permanent_room_is_one_room(lasting: Cluster, home: int) -> None:
    """Changes made at two nodes do not overwrite each other, and hold after a restart (A3)."""
    room = new_room()
    async with (
        Clients(people_at(lasting)[home]) as here,
        Clients(people_at(lasting)[1 - home]) as there,
    ):
        holder = await here.enter(room, address=new_address())
        await make_permanent(lasting, room)
        other = await there.enter(room, address=new_address())
        await holder.send({"m": "chset", "set": {"color": "#aa1111", "noindex": True}})
        await other.expect("ch")
        await holder.send({"m": "chown", "id": other.id})
        await other.expect("ch")
        await other.send({"m": "chset", "set": {"color": "#00bb22"}})
        await holder.expect("ch", where=lambda ch: ch["ch"]["settings"]["color"] == "#00bb22")
    people_at(lasting)[1].restart()
    for node in people_at(lasting):
        async with Clients(node) as clients:
            settings = await settings_of(await clients.enter(room, address=new_address()))
            assert (settings["color"], settings["noindex"]) == ("#00bb22", True)
    await make_permanent(lasting, room, is_permanent=False)
    people_at(lasting)[1].restart()
    for node in people_at(lasting):
        async with Clients(node) as clients:
            settings = await settings_of(await clients.enter(room, address=new_address()))
            assert settings["color"] != "#00bb22"


async def test_a_room_outlives_its_home(lasting: Cluster) -> None:
    """A room of the node that restarts goes on at the other, and its holder comes back (A4)."""
    room, address = new_room(), new_address()
    async with Clients(people_at(lasting)[0]) as there:
        async with Clients(people_at(lasting)[1]) as here:
            await here.enter(room, {"color": "#777777"}, address=address)
            stays = await there.enter(room, address=new_address())
            people_at(lasting)[1].restart()
        await stays.expect("ch", where=lambda ch: ch["ch"]["count"] == 1, within=30)
        assert (await settings_of(stays))["color"] == "#777777"
        async with Clients(people_at(lasting)[1]) as here:
            back = await here.enter(room, address=address)
            assert (await settings_of(back))["color"] == "#777777"
            assert (await back.join(room))["ch"]["count"] == 2


async def test_a_name_is_not_reverted(lasting: Cluster) -> None:
    """A name chosen at one node stays, whichever tab is closed first (A5)."""
    room, address = new_room(), new_address()
    async with Clients(people_at(lasting)[0]) as here, Clients(people_at(lasting)[1]) as there:
        one = await here.enter(room, address=address)
        two = await there.enter(new_room(), address=address)
        assert one.id == two.id
        await one.send({"m": "userset", "set": {"name": "Chosen here", "color": "#123456"}})
        await two.expect("p")
        await one.leave()
        await two.leave()
    people_at(lasting)[1].restart()
    for node in people_at(lasting):
        async with Clients(node) as clients:
            again = await clients.enter(address=address)
            assert (again.user["name"], again.user["color"]) == ("Chosen here", "#123456")

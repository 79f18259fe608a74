"""docs/operating.md, "From one process to three nodes", run literally on three clean machines."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from support.machine_network import LastingMachine, MachineNetwork

TEXT = (Path(__file__).parents[2] / "docs" / "operating.md").read_text("utf-8")
_, _, WAY = TEXT.partition("### From one process to three nodes\n")

BLOCKS: list[tuple[str, str]] = re.findall(
    r"^```sh as root (.*)\n((?:.*\n)*?)```$", WAY.partition("\n## ")[0], re.MULTILINE
)
"""Where each block of commands is to be run, and its commands."""

ADDRESSES = {"north": "10.20.0.1", "south": "10.20.0.2", "east": "10.20.0.3"}
PLACES = {
    "each machine": ("north", "south", "east"),
    "north": ("north",),
    "south and east": ("south", "east"),
}
BACK = ", to go back"

ANN, BANNED, *VISITORS = (f"10.20.0.{number}" for number in range(100, 124))

PATIENCE = 20.0

pytestmark = [
    pytest.mark.ops,
    pytest.mark.timeout(600),
    *(
        pytest.mark.needs(program)
        for program in ("nginx", "openssl", "curl", "runuser", "redis-server", "ip")
    ),
]


@pytest.fixture
def network(tmp_path: Path) -> Iterator[MachineNetwork]:
    network = MachineNetwork(tmp_path, [f"{one}/24" for one in (ANN, BANNED, *VISITORS)])
    try:
        for name, address in ADDRESSES.items():
            network.machine(name, address)
        yield network
    finally:
        network.close()


class Visitor:
    """A person on the page of the site, behind nginx."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._heard: list[Any] = []

    @classmethod
    async def of(cls, address: str, token: str = "") -> Visitor:
        """Connect from an address, and say hi with a token if there is one."""
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        connection = await connect(
            "wss://piano.example.org/ws",
            host=ADDRESSES["north"],
            ssl=trusting,
            proxy=None,
            local_addr=(address, 0),
            open_timeout=PATIENCE,
        )
        visitor = cls(connection)
        await visitor.send({"m": "hi"} | ({"token": token} if token else {}))
        return visitor

    async def send(self, message: Any) -> None:
        await self._connection.send(json.dumps([message]))

    async def expect(self, m: str) -> Any:
        """Return the next message of a type."""
        async with asyncio.timeout(PATIENCE):
            while True:
                while self._heard:
                    message = self._heard.pop(0)
                    if message["m"] == m:
                        return message
                self._heard += json.loads(await self._connection.recv())

    async def enter(self, room: str) -> Any:
        """Enter a room; return what it is, with its people and its chat."""
        await self.send({"m": "ch", "_id": room})
        found = await self.expect("ch")
        return found | {"chat": (await self.expect("c"))["c"]}

    async def close(self) -> None:
        await self._connection.close()


class Ann(NamedTuple):
    """A user, and the token that their browser has kept."""

    id: str
    token: str


async def live_alone() -> Ann:
    """Give Ann a name, and let them talk in the hall."""
    ann = await Visitor.of(ANN)
    found = await ann.expect("hi")
    await ann.send({"m": "userset", "set": {"name": "Ann-Sophie", "color": "#33aa77"}})
    await ann.enter("The hall")
    await ann.send({"m": "a", "message": "Hello from one process"})
    await ann.expect("a")
    await ann.close()
    return Ann(found["u"]["_id"], found.get("token", ""))


async def look(known: Ann, said: str) -> None:
    """Look whether all is there: id, name, room, chat and ban."""
    ann = await Visitor.of(ANN, known.token)
    user = (await ann.expect("hi"))["u"]
    assert (user["_id"], user["name"], user["color"]) == (known.id, "Ann-Sophie", "#33aa77")
    found = await ann.enter("The hall")
    assert found["ch"]["settings"]["color"] == "#112233"
    assert [line["a"] for line in found["chat"]][-1] == said
    await ann.send({"m": "+ls"})
    assert "The hall" in {room["_id"] for room in (await ann.expect("ls"))["u"]}
    await ann.close()
    with pytest.raises(InvalidStatus) as refused:
        await Visitor.of(BANNED)
    assert refused.value.response.status_code == 403


async def meet(nodes: Sequence[LastingMachine]) -> None:
    """Let people of many addresses meet in the hall, at all nodes, and play."""
    async with AsyncExitStack() as stack:
        visitors = [await Visitor.of(address) for address in VISITORS]
        for visitor in visitors:
            stack.push_async_callback(visitor.close)
            await visitor.enter("The hall")
        for node in nodes:
            shown = json.loads(await asyncio.to_thread(fortepiano, node, "status --json"))
            assert shown["numbers"]["clients"] > 0
        player, *listeners = visitors
        await player.send({"m": "n", "t": 1, "n": [{"n": "a1", "v": 0.5}]})
        for visitor in listeners:
            assert (await visitor.expect("n"))["n"] == [{"n": "a1", "v": 0.5}]
        await listeners[0].send({"m": "a", "message": "Hello from three nodes"})
        for visitor in visitors:
            assert (await visitor.expect("a"))["a"] == "Hello from three nodes"


def fortepiano(machine: LastingMachine, *commands: str) -> str:
    """Run commands of the server as its user, in the folder of the settings."""
    lines = [f"runuser -u fortepiano -- fortepiano {command}" for command in commands]
    return machine.do("\n".join(["cd /etc/fortepiano", *lines]))


def prepare(network: MachineNetwork, mode: str) -> Ann:
    """Make one process on SQLite, with a user, a room, chat and a ban."""
    north = network.machines[0]
    (first,) = re.findall(r"^```sh as root in the tree\n((?:.*\n)*?)```$", TEXT, re.MULTILINE)
    north.do(first)
    north.do(
        "cd /etc/fortepiano\n"
        "sed -i 's/^#keep = .*/keep = \"permanent\"/' fortepiano.toml\n"
        f"sed -i '/^.identity/,/^#mode/ s/^#mode = .*/mode = \"{mode}\"/' fortepiano.toml\n"
        "systemctl stop fortepiano.service\nsystemctl start fortepiano.service"
    )
    token = fortepiano(north, "token create --scope admin").split()[-1]
    north.do(
        f"api() {{ curl -sSf --retry 9 --retry-all-errors -H 'Authorization: Bearer {token}' "
        "-H 'Content-Type: application/json' \"$@\"; }\n"
        "room=http://127.0.0.1:9180/api/v1/room\n"
        'api -X PUT "$room/permanent?name=The+hall" -d \'{"permanent": true}\'\n'
        'api -X PATCH "$room/settings?name=The+hall" -d \'{"color": "#112233"}\'\n'
    )
    fortepiano(north, f"bans add {BANNED} --for 7d --reason spam")
    return network.visit(live_alone)


def go(network: MachineNetwork, *, back: bool) -> dict[str, str]:
    """Run the blocks of the document; return what each machine has written last."""
    by_name = dict(zip(ADDRESSES, network.machines, strict=True))
    written: dict[str, str] = {}
    for where, commands in BLOCKS:
        place = where.removesuffix(BACK)
        if where.endswith(BACK) == back:
            for name in PLACES[place.removeprefix("in the tree on ").removeprefix("on ")]:
                written[name] = by_name[name].do(commands)
    return written


@pytest.mark.parametrize("mode", ["ip", "token"])
def test_the_blocks_lead_to_three_nodes_and_back(network: MachineNetwork, mode: str) -> None:
    ann = prepare(network, mode)
    _, south, _ = network.machines
    went = go(network, back=False)
    assert all("ready" in went[name] for name in ("south", "east"))
    network.visit(lambda: look(ann, "Hello from one process"))
    network.visit(lambda: meet(network.machines))
    for machine in network.machines:
        shown = re.findall(r"^(\w+):8080 .* ready, ", fortepiano(machine, "status"), re.MULTILINE)
        assert sorted(shown) == sorted(ADDRESSES)
    assert not re.search(r'"level": "(warning|error)"', south.do("cat /var/log/fortepiano.log"))
    go(network, back=True)
    network.visit(lambda: look(ann, "Hello from three nodes"))

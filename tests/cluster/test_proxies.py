"""Proxies that keep an address on a node: the configurations of deploy/ over two nodes."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from support.cluster import Cluster, run_cluster
from support.scrape import scrape
from support.tls_proxies import BALANCERS, Certificate, make_certificate
from support.websocket_clients import new_address, new_room

pytestmark = [pytest.mark.needs("openssl"), pytest.mark.timeout(180)]

PATIENCE = 30.0


@pytest.fixture(scope="module")
def certificate() -> Iterator[Certificate]:
    """A certificate for localhost, and its key."""
    with tempfile.TemporaryDirectory(prefix="fortepiano-tls-") as name:
        yield make_certificate(Path(name))


@pytest.fixture(scope="module")
def behind() -> Iterator[Cluster]:
    """Two nodes that trust a proxy on this machine."""
    with run_cluster(2, FORTEPIANO_PROXY__TRUSTED="127.0.0.1") as cluster:
        yield cluster


def clients(cluster: Cluster) -> list[int]:
    """How many clients each node has."""
    metrics = (scrape(node, timeout=PATIENCE) for node in cluster.nodes)
    return [int(found[f'clients{{node="node-{number}"}}']) for number, found in enumerate(metrics)]


async def until(connection: ClientConnection, kind: str) -> dict[str, Any]:
    """Return the next message of a kind."""
    async with asyncio.timeout(PATIENCE):
        while True:
            for message in json.loads(await connection.recv()):
                if message["m"] == kind:
                    found: dict[str, Any] = message
                    return found


@pytest.mark.parametrize("proxy", BALANCERS.values())
async def test_an_address_stays_on_a_node_and_all_hear_each_other(
    proxy: Any, behind: Cluster, certificate: Certificate
) -> None:
    room, connections = new_room(), list[ClientConnection]()
    before = clients(behind)

    async def visit(address: str) -> int:
        """Enter the room from an address; return the node that has the client."""
        connection = await connect(
            f"wss://localhost:{port}/ws",
            ssl=certificate.trusting(),
            host="127.0.0.1",
            port=port,
            proxy=None,
            local_addr=(address, 0),
        )
        connections.append(connection)
        await connection.send(json.dumps([{"m": "hi"}, {"m": "ch", "_id": room}]))
        await until(connection, "ch")
        now = await asyncio.to_thread(clients, behind)
        grown = [now[at] - before[at] for at in range(2)]
        before[:] = now
        assert sorted(grown) == [0, 1]
        return grown.index(1)

    with proxy(behind, certificate, nodes=behind.nodes) as port:
        addresses = [new_address() for _ in range(8)]
        first = [await visit(address) for address in addresses]
        assert [await visit(address) for address in addresses] == first
        assert set(first) == {0, 1}
        here, there = (connections[first.index(node)] for node in (0, 1))
        await here.send(json.dumps([{"m": "n", "t": 1, "n": [{"n": "a1", "v": 0.5}]}]))
        assert (await until(there, "n"))["n"][0]["n"] == "a1"
        for connection in connections:
            await connection.close()

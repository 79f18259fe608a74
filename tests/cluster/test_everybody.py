"""Bans and tokens over the nodes of a cluster: how soon they hold at all of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest

from support.cluster import Cluster, run_cluster
from support.presets import LOUD, UNHURRIED
from support.processor import load
from support.websocket_clients import Client, Clients, new_address, new_room

pytestmark = pytest.mark.timeout(120)

SOON = 1.0
"""Seconds in which bans and tokens hold at all nodes; a busy machine takes longer."""

PATIENCE = 20.0


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Three nodes, with a token of the staff; an address is a user there."""

    def prepare(cluster: Cluster) -> None:
        cluster.tokens["admin"] = cluster.make_token("admin")

    settings = UNHURRIED | LOUD | {"NODE_ENV": "production"}
    with run_cluster(3, prepare, **settings) as running:
        yield running


async def nodes_of(stack: AsyncExitStack, cluster: Cluster) -> list[Clients]:
    """Return clients of two nodes; connections to the first one go round."""
    return [await stack.enter_async_context(Clients(node)) for node in cluster.nodes[1:]]


async def staff_at(clients: Clients, token: str) -> Client:
    """Return a member of staff outside of rooms."""
    staff = await clients.open(address=new_address())
    assert (await staff.hello(token=token))["permissions"]
    return staff


def limit() -> float:
    """Return how long something may take that holds within a second."""
    return SOON * load()


def run(cluster: Cluster, *arguments: str) -> str:
    """Run a command on the cluster's store."""
    with cluster.command_of(*arguments) as command:
        output, _ = command.communicate(timeout=60)
    assert command.returncode == 0, output
    return output


async def test_a_site_ban_closes_tabs_at_all_nodes(cluster: Cluster) -> None:
    address = new_address()
    async with AsyncExitStack() as stack:
        nodes = await nodes_of(stack, cluster)
        tabs = [await clients.enter(new_room(), address=address) for clients in nodes]
        staff = await staff_at(nodes[0], cluster.tokens["admin"])
        begin = time.monotonic()
        await staff.send({"m": "siteban", "id": tabs[0].id, "duration": 60_000})
        for tab in tabs:
            await tab.expect("notification", within=PATIENCE)
            assert await tab.closed(within=PATIENCE) == 4008
        assert time.monotonic() - begin < limit()


async def test_a_token_that_is_revoked_ends_at_all_nodes(cluster: Cluster) -> None:
    token = cluster.make_token("moderate")
    (line,) = [one for one in run(cluster, "token", "list").splitlines() if "moderate" in one]
    async with AsyncExitStack() as stack:
        nodes = await nodes_of(stack, cluster)
        staff = [await staff_at(clients, token) for clients in nodes]
        run(cluster, "token", "revoke", line.split()[0])
        begin = time.monotonic()
        for one in staff:
            notice = await one.expect("notification", within=PATIENCE)
            assert notice["code"] == "token_ended"
        assert time.monotonic() - begin < 2 * limit()

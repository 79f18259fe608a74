"""`hi.token`: who belongs to the staff, and what he may do (docs/protocol.md 1.3)."""

from __future__ import annotations

import asyncio

import pytest

from support.server import Server
from support.websocket_clients import Clients, ClientsFactory, Message

PERMISSIONS = {
    "clearChat",
    "vanish",
    "chsetAnywhere",
    "chownAnywhere",
    "usersetOthers",
    "siteBan",
    "siteBanAnyReason",
    "siteBanAnyDuration",
    "playNotesAnywhere",
}


async def permissions(clients: Clients, **hello: object) -> Message:
    """Return what `hi` announces."""
    client = await clients.open()
    announced: Message = (await client.hello(**hello))["permissions"]
    return announced


async def test_case_19_hi_announces_what_an_admin_may_do(clients_with: ClientsFactory) -> None:
    clients = clients_with()
    token = clients.server.tokens["admin"]
    assert await permissions(clients, token=token) == dict.fromkeys(PERMISSIONS, True)


async def test_case_19_smaller_scopes_may_do_less(clients_with: ClientsFactory) -> None:
    clients = clients_with()
    moderate = await permissions(clients, token=clients.server.tokens["moderate"])
    assert 0 < len(moderate) < len(PERMISSIONS)
    assert moderate.keys() < PERMISSIONS
    assert not any((await permissions(clients, token=clients.server.tokens["read"])).values())


@pytest.mark.parametrize(
    "token",
    [None, "", "x", "x" * 10_000, 5, True, [], {}, "../../etc/passwd", "' OR 1=1 --", "\u20ac\x00"],
    ids=repr,
)
async def test_case_19_any_other_token_is_ignored(
    clients_with: ClientsFactory, token: object
) -> None:
    assert await permissions(clients_with(), token=token) == {}


async def test_case_19_nor_is_half_a_token_or_more_than_one(clients_with: ClientsFactory) -> None:
    clients = clients_with()
    token = clients.server.tokens["admin"]
    for wrong in (token[:-1], token + "x", token.upper(), " " + token, [token], {"token": token}):
        assert await permissions(clients, token=wrong) == {}


async def test_case_19_it_is_this_connections_alone(clients_with: ClientsFactory) -> None:
    clients = clients_with(NODE_ENV="production")
    staff = await clients.enter(token=clients.server.tokens["admin"])
    tab = await clients.open()
    reply = await tab.hello()
    assert reply["u"]["_id"] == staff.id
    assert reply["permissions"] == {}


async def test_case_19_a_second_hi_announces_it_again(clients_with: ClientsFactory) -> None:
    clients = clients_with()
    staff = await clients.enter(token=clients.server.tokens["admin"])
    assert (await staff.hello())["permissions"] == dict.fromkeys(PERMISSIONS, True)


async def test_case_19_tokens_are_kept_hashed(clients_with: ClientsFactory) -> None:
    clients = clients_with()
    token = clients.server.tokens["admin"]
    await clients.enter(token=token)
    secret = token.rsplit("_", 1)[-1].encode()
    kept = [path for path in (clients.server.folder / "data").rglob("*") if path.is_file()]
    assert kept
    for path in kept:
        assert secret not in path.read_bytes(), path
    assert secret.decode() not in clients.server.log


async def test_case_19_a_token_made_while_the_server_runs(restartable_server: Server) -> None:
    # Not among `tokens`, which other servers accept too.
    token = restartable_server.make_token("moderate")
    async with Clients(restartable_server) as clients:
        for _ in range(100):
            if await permissions(clients, token=token):
                return
            await asyncio.sleep(0.1)
    pytest.fail("it was not accepted within ten seconds")

"""`hi.token`: the tokens of staff, and the permissions they give (docs/protocol.md 1.3)."""

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


@pytest.mark.case(19)
async def test_hi_has_the_permissions_of_an_admin(clients_with: ClientsFactory) -> None:
    clients = clients_with()
    token = clients.server.tokens["admin"]
    assert await permissions(clients, token=token) == dict.fromkeys(PERMISSIONS, True)


@pytest.mark.case(19)
async def test_smaller_scopes_may_do_less(clients_with: ClientsFactory) -> None:
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
@pytest.mark.case(19)
async def test_any_other_token_is_ignored(clients_with: ClientsFactory, token: object) -> None:
    assert await permissions(clients_with(), token=token) == {}


@pytest.mark.case(19)
async def test_a_part_of_a_token_or_several_tokens_are_ignored(
    clients_with: ClientsFactory,
) -> None:
    clients = clients_with()
    token = clients.server.tokens["admin"]
    for wrong in (token[:-1], token + "x", token.upper(), " " + token, [token], {"token": token}):
        assert await permissions(clients, token=wrong) == {}


@pytest.mark.case(19)
async def test_a_token_gives_rights_to_its_connection_only(clients_with: ClientsFactory) -> None:
    clients = clients_with(NODE_ENV="production")
    staff = await clients.enter(token=clients.server.tokens["admin"])
    tab = await clients.open()
    reply = await tab.hello()
    assert reply["u"]["_id"] == staff.id
    assert reply["permissions"] == {}


@pytest.mark.case(19)
async def test_a_second_hi_has_the_permissions_again(clients_with: ClientsFactory) -> None:
    clients = clients_with()
    staff = await clients.enter(token=clients.server.tokens["admin"])
    assert (await staff.hello())["permissions"] == dict.fromkeys(PERMISSIONS, True)


@pytest.mark.case(19)
async def test_tokens_are_stored_as_hashes(clients_with: ClientsFactory) -> None:
    clients = clients_with()
    token = clients.server.tokens["admin"]
    await clients.enter(token=token)
    secret = token.rsplit("_", 1)[-1].encode()
    kept = [path for path in (clients.server.folder / "data").rglob("*") if path.is_file()]
    assert kept
    for path in kept:
        assert secret not in path.read_bytes(), path
    assert secret.decode() not in clients.server.log


@pytest.mark.case(19)
async def test_a_token_made_while_the_server_runs_is_accepted(restartable_server: Server) -> None:
    # Not among `tokens`, which other servers accept too.
    token = restartable_server.make_token("moderate")
    async with Clients(restartable_server) as clients:
        for _ in range(100):
            if await permissions(clients, token=token):
                return
            await asyncio.sleep(0.1)
    pytest.fail("it was not accepted within ten seconds")

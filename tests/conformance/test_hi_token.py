"""`hi.token`: who belongs to the staff, and what he may do (docs/protocol.md 1.3)."""

from __future__ import annotations

import asyncio

import pytest

from support.server import Server
from support.websocket_clients import Company, House, Message

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


async def permissions(company: Company, **hello: object) -> Message:
    """Return what `hi` announces."""
    person = await company.open()
    announced: Message = (await person.hello(**hello))["permissions"]
    return announced


async def test_case_19_hi_announces_what_an_admin_may_do(house: House) -> None:
    guests = house()
    token = guests.server.tokens["admin"]
    assert await permissions(guests, token=token) == dict.fromkeys(PERMISSIONS, True)


async def test_case_19_smaller_scopes_may_do_less(house: House) -> None:
    guests = house()
    moderate = await permissions(guests, token=guests.server.tokens["moderate"])
    assert 0 < len(moderate) < len(PERMISSIONS)
    assert moderate.keys() < PERMISSIONS
    assert not any((await permissions(guests, token=guests.server.tokens["read"])).values())


@pytest.mark.parametrize(
    "token",
    [None, "", "x", "x" * 10_000, 5, True, [], {}, "../../etc/passwd", "' OR 1=1 --", "\u20ac\x00"],
    ids=repr,
)
async def test_case_19_any_other_token_is_ignored(house: House, token: object) -> None:
    assert await permissions(house(), token=token) == {}


async def test_case_19_nor_is_half_a_token_or_more_than_one(house: House) -> None:
    guests = house()
    token = guests.server.tokens["admin"]
    for wrong in (token[:-1], token + "x", token.upper(), " " + token, [token], {"token": token}):
        assert await permissions(guests, token=wrong) == {}


async def test_case_19_it_is_this_connections_alone(house: House) -> None:
    guests = house(NODE_ENV="production")
    staff = await guests.enter(token=guests.server.tokens["admin"])
    tab = await guests.open()
    reply = await tab.hello()
    assert reply["u"]["_id"] == staff.id
    assert reply["permissions"] == {}


async def test_case_19_a_second_hi_announces_it_again(house: House) -> None:
    guests = house()
    staff = await guests.enter(token=guests.server.tokens["admin"])
    assert (await staff.hello())["permissions"] == dict.fromkeys(PERMISSIONS, True)


async def test_case_19_tokens_are_kept_hashed(house: House) -> None:
    guests = house()
    token = guests.server.tokens["admin"]
    await guests.enter(token=token)
    secret = token.rsplit("_", 1)[-1].encode()
    kept = [path for path in (guests.server.folder / "data").rglob("*") if path.is_file()]
    assert kept
    for path in kept:
        assert secret not in path.read_bytes(), path
    assert secret.decode() not in guests.server.log


async def test_case_19_a_token_made_while_the_server_runs(mortal: Server) -> None:
    # Not among `tokens`, which other servers accept too.
    token = mortal.make_token("moderate")
    async with Company(mortal) as guests:
        for _ in range(100):
            if await permissions(guests, token=token):
                return
            await asyncio.sleep(0.1)
    pytest.fail("it was not accepted within ten seconds")

"""Banned users come back by other connections, addresses and tokens (docs/operating.md, "Bans")."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, AsyncExitStack

import pytest

from support.bystanders import untroubled
from support.http_attacker import HttpAttacker
from support.raw_handshake import BROWSER, RawHandshake, raw_handshake
from support.raw_peer import TEXT, arrival, handshake_request
from support.server import Server, run_server

HOUR = 3_600_000
HOME = "2001:db8:7:100::1"
SAME_64 = "2001:db8:7:100:ffff::9"
SAME_48 = "2001:db8:7:200::1"
ELSEWHERE = "2001:db8:8::1"
HOME_4, SAME_24, ELSEWHERE_4 = "203.0.113.7", "203.0.113.99", "198.51.100.1"
STAFF, HOLDER, GUEST = "192.0.2.1", "192.0.2.2", "192.0.2.3"
QUIET, AWKWARD = "quiet room", "test/awkward"
COME = arrival(QUIET).removeprefix(handshake_request())


class Site:
    """A server behind a proxy that names the address of each connection."""

    def __init__(self, server: Server, stack: AsyncExitStack) -> None:
        self.server = server
        self._stack = stack

    async def come(self, address: str, token: str | None = None) -> RawHandshake:
        """Connect from an address and send `hi`."""
        headers = (BROWSER, f"X-Forwarded-For: {address}")
        handshake = await raw_handshake(self.server, *headers)
        self._stack.push_async_callback(handshake.peer.vanish)
        if handshake.status == 101:
            await handshake.send({"m": "hi"} if token is None else {"m": "hi", "token": token})
        return handshake

    async def enter(self, address: str, token: str | None = None) -> tuple[str, str]:
        """Connect as a user who is let in; return the user's id and the new token, if any."""
        reply = await (await self.come(address, token)).expect("hi")
        return reply["u"]["_id"], reply.get("token", "")

    async def is_banned(self, address: str, token: str | None = None) -> bool:
        """Tell whether a client is refused as banned, before the upgrade or after `hi`."""
        handshake = await self.come(address, token)
        if handshake.status != 101:
            assert handshake.status == 403
            return True
        while True:
            messages = json.loads(await handshake.peer.expect(TEXT))
            kinds = {message["m"] for message in messages}
            if "notification" in kinds:
                assert await handshake.peer.close_code() == 4008
                return True
            if "hi" in kinds:
                return False

    async def ban(self, user: str, **fields: object) -> None:
        """Ban a user from the site for an hour, and wait until the ban is saved."""
        staff = await self.come(STAFF, self.server.tokens["admin"])
        await staff.expect("hi")
        await staff.send({"m": "siteban", "id": user, "duration": HOUR, "reason": "x"} | fields)
        assert (await staff.expect("notification"))["code"] == "done"

    async def join(self, address: str, token: str | None = None) -> tuple[RawHandshake, str]:
        """Connect and ask for the quiet room; return the room that the client gets into."""
        client = await self.come(address, token)
        await client.send({"m": "ch", "_id": QUIET})
        return client, (await client.expect("ch"))["ch"]["_id"]


def behind_a_proxy(mode: str) -> AbstractContextManager[Server]:
    settings = {"FORTEPIANO_PROXY__TRUSTED": "127.0.0.1", "FORTEPIANO_IDENTITY__MODE": mode}
    return run_server(scopes=("admin",), **settings)


@pytest.fixture(scope="module")
def by_address() -> Iterator[Server]:
    """A server with default limits on which addresses are users."""
    with behind_a_proxy("ip") as running:
        yield running


@pytest.fixture(scope="module")
def by_token() -> Iterator[Server]:
    """A server with default limits on which tokens are users."""
    with behind_a_proxy("token") as running:
        yield running


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def test_by_another_address(by_address: Server, stack: AsyncExitStack) -> None:
    site = Site(by_address, stack)
    user, _ = await site.enter(HOME)
    await site.ban(user)
    for address in (HOME, SAME_64):
        assert await site.is_banned(address)
    # A new user, of whom the staff learn that a banned one is near.
    assert not await site.is_banned(SAME_48)
    assert "same /48 as a ban" in by_address.log
    assert not await site.is_banned(ELSEWHERE)


async def test_by_another_address_of_a_banned_network(
    by_address: Server, stack: AsyncExitStack
) -> None:
    site = Site(by_address, stack)
    user, _ = await site.enter(HOME_4)
    await site.ban(user, network=24)
    for address in (HOME_4, SAME_24, f"::ffff:{SAME_24}"):
        assert await site.is_banned(address)
    assert not await site.is_banned(ELSEWHERE_4)


async def test_by_another_token(by_token: Server, stack: AsyncExitStack) -> None:
    site = Site(by_token, stack)
    user, token = await site.enter(HOME)
    friend, friends_token = await site.enter(ELSEWHERE)
    assert friend != user
    await site.ban(user)
    for sent in (token, None, friends_token):
        assert await site.is_banned(HOME, sent)
        assert await site.is_banned(SAME_64, sent)
    assert await site.is_banned(ELSEWHERE_4, token)
    assert not await site.is_banned(ELSEWHERE, friends_token)
    # With neither the address nor the token nothing connects the two.
    assert not await site.is_banned(HOME_4)


async def test_into_a_room_by_another_token(by_token: Server, stack: AsyncExitStack) -> None:
    site = Site(by_token, stack)
    holder, _ = await site.join(HOLDER)
    banned, token = await site.enter(GUEST)
    await holder.send({"m": "kickban", "_id": banned, "ms": HOUR})
    assert (await holder.expect("notification"))["code"] == "kickbanned"
    assert (await site.join(GUEST, token))[1] == AWKWARD
    # A ban from a room names the user alone: a new token is a new user, within a bound.
    again, room = await site.join(GUEST)
    assert room == QUIET
    # The holder's answer: only invited people may enter.
    await again.peer.vanish()
    await holder.send({"m": "chset", "set": {"inviteOnly": True}})
    await holder.expect("ch")
    assert (await site.join(GUEST))[1] != QUIET


async def test_again_and_again(by_token: Server, stack: AsyncExitStack) -> None:
    site = Site(by_token, stack)
    home, *elsewhere = (f"192.0.2.{number}" for number in range(99, 120))
    user, _ = await site.enter(home)
    await site.ban(user)
    heads = [
        handshake_request("/ws", f"X-Forwarded-For: {address}") for address in (home, *elsewhere)
    ]
    with untroubled(by_token, "a banned user returns"):
        with HttpAttacker(by_token.port, "127.0.0.1") as proxy:
            proxy.knock([head + COME for head in heads], 4)

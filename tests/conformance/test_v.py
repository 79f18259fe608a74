"""`v`: staff hide, and show themselves again (docs/protocol.md 1.3)."""

from __future__ import annotations

import pytest

from support.websocket_clients import ClientsFactory, Message


def ids(ch: Message) -> list[str]:
    return sorted(p["_id"] for p in ch["ppl"])


async def test_others_see_a_user_who_hides_go_and_come(clients_with: ClientsFactory) -> None:
    clients = clients_with()
    one, two = await clients.pair()
    staff = await clients.enter(one.room, token=clients.server.tokens["admin"])
    for client in (one, two):
        await client.received()
    await staff.send({"m": "v", "vanish": True})
    await staff.received()
    for client in (one, two):
        heard = await client.received()
        # To others the user has left.
        assert {"m": "bye", "p": staff.id} in heard or staff.id not in ids(heard[-1])
        for message in heard:
            assert message["m"] in {"bye", "ch"}
            assert message["m"] != "ch" or staff.id not in ids(message)
    newcomer = await clients.enter()
    assert ids(await newcomer.join(one.room)) == sorted([one.id, two.id, newcomer.id])
    # The hidden user is still there, in their own list too.
    assert staff.id in ids(await staff.join(one.room))
    await one.received()
    await staff.send({"m": "v", "vanish": False})
    await staff.received()
    heard = await one.received()
    assert any(m["m"] == "p" and m["_id"] == staff.id for m in heard) or staff.id in ids(heard[-1])
    assert staff.id in ids(await newcomer.join(one.room))


async def test_who_is_hidden_comes_and_goes_unseen(clients_with: ClientsFactory) -> None:
    clients = clients_with()
    staff = await clients.enter(token=clients.server.tokens["admin"])
    await staff.send({"m": "v", "vanish": True})
    await staff.received()
    one, two = await clients.pair()
    await staff.join(one.room)
    await staff.send({"m": "m", "x": 1, "y": 2})
    await staff.received()
    for client in (one, two):
        await client.assert_silent()
    colleague = await clients.enter(token=clients.server.tokens["admin"])
    seen = await colleague.join(one.room)
    # Users who may hide see hidden ones.
    (hidden,) = (p for p in seen["ppl"] if p["_id"] == staff.id)
    assert hidden["vanished"] is True
    for client in (one, two):
        await client.received()
    await staff.leave()
    await colleague.expect("bye", where=lambda bye: bye["p"] == staff.id)
    for client in (one, two):
        await client.assert_silent()


@pytest.mark.parametrize("vanish", [None, 1, "true", [], {}])
async def test_bad_wishes(clients_with: ClientsFactory, vanish: object) -> None:
    clients = clients_with()
    one, _ = await clients.pair()
    staff = await clients.enter(one.room, token=clients.server.tokens["admin"])
    await one.received()
    await staff.send({"m": "v", "vanish": vanish}, {"m": "v"})
    assert await staff.refusal_codes() == ["bad_settings"]
    await one.assert_silent()

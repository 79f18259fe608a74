"""`v`: staff hide, and show themselves again (docs/protocol.md 1.3)."""

from __future__ import annotations

import pytest

from support.websocket_clients import House, Message


def ids(ch: Message) -> list[str]:
    return sorted(p["_id"] for p in ch["ppl"])


async def test_others_see_him_go_and_come(house: House) -> None:
    guests = house()
    one, two = await guests.pair()
    staff = await guests.enter(one.room, token=guests.server.tokens["admin"])
    for person in (one, two):
        await person.hears()
    await staff.send({"m": "v", "vanish": True})
    await staff.hears()
    for person in (one, two):
        heard = await person.hears()
        # To others it is as if he had left.
        assert {"m": "bye", "p": staff.id} in heard or staff.id not in ids(heard[-1])
        for message in heard:
            assert message["m"] in {"bye", "ch"}
            assert message["m"] != "ch" or staff.id not in ids(message)
    newcomer = await guests.enter()
    assert ids(await newcomer.join(one.room)) == sorted([one.id, two.id, newcomer.id])
    # He is still there, and sees himself.
    assert staff.id in ids(await staff.join(one.room))
    await one.hears()
    await staff.send({"m": "v", "vanish": False})
    await staff.hears()
    heard = await one.hears()
    assert any(m["m"] == "p" and m["_id"] == staff.id for m in heard) or staff.id in ids(heard[-1])
    assert staff.id in ids(await newcomer.join(one.room))


async def test_who_is_hidden_comes_and_goes_unseen(house: House) -> None:
    guests = house()
    staff = await guests.enter(token=guests.server.tokens["admin"])
    await staff.send({"m": "v", "vanish": True})
    await staff.hears()
    one, two = await guests.pair()
    await staff.join(one.room)
    await staff.send({"m": "m", "x": 1, "y": 2})
    await staff.hears()
    for person in (one, two):
        await person.nothing()
    colleague = await guests.enter(token=guests.server.tokens["admin"])
    seen = await colleague.join(one.room)
    # Those who may hide see who does.
    (hidden,) = (p for p in seen["ppl"] if p["_id"] == staff.id)
    assert hidden["vanished"] is True
    for person in (one, two):
        await person.hears()
    await staff.leave()
    await colleague.expect("bye", where=lambda bye: bye["p"] == staff.id)
    for person in (one, two):
        await person.nothing()


@pytest.mark.parametrize("vanish", [None, 1, "true", [], {}])
async def test_bad_wishes(house: House, vanish: object) -> None:
    guests = house()
    one, _ = await guests.pair()
    staff = await guests.enter(one.room, token=guests.server.tokens["admin"])
    await one.hears()
    await staff.send({"m": "v", "vanish": vanish}, {"m": "v"})
    assert await staff.told() == ["bad_settings"]
    await one.nothing()

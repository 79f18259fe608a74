"""Two tabs on one computer, with the server as it is by default."""

from __future__ import annotations

from support.websocket_clients import Clients

PLAYED = {"m": "n", "t": 1795300001000, "n": [{"n": "c3", "v": 0.5}, {"n": "c3", "s": 1, "d": 90}]}


async def test_two_tabs_are_one_participant_and_hear_each_other(
    clients_by_address: Clients, room: str
) -> None:
    left = await clients_by_address.enter()
    right = await clients_by_address.enter()
    assert left.user == right.user
    await left.join(room)
    ch = await right.join(room)
    assert [p["_id"] for p in ch["ppl"]] == [left.id]
    assert ch["ch"]["count"] == 1
    assert ch["p"] == ch["ch"]["crown"]["participantId"] == left.id
    await left.assert_silent()
    for player, listener in ((left, right), (right, left)):
        await player.send(PLAYED)
        await player.assert_silent()
        assert await listener.received() == [{**PLAYED, "p": left.id}]
    await left.leave()
    await right.assert_silent()
    await right.send(PLAYED)
    await right.assert_silent()

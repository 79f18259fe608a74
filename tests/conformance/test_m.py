"""`m`: the cursors (docs/protocol.md 1.3)."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from support.websocket_clients import Clients, new_address, new_room


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ("12.34", "56.78"),
        ("12.30", "5.00"),
        (0, 0),
        (12.34, 56.78),
        (-10, 110),
        ("-10.5", 1e3),
        ("0", "0.00"),
        (123456789, -0.001),
    ],
)
@pytest.mark.case(67)
async def test_the_others_receive_the_pointer_unchanged(clients: Clients, x: Any, y: Any) -> None:
    client, other = await clients.pair()
    await client.send({"m": "m", "x": x, "y": y})
    heard = await other.expect("m")
    assert heard == {"m": "m", "id": client.id, "x": x, "y": y}
    assert isinstance(heard["x"], str) is isinstance(x, str)
    await client.assert_silent()


@pytest.mark.case(67)
async def test_coordinates_keep_their_digits(clients: Clients) -> None:
    client, other = await clients.pair()
    await client.send_raw('[{"m":"m","x":1.50,"y":2e1}]')
    await other.expect("m")
    assert '"x":1.50' in other.texts[-1]
    assert '"y":2e1' in other.texts[-1]


@pytest.mark.case(67)
async def test_unknown_keys_of_m_are_not_passed_on(clients: Clients) -> None:
    client, other = await clients.pair()
    await client.send({"m": "m", "id": other.id, "x": 1, "z": [], "y": 2})
    assert await other.expect("m") == {"m": "m", "id": client.id, "x": 1, "y": 2}


BAD = {
    "NaN": '"x":"NaN","y":1',
    "inf": '"x":"inf","y":1',
    "Infinity": '"x":1,"y":"-Infinity"',
    "a string beyond a double": '"x":"1e999","y":1',
    "a number beyond a double": '"x":1e999,"y":1',
    "hexadecimal": '"x":"0x10","y":1',
    "an empty string": '"x":"","y":1',
    "blanks": '"x":" 1","y":1',
    "underscores": '"x":"1_0","y":1',
    "a word": '"x":"left","y":1',
    "other digits": '"x":"\u0661","y":1',
    "null": '"x":null,"y":1',
    "true": '"x":true,"y":1',
    "an array": '"x":[1],"y":1',
    "no y": '"x":1',
    "no x": '"y":1',
    "nothing": '"q":1',
}


@pytest.mark.parametrize("coordinates", BAD.values(), ids=BAD.keys())
@pytest.mark.case(68)
async def test_bad_coordinates_are_ignored(clients: Clients, coordinates: str) -> None:
    client, other = await clients.pair()
    await client.send_raw('[{"m":"m",' + coordinates + "}]")
    # Cursors wait for the next flush of the room: whatever was waiting goes out with the note.
    await client.send({"m": "n", "t": 1, "n": [{"n": "c3"}]})
    await other.expect("n")
    await other.assert_silent()
    assert not [message for message in other.log if message["m"] == "m"]


@pytest.mark.case(69)
async def test_a_burst_of_moves_is_merged_and_the_last_position_arrives(clients: Clients) -> None:
    client, other = await clients.pair()
    for x in range(100):
        await client.send(*({"m": "m", "x": x, "y": y} for y in range(10)))
    await other.expect("m", where=lambda m: (m["x"], m["y"]) == (99, 9))
    moves = [message for message in other.log if message["m"] == "m"]
    assert len(moves) <= 100
    assert [m["x"] for m in moves] == sorted(m["x"] for m in moves)


@pytest.mark.case(69)
async def test_a_thousand_moves_in_a_second_become_about_twenty_five(clients: Clients) -> None:
    client, other = await clients.pair()
    begin = time.monotonic()
    for x in range(1000):
        await client.send({"m": "m", "x": x, "y": 0})
        await asyncio.sleep(max(0.0, begin + x / 1000 - time.monotonic()))
    seconds = time.monotonic() - begin
    await other.expect("m", where=lambda m: m["x"] == 999)
    moves = [message for message in other.log if message["m"] == "m"]
    assert len(moves) <= 60 * seconds


@pytest.mark.case(70)
async def test_newcomers_see_the_positions_of_the_pointers(clients: Clients, room: str) -> None:
    client = await clients.enter(room)
    await client.send({"m": "m", "x": "12.30", "y": 0})
    await client.received()
    newcomer = await clients.enter()
    ch = await newcomer.join(room)
    (moved,) = (p for p in ch["ppl"] if p["_id"] == client.id)
    assert (moved["x"], moved["y"]) == ("12.30", 0)
    await newcomer.assert_silent()


async def test_the_cursor_belongs_to_the_participant_not_to_the_tab(
    clients_by_address: Clients,
) -> None:
    room = new_room()
    client = await clients_by_address.enter(room, address=new_address())
    tab = await clients_by_address.tab(client, room)
    other = await clients_by_address.enter(room, address=new_address())
    await tab.send({"m": "m", "x": 1, "y": 2})
    assert await other.expect("m") == {"m": "m", "id": client.id, "x": 1, "y": 2}
    (me,) = (p for p in (await client.join(room))["ppl"] if p["_id"] == client.id)
    assert (me["x"], me["y"]) == (1, 2)

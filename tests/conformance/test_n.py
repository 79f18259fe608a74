"""`n`: the notes, their checks and their quota (docs/protocol.md 1.2, 2.1)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.grammar import KEYS
from support.presets import only
from support.raw_peer import TEXT, frame
from support.websocket_clients import Clients, ClientsFactory, Message, new_address, new_room


def n(*notes: Any, t: Any = 1795300001000, **more: Any) -> Message:
    return {"m": "n", "t": t, "n": list(notes), **more}


@pytest.mark.case(52)
async def test_the_others_receive_the_notes(clients: Clients) -> None:
    client, other = await clients.pair()
    stranger = await clients.enter(new_room())
    played = n({"n": "c4", "v": 0.5}, {"n": "c4", "s": 1, "d": 120})
    await client.send(played)
    await client.assert_silent()
    assert await other.received() == [{**played, "p": client.id}]
    await stranger.assert_silent()


@pytest.mark.case(52)
async def test_the_other_tabs_of_the_player_receive_the_notes_too(
    clients_by_address: Clients, room: str
) -> None:
    client = await clients_by_address.enter(room, address=new_address())
    tab = await clients_by_address.tab(client, room)
    elsewhere = await clients_by_address.tab(client, new_room())
    played = n({"n": "a-1", "v": 1})
    await client.send(played)
    await client.assert_silent()
    assert await tab.received() == [{**played, "p": client.id}]
    await elsewhere.assert_silent()


@pytest.mark.case(52)
async def test_all_88_keys_are_passed_on(clients: Clients) -> None:
    assert len(KEYS) == 88
    client, other = await clients.pair()
    played = n(*({"n": key, "v": 1} for key in KEYS))
    await client.send(played)
    assert (await other.expect("n"))["n"] == played["n"]


@pytest.mark.case(52)
async def test_numbers_keep_their_digits(clients: Clients) -> None:
    client, other = await clients.pair()
    notes = '[{"n":"c4","v":0.50},{"n":"e4","v":1e-2,"d":1.20e2},{"n":"g4","v":1.0,"d":0}]'
    await client.send_raw('[{"m":"n","t":1795300001000.250,"n":' + notes + "}]")
    await other.expect("n")
    assert notes in other.texts[-1]
    assert '"t":1795300001000.250' in other.texts[-1]


@pytest.mark.case(52)
async def test_many_messages_arrive_in_order(clients: Clients) -> None:
    client, other = await clients.pair()
    for t in range(500):
        await client.send(n({"n": KEYS[t % 88], "v": 1}, t=t))
    heard = [await other.expect("n") for _ in range(500)]
    assert [message["t"] for message in heard] == list(range(500))


GOOD = {
    "no velocity": {"n": "c4"},
    "silent": {"n": "c4", "v": 0},
    "loudest": {"n": "c4", "v": 1},
    "latest": {"n": "c4", "v": 1, "d": 10000},
    "delayed by nothing": {"n": "c4", "v": 1, "d": 0},
    "stop": {"n": "c4", "s": 1},
    "a fraction of a millisecond": {"n": "c4", "v": 0.123, "d": 1.5},
}


@pytest.mark.parametrize("note", GOOD.values(), ids=GOOD.keys())
@pytest.mark.case(53)
async def test_proper_notes_are_passed_on_unchanged(clients: Clients, note: Message) -> None:
    client, other = await clients.pair()
    await client.send(n(note))
    assert (await other.expect("n"))["n"] == [note]


@pytest.mark.parametrize("t", [0, -1, 1.5, 1e15])
@pytest.mark.case(53)
async def test_every_finite_number_is_a_time(clients: Clients, t: float) -> None:
    client, other = await clients.pair()
    await client.send(n({"n": "c4"}, t=t))
    assert (await other.expect("n"))["t"] == t


# The note as it is sent, and as the others receive it.
MENDED: dict[str, tuple[Message, Message]] = {
    "too loud": ({"n": "c4", "v": 9}, {"n": "c4", "v": 1}),
    "a velocity of MIDI": ({"n": "c4", "v": 1.27}, {"n": "c4", "v": 1}),
    "a volume knob": ({"n": "c4", "v": 1.575}, {"n": "c4", "v": 1}),
    "a little too loud": ({"n": "c4", "v": 1.0000001}, {"n": "c4", "v": 1}),
    "negative": ({"n": "c4", "v": -0.1}, {"n": "c4", "v": 0}),
    "a numeric text": ({"n": "c4", "v": "0.500"}, {"n": "c4", "v": 0.5}),
    "a numeric text too loud": ({"n": "c4", "v": "1.058"}, {"n": "c4", "v": 1}),
    "a sign and blanks": ({"n": "c4", "v": " +0.25 "}, {"n": "c4", "v": 0.25}),
    "no digit before the point": ({"n": "c4", "v": ".5"}, {"n": "c4", "v": 0.5}),
    "null for v": ({"n": "c4", "v": None}, {"n": "c4"}),
    "early": ({"n": "c4", "v": 1, "d": -3}, {"n": "c4", "v": 1, "d": 0}),
    "late": ({"n": "c4", "v": 1, "d": 10001}, {"n": "c4", "v": 1, "d": 10000}),
    "very late": ({"n": "c4", "v": 1, "d": 1e9}, {"n": "c4", "v": 1, "d": 10000}),
    "a text for d": ({"n": "c4", "v": 1, "d": "12"}, {"n": "c4", "v": 1, "d": 12}),
    "a late text for d": ({"n": "c4", "d": "16777215"}, {"n": "c4", "d": 10000}),
    "null for d": ({"n": "c4", "v": 1, "d": None}, {"n": "c4", "v": 1}),
    "s of 0": ({"n": "c4", "v": 0.5, "s": 0}, {"n": "c4", "v": 0.5}),
    "null for s": ({"n": "c4", "s": None}, {"n": "c4"}),
    "false for s": ({"n": "c4", "s": False}, {"n": "c4"}),
    "no text for s": ({"n": "c4", "s": ""}, {"n": "c4"}),
    "a text of 0 for s": ({"n": "c4", "s": "0"}, {"n": "c4"}),
    "a text of false for s": ({"n": "c4", "s": "false"}, {"n": "c4"}),
    "s of 2": ({"n": "c4", "s": 2}, {"n": "c4", "s": 1}),
    "true for s": ({"n": "c4", "s": True}, {"n": "c4", "s": 1}),
    "a text of 1 for s": ({"n": "c4", "s": "1"}, {"n": "c4", "s": 1}),
    "a text of true for s": ({"n": "c4", "s": "true"}, {"n": "c4", "s": 1}),
}


@pytest.mark.parametrize(("note", "mended"), MENDED.values(), ids=MENDED.keys())
@pytest.mark.case(53)
async def test_slightly_wrong_notes_are_repaired(
    clients: Clients, note: Message, mended: Message
) -> None:
    client, other = await clients.pair()
    good = {"n": "e4", "v": 0.5}
    await client.send(n(note), n(good, note, t=2))
    await client.assert_silent()
    heard = [n(mended), n(good, mended, t=2)]
    assert await other.received() == [{**message, "p": client.id} for message in heard]


@pytest.mark.case(53)
async def test_numbers_without_repair_keep_their_digits(clients: Clients) -> None:
    client, other = await clients.pair()
    notes = '[{"n":"c4","v":"0.500","d":1.20e1},{"v":0.50,"n":"e4"}]'
    await client.send_raw(f'[{{"m":"n","t":1.50,"n":{notes}}}]')
    await other.expect("n")
    assert '"n":[{"n":"c4","v":0.5,"d":1.20e1},{"n":"e4","v":0.50}]' in other.texts[-1]


SENSELESS = {
    "null": None,
    "a number": 5,
    "a text": "c4",
    "an array": ["c4"],
    "an empty object": {},
    "no name": {"v": 1},
    "off the keyboard, without a name": {"d": 5, "v": 0.5},
    "a number for a name": {"n": 5},
    "null for a name": {"n": None},
    "an array for a name": {"n": ["c4"]},
    "an unknown key": {"n": "zz9"},
    "a note that draws": {"n": "ldraw", "v": 0.5, "d": 16777215},
    "an empty name": {"n": ""},
    "a capital": {"n": "C4"},
    "below the piano": {"n": "gs-1"},
    "above the piano": {"n": "cs7"},
    "an octave above": {"n": "e7"},
    "far above": {"n": "c10"},
    "no such black key": {"n": "es4"},
    "a flat": {"n": "db4"},
    "a blank": {"n": "c4 "},
    "loud": {"n": "c4", "v": "loud"},
    "an empty text for v": {"n": "c4", "v": ""},
    "not a number": {"n": "c4", "v": "NaN"},
    "a comma": {"n": "c4", "v": "0,5"},
    "true for v": {"n": "c4", "v": True},
    "an array for v": {"n": "c4", "v": [0.5]},
    "soon": {"n": "c4", "d": "soon"},
    "false for d": {"n": "c4", "d": False},
}


@pytest.mark.parametrize("note", SENSELESS.values(), ids=SENSELESS.keys())
@pytest.mark.case(53)
async def test_senseless_notes_are_left_out(clients: Clients, note: object) -> None:
    client, other = await clients.pair()
    good = {"n": "c4", "v": 1}
    await client.send(n(good, note, t=1), n(note, good, t=2), n(note, note, good, note, t=3))
    await client.assert_silent()
    heard = [n(good, t=t) for t in (1, 2, 3)]
    assert await other.received() == [{**message, "p": client.id} for message in heard]


@pytest.mark.parametrize("note", SENSELESS.values(), ids=SENSELESS.keys())
@pytest.mark.case(53)
async def test_the_sender_is_told_when_no_note_is_left(clients: Clients, note: object) -> None:
    client, other = await clients.pair()
    # Once in five seconds; the rest of the frame is handled as ever.
    await client.send(n(note), n(note, note), n({"n": "c4"}, t=7))
    (told,) = await client.received()
    assert (told["m"], told["code"]) == ("notification", "bad_notes")
    assert await other.received() == [{**n({"n": "c4"}, t=7), "p": client.id}]


@pytest.mark.parametrize("t", ["now", "1", None, True, [1], {}])
@pytest.mark.case(53)
async def test_notes_without_a_proper_time_are_refused(clients: Clients, t: object) -> None:
    client, other = await clients.pair()
    await client.send(n({"n": "c4", "v": 1}, t=t), n({"n": "c4", "v": 1}, t=t))
    (told,) = await client.received()
    assert told["code"] == "bad_notes"
    await other.assert_silent()


@pytest.mark.parametrize("notes", ["x", 5, None, {}, {"n": "c4"}, True])
@pytest.mark.case(53)
async def test_what_is_no_list_of_notes_is_refused(clients: Clients, notes: object) -> None:
    client, other = await clients.pair()
    await client.send({"m": "n", "t": 1, "n": notes}, {"m": "n", "n": [{"n": "c4"}]})
    await client.send({"m": "n", "t": 1}, {"m": "n"})
    (told,) = await client.received()
    assert told["code"] == "bad_notes"
    await other.assert_silent()


@pytest.mark.case(53)
async def test_an_empty_list_of_notes_is_ignored(clients: Clients) -> None:
    client, other = await clients.pair()
    await client.send(n())
    await client.assert_silent()
    await other.assert_silent()


@pytest.mark.case(53)
async def test_bad_notes_before_hi_get_no_answer(clients: Clients) -> None:
    client = await clients.open()
    await client.send({"m": "n"}, n(None), n({"n": "c4"}, t=None))
    await client.hello()
    assert "notification" not in {message["m"] for message in client.log}


DRAWN = [
    {"n": "ndraw", "v": 0},
    {"n": "MIM[", "v": 2, "d": 2},
    {"n": "6shch", "v": 1, "d": 16777215},
    {"n": "c4", "v": 0.5},
]


@pytest.mark.case(53)
async def test_notes_of_drawing_scripts_are_passed_on_where_allowed(
    clients_with: ClientsFactory,
) -> None:
    clients = clients_with(CUSTOM_NOTES="true")
    client, listener, room = await clients.enter(), await clients.raw_peer(), new_room()
    await listener.handshake()
    # The listener reads raw frames: the grammar does not allow these notes.
    hello = [{"m": "hi"}, {"m": "ch", "_id": room}]
    await listener.send(frame(TEXT, json.dumps(hello).encode()))
    while b'"nq"' not in (heard := await listener.expect(TEXT)) or b'"ch"' not in heard:
        pass
    await client.join(room)
    # Keys of the piano are mended as ever, and what is no text names nothing.
    odd = [{"n": "ldraw", "v": "2.5", "x": 1}, {"n": "c4", "v": 9}, {"n": 5}, {"n": ""}]
    await client.send(n(*DRAWN), n(*odd))
    heard = []
    while len(heard) < 2:
        messages = json.loads(await listener.expect(TEXT))
        heard += [message["n"] for message in messages if message["m"] == "n"]
    assert heard == [DRAWN, [{"n": "ldraw", "v": 2.5}, {"n": "c4", "v": 1}]]


@pytest.mark.case(53)
async def test_notes_of_drawing_scripts_are_left_out_by_default(clients: Clients) -> None:
    client, other = await clients.pair()
    await client.send(n(*DRAWN))
    assert (await other.expect("n"))["n"] == DRAWN[-1:]


@pytest.mark.case(53)
async def test_a_message_as_large_as_the_quota(clients_with: ClientsFactory) -> None:
    client, other = await clients_with(QUOTA_HOLDER__MAX="24000", QUOTA_NORMAL__MAX="24000").pair()
    note = {"n": "as-1", "v": 0.123, "d": 199.5}
    await client.send(n(*[note] * 24_000))
    await client.assert_silent()
    assert (await other.expect("n"))["n"] == [note] * 24_000


@pytest.mark.parametrize("value", ["1e999", "-1e999", "NaN", "Infinity"])
@pytest.mark.case(53)
async def test_numbers_beyond_a_double_make_the_frame_ignored(clients: Clients, value: str) -> None:
    client, other = await clients.pair()
    for t, note in [
        (value, '{"n":"c4"}'),
        ("1", f'{{"n":"c4","v":{value}}}'),
        ("1", f'{{"n":"c4","d":{value}}}'),
    ]:
        await client.send_raw(f'[{{"m":"n","t":{t},"n":[{note}]}}]')
    await client.assert_silent()
    await other.assert_silent()


@pytest.mark.case(53)
async def test_unknown_keys_of_notes_are_not_passed_on(clients: Clients) -> None:
    client, other = await clients.pair()
    junk = "x" * 30_000
    note = {"n": "c4", "v": 1, "x": junk, "p": "y", "m": {"n": [None]}}
    await client.send(n(note, p="somebody", x=junk, d=5, v=1))
    await client.assert_silent()
    assert await other.received() == [{**n({"n": "c4", "v": 1}), "p": client.id}]


@pytest.mark.case(53)
async def test_of_equal_keys_in_notes_the_last_wins(clients: Clients) -> None:
    client, other = await clients.pair()
    await client.send_raw(
        '[{"m":"a","message":"no","n":[null],"t":"now",'
        '"m":"n","t":1,"n":[{"n":"zz","v":9,"n":"c4","v":1}]}]'
    )
    await client.send_raw('[{"m":"n","t":1,"n":[{"n":"c4"}],"n":5}]')
    assert (await client.expect("notification"))["code"] == "bad_notes"
    assert await other.received() == [{**n({"n": "c4", "v": 1}, t=1), "p": client.id}]


@pytest.mark.case(53)
async def test_escaped_letters_are_letters(clients: Clients) -> None:
    client, other = await clients.pair()
    await client.send_raw('[{"\\u006d":"\\u006e","t":1,"n":[{"\\u006e":"\\u00634","v":1}]}]')
    await client.assert_silent()
    assert await other.received() == [{**n({"n": "c4", "v": 1}, t=1), "p": client.id}]


PLAYED = n({"n": "c4", "v": 1})


@pytest.mark.case(54)
async def test_crownsolo_lets_only_the_holder_play(clients: Clients) -> None:
    holder, other, third = await clients.group(3, {"crownsolo": True})
    await other.send(PLAYED, PLAYED)
    await other.refusal()
    await holder.assert_silent()
    await holder.send(PLAYED)
    await holder.assert_silent()
    for listener in (other, third):
        assert await listener.received() == [{**PLAYED, "p": holder.id}]


@pytest.mark.case(54)
async def test_crownsolo_follows_the_crown(clients: Clients) -> None:
    holder, other, third = await clients.group(3, {"crownsolo": True})
    await holder.send({"m": "chown", "id": other.id}, PLAYED)
    await other.expect("ch")
    await other.send(PLAYED)
    assert (await third.expect("n"))["p"] == other.id
    await third.assert_silent()
    assert (await holder.expect("n"))["p"] == other.id


@pytest.mark.case(54)
async def test_with_crownsolo_nobody_plays_while_the_crown_is_free(clients: Clients) -> None:
    holder, other = await clients.pair({"crownsolo": True})
    await holder.send({"m": "chown"})
    await other.expect("ch")
    for client in (holder, other):
        await client.send(PLAYED)
        await client.received()
    for client in (holder, other):
        assert not [message for message in client.log if message["m"] == "n"]


@only("net")
@pytest.mark.case(54)
async def test_with_crownsolo_nobody_plays_after_the_holder_left(clients: Clients) -> None:
    holder, other, third = await clients.group(3, {"crownsolo": True})
    await holder.leave()
    await other.expect("ch")
    await other.send(PLAYED)
    await other.refusal()
    await third.assert_silent("n")


@only("quick")
@pytest.mark.case(54)
async def test_with_crownsolo_the_next_holder_plays(clients: Clients) -> None:
    holder, other, third = await clients.group(3, {"crownsolo": True})
    await holder.leave()
    await other.expect("ch")
    await other.send(PLAYED)
    assert (await third.expect("n"))["p"] == other.id


@pytest.mark.case(54)
async def test_crownsolo_can_be_turned_on_and_off(clients: Clients) -> None:
    holder, other = await clients.pair()
    await other.send(PLAYED)
    await holder.expect("n")
    await holder.send({"m": "chset", "set": {"crownsolo": True}})
    await other.expect("ch")
    await other.send(PLAYED)
    await other.refusal()
    await holder.send({"m": "chset", "set": {"crownsolo": False}})
    await other.expect("ch")
    await holder.received()
    await other.send(PLAYED)
    await holder.expect("n")

"""`n`: the notes, their checks and their quota (docs/protocol.md 1.2, 2.1)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.grammar import KEYS
from support.presets import only
from support.raw_peer import TEXT, frame
from support.websocket_clients import Company, House, Message, new_address, new_room


def n(*notes: Any, t: Any = 1795300001000, **more: Any) -> Message:
    return {"m": "n", "t": t, "n": list(notes), **more}


async def test_case_52_the_others_hear_what_was_played(guests: Company) -> None:
    person, other = await guests.pair()
    stranger = await guests.enter(new_room())
    played = n({"n": "c4", "v": 0.5}, {"n": "c4", "s": 1, "d": 120})
    await person.send(played)
    await person.nothing()
    assert await other.hears() == [{**played, "p": person.id}]
    await stranger.nothing()


async def test_case_52_the_other_tabs_hear_it_too(family: Company, room: str) -> None:
    person = await family.enter(room, address=new_address())
    tab = await family.tab(person, room)
    elsewhere = await family.tab(person, new_room())
    played = n({"n": "a-1", "v": 1})
    await person.send(played)
    await person.nothing()
    assert await tab.hears() == [{**played, "p": person.id}]
    await elsewhere.nothing()


async def test_case_52_all_88_keys(guests: Company) -> None:
    assert len(KEYS) == 88
    person, other = await guests.pair()
    played = n(*({"n": key, "v": 1} for key in KEYS))
    await person.send(played)
    assert (await other.expect("n"))["n"] == played["n"]


async def test_case_52_numbers_keep_their_digits(guests: Company) -> None:
    person, other = await guests.pair()
    notes = '[{"n":"c4","v":0.50},{"n":"e4","v":1e-2,"d":1.20e2},{"n":"g4","v":1.0,"d":0}]'
    await person.send_raw('[{"m":"n","t":1795300001000.250,"n":' + notes + "}]")
    await other.expect("n")
    assert notes in other.texts[-1]
    assert '"t":1795300001000.250' in other.texts[-1]


async def test_case_52_order_is_kept_over_many_messages(guests: Company) -> None:
    person, other = await guests.pair()
    for t in range(500):
        await person.send(n({"n": KEYS[t % 88], "v": 1}, t=t))
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
async def test_case_53_good_notes(guests: Company, note: Message) -> None:
    person, other = await guests.pair()
    await person.send(n(note))
    assert (await other.expect("n"))["n"] == [note]


@pytest.mark.parametrize("t", [0, -1, 1.5, 1e15])
async def test_case_53_every_finite_number_is_a_time(guests: Company, t: float) -> None:
    person, other = await guests.pair()
    await person.send(n({"n": "c4"}, t=t))
    assert (await other.expect("n"))["t"] == t


# What is sent, and what the others hear.
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
async def test_case_53_notes_are_mended(guests: Company, note: Message, mended: Message) -> None:
    person, other = await guests.pair()
    good = {"n": "e4", "v": 0.5}
    await person.send(n(note), n(good, note, t=2))
    await person.nothing()
    heard = [n(mended), n(good, mended, t=2)]
    assert await other.hears() == [{**message, "p": person.id} for message in heard]


async def test_case_53_what_is_not_mended_keeps_its_digits(guests: Company) -> None:
    person, other = await guests.pair()
    notes = '[{"n":"c4","v":"0.500","d":1.20e1},{"v":0.50,"n":"e4"}]'
    await person.send_raw(f'[{{"m":"n","t":1.50,"n":{notes}}}]')
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
async def test_case_53_senseless_notes_are_left_out(guests: Company, note: object) -> None:
    person, other = await guests.pair()
    good = {"n": "c4", "v": 1}
    await person.send(n(good, note, t=1), n(note, good, t=2), n(note, note, good, note, t=3))
    await person.nothing()
    heard = [n(good, t=t) for t in (1, 2, 3)]
    assert await other.hears() == [{**message, "p": person.id} for message in heard]


@pytest.mark.parametrize("note", SENSELESS.values(), ids=SENSELESS.keys())
async def test_case_53_where_nothing_is_left_the_sender_is_told(
    guests: Company, note: object
) -> None:
    person, other = await guests.pair()
    # Once in five seconds; the rest of the frame is handled as ever.
    await person.send(n(note), n(note, note), n({"n": "c4"}, t=7))
    (told,) = await person.hears()
    assert (told["m"], told["code"]) == ("notification", "bad_notes")
    assert await other.hears() == [{**n({"n": "c4"}, t=7), "p": person.id}]


@pytest.mark.parametrize("t", ["now", "1", None, True, [1], {}])
async def test_case_53_bad_times(guests: Company, t: object) -> None:
    person, other = await guests.pair()
    await person.send(n({"n": "c4", "v": 1}, t=t), n({"n": "c4", "v": 1}, t=t))
    (told,) = await person.hears()
    assert told["code"] == "bad_notes"
    await other.nothing()


@pytest.mark.parametrize("notes", ["x", 5, None, {}, {"n": "c4"}, True])
async def test_case_53_bad_lists(guests: Company, notes: object) -> None:
    person, other = await guests.pair()
    await person.send({"m": "n", "t": 1, "n": notes}, {"m": "n", "n": [{"n": "c4"}]})
    await person.send({"m": "n", "t": 1}, {"m": "n"})
    (told,) = await person.hears()
    assert told["code"] == "bad_notes"
    await other.nothing()


async def test_case_53_an_empty_list_is_nothing(guests: Company) -> None:
    person, other = await guests.pair()
    await person.send(n())
    await person.nothing()
    await other.nothing()


async def test_case_53_before_hi_there_is_no_answer(guests: Company) -> None:
    person = await guests.open()
    await person.send({"m": "n"}, n(None), n({"n": "c4"}, t=None))
    await person.hello()
    assert "notification" not in {message["m"] for message in person.log}


DRAWN = [
    {"n": "ndraw", "v": 0},
    {"n": "MIM[", "v": 2, "d": 2},
    {"n": "6shch", "v": 1, "d": 16777215},
    {"n": "c4", "v": 0.5},
]


async def test_case_53_notes_that_draw(house: House) -> None:
    company = house(CUSTOM_NOTES="true")
    person, listener, room = await company.enter(), await company.peer(), new_room()
    await listener.upgrade()
    # Who listens reads bare frames: these notes are none of the grammar's.
    hello = [{"m": "hi"}, {"m": "ch", "_id": room}]
    await listener.send(frame(TEXT, json.dumps(hello).encode()))
    while b'"nq"' not in (heard := await listener.expect(TEXT)) or b'"ch"' not in heard:
        pass
    await person.join(room)
    # Keys of the piano are mended as ever, and what is no text names nothing.
    odd = [{"n": "ldraw", "v": "2.5", "x": 1}, {"n": "c4", "v": 9}, {"n": 5}, {"n": ""}]
    await person.send(n(*DRAWN), n(*odd))
    heard = []
    while len(heard) < 2:
        messages = json.loads(await listener.expect(TEXT))
        heard += [message["n"] for message in messages if message["m"] == "n"]
    assert heard == [DRAWN, [{"n": "ldraw", "v": 2.5}, {"n": "c4", "v": 1}]]


async def test_case_53_notes_that_draw_are_left_out_by_default(guests: Company) -> None:
    person, other = await guests.pair()
    await person.send(n(*DRAWN))
    assert (await other.expect("n"))["n"] == DRAWN[-1:]


async def test_case_53_a_message_as_large_as_the_quota(house: House) -> None:
    person, other = await house(QUOTA_HOLDER__MAX="24000", QUOTA_NORMAL__MAX="24000").pair()
    note = {"n": "as-1", "v": 0.123, "d": 199.5}
    await person.send(n(*[note] * 24_000))
    await person.nothing()
    assert (await other.expect("n"))["n"] == [note] * 24_000


@pytest.mark.parametrize("value", ["1e999", "-1e999", "NaN", "Infinity"])
async def test_case_53_numbers_beyond_a_double(guests: Company, value: str) -> None:
    person, other = await guests.pair()
    for t, note in [
        (value, '{"n":"c4"}'),
        ("1", f'{{"n":"c4","v":{value}}}'),
        ("1", f'{{"n":"c4","d":{value}}}'),
    ]:
        await person.send_raw(f'[{{"m":"n","t":{t},"n":[{note}]}}]')
    await person.nothing()
    await other.nothing()


async def test_case_53_unknown_keys_are_not_passed_on(guests: Company) -> None:
    person, other = await guests.pair()
    junk = "x" * 30_000
    note = {"n": "c4", "v": 1, "x": junk, "p": "y", "m": {"n": [None]}}
    await person.send(n(note, p="somebody", x=junk, d=5, v=1))
    await person.nothing()
    assert await other.hears() == [{**n({"n": "c4", "v": 1}), "p": person.id}]


async def test_case_53_of_equal_keys_the_last_wins(guests: Company) -> None:
    person, other = await guests.pair()
    await person.send_raw(
        '[{"m":"a","message":"no","n":[null],"t":"now",'
        '"m":"n","t":1,"n":[{"n":"zz","v":9,"n":"c4","v":1}]}]'
    )
    await person.send_raw('[{"m":"n","t":1,"n":[{"n":"c4"}],"n":5}]')
    assert (await person.expect("notification"))["code"] == "bad_notes"
    assert await other.hears() == [{**n({"n": "c4", "v": 1}, t=1), "p": person.id}]


async def test_case_53_escapes_are_letters(guests: Company) -> None:
    person, other = await guests.pair()
    await person.send_raw('[{"\\u006d":"\\u006e","t":1,"n":[{"\\u006e":"\\u00634","v":1}]}]')
    await person.nothing()
    assert await other.hears() == [{**n({"n": "c4", "v": 1}, t=1), "p": person.id}]


PLAYED = n({"n": "c4", "v": 1})


async def test_case_54_crownsolo_lets_only_the_holder_play(guests: Company) -> None:
    holder, other, third = await guests.group(3, {"crownsolo": True})
    await other.send(PLAYED, PLAYED)
    await other.refused()
    await holder.nothing()
    await holder.send(PLAYED)
    await holder.nothing()
    for listener in (other, third):
        assert await listener.hears() == [{**PLAYED, "p": holder.id}]


async def test_case_54_crownsolo_follows_the_crown(guests: Company) -> None:
    holder, other, third = await guests.group(3, {"crownsolo": True})
    await holder.send({"m": "chown", "id": other.id}, PLAYED)
    await other.expect("ch")
    await other.send(PLAYED)
    assert (await third.expect("n"))["p"] == other.id
    await third.nothing()
    assert (await holder.expect("n"))["p"] == other.id


async def test_case_54_nobody_plays_while_the_crown_lies_on_the_floor(guests: Company) -> None:
    holder, other = await guests.pair({"crownsolo": True})
    await holder.send({"m": "chown"})
    await other.expect("ch")
    for person in (holder, other):
        await person.send(PLAYED)
        await person.hears()
    for person in (holder, other):
        assert not [message for message in person.log if message["m"] == "n"]


@only("net")
async def test_case_54_nor_after_the_holder_left(guests: Company) -> None:
    holder, other, third = await guests.group(3, {"crownsolo": True})
    await holder.leave()
    await other.expect("ch")
    await other.send(PLAYED)
    await other.refused()
    await third.nothing("n")


@only("quick")
async def test_case_54_the_heir_plays(guests: Company) -> None:
    holder, other, third = await guests.group(3, {"crownsolo": True})
    await holder.leave()
    await other.expect("ch")
    await other.send(PLAYED)
    assert (await third.expect("n"))["p"] == other.id


async def test_case_54_crownsolo_can_be_turned_on_and_off(guests: Company) -> None:
    holder, other = await guests.pair()
    await other.send(PLAYED)
    await holder.expect("n")
    await holder.send({"m": "chset", "set": {"crownsolo": True}})
    await other.expect("ch")
    await other.send(PLAYED)
    await other.refused()
    await holder.send({"m": "chset", "set": {"crownsolo": False}})
    await other.expect("ch")
    await holder.hears()
    await other.send(PLAYED)
    await holder.expect("n")

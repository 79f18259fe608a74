"""`n`: the notes, their checks and their quota (docs/protocol.md 1.2, 2.1)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from support.people import Company, Message, Person, events, new_address, new_room
from support.server import run_server

KEYS = [
    "a-1",
    "as-1",
    "b-1",
    *(
        f"{name}{octave}"
        for octave in range(7)
        for name in ("c", "cs", "d", "ds", "e", "f", "fs", "g", "gs", "a", "as", "b")
    ),
    "c7",
]
"""The 88 names."""

CHUNK = 4800
"""Notes in a large message: as many as fit into a frame of 64 KiB, five of them are the maximum."""


def n(*notes: Any, t: Any = 1795300001000, **more: Any) -> Message:
    return {"m": "n", "t": t, "n": list(notes), **more}


def chunk(size: int = CHUNK) -> Message:
    return n(*({"n": "c3"} for _ in range(size)))


async def two(company: Company) -> tuple[Person, Person]:
    """Return two people who are alone in a room."""
    room = new_room()
    person, other = await company.enter(room), await company.enter(room)
    await person.hears()
    return person, other


async def test_case_52_the_others_hear_what_was_played(guests: Company) -> None:
    person, other = await two(guests)
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
    person, other = await two(guests)
    played = n(*({"n": key, "v": 1} for key in KEYS))
    await person.send(played)
    assert (await other.expect("n"))["n"] == played["n"]


async def test_case_52_numbers_keep_their_digits(guests: Company) -> None:
    person, other = await two(guests)
    notes = '[{"n":"c4","v":0.50},{"n":"e4","v":1e-2,"d":1.20e2},{"n":"g4","v":1.0,"d":0}]'
    await person.send_raw('[{"m":"n","t":1795300001000.250,"n":' + notes + "}]")
    await other.expect("n")
    assert notes in other.texts[-1]
    assert '"t":1795300001000.250' in other.texts[-1]


async def test_case_52_order_is_kept_over_many_messages(guests: Company) -> None:
    person, other = await two(guests)
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
    person, other = await two(guests)
    await person.send(n(note))
    assert (await other.expect("n"))["n"] == [note]


@pytest.mark.parametrize("t", [0, -1, 1.5, 1e15])
async def test_case_53_every_finite_number_is_a_time(guests: Company, t: float) -> None:
    person, other = await two(guests)
    await person.send(n({"n": "c4"}, t=t))
    assert (await other.expect("n"))["t"] == t


BAD = {
    "null": None,
    "a number": 5,
    "a string": "c4",
    "an array": ["c4"],
    "no name": {"v": 1},
    "an empty object": {},
    "a number for a name": {"n": 5},
    "null for a name": {"n": None},
    "an array for a name": {"n": ["c4"]},
    "an unknown key": {"n": "zz9"},
    "an empty name": {"n": ""},
    "a capital": {"n": "C4"},
    "below the piano": {"n": "gs-1"},
    "above the piano": {"n": "cs7"},
    "far above": {"n": "c10"},
    "no such black key": {"n": "es4"},
    "a flat": {"n": "db4"},
    "a blank": {"n": "c4 "},
    "too loud": {"n": "c4", "v": 9},
    "a little too loud": {"n": "c4", "v": 1.0000001},
    "negative": {"n": "c4", "v": -0.1},
    "loud": {"n": "c4", "v": "loud"},
    "a numeric string": {"n": "c4", "v": "0.5"},
    "null for v": {"n": "c4", "v": None},
    "true for v": {"n": "c4", "v": True},
    "early": {"n": "c4", "v": 1, "d": -5},
    "late": {"n": "c4", "v": 1, "d": 10001},
    "very late": {"n": "c4", "v": 1, "d": 99999},
    "a string for d": {"n": "c4", "v": 1, "d": "5"},
    "null for d": {"n": "c4", "v": 1, "d": None},
    "s of 0": {"n": "c4", "s": 0},
    "s of 2": {"n": "c4", "s": 2},
    "true for s": {"n": "c4", "s": True},
    "a string for s": {"n": "c4", "s": "1"},
}


@pytest.mark.parametrize("note", BAD.values(), ids=BAD.keys())
async def test_case_53_one_bad_note_drops_its_message(guests: Company, note: object) -> None:
    person, other = await two(guests)
    good = {"n": "c4", "v": 1}
    await person.send(n(note), n(good, note), n(note, good))
    # The rest of the frame is handled as ever.
    await person.send(n(note), n(good, t=7))
    await person.nothing()
    assert await other.hears() == [{**n(good, t=7), "p": person.id}]


@pytest.mark.parametrize("t", ["now", "1", None, True, [1], {}])
async def test_case_53_bad_times(guests: Company, t: object) -> None:
    person, other = await two(guests)
    await person.send(n({"n": "c4", "v": 1}, t=t))
    await person.nothing()
    await other.nothing()


@pytest.mark.parametrize("notes", ["x", 5, None, {}, {"n": "c4"}, True, []])
async def test_case_53_bad_lists(guests: Company, notes: object) -> None:
    person, other = await two(guests)
    await person.send({"m": "n", "t": 1, "n": notes}, {"m": "n", "n": [{"n": "c4"}]})
    await person.send({"m": "n", "t": 1}, {"m": "n"})
    await person.nothing()
    await other.nothing()


@pytest.mark.parametrize("value", ["1e999", "-1e999", "NaN", "Infinity"])
async def test_case_53_numbers_beyond_a_double(guests: Company, value: str) -> None:
    person, other = await two(guests)
    for t, note in [
        (value, '{"n":"c4"}'),
        ("1", f'{{"n":"c4","v":{value}}}'),
        ("1", f'{{"n":"c4","d":{value}}}'),
    ]:
        await person.send_raw(f'[{{"m":"n","t":{t},"n":[{note}]}}]')
    await person.nothing()
    await other.nothing()


async def test_case_53_unknown_keys_are_not_passed_on(guests: Company) -> None:
    person, other = await two(guests)
    junk = "x" * 30_000
    note = {"n": "c4", "v": 1, "x": junk, "p": "y", "m": {"n": [None]}}
    await person.send(n(note, p="somebody", x=junk, d=5, v=1))
    assert await other.hears() == [{**n({"n": "c4", "v": 1}), "p": person.id}]


async def test_case_53_of_equal_keys_the_last_wins(guests: Company) -> None:
    person, other = await two(guests)
    await person.send_raw(
        '[{"m":"a","message":"no","n":[null],"t":"now",'
        '"m":"n","t":1,"n":[{"n":"zz","v":9,"n":"c4","v":1}]}]'
    )
    await person.send_raw('[{"m":"n","t":1,"n":[{"n":"c4"}],"n":[null]}]')
    await person.nothing()
    assert await other.hears() == [{**n({"n": "c4", "v": 1}, t=1), "p": person.id}]


async def test_case_53_escapes_are_letters(guests: Company) -> None:
    person, other = await two(guests)
    await person.send_raw('[{"\\u006d":"\\u006e","t":1,"n":[{"\\u006e":"\\u00634","v":1}]}]')
    assert await other.hears() == [{**n({"n": "c4", "v": 1}, t=1), "p": person.id}]


async def test_case_55_quota_of_preset_quick(guests: Company) -> None:
    """24000 notes may be played at once, then 8000 a second; a refusal is told once."""
    person, other = await two(guests)
    await person.send(n({"n": "c3", "v": 1}))
    for _ in range(10):
        await person.send(chunk())
    told = await person.hears()
    heard = list(events(await other.hears()))
    # 23999 points are left for five messages; a tick of 8000 may fall between them.
    assert len(heard) in {1 + 4 * CHUNK, 1 + 5 * CHUNK, 1 + 6 * CHUNK}
    assert [message["m"] for message in told] == ["notification"]
    assert "playing too fast" in told[0]["text"]

    await asyncio.sleep(1.1)

    await person.send(chunk())
    assert len(list(events(await other.hears()))) == CHUNK
    # Refused again within five seconds of the first time: no second notification.
    for _ in range(7):
        await person.send(chunk())
    await person.nothing()


async def test_case_55_refused_messages_cost_nothing_and_bad_ones_neither(guests: Company) -> None:
    person, other = await two(guests)
    for _ in range(20):
        await person.send(n(*({"n": "c3"} for _ in range(3000)), None))
    await person.nothing()
    for _ in range(5):
        await person.send(chunk())
    await person.nothing()
    assert len(list(events(await other.hears()))) == 5 * CHUNK


async def test_case_55_one_quota_for_all_tabs_rooms_and_connections(family: Company) -> None:
    person = await family.enter(new_room(), address=new_address())
    tab = await family.tab(person, new_room())
    for _ in range(10):
        await person.send(chunk())
    await person.expect("notification")
    await person.hears()
    # Not one of these may bring the points back: another tab, another room, a new connection.
    again = await family.tab(person)
    room = new_room()
    await again.join(room)
    listener = await family.enter(room, address=new_address())
    await again.hears()
    for _ in range(5):
        await again.send(chunk())
    await again.hears()
    # A tick or two may have passed, but a new quota would let all five through.
    assert len(list(events(await listener.hears()))) < 5 * CHUNK
    await tab.hears()


async def test_case_57_more_notes_than_the_maximum_are_dropped_whole() -> None:
    with run_server(NODE_ENV="development", FORTEPIANO_RULES__QUOTA_HOLDER__MAX="1000") as server:
        async with Company(server) as company:
            person, other = await two(company)
            await person.send(chunk(1001))
            await other.nothing()
            assert [message["m"] for message in await person.hears()] == ["notification"]
            await person.send(chunk(1000))
            await person.nothing()
            assert len((await other.expect("n"))["n"]) == 1000


def test_the_large_message_fits_into_a_frame() -> None:
    assert len(json.dumps([chunk()])) <= 64 * 1024
    assert 5 * CHUNK == 24_000

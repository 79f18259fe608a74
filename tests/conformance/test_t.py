"""`t`: the time, and the sign that the other end lives (docs/protocol.md 1.3)."""

from __future__ import annotations

import time

import pytest

from support.people import Company


async def test_case_21_t_is_answered_to_the_sender_with_its_e(guests: Company, room: str) -> None:
    person, other = await guests.enter(room), await guests.enter(room)
    await person.hears()
    await person.send({"m": "t", "e": 123})
    (reply,) = await person.hears()
    assert reply.keys() == {"m", "t", "e"}
    assert reply["e"] == 123
    assert abs(reply["t"] - time.time() * 1000) < 2000
    await other.nothing()


@pytest.mark.parametrize("e", [0, -1, 1.5, 1795300000000, 1795300000000.25, -0.5, 1e300])
async def test_case_21_every_number_comes_back(guests: Company, e: float) -> None:
    person = await guests.enter()
    await person.send({"m": "t", "e": e})
    (reply,) = await person.hears()
    assert reply["e"] == e


async def test_case_22_t_without_e_is_answered_without_e(guests: Company) -> None:
    person = await guests.enter()
    await person.send({"m": "t"})
    (reply,) = await person.hears()
    assert reply.keys() == {"m", "t"}


@pytest.mark.parametrize("e", ["123", None, True, [1], {"e": 1}])
async def test_case_22_an_e_that_is_no_number_is_left_out(guests: Company, e: object) -> None:
    person = await guests.enter()
    await person.send({"m": "t", "e": e})
    (reply,) = await person.hears()
    assert reply.keys() == {"m", "t"}


async def test_the_time_never_goes_back(guests: Company) -> None:
    person = await guests.enter()
    await person.send(*({"m": "t", "e": e} for e in range(10)))
    times = [message["t"] for message in await person.hears()]
    assert len(times) == 10
    assert times == sorted(times)

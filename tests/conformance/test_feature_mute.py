"""`mute`: silencing the notes, the chat, or both, of one participant."""

from __future__ import annotations

import itertools

import pytest

from support.websocket_clients import Client, Clients, Message, new_address

PLAYED = {"m": "n", "t": 1_795_300_001_000, "n": [{"n": "c4", "v": 0.5}]}

_lines = itertools.count()


def muting(client: Client, **what: bool) -> Message:
    """Return the message that mutes a client."""
    return {"m": "mute", "_id": client.id} | what


async def received_kinds(speaker: Client, listener: Client) -> set[str]:
    """Let a client play and chat, and return the kinds of messages that reach another."""
    await listener.received()
    await speaker.send(PLAYED, {"m": "a", "message": f"line {next(_lines)}"})
    own = {message["m"] for message in await speaker.received()}
    assert own <= {"a", "notification", "nq"}
    return {message["m"] for message in await listener.received()}


async def test_off_by_default(clients: Clients) -> None:
    holder, other = await clients.pair()
    assert await received_kinds(other, holder) == {"n", "a"}


@pytest.mark.parametrize(
    ("what", "left"),
    [
        ({"notes": True}, {"a"}),
        ({"chat": True}, {"n"}),
        ({"notes": True, "chat": True}, set()),
    ],
)
async def test_what_is_muted(clients: Clients, what: dict[str, bool], left: set[str]) -> None:
    holder, other, third = await clients.group(3)
    await holder.send(muting(other, **what))
    await holder.assert_silent()
    assert await other.refusal() == "You have been muted in this room."
    await holder.assert_silent()
    await third.assert_silent()
    assert await received_kinds(other, third) == left
    # The muted client gets a notice with the reason.
    refused = [message["text"] for message in other.log if message["m"] == "notification"]
    # Notes and chat have one code for it, which comes once in a while.
    assert refused[1:] == ["You are muted in this room."]
    assert await received_kinds(third, holder) == {"n", "a"}


async def test_a_later_one_replaces_it(clients: Clients) -> None:
    holder, other = await clients.pair()
    await holder.send(muting(other, notes=True))
    await holder.assert_silent()
    await other.refusal()
    await holder.send(muting(other, chat=True))
    await holder.assert_silent()
    await other.refusal()
    assert await received_kinds(other, holder) == {"n"}


async def test_it_is_lifted(clients: Clients) -> None:
    holder, other = await clients.pair()
    await holder.send(muting(other, notes=True, chat=True))
    await holder.assert_silent()
    await other.refusal()
    await holder.send(muting(other))
    await holder.assert_silent()
    assert await other.refusal() == "You are muted no more."
    assert await received_kinds(other, holder) == {"n", "a"}
    await holder.send(muting(other))
    await holder.assert_silent()
    await other.assert_silent()


async def test_private_lines_are_chat(clients: Clients) -> None:
    holder, other, third = await clients.group(3)
    await holder.send(muting(other, chat=True))
    await holder.assert_silent()
    await other.refusal()
    await other.send({"m": "dm", "_id": third.id, "message": "psst"})
    await other.refusal()
    await third.assert_silent()


async def test_others_mute_nobody(clients: Clients) -> None:
    holder, other, third = await clients.group(3)
    await other.send(muting(third, notes=True, chat=True))
    await other.refusal()
    await third.assert_silent()
    assert await received_kinds(third, holder) == {"n", "a"}


async def test_nobody_mutes_the_holder(clients: Clients) -> None:
    holder, other = await clients.pair()
    await holder.send(muting(holder, notes=True, chat=True))
    await holder.assert_silent()
    assert await received_kinds(holder, other) == {"n", "a"}


async def test_co_owners_can_be_muted(clients: Clients) -> None:
    holder, partner = await clients.pair()
    await holder.send({"m": "coowner", "_id": partner.id}, muting(partner, notes=True, chat=True))
    await holder.received()
    await partner.received()
    assert await received_kinds(partner, holder) == set()


async def test_the_crown_ends_it(clients: Clients) -> None:
    holder, other = await clients.pair()
    await holder.send(muting(other, notes=True, chat=True))
    await holder.assert_silent()
    await other.refusal()
    await holder.send({"m": "chown", "id": other.id})
    await other.expect("ch")
    assert await received_kinds(other, holder) == {"n", "a"}
    await other.send({"m": "chown", "id": holder.id})
    for client in (holder, other):
        await client.expect("ch")
    assert await received_kinds(other, holder) == {"n", "a"}


async def test_it_waits_for_who_leaves(clients_by_address: Clients, room: str) -> None:
    holder = await clients_by_address.enter(room, address=new_address())
    other = await clients_by_address.enter(room, address=new_address())
    await holder.send(muting(other, notes=True, chat=True))
    await holder.received()
    await other.refusal()
    await other.leave()
    await holder.expect("bye")
    again = await clients_by_address.tab(other, room)
    assert await received_kinds(again, holder) == set()
    # The mute holds in this room only.
    neighbour = await clients_by_address.enter(f"{room} next door", address=new_address())
    await again.join(neighbour.room)
    assert await received_kinds(again, neighbour) == {"n", "a"}


@pytest.mark.parametrize("special", ["lobby", "test/mute"])
async def test_nobody_is_muted_in_special_rooms(clients: Clients, special: str) -> None:
    people = [await clients.enter(special) for _ in range(2)]
    await people[0].received()
    await people[0].send(muting(people[1], notes=True, chat=True))
    await people[0].assert_ignored()
    assert await received_kinds(people[1], people[0]) == {"n", "a"}

"""`coowner`: people who rule a room beside the holder of its crown."""

from __future__ import annotations

import pytest

from support.websocket_clients import Client, Clients, ClientsFactory, Message, new_address


def naming(client: Client, *, on: bool = True) -> Message:
    """Return the message that makes a client a co-owner, or ends that."""
    return {"m": "coowner", "_id": client.id, "on": on}


async def rules(client: Client) -> bool:
    """Return whether a client can change the settings of its room."""
    await client.send({"m": "chset", "set": {"visible": True}})
    heard = {message["m"] for message in await client.received()}
    assert heard in ({"ch"}, {"notification"}, set())
    return heard == {"ch"}


async def couple(clients: Clients) -> tuple[Client, Client, Client]:
    """Return the holder, a co-owner and another participant of one room."""
    holder, partner, other = await clients.group(3)
    await holder.send(naming(partner))
    assert [ruling(message) for message in await holder.received()] == [[partner.id]]
    assert await coowners_and_notice(partner) == (
        [partner.id],
        "You rule this room beside its owner.",
    )
    assert [ruling(message) for message in await other.received()] == [[partner.id]]
    return holder, partner, other


def ruling(ch: Message) -> list[str] | None:
    """Return the co-owners that a full `ch` names; None where it names none."""
    assert (ch["m"], len(ch["ppl"])) == ("ch", ch["ch"]["count"])
    named: list[str] | None = ch["ch"].get("coowners")
    return named


async def coowners_and_notice(client: Client) -> tuple[list[str] | None, str]:
    """Return the co-owners in the next `ch`, and the text of the notice to the client."""
    ch, notice = await client.received()
    assert notice["m"] == "notification"
    return ruling(ch), notice["text"]


async def test_off_by_default(clients: Clients) -> None:
    _, other = await clients.pair()
    assert not await rules(other)
    assert "coowners" not in (await other.join(other.room))["ch"]


async def test_all_are_told_who_may_rule(clients: Clients) -> None:
    holder, partner, other = await couple(clients)
    assert await rules(partner)
    assert ruling(await other.expect("ch")) == [partner.id]
    assert not await rules(other)
    reader = await clients.enter(address=new_address())
    await reader.send({"m": "+ls"})
    for listed in (await reader.expect("ls"))["u"]:
        assert "coowners" not in listed
    newcomer = await clients.enter(address=new_address())
    assert ruling(await newcomer.join(holder.room)) == [partner.id]


async def test_what_changes_nothing_is_not_told(clients: Clients) -> None:
    holder, partner, other = await couple(clients)
    await holder.send(naming(partner), naming(other, on=False), naming(other, on=False))
    for client in (holder, partner, other):
        await client.assert_silent()


async def test_all_are_named_in_one_order(clients: Clients) -> None:
    holder, partner, other = await couple(clients)
    await holder.send(naming(other))
    both = sorted([partner.id, other.id])
    assert [ruling(ch) for ch in await holder.received()] == [both]
    await partner.leave()
    await holder.expect("bye")
    # The co-owner stays named, and may moderate again after returning.
    assert ruling(await other.join(holder.room)) == both


async def test_nobody_names_who_hides(clients_with: ClientsFactory) -> None:
    clients = clients_with()
    holder, other = await clients.pair()
    staff = await clients.enter(token=clients.server.tokens["admin"])
    await staff.send({"m": "v", "vanish": True})
    await staff.join(holder.room)
    await holder.send(naming(staff))
    for client in (holder, other, staff):
        await client.assert_silent()


async def test_a_co_owner_keeps_order(clients: Clients) -> None:
    holder, partner, other = await couple(clients)
    await partner.send({"m": "mute", "_id": other.id, "chat": True})
    await partner.assert_silent()
    await other.refusal()
    await partner.send({"m": "kickban", "_id": other.id, "ms": 60_000})
    await other.expect("ch", where=lambda ch: ch["ch"]["_id"] == "test/awkward")
    await holder.expect("bye")
    await holder.expect("notification")
    await partner.send({"m": "bans"})
    assert [ban["_id"] for ban in (await partner.expect("bans"))["bans"]] == [other.id]
    await partner.send({"m": "unban", "_id": other.id})
    await partner.received()
    assert (await other.join(holder.room))["ch"]["count"] == 3


async def test_a_co_owner_cannot_give_the_crown(clients: Clients) -> None:
    holder, partner, other = await couple(clients)
    for heir in (partner, other):
        await partner.send({"m": "chown", "id": heir.id})
    await partner.send({"m": "chown"})
    await partner.assert_ignored()
    await partner.send(naming(other))
    await partner.refusal()
    assert not await rules(other)
    assert (await holder.join(holder.room))["ch"]["crown"]["participantId"] == holder.id


async def test_the_holder_is_above_a_co_owner(clients: Clients) -> None:
    holder, partner, other = await couple(clients)
    await partner.send({"m": "kickban", "_id": holder.id, "ms": 60_000})
    await partner.refusal()
    await partner.send({"m": "mute", "_id": holder.id, "chat": True, "notes": True})
    await partner.assert_ignored()
    await holder.send({"m": "a", "message": "still here"})
    await other.expect("a")
    ch = await holder.join(holder.room)
    assert (ch["ch"]["_id"], ch["ch"]["count"]) == (other.room, 3)


async def test_the_holder_takes_it_back(clients: Clients) -> None:
    holder, partner, other = await couple(clients)
    await holder.send(naming(partner, on=False))
    assert [ruling(ch) for ch in await holder.received()] == [None]
    assert await coowners_and_notice(partner) == (None, "You rule this room no more.")
    assert not await rules(partner)
    assert [ruling(ch) for ch in await other.received()] == [None]


async def test_others_name_nobody(clients: Clients) -> None:
    holder, other, third = await clients.group(3)
    for friend in (other, third):
        await other.send(naming(friend))
    # Once in a while is often enough to say why not.
    await other.refusal()
    await third.assert_silent()
    await holder.assert_silent()
    assert not await rules(third)


async def test_only_people_who_are_here_are_named(clients: Clients) -> None:
    holder, _ = await clients.pair()
    stranger = await clients.enter("lobby")
    await holder.send(naming(stranger))
    await holder.assert_silent()
    await stranger.assert_silent("notification")
    await stranger.join(holder.room)
    assert not await rules(stranger)


async def test_a_co_owner_who_returns_is_one_again(clients_by_address: Clients, room: str) -> None:
    holder = await clients_by_address.enter(room, address=new_address())
    partner = await clients_by_address.enter(room, address=new_address())
    await holder.send(naming(partner))
    await holder.received()
    await coowners_and_notice(partner)
    await partner.leave()
    await holder.expect("bye")
    again = await clients_by_address.tab(partner, room)
    assert await rules(again)
    # A co-owner may enter a full room.
    await again.leave()
    await holder.expect("bye")
    await holder.send({"m": "chset", "set": {"limit": 1}})
    await holder.expect("ch")
    assert (await (await clients_by_address.tab(partner)).join(room))["ch"]["_id"] == room


async def test_a_co_owner_moderates_no_other_room(clients: Clients) -> None:
    _, partner, _ = await couple(clients)
    holder, _ = await clients.pair()
    await partner.join(holder.room)
    assert not await rules(partner)


@pytest.mark.parametrize("special", ["lobby", "test/coowner"])
async def test_nobody_rules_special_rooms(clients: Clients, special: str) -> None:
    people = [await clients.enter(special) for _ in range(2)]
    await people[0].received()
    await people[0].send(naming(people[1]))
    await people[0].assert_ignored()
    await people[1].assert_silent()
    assert not await rules(people[1])

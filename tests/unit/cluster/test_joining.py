"""Sessions of one node enter and leave rooms whose home is another."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from support.nodes import Fabric, NodeClient

HOLDER, GUEST, THIRD = "a" * 24, "b" * 24, "c" * 24


def people(message: dict[str, object]) -> list[str]:
    """The ids in a `ch`."""
    found = message["ppl"]
    assert isinstance(found, list)
    return [entry["id"] for entry in found]


def last(client: NodeClient, m: str) -> dict[str, object]:
    """The last message of a type that a client was sent."""
    client.received()
    return [message for message in client.log if message["m"] == m][-1]


def test_who_opens_a_room_is_its_home(fabric: Fabric) -> None:
    first, second, *_ = fabric.nodes
    first.enter(HOLDER, "room")
    second.enter(GUEST, "room")
    assert fabric.homes["room"].nid == first.nid
    assert "room" in first.context.directory.rooms
    assert "room" not in second.context.directory.rooms


def test_people_of_two_nodes_see_each_other(fabric: Fabric) -> None:
    first, second, *_ = fabric.nodes
    holder = first.enter(HOLDER, "room")
    holder.received()
    guest = second.enter(GUEST, "room", color="#ff0000")
    ch = last(guest, "ch")
    assert [message["m"] for message in guest.log][-3:] == ["ch", "c", "nq"]
    assert people(ch) == [HOLDER, GUEST]
    assert ch["p"] == GUEST
    (p,) = holder.received()
    assert (p["m"], p["id"]) == ("p", GUEST)


def test_the_answer_to_ch_is_the_same_as_on_one_node(clusters: Callable[..., Fabric]) -> None:
    answers = []
    for count in (1, 2):
        fabric = clusters(count)
        fabric.nodes[0].enter(HOLDER, "room")
        guest = fabric.nodes[-1].enter(GUEST)
        guest.received()
        guest.send_one("ch", id_="room")
        answers.append(guest.received())
    assert answers[0] == answers[1]
    assert [message["m"] for message in answers[0]] == ["ch", "c", "nq"]


def test_who_leaves_is_gone_for_all(fabric: Fabric) -> None:
    first, second, *_ = fabric.nodes
    holder, guest = first.enter(HOLDER, "room"), second.enter(GUEST, "room")
    holder.received()
    guest.send_one("ch", id_="other")
    assert [(message["m"], message["p"]) for message in holder.received()] == [("bye", GUEST)]
    guest.send_one("ch", id_="room")
    holder.received()
    guest.vanish()
    assert [(message["m"], message["p"]) for message in holder.received()] == [("bye", GUEST)]
    assert first.hub.relay_stats()["remotes"] == 0
    assert second.hub.relay_stats()["stays"] == second.hub.relay_stats()["replicas"] == 0


def test_a_holder_who_leaves_a_remote_room_passes_the_crown(fabric: Fabric) -> None:
    first, second, *_ = fabric.nodes
    holder, guest = first.enter(HOLDER, "room"), second.enter(GUEST, "room")
    guest.received()
    holder.send_one("ch", id_="elsewhere")
    (ch,) = guest.received()
    assert ch["ch"]["crown"]["participantId"] == GUEST
    assert people(ch) == [GUEST]


def test_a_room_ends_when_all_have_left(fabric: Fabric) -> None:
    first, second, *_ = fabric.nodes
    holder, guest = first.enter(HOLDER, "room"), second.enter(GUEST, "room")
    holder.vanish()
    assert fabric.homes["room"].nid == first.nid
    guest.received()
    guest.vanish()
    fabric.nodes[0].settle()
    for _ in range(400):
        fabric.pump()
        fabric.advance(0.05)
    assert "room" not in fabric.homes
    assert "room" not in first.context.directory.rooms
    guest = second.enter(GUEST, "room")
    assert fabric.homes["room"].nid == second.nid


def test_the_same_room_again_is_sent_again(fabric: Fabric) -> None:
    first, second, *_ = fabric.nodes
    holder, guest = first.enter(HOLDER, "room"), second.enter(GUEST, "room")
    holder.received()
    guest.received()
    guest.send_one("ch", id_="room")
    assert guest.kinds() == ["ch", "c", "nq"]
    assert holder.received() == []


def test_a_client_hears_all_of_the_old_room_and_nothing_of_the_new_before_ch(
    fabric: Fabric,
) -> None:
    first, second, *_ = fabric.nodes
    chatter, other = first.enter(HOLDER, "new"), second.enter(THIRD, "old")
    guest = second.enter(GUEST, "old")
    guest.received()
    other.send_one("a", message="before")
    chatter.send_one("a", message="new 1")
    guest.send({"m": "ch", "_id": "new"})
    other.send_one("a", message="while under way")
    chatter.send_one("a", message="new 2")
    messages = guest.received()
    kinds = [message["m"] for message in messages]
    at = kinds.index("ch")
    assert next(message.get("a") for message in messages[:at]) == "before"
    assert all(message.get("a") in ("before", "while under way") for message in messages[:at])
    (c,) = [message for message in messages if message["m"] == "c"]
    seen = [line["a"] for line in c["c"]] + [
        message["a"] for message in messages[at:] if message["m"] == "a"
    ]
    assert seen == ["new 1", "new 2"]


def test_what_is_sent_behind_ch_reaches_the_new_room(fabric: Fabric) -> None:
    first, second, *_ = fabric.nodes
    holder = first.enter(HOLDER, "room")
    guest = second.enter(GUEST, "other")
    holder.received()
    guest.received()
    guest.send(
        {"m": "ch", "_id": "room"},
        {"m": "a", "message": "hello"},
        {"m": "t", "e": 1},
        {"m": "n", "t": 1, "n": [{"n": "a1", "v": 0.5}]},
    )
    guest.send({"m": "a", "message": "again"})
    kinds = [(message["m"], message.get("a")) for message in holder.received()]
    assert [each for each in kinds if each[0] == "a"] == [("a", "hello"), ("a", "again")]
    assert ("n", None) in kinds
    own = guest.received()
    assert [message["m"] for message in own][:4] == ["ch", "c", "nq", "t"]
    assert [message["a"] for message in own if message["m"] == "a"] == ["hello", "again"]


def test_one_user_on_two_nodes_is_one_participant(fabric: Fabric) -> None:
    first, second, *_ = fabric.nodes
    holder = first.enter(HOLDER, "room")
    one, two = first.enter(GUEST, "room"), second.enter(GUEST, "room")
    three = fabric.nodes[-1].enter(GUEST, "room")
    assert [message["m"] for message in holder.received() if message["m"] == "p"] == ["p"]
    assert people(last(three, "ch")) == [HOLDER, GUEST]
    one.vanish()
    two.vanish()
    assert holder.received() == []
    three.send_one("a", message="still here")
    assert holder.kinds() == ["a"]
    three.vanish()
    assert holder.kinds() == ["bye"]


def test_a_room_full_of_people_refuses_those_of_other_nodes(fabric: Fabric) -> None:
    first, second, *_ = fabric.nodes
    first.enter(HOLDER, "room", limit=1)
    guest = second.enter(GUEST, "old")
    guest.received()
    guest.send_one("ch", id_="room")
    (refusal,) = guest.received()
    assert (refusal["m"], refusal["code"]) == ("notification", "room_full")
    guest.send_one("a", message="I am still here")
    assert guest.kinds() == ["a"]


def test_who_is_refused_and_in_no_room_goes_to_the_awkward_room(fabric: Fabric) -> None:
    first, second, *_ = fabric.nodes
    first.enter(HOLDER, "room", limit=1)
    guest = second.enter(GUEST)
    guest.received()
    guest.send_one("ch", id_="room")
    messages = guest.received()
    assert [message["m"] for message in messages] == ["notification", "ch", "c", "nq"]
    assert messages[1]["ch"]["_id"] == "test/awkward"


def test_who_is_banned_from_a_room_goes_to_the_awkward_room(fabric: Fabric) -> None:
    first, second, *_ = fabric.nodes
    holder, guest = first.enter(HOLDER, "room"), second.enter(GUEST, "room")
    fabric.nodes[-1].enter(THIRD, "test/awkward")
    guest.received()
    holder.send_one("kickban", id_=GUEST, ms=60_000)
    messages = guest.received()
    assert [message["m"] for message in messages] == ["notification", "ch", "c", "nq"]
    assert messages[1]["ch"]["_id"] == "test/awkward"
    assert people(messages[1]) == [THIRD, GUEST]
    guest.send_one("ch", id_="other")
    guest.received()
    guest.send_one("ch", id_="room")
    messages = guest.received()
    assert [message["m"] for message in messages] == ["notification", "ch", "c", "nq"]
    assert messages[1]["ch"]["_id"] == "test/awkward"


def test_a_kick_is_heard_once(fabric: Fabric) -> None:
    first, second, *_ = fabric.nodes
    holder, guest = first.enter(HOLDER, "room"), second.enter(GUEST, "room")
    third = second.enter(THIRD, "room")
    for client in (holder, guest, third):
        client.received()
    holder.send_one("kickban", id_=GUEST, ms=60_000)
    for client in (holder, third):
        assert client.kinds() == ["bye", "notification"]


def test_a_full_lobby_leads_to_the_next_one(clusters: Callable[..., Fabric]) -> None:
    fabric = clusters(2, lobby_limit=1)
    first, second = fabric.nodes
    first.enter(HOLDER, "lobby")
    guest = second.enter(GUEST, "lobby")
    assert last(guest, "ch")["ch"]["_id"] == "lobby2"  # type: ignore[index]
    third = first.enter(THIRD, "lobby")
    assert last(third, "ch")["ch"]["_id"] == "lobby3"  # type: ignore[index]
    guest.send_one("ch", id_="lobby")
    guest.received()
    assert last(guest, "ch")["ch"]["_id"] == "lobby2"  # type: ignore[index]


def test_a_room_that_has_just_ended_is_opened_anew(clusters: Callable[..., Fabric]) -> None:
    fabric = clusters(2, empty_room_ms=0)
    first, second = fabric.nodes
    holder, guest = first.enter(HOLDER, "room"), second.enter(GUEST, "room")
    guest.send_one("ch", id_="other")
    guest.received()
    holder.vanish()  # the guest's node still takes the first one for the home
    guest.send_one("ch", id_="room")
    assert people(last(guest, "ch")) == [GUEST]
    assert fabric.homes["room"].nid == second.nid


def test_two_who_open_a_room_at_once_meet_there(fabric: Fabric) -> None:
    clients = [node.enter(f"{number:024x}") for number, node in enumerate(fabric.nodes)]
    for client in clients:
        client.received()
    for client in clients:
        client.socket.send_messages({"m": "ch", "_id": "room"})
    for client in clients:
        client.received()
    for client in clients:
        client.send_one("a", message=client.id)
    assert all(
        len([m for m in client.received() if m["m"] == "a"]) == len(clients) for client in clients
    )


def test_who_goes_while_under_way_is_nowhere(fabric: Fabric) -> None:
    first, second, *_ = fabric.nodes
    holder, guest = first.enter(HOLDER, "room"), second.enter(GUEST, "other")
    holder.received()
    guest.received()
    for deliveries in range(12):
        client = second.enter(THIRD)
        client.received()
        client.send({"m": "ch", "_id": "room"})
        for _ in range(deliveries):
            for pair in fabric.broker.pending()[:1]:
                fabric.broker.deliver(pair)
            second.step_tasks()
        client.vanish()
        kinds = holder.kinds()
        assert kinds in ([], ["p", "bye"]), deliveries
    assert list(first.context.directory.rooms["room"].participants) == [HOLDER]


@pytest.mark.parametrize("is_holder", [True, False])
def test_the_crown_goes_with_a_claim_over_nodes(fabric: Fabric, is_holder: bool) -> None:
    first, second, *_ = fabric.nodes
    holder, guest = first.enter(HOLDER, "room"), second.enter(GUEST, "room")
    if not is_holder:
        holder.send_one("chown", id=GUEST)
        holder.received()
        guest.vanish()
        back = fabric.nodes[-1].enter(GUEST, "room")
        assert last(back, "ch")["ch"]["crown"]["participantId"] == GUEST  # type: ignore[index]
    else:
        holder.vanish()
        guest.received()
        back = fabric.nodes[-1].enter(HOLDER, "room")
        assert last(back, "ch")["ch"]["crown"]["participantId"] == HOLDER  # type: ignore[index]

"""A room whose home is gone goes on at another node, with all that belongs to it."""

from __future__ import annotations

from typing import Any

from support.nodes import Fabric, NodeClient

HOLDER, GUEST, THIRD, FOURTH = "a" * 24, "b" * 24, "c" * 24, "d" * 24
NOTE = {"n": "a1", "v": 0.5}


def last_room(client: NodeClient) -> dict[str, Any]:
    """Return the last `ch` that a client was sent."""
    return [message for message in client.log if message["m"] == "ch"][-1]


def people(client: NodeClient) -> set[str]:
    """Return whom a client sees, by what it was sent."""
    there: set[str] = set()
    for message in client.log:
        if message["m"] == "ch":
            there = {entry["id"] for entry in message["ppl"]}
        elif message["m"] == "p":
            there.add(message["id"])
        elif message["m"] == "bye":
            there.discard(message["p"])
    return there


def gone(client: NodeClient, user: str) -> int:
    """Return how often a client was told since the last look that somebody is gone."""
    return sum(message["m"] == "bye" and message["p"] == user for message in client.taken())


def test_settings_crown_mutes_and_chat_outlive_the_home(fabric: Fabric) -> None:
    first, second, *_ = fabric.nodes
    last = fabric.nodes[-1]
    first.enter(FOURTH, "room")
    holder = second.enter(HOLDER, "room")
    fourth = first.clients[0]
    fourth.send_one("chown", id=HOLDER)
    fabric.wait(0.1)
    guest = last.enter(GUEST, "room")
    holder.send_one("chset", set={"color": "#123456", "slowMode": 3})
    holder.send_one("mute", id_=GUEST, notes=True, chat=True)
    holder.send_one("a", message="said at the end")
    for client in (holder, guest):
        client.received()
    fabric.kill(first)
    fabric.wait(1.5)
    assert gone(holder, FOURTH) == 1
    assert gone(guest, FOURTH) == 1
    assert people(holder) == people(guest) == {HOLDER, GUEST}
    ch = last_room(guest)["ch"]
    assert ch["settings"]["color"] == "#123456"
    assert ch["crown"]["participantId"] == HOLDER
    newcomer = last.enter(THIRD, "room")
    lines = [message["c"] for message in newcomer.log if message["m"] == "c"][-1]
    assert [line["a"] for line in lines] == ["said at the end"]
    newcomer.send_one("m", x="1", y="2")
    guest.send_one("a", message="muted")
    guest.send_one("n", t=1, n=[NOTE])
    assert "a" not in holder.kinds()
    holder.send_one("a", message="hello")
    assert [m["a"] for m in guest.received() if m["m"] == "a"] == ["hello"]


def test_the_crown_of_one_who_was_there_lies_reserved(fabric: Fabric) -> None:
    first, second, *_ = fabric.nodes
    first.enter(HOLDER, "room")
    guest = second.enter(GUEST, "room")
    guest.received()
    fabric.kill(first)
    fabric.wait(1.5)
    messages = guest.received()
    assert [m["m"] for m in messages if m["m"] in ("ch", "bye")] == ["ch"]
    assert "participantId" not in last_room(guest)["ch"]["crown"]
    guest.send_one("chown", id=GUEST)
    guest.received()
    assert "participantId" not in last_room(guest)["ch"]["crown"]
    second.enter(HOLDER, "room")
    guest.received()
    assert last_room(guest)["ch"]["crown"]["participantId"] == HOLDER


def test_the_crown_of_one_at_an_edge_that_is_gone_lies_reserved(fabric: Fabric) -> None:
    first, second, *_ = fabric.nodes
    guest = first.enter(GUEST, "room")
    second.enter(HOLDER, "room")
    guest.send_one("chown", id=HOLDER)
    guest.received()
    fabric.kill(second)
    guest.received()
    assert "participantId" not in last_room(guest)["ch"]["crown"]
    assert people(guest) == {GUEST}


def test_people_on_one_node_hear_each_other_meanwhile(fabric: Fabric) -> None:
    first, second, *_ = fabric.nodes
    first.enter(HOLDER, "room")
    guest, third = second.enter(GUEST, "room"), second.enter(THIRD, "room")
    third.received()
    first.is_alive = False
    for number in range(20):
        guest.send_one("n", t=number, n=[NOTE])
        fabric.wait(0.05)
    fabric.broker.forget(first)
    fabric.bury(first)
    for number in range(20, 60):
        guest.send_one("n", t=number, n=[NOTE])
        fabric.wait(0.05)
    third.received()
    heard = [message["t"] for message in third.log if message["m"] == "n"]
    assert heard == list(range(60))
    assert not [message for message in guest.log if message["m"] == "n"]


def test_what_a_slow_home_sends_back_is_left_out(fabric: Fabric) -> None:
    first, second, *_ = fabric.nodes
    last = fabric.nodes[-1]
    holder = first.enter(HOLDER, "room")
    guest, third = last.enter(GUEST, "room"), last.enter(THIRD, "room")
    second.enter(FOURTH, "room")
    third.received()
    first.pause()
    for number in range(60):
        guest.send_one("n", t=number, n=[NOTE])
        fabric.wait(0.05)
    third.read()
    assert [m["t"] for m in third.log if m["m"] == "n"] == list(range(60))
    first.resume()
    for number in range(60, 70):
        guest.send_one("n", t=number, n=[NOTE])
        fabric.wait(0.05)
    for client in (holder, third):
        client.received()
        assert [m["t"] for m in client.log if m["m"] == "n"] == list(range(70))


def test_a_home_that_was_frozen_gives_way(fabric: Fabric) -> None:
    first, second, *_ = fabric.nodes
    holder, fourth = first.enter(HOLDER, "room"), first.enter(FOURTH, "room")
    guest = second.enter(GUEST, "room")
    for client in (holder, fourth, guest):
        client.received()
    first.pause()
    fabric.wait(9)
    fabric.bury(first)
    fabric.wait(2)
    assert people(guest) == {GUEST}
    assert fabric.homes["room"].nid == second.nid
    holder.send({"m": "a", "message": "asleep"})
    first.resume()
    fabric.wait(4)
    for client in (holder, fourth, guest):
        client.received()
        assert people(client) == {HOLDER, FOURTH, GUEST}
        assert client.closed is None
    assert not [m for m in guest.log if m["m"] == "a"]
    assert fabric.homes["room"].nid == second.nid
    assert last_room(fourth)["ch"]["crown"]["participantId"] == HOLDER
    assert gone(holder, FOURTH) == gone(fourth, HOLDER) == 0
    fourth.send_one("a", message="back")
    assert [m["a"] for m in guest.received() if m["m"] == "a"] == ["back"]
    assert first.hub.relay_stats()["remotes"] == 0


def test_an_edge_that_was_frozen_comes_back(fabric: Fabric) -> None:
    first, second, *_ = fabric.nodes
    holder, guest = first.enter(HOLDER, "room"), second.enter(GUEST, "room")
    third = second.enter(THIRD, "room")
    second.pause()
    fabric.wait(9)
    fabric.bury(second)
    holder.received()
    assert people(holder) == {HOLDER}
    second.resume()
    fabric.wait(4)
    for client in (holder, guest, third):
        client.received()
        assert people(client) == {HOLDER, GUEST, THIRD}, client.id
    assert first.hub.relay_stats()["remotes"] == 2


def test_a_tab_elsewhere_stays(fabric: Fabric) -> None:
    first, second, *_ = fabric.nodes
    first.enter(HOLDER, "room")
    guest = second.enter(GUEST, "room")
    fabric.nodes[-1].enter(HOLDER, "room")
    guest.received()
    fabric.kill(first)
    fabric.wait(1.5)
    assert gone(guest, HOLDER) == 0
    assert people(guest) == {HOLDER, GUEST}
    assert last_room(guest)["ch"]["crown"]["participantId"] == HOLDER


def test_a_message_to_a_dead_home_reaches_the_next_one(fabric: Fabric) -> None:
    first, second, *_ = fabric.nodes
    first.enter(HOLDER, "room")
    guest, third = second.enter(GUEST, "room"), fabric.nodes[-1].enter(THIRD, "room")
    third.received()
    first.is_alive = False
    for node in fabric.nodes[1:]:
        assert node.cluster is not None
        node.cluster.on_event(("unheard", first.nid))
    guest.send_one("a", message="one")
    third.send_one("a", message="two")
    fabric.wait(2)
    fabric.kill(first)
    fabric.wait(1.5)
    for client in (guest, third):
        client.received()
        said = {m["a"] for m in client.log if m["m"] == "a"}
        said |= {line["a"] for m in client.log if m["m"] == "c" for line in m["c"]}
        assert said == {"one", "two"}


def test_a_node_without_a_lease_says_nothing(fabric: Fabric) -> None:
    first, second, *_ = fabric.nodes
    holder, guest = first.enter(HOLDER, "room"), second.enter(GUEST, "room")
    guest.received()
    first.hub.set_lease(0.0)
    fabric.advance(0.01)
    holder.send_one("a", message="held")
    first.turn()
    assert first.hub.take_publications() == []
    first.hub.set_lease(5.0)
    first.turn()
    assert [m["a"] for m in guest.received() if m["m"] == "a"] == ["held"]

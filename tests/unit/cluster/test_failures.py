"""Nodes that go, and homes that are not found."""

from __future__ import annotations

from support.nodes import Fabric

HOLDER, GUEST, THIRD = "a" * 24, "b" * 24, "c" * 24


def test_the_people_of_a_node_that_is_gone_leave(fabric: Fabric) -> None:
    first, second, *_ = fabric.nodes
    holder = first.enter(HOLDER, "room")
    second.enter(GUEST, "room")
    second.enter(HOLDER, "room")
    holder.received()
    fabric.kill(second)
    assert [(m["m"], m["p"]) for m in holder.received()] == [("bye", GUEST)]
    assert first.hub.relay_stats()["remotes"] == 0


def test_the_room_of_a_home_that_is_gone_goes_on(fabric: Fabric) -> None:
    first, second, *_ = fabric.nodes
    first.enter(HOLDER, "room")
    guest, third = second.enter(GUEST, "room"), fabric.nodes[-1].enter(THIRD, "room")
    guest.received()
    third.received()
    fabric.kill(first)
    fabric.wait(1.2)
    for client in (guest, third):
        client.received()
    guest.send_one("a", message="hello")
    for client in (guest, third):
        ch = [message for message in client.log if message["m"] == "ch"][-1]
        assert {entry["id"] for entry in ch["ppl"]} <= {GUEST, THIRD}
        assert [message["a"] for message in client.received() if message["m"] == "a"] == ["hello"]


def test_a_join_under_way_when_the_home_goes_finds_another(fabric: Fabric) -> None:
    first, second, *_ = fabric.nodes
    first.enter(HOLDER, "room")
    guest = second.enter(GUEST, "other")
    guest.received()
    guest.send({"m": "ch", "_id": "room"})
    while second.step_tasks():
        pass
    fabric.kill(first)
    (ch, *_) = guest.received()
    assert [entry["id"] for entry in ch["ppl"]] == [GUEST]
    assert fabric.homes["room"].nid == second.nid


def test_a_home_that_does_not_answer_is_given_up(fabric: Fabric) -> None:
    first, second, *_ = fabric.nodes
    first.enter(HOLDER, "room")
    guest, third = second.enter(GUEST, "other"), second.enter(THIRD)
    guest.received()
    third.received()
    first.is_alive = False
    for client in (guest, third):
        client.send({"m": "ch", "_id": "room"})
    guest.send({"m": "a", "message": "meanwhile"})
    for _ in range(230):
        fabric.pump()
        fabric.advance(0.05)
    kinds = [(m["m"], m.get("code") or m.get("a")) for m in guest.received()]
    assert kinds == [("notification", "unreachable"), ("a", "meanwhile")]
    third.received()
    assert third.closed == 1011


def test_a_gap_is_healed(fabric: Fabric) -> None:
    first, second, *_ = fabric.nodes
    holder, guest = first.enter(HOLDER, "room"), second.enter(GUEST, "room")
    third = fabric.nodes[-1].enter(THIRD, "room")
    for client in (holder, guest, third):
        client.received()
    holder.send_one("userset", set={"name": "lost on its way"})
    fabric.advance(0.005)
    for queue in fabric.broker.queues.values():
        queue.clear()
    holder.send_one("a", message="x")
    for client in (guest, third):
        client.received()
    holder.send_one("a", message="y")
    for client in (guest, third):
        messages = client.received()
        assert messages[-1]["a"] == "y"
        ch = [message for message in client.log if message["m"] == "ch"][-1]
        assert "lost on its way" in [entry["name"] for entry in ch["ppl"]]


def test_a_node_that_comes_later_brings_its_rooms(fabric: Fabric) -> None:
    first, *_, last = fabric.nodes
    holder = first.enter(HOLDER, "room")
    assert last.cluster is not None
    last.cluster._homes.nid = None
    guest = last.enter(GUEST, "room")
    ch = [message for message in guest.log if message["m"] == "ch"][-1]
    assert [entry["id"] for entry in ch["ppl"]] == [GUEST]
    holder.received()
    guest.received()
    last.cluster.on_joined(last.nid)
    last.turn()
    (ch, *_) = guest.received()
    assert [entry["id"] for entry in ch["ppl"]] == [HOLDER, GUEST]
    assert holder.kinds() == ["p"]

"""Nodes without a broker: each goes on alone, and all come together again."""

from __future__ import annotations

import pytest

from support.nodes import Fabric, NodeClient

HOLDER, GUEST, THIRD, FOURTH = "a" * 24, "b" * 24, "c" * 24, "d" * 24
NOTE = {"n": "a1", "v": 0.5}


def people(client: NodeClient) -> list[str]:
    """Return whom a client sees, by what it was sent; twice who came twice."""
    there: list[str] = []
    for message in client.log:
        if message["m"] == "ch":
            there = [entry["id"] for entry in message["ppl"]]
        elif message["m"] == "p" and message["id"] not in there:
            there.append(message["id"])
        elif message["m"] == "bye" and message["p"] in there:
            there.remove(message["p"])
    return sorted(there)


def chat(client: NodeClient) -> list[str]:
    """Return the lines that a client shows."""
    lines: list[str] = []
    for message in client.log:
        if message["m"] == "c":
            lines = [line["a"] for line in message["c"]]
        elif message["m"] == "a":
            lines.append(message["a"])
    return lines


def crowd(fabric: Fabric) -> list[NodeClient]:
    """Return two people at the first node, the home of the room, and two at the last."""
    first, last = fabric.nodes[0], fabric.nodes[-1]
    clients = [first.enter(HOLDER, "room"), first.enter(GUEST, "room")]
    clients += [last.enter(THIRD, "room"), last.enter(FOURTH, "room")]
    for client in clients:
        client.received()
        client.taken()
    return clients


def assert_one_room(fabric: Fabric, clients: list[NodeClient]) -> None:
    """Assert that all are in one room, and see each other once."""
    for client in clients:
        client.received()
    everybody = sorted({client.id for client in clients})
    assert {client.id: people(client) for client in clients} == {
        client.id: everybody for client in clients
    }
    assert all(client.closed is None for client in clients)
    clients[-1].send_one("a", message="one room")
    for client in clients:
        client.received()
        assert chat(client)[-1] == "one room"
    clients[0].send_one("n", t=77, n=[NOTE])
    for client in clients[1:]:
        assert [m["t"] for m in client.received() if m["m"] == "n"] == [77]
    remotes = sum(node.hub.relay_stats()["remotes"] for node in fabric.nodes)
    stays = sum(node.hub.relay_stats()["stays"] for node in fabric.nodes)
    assert remotes == stays


@pytest.mark.parametrize("seconds", [0.3, 3.0, 30.0])
@pytest.mark.parametrize("is_empty", [False, True])
def test_the_broker_is_gone_for_a_while(fabric: Fabric, seconds: float, is_empty: bool) -> None:
    holder, guest, third, fourth = clients = crowd(fabric)
    fabric.cut(*fabric.nodes)
    for number in range(5):
        third.send_one("n", t=number, n=[NOTE])
        holder.send_one("n", t=number, n=[NOTE])
    for client in (guest, fourth):
        fabric.pump()
        fabric.advance(0.01)
        fabric.pump()
        assert [m["t"] for m in client.log if m["m"] == "n"] == list(range(5))
    fabric.wait(seconds)
    third.send_one("a", message="at the edge")
    holder.send_one("a", message="at home")
    fabric.wait(0.1)
    if seconds > 1:
        assert chat(fourth)[-1] == "at the edge"
        assert chat(guest)[-1] == "at home"
    if seconds > 10:
        assert people(fourth) == people(third) == [THIRD, FOURTH]
        assert people(guest) == people(holder) == [HOLDER, GUEST]
        fourth.send_one("ch", id_="another")
        fabric.wait(0.1)
        assert people(fourth) == [FOURTH]
        assert people(third) == [THIRD]
        fourth.send_one("ch", id_="room")
        fabric.wait(0.1)
        assert people(third) == [THIRD, FOURTH]
    if is_empty:
        fabric.empty()
    fabric.mend(*fabric.nodes)
    fabric.wait(4.0)
    assert_one_room(fabric, clients)
    assert sorted(chat(fourth)[:-1]) == sorted(chat(guest)[:-1]) == ["at home", "at the edge"]


def test_nothing_said_apart_is_lost_if_the_home_is_back_last(fabric: Fabric) -> None:
    _, guest, _, fourth = clients = crowd(fabric)
    home, *others = fabric.nodes
    fabric.cut(*fabric.nodes)
    fabric.wait(5)
    fourth.send_one("a", message="apart")
    fabric.wait(0.2)
    fabric.mend(*others)
    fabric.wait(0.5)
    fabric.mend(home)
    fabric.wait(4)
    assert_one_room(fabric, clients)
    assert chat(fourth)[:-1] == chat(guest)[:-1] == ["apart"]


def test_one_node_is_cut_off_and_buried(fabric: Fabric) -> None:
    holder, guest, third, fourth = clients = crowd(fabric)
    home = fabric.nodes[0]
    fabric.cut(home)
    fabric.wait(8)
    fabric.bury(home)
    fabric.wait(3)
    assert people(third) == [THIRD, FOURTH]
    assert people(guest) == [HOLDER, GUEST]
    assert fabric.homes["room"].nid == fabric.nodes[-1].nid
    holder.send_one("a", message="there")
    third.send_one("a", message="here")
    fabric.wait(1)
    fabric.mend(home)
    fabric.wait(4)
    assert_one_room(fabric, clients)
    assert sorted(chat(fourth)[:-1]) == sorted(chat(guest)[:-1]) == ["here", "there"]


def test_nobody_is_disconnected_who_comes_without_a_broker(fabric: Fabric) -> None:
    first, last = fabric.nodes[0], fabric.nodes[-1]
    holder = first.enter(HOLDER, "room")
    fabric.cut(*fabric.nodes)
    guest = last.enter(GUEST)
    guest.send_one("ch", id_="room")
    fabric.wait(1.5)
    assert people(guest) == [GUEST]
    fabric.mend(*fabric.nodes)
    fabric.wait(4)
    assert_one_room(fabric, [holder, guest])


def test_a_join_whose_answer_is_lost_leaves_nobody_behind(fabric: Fabric) -> None:
    first, last = fabric.nodes[0], fabric.nodes[-1]
    holder, guest = first.enter(HOLDER, "room"), last.enter(GUEST)
    holder.received()
    guest.send_one("ch", id_="room")
    while GUEST not in first.context.directory.rooms["room"].participants:
        for pair in fabric.broker.pending():
            fabric.broker.deliver(pair)
        for node in fabric.nodes:
            node.step_tasks()
        fabric.advance(0.002)
    fabric.cut(*fabric.nodes)
    fabric.wait(0.5)
    guest.vanish()
    fabric.wait(0.1)
    fabric.mend(*fabric.nodes)
    fabric.wait(4)
    assert_one_room(fabric, [holder])

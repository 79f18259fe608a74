"""Acts and messages of nodes in any order: in the end all nodes and clients agree.

Tests run this machine as it is, or with nodes and brokers that fail.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from fortepiano.model.room import Room
from support.client_model import ClientModel
from support.nodes import Fabric, Node, NodeClient

__all__ = ["Interleaved"]

USERS = [letter * 24 for letter in "abcd"]
ROOMS = ["one", "two", "lobby", "test/awkward"]

Message = dict[str, Any]


class Interleaved(RuleBasedStateMachine):
    """A cluster whose messages arrive one by one, those of one sender in order."""

    @initialize(count=st.sampled_from([2, 3]), empty_room_ms=st.sampled_from([0, 5000]))
    def begin(self, count: int, empty_room_ms: int) -> None:
        self.fabric = Fabric(count, lobby_limit=2, empty_room_ms=empty_room_ms)
        self.views: dict[NodeClient, ClientModel] = {}
        self.is_quiet = True
        self.is_healthy = True  # nothing but deaths has happened
        for number, user in enumerate(USERS[:3]):
            self.open(user, number)

    def remark(self, text: str) -> None:
        """Note what happens, for the program of a failure."""
        note(text)

    def teardown(self) -> None:
        if hasattr(self, "fabric"):
            self.fabric.close()

    def alive(self) -> list[Node]:
        return [node for node in self.fabric.nodes if node.is_alive]

    def clients(self) -> list[NodeClient]:
        return [client for client in self.views if not client.socket.is_lost]

    @precondition(lambda self: len(self.clients()) < 8)
    @rule(user=st.sampled_from(USERS), node=st.integers(0, 2))
    def open(self, user: str, node: int) -> None:
        nodes = self.alive()
        client = nodes[node % len(nodes)].open(user)
        self.views[client] = ClientModel()
        self.send(client, {"m": "hi"}, {"m": "ch", "_id": ROOMS[0]})

    @rule(data=st.data(), room=st.sampled_from(ROOMS), is_placed=st.booleans())
    def join(self, data: st.DataObject, room: str, is_placed: bool) -> None:
        more = [{"m": "a", "message": "behind"}] if is_placed else []
        self.send_by_any(data, {"m": "ch", "_id": room}, *more)

    @rule(data=st.data(), text=st.sampled_from(["x", "y"]))
    def chat(self, data: st.DataObject, text: str) -> None:
        self.send_by_any(data, {"m": "a", "message": text})

    @rule(
        data=st.data(),
        m=st.sampled_from(["chown", "kickban", "coowner"]),
        on=st.sampled_from(USERS),
    )
    def act_on(self, data: st.DataObject, m: str, on: str) -> None:
        key = "id" if m == "chown" else "_id"
        self.send_by_any(data, {"m": m, key: on, "ms": 0, "on": True})

    @rule(data=st.data(), name=st.sampled_from(["Anna", "Bob"]))
    def rename(self, data: st.DataObject, name: str) -> None:
        self.send_by_any(data, {"m": "userset", "set": {"name": name}})

    @rule(data=st.data())
    def vanish(self, data: st.DataObject) -> None:
        if self.clients():
            client = data.draw(st.sampled_from(self.clients()))
            self.remark(f"{client.id[0]} at {client.node.nid} vanishes")
            client.vanish()
            del self.views[client]

    @rule(data=st.data(), times=st.integers(1, 4))
    def deliver(self, data: st.DataObject, times: int) -> None:
        for _ in range(times):
            pending = self.fabric.broker.pending()
            if pending:
                self.fabric.broker.deliver(data.draw(st.sampled_from(pending)))

    @rule(node=st.integers(0, 2))
    def answer(self, node: int) -> None:
        nodes = self.alive()
        nodes[node % len(nodes)].step_tasks()

    @rule(seconds=st.sampled_from([0.001, 0.01, 0.2]))
    def wait(self, seconds: float) -> None:
        self.fabric.advance(seconds)

    @precondition(lambda self: len(self.alive()) > 2)
    @rule(node=st.integers(0, 2))
    def kill(self, node: int) -> None:
        victim = self.alive()[node]
        self.remark(f"node {victim.nid} is killed")
        self.fabric.kill(victim)
        self.is_quiet = False
        self.views = {
            client: view for client, view in self.views.items() if client.node is not victim
        }

    def send_by_any(self, data: st.DataObject, *messages: Message) -> None:
        if self.clients():
            self.send(data.draw(st.sampled_from(self.clients())), *messages)

    def send(self, client: NodeClient, *messages: Message) -> None:
        self.remark(f"{client.id[0]} at {client.node.nid}: {messages}")
        client.send(*messages)

    @rule()
    def agree(self) -> None:
        """Let everything arrive, and compare all views."""
        self.remark("settle")
        clients = self.clients()
        if not clients:
            return
        clients[0].node.settle()
        if not self.is_quiet:
            self.fabric.wait(1.5)  # until nobody of the dead node is awaited
            self.is_quiet = True
        self.fabric.advance(3.0)  # longer than rates need to fill
        self.heal()
        rooms = self.rooms()
        for client in clients:
            client.send_one("t", e=1)
        clients[0].node.settle()
        for client in clients:
            self.check_client(client, rooms)
        self.check_nodes()

    def heal(self) -> None:
        """Mend what is broken, and let all nodes find each other."""

    def rooms(self) -> dict[str, Room]:
        """The rooms with people, each of which is at its home and nowhere else."""
        found: dict[str, Room] = {}
        for node in self.alive():
            for room in node.context.directory.rooms.values():
                if room.participants:
                    assert room.name not in found
                    assert self.fabric.homes[room.name].nid == node.nid
                    found[room.name] = room
        return found

    def check_client(self, client: NodeClient, rooms: dict[str, Room]) -> None:
        view, session = self.views[client], client.session
        messages = client.taken()
        for message in messages:
            view.apply(message)
        assert messages[-1]["m"] == "t", "what the client sends is held"
        assert client.closed is None
        participant, stay = session.participant, session.stay
        assert (participant is None) != (stay is None)
        name = participant.room.name if participant is not None else stay.room if stay else ""
        room = rooms[name]
        assert view.channel["_id"] == name
        assert client.id in room.participants
        shown = {user_id: entry["name"] for user_id, entry in view.ppl.items()}
        assert shown == {each.id: each.user.name for each in room.participants.values()}
        holder = room.holder
        crown = view.channel.get("crown", {}).get("participantId")
        assert crown == (None if holder is None else holder.id)
        lines = [line["id"] for line in room.history if line["m"] == "a"]
        seen = [line["id"] for line in view.chat if line["m"] == "a"]
        assert len(set(seen)) == len(seen)
        assert lines == [] or seen[-len(lines) :] == lines

    def check_nodes(self) -> None:
        """Check that each client is in one room, and that nothing is left of others."""
        tabs = Counter(
            tab.user_id
            for node in self.alive()
            for room in node.context.directory.rooms.values()
            for participant in room.participants.values()
            for tab in participant.tabs
        )
        assert tabs == Counter(client.id for client in self.clients())
        stats = [node.hub.relay_stats() for node in self.alive()]
        assert sum(each["remotes"] for each in stats) == sum(each["stays"] for each in stats)
        if self.is_healthy:
            assert all(each["gaps"] == each["garbage"] == 0 for each in stats)
        assert all(node.context.counters.failures == 0 for node in self.alive())

"""Rooms over several hubs, joined by queues: what each client of the others receives."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, product
from typing import Any

import pytest

from fortepiano.native import Hub
from support.hub_harness import HubClient, HubHarness, payloads, text
from support.raw_peer import CLOSE, frame

GAP_MS = 2.0
NOTES = [{"n": "a4"}]


class Node(HubHarness):
    """A hub of a cluster, which handles what its home asks as a server would."""

    def __init__(self, nid: int, **settings: Any) -> None:
        super().__init__(**settings)
        self.nid = nid
        self.events: list[tuple[Any, ...]] = []
        self.replicas: dict[int, int] = {}
        self.hub.join_cluster(nid, inbox(nid), b"P:a", b"P:r:", GAP_MS)

    def follow(self, nid: int, epoch: int) -> int:
        """Open a replica, as one who subscribes to the stream of a room."""
        self.replicas[epoch] = self.hub.open_replica(nid, epoch)
        return self.replicas[epoch]

    def receive(self, channel: bytes, message: bytes) -> None:
        """Receive a publication, if this node has subscribed to its channel."""
        if channel.startswith(b"P:r:") and int(channel[4:]) not in self.replicas:
            return
        event = self.hub.receive_publication(channel, message)
        if event:
            self.events.append(event)
        if event and event[0] == "entered":
            _, _, stay, epoch, participant = event
            assert self.hub.enter_replica(stay, self.replicas[epoch], participant) is not None

    def taken(self) -> list[tuple[Any, ...]]:
        """Return the events since the last call."""
        events, self.events = self.events, []
        return events


def inbox(nid: int) -> bytes:
    """Return the channel of a node."""
    return b"P:n:%d" % nid


class Cluster:
    """Some nodes, and a FIFO for each sender and receiver."""

    def __init__(self, number: int = 2) -> None:
        self.nodes = [Node(nid) for nid in range(1, number + 1)]
        pairs = [(one, other) for one, other in product(self.nodes, repeat=2) if one is not other]
        for one, other in pairs:
            one.hub.add_node(other.nid, inbox(other.nid))
        self.queues = {(one.nid, other.nid): deque[tuple[bytes, bytes]]() for one, other in pairs}
        self.stays = count(1)

    def publish(self, node: Node) -> None:
        """Let the publications of a node go on their way."""
        for channel, message in node.hub.take_publications():
            for other in self.nodes:
                reaches = channel in (inbox(other.nid), b"P:a") or channel.startswith(b"P:r:")
                if other is not node and reaches:
                    self.queues[node.nid, other.nid].append((channel, message))

    def deliver(self, sender: int, receiver: int) -> None:
        """Deliver all publications of one node to another one."""
        queue = self.queues[sender, receiver]
        while queue:
            self.nodes[receiver - 1].receive(*queue.popleft())

    def settle(self) -> None:
        """Deliver everything, also what is due later."""
        for _ in range(6):
            for node in self.nodes:
                node.turn(0.05)
                self.publish(node)
            for sender, receiver in self.queues:
                self.deliver(sender, receiver)

    def close(self) -> None:
        """Close all nodes."""
        for node in self.nodes:
            node.close()


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    cluster = Cluster()
    yield cluster
    cluster.close()


@dataclass
class Person:
    """A client, its number at its own node, and what the home has for it."""

    node: Node
    client: HubClient
    participant: int
    """The participant's number at the home."""
    remote: int = -1
    stay: int = -1

    @property
    def number(self) -> int:
        return self.client.number

    def received(self) -> list[Any]:
        """Return the messages since the last call."""
        return [json.loads(payload) for payload in payloads(self.client.received())]


class Scene:
    """A room at the first node, with an epoch."""

    EPOCH = 7

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.home, self.edge, *_ = cluster.nodes
        self.room = self.hub.open_room()
        self.hub.set_epoch(self.room, self.EPOCH)
        self.replica = self.edge.follow(self.home.nid, self.EPOCH)

    @property
    def hub(self) -> Hub:
        return self.home.hub

    def add(self, name: str) -> int:
        """Add a participant at the home."""
        head = b'{"id":"%s"' % name.encode()
        return self.hub.add_participant(self.room, b'"%s"' % name.encode(), head, b"1", b"2")

    def enter_here(self, name: str) -> Person:
        """Let a client of the home enter the room."""
        client = self.home.open()
        self.hub.start_session(client.number, self.hub.add_quota(0, 0))
        person = Person(self.home, client, self.add(name))
        self.hub.enter(client.number, self.room, person.participant)
        return person

    def enter_from(self, edge: Node, name: str, participant: int | None = None) -> Person:
        """Let a client of an edge enter the room, as a participant or as a new one."""
        client = edge.open()
        edge.hub.start_session(client.number, edge.hub.add_quota(0, 0))
        stay = next(self.cluster.stays)
        edge.hub.begin_stay(client.number, stay)
        remote = self.hub.attach_remote(edge.nid, stay)
        self.hub.start_session(remote, self.hub.add_quota(0, 0))
        number = self.add(name) if participant is None else participant
        self.hub.enter(remote, self.room, number)
        return Person(edge, client, number, remote, stay)


@pytest.fixture
def scene(cluster: Cluster) -> Scene:
    return Scene(cluster)


def play(person: Person, at: int) -> dict[str, object]:
    """Let a client play; return the element that the others receive."""
    person.client.send_messages({"m": "n", "t": at, "n": NOTES})
    return {"m": "n", "t": at, "n": NOTES}


def test_notes_reach_all_but_their_sender(cluster: Cluster, scene: Scene) -> None:
    ann, bob = scene.enter_here("ann"), scene.enter_from(scene.edge, "bob")
    cat = scene.enter_from(scene.edge, "cat")
    cluster.settle()
    for person, name in [(ann, "ann"), (bob, "bob")]:
        note = play(person, 5) | {"p": name}
        cluster.settle()
        heard = [each.received() for each in (ann, bob, cat)]
        assert heard == [[] if each is person else [[note]] for each in (ann, bob, cat)]


def test_the_last_position_of_a_pointer_reaches_others(cluster: Cluster, scene: Scene) -> None:
    ann, bob = scene.enter_here("ann"), scene.enter_from(scene.edge, "bob")
    cluster.settle()
    for person, other, name in [(ann, bob, "ann"), (bob, ann, "bob")]:
        for x in (10, 20, 30):
            person.client.send_messages({"m": "m", "x": x, "y": 5})
        cluster.settle()
        assert other.received()[-1] == [{"m": "m", "id": name, "x": 30, "y": 5}]
        assert person.received() == []
    for node, room in ((scene.home, scene.room), (scene.edge, scene.replica)):
        assert json.loads(b"[" + node.hub.participants(room) + b"]") == [
            {"id": "ann", "x": 30, "y": 5},
            {"id": "bob", "x": 30, "y": 5},
        ]


def test_a_client_gets_its_own_messages_in_the_order_of_the_room(
    cluster: Cluster, scene: Scene
) -> None:
    hub = scene.hub
    bob = scene.enter_from(scene.edge, "bob")
    hub.broadcast(scene.room, b'["before"]')
    hub.send_participants(bob.remote, scene.room, b'["ch",', b"]")
    hub.broadcast(scene.room, b'["join"]', bob.remote)
    hub.send(bob.remote, b'["private"]')
    hub.add_participant(scene.room, b'"cat"', b'{"id":"cat"', b"1", b"2")
    hub.broadcast_participants(scene.room, b'["all",', b"]")
    cluster.settle()
    people = [{"id": name, "x": 1, "y": 2} for name in ("bob", "cat")]
    assert bob.received() == [["before"], ["ch", *people[:1]], ["private"], ["all", *people]]


def test_a_refusal_reaches_a_client_that_never_entered(cluster: Cluster, scene: Scene) -> None:
    client = scene.edge.open()
    scene.edge.hub.begin_stay(client.number, 77)
    remote = scene.hub.attach_remote(scene.edge.nid, 77)
    scene.hub.send(remote, b'["no"]')
    scene.hub.detach(remote)
    cluster.settle()
    assert payloads(client.received()) == [b'["no"]']
    assert scene.edge.taken() == []


def test_mutes_and_solo_hold_at_the_edge(cluster: Cluster, scene: Scene) -> None:
    ann, bob = scene.enter_here("ann"), scene.enter_from(scene.edge, "bob")
    scene.edge.hub.set_notice("solo", b'["solo"]')
    scene.hub.set_players(scene.room, True, ann.participant)
    cluster.settle()
    play(bob, 1)
    cluster.settle()
    assert (bob.received(), ann.received()) == ([["solo"]], [])
    scene.hub.set_players(scene.room, True, bob.participant)
    cluster.settle()
    play(bob, 2)
    cluster.settle()
    assert len(ann.received()) == 1
    scene.hub.set_participant_flags(bob.participant, muted=True, hidden=False)
    cluster.settle()
    play(bob, 3)
    cluster.settle()
    assert ann.received() == []


def test_notes_on_their_way_do_not_pass_a_mute(cluster: Cluster, scene: Scene) -> None:
    ann, bob = scene.enter_here("ann"), scene.enter_from(scene.edge, "bob")
    cluster.settle()
    play(bob, 1)
    scene.hub.set_participant_flags(bob.participant, muted=True, hidden=False)
    cluster.settle()
    assert ann.received() == []
    assert scene.hub.relay_stats()["up_dropped"] == 1


def test_who_is_moved_hears_no_more_of_the_room(cluster: Cluster, scene: Scene) -> None:
    bob = scene.enter_from(scene.edge, "bob")
    scene.hub.broadcast(scene.room, b"[1]")
    scene.hub.leave(bob.remote)
    scene.hub.broadcast(scene.room, b"[2]")
    cluster.settle()
    assert bob.received() == [[1]]
    assert scene.edge.taken()[-1] == ("left", scene.home.nid, bob.stay)
    assert scene.hub.take_publications() == [], "nobody hears the room"


def test_who_is_closed_is_closed_by_the_edge(cluster: Cluster, scene: Scene) -> None:
    bob = scene.enter_from(scene.edge, "bob")
    scene.hub.send(bob.remote, b"[1]")
    scene.hub.close(bob.remote, 4000, "bye")
    scene.hub.send(bob.remote, b"[2]")
    cluster.settle()
    events = scene.edge.taken()
    assert ("close", scene.home.nid, bob.stay, 4000, "bye") in events
    assert bob.received() == [[1]]


def test_a_closed_room_lets_its_remote_clients_go(cluster: Cluster, scene: Scene) -> None:
    bob = scene.enter_from(scene.edge, "bob")
    scene.hub.broadcast(scene.room, b"[1]")
    scene.hub.close_room(scene.room)
    cluster.settle()
    assert bob.received() == [[1]]
    assert scene.edge.taken()[-1] == ("left", scene.home.nid, bob.stay)
    room = scene.hub.open_room()
    scene.hub.set_epoch(room, 8)
    scene.edge.follow(scene.home.nid, 8)
    participant = scene.hub.add_participant(room, b'"bob"', b'{"id":"bob"', b"1", b"2")
    scene.hub.enter(bob.remote, room, participant)
    scene.hub.broadcast(room, b"[2]")
    cluster.settle()
    assert bob.received() == [[2]]


def test_a_closing_client_does_not_enter(cluster: Cluster, scene: Scene) -> None:
    client = scene.edge.open()
    scene.edge.hub.begin_stay(client.number, 77)
    client.link.close(4000)
    assert scene.edge.hub.enter_replica(77, scene.replica, 0) is None
    assert scene.edge.hub.enter_replica(78, scene.replica, 0) is None
    assert scene.edge.hub.gauges()["clients"] == 0


def test_a_vanished_client_ends_its_stays(cluster: Cluster, scene: Scene) -> None:
    bob = scene.enter_from(scene.edge, "bob")
    cluster.settle()
    bob.client.vanish()
    ann = scene.edge.open()
    assert ann.number == bob.number, "numbers are used again"
    scene.hub.send(bob.remote, b"[1]")
    scene.hub.broadcast(scene.room, b"[2]")
    cluster.settle()
    assert payloads(ann.received()) == []
    assert scene.edge.hub.relay_stats()["stays"] == 0


def test_a_node_that_joins_again_begins_its_numbers_anew(cluster: Cluster) -> None:
    one, two = cluster.nodes
    one.hub.post(2, b"a")
    one.hub.join_cluster(5, b"P:n:5", b"P:a", b"P:r:", GAP_MS)
    one.hub.post(2, b"b")
    cluster.settle()
    assert two.taken() == [("message", 1, b"a"), ("message", 5, b"b")]
    two.hub.add_node(5, b"P:n:5")
    two.hub.post(5, b"c")
    [(channel, message)] = two.hub.take_publications()
    assert one.hub.receive_publication(channel, message) == ("message", 2, b"c")


def test_a_post_to_oneself_comes_back(cluster: Cluster) -> None:
    node = cluster.nodes[0]
    node.hub.post(1, b"a")
    node.hub.post_all(b"b")
    received = [node.hub.receive_publication(*each) for each in node.hub.take_publications()]
    assert received == [("message", 1, b"a"), None]


def test_a_message_that_is_cut_tears_an_inbox(cluster: Cluster) -> None:
    one, two = cluster.nodes
    one.hub.post(2, b"abc")
    one.hub.post(2, b"def")
    [(channel, first), (_, second)] = one.hub.take_publications()
    assert two.hub.receive_publication(channel, first) == ("message", 1, b"abc")
    for size in range(len(second)):
        answer = two.hub.receive_publication(channel, second[:size])
        assert answer is not None and answer[0] == "garbage"
    one.hub.post(2, b"ghi")
    [(_, third)] = one.hub.take_publications()
    assert two.hub.receive_publication(channel, third) == ("gap", 1, 0)


def test_an_ended_stay_hears_nothing(cluster: Cluster, scene: Scene) -> None:
    bob = scene.enter_from(scene.edge, "bob")
    scene.edge.hub.end_stay(bob.stay)
    scene.hub.send(bob.remote, b"[1]")
    cluster.settle()
    assert (bob.received(), scene.edge.taken()) == ([], [])
    assert scene.edge.hub.relay_stats()["stale"] == 2


def test_a_second_edge_gets_its_own_snapshot() -> None:
    cluster = Cluster(3)
    scene = Scene(cluster)
    third = cluster.nodes[2]
    bob = scene.enter_from(scene.edge, "bob")
    scene.hub.broadcast(scene.room, b"[1]")
    third.follow(scene.home.nid, scene.EPOCH)
    cat = scene.enter_from(third, "cat")
    scene.hub.broadcast(scene.room, b"[2]")
    cluster.settle()
    assert (bob.received(), cat.received()) == ([[1], [2]], [[2]])
    note = play(cat, 9) | {"p": "cat"}
    cluster.settle()
    assert (bob.received(), cat.received()) == ([[note]], [])
    cluster.close()


def test_tabs_on_two_nodes_are_one_participant(cluster: Cluster, scene: Scene) -> None:
    ann = scene.enter_here("ann")
    twin = scene.enter_from(scene.edge, "ann", ann.participant)
    bob = scene.enter_from(scene.edge, "bob")
    cluster.settle()
    ann.client.send_messages({"m": "m", "x": 1, "y": 1})
    cluster.settle()
    assert [each.received() for each in (ann, twin)] == [[], []]
    assert bob.received() == [[{"m": "m", "id": "ann", "x": 1, "y": 1}]]


def test_the_home_spends_for_a_participant_on_two_nodes(cluster: Cluster, scene: Scene) -> None:
    ann, bob = scene.enter_here("ann"), scene.enter_from(scene.edge, "bob")
    quota = scene.hub.add_quota(1, 2)
    scene.hub.start_session(bob.remote, quota)
    cluster.settle()
    scene.hub.set_spread(bob.participant, True)
    for at in range(4):
        play(bob, at)
    for node in cluster.nodes:
        node.turn(0.003)
        cluster.publish(node)
    cluster.deliver(scene.edge.nid, scene.home.nid)
    assert len(ann.received()) == 2


def test_posts_follow_what_was_played_and_the_stream(cluster: Cluster, scene: Scene) -> None:
    ann, bob = scene.enter_here("ann"), scene.enter_from(scene.edge, "bob")
    cluster.settle()
    scene.edge.taken()
    play(bob, 1)
    scene.edge.hub.post(scene.home.nid, b"leave")
    kinds = [message[1] for _, message in scene.edge.hub.take_publications()]
    assert kinds == [2, 9]
    play(ann, 1)
    scene.hub.post(scene.edge.nid, b"x", scene.room)
    assert [channel for channel, _ in scene.hub.take_publications()] == [b"P:r:7", b"P:n:2"]


def test_messages_of_python_and_of_the_registry_are_returned(cluster: Cluster) -> None:
    one, two = cluster.nodes
    one.hub.post(2, b"a")
    one.hub.post_all(b"b")
    cluster.settle()
    assert two.taken() == [("message", 1, b"a"), ("message", 1, b"b")]
    assert two.hub.receive_publication(b"P:a", b"\1d\0\0\0\0\0\0{}") == ("registry", b"{}")


def test_a_gap_in_an_inbox_is_reported_once(cluster: Cluster) -> None:
    one, two = cluster.nodes
    for payload in (b"1", b"2", b"3", b"4"):
        one.hub.post(2, payload)
    first, _, third, fourth = one.hub.take_publications()
    answers = [two.hub.receive_publication(*each) for each in (first, third, third, fourth)]
    assert answers == [("message", 1, b"1"), ("gap", 1, 0), None, ("message", 1, b"4")]


def test_a_gap_in_a_stream_is_mended_by_a_snapshot(cluster: Cluster, scene: Scene) -> None:
    bob = scene.enter_from(scene.edge, "bob")
    cluster.settle()
    scene.add("cat")
    scene.hub.broadcast(scene.room, b"[1]")
    scene.home.turn(0.01)
    assert scene.hub.take_publications(), "lost"
    for payload in (b"[2]", b"[3]"):
        scene.hub.broadcast(scene.room, payload)
        cluster.settle()
    assert scene.edge.taken()[1:] == [("gap", 1, 7)]
    scene.hub.resnapshot(scene.room, scene.edge.nid)
    scene.hub.broadcast(scene.room, b"[4]")
    cluster.settle()
    assert bob.received() == [[4]]
    assert scene.edge.hub.participants(scene.replica) == scene.hub.participants(scene.room)


def test_unreadable_publications_are_ignored(cluster: Cluster) -> None:
    one, two = cluster.nodes
    one.hub.post(2, b"a")
    [(channel, message)] = one.hub.take_publications()
    wrong = [
        (channel, b""),
        (channel, b"\2" + message[1:]),
        (channel, message[:5]),
        (b"P:other", message),
        (channel, b"\1\1" + message[2:]),
    ]
    for publication in wrong:
        answer = two.hub.receive_publication(*publication)
        assert answer is not None and answer[0] == "garbage", publication
    assert two.hub.receive_publication(channel, message) == ("message", 1, b"a")


def test_remote_clients_are_no_connections(cluster: Cluster, scene: Scene) -> None:
    scene.enter_from(scene.edge, "bob")
    assert (scene.hub.connections(), scene.edge.hub.connections()) == (0, 1)
    assert scene.hub.gauges()["clients"] == 0
    assert scene.hub.stats()["attached"] == 0
    assert scene.hub.relay_stats()["remotes"] == 1
    scene.home.turn(100)
    assert scene.home.ended == []


def test_a_lone_hub_has_no_remote_clients() -> None:
    home = HubHarness()
    with pytest.raises(RuntimeError, match="has not joined"):
        home.hub.attach_remote(1, 1)
    with pytest.raises(RuntimeError, match="has not joined"):
        home.hub.open_replica(1, 1)
    assert home.hub.receive_publication(b"a", b"b") == ("garbage", "this node is alone")
    home.close()


def held_texts(home: HubHarness) -> list[bytes]:
    """Return the messages that reached Python."""
    return [raw for _, raw in home.dispatched]


@pytest.mark.parametrize("pieces", [1, 2, 7])
def test_a_held_client_continues_where_it_stopped(pieces: int) -> None:
    home = HubHarness()
    ann, bob = home.open(), home.open()
    room = home.hub.open_room()
    for client in (ann, bob):
        home.hub.start_session(client.number, home.hub.add_quota(0, 0))
        participant = home.hub.add_participant(room, b'"a"', b"{", b"1", b"2")
        home.hub.enter(client.number, room, participant)
    home.on_receive = lambda client, raw: home.hub.hold(client) if b"ch" in raw else None
    note = {"m": "n", "t": 1, "n": NOTES}
    wire = text({"m": "ch"}, note, {"m": "a"}) + text({"m": "b"}) + text(note)
    size = -(-len(wire) // pieces)
    ann.send(*(wire[at : at + size] for at in range(0, len(wire), size)))
    assert held_texts(home) == [b'{"m": "ch"}']
    assert payloads(bob.received()) == []
    home.hub.release(ann.number)
    for _ in range(3):
        home.settle()
    assert held_texts(home) == [b'{"m": "ch"}', b'{"m": "a"}', b'{"m": "b"}']
    assert len(payloads(bob.events())) == 2
    home.close()


def test_a_held_client_that_sends_much_is_not_read(cluster: Cluster) -> None:
    node = cluster.nodes[0]
    ann = node.open()
    node.hub.hold(ann.number)
    ann.send_messages({"m": "x", "text": "y" * 70_000})
    ann.send_messages({"m": "z"})
    assert len(ann.unread) == 1
    node.hub.release(ann.number)
    for _ in range(3):
        node.settle()
    assert [json.loads(raw)["m"] for raw in held_texts(node)] == ["x", "z"]


def test_a_held_client_may_close(cluster: Cluster) -> None:
    node = cluster.nodes[0]
    ann = node.open()
    node.hub.hold(ann.number)
    ann.send(frame(CLOSE, b"\x03\xe8"))
    node.settle()
    assert node.ended == []
    node.hub.release(ann.number)
    for _ in range(3):
        node.settle()
    assert node.ended == [ann.number]


def test_a_closed_client_is_held_no_more(cluster: Cluster) -> None:
    node = cluster.nodes[0]
    ann = node.open()
    node.hub.hold(ann.number)
    ann.send_messages({"m": "x"})
    ann.link.close(4000)
    ann.send(frame(CLOSE, b"\x03\xe8"))
    for _ in range(3):
        node.settle()
    assert node.dispatched == []
    assert ann.is_aborted, "the peer has answered"


def test_what_a_held_client_sent_is_dropped_when_it_vanishes(cluster: Cluster) -> None:
    node = cluster.nodes[0]
    ann = node.open()
    node.hub.hold(ann.number)
    ann.send_messages({"m": "x"})
    ann.vanish()
    node.settle()
    assert (node.dispatched, node.ended) == ([], [ann.number])

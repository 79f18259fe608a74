"""Nodes of a cluster in one process: real hubs and handlers, and a broker and a clock of the test.

Nothing happens by itself: `settle` lets all that has been sent arrive. Each client has a socket.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

import orjson

from fortepiano.cluster.elsewhere import Cluster
from fortepiano.cluster.registry import ForgottenError, Home
from fortepiano.config import RuleSettings, Settings
from fortepiano.handlers.dispatch import Dispatch
from fortepiano.model.identity import Identity
from fortepiano.model.permissions import permissions_of
from fortepiano.model.session import Session
from fortepiano.native import Engine, subscriber
from fortepiano.server.assembly import make_context
from fortepiano.store.keyring import KeyRing
from fortepiano.store.memory import MemoryStore
from fortepiano.store.records import BanRecord, Scope
from support.hub_harness import HubClient, Loop
from support.native_parts import make_test_hub, make_test_throttle
from support.raw_peer import PONG, frame

__all__ = ["START", "Broker", "Fabric", "Node", "NodeClient", "settle"]

START = 1_795_300_000_000
"""Time at which the clock begins: milliseconds since 1970."""

_STEP_SECONDS = 0.005
_WAIT_STEP_SECONDS = 0.05
_LEASE_SECONDS = 5.0
_BURIED_AFTER_SECONDS = 8.0
_MOST_ROUNDS = 2000
_QUIET_STEPS = 10
"""After so many steps without a message nothing more comes: longer than all rests of the hub."""

Message = dict[str, Any]


class _Pause:
    """An object that a coroutine awaits until its fabric goes on with it."""

    def __await__(self) -> Any:
        yield


class Broker:
    """Channels in memory: the messages of one sender to one receiver stay in their order.

    Attributes:
        queues: The messages under way, by sender and receiver.
        count: The messages published since the beginning.
    """

    def __init__(self) -> None:
        self.queues: dict[tuple[Node, Node], deque[tuple[bytes, bytes]]] = {}
        self.subscriptions: dict[bytes, dict[Node, None]] = {}
        self.count = 0

    def publish(self, sender: Node, channel: bytes, message: bytes) -> None:
        """Put a message into the queues of all who subscribe to its channel."""
        self.count += 1
        if sender.is_cut:
            return
        for receiver in self.subscriptions.get(channel, ()):
            if receiver.is_alive and not receiver.is_cut:
                self.queues.setdefault((sender, receiver), deque()).append((channel, message))

    def pending(self) -> list[tuple[Node, Node]]:
        """Return the queues in which there are messages."""
        return [pair for pair, queue in self.queues.items() if queue and not pair[1].is_paused]

    def forget(self, node: Node) -> None:
        """Drop all messages that are under way to a node, or from it."""
        for pair, queue in self.queues.items():
            if node in pair:
                queue.clear()

    def deliver(self, pair: tuple[Node, Node]) -> None:
        """Let the first message of a queue arrive."""
        channel, message = self.queues[pair].popleft()
        receiver = pair[1]
        # The message may have been on its way when the receiver ended its subscription.
        if receiver.is_alive:
            receiver.on_publication(channel, message)


class _SharedStore(MemoryStore):
    """A store of several nodes, whose bans each node merges if it is told of a change."""

    changes = 0

    @property
    def revision(self) -> int:
        return self.changes

    def save_ban(self, record: BanRecord) -> None:
        super().save_ban(record)
        self.changes += 1

    def remove_ban(self, room: str, subject: str) -> None:
        super().remove_ban(room, subject)
        self.changes += 1


class _NodeBus:
    """The connection of one node to the broker."""

    def __init__(self, node: Node) -> None:
        self._node = node

    @property
    def is_up(self) -> bool:
        return not self._node.is_cut

    def subscribe(self, channel: bytes) -> None:
        self._node.publish()
        self._node.fabric.broker.subscriptions.setdefault(channel, {})[self._node] = None

    def unsubscribe(self, channel: bytes) -> None:
        self._node.publish()
        self._node.fabric.broker.subscriptions.get(channel, {}).pop(self._node, None)


class _NodeRegistry:
    """The registry as one node asks it; each answer takes a step of the fabric."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def claim(self, room: str, epoch: int = 0) -> Home:
        await _Pause()
        self._check()
        homes = self._node.fabric.homes
        if epoch and (room not in homes or homes[room].epoch < epoch):
            homes[room] = Home(epoch, self._node.nid, "")
        if room not in homes:
            homes[room] = Home(self._node.fabric.next_epoch(), self._node.nid, "")
        home = homes[room]
        await _Pause()
        self._check()
        return home

    async def hand(self, room: str, epoch: int, nid: int) -> Home | None:
        await _Pause()
        self._check()
        fabric, held = self._node.fabric, Home(epoch, self._node.nid, "")
        home = None
        if fabric.homes.get(room) == held and nid in fabric.members:
            home = fabric.homes[room] = Home(fabric.next_epoch(), nid, "")
        await _Pause()
        self._check()
        return home

    async def release(self, room: str, epoch: int) -> bool:
        await _Pause()
        self._check()
        homes = self._node.fabric.homes
        is_held = room in homes and homes[room].epoch == epoch
        if is_held:
            del homes[room]
        return is_held

    def _check(self) -> None:
        if self._node.is_cut:
            raise ConnectionError("the broker cannot be reached")
        if self._node.nid not in self._node.fabric.members:
            raise ForgottenError


class NodeClient:
    """A connection to a node, and what it was sent.

    Attributes:
        node: The node.
        session: The session.
        id: The user id; empty before `hi`.
        log: All messages that it was sent.
    """

    def __init__(self, node: Node, user_id: str, **session: Any) -> None:
        self.node = node
        self.socket = HubClient(node, send_buffer=None, answer=b"")  # type: ignore[arg-type]  # stands for one
        link = self.socket.link
        self.session = link.session = Session(link.client, link, user_id, **session)
        self.id = user_id
        self.log: list[Message] = []
        self.closed: int | None = None
        self._taken = 0

    def send(self, *messages: Message) -> None:
        """Send messages in one frame; they are handled at once, their answers come later."""
        self.socket.send_messages(*messages)
        self.node.turn()

    def send_one(self, m: str, **fields: Any) -> None:
        """Send one message; `id_` is the key `_id`."""
        if "id_" in fields:
            fields["_id"] = fields.pop("id_")
        self.send({"m": m} | fields)

    def vanish(self) -> None:
        """Lose the connection."""
        self.socket.vanish()
        self.node.turn()

    def read(self) -> bool:
        """Read from the socket; return whether there was anything."""
        if self.socket.is_lost:
            return False
        self.socket.read()
        found = False
        for event in self.socket.events():
            found = True
            if event[0] == "text" and isinstance(event[1], bytes):
                self.log += orjson.loads(event[1])
            elif event[0] == "ping" and isinstance(event[1], bytes):
                self.socket.send(frame(PONG, event[1]))
            elif event[0] == "close" and isinstance(event[1], int):
                self.closed = event[1]
        return found

    def received(self) -> list[Message]:
        """Let everything arrive; return the messages since the last call."""
        settle(self.node.fabric)
        return self.taken()

    def taken(self) -> list[Message]:
        """Return the messages that have arrived since the last call."""
        new = self.log[self._taken :]
        self._taken = len(self.log)
        return new

    def kinds(self) -> list[str]:
        """Let everything arrive; return the types of the messages since the last call."""
        return [message["m"] for message in self.received()]


class Node:
    """One node: a hub with its engine, the handlers, and its view of the cluster.

    Attributes:
        nid: The node's number.
        fabric: The cluster.
        is_alive: Whether it has not been killed.
        is_paused: Whether it stands still, as after SIGSTOP.
        is_cut: Whether it cannot reach the broker.
        clients: Its clients.
    """

    def __init__(self, fabric: Fabric, nid: int, store: MemoryStore, **rules: Any) -> None:
        self.fabric = fabric
        self.nid = nid
        self.is_alive = True
        self.is_paused = False
        self.is_cut = False
        self._behind = 0.0  # seconds
        self.away = 0.0  # how long others have not heard of it; seconds
        self.clients: list[NodeClient] = []
        self.known: set[int] = set()
        self.on_lost: Callable[[int], None] = lambda number: None
        self._store, self._rules = store, rules
        self.build()

    def build(self) -> None:
        """Make a process without connections, which is no node yet."""
        self.loop = Loop()
        self.hub = make_test_hub(standing_at=START)
        self.throttle = make_test_throttle(standing_at=START)
        self.context = make_context(
            Settings(rules=RuleSettings(**self._rules)),
            self._store,
            KeyRing(None, 1),
            self._later,
            lambda: None,
            hub=self.hub,
            throttle=self.throttle,
            identity=Identity("ip", "one", "two", subscriber),
        )
        self.dispatch = Dispatch(self.context)
        self.engine = Engine(
            self.hub,
            self.loop,  # type: ignore[arg-type]  # stands for one
            self.dispatch.receive,
            self.dispatch.ended,
            self.dispatch.receive_binary,
        )
        self.cluster: Cluster | None = None
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self.tasks: list[Coroutine[Any, Any, None]] = []

    def join(self) -> None:
        """Become a node of the cluster."""
        self.take_part().on_joined(self.nid)
        self.turn()

    def take_part(self) -> Cluster:
        """Let the hub join; return this node among the others."""
        inbox = b"n:%d" % self.nid
        bus = _NodeBus(self)
        for channel in (inbox, b"a"):
            bus.subscribe(channel)
        self.hub.join_cluster(self.nid, inbox, b"a", b"r:", 2.0)
        self.hub.set_lease(_LEASE_SECONDS)
        self.fabric.members[self.nid] = self
        if self.cluster is None:
            self.cluster = Cluster(
                self.context,
                _NodeRegistry(self),  # type: ignore[arg-type]  # has what is needed of one
                bus,
                lambda: self.dispatch.from_nodes,
                self.tasks.append,
                b"r:",
            )
        return self.cluster

    def join_again(self) -> None:
        """Join under another number, as a node that was buried does."""
        self.fabric.broker.subscriptions.pop(b"n:%d" % self.nid, None)
        self.nid = next(self.fabric.nids)
        self.join()
        for other in self.fabric.members.values():
            if other is not self:
                other.meet(self)
                self.meet(other)

    def meet(self, other: Node) -> None:
        """Know another node from now on."""
        self.known.add(other.nid)
        self.hub.add_node(other.nid, b"n:%d" % other.nid)
        if self.cluster is not None:
            self.cluster.on_node_joined(other.nid)

    def lose(self, nid: int) -> None:
        """Know that a node is gone."""
        self.known.discard(nid)
        if self.cluster is not None:
            self.cluster.on_node_gone(nid)
        self.hub.remove_node(nid)
        self.turn()

    def renew(self) -> None:
        """Renew the lease, or join again if others have buried this node."""
        if self.nid in self.fabric.members:
            self.hub.set_lease(_LEASE_SECONDS)
        else:
            self.join_again()
        for nid in self.known - set(self.fabric.members):
            self.lose(nid)
        for nid, other in list(self.fabric.members.items()):
            if other is not self and nid not in self.known:
                self.meet(other)

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        at = self.fabric.now + max(seconds, 0)
        heapq.heappush(self._timers, (at, next(self._numbers), call))

    def advance(self, seconds: float) -> None:
        """Advance the clocks, and make the calls that are due."""
        if self.is_paused:
            self._behind += seconds
            return
        self.hub.advance_clock(seconds)
        self.throttle.advance_clock(seconds)
        while self._timers and self._timers[0][0] <= self.fabric.now + 1e-9:
            heapq.heappop(self._timers)[2]()
        self.turn()

    def turn(self) -> None:
        """Do what is due at the end of a turn of the loop, and publish."""
        if not self.is_alive or self.is_paused:
            return
        self.loop.wake()
        while self.loop.run_soon():
            pass
        self.publish()

    def pause(self) -> None:
        """Stand still from now on."""
        self.is_paused = True

    def resume(self) -> None:
        """Go on: first of all the lease is looked at."""
        self.is_paused = False
        behind, self._behind = self._behind, 0.0
        self.advance(behind)
        if not self.is_cut:
            self.renew()
        self.turn()

    def publish(self) -> None:
        """Hand the hub's publications to the broker."""
        if self.is_alive and self.cluster is not None:
            for channel, message in self.hub.take_publications():
                self.fabric.broker.publish(self, channel, message)

    def on_publication(self, channel: bytes, message: bytes) -> None:
        """Receive a publication, as the bus does."""
        event = self.hub.receive_publication(channel, message)
        if event is not None and self.cluster is not None:
            assert event[0] != "garbage", event
            self.cluster.on_event(event)
        self.turn()

    def step_tasks(self) -> bool:
        """Go on with each coroutine; return whether there was one."""
        if self.is_paused:
            return False
        tasks, self.tasks[:] = self.tasks[:], []
        for task in tasks:
            try:
                task.send(None)
            except StopIteration:
                continue
            self.tasks.append(task)
        self.turn()
        return bool(tasks)

    def open(self, user_id: str, **session: Any) -> NodeClient:
        """Open a connection that has not sent `hi` yet."""
        client = NodeClient(self, user_id, **session)
        self.clients.append(client)
        return client

    def enter(self, user_id: str, room: str | None = None, **wanted: Any) -> NodeClient:
        """Open a connection, send `hi`, and join a room if one is given."""
        client = self.open(user_id)
        client.send_one("hi")
        if room is not None:
            client.send_one("ch", id_=room, set=wanted)
            client.received()
        return client

    def staff(self, user_id: str, room: str | None = None, scope: Scope = "admin") -> NodeClient:
        """Open a connection of staff, and join a room if one is given."""
        client = self.enter(user_id)
        client.session.scope = scope
        client.session.permissions = permissions_of(scope)
        if room is not None:
            client.send_one("ch", id_=room)
            client.received()
        return client

    def settle(self) -> None:
        """Let everything arrive."""
        settle(self.fabric)


class Fabric:
    """A cluster.

    Attributes:
        nodes: The nodes.
        broker: Passes on their publications.
        homes: The homes of rooms, as the registry knows them.
        now: Seconds since the start.
        store: The store of all nodes.
    """

    def __init__(self, count: int, **rules: Any) -> None:
        """Begin with nodes without clients; one node is alone, without a cluster."""
        self.broker = Broker()
        self.homes: dict[str, Home] = {}
        self.epochs = itertools.count(1)
        self.members: dict[int, Node] = {}
        self.nids = itertools.count(count + 1)
        self._renew_at = 0.0
        self._remembered: tuple[dict[str, Home], dict[int, Node]] = {}, {}
        self.now = 0.0
        self.store = _SharedStore()
        self.nodes = [Node(self, nid + 1, self.store, **rules) for nid in range(count)]
        if count > 1:
            for node in self.nodes:
                node.join()
            for node, other in itertools.permutations(self.nodes, 2):
                node.meet(other)

    def follow_store(self) -> None:
        """Let each node see what the others have stored, as it happens each second."""
        self.store.changes += 1
        for node in self.nodes:
            node.dispatch.follow_store()
            node.turn()

    def kill(self, node: Node) -> None:
        """End a node without a word, and let the others bury it."""
        node.is_alive = False
        for client in node.clients:
            client.socket.is_lost = True
        for task in node.tasks:
            task.close()
        self.broker.forget(node)
        self.bury(node)

    def bury(self, node: Node) -> None:
        """Let a node be no node any more, for all that can be reached."""
        nid = node.nid
        if self.members.pop(nid, None) is None:
            return
        for room in [room for room, home in self.homes.items() if home.nid == nid]:
            del self.homes[room]
        for other in self.members.values():
            if other.cluster is not None and not (other.is_paused or other.is_cut):
                other.lose(nid)

    def cut(self, *nodes: Node) -> None:
        """Take nodes from the broker, which notice that at once."""
        for node in nodes:
            if node.is_cut or node.cluster is None:
                continue
            node.is_cut = True
            self.broker.forget(node)
            node.cluster.on_down()
            node.turn()

    def mend(self, *nodes: Node) -> None:
        """Connect nodes with the broker again."""
        for node in nodes:
            if not node.is_cut or node.cluster is None:
                continue
            node.is_cut = False
            node.hub.take_publications()
            for nid in set(node.known) - set(self.members):
                node.lose(nid)
            node.cluster.on_up()
            node.renew()
            node.turn()

    def empty(self) -> None:
        """Let the broker forget everything; all nodes join anew when they renew their leases."""
        self.homes.clear()
        self.members.clear()

    def remember(self) -> None:
        """Note what the broker knows now, for `roll_back`."""
        self._remembered = dict(self.homes), dict(self.members)

    def roll_back(self) -> None:
        """Let the broker know what it knew when it was noted, as after a failover."""
        homes, members = self._remembered
        # A node that joins under another number takes its name from the one before.
        self.members = {
            nid: node for nid, node in members.items() if node.is_alive and node.nid == nid
        }
        self.homes = {room: home for room, home in homes.items() if home.nid in self.members}

    def next_epoch(self) -> int:
        """Return an epoch that is greater than all before."""
        return next(self.epochs)

    def pump(self) -> bool:
        """Let all arrive that takes no time; return whether anything did."""
        for rounds in itertools.count():
            assert rounds < _MOST_ROUNDS, "messages go round in a circle"
            pending = self.broker.pending()
            for pair in pending:
                self.broker.deliver(pair)
            stepped = [node.step_tasks() for node in self.nodes if node.is_alive]
            read = [
                client.read()
                for node in self.nodes
                if not node.is_paused
                for client in node.clients
            ]
            if not (pending or any(stepped) or any(read)):
                return rounds > 0

    def advance(self, seconds: float) -> None:
        """Advance the clock of all nodes."""
        self.now += seconds
        is_due = self.now >= self._renew_at
        for node in self.nodes:
            if node.is_alive:
                node.advance(seconds)
                if is_due and node.cluster is not None and not (node.is_paused or node.is_cut):
                    node.renew()
        self._bury_the_silent(seconds)
        if is_due:
            self._renew_at = self.now + 1.0

    def _bury_the_silent(self, seconds: float) -> None:
        away = {node for node in self.members.values() if node.is_paused or node.is_cut}
        for node in list(self.members.values()):
            node.away = node.away + seconds if node in away else 0.0
            if node.away >= _BURIED_AFTER_SECONDS and len(away) < len(self.members):
                self.bury(node)

    def wait(self, seconds: float) -> None:
        """Let time pass in which all arrives."""
        end = self.now + seconds
        while self.now < end:
            self.pump()
            self.advance(_WAIT_STEP_SECONDS)
        self.pump()

    def close(self) -> None:
        """Close all sockets."""
        for node in self.nodes:
            node.engine.close()
            for client in node.clients:
                client.socket.close()
            for task in node.tasks:
                task.close()


def settle(*fabrics: Fabric) -> None:
    """Let everything arrive in clusters whose clocks go together."""
    quiet = 0
    while quiet < _QUIET_STEPS:
        moved = [fabric.pump() for fabric in fabrics]
        for fabric in fabrics:
            fabric.advance(_STEP_SECONDS)
        quiet = 0 if any(moved) else quiet + 1

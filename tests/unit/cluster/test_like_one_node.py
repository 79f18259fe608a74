"""Several nodes against one: the same acts give each client the same messages in the same order."""

from __future__ import annotations

from typing import Any

from hypothesis import note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from support.nodes import Fabric, NodeClient, settle

USERS = [letter * 24 for letter in "abcd"]
ROOMS = ["one", "two", "lobby", "test/awkward"]
SETTINGS: list[dict[str, Any]] = [
    {"color": "#ff0000"},
    {"chat": False},
    {"chat": True, "visible": False},
    {"crownsolo": True},
    {"crownsolo": False, "limit": 2},
    {"inviteOnly": True},
    {"inviteOnly": False, "noteQuota": 20},
    {"no cussing": True, "slowMode": 30},
]
PAUSE_SECONDS = 3.0
"""The time between acts: longer than that of notices, and than rates need to fill."""

Message = dict[str, Any]
Pair = tuple[NodeClient, NodeClient]


def normal(message: Message) -> Message:
    """A message without what is random, or without the one relaxation of clusters."""
    if message["m"] in ("a", "dm"):
        return {key: value for key, value in message.items() if key != "id"}
    if message["m"] == "c":
        return message | {"c": [normal(line) for line in message["c"]]}
    if message["m"] == "ch" and "crown" in message["ch"]:
        crown = message["ch"]["crown"] | {"endPos": None}
        return message | {"ch": message["ch"] | {"crown": crown}}
    return message


def is_of_hub(message: Message) -> bool:
    """Whether the edge's hub sends a notice at once, so that it overtakes what the home sends."""
    return message.get("code") in ("muted", "only_owner_plays", "too_fast")


class LikeOneNode(RuleBasedStateMachine):
    """A cluster and a lone node, in which the same happens."""

    @initialize(count=st.sampled_from([2, 3]), lobby_limit=st.sampled_from([0, 2]))
    def begin(self, count: int, lobby_limit: int) -> None:
        self.cluster = Fabric(count, lobby_limit=lobby_limit)
        self.lone = Fabric(1, lobby_limit=lobby_limit)
        self.clients: list[Pair] = []
        for number, user in enumerate(USERS[:3]):
            self.open(user, number, ROOMS[0])

    def teardown(self) -> None:
        if hasattr(self, "cluster"):
            self.cluster.close()
            self.lone.close()

    @precondition(lambda self: len(self.clients) < 7)
    @rule(
        user=st.sampled_from(USERS),
        node=st.integers(0, 2),
        room=st.sampled_from([*ROOMS, "one", "one", None]),
    )
    def open(self, user: str, node: int, room: str | None) -> None:
        nodes = self.cluster.nodes
        pair = nodes[node % len(nodes)].open(user), self.lone.nodes[0].open(user)
        self.clients.append(pair)
        self.act(pair, {"m": "hi"})
        if room is not None:
            self.act(pair, {"m": "ch", "_id": room})

    @rule(data=st.data(), room=st.sampled_from(ROOMS), wanted=st.sampled_from([{}, *SETTINGS]))
    def join(self, data: st.DataObject, room: str, wanted: Message) -> None:
        self.act_of_any(data, {"m": "ch", "_id": room, "set": wanted})

    @rule(data=st.data(), room=st.sampled_from(ROOMS), text=st.sampled_from("xyz"))
    def join_and_go_on(self, data: st.DataObject, room: str, text: str) -> None:
        self.act_of_any(
            data,
            {"m": "ch", "_id": room},
            {"m": "a", "message": text},
            {"m": "n", "t": 1, "n": [{"n": "a1", "v": 0.5}]},
        )

    @rule(data=st.data(), text=st.sampled_from(["hello", "fuck"]))
    def chat(self, data: st.DataObject, text: str) -> None:
        self.act_of_any(data, {"m": "a", "message": text})

    @rule(data=st.data())
    def play(self, data: st.DataObject) -> None:
        self.act_of_any(data, {"m": "n", "t": 1, "n": [{"n": "c4", "v": 0.5}]})

    @rule(data=st.data(), x=st.integers(0, 100))
    def point(self, data: st.DataObject, x: int) -> None:
        self.act_of_any(data, {"m": "m", "x": x, "y": "50"})

    @rule(
        data=st.data(),
        m=st.sampled_from(["chown", "coowner", "dm", "mute", "kickban", "unban", "invite", "drop"]),
        on=st.booleans(),
    )
    def act_on_another(self, data: st.DataObject, m: str, on: bool) -> None:
        if not self.clients:
            return
        pair = data.draw(st.sampled_from(self.clients))
        there = self.together(pair)
        # An act on a user of another room is decided by what the home knows of that user.
        target = data.draw(st.sampled_from(USERS if m in ("unban", "chown") else there))
        messages: dict[str, Message] = {
            "chown": {"m": "chown", "id": target},
            "drop": {"m": "chown"},
            "coowner": {"m": "coowner", "_id": target, "on": on},
            "dm": {"m": "dm", "_id": target, "message": "psst"},
            "mute": {"m": "mute", "_id": target, "notes": on, "chat": True},
            "kickban": {"m": "kickban", "_id": target, "ms": 60_000 if on else 0},
            "unban": {"m": "unban", "_id": target},
            "invite": {"m": "invite", "_id": target, "on": on},
        }
        self.act(pair, messages[m])

    def together(self, pair: Pair) -> list[str]:
        """The users in the room of a client."""
        participant = pair[1].session.participant
        return list(participant.room.participants) if participant is not None else [pair[1].id]

    @rule(data=st.data(), wanted=st.sampled_from(SETTINGS))
    def change_settings(self, data: st.DataObject, wanted: Message) -> None:
        self.act_of_any(data, {"m": "chset", "set": wanted})

    @rule(data=st.data(), name=st.sampled_from(["Anna", "anna", "fuck"]), color=st.booleans())
    def rename(self, data: st.DataObject, name: str, color: bool) -> None:
        wanted = {"name": name} | ({"color": "#abcdef"} if color else {})
        self.act_of_any(data, {"m": "userset", "set": wanted})

    @rule(data=st.data(), text=st.sampled_from("xy"))
    def take_leave(self, data: st.DataObject, text: str) -> None:
        if self.clients:
            pair = data.draw(st.sampled_from(self.clients))
            self.act(pair, {"m": "a", "message": text}, {"m": "bye"}, {"m": "a", "message": "no"})
            assert pair[0].closed == pair[1].closed == 1000
            self.clients.remove(pair)

    @rule(data=st.data())
    def vanish(self, data: st.DataObject) -> None:
        if self.clients:
            pair = data.draw(st.sampled_from(self.clients))
            self.clients.remove(pair)
            note(f"{pair[1].id[0]} vanishes")
            for client in pair:
                client.vanish()
            self.compare()

    def act_of_any(self, data: st.DataObject, *messages: Message) -> None:
        if self.clients:
            self.act(data.draw(st.sampled_from(self.clients)), *messages)

    def act(self, pair: Pair, *messages: Message) -> None:
        """Let a client send messages, and compare what comes of it."""
        note(f"{self.clients.index(pair)} ({pair[0].id[0]} at {pair[0].node.nid}): {messages}")
        for client in pair:
            client.send(*messages)
        self.compare()

    def compare(self) -> None:
        """Let everything arrive in both, and compare what all clients were sent."""
        settle(self.cluster, self.lone)
        for fabric in (self.cluster, self.lone):
            fabric.follow_store()
            fabric.advance(PAUSE_SECONDS)
        settle(self.cluster, self.lone)
        tabs = [pair[1].id for pair in self.clients]
        for number, pair in enumerate(self.clients):
            of_cluster, of_lone = (
                sorted(map(normal, client.taken()), key=is_of_hub) for client in pair
            )
            if tabs.count(pair[1].id) > 1:
                of_cluster, of_lone = (without_quotas(each) for each in (of_cluster, of_lone))
            assert of_cluster == of_lone, f"client {number}: {of_cluster} instead of {of_lone}"
            assert pair[0].closed == pair[1].closed
        for fabric in (self.cluster, self.lone):
            for node in fabric.nodes:
                assert node.context.counters.failures == 0


def without_quotas(messages: list[Message]) -> list[Message]:
    """Messages without `nq`: of a user in rooms of two nodes, each knows one quota."""
    return [
        message for message in messages if message["m"] != "nq" and message.get("code") != "invited"
    ]


TestLikeOneNode = LikeOneNode.TestCase
TestLikeOneNode.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)

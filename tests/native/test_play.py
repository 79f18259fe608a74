"""Random programs on the hub: each client receives what the model sends, whole and in order."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fortepiano import native
from support.hub_harness import START, HubClient, HubHarness, text
from support.native_parts import hub_settings
from support.raw_peer import BINARY, CLOSE, PING, TEXT, frame
from support.reference import hub as reference

ROOMS, USERS, CLIENTS = 2, 3, 6
LAG_SOFT, LAG_HARD = 4_000, 40_000
UNREACHED = 1e6

Hubs = native.Hub | reference.Hub


class Side:
    """The actions of the server on one of the two hubs; equal hubs get equal actions."""

    def __init__(self, hub: Hubs, dismiss: Callable[[int, int, str], object]) -> None:
        self.hub = hub
        self.dismiss = dismiss
        self.users: dict[int, int] = {}
        self.homes: dict[int, tuple[int, int]] = {}
        self.participants: dict[tuple[int, int], int] = {}
        hub.set_notice("quota", b'["too fast"]')
        hub.set_notice("solo", b'["not you"]')
        self.quotas = [hub.add_quota(3, 9), hub.add_quota(8000, 24000), hub.add_quota(8000, 24000)]
        self.rooms = [hub.open_room() for _ in range(ROOMS)]

    def enter(self, client: int, room: int) -> None:
        """Put a client into a room as its user."""
        self.leave(client)
        home = (room, self.users[client])
        if home not in self.participants:
            name = b"%d" % home[1]
            self.participants[home] = self.hub.add_participant(
                self.rooms[room], b'"%b"' % name, b'{"id":"%b"' % name, b"200", b"100"
            )
            self.hub.broadcast_participants(self.rooms[room], b"[[", b"]]")
        self.hub.enter(client, self.rooms[room], self.participants[home])
        self.homes[client] = home
        self.hub.send_participants(client, self.rooms[room], b'[{"ch":[', b"]}]")

    def leave(self, client: int) -> None:
        """Take a client out of its room, and its participant with the last tab."""
        self.hub.leave(client)
        home = self.homes.pop(client, None)
        if home is not None and home not in self.homes.values():
            self.hub.remove_participant(self.participants.pop(home))
            self.hub.broadcast(self.rooms[home[0]], b'[{"bye":%d}]' % home[1])

    def receive(self, client: int, raw: bytes) -> None:
        """Do what a message of a client asks for."""
        match json.loads(raw):
            case {"m": "ch", "to": int(room)}:
                self.enter(client, room)
            case {"m": "leave"}:
                self.leave(client)
            case {"m": "a", "text": words} if client in self.homes:
                room = self.rooms[self.homes[client][0]]
                self.hub.broadcast(room, json.dumps([words]).encode())
            case {"m": "whisper", "text": words}:
                self.hub.send(client, json.dumps([words]).encode())
            case {"m": "others", "text": words} if client in self.homes:
                room = self.rooms[self.homes[client][0]]
                self.hub.broadcast(room, json.dumps([words]).encode(), client)
            case {"m": "solo", "on": solo} if client in self.homes:
                home = self.homes[client]
                self.hub.set_players(self.rooms[home[0]], solo, self.participants[home])
            case {"m": "kick"}:
                self.dismiss(client, 4008, "kicked")


words = st.sampled_from([1, 30, 110, 120, 126, 300, 3_000]).map(lambda size: "x" * size)
positions = st.integers(0, 99)
elements: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.fixed_dictionaries({"m": st.just("n"), "t": positions, "n": st.just([{"n": "c4"}])}),
    st.fixed_dictionaries(
        {"m": st.just("n"), "t": positions, "n": st.just([{"n": "d4", "v": "0.5"}, {"d": 5}])}
    ),
    st.fixed_dictionaries({"m": st.just("n"), "t": st.none(), "n": st.just([])}),
    st.fixed_dictionaries({"m": st.just("m"), "x": positions, "y": positions}),
    st.fixed_dictionaries({"m": st.just("t"), "e": positions}),
    st.fixed_dictionaries({"m": st.just("ch"), "to": st.integers(0, ROOMS - 1)}),
    st.fixed_dictionaries({"m": st.sampled_from(["a", "whisper", "others"]), "text": words}),
    st.fixed_dictionaries({"m": st.just("a"), "text": words}),
    st.fixed_dictionaries({"m": st.just("solo"), "on": st.booleans()}),
    st.fixed_dictionaries({"m": st.sampled_from(["leave", "leave", "leave", "kick"])}),
)
frames = st.one_of(
    st.lists(elements, max_size=5).map(lambda parts: text(*parts)),
    st.lists(elements, max_size=5).map(lambda parts: text(*parts)),
    st.lists(elements, max_size=5).map(lambda parts: text(*parts)),
    st.lists(elements, max_size=3).map(lambda parts: frame(BINARY, json.dumps(parts).encode())),
    st.binary(max_size=5).map(lambda payload: frame(PING, payload)),
    st.tuples(elements, st.integers(1, 9)).map(
        lambda both: frame(TEXT, text(both[0])[6 : 6 + both[1]], fin=False)
    ),
    st.sampled_from(
        [frame(0, b"]"), frame(CLOSE, b"\x03\xe8"), frame(CLOSE), frame(TEXT, b"\xff")]
    ),
)


class Listener:
    """A client of the hub, its twin in the model, and the frames compared so far."""

    def __init__(self, client: HubClient, model: reference.Client, *, is_slow: bool) -> None:
        self.client = client
        self.model = model
        self.is_slow = is_slow
        self.unsent = b""
        self.is_blocked = False
        self.may_miss_moves = False
        self.may_miss_the_last = False
        self.at = 0

    def check(self) -> None:
        """Compare the frames that came with those of the model."""
        sent = self.model.sent
        for event in self.client.events():
            while self.at < len(sent) and sent[self.at].event != event and self.may_pass():
                self.at += 1
            assert self.at < len(sent), event
            assert sent[self.at].event == event
            self.at += 1

    def may_pass(self) -> bool:
        """Return whether the next frame may be missing."""
        sent = self.model.sent[self.at]
        if sent.event[0] == "close":
            return False
        return self.may_miss_the_last or (sent.is_move and self.may_miss_moves)

    def is_done(self) -> bool:
        """Return whether all frames have come that must come."""
        while self.at < len(self.model.sent) and self.may_pass():
            self.at += 1
        return self.at == len(self.model.sent) and not self.client.bytes


class HubMachine(RuleBasedStateMachine):
    """Clients get what the model sends: nothing lost, nothing twice, nothing cut, in order."""

    @initialize(move_ms=st.sampled_from([0, 40]))
    def begin(self, move_ms: int) -> None:
        self.harness = HubHarness(
            lag_soft_bytes=LAG_SOFT,
            lag_hard_bytes=LAG_HARD,
            move_ms=move_ms,
            stall_seconds=UNREACHED,
            hello_seconds=UNREACHED,
            ping_seconds=UNREACHED,
            linger_seconds=UNREACHED,
        )
        self.model = reference.Hub(
            self.model_receives, self.model_ends, hub_settings(move_ms=move_ms), standing_at=START
        )
        self.ours = Side(self.harness.hub, self.harness.dismiss)
        self.theirs = Side(self.model, self.model.dismiss)
        self.harness.on_receive = self.ours.receive
        self.harness.on_end = self.we_end
        self.harness.on_lost = self.model.detach
        self.listeners: list[Listener] = []
        self.dismissed: list[int] = []
        self.model_ended: list[int] = []
        self.is_flushing = False

    def model_receives(self, client: int, raw: bytes) -> None:
        self.theirs.receive(client, raw)

    def we_end(self, client: int) -> None:
        if self.is_flushing:
            self.dismissed.append(client)
        self.mark_what_may_be_missing(client)
        self.ours.leave(client)

    def model_ends(self, client: int) -> None:
        self.model_ended.append(client)
        self.theirs.leave(client)

    def mark_what_may_be_missing(self, client: int) -> None:
        """A connection that closes while its socket is full loses its backlog."""
        for listener in self.connected():
            if listener.model.number == client:
                # A client that a flush finds too slow has a full socket by definition.
                listener.may_miss_the_last = listener.is_blocked or self.is_flushing

    def connected(self) -> list[Listener]:
        return [listener for listener in self.listeners if not listener.client.is_lost]

    def talking(self) -> list[Listener]:
        return [listener for listener in self.connected() if not listener.client.is_aborted]

    def flush(self, native_flush: Callable[[], object], model_flush: Callable[[], object]) -> None:
        """Flush both, and do on the model what the hub decided about slow readers."""
        for listener in self.connected():
            lag = self.harness.hub.lag(listener.model.number)
            if lag + 60 * USERS > LAG_SOFT:
                listener.may_miss_moves = True
        self.is_flushing = True
        native_flush()
        self.is_flushing = False
        model_flush()
        for client in self.dismissed:
            it = self.model.clients.get(client)
            assert it and it.is_open
            self.model.dismiss(client, 1013)
        self.dismissed.clear()
        for listener in self.connected():
            listener.is_blocked = self.harness.hub.lag(listener.model.number) > 0

    @precondition(lambda self: len(self.connected()) < CLIENTS)
    @rule(
        user=st.integers(0, USERS - 1),
        is_slow=st.booleans(),
        room=st.sampled_from([0, 0, 0, 1, None]),
    )
    def open(self, user: int, is_slow: bool, room: int | None) -> None:
        client = self.harness.open(send_buffer=1 if is_slow else None)
        number = self.model.attach()
        assert client.number == number
        model = self.model.clients.get(number)
        assert model
        self.listeners.append(Listener(client, model, is_slow=is_slow))
        for side in (self.ours, self.theirs):
            side.users[number] = user
            side.hub.start_session(number, side.quotas[user])
            if room is not None:
                side.enter(number, room)

    @precondition(lambda self: self.talking())
    @rule(data=st.data(), new=frames, keep=st.integers(0, 9))
    def send(self, data: st.DataObject, new: bytes, keep: int) -> None:
        listener = data.draw(st.sampled_from(self.talking()))
        whole = listener.unsent + new
        piece, listener.unsent = whole[: len(whole) - keep], whole[len(whole) - keep :]
        self.model.feed(listener.model.number, piece)
        listener.client.send(piece)

    @precondition(lambda self: self.talking())
    @rule(
        room=st.sampled_from([0, 0, 0, 1]),
        size=st.sampled_from([1, 200, 2_000, 20_000]),
        count=st.integers(1, 9),
    )
    def talk(self, room: int, size: int, count: int) -> None:
        """Fill sockets: messages of one size to a room."""
        for index in range(count):
            for side in (self.ours, self.theirs):
                side.hub.broadcast(side.rooms[room], b'["%d%b"]' % (index, b"x" * size))

    @precondition(lambda self: self.connected())
    @rule(data=st.data(), code=st.sampled_from([1000, 4000]))
    def dismiss(self, data: st.DataObject, code: int) -> None:
        client = data.draw(st.sampled_from(self.connected())).model.number
        self.harness.dismiss(client, code, "why")
        self.model.dismiss(client, code, "why")

    @precondition(lambda self: self.connected())
    @rule(data=st.data())
    def vanish(self, data: st.DataObject) -> None:
        listener = data.draw(st.sampled_from(self.connected()))
        listener.client.vanish()
        # Bytes that were not sent yet never will be.
        listener.client.read()
        listener.check()
        self.listeners.remove(listener)

    @precondition(lambda self: self.connected())
    @rule(data=st.data(), count=st.sampled_from([1, 100, 5_000]))
    def read(self, data: st.DataObject, count: int) -> None:
        listener = data.draw(st.sampled_from(self.listeners))
        listener.client.read(count)
        listener.check()

    @rule()
    def end_turn(self) -> None:
        if self.harness.loop.ready:
            self.flush(self.harness.loop.run_soon, self.model.flush)

    @rule(seconds=st.sampled_from([0, 0.01, 0.04, 1, 5]))
    def wake(self, seconds: float) -> None:
        self.harness.hub.advance_clock(seconds)
        self.model.advance_clock(seconds)
        self.flush(self.harness.loop.wake, self.model.wake)

    @invariant()
    def same_people(self) -> None:
        for ours, theirs in zip(self.ours.rooms, self.theirs.rooms, strict=True):
            assert self.harness.hub.participants(ours) == self.model.participants(theirs)

    def teardown(self) -> None:
        if not hasattr(self, "harness"):
            return
        try:
            self.check_all()
        finally:
            self.harness.close()

    def check_all(self) -> None:
        """Let all clients read to the end."""
        is_moving = True
        while is_moving:
            self.end_turn()
            self.wake(0.04)
            is_moving = sum(listener.client.read() for listener in self.listeners) > 0
        for listener in self.listeners:
            listener.check()
            assert listener.is_done(), (listener.model.sent[listener.at :], listener.client.bytes)
        assert self.harness.ended == self.model_ended


@pytest.mark.timeout(1800)  # with many examples, or many attempts to make a failing one simple
class TestPlay(HubMachine.TestCase):
    # The plays that matter are long and need many guests; the desk can afford some more of them.
    settings = settings(max_examples=max(200, settings().max_examples), stateful_step_count=60)

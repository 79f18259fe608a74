"""The state that a server hands to the next one in an upgrade: nothing is lost or changed."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from fortepiano import config
from fortepiano.actions import rooms
from fortepiano.errors import ChannelError
from fortepiano.handlers.dispatch import Dispatch
from fortepiano.model.session import Session
from fortepiano.model.tokens import mint
from fortepiano.model.user import User
from fortepiano.native import Engine, Link
from fortepiano.server.assembly import make_context
from fortepiano.store import open_store
from fortepiano.store.keyring import open_keys
from fortepiano.store.records import TokenRecord
from fortepiano.upgrade import capture, decode, encode, restore
from fortepiano.upgrade.channel import Channel
from fortepiano.upgrade.messages import Offer, Reply, fixed, problems_of
from fortepiano.upgrade.name_migration import respell
from fortepiano.upgrade.state import State
from support.hub_harness import Loop
from support.raw_peer import CONTINUATION, TEXT, frame


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> config.Settings:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FORTEPIANO_STORE__URL", "memory:")
    return config.load(None, {"data_dir": tmp_path})


class Wire:
    """A socket pair: the server's end with the interface of a transport, and the client's end."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair()
        for end in (self.ours, self.theirs):
            end.setblocking(False)

    def get_extra_info(self, _name: str) -> socket.socket:
        return self.ours

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        self.ours.close()
        self.theirs.close()


class ServerCore:
    """A whole server without listening sockets, on a loop that tests turn by hand."""

    def __init__(self, settings: config.Settings) -> None:
        self.loop = Loop()
        self.delayed: list[tuple[float, Any]] = []
        store = open_store(settings)
        self.context = make_context(settings, store, open_keys(settings), self.later, lambda: None)
        dispatch = Dispatch(self.context)
        self.engine = Engine(
            self.context.hub,
            cast("Any", self.loop),
            dispatch.receive,
            dispatch.ended,
            dispatch.receive_binary,
        )

    def later(self, seconds: float, call: Any) -> None:
        self.delayed.append((seconds, call))

    def open(self, wire: Wire, user_id: str, **more: Any) -> Link:
        link = self.engine.open(cast("Any", wire), b"")
        link.session = Session(link.client, link, user_id, **more)
        return link

    def send_messages(self, link: Link, text: str) -> None:
        link.feed(frame(TEXT, text.encode()))
        while self.context.hub.deferred:
            self.engine.flush()

    def capture(self) -> State:
        return capture(self.context, self.engine.connections(), with_store=True)[0]

    def go_on_for(self, state: State, wires: list[Wire]) -> list[Link]:
        descriptors = [wire.ours.fileno() for wire in wires]
        links = restore(self.context, self.engine, decode(encode(state)), descriptors)
        for link, wire in zip(links, wires, strict=True):
            link.connection_made(cast("Any", wire))
        return links


@pytest.fixture
def wires() -> Iterator[list[Wire]]:
    with ExitStack() as stack:
        made = [Wire() for _ in range(4)]
        for wire in made:
            stack.callback(wire.close)
        yield made


def comparable(state: State) -> dict[str, Any]:
    """Return a state without the times that change by themselves."""
    plain: dict[str, Any] = msgspec.to_builtins(state)
    anchor, _, tick = plain.pop("clock")
    plain["clock"] = anchor, tick
    del plain["at"], plain["store"]
    plain["throttle"] = sorted(plain["throttle"][1])
    return plain


def test_what_was_restored_tells_the_same(settings: config.Settings, wires: list[Wire]) -> None:
    first = ServerCore(settings)
    ann, ben, eve = (
        first.open(wire, letter * 24, address=f"192.0.2.{number}", is_limited=True)
        for number, (wire, letter) in enumerate(zip(wires, "abc", strict=False))
    )
    for number in range(3):
        first.context.throttle.connect(f"192.0.2.{number}")
    for link in (ann, ben, eve):
        first.context.hub.meter(link.client)
        first.send_messages(link, '[{"m":"hi"},{"m":"ch","_id":"duets"}]')
    first.send_messages(ann, '[{"m":"chset","set":{"color":"#112233","crownsolo":true}}]')
    first.send_messages(ann, '[{"m":"m","x":1,"y":"2"}]')
    first.send_messages(ann, f'[{{"m":"mute","_id":"{"b" * 24}","notes":true}}]')
    first.send_messages(ann, '[{"m":"a","message":"hello"},{"m":"n","t":1,"n":[{"n":"c3"}]}]')
    first.send_messages(ann, f'[{{"m":"coowner","_id":"{"c" * 24}","on":true}}]')
    first.send_messages(ben, '[{"m":"+ls"},{"m":"+custom"}]')
    first.send_messages(ben, '[{"m":"ch","_id":"test/elsewhere"},{"m":"ch","_id":"duets"}]')
    first.context.directory.rooms["duets"].claims.add("e" * 24, first.context.now(), 10_000)
    dropped = Wire()
    gone = first.open(dropped, "d" * 24)
    first.send_messages(gone, '[{"m":"hi"},{"m":"ch","_id":"solo"}]')
    gone.connection_lost(None)
    dropped.close()
    room = first.context.directory.rooms["duets"]
    assert room.holder is not None and room.mutes and room.co_owners and room.history
    crown = room.crown
    assert crown is not None
    user: User = first.context.directory.users["a" * 24]
    user.tag, user.flags, user.is_hidden = {"text": "x", "color": "#fff"}, {"a": 1}, True
    first.send_messages(ben, '[{"m":"userset","set":{"afk":true}}]')
    first.context.world.sync_flags(user.participations[0])

    state = first.capture()
    again = first.capture()
    assert comparable(state) == comparable(again), "telling changes nothing"
    second = ServerCore(settings)
    links = second.go_on_for(state, wires[:3])

    assert comparable(second.capture()) == comparable(state)
    assert second.context.directory.users.keys() == first.context.directory.users.keys()
    assert abs(second.context.now() - first.context.now()) <= 2
    anchor, now, _ = state.clock
    assert second.context.now() >= (anchor + now) // 1000
    holder = second.context.directory.rooms["duets"].holder
    assert holder is not None and holder.user.id == "a" * 24
    away = [user.id for user in second.context.directory.users.values() if user.is_afk]
    assert away == ["b" * 24]
    for server in (first, second):
        server.engine.close()
    assert [link.session.user_id for link in links] == ["a" * 24, "b" * 24, "c" * 24]


def test_of_an_older_version_nobody_is_away(settings: config.Settings, wires: list[Wire]) -> None:
    first = ServerCore(settings)
    ann = first.open(wires[0], "a" * 24)
    first.send_messages(ann, '[{"m":"hi"},{"m":"ch","_id":"duets"}]')
    plain: dict[str, Any] = msgspec.msgpack.decode(encode(first.capture()))
    for user in plain["users"]:
        user.pop("is_afk", None)
    state = decode(msgspec.msgpack.encode(plain))
    assert [user.is_afk for user in state.users] == [False]
    first.engine.close()


def test_rooms_of_an_older_version_say_what_every_room_says(
    settings: config.Settings, wires: list[Wire]
) -> None:
    first = ServerCore(settings)
    ann = first.open(wires[0], "a" * 24)
    first.send_messages(ann, '[{"m":"hi"},{"m":"ch","_id":"duets","set":{"noindex":true}}]')
    plain: dict[str, Any] = msgspec.msgpack.decode(encode(first.capture()))
    for room in plain["rooms"]:
        del room["settings"]["allowBots"]
        del room["settings"]["no cussing"]
    second = ServerCore(settings)
    second.go_on_for(decode(msgspec.msgpack.encode(plain)), wires[:1])
    for name, is_hidden in (("duets", True), ("lobby", False), ("test/awkward", False)):
        said = second.context.directory.rooms[name].settings
        always = {"allowBots": True, "noindex": is_hidden, "no cussing": False}
        assert said.items() >= always.items()
    for server in (first, second):
        server.engine.close()


def test_whoever_is_away_finds_the_crown_with_the_next_server(
    settings: config.Settings, wires: list[Wire]
) -> None:
    first = ServerCore(settings)
    ann, ben, again = (
        first.open(wire, letter * 24) for wire, letter in zip(wires, "aba", strict=False)
    )
    for link in (ann, ben):
        first.send_messages(link, '[{"m":"hi"},{"m":"ch","_id":"duets"}]')
    ann.connection_lost(None)
    plain: dict[str, Any] = msgspec.msgpack.decode(encode(first.capture()))
    second = ServerCore(settings)
    _, link = second.go_on_for(first.capture(), [wires[1], wires[2]])
    second.send_messages(link, '[{"m":"hi"},{"m":"ch","_id":"duets"}]')
    duets = second.context.directory.rooms["duets"]
    assert duets.holder is not None and duets.holder.id == duets.maker == "a" * 24
    assert again.session.user is None
    # A version that knew nothing of it tells nothing of it.
    for room in plain["rooms"]:
        del room["claims"], room["maker"]
    older = decode(msgspec.msgpack.encode(plain)).rooms
    assert [(room.claims, room.maker) for room in older] == [([], "")] * 3
    for server in (first, second):
        server.engine.close()


@pytest.mark.parametrize("how", ["valid", "revoked", "of an older version"])
def test_a_token_goes_along_and_ends_there(
    settings: config.Settings, wires: list[Wire], how: str
) -> None:
    first = ServerCore(settings)
    token, record = mint("admin", "", first.context.now(), None)
    first.context.store.save_token(record)
    ann = first.open(wires[0], "a" * 24)
    first.send_messages(ann, f'[{{"m":"hi","token":"{token}"}},{{"m":"ch","_id":"duets"}}]')
    first.send_messages(ann, '[{"m":"v","vanish":true}]')
    plain: dict[str, Any] = msgspec.msgpack.decode(encode(first.capture()))
    second = ServerCore(settings)
    if how != "revoked":
        second.context.store.save_token(record)
    if how == "of an older version":
        del plain["links"][0]["session"]["token"], plain["users"][0]["staff_tokens"]
    [link] = second.go_on_for(decode(msgspec.msgpack.encode(plain)), wires[:1])
    Dispatch(second.context).follow_store()
    user = second.context.directory.users["a" * 24]
    is_valid = how == "valid"
    assert (link.session.scope is not None) is user.is_hidden is is_valid
    assert bool(link.session.permissions) is is_valid
    second.context.store.remove_token(record.id)
    Dispatch(second.context).follow_store()
    assert (link.session.scope, user.is_hidden, user.staff_tokens) == (None, False, None)
    for server in (first, second):
        server.engine.close()


def test_a_browsers_token_goes_along(settings: config.Settings, wires: list[Wire]) -> None:
    first = ServerCore(settings)
    ann = first.open(wires[0], "a" * 24)
    first.send_messages(ann, '[{"m":"hi"}]')
    now = first.context.now()
    ann.session.token = held = first.context.identity.bearer("a" * 24, now)
    ann.session.is_known_by_token = True
    second = ServerCore(settings)
    [link] = second.go_on_for(first.capture(), wires[:1])
    assert link.session.token == held
    revoked = TokenRecord("a" * 24, "", "user", "", now, None, user_id="a" * 24, revoked=now)
    second.context.store.save_token(revoked)
    Dispatch(second.context).follow_store()
    assert link.session is None, "closed"
    for server in (first, second):
        server.engine.close()


def test_what_somebody_has_sent_counts_with_the_next_server(
    settings: config.Settings, wires: list[Wire]
) -> None:
    first = ServerCore(settings)
    links = [first.open(wire, "a" * 24) for wire in wires[:2]]
    waiting = first.open(wires[2], "b" * 24)
    first.send_messages(waiting, '[{"m":"devices"},{"m":"devices"}]')
    for link in links:
        first.send_messages(link, '[{"m":"hi"},{"m":"ch","_id":"duets"},{"m":"a","message":"x"}]')
    state = first.capture()
    (told,) = [user for user in state.users if user.id == "a" * 24]
    assert told.buckets is not None and {"hi", "ch", "a"} <= told.buckets.keys()
    assert [link.session.buckets is None for link in state.links if link.session] == [
        *(True, True),
        False,
    ]
    second = ServerCore(settings)
    second.go_on_for(state, wires[:3])
    buckets = second.context.directory.users["a" * 24].buckets
    assert buckets is not None
    assert buckets.full_at_ms() == told.buckets
    # An older version handed one bucket over with each connection.
    plain: dict[str, Any] = msgspec.msgpack.decode(encode(state))
    until = first.context.now() + 5000.0
    for one in plain["users"]:
        del one["buckets"]
    for one in plain["links"][:2]:
        one["session"]["buckets"] = {"a": until}
    third = ServerCore(settings)
    after = third.go_on_for(decode(msgspec.msgpack.encode(plain)), wires[:3])
    assert [link.session.buckets for link in after[:2]] == [None, None]
    assert after[2].session.buckets.full_at_ms().keys() == {"devices"}
    buckets = third.context.directory.users["a" * 24].buckets
    assert buckets is not None
    assert until < buckets.full_at_ms()["a"] <= third.context.now() + 8000
    for server in (first, second, third):
        server.engine.close()


def test_names_of_an_older_version_get_the_form_of_this_one(
    settings: config.Settings, wires: list[Wire]
) -> None:
    first = ServerCore(settings)
    ann, ben, eve = (
        first.open(wire, letter * 24) for wire, letter in zip(wires, "abc", strict=False)
    )
    for link, room in ((ann, "one"), (ben, "two"), (eve, "three")):
        first.send_messages(link, f'[{{"m":"hi"}},{{"m":"ch","_id":"{room}"}}]')
        first.send_messages(link, '[{"m":"a","message":"hi"}]')
    state = first.capture()
    names = {"one": "Caf\u00e9", "two": "Cafe\u0301\u200b", "three": "lobby "}
    for room in state.rooms:
        room.name = names.get(room.name, room.name)
        for said in room.history:
            said["t"] = 2_000_000_000_000 if room.name == names["two"] else 1
            said["a"] = "e\u0301\u200b"
    for client in state.links:
        assert client.session is not None
        client.session.room = names[client.session.room]
    for user in state.users:
        user.rooms = [names[name] for name in user.rooms]
        user.name = "Zoe\u0308 "
    told = respell(state)
    assert told == {"Caf\u00e9", "Caf\u00e9 2", "lobby 2"}
    assert respell(state) == set()

    second = ServerCore(settings)
    second.go_on_for(state, wires[:3])
    directory = second.context.directory
    assert directory.rooms.keys() == {"lobby", "test/awkward"} | told
    assert list(directory.rooms["Caf\u00e9"].participants) == ["b" * 24]
    assert list(directory.rooms["Caf\u00e9 2"].participants) == ["a" * 24]
    assert [said["a"] for said in directory.rooms["lobby 2"].history] == ["\u00e9"]
    assert {user.name for user in directory.users.values()} == {"Zo\u00eb"}
    rooms.broadcast_renamed(second.context, told)
    for server in (first, second):
        server.engine.close()


def test_a_crown_that_lies_on_the_floor_lies_there_still(
    settings: config.Settings, wires: list[Wire]
) -> None:
    first = ServerCore(settings)
    ann, ben = (first.open(wire, letter * 24) for wire, letter in zip(wires, "ab", strict=False))
    for link in (ann, ben):
        first.send_messages(link, '[{"m":"hi"},{"m":"ch","_id":"duets"}]')
    first.send_messages(ann, '[{"m":"m","x":30,"y":40},{"m":"chown"}]')
    before = first.context.directory.rooms["duets"].crown
    assert before is not None and before.holder is None and before.start == (30.0, 40.0)
    second = ServerCore(settings)
    second.go_on_for(first.capture(), wires[:2])
    after = second.context.directory.rooms["duets"].crown
    assert after == before
    for server in (first, second):
        server.engine.close()


def test_halves_of_frames_are_put_together(settings: config.Settings, wires: list[Wire]) -> None:
    first = ServerCore(settings)
    wire = wires[0]
    link = first.open(wire, "a" * 24)
    pieces = frame(TEXT, b'[{"m":', fin=False) + frame(CONTINUATION, b'"hi"}]')
    link.feed(pieces[:-3])
    first.engine.flush()
    state = first.capture()
    assert state.links[0].packed["pieces"] == b'[{"m":'
    second = ServerCore(settings)
    (other,) = second.go_on_for(state, [wire])
    other.feed(pieces[-3:])
    second.engine.flush()
    assert b'"m":"hi"' in wire.theirs.recv(4096)
    for server in (first, second):
        server.engine.close()


def test_a_half_sent_frame_is_sent_to_its_end(settings: config.Settings, wires: list[Wire]) -> None:
    first = ServerCore(settings)
    wire = wires[0]
    wire.ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    link = first.open(wire, "a" * 24)
    expected = b""
    for number in range(20):
        payload = b'["%b"]' % (b"%02d" % number * 1000)
        first.context.hub.send(link.client, payload)
        expected += b"\x81\x7e" + len(payload).to_bytes(2) + payload
    first.engine.flush()
    owed = first.context.hub.lag(link.client)
    assert 0 < owed < len(expected)
    second = ServerCore(settings)
    (other,) = second.go_on_for(first.capture(), [wire])
    assert second.context.hub.lag(other.client) == owed
    heard = b""
    for _ in range(200):
        second.engine.wake()
        second.engine.flush()
        try:
            heard += wire.theirs.recv(1 << 16)
        except BlockingIOError:
            continue
    assert heard == expected
    for server in (first, second):
        server.engine.close()


def test_a_state_of_nonsense_is_refused(settings: config.Settings, wires: list[Wire]) -> None:
    server = ServerCore(settings)
    link = server.open(wires[0], "a" * 24)
    server.send_messages(link, '[{"m":"hi"}]')
    state = server.capture()
    state.links[0].packed["phase"] = "asleep"
    second = ServerCore(settings)
    with pytest.raises(ValueError, match="asleep"):
        second.go_on_for(state, wires[:1])
    del state.links[0].packed["phase"]
    with pytest.raises(KeyError, match="phase"):
        ServerCore(settings).go_on_for(state, wires[:1])
    with pytest.raises(msgspec.MsgspecError):
        decode(b"\x93nonsense")


class TestWords:
    def test_the_same_settings_are_fine(self, settings: config.Settings) -> None:
        assert problems_of(Offer(1, fixed(settings)), settings, 1, 0) == []

    def test_a_setting_that_cannot_change_is_named(self, settings: config.Settings) -> None:
        offer = Offer(1, fixed(settings))
        other = settings.model_copy(update={"port": 9, "motd": "may change"})
        assert problems_of(offer, other, 1, 0) == ["port: 9 needs a restart"]

    def test_a_setting_that_the_old_version_did_not_know_is_fine(
        self, settings: config.Settings
    ) -> None:
        offer = Offer(1, fixed(settings))
        del offer.fixed["port"]
        assert problems_of(offer, settings, 1, 0) == []

    def test_another_format_is_not_understood(self, settings: config.Settings) -> None:
        (problem,) = problems_of(Offer(1, {}), settings, 2, 0)
        assert "restart instead" in problem


class TestChannel:
    def test_sockets_arrive_in_order_however_many(self) -> None:
        ours, theirs = Channel.pair()
        other = Channel(theirs)
        read, write = os.pipe()
        try:
            ours.send(b"x" * 1000, [read, write] * 230, 5)
            data, received = other.receive(5)
            assert (data, len(received)) == (b"x" * 1000, 460)
            os.write(received[1], b"there")
            assert os.read(received[458], 9) == b"there"
        finally:
            for one in (read, write, *received):
                os.close(one)
            ours.close()
            other.close()

    def test_silence_and_an_end_are_told(self) -> None:
        ours, theirs = Channel.pair()
        other = Channel(theirs)
        with pytest.raises(ChannelError, match="too long"):
            other.receive_message(Reply, 0.01)
        ours.send_message(Offer(1, {}), 5)
        assert other.receive_message(Offer, 5) == Offer(1, {})
        ours.send(b"\xc1", (), 5)
        with pytest.raises(ChannelError, match="not understood"):
            other.receive_message(Reply, 5)
        ours.close()
        with pytest.raises(ChannelError, match="ended"):
            other.receive_message(Reply, 5)
        with pytest.raises(ChannelError, match="ended"):
            other.send_message(Reply(), 5)
        other.close()

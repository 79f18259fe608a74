"""The link to the broker, without one: what it makes of bytes, and what it writes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fortepiano.native import BusLink, Engine
from support.hub_harness import Loop
from support.native_parts import make_test_hub

INBOX, EVERYBODY = b"t:n:1", b"t:a"

GREETING = (
    b"%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:3\r\n"
    b"$2\r\nid\r\n:12\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n"
    b"$7\r\nmodules\r\n*0\r\n"
)
"""The answer of Redis 7.0 to `HELLO 3`."""


class BrokerTransport:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.limits: list[int] = []
        self.is_aborted = self.is_paused = False

    def write(self, data: bytes) -> None:
        assert not self.is_aborted
        self.written.append(data)

    def set_write_buffer_limits(self, high: int) -> None:
        self.limits.append(high)

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def abort(self) -> None:
        self.is_aborted = True


class LinkHarness:
    """A hub of a cluster with its engine, and a link that is connected.

    Attributes:
        events: The events of the hub.
        answers: Everything else that came.
        ends: The errors of ended connections.
    """

    def __init__(self) -> None:
        self.loop = Loop()
        self.hub = make_test_hub()
        self.engine = Engine(self.hub, self.loop, _ignore, _ignore)  # type: ignore[arg-type]  # stands for one
        self.hub.join_cluster(1, INBOX, EVERYBODY, b"t:r:", 2.0)
        self.hub.add_node(2, b"t:n:2")
        self.events: list[tuple[Any, ...]] = []
        self.answers: list[tuple[Any, ...]] = []
        self.ends: list[Exception | None] = []
        self.link = BusLink(self.engine, self.events.append, self.answers.append, self.ends.append)
        self.connect()

    def connect(self) -> None:
        self.transport = BrokerTransport()
        self.link.connection_made(self.transport)  # type: ignore[arg-type]  # stands for one

    def feed(self, data: bytes, piece: int = 1 << 16) -> None:
        """Pass bytes to the link as the loop would, in pieces."""
        while data:
            window = self.link.get_buffer(-1)
            count = min(piece, len(window), len(data))
            window[:count] = data[:count]
            self.link.buffer_updated(count)
            data = data[count:]

    def turn(self) -> None:
        """Do what is due at the end of a turn of the loop."""
        self.loop.wake()
        self.loop.run_soon()

    def written(self) -> bytes:
        """Take what was written."""
        written, self.transport.written = self.transport.written, []
        return b"".join(written)


def _ignore(*_: object) -> None:
    """Stand for the handlers of clients."""


def command(*parts: bytes) -> bytes:
    """Return a command as a client of Redis sends it."""
    return array(b"*", parts)


def push(*parts: bytes) -> bytes:
    """Return what a broker sends on its own account."""
    return array(b">", parts)


def array(kind: bytes, parts: Sequence[bytes]) -> bytes:
    texts = b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)
    return b"%b%d\r\n%b" % (kind, len(parts), texts)


def post(hub: Any, payload: bytes) -> bytes:
    """Return the message of another node to this one's inbox: its hub's, at the next number."""
    hub.post(1, payload)
    ((_, message),) = hub.take_publications()
    return bytes(message)


@pytest.fixture
def harness() -> LinkHarness:
    return LinkHarness()


def other_hub() -> Any:
    """Return the hub of node 2."""
    hub = make_test_hub()
    hub.join_cluster(2, b"t:n:2", EVERYBODY, b"t:r:", 2.0)
    hub.add_node(1, INBOX)
    return hub


@given(
    payloads=st.lists(st.binary(max_size=80), max_size=10),
    piece=st.integers(1, 200),
)
def test_publications_reach_the_hub_in_any_pieces(payloads: list[bytes], piece: int) -> None:
    harness, other = LinkHarness(), other_hub()
    data = b"".join(push(b"message", INBOX, post(other, payload)) for payload in payloads)
    harness.feed(data, piece)
    assert harness.events == [("message", 2, payload) for payload in payloads]
    assert harness.answers == []
    assert harness.link.stats()["received"] == len(payloads)


def test_large_publication(harness: LinkHarness) -> None:
    payload = bytes(range(256)) * 8192
    harness.feed(push(b"message", INBOX, post(other_hub(), payload)))
    assert harness.events == [("message", 2, payload)]
    assert len(harness.link.get_buffer(-1)) == 1 << 16, "the memory is given back"


@pytest.mark.parametrize("piece", [1, 3, 1 << 16])
def test_answers_are_values_of_python(harness: LinkHarness, piece: int) -> None:
    harness.feed(
        GREETING
        + b"+OK\r\n-NOPERM \xff words\r\n:3\r\n_\r\n#t\r\n,1.5\r\n*2\r\n:1\r\n%1\r\n+a\r\n*0\r\n"
        + b">3\r\n$9\r\nsubscribe\r\n$3\r\nt:a\r\n:1\r\n"
        + b">3\r\n$11\r\nunsubscribe\r\n$3\r\nt:a\r\n:0\r\n"
        + push(b"message", INBOX, b"beat 7"),
        piece,
    )
    assert harness.answers == [
        (
            "reply",
            {
                b"server": b"redis",
                b"version": b"7.0.15",
                b"proto": 3,
                b"id": 12,
                b"mode": b"standalone",
                b"role": b"master",
                b"modules": (),
            },
        ),
        ("reply", b"OK"),
        ("error", "NOPERM \N{REPLACEMENT CHARACTER} words"),
        ("reply", None),
        ("reply", True),
        ("reply", 1.5),
        ("reply", (1, {b"a": ()})),
        ("subscribed", b"t:a"),
        ("unsubscribed", b"t:a"),
        ("beat", b"7"),
    ]
    assert harness.events == []


def test_other_protocols_are_no_answer(harness: LinkHarness) -> None:
    harness.feed(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    assert harness.answers[0] == ("broken", "an unknown type: 'H'")
    harness.feed(b"%1\r\n*1\r\n%0\r\n:1\r\n")  # a map is no key in Python
    assert harness.answers[-1][0] == "broken"


def test_garbage_is_an_event(harness: LinkHarness) -> None:
    harness.feed(push(b"message", INBOX, b"hello") + push(b"message", b"elsewhere", b"hello"))
    assert [event[0] for event in harness.events] == ["garbage", "garbage"]


def test_commands_come_behind_what_the_hub_published(harness: LinkHarness) -> None:
    harness.link.publish()
    harness.hub.post(2, b"first")
    harness.link.send(b"SUBSCRIBE", b"t:r:1")
    harness.hub.post(2, b"second")
    harness.link.beat(INBOX, b"1")
    harness.turn()
    parts = harness.written().split(b"first")
    assert parts[0].startswith(b"*3\r\n$7\r\nPUBLISH\r\n$5\r\nt:n:2\r\n$")
    subscribe = command(b"SUBSCRIBE", b"t:r:1")
    assert parts[1].startswith(b"\r\n" + subscribe + b"*3\r\n$7\r\nPUBLISH\r\n$5\r\nt:n:2\r\n$")
    assert parts[1].endswith(b"second\r\n" + command(b"PUBLISH", INBOX, b"beat 1"))


def test_a_turn_is_one_write(harness: LinkHarness) -> None:
    harness.link.publish()
    for number in range(100):
        harness.hub.post(2, b"%d" % number)
    assert harness.transport.written == []
    harness.turn()
    (written,) = harness.transport.written
    assert written.count(b"PUBLISH") == 100
    assert harness.link.stats()["published"] == 100


def test_events_may_publish(harness: LinkHarness) -> None:
    """Posts of a handler of events leave at the end of that turn."""
    link = BusLink(
        harness.engine, lambda event: harness.hub.post(2, event[2]), _ignore, harness.ends.append
    )
    harness.link = link
    harness.connect()
    link.publish()
    harness.feed(push(b"message", INBOX, post(other_hub(), b"echo")))
    harness.loop.run_soon()
    assert harness.written().endswith(b"echo\r\n")


def test_nothing_is_kept_for_later(harness: LinkHarness) -> None:
    harness.hub.post(2, b"before")
    harness.turn()
    harness.link.publish()
    harness.hub.post(2, b"while")
    harness.turn()
    assert b"while" in harness.written()
    harness.link.connection_lost(None)
    harness.hub.post(2, b"after")
    harness.turn()
    assert not harness.hub.take_publications()
    harness.connect()
    harness.hub.post(2, b"again")
    harness.link.publish()
    harness.turn()
    assert harness.written() == b""
    assert harness.link.stats()["dropped"] == 3
    assert harness.link.stats()["published"] == 1
    assert harness.ends == [None]


def test_an_abort_forgets_what_was_read(harness: LinkHarness) -> None:
    """Behind an error no more publications are handled: the parts above have to begin anew."""

    def abort(answer: object) -> None:
        harness.link.abort()

    link = BusLink(harness.engine, harness.events.append, abort, harness.ends.append)
    harness.link = link
    harness.connect()
    assert link.is_open
    harness.feed(b"-NOPERM no\r\n" + push(b"message", INBOX, post(other_hub(), b"lost")))
    assert harness.events == []
    assert harness.transport.is_aborted
    link.connection_lost(OSError("reset"))
    assert not link.is_open
    assert isinstance(harness.ends[0], OSError)


def test_events_beyond_the_share_of_a_turn_wait(harness: LinkHarness) -> None:
    other, handled = other_hub(), list[bytes]()

    def handle(event: tuple[Any, ...]) -> None:
        handled.append(event[2])
        time.sleep(0.0015)

    harness.link = link = BusLink(harness.engine, handle, _ignore, harness.ends.append)
    harness.connect()
    payloads = [b"%d" % number for number in range(5)]
    harness.feed(b"".join(push(b"message", INBOX, post(other, it)) for it in payloads))
    assert handled == payloads[:1]
    assert link.is_behind
    assert harness.transport.is_paused
    while link.is_behind:
        assert harness.loop.run_soon()
    assert handled == payloads
    assert not harness.transport.is_paused
    harness.feed(b"".join(push(b"message", INBOX, post(other, it)) for it in payloads))
    link.connection_lost(None)
    harness.loop.run_soon()
    assert handled == [*payloads, payloads[0]]
    assert not link.is_behind


def test_publications_that_nobody_hears_are_counted(harness: LinkHarness) -> None:
    harness.feed(b":0\r\n:2\r\n:0\r\n")
    assert harness.answers == []
    assert harness.link.stats()["unheard"] == 2


def test_too_much_unsent_is_reported(harness: LinkHarness) -> None:
    assert harness.transport.limits == [8 << 20]
    harness.link.pause_writing()
    assert harness.answers == [("full",)]
    harness.link.resume_writing()
    assert harness.link.eof_received() is False

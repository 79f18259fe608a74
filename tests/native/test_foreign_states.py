"""States of an upgrade that no server of this version would write: none makes a new one fail."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fortepiano import native
from fortepiano.upgrade import decode
from support.hub_harness import START, Loop
from support.native_parts import make_test_hub, make_test_throttle
from support.raw_peer import BINARY, CLOSE, CONTINUATION, TEXT, frame
from support.reference.frame import FrameReader

EXTREMES = [0, 1, 2**31 - 1, 2**31, 2**60, 2**63 - 1, 2**64 - 1]
REFUSALS = (KeyError, ValueError, TypeError, OverflowError)
"""Errors by which a field is refused; the old process then goes on."""

numbers = st.sampled_from(EXTREMES) | st.integers(0, 2**64 - 1)
pieces = st.binary(max_size=40) | st.sampled_from(
    [
        frame(TEXT, b'[{"m":"t"}]'),
        frame(TEXT, b"x" * 200)[:100],
        b"\x81\x7e\x40",
        b"\x81\x7f\0",
        b"",
    ]
)
fields = {
    "phase": st.sampled_from(["open", "closing", "deaf", "closed"]),
    "greeted": st.booleans(),
    "partial": pieces,
    "owed": pieces,
    "tail": numbers,
    "pieces": pieces,
    "pieces_opcode": st.integers(0, 255),
    "pieces_count": st.sampled_from([0, 1, 1023, 1024, 2**32 - 1]),
    **dict.fromkeys(["until", "pinged", "since", "heard", "progress", "asked"], numbers),
    **dict.fromkeys(["time_bucket", "metered_bytes", "metered_messages"], numbers),
    "refused": st.lists(numbers, max_size=12),
    "place": st.sampled_from(["192.0.2.1", "2001:db8::1", "", "nowhere", "\0"]),
}
anything = st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.binary(max_size=4)


REQUIRED = {"phase", "greeted", "partial", "owed", "tail"}
PARTS = {"pieces", "pieces_opcode", "pieces_count"}


@st.composite
def packed_clients(draw: st.DrawFn) -> dict[str, Any]:
    """A packed client whose fields have any value of their kind."""
    parts = PARTS if draw(st.booleans()) else set[str]()
    names = REQUIRED | parts | draw(st.sets(st.sampled_from(sorted(fields.keys() - PARTS))))
    return {name: draw(fields[name]) for name in sorted(names)}


class Adopted:
    """A hub that adopts a client, and the client's end of its connection."""

    def __init__(
        self,
        ends: tuple[socket.socket, socket.socket],
        packed: dict[str, Any],
        clock: tuple[int, int, int],
        **limits: int,
    ) -> None:
        self.ours, self.theirs = ends
        for end in ends:
            end.setblocking(False)
        self.hub = make_test_hub(standing_at=START, **limits)
        native.unpack_clock(self.hub, *clock)
        self.loop = Loop()
        ignore = lambda *_: None  # noqa: E731
        self.engine = native.Engine(self.hub, self.loop, ignore, ignore, ignore)  # type: ignore[arg-type]
        quota = self.hub.add_quota(400, 1200)
        # A failure leaves nothing behind: the sockets are the caller's.
        client = native.unpack_client(self.hub, self.ours.fileno(), quota, packed)
        self.link = self.engine.adopt(client)
        self.link.connection_made(self)  # type: ignore[arg-type]

    def abort(self) -> None:
        """Stand for a transport that the engine drops."""

    def send(self, data: bytes) -> None:
        """Let the client send bytes, and do all that is due for some seconds."""
        self.link.feed(data)
        for _ in range(4):
            self.engine.flush()
            self.hub.advance_clock(1)
            self.engine.wake()
            self.loop.run_soon()

    def received(self) -> bytes:
        """Return what the client received."""
        with contextlib.suppress(BlockingIOError):
            return self.theirs.recv(1 << 20)
        return b""

    def close(self) -> None:
        """Lose the connection."""
        self.link.connection_lost(None)
        self.engine.close()


@contextlib.contextmanager
def adopted(packed: dict[str, Any], *clock: int, **limits: int) -> Iterator[Adopted]:
    anchor, now, tick = clock or (START * 1000, 0, 0)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        one = Adopted((ours, theirs), packed, (anchor, now, tick), **limits)
        yield one
        one.close()


MORE = [b"", frame(CONTINUATION, b"]"), frame(TEXT, b'[{"m":"t"}]'), frame(BINARY, b"\xff")]


@given(packed_clients(), st.tuples(numbers, numbers, numbers), st.sampled_from(MORE))
def test_any_client_is_adopted_and_serves(
    packed: dict[str, Any], clock: tuple[int, int, int], more: bytes
) -> None:
    with adopted(packed, *clock) as one:
        one.send(more)
        again = native.pack_client(one.hub, one.link.client)
        assert again is not None and again["phase"] in {"open", "closing", "deaf", "closed"}
        one.send(frame(CLOSE, b"\x03\xe8"))


@given(packed_clients(), st.sampled_from(sorted(fields)), anything)
def test_a_field_of_another_kind_is_refused_or_served(
    packed: dict[str, Any], name: str, value: object
) -> None:
    try:
        with adopted(packed | {name: value}) as one:
            one.send(frame(TEXT, b'[{"m":"t"}]'))
    except REFUSALS:
        pass


@given(st.tuples(*[st.integers(-(2**31), 2**31 - 1)] * 4), st.lists(st.integers(-9, 9), max_size=5))
def test_any_quota_is_spent_and_refilled(quota: tuple[int, int, int, int], past: list[int]) -> None:
    hub = make_test_hub(standing_at=START, quota_forgiven_ticks=3)
    number = hub.add_quota(400, 1200)
    native.unpack_quota(hub, number, (*quota, past))
    for _ in range(5):
        hub.advance_clock(1)
    packed = native.pack_quota(hub, number)
    assert packed is not None and packed[1] > 0 and packed[2] > 0


@given(numbers, st.lists(st.tuples(st.integers(0, 2**32 - 1), st.lists(numbers, max_size=5))))
def test_any_use_of_addresses_is_counted_on(now: int, uses: list[tuple[int, list[int]]]) -> None:
    throttle = make_test_throttle(standing_at=START)
    addresses = [f"2001:db8:0:{number:x}::1" for number in range(len(uses))]
    packed = [
        (address, sockets, times, times)
        for address, (sockets, times) in zip(addresses, uses, strict=True)
    ]
    native.unpack_throttle(throttle, now, packed)
    for address in addresses:
        throttle.connect(address)
        throttle.release(address)


@pytest.mark.parametrize("sent", [500_000, 1_000_000])
def test_half_a_message_longer_than_the_new_limit_closes_1009(sent: int) -> None:
    begun = frame(TEXT, b"x" * 1_000_000)[:sent]
    with adopted(client_with(partial=begun), message_bytes=4096) as one:
        one.send(b"x" * 100)
        assert FrameReader(65536, 1024).feed(unmasked(one.received())) == [
            ("close", 1009, b"A message is too large")
        ]


def test_the_quotas_of_a_clock_that_is_far_ahead_are_refilled_once() -> None:
    with adopted(client_with(), START * 1000, 2**50, 0) as one:
        one.send(b"")  # a tick for each second since the clock began would take years


@given(st.binary(max_size=200))
def test_bytes_that_are_no_state_are_refused(data: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        decode(data)


def client_with(**more: object) -> dict[str, Any]:
    return {"phase": "open", "greeted": True, "partial": b"", "owed": b"", "tail": 0} | more


def unmasked(data: bytes) -> bytes:
    """Return a short frame of a server as one of a client, which the model can read."""
    return bytes([data[0], data[1] | 0x80]) + bytes(4) + data[2:]

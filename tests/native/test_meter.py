"""How much a client may send in a second, compiled and as a model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.hub_harness import HubClient, HubHarness, ReferenceClient, ReferenceHarness
from support.raw_peer import BINARY, PING, TEXT, frame
from support.reference.frame import Event
from support.reference.hub import server_close

LIMITS: dict[str, Any] = {
    "bytes_per_second": 1000,
    "messages_per_second": 10,
    "burst_seconds": 2.0,
}
NOTICES = {name: b'[{"m":"notification","text":"%b"}]' % name.encode() for name in
           ("bytes", "messages")}  # fmt: skip
TOO_MANY_BYTES: list[Event] = [("text", NOTICES["bytes"]), server_close(4002)]
TOO_MANY_MESSAGES: list[Event] = [("text", NOTICES["messages"]), server_close(4007)]
COLD = b'{"m":"x"}'

AnyHarness = HubHarness | ReferenceHarness


def opened(harness: AnyHarness, *, is_metered: bool = True) -> HubClient | ReferenceClient:
    for name, payload in NOTICES.items():
        harness.hub.set_notice(name, payload)  # type: ignore[arg-type]  # the two of the native class
    client = harness.open()
    if is_metered:
        harness.hub.meter(client.number)
    return client


@pytest.fixture(params=[HubHarness, ReferenceHarness], ids=["native", "reference"])
def harness(request: pytest.FixtureRequest) -> Iterator[AnyHarness]:
    harness = request.param(**LIMITS)
    yield harness
    harness.close()


class TestMessages:
    def test_a_burst_passes_and_one_more_ends_it(self, harness: AnyHarness) -> None:
        client = opened(harness)
        client.send_messages(*[COLD] * 20)
        assert client.received() == []
        assert len(harness.dispatched) == 20
        client.send_messages(COLD)
        assert client.received() == TOO_MANY_MESSAGES
        assert harness.ended == [client.number]

    def test_of_a_frame_that_is_too_much_nothing_is_handled(self, harness: AnyHarness) -> None:
        client = opened(harness)
        client.send_messages(*[COLD] * 21)
        assert client.received() == TOO_MANY_MESSAGES
        assert harness.dispatched == []

    def test_the_rest_of_the_read_is_not_handled_either(self, harness: AnyHarness) -> None:
        client = opened(harness)
        client.send(b"".join(frame(TEXT, b"[%b]" % COLD) for _ in range(30)))
        assert client.received() == TOO_MANY_MESSAGES
        assert len(harness.dispatched) == 20

    def test_they_come_back_with_time(self, harness: AnyHarness) -> None:
        client = opened(harness)
        client.send_messages(*[COLD] * 20)
        for _ in range(50):
            harness.turn(0.1)
            client.send_messages(COLD)
        assert client.received() == []
        client.send_messages(COLD)
        assert client.received() == TOO_MANY_MESSAGES

    @pytest.mark.parametrize("kind", [PING, BINARY])
    def test_frames_without_messages_count_too(self, harness: AnyHarness, kind: int) -> None:
        client = opened(harness)
        for _ in range(21):
            client.send(frame(kind, b""))
        assert client.received()[-2:] == TOO_MANY_MESSAGES

    @pytest.mark.parametrize("text", [b"[]", b"", b"nonsense", b"[1,2,3]", b'{"m":"x"}'])
    def test_so_does_what_is_ignored(self, harness: AnyHarness, text: bytes) -> None:
        client = opened(harness)
        for _ in range(20):
            client.send(frame(TEXT, text))
        assert client.received() == []
        client.send(frame(TEXT, text))
        assert client.received() == TOO_MANY_MESSAGES

    def test_hot_ones_count_as_one_each(self, harness: AnyHarness) -> None:
        client = opened(harness)
        client.send_messages(*[{"m": "m", "x": 1, "y": 2}] * 20)
        assert client.received() == []
        client.send_messages({"m": "m", "x": 1, "y": 2})
        assert client.received() == TOO_MANY_MESSAGES


class TestBytes:
    def test_a_burst_passes_and_one_more_ends_it(self, harness: AnyHarness) -> None:
        client = opened(harness)
        whole = frame(TEXT, b"[%b]" % COLD.ljust(1990))
        client.send(whole)
        assert client.received() == []
        client.send(b"\x81" * (2001 - len(whole)))
        assert client.received() == TOO_MANY_BYTES
        assert harness.ended == [client.number]

    def test_of_a_read_that_is_too_much_nothing_is_handled(self, harness: AnyHarness) -> None:
        client = opened(harness)
        client.send(frame(TEXT, b"[%b]" % COLD.ljust(2000)))
        assert client.received() == TOO_MANY_BYTES
        assert harness.dispatched == []

    def test_they_come_back_with_time(self, harness: AnyHarness) -> None:
        client = opened(harness)
        client.send(frame(TEXT, b"[%b]" % COLD.ljust(1990)))
        for _ in range(20):
            harness.turn(0.1)
            client.send(frame(TEXT, b"[%b]" % COLD.ljust(90)))
        assert client.received() == []
        client.send(frame(TEXT, b"[%b]" % COLD.ljust(90)))
        assert client.received() == TOO_MANY_BYTES


class TestWho:
    def test_nobody_who_is_not_metered(self, harness: AnyHarness) -> None:
        client = opened(harness, is_metered=False)
        for _ in range(100):
            client.send_messages(*[COLD] * 100)
        assert client.received() == []
        assert len(harness.dispatched) == 10_000

    def test_each_client_by_itself(self, harness: AnyHarness) -> None:
        client, other = opened(harness), opened(harness)
        client.send_messages(*[COLD] * 21)
        other.send_messages(*[COLD] * 20)
        assert (client.received(), other.received()) == (TOO_MANY_MESSAGES, [])

    def test_nobody_twice(self, harness: AnyHarness) -> None:
        client = opened(harness)
        for _ in range(50):
            client.send_messages(*[COLD] * 30)
        assert client.received() == TOO_MANY_MESSAGES
        assert harness.ended == [client.number]


pieces = st.lists(
    st.tuples(
        st.sampled_from([0, 0.000_001, 0.05, 0.1, 1]),
        st.integers(0, 12).map(lambda count: b"[" + b",".join([COLD] * count) + b"]")
        | st.integers(1, 900).map(lambda length: b" " * length),
    ),
    max_size=30,
)


@given(pieces)
def test_both_agree(pieces: list[tuple[float, bytes]]) -> None:
    heard = []
    for make in (HubHarness, ReferenceHarness):
        harness = make(**LIMITS)
        try:
            client = opened(harness)
            for seconds, payload in pieces:
                harness.turn(seconds)
                client.send(frame(TEXT, payload))
            heard.append((client.received(), harness.dispatched, harness.ended))
        finally:
            harness.close()
    assert heard[0] == heard[1]

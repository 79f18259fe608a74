"""How much a client may send in a second, compiled and as a model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.hub_harness import Guest, ModelGuest, ModelStage, Stage
from support.raw_peer import BINARY, PING, TEXT, frame
from support.reference.frame import Event

LIMITS: dict[str, Any] = {
    "bytes_per_second": 1000,
    "messages_per_second": 10,
    "burst_seconds": 2.0,
}
NOTICES = {name: b'[{"m":"notification","text":"%b"}]' % name.encode() for name in
           ("bytes", "messages")}  # fmt: skip
TOO_MANY_BYTES: list[Event] = [("text", NOTICES["bytes"]), ("close", 4002, b"")]
TOO_MANY_MESSAGES: list[Event] = [("text", NOTICES["messages"]), ("close", 4007, b"")]
COLD = b'{"m":"x"}'

Theatre = Stage | ModelStage


def opened(stage: Theatre, *, is_metered: bool = True) -> Guest | ModelGuest:
    for name, payload in NOTICES.items():
        stage.hub.set_notice(name, payload)  # type: ignore[arg-type]  # the two of the native class
    guest = stage.open()
    if is_metered:
        stage.hub.meter(guest.client)
    return guest


@pytest.fixture(params=[Stage, ModelStage], ids=["native", "reference"])
def stage(request: pytest.FixtureRequest) -> Iterator[Theatre]:
    stage = request.param(**LIMITS)
    yield stage
    stage.close()


class TestMessages:
    def test_a_burst_passes_and_one_more_ends_it(self, stage: Theatre) -> None:
        guest = opened(stage)
        guest.send_messages(*[COLD] * 20)
        assert guest.hear() == []
        assert len(stage.received) == 20
        guest.send_messages(COLD)
        assert guest.hear() == TOO_MANY_MESSAGES
        assert stage.ended == [guest.client]

    def test_of_a_frame_that_is_too_much_nothing_is_handled(self, stage: Theatre) -> None:
        guest = opened(stage)
        guest.send_messages(*[COLD] * 21)
        assert guest.hear() == TOO_MANY_MESSAGES
        assert stage.received == []

    def test_the_rest_of_the_read_is_not_handled_either(self, stage: Theatre) -> None:
        guest = opened(stage)
        guest.send(b"".join(frame(TEXT, b"[%b]" % COLD) for _ in range(30)))
        assert guest.hear() == TOO_MANY_MESSAGES
        assert len(stage.received) == 20

    def test_they_come_back_with_time(self, stage: Theatre) -> None:
        guest = opened(stage)
        guest.send_messages(*[COLD] * 20)
        for _ in range(50):
            stage.turn(0.1)
            guest.send_messages(COLD)
        assert guest.hear() == []
        guest.send_messages(COLD)
        assert guest.hear() == TOO_MANY_MESSAGES

    @pytest.mark.parametrize("kind", [PING, BINARY])
    def test_frames_without_messages_count_too(self, stage: Theatre, kind: int) -> None:
        guest = opened(stage)
        for _ in range(21):
            guest.send(frame(kind, b""))
        assert guest.hear()[-2:] == TOO_MANY_MESSAGES

    @pytest.mark.parametrize("text", [b"[]", b"", b"nonsense", b"[1,2,3]", b'{"m":"x"}'])
    def test_so_does_what_is_ignored(self, stage: Theatre, text: bytes) -> None:
        guest = opened(stage)
        for _ in range(20):
            guest.send(frame(TEXT, text))
        assert guest.hear() == []
        guest.send(frame(TEXT, text))
        assert guest.hear() == TOO_MANY_MESSAGES

    def test_hot_ones_count_as_one_each(self, stage: Theatre) -> None:
        guest = opened(stage)
        guest.send_messages(*[{"m": "m", "x": 1, "y": 2}] * 20)
        assert guest.hear() == []
        guest.send_messages({"m": "m", "x": 1, "y": 2})
        assert guest.hear() == TOO_MANY_MESSAGES


class TestBytes:
    def test_a_burst_passes_and_one_more_ends_it(self, stage: Theatre) -> None:
        guest = opened(stage)
        whole = frame(TEXT, b"[%b]" % COLD.ljust(1990))
        guest.send(whole)
        assert guest.hear() == []
        guest.send(b"\x81" * (2001 - len(whole)))
        assert guest.hear() == TOO_MANY_BYTES
        assert stage.ended == [guest.client]

    def test_of_a_read_that_is_too_much_nothing_is_handled(self, stage: Theatre) -> None:
        guest = opened(stage)
        guest.send(frame(TEXT, b"[%b]" % COLD.ljust(2000)))
        assert guest.hear() == TOO_MANY_BYTES
        assert stage.received == []

    def test_they_come_back_with_time(self, stage: Theatre) -> None:
        guest = opened(stage)
        guest.send(frame(TEXT, b"[%b]" % COLD.ljust(1990)))
        for _ in range(20):
            stage.turn(0.1)
            guest.send(frame(TEXT, b"[%b]" % COLD.ljust(90)))
        assert guest.hear() == []
        guest.send(frame(TEXT, b"[%b]" % COLD.ljust(90)))
        assert guest.hear() == TOO_MANY_BYTES


class TestWho:
    def test_nobody_who_is_not_metered(self, stage: Theatre) -> None:
        guest = opened(stage, is_metered=False)
        for _ in range(100):
            guest.send_messages(*[COLD] * 100)
        assert guest.hear() == []
        assert len(stage.received) == 10_000

    def test_each_by_himself(self, stage: Theatre) -> None:
        guest, other = opened(stage), opened(stage)
        guest.send_messages(*[COLD] * 21)
        other.send_messages(*[COLD] * 20)
        assert (guest.hear(), other.hear()) == (TOO_MANY_MESSAGES, [])

    def test_nobody_twice(self, stage: Theatre) -> None:
        guest = opened(stage)
        for _ in range(50):
            guest.send_messages(*[COLD] * 30)
        assert guest.hear() == TOO_MANY_MESSAGES
        assert stage.ended == [guest.client]


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
    for theatre in (Stage, ModelStage):
        stage = theatre(**LIMITS)
        try:
            guest = opened(stage)
            for seconds, payload in pieces:
                stage.turn(seconds)
                guest.send(frame(TEXT, payload))
            heard.append((guest.hear(), stage.received, stage.ended))
        finally:
            stage.close()
    assert heard[0] == heard[1]

"""Benchmarks of a message's way from a client's bytes to all sockets of the room."""

from collections.abc import Callable

import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from room_of_sockets import RoomOfSockets, masked

NOTES = masked(b'[{"m":"n","t":1,"n":[{"n":"c4","v":0.5},{"n":"c4","s":1,"d":120}]}]')
SIZE = len(b'xx[{"m":"n","t":1,"p":"0","n":[{"n":"c4","v":0.5},{"n":"c4","s":1,"d":120}]}]')


@pytest.mark.parametrize("members", [10, 100, 1000])
def test_serialise_for_a_room(
    benchmark: BenchmarkFixture, room_with: Callable[[int], RoomOfSockets], members: int
) -> None:
    """Measure one message into the room log; the cost does not depend on the room's size."""
    made = room_with(members)

    def play() -> None:
        made.send(made.links[0], NOTES)

    benchmark.pedantic(play, rounds=2000, iterations=20)
    sent = made.hub.stats()["notes"]
    assert sent >= 1
    assert made.hub.lag(made.links[1].client) == sent * SIZE
    made.loop.settle()


@pytest.mark.parametrize("members", [10, 100, 1000])
def test_flush_a_room(
    benchmark: BenchmarkFixture, room_with: Callable[[int], RoomOfSockets], members: int
) -> None:
    """Measure ten messages to all members, with one system call for each member."""
    made = room_with(members)

    def play() -> None:
        for _ in range(10):
            made.send(made.links[0], NOTES)

    def flush() -> int:
        made.loop.settle()
        return made.hub.lag(made.links[1].client)

    def set_up() -> None:
        made.drain()
        play()

    assert benchmark.pedantic(flush, setup=set_up, rounds=max(60, 30_000 // members)) == 0
    assert made.drain() == (members - 1) * 10 * SIZE


@pytest.mark.parametrize("members", [10, 100, 1000])
def test_tell_who_is_there(
    benchmark: BenchmarkFixture, room_with: Callable[[int], RoomOfSockets], members: int
) -> None:
    """Measure the answer to a `ch`: all entries of `ppl`, written to the sender's socket."""
    made = room_with(members)
    newcomer, frame = made.links[0], masked(b'[{"m":"ch","_id":"a room"}]')
    before, after = b'[{"m":"ch","ppl":[', b"]}]"
    payload = len(before) + len(made.hub.participants(made.room)) + len(after)
    header = 4 if payload < 65_536 else 10

    def answer(_raw: bytes) -> None:
        made.hub.send_participants(newcomer.client, made.room, before, after)

    def join() -> None:
        made.send(newcomer, frame)
        made.loop.turn()

    made.on_receive = answer

    def empty() -> None:
        assert len(made.peers[0].recv(1 << 20)) > header

    made.loop.turn()
    made.drain()
    join()
    benchmark.pedantic(join, setup=empty, rounds=2000)
    assert made.drain() == header + payload


def test_a_cold_message_to_python(
    benchmark: BenchmarkFixture, room_with: Callable[[int], RoomOfSockets]
) -> None:
    made = room_with(1)
    line = b'{"m":"a","message":"hello"}'
    frame = masked(b"[%b]" % line)
    benchmark(made.send, made.links[0], frame)
    assert set(made.received) == {line}

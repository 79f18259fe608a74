"""Benchmarks of a cold message through decoder, table and handler."""

from pytest_benchmark.fixture import BenchmarkFixture

from fortepiano.handlers.decode import decode, kind_of, shaped
from fortepiano.protocol import incoming
from support.dispatch_harness import DispatchHarness

LINE = b'{"m":"a","message":"hello everybody","reply_to":"0123abcd"}'


def test_decode_a_line_of_chat(benchmark: BenchmarkFixture) -> None:
    def read() -> incoming.Shape | None:
        message = decode(LINE)
        return shaped(message, incoming.Chat) if kind_of(message) == "a" else None

    assert benchmark(read) == incoming.Chat("hello everybody", "0123abcd")


def test_dispatch_a_line_of_chat(benchmark: BenchmarkFixture) -> None:
    """Measure a line of chat: decoded, checked, added to the room's history, and serialised."""
    harness = DispatchHarness()
    client = harness.enter("a room")
    # Staff are exempt from the rate of chat, which would refuse the ninth line.
    client.session.scope = "moderate"
    benchmark(harness.dispatch.receive, client.session, LINE)
    history = harness.context.directory.rooms["a room"].history
    assert history[-1]["a"] == "hello everybody"
    assert history[-1]["p"]["_id"] == client.id

"""A cold message through decoder, table and handler."""

from pytest_benchmark.fixture import BenchmarkFixture

from fortepiano.handlers.decode import decode, kind_of, shaped
from fortepiano.protocol import incoming
from support.dispatch_harness import Backstage

LINE = b'{"m":"a","message":"hello everybody","reply_to":"0123abcd"}'


def test_decode_a_line_of_chat(benchmark: BenchmarkFixture) -> None:
    def read() -> incoming.Shape | None:
        message = decode(LINE)
        return shaped(message, incoming.Chat) if kind_of(message) == "a" else None

    assert benchmark(read) == incoming.Chat("hello everybody", "0123abcd")


def test_dispatch_a_line_of_chat(benchmark: BenchmarkFixture) -> None:
    """Decoded, checked, kept in the room's history and serialised for all."""
    backstage = Backstage()
    actor = backstage.enter("a room")
    # Staff are exempt from the rate of chat, which would refuse the ninth line.
    actor.session.scope = "moderate"
    benchmark(backstage.dispatch.receive, actor.session, LINE)
    history = backstage.context.directory.rooms["a room"].history
    assert history[-1]["a"] == "hello everybody"
    assert history[-1]["p"]["_id"] == actor.id

"""A cold message through decoder, table and handler."""

from pytest_benchmark.fixture import BenchmarkFixture

from fortepiano.protocol import shapes
from fortepiano.protocol.decode import decode, kind_of, shaped
from support.backstage import Backstage

LINE = b'{"m":"a","message":"hello everybody","reply_to":"0123abcd"}'


def test_decode_a_line_of_chat(benchmark: BenchmarkFixture) -> None:
    def read() -> shapes.Shape | None:
        message = decode(LINE)
        return shaped(message, shapes.Chat) if kind_of(message) == "a" else None

    assert benchmark(read) == shapes.Chat("hello everybody", "0123abcd")


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

"""A cold message through decoder, table and handler."""

from pytest_benchmark.fixture import BenchmarkFixture

from fortepiano.protocol import shapes
from fortepiano.protocol.decode import decode, kind_of, shaped

LINE = b'{"m":"a","message":"hello everybody","reply_to":"0123abcd"}'


def test_decode_a_line_of_chat(benchmark: BenchmarkFixture) -> None:
    def read() -> shapes.Shape | None:
        message = decode(LINE)
        return shaped(message, shapes.Chat) if kind_of(message) == "a" else None

    assert benchmark(read) == shapes.Chat("hello everybody", "0123abcd")

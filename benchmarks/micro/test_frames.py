"""Benchmarks of single frames and hot messages."""

from pytest_benchmark.fixture import BenchmarkFixture

from fortepiano import native

NOTES = (
    b'[{"m":"n","t":1795386631192,"n":[{"n":"a1","v":0.100000123},{"n":"c4","v":1},'
    b'{"n":"c4","d":50,"s":1},{"n":"e4","d":50,"s":1}]}]'
)


def test_encode_a_frame(benchmark: BenchmarkFixture) -> None:
    frame = benchmark(native.frame_bytes, 1, NOTES)
    assert frame == bytes([0x81, 126]) + len(NOTES).to_bytes(2) + NOTES


def test_scan_notes(benchmark: BenchmarkFixture) -> None:
    elements = benchmark(native.scan, NOTES)
    assert elements is not None
    kind, t, notes, count = elements[0]
    assert (kind, t, count) == ("n", b"1795386631192", 4)
    assert notes == NOTES[NOTES.index(b"[{", 2) : -2]


def test_scan_a_position(benchmark: BenchmarkFixture) -> None:
    elements = benchmark(native.scan, b'[{"m":"m","x":"12.34","y":56.7}]')
    assert elements == [("m", b'"12.34"', b"56.7")]


def test_scan_a_chat_line(benchmark: BenchmarkFixture) -> None:
    line = b'{"m":"a","message":"%b"}' % (b"la la la " * 40)
    elements = benchmark(native.scan, b"[%b]" % line)
    assert elements == [("cold", line)]

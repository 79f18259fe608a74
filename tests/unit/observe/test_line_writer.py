"""Lines to pipes that nobody reads, to readers that die or come back, and to a full disk."""

from __future__ import annotations

import fcntl
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from fortepiano.observe.line_writer import MOST_BYTES, LineWriter

SECONDS = 10.0

PIPE_SIZE = 4096
"""The smallest pipe that Linux makes."""


def notice(lines: int, reason: str) -> bytes:
    return f"{lines} missing: {reason}\n".encode()


def read(end: int, until: bytes) -> list[bytes]:
    """Return all lines up to one that ends with `until`."""
    data = b""
    poll = select.poll()
    poll.register(end, select.POLLIN)
    while not data.endswith(until + b"\n"):
        assert poll.poll(SECONDS * 1000), data
        data += os.read(end, 65_536)
    return data.splitlines()


def line(number: int) -> bytes:
    return f"line {number:05}\n".encode()


FULL_DISK = """
import os, resource, signal, sys
from fortepiano.observe.line_writer import LineWriter

# A limit on the size of files stands for a full disk: a write is cut, and the next one fails.
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
file = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
lines = [b"line %05d\\n" % number for number in range(5)]
writer = LineWriter(file, lambda lines, reason: f"{lines} missing: {reason}\\n".encode())
resource.setrlimit(resource.RLIMIT_FSIZE, (2 * len(lines[0]) + 5, resource.RLIM_INFINITY))
for line in lines[:4]:
    writer.put(line)
    assert writer.flush(10)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
writer.put(lines[4])
assert writer.flush(10)
assert writer.dropped == 2
"""

FORK = """
import os, warnings
from fortepiano.observe import logs
from fortepiano.observe.logs import _handler

warnings.simplefilter("ignore")
with _handler.writer._changed:  # no other thread can write meanwhile
    _handler.writer.put(b"of the parent\\n")
    child = os.fork()
    if child == 0:
        _handler.writer.put(b"of the child\\n")
        os._exit(0 if _handler.writer.flush(10) else 1)
    assert _handler.writer._waiting
assert _handler.writer.flush(10)
assert os.waitpid(child, 0)[1] == 0
"""


def run(program: str, *arguments: str) -> bytes:
    """Run a program; return what it writes to stdout."""
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


class Pipe:
    """A small pipe and a writer to it.

    Attributes:
        near: The end that is written to.
        far: The end of the reader; -1 once closed.
        writer: The writer.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self.far, self.near = os.pipe()
        fcntl.fcntl(self.near, fcntl.F_SETPIPE_SZ, PIPE_SIZE)
        self.writer = LineWriter(self.near, notice, most_bytes)

    def close_reader(self) -> None:
        if self.far >= 0:
            os.close(self.far)
            self.far = -1

    def fill(self) -> int:
        """Put lines until the pipe is full and the writer's thread waits; return their number."""
        for number in count():
            self.writer.put(line(number))
            if not self.writer.flush(0.2):
                return number + 1
        raise AssertionError


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe(most_bytes=10 * len(line(0)))
    yield made
    made.close_reader()  # ends a write that waits
    assert made.writer.flush(SECONDS)
    os.close(made.near)


@pytest.fixture
def wide() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close_reader()
    assert made.writer.flush(SECONDS)
    os.close(made.near)


class TestOrder:
    def test_lines_of_one_thread_stay_in_order(self, wide: Pipe) -> None:
        for number in range(1000):
            wide.writer.put(line(number))
        assert read(wide.far, b"00999") == [line(number).strip() for number in range(1000)]
        assert wide.writer.dropped == 0

    def test_no_line_of_another_process_comes_into_the_middle(self, wide: Pipe) -> None:
        end = os.dup(wide.near)
        other = LineWriter(end, notice)
        wanted = {name * 61 for name in (b"a", b"b")}

        def write(writer: LineWriter, name: bytes) -> None:
            for _ in range(2000):
                writer.put(name * 61 + b"\n")
            writer.put(b"end " + name + b"\n")

        writing = [
            threading.Thread(target=write, args=arguments)
            for arguments in ((wide.writer, b"a"), (other, b"b"))
        ]
        for thread in writing:
            thread.start()
        found, data = 0, b""
        while found < 2:
            data += os.read(wide.far, 65_536)
            found = data.count(b"end ")
        for thread in writing:
            thread.join()
        # The end of a line that was written in part may stand alone.
        assert set(data.splitlines()) - {b""} <= wanted | {b"end a", b"end b"}
        assert other.flush(SECONDS)
        os.close(end)


class TestNobodyReads:
    def test_the_caller_never_waits_and_what_is_too_much_is_counted(self, pipe: Pipe) -> None:
        filled = pipe.fill()
        began = time.monotonic()
        for number in range(filled, filled + 1000):
            pipe.writer.put(line(number))
        assert time.monotonic() - began < 0.5
        assert 980 <= pipe.writer.dropped <= 1000

    def test_one_notice_stands_where_lines_are_missing(self, pipe: Pipe) -> None:
        filled = pipe.fill()
        for number in range(filled, filled + 1000):
            pipe.writer.put(line(number))
        dropped = pipe.writer.dropped
        while pipe.writer._waiting:  # the reader comes back
            os.read(pipe.far, len(line(0)))
        pipe.writer.put(b"after\n")
        lines = read(pipe.far, b"after")
        notices = [text for text in lines if b"missing" in text]
        assert notices == [f"{dropped} missing: the reader was too slow".encode()]
        at = lines.index(notices[0])
        assert lines[at - 1] == line(filled + 1000 - dropped - 1).strip()
        assert lines[at + 1 :] == [b"after"]

    def test_notice_comes_without_a_further_line(self, pipe: Pipe) -> None:
        filled = pipe.fill()
        for number in range(filled, filled + 1000):
            pipe.writer.put(line(number))
        assert read(pipe.far, b"the reader was too slow")

    def test_flush_has_its_bound(self, pipe: Pipe) -> None:
        pipe.fill()
        began = time.monotonic()
        assert not pipe.writer.flush(0.2)
        assert 0.2 <= time.monotonic() - began < 2

    def test_line_beyond_the_bound_is_written_if_none_waits(self, pipe: Pipe) -> None:
        pipe.writer.put(b"x" * 100_000 + b"\n")
        assert len(read(pipe.far, b"xx")[0]) == 100_000

    def test_descriptor_that_another_process_made_non_blocking(self, wide: Pipe) -> None:
        os.set_blocking(wide.near, False)
        before = time.process_time()
        wide.fill()
        time.sleep(0.3)
        assert time.process_time() - before < 0.2  # waits, and does not try again and again
        wide.writer.put(b"last\n")
        lines = read(wide.far, b"last")
        assert lines[:-1] == [line(number).strip() for number in range(len(lines) - 1)]


class TestErrors:
    def test_dead_reader_costs_lines_only(self, pipe: Pipe) -> None:
        pipe.close_reader()
        for number in range(100):
            pipe.writer.put(line(number))
            assert pipe.writer.flush(SECONDS)
        assert pipe.writer.dropped == 100

    def test_reader_that_dies_while_a_write_waits(self, pipe: Pipe) -> None:
        pipe.fill()
        pipe.close_reader()
        assert pipe.writer.flush(SECONDS)
        assert pipe.writer.dropped > 0

    def test_next_reader_of_a_fifo_learns_what_is_missing(self, tmp_path: Path) -> None:
        fifo = tmp_path / "log"
        os.mkfifo(fifo)
        first = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        near = os.open(fifo, os.O_WRONLY)
        writer = LineWriter(near, notice)
        os.close(first)
        for number in range(3):
            writer.put(line(number))
            assert writer.flush(SECONDS)
        second = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        writer.put(b"after\n")
        assert read(second, b"after") == [b"3 missing: Broken pipe", b"after"]
        os.close(second)
        os.close(near)

    def test_full_disk_leaves_whole_lines(self, tmp_path: Path) -> None:
        file = tmp_path / "log"
        run(FULL_DISK, str(file))
        assert file.read_bytes().split(b"\n") == [
            line(0).strip(),
            line(1).strip(),
            line(2)[:5],
            b"2 missing: File too large",
            line(4).strip(),
            b"",
        ]

    def test_forked_process_writes_its_own_lines_only(self) -> None:
        assert sorted(run(FORK).splitlines()) == [b"of the child", b"of the parent"]


def test_destructor_may_have_a_line_while_another_is_put(wide: Pipe) -> None:
    class Loud(bytes):
        def __len__(self) -> int:
            if not inner:
                inner.append(True)
                wide.writer.put(b"inner\n")
            return super().__len__()

    inner: list[bool] = []
    wide.writer.put(line(0))
    wide.writer.put(Loud(line(1)))
    wide.writer.put(b"last\n")
    found = read(wide.far, b"last")
    assert sorted(found) == [b"inner", b"last", line(0).strip(), line(1).strip()]


def test_new_process_cuts_off_what_the_old_one_left_in_a_pipe_that_nobody_reads() -> None:
    far, near = os.pipe()
    os.set_blocking(near, False)
    left = os.write(near, b"x" * 1_000_000)
    os.set_blocking(near, True)
    writer = LineWriter(near, notice)
    writer.put(b"new\n")
    assert not writer.flush(0.2)
    assert read(far, b"new") == [b"x" * left, b"new"]
    os.close(far)
    os.close(near)

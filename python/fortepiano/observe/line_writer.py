"""Writes lines to a descriptor without ever blocking the thread that has them.

The reader of a log may be slow, stopped or dead, and the disk behind it full. Lines wait then, up
to a bound, and beyond it they are dropped and counted. Once lines can be written again, one of them
says how many are missing.
"""

from __future__ import annotations

import os
import select
import threading
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["MOST_BYTES", "LineWriter"]

MOST_BYTES = 256 * 1024
"""The bytes of lines that wait; some 1500 lines."""

_TOO_SLOW = "the reader was too slow"


class LineWriter:
    """Writes lines in their order, on a thread of its own that starts with the first line.

    All methods may be called by any thread, also while another call of the same thread runs: a
    destructor that the garbage collector calls may have a line to write.

    Args:
        descriptor: The descriptor; never closed here.
        notice: Returns the line about dropped ones, from their number and the reason.
        most_bytes: The most bytes that wait.

    Attributes:
        dropped: How many lines were dropped since the start.
    """

    def __init__(
        self, descriptor: int, notice: Callable[[int, str], bytes], most_bytes: int = MOST_BYTES
    ) -> None:
        self._descriptor = descriptor
        self._notice = notice
        self._most_bytes = most_bytes
        self.reset()

    def reset(self) -> None:
        """Begin anew, as a forked process does: its parent writes the lines that wait."""
        self.dropped = 0
        # The condition has a lock that its holder may take again. No thread holds it in a write.
        self._changed = threading.Condition(threading.RLock())
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._overflow = 0  # lines dropped since the writer last took some
        self._accepted = 0
        self._settled = 0  # of those accepted, lines that were written, or that an error dropped
        self._thread: threading.Thread | None = None
        # Fields of the writer's thread.
        self._missing = 0  # dropped lines that no notice has reported
        self._reason = ""
        self._is_torn = False  # whether the last line written lacks its end

    def put(self, line: bytes) -> None:
        """Have a line written soon, or drop it if too many wait.

        Args:
            line: The line, with its end.
        """
        with self._changed:
            if self._waiting and self._waiting_bytes + len(line) > self._most_bytes:
                self._overflow += 1
                self.dropped += 1
                return
            self._waiting.append(line)
            self._waiting_bytes += len(line)
            self._accepted += 1
            self._changed.notify_all()
            if self._thread is None:
                self._start()

    def flush(self, seconds: float) -> bool:
        """Wait until all lines so far are written or dropped; return false if they are not in time.

        Args:
            seconds: The longest time to wait.
        """
        with self._changed:
            wanted = self._accepted
            return self._changed.wait_for(lambda: self._settled >= wanted, seconds)

    def _start(self) -> None:
        # A daemon thread: a reader that never reads must not keep the process from exiting.
        self._thread = threading.Thread(target=self._write_on, name="log-writer", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # the machine has no thread left: the next line tries again
            self._thread = None

    def _write_on(self) -> None:
        """Write batch after batch, each with a notice of the lines that are missing before it."""
        # If nobody reads, the old process of an upgrade may have left a part of a long line.
        self._is_torn = not self._poll(0)
        while True:
            lines, overflow = self._take()
            self._report()
            for group in _groups(lines):
                self._write(group)
            if overflow:
                self._missing += overflow
                self._reason = _TOO_SLOW
            self._report()
            with self._changed:
                self._settled += len(lines)
                self._changed.notify_all()

    def _take(self) -> tuple[list[bytes], int]:
        """Wait for lines; return all that wait, and how many were dropped after them."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting)
            lines, self._waiting = self._waiting, []
            overflow, self._overflow = self._overflow, 0
            self._waiting_bytes = 0
            return lines, overflow

    def _report(self) -> None:
        """Write how many lines are missing here, if any are."""
        if self._missing:
            data = self._notice(self._missing, self._reason)
            written, _ = self._attempt(data)
            if written == len(data):
                self._missing = 0

    def _write(self, lines: Sequence[bytes]) -> None:
        """Write some lines; count those that an error drops."""
        written, reason = self._attempt(b"".join(lines))
        lost = sum(end > written for end in accumulate(map(len, lines)))
        if lost:
            self._missing += lost
            self._reason = reason
            with self._changed:
                self.dropped += lost

    def _attempt(self, data: bytes) -> tuple[int, str]:
        """Write whole lines; return how many bytes were written, and the error that ended it."""
        written = 0
        try:
            while self._is_torn:
                self._is_torn = self._write_some(b"\n") == 0
            while written < len(data):
                written += self._write_some(data[written:])
        except OSError as error:
            self._is_torn = data[written - 1 : written] != b"\n" if written else self._is_torn
            return written, error.strerror or str(error)
        return written, ""

    def _write_some(self, data: bytes) -> int:
        """Write a part of the data; return its length."""
        try:
            return os.write(self._descriptor, data)
        except BlockingIOError:  # another process that shares the open file made it non-blocking
            self._poll(None)
            return 0

    def _poll(self, milliseconds: int | None) -> bool:
        """Wait until a write would not block; return false if it still would."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        return bool(poll.poll(milliseconds))


def _groups(lines: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Yield lines in groups that a pipe takes whole, or not at all.

    The old and the new process of an upgrade write to one pipe, and neither may cut a line of the
    other (pipe(7), PIPE_BUF). A line that is longer than that goes alone.
    """
    group: list[bytes] = []
    size = 0
    for line in lines:
        if group and size + len(line) > select.PIPE_BUF:
            yield group
            group, size = [], 0
        group.append(line)
        size += len(line)
    if group:
        yield group

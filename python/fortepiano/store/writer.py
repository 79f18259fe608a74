"""What every store that writes has in common: one thread that writes behind the event loop's back.

The event loop puts a change into a dictionary and goes on; the writer takes whatever has gathered
there and commits it as one group, within `GROUP_SECONDS` if anything of it is urgent. The
dictionary has one entry per thing however often it changes, so a disk or a network that is slow,
full or gone costs nothing but freshness: the writer tries again, ever more slowly, until it works.

The writer holds nothing of the event loop's but the loop itself. Callbacks stay on the loop's
thread, so whatever hangs on them is let go of there.
"""

import contextlib
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from fortepiano import logs
from fortepiano.errors import StoreError
from fortepiano.store.base import Loop, Timer
from fortepiano.store.kinds import AUDIT, BAN, TOKEN, AnyKind, Changes, Key, Kind, Record, overlaid
from fortepiano.store.memory import MemoryStore
from fortepiano.store.records import AuditRecord

__all__ = ["ANSWER_SECONDS", "CLOSE_SECONDS", "LOOK_SECONDS", "UnwritableError", "WriterStore"]

GROUP_SECONDS = 0.05
"""How long an urgent change waits for others to join it."""

LAZY_SECONDS = 0.5
"""How long changes of which nobody waits for the commit gather: names, rooms, chat."""

LOOK_SECONDS = 0.25
"""How often the writer looks for what other processes have changed; costs microseconds."""

ANSWER_SECONDS = 1.0
"""How long `when_saved` waits for a commit."""

CLOSE_SECONDS = 5.0
"""How long `close` goes on trying to write."""

QUEUE_LENGTH = 100_000
"""From how many unwritten changes on the least important ones are not queued any more."""

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 3.0

_jitter = random.SystemRandom()

_log = logs.logger(__name__)

R = TypeVar("R", bound=Record)


class UnwritableError(Exception):
    """What is behind the store does not work right now; its text says why."""


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """Somebody who is told when a change is safe.

    Attributes:
        change: The number of the last change that concerns him.
        callback: How to tell him.
        timer: What tells him that it takes too long.
    """

    change: int
    callback: Callable[[bool], object]
    timer: Timer


class WriterStore(MemoryStore):
    """Keeps everything in memory, and has one thread write it; see `SQLiteStore`, `RedisStore`.

    Args:
        place: Where things are written to, as people are told.
        close_seconds: How long `close` goes on trying.
        last_seconds: How long one attempt may take.
    """

    def __init__(self, place: Path | str, *, close_seconds: float, last_seconds: float) -> None:
        super().__init__()
        self._place = place
        self._close_seconds = close_seconds
        self._last_seconds = last_seconds
        self._writer: threading.Thread | None = None
        self._last_error: str | None = None
        self._failures = 0
        self._revision = 0
        self._loop: Loop | None = None
        self._on_change: Callable[[], object] = lambda: None
        self._waiting: deque[_Waiting] = deque()  # of the loop's thread only
        # The condition guards what follows, and the change of what is in memory together with it;
        # nobody holds it while touching a disk or a network.
        self._changed = threading.Condition()
        self._pending: Changes = {}
        self._overflowing = False
        self._due: float | None = None  # time.monotonic() at which to write
        self._change = 0  # the number of the last change
        self._written_change = 0
        self._writing = False
        self._stop_by: float | None = None  # time.monotonic() at which a closing writer gives up

    # What a store of this kind adds; all of it is called by the writer's thread.

    def _commit(self, batch: Changes) -> None:
        """Write a group as a whole.

        Raises:
            UnwritableError: It was not written, or perhaps not.
        """
        raise NotImplementedError

    def _look(self) -> None:
        """Take over what other processes have changed.

        Raises:
            UnwritableError: It cannot be found out, and nothing could be written either.
        """
        raise NotImplementedError

    def _release(self) -> None:
        """Let go of files and connections."""
        raise NotImplementedError

    # What others ask for.

    @property
    def healthy(self) -> bool:
        """Whether the last attempt to write succeeded."""
        return self._last_error is None

    @property
    def last_error(self) -> str | None:
        """Why the last attempt to write failed."""
        return self._last_error

    @property
    def pending(self) -> int:
        """How many changes are not written yet, but for those being written now."""
        return len(self._pending)

    @property
    def failures(self) -> int:
        """How many attempts to write or to look have failed since the start."""
        return self._failures

    @property
    def revision(self) -> int:
        """How often bans or tokens have been taken over from other processes."""
        return self._revision

    def attach(self, loop: Loop, changed: Callable[[], object]) -> None:
        """Answer on an event loop from now on."""
        with self._changed:
            self._loop, self._on_change = loop, changed

    def when_saved(self, callback: Callable[[bool], object]) -> None:
        """Have somebody told when everything saved so far is committed."""
        if self._loop is None:
            callback(self.flush(ANSWER_SECONDS))
            return
        with self._changed:
            change = self._change
            is_safe = self._written_change == change
            if not is_safe:
                self._set_due(GROUP_SECONDS)
        if is_safe:
            callback(True)
        else:
            timer = self._loop.call_later(ANSWER_SECONDS, partial(self._answer_late, change))
            self._waiting.append(_Waiting(change, callback, timer))

    def flush(self, timeout: float) -> bool:
        """Have everything written now, and wait for it."""
        with self._changed:
            change = self._change
            self._set_due(0.0)
            return self._changed.wait_for(lambda: self._written_change >= change, timeout)

    def close(self) -> None:
        """Write what is left and stop the writer."""
        writer, self._writer = self._writer, None
        if writer is None:
            return
        with self._changed:
            self._stop_by = time.monotonic() + self._close_seconds
            self._changed.notify_all()
        writer.join(self._close_seconds + self._last_seconds + 1)  # its last attempt may be late
        self._loop, self._on_change = None, lambda: None
        self._waiting.clear()
        if self._pending or self._writing:
            reason = self._last_error or "it does not answer"
            raise StoreError(self._place, f"the last changes are lost: {reason}")

    def add_audit(self, record: AuditRecord) -> None:
        """Keep an act of moderation: what is written is not kept in memory."""
        with self._changed:
            self._note(AUDIT, (record.id,), record)

    def _put(self, kind: Kind[R], record: R) -> None:
        with self._changed:
            super()._put(kind, record)
            self._note(kind, kind.key(record), record)

    def _drop(self, kind: AnyKind, key: Key) -> None:
        with self._changed:
            super()._drop(kind, key)
            self._note(kind, key, None)

    def _note(self, kind: AnyKind, key: Key, record: Record | None) -> None:
        if not self._has_place(kind, key):
            return
        self._pending[kind, key] = record
        self._change += 1
        self._set_due(GROUP_SECONDS if kind.urgent else LAZY_SECONDS)

    def _has_place(self, kind: AnyKind, key: Key) -> bool:
        """Whether a change may be queued; what keeps people out always may."""
        if len(self._pending) < QUEUE_LENGTH or (kind, key) in self._pending:
            return True
        if not self._overflowing:
            self._overflowing = True
            _log.error("store queue is full", place=str(self._place), changes=QUEUE_LENGTH)
        return kind in (BAN, TOKEN)

    def _set_due(self, seconds: float) -> None:
        due = time.monotonic() + seconds
        if self._due is None or due < self._due:
            self._due = due
            self._changed.notify_all()

    # The life of the writer.

    def _start(self) -> None:
        """Start the writer, once everything has been read."""
        with self._changed:
            self._stop_by = None
            self._writing = False
            self._pending = {}  # what an earlier `close` told to be lost
            self._written_change = self._change
            self._due = None
        # A daemon: a disk that hangs for ever must not keep the process from ending.
        self._writer = threading.Thread(target=self._write_on, name="store-writer", daemon=True)
        self._writer.start()

    def _write_on(self) -> None:
        """Write group after group until closed."""
        pause = _FIRST_PAUSE
        look_at = time.monotonic() + LOOK_SECONDS
        with contextlib.ExitStack() as at_end:
            at_end.callback(self._release)
            while (taken := self._next_batch(look_at)) is not None:
                written, failure = self._attempt(*taken, time.monotonic() >= look_at)
                self._settle(*taken, written)
                self._tell_health(failure)
                if failure is None:
                    pause = _FIRST_PAUSE
                elif self._may_retry(pause):
                    pause = min(2 * pause, _LONGEST_PAUSE)
                else:
                    return
                if time.monotonic() >= look_at:
                    look_at = time.monotonic() + LOOK_SECONDS

    def _next_batch(self, look_at: float) -> tuple[Changes, int] | None:
        """Wait for changes and take them.

        Args:
            look_at: The `time.monotonic()` at which to stop waiting and return nothing.

        Returns:
            The changes, and the number of the last of them; None once there will be no more.
        """
        with self._changed:
            while not self._closing():
                now = time.monotonic()
                if now >= look_at or (self._due is not None and now >= self._due):
                    break
                self._changed.wait(min(look_at, self._due or look_at) - now)
            if self._closing():
                if not self._pending:
                    return None
            elif self._due is None or time.monotonic() < self._due:
                return {}, self._written_change
            batch, self._pending = self._pending, {}
            self._writing = bool(batch)
            self._due = None
            return batch, self._change

    def _attempt(self, batch: Changes, _change: int, look: bool) -> tuple[bool, str | None]:
        """Write a group, and look around if it is time; whether it is written, and what fails."""
        written = False
        try:
            if batch:
                self._commit(batch)
            written = True
            if look:
                self._look()
        except UnwritableError as error:
            return written, str(error)
        return True, None if batch or look else self._last_error

    def _settle(self, batch: Changes, change: int, written: bool) -> None:
        """Put a group that could not be written back, under what has changed since."""
        with self._changed:
            self._writing = False
            if written:
                self._written_change = change
                self._overflowing = self._overflowing and len(self._pending) >= QUEUE_LENGTH
            else:
                self._pending = {**batch, **self._pending}
                self._set_due(0.0)
            self._changed.notify_all()
        if written and batch:
            self._call(partial(self._answer, change))

    def _tell_health(self, failure: str | None) -> None:
        """Log when writing begins or ceases to fail, and not each attempt."""
        before, self._last_error = self._last_error, failure
        self._failures += failure is not None
        if before is None and failure is not None:
            _log.error("store cannot be written", place=str(self._place), reason=failure)
        elif before is not None and failure is None:
            _log.info("store is written again", place=str(self._place))

    def _may_retry(self, pause: float) -> bool:
        """Leave things alone for a while; false when closing and out of time."""
        pause *= _jitter.uniform(0.5, 1.0)  # servers that lost one Redis must not return as one
        with self._changed:
            self._changed.wait_for(self._closing, pause)
        if self._stop_by is None:
            return True
        time.sleep(_FIRST_PAUSE)  # closing cut the pause short; still do not spin
        return time.monotonic() < self._stop_by

    def _closing(self) -> bool:
        return self._stop_by is not None

    def _take_over(self, found: dict[AnyKind, dict[Key, Any]]) -> None:
        """Put what is kept now in place of what is in memory; what is not yet written stands."""
        with self._changed:
            moved = False
            for kind, records in found.items():
                # A whole new dictionary: readers on other threads see the old or the new one.
                after = overlaid(kind, records, self._pending)
                if after != self._kept[kind]:
                    self._kept[kind] = after
                    self._index(kind)
                    moved = moved or kind in (BAN, TOKEN)
            if moved:
                self._revision += 1
            self._changed.notify_all()
        if moved:
            self._call(self._on_change)

    # On the loop's thread.

    def _call(self, callback: Callable[[], object]) -> None:
        """Have something called on the loop's thread, as long as there is a loop."""
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # it has been closed
                loop.call_soon_threadsafe(callback)

    def _answer(self, change: int) -> None:
        while self._waiting and self._waiting[0].change <= change:
            waiting = self._waiting.popleft()
            waiting.timer.cancel()
            waiting.callback(True)

    def _answer_late(self, change: int) -> None:
        # Asked in order and all after the same time: whoever came earlier has been told.
        while self._waiting and self._waiting[0].change <= change:
            waiting = self._waiting.popleft()
            waiting.timer.cancel()
            waiting.callback(self._written_change >= waiting.change)

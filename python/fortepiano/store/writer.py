"""What every store that writes has in common: one thread that writes behind the event loop's back.

The event loop puts a change into a dictionary and goes on; the writer takes whatever has gathered
there and commits it as one group, within `GROUP_SECONDS` if anything of it is urgent. The
dictionary has one entry per thing however often it changes, so a disk or a network that is slow,
full or gone costs nothing but freshness: the writer tries again, ever more slowly, until it works.

The writer holds nothing of the event loop's (see `fortepiano.store.redis_replies`).
"""

import contextlib
import random
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from fortepiano.errors import StoreError
from fortepiano.observe import logs
from fortepiano.store.base import Loop
from fortepiano.store.kinds import AUDIT, BAN, TOKEN, AnyKind, Changes, Key, Kind, Record, overlaid
from fortepiano.store.memory import MemoryStore
from fortepiano.store.records import AuditQuery, AuditRecord
from fortepiano.store.redis_replies import ANSWER_SECONDS, Replies

__all__ = ["CLOSE_SECONDS", "POLL_SECONDS", "UnwritableError", "WriterStore"]

GROUP_SECONDS = 0.05
"""How long an urgent change waits for others to join it."""

LAZY_SECONDS = 0.5
"""How long changes of which nobody waits for the commit gather: names, rooms, chat."""

POLL_SECONDS = 0.25
"""How often the writer looks for what other processes have changed; costs microseconds."""

CLOSE_SECONDS = 5.0
"""How long `close` goes on trying to write."""

QUEUE_LENGTH = 100_000
"""From how many unwritten changes on the least important ones are not queued any more."""

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 2.5

_jitter = random.SystemRandom()

_log = logs.logger(__name__)

R = TypeVar("R", bound=Record)


class UnwritableError(Exception):
    """What is behind the store does not work right now; its text says why."""


class WriterStore(MemoryStore, ABC):
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
        self._answers: Replies | None = None
        # The condition guards what follows, and the change of what is in memory together with it;
        # nobody holds it while touching a disk or a network.
        self._changed = threading.Condition()
        self._pending: Changes = {}
        self._overflowing = False
        self._due: float | None = None  # time.monotonic() at which to write
        self._change = 0  # the number of the last change
        self._written_change = 0
        self._in_flight: Changes = {}  # what the writer is writing right now
        self._stop_by: float | None = None  # time.monotonic() at which a closing writer gives up

    # What a store of this kind adds; all of it is called by the writer's thread.

    @abstractmethod
    def _commit(self, batch: Changes) -> None:
        """Write a group as a whole.

        Raises:
            UnwritableError: It was not written, or perhaps not.
        """

    @abstractmethod
    def _poll(self) -> None:
        """Take over what other processes have changed.

        Raises:
            UnwritableError: It cannot be found out, and nothing could be written either.
        """

    @abstractmethod
    def _release(self) -> None:
        """Let go of files and connections."""

    @abstractmethod
    def _read_audit(self, query: AuditQuery) -> list[AuditRecord]:
        """Read acts of moderation that are written; called by whatever thread asks.

        Raises:
            UnwritableError: They cannot be read.
        """

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
        self._answers = Replies(loop, changed)

    def when_saved(self, callback: Callable[[bool], object]) -> None:
        """Have somebody told when everything saved so far is committed."""
        if self._answers is None:
            callback(self.flush(ANSWER_SECONDS))
            return
        with self._changed:
            change = self._change
            is_safe = self._written_change == change
            if not is_safe:
                self._answers.wait(change, callback)  # before the writer can be done
                self._set_due(GROUP_SECONDS)
        if is_safe:
            callback(True)

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
        self._answers = None
        if self._pending or self._in_flight:
            reason = self._last_error or "it does not answer"
            raise StoreError(self._place, f"the last changes are lost: {reason}")

    def add_audit(self, record: AuditRecord) -> None:
        """Keep an act of moderation: what is written is not kept in memory."""
        with self._changed:
            self._note(AUDIT, (record.id,), record)

    def audit(self, query: AuditQuery) -> list[AuditRecord]:
        """Return acts of moderation, the newest first."""
        self.flush(ANSWER_SECONDS)
        with self._changed:  # what a sick disk has not taken yet
            unwritten = (self._in_flight | self._pending).values()
            waiting = [one for one in unwritten if isinstance(one, AuditRecord)]
        try:
            written = self._read_audit(query)
        except UnwritableError as error:
            raise StoreError(self._place, f"cannot be read: {error}") from None
        found = {one.id: one for one in (*written, *filter(query.matches, waiting))}
        return [found[one] for one in sorted(found, reverse=True)][: query.limit]

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
            self._in_flight = {}
            self._pending = {}  # what an earlier `close` told to be lost
            self._written_change = self._change
            self._due = None
        # A daemon: a disk that hangs for ever must not keep the process from ending.
        self._writer = threading.Thread(target=self._write_on, name="store-writer", daemon=True)
        self._writer.start()

    def _write_on(self) -> None:
        """Write group after group until closed."""
        pause = _FIRST_PAUSE
        look_at = time.monotonic()
        with contextlib.ExitStack() as at_end:
            at_end.callback(self._release)
            while (taken := self._next_batch(look_at)) is not None:
                written, failure = self._attempt(*taken, time.monotonic() >= look_at)
                self._settle(*taken, written)
                self._log_health(failure)
                if failure is None:
                    pause = _FIRST_PAUSE
                elif self._may_retry(pause):
                    pause = min(2 * pause, _LONGEST_PAUSE)
                else:
                    return
                if time.monotonic() >= look_at:
                    look_at = time.monotonic() + POLL_SECONDS

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
            self._in_flight = batch
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
                self._poll()
        except UnwritableError as error:
            return written, str(error)
        except Exception as error:
            # A fault of ours: the writer must outlive it, or nothing is ever written again.
            if self._last_error is None:
                _log.exception("store writer failed")
            return written, f"{type(error).__name__}: {error}"
        return True, None if batch or look else self._last_error

    def _settle(self, batch: Changes, change: int, written: bool) -> None:
        """Put a group that could not be written back, under what has changed since."""
        with self._changed:
            self._in_flight = {}
            if written:
                self._written_change = change
                self._overflowing = self._overflowing and len(self._pending) >= QUEUE_LENGTH
            else:
                self._pending = {**batch, **self._pending}
                self._set_due(0.0)
            self._changed.notify_all()
        answers = self._answers
        if written and batch and answers is not None:
            answers.safe(change)

    def _log_health(self, failure: str | None) -> None:
        """Log when writing begins or ceases to fail, and not each attempt."""
        before = self._last_error
        with self._changed:
            self._last_error = failure
            self._changed.notify_all()
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

    def _merge(self, found: dict[AnyKind, dict[Key, Any]], changes: Changes | None = None) -> None:
        """Take over what is kept now; what is not yet written here stands.

        Args:
            found: All records of some kinds.
            changes: Changes of other kinds, against what is in memory.
        """
        with self._changed:
            unwritten = self._in_flight | self._pending
            after = {kind: overlaid(kind, all_of, unwritten) for kind, all_of in found.items()}
            news = {
                (kind, key): record
                for (kind, key), record in (changes or {}).items()
                if (kind, key) not in unwritten and self._kept[kind].get(key) != record
            }
            for kind in {kind for kind, _ in news}:
                after[kind] = overlaid(kind, self._kept[kind], news)
            moved = {kind for kind, records in after.items() if records != self._kept[kind]}
            for kind in moved:
                # A whole new dictionary: readers on other threads see the old or the new one.
                self._kept[kind] = after[kind]
                self._index(kind)
            concerns = not moved.isdisjoint((BAN, TOKEN))
            self._revision += concerns
            self._changed.notify_all()
        answers = self._answers
        if concerns and answers is not None:
            answers.notify_changed()

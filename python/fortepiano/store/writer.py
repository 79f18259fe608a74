"""The base of all stores that write: one thread, the writer, commits changes in the background.

The event loop puts a change into a dictionary and goes on. The writer takes all waiting changes and
commits them as one group, within `GROUP_SECONDS` if any of them is urgent.

The dictionary has one entry for each record, however often that changes. So while a disk or network
is slow, full or gone, only the stored data gets old: the writer retries, with growing pauses, until
a commit succeeds.

The writer references no objects of the event loop (see `fortepiano.store.redis_replies`).
"""

import contextlib
import math
import random
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Generator
from pathlib import Path
from typing import TypeVar

from fortepiano.errors import StoreError, UnsavedError
from fortepiano.observe import logs
from fortepiano.store.base import Loop
from fortepiano.store.held_records import HeldRecords, overlaid
from fortepiano.store.memory import MemoryStore
from fortepiano.store.record_kinds import (
    AUDIT,
    BAN,
    KINDS,
    TOKEN,
    AnyKind,
    Changes,
    Key,
    Kind,
    Record,
)
from fortepiano.store.records import AuditQuery, AuditRecord
from fortepiano.store.redis_replies import ANSWER_SECONDS, Replies

__all__ = ["CLOSE_SECONDS", "POLL_SECONDS", "UnwritableError", "WriterStore"]

GROUP_SECONDS = 0.05
"""How long an urgent change waits, so that others join its group."""

LAZY_SECONDS = 0.5
"""How long other changes wait (names, rooms, chat), for whose commit nobody waits."""

POLL_SECONDS = 0.25
"""The interval at which the writer looks for changes by other processes; costs microseconds."""

CLOSE_SECONDS = 5.0
"""How long `close` goes on trying to write."""

QUEUE_LENGTH = 100_000
"""The most unwritten changes; beyond it, only changes of bans and tokens are queued."""

_ACTS_AT_ONCE = 250
"""How many old acts one transaction deletes: 20 ms with the longest rows, a thousand a second."""

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 2.5

_jitter = random.SystemRandom()

_log = logs.logger(__name__)

R = TypeVar("R", bound=Record)


class UnwritableError(Exception):
    """The file or server behind the store does not work now; the text has the reason."""


class WriterStore(MemoryStore, ABC):
    """A store in memory that one thread writes out; see `SQLiteStore` and `RedisStore`.

    Args:
        place: The file or URL that is written to, as logs and errors show it.
        close_seconds: How long `close` goes on trying.
        last_seconds: How long one attempt may take.
        kinds: The kinds of records that are held.
    """

    def __init__(
        self,
        place: Path | str,
        *,
        close_seconds: float,
        last_seconds: float,
        kinds: Collection[AnyKind] = KINDS,
    ) -> None:
        super().__init__(kinds)
        self._place = place
        self._close_seconds = close_seconds
        self._last_seconds = last_seconds
        self._writer: threading.Thread | None = None
        self._is_read = False  # whether `read` has read everything, and `open` has yet to come
        self._last_error: str | None = None
        self._failures = 0
        self._revision = 0
        self._replies: Replies | None = None
        self._retention: tuple[int, int] | None = None  # as long as there are acts to delete
        # The condition guards the fields below, and each change in memory together with them. No
        # thread holds it while it uses a disk or a network.
        self._changed = threading.Condition()
        self._pending: Changes = {}
        self._overflowing = False
        self._due: float | None = None  # time.monotonic() at which to write
        self._change = 0  # the number of the last change
        self._written_change = 0
        self._in_flight: Changes = {}  # the group that is being written now
        self._noted: set[tuple[AnyKind, Key]] | None = None  # records changed, while noting
        self._stop_by: float | None = None  # time.monotonic() at which a closing writer gives up
        self._poll_at = 0.0  # time.monotonic() at which to look for others' changes

    # Subclasses implement these methods. The writer's thread calls all of them, except that
    # `_read_audit` may be called by any thread.

    @abstractmethod
    def _commit(self, batch: Changes) -> None:
        """Write a group of changes as a whole.

        Raises:
            UnwritableError: The group was not written, or it is unknown whether it was.
        """

    @abstractmethod
    def _poll(self) -> None:
        """Merge the changes of other processes.

        Raises:
            UnwritableError: The changes cannot be read, so nothing could be written either.
        """

    @abstractmethod
    def _release(self) -> None:
        """Close files and connections."""

    @abstractmethod
    def _read_audit(self, query: AuditQuery) -> list[AuditRecord]:
        """Read acts of moderation that have been written; called on any thread.

        Raises:
            UnwritableError: The acts cannot be read.
        """

    @abstractmethod
    def _delete_acts(self, since: int, rows: int, most: int) -> bool:
        """Delete acts of moderators of rooms, the oldest first; arguments as `retain_audit`.

        Args:
            since: Acts before this time are deleted.
            rows: How many are kept; 0 for all.
            most: The most acts to delete.

        Returns:
            Whether more of them have to be deleted.

        Raises:
            UnwritableError: The acts cannot be deleted.
        """

    # The interface of `Store`.

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
        """How many changes are not written yet, except those that are being written now."""
        return len(self._pending)

    @property
    def failures(self) -> int:
        """How many attempts to write, or to read others' changes, have failed since the start."""
        return self._failures

    @property
    def revision(self) -> int:
        """How often bans or tokens changed by other processes have been merged."""
        return self._revision

    @contextlib.contextmanager
    def noting_changes(self) -> Generator[Callable[[], Changes]]:
        """Note which records of those in memory change, beginning with the unwritten ones."""
        with self._changed:
            self._noted = {*self._in_flight, *self._pending}
        try:
            yield self._noted_changes
        finally:
            with self._changed:
                self._noted = None

    def _noted_changes(self) -> Changes:
        with self._changed:
            return {
                (kind, key): self._records[kind].get(key)
                for kind, key in self._noted or ()
                if kind is not AUDIT
            }

    def adopt(self, changes: Changes) -> None:
        """Put records that another process has written in place of those here."""
        with self._changed:
            for changed in changes:
                self._pending.pop(changed, None)
            super().adopt(changes)
            self._revision += any(kind in (BAN, TOKEN) for kind, _ in changes)

    def attach(self, loop: Loop, changed: Callable[[], object]) -> None:
        """Call back on an event loop from now on."""
        self._replies = Replies(loop, changed)

    def when_saved(self, callback: Callable[[bool], object]) -> None:
        """Call back once all changes so far are committed."""
        if self._replies is None:
            callback(self.flush(ANSWER_SECONDS))
            return
        with self._changed:
            change = self._change
            is_safe = self._written_change == change
            if not is_safe:
                self._replies.wait(change, callback)  # under the lock, before the writer commits
                self._set_due(GROUP_SECONDS)
        if is_safe:
            callback(True)

    def flush(self, timeout: float) -> bool:
        """Write all changes now, and wait for the commit."""
        if self._is_read:
            return not self._pending  # there is no writer yet
        with self._changed:
            change = self._change
            self._set_due(0.0)
            return self._changed.wait_for(lambda: self._written_change >= change, timeout)

    def close(self) -> None:
        """Write the remaining changes and stop the writer."""
        writer, self._writer = self._writer, None
        if self._is_read:
            self._is_read = False
            self._release()
        if writer is None:
            return
        with self._changed:
            self._stop_by = time.monotonic() + self._close_seconds
            self._changed.notify_all()
        writer.join(self._close_seconds + self._last_seconds + 1)  # its last attempt may be late
        self._replies = None
        with self._changed:
            changes = {**self._in_flight, **self._pending}
        if changes:
            raise UnsavedError(self._place, self._last_error or "it does not answer", changes)

    def abandon(self) -> None:
        """Stop the writer without waiting for it, where `open` has not reached the place."""
        with self._changed:
            self._stop_by = time.monotonic()
            self._changed.notify_all()

    def add_audit(self, record: AuditRecord) -> None:
        """Store an act of moderation; acts are not held in memory once they are written."""
        with self._changed:
            self._queue(AUDIT, (record.id,), record)

    def retain_audit(self, since: int, rows: int) -> None:
        """Have the writer delete acts of moderators of rooms that are too old or too many."""
        self._retention = since, rows

    def audit(self, query: AuditQuery) -> list[AuditRecord]:
        """Return acts of moderation, the newest first."""
        self.flush(ANSWER_SECONDS)
        with self._changed:  # acts that a failing disk has not accepted yet
            unwritten = (self._in_flight | self._pending).values()
            waiting = [record for record in unwritten if isinstance(record, AuditRecord)]
        try:
            written = self._read_audit(query)
        except UnwritableError as error:
            raise StoreError(self._place, f"cannot be read: {error}") from None
        found = {act.id: act for act in (*written, *filter(query.matches, waiting))}
        return [found[act_id] for act_id in sorted(found, reverse=True)][: query.limit]

    def _put(self, kind: Kind[R], record: R) -> None:
        with self._changed:
            super()._put(kind, record)
            self._queue(kind, kind.key(record), record)

    def _drop(self, kind: AnyKind, key: Key) -> None:
        with self._changed:
            super()._drop(kind, key)
            self._queue(kind, key, None)

    def _queue(self, kind: AnyKind, key: Key, record: Record | None) -> None:
        if self._noted is not None:
            self._noted.add((kind, key))
        if not self._may_queue(kind, key):
            return
        self._pending[kind, key] = record
        self._change += 1
        self._set_due(GROUP_SECONDS if kind.urgent else LAZY_SECONDS)

    def _may_queue(self, kind: AnyKind, key: Key) -> bool:
        """Tell whether a change may be queued; changes of bans and tokens always may."""
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

    def _poll_within(self, seconds: float) -> None:
        with self._changed:
            self._poll_at = min(self._poll_at, time.monotonic() + seconds)
            self._changed.notify_all()

    # The writer's thread.

    def _forget_lost(self) -> None:
        """Drop changes that an earlier `close` reported as lost; called before reading."""
        with self._changed:
            self._in_flight, self._pending = {}, {}
            self._written_change = self._change
            self._due = None

    def _start(self) -> None:
        """Start the writer; called once everything has been read."""
        self._stop_by = None
        # A daemon thread: a disk that hangs must not keep the process from exiting.
        writer = threading.Thread(target=self._write_on, name="store-writer", daemon=True)
        writer.start()
        self._writer, self._is_read = writer, False

    def _write_on(self) -> None:
        """Write group after group until closed."""
        pause = _FIRST_PAUSE
        with contextlib.ExitStack() as at_end:
            at_end.callback(self._release)
            while (taken := self._next_batch()) is not None:
                is_poll_due = self._takes_poll()
                written, failure = self._attempt(*taken, is_poll_due)
                self._settle(*taken, written)
                self._log_health(failure)
                if failure is None:
                    pause = _FIRST_PAUSE
                elif self._may_retry(pause):
                    pause = min(2 * pause, _LONGEST_PAUSE)
                else:
                    return
                if is_poll_due:
                    self._poll_within(POLL_SECONDS)

    def _takes_poll(self) -> bool:
        """Return whether it is time to look for others' changes; then there is no next time yet."""
        with self._changed:
            is_due = time.monotonic() >= self._poll_at
            if is_due:
                self._poll_at = math.inf
            return is_due

    def _next_batch(self) -> tuple[Changes, int] | None:
        """Wait for changes, until the next poll at most, and take them.

        Returns:
            The changes, and the number of the last of them; None when closed and all are written.
        """
        with self._changed:
            while not self._closing():
                now, poll_at = time.monotonic(), self._poll_at
                if now >= poll_at or (self._due is not None and now >= self._due):
                    break
                self._changed.wait(min(poll_at, self._due or poll_at) - now)
            if self._closing():
                if not self._pending:
                    return None
            elif self._due is None or time.monotonic() < self._due:
                return {}, self._written_change
            batch, self._pending = self._pending, {}
            self._in_flight = batch
            self._due = None
            return batch, self._change

    def _attempt(self, batch: Changes, _change: int, is_poll_due: bool) -> tuple[bool, str | None]:
        """Write a group, then poll if that is due.

        Returns:
            Whether the group is written, and the failure; None where nothing failed.
        """
        written = False
        try:
            if batch:
                self._commit(batch)
            written = True
            if is_poll_due:
                self._poll()
                self._forget_acts()
        except UnwritableError as error:
            return written, str(error)
        except Exception as error:
            # A bug: the thread must survive, or nothing would ever be written again.
            if self._last_error is None:
                _log.exception("store writer failed")
            return written, f"{type(error).__name__}: {error}"
        return True, None if batch or is_poll_due else self._last_error

    def _forget_acts(self) -> None:
        """Delete some acts if there are too many; the next poll goes on."""
        bounds = self._retention
        if bounds is not None and not self._delete_acts(*bounds, _ACTS_AT_ONCE):
            self._retention = None

    def _settle(self, batch: Changes, change: int, written: bool) -> None:
        """Note that a group is written, or queue it again; later changes of its records win."""
        with self._changed:
            self._in_flight = {}
            if written:
                self._written_change = change
                self._overflowing = self._overflowing and len(self._pending) >= QUEUE_LENGTH
            else:
                self._pending = {**batch, **self._pending}
                self._set_due(0.0)
            self._changed.notify_all()
        replies = self._replies
        if written and batch and replies is not None:
            replies.safe(change)

    def _log_health(self, failure: str | None) -> None:
        """Log when writing begins to fail and when it works again, but not each attempt."""
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
        """Wait before the next attempt; return false when closing and out of time."""
        pause *= _jitter.uniform(0.5, 1.0)  # so that servers do not all retry one Redis at once
        with self._changed:
            self._changed.wait_for(self._closing, pause)
        if self._stop_by is None:
            return True
        time.sleep(_FIRST_PAUSE)  # closing has cut the wait short; do not spin
        return time.monotonic() < self._stop_by

    def _closing(self) -> bool:
        return self._stop_by is not None

    def _merge(self, found: dict[AnyKind, HeldRecords], changes: Changes | None = None) -> None:
        """Update memory with stored records; changes that are not yet written here win.

        Args:
            found: All records of some kinds, as stored.
            changes: Single changes of other kinds.
        """
        with self._changed:
            unwritten = self._in_flight | self._pending
            after = {kind: overlaid(kind, all_of, unwritten) for kind, all_of in found.items()}
            news = {
                (kind, key): record
                for (kind, key), record in (changes or {}).items()
                if (kind, key) not in unwritten and self._records[kind].get(key) != record
            }
            for kind in {kind for kind, _ in news}:
                after[kind] = overlaid(kind, self._records[kind], news)
            moved = {kind for kind, records in after.items() if records != self._records[kind]}
            for kind in moved:
                self._note_differences(kind, after[kind])
                # Replaced as a whole: readers on other threads see the old dictionary or the new.
                self._records[kind] = after[kind]
                self._index(kind)
            is_new_revision = not moved.isdisjoint((BAN, TOKEN))
            self._revision += is_new_revision
            self._changed.notify_all()
        replies = self._replies
        if is_new_revision and replies is not None:
            replies.notify_changed()

    def _note_differences(self, kind: AnyKind, after: HeldRecords) -> None:
        if self._noted is not None:
            before = self._records[kind]
            keys = before.keys() | after.keys()
            self._noted.update((kind, key) for key in keys if before.get(key) != after.get(key))

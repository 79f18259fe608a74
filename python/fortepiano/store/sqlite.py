"""A store in one SQLite file, written by one thread.

The event loop puts a change into a dictionary and goes on; the writer takes whatever has gathered
there within `GROUP_SECONDS` and commits it as one transaction. The dictionary has one entry per
thing however often it changes, so it needs no bound of its own, and a disk that is slow, full or
locked costs nothing but freshness: the writer tries again, ever more slowly, until it works.

Other processes may change bans and tokens in the file, as `fortepiano token` does. The writer looks
for that every `LOOK_SECONDS`. Users belong to the process that serves them.
"""

import contextlib
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Generator
from pathlib import Path

from fortepiano import logs
from fortepiano.errors import StoreError
from fortepiano.store.base import BanRecord, TokenRecord, UserRecord
from fortepiano.store.memory import MemoryStore
from fortepiano.store.schema import BANS, MIGRATIONS, TOKENS, USERS, AnyTable, Changes, Key, Record

__all__ = ["SQLiteStore"]

GROUP_SECONDS = 0.05
"""How long the first change of a group waits for others to join it."""

LOOK_SECONDS = 0.5
"""How often the writer looks for what other processes have changed; costs microseconds."""

BUSY_SECONDS = 5.0
"""How long SQLite itself waits for another process to release the file."""

CLOSE_SECONDS = 5.0
"""How long `close` goes on trying to write."""

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0

_log = logs.logger(__name__)


class SQLiteStore(MemoryStore):
    """Keeps everything in a file, and all of it in memory too.

    Args:
        path: The file; it and its folder are made if missing, readable by their owner only.
        busy_seconds: How long one attempt to write waits for other processes.
        close_seconds: How long `close` goes on trying after that.
    """

    def __init__(
        self,
        path: Path,
        *,
        busy_seconds: float = BUSY_SECONDS,
        close_seconds: float = CLOSE_SECONDS,
    ) -> None:
        super().__init__()
        self._path = path
        self._busy_seconds = busy_seconds
        self._close_seconds = close_seconds
        self._writer: threading.Thread | None = None
        self._last_error: str | None = None
        self._file_version = 0  # grows with every commit of another connection
        self._revision = 0
        # The condition guards what follows, and the change of what is in memory together with it;
        # nobody holds it while touching the disk.
        self._changed = threading.Condition()
        self._pending: Changes = {}
        self._writing = False
        self._hurry = False
        self._stop_by: float | None = None  # time.monotonic() at which a closing writer gives up

    @property
    def healthy(self) -> bool:
        """Whether the last attempt to write succeeded."""
        return self._last_error is None

    @property
    def last_error(self) -> str | None:
        """Why the last attempt to write failed."""
        return self._last_error

    @property
    def revision(self) -> int:
        """How often bans or tokens have been taken over from other processes."""
        return self._revision

    def open(self) -> None:
        """Make or migrate the file, read it, and start the writer."""
        if self._writer is not None:
            return
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # The salts are secrets. SQLite gives its other files the mode of this one.
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as error:
            raise StoreError(self._path, f"cannot be written: {error.strerror or error}") from None
        with contextlib.ExitStack() as on_failure:
            try:
                database = self._connect()
                on_failure.callback(database.close)
                self._migrate(database)
                self._read(database)
            except sqlite3.Error as error:
                raise StoreError(self._path, f"cannot be used as a database: {error}") from None
            on_failure.pop_all()
        self._stop_by = None
        self._writing = False
        self._pending = {}  # what an earlier `close` told to be lost
        # A daemon: a disk that hangs for ever must not keep the process from ending.
        self._writer = threading.Thread(
            target=self._write_on, args=(database,), name="store-writer", daemon=True
        )
        self._writer.start()

    def close(self) -> None:
        """Write what is left and stop the writer."""
        writer, self._writer = self._writer, None
        if writer is None:
            return
        with self._changed:
            self._stop_by = time.monotonic() + self._close_seconds
            self._changed.notify_all()
        writer.join(self._close_seconds + self._busy_seconds + 1)  # its last attempt may be late
        if self._pending or self._writing:
            reason = self._last_error or "the disk does not answer"
            raise StoreError(self._path, f"the last changes are lost: {reason}")

    def save_user(self, record: UserRecord) -> None:
        """Keep a user, and have it written."""
        with self._changed:
            super().save_user(record)
            self._note(USERS, (record.id,), record)

    def save_ban(self, record: BanRecord) -> None:
        """Keep a ban, and have it written."""
        with self._changed:
            super().save_ban(record)
            self._note(BANS, (record.room, record.user_id), record)

    def remove_ban(self, room: str, user_id: str) -> None:
        """Forget a ban, and have it deleted."""
        with self._changed:
            super().remove_ban(room, user_id)
            self._note(BANS, (room, user_id), None)

    def save_token(self, record: TokenRecord) -> None:
        """Keep a token, and have it written."""
        with self._changed:
            super().save_token(record)
            self._note(TOKENS, (record.id,), record)

    def remove_token(self, token_id: str) -> None:
        """Forget a token, and have it deleted."""
        with self._changed:
            super().remove_token(token_id)
            self._note(TOKENS, (token_id,), None)

    def flush(self, timeout: float) -> bool:
        """Have everything written now, and wait for it."""
        with self._changed:
            self._hurry = bool(self._pending)
            self._changed.notify_all()
            return self._changed.wait_for(lambda: not self._pending and not self._writing, timeout)

    def _note(self, table: AnyTable, key: Key, record: Record | None) -> None:
        self._pending[table, key] = record
        self._changed.notify_all()

    def _connect(self) -> sqlite3.Connection:
        # One thread at a time uses the connection: the opening one, and from then on the writer.
        # Transactions are spelled out below, hence no isolation level.
        database = sqlite3.connect(
            self._path, timeout=self._busy_seconds, isolation_level=None, check_same_thread=False
        )
        try:
            database.execute("PRAGMA journal_mode = WAL")
            # What is committed outlives a power cut too, which matters for bans. It costs a sync
            # per group, and only the writer waits for it.
            database.execute("PRAGMA synchronous = FULL")
        except sqlite3.Error:
            database.close()
            raise
        return database

    def _migrate(self, database: sqlite3.Connection) -> None:
        (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise StoreError(self._path, f"is damaged: {' '.join(found.split())}")
        # Takes the write lock even if there is nothing to do: a file that cannot be written is
        # found at the start and not at the first change of a name.
        with _transaction(database):
            (version,) = database.execute("PRAGMA user_version").fetchone()
            newest = len(MIGRATIONS)
            if version > newest:
                raise StoreError(
                    self._path,
                    f"was written by a newer fortepiano: version {version} of the file,"
                    f" and this one knows {newest}",
                )
            for statement in (one for step in MIGRATIONS[version:] for one in step):
                database.execute(statement)
            if version < newest:  # else nothing is written that other processes would look at
                database.execute(f"PRAGMA user_version = {newest}")
            database.executemany(
                "INSERT OR IGNORE INTO salt (number, value) VALUES (?, ?)",
                [(number, secrets.token_hex(16)) for number in (1, 2)],
            )
            now = time.time_ns() // 1_000_000
            database.execute("DELETE FROM ban WHERE until <= ?", (now,))

    def _read(self, database: sqlite3.Connection) -> None:
        # The version first: what is committed after it is found by the next look.
        self._file_version = _file_version(database)
        (first,), (second,) = database.execute("SELECT value FROM salt ORDER BY number LIMIT 2")
        self._salts = (first, second)
        self._users = {one.id: one for one in USERS.read(database).values()}
        self._bans = BANS.read(database)
        self._tokens = {one.digest: one for one in TOKENS.read(database).values()}

    def _write_on(self, database: sqlite3.Connection) -> None:
        """Write group after group until closed: the life of the writer's thread."""
        pause = _FIRST_PAUSE
        look_at = time.monotonic() + LOOK_SECONDS
        with contextlib.closing(database):
            while (batch := self._next_batch(look_at)) is not None:
                written = self._written(database, batch)
                self._settle(batch, written)
                if written:
                    pause = _FIRST_PAUSE
                elif self._may_retry(pause):
                    pause = min(2 * pause, _LONGEST_PAUSE)
                else:
                    return
                if time.monotonic() >= look_at:
                    self._look(database)
                    look_at = time.monotonic() + LOOK_SECONDS

    def _next_batch(self, look_at: float) -> Changes | None:
        """Wait for changes and take them.

        Args:
            look_at: The `time.monotonic()` at which to stop waiting and return nothing.

        Returns:
            The changes; None once there will be no more.
        """
        with self._changed:
            rest = max(0.0, look_at - time.monotonic())
            self._changed.wait_for(lambda: self._pending or self._closing(), rest)
            if not self._pending:
                return None if self._closing() else {}
            self._changed.wait_for(lambda: self._hurry or self._closing(), GROUP_SECONDS)
            batch, self._pending = self._pending, {}
            self._writing = True
            self._hurry = False
            return batch

    def _written(self, database: sqlite3.Connection, batch: Changes) -> bool:
        """Try to write a group, and log when that begins or ceases to fail."""
        if not batch:
            return True
        before = self._last_error
        try:
            with _transaction(database):
                for (table, key), record in batch.items():
                    table.write(database, key, record)
        except sqlite3.Error as error:
            self._last_error = str(error)
            if before is None:
                _log.error("store cannot be written", path=str(self._path), reason=str(error))
            return False
        self._last_error = None
        if before is not None:
            _log.info("store is written again", path=str(self._path))
        return True

    def _settle(self, batch: Changes, written: bool) -> None:
        """Put a group that could not be written back, under what has changed since."""
        with self._changed:
            self._writing = False
            if not written:
                self._pending = {**batch, **self._pending}
            self._changed.notify_all()

    def _look(self, database: sqlite3.Connection) -> None:
        """Take over what other processes have changed of bans and tokens."""
        # A failure is not told here: the next look tries again, and so does the next write, which
        # tells.
        with contextlib.suppress(sqlite3.Error):
            version = _file_version(database)
            if version == self._file_version:
                return
            bans, tokens = BANS.read(database), TOKENS.read(database)
            self._file_version = version
            with self._changed:
                # Whole new dictionaries: readers on other threads see the old or the new ones.
                bans = BANS.overlaid(bans, self._pending)
                kept = TOKENS.overlaid(tokens, self._pending)
                by_digest = {one.digest: one for one in kept.values()}
                if (bans, by_digest) != (self._bans, self._tokens):
                    self._bans, self._tokens = bans, by_digest
                    self._revision += 1
                    self._changed.notify_all()

    def _may_retry(self, pause: float) -> bool:
        """Leave the disk alone for a while; false when closing and out of time."""
        with self._changed:
            self._changed.wait_for(self._closing, pause)
        if self._stop_by is None:
            return True
        time.sleep(_FIRST_PAUSE)  # closing cut the pause short; still do not spin
        return time.monotonic() < self._stop_by

    def _closing(self) -> bool:
        return self._stop_by is not None


def _file_version(database: sqlite3.Connection) -> int:
    (version,) = database.execute("PRAGMA data_version").fetchone()
    return int(version)


@contextlib.contextmanager
def _transaction(database: sqlite3.Connection) -> Generator[None]:
    """Do all of it or nothing; takes the write lock at once rather than half-way."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:  # SQLite itself rolls back after some errors
            database.execute("ROLLBACK")
        raise

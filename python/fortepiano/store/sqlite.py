"""A store in one SQLite file, written by one thread.

The event loop puts a change into a dictionary and goes on; the writer takes whatever has gathered
there within `GROUP_SECONDS` and commits it as one transaction. The dictionary has one entry per
user however often he changes, so it needs no bound of its own, and a disk that is slow, full or
locked costs nothing but freshness: the writer tries again, ever more slowly, until it works.
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
from fortepiano.store.base import UserRecord

__all__ = ["MIGRATIONS", "SQLiteStore"]

GROUP_SECONDS = 0.05
"""How long the first change of a group waits for others to join it."""

BUSY_SECONDS = 5.0
"""How long SQLite itself waits for another process to release the file."""

CLOSE_SECONDS = 5.0
"""How long `close` goes on trying to write."""

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE salt (number INTEGER PRIMARY KEY, value TEXT NOT NULL)",
        "CREATE TABLE user (id TEXT PRIMARY KEY, name TEXT NOT NULL, color TEXT NOT NULL)"
        " WITHOUT ROWID",
    ),
)
"""The statements that lead from each version of the file (PRAGMA user_version) to the next.

Append only: files of every earlier version are out there.
"""

_log = logs.logger(__name__)


class SQLiteStore:
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
        self._path = path
        self._busy_seconds = busy_seconds
        self._close_seconds = close_seconds
        self._users: dict[str, UserRecord] = {}
        self._salts = ("", "")
        self._writer: threading.Thread | None = None
        self._last_error: str | None = None
        # The condition guards what follows; nobody holds it while touching the disk.
        self._changed = threading.Condition()
        self._pending: dict[str, UserRecord] = {}
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
            raise StoreError(self._path, f"the last changes of users are lost: {reason}")

    def salts(self) -> tuple[str, str]:
        """Return the two secrets kept in the file."""
        return self._salts

    def user(self, user_id: str) -> UserRecord | None:
        """Return what is kept of a user."""
        return self._users.get(user_id)

    def save_user(self, record: UserRecord) -> None:
        """Keep a user, and have it written."""
        self._users[record.id] = record
        with self._changed:
            self._pending[record.id] = record
            self._changed.notify_all()

    def flush(self, timeout: float) -> bool:
        """Have everything written now, and wait for it."""
        with self._changed:
            self._hurry = bool(self._pending)
            self._changed.notify_all()
            return self._changed.wait_for(lambda: not self._pending and not self._writing, timeout)

    def _connect(self) -> sqlite3.Connection:
        # One thread at a time uses the connection: the opening one, and from then on the writer.
        # Transactions are spelled out below, hence no isolation level.
        database = sqlite3.connect(
            self._path, timeout=self._busy_seconds, isolation_level=None, check_same_thread=False
        )
        try:
            database.execute("PRAGMA journal_mode = WAL")
            # A killed process loses nothing committed; a power cut may cost the last moments.
            database.execute("PRAGMA synchronous = NORMAL")
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
            database.execute(f"PRAGMA user_version = {newest}")
            database.executemany(
                "INSERT OR IGNORE INTO salt (number, value) VALUES (?, ?)",
                [(number, secrets.token_hex(16)) for number in (1, 2)],
            )

    def _read(self, database: sqlite3.Connection) -> None:
        (first,), (second,) = database.execute("SELECT value FROM salt ORDER BY number LIMIT 2")
        self._salts = (first, second)
        rows = database.execute("SELECT id, name, color FROM user")
        self._users = {row[0]: UserRecord(*row) for row in rows}

    def _write_on(self, database: sqlite3.Connection) -> None:
        """Write group after group until closed: the life of the writer's thread."""
        with contextlib.closing(database):
            while batch := self._next_batch():
                pause = _FIRST_PAUSE
                while not self._written(database, batch):
                    if not self._may_retry(pause):
                        return
                    pause = min(2 * pause, _LONGEST_PAUSE)
                with self._changed:
                    self._writing = False
                    self._changed.notify_all()

    def _next_batch(self) -> dict[str, UserRecord]:
        """Wait for changes and take them; empty once there will be no more."""
        with self._changed:
            self._changed.wait_for(lambda: self._pending or self._closing())
            self._changed.wait_for(lambda: self._hurry or self._closing(), GROUP_SECONDS)
            batch, self._pending = self._pending, {}
            self._writing = bool(batch)
            self._hurry = False
            return batch

    def _written(self, database: sqlite3.Connection, batch: dict[str, UserRecord]) -> bool:
        """Try to write a group, and log when that begins or ceases to fail."""
        rows = [(one.id, _text(one.name), _text(one.color)) for one in batch.values()]
        before = self._last_error
        try:
            with _transaction(database):
                database.executemany(
                    "INSERT OR REPLACE INTO user (id, name, color) VALUES (?, ?, ?)", rows
                )
        except sqlite3.Error as error:
            self._last_error = str(error)
            if before is None:
                _log.error("store cannot be written", path=str(self._path), reason=str(error))
            return False
        self._last_error = None
        if before is not None:
            _log.info("store is written again", path=str(self._path))
        return True

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


def _text(value: str) -> str:
    """Replace what UTF-8 cannot hold: a lone surrogate would fail its group for ever."""
    return value.encode("utf-8", "replace").decode()

"""A store in one SQLite file.

Other processes may change bans and tokens in the file, as the command line does, and the writer
polls for such changes. Users belong to the process that serves them.
"""

import contextlib
import os
import secrets
import sqlite3
import time
from collections.abc import Collection, Generator
from pathlib import Path

from fortepiano.errors import StoreError
from fortepiano.store.audit_retention import INDEX, are_acts_before, delete_acts, oldest_kept
from fortepiano.store.files import make_folder, open_private
from fortepiano.store.record_kinds import AUDIT, BAN, KINDS, TOKEN, USER, AnyKind, Changes
from fortepiano.store.records import AuditQuery, AuditRecord
from fortepiano.store.schema import (
    MIGRATIONS,
    TABLES,
    check_whole,
    migrate,
    select_audit,
    version_of,
)
from fortepiano.store.writer import CLOSE_SECONDS, UnwritableError, WriterStore
from fortepiano.wall_clock import now_ms

__all__ = ["BUSY_SECONDS", "SQLiteStore", "is_migrated"]

BUSY_SECONDS = 5.0
"""How long SQLite itself waits for another process to release the file."""

LOG_BYTES = 4 * 1024 * 1024
"""The size to which SQLite's log of writes, the file `-wal`, returns; it grows while a reader of
another process needs old pages."""

SHRINK_SECONDS = 5.0
"""How often the writer looks for a log of writes that has grown and that nobody needs any more."""


class SQLiteStore(WriterStore):
    """A store in one SQLite file, with everything but the audit log in memory too.

    Args:
        path: The file. If missing, the file and its folder are made, for their owner only.
        busy_seconds: How long one attempt to write waits for other processes.
        close_seconds: How long `close` goes on trying after that.
        kinds: The kinds of records that are held. Without those of users the file is not checked
            as a whole either, which takes longer the more it holds.
    """

    _database: sqlite3.Connection  # while open; used by the writer's thread only

    def __init__(
        self,
        path: Path,
        *,
        busy_seconds: float = BUSY_SECONDS,
        close_seconds: float = CLOSE_SECONDS,
        kinds: Collection[AnyKind] = KINDS,
    ) -> None:
        super().__init__(path, close_seconds=close_seconds, last_seconds=busy_seconds, kinds=kinds)
        self._path = path
        self._busy_seconds = busy_seconds
        self._file_version = 0  # changes with every commit of another connection
        self._shrink_at = 0.0  # time.monotonic() of the next look

    def read(self) -> None:
        """Read the file, which has to have the tables of this version; its check is left out."""
        self._forget_lost()
        self._database = self._opened(migrates=False)
        self._is_read = True

    def open(self) -> None:
        """Make or migrate the file and read it, unless that is done; start the writer."""
        if self._writer is not None:
            return
        if not self._is_read:
            try:
                make_folder(self._path.parent)
                # Private, since the salts are secrets. SQLite gives its other files the same mode.
                os.close(open_private(self._path))
            except OSError as error:
                why = f"cannot be written: {error.strerror or error}"
                raise StoreError(self._path, why) from None
            self._forget_lost()
            self._database = self._opened(migrates=True)
        self._start()

    def _opened(self, *, migrates: bool) -> sqlite3.Connection:
        """Connect to the file and read it."""
        with contextlib.ExitStack() as on_failure:
            try:
                database = self._connect()
                on_failure.callback(database.close)
                if migrates:
                    self._migrate(database)
                self._read(database)
            except sqlite3.Error as error:
                raise StoreError(self._path, f"cannot be used as a database: {error}") from None
            on_failure.pop_all()
        return database

    def _connect(self) -> sqlite3.Connection:
        # No isolation level: `_transaction` writes BEGIN and COMMIT itself.
        database = sqlite3.connect(
            self._path, timeout=self._busy_seconds, isolation_level=None, check_same_thread=False
        )
        try:
            database.execute("PRAGMA journal_mode = WAL")
            # Commits must outlive a power cut, which matters for bans. The price is one sync for
            # each group, for which only the writer waits.
            database.execute("PRAGMA synchronous = FULL")
            # For a log that goes on being written: the first commit that begins it anew cuts it.
            database.execute(f"PRAGMA journal_size_limit = {LOG_BYTES}")
        except sqlite3.Error:
            database.close()
            raise
        return database

    def _migrate(self, database: sqlite3.Connection) -> None:
        if USER in self._records:
            check_whole(database, self._path)
        # Take the write lock even if there is nothing to do. So a file that cannot be written is
        # noticed at the start, and not at the first change of a name.
        with _transaction(database):
            version, newest = version_of(database, self._path), len(MIGRATIONS)
            migrate(database, version)
            if version < newest:  # otherwise write nothing that other processes would notice
                database.execute(f"PRAGMA user_version = {newest}")
            database.execute(INDEX)
            database.executemany(
                "INSERT OR IGNORE INTO salt (number, value) VALUES (?, ?)",
                [(number, secrets.token_hex(16)) for number in (1, 2)],
            )
            now = now_ms()
            database.execute("DELETE FROM ban WHERE until <= ?", (now,))

    def _read(self, database: sqlite3.Connection) -> None:
        # The version first: the next poll then finds all that is committed after it.
        self._file_version = _file_version(database)
        with _transaction(database, "DEFERRED"):  # one snapshot of all tables
            for kind in self._records:
                if kind is not AUDIT:
                    self._records[kind] = TABLES[kind].read(database)
                    self._index(kind)

    def _commit(self, batch: Changes) -> None:
        try:
            with _transaction(self._database):
                for (kind, key), record in batch.items():
                    TABLES[kind].write(self._database, key, record)
        except sqlite3.Error as error:
            raise UnwritableError(str(error)) from None

    def _poll(self) -> None:
        # Failures are ignored here: the next poll tries again, and a failing write reports them.
        with contextlib.suppress(sqlite3.Error):
            version = _file_version(self._database)
            if version != self._file_version:
                found = {
                    kind: TABLES[kind].read(self._database)
                    for kind in (BAN, TOKEN)
                    if kind in self._records
                }
                self._file_version = version
                self._merge(found)
            if time.monotonic() >= self._shrink_at:
                self._shrink_at = time.monotonic() + SHRINK_SECONDS
                self._shrink_log()

    def _shrink_log(self) -> None:
        """Empty the log of writes if it has grown, even if nobody writes any more.

        Where a reader still needs it, nothing happens: neither this thread nor others wait for one.
        """
        size = 0
        with contextlib.suppress(OSError):
            size = self._path.with_name(f"{self._path.name}-wal").stat().st_size
        if size <= LOG_BYTES:
            return
        self._database.execute("PRAGMA busy_timeout = 0")
        try:
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            self._database.execute(f"PRAGMA busy_timeout = {round(self._busy_seconds * 1000)}")

    def _delete_acts(self, since: int, rows: int, most: int) -> bool:
        try:
            self._database.execute(INDEX)  # as at the start, which `read` leaves out
            bound = oldest_kept(self._database, since, rows)
            # Without a transaction where nothing is due: it would lock out other processes.
            if not are_acts_before(self._database, bound):
                return False
            with _transaction(self._database):
                return delete_acts(self._database, bound, most) == most
        except sqlite3.Error as error:
            raise UnwritableError(str(error)) from None

    def _read_audit(self, query: AuditQuery) -> list[AuditRecord]:
        try:
            with contextlib.closing(self._connect()) as database:
                return select_audit(database, query)
        except sqlite3.Error as error:
            raise UnwritableError(str(error)) from None

    def _release(self) -> None:
        self._database.close()


def is_migrated(path: Path) -> bool:
    """Tell whether a file exists and has the tables of this version."""
    try:
        with contextlib.closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        ) as database:
            (version,) = database.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error:
        return False
    return bool(version == len(MIGRATIONS))


def _file_version(database: sqlite3.Connection) -> int:
    (version,) = database.execute("PRAGMA data_version").fetchone()
    return int(version)


@contextlib.contextmanager
def _transaction(database: sqlite3.Connection, mode: str = "IMMEDIATE") -> Generator[None]:
    """Run a `with` block as one transaction; by default, take the write lock at its start."""
    database.execute(f"BEGIN {mode}")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:  # SQLite itself rolls back after some errors
            database.execute("ROLLBACK")
        raise

"""Reads all records of a SQLite file as of one moment, and changes nothing in it."""

import contextlib
import sqlite3
from collections.abc import Generator, Iterator
from pathlib import Path

from fortepiano.errors import StoreError
from fortepiano.store.dump import Item
from fortepiano.store.record_kinds import KINDS
from fortepiano.store.schema import MIGRATIONS, TABLES, check_whole, migrate, version_of
from fortepiano.store.sqlite import BUSY_SECONDS

__all__ = ["reading_sqlite"]


@contextlib.contextmanager
def reading_sqlite(path: Path) -> Generator[Iterator[Item]]:
    """Read a file in one transaction; a server may write meanwhile.

    A file of an older version is read as it would be after its migration, but not migrated.

    Args:
        path: The file.

    Yields:
        The records, of each kind one after the other.

    Raises:
        StoreError: There is no such file, or it cannot be read.
    """
    # Not read-only: such a connection would leave files for shared memory behind.
    url = f"{path.absolute().as_uri()}?mode=rw"
    try:
        with contextlib.closing(
            sqlite3.connect(url, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
        ) as file:
            yield _items(_readable(file, path))
    except sqlite3.Error as error:
        raise StoreError(path, f"cannot be read as a database: {error}") from None


def _readable(file: sqlite3.Connection, path: Path) -> sqlite3.Connection:
    """Return a connection with the tables of this version.

    Raises:
        StoreError: The file has no tables, or those of a newer version, or is damaged.
    """
    file.execute("PRAGMA query_only = ON")
    check_whole(file, path)
    version = version_of(file, path)
    if version == 0:
        raise StoreError(path, "holds no data of a server")
    if version == len(MIGRATIONS):
        return file
    copy = sqlite3.connect(":memory:", isolation_level=None)
    file.backup(copy)
    migrate(copy, version)
    return copy


def _items(database: sqlite3.Connection) -> Iterator[Item]:
    with contextlib.closing(database):
        database.execute("BEGIN")
        for kind in KINDS:
            for record in TABLES[kind].records(database):
                yield kind, record

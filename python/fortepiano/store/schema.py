"""How records lie in an SQLite file."""

import dataclasses
import sqlite3
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from fortepiano.store.base import BanRecord, TokenRecord, UserRecord

__all__ = ["BANS", "MIGRATIONS", "TOKENS", "USERS", "AnyTable", "Changes", "Key", "Record", "Table"]

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE salt (number INTEGER PRIMARY KEY, value TEXT NOT NULL)",
        "CREATE TABLE user (id TEXT PRIMARY KEY, name TEXT NOT NULL, color TEXT NOT NULL)"
        " WITHOUT ROWID",
    ),
    (
        'CREATE TABLE ban (room TEXT, user_id TEXT, until INTEGER, "by" TEXT NOT NULL,'
        " reason TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (room, user_id)) WITHOUT ROWID",
        "CREATE TABLE token (id TEXT PRIMARY KEY, digest TEXT NOT NULL, scope TEXT NOT NULL,"
        " label TEXT NOT NULL, created INTEGER NOT NULL, expires INTEGER) WITHOUT ROWID",
    ),
)
"""The statements that lead from each version of the file (PRAGMA user_version) to the next.

Append only: files of every earlier version are out there.
"""

_LARGEST = 2**63 - 1
"""The largest integer of SQLite."""

Record: TypeAlias = UserRecord | BanRecord | TokenRecord

Kind = TypeVar("Kind", UserRecord, BanRecord, TokenRecord)

Key: TypeAlias = tuple[str, ...]
"""The values of the columns that tell a table's rows apart."""


@dataclass(frozen=True, slots=True, eq=False)
class Table(Generic[Kind]):
    """Where records of one kind are kept.

    Attributes:
        kind: Their class; its first fields are the key.
        select: Reads all of them, columns in the order of the fields.
        save: Writes one, columns in the same order.
        remove: Deletes the one with a key.
    """

    kind: type[Kind]
    select: str
    save: str
    remove: str

    @property
    def key_columns(self) -> int:
        """How many fields the key has."""
        return self.remove.count("?")

    def read(self, database: sqlite3.Connection) -> dict[Key, Kind]:
        """Read all records."""
        columns = self.key_columns
        return {row[:columns]: self.kind(*row) for row in database.execute(self.select)}

    def overlaid(self, kept: dict[Key, Kind], changes: "Changes") -> dict[Key, Kind]:
        """Return what will be in the table once some changes are written over what is there."""
        after = dict(kept)
        for (table, key), record in changes.items():
            if table is self and isinstance(record, self.kind):
                after[key] = record
            elif table is self:
                after.pop(key, None)
        return after

    def write(self, database: sqlite3.Connection, key: Key, record: Record | None) -> None:
        """Write one record, or delete what has the key if there is none."""
        if record is None:
            database.execute(self.remove, [_column(value) for value in key])
        else:
            database.execute(self.save, [_column(value) for value in dataclasses.astuple(record)])


AnyTable: TypeAlias = Table[UserRecord] | Table[BanRecord] | Table[TokenRecord]

Changes: TypeAlias = dict[tuple[AnyTable, Key], Record | None]
"""What is to be written, by table and key; None to delete."""

USERS = Table(
    UserRecord,
    "SELECT id, name, color FROM user",
    "INSERT OR REPLACE INTO user (id, name, color) VALUES (?, ?, ?)",
    "DELETE FROM user WHERE id = ?",
)

BANS = Table(
    BanRecord,
    'SELECT room, user_id, until, "by", reason, at FROM ban',
    'INSERT OR REPLACE INTO ban (room, user_id, until, "by", reason, at) VALUES (?, ?, ?, ?, ?, ?)',
    "DELETE FROM ban WHERE room = ? AND user_id = ?",
)

TOKENS = Table(
    TokenRecord,
    "SELECT id, digest, scope, label, created, expires FROM token",
    "INSERT OR REPLACE INTO token (id, digest, scope, label, created, expires)"
    " VALUES (?, ?, ?, ?, ?, ?)",
    "DELETE FROM token WHERE id = ?",
)


def _column(value: str | int | None) -> str | int | None:
    """Replace what SQLite cannot hold, a lone surrogate say: it would fail its group for ever."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    return value if value is None else min(value, _LARGEST)

"""The tables of the SQLite file, and the records in their rows."""

import dataclasses
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from fortepiano.errors import StoreError
from fortepiano.store.held_records import HeldRecords, UserTable
from fortepiano.store.record_kinds import (
    AUDIT,
    BAN,
    CHAT,
    ROOM,
    SALT,
    TOKEN,
    USER,
    AnyKind,
    Key,
    Record,
    storable,
    to_json,
)
from fortepiano.store.records import AuditQuery, AuditRecord

__all__ = [
    "MIGRATIONS",
    "TABLES",
    "Table",
    "check_whole",
    "migrate",
    "select_audit",
    "version_of",
]

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
    (
        "ALTER TABLE user ADD COLUMN first_seen INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE user ADD COLUMN last_seen INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE ban RENAME COLUMN user_id TO subject",
        "ALTER TABLE token ADD COLUMN user_id TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE token ADD COLUMN revoked INTEGER",
        "CREATE TABLE room (name TEXT PRIMARY KEY, document TEXT NOT NULL) WITHOUT ROWID",
        "CREATE TABLE chat (room TEXT PRIMARY KEY, document TEXT NOT NULL) WITHOUT ROWID",
        "CREATE TABLE audit (id TEXT PRIMARY KEY, at INTEGER NOT NULL, actor TEXT NOT NULL,"
        " action TEXT NOT NULL, room TEXT NOT NULL, subject TEXT NOT NULL, reason TEXT NOT NULL,"
        " details TEXT NOT NULL) WITHOUT ROWID",
    ),
)
"""Statements that migrate a file from each version (PRAGMA user_version) to the next.

Append only: files of every earlier version are in use.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The SQL for records of one kind.

    Attributes:
        kind: The kind.
        select: The statement that reads all records.
        save: The statement that writes one record.
        remove: The statement that deletes the record with a key.
        row: Turns a record into the columns of `save`.
        record: Turns the columns of `select` into a record; None for the kind's class.
    """

    kind: AnyKind
    select: str
    save: str
    remove: str
    row: Callable[[Any], tuple[Any, ...]] = dataclasses.astuple
    record: Callable[..., Record] | None = None

    def read(self, database: sqlite3.Connection) -> HeldRecords:
        """Read all records, by key."""
        if self.kind is USER:
            return UserTable.of_rows(database.execute(self.select))
        return {self.kind.key(record): record for record in self.records(database)}

    def records(self, database: sqlite3.Connection) -> Iterator[Record]:
        """Read all records, one after the other."""
        made = self.record or self.kind.type
        return (made(*row) for row in database.execute(self.select))

    def write(self, database: sqlite3.Connection, key: Key, record: Record | None) -> None:
        """Write one record; None deletes the record with the key."""
        if record is None:
            database.execute(self.remove, storable(key))
        else:
            database.execute(self.save, storable(self.row(record)))


def _audit_row(record: AuditRecord) -> tuple[Any, ...]:
    *columns, _ = (getattr(record, field.name) for field in dataclasses.fields(record))
    return (*columns, to_json(record.details).decode())


def _audit_record(*row: Any) -> AuditRecord:
    id_, at, actor, action, room, subject, reason, details = row
    return AuditRecord(id_, at, actor, action, room, subject, reason, orjson.loads(details))


TABLES: dict[AnyKind, Table] = {
    table.kind: table
    for table in (
        Table(
            SALT,
            "SELECT number, value FROM salt",
            "INSERT OR REPLACE INTO salt (number, value) VALUES (?, ?)",
            "DELETE FROM salt WHERE number = ?",
        ),
        Table(
            USER,
            "SELECT id, name, color, first_seen, last_seen FROM user",
            "INSERT OR REPLACE INTO user (id, name, color, first_seen, last_seen)"
            " VALUES (?, ?, ?, ?, ?)",
            "DELETE FROM user WHERE id = ?",
        ),
        Table(
            BAN,
            'SELECT room, subject, until, "by", reason, at FROM ban',
            'INSERT OR REPLACE INTO ban (room, subject, until, "by", reason, at)'
            " VALUES (?, ?, ?, ?, ?, ?)",
            "DELETE FROM ban WHERE room = ? AND subject = ?",
        ),
        Table(
            TOKEN,
            "SELECT id, digest, scope, label, created, expires, user_id, revoked FROM token",
            "INSERT OR REPLACE INTO token"
            " (id, digest, scope, label, created, expires, user_id, revoked)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            "DELETE FROM token WHERE id = ?",
        ),
        Table(
            ROOM,
            "SELECT document FROM room",
            "INSERT OR REPLACE INTO room (name, document) VALUES (?, ?)",
            "DELETE FROM room WHERE name = ?",
            row=lambda record: (record.name, to_json(record).decode()),
            record=ROOM.from_json,
        ),
        Table(
            CHAT,
            "SELECT document FROM chat",
            "INSERT OR REPLACE INTO chat (room, document) VALUES (?, ?)",
            "DELETE FROM chat WHERE room = ?",
            row=lambda record: (record.room, to_json(record).decode()),
            record=CHAT.from_json,
        ),
        Table(
            AUDIT,
            "SELECT id, at, actor, action, room, subject, reason, details FROM audit",
            # Not replaced: when a group is written again, its acts may be in the file already.
            "INSERT OR IGNORE INTO audit (id, at, actor, action, room, subject, reason, details)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            "DELETE FROM audit WHERE id = ?",
            row=_audit_row,
            record=_audit_record,
        ),
    )
}


def select_audit(database: sqlite3.Connection, query: AuditQuery) -> list[AuditRecord]:
    """Read acts of moderation, the newest first."""
    rows = database.execute(
        "SELECT id, at, actor, action, room, subject, reason, details FROM audit"
        " WHERE (:actor IS NULL OR actor = :actor) AND (:action IS NULL OR action = :action)"
        " AND (:room IS NULL OR room = :room) AND (:subject IS NULL OR subject = :subject)"
        " AND (:since IS NULL OR at >= :since) AND (:before IS NULL OR at < :before)"
        " ORDER BY id DESC LIMIT :limit",
        dataclasses.asdict(query),
    )
    return [_audit_record(*row) for row in rows]


def check_whole(database: sqlite3.Connection, path: Path) -> None:
    """Check that a file is not damaged.

    Raises:
        StoreError: The file is damaged.
    """
    (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise StoreError(path, f"is damaged: {' '.join(found.split())}")


def version_of(database: sqlite3.Connection, path: Path) -> int:
    """Return the version of a file; 0 if it has no tables.

    Raises:
        StoreError: A newer fortepiano wrote the file.
    """
    (version,) = database.execute("PRAGMA user_version").fetchone()
    newest = len(MIGRATIONS)
    if version > newest:
        raise StoreError(
            path,
            f"was written by a newer fortepiano: version {version} of the file,"
            f" and this one knows {newest}",
        )
    return int(version)


def migrate(database: sqlite3.Connection, version: int) -> None:
    """Run the statements that lead from a version to the newest."""
    for statement in (one for step in MIGRATIONS[version:] for one in step):
        database.execute(statement)

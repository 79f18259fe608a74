"""The SQL that deletes old acts of moderators of rooms from the SQLite file."""

import sqlite3

from fortepiano.store.records import USER_ID_LENGTH

__all__ = ["INDEX", "are_acts_before", "delete_acts", "oldest_kept"]

# A quotation mark inside of a text has a backslash before it, so `"scope":` is the key.
_OF_ROOM = f"room <> '' AND length(actor) = {USER_ID_LENGTH} AND instr(details, '\"scope\":') = 0"
"""The condition of acts of moderators of rooms; the same as `AuditRecord.is_of_room`."""

INDEX = f"CREATE INDEX IF NOT EXISTS audit_of_room ON audit (id) WHERE {_OF_ROOM}"
"""The statement that makes the index of these acts.

An index is no migration: older versions keep it up to date without knowing it. So a server of an
older version can be upgraded while it runs.
"""

_AFTER_ALL_DIGITS = "~"
"""A character behind all digits of an id, so that a bound includes the id before it."""


def oldest_kept(database: sqlite3.Connection, since: int, rows: int) -> str:
    """Return the id before which acts of moderators of rooms are deleted.

    Args:
        database: The file.
        since: Acts before this time are deleted; milliseconds since 1970.
        rows: How many acts are kept, the newest; 0 for all.
    """
    bound = f"{max(since, 0):012x}"  # ids begin with the time
    if not rows:
        return bound
    found = database.execute(
        f"SELECT id FROM audit WHERE {_OF_ROOM} ORDER BY id DESC LIMIT 1 OFFSET ?",  # noqa: S608
        (rows,),
    ).fetchone()
    return bound if found is None else max(bound, found[0] + _AFTER_ALL_DIGITS)


def are_acts_before(database: sqlite3.Connection, bound: str) -> bool:
    """Tell whether there are acts of moderators of rooms before an id."""
    query = f"SELECT 1 FROM audit WHERE {_OF_ROOM} AND id < ? LIMIT 1"  # noqa: S608
    return database.execute(query, (bound,)).fetchone() is not None


def delete_acts(database: sqlite3.Connection, bound: str, most: int) -> int:
    """Delete acts of moderators of rooms before an id, the oldest first; return how many."""
    deleted = database.execute(
        "DELETE FROM audit WHERE id IN"  # noqa: S608 - no text from outside is in the statement
        f" (SELECT id FROM audit WHERE {_OF_ROOM} AND id < ? ORDER BY id LIMIT ?)",
        (bound, most),
    )
    return deleted.rowcount

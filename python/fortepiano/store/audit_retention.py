"""The SQL that deletes old acts of moderators of rooms from the SQLite file."""

import sqlite3

__all__ = ["are_acts_before", "delete_acts", "oldest_kept"]

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
        "SELECT id FROM audit WHERE of_room = 1 ORDER BY id DESC LIMIT 1 OFFSET ?", (rows,)
    ).fetchone()
    return bound if found is None else max(bound, found[0] + _AFTER_ALL_DIGITS)


def are_acts_before(database: sqlite3.Connection, bound: str) -> bool:
    """Tell whether there are acts of moderators of rooms before an id."""
    query = "SELECT 1 FROM audit WHERE of_room = 1 AND id < ? LIMIT 1"
    return database.execute(query, (bound,)).fetchone() is not None


def delete_acts(database: sqlite3.Connection, bound: str, most: int) -> int:
    """Delete acts of moderators of rooms before an id, the oldest first; return how many."""
    deleted = database.execute(
        "DELETE FROM audit WHERE id IN"
        " (SELECT id FROM audit WHERE of_room = 1 AND id < ? ORDER BY id LIMIT ?)",
        (bound, most),
    )
    return deleted.rowcount

"""The bans: one native table to ask, and the store that keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fortepiano.native import Bans
    from fortepiano.store.base import BanRecord, Store

__all__ = ["PERMANENT", "SITE", "BanList"]

PERMANENT = 2**64 - 1
"""The end of a ban that has none, as the native table has it."""

SITE = ""
"""The room of bans that hold everywhere."""


class BanList:
    """Who may not enter which room, or the site at all.

    Args:
        table: The native table, empty; asked at each join and each connect.
        store: Where bans survive.
    """

    def __init__(self, table: Bans, store: Store) -> None:
        self._table = table
        self._store = store
        self._revision = -1
        self._known: set[tuple[str, str]] = set()
        self.refresh()

    def refresh(self) -> None:
        """Take over what another process, such as the command line, has changed in the store."""
        if self._store.revision == self._revision:
            return
        self._revision = self._store.revision
        records = self._store.bans()
        kept = {(record.room, record.subject) for record in records}
        for room, user_id in self._known - kept:
            self._table.remove(room, user_id)
        for record in records:
            self._table.add(record.room, record.subject, record.until)
        self._known = kept

    def ban(self, record: BanRecord) -> None:
        """Keep somebody out, from now on; a new ban replaces an old one."""
        self._table.add(record.room, record.subject, record.until)
        self._known.add((record.room, record.subject))
        self._store.save_ban(record)

    def lift(self, room: str, user_id: str) -> bool:
        """Let somebody in again; whether he was banned."""
        self._known.discard((room, user_id))
        self._store.remove_ban(room, user_id)
        return self._table.remove(room, user_id)

    def until(self, room: str, user_id: str, now: int) -> int | None:
        """Return when somebody's ban ends; None where he has none.

        Args:
            room: The room's name, or `SITE`.
            user_id: Who.
            now: Milliseconds since 1970, as is what is returned; a ban for ever ends at
                `PERMANENT`.
        """
        return self._table.until(room, user_id, now)

    def of(self, room: str) -> list[tuple[str, int]]:
        """Return the bans of a room as user ids and ends, those that have ended included."""
        return self._table.of(room)

    def prune(self, now: int) -> None:
        """Forget the bans that have ended."""
        self._table.prune(now)
        self._known = {key for key in self._known if self._table.until(*key, now) is not None}

"""The store: users' names and colours, bans, tokens, rooms, chat and the audit log.

All of it survives a restart.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING

from fortepiano.store.base import (
    AuditQuery,
    AuditRecord,
    BanRecord,
    ChatRecord,
    CrownRecord,
    MuteRecord,
    RoomRecord,
    Scope,
    Store,
    TokenRecord,
    UserRecord,
)
from fortepiano.store.record_kinds import KINDS, AnyKind
from fortepiano.store.salts import SALTS

if TYPE_CHECKING:
    from fortepiano.config import Settings

__all__ = [
    "DATABASE",
    "AuditQuery",
    "AuditRecord",
    "BanRecord",
    "ChatRecord",
    "CrownRecord",
    "MuteRecord",
    "RoomRecord",
    "Scope",
    "Store",
    "TokenRecord",
    "UserRecord",
    "closed_store",
    "open_store",
]

DATABASE = "fortepiano.sqlite3"
"""Name of the database in the data folder."""


def open_store(settings: "Settings", kinds: Collection[AnyKind] = KINDS) -> Store:
    """Open the store that the settings name.

    Args:
        settings: All settings.
        kinds: The kinds of records that are needed, beside the audit log; others are not read.

    Raises:
        StoreError: The data cannot be read or written.
    """
    store = closed_store(settings, kinds)
    store.open()
    return store


def closed_store(settings: "Settings", kinds: Collection[AnyKind] = KINDS) -> Store:
    """Return the store that the settings name, neither read nor opened; arguments as before."""
    # Each is imported where it is needed: Redis' library takes a tenth of a second.
    if settings.store.url == "memory:":
        from fortepiano.store.memory import MemoryStore

        return MemoryStore(kinds)
    if settings.store.url:
        from fortepiano.store.redis import RedisStore

        salts = settings.data_dir / SALTS
        return RedisStore(settings.store.url, settings.store.prefix, salts, kinds=kinds)
    from fortepiano.store.sqlite import SQLiteStore

    return SQLiteStore(settings.data_dir / DATABASE, kinds=kinds)

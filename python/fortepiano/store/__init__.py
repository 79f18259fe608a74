"""The store: users' names and colours, bans, tokens, rooms, chat and the audit log.

All of it survives a restart.
"""

from fortepiano.config import Settings
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
from fortepiano.store.memory import MemoryStore
from fortepiano.store.salts import SALTS
from fortepiano.store.sqlite import SQLiteStore

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
    "open_store",
]

DATABASE = "fortepiano.sqlite3"
"""Name of the database in the data folder."""


def open_store(settings: Settings, *, copies_salts: bool = True) -> Store:
    """Open the store that the settings name.

    Args:
        settings: All settings.
        copies_salts: Whether the data folder gets a copy of the salts that are in Redis.

    Raises:
        StoreError: The data cannot be read or written.
    """
    store: Store
    if settings.store.url == "memory:":
        store = MemoryStore()
    elif settings.store.url:
        # Imported here: most servers use no Redis, and its library takes a while to import.
        from fortepiano.store.redis import RedisStore

        store = RedisStore(
            settings.store.url,
            settings.store.prefix,
            settings.data_dir / SALTS,
            copies_salts=copies_salts,
        )
    else:
        store = SQLiteStore(settings.data_dir / DATABASE)
    store.open()
    return store

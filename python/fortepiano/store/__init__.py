"""The store: users' names and colours, bans, tokens, rooms, chat and the audit log.

All of it survives a restart.
"""

from fortepiano.config import Settings
from fortepiano.errors import StoreError
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
from fortepiano.store.lease import Lease
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


def open_store(
    settings: Settings, lease: Lease | None = None, *, copies_salts: bool = True
) -> Store:
    """Open the store that the settings name.

    Args:
        settings: All settings.
        lease: The lease of a server in Redis; None for a command that runs beside one.
        copies_salts: Whether the data folder gets a copy of the salts that are in Redis.

    Raises:
        StoreError: The data cannot be read or written, Redis does not answer, or another server
            owns it.
    """
    store: Store
    if settings.store.url == "memory:":
        store = MemoryStore()
    elif settings.store.url:
        # Imported here: most servers use no Redis, and its library takes a while to import.
        from fortepiano.store.redis import RedisStore
        from fortepiano.store.redis_url import without_secrets

        redis = RedisStore(
            settings.store.url,
            settings.store.prefix,
            settings.data_dir / SALTS,
            lease,
            copies_salts=copies_salts,
        )
        redis.open()
        if redis.last_error is not None:
            # Without it, everybody would have lost names, bans and rooms until it answers.
            redis.abandon()
            raise StoreError(
                without_secrets(settings.store.url),
                f"cannot be used (store.url): {redis.last_error}",
            )
        return redis
    else:
        store = SQLiteStore(settings.data_dir / DATABASE)
    store.open()
    return store

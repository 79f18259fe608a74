"""The store: users' names and colours, bans, tokens, rooms, chat and the audit log.

All of it survives a restart.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING

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
from fortepiano.store.memory import MemoryStore
from fortepiano.store.record_kinds import KINDS, AnyKind
from fortepiano.store.salts import SALTS
from fortepiano.store.sqlite import SQLiteStore
from fortepiano.store.writer import WriterStore

if TYPE_CHECKING:
    from fortepiano.config import Settings
    from fortepiano.store.lease import Lease

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


def open_store(
    settings: "Settings",
    lease: "Lease | None" = None,
    *,
    copies_salts: bool = True,
    kinds: Collection[AnyKind] = KINDS,
) -> Store:
    """Open the store that the settings name.

    Args:
        settings: All settings.
        lease: The lease of a server in Redis; None for a command that runs beside one.
        copies_salts: Whether the data folder gets a copy of the salts that are in Redis.
        kinds: The kinds of records that are needed, beside the audit log; others are not read.

    Raises:
        StoreError: The data cannot be read or written, Redis does not answer, or another server
            owns it.
    """
    store = closed_store(settings, lease, copies_salts=copies_salts, kinds=kinds)
    store.open()
    if isinstance(store, WriterStore) and store.last_error is not None:
        # Without Redis, everybody would have lost names, bans and rooms until it answers.
        store.abandon()
        raise StoreError(
            _place(settings.store.url), f"cannot be used (store.url): {store.last_error}"
        )
    return store


def _place(url: str) -> str:
    from fortepiano.store.redis_url import without_secrets

    return without_secrets(url)


def closed_store(
    settings: "Settings",
    lease: "Lease | None" = None,
    *,
    copies_salts: bool = True,
    kinds: Collection[AnyKind] = KINDS,
) -> Store:
    """Return the store that the settings name, neither read nor opened; arguments as before."""
    if settings.store.url == "memory:":
        return MemoryStore(kinds)
    if settings.store.url:
        # Imported here: most servers use no Redis, and its library takes a while to import.
        from fortepiano.store.redis import RedisStore

        return RedisStore(
            settings.store.url,
            settings.store.prefix,
            settings.data_dir / SALTS,
            lease,
            copies_salts=copies_salts,
            kinds=kinds,
        )
    return SQLiteStore(settings.data_dir / DATABASE, kinds=kinds)

"""The place where the settings store data, whether a server has, and a reading of it all."""

import contextlib
from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING

from fortepiano.errors import NothingStoredError, StoreError
from fortepiano.store import DATABASE
from fortepiano.store.dump import Item
from fortepiano.store.keyring import FILE, KeyRing
from fortepiano.store.lock import LOCK
from fortepiano.store.record_kinds import SALT
from fortepiano.store.salts import SALTS
from fortepiano.store.sqlite_reader import reading_sqlite

if TYPE_CHECKING:
    from fortepiano.config import Settings

__all__ = ["check_empty", "items_of_settings", "place_of", "require_store", "stored_keys"]


def place_of(settings: "Settings") -> dict[str, str]:
    """Return the place of the store, without passwords; empty texts for SQLite."""
    url = settings.store.url
    if url in ("", "memory:"):
        return {"url": url, "prefix": ""}
    from fortepiano.store.redis_url import without_secrets

    return {"url": without_secrets(url), "prefix": settings.store.prefix}


def require_store(settings: "Settings", *, only_reads: bool) -> None:
    """Refuse a place that is a mistake, before anything is made there.

    Args:
        settings: The settings.
        only_reads: Whether the caller needs a store that exists; else it may begin one.

    Raises:
        NothingStoredError: There is no database, or nothing in Redis under the prefix.
        StoreError: The settings name SQLite and the folder is of a server on Redis, or Redis does
            not answer.
    """
    if settings.store.url and only_reads:
        from fortepiano.store.redis_reader import require_redis

        require_redis(settings.store.url, settings.store.prefix)
    database = settings.data_dir / DATABASE
    if settings.store.url or database.exists():
        return
    if (settings.data_dir / SALTS).exists():
        raise StoreError(database, f"does not exist, and {_for_redis(settings)}")
    is_readable = not settings.data_dir.exists() or settings.data_dir.is_dir()
    if only_reads and is_readable:
        where = settings.data_dir.absolute()
        raise NothingStoredError(
            database, f"No such file: no server stores in {where}; see data_dir and --config"
        )


def check_empty(settings: "Settings", items: Iterable[Item]) -> None:
    """Refuse records that are salts only where that looks like a mistake.

    Raises:
        StoreError: There is nothing but salts, and no server runs on this database.
    """
    if settings.store.url or any(kind is not SALT for kind, _ in items):
        return
    database = settings.data_dir / DATABASE
    if (settings.data_dir / SALTS).exists():
        raise StoreError(database, f"is empty, and {_for_redis(settings)}")
    if not (settings.data_dir / LOCK).exists():
        raise StoreError(
            database, "is empty, and no server has ever run on it; see data_dir and --config"
        )


@contextlib.contextmanager
def items_of_settings(settings: "Settings") -> "Generator[Iterable[Item]]":
    """Read all records of the store of the settings, and change nothing.

    Yields:
        The records as of one moment.

    Raises:
        StoreError: The data cannot be read, or no server has stored any.
    """
    if settings.store.url:
        # Imported here: most servers use no Redis, and its library takes a while to import.
        from fortepiano.store.redis_reader import items_in_redis

        yield items_in_redis(settings.store.url, settings.store.prefix)
        return
    require_store(settings, only_reads=True)
    with reading_sqlite(settings.data_dir / DATABASE) as items:
        yield items


def stored_keys(settings: "Settings") -> KeyRing:
    """Return the key ring of the data folder, without keys if there is no file.

    Raises:
        StoreError: The file cannot be read, or others than its owner may read it.
    """
    ring = KeyRing(settings.data_dir / FILE, settings.identity.keys_kept)
    ring.refresh()
    return ring


def _for_redis(settings: "Settings") -> str:
    return (
        f"{settings.data_dir / SALTS} is of a server that stores in Redis: give its settings"
        " (--config), or store.url"
    )

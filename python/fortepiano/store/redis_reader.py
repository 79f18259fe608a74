"""Reads all records of a Redis as of one moment, and changes nothing in it."""

from collections.abc import Iterator

import msgspec

from fortepiano.errors import NothingStoredError, StoreError
from fortepiano.store.dump import Item
from fortepiano.store.record_kinds import AUDIT, KINDS
from fortepiano.store.redis import run_script
from fortepiano.store.redis_content import newer_layout
from fortepiano.store.redis_transaction import OF_ROOMS, Transactions
from fortepiano.store.redis_url import without_secrets

__all__ = ["items_in_redis", "require_redis"]

_HASHES = tuple(kind for kind in KINDS if kind is not AUDIT)

_VERSION_ONLY = "return {redis.call('GET', KEYS[1])}"

_READ = """
local answers = {redis.call('GET', KEYS[1])}
for at = 2, #KEYS - 2 do answers[at] = redis.call('HGETALL', KEYS[at]) end
for at = #KEYS - 1, #KEYS do answers[at] = redis.call('ZRANGE', KEYS[at], 0, -1) end
return answers
"""
"""A Lua script that reads everything at once; commands by themselves would see changes between."""


def items_in_redis(url: str, prefix: str) -> list[Item]:
    """Return all records under a prefix.

    Args:
        url: The URL of Redis, see `fortepiano.store.redis_url`.
        prefix: The prefix of all keys.

    Raises:
        NothingStoredError: Nothing is stored there.
        StoreError: Redis does not answer, or a record cannot be read.
    """
    place = without_secrets(url)
    names = ("version", *(kind.name for kind in _HASHES), AUDIT.name, OF_ROOMS)
    key = Transactions(prefix, None).key
    version, *answers = run_script(url, _READ, [key(name) for name in names])
    _check_version(version, place, prefix)
    return list(_items(answers, place))


def require_redis(url: str, prefix: str) -> None:
    """Refuse a Redis in which no server has stored anything under a prefix; arguments as before.

    Raises:
        NothingStoredError: Nothing is stored there.
        StoreError: Redis does not answer.
    """
    (version,) = run_script(url, _VERSION_ONLY, [Transactions(prefix, None).key("version")])
    _check_version(version, without_secrets(url), prefix)


def _check_version(version: bytes | None, place: str, prefix: str) -> None:
    if version is None:
        raise NothingStoredError(
            place, f"no server has stored anything there under store.prefix {prefix}"
        )
    if why := newer_layout(version):
        raise StoreError(place, why)


def _items(answers: list[list[bytes]], place: str) -> Iterator[Item]:
    *hashes, of_staff, of_rooms = answers
    for kind, held in zip(_HASHES, hashes, strict=True):
        for key, text in zip(held[::2], held[1::2], strict=True):
            try:
                yield kind, kind.from_json(text)
            except msgspec.DecodeError as error:
                told = f"{kind.name} {key.decode(errors='replace')} cannot be read: {error}"
                raise StoreError(place, told) from None
    acts = [AUDIT.from_json(text) for text in (*of_staff, *of_rooms)]
    yield from ((AUDIT, act) for act in sorted(acts, key=lambda act: act.id))

"""The records that a store holds in memory; those of users, of whom few are present, packed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableMapping
from typing import Any, Self, TypeAlias, cast

import msgspec

from fortepiano.store.record_kinds import USER, AnyKind, Changes, Key, storable
from fortepiano.store.records import USER_ID_LENGTH, UserRecord

__all__ = ["HeldRecords", "UserTable", "empty_table", "overlaid", "replace_record"]

_Row: TypeAlias = tuple[str, str, str, int, int]
"""The values of a record, in order."""

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(tuple[Any, ...]).decode


class UserTable(MutableMapping[Key, UserRecord]):
    """The records of users by key, each packed into two byte strings.

    A record takes a third of the memory that its objects would take. Byte strings refer to nothing,
    so the garbage collector visits none of them, however many users there are.
    """

    def __init__(self) -> None:
        self._packed: dict[bytes | str, bytes] = {}

    @classmethod
    def of_rows(cls, rows: Iterable[_Row]) -> Self:
        """Return the table of some rows."""
        table = cls()
        table._packed = {_short(row[0]): _pack(row[1:]) for row in rows}
        return table

    def copy(self) -> Self:
        """Return a table of the same records."""
        table = type(self)()
        table._packed = self._packed.copy()
        return table

    def __getitem__(self, key: Key) -> UserRecord:
        return UserRecord(key[0], *_unpack(self._packed[_short(key[0])]))

    def __setitem__(self, key: Key, record: UserRecord) -> None:
        values = (record.name, record.color, record.first_seen, record.last_seen)
        try:
            packed = _pack(values)
        except (UnicodeEncodeError, OverflowError):
            packed = _pack(storable(values))
        self._packed[_short(key[0])] = packed

    def __delitem__(self, key: Key) -> None:
        del self._packed[_short(key[0])]

    def __contains__(self, key: object) -> bool:
        return _short(cast("Key", key)[0]) in self._packed

    def __iter__(self) -> Iterator[Key]:
        # A list, since the writer's thread may add records meanwhile.
        return ((_long(short),) for short in list(self._packed))

    def __len__(self) -> int:
        return len(self._packed)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UserTable) and self._packed == other._packed

    def records(self) -> list[UserRecord]:
        """Return all records."""
        return [
            UserRecord(_long(short), *_unpack(packed))
            for short, packed in list(self._packed.items())
        ]


HeldRecords: TypeAlias = MutableMapping[Key, Any]
"""The records of one kind in memory, by key."""


def empty_table(kind: AnyKind) -> HeldRecords:
    """Return the table in which records of a kind are held, still empty."""
    return UserTable() if kind is USER else {}


def overlaid(kind: AnyKind, records: HeldRecords, changes: Changes) -> HeldRecords:
    """Return the records of a kind with some changes applied."""
    after = records.copy() if isinstance(records, UserTable) else dict(records)
    for (changed, key), record in changes.items():
        if changed is kind:
            replace_record(after, key, record)
    return after


def replace_record(records: HeldRecords, key: Key, record: Any) -> None:
    """Put a record in place of the one with its key; None deletes that."""
    if record is None:
        records.pop(key, None)
    else:
        records[key] = record


def _short(user_id: str) -> bytes | str:
    """Return an id in half of its size; one that is not in lower-case hex digits as it is."""
    if len(user_id) == USER_ID_LENGTH:
        try:
            short = bytes.fromhex(user_id)
        except ValueError:
            return user_id
        if short.hex() == user_id:
            return short
    return user_id


def _long(short: bytes | str) -> str:
    return short if isinstance(short, str) else short.hex()

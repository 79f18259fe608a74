"""Backups: all records of a store in a text file that any other store can read.

The first line is a header; the last line has the number of records. Each line between them is a
record, `{"kind": …, "record": …}` (docs/records.md). Acts of moderation come oldest first.
"""

import codecs
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, cast

import msgspec

from fortepiano.errors import StoreError
from fortepiano.store.base import AuditQuery, Store
from fortepiano.store.record_kinds import (
    AUDIT,
    BAN,
    CHAT,
    KEY,
    LARGEST,
    NAMED,
    ROOM,
    SALT,
    TOKEN,
    USER,
    AnyKind,
    Key,
    Record,
    to_json,
)
from fortepiano.store.records import SaltRecord, SigningKey

__all__ = [
    "FLUSH_EVERY",
    "VERSION",
    "Check",
    "Item",
    "flush",
    "flushing",
    "is_empty",
    "items_of",
    "lines_of",
    "lines_with",
    "read",
    "records_in",
    "removers",
    "replace",
    "savers",
]

Item: TypeAlias = tuple[AnyKind, Record]
"""A record and its kind."""

Check: TypeAlias = Callable[[AnyKind, Record], str]
"""Returns what is wrong with a record; an empty text if nothing is."""

VERSION = 2
"""The version of the format."""

_WITHOUT_KEYS = 1
"""The version of backups without signing keys, which older versions can read."""

FLUSH_EVERY = 10_000
"""How many records are saved before a wait for the disk, so that the store's queue has room."""

_FLUSH_SECONDS = 60.0

_T = TypeVar("_T")

_NAMED = {**NAMED, KEY.name: KEY}


class _Header(msgspec.Struct, forbid_unknown_fields=True):
    fortepiano_backup: int
    at: int


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    kind: str
    record: msgspec.Raw


class _End(msgspec.Struct, forbid_unknown_fields=True):
    records: int


def lines_of(store: Store, at: int) -> Iterator[bytes]:
    """Return the lines of a backup of an open store, each with its newline.

    Args:
        store: The store.
        at: The current time; milliseconds since 1970.

    Raises:
        StoreError: The audit log cannot be read.
    """
    return lines_with(_items_in(store), (), at)


def lines_with(items: Iterable[Item], keys: Sequence[SigningKey], at: int) -> Iterator[bytes]:
    """Return the lines of a backup, each with its newline.

    Args:
        items: The records.
        keys: The signing keys; versions that know none refuse a backup with them.
        at: The current time; milliseconds since 1970.
    """
    count = 0
    yield to_json(_Header(VERSION if keys else _WITHOUT_KEYS, at)) + b"\n"
    for count, (kind, record) in enumerate(chain(((KEY, key) for key in keys), items), 1):  # noqa: B007
        yield to_json(_Line(kind.name, msgspec.Raw(to_json(record)))) + b"\n"
    yield to_json(_End(count)) + b"\n"


def read(path: Path, check: Check | None = None) -> list[Item]:
    """Read a whole backup at once, so that a damaged one changes nothing.

    Args:
        path: The file.
        check: Checks the values of records; None trusts the file, fields that are not known
            included.

    Raises:
        StoreError: The file cannot be read, is damaged, incomplete, or of a newer fortepiano, or a
            record is wrong.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StoreError(path, f"cannot be read: {error.strerror or error}") from None
    return items_of(data, path, check)


def items_of(data: bytes, path: Path | str, check: Check | None = None) -> list[Item]:
    """Return the records of a backup.

    Args:
        data: The content of the whole file.
        path: The name of the backup in error messages.
        check: Checks the values of records; None trusts the file, fields that are not known
            included.

    Raises:
        StoreError: The backup is damaged, incomplete, or of a newer fortepiano, or a record is
            wrong.
    """
    # A person who writes a file by hand may leave a mark and blank lines.
    lines = data.removeprefix(codecs.BOM_UTF8).rstrip().splitlines()
    try:
        version = msgspec.json.decode(lines[0], type=_Header).fortepiano_backup
    except (msgspec.MsgspecError, UnicodeDecodeError, IndexError):
        raise StoreError(path, "is no backup of fortepiano") from None
    if version > VERSION:
        raise StoreError(
            path,
            f"was written by a newer fortepiano: version {version} of the format,"
            f" and this one knows {VERSION}",
        )
    items: list[Item] = []
    seen: dict[tuple[AnyKind, Key], int] = {}
    for number, text in enumerate(lines[1:-1], 2):
        try:
            kind, record = _item(text, check)
            first = seen.setdefault((kind, kind.key(record)), number)
            if first != number:
                raise ValueError(f"{kind.name}: line {first} has the same one")
        except ValueError as error:
            raise StoreError(path, f"is damaged in line {number}: {error}") from None
        items.append((kind, record))
    _check_end(lines[-1], len(items), path)
    return items


def _item(text: bytes, check: Check | None) -> Item:
    """Return the record in a line.

    Raises:
        ValueError: The line is wrong; the message says what is.
    """
    try:
        line = msgspec.json.decode(text, type=_Line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"must be a kind and a record: {_told(error)}") from None
    kind = _NAMED.get(line.kind)
    if kind is None:
        raise ValueError(f"{line.kind!r} is no kind; known are {', '.join(_NAMED)}")
    try:
        record = kind.from_json(bytes(line.record))
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueError(f"{kind.name}: {_told(error)}") from None
    if check is not None:
        given: object = msgspec.json.decode(line.record)
        problem = _unknown(given, msgspec.to_builtins(record)) or check(kind, record)
        if problem:
            raise ValueError(f"{kind.name}: {problem}")
    return kind, record


def _told(error: Exception) -> str:
    """Return the text of an error of decoding, with the place in the record first."""
    text, _, place = str(error).partition(" - at `$.")
    return f"{place.rstrip('`')}: {text}" if place else text


def _unknown(given: Any, known: Any, above: str = "") -> str:
    """Return what is in a record that no field of its class takes up; an empty text if nothing is.

    Args:
        given: The record as it stands in the file.
        known: The record that was made of it.
        above: The place in the record, for the message.
    """
    if not isinstance(given, dict) or not isinstance(known, dict):
        return ""
    found = cast("dict[str, Any]", given)
    for name, value in found.items():
        if name not in known:
            return f"{above}{name}: no such field"
        if problem := _unknown(value, known[name], f"{above}{name}."):
            return problem
    return ""


def _check_end(line: bytes, count: int, path: Path | str) -> None:
    """Check that the last line counts the records.

    Raises:
        StoreError: The end is missing, or counts other records.
    """
    try:
        told = msgspec.json.decode(line, type=_End).records
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise StoreError(path, 'is not whole: its end is missing, {"records": …}') from None
    if told != count:
        raise StoreError(path, f"is not whole: its end counts {told} records, not {count}")


def is_empty(store: Store) -> bool:
    """Tell whether a store has no records but its salts."""
    records = (store.users(), store.bans(), store.tokens(), store.rooms(), store.chats())
    return not any(records) and not store.audit(AuditQuery(limit=1))


def replace(store: Store, items: Iterable[Item]) -> None:
    """Replace all records of a store by those of a backup; acts of moderation are only added.

    Signing keys are left out, since no store has them.

    Raises:
        StoreError: Some of the records could not be written.
    """
    for remove in flushing(store, _removals(store)):
        remove()
    salts: dict[int, str] = {}
    save = savers(store)
    for kind, record in flushing(store, items):
        if isinstance(record, SaltRecord):
            salts[record.number] = record.value
        elif kind is not KEY:
            save[kind](record)
    if salts.keys() == {1, 2}:
        store.save_salts(salts[1], salts[2])
    flush(store)


def _removals(store: Store) -> Iterator[Callable[[], object]]:
    """Yield a function for each record that can be removed, which does so."""
    remove = removers(store)
    yield from (partial(remove[kind], *kind.key(record)) for kind, record in _current_in(store))


def removers(store: Store) -> dict[AnyKind, Callable[..., object]]:
    """Return the methods of a store that remove the record with a key, by kind."""
    return {
        USER: store.remove_user,
        BAN: store.remove_ban,
        TOKEN: store.remove_token,
        ROOM: store.remove_room,
        CHAT: store.remove_chat,
    }


def savers(store: Store) -> dict[AnyKind, Callable[[Any], object]]:
    """Return the methods of a store that save a record, by kind; salts are saved as a pair."""
    return {
        USER: store.save_user,
        BAN: store.save_ban,
        TOKEN: store.save_token,
        ROOM: store.save_room,
        CHAT: lambda record: store.save_chat(record.room, record.lines),
        AUDIT: store.add_audit,
    }


def flush(store: Store) -> None:
    """Wait until everything is written.

    Raises:
        StoreError: Some of the records could not be written.
    """
    if not store.flush(_FLUSH_SECONDS):
        reason = store.last_error or "it does not answer"
        raise StoreError("store", f"the records are not written as a whole: {reason}")


def flushing(store: Store, items: Iterable[_T]) -> Iterator[_T]:
    """Yield items, and wait for the disk now and then, so that the store's queue has room.

    Raises:
        StoreError: Some of the records could not be written.
    """
    for number, item in enumerate(items, 1):
        yield item
        if number % FLUSH_EVERY == 0:
            flush(store)


def _items_in(store: Store) -> Iterator[Item]:
    """Return all records of an open store.

    Raises:
        StoreError: The audit log cannot be read.
    """
    for number, salt in enumerate(store.salts(), 1):
        yield SALT, SaltRecord(number, salt)
    yield from records_in(store)


def records_in(store: Store) -> Iterator[Item]:
    """Return all records of an open store but its salts.

    Raises:
        StoreError: The audit log cannot be read.
    """
    yield from _current_in(store)
    acts = store.audit(AuditQuery(limit=LARGEST))
    yield from ((AUDIT, record) for record in reversed(acts))


def _current_in(store: Store) -> Iterator[Item]:
    """Return the records of an open store that may change: all but salts and past acts."""
    yield from ((USER, record) for record in store.users())
    yield from ((BAN, record) for record in store.bans())
    yield from ((TOKEN, record) for record in store.tokens())
    yield from ((ROOM, record) for record in store.rooms())
    yield from ((CHAT, record) for record in store.chats())

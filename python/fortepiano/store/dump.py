"""Backups: all records of a store in a text file that any other store can read.

The first line is a header; the last line has the number of records. Each line between them is a
record, `{"kind": …, "record": …}` (see `fortepiano.store.records`). Acts of moderation come oldest
first.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from fortepiano.errors import StoreError
from fortepiano.store.base import AuditQuery, Store
from fortepiano.store.record_kinds import (
    AUDIT,
    BAN,
    CHAT,
    KINDS,
    LARGEST,
    ROOM,
    SALT,
    TOKEN,
    USER,
    AnyKind,
    Record,
    to_json,
)
from fortepiano.store.records import SaltRecord

__all__ = ["Item", "is_empty", "items_of", "lines_of", "read", "replace"]

Item: TypeAlias = tuple[AnyKind, Record]
"""A record and its kind."""

VERSION = 1
"""The version of the format."""

_FLUSH_EVERY = 10_000
_FLUSH_SECONDS = 60.0

_NAMED = {kind.name: kind for kind in KINDS}


class _Header(msgspec.Struct, forbid_unknown_fields=True):
    fortepiano_backup: int
    at: int


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    kind: str
    record: msgspec.Raw


class _End(msgspec.Struct, forbid_unknown_fields=True):
    records: int


def lines_of(store: Store, at: int) -> Iterator[bytes]:
    """Return the lines of a backup, each with its newline.

    Args:
        store: The store to back up; must be open.
        at: The current time; milliseconds since 1970.

    Raises:
        StoreError: The audit log cannot be read.
    """
    count = 0
    yield to_json(_Header(VERSION, at)) + b"\n"
    for count, (kind, record) in enumerate(_items(store), 1):  # noqa: B007
        yield to_json(_Line(kind.name, msgspec.Raw(to_json(record)))) + b"\n"
    yield to_json(_End(count)) + b"\n"


def read(path: Path) -> list[Item]:
    """Read a whole backup at once, so that a damaged one changes nothing.

    Raises:
        StoreError: The file cannot be read, or is damaged, incomplete, or of a newer fortepiano.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StoreError(path, f"cannot be read: {error.strerror or error}") from None
    return items_of(data, path)


def items_of(data: bytes, path: Path | str) -> list[Item]:
    """Return the records of a backup.

    Args:
        data: The content of the whole file.
        path: The name of the backup in error messages.

    Raises:
        StoreError: The backup is damaged, incomplete, or of a newer fortepiano.
    """
    lines = data.splitlines()
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
    for number, text in enumerate(lines[1:-1], 2):
        try:
            line = msgspec.json.decode(text, type=_Line)
            kind = _NAMED[line.kind]
            items.append((kind, kind.from_json(bytes(line.record))))
        except (msgspec.MsgspecError, UnicodeDecodeError, KeyError):
            raise StoreError(path, f"is damaged in line {number}") from None
    try:
        whole = msgspec.json.decode(lines[-1], type=_End).records == len(items)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        whole = False
    if not whole:
        raise StoreError(path, "is not whole: its end is missing")
    return items


def is_empty(store: Store) -> bool:
    """Tell whether a store has no records but its salts."""
    records = (store.users(), store.bans(), store.tokens(), store.rooms(), store.chats())
    return not any(records) and not store.audit(AuditQuery(limit=1))


def replace(store: Store, items: Iterable[Item]) -> None:
    """Replace all records of a store by those of a backup; acts of moderation are only added.

    Raises:
        StoreError: Some of the records could not be written.
    """
    for user in store.users():
        store.remove_user(user.id)
    for ban in store.bans():
        store.remove_ban(ban.room, ban.subject)
    for token in store.tokens():
        store.remove_token(token.id)
    for room in store.rooms():
        store.remove_room(room.name)
    for chat in store.chats():
        store.remove_chat(chat.room)
    salts: list[SaltRecord] = []
    save: dict[AnyKind, Callable[[Any], object]] = {
        SALT: salts.append,
        USER: store.save_user,
        BAN: store.save_ban,
        TOKEN: store.save_token,
        ROOM: store.save_room,
        CHAT: lambda record: store.save_chat(record.room, record.lines),
        AUDIT: store.add_audit,
    }
    for number, (kind, record) in enumerate(items, 1):
        save[kind](record)
        if number % _FLUSH_EVERY == 0:  # so that the store's queue never gets full
            _flush(store)
    values = {salt.number: salt.value for salt in salts}
    if values.keys() == {1, 2}:
        store.save_salts(values[1], values[2])
    _flush(store)


def _flush(store: Store) -> None:
    if not store.flush(_FLUSH_SECONDS):
        reason = store.last_error or "it does not answer"
        raise StoreError("store", f"the backup is not restored as a whole: {reason}")


def _items(store: Store) -> Iterator[Item]:
    for number, salt in enumerate(store.salts(), 1):
        yield SALT, SaltRecord(number, salt)
    yield from ((USER, record) for record in store.users())
    yield from ((BAN, record) for record in store.bans())
    yield from ((TOKEN, record) for record in store.tokens())
    yield from ((ROOM, record) for record in store.rooms())
    yield from ((CHAT, record) for record in store.chats())
    acts = store.audit(AuditQuery(limit=LARGEST))
    yield from ((AUDIT, record) for record in reversed(acts))

"""The kinds of records: what tells them apart, how urgent they are, what they are as JSON."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar, cast

import msgspec

from fortepiano.store.records import (
    AuditRecord,
    BanRecord,
    ChatRecord,
    RoomRecord,
    SaltRecord,
    TokenRecord,
    UserRecord,
)

__all__ = [
    "AUDIT",
    "BAN",
    "CHAT",
    "KINDS",
    "LARGEST",
    "ROOM",
    "SALT",
    "TOKEN",
    "USER",
    "AnyKind",
    "Changes",
    "Key",
    "Kind",
    "Record",
    "overlaid",
    "to_json",
]

Record: TypeAlias = (
    SaltRecord | UserRecord | BanRecord | TokenRecord | RoomRecord | ChatRecord | AuditRecord
)

R = TypeVar("R", bound=Record)

Key: TypeAlias = tuple[str, ...]
"""What tells the records of a kind apart."""

LARGEST = 2**63 - 1
"""The largest integer that every store can hold."""


@dataclass(frozen=True, slots=True, eq=False)
class Kind(Generic[R]):
    """A kind of record.

    Attributes:
        name: What it is called in Redis and in backups; never changes.
        type: Its class.
        key: What tells its records apart.
        urgent: Whether somebody may wait for its commit.
    """

    name: str
    type: type[R]
    key: Callable[[R], Key]
    urgent: bool = True

    def from_json(self, text: str | bytes) -> R:
        """Return the record of a JSON object, as `to_json` makes it.

        Raises:
            msgspec.DecodeError: It is no JSON, or not of this kind.
        """
        return msgspec.json.decode(text, type=self.type)


AnyKind: TypeAlias = Kind[Any]

Changes: TypeAlias = dict[tuple[AnyKind, Key], Record | None]
"""What is to be written, by kind and key; None to delete."""

SALT = Kind("salt", SaltRecord, lambda salt: (str(salt.number),))
USER = Kind("user", UserRecord, lambda user: (user.id,), urgent=False)
BAN = Kind("ban", BanRecord, lambda ban: (ban.room, ban.subject))
TOKEN = Kind("token", TokenRecord, lambda token: (token.id,))
ROOM = Kind("room", RoomRecord, lambda room: (room.name,), urgent=False)
CHAT = Kind("chat", ChatRecord, lambda chat: (chat.room,), urgent=False)
AUDIT = Kind("audit", AuditRecord, lambda audit: (audit.id,))

KINDS: tuple[AnyKind, ...] = (SALT, USER, BAN, TOKEN, ROOM, CHAT, AUDIT)


def to_json(value: object) -> bytes:
    """Return a record, or a part of one, as JSON, with what no store can hold replaced."""
    try:
        return msgspec.json.encode(value)
    except (UnicodeEncodeError, OverflowError):
        return msgspec.json.encode(_holdable(msgspec.to_builtins(value)))


def overlaid(kind: AnyKind, kept: dict[Key, Any], changes: Changes) -> dict[Key, Any]:
    """Return what will be kept of a kind once some changes are written over what is there."""
    after = dict(kept)
    for (changed, key), record in changes.items():
        if changed is kind and record is not None:
            after[key] = record
        elif changed is kind:
            after.pop(key, None)
    return after


def _holdable(value: object) -> object:
    """Replace lone surrogates and endless integers: they would fail their group for ever."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, int):
        return min(value, LARGEST)
    if isinstance(value, dict):
        pairs = cast("dict[object, object]", value).items()
        return {_holdable(key): _holdable(item) for key, item in pairs}
    if isinstance(value, list | tuple):
        return [_holdable(item) for item in cast("list[object]", value)]
    return value

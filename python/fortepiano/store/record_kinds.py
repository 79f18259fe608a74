"""The kinds of records: their keys, their urgency, and their form as JSON."""

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
    SigningKey,
    TokenRecord,
    UserRecord,
)

__all__ = [
    "AUDIT",
    "BAN",
    "CHAT",
    "KEY",
    "KINDS",
    "LARGEST",
    "NAMED",
    "ROOM",
    "SALT",
    "TOKEN",
    "USER",
    "AnyKind",
    "Changes",
    "Key",
    "Kind",
    "Record",
    "storable",
    "to_json",
]

Record: TypeAlias = (
    SaltRecord
    | UserRecord
    | BanRecord
    | TokenRecord
    | RoomRecord
    | ChatRecord
    | AuditRecord
    | SigningKey
)

R = TypeVar("R", bound=Record)

Key: TypeAlias = tuple[str, ...]
"""The key of a record, unique within its kind."""

LARGEST = 2**63 - 1
"""The largest integer that every store can hold."""


@dataclass(frozen=True, slots=True, eq=False)
class Kind(Generic[R]):
    """A kind of record.

    Attributes:
        name: The name in Redis and in backups; never changes.
        type: The class of the records.
        key: Returns the key of a record.
        urgent: Whether callers may wait for the commit of a record.
    """

    name: str
    type: type[R]
    key: Callable[[R], Key]
    urgent: bool = True

    def from_json(self, text: str | bytes) -> R:
        """Return the record that `to_json` has turned into JSON.

        Raises:
            msgspec.DecodeError: The text is no JSON, or no record of this kind.
        """
        return msgspec.json.decode(text, type=self.type)


AnyKind: TypeAlias = Kind[Any]

Changes: TypeAlias = dict[tuple[AnyKind, Key], Record | None]
"""Records to write, by kind and key; None stands for a deletion."""

SALT = Kind("salt", SaltRecord, lambda salt: (str(salt.number),))
USER = Kind("user", UserRecord, lambda user: (user.id,), urgent=False)
BAN = Kind("ban", BanRecord, lambda ban: (ban.room, ban.subject))
TOKEN = Kind("token", TokenRecord, lambda token: (token.id,))
ROOM = Kind("room", RoomRecord, lambda room: (room.name,), urgent=False)
CHAT = Kind("chat", ChatRecord, lambda chat: (chat.room,), urgent=False)
AUDIT = Kind("audit", AuditRecord, lambda audit: (audit.id,))

KINDS: tuple[AnyKind, ...] = (SALT, USER, BAN, TOKEN, ROOM, CHAT, AUDIT)
"""The kinds of records in a store."""

NAMED: dict[str, AnyKind] = {kind.name: kind for kind in KINDS}
"""The kinds of records in a store, by name."""

KEY = Kind("key", SigningKey, lambda key: (key.id,))
"""The kind of signing keys, which are in backups but in no store (`fortepiano.store.keyring`)."""


def to_json(value: object) -> bytes:
    """Return a record, or a part of one, as JSON; values that no store can hold are replaced."""
    try:
        return msgspec.json.encode(value)
    except (UnicodeEncodeError, OverflowError):
        return msgspec.json.encode(storable(msgspec.to_builtins(value)))


def storable(value: object) -> Any:
    """Replace lone surrogates and huge integers: no write of their group could ever succeed.

    Args:
        value: A record, or a part of one, as built-in objects.
    """
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, int):
        return min(value, LARGEST)
    if isinstance(value, dict):
        pairs = cast("dict[object, object]", value).items()
        return {storable(key): storable(item) for key, item in pairs}
    if isinstance(value, list | tuple):
        return [storable(item) for item in cast("list[object]", value)]
    return value

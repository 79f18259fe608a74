"""A store that keeps nothing: for trying things out, and for tests."""

import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from fortepiano.store.base import CHAT_LINES, Loop
from fortepiano.store.kinds import (
    AUDIT,
    BAN,
    CHAT,
    KINDS,
    ROOM,
    SALT,
    TOKEN,
    USER,
    AnyKind,
    Key,
    Kind,
    Record,
)
from fortepiano.store.records import (
    AuditQuery,
    AuditRecord,
    BanRecord,
    ChatRecord,
    RoomRecord,
    SaltRecord,
    TokenRecord,
    UserRecord,
)

__all__ = ["MemoryStore"]

R = TypeVar("R", bound=Record)

_AUDIT_KEPT = 10_000
"""How many acts of moderation are remembered where memory is all there is."""


class MemoryStore:
    """Forgets everything when the process ends; user ids change with every start.

    The other stores are made of it: they add the writing to `_put` and `_drop`.
    """

    def __init__(self) -> None:
        self._kept: dict[AnyKind, dict[Key, Any]] = {kind: {} for kind in KINDS}
        self._by_digest: dict[str, TokenRecord] = {}
        self._set_salts(secrets.token_hex(16), secrets.token_hex(16))

    @property
    def healthy(self) -> bool:
        """Return true: there is nothing to fail."""
        return True

    @property
    def last_error(self) -> str | None:
        """Return None, as above."""
        return None

    @property
    def pending(self) -> int:
        """Return 0: nothing is written anywhere."""
        return 0

    @property
    def failures(self) -> int:
        """Return 0, as above."""
        return 0

    @property
    def revision(self) -> int:
        """Return 0: no other process can change anything."""
        return 0

    def open(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""

    def attach(self, loop: Loop, changed: Callable[[], object]) -> None:
        """Do nothing: all answers are immediate."""

    def when_saved(self, callback: Callable[[bool], object]) -> None:
        """Answer at once."""
        callback(True)

    def flush(self, timeout: float) -> bool:
        """Return at once: there is nothing to wait for."""
        return True

    def salts(self) -> tuple[str, str]:
        """Return the two secrets for user ids."""
        kept = self._of(SALT)
        return kept["1",].value, kept["2",].value

    def save_salts(self, first: str, second: str) -> None:
        """Keep other salts."""
        self._put(SALT, SaltRecord(1, first))
        self._put(SALT, SaltRecord(2, second))

    def user(self, user_id: str) -> UserRecord | None:
        """Return what is kept of a user."""
        return self._of(USER).get((user_id,))

    def users(self) -> list[UserRecord]:
        """Return all users."""
        return list(self._of(USER).values())

    def save_user(self, record: UserRecord) -> None:
        """Keep a user."""
        self._put(USER, record)

    def remove_user(self, user_id: str) -> None:
        """Forget a user."""
        self._drop(USER, (user_id,))

    def bans(self) -> list[BanRecord]:
        """Return all bans."""
        return list(self._of(BAN).values())

    def save_ban(self, record: BanRecord) -> None:
        """Keep a ban."""
        self._put(BAN, record)

    def remove_ban(self, room: str, subject: str) -> None:
        """Forget a ban."""
        self._drop(BAN, (room, subject))

    def tokens(self) -> list[TokenRecord]:
        """Return all tokens, the oldest first."""
        return sorted(self._of(TOKEN).values(), key=lambda token: (token.created, token.id))

    def token(self, digest: str) -> TokenRecord | None:
        """Return the token with a digest."""
        return self._by_digest.get(digest)

    def token_by_id(self, token_id: str) -> TokenRecord | None:
        """Return the token with an id."""
        return self._of(TOKEN).get((token_id,))

    def save_token(self, record: TokenRecord) -> None:
        """Keep a token."""
        self._put(TOKEN, record)

    def remove_token(self, token_id: str) -> None:
        """Forget a token."""
        self._drop(TOKEN, (token_id,))

    def rooms(self) -> list[RoomRecord]:
        """Return the rooms that are marked permanent."""
        return list(self._of(ROOM).values())

    def room(self, name: str) -> RoomRecord | None:
        """Return a permanent room."""
        return self._of(ROOM).get((name,))

    def save_room(self, record: RoomRecord) -> None:
        """Keep a room."""
        # A copy: the caller's are those of a room that goes on changing, and others write them out.
        settings, mutes = dict(record.settings), dict(record.mutes)
        self._put(ROOM, replace(record, settings=settings, mutes=mutes))

    def remove_room(self, name: str) -> None:
        """Forget a room."""
        self._drop(ROOM, (name,))

    def chats(self) -> list[ChatRecord]:
        """Return the chat of all rooms whose chat is kept."""
        return list(self._of(CHAT).values())

    def chat(self, room: str) -> tuple[str, ...]:
        """Return the last lines of a room."""
        record = self._of(CHAT).get((room,))
        return () if record is None else record.lines

    def save_chat(self, room: str, lines: tuple[str, ...]) -> None:
        """Keep the lines of a room."""
        self._put(CHAT, ChatRecord(room, lines[-CHAT_LINES:]))

    def remove_chat(self, room: str) -> None:
        """Forget the lines of a room."""
        self._drop(CHAT, (room,))

    def add_audit(self, record: AuditRecord) -> None:
        """Keep an act of moderation, for a while."""
        self._put(AUDIT, record)
        kept = self._of(AUDIT)
        while len(kept) > _AUDIT_KEPT:
            del kept[next(iter(kept))]

    def audit(self, query: AuditQuery) -> list[AuditRecord]:
        """Return acts of moderation, the newest first."""
        found = [record for record in self._of(AUDIT).values() if query.matches(record)]
        return sorted(found, key=lambda record: record.id, reverse=True)[: query.limit]

    def _of(self, kind: Kind[R]) -> dict[Key, R]:
        return self._kept[kind]

    def _put(self, kind: Kind[R], record: R) -> None:
        """Keep a record in place of the one with the same key."""
        self._of(kind)[kind.key(record)] = record
        self._index(kind)

    def _drop(self, kind: AnyKind, key: Key) -> None:
        """Forget the record with a key, if there is one."""
        if self._kept[kind].pop(key, None) is not None:
            self._index(kind)

    def _index(self, kind: AnyKind) -> None:
        """Follow a change of the records of a kind."""
        if kind is TOKEN:
            self._by_digest = {one.digest: one for one in self._of(TOKEN).values() if one.digest}

    def _set_salts(self, first: str, second: str) -> None:
        self._kept[SALT] = {("1",): SaltRecord(1, first), ("2",): SaltRecord(2, second)}

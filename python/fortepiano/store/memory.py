"""A store in memory only: for trying things out, and for tests."""

import contextlib
import secrets
from collections.abc import Callable, Collection, Generator, MutableMapping
from dataclasses import replace
from typing import TypeVar

from fortepiano.store.base import CHAT_LINES, Loop
from fortepiano.store.held_records import HeldRecords, UserTable, empty_table, replace_record
from fortepiano.store.record_kinds import (
    AUDIT,
    BAN,
    CHAT,
    KINDS,
    ROOM,
    SALT,
    TOKEN,
    USER,
    AnyKind,
    Changes,
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

_MOST_ACTS = 10_000
"""The most acts of moderation that a store in memory holds."""


class MemoryStore:
    """A store that loses everything when the process ends; user ids change with every start.

    The base of the other stores, which override `_put` and `_drop` in order to write.

    Args:
        kinds: The kinds of records that are held, beside the salts. A command that needs the bans
            alone does not read a million users.
    """

    def __init__(self, kinds: Collection[AnyKind] = KINDS) -> None:
        self._records: dict[AnyKind, HeldRecords] = {
            kind: empty_table(kind) for kind in KINDS if kind in (SALT, *kinds)
        }
        self._by_digest: dict[str, TokenRecord] = {}
        self._token_changes = 0
        self._set_salts(secrets.token_hex(16), secrets.token_hex(16))

    @property
    def healthy(self) -> bool:
        """Return true: nothing can fail."""
        return True

    @property
    def last_error(self) -> str | None:
        """Return None: nothing can fail."""
        return None

    @property
    def pending(self) -> int:
        """Return 0: nothing is written anywhere."""
        return 0

    @property
    def failures(self) -> int:
        """Return 0: nothing can fail."""
        return 0

    @property
    def revision(self) -> int:
        """Return 0: no other process can change anything."""
        return 0

    @property
    def token_changes(self) -> int:
        """Return a number that grows with each change of a token."""
        return self._token_changes

    def read(self) -> None:
        """Do nothing."""

    def open(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""

    def attach(self, loop: Loop, changed: Callable[[], object]) -> None:
        """Do nothing: `when_saved` always calls back at once."""

    def when_saved(self, callback: Callable[[bool], object]) -> None:
        """Call back at once."""
        callback(True)

    def when_current(self, room: str, callback: Callable[[bool], object]) -> None:
        """Call back at once: no other process opens rooms."""
        callback(True)

    def flush(self, timeout: float) -> bool:
        """Return at once: there is nothing to wait for."""
        return True

    @contextlib.contextmanager
    def noting_changes(self) -> Generator[Callable[[], Changes]]:
        """Note nothing: another process cannot read a store in memory, and gets it as a whole."""
        yield dict

    def adopt(self, changes: Changes) -> None:
        """Put records of another process in place of those here; nothing is written."""
        for (kind, key), record in changes.items():
            replace_record(self._records[kind], key, record)
        for kind in {kind for kind, _ in changes}:
            self._index(kind)

    def salts(self) -> tuple[str, str]:
        """Return the two secrets for user ids."""
        salts = self._of(SALT)
        return salts["1",].value, salts["2",].value

    def save_salts(self, first: str, second: str) -> None:
        """Store other salts."""
        self._put(SALT, SaltRecord(1, first))
        self._put(SALT, SaltRecord(2, second))

    def user(self, user_id: str) -> UserRecord | None:
        """Return the record of a user."""
        return self._of(USER).get((user_id,))

    def users(self) -> list[UserRecord]:
        """Return all users."""
        users = self._records[USER]
        return users.records() if isinstance(users, UserTable) else list(users.values())

    def save_user(self, record: UserRecord) -> None:
        """Store a user."""
        self._put(USER, record)

    def remove_user(self, user_id: str) -> None:
        """Delete a user."""
        self._drop(USER, (user_id,))

    def bans(self) -> list[BanRecord]:
        """Return all bans."""
        return list(self._of(BAN).values())

    def save_ban(self, record: BanRecord) -> None:
        """Store a ban."""
        self._put(BAN, record)

    def remove_ban(self, room: str, subject: str) -> None:
        """Delete a ban."""
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
        """Store a token."""
        self._put(TOKEN, record)

    def remove_token(self, token_id: str) -> None:
        """Delete a token."""
        self._drop(TOKEN, (token_id,))

    def rooms(self) -> list[RoomRecord]:
        """Return the permanent rooms."""
        return list(self._of(ROOM).values())

    def room(self, name: str) -> RoomRecord | None:
        """Return a permanent room."""
        return self._of(ROOM).get((name,))

    def save_room(self, record: RoomRecord) -> None:
        """Store a room."""
        # Copied: the caller goes on changing the mappings, and another thread writes the record.
        settings, mutes = dict(record.settings), dict(record.mutes)
        self._put(ROOM, replace(record, settings=settings, mutes=mutes))

    def remove_room(self, name: str) -> None:
        """Delete a room."""
        self._drop(ROOM, (name,))

    def chats(self) -> list[ChatRecord]:
        """Return the chat of all rooms whose chat is stored."""
        return list(self._of(CHAT).values())

    def chat(self, room: str) -> tuple[str, ...]:
        """Return the stored lines of a room."""
        record = self._of(CHAT).get((room,))
        return () if record is None else record.lines

    def save_chat(self, room: str, lines: tuple[str, ...]) -> None:
        """Store the lines of a room."""
        self._put(CHAT, ChatRecord(room, lines[-CHAT_LINES:]))

    def remove_chat(self, room: str) -> None:
        """Delete the lines of a room."""
        self._drop(CHAT, (room,))

    def add_audit(self, record: AuditRecord) -> None:
        """Store an act of moderation, until too many newer ones have come."""
        self._put(AUDIT, record)
        acts = self._of(AUDIT)
        while len(acts) > _MOST_ACTS:
            del acts[next(iter(acts))]

    def retain_audit(self, since: int, rows: int) -> None:
        """Delete acts of moderators of rooms that are too old or too many."""
        acts = self._of(AUDIT)
        of_rooms = [act for act in acts.values() if act.is_of_room]
        surplus = len(of_rooms) - rows if rows else 0
        for number, act in enumerate(of_rooms):
            if number < surplus or act.at < since:
                del acts[act.id,]

    def audit(self, query: AuditQuery) -> list[AuditRecord]:
        """Return acts of moderation, the newest first."""
        found = [record for record in self._of(AUDIT).values() if query.matches(record)]
        return sorted(found, key=lambda record: record.id, reverse=True)[: query.limit]

    def _of(self, kind: Kind[R]) -> MutableMapping[Key, R]:
        return self._records[kind]

    def _put(self, kind: Kind[R], record: R) -> None:
        """Store a record in place of the one with the same key."""
        self._of(kind)[kind.key(record)] = record
        self._index(kind)

    def _drop(self, kind: AnyKind, key: Key) -> None:
        """Delete the record with a key, if there is one."""
        if self._records[kind].pop(key, None) is not None:
            self._index(kind)

    def _index(self, kind: AnyKind) -> None:
        """Count a change of tokens, and update their look-up by digest."""
        if kind is TOKEN:
            self._token_changes += 1
            self._by_digest = {one.digest: one for one in self._of(TOKEN).values() if one.digest}

    def _set_salts(self, first: str, second: str) -> None:
        self._records[SALT] = {("1",): SaltRecord(1, first), ("2",): SaltRecord(2, second)}

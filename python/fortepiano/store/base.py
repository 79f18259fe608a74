"""The interface of all stores."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from fortepiano.store.record_kinds import Changes
from fortepiano.store.records import (
    AuditQuery,
    AuditRecord,
    BanRecord,
    ChatRecord,
    CrownRecord,
    MuteRecord,
    RoomRecord,
    SaltRecord,
    Scope,
    TokenRecord,
    TokenScope,
    UserRecord,
)

__all__ = [
    "CHAT_LINES",
    "AuditQuery",
    "AuditRecord",
    "BanRecord",
    "ChatRecord",
    "CrownRecord",
    "Loop",
    "MuteRecord",
    "RoomRecord",
    "SaltRecord",
    "Scope",
    "Store",
    "Timer",
    "TokenRecord",
    "TokenScope",
    "UserRecord",
]

CHAT_LINES = 500
"""The most lines of chat that are stored of one room, however many are saved."""


class Timer(Protocol):
    """A call that an event loop will make later."""

    def cancel(self) -> None:
        """Cancel the call."""
        ...


class Loop(Protocol):
    """The part of an event loop that a store needs."""

    def call_soon_threadsafe(self, callback: Callable[[], object], /) -> object:
        """Call a function on the loop's thread; may be requested from any thread."""
        ...

    def call_later(self, delay: float, callback: Callable[[], object], /) -> Timer:
        """Call a function after `delay` seconds; must be requested on the loop's thread."""
        ...


class Store(Protocol):
    """All data that survives a restart.

    Everything but the audit log is in memory from `open` to `close`. So reading and saving never
    block, and may be done on the event loop; only `open`, `audit`, `flush` and `close` may block.

    A change takes effect in memory at once and is written a moment later (see `when_saved`).
    Several changes of one record before the next write cost one write.
    """

    @property
    def healthy(self) -> bool:
        """Whether the last attempt to write succeeded; true before the first one."""
        ...

    @property
    def last_error(self) -> str | None:
        """Why the last attempt to write failed; None while healthy."""
        ...

    @property
    def pending(self) -> int:
        """How many changes are not written yet."""
        ...

    @property
    def failures(self) -> int:
        """How many attempts to write, or to read others' changes, have failed since the start."""
        ...

    @property
    def revision(self) -> int:
        """A number that grows whenever bans or tokens changed by another process are merged.

        Code with a copy of bans or tokens compares the number from time to time, or has itself
        called by `attach`.
        """
        ...

    @property
    def token_changes(self) -> int:
        """A number that grows with each change of a token, by this process or another."""
        ...

    def read(self) -> None:
        """Read everything and write nothing, while another process uses the store.

        Changes made here before `open` wait for it.

        Raises:
            StoreError: The data cannot be read.
        """
        ...

    def open(self) -> None:
        """Read everything, unless `read` has, and write from now on; does nothing when open.

        Must come before any other method but `read` and those that change records.

        Raises:
            StoreError: The data cannot be read or written.
        """
        ...

    def close(self) -> None:
        """Write the remaining changes, and release files and threads; does nothing when closed.

        Raises:
            StoreError: Some changes could not be written and are lost.
        """
        ...

    def attach(self, loop: Loop, changed: Callable[[], object]) -> None:
        """Make the store call back on an event loop; called once, on the loop's thread.

        Args:
            loop: The loop on which `when_saved` calls back.
            changed: Called on the loop's thread soon after `revision` has grown.
        """
        ...

    def when_saved(self, callback: Callable[[bool], object]) -> None:
        """Call back once all changes so far are committed.

        Must be called on the loop's thread; the callback runs there, once, perhaps at once.
        Without a loop (see `attach`), this method waits and calls back before it returns.

        Args:
            callback: Called with true after the commit. Called with false where there was no
                commit for a second: the changes are not saved yet, but stay queued.
        """
        ...

    def when_current(self, room: str, callback: Callable[[bool], object]) -> None:
        """Call back once everything is here that other processes have written about a room.

        Called before a room opens that was on another node of a cluster: its record, its bans and
        its chat. Thread and time of the callback are those of `when_saved`.

        Args:
            room: The room's name.
            callback: Called with false where the store does not answer: then it is unknown whether
                others have written more.
        """
        ...

    def flush(self, timeout: float) -> bool:
        """Wait until all changes so far are on disk; blocks, so not for the event loop.

        Args:
            timeout: The longest time to wait; seconds.

        Returns:
            Whether the changes are on disk.
        """
        ...

    def noting_changes(self) -> AbstractContextManager[Callable[[], Changes]]:
        """Note which records change while the context lasts, for a process that reads meanwhile.

        Returns:
            A context manager, which yields a function that returns all records that have changed,
            or whose changes were not written yet. A store in memory notes nothing.
        """
        ...

    def adopt(self, changes: Changes) -> None:
        """Put records that another process has written in place of those here, before `open`.

        Args:
            changes: What `noting_changes` of the other process has yielded.
        """
        ...

    def salts(self) -> tuple[str, str]:
        """Return the two secrets for user ids: made at random once, and then never changed."""
        ...

    def save_salts(self, first: str, second: str) -> None:
        """Store other salts. All user ids change, so this is for restoring a backup only."""
        ...

    def user(self, user_id: str) -> UserRecord | None:
        """Return the record of a user; None if they have never changed anything."""
        ...

    def users(self) -> list[UserRecord]:
        """Return the records of all users."""
        ...

    def save_user(self, record: UserRecord) -> None:
        """Store a user."""
        ...

    def remove_user(self, user_id: str) -> None:
        """Delete a user, if there is a record of them."""
        ...

    def bans(self) -> list[BanRecord]:
        """Return all bans. Bans that ended before `open` are deleted; others stay until removed."""
        ...

    def save_ban(self, record: BanRecord) -> None:
        """Store a ban; it replaces an earlier one of the same subject in the same room."""
        ...

    def remove_ban(self, room: str, subject: str) -> None:
        """Delete a ban, if there is one."""
        ...

    def tokens(self) -> list[TokenRecord]:
        """Return all tokens, the oldest first; expired and revoked ones included."""
        ...

    def token(self, digest: str) -> TokenRecord | None:
        """Return the token with a digest; the token may have expired or been revoked."""
        ...

    def token_by_id(self, token_id: str) -> TokenRecord | None:
        """Return the token with an id; the token may have expired or been revoked."""
        ...

    def save_token(self, record: TokenRecord) -> None:
        """Store a token; it replaces an earlier one with the same id."""
        ...

    def remove_token(self, token_id: str) -> None:
        """Delete a token, if there is one."""
        ...

    def rooms(self) -> list[RoomRecord]:
        """Return the permanent rooms."""
        ...

    def room(self, name: str) -> RoomRecord | None:
        """Return the permanent room with a name."""
        ...

    def save_room(self, record: RoomRecord) -> None:
        """Store a room; it replaces an earlier record of the room."""
        ...

    def remove_room(self, name: str) -> None:
        """Delete a room, if there is a record of it."""
        ...

    def chats(self) -> list[ChatRecord]:
        """Return the chat of all rooms whose chat is stored."""
        ...

    def chat(self, room: str) -> tuple[str, ...]:
        """Return the stored lines of a room as JSON, the oldest first."""
        ...

    def save_chat(self, room: str, lines: tuple[str, ...]) -> None:
        """Store the last `CHAT_LINES` of some lines, in place of the stored lines of a room.

        Args:
            room: The room's name.
            lines: Messages as JSON, the oldest first.
        """
        ...

    def remove_chat(self, room: str) -> None:
        """Delete the lines of a room, if there are any."""
        ...

    def add_audit(self, record: AuditRecord) -> None:
        """Store an act of moderation; one of a moderator of a room until `retain_audit`."""
        ...

    def retain_audit(self, since: int, rows: int) -> None:
        """Delete acts of moderators of rooms that are too old or too many; acts of staff remain.

        Done a moment later, in small steps: nobody waits long for a lock.

        Args:
            since: Acts before this time are deleted; milliseconds since 1970.
            rows: How many of these acts are kept, the newest; 0 for all.
        """
        ...

    def audit(self, query: AuditQuery) -> list[AuditRecord]:
        """Return acts of moderation, the newest first; blocks, so not for the event loop.

        Raises:
            StoreError: The acts cannot be read.
        """
        ...

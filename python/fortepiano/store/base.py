"""What every store can do."""

from collections.abc import Callable
from typing import Protocol

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
"""How many lines of a room are kept at most, however many are saved."""


class Timer(Protocol):
    """Something that will be called."""

    def cancel(self) -> None:
        """Do not call it."""
        ...


class Loop(Protocol):
    """The part of an event loop that a store needs."""

    def call_soon_threadsafe(self, callback: Callable[[], object], /) -> object:
        """Call something on the loop's thread; may be asked from any thread."""
        ...

    def call_later(self, delay: float, callback: Callable[[], object], /) -> Timer:
        """Call something after some seconds; asked from the loop's thread."""
        ...


class Store(Protocol):
    """Keeps what survives a restart.

    Everything but the audit log is in memory from `open` to `close`: reading and saving never wait,
    and may be done on the event loop. Only `open`, `audit`, `flush` and `close` may take their
    time. What is saved or removed counts in memory at once and is written a moment later (see
    `when_saved`); several changes of one thing before the next write cost one write.
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
        """How many attempts to write or to look have failed since the start."""
        ...

    @property
    def revision(self) -> int:
        """Grows whenever bans or tokens that another process changed have been taken over.

        Whoever keeps bans or tokens elsewhere too compares it from time to time, or has himself
        told, see `attach`.
        """
        ...

    def open(self) -> None:
        """Read everything, before anything else is asked for; harmless when open.

        Raises:
            StoreError: The data cannot be read or written.
        """
        ...

    def close(self) -> None:
        """Write what is not yet written and let go of files and threads; harmless when closed.

        Raises:
            StoreError: Something could not be written and is lost.
        """
        ...

    def attach(self, loop: Loop, changed: Callable[[], object]) -> None:
        """Have the store answer on an event loop from now on; asked once, on the loop's thread.

        Args:
            loop: The loop; `when_saved` answers on it.
            changed: Called on the loop's thread soon after `revision` has grown.
        """
        ...

    def when_saved(self, callback: Callable[[bool], object]) -> None:
        """Have somebody told when everything saved so far is safe.

        Asked on the loop's thread, and answered there, once; maybe at once. Without a loop (see
        `attach`) it waits and answers before it returns.

        Args:
            callback: Gets true after the commit; false where there was none for a second: it is not
                saved yet, but stays queued.
        """
        ...

    def flush(self, timeout: float) -> bool:
        """Wait until everything saved so far is on disk; not for the event loop.

        Args:
            timeout: How long to wait at most; seconds.

        Returns:
            Whether it is.
        """
        ...

    def salts(self) -> tuple[str, str]:
        """Return the two secrets for user ids: made at random once, and the same ever after."""
        ...

    def save_salts(self, first: str, second: str) -> None:
        """Keep other salts: every user becomes somebody else, so this is for restoring only."""
        ...

    def user(self, user_id: str) -> UserRecord | None:
        """Return what is kept of a user, or None if he never changed anything."""
        ...

    def users(self) -> list[UserRecord]:
        """Return all users who are kept."""
        ...

    def save_user(self, record: UserRecord) -> None:
        """Keep a user."""
        ...

    def remove_user(self, user_id: str) -> None:
        """Forget a user; harmless if he is not kept."""
        ...

    def bans(self) -> list[BanRecord]:
        """Return all bans; those that ended before `open` are forgotten, later ones included."""
        ...

    def save_ban(self, record: BanRecord) -> None:
        """Keep a ban, in place of an earlier one of the same subject in the same room."""
        ...

    def remove_ban(self, room: str, subject: str) -> None:
        """Forget a ban; harmless if there is none."""
        ...

    def tokens(self) -> list[TokenRecord]:
        """Return all tokens, the oldest first; expired and revoked ones included."""
        ...

    def token(self, digest: str) -> TokenRecord | None:
        """Return the token with a digest; it may have expired or been revoked."""
        ...

    def token_by_id(self, token_id: str) -> TokenRecord | None:
        """Return the token with an id; likewise."""
        ...

    def save_token(self, record: TokenRecord) -> None:
        """Keep a token, in place of an earlier one with the same id."""
        ...

    def remove_token(self, token_id: str) -> None:
        """Forget a token; harmless if there is none."""
        ...

    def rooms(self) -> list[RoomRecord]:
        """Return the rooms that are marked permanent."""
        ...

    def room(self, name: str) -> RoomRecord | None:
        """Return the permanent room with a name."""
        ...

    def save_room(self, record: RoomRecord) -> None:
        """Keep a room, in place of what was kept of it."""
        ...

    def remove_room(self, name: str) -> None:
        """Forget a room; harmless if it is not kept."""
        ...

    def chats(self) -> list[ChatRecord]:
        """Return the chat of all rooms whose chat is kept."""
        ...

    def chat(self, room: str) -> tuple[str, ...]:
        """Return the last lines of a room as JSON, the oldest first; none if they are not kept."""
        ...

    def save_chat(self, room: str, lines: tuple[str, ...]) -> None:
        """Keep the lines of a room, in place of those kept before; the last `CHAT_LINES` of them.

        Args:
            room: The room's name.
            lines: Messages as JSON, the oldest first.
        """
        ...

    def remove_chat(self, room: str) -> None:
        """Forget the lines of a room; harmless if none are kept."""
        ...

    def add_audit(self, record: AuditRecord) -> None:
        """Keep an act of moderation for ever."""
        ...

    def audit(self, query: AuditQuery) -> list[AuditRecord]:
        """Return acts of moderation, the newest first; not for the event loop.

        Raises:
            StoreError: They cannot be read.
        """
        ...

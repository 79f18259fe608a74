"""What every store can do, and what it keeps."""

from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

__all__ = ["BanRecord", "Scope", "Store", "TokenRecord", "UserRecord"]

Scope: TypeAlias = Literal["read", "moderate", "admin"]
"""What the holder of a staff token may do, the least first (see `fortepiano.model.staff`)."""


@dataclass(frozen=True, slots=True)
class UserRecord:
    """What is remembered of a user who has changed something about himself.

    Attributes:
        id: 24 lower-case hex digits.
        name: As others see it.
        color: `#rrggbb`.
    """

    id: str
    name: str
    color: str


@dataclass(frozen=True, slots=True)
class BanRecord:
    """A user who may not enter a room, or the whole site.

    Attributes:
        room: The room's name; empty for the whole site.
        user_id: Who is banned.
        until: The first moment at which he may come back, milliseconds since 1970; None for never.
        by: The id of the user or token that banned him.
        reason: Why, for people; may be empty.
        at: When he was banned; milliseconds since 1970.
    """

    room: str
    user_id: str
    until: int | None
    by: str
    reason: str
    at: int


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """A token of the staff, without the secret itself.

    Attributes:
        id: What people call it by; not a secret.
        digest: SHA-256 of the token, see `fortepiano.model.staff.digest`.
        scope: What its holder may do.
        label: Whose it is or what it is for; may be empty.
        created: Milliseconds since 1970.
        expires: The first moment at which it is no longer valid, milliseconds since 1970; None
            for never.
    """

    id: str
    digest: str
    scope: Scope
    label: str
    created: int
    expires: int | None


class Store(Protocol):
    """Keeps what survives a restart.

    Everything is in memory from `open` to `close`: reading and saving never wait, and may be done
    on the event loop. Only `open`, `flush` and `close` may take their time. What is saved or
    removed counts in memory at once and is written a moment later (see `flush`); several changes of
    one thing before the next write cost one write.
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
    def revision(self) -> int:
        """Grows whenever bans or tokens that another process changed have been taken over.

        Whoever keeps bans or tokens elsewhere too compares it from time to time.
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

    def salts(self) -> tuple[str, str]:
        """Return the two secrets for user ids: made at random once, and the same ever after."""
        ...

    def user(self, user_id: str) -> UserRecord | None:
        """Return what is kept of a user, or None if he never changed anything."""
        ...

    def save_user(self, record: UserRecord) -> None:
        """Keep a user."""
        ...

    def bans(self) -> list[BanRecord]:
        """Return all bans; those that ended before `open` are forgotten, later ones included."""
        ...

    def save_ban(self, record: BanRecord) -> None:
        """Keep a ban, in place of an earlier one of the same user in the same room."""
        ...

    def remove_ban(self, room: str, user_id: str) -> None:
        """Forget a ban; harmless if there is none."""
        ...

    def tokens(self) -> list[TokenRecord]:
        """Return all tokens, the oldest first; those that have expired included."""
        ...

    def token(self, digest: str) -> TokenRecord | None:
        """Return the token with a digest; it may have expired."""
        ...

    def save_token(self, record: TokenRecord) -> None:
        """Keep a token, in place of an earlier one with the same id."""
        ...

    def remove_token(self, token_id: str) -> None:
        """Forget a token; harmless if there is none."""
        ...

    def flush(self, timeout: float) -> bool:
        """Wait until everything saved so far is on disk.

        Args:
            timeout: How long to wait at most; seconds.

        Returns:
            Whether it is.
        """
        ...

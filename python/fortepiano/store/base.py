"""What every store can do, and what it keeps."""

from dataclasses import dataclass
from typing import Protocol

__all__ = ["Store", "UserRecord"]


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


class Store(Protocol):
    """Keeps what survives a restart.

    Everything is in memory from `open` to `close`: reading and saving never wait, and may be done
    on the event loop. Only `open`, `flush` and `close` may take their time.
    """

    @property
    def healthy(self) -> bool:
        """Whether the last attempt to write succeeded; true before the first one."""
        ...

    @property
    def last_error(self) -> str | None:
        """Why the last attempt to write failed; None while healthy."""
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
        """Keep a user: in memory at once, on disk within a second where the disk allows it.

        Several saves of one user before the next write cost one write.
        """
        ...

    def flush(self, timeout: float) -> bool:
        """Wait until everything saved so far is on disk.

        Args:
            timeout: How long to wait at most; seconds.

        Returns:
            Whether it is.
        """
        ...

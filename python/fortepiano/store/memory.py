"""A store that keeps nothing: for trying things out, and for tests."""

import secrets

from fortepiano.store.base import UserRecord

__all__ = ["MemoryStore"]


class MemoryStore:
    """Forgets everything when the process ends; user ids change with every start."""

    healthy = True
    last_error: str | None = None

    def __init__(self) -> None:
        self._salts = (secrets.token_hex(16), secrets.token_hex(16))
        self._users: dict[str, UserRecord] = {}

    def open(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""

    def salts(self) -> tuple[str, str]:
        """Return this process's two secrets."""
        return self._salts

    def user(self, user_id: str) -> UserRecord | None:
        """Return what is kept of a user."""
        return self._users.get(user_id)

    def save_user(self, record: UserRecord) -> None:
        """Keep a user until the process ends."""
        self._users[record.id] = record

    def flush(self, timeout: float) -> bool:
        """Return at once: there is nothing to wait for."""
        return True

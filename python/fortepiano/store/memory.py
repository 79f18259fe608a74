"""A store that keeps nothing: for trying things out, and for tests."""

import secrets

from fortepiano.store.base import BanRecord, TokenRecord, UserRecord

__all__ = ["MemoryStore"]


class MemoryStore:
    """Forgets everything when the process ends; user ids change with every start."""

    def __init__(self) -> None:
        self._salts = (secrets.token_hex(16), secrets.token_hex(16))
        self._users: dict[str, UserRecord] = {}
        self._bans: dict[tuple[str, ...], BanRecord] = {}  # by room and user
        self._tokens: dict[str, TokenRecord] = {}  # by digest

    @property
    def healthy(self) -> bool:
        """Return true: there is nothing to fail."""
        return True

    @property
    def last_error(self) -> str | None:
        """Return None, as above."""
        return None

    @property
    def revision(self) -> int:
        """Return 0: no other process can change anything."""
        return 0

    def open(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""

    def salts(self) -> tuple[str, str]:
        """Return the two secrets for user ids."""
        return self._salts

    def user(self, user_id: str) -> UserRecord | None:
        """Return what is kept of a user."""
        return self._users.get(user_id)

    def save_user(self, record: UserRecord) -> None:
        """Keep a user."""
        self._users[record.id] = record

    def bans(self) -> list[BanRecord]:
        """Return all bans."""
        return list(self._bans.values())

    def save_ban(self, record: BanRecord) -> None:
        """Keep a ban."""
        self._bans[record.room, record.user_id] = record

    def remove_ban(self, room: str, user_id: str) -> None:
        """Forget a ban."""
        self._bans.pop((room, user_id), None)

    def tokens(self) -> list[TokenRecord]:
        """Return all tokens, the oldest first."""
        return sorted(self._tokens.values(), key=lambda token: (token.created, token.id))

    def token(self, digest: str) -> TokenRecord | None:
        """Return the token with a digest."""
        return self._tokens.get(digest)

    def save_token(self, record: TokenRecord) -> None:
        """Keep a token."""
        others = [one for one in self._tokens.values() if one.id != record.id]
        self._tokens = {one.digest: one for one in [*others, record]}

    def remove_token(self, token_id: str) -> None:
        """Forget a token."""
        self._tokens = {one.digest: one for one in self._tokens.values() if one.id != token_id}

    def flush(self, timeout: float) -> bool:
        """Return at once: there is nothing to wait for."""
        return True

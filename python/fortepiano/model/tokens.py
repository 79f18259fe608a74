"""Tokens that the store knows: making them, finding them by digest, and their validity."""

import hashlib
import secrets
from typing import Final

from fortepiano.model.identity import Bearer
from fortepiano.model.permissions import staff_scope
from fortepiano.store.base import Store
from fortepiano.store.records import TokenRecord, TokenScope

__all__ = [
    "PREFIX",
    "TokenWatch",
    "digest",
    "is_revoked",
    "is_valid",
    "mint",
    "still_staff",
    "still_valid",
]

PREFIX: Final = "fp_"
"""The first letters of every token that the store knows."""

_DAY_MS = 86_400_000


def mint(
    scope: TokenScope, label: str, now_ms: int, days: int | None, user_id: str = ""
) -> tuple[str, TokenRecord]:
    """Make a new token.

    Args:
        scope: The rights of the token's holder.
        label: The holder's name, or the purpose.
        now_ms: The time now; milliseconds since 1970.
        days: How many days the token is valid; None for ever.
        user_id: The user that the token stands for; empty for staff.

    Returns:
        The token, `fp_<id>_<secret>`, which is stored nowhere, and the record to store.
    """
    token_id = secrets.token_hex(4)
    token = f"{PREFIX}{token_id}_{secrets.token_hex(32)}"
    expires = None if days is None else now_ms + days * _DAY_MS
    return token, TokenRecord(token_id, digest(token), scope, label, now_ms, expires, user_id)


def digest(token: str) -> str:
    """Return the digest under which a token is stored: its SHA-256 in hex.

    A slow hash made for passwords would add nothing. Nobody can guess 32 random bytes from the
    digest, nor digit by digit from the time that a look-up takes.
    """
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def is_valid(record: TokenRecord, now_ms: int) -> bool:
    """Tell whether a token has neither expired nor been revoked.

    Args:
        record: The token's record.
        now_ms: The time now; milliseconds since 1970.
    """
    return record.revoked is None and (record.expires is None or now_ms < record.expires)


def is_revoked(store: Store, bearer: Bearer) -> bool:
    """Tell whether a browser's signed token is among those of its user that were revoked."""
    record = store.token_by_id(bearer.user_id)
    return record is not None and record.revoked is not None and bearer.issued <= record.revoked


def still_valid(
    store: Store, held: TokenRecord | Bearer, now_ms: int
) -> TokenRecord | Bearer | None:
    """Return a token as it stands now; None if it has been revoked, replaced or has expired.

    Args:
        store: The store.
        held: The token as it was.
        now_ms: The time now; milliseconds since 1970.
    """
    if isinstance(held, Bearer):
        return None if now_ms >= held.expires or is_revoked(store, held) else held
    found = store.token_by_id(held.id)
    if found is None or found.digest != held.digest or not is_valid(found, now_ms):
        return None
    return found


def still_staff(store: Store, held: TokenRecord, now_ms: int) -> TokenRecord | None:
    """Return a token of the staff as it stands now; None if it is none any more.

    Args:
        store: The store.
        held: The token as it was.
        now_ms: The time now; milliseconds since 1970.
    """
    found = still_valid(store, held, now_ms)
    return found if isinstance(found, TokenRecord) and staff_scope(found) is not None else None


class TokenWatch:
    """Decides when the tokens of open sessions have to be looked at again.

    A look at all sessions of a full server takes milliseconds. So there is one only after a token
    has changed in the store, or at the time when the first token in use expires.

    Args:
        store: The store.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen = store.token_changes
        self._next_end: int | None = None

    def add(self, token: TokenRecord | Bearer) -> None:
        """Note a token that is in use from now on."""
        expires = token.expires
        if expires is not None and (self._next_end is None or expires < self._next_end):
            self._next_end = expires

    def expire_all(self) -> None:
        """Have all tokens looked at soon, since they come from another process."""
        self._next_end = 0

    def is_due(self, now_ms: int) -> bool:
        """Tell whether all tokens in use have to be looked at; those that remain are added again.

        Args:
            now_ms: The time now; milliseconds since 1970.
        """
        changes = self._store.token_changes
        has_ended = self._next_end is not None and now_ms >= self._next_end
        if changes == self._seen and not has_ended:
            return False
        self._seen, self._next_end = changes, None
        return True

"""Tokens that the store knows: making them, finding them by digest, and their validity."""

import hashlib
import secrets
from typing import Final

from fortepiano.store.records import TokenRecord, TokenScope

__all__ = ["PREFIX", "digest", "is_valid", "mint"]

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

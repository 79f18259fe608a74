"""Tokens that the store knows: making them, finding them by digest, and their validity."""

import hashlib
import secrets
from typing import Final

from fortepiano.store.records import TokenRecord, TokenScope

__all__ = ["PREFIX", "digest", "is_valid", "mint"]

PREFIX: Final = "fp_"
"""First letters of every token that the store knows."""

_DAY_MS = 86_400_000


def mint(
    scope: TokenScope, label: str, now_ms: int, days: int | None, user_id: str = ""
) -> tuple[str, TokenRecord]:
    """Make a new token.

    Args:
        scope: What its holder may do.
        label: Whose it is or what it is for.
        now_ms: The present; milliseconds since 1970.
        days: For how long it is valid; None for ever.
        user_id: The user that its holder is; empty for the staff.

    Returns:
        The token, `fp_<id>_<secret>`, which is kept nowhere, and the record to keep.
    """
    token_id = secrets.token_hex(4)
    token = f"{PREFIX}{token_id}_{secrets.token_hex(32)}"
    expires = None if days is None else now_ms + days * _DAY_MS
    return token, TokenRecord(token_id, digest(token), scope, label, now_ms, expires, user_id)


def digest(token: str) -> str:
    """Return what is kept of a token: its SHA-256 in hex.

    A slow hash made for passwords would add nothing: 32 random bytes cannot be tried out, neither
    from the digest nor, digit by digit, by the time that looking it up takes.
    """
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def is_valid(record: TokenRecord, now_ms: int) -> bool:
    """Tell whether a token has neither expired nor been revoked.

    Args:
        record: The token, as the store has it.
        now_ms: The present; milliseconds since 1970.
    """
    return record.revoked is None and (record.expires is None or now_ms < record.expires)

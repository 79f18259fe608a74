"""User ids: their form, new ones, and the colour that each begins with."""

import re
import secrets

from fortepiano.store.records import USER_ID_LENGTH

__all__ = ["USER_ID", "default_color", "is_user_id", "new_user_id"]

USER_ID = f"[0-9a-f]{{{USER_ID_LENGTH}}}"
"""The regular expression of a whole user id."""

_USER_ID = re.compile(USER_ID)


def is_user_id(text: str) -> bool:
    """Tell whether a text is a user id: 24 lower-case hex digits."""
    return _USER_ID.fullmatch(text) is not None


def new_user_id() -> str:
    """Return the id of a user who is new to this server."""
    return secrets.token_hex(USER_ID_LENGTH // 2)


def default_color(user_id: str) -> str:
    """Return the default colour of a user: `#` and the first six digits of the id."""
    return f"#{user_id[:6]}"

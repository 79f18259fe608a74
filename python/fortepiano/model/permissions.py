"""What the staff may do, and the tokens that tell who belongs to it."""

import hashlib
import secrets
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias, get_args

from fortepiano.store.records import Scope, TokenRecord, TokenScope

__all__ = [
    "EVERYWHERE",
    "PREFIX",
    "Permission",
    "Permissions",
    "admin_messages_of",
    "announced",
    "digest",
    "is_valid",
    "may_notify",
    "may_send_html",
    "mint",
    "permissions_of",
    "staff_scope",
]

Permission: TypeAlias = Literal[
    "clearChat",
    "vanish",
    "chsetAnywhere",
    "chownAnywhere",
    "usersetOthers",
    "siteBan",
    "siteBanAnyReason",
    "siteBanAnyDuration",
    "playNotesAnywhere",
]
"""One thing that not everybody may do, under the name that clients know (docs/protocol.md)."""

Permissions: TypeAlias = dict[Permission, bool]
"""What `hi` announces: a key for each permission there is, and none for the others."""

PREFIX: Final = "fp_"
"""What a token begins with that the store knows."""

EVERYWHERE: Final = "all"
"""What a notification names instead of a room or a user to reach everybody."""

_PERMISSIONS: Mapping[Scope, frozenset[Permission]] = {
    "read": frozenset(),
    "moderate": frozenset({"clearChat", "vanish", "chownAnywhere", "usersetOthers", "siteBan"}),
    "admin": frozenset(get_args(Permission)),
}

_MODERATE_MESSAGES = frozenset(
    {"color", "setcolor", "name", "setname", "clear_chat", "notification", "move", "siteunban"}
)

# Of the messages other servers have, `eval` is missing for good: nobody runs code from outside.
_ADMIN_MESSAGES: Mapping[Scope, frozenset[str]] = {
    "read": frozenset(),
    "moderate": _MODERATE_MESSAGES,
    "admin": _MODERATE_MESSAGES
    | {
        "user_flag",
        "tag",
        "remove_tag",
        "restart",
        "forceload",
        "unforceload",
        "ch_flag",
        "rename_channel",
        "admin_chat",
    },
}

_DAY_MS = 86_400_000


def permissions_of(scope: Scope | None) -> frozenset[Permission]:
    """Return the permissions of a scope; none for None, who is not of the staff."""
    return frozenset() if scope is None else _PERMISSIONS[scope]


def staff_scope(record: TokenRecord) -> Scope | None:
    """Return what a token allows to do as staff; None for a bot's or a user's."""
    return None if record.scope == "bot" or record.scope == "user" else record.scope


def announced(scope: Scope | None) -> Permissions:
    """Return a scope's permissions as `hi` announces them."""
    return dict.fromkeys(sorted(permissions_of(scope)), True)


def admin_messages_of(scope: Scope | None) -> frozenset[str]:
    """Return which messages a scope may put inside `admin message`, by their `m`."""
    return frozenset() if scope is None else _ADMIN_MESSAGES[scope]


def may_notify(
    scope: Scope | None, own_room: str | None, room: str | None, user_id: str | None
) -> bool:
    """Tell whether a scope may send a `notification` inside `admin message`.

    A moderator reaches the room he is in, or one user; only an admin reaches other rooms and
    everybody.

    Args:
        scope: The scope of the sender.
        own_room: The name of the room he is in, if any.
        room: The room it goes to, or `EVERYWHERE`; None if it names none.
        user_id: The user it goes to, or `EVERYWHERE`; None if it names none.
    """
    if "notification" not in admin_messages_of(scope):
        return False
    if scope == "admin":
        return True
    # A room may well have the name that stands for everywhere; being in it opens nothing.
    if EVERYWHERE in (room, user_id):
        return False
    return room in (None, own_room)


def may_send_html(scope: Scope | None) -> bool:
    """Tell whether a scope may send HTML: it runs as the page's own in other people's browsers."""
    return scope == "admin"


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

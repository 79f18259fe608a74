"""The permissions of staff scopes, and the admin messages that each scope may send."""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias, get_args

from fortepiano.store.records import Scope, TokenRecord

__all__ = [
    "EVERYWHERE",
    "Permission",
    "Permissions",
    "admin_messages_of",
    "hello_permissions",
    "may_notify",
    "may_send_html",
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
"""A permission, by its name on the wire (docs/protocol.md)."""

Permissions: TypeAlias = dict[Permission, bool]
"""Permissions as `hi` sends them: a key, always true, for each one that a user has."""

EVERYWHERE: Final = "all"
"""Stands for the room or the user in a notification to everybody."""

_PERMISSIONS: Mapping[Scope, frozenset[Permission]] = {
    "read": frozenset(),
    "moderate": frozenset({"clearChat", "vanish", "chownAnywhere", "usersetOthers", "siteBan"}),
    "admin": frozenset(get_args(Permission)),
}

_MODERATE_MESSAGES = frozenset(
    {"color", "setcolor", "name", "setname", "clear_chat", "notification", "move", "siteunban"}
)

# Other servers also have `eval`. There is none here on purpose: no message may run code.
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


def permissions_of(scope: Scope | None) -> frozenset[Permission]:
    """Return the permissions of a scope; none for None, which means a user who is not staff."""
    return frozenset() if scope is None else _PERMISSIONS[scope]


def staff_scope(record: TokenRecord) -> Scope | None:
    """Return the staff scope of a token; None for the token of a bot or of a user."""
    return None if record.scope == "bot" or record.scope == "user" else record.scope


def hello_permissions(scope: Scope | None) -> Permissions:
    """Return a scope's permissions as `hi` sends them."""
    return dict.fromkeys(sorted(permissions_of(scope)), True)


def admin_messages_of(scope: Scope | None) -> frozenset[str]:
    """Return the messages that a scope may send inside `admin message`, by their `m`."""
    return frozenset() if scope is None else _ADMIN_MESSAGES[scope]


def may_notify(
    scope: Scope | None, own_room: str | None, room: str | None, user_id: str | None
) -> bool:
    """Tell whether a scope may send a `notification` inside `admin message`.

    The scope `moderate` may send to the sender's own room, or to one user; only `admin` may send to
    other rooms or to everybody.

    Args:
        scope: The scope of the sender.
        own_room: The name of the sender's room, if any.
        room: The room to which it goes, or `EVERYWHERE`; None if it names no room.
        user_id: The user to whom it goes, or `EVERYWHERE`; None if it names no user.
    """
    if "notification" not in admin_messages_of(scope):
        return False
    if scope == "admin":
        return True
    # A room may be named "all" too, but being in it does not allow to send to everybody.
    if EVERYWHERE in (room, user_id):
        return False
    return room in (None, own_room)


def may_send_html(scope: Scope | None) -> bool:
    """Tell whether a scope may send HTML, which can run scripts in other users' browsers."""
    return scope == "admin"

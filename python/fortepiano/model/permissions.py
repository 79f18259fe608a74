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
"""One thing that not everybody may do, under the name that clients know (docs/protocol.md)."""

Permissions: TypeAlias = dict[Permission, bool]
"""What `hi` announces: a key for each permission there is, and none for the others."""

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


def permissions_of(scope: Scope | None) -> frozenset[Permission]:
    """Return the permissions of a scope; none for None, who is not of the staff."""
    return frozenset() if scope is None else _PERMISSIONS[scope]


def staff_scope(record: TokenRecord) -> Scope | None:
    """Return what a token allows to do as staff; None for a bot's or a user's."""
    return None if record.scope == "bot" or record.scope == "user" else record.scope


def hello_permissions(scope: Scope | None) -> Permissions:
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

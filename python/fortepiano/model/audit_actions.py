"""The actions that the audit log names, and the search for them under old spellings too."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from fortepiano.store.base import Store
    from fortepiano.store.records import AuditQuery, AuditRecord

__all__ = ["AuditAction", "find_acts"]


class AuditAction(StrEnum):
    """A kind of act in the audit log; its value is stored, and operators filter by it.

    The list only grows, since rows of the log are never changed.

    Attributes:
        meaning: What was done.
        old: The spelling in rows that the first versions wrote; the value if it was the same.
    """

    meaning: str
    old: str

    def __new__(cls, value: str, meaning: str = "", old: str = "") -> Self:
        """Make an action; its value is the stored word."""
        action = str.__new__(cls, value)
        action._value_ = value
        action.meaning = meaning
        action.old = old or value
        return action

    # Bans and mutes.
    KICKBAN = "kickban", "a user was banned from a room"
    UNBAN = "unban", "a ban from a room was lifted"
    SITEBAN = "siteban", "a user or a network was banned from the whole site"
    SITEUNBAN = "siteunban", "a ban from the whole site was lifted"
    IMPORT_BANS = "import_bans", "the bans of a file were imported", "import bans"
    MUTE = "mute", "the notes or the chat of a user were muted in a room"
    UNMUTE = "unmute", "the mute of a user in a room ended"

    # Network lists.
    IMPORT_NETWORKS = "import_networks", "a network list was imported", "import networks"
    REMOVE_NETWORKS = "remove_networks", "a network list was removed", "remove networks"

    # Users and their connections.
    SETNAME = "setname", "a user was given another name"
    SETCOLOR = "setcolor", "a user was given another colour"
    TAG = "tag", "a user was given a tag"
    REMOVE_TAG = "remove_tag", "the tag of a user was removed"
    USER_FLAG = "user_flag", "a flag of a user was set or removed"
    VANISH = "vanish", "a member of staff hid from others"
    APPEAR = "appear", "a member of staff stopped hiding"
    MOVE = "move", "a user was moved to another room"
    KICK = "kick", "a user was put out of a room or off the site, and may come back"
    CLOSE_CONNECTION = "close_connection", "one connection of a user was closed", "close connection"

    # Rooms.
    CHSET = "chset", "the settings of a room were changed by staff"
    CHOWN = "chown", "the crown of a room was given or dropped by staff"
    OWNER_ID = "owner_id", "the owner of a room was set or removed"
    LIMIT = "limit", "the limit of people in a room was set or removed by `ch_flag`"
    CLEARCHAT = "clearchat", "the chat of a room was deleted"
    RENAME_CHANNEL = "rename_channel", "a room was renamed, or merged with another"
    FORCELOAD = "forceload", "a room was made permanent"
    UNFORCELOAD = "unforceload", "a permanent room was made an ordinary one"
    CLOSE_ROOM = "close_room", "the people of a room were sent to the lobby", "close room"

    # The server.
    NOTICE = "notice", "a notice was sent to a user, to a room or to everybody"
    RESTART = "restart", "the server was stopped, to start again"


_SPELLINGS = {
    spelling: tuple(dict.fromkeys((action.value, action.old)))
    for action in AuditAction
    for spelling in (action.value, action.old)
}


def find_acts(store: Store, query: AuditQuery) -> list[AuditRecord]:
    """Return the acts that a query selects, the newest first; its action has any spelling.

    Args:
        store: The store.
        query: The query; acts under the old spelling of its action are found too.
    """
    spellings = _SPELLINGS.get(query.action or "", (query.action,))
    found = [act for action in spellings for act in store.audit(replace(query, action=action))]
    if len(spellings) == 1:
        return found
    return sorted(found, key=lambda act: act.id, reverse=True)[: query.limit]

"""The conditions for entering a room (docs/protocol.md, "Entering a room")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fortepiano.model.notice_codes import Code

if TYPE_CHECKING:
    from fortepiano.model.room import Room
    from fortepiano.model.session import Session
    from fortepiano.model.user import User

__all__ = ["entry_refusal"]


def entry_refusal(room: Room, session: Session, user: User, now: int) -> tuple[Code, str] | None:
    """Return why a user may not enter a room, as a code and a sentence; None if they may.

    Users who are there with another tab, co-owners, the owner, the last holder of the crown and
    staff may always enter. Bots may enter with a token from the operator, or if they created the
    room.

    Args:
        room: The room.
        session: The user's session that wants to enter.
        user: The user.
        now: Milliseconds since 1970.
    """
    settings = room.settings
    belongs_there = user.id in room.participants or user.id in room.co_owners
    had_crown = room.crown is not None and room.crown.user_id == user.id
    if belongs_there or had_crown or settings.get("owner_id") == user.id or session.permissions:
        return None
    if settings.get("inviteOnly") is True and user.id not in room.invited:
        return Code.INVITED_ONLY, "That room is for invited people only."
    limit = settings.get("limit")
    if isinstance(limit, int) and not room.is_special and len(room.participants) >= limit:
        return Code.ROOM_FULL, "That room is full."
    wait = settings.get("minOnlineTime")
    if isinstance(wait, int) and now - user.since < wait:
        return Code.TOO_NEW, "You have not been online long enough for that room."
    is_allowed_bot = not session.is_bot or session.is_known_bot or room.maker == user.id
    if settings.get("allowBots") is False and not is_allowed_bot:
        return Code.NO_BOTS, "Bots may not enter that room."
    return None

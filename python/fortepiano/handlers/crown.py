"""The crown and the rights that come with it: `chown`, `chset`, `coowner`, `invite`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fortepiano.actions.room_changes import (
    change_crown,
    change_settings,
    give_crown,
    override_settings,
)
from fortepiano.actions.shared import act_everywhere
from fortepiano.model.crown import Crown
from fortepiano.model.notice_codes import Code
from fortepiano.protocol.notices import notice
from fortepiano.protocol.shared_acts import Invitation

if TYPE_CHECKING:
    from fortepiano.model.room import Room
    from fortepiano.model.session import Session
    from fortepiano.protocol.context import Context
    from fortepiano.protocol.incoming import Chown, CoOwner, Invite, RoomSettings

__all__ = ["chown", "chset", "coowner", "invite", "require_moderator"]


_MOST_MEMBERS = 1000
"""The most users that a room remembers as invited, and as co-owners."""


def require_moderator(context: Context, session: Session, permission: str = "") -> Room | None:
    """Return a session's room if its user may moderate it; else send a notice, and return None.

    Args:
        context: The context.
        session: The session.
        permission: The permission with which staff may moderate any room.
    """
    participant = session.participant
    if participant is None:
        return None
    room = participant.room
    may = room.can_moderate(participant.user.id) or permission in session.permissions
    if room.is_special or not may:
        _refuse(context, session)
        return None
    return room


def chown(context: Context, session: Session, message: Chown) -> None:
    """Give the crown to a participant, drop it, or pick it up (docs/protocol.md, "Crown")."""
    participant = session.participant
    if participant is None or participant.room.crown is None:
        return
    room, crown, now = participant.room, participant.room.crown, context.now()
    is_holder = crown.holder is participant
    is_entitled = (
        is_holder
        or room.settings.get("owner_id") == participant.user.id
        or crown.may_be_taken_by(participant.user.id, now, context.rules.crown_idle_ms)
    )
    by_staff = "chownAnywhere" in session.permissions or participant.user.has_flag("cansetcrowns")
    if not (is_entitled or by_staff):
        if message.id == participant.user.id and crown.holder is None:
            context.outbound.notify_once(
                session, Code.CROWN_RESTS, "The crown may not be taken yet."
            )
        return
    new_holder = room.participants.get(message.id) if isinstance(message.id, str) else None
    if new_holder is not None:
        if new_holder is not crown.holder:
            if is_entitled:
                change_crown(context, room, Crown.given_to(new_holder, now))
            else:
                give_crown(context, session, room, new_holder)
    elif is_holder:
        change_crown(
            context, room, Crown.dropped_by(participant, context.world.pointer(participant), now)
        )


def chset(context: Context, session: Session, message: RoomSettings) -> None:
    """Change the settings of a room; absent ones stay, except `color2`, which is removed."""
    room = require_moderator(context, session, "chsetAnywhere")
    if room is not None:
        if session.user is not None and room.can_moderate(session.user.id):
            change_settings(context, room, message.set)
        else:
            override_settings(context, session, room, message.set)


def coowner(context: Context, session: Session, message: CoOwner) -> None:
    """Make a participant co-owner, or end that; only the holder of the crown may do so."""
    participant = session.participant
    if participant is None or participant.room.is_special:
        return
    room = participant.room
    if room.holder is not participant:
        _refuse(context, session)
        return
    target = room.participants.get(message.id)
    # A hidden participant counts as absent: an answer would reveal that they are here.
    is_seen = target is not None and message.id not in room.hidden
    if message.on and not is_seen:
        return
    if not _set_member(room.co_owners, message.id, on=message.on):
        return
    context.directory.save(room)
    context.outbound.broadcast_room(room)
    news = (
        notice("You rule this room beside its owner.", Code.COOWNER)
        if message.on
        else notice("You rule this room no more.", Code.NOT_COOWNER)
    )
    for tab in target.tabs if target is not None else ():
        context.outbound.send(tab, [news])


def invite(context: Context, session: Session, message: Invite) -> None:
    """Invite a user to an invite-only room, with a notice; or take the invitation back."""
    room = require_moderator(context, session)
    if room is None:
        return
    _set_member(room.invited, message.id, on=message.on)
    context.directory.save(room)
    if message.on:
        act_everywhere(context, Invitation(message.id, room.name))


def _set_member(members: set[str], user_id: str, *, on: bool) -> bool:
    """Add a user to a set unless it is full, or remove them; return whether the set changed."""
    if (user_id in members) == on or (on and len(members) >= _MOST_MEMBERS):
        return False
    (members.add if on else members.remove)(user_id)
    return True


def _refuse(context: Context, session: Session) -> None:
    context.outbound.notify_once(
        session, Code.ONLY_OWNER, "Only who holds the crown of this room may do that."
    )

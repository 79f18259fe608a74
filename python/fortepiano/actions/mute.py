"""Mutes of users in a room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fortepiano.actions.act_budget import spend_act
from fortepiano.actions.refusal import RefusedError
from fortepiano.model.audit_actions import AuditAction
from fortepiano.model.notice_codes import Code
from fortepiano.protocol.notices import notice

if TYPE_CHECKING:
    from fortepiano.model.room import Mute, Room
    from fortepiano.model.session import Session
    from fortepiano.protocol.context import Context
    from fortepiano.store.records import TokenRecord

__all__ = ["mute"]


def mute(
    context: Context,
    by: Session | TokenRecord,
    room: Room,
    user_id: str,
    wanted: Mute,
    reason: str = "",
) -> None:
    """Mute a participant, or end a mute; the user gets a notice.

    Args:
        context: The context.
        by: The session, or the token of the admin API, that asks for it.
        room: The room.
        user_id: The user. For a user who is not there a mute can only be ended.
        wanted: The mute; one of neither notes nor chat ends it.
        reason: The reason, for the audit log.

    Raises:
        RefusedError: The user is not there or holds the crown, or the room is a lobby, or there
            were too many acts.
    """
    if room.is_special:
        raise RefusedError(Code.ONLY_OWNER, "Nobody is muted in a lobby.")
    participant = room.participants.get(user_id)
    if wanted.notes or wanted.chat:
        if participant is None:
            raise RefusedError(Code.NOT_FOUND, "That user is not in the room.")
        if room.holder is participant:
            raise RefusedError(Code.HOLDER_IS_SAFE, "Nobody mutes who holds the crown.")
        spend_act(context, by)
        room.mutes[user_id] = wanted
        news = notice("You have been muted in this room.", Code.MUTED)
        context.audit(
            by,
            AuditAction.MUTE,
            room=room.name,
            subject=user_id,
            reason=reason,
            notes=wanted.notes,
            chat=wanted.chat,
        )
    elif user_id in room.mutes:
        spend_act(context, by)
        del room.mutes[user_id]
        news = notice("You are muted no more.", Code.UNMUTED)
        context.audit(by, AuditAction.UNMUTE, room=room.name, subject=user_id, reason=reason)
    else:
        return
    context.directory.save(room)
    if participant is not None:
        context.world.sync_flags(participant)
        for tab in participant.tabs:
            context.outbound.send(tab, [news])

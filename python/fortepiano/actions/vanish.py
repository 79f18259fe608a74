"""Users who are hidden from others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fortepiano.actions.rename import mark_look_alikes

if TYPE_CHECKING:
    from fortepiano.model.user import User
    from fortepiano.protocol.context import Context

__all__ = ["set_hidden"]


def set_hidden(context: Context, user: User, *, is_hidden: bool) -> None:
    """Hide a user in all their rooms, or show them again."""
    if user.is_hidden == is_hidden:
        return
    for participant in user.participations:
        if is_hidden:
            context.outbound.broadcast(participant.room, {"m": "bye", "p": participant.id})
    user.is_hidden = is_hidden
    context.elsewhere.note_user(user)
    for participant in user.participations:
        context.world.sync_flags(participant)
        context.outbound.update(participant)
        if is_hidden:
            # The user and other staff still see the user, so they get a `ch`.
            context.outbound.broadcast_room(participant.room)
        context.room_list.note_change(participant.room)
    mark_look_alikes(context, user)

"""Changes of a room: its crown, its settings, its chat, and whether it is permanent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fortepiano.actions.act_budget import spend_act
from fortepiano.actions.refusal import RefusedError
from fortepiano.actions.rooms import refresh_quota, vacate
from fortepiano.model.audit_actions import AuditAction
from fortepiano.model.crown import Crown
from fortepiano.model.notice_codes import Code
from fortepiano.protocol import validate
from fortepiano.protocol.room_messages import is_listed

if TYPE_CHECKING:
    from fortepiano.model.participant import Participant
    from fortepiano.model.room import Room
    from fortepiano.model.session import Session
    from fortepiano.protocol.context import Context
    from fortepiano.store.records import TokenRecord

__all__ = [
    "change_crown",
    "change_settings",
    "clear_chat",
    "drop_crown",
    "give_crown",
    "override_settings",
    "set_permanent",
]


def give_crown(
    context: Context, by: Session | TokenRecord, room: Room, receiver: Participant
) -> None:
    """Give the crown of a room to one of its participants, by staff or by a user with that flag.

    Raises:
        RefusedError: There were too many acts.
    """
    if receiver is room.holder:
        return
    spend_act(context, by)
    before = None if room.holder is None else room.holder.id
    context.audit(by, AuditAction.CHOWN, room=room.name, subject=receiver.id, before=before)
    change_crown(context, room, Crown.given_to(receiver, context.now()))


def drop_crown(context: Context, by: Session | TokenRecord, room: Room) -> None:
    """Take the crown of a room from its holder, by staff; it falls from the holder's pointer.

    Raises:
        RefusedError: Nobody holds the crown.
    """
    holder = room.holder
    if holder is None:
        raise RefusedError(Code.BAD_SETTINGS, "Nobody holds the crown.")
    context.audit(by, AuditAction.CHOWN, room=room.name, before=holder.id, after=None)
    position = context.world.pointer(holder)
    change_crown(context, room, Crown.dropped_by(holder, position, context.now()))


def change_crown(context: Context, room: Room, crown: Crown) -> None:
    """Change a room's crown and broadcast it."""
    previous_holder = room.holder
    context.world.set_crown(room, crown)
    context.outbound.broadcast_room(room)
    for participant in (previous_holder, room.holder):
        if participant is not None:
            refresh_quota(context, participant)
    context.room_list.note_change(room)


def change_settings(context: Context, room: Room, wanted: dict[str, object]) -> None:
    """Change a room's valid settings and broadcast them, unless nothing would change.

    To set a value counts as a change even if the value is the same; to remove an absent one does
    not.
    """
    chosen, was_listed = validate.settings(wanted), is_listed(room)
    is_change = any(value is not None or key in room.settings for key, value in chosen.items())
    if not is_change and "color2" not in room.settings:
        return
    if "color2" not in chosen:
        room.settings.pop("color2", None)
    room.change(chosen)
    context.world.sync_players(room)
    context.directory.save(room)
    context.outbound.broadcast_room(room)
    if "noteQuota" in chosen:
        for participant in room.participants.values():
            refresh_quota(context, participant)
    context.room_list.note_change(room, was_listed=was_listed)


def override_settings(
    context: Context, by: Session | TokenRecord, room: Room, wanted: dict[str, object]
) -> None:
    """Change a room's settings, by staff who do not moderate the room.

    The audit log has the settings that get another value, and None for those that are removed.

    Args:
        context: The context.
        by: The session, or the token of the admin API, that asks for it.
        room: The room.
        wanted: The settings; those that are not valid are left out.
    """
    changes: dict[str, Any] = {
        name: value
        for name, value in validate.settings(wanted).items()
        if room.settings.get(name) != value
    }
    context.audit(by, AuditAction.CHSET, room=room.name, **changes)
    change_settings(context, room, wanted)


def clear_chat(context: Context, by: Session | TokenRecord, room: Room) -> None:
    """Delete a room's chat; an empty `c` clears it on the screens."""
    context.audit(by, AuditAction.CLEARCHAT, room=room.name)
    room.history.clear()
    context.archive.save(room)
    context.elsewhere.note_chat(room)
    context.outbound.broadcast(room, {"m": "c", "c": []})


def set_permanent(
    context: Context, by: Session | TokenRecord, room_name: Any, *, is_permanent: bool
) -> None:
    """Make a room permanent, and create it if there is none; or make it temporary again.

    Args:
        context: The context.
        by: The session, or the token of the admin API, that asks for it.
        room_name: The room's name.
        is_permanent: Whether to make it permanent.

    Raises:
        RefusedError: No room can have that name, or there is no such room to make temporary.
    """
    name = validate.name(room_name, context.rules.room_name_length) if is_permanent else room_name
    if name is None:
        raise RefusedError(Code.BAD_ROOM)
    room = context.directory.rooms.get(name)
    if room is None and not is_permanent:
        raise RefusedError(Code.NOT_FOUND, "There is no such room.")
    if room is None:
        room = context.directory.open_room(name, {})
    if room.is_permanent == is_permanent:
        return
    action = AuditAction.FORCELOAD if is_permanent else AuditAction.UNFORCELOAD
    context.audit(by, action, room=name)
    context.directory.set_permanent(room, is_permanent=is_permanent)
    context.archive.save(room)
    if is_permanent:
        context.room_list.note_change(room)
    else:
        vacate(context, room)

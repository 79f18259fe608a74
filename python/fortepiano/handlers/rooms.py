"""Rooms: `ch`, `+ls` and `-ls`, and leaving."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fortepiano.protocol import validate

if TYPE_CHECKING:
    from fortepiano.model.session import Session
    from fortepiano.protocol.context import Context
    from fortepiano.protocol.shapes import Join, ListOff, ListOn

__all__ = ["ch", "leave", "list_off", "list_on"]


def ch(context: Context, session: Session, message: Join) -> None:
    """Join a room, which is made if there is none of that name (docs/protocol.md, `ch`).

    `set` counts only for a room that is made by it. The room one is in is described again.
    """
    name = validate.text(message.id, context.rules.room_name_length)
    user = session.user
    if name is None or user is None:
        return
    world, outbound = context.world, context.outbound
    if session.participant is not None and session.participant.room.name == name:
        outbound.welcome(session, session.participant, world.quota_class(session.participant))
        return
    leave(context, session)
    room = context.directory.rooms.get(name)
    if room is None:
        room = context.directory.open_room(name, validate.settings(message.set))
    had_crown = room.crown
    is_new = world.enter(session, user, room, outbound.entry(user), context.now())
    participant = room.participants[user.id]
    outbound.welcome(session, participant, world.set_quota(participant))
    if is_new:
        if room.crown is not had_crown and len(room.participants) > 1:
            outbound.announce(room)
        else:
            outbound.present(participant, except_for=session)
        outbound.list_change(room)


def leave(context: Context, session: Session) -> None:
    """Take a session out of its room, and tell the others, exactly once.

    Whoever leaves with the crown is announced by a full `ch` without him, everybody else by `bye`.
    """
    departure = context.world.leave(session, context.now())
    if departure is None or departure.participant is None:
        return
    outbound = context.outbound
    room = departure.room
    if room.participants:
        if departure.had_crown:
            outbound.announce(room)
            if departure.heir is not None:
                before = context.rules.quota_normal
                quota = context.world.set_quota(departure.heir)
                if quota != before:
                    outbound.tell_quota(departure.heir, quota)
        else:
            outbound.say(room, {"m": "bye", "p": departure.participant.id})
    if room not in departure.vanished:
        outbound.list_change(room)
    for gone in departure.vanished:
        outbound.list_change(gone, vanished=True)


def list_on(context: Context, session: Session, _message: ListOn) -> None:
    """Send the list of rooms and its changes: each `+ls` is answered, since a `-ls` may be lost."""
    context.outbound.start_list(session, context.directory.rooms.values())


def list_off(context: Context, session: Session, _message: ListOff) -> None:
    """Send no more changes of the list of rooms."""
    context.outbound.stop_list(session)

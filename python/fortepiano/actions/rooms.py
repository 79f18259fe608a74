"""Entering and leaving rooms, and the end of empty ones."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from fortepiano.model.notice_codes import Code
from fortepiano.model.room import AWKWARD
from fortepiano.protocol import validate
from fortepiano.protocol.notices import notice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fortepiano.config.rules import QuotaClass
    from fortepiano.model.participant import Participant
    from fortepiano.model.room import Room
    from fortepiano.model.session import Session
    from fortepiano.model.user import User
    from fortepiano.model.world import Departure
    from fortepiano.protocol.context import Context

__all__ = [
    "await_return",
    "broadcast_renamed",
    "is_in",
    "leave",
    "minutes_left",
    "move_to_room",
    "quota_of",
    "refresh_quota",
    "refresh_quotas",
    "refuse_entry",
    "remove_awaited",
    "renew",
    "resume_empty_rooms",
    "vacate",
]

_MINUTE_MS = 60_000
_CLOCKS_DIFFER_MS = 5
_RETURN_SECONDS = 60.0


def is_in(session: Session, name: str) -> bool:
    """Tell whether a session is in the room of a name, whose home is this node."""
    return session.participant is not None and session.participant.room.name == name


def minutes_left(milliseconds: int) -> str:
    """Return a duration as text, such as `2 minutes`, rounded up to whole minutes."""
    count = (milliseconds + _MINUTE_MS - 1) // _MINUTE_MS
    return f"{count} minute" if count == 1 else f"{count} minutes"


def move_to_room(
    context: Context, session: Session, user: User, name: str, wanted: Any = None
) -> None:
    """Move a session to a room, from any room or none, without checking whether it may enter.

    Args:
        context: The context.
        session: The session.
        user: The session's user.
        name: The room's name.
        wanted: Settings for the room, if it has to be created.
    """
    world, outbound = context.world, context.outbound
    if is_in(session, name) and session.participant is not None:
        outbound.send_room(session, session.participant, world.quota_class(session.participant))
        return
    if session.stay is not None and session.stay.room == name:
        context.elsewhere.join(session, name, wanted)  # the home sends the room again
        return
    is_elsewhere = context.elsewhere.decides(session, name)
    leave(context, session)
    if is_elsewhere:
        context.elsewhere.place(session, name, wanted)
        return
    room = context.directory.rooms.get(name)
    if room is None:
        room = context.directory.open_room(name, validate.settings(wanted))
        room.maker = user.id
    look = outbound.appearance.of(user, room)
    arrival = world.admit(user, room, outbound.entry(user, look), context.now())
    participant = arrival.participant
    if arrival.is_new:
        participant.appearance = look
    is_broadcast = arrival.has_crown and len(room.participants) > 1
    if is_broadcast:
        outbound.broadcast_room(room)  # to the others; `send_room` below is for this session
    elif arrival.has_crown:
        outbound.refresh(room, is_sent=False)
    world.add_tab(session, participant)
    quota, _ = world.set_quota(participant)
    context.elsewhere.note_participant(participant)
    outbound.send_room(session, participant, quota)
    text = room.settings.get("notice")
    if isinstance(text, str) and text:
        outbound.send(session, [notice(text, Code.ROOM_NOTICE, title=room.name, style=None)])
    if arrival.previous_holder is not None:
        refresh_quota(context, arrival.previous_holder)
    if arrival.is_new:
        context.events.publish("entered", actor=user.id, name=user.name, room=room.name)
        if not is_broadcast:
            outbound.broadcast_participant(participant, except_for=session)
        context.room_list.note_change(room)


def refuse_entry(context: Context, session: Session, user: User, *, may_stay: bool) -> None:
    """Leave a session where it is, or put it into `test/awkward`, as it may not enter a room.

    A client that is in no room would wait for ever.

    Args:
        context: The context.
        session: The session.
        user: The session's user.
        may_stay: Whether the session may stay in the room where it is.
    """
    if context.elsewhere.refuse(session, may_stay=may_stay):
        return
    if not (may_stay and session.is_in_room):
        move_to_room(context, session, user, AWKWARD)


def leave(
    context: Context, session: Session, *, has_ended: bool = False, is_lost: bool = False
) -> None:
    """Remove a session from its room; if it was the user's last tab there, broadcast that once.

    The others get a full `ch` if the holder of the crown has left, and `bye` for anybody else.

    Args:
        context: The context.
        session: The session.
        has_ended: Whether the connection has ended, so that the user has a claim to the crown.
        is_lost: Whether its node is gone, so that the crown lies reserved for the user.
    """
    context.elsewhere.leave(session, has_ended=has_ended)
    participant, now = session.participant, context.now()
    departure = context.world.leave(session, now, has_ended=has_ended, is_lost=is_lost)
    if departure is None or participant is None:
        return
    if departure.participant is None:
        context.elsewhere.note_participant(participant)
    else:
        _broadcast_departure(context, departure, departure.participant)


def remove_awaited(context: Context, room: Room) -> None:
    """Remove the participants of a room who have no tab any more, as they do not come back."""
    now = context.now()
    for participant in [one for one in room.participants.values() if not one.tabs]:
        departure = context.world.remove(participant, now, is_lost=True)
        context.directory.forget(participant.user, now)
        _broadcast_departure(context, departure, participant)


def _broadcast_departure(context: Context, departure: Departure, gone: Participant) -> None:
    """Broadcast to a room that a participant has left."""
    outbound, room, user = context.outbound, departure.room, gone.user
    context.events.publish("left", actor=user.id, name=user.name, room=room.name)
    if departure.had_crown:
        outbound.broadcast_room_later(room)
    else:
        outbound.broadcast_leave(gone)
    if departure.new_holder is not None:
        refresh_quota(context, departure.new_holder)
    _list_departure(context, room)


def vacate(context: Context, room: Room) -> None:
    """Let an empty room that is no longer permanent end like other empty rooms."""
    if not room.participants:
        context.directory.vacate(room, context.now())
        _list_departure(context, room)


def _list_departure(context: Context, room: Room) -> None:
    """Update the room list after a departure; if the room is empty, schedule its end."""
    context.room_list.note_change(room)
    if not room.participants and context.directory.rooms.get(room.name) is room:
        context.clock.later(context.rules.empty_room_ms / 1000, partial(_sweep, context, room))


def _sweep(context: Context, room: Room) -> None:
    """Close a room that has stayed empty; the room list already shows that nobody is there."""
    now = context.now()
    left_ms = context.rules.empty_room_ms - (now - room.empty_since)
    if 0 < left_ms <= _CLOCKS_DIFFER_MS:
        # The loop's clock rounds to milliseconds, and may be ahead of the hub's by one.
        context.clock.later(left_ms / 1000, partial(_sweep, context, room))
    else:
        context.directory.sweep(room, now)


def renew(context: Context, name: str, then: Callable[[], object]) -> None:
    """Make ready for a room of which this node has become the home: another may have had it before.

    Args:
        context: The context.
        name: The room's name. A room with people stays as it is.
        then: Called, perhaps at once, when the room may be entered.
    """
    context.store.when_current(name, partial(_renew, context, name, then))


def _renew(context: Context, name: str, then: Callable[[], object], _is_current: bool) -> None:
    """Open a stored room as the store has it; if that does not answer, as it was last known."""
    known = context.directory.rooms.get(name)
    room = context.directory.renew(name, context.now())
    if room is not None and room is not known:
        context.archive.renew(room)
        context.room_list.note_change(room)
        context.clock.later(_RETURN_SECONDS, partial(_sweep, context, room))
    then()


def await_return(context: Context) -> None:
    """Close rooms restored after a restart if their users do not return in time."""
    for room in context.directory.returning:
        context.clock.later(_RETURN_SECONDS, partial(_sweep, context, room))


def resume_empty_rooms(context: Context) -> None:
    """After an upgrade, schedule the end of empty rooms as the old process had done."""
    now = context.now()
    returning = {room.name for room in context.directory.returning}
    for room in context.directory.rooms.values():
        if not room.participants:
            is_returning = room.name in returning
            lasts_ms = _RETURN_SECONDS * 1000 if is_returning else context.rules.empty_room_ms
            left_ms = max(0, lasts_ms - (now - room.empty_since))
            context.clock.later(left_ms / 1000, partial(_sweep, context, room))


def refresh_quota(context: Context, participant: Participant) -> None:
    """Give a participant the quota of their present class, and send it if it has changed."""
    quota, is_changed = context.world.set_quota(participant)
    context.elsewhere.note_participant(participant)
    if is_changed:
        context.outbound.send_quota(participant, quota)


def quota_of(context: Context, session: Session) -> QuotaClass:
    """Return the class of the note quota of a session in its room, or outside of rooms."""
    if session.participant is not None:
        return context.world.quota_class(session.participant)
    if session.stay is not None and session.stay.quota is not None:
        return session.stay.quota
    return context.rules.quota_normal


def refresh_quotas(context: Context) -> None:
    """Give all participants the quotas of the present rules, and send those that have changed."""
    for room in context.directory.rooms.values():
        for participant in room.participants.values():
            refresh_quota(context, participant)


def broadcast_renamed(context: Context, names: Iterable[str]) -> None:
    """Broadcast the new names of rooms that an upgrade has renamed."""
    for name in names:
        room = context.directory.rooms[name]
        context.directory.save(room)
        context.outbound.broadcast_room(room)
        context.room_list.note_change(room)

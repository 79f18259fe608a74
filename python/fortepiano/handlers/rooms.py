"""Rooms: `ch`, `+ls` and `-ls`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fortepiano.actions.rooms import is_in, minutes_left, move_to_room, refuse_entry
from fortepiano.model.notice_codes import Code
from fortepiano.model.room import LOBBY
from fortepiano.model.room_entry import entry_refusal
from fortepiano.protocol import validate
from fortepiano.protocol.notices import notice

if TYPE_CHECKING:
    from fortepiano.model.session import Session
    from fortepiano.model.user import User
    from fortepiano.protocol.context import Context
    from fortepiano.protocol.incoming import JoinRoom, ListOff, ListOn

__all__ = ["join_room", "list_off", "list_on"]

_BACKDOOR = "lolwutsecretlobbybackdoor"
"""The name that bots use since the original site, to enter the lobby even if it is full."""


def join_room(context: Context, session: Session, message: JoinRoom) -> None:
    """Join a room; create it if there is none of that name (docs/protocol.md, `ch`).

    `set` counts only for a room that the message creates. For the sender's own room the server
    sends `ch` again.
    """
    user = session.user
    if user is None:
        return
    name = validate.name(message.id, context.rules.room_name_length) or message.id
    if name == _BACKDOOR and context.rules.lobby_names == "numbered":
        name = LOBBY
    elif not is_in(session, name):
        found = _decidable(context, session, user, name, message.set)
        if found is None:
            return
        name = found
        refusal = _refusal(context, session, user, name)
        if refusal is not None:
            # Sent each time, unlike other notices: the client waits for an answer.
            code, why = refusal
            context.outbound.send(session, [notice(why, code)])
            is_banned = _banned_until(context, user, name) is not None
            context.counters.bans_enforced["room"] += is_banned
            refuse_entry(context, session, user, may_stay=not is_banned)
            return
    move_to_room(context, session, user, name, message.set)


def _decidable(
    context: Context, session: Session, user: User, name: str, wanted: Any
) -> str | None:
    """Return the room to enter: the named one, or another lobby; None if its home decides."""
    # The home of a lobby knows whether there is a free place.
    if not context.elsewhere.decides(session, name):
        name = context.directory.lobby_for(name, user)
        if not context.elsewhere.decides(session, name):
            return name
    context.elsewhere.join(session, name, wanted)
    return None


def _banned_until(context: Context, user: User, name: str) -> int | None:
    return context.bans.banned_until(name, user.id, context.now())


def _refusal(context: Context, session: Session, user: User, name: str) -> tuple[Code, str] | None:
    until = _banned_until(context, user, name)
    if until is not None:
        length = minutes_left(until - context.now())
        return Code.BANNED, f'You are banned from "{name}" for {length}.'
    room = context.directory.rooms.get(name)
    if room is not None:
        if context.world.has_claim(room, user.id, context.now()):
            return None  # the user gets the crown, so may enter like the last holder
        return entry_refusal(room, session, user, context.now())
    is_free = not session.is_limited or session.scope is not None
    if is_free or context.directory.is_special(name):
        return None
    if context.throttle.open_room(session.address, always=True):
        return None
    return Code.TOO_FAST, "You are making new rooms too fast."


def list_on(context: Context, session: Session, _message: ListOn) -> None:
    """Send the list of rooms, and then its changes.

    Each `+ls` is answered, even if the list is open: a `-ls` before it may have been lost.
    """
    context.room_list.start(session, context.directory.rooms)


def list_off(context: Context, session: Session, _message: ListOff) -> None:
    """Send no more changes of the list of rooms."""
    context.room_list.stop(session)

"""A room whose home is gone goes on here, and what was said apart comes together."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

from fortepiano.actions.rooms import refresh_quota
from fortepiano.model.crown import Crown
from fortepiano.protocol.record_checks import is_line
from fortepiano.protocol.room_state import profile_in, read_state
from fortepiano.protocol.user_profile import made_user

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fortepiano.model.room import Room
    from fortepiano.model.session import Session
    from fortepiano.protocol.context import Context

__all__ = ["merge_chat", "promote"]


def promote(
    context: Context,
    name: str,
    number: int,
    stored: bytes,
    lines: Iterable[bytes],
    sessions: Iterable[Session],
) -> None:
    """Go on with a room of which another node was the home; nobody hears anything of that.

    Participants whose tabs are at other nodes have none, until these come: they are awaited.

    Args:
        context: The context.
        name: The room's name.
        number: The room's number in the hub, which has its participants already.
        stored: What the home said last (`protocol.room_state`).
        lines: The chat, oldest line first; JSON.
        sessions: The sessions of this node that are in the room.
    """
    state, directory = read_state(stored), context.directory
    room = directory.adopt_room(name, number, state.record, context.now())
    room.history.extend(_lines(lines))
    _adopt_participants(context, room)
    holder = room.participants.get(state.holder)
    crown = room.crown
    if holder is not None and crown is not None and state.record.crown is not None:
        room.crown = Crown(crown.user_id, holder, state.record.crown.time, crown.start, crown.end)
    context.world.sync_players(room)
    _show_participants(context, room)
    for session in sessions:
        participant = room.participants.get(session.user_id)
        if participant is not None:
            context.world.add_tab(session, participant)
            refresh_quota(context, participant)
    context.room_list.note_change(room)


def _adopt_participants(context: Context, room: Room) -> None:
    for number, head in context.hub.entries(room.number):
        profile = profile_in(head)
        if profile is None:
            continue  # of one who was about to enter
        user = context.directory.expect(profile.id, partial(made_user, profile), context.now())
        context.world.adopt(user, room, number)


def _show_participants(context: Context, room: Room) -> None:
    """Show participants as they are: the home before may not have heard of the last changes."""
    outbound, heads = context.outbound, dict(context.hub.entries(room.number))
    for participant in room.participants.values():
        look = participant.appearance = outbound.appearance.of(participant.user, room)
        if outbound.entry(participant.user, look) != heads[participant.number]:
            outbound.update(participant)


def merge_chat(context: Context, room: Room, lines: Iterable[bytes]) -> None:
    """Add lines to the chat of a room that some of its people said while they were apart.

    Args:
        context: The context.
        room: The room.
        lines: The lines; JSON.
    """
    known = {line["id"] for line in room.history}
    new = [line for line in _lines(lines) if line["id"] not in known]
    if not new:
        return
    both = sorted([*room.history, *new], key=lambda line: line["t"])
    room.history.clear()
    room.history.extend(both)
    context.archive.save(room)
    context.elsewhere.note_chat(room)
    for participant in room.participants.values():
        chat = {"m": "c", "c": context.outbound.history(room, participant.user)}
        for session in participant.tabs:
            context.outbound.send(session, [chat])


def _lines(lines: Iterable[bytes]) -> list[dict[str, Any]]:
    return [line for line in map(orjson.loads, lines) if is_line(line) or line.get("m") == "dm"]

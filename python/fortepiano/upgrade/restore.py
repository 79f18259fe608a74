"""Making a new server what another one was, without a word to anybody."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from fortepiano.model.claims import Claims
from fortepiano.model.crown import Crown
from fortepiano.model.participant import Participant
from fortepiano.model.permissions import permissions_of
from fortepiano.model.room import ALWAYS, Mute
from fortepiano.model.session import Session
from fortepiano.model.user import User
from fortepiano.native import unpack_client, unpack_clock, unpack_quota, unpack_throttle
from fortepiano.upgrade.respell import respell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fortepiano.model.room import Room
    from fortepiano.native import Engine, Link
    from fortepiano.protocol.context import Context
    from fortepiano.upgrade.state import LinkState, ParticipantState, RoomState, State, UserState

__all__ = ["restore"]

_NOBODY = -1


def restore(context: Context, engine: Engine, state: State, sockets: Sequence[int]) -> list[Link]:
    """Take over all that another server knew; nothing is read or written by it.

    Args:
        context: A world in which nobody is yet.
        engine: Drives its hub.
        state: What the other server told.
        sockets: The descriptors of the connections, in the order of the state.

    Returns:
        A link for each, which has no transport yet.

    Raises:
        KeyError: The state names what is not in it.
        ValueError: A connection is in a state that this version does not know.
    """
    respell(state)
    hub, directory = context.hub, context.directory
    anchor, then, tick = state.clock
    unpack_clock(hub, anchor, then + (time.monotonic_ns() - state.at) // 1000, tick)
    unpack_throttle(context.throttle, *state.throttle)
    for one in state.users:
        directory.users[one.id] = _user(context, one)
        if one.departed is not None:
            directory.departed[one.id] = one.departed
    links = [
        _link(context, engine, one, socket)
        for one, socket in zip(state.links, sockets, strict=True)
    ]
    for user_state in state.users:
        user = directory.users[user_state.id]
        user.sessions = [_session(links, place) for place in user_state.sessions]
        context.outbound.shown.guard(user)
    for room_state in state.rooms:
        _room(context, room_state, links)
    for user_state in state.users:
        user = directory.users[user_state.id]
        user.participations = [
            directory.rooms[name].participants[user.id] for name in user_state.rooms
        ]
    directory.empty_tests.update(dict.fromkeys(state.empty_tests))
    directory.returning = [directory.rooms[name] for name in state.returning]
    return links


def _user(context: Context, state: UserState) -> User:
    normal = context.rules.quota_normal
    quota = context.hub.add_quota(normal.allowance, normal.max)
    if state.quota is not None:
        unpack_quota(context.hub, quota, state.quota)
    return User(
        state.id,
        state.name,
        state.color,
        quota,
        state.since,
        tag=state.tag,
        is_hidden=state.is_hidden,
        is_afk=state.is_afk,
        flags=state.flags,
        custom_since=state.custom_since,
        custom_bytes=state.custom_bytes,
        buckets=state.buckets,
    )


def _link(context: Context, engine: Engine, state: LinkState, socket: int) -> Link:
    known = state.session
    user = context.directory.users[known.user_id] if known and known.has_arrived else None
    quota = user.quota if user is not None else _NOBODY
    link = engine.adopt(unpack_client(context.hub, socket, quota, state.packed))
    if known is None:
        return link
    session = link.session = Session(
        link.client,
        link,
        known.user_id,
        address=known.address,
        is_bot=known.is_bot,
        is_limited=known.is_limited,
    )
    session.is_known_by_token = known.is_known_by_token
    session.user = user
    session.scope = known.scope
    session.permissions = permissions_of(known.scope)
    session.refusals, session.buckets = known.refusals, known.buckets
    if user is not None:
        # The buckets of addresses start full: they are within seconds anyway, and who empties one
        # cannot restart the server.
        context.rates.settle(session, context.rules, context.now())
    if known.hears_custom:
        context.outbound.start_custom(session)
    if known.hears_list:
        context.room_list.resume(session)
    return link


def _session(links: Sequence[Link], place: int) -> Session:
    session: Session = links[place].session
    return session


def _room(context: Context, state: RoomState, links: Sequence[Link]) -> None:
    directory = context.directory
    room = directory.rooms.get(state.name) or directory.open_room(state.name, {})
    room.is_permanent, room.maker = state.is_kept, state.maker
    room.settings = ALWAYS | state.settings  # a version before may have left some out
    room.history.clear()
    room.history.extend(state.history)
    room.mutes = {who: Mute(notes, chat) for who, (notes, chat) in state.mutes.items()}
    room.co_owners, room.invited = set(state.co_owners), set(state.invited)
    room.last_lines = state.last_lines
    room.empty_since = state.empty_since
    room.claims = Claims(state.claims)
    for one in state.participants:
        _participant(context, room, one, links)
    crown = state.crown
    room.crown = None
    if crown is not None:
        holder = room.participants[crown.user_id] if crown.is_held else None
        room.crown = Crown(crown.user_id, holder, crown.time, crown.start, crown.end)
    context.world.guard(room)
    context.outbound.refresh(room, is_sent=False)


def _participant(
    context: Context, room: Room, state: ParticipantState, links: Sequence[Link]
) -> None:
    hub, user = context.hub, context.directory.users[state.user_id]
    head = context.outbound.entry(user, room)
    person = hub.add_participant(room.number, f'"{user.id}"'.encode(), head, state.x, state.y)
    participant = room.participants[user.id] = Participant(user, room, person)
    participant.looks = context.outbound.shown.looks(participant)
    for place in state.tabs:
        session = _session(links, place)
        participant.tabs.append(session)
        session.participant = participant
        hub.enter(session.client, room.number, person)
    if user.is_hidden or user.id in room.mutes:
        context.world.mark(participant)

"""Restores the state of another process in a new server, without sending anything to clients."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from fortepiano.model.crown import Crown
from fortepiano.model.crown_claims import Claims
from fortepiano.model.identity import Bearer
from fortepiano.model.participant import Participant
from fortepiano.model.permissions import permissions_of
from fortepiano.model.room import Mute
from fortepiano.model.room_settings import NORMAL_SETTINGS
from fortepiano.model.session import Session
from fortepiano.native import (
    Buckets,
    unpack_client,
    unpack_clock,
    unpack_quota,
    unpack_throttle,
)
from fortepiano.protocol.user_profile import made_user
from fortepiano.store.records import TokenRecord
from fortepiano.upgrade.name_migration import respell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fortepiano.model.room import Room
    from fortepiano.model.user import User
    from fortepiano.native import Engine, Link
    from fortepiano.protocol.context import Context
    from fortepiano.upgrade.node import UpgradableNode
    from fortepiano.upgrade.state import (
        LinkState,
        ParticipantState,
        RoomState,
        SessionState,
        State,
        UserState,
    )

__all__ = ["restore"]


def restore(
    context: Context,
    engine: Engine,
    state: State,
    sockets: Sequence[int],
    node: UpgradableNode | None = None,
) -> list[Link]:
    """Restore a state in a server without clients; no socket is read or written.

    Args:
        context: The world of the new server, still without users.
        engine: Drives its hub.
        state: The state of the other process.
        sockets: The descriptors of the connections, in the order of the state.
        node: The new server as a node of a cluster; None for a server alone.

    Returns:
        A link for each connection, still without a transport.

    Raises:
        KeyError: The state refers to a user or room that is not in it.
        ValueError: A connection is in a phase that this version does not know.
    """
    respell(state)
    hub, directory = context.hub, context.directory
    anchor, then, tick = state.clock
    unpack_clock(hub, anchor, then + (time.monotonic_ns() - state.at) // 1000, tick)
    unpack_throttle(context.throttle, *state.throttle)
    for user_state in state.users:
        directory.users[user_state.id] = _user(context, user_state)
        if user_state.departed is not None:
            directory.departed[user_state.id] = user_state.departed
    links = [
        _link(context, engine, link_state, descriptor)
        for link_state, descriptor in zip(state.links, sockets, strict=True)
    ]
    people = (participant for room in state.rooms for participant in room.participants)
    hub.reserve_participants([it.number for it in people if it.number is not None])
    own: list[Session] = [link.session for link in links]
    sessions = [*own, *(node.begin(state.node) if node is not None else ())]
    for user_state in state.users:
        user = directory.users[user_state.id]
        user.sessions = [sessions[index] for index in user_state.sessions]
        context.outbound.appearance.track_staff(user)
    for room_state in state.rooms:
        _room(context, room_state, sessions)
    for user_state in state.users:
        user = directory.users[user_state.id]
        user.participations = [
            directory.rooms[name].participants[user.id] for name in user_state.rooms
        ]
    directory.empty_tests.update(dict.fromkeys(state.empty_tests))
    context.tokens.expire_all()
    directory.returning = [directory.rooms[name] for name in state.returning]
    if node is not None:
        node.finish(own)
    return links


def _user(context: Context, state: UserState) -> User:
    normal = context.rules.quota_normal
    quota = context.hub.add_quota(normal.allowance, normal.max)
    if state.quota is not None:
        unpack_quota(context.hub, quota, state.quota)
    user = made_user(state, quota)
    user.custom_since, user.custom_bytes = state.custom_since, state.custom_bytes
    user.buckets, user.staff_tokens = _buckets(state.buckets), state.staff_tokens
    return user


def _token(state: SessionState) -> TokenRecord | Bearer | None:
    """Return the token of a session; for staff of versions that did not pass it on, an invalid one.

    The store is asked a moment later (`actions.staff_rights`), since nothing is sent meanwhile.
    """
    if state.bearer is not None:
        return Bearer(state.user_id, state.bearer[0], True, state.bearer[1])
    if state.token is None and state.scope is not None:
        return TokenRecord("", "", state.scope, "", 0, 0)
    return state.token


def _link(context: Context, engine: Engine, state: LinkState, descriptor: int) -> Link:
    saved = state.session
    user = context.directory.users[saved.user_id] if saved and saved.has_arrived else None
    quota = user.quota if user is not None else None
    link = engine.adopt(unpack_client(context.hub, descriptor, quota, state.packed))
    if saved is None:
        return link
    session = link.session = Session(
        link.client,
        link,
        saved.user_id,
        address=saved.address,
        is_bot=saved.is_bot,
        is_limited=saved.is_limited,
    )
    session.is_known_by_token = saved.is_known_by_token
    session.user = user
    session.scope = saved.scope
    session.permissions = permissions_of(saved.scope)
    session.token = token = _token(saved)
    if user is not None and isinstance(token, TokenRecord) and saved.scope is not None:
        user.add_staff_token(token)
    session.refusals, session.buckets = saved.refusals, _buckets(saved.buckets)
    if user is not None:
        # The buckets of addresses start full. They fill within seconds anyway, and a client that
        # empties one cannot restart the server.
        context.rates.settle(session, context.rules, context.now())
    if saved.hears_custom:
        context.outbound.start_custom(session)
    if saved.hears_list:
        context.room_list.resume(session)
    return link


def _buckets(times: dict[str, float] | None) -> Buckets | None:
    return None if times is None else Buckets(times)


def _room(context: Context, state: RoomState, sessions: Sequence[Session]) -> None:
    directory = context.directory
    room = directory.rooms.get(state.name) or directory.open_room(state.name, {})
    room.is_permanent, room.maker = state.is_kept, state.maker
    room.settings = NORMAL_SETTINGS | state.settings  # an older version may not know them all
    room.history.clear()
    room.history.extend(state.history)
    room.mutes = {user_id: Mute(notes, chat) for user_id, (notes, chat) in state.mutes.items()}
    room.co_owners, room.invited = set(state.co_owners), set(state.invited)
    room.last_lines = state.last_lines
    room.empty_since = state.empty_since
    room.claims = Claims(state.claims)
    for participant_state in state.participants:
        _participant(context, room, participant_state, sessions)
    crown = state.crown
    room.crown = None
    if crown is not None:
        holder = room.participants[crown.user_id] if crown.is_held else None
        room.crown = Crown(crown.user_id, holder, crown.time, crown.start, crown.end)
    context.world.sync_players(room)
    context.outbound.refresh(room, is_sent=False)


def _participant(
    context: Context, room: Room, state: ParticipantState, sessions: Sequence[Session]
) -> None:
    hub, user = context.hub, context.directory.users[state.user_id]
    look = context.outbound.appearance.of(user, room)
    head = context.outbound.entry(user, look)
    described = room.number, f'"{user.id}"'.encode(), head, state.x, state.y
    number = None
    if state.number is not None:
        number = hub.add_participant_again(state.number, *described)
    if number is None:
        number = hub.add_participant(*described)
    participant = room.participants[user.id] = Participant(user, room, number)
    participant.appearance = look
    for index in state.tabs:
        session = sessions[index]
        participant.tabs.append(session)
        session.participant = participant
        hub.enter(session.client, room.number, number)
    if user.is_hidden or user.id in room.mutes:
        context.world.sync_flags(participant)

"""Captures the state of a server for another process, without changing the server."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from fortepiano.model.identity import Bearer
from fortepiano.native import flush_pointers, pack_client, pack_clock, pack_quota, pack_throttle
from fortepiano.protocol.user_profile import SessionFacts, profile_of
from fortepiano.store import dump
from fortepiano.store.records import TokenRecord
from fortepiano.upgrade.state import (
    CrownState,
    LinkState,
    ParticipantState,
    RoomState,
    SessionState,
    State,
    UserState,
    pack_changes,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fortepiano.model.room import Room
    from fortepiano.model.session import Session
    from fortepiano.model.user import User
    from fortepiano.native import Buckets, Link
    from fortepiano.net.visitor_state import VisitorState
    from fortepiano.protocol.context import Context
    from fortepiano.store.record_kinds import Changes
    from fortepiano.upgrade.node import UpgradableNode

__all__ = ["capture"]


def capture(
    context: Context,
    links: Sequence[Link],
    *,
    with_store: bool,
    changes: Changes | None = None,
    visitors: Sequence[VisitorState] = (),
    node: UpgradableNode | None = None,
) -> tuple[State, int]:
    """Return the state of a server between two turns of its loop.

    Args:
        context: The world and the ways to change it.
        links: All connections of the state, in the order of their sockets.
        with_store: Whether the state includes the store: one in memory ends with this process.
        changes: The changes of the store since the new process reads it.
        visitors: The connections that speak HTTP, in the order of their sockets.
        node: This server as a node of a cluster; None for a server alone.

    Returns:
        The state, and the descriptor of a node's connection to the broker; -1 for none.
    """
    hub, directory, outbound = context.hub, context.directory, context.outbound
    flush_pointers(hub)
    context.room_list.send_changes()
    now = context.now()
    context.throttle.prune()
    indexes = {link.session: index for index, link in enumerate(links) if link.session is not None}
    readers = set(outbound.custom_readers()), set(context.room_list.readers())
    users = sorted(directory.users.values(), key=lambda user: directory.departed.get(user.id, 0))
    packed, descriptor = (b"", -1) if node is None else node.pack(dict(indexes))
    for index, session in enumerate(() if node is None else node.sessions(), len(links)):
        indexes[session] = index
    state = State(
        clock=pack_clock(hub),
        at=time.monotonic_ns(),
        links=[
            LinkState(pack_client(hub, link.client) or {}, _session(link.session, *readers))
            for link in links
        ],
        users=[_user(context, user, indexes) for user in users],
        rooms=[_room(context, room, indexes) for room in directory.rooms.values()],
        empty_tests=list(directory.empty_tests),
        returning=[room.name for room in directory.returning if room.name in directory.rooms],
        throttle=pack_throttle(context.throttle),
        store=b"".join(dump.lines_of(context.store, now)) if with_store else b"",
        changes=pack_changes(changes or {}),
        visitors=list(visitors),
        node=packed,
        has_bus=descriptor >= 0,
    )
    return state, descriptor


def _session(
    session: Session | None, custom_readers: set[Session], list_readers: set[Session]
) -> SessionState | None:
    if session is None:
        return None
    held = session.token
    return SessionState(
        **msgspec.structs.asdict(SessionFacts.of(session)),
        address=session.address,
        is_limited=session.is_limited,
        has_arrived=session.user is not None,
        room=session.participant.room.name if session.participant is not None else "",
        refusals=session.refusals,
        buckets=_times(session.buckets),
        hears_custom=session in custom_readers,
        hears_list=session in list_readers,
        token=held if isinstance(held, TokenRecord) else None,
        bearer=(held.issued, held.expires) if isinstance(held, Bearer) else None,
    )


def _user(context: Context, user: User, indexes: Mapping[Session, int]) -> UserState:
    return UserState(
        **msgspec.structs.asdict(profile_of(user)),
        quota=pack_quota(context.hub, user.quota),
        sessions=[indexes[session] for session in user.sessions],
        rooms=[participant.room.name for participant in user.participations],
        custom_since=user.custom_since,
        custom_bytes=user.custom_bytes,
        departed=context.directory.departed.get(user.id),
        buckets=_times(user.buckets),
        staff_tokens=user.staff_tokens,
    )


def _times(buckets: Buckets | None) -> dict[str, float] | None:
    return None if buckets is None else buckets.full_at_ms()


def _room(context: Context, room: Room, indexes: Mapping[Session, int]) -> RoomState:
    participants: list[ParticipantState] = []
    for participant in room.participants.values():
        x, y = context.world.pointer_json(participant)
        tabs = [indexes[session] for session in participant.tabs]
        number = participant.number
        participants.append(ParticipantState(participant.user.id, x, y, tabs, number))
    crown = room.crown
    return RoomState(
        name=room.name,
        settings=room.settings,
        participants=participants,
        is_kept=room.is_permanent,
        crown=CrownState(
            crown.user_id, crown.holder is not None, crown.time, crown.start, crown.end
        )
        if crown is not None
        else None,
        history=list(room.history),
        mutes={user_id: (mute.notes, mute.chat) for user_id, mute in room.mutes.items()},
        co_owners=sorted(room.co_owners),
        invited=sorted(room.invited),
        last_lines=room.last_lines,
        empty_since=room.empty_since,
        claims=list(room.claims),
        maker=room.maker,
    )

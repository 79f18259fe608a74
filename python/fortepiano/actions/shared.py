"""Acts on the connections of all nodes of a cluster: each node acts on its own ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from fortepiano.actions.rooms import leave, move_to_room
from fortepiano.model.close_codes import CloseCode
from fortepiano.model.notice_codes import Code
from fortepiano.model.room import AWKWARD
from fortepiano.protocol.notices import notice
from fortepiano.protocol.shared_acts import (
    AwayEnded,
    Custom,
    Invitation,
    Kick,
    Move,
    Notice,
    Restart,
    SharedAct,
    StillAway,
    StoreChange,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fortepiano.model.session import Session
    from fortepiano.model.user import User
    from fortepiano.protocol.context import Context

__all__ = [
    "act_everywhere",
    "act_here",
    "begin_custom_window",
    "close_with_reason",
    "notify_of",
    "own_tabs",
    "share_store",
]

_RESTART_SECONDS = 20.0


def act_everywhere(context: Context, act: SharedAct, *, by: Session | None = None) -> int:
    """Act on the connections of all nodes.

    Args:
        context: The context.
        act: The act.
        by: The session that acts, if it is to be left out.

    Returns:
        The number of this node's connections that were acted on.
    """
    context.elsewhere.share(act)
    return act_here(context, act, by=by)


def act_here(context: Context, act: SharedAct, *, by: Session | None = None) -> int:
    """Act on the connections of this node; return their number."""
    match act:
        case Notice():
            return _notify(context, act)
        case Custom():
            return _send_custom(context, act, by)
        case Invitation():
            return _invite(context, act)
        case Move():
            return _move(context, act)
        case Kick():
            return _kick(context, act)
        case Restart():
            return _restart(context)
        case AwayEnded():
            return _end_away(context, act)
        case StillAway():
            return _stay_away(context, act)
        case _:  # a change of bans or tokens, which this node has made itself
            return 0


def share_store(context: Context) -> None:
    """Let all nodes read bans and tokens once they are stored; without it within a second."""

    def on_saved(is_saved: bool) -> None:
        if is_saved:
            context.elsewhere.share(StoreChange())

    context.store.when_saved(on_saved)


def own_tabs(context: Context, user_id: str | None = None) -> list[Session]:
    """Return the sessions of one user, or of all, whose connections are this node's."""
    users = context.directory.users
    named = users.values() if user_id is None else filter(None, [users.get(user_id)])
    is_own = context.elsewhere.is_own
    return [tab for user in named for tab in user.sessions if is_own(tab)]


def _notify(context: Context, act: Notice) -> int:
    found: dict[Session, None] = {}
    if act.is_everybody:
        found.update(dict.fromkeys(own_tabs(context)))
    if act.room is not None:
        there = (tab for tab in own_tabs(context) if tab.room_name == act.room)
        found.update(dict.fromkeys(there))
    if act.user_id is not None:
        found.update(dict.fromkeys(own_tabs(context, act.user_id)))
    for tab in found:
        context.outbound.send_serialised(tab, act.payload)
    return len(found)


def begin_custom_window(context: Context, user: User) -> None:
    """Begin to count a user's custom data anew, if it is time."""
    now = context.now()
    if now - user.custom_since >= context.rules.custom_window_ms:
        user.custom_since, user.custom_bytes = now, 0


def _charge_custom(context: Context, act: Custom) -> None:
    """Count what a user has sent at another node, so that all tabs have one budget."""
    user = context.directory.users.get(act.user_id)
    if user is not None:
        begin_custom_window(context, user)
        user.custom_bytes += act.size


def _send_custom(context: Context, act: Custom, by: Session | None) -> int:
    if by is None:
        _charge_custom(context, act)
    readers, is_own = context.outbound.custom_readers(), context.elsewhere.is_own
    wanted: Iterable[Session] = filter(is_own, readers)
    if act.ids is not None:
        wanted = [tab for one in dict.fromkeys(act.ids) for tab in own_tabs(context, one)]
    send = context.outbound.send_binary if act.is_binary else context.outbound.send_serialised
    found = [
        tab
        for tab in wanted
        if tab is not by
        and act.room in (None, tab.room_name)
        and (tab in readers or not act.is_binary)
    ]
    for tab in found:
        send(tab, act.payload)
    return len(found)


def _invite(context: Context, act: Invitation) -> int:
    tabs = own_tabs(context, act.user_id)
    for tab in tabs:
        context.outbound.notify_once(tab, Code.INVITED, f'You are invited to "{act.room}".')
    return len(tabs)


def _move(context: Context, act: Move) -> int:
    tabs = own_tabs(context, act.user_id)
    for tab in tabs:
        if act.reason is not None:
            notify_of(context, tab, f'You were put into "{act.room}"', act.reason)
        if tab.user is not None:
            move_to_room(context, tab, tab.user, act.room, act.settings)
    return len(tabs)


def _kick(context: Context, act: Kick) -> int:
    for room in list(context.directory.rooms.values()):
        if act.room in (None, room.name):
            context.world.forfeit(room, act.user_id)
    tabs = own_tabs(context, act.user_id)
    for tab in tabs:
        if act.room is None:
            close_with_reason(context, tab, act.reason)
        elif tab.user is not None and tab.room_name == act.room:
            notify_of(context, tab, f'You were put out of "{act.room}"', act.reason)
            move_to_room(context, tab, tab.user, AWKWARD)
    return len(tabs)


def _restart(context: Context) -> int:
    text = f"The server restarts in {_RESTART_SECONDS:.0f} seconds."
    payload = orjson.dumps([notice(text, Code.RESTART)])
    context.clock.later(_RESTART_SECONDS, context.stop)
    return _notify(context, Notice(payload, is_everybody=True))


def _end_away(context: Context, act: AwayEnded) -> int:
    """Let a user be away no more, unless they have a connection here."""
    user = context.directory.users.get(act.user_id)
    if user is None or not user.is_afk or user.version != act.version:
        return 0
    tabs = own_tabs(context, act.user_id)
    if tabs:
        context.elsewhere.share(StillAway(act.user_id, act.version))
    elif not user.sessions:  # else a session of another node decides when it ends
        user.is_afk = False
    return len(tabs)


def _stay_away(context: Context, act: StillAway) -> int:
    user = context.directory.users.get(act.user_id)
    if user is not None and not user.sessions and user.version == act.version:
        user.is_afk = True
    return 0


def notify_of(context: Context, tab: Session, text: str, reason: str) -> None:
    """Send a notice with a reason, if there is one."""
    with_reason = text + (f": {reason}" if reason else ".")
    context.outbound.send(tab, [notice(with_reason, Code.STAFF_NOTICE, style=None)])


def close_with_reason(context: Context, session: Session, reason: str) -> None:
    """Close a connection, with a notice; no claim to the crown remains."""
    notify_of(context, session, "Your connection was closed", reason)
    leave(context, session)  # before the connection ends, which would leave a claim
    session.connection.close(CloseCode.NORMAL, "kicked")

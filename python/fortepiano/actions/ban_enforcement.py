"""Enforces bans: closes connections, moves users out of rooms, merges what the store has."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fortepiano.actions.rooms import leave, minutes_left, move_to_room
from fortepiano.model.ban_list import SITE
from fortepiano.model.close_codes import CloseCode
from fortepiano.model.notice_codes import Code
from fortepiano.model.room import AWKWARD
from fortepiano.model.texts import mended
from fortepiano.protocol.notices import notice

if TYPE_CHECKING:
    from collections.abc import Collection

    from fortepiano.model.session import Session
    from fortepiano.model.user import User
    from fortepiano.protocol.context import Context
    from fortepiano.store.records import BanRecord

__all__ = ["close_banned", "close_named", "enforce_bans", "merge_bans", "note_bans"]


def merge_bans(context: Context) -> None:
    """Merge the bans that another process has changed, and enforce them at once."""
    changed = context.bans.refresh()
    if changed:
        enforce_bans(context)
        for room_name in changed:
            note_bans(context, room_name)


def note_bans(context: Context, room_name: str) -> None:
    """Update a room in the room list, which shows users the rooms from which they are banned."""
    context.room_list.note_bans(room_name, context.directory.rooms)


def enforce_bans(context: Context, except_for: Collection[Session] = ()) -> None:
    """Close the connections of users with new site bans; move users out of rooms with new bans.

    Args:
        context: The context.
        except_for: Sessions that are already being closed.
    """
    now, closed = context.now(), set(except_for)
    # The named users first: the bans of their addresses' users, which follow, hold for all tabs.
    for user, tab in _tabs(context, closed):
        if not context.elsewhere.is_own(tab):
            continue
        site_ban = context.bans.site_ban_of(user.id, tab.address, now)
        if site_ban is not None and site_ban.subject == user.id:
            close_named(context, tab, site_ban)
            closed.add(tab)
    _forfeit_claims(context, now)
    for user, tab in _tabs(context, closed):
        _enforce_on(context, tab, user, now)


def _tabs(context: Context, except_for: Collection[Session]) -> list[tuple[User, Session]]:
    return [
        (user, tab)
        for user in context.directory.users.values()
        for tab in user.sessions
        if tab not in except_for
    ]


def _enforce_on(context: Context, tab: Session, user: User, now: int) -> None:
    is_own = context.elsewhere.is_own(tab)  # else the session's own node knows its address
    site_ban = context.bans.site_ban_of(user.id, tab.address, now) if is_own else None
    room_name = None if tab.participant is None else tab.participant.room.name
    if site_ban is not None:
        close_banned(context, tab, site_ban)
    elif room_name is not None and context.bans.banned_until(room_name, user.id, now) is not None:
        banned = notice(f'You are banned from "{room_name}".', Code.BANNED)
        context.outbound.send(tab, [banned])
        move_to_room(context, tab, user, AWKWARD)


def _forfeit_claims(context: Context, now: int) -> None:
    """Remove the claims of banned users, who else could return for a crown after the ban."""
    bans = context.bans
    for room in context.directory.rooms.values():
        for user_id, _ in list(room.claims):
            if any(
                bans.banned_until(where, user_id, now) is not None for where in (SITE, room.name)
            ):
                context.world.forfeit(room, user_id)


def close_named(context: Context, tab: Session, ban: BanRecord) -> None:
    """Close a tab of the user whom a ban names; ban the user of the address of a token as well."""
    context.bans.remember_networks(ban.subject, tab.address)
    if tab.is_known_by_token and context.identity.mode != "random" and not tab.is_bot:
        context.bans.ban(replace(ban, subject=context.identity.user_id(tab.address)))
    close_banned(context, tab, ban)


def close_banned(context: Context, session: Session, ban: BanRecord) -> None:
    """Send a client the notice of its site ban, and close the connection."""
    text = "You are banned from this site"
    if ban.until is not None:
        text += f" for {minutes_left(ban.until - context.now())}"
    reason = mended(ban.reason)
    if reason:
        text += f": {reason}"
    context.outbound.send(session, [notice(text, Code.SITE_BANNED, style=None)])
    leave(context, session)  # before the end of the connection, which would leave a claim
    session.connection.close(CloseCode.BANNED)

"""Messages of staff: `clearchat`, `v`, `siteban`, `setcolor`, `setname`.

A sender without the permission gets a notice, and nobody else notices anything.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fortepiano.actions import rooms
from fortepiano.actions.refusal import RefusedError
from fortepiano.errors import CloseCode
from fortepiano.handlers import networks
from fortepiano.handlers.profile import change, mark_look_alikes
from fortepiano.model.audit_actions import AuditAction
from fortepiano.model.ban_list import SITE, is_network, parse_subject
from fortepiano.model.notice_codes import Code
from fortepiano.model.room import AWKWARD
from fortepiano.model.texts import mended
from fortepiano.protocol import validate
from fortepiano.protocol.notices import notice
from fortepiano.store.base import BanRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fortepiano.model.room import Room
    from fortepiano.model.session import Session
    from fortepiano.model.user import User
    from fortepiano.protocol.context import Context
    from fortepiano.protocol.staff_incoming import ClearChat, SetColor, SetName, SiteBan, Vanish
    from fortepiano.store.base import Scope, TokenRecord

__all__ = [
    "UNSAVED",
    "ban_from_site",
    "clear",
    AuditAction.CLEARCHAT,
    "close_banned",
    "confirm",
    "enforce_bans",
    "merge_bans",
    "networks_of",
    "rename",
    "set_hidden",
    "set_permanent",
    "set_tag",
    "setcolor",
    "setname",
    "siteban",
    "siteunban",
    "vanish",
]

_LONGEST_MS = 86_400_000
"""The longest site ban by staff without the permission `siteBanAnyDuration`."""


_WIDEST_BITS = 48
"""The prefix length that only an admin may ban: a /48 of IPv6 can be a whole company."""

_LONGEST_REASON = 512
"""The number of characters of a reason or a note that are stored."""


def _may(context: Context, session: Session, permission: str) -> bool:
    if permission in session.permissions:
        return True
    context.outbound.notify_once(session, Code.NOT_ALLOWED, "You may not do that.")
    return False


def clearchat(context: Context, session: Session, _message: ClearChat) -> None:
    """Clear the chat of the sender's room."""
    if session.participant is not None and _may(context, session, "clearChat"):
        room = session.participant.room
        context.audit(session, AuditAction.CLEARCHAT, room=room.name)
        clear(context, room)


def clear(context: Context, room: Room) -> None:
    """Delete a room's chat; an empty `c` clears it on the screens."""
    room.history.clear()
    context.archive.save(room)
    context.outbound.broadcast(room, {"m": "c", "c": []})


def vanish(context: Context, session: Session, message: Vanish) -> None:
    """Hide the sender from others, or show them again."""
    user = session.user
    if user is None or not _may(context, session, "vanish"):
        return
    context.audit(
        session, AuditAction.VANISH if message.vanish else AuditAction.APPEAR, subject=user.id
    )
    set_hidden(context, user, is_hidden=message.vanish)


def set_hidden(context: Context, user: User, *, is_hidden: bool) -> None:
    """Hide a user in all their rooms, or show them again."""
    if user.is_hidden == is_hidden:
        return
    for participant in user.participations:
        if is_hidden:
            context.outbound.broadcast(participant.room, {"m": "bye", "p": participant.id})
    user.is_hidden = is_hidden
    for participant in user.participations:
        context.world.sync_flags(participant)
        context.outbound.update(participant)
        if is_hidden:
            # The user and other staff still see the user, so they get a `ch`.
            context.outbound.broadcast_room(participant.room)
        context.room_list.note_change(participant.room)
    mark_look_alikes(context, user)


def siteban(context: Context, session: Session, message: SiteBan) -> None:
    """Ban a user or network from the site; their clients get the reason, and close code 4008."""
    if session.user is None or not _may(context, session, "siteBan"):
        return
    wanted = message.milliseconds
    duration = None if wanted is None else int(wanted)
    if "siteBanAnyDuration" not in session.permissions:
        duration = _LONGEST_MS if duration is None else min(duration, _LONGEST_MS)
    try:
        subject = parse_subject(message.id)
    except ValueError as error:
        context.outbound.notify_once(session, Code.BAD_ID, f"{error}.")
        return
    if is_network(subject) and session.scope != "admin":
        context.outbound.notify_once(session, Code.NOT_ALLOWED, "Only an admin bans networks.")
        return
    around: list[str] = []
    details: dict[str, str] = {}
    if message.bits is not None:
        try:
            around = networks_of(context, session.scope, subject, message.bits)
        except RefusedError as refused:
            refused.send(context, session)
            return
        details["network"] = _sizes(around)
    now, reason, note = context.now(), mended(message.reason[:_LONGEST_REASON]), message.note
    until = None if duration is None else now + duration
    ban = BanRecord(SITE, subject, until, session.user.id, reason, now)
    context.audit(
        session,
        AuditAction.SITEBAN,
        subject=subject,
        reason=reason,
        until=until,
        note=note[:_LONGEST_REASON],
        **details,
    )
    ban_from_site(context, ban, around)
    length = "for ever" if duration is None else f"for {rooms.minutes_left(duration)}"
    are_banned = (
        f"{subject} and the network around ({_sizes(around)}) are" if around else f"{subject} is"
    )
    confirm(context, session, f"{are_banned} banned from this site {length}.")


def networks_of(context: Context, scope: Scope | None, user_id: str, bits: int) -> list[str]:
    """Return the ids of the networks to ban with a user: nobody is shown an address.

    Args:
        context: The context.
        scope: The scope of the member of staff who bans.
        user_id: The user.
        bits: The prefix length of the network; a key of `OFFERED_BITS`.

    Raises:
        RefusedError: The scope does not allow it, or the user is not online.
    """
    if bits == _WIDEST_BITS and scope != "admin":
        raise RefusedError(Code.NOT_ALLOWED, f"Only an admin bans a /{bits}.")
    user = context.directory.online(user_id)
    found = [] if user is None else networks.around(context, user, bits)
    if not found:
        raise RefusedError(Code.NOT_FOUND, "Their network is known only while they are here.")
    return found


def _sizes(around: list[str]) -> str:
    """Return the prefix lengths of networks as text: `/56`, or `/24, /56`."""
    return ", ".join(sorted({f"/{network_id.rpartition('/')[2]}" for network_id in around}))


def ban_from_site(context: Context, ban: BanRecord, around: Sequence[str] = ()) -> None:
    """Ban a user or network from the site, and close the connections that this concerns.

    For a user known by a token the user of the present address is banned too: else they could throw
    the token away.

    Args:
        context: The context.
        ban: The ban.
        around: The ids of further networks to ban.
    """
    context.bans.ban(ban)
    for network in around:
        context.bans.ban(replace(ban, subject=network))
    user = context.directory.online(ban.subject)
    for tab in list(user.sessions) if user is not None else []:
        context.bans.remember_networks(ban.subject, tab.address)
        if tab.is_known_by_token and context.identity.mode != "random" and not tab.is_bot:
            context.bans.ban(replace(ban, subject=context.identity.user_id(tab.address)))
        close_banned(context, tab, ban)  # even if the ban's time is already over
    enforce_bans(context)


def siteunban(context: Context, session: Session, subject: str) -> bool:
    """Lift a ban from the site; return whether there was one."""
    is_lifted = context.bans.lift(SITE, subject)
    if is_lifted:
        context.audit(session, AuditAction.SITEUNBAN, subject=subject)
        confirm(context, session, f"{subject} is not banned from this site any more.")
    return is_lifted


def confirm(context: Context, session: Session, text: str) -> None:
    """Confirm an action to its author with a notice, once it has been saved."""

    def on_saved(is_saved: bool) -> None:
        if session.user is not None:  # the session may have ended meanwhile
            done = notice(text, Code.DONE) if is_saved else notice(text + UNSAVED, Code.NOT_SAVED)
            context.outbound.send(session, [done])

    context.store.when_saved(on_saved)


UNSAVED = " It is not saved yet: the store does not take writes."
"""Added to a notice of an action that a restart would undo."""


def merge_bans(context: Context) -> None:
    """Merge the bans that another process has changed, and enforce them at once."""
    if context.bans.refresh():
        enforce_bans(context)


def enforce_bans(context: Context) -> None:
    """Close the connections of users with new site bans; move users out of rooms with new bans."""
    now = context.now()
    _forfeit_claims(context, now)
    for user in list(context.directory.users.values()):
        for tab in list(user.sessions):
            site_ban = context.bans.site_ban_of(user.id, tab.address, now)
            room_name = None if tab.participant is None else tab.participant.room.name
            if site_ban is not None:
                close_banned(context, tab, site_ban)
            elif (
                room_name is not None
                and context.bans.banned_until(room_name, user.id, now) is not None
            ):
                banned = notice(f'You are banned from "{room_name}".', Code.BANNED)
                context.outbound.send(tab, [banned])
                rooms.move_to_room(context, tab, user, AWKWARD)


def _forfeit_claims(context: Context, now: int) -> None:
    """Remove the claims of banned users, who else could return for a crown after the ban."""
    bans = context.bans
    for room in context.directory.rooms.values():
        for user_id, _ in list(room.claims):
            if any(
                bans.banned_until(where, user_id, now) is not None for where in (SITE, room.name)
            ):
                context.world.forfeit(room, user_id)


def close_banned(context: Context, session: Session, ban: BanRecord) -> None:
    """Send a client the notice of its site ban, and close the connection."""
    text = "You are banned from this site"
    if ban.until is not None:
        text += f" for {rooms.minutes_left(ban.until - context.now())}"
    reason = mended(ban.reason)
    if reason:
        text += f": {reason}"
    context.outbound.send(session, [notice(text, Code.SITE_BANNED, style=None)])
    rooms.leave(context, session)  # before the end of the connection, which would leave a claim
    session.connection.close(CloseCode.BANNED)


def set_permanent(context: Context, name: str, *, is_permanent: bool) -> None:
    """Make a room permanent, and create it if there is none; or make it temporary again."""
    room = context.directory.rooms.get(name)
    if room is None and is_permanent:
        room = context.directory.open_room(name, {})
    if room is None or room.is_permanent == is_permanent:
        return
    context.directory.set_permanent(room, is_permanent=is_permanent)
    context.archive.save(room)
    if is_permanent:
        context.room_list.note_change(room)
    else:
        rooms.vacate(context, room)


def setcolor(context: Context, session: Session, message: SetColor) -> None:
    """Change a user's colour."""
    user = _changeable(context, session, message.id)
    if user is not None:
        rename(context, session, user, color=message.color)


def setname(context: Context, session: Session, message: SetName) -> None:
    """Change a user's name."""
    user = _changeable(context, session, message.id)
    if user is not None:
        name = validate.name(message.name, context.rules.name_length)
        rename(context, session, user, name=name)


def _changeable(context: Context, session: Session, user_id: str) -> User | None:
    """Return a user whom the sender may change; else send the sender a notice."""
    if not _may(context, session, "usersetOthers"):
        return None
    user = context.directory.users.get(user_id)
    if user is None:
        context.outbound.notify_once(session, Code.NOT_FOUND, "That user is not here.")
    return user


def set_tag(
    context: Context, by: Session | TokenRecord, user: User, tag: dict[str, str] | None
) -> None:
    """Give a user a tag (`text` and `color`), or remove it."""
    user.tag = tag
    kind = AuditAction.REMOVE_TAG if tag is None else AuditAction.TAG
    context.audit(by, kind, subject=user.id, text=None if tag is None else tag["text"])
    for participant in user.participations:
        context.outbound.update(participant)
    mark_look_alikes(context, user)


def rename(
    context: Context,
    by: Session | TokenRecord,
    user: User,
    *,
    name: str | None = None,
    color: str | None = None,
) -> None:
    """Change another user's name or colour, and write to the audit log who did it."""
    if name is not None:
        context.audit(by, AuditAction.SETNAME, subject=user.id, before=user.name, after=name)
    if color is not None:
        context.audit(by, AuditAction.SETCOLOR, subject=user.id, before=user.color, after=color)
    change(context, user, name=name, color=color)

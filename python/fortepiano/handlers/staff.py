"""What staff do from within: `clearchat`, `v`, `siteban`, `setcolor`, `setname`.

Whoever lacks the permission is told so; nobody else notices.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fortepiano.errors import CloseCode
from fortepiano.handlers import networks, rooms
from fortepiano.handlers.profile import change, mark_look_alikes
from fortepiano.handlers.refusal import RefusedError
from fortepiano.model.ban_list import SITE, is_network, parse_subject
from fortepiano.model.codes import Code
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
    "clearchat",
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
"""The longest ban from the site by staff who may not choose any duration."""


_WIDEST_BITS = 48
"""Of IPv6: a whole company's, or many subscribers'."""

_LONGEST_REASON = 512
"""How much of a reason or a note is kept; characters."""


def _may(context: Context, session: Session, permission: str) -> bool:
    if permission in session.permissions:
        return True
    context.outbound.notify_once(session, Code.NOT_ALLOWED, "You may not do that.")
    return False


def clearchat(context: Context, session: Session, _message: ClearChat) -> None:
    """Clear the chat of the room one is in."""
    if session.participant is not None and _may(context, session, "clearChat"):
        room = session.participant.room
        context.audit(session, "clearchat", room=room.name)
        clear(context, room)


def clear(context: Context, room: Room) -> None:
    """Forget a room's chat; an empty `c` clears it on the screens."""
    room.history.clear()
    context.archive.save(room)
    context.outbound.broadcast(room, {"m": "c", "c": []})


def vanish(context: Context, session: Session, message: Vanish) -> None:
    """Hide from others, or show oneself again."""
    user = session.user
    if user is None or not _may(context, session, "vanish"):
        return
    context.audit(session, "vanish" if message.vanish else "appear", subject=user.id)
    set_hidden(context, user, is_hidden=message.vanish)


def set_hidden(context: Context, user: User, *, is_hidden: bool) -> None:
    """Hide a user in all rooms he is in, or show him again."""
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
            # He and other staff still see him.
            context.outbound.broadcast_room(participant.room)
        context.room_list.note_change(participant.room)
    mark_look_alikes(context, user)


def siteban(context: Context, session: Session, message: SiteBan) -> None:
    """Ban somebody from the whole site; he is told the reason and closed with 4008."""
    if session.user is None or not _may(context, session, "siteBan"):
        return
    wanted = message.milliseconds
    duration = None if wanted is None else int(wanted)
    if "siteBanAnyDuration" not in session.permissions:
        duration = _LONGEST_MS if duration is None else min(duration, _LONGEST_MS)
    try:
        who = parse_subject(message.id)
    except ValueError as error:
        context.outbound.notify_once(session, Code.BAD_ID, f"{error}.")
        return
    if is_network(who) and session.scope != "admin":
        context.outbound.notify_once(session, Code.NOT_ALLOWED, "Only an admin bans networks.")
        return
    around: list[str] = []
    details: dict[str, str] = {}
    if message.bits is not None:
        try:
            around = networks_of(context, session.scope, who, message.bits)
        except RefusedError as refused:
            refused.send(context, session)
            return
        details["network"] = _sizes(around)
    now, reason, note = context.now(), mended(message.reason[:_LONGEST_REASON]), message.note
    until = None if duration is None else now + duration
    ban = BanRecord(SITE, who, until, session.user.id, reason, now)
    context.audit(
        session,
        "siteban",
        subject=who,
        reason=reason,
        until=until,
        note=note[:_LONGEST_REASON],
        **details,
    )
    ban_from_site(context, ban, around)
    length = "for ever" if duration is None else f"for {rooms.minutes_left(duration)}"
    whom = f"{who} and the network around ({_sizes(around)}) are" if around else f"{who} is"
    confirm(context, session, f"{whom} banned from this site {length}.")


def networks_of(context: Context, scope: Scope | None, who: str, bits: int) -> list[str]:
    """Return the networks to ban with somebody, by their ids: nobody is shown an address.

    Args:
        context: The world.
        scope: What the one may do who bans.
        who: The user id.
        bits: How wide the network is to be; a key of `OFFERED_BITS`.

    Raises:
        RefusedError: The scope does not reach so far, or the user is not here.
    """
    if bits == _WIDEST_BITS and scope != "admin":
        raise RefusedError(Code.NOT_ALLOWED, f"Only an admin bans a /{bits}.")
    user = context.directory.online(who)
    found = [] if user is None else networks.around(context, user, bits)
    if not found:
        raise RefusedError(Code.NOT_FOUND, "Their network is known only while they are here.")
    return found


def _sizes(around: list[str]) -> str:
    """Say how large networks are: `/56`, or `/24, /56`."""
    return ", ".join(sorted({f"/{one.rpartition('/')[2]}" for one in around}))


def ban_from_site(context: Context, ban: BanRecord, around: Sequence[str] = ()) -> None:
    """Ban somebody from the whole site, and show out whom that concerns.

    Whoever is known by a token is banned by where he is now, too: he could throw the token away.

    Args:
        context: The world.
        ban: Who, and for how long.
        around: Networks to ban as well, by their ids.
    """
    context.bans.ban(ban)
    for network in around:
        context.bans.ban(replace(ban, subject=network))
    user = context.directory.online(ban.subject)
    for tab in list(user.sessions) if user is not None else []:
        context.bans.remember_networks(ban.subject, tab.address)
        if tab.is_known_by_token and context.identity.mode != "random" and not tab.is_bot:
            context.bans.ban(replace(ban, subject=context.identity.user_id(tab.address)))
        close_banned(context, tab, ban)  # also where it lasts no longer than this
    enforce_bans(context)


def siteunban(context: Context, session: Session, who: str) -> bool:
    """Let somebody into the site again; whether they were banned from it."""
    is_lifted = context.bans.lift(SITE, who)
    if is_lifted:
        context.audit(session, "siteunban", subject=who)
        confirm(context, session, f"{who} is not banned from this site any more.")
    return is_lifted


def confirm(context: Context, session: Session, text: str) -> None:
    """Tell somebody, once it is safe, that what he did is done."""

    def on_saved(is_saved: bool) -> None:
        if session.user is not None:  # he may have left meanwhile
            told = notice(text, Code.DONE) if is_saved else notice(text + UNSAVED, Code.NOT_SAVED)
            context.outbound.send(session, [told])

    context.store.when_saved(on_saved)


UNSAVED = " It is not saved yet: the store does not take writes."
"""What is added to the news of what a restart would undo."""


def merge_bans(context: Context) -> None:
    """Take over the bans that another process has changed, and enforce them at once."""
    if context.bans.refresh():
        enforce_bans(context)


def enforce_bans(context: Context) -> None:
    """Show everybody out who may not be where he is, because of bans that are new."""
    now = context.now()
    _forfeit(context, now)
    for user in list(context.directory.users.values()):
        for tab in list(user.sessions):
            ban = context.bans.site_ban_of(user.id, tab.address, now)
            at = tab.participant
            if ban is not None:
                close_banned(context, tab, ban)
            elif (
                at is not None and context.bans.banned_until(at.room.name, user.id, now) is not None
            ):
                name = at.room.name
                told = notice(f'You are banned from "{name}".', Code.BANNED)
                context.outbound.send(tab, [told])
                rooms.move_to_room(context, tab, user, AWKWARD)


def _forfeit(context: Context, now: int) -> None:
    """Let nobody who is banned, and away, come back for a crown when the ban is lifted."""
    bans = context.bans
    for room in context.directory.rooms.values():
        for user_id, _ in list(room.claims):
            if any(
                bans.banned_until(place, user_id, now) is not None for place in (SITE, room.name)
            ):
                context.world.forfeit(room, user_id)


def close_banned(context: Context, session: Session, ban: BanRecord) -> None:
    """Tell somebody that he is banned from the site, and close his connection."""
    text = "You are banned from this site"
    if ban.until is not None:
        text += f" for {rooms.minutes_left(ban.until - context.now())}"
    reason = mended(ban.reason)
    if reason:
        text += f": {reason}"
    context.outbound.send(session, [notice(text, Code.SITE_BANNED, style=None)])
    rooms.leave(context, session)  # before the end, which would let them come back for a crown
    session.connection.close(CloseCode.BANNED)


def set_permanent(context: Context, name: str, *, is_permanent: bool) -> None:
    """Let a room outlive its people and the server, or no more; it is made if there is none."""
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
    """Change somebody's colour."""
    user = _changeable(context, session, message.id)
    if user is not None:
        rename(context, session, user, color=message.color)


def setname(context: Context, session: Session, message: SetName) -> None:
    """Change somebody's name."""
    user = _changeable(context, session, message.id)
    if user is not None:
        name = validate.name(message.name, context.rules.name_length)
        rename(context, session, user, name=name)


def _changeable(context: Context, session: Session, user_id: str) -> User | None:
    """Return the user whom a member of the staff may change; they are told where there is none."""
    if not _may(context, session, "usersetOthers"):
        return None
    user = context.directory.users.get(user_id)
    if user is None:
        context.outbound.notify_once(session, Code.NOT_FOUND, "That user is not here.")
    return user


def set_tag(
    context: Context, by: Session | TokenRecord, user: User, tag: dict[str, str] | None
) -> None:
    """Pin a tag (`text` and `color`) to somebody's name, or take it away."""
    user.tag = tag
    kind = "remove_tag" if tag is None else "tag"
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
    """Give somebody else another name or colour, and write down who did it."""
    if name is not None:
        context.audit(by, "setname", subject=user.id, before=user.name, after=name)
    if color is not None:
        context.audit(by, "setcolor", subject=user.id, before=user.color, after=color)
    change(context, user, name=name, color=color)

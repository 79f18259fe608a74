"""Bans from rooms and from the site: making and lifting them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fortepiano.actions.act_budget import spend_act
from fortepiano.actions.ban_enforcement import close_named, enforce_bans, note_bans
from fortepiano.actions.confirmation import UNSAVED
from fortepiano.actions.refusal import RefusedError
from fortepiano.actions.rooms import minutes_left, move_to_room
from fortepiano.actions.shared import own_tabs, share_store
from fortepiano.model.audit_actions import AuditAction
from fortepiano.model.ban_list import SITE, is_network, parse_subject
from fortepiano.model.identity import OFFERED_BITS
from fortepiano.model.notice_codes import Code
from fortepiano.model.room import AWKWARD
from fortepiano.protocol.audit_log import Fact, author_id, write_act
from fortepiano.protocol.notices import notice
from fortepiano.store.records import BanRecord, TokenRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fortepiano.model.room import Room
    from fortepiano.model.session import Session
    from fortepiano.model.user import User
    from fortepiano.protocol.context import Context
    from fortepiano.protocol.room_messages import Message
    from fortepiano.store.base import Store

__all__ = [
    "LONGEST_MODERATOR_MS",
    "ban_from_room",
    "ban_from_site",
    "checked_subject",
    "length_of",
    "networks_of",
    "store_ban",
    "store_unban",
    "unban",
]

LONGEST_MODERATOR_MS = 86_400_000
"""The longest site ban by staff of the scope `moderate`; milliseconds."""

_WIDEST_BITS = 48
"""The prefix length that only an admin may ban: a /48 of IPv6 can be a whole company."""


def checked_subject(subject: str, room: str = SITE) -> str:
    """Return the subject of a ban as bans are stored and compared.

    Args:
        subject: A user id, an address or a network, as `parse_subject` reads it.
        room: The room's name, or `SITE`.

    Raises:
        RefusedError: The subject is none of these, or is a network to ban from a room.
    """
    try:
        subject = parse_subject(subject)
    except ValueError as error:
        raise RefusedError(Code.BAD_ID, f"{error}.") from None
    if room != SITE and is_network(subject):
        raise RefusedError(Code.BAD_ID, "A network can be banned from the whole site only.")
    return subject


def length_of(milliseconds: int | None) -> str:
    """Return the length of a ban as text: `for 5 minutes`, `for ever` for None."""
    return "for ever" if milliseconds is None else f"for {minutes_left(milliseconds)}"


def ban_from_room(
    context: Context,
    by: Session | TokenRecord,
    room_name: str,
    subject: str,
    milliseconds: int | None,
    reason: str = "",
) -> BanRecord:
    """Ban a user from a room, move them out of it, and broadcast the ban there once it is saved.

    A new ban replaces an old one. A ban of 0 milliseconds only moves the user out.

    Args:
        context: The context.
        by: The session, or the token of the admin API, that asks for it.
        room_name: The room's name; there need be no such room at present.
        subject: The user's id.
        milliseconds: The length of the ban; None for ever.
        reason: The reason, for the staff.

    Raises:
        RefusedError: The subject is not a user, or holds the crown and may not be banned; or there
            were too many acts.
    """
    subject = checked_subject(subject, room_name)
    room = context.directory.rooms.get(room_name)
    target = context.directory.users.get(subject)
    if room is not None and room.holder is not None and room.holder.user is target:
        _check_holder(by, subject)
    spend_act(context, by)
    now = context.now()
    until = None if milliseconds is None else now + milliseconds
    ban = BanRecord(room_name, subject, until, author_id(by), reason, now)
    if milliseconds != 0:
        context.bans.ban(ban)
    _audit(context, by, ban, {} if target is None else {"name": target.name})
    if room is None:
        return ban
    context.world.forfeit(room, subject)
    length = length_of(milliseconds)
    # Made before anybody moves: a moderator may ban themselves.
    news = None if target is None else _room_notice(context, room, by, target, length)
    participant = room.participants.get(subject)
    if participant is not None:
        for tab in list(participant.tabs):
            banned = notice(f'Banned from "{room.name}" {length}.', Code.BANNED)
            context.outbound.send(tab, [banned])
            move_to_room(context, tab, participant.user, AWKWARD)
    context.room_list.note_change(room)
    share_store(context)
    if news is not None:
        _broadcast_saved(context, room, news, is_saved=milliseconds == 0)
    return ban


def _check_holder(by: Session | TokenRecord, holder_id: str) -> None:
    """Refuse that a co-owner bans the holder of the crown; staff may, and so may the holder."""
    is_staff = isinstance(by, TokenRecord) or "siteBan" in by.permissions
    if not is_staff and author_id(by) != holder_id:
        raise RefusedError(Code.HOLDER_IS_SAFE, "Nobody bans who holds the crown.")


def _room_notice(
    context: Context, room: Room, by: Session | TokenRecord, target: User, length: str
) -> Message:
    """Return the notice of a ban to a room; a token has no name, so its notice names nobody."""
    name_of = context.outbound.appearance.name
    target_name = name_of(target, room)
    author = None if isinstance(by, TokenRecord) else by.user
    if author is None:
        return notice(f"{target_name} was banned from this room {length}.", Code.KICKBANNED)
    if author is target:
        text = f"Let it be known that {target_name} kickbanned him/herself."
        return notice(text, Code.AWARD, title="Certificate of Award", style=None)
    text = f"{name_of(author, room)} kickbanned {target_name} from this room {length}."
    return notice(text, Code.KICKBANNED)


def _broadcast_saved(context: Context, room: Room, news: Message, *, is_saved: bool) -> None:
    """Broadcast the notice of a ban once the ban is saved: then a restart keeps the ban.

    Args:
        context: The context.
        room: The room.
        news: The notice.
        is_saved: Whether there is nothing to save.
    """

    def on_saved(is_saved: bool) -> None:
        if not is_saved:
            news["text"] += UNSAVED
        if context.directory.rooms.get(room.name) is room:
            context.outbound.broadcast(room, news)

    if is_saved:
        on_saved(True)
    else:
        context.store.when_saved(on_saved)


def ban_from_site(
    context: Context,
    by: Session | TokenRecord,
    subject: str,
    milliseconds: int | None,
    *,
    reason: str = "",
    note: str = "",
    bits: int | None = None,
) -> tuple[BanRecord, str]:
    """Ban a user or network from the site, and close the connections that this concerns.

    For a user known by a token the user of the present address is banned too: else they could throw
    the token away.

    Args:
        context: The context.
        by: The session, or the token of the admin API, that asks for it.
        subject: A user id; for the scope `admin` also an address or a network.
        milliseconds: The length of the ban; None for ever.
        reason: The reason, which the user is shown.
        note: A note for the audit log only.
        bits: The prefix length of the network around the user that is banned too; None for none.

    Returns:
        The ban, and the prefix lengths of the networks around the user, such as `/24, /56`; an
        empty text if none are banned.

    Raises:
        RefusedError: The subject cannot be banned, or not by this scope, or not for so long.
    """
    subject = checked_subject(subject)
    is_admin = by.scope == "admin"
    if is_network(subject) and not is_admin:
        raise RefusedError(Code.NOT_ALLOWED, "Only an admin bans networks.")
    if not is_admin and (milliseconds is None or milliseconds > LONGEST_MODERATOR_MS):
        raise RefusedError(Code.NOT_ALLOWED, "Only an admin bans for longer than a day.")
    around = [] if bits is None else networks_of(context, by.scope, subject, bits)
    now = context.now()
    until = None if milliseconds is None else now + milliseconds
    ban = BanRecord(SITE, subject, until, author_id(by), reason, now)
    for record in _with_networks(ban, around):
        context.bans.ban(record)
    sizes = _sizes(around)
    _audit(context, by, ban, {"note": note} | ({"network": sizes} if sizes else {}))
    tabs = own_tabs(context, subject)
    for tab in tabs:
        close_named(context, tab, ban)  # even if the ban's time is already over
    enforce_bans(context, except_for=tabs)
    share_store(context)
    return ban, sizes


def networks_of(context: Context, scope: str | None, user_id: str, bits: int) -> list[str]:
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
    wanted = tuple(f"/{size}" for size in OFFERED_BITS[bits].values())
    found = [
        network_id
        for tab in own_tabs(context, user_id)
        for network_id in context.identity.network_ids(tab.address)
    ] + context.elsewhere.networks_of(user_id)
    ids = list(dict.fromkeys(one for one in found if one.endswith(wanted)))
    if not ids:
        raise RefusedError(Code.NOT_FOUND, "Their network is known only while they are here.")
    return ids


def _sizes(around: Sequence[str]) -> str:
    """Return the prefix lengths of networks as text: `/56`, or `/24, /56`."""
    return ", ".join(sorted({f"/{network.partition('/')[2] or 32}" for network in around}))


def _with_networks(ban: BanRecord, around: Sequence[str]) -> list[BanRecord]:
    return [ban, *(replace(ban, subject=network) for network in around)]


def _ban_action(room: str) -> AuditAction:
    return AuditAction.SITEBAN if room == SITE else AuditAction.KICKBAN


def _unban_action(room: str) -> AuditAction:
    return AuditAction.SITEUNBAN if room == SITE else AuditAction.UNBAN


def _audit(
    context: Context, by: Session | TokenRecord, ban: BanRecord, details: dict[str, str]
) -> None:
    context.audit(
        by,
        _ban_action(ban.room),
        room=ban.room,
        subject=ban.subject,
        reason=ban.reason,
        until=ban.until,
        **details,
    )


def unban(context: Context, by: Session | TokenRecord, room_name: str, subject: str) -> bool:
    """Lift a ban from a room, or from the site; return whether there was one.

    Args:
        context: The context.
        by: The session, or the token of the admin API, that asks for it.
        room_name: The room's name, or `SITE`.
        subject: The user or network, as `parse_subject` spells it.

    Raises:
        RefusedError: There were too many acts.
    """
    if not context.bans.holds(room_name, subject):
        return False
    spend_act(context, by)
    context.bans.lift(room_name, subject)
    context.audit(by, _unban_action(room_name), room=room_name, subject=subject)
    note_bans(context, room_name)
    share_store(context)
    return True


def store_ban(store: Store, ban: BanRecord, around: Sequence[str] = ()) -> None:
    """Write a ban into a store, for a running server to merge and enforce.

    Args:
        store: The store.
        ban: The ban.
        around: Networks to ban with its subject: addresses, or ids.
    """
    for record in _with_networks(ban, around):
        store.save_ban(record)
    details: dict[str, Fact] = {"until": ban.until}
    if around:
        details["network"] = _sizes(around)
    _store_audit(store, _ban_action(ban.room), ban, details)


def store_unban(store: Store, by: str, at: int, room: str, subject: str) -> bool:
    """Remove a ban from a store; return whether there was one.

    Args:
        store: The store.
        by: The author, as the audit log names it.
        at: The time; milliseconds since 1970.
        room: The room's name, or `SITE`.
        subject: The user or network, as `parse_subject` spells it.
    """
    if all((ban.room, ban.subject) != (room, subject) for ban in store.bans()):
        return False
    store.remove_ban(room, subject)
    lifted = BanRecord(room, subject, None, by, "", at)
    _store_audit(store, _unban_action(room), lifted, {})
    return True


def _store_audit(
    store: Store, action: AuditAction, ban: BanRecord, details: dict[str, Fact]
) -> None:
    write_act(
        store,
        ban.at,
        ban.by,
        action,
        room=ban.room,
        subject=ban.subject,
        reason=ban.reason,
        details=details,
    )

"""Arriving and going: `hi`, `devices`, `bye`, and the end of a connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fortepiano.errors import CloseCode
from fortepiano.handlers import rooms, staff
from fortepiano.model.banlist import PERMANENT, SITE
from fortepiano.model.staff import digest, is_valid, permissions_of, staff_scope
from fortepiano.protocol.outbound import quota_message

if TYPE_CHECKING:
    from fortepiano.model.session import Session
    from fortepiano.protocol.context import Context
    from fortepiano.protocol.outbound import Message
    from fortepiano.protocol.shapes import Bye, Devices, Hello

__all__ = ["bye", "devices", "ended", "hi"]


def hi(context: Context, session: Session, message: Hello) -> list[Message] | None:
    """Greet a client: who he is, and how fast he may play.

    A second `hi` changes nothing and is answered again.
    """
    user = session.user
    if user is None:
        until = context.bans.until(SITE, session.user_id, context.now())
        if until is not None:
            context.counters.bans_enforced["site"] += 1
            staff.show_out(context, session, until if until < PERMANENT else None, "")
            return None
        user = session.user = context.directory.arrive(session, context.now())
        context.hub.greet(session.client, user.quota)
        _admit_staff(context, session, message.token)
        context.events.tell("arrived", user_id=user.id, name=user.name)
    messages: list[Message] = [
        {
            "m": "hi",
            "t": context.now(),
            "u": context.outbound.identity(user),
            "motd": context.motd,
            "permissions": dict.fromkeys(sorted(session.permissions), True),
        }
    ]
    if context.rules.quota_in_hello:
        at = session.participant
        quota = context.world.quota_class(at) if at else context.rules.quota_normal
        messages.append(quota_message(quota, context.rules))
    return messages


def _admit_staff(context: Context, session: Session, token: Any) -> None:
    """Give a session what its staff token allows; any other token is ignored."""
    record = context.store.token(digest(token)) if isinstance(token, str) else None
    if record is None or not is_valid(record, context.now()):
        return
    scope = staff_scope(record)
    if scope is None:
        return
    session.scope = scope
    session.permissions = permissions_of(scope)
    plays = "playNotesAnywhere" in session.permissions
    context.hub.privilege(session.client, plays_anywhere=plays, unlimited=True)


def devices(_context: Context, _session: Session, _message: Devices) -> None:
    """Take no notice: browsers send their MIDI devices unasked, even before `hi`."""


def bye(_context: Context, session: Session, _message: Bye) -> None:
    """Close the connection of a client who says so; nothing after it in the frame is handled."""
    session.connection.close(CloseCode.NORMAL)


def ended(context: Context, session: Session) -> None:
    """Take a session out of the world, whatever ended it."""
    context.outbound.stop_list(session)
    context.outbound.stop_custom(session)
    rooms.leave(context, session)
    user, session.user = session.user, None
    if user is not None:
        context.directory.depart(user, session, context.now())
        context.events.tell("gone", user_id=user.id, name=user.name)

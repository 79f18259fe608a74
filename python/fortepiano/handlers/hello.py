"""Begin and end of a session: `hi`, `devices`, `bye`, and the end of a connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fortepiano.actions import rooms
from fortepiano.actions.ban_enforcement import close_banned
from fortepiano.actions.staff_rights import set_rights
from fortepiano.handlers import networks
from fortepiano.model.close_codes import CloseCode
from fortepiano.model.notice_codes import Code
from fortepiano.model.permissions import staff_scope
from fortepiano.model.tokens import PREFIX, digest, is_revoked, is_valid
from fortepiano.model.user_ids import new_user_id
from fortepiano.protocol.notices import notice
from fortepiano.protocol.room_messages import quota_message
from fortepiano.protocol.shared_acts import AwayEnded
from fortepiano.store.records import TokenRecord

if TYPE_CHECKING:
    from fortepiano.model.identity import Bearer
    from fortepiano.model.session import Session
    from fortepiano.model.user import User
    from fortepiano.protocol.context import Context
    from fortepiano.protocol.incoming import Bye, Devices, Hello
    from fortepiano.protocol.room_messages import Message

__all__ = ["bye", "devices", "ended", "hello"]

_DOTS = 2
"""The number of dots in a signed token, between its three parts (RFC 7515 section 3.1)."""


def hello(context: Context, session: Session, message: Hello) -> list[Message] | None:
    """Answer `hi` with the client's user, permissions and note quota.

    A second `hi` changes nothing and is answered again, with the permissions of now.
    """
    user = session.user
    token: str | None = None
    if user is None:
        token = _identify(context, session, message.token)
        ban = context.bans.site_ban_of(session.user_id, session.address, context.now())
        if ban is not None:
            context.counters.bans_enforced["site"] += 1
            close_banned(context, session, ban)
            return None
        listed = context.networks.refusing(session.address)
        if listed is not None and not _is_vouched_for(session):
            networks.close_refused_network(context, session, listed)
            return None
        if _has_too_many_sockets(context, session):
            text = "You have too many connections open."
            context.outbound.send(session, [notice(text, Code.TOO_MANY_CONNECTIONS)])
            session.connection.close(CloseCode.TOO_MANY_SOCKETS)
            return None
        user = session.user = context.directory.arrive(session, context.now())
        context.rates.settle(session, context.rules, context.now())
        context.hub.start_session(session.client, user.quota)
        _admit_staff(context, session, user)
        networks.publish_near_ban(context, session, user)
        context.events.publish("arrived", actor=user.id, name=user.name)
    messages: list[Message] = [
        {
            "m": "hi",
            "t": context.now(),
            "u": context.outbound.identity(user),
            "motd": context.motd,
            "permissions": dict.fromkeys(sorted(session.permissions), True),
        }
    ]
    if token is not None:
        messages[0]["token"] = token
    if context.rules.quota_in_hello:
        messages.append(quota_message(rooms.quota_of(context, session), context.rules))
    return messages


def _identify(context: Context, session: Session, sent: Any) -> str | None:
    """Find the user of a connection by the token that it sent (docs/protocol.md, "Identity").

    A token that is unknown, expired or revoked counts as no token. The token that counts is noted
    in the session, and nothing else looks at what was sent.

    Returns:
        A new token for the client to keep; None if it keeps the one that it has, or needs none.
    """
    throttle, address = context.throttle, session.address
    sent = sent if isinstance(sent, str) else ""
    if sent and not throttle.may_fail(address):
        # A client that guesses tokens does not learn whether one was right.
        return None
    if sent.startswith(PREFIX):
        record = context.store.token(digest(sent))
        if record is not None and is_valid(record, context.now()):
            if record.user_id:
                session.become(record.user_id, is_bot=record.scope == "bot")
            _hold(context, session, record)
            return None
        throttle.count_failure(address)
    return _identify_browser(context, session, sent) if context.identity.mode == "token" else None


def _identify_browser(context: Context, session: Session, sent: str) -> str | None:
    """Find the user of a connection by a signed token; return a new token where it needs one."""
    identity, throttle, now = context.identity, context.throttle, context.now()
    bearer = identity.read(sent, now) if sent else None
    if bearer is not None and not is_revoked(context.store, bearer):
        session.become(bearer.user_id, is_bot=False)
        if bearer.is_fresh:
            _hold(context, session, bearer)
            return None
    else:
        address = session.address
        if sent.count(".") == _DOTS:
            throttle.count_failure(address)
        if session.is_bot or not throttle.admit_new_user(address, session.is_limited):
            return None  # the user of the address stays, as for all clients that keep no token
        session.become(new_user_id(), is_bot=False)
    _hold(context, session, identity.bearer(session.user_id, now))
    return identity.sign(session.user_id, now)


def _hold(context: Context, session: Session, token: TokenRecord | Bearer) -> None:
    session.token = token
    context.tokens.add(token)


def _has_too_many_sockets(context: Context, session: Session) -> bool:
    """Tell whether a user known by a token has as many sockets as are allowed.

    Sockets of other users are counted by address.
    """
    if not (session.is_limited and session.is_known_by_token):
        return False
    user = context.directory.users.get(session.user_id)
    return user is not None and len(user.sessions) >= context.limits.sockets_per_user


def _is_vouched_for(session: Session) -> bool:
    """Tell whether a client has a token that the operator made, for staff, a bot or a user."""
    return isinstance(session.token, TokenRecord)


def _admit_staff(context: Context, session: Session, user: User) -> None:
    """Give a session the permissions of its staff token; any other token gives none."""
    token = session.token
    if isinstance(token, TokenRecord) and staff_scope(token) is not None:
        set_rights(context, session, user, token)


def devices(_context: Context, session: Session, _message: Devices) -> None:
    """Ignore the message: browsers send their MIDI devices unasked, even before `hi`."""
    session.has_sent_devices = True


def bye(context: Context, session: Session, _message: Bye) -> None:
    """Close the connection; later messages in the same frame are not handled."""
    if not context.elsewhere.close(session, CloseCode.NORMAL):
        session.connection.close(CloseCode.NORMAL)


def ended(context: Context, session: Session) -> None:
    """Remove a session whose connection has ended, for whatever reason."""
    if session.is_limited:
        context.throttle.release(session.address)
    context.room_list.stop(session)
    context.outbound.stop_custom(session)
    rooms.leave(context, session, has_ended=True)
    user, session.user = session.user, None
    if user is not None:
        was_afk = user.is_afk
        context.directory.depart(user, session, context.now())
        if was_afk and not user.is_afk:
            context.elsewhere.share(AwayEnded(user.id, user.version))
        context.events.publish("gone", actor=user.id, name=user.name)

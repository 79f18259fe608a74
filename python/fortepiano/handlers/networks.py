"""Networks: lists of those that may not enter or chat, and the report of users near a ban."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fortepiano.actions.shared import own_tabs
from fortepiano.model.close_codes import CloseCode
from fortepiano.model.notice_codes import Code
from fortepiano.observe.logs import logger
from fortepiano.protocol.notices import notice

if TYPE_CHECKING:
    from fortepiano.model.network_lists import NetworkList
    from fortepiano.model.session import Session
    from fortepiano.model.user import User
    from fortepiano.protocol.context import Context

__all__ = [
    "chat_refusal",
    "close_refused_network",
    "enforce_network_lists",
    "publish_near_ban",
    "refusing_list",
]

_log = logger(__name__)


def publish_near_ban(context: Context, session: Session, user: User) -> None:
    """Log and publish to staff that a user shares a wide network with a banned one.

    Neither address is shown.
    """
    near = (
        None
        if session.scope is not None
        else context.bans.nearby_ban(session.address, context.now())
    )
    if near is None:
        return
    size, subject = near
    context.counters.near_bans += 1
    _log.info(f"same {size} as a ban", user=user.id, ban=subject or "a network")
    context.events.publish("near_ban", actor=user.id, name=user.name, network=size, subject=subject)


def refusing_list(context: Context, session: Session) -> NetworkList | None:
    """Return the network list that keeps a session from entering; None if it may enter.

    Clients with a token of the operator may always enter, because bots run in data centres.
    """
    if session.scope is not None or session.is_known_bot:
        return None
    return context.networks.refusing(session.address)


def close_refused_network(context: Context, session: Session, listed: NetworkList) -> None:
    """Send a client the notice that its network may not enter, and close the connection."""
    context.counters.bans_enforced["network"] += 1
    subscriber = context.identity.subscriber(session.address)
    context.networks.note_refused(subscriber, context.now())
    context.outbound.send(session, [notice(listed.refusal_text, Code.NETWORK_REFUSED, style=None)])
    session.connection.close(CloseCode.NETWORK_REFUSED)


def enforce_network_lists(context: Context) -> None:
    """Close the sessions that the present network lists refuse."""
    for tab in own_tabs(context):
        listed = refusing_list(context, tab)
        if listed is not None:
            close_refused_network(context, tab, listed)


def chat_refusal(context: Context, session: Session) -> str | None:
    """Return the notice to a session whose network may not chat; None if it may."""
    if session.permissions or session.is_known_bot:
        return None
    listed = context.networks.silencing(session.address)
    if listed is None:
        return None
    context.counters.bans_enforced["chat"] += 1
    return listed.refusal_text

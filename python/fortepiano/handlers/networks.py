"""Networks: those that lists keep out or silence, and those around somebody who is banned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fortepiano.errors import CloseCode
from fortepiano.model.codes import Code
from fortepiano.model.identity import OFFERED_BITS
from fortepiano.observe.logs import logger
from fortepiano.protocol.notices import notice

if TYPE_CHECKING:
    from fortepiano.model.network_lists import NetworkList
    from fortepiano.model.session import Session
    from fortepiano.model.user import User
    from fortepiano.protocol.context import Context

__all__ = [
    "around",
    "chat_refusal",
    "close_refused_network",
    "enforce_network_lists",
    "publish_near_ban",
    "refusing_list",
]

_log = logger(__name__)


def around(context: Context, user: User, bits: int) -> list[str]:
    """Return the ids of the networks that somebody comes from, by all of their connections.

    Args:
        context: The world.
        user: Who.
        bits: How wide they are; a key of `OFFERED_BITS`.
    """
    wanted = tuple(f"/{size}" for size in OFFERED_BITS[bits].values())
    ids = (context.identity.network_ids(tab.address) for tab in user.sessions)
    return list(dict.fromkeys(one for several in ids for one in several if one.endswith(wanted)))


def publish_near_ban(context: Context, session: Session, user: User) -> None:
    """Tell the staff that somebody comes from where one who is banned came from.

    Neither address is told.
    """
    near = (
        None
        if session.scope is not None
        else context.bans.nearby_ban(session.address, context.now())
    )
    if near is None:
        return
    how_near, who = near
    context.counters.near_bans += 1
    _log.info(f"same {how_near} as a ban", user=user.id, ban=who or "a network")
    context.events.publish("near_ban", user_id=user.id, name=user.name, network=how_near, ban=who)


def refusing_list(context: Context, session: Session) -> NetworkList | None:
    """Return the list by which somebody may not enter; None where they may.

    Bots run in data centres: whoever shows a token of the operator's is known.
    """
    if session.scope is not None or session.is_known_bot:
        return None
    return context.networks.refusing(session.address)


def close_refused_network(context: Context, session: Session, listed: NetworkList) -> None:
    """Tell somebody that their network is not let in, and close their connection."""
    context.counters.bans_enforced["network"] += 1
    context.networks.note_refused(session.address, context.now())
    context.outbound.send(session, [notice(listed.refusal_text, Code.NETWORK_REFUSED, style=None)])
    session.connection.close(CloseCode.NETWORK_REFUSED)


def enforce_network_lists(context: Context) -> None:
    """Show those out whose networks are kept out by now."""
    for user in list(context.directory.users.values()):
        for tab in list(user.sessions):
            listed = refusing_list(context, tab)
            if listed is not None:
                close_refused_network(context, tab, listed)


def chat_refusal(context: Context, session: Session) -> str | None:
    """Say why somebody may not chat from their network; None where they may."""
    if session.permissions or session.is_known_bot:
        return None
    listed = context.networks.silencing(session.address)
    if listed is None:
        return None
    context.counters.bans_enforced["chat"] += 1
    return listed.refusal_text

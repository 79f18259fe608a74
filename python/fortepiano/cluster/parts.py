"""The parts of a node among others, by name: most of them need some of the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from fortepiano.cluster.asking import Asking
    from fortepiano.cluster.everybody import Everybody
    from fortepiano.cluster.homes import Homes
    from fortepiano.cluster.islands import Islands
    from fortepiano.cluster.journeys import Journeys
    from fortepiano.cluster.mail import Mail
    from fortepiano.cluster.profiles import Profiles
    from fortepiano.cluster.remote_sessions import RemoteSessions
    from fortepiano.cluster.stays import Stays
    from fortepiano.cluster.watching import Watching
    from fortepiano.protocol.context import Context
    from fortepiano.protocol.node_handlers import NodeHandlers

__all__ = ["Parts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts of a node among others.

    Attributes:
        context: The context.
        handlers: Returns the handlers in force.
        mail: Posts messages to other nodes.
        homes: The homes of rooms.
        stays: The stays of this node's sessions.
        journeys: The ways of these sessions.
        remotes: The sessions of other nodes.
        profiles: The profiles of users.
        islands: The rooms whose home is gone.
        everybody: All that is not about one room.
        asking: Asks other nodes what an operator wants to know.
        watching: Gets what happens on other nodes.
    """

    context: Context
    handlers: Callable[[], NodeHandlers]
    mail: Mail
    homes: Homes
    stays: Stays
    journeys: Journeys
    remotes: RemoteSessions
    profiles: Profiles
    islands: Islands
    everybody: Everybody
    asking: Asking
    watching: Watching

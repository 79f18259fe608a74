"""The interface of the running server for the internal port."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from fortepiano.http.cluster_metrics import CountedNode

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Collection, Iterable, Mapping

    from fortepiano.cluster.followers import Followers
    from fortepiano.cluster.registry import Node
    from fortepiano.config import Settings
    from fortepiano.config.running import ReloadReport
    from fortepiano.http.metrics import Metrics
    from fortepiano.native import Engine
    from fortepiano.protocol.context import Context

__all__ = ["Reloader", "RunningNode", "RunningServer"]


class Reloader(Protocol):
    """Reloads settings and handlers."""

    imports: asyncio.Lock
    """Held while handlers are replaced, and by whoever imports them late."""

    async def preview(self) -> ReloadReport:
        """Return the changes that a reload would make.

        Raises:
            ConfigError: The settings are wrong.
        """
        ...

    async def __call__(self) -> ReloadReport:
        """Reload, and return the changes.

        Raises:
            ConfigError: The settings are wrong; nothing has changed.
            ReloadError: The handlers are wrong; nothing has changed.
        """
        ...


class RunningNode(CountedNode, Protocol):
    """The server as a node of a cluster."""

    @property
    def names(self) -> Mapping[int, str]:
        """The names of the other nodes, by their numbers."""
        ...

    @property
    def nodes(self) -> Collection[Node]:
        """All nodes, this one too, as the registry has last named them."""
        ...

    @property
    def followers(self) -> Followers:
        """The part that hears of other nodes, and asks them."""
        ...

    async def homes_of(self, rooms: Collection[str]) -> dict[str, str]:
        """Return the names of the nodes that are the homes of rooms; of none while it is alone."""
        ...


class RunningServer(Protocol):
    """The parts of the server that the internal port shows and controls."""

    context: Context
    """The rooms and users, and the objects that change them."""

    engine: Engine
    """The engine, with all connections."""

    metrics: Metrics
    """The metrics that `/metrics` shows."""

    started: int
    """The time of the start; milliseconds since 1970."""

    @property
    def cluster(self) -> RunningNode | None:
        """The server as a node of a cluster; None for a server alone."""
        ...

    @property
    def reload(self) -> Reloader:
        """The function that reloads settings and handlers."""
        ...

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        ...

    def address_of(self, peer: str, headers: Iterable[tuple[str, str]]) -> str:
        """Return the address of a client of the internal port.

        Args:
            peer: The address at the other end; empty for a Unix socket.
            headers: Names and values of the request as sent; read where the peer is trusted.
        """
        ...

    def readiness_problem(self) -> str | None:
        """Return why no new clients should come now; None if all is well."""
        ...

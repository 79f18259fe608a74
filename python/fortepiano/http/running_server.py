"""The running server, as the internal port shows and controls it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from fortepiano.config import Settings
    from fortepiano.config.running import ReloadReport
    from fortepiano.http.metrics import Metrics
    from fortepiano.native import Engine
    from fortepiano.protocol.context import Context

__all__ = ["Reloader", "RunningServer"]


class Reloader(Protocol):
    """Replaces settings and handlers."""

    async def preview(self) -> ReloadReport:
        """Return what a reload would change.

        Raises:
            ConfigError: The settings are wrong.
        """
        ...

    async def __call__(self) -> ReloadReport:
        """Reload, and return what has changed.

        Raises:
            ConfigError: The settings are wrong; nothing has changed.
            ReloadError: The handlers are wrong; nothing has changed.
        """
        ...


class RunningServer(Protocol):
    """Everything that the internal port shows and controls."""

    context: Context
    """The world and the ways to change it."""

    engine: Engine
    """All connections."""

    metrics: Metrics
    """What `/metrics` shows."""

    started: int
    """When the server began; milliseconds since 1970."""

    @property
    def reload(self) -> Reloader:
        """Replaces settings and handlers."""
        ...

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        ...

    def readiness_problem(self) -> str | None:
        """Return why no new clients should come now; None where all is well."""
        ...

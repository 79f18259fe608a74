"""The desk: all that those who run a server work with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from fortepiano.config import Settings
    from fortepiano.http.metrics import Metrics
    from fortepiano.native import Engine
    from fortepiano.protocol.context import Context
    from fortepiano.server.reload import Reload

__all__ = ["Desk"]


@dataclass(slots=True)
class Desk:
    """What the internal port shows and acts on.

    Attributes:
        context: The world and the ways to change it.
        engine: All connections.
        settings: What the operator has set.
        metrics: What is counted.
        why_not_ready: Tells why no traffic should come now; None where all is well.
        started: When the server began; milliseconds since 1970.
        reload: Takes over changed settings and handlers; None where nobody can.
    """

    context: Context
    engine: Engine
    settings: Settings
    metrics: Metrics
    why_not_ready: Callable[[], str | None]
    started: int
    reload: Reload | None = None

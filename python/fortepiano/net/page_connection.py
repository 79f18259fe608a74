"""Visits: connections that ask for pages, by uvicorn's HTTP protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

__all__ = ["PageConnection"]


class PageConnection(HttpToolsProtocol):
    """One connection's requests.

    It and the answer to its last request hold each other. The garbage collector does not look at
    what is older than a moment (`server/garbage_collector.py`), so that is undone at the end.
    """

    @property
    def is_answering(self) -> bool:
        """Whether a request has not got all of its answer."""
        # There is no cycle before the first request, whatever uvicorn's annotation says.
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return cycle is not None and not cycle.response_complete

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of everything."""
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        self.cycle = cast("Any", None)

    def release(self) -> None:
        """Let go of a connection that goes on as something else."""
        self._unset_keepalive_if_required()
        self.connections.discard(self)
        self.parser = self.cycle = cast("Any", None)

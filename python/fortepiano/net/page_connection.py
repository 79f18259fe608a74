"""A connection that requests pages: uvicorn's HTTP protocol, without cycles of references."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

__all__ = ["PageConnection"]


class PageConnection(HttpToolsProtocol):
    """The requests of one connection.

    This object and uvicorn's cycle of the last request and response refer to each other. The
    garbage collector does not visit objects older than a moment (`server/garbage_collector.py`), so
    the references are removed when the connection ends.
    """

    @property
    def is_answering(self) -> bool:
        """Whether the response to a request is incomplete."""
        # There is no cycle before the first request, whatever uvicorn's annotation says.
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return cycle is not None and not cycle.response_complete

    def connection_lost(self, exc: Exception | None) -> None:
        """Break reference cycles."""
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        self.cycle = cast("Any", None)

    def release(self) -> None:
        """Detach this object from a connection that becomes a link."""
        self._unset_keepalive_if_required()
        self.connections.discard(self)
        self.parser = self.cycle = cast("Any", None)

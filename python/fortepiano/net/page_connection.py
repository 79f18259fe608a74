"""A connection that requests pages: uvicorn's HTTP protocol, for one request at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from uvicorn.config import Config
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
    from uvicorn.server import ServerState

__all__ = ["PageConnection"]


class _WriteFlow(FlowControl):
    """uvicorn's flow control without its half for reading, which `HttpConnection` controls."""

    def pause_reading(self) -> None:
        """Do nothing: there is one request at a time, whose body has come already."""

    def resume_reading(self) -> None:
        """Do nothing."""


class PageConnection(HttpToolsProtocol):
    """The requests of one connection, of which the next comes after the response to the last.

    This object and uvicorn's cycle of the last request and response refer to each other. The
    garbage collector does not visit objects older than a moment (`server/garbage_collector.py`), so
    the references are removed when the connection ends.

    Args:
        config: uvicorn's configuration.
        server_state: uvicorn's list of connections.
        app_state: uvicorn's state for the application.
        on_answered: Called when a response has been written.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        on_answered: Callable[[], None],
    ) -> None:
        super().__init__(config, server_state, app_state)
        # uvicorn goes by the handlers of its logger, which a reload of the log's settings gives it.
        self.access_log = False
        self._on_answered: Callable[[], None] | None = on_answered

    @property
    def is_answering(self) -> bool:
        """Whether the response to a request is incomplete."""
        # There is no cycle before the first request, whatever uvicorn's annotation says.
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return cycle is not None and not cycle.response_complete

    @property
    def has_begun(self) -> bool:
        """Whether the response that is incomplete has begun; a stream of events stays so."""
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return cycle is not None and cycle.response_started

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; the transport's buffer is full as soon as it has a byte."""
        own = cast("asyncio.Transport", transport)
        super().connection_made(own)
        own.set_write_buffer_limits(0)
        self.flow = _WriteFlow(own)

    def on_headers_complete(self) -> None:
        """Begin a request, whose body has come already: nobody waits for `100 Continue`."""
        self.expect_100_continue = False
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Report the end of a response, which the peer may not have taken yet."""
        super().on_response_complete()
        self.end_idle_time()
        if self._on_answered is not None:
            self._on_answered()

    def begin_idle_time(self) -> None:
        """Start the time in which a further request must begin."""
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def end_idle_time(self) -> None:
        """Stop the time without a request, as one has begun: it has a deadline of its own."""
        self._unset_keepalive_if_required()

    def connection_lost(self, exc: Exception | None) -> None:
        """Break reference cycles."""
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        self.cycle = cast("Any", None)
        self._on_answered = None

    def release(self) -> None:
        """Detach this object from a connection that becomes a link."""
        self._unset_keepalive_if_required()
        self.connections.discard(self)
        self.parser = self.cycle = cast("Any", None)
        self._on_answered = None

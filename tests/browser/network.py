"""The way between a page and its server, which tests delay or cut."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from playwright.sync_api import WebSocketRoute
from visitor import TIMEOUT, Visitor

__all__ = ["Network"]


class Network:
    """All connections of a page that is not yet loaded; only the first one is ever cut.

    Attributes:
        is_dead: Whether nothing passes any more on the first connection.
        connections: How many connections there were.
        late_seconds: How long the next answer about the time is held back.
    """

    def __init__(self, visitor: Visitor) -> None:
        self.is_dead = False
        self.connections = 0
        self.late_seconds = 0.0
        self._held: tuple[float, Callable[[], None]] | None = None
        self._visitor = visitor
        visitor.page.route_web_socket("**/ws", self._relay)

    def _relay(self, route: WebSocketRoute) -> None:
        self.connections += 1
        number, server = self.connections, route.connect_to_server()

        def is_dead() -> bool:
            return self.is_dead and number == 1

        def downwards(data: str | bytes) -> None:
            if is_dead():
                return
            if self.late_seconds and any(one["m"] == "t" for one in json.loads(data)):
                # Held back in the page, so that other messages overtake it.
                due, self.late_seconds = time.monotonic() + self.late_seconds, 0.0
                self._held = (due, lambda: route.send(data))
            else:
                route.send(data)

        route.on_message(lambda data: None if is_dead() else server.send(data))
        server.on_message(downwards)

    def release(self) -> None:
        """Wait until an answer is held back, and send it when its time has come."""
        end = time.monotonic() + TIMEOUT
        while self._held is None:
            assert time.monotonic() < end, "no answer to delay"
            self._visitor.page.wait_for_timeout(10)
        due, send = self._held
        self._visitor.page.wait_for_timeout(max(0.0, due - time.monotonic()) * 1000)
        send()

    def cut(self) -> None:
        """Let nothing pass any more on the first connection, and let the page look."""
        self.is_dead = True
        self._visitor.page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")

"""A user with the page open in a browser context of their own."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Response

from support.server import Server

TIMEOUT = 20.0
"""Seconds to wait for an expected event; only failing tests wait that long."""

_UNTIL = """async ([condition, timeout]) => {
  const until = performance.now() + timeout;
  while (performance.now() < until) {
    try { if (condition()) return true; } catch { /* not yet there */ }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return false;
}"""


class Visitor:
    """A page, with its errors and its requests.

    Attributes:
        page: The page itself.
        complaints: Console errors, uncaught exceptions and failed requests, in order.
        requested: The addresses of all that the page loaded.
    """

    def __init__(self, context: BrowserContext, server: Server) -> None:
        """Open an empty page; `visit` goes to the server."""
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.requested: list[str] = []
        self._server = server
        page = self.page
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requested.append(request.url))
        page.on("response", self._on_response)

    def _on_console(self, line: ConsoleMessage) -> None:
        if line.type == "error":
            self.complaints.append(line.text)

    def _on_response(self, answer: Response) -> None:
        if answer.status >= 400:
            self.complaints.append(f"{answer.status} {answer.url}")

    def visit(self, room: str = "", *, silent: bool = False) -> Visitor:
        """Go into `room` and return once the page has joined and its sound runs.

        Args:
            room: The room's name; none is the lobby.
            silent: Do not wait for the sound, because this browser needs a gesture first.
        """
        self.page.goto(f"{self._server.url}/{quote(room)}")
        self.until(f"fortepiano.state.room === {json.dumps(room or 'lobby')}")
        if not silent:
            self.until("fortepiano.state.audio === 'running'")
        return self

    def reload(self) -> None:
        """Load the page again, and return once it has joined a room and its sound runs."""
        self.page.reload()
        self.until("fortepiano.state.room !== ''")
        self.until("fortepiano.state.audio === 'running'")

    def until(self, condition: str, timeout: float = TIMEOUT) -> None:
        """Wait until the JavaScript expression `condition` holds in the page.

        The page's own policy forbids `eval`, and so Playwright's `wait_for_function`.
        """
        script = f"() => ({_UNTIL})([() => {condition}, {timeout * 1000}])"
        assert self.page.evaluate(script), f"never came true: {condition}; state {self.state}"

    @property
    def state(self) -> dict[str, Any]:
        """The state of the page."""
        state: dict[str, Any] = self.page.evaluate("() => fortepiano.state")
        return state

    @property
    def id(self) -> str:
        """The own participant id."""
        return str(self.state["me"])

    @property
    def sent(self) -> list[dict[str, Any]]:
        """The notes that this page sent."""
        notes: list[dict[str, Any]] = self.page.evaluate("() => fortepiano.sent")
        return notes

    @property
    def schedule(self) -> list[dict[str, Any]]:
        """The notes of others that this page handed to its audio clock."""
        notes: list[dict[str, Any]] = self.page.evaluate("() => fortepiano.schedule")
        return notes

    def sees_people(self, number: int) -> None:
        """Wait until `number` participants are in the room."""
        self.until(f"fortepiano.state.people.length === {number}")

    def sends(self, number: int) -> list[dict[str, Any]]:
        """Wait until `number` own notes were sent, and return them."""
        self.until(f"fortepiano.sent.length >= {number}")
        return self.sent

    def received(self, number: int) -> list[dict[str, Any]]:
        """Wait until `number` notes of others are scheduled, and return them."""
        self.until(f"fortepiano.schedule.length >= {number}")
        return self.schedule

    def write(self, line: str) -> None:
        """Write a chat line and go back to the piano."""
        self.page.fill("#chat-input", line)
        self.page.press("#chat-input", "Enter")
        self.page.press("#chat-input", "Escape")

    def reads(self, line: str) -> None:
        """Wait until `line` is in the chat, as text."""
        self.until(
            "[...document.querySelectorAll('#chat-log .line-text')]"
            f".some((text) => text.textContent === {json.dumps(line)})"
        )

    def rename(self, name: str, color: str = "#33aa77") -> None:
        """Change the user's name and colour, and wait for the room's answer."""
        self.page.click("#me-open")
        self.page.fill("#me-name", name)
        self.page.fill("#me-color", color)
        self.page.click("#me-form [type=submit]")
        self.until(f"fortepiano.state.people.some(({{ name }}) => name === {json.dumps(name)})")

    def key_at(self, place: float, depth: float = 0.9) -> tuple[float, float]:
        """Return the place of a white key in the window.

        Args:
            place: Number of the key from the lowest (0 to 51).
            depth: Place along the key, from 0 (far end) to 1 (front edge).
        """
        box = self.page.locator("#piano").bounding_box()
        assert box is not None
        x = box["x"] + (place + 0.5) * box["width"] / 52
        return x, box["y"] + depth * box["height"]


Invite = Callable[..., Visitor]
"""Type of the fixture `invite`."""

"""Somebody with the page open in a browser of his own."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Response

from support.server import Server

PATIENCE = 20.0
"""Seconds to wait for what must happen; only a failing test ever waits that long."""

_UNTIL = """async ([condition, patience]) => {
  const until = performance.now() + patience;
  while (performance.now() < until) {
    try { if (condition()) return true; } catch { /* not yet there */ }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return false;
}"""


class Visitor:
    """A page, what it complained about, and what it asked the network for.

    Attributes:
        page: The page itself.
        complaints: Console errors, uncaught exceptions and failed requests, in order.
        requested: The address of everything that the page loaded.
    """

    def __init__(self, context: BrowserContext, server: Server) -> None:
        """Open an empty page; `visit` goes to the server."""
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.requested: list[str] = []
        self._server = server
        page = self.page
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requested.append(request.url))
        page.on("response", self._note)

    def _hear(self, line: ConsoleMessage) -> None:
        if line.type == "error":
            self.complaints.append(line.text)

    def _note(self, answer: Response) -> None:
        if answer.status >= 400:
            self.complaints.append(f"{answer.status} {answer.url}")

    def visit(self, room: str = "", *, silent: bool = False) -> Visitor:
        """Go into `room` and return when the server has let one in and the sound runs.

        Args:
            room: The room's name; none is the lobby.
            silent: Do not wait for the sound: this browser wants a gesture first.
        """
        self.page.goto(f"{self._server.url}/{quote(room)}")
        self.until(f"fortepiano.state.room === {json.dumps(room or 'lobby')}")
        if not silent:
            self.until("fortepiano.state.audio === 'running'")
        return self

    def until(self, condition: str, patience: float = PATIENCE) -> None:
        """Wait until the JavaScript expression `condition` holds in the page.

        The page's own policy forbids `eval`, and so Playwright's `wait_for_function`.
        """
        script = f"() => ({_UNTIL})([() => {condition}, {patience * 1000}])"
        assert self.page.evaluate(script), f"never came true: {condition}; state {self.state}"

    @property
    def state(self) -> dict[str, Any]:
        """How things stand in the page."""
        state: dict[str, Any] = self.page.evaluate("() => fortepiano.state")
        return state

    @property
    def id(self) -> str:
        """One's participant id."""
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
        """Wait until so many people are in the room."""
        self.until(f"fortepiano.state.people.length === {number}")

    def sends(self, number: int) -> list[dict[str, Any]]:
        """Wait until so many own notes went out, and return them."""
        self.until(f"fortepiano.sent.length >= {number}")
        return self.sent

    def hears(self, number: int) -> list[dict[str, Any]]:
        """Wait until so many notes of others are scheduled, and return them."""
        self.until(f"fortepiano.schedule.length >= {number}")
        return self.schedule

    def say(self, line: str) -> None:
        """Write a chat line and go back to the piano."""
        self.page.fill("#chat-input", line)
        self.page.press("#chat-input", "Enter")
        self.page.press("#chat-input", "Escape")

    def reads(self, line: str) -> None:
        """Wait until `line` stands in the chat, as text."""
        self.until(
            "[...document.querySelectorAll('#chat-log .line-text')]"
            f".some((text) => text.textContent === {json.dumps(line)})"
        )

    def rename(self, name: str, color: str = "#33aa77") -> None:
        """Take another name and colour, and wait until the room knows."""
        self.page.click("#me-open")
        self.page.fill("#me-name", name)
        self.page.fill("#me-color", color)
        self.page.click("#me-form [type=submit]")
        self.until(f"fortepiano.state.people.some(({{ name }}) => name === {json.dumps(name)})")

    def key_at(self, place: float, depth: float = 0.9) -> tuple[float, float]:
        """Return where in the window a white key is.

        Args:
            place: Which, counted from the lowest (0 to 51).
            depth: How far down it, from 0 (far end) to 1 (front edge).
        """
        box = self.page.locator("#piano").bounding_box()
        assert box is not None
        x = box["x"] + (place + 0.5) * box["width"] / 52
        return x, box["y"] + depth * box["height"]


Invite = Callable[..., Visitor]
"""What the fixture `invite` gives: see there."""

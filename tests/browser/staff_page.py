"""The administration page in a browser, and players who are shown there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from playwright.sync_api import Browser, BrowserContext, Page, expect

from support.player import Player, connected
from support.server import Server

TIMEOUT_MS = 15_000


class AdminPage:
    """A server, its administration page, and players to show there."""

    def __init__(self, server: Server, context: BrowserContext, stack: ExitStack) -> None:
        self.server = server
        self.page: Page = context.new_page()
        self.page.set_default_timeout(TIMEOUT_MS)
        self.complaints: list[str] = []
        self.hosts: set[str] = set()
        self._stack = stack
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on(
            "console",
            lambda line: self.complaints.append(line.text) if line.type == "error" else None,
        )
        self.page.on("request", lambda request: self.hosts.add(request.url.split("/")[2]))

    @property
    def url(self) -> str:
        return f"{self.server.internal_url}/admin"

    def player(self, address: str, name: str, room: str) -> Player:
        return self._stack.enter_context(connected(self.server, address, name, room))

    def enter(self, scope: str = "admin") -> Page:
        self.page.goto(self.url)
        self.page.get_by_label("Token").fill(self.server.tokens[scope])
        self.page.get_by_role("button", name="Enter").click()
        expect(self.page.get_by_role("tab", name="Overview")).to_be_visible(timeout=TIMEOUT_MS)
        expect(self.page.locator("#state")).to_have_text("live", timeout=TIMEOUT_MS)
        return self.page

    def open(self, section: str) -> Page:
        self.page.get_by_role("tab", name=section).click()
        return self.page


@contextmanager
def administration(server: Server, browser: Browser) -> Iterator[AdminPage]:
    """Open the administration page of a server, which must load nothing from elsewhere."""
    with ExitStack() as stack:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        stack.callback(context.close)
        admin = AdminPage(server, context, stack)
        yield admin
        assert admin.hosts == {f"127.0.0.1:{server.internal_port}"}


def opened(toml: str = "") -> Server:
    """Start a server with tokens; a running server would take a moment to see new ones."""
    server = Server()
    (server.folder / "fortepiano.toml").write_text(toml)
    server.tokens = {scope: server.make_token(scope) for scope in ("read", "moderate", "admin")}
    server.start()
    return server

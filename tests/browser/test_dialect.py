"""A page that speaks only the classic dialect plays together with this one."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from visitor import Invite

from support.server import Server

pytestmark = pytest.mark.needs("chromium")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Log no requests."""


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    """The address of the classic page, which another host serves."""
    handler = functools.partial(Quiet, directory=str(Path(__file__).parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as host:
        thread = threading.Thread(target=host.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{host.server_port}/classic.html"
        host.shutdown()
        thread.join()


@pytest.fixture
def classic(chromium: Browser, elsewhere: str, server: Server) -> Iterator[Page]:
    context = chromium.new_context()
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{elsewhere}?socket={server.ws_url}/ws")
    yield page
    context.close()
    assert errors == []


@pytest.fixture
def eventually(classic: Page) -> Callable[[str], Any]:
    """Wait until an expression in the classic page is true, and return it."""

    def wait(expression: str) -> Any:
        return classic.wait_for_function(f"() => {expression}", timeout=20_000).json_value()

    return wait


def test_a_classic_page_plays_with_ours(
    server: Server, room: str, invite: Invite, classic: Page, eventually: Callable[[str], Any]
) -> None:
    eventually("classic.user")
    classic.evaluate("(room) => classic.join(room, { visible: true, chat: true })", room)
    eventually("classic.channel && classic.isOwner() && classic.quota")
    assert set(eventually("classic.quota")) == {"allowance", "max", "maxHistLen"}
    ann = invite(server).visit(room)
    eventually("Object.keys(classic.ppl).length === 2")
    classic.evaluate("() => classic.send({ m: 'userset', set: { name: 'Old', color: '#aa3300' } })")
    ann.page.locator(".plate", has_text="Old").wait_for()
    # Notes both ways, at the time of their time stamps.
    classic.evaluate("() => { classic.note('c3', 0.5); classic.note('c3'); }")
    heard = ann.received(2)
    assert [(e["n"], e["v"]) for e in heard] == [("c3", 0.5), ("c3", None)]
    ann.page.keyboard.press("q")
    eventually("classic.heard.length === 2")
    away = classic.evaluate("() => classic.heard[0].at - Date.now()")
    assert 0 < away < 1100
    assert classic.evaluate("() => classic.heard.map(({ n, s }) => [n, s ?? 0])") == [
        ["c3", 0],
        ["c3", 1],
    ]
    # Chat, its history, pointers.
    classic.evaluate("() => classic.send({ m: 'a', message: 'hello' })")
    ann.reads("hello")
    ann.write("good evening")
    eventually("classic.log.length === 2")
    assert classic.evaluate("() => classic.log.map(([id, , , a]) => [id, a])") == [
        [24, "hello"],
        [24, "good evening"],
    ]
    classic.evaluate("() => classic.point(25, 50)")
    ann.until("fortepiano.state.people.some(({ x, y }) => x === 25 && y === 50)")
    ann.page.mouse.move(640, 400)
    eventually("Object.values(classic.ppl).some(({ x, y }) => x === '50.00' && y === '50.00')")
    # The room's settings, all of them at once, as classic pages send them.
    classic.evaluate(
        "() => classic.send({ m: 'chset', set: { ...classic.channel.settings, color: '#445566' } })"
    )
    ann.until("fortepiano.state.settings.color === '#445566'")
    # The crown, there and back, and out.
    classic.evaluate("(id) => classic.send({ m: 'chown', id })", ann.id)
    ann.until("fortepiano.state.crown.participantId === fortepiano.state.me")
    ann.page.locator(".plate", has_text="Old").click()
    ann.page.fill("#person-minutes", "0.5")
    ann.page.click("#person-ban")
    eventually("classic.channel._id === 'test/awkward' && classic.notices.length > 0")
    classic.evaluate("() => classic.send({ m: '+ls' })")
    eventually(f"classic.rooms[{room!r}]?.count === 1")
    assert ann.complaints == []


def test_a_classic_page_comes_back(
    server: Server, room: str, classic: Page, eventually: Callable[[str], Any]
) -> None:
    eventually("classic.user")
    classic.evaluate("(room) => classic.join(room, { visible: false, chat: true })", room)
    eventually("classic.channel")
    classic.evaluate("() => { classic.channel = null; classic.ws.close(); }")
    assert eventually("classic.channel && classic.channel.settings.visible === false")

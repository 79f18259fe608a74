"""The page's clock and connection: late answers, sleep, a dead network, a page that comes back."""

from __future__ import annotations

import time

import pytest
from network import Network
from playwright.sync_api import WebSocketRoute
from visitor import Invite, Visitor

from support.server import Server

pytestmark = pytest.mark.needs("chromium")


def lateness(visitor: Visitor) -> float:
    """Play a note, and return its time stamp less the server's time, in milliseconds."""
    before = len(visitor.sent)
    visitor.page.keyboard.press("z")
    visitor.sends(before + 2)
    ours = time.time() * 1000
    return float(visitor.sent[before]["t"]) - ours


def settled(visitor: Visitor) -> None:
    visitor.until("fortepiano.state.latency !== null && !fortepiano.state.easing")


def test_one_late_answer_moves_no_note(server: Server, room: str, invite: Invite) -> None:
    ann = invite(server)
    network = Network(ann)
    ann.visit(room)
    settled(ann)
    network.late_seconds = 3.0
    ann.page.evaluate("() => window.dispatchEvent(new Event('online'))")  # the page asks at once
    network.release()
    ann.page.wait_for_timeout(1200)  # for as long as the clock eases
    assert abs(lateness(ann)) < 400  # a late answer would make it 3 s


def test_a_page_that_slept_knows_the_time_at_once(
    server: Server, room: str, invite: Invite
) -> None:
    """In sleep `performance.now()` stands still, and `Date.now()` goes on."""
    ann = invite(server)
    ann.page.add_init_script(
        """const real = performance.now.bind(performance), date = Date.now.bind(Date);
        window.slept = 0;
        performance.now = () => real() - window.slept;"""
    )
    ann.visit(room)
    settled(ann)
    ann.page.evaluate(
        """() => {
          window.slept = 15_000;
          document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    assert abs(lateness(ann)) < 500


@pytest.mark.parametrize("how", ["silently", "visibilitychange", "pageshow", "online", "offline"])
def test_a_dead_network_is_noticed(server: Server, room: str, invite: Invite, how: str) -> None:
    ann = invite(server)
    network = Network(ann)
    ann.visit(room)
    settled(ann)
    network.is_dead = True
    if how != "silently":
        target = "document" if how == "visibilitychange" else "window"
        ann.page.evaluate(f"() => {target}.dispatchEvent(new Event({how!r}))")
    ann.until("fortepiano.state.status === 'reconnecting'", timeout=5.5)
    ann.until("fortepiano.state.status === 'online'", timeout=5)
    assert network.connections == 2


def test_a_quiet_room_is_no_dead_network(server: Server, room: str, invite: Invite) -> None:
    ann = invite(server)
    network = Network(ann)
    ann.visit(room)
    ann.page.wait_for_timeout(7000)
    assert ann.state["status"] == "online"
    assert network.connections == 1


def test_a_page_that_was_busy_keeps_its_connection(
    server: Server, room: str, invite: Invite
) -> None:
    """A timer that is late by itself says nothing about the network."""
    ann = invite(server)
    network = Network(ann)
    ann.visit(room)
    settled(ann)
    ann.page.evaluate(
        """() => {
          window.dispatchEvent(new Event("online"));
          const end = performance.now() + 6000;
          while (performance.now() < end);
        }"""
    )
    ann.page.wait_for_timeout(1500)
    assert ann.state["status"] == "online"
    assert network.connections == 1


def test_a_page_from_the_back_is_online_at_once(server: Server, room: str, invite: Invite) -> None:
    """Browsers close the socket of a page that they keep for its return."""
    ann = invite(server)
    routes: list[WebSocketRoute] = []

    def relay(route: WebSocketRoute) -> None:
        routes.append(route)
        route.connect_to_server()

    ann.page.route_web_socket("**/ws", relay)
    ann.visit(room)
    ann.write("said before")
    ann.reads("said before")
    ann.page.evaluate(
        "() => window.dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))"
    )
    routes[0].close(code=1006 - 3, reason="kept")
    ann.page.evaluate(
        "() => window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))"
    )
    ann.until("fortepiano.state.status === 'online'", timeout=2)
    assert len(routes) == 2
    ann.until("document.querySelectorAll('#chat-log .line').length === 1")
    ann.page.keyboard.press("z")
    ann.sends(2)


def test_an_attempt_that_hangs_is_given_up(server: Server, room: str, invite: Invite) -> None:
    """A server that takes the socket and says nothing, as behind some proxies."""
    ann = invite(server)
    attempts: list[WebSocketRoute] = []

    def relay(route: WebSocketRoute) -> None:
        attempts.append(route)
        if len(attempts) > 1:
            route.connect_to_server()

    ann.page.route_web_socket("**/ws", relay)
    ann.visit(room)
    assert len(attempts) == 2

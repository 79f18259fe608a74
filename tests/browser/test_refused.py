"""Refused connections: the reasons that the page shows, and its further attempts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from visitor import Invite, Visitor

from fortepiano.model.close_codes import CloseCode
from support.server import NOBODY_IS_EXEMPT, run_server

pytestmark = pytest.mark.needs("chromium")

HERE = "127.0.0.1"


def shows(visitor: Visitor, text: str) -> None:
    """Wait until the page's status holds a text."""
    visitor.until(f"document.getElementById('status-text').textContent.includes({text!r})")


def opened(visitor: Visitor, url: str) -> Visitor:
    visitor.page.goto(url)
    return visitor


def test_too_many_behind_one_address_is_not_a_ban(invite: Invite) -> None:
    with run_server(
        NODE_ENV="production",
        FORTEPIANO_LIMITS__SOCKETS_PER_ADDRESS="1",
        **NOBODY_IS_EXEMPT,
    ) as server:
        first = invite(server).visit("room")
        second = opened(invite(server), server.url)
        shows(second, "Too many people from your network are here")
        german = opened(invite(server, locale="de-DE"), server.url)
        shows(german, "Aus deinem Netz sind schon zu viele hier")
        german.page.close()  # Otherwise either of the two could get the free place.
        # The page tries again, and is let in as soon as there is a place.
        first.page.close()
        second.until("fortepiano.state.status === 'online'")


def test_a_ban_is_a_ban(invite: Invite) -> None:
    with run_server(NODE_ENV="production") as server:
        with server.command_of("bans", "add", HERE) as command:
            assert command.wait() == 0
        visitor = opened(invite(server), server.url)
        shows(visitor, "You are banned from this server")
        visitor.until("fortepiano.state.status === 'refused'")


def test_a_listed_network_is_refused_with_the_operators_words(
    invite: Invite, tmp_path: Path
) -> None:
    file = tmp_path / "list.txt"
    file.write_text(f"{HERE}\n")
    lists = [{"name": "list", "path": str(file), "words": "Not from a data centre."}]
    with run_server(NODE_ENV="production", FORTEPIANO_NETWORKS__LISTS=json.dumps(lists)) as server:
        for _ in range(2):  # closed after `hi`, then refused before the upgrade
            visitor = opened(invite(server), server.url)
            shows(visitor, "Not from a data centre.")
            visitor.until("fortepiano.state.status === 'refused'")


def test_pages_do_not_come_back_in_step(invite: Invite) -> None:
    with run_server() as server:
        visitor = invite(server).visit("room")
        waits: list[list[float]] = visitor.page.evaluate(
            """async () => {
              const { Net } = await import("/assets/net.js");
              const Real = window.WebSocket, later = window.setTimeout;
              const all = [];
              for (let page = 0; page < 200; page += 1) {
                let socket;
                const waits = [];
                window.WebSocket = class { constructor() { socket = this; } send() {} close() {} };
                window.setTimeout = (_, wait) => (waits.push(wait), 1);
                const net = new Net("ws://nowhere");
                for (let attempt = 0; attempt < 4; attempt += 1) {
                  net.open();
                  socket.onopen();
                  socket.onclose({ code: 1006, reason: "" });
                }
                all.push(waits);
              }
              window.WebSocket = Real;
              window.setTimeout = later;
              return all;
            }"""
        )
        for attempt, base in enumerate([50, 2500, 10_000, 10_000]):
            found = [one[attempt] for one in waits]
            assert all(base <= wait <= base * 1.3 for wait in found)
            # Evenly spread: 80 % of the waits cover over a tenth of the base time.
            spread = sorted(found)
            assert spread[180] - spread[20] > base * 0.1


def test_the_code_decides_whether_a_page_comes_back(invite: Invite) -> None:
    with run_server() as server:
        visitor = invite(server).visit("room")
        found: dict[str, list[Any]] = visitor.page.evaluate(
            """async (codes) => {
              const { Net } = await import("/assets/net.js");
              const Real = window.WebSocket, later = window.setTimeout;
              const all = {};
              for (const code of codes) {
                let socket, attempts = 0;
                window.WebSocket = class { constructor() { socket = this; } send() {} close() {} };
                window.setTimeout = () => (attempts += 1);
                const net = new Net("ws://nowhere");
                net.open();
                socket.onopen();
                socket.onclose({ code: Number(code), reason: "of a proxy" });
                all[code] = [net.status, net.reason, attempts];
              }
              window.WebSocket = Real;
              window.setTimeout = later;
              return all;
            }""",
            [*map(str, map(int, CloseCode)), "1006", "1012"],
        )
        expected: dict[str, list[Any]] = {
            str(int(code)): ["reconnecting", code.meaning, 1]
            if code.retry
            else ["refused", code.meaning, 0]
            for code in CloseCode
        }
        others = {code: ["reconnecting", "of a proxy", 1] for code in ("1006", "1012")}
        assert found == expected | others


ANSWERS: dict[str, tuple[int, dict[str, str], str, bool]] = {
    "ready": (200, {}, "", True),
    "not ready": (503, {}, "The server is not ready", True),
    "full": (503, {"code": "server_full", "words": "It is full"}, "It is full", True),
    "throttled": (200, {"code": "connect_rate", "words": "Too many"}, "Too many", True),
    "banned": (200, {"code": "site_ban", "words": "Banned"}, "Banned", False),
    "listed": (200, {"code": "listed_network", "words": "Not here."}, "Not here.", False),
    "unknown": (200, {"code": "of_a_newer_server", "words": "Why not."}, "Why not.", True),
}
"""Status and body of `/readyz`, the reason that the page shows, and whether it comes back."""


def test_the_code_of_readyz_decides_whether_a_page_comes_back(invite: Invite) -> None:
    with run_server() as server:
        visitor = invite(server).visit("room")
        found: dict[str, list[Any]] = visitor.page.evaluate(
            """async (answers) => {
              const { Net } = await import("/assets/net.js");
              const later = window.setTimeout;
              const all = {};
              for (const [name, [status, body]] of Object.entries(answers)) {
                let socket, waits = false;
                window.WebSocket = class { constructor() { socket = this; } };
                window.setTimeout = () => (waits = true, 1);
                window.clearTimeout = (timer) => { if (timer) waits = false; };
                window.fetch = async () => new Response(JSON.stringify(body), { status });
                const net = new Net("ws://nowhere");
                net.open();
                socket.onclose({ code: 1006, reason: "" });
                // The page reads the answer within the turns that follow.
                await new Promise((resolve) => later(resolve, 50));
                all[name] = [net.status, net.reason, waits];
              }
              return all;
            }""",
            ANSWERS,
        )
        assert found == {
            name: ["reconnecting" if retry else "refused", reason, retry]
            for name, (_, _, reason, retry) in ANSWERS.items()
        }


def test_leaving_with_keys_down_leaves_silence_and_dark_keys(invite: Invite) -> None:
    with run_server(NODE_ENV="development") as server:
        ann, ben = invite(server).visit("room"), invite(server).visit("room")
        ann.sees_people(2)
        address = next(one for one in ann.requested if one.endswith("/audio/voices.js"))
        ann.page.evaluate("(address) => { window.voicesAddress = address; }", address)
        heard: list[Any] = ann.page.evaluate(
            """async () => {
              const { Voices } = await import(window.voicesAddress);
              window.silenced = [];
              const silence = Voices.prototype.silence;
              Voices.prototype.silence = function (player) {
                window.silenced.push(player);
                return silence.call(this, player);
              };
              return window.silenced;
            }"""
        )
        assert heard == []
        who = ben.id
        ben.page.keyboard.down("z")
        ann.received(1)
        ben.page.close()  # the key is down, and no message will release it
        ann.sees_people(1)
        ann.until(f"window.silenced.includes({who!r})")

"""Pages play on while one process after the other adopts their connections."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from visitor import Invite

from support.server import Server, run_server

pytestmark = [
    pytest.mark.needs("chromium"),
    pytest.mark.ops,
    pytest.mark.timeout(300),
]

UPGRADES = 10
KEYS = "zxcvbnm"


@pytest.fixture
def own() -> Iterator[Server]:
    """A server without other users."""
    with run_server(NODE_ENV="development") as running:
        yield running


def test_a_tab_plays_on_through_ten_upgrades(own: Server, room: str, invite: Invite) -> None:
    ann, ben = invite(own), invite(own)
    ended: list[str] = []
    opened: list[str] = []
    for visitor in (ann, ben):
        visitor.page.on(
            "websocket",
            lambda socket: (
                opened.append(socket.url),
                socket.on("close", lambda closed: ended.append(closed.url)),
            ),
        )
        visitor.visit(room)
    for visitor in (ann, ben):
        visitor.sees_people(2)
    played = 0
    for _ in range(UPGRADES):
        with own.upgrading():
            for letter in KEYS:
                ann.page.keyboard.down(letter)
                ann.page.wait_for_timeout(60)
                ann.page.keyboard.up(letter)
        for letter in KEYS:
            ann.page.keyboard.press(letter)
        played += 4 * len(KEYS)
        ann.sends(played)
    ann.write("that was all")
    ben.reads("that was all")

    sent, heard = ann.sent, ben.received(played)
    assert len(sent) == played
    assert [(one["n"], one["v"], one["t"], one["d"]) for one in heard] == [
        (one["n"], one["v"], one["t"], one["d"]) for one in sent
    ]
    assert ended == []
    assert len(opened) == 2
    assert ann.complaints == ben.complaints == []

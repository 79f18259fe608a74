"""The list of rooms while it changes: clicks and the focus reach the intended row."""

from __future__ import annotations

import pytest
from visitor import Invite, Visitor

from support.player import Player, connected
from support.server import Server

pytestmark = pytest.mark.needs("chromium")


def row(name: str) -> str:
    return f'#rooms-list [data-room="{name}"]'


def opened(visitor: Visitor, *rooms: str) -> None:
    """Open the list, and wait for rooms in it."""
    visitor.page.click("#rooms-open")
    for name in rooms:
        visitor.page.locator(row(name)).wait_for()


def hop(visitor: Visitor, bot: Player, *rooms: str) -> None:
    """Let a bot go through rooms, and wait until the list shows each step."""
    for name in rooms:
        bot.send({"m": "ch", "_id": name})
        visitor.page.locator(row(name)).get_by_text("1 person").wait_for()


def test_a_click_during_changes_is_a_click(server: Server, room: str, invite: Invite) -> None:
    ann = invite(server).visit(room)
    goal, hall = f"{room} goal", f"{room} hall"
    with (
        connected(server, "127.0.0.1", "Ben", goal),
        connected(server, "127.0.0.1", "Bot", hall) as bot,
    ):
        opened(ann, goal, hall)
        ann.page.hover(row(goal))
        ann.page.mouse.down()
        bot.send({"m": "ch", "_id": f"{hall} 2"})
        ann.page.wait_for_timeout(700)  # two of the server's batches
        ann.page.mouse.up()
        ann.until(f"fortepiano.state.room === {goal!r}", timeout=5)


def test_rows_under_the_pointer_keep_their_places(
    server: Server, room: str, invite: Invite
) -> None:
    ann = invite(server).visit(room)
    first, second = f"{room} a", f"{room} b"
    with (
        connected(server, "127.0.0.1", "Ben", first),
        connected(server, "127.0.0.1", "Eve", second),
        connected(server, "127.0.0.1", "Bot", f"{room} c") as bot,
    ):
        opened(ann, first, second)
        ann.page.hover(row(first))
        before = ann.page.locator(row(second)).bounding_box()
        bot.send({"m": "ch", "_id": second})  # now the fullest
        ann.page.locator(row(second)).get_by_text("2 people").wait_for()
        names = ann.page.locator("#rooms-list [data-room]").evaluate_all(
            "rows => rows.map((row) => row.dataset.room)"
        )
        assert names.index(first) < names.index(second)
        assert ann.page.locator(row(second)).bounding_box() == before


def test_the_focus_stays_on_its_row(server: Server, room: str, invite: Invite) -> None:
    ann = invite(server).visit(room)
    first = f"{room} a"
    with (
        connected(server, "127.0.0.1", "Ben", first),
        connected(server, "127.0.0.1", "Bot", f"{room} b") as bot,
    ):
        opened(ann, first)
        ann.page.focus(row(first))
        hop(ann, bot, f"{room} 0", f"{room} z")
        focused = ann.page.evaluate("() => document.activeElement.dataset.room")
        assert focused == first

"""Notes that sound for as long as a key is down: each ends, whatever becomes of its player."""

from __future__ import annotations

import time

import pytest
from ear import listen
from test_midi import with_devices
from visitor import Invite, Visitor

from support.player import Player, connected
from support.server import Server, run_server

pytestmark = pytest.mark.needs("chromium")

LOUD, SILENT = 0.02, 0.002


def hold(player: Player) -> None:
    """Press a key and do not release it."""
    player.send({"m": "n", "t": round(time.time() * 1000), "n": [{"n": "c3", "v": 1}]})


def is_silent(visitor: Visitor) -> None:
    visitor.until(f"window.level() < {SILENT}", timeout=6)


def sounds(visitor: Visitor) -> None:
    visitor.until(f"window.level() > {LOUD}", timeout=6)


@pytest.mark.parametrize("instrument", ["organ", "synth"])
def test_the_note_of_a_player_who_leaves_ends(
    server: Server, room: str, invite: Invite, instrument: str
) -> None:
    ann = listen(invite(server, stored={"instrument": instrument})).visit(room)
    with connected(server, "127.0.0.1", "Bot", room) as bot:
        hold(bot)
        sounds(ann)
    is_silent(ann)


def test_notes_end_when_one_goes_to_another_room(server: Server, room: str, invite: Invite) -> None:
    ann = listen(invite(server)).visit(room)
    with connected(server, "127.0.0.1", "Bot", room) as bot:
        hold(bot)
        sounds(ann)
        ann.page.click("#rooms-open")
        ann.page.fill("#rooms-name", f"{room} elsewhere")
        ann.page.click("#rooms-go")
        is_silent(ann)


def test_notes_end_with_the_mute_of_their_player(server: Server, room: str, invite: Invite) -> None:
    ann = listen(invite(server)).visit(room)
    with connected(server, "127.0.0.1", "Bot", room) as bot:
        hold(bot)
        sounds(ann)
        ann.page.locator(".plate").filter(has_text="Bot").click()
        ann.page.click("#person-notes")
        is_silent(ann)


def test_notes_end_with_the_connection(room: str, invite: Invite) -> None:
    """The release that is sent meanwhile does not come."""
    with run_server(NODE_ENV="development") as server:
        ann = listen(invite(server)).visit(room)
        with connected(server, "127.0.0.1", "Bot", room) as bot:
            hold(bot)
            sounds(ann)
            server.kill()
            is_silent(ann)


def test_a_page_that_is_left_sends_its_releases(server: Server, room: str, invite: Invite) -> None:
    ann = invite(server).visit(room)
    with connected(server, "127.0.0.1", "Bot", room) as bot:
        ann.sees_people(2)
        ann.page.keyboard.down("q")
        ann.page.goto("about:blank")
        heard: list[dict[str, object]] = []
        while not any("s" in note for note in heard):
            notes = bot.receive("n")["n"]
            assert isinstance(notes, list)
            heard += notes
        assert [note["n"] for note in heard] == ["c3", "c3"]


def test_an_instrument_hears_the_end_of_a_note_whose_player_left(
    server: Server, room: str, invite: Invite
) -> None:
    ann = with_devices(invite(server), room)
    ann.page.get_by_label("Sound on Expander").check()
    ann.page.keyboard.press("Escape")
    with connected(server, "127.0.0.1", "Bot", room) as bot:
        hold(bot)
        ann.until("window.devices.synth.sent.some(([status]) => status === 0x90)", timeout=5)
    ann.until("window.devices.synth.sent.some(([status]) => status === 0x80)", timeout=5)

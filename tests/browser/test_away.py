"""Users who are away: automatically after five minutes without input, or by their own choice."""

from __future__ import annotations

import pytest
from visitor import Invite, Visitor

from support.server import Server, run_server

pytestmark = pytest.mark.needs("chromium")

KEYS = """
  const keys = { id: "1", name: "Keys", type: "input", onmidimessage: null };
  window.strike = (...data) => keys.onmidimessage({ data: new Uint8Array(data) });
  const access = { inputs: new Map([["1", keys]]), outputs: new Map() };
  navigator.requestMIDIAccess = async () => access;
"""
"""A fake MIDI keyboard."""

PLAYS, IS_THERE = [0x90, 60, 100], [0xFE]
"""Messages of the keyboard: a note, and the sign that it is still connected."""


def pair(server: Server, room: str, invite: Invite) -> tuple[Visitor, Visitor]:
    """Open pages for Ann, whose clock the test turns, and for Ben."""
    ann = invite(server)
    ann.page.clock.install()
    ann.page.add_init_script(KEYS)
    ann.visit(room)
    ann.rename("Ann")
    ben = invite(server).visit(room)
    ann.sees_people(2)
    return ann, ben


def pair_of_tabs(server_by_address: Server, room: str, invite: Invite) -> tuple[Visitor, Visitor]:
    """Open two tabs for Ann; the test turns the clock of the first."""
    ann = invite(server_by_address)
    ann.page.clock.install()
    ann.visit(room)
    ann.rename("Ann")
    other_tab = invite(server_by_address).visit(room)
    assert other_tab.id == ann.id
    return ann, other_tab


def wait(visitor: Visitor, seconds: float) -> None:
    """Let time pass without any input."""
    visitor.page.clock.fast_forward(seconds * 1000)


def marks(visitor: Visitor) -> str:
    """Return the marks on Ann's plate."""
    return visitor.page.locator(".plate", has_text="Ann").locator(".plate-marks").inner_text()


def sees_away(visitor: Visitor, *, is_away: bool) -> None:
    """Wait until Ann is shown as away, or as present."""
    away = visitor.page.locator(".plate", has_text="Ann").get_by_text("away", exact=True)
    away.wait_for(state="attached" if is_away else "detached")


def set_away(visitor: Visitor, *, is_away: bool) -> None:
    """Choose in the dialog whether to be away."""
    visitor.page.click("#me-open")
    visitor.page.get_by_label("I am away, until I say otherwise").set_checked(is_away)
    visitor.page.click("#me-form [type=submit]")


def catch_up(ann: Visitor, ben: Visitor, line: str) -> None:
    """Return when Ann has received all earlier messages, without any input in Ann's page."""
    ben.write(line)
    ann.reads(line)


def test_after_five_minutes_without_input_until_there_is_some(
    server: Server, room: str, invite: Invite
) -> None:
    ann, ben = pair(server, room, invite)
    wait(ann, 290)
    catch_up(ann, ben, "still there?")
    assert "away" not in marks(ben)
    ann.page.mouse.move(600, 300)
    wait(ann, 290)
    catch_up(ann, ben, "and now?")
    assert "away" not in marks(ben), "the pointer moved since"
    for touch in (
        lambda: ann.page.mouse.move(640, 300),
        lambda: ann.page.keyboard.press("z"),
        lambda: ann.page.mouse.wheel(0, 10),
        lambda: ann.page.mouse.down(),
    ):
        wait(ann, 310)
        sees_away(ben, is_away=True)
        sees_away(ann, is_away=True)
        touch()
        sees_away(ben, is_away=False)
        sees_away(ann, is_away=False)
    assert ann.complaints == []


def test_newcomers_see_who_is_away(server: Server, room: str, invite: Invite) -> None:
    ann, ben = pair(server, room, invite)
    wait(ann, 301)
    sees_away(ben, is_away=True)
    eve = invite(server).visit(room)
    sees_away(eve, is_away=True)


def test_a_midi_instrument_is_input_when_it_is_played(
    server: Server, room: str, invite: Invite
) -> None:
    ann, ben = pair(server, room, invite)
    ann.page.click("#preferences-open")
    ann.page.click("#preferences-midi")
    ann.page.get_by_label("Play on Keys").wait_for()
    ann.page.keyboard.press("Escape")
    wait(ann, 301)
    sees_away(ben, is_away=True)
    ann.page.evaluate("(data) => strike(...data)", IS_THERE)
    catch_up(ann, ben, "hello?")
    assert "away" in marks(ben)
    ann.page.evaluate("(data) => strike(...data)", PLAYS)
    sees_away(ben, is_away=False)


def test_a_chosen_absence_ends_by_choice(server: Server, room: str, invite: Invite) -> None:
    ann, ben = pair(server, room, invite)
    set_away(ann, is_away=True)
    sees_away(ben, is_away=True)
    ann.page.mouse.move(640, 300)
    ann.page.keyboard.press("z")
    ben.received(2)
    ann.write("only my hands are here")
    ben.reads("only my hands are here")
    assert "away" in marks(ben)
    set_away(ann, is_away=False)
    sees_away(ben, is_away=False)


def test_a_chosen_absence_is_sent_again_after_a_lost_connection(room: str, invite: Invite) -> None:
    settings = {"NODE_ENV": "development", "FORTEPIANO_LIMITS__DRAIN_SECONDS": "0.5"}
    with run_server(**settings) as server:
        ann, ben = pair(server, room, invite)
        set_away(ann, is_away=True)
        sees_away(ben, is_away=True)
        server.stop()
        ben.until("fortepiano.state.status !== 'online'")
        server.start()
        ben.until("fortepiano.state.status === 'online' && fortepiano.state.people.length === 2")
        ben.until(
            "fortepiano.state.people.some(({ id, afk }) => afk && id !== fortepiano.state.me)"
        )


def test_input_in_another_tab_ends_the_absence(
    server_by_address: Server, room: str, invite: Invite
) -> None:
    ann, other_tab = pair_of_tabs(server_by_address, room, invite)
    wait(ann, 301)
    sees_away(other_tab, is_away=True)
    other_tab.page.mouse.move(640, 300)
    sees_away(ann, is_away=False)
    sees_away(other_tab, is_away=False)


def test_in_german(server: Server, room: str, invite: Invite) -> None:
    ann = invite(server, locale="de-DE").visit(room)
    ann.page.click("#me-open")
    ann.page.get_by_label("Ich bin abwesend, bis ich es ändere").check()
    ann.page.click("#me-form [type=submit]")
    ann.page.locator(".plate").get_by_text("abwesend", exact=True).wait_for(state="attached")

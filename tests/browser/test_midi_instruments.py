"""MIDI instruments that go, are switched off or serve two tabs, and a window without focus."""

from __future__ import annotations

import pytest
from test_midi import strike, with_devices
from visitor import Invite, Visitor

from support.server import Server

pytestmark = pytest.mark.needs("chromium")

UNPLUG = """() => {
  devices.keys.state = "disconnected";
  devices.access.inputs.delete(devices.keys.id);
  devices.access.onstatechange();
}"""
PLUG = """() => {
  devices.keys.state = "connected";
  devices.access.inputs.set(devices.keys.id, devices.keys);
  devices.access.onstatechange();
}"""
BLUR = "() => dispatchEvent(new Event('blur'))"
KEYS_AND_PEDAL = ([0x90, 60, 100], [0xB0, 64, 127], [0x90, 64, 100], [0x80, 64, 0])


def ended(visitor: Visitor, number: int) -> list[str]:
    """Return the names of the first ended notes, once there are so many."""
    visitor.until(f"fortepiano.sent.filter(({{ v }}) => v === null).length >= {number}")
    return sorted(note["n"] for note in visitor.sent if note["v"] is None)


def test_an_unplugged_instrument_lets_go(server: Server, room: str, invite: Invite) -> None:
    ann = with_devices(invite(server), room)
    ben = invite(server).visit(room)
    ann.page.keyboard.press("Escape")
    ann.page.keyboard.down("z")
    strike(ann, *KEYS_AND_PEDAL)
    ann.sends(3)
    ann.page.evaluate(UNPLUG)
    assert ended(ann, 2) == ["c3", "e3"]
    assert ann.page.get_attribute("#sustain", "aria-pressed") == "false"
    assert sorted(note["n"] for note in ben.received(5) if note["v"] is None) == ["c3", "e3"]
    # Back again, the instrument plays.
    ann.page.evaluate(PLUG)
    strike(ann, [0x90, 72, 100])
    ann.until("fortepiano.sent.some(({ n }) => n === 'c4')")
    ann.page.keyboard.up("z")


def test_an_instrument_that_is_switched_off_lets_go(
    server: Server, room: str, invite: Invite
) -> None:
    ann = with_devices(invite(server), room)
    strike(ann, *KEYS_AND_PEDAL)
    ann.sends(2)
    ann.page.get_by_label("Play on Keys").uncheck()
    assert ended(ann, 2) == ["c3", "e3"]
    assert ann.page.get_attribute("#sustain", "aria-pressed") == "false"


def test_a_pianist_may_look_into_another_window(server: Server, room: str, invite: Invite) -> None:
    ann = with_devices(invite(server), room)
    ann.page.keyboard.press("Escape")
    strike(ann, *KEYS_AND_PEDAL)
    ann.page.keyboard.down("z")
    ann.sends(3)
    ann.page.evaluate(BLUR)
    # The key of the computer rings on by the pedal, which the pianist holds.
    assert ann.page.get_attribute("#sustain", "aria-pressed") == "true"
    ann.page.keyboard.up("z")
    strike(ann, [0xB0, 64, 0])
    assert ended(ann, 2) == ["c2", "e3"]
    strike(ann, [0x80, 60, 0])
    assert ended(ann, 3) == ["c2", "c3", "e3"]


def test_the_pedal_of_the_computer_goes_up_without_focus(
    server: Server, room: str, invite: Invite
) -> None:
    ann = invite(server).visit(room)
    ann.page.keyboard.down("Space")
    ann.page.keyboard.press("z")
    ann.page.evaluate(BLUR)
    assert ended(ann, 1) == ["c2"]
    assert ann.page.get_attribute("#sustain", "aria-pressed") == "false"
    ann.page.keyboard.up("Space")


def test_one_channel_may_be_silenced(server: Server, room: str, invite: Invite) -> None:
    ann = with_devices(invite(server), room)
    ann.page.keyboard.press("Escape")
    strike(ann, [0x90, 60, 100], [0x91, 64, 100], [0xB1, 123, 0])
    assert ended(ann, 1) == ["e3"]


SETTLED = """async (before) => {
  for (;;) {
    const { held, pending } = await navigator.locks.query();
    if (held.length === 1 && pending.length === 1 && held[0].clientId !== before) {
      return held[0].clientId;
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}"""


def test_of_two_tabs_with_one_instrument_one_plays(
    server: Server, room: str, invite: Invite
) -> None:
    ben = invite(server).visit(room)
    ann = with_devices(invite(server), room)
    other = with_devices(Visitor(ann.page.context, server), room)
    tabs = (ann, other)
    for tab in tabs:
        tab.page.keyboard.press("Escape")

    def heard(number: int) -> list[str]:
        """Return the names of the notes that others have heard, once there are so many."""
        return [note["n"] for note in ben.received(number)]

    # The one that was used last, once the other tab waits.
    holder = ann.page.evaluate(SETTLED, "")
    for tab in tabs:
        strike(tab, [0x90, 60, 100], [0x80, 60, 0])
    assert heard(2) == ["c3", "c3"]
    assert [len(tab.sent) for tab in tabs] == [0, 2]
    ann.page.mouse.click(640, 5)
    ann.page.evaluate(SETTLED, holder)
    # A note that is held ends with the turn.
    strike(ann, [0x90, 62, 100])
    strike(other, [0x90, 62, 100])
    assert heard(3)[2:] == ["d3"]
    other.page.mouse.click(640, 5)
    assert heard(4)[2:] == ["d3", "d3"]
    assert [len(tab.sent) for tab in tabs] == [2, 2]
    # Behind the end of a tab the turn is that of another one.
    other.page.close()
    ann.until(
        "(devices.keys.onmidimessage({ data: new Uint8Array([0x90, 72, 99]) }),"
        " fortepiano.sent.some(({ n }) => n === 'c4'))"
    )

"""MIDI: input and output instruments, recordings, and files played into the room."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import mido
import pytest
from visitor import Invite, Visitor

from support.server import Server

pytestmark = pytest.mark.needs("chromium")

DEVICES = """
  const port = (type, name) => ({ id: `${type} 1`, name, type, state: "connected", sent: [],
    onmidimessage: null, send(data, time) { this.sent.push([...data, time]); } });
  const keys = port("input", "Keys"), synth = port("output", "Expander");
  const access = { inputs: new Map([[keys.id, keys]]), outputs: new Map([[synth.id, synth]]) };
  window.devices = { keys, synth, access };
  navigator.requestMIDIAccess = async () => access;
"""


def with_devices(visitor: Visitor, room: str) -> Visitor:
    """Enter `room` with a fake keyboard and a fake expander."""
    visitor.page.add_init_script(DEVICES)
    visitor.visit(room)
    visitor.page.click("#preferences-open")
    visitor.page.click("#preferences-midi")
    visitor.page.get_by_label("Play on Keys").wait_for()
    return visitor


def strike(visitor: Visitor, *messages: list[int]) -> None:
    """Let the fake keyboard send `messages`."""
    visitor.page.evaluate(
        """(all) => {
          for (const data of all) devices.keys.onmidimessage?.({ data: new Uint8Array(data) });
        }""",
        list(messages),
    )


def test_an_instrument_plays_with_velocity_and_pedal(
    server: Server, room: str, invite: Invite
) -> None:
    ann = with_devices(invite(server), room)
    ben = invite(server).visit(room)
    ann.sees_people(2)
    strike(ann, [0x90, 60, 127], [0xB0, 64, 127], [0x90, 64, 32], [0x80, 60, 0], [0x90, 64, 0])
    assert [(e["n"], e["v"]) for e in ann.sends(2)] == [("c3", 1), ("e3", 0.252)]
    strike(ann, [0xB0, 64, 0])
    assert sorted(e["n"] for e in ann.sends(4)[2:]) == ["c3", "e3"]
    assert [(e["n"], e["v"]) for e in ben.received(4)[:2]] == [("c3", 1), ("e3", 0.252)]
    # An instrument that is switched off plays nothing, also on the next visit.
    ann.page.get_by_label("Play on Keys").uncheck()
    strike(ann, [0x90, 72, 100])
    assert ann.page.evaluate("() => devices.keys.onmidimessage") is None
    assert ann.complaints == []


def test_what_is_heard_goes_to_the_output_that_is_chosen(
    server: Server, room: str, invite: Invite
) -> None:
    ann = with_devices(invite(server), room)
    ann.page.get_by_label("Sound on Expander").check()
    ann.page.keyboard.press("Escape")
    ben = invite(server).visit(room)
    ann.sees_people(2)
    ann.page.keyboard.press("z")
    ben.page.keyboard.press("q")
    ann.until("devices.synth.sent.length === 4")
    sent = ann.page.evaluate("() => devices.synth.sent.map(([status, key]) => [status, key])")
    assert sent == [[0x90, 48], [0x80, 48], [0x90, 60], [0x80, 60]]
    due, at = ann.page.evaluate(
        "() => [fortepiano.schedule[0].due - performance.timeOrigin, devices.synth.sent[2][3]]"
    )
    assert at == pytest.approx(due, abs=0.01)


def test_a_recording_holds_what_was_heard(
    server: Server, room: str, invite: Invite, tmp_path: Path
) -> None:
    ann, ben = invite(server).visit(room), invite(server).visit(room)
    ann.rename("Clara")
    ann.sees_people(2)
    ann.page.click("#studio-open")
    ann.page.click("#studio-record")
    ann.until("document.querySelector('#studio-record').textContent === 'Stop recording'")
    ann.page.keyboard.press("Escape")
    ann.page.keyboard.press("z")
    ben.page.keyboard.press("q")
    ann.received(2)
    ann.until("performance.timeOrigin + performance.now() > fortepiano.schedule[1].due + 300")
    ann.page.click("#studio-open")
    ann.page.click("#studio-record")
    with ann.page.expect_download() as midi:
        ann.page.click("#studio-midi")
    with ann.page.expect_download() as sound:
        ann.page.click("#studio-wav")
    midi.value.save_as(tmp_path / "x.mid")
    sound.value.save_as(tmp_path / "x.wav")

    tracks = mido.MidiFile(tmp_path / "x.mid").tracks
    struck = {
        track.name.split()[0]: [m.note for m in track if m.type == "note_on"] for track in tracks
    }
    assert struck == {"Clara": [48], "Anonymous": [60]}
    with wave.open(str(tmp_path / "x.wav")) as recorded:
        assert (recorded.getnchannels(), recorded.getsampwidth()) == (2, 2)
        seconds = recorded.getnframes() / recorded.getframerate()
        frames = recorded.readframes(recorded.getnframes())
    assert seconds > 1
    assert max(memoryview(frames).cast("h")) > 300, "it is silent"
    assert ann.complaints == []


def song() -> bytes:
    """Return a file in two tracks with a change of tempo, a pedal, and drums to leave out."""
    file = mido.MidiFile(ticks_per_beat=100)
    first, second = mido.MidiTrack(), mido.MidiTrack()
    file.tracks += [first, second]
    first += [
        mido.MetaMessage("set_tempo", tempo=1_000_000),
        mido.Message("note_on", note=60, velocity=127),
        mido.MetaMessage("set_tempo", tempo=500_000, time=10),  # after 100 ms
        mido.Message("note_off", note=60, time=20),  # 100 ms later
    ]
    second += [
        mido.Message("control_change", control=64, value=127, channel=1),
        mido.Message("note_on", note=64, velocity=64, time=20, channel=1),  # at 150 ms
        mido.Message("note_off", note=64, time=10, channel=1),
        mido.Message("note_on", note=35, velocity=64, channel=9),
        mido.Message("control_change", control=64, value=0, time=20, channel=1),  # at 300 ms
    ]
    content = io.BytesIO()
    file.save(file=content)
    return content.getvalue()


def drop(visitor: Visitor, name: str, content: bytes) -> None:
    """Drop a file on the page."""
    visitor.page.evaluate(
        """([name, bytes]) => {
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([new Uint8Array(bytes)], name));
          const how = { dataTransfer, bubbles: true, cancelable: true };
          document.body.dispatchEvent(new DragEvent("drop", how));
        }""",
        [name, list(content)],
    )


def test_a_dropped_file_is_played_into_the_room(server: Server, room: str, invite: Invite) -> None:
    ann, ben = invite(server).visit(room), invite(server).visit(room)
    ann.sees_people(2)
    panel = ann.page.get_by_role("group", name="File that is played", include_hidden=True)
    # The panel is visible for a third of a second, which polling from outside may miss.
    panel.evaluate(
        """(panel) => {
            const look = () => { if (!panel.hidden) panel.dataset.shown = "yes"; };
            new MutationObserver(look).observe(panel, { attributeFilter: ["hidden"] });
        }"""
    )
    drop(ann, "song.mid", song())
    heard = ben.received(4)
    assert [(e["n"], e["v"]) for e in heard] == [
        ("c3", 1),
        ("e3", 0.504),
        ("c3", None),
        ("e3", None),
    ]
    times = [e["t"] + e["d"] for e in heard]
    assert [time - times[0] for time in times] == pytest.approx([0, 150, 200, 300], abs=30)
    ann.until("!fortepiano.state.concert.playing")
    assert panel.get_attribute("data-shown") == "yes"
    assert panel.is_hidden()


def test_a_file_is_played_within_the_quota(server: Server, room: str, invite: Invite) -> None:
    ann = invite(server).visit(room)
    file = mido.MidiFile()
    track = mido.MidiTrack()
    file.tracks.append(track)
    for number in range(13_000):
        track.append(mido.Message("note_on", note=21 + number % 88, velocity=60))
    for number in range(88):
        track.append(mido.Message("note_off", note=21 + number, time=number == 0))
    content = io.BytesIO()
    file.save(file=content)
    drop(ann, "black.mid", content.getvalue())
    ann.page.get_by_text("notes were more than may be played here").wait_for()
    # 24000 events pay for 12000 notes with their releases.
    assert 900 <= ann.state["concert"]["left"] <= 1000
    assert ann.page.locator(".notice", has_text="too fast").count() == 0


def test_a_broken_file_is_explained(server: Server, room: str, invite: Invite) -> None:
    ann = invite(server).visit(room)
    for content, words in (
        (b"\x89PNG....................", "This is no MIDI file."),
        (song()[:60], "This MIDI file is cut off."),
        (b"", "This MIDI file is cut off."),
    ):
        drop(ann, "x.mid", content)
        ann.page.locator(".notice", has_text=words).last.wait_for()
        ann.page.locator(".notice .close").last.click()
    assert ann.complaints == []

"""MIDI files as programs write them, read and written by the page's modules in chromium."""

from __future__ import annotations

import base64
import io
import struct
from typing import Any

import mido
import pytest
from midi_bytes import END, NOTE, riff, smf
from visitor import Visitor

from support.server import Server

pytestmark = pytest.mark.needs("chromium")

GIVE = """([text, head, times, tail]) => {
  const bytes = (text) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  window.given = new File([bytes(head), ...Array(times).fill(bytes(text)), bytes(tail)], "x.mid");
}"""

READ = """async () => {
  const { readMidi } = await import("/assets/midi/files.js");
  const tasks = [];
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) tasks.push(duration);
  });
  observer.observe({ entryTypes: ["longtask"] });
  const shares = [];
  const began = performance.now();
  try {
    const song = await readMidi(given, (share) => shares.push(share), new AbortController().signal);
    const ms = performance.now() - began;
    await new Promise((resolve) => setTimeout(resolve, 60));
    const first = ({ length }) => Math.min(length, 1000);
    const notes = Array.from({ length: first(song.begin) }, (_, i) =>
      [song.key[i], song.begin[i], song.end[i], song.velocity[i]]);
    return { notes, count: song.begin.length, ms, tasks, shares, cut: song.cut };
  } catch (fault) {
    return { fault: fault.message, notes: [] };
  }
}"""


@pytest.fixture(scope="module")
def reader(chromium: Any, server: Server) -> Any:
    """A page that reads files."""
    context = chromium.new_context()
    yield Visitor(context, server).visit("midi-files", silent=True)
    context.close()


def read(
    reader: Visitor, content: bytes, *, head: bytes = b"", times: int = 1, tail: bytes = b""
) -> dict[str, Any]:
    """Return what the page reads from a file, of its notes the first thousand.

    Args:
        reader: The page.
        content: The file, or its middle part.
        head: What stands before the middle part.
        times: How often the middle part stands there.
        tail: What stands behind.
    """
    content64, head64, tail64 = (base64.b64encode(part).decode() for part in (content, head, tail))
    reader.page.evaluate(GIVE, [content64, head64, times, tail64])
    found: dict[str, Any] = reader.page.evaluate(READ)
    return found


TWO = smf("00FF510307A120" + END, NOTE * 3 + END)
LAST = TWO.rfind(b"MTrk")


def with_length(content: bytes, length: int) -> bytes:
    """Return `TWO` with another length of its last track."""
    return content[: LAST + 4] + struct.pack(">I", length) + content[LAST + 8 :]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(TWO, id="a good file"),
        pytest.param(with_length(TWO, 0x1F + 5), id="a length that is too large"),
        pytest.param(with_length(TWO, 0xFFFFFFFF), id="no length"),
        pytest.param(with_length(TWO, 0), id="a length of nothing"),
        pytest.param(with_length(TWO, 9), id="a length that is too small"),
        pytest.param(TWO[:-1], id="the last byte is missing"),
        pytest.param(TWO[:-4], id="the end is missing"),
        pytest.param(TWO + b"\n", id="a byte too many"),
        pytest.param(TWO + b"\0" * 100_000, id="padding behind"),
        pytest.param(TWO[:LAST] + b"\0\0" + TWO[LAST:], id="padding between tracks"),
        pytest.param(TWO[:14] + b"XFIHxxxx" + TWO[14:], id="junk between tracks"),
        pytest.param(TWO[:14] + b"XFIH\0\0\0\4abcd" + TWO[14:], id="a chunk of another kind"),
        pytest.param(TWO[:18] + b"\0\0\0\x40" + TWO[22:], id="a length across the next track"),
        pytest.param(smf("00FF510307A120", NOTE * 3), id="no ends at all"),
        pytest.param(smf(NOTE * 3 + END + "123456FFFFFF"), id="bytes behind the end of a track"),
        pytest.param(TWO[:10] + b"\0\1" + TWO[12:], id="too few tracks in the head"),
        pytest.param(TWO[:10] + b"\0\x50" + TWO[12:], id="too many tracks in the head"),
        pytest.param(TWO[:7] + b"\x08" + TWO[8:14] + b"\0\0" + TWO[14:], id="a longer head"),
        pytest.param(riff((b"data", TWO)), id="inside RIFF"),
        pytest.param(riff((b"LIST", b"INFOx"), (b"data", TWO)), id="inside RIFF, behind a list"),
        pytest.param(b"\0" * 128 + TWO, id="behind the head of an old Mac"),
        pytest.param(smf("00FF510407A12000" + NOTE * 3 + END), id="a tempo of four bytes"),
        pytest.param(smf("00FF590100" + NOTE * 3 + END), id="a key of one byte"),
        pytest.param(smf("00FF58020402" + NOTE * 3 + END), id="a metre of two bytes"),
        pytest.param(smf("00F8" + NOTE * 3 + "00F105" + END), id="clocks in the file"),
        pytest.param(smf("00F4" + NOTE * 3 + END), id="an event that does not exist"),
        pytest.param(smf("003C40" + NOTE * 3 + END), id="data before any status"),
        pytest.param(smf("00903C40 60 3C00" + NOTE * 2 + END), id="a velocity of nothing ends"),
        pytest.param(smf("00FF510307A120" + NOTE * 3 + END, kind=0), id="format 0"),
        pytest.param(smf("00F0057E7F0901F7" + NOTE * 3 + END), id="a message of a maker"),
    ],
)
def test_a_file_is_read_whatever_is_wrong_around_its_notes(reader: Visitor, content: bytes) -> None:
    notes = read(reader, content)["notes"]
    assert [note[0] for note in notes] == [60, 60, 60]
    assert [note[1] for note in notes] == pytest.approx([0, 200, 400])
    assert [note[2] - note[1] for note in notes] == pytest.approx([200, 200, 200])


@pytest.mark.parametrize("between", ["04FF01022525", "04F0027EF7", "04FF510307A120"])
def test_running_status_goes_on_behind_other_events(reader: Visitor, between: str) -> None:
    content = smf(f"0090475C {between} 164700 00 4364 304300 {END}", kind=0, division=96)
    notes = read(reader, content)["notes"]
    ticks = [(key, begin * 96 / 500, end * 96 / 500) for key, begin, end, _ in notes]
    assert ticks == [(71, 0, pytest.approx(26)), (67, pytest.approx(26), pytest.approx(74))]


@pytest.mark.parametrize("before", ["", "00B0407F"])
def test_a_note_without_length_is_short(reader: Visitor, before: str) -> None:
    content = smf(f"{before} 00903C40 00803C00 8F00903C40 60803C00 {END}", division=480)
    first, second = read(reader, content)["notes"]
    assert first[2] - first[1] <= 1000 / 480
    assert second[1] == pytest.approx(2000)
    assert second[2] >= 2100


def test_a_key_struck_again_may_end_its_former_note_afterwards(reader: Visitor) -> None:
    content = smf(f"00903C40 60903C50 00803C00 60803C00 {END}")
    notes = read(reader, content)["notes"]
    assert [(begin, end) for _, begin, end, _ in notes] == [(0, 200), (200, 400)]


@pytest.mark.parametrize(
    ("division", "ticks", "seconds"),
    [
        (0xE250, 2400, 1),
        (0xE728, 1000, 1),
        (0xE328, 11988, 10),
        (0xE850, 1920, 1),
        (0, 480, 0.5),  # nonsense is read as the most common number
        (0xE300, 480, 0.5),
        (1, 2, 1),
        (0x7FFF, 0x7FFF, 0.5),
    ],
)
def test_time_is_measured_in_beats_or_frames(
    reader: Visitor, division: int, ticks: int, seconds: float
) -> None:
    delta = bytes([0x80 | ticks >> 14, 0x80 | (ticks >> 7) & 127, ticks & 127])
    content = b"\0\x90\x3c\x40" + delta + b"\x80\x3c\0" + bytes.fromhex(END)
    (note,) = read(reader, smf(content, division=division))["notes"]
    assert note[2] == pytest.approx(seconds * 1000, abs=0.1)


def test_songs_of_one_file_follow_each_other(reader: Visitor) -> None:
    slow = "00FF51030F4240" + NOTE + END
    notes = read(reader, smf(slow, NOTE + END, kind=2))["notes"]
    assert [(begin, end) for _, begin, end, _ in notes] == [(0, 400), (400, 600)]


def test_a_file_without_notes_says_why(reader: Visitor) -> None:
    for content, words in (
        (b"", "This MIDI file is cut off."),
        (TWO[:12], "This MIDI file is cut off."),
        (TWO[: LAST + 9], "This MIDI file is cut off."),
        (smf("00FF510307A120" + END), "There are no notes in this file."),
        (smf(END), "There are no notes in this file."),
        (TWO[:14], "There are no notes in this file."),
        (b"<!doctype html><title>MThx</title>", "This is no MIDI file."),
        (b"\x89PNG\r\n" * 100, "This is no MIDI file."),
        (b"MThd", "This MIDI file is cut off."),
        (bytes(range(256)) * 400, "This is no MIDI file."),
    ):
        found = read(reader, content)
        assert found.get("fault") == words, content[:30]


def test_all_pieces_of_a_file_can_be_missing(reader: Visitor) -> None:
    for length in range(len(TWO)):
        found = read(reader, TWO[:length])
        assert "fault" in found or len(found["notes"]) in (1, 2, 3)


def test_thousands_of_tempos_take_linear_time(reader: Visitor) -> None:
    tempos = bytes.fromhex("01FF510307A120") * 46_000
    notes = bytes.fromhex("01903C40 01803C00") * 25_000
    end = bytes.fromhex(END)
    found = read(reader, smf(tempos + end, notes + end))
    assert found["count"] == 25_000
    assert found["ms"] < 5000  # alone 300; the product of both would take minutes
    assert max(found["tasks"], default=0) < 200  # alone there is none


@pytest.mark.parametrize("times", [15_000, 45_000])  # 10 and 31 MB
def test_a_large_file_is_read_beside_the_page(reader: Visitor, times: int) -> None:
    strikes = b"".join(
        bytes([1, 0x90, 21 + number % 88, 64, 0, 0x80, 21 + number % 88, 0]) for number in range(88)
    )
    head, end = smf(b"")[:-4] + b"\xff" * 4, bytes.fromhex(END)
    found = read(reader, strikes, head=head, times=times, tail=end)
    assert found["count"] == 88 * times
    assert found["shares"] == sorted(found["shares"]) != []
    assert max(found["tasks"], default=0) < 200  # alone there is none


def test_a_huge_file_is_refused(reader: Visitor) -> None:
    script = """async () => {
      const { readMidi } = await import("/assets/midi/files.js");
      const file = new File([new Uint8Array(42_000_000)], "x.mid");
      try { await readMidi(file, () => {}, new AbortController().signal); }
      catch (fault) { return fault.message; }
    }"""
    assert reader.page.evaluate(script) == "This file is too large: at most 40 MB can be played."


WRITE = """async ([count, names]) => {
  const { writeMidi } = await import("/assets/midi/files.js");
  const recording = { length: count * 10, names, at: new Float64Array(2 * count),
    key: new Uint8Array(2 * count), velocity: new Uint8Array(2 * count),
    player: new Uint32Array(2 * count) };
  for (let i = 0; i < count; i++) {
    const key = 21 + i % 88;
    for (const [at, velocity, place] of [[10 * i, 100, 2 * i], [10 * i + 5, 0, 2 * i + 1]]) {
      recording.at[place] = at;
      recording.key[place] = key;
      recording.velocity[place] = velocity;
      recording.player[place] = i % names.length;
    }
  }
  const began = performance.now();
  const bytes = await writeMidi(recording);
  const ms = performance.now() - began;
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) {
    text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  }
  return { ms, text: btoa(text) };
}"""


def test_a_long_recording_is_written_within_a_second(reader: Visitor) -> None:
    names = ["Clara", "\N{MUSICAL SYMBOL G CLEF}" * 40 + " 5f3a"]
    # The best of three, because the machine has other work: alone each takes a quarter.
    tries = [reader.page.evaluate(WRITE, [70_000, names]) for _ in range(3)]
    written = min(tries, key=lambda one: one["ms"])
    assert written["ms"] < 1000
    file = mido.MidiFile(file=io.BytesIO(base64.b64decode(written["text"])))
    struck = [sum(message.type == "note_on" for message in track) for track in file.tracks]
    assert struck == [35_000, 35_000]
    assert file.tracks[0].name == "Clara"
    # A name of 160 bytes loses its end, at the border of a sign.
    assert set(file.tracks[1].name.encode("latin-1").decode()) == {"\N{MUSICAL SYMBOL G CLEF}"}
    assert file.length == pytest.approx(700, rel=0.01)

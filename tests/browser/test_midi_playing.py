"""MIDI files played into a room: what others hear, what the page shows, and what stops them."""

from __future__ import annotations

import itertools

import pytest
from main_thread import tasks_during
from midi_bytes import END, NOTE, riff, smf
from playwright.sync_api import Browser
from test_midi import drop
from visitor import Invite, Visitor

from support.server import Server

pytestmark = pytest.mark.needs("chromium")

LONG = "00903C40 A000803C00"  # 4096 ticks: 8.5 s at 240 ticks a beat
TWO = smf("00FF510307A120" + END, NOTE * 2 + END)
LAST = TWO.rfind(b"MTrk")


def starts(notes: list[dict[str, object]]) -> list[dict[str, object]]:
    return [note for note in notes if note["v"] is not None]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(smf("0090475C04FF0102252B16470000436430430000FF2F00"), id="running status"),
        pytest.param(TWO[: LAST + 4] + b"\xff" * 4 + TWO[LAST + 8 :], id="no length"),
        pytest.param(TWO[:-1], id="the last byte is missing"),
        pytest.param(riff((b"LIST", b"INFOx"), (b"data", TWO)), id="inside RIFF"),
        pytest.param(smf(NOTE * 2 + END, division=0), id="no division"),
    ],
)
def test_others_hear_all_notes_of_a_strange_file(
    server: Server, room: str, invite: Invite, content: bytes
) -> None:
    ann, ben = invite(server).visit(room), invite(server).visit(room)
    ann.sees_people(2)
    drop(ann, "strange.mid", content)
    assert len(starts(ben.received(4))) == 2
    ann.until("!fortepiano.state.concert.playing")
    assert ann.complaints == []


def test_a_note_without_length_does_not_sound_on(server: Server, room: str, invite: Invite) -> None:
    ann, ben = invite(server).visit(room), invite(server).visit(room)
    ann.sees_people(2)
    drop(ann, "short.mid", smf(f"00903C40 00803C00 8F00903C40 60803C00 {END}"))
    first, end = ben.received(2)[:2]
    assert (first["v"], end["v"]) == (0.504, None)
    assert end["t"] + end["d"] - first["t"] - first["d"] < 30


# Browsers let timers of hidden, silent pages run once a second, and those of workers go on.
SLOW_TIMERS = """
  for (const name of ["setTimeout", "setInterval"]) {
    const real = window[name];
    window[name] = (act, ms = 0, ...more) =>
      real.call(window, act, window.hiddenTab ? Math.max(ms, 1000) : ms, ...more);
  }
"""


def test_a_file_keeps_its_rhythm_in_a_hidden_tab(server: Server, room: str, invite: Invite) -> None:
    ann, ben = invite(server), invite(server).visit(room)
    ann.page.add_init_script(SLOW_TIMERS)
    ann.visit(room)
    ann.sees_people(2)
    ann.page.fill("#volume", "0")
    # Its work comes late, too: a fifth of a second is missing now and then.
    ann.page.evaluate(
        """() => {
          window.hiddenTab = true;
          const worker = new Worker("/assets/midi/worker/ticker_worker.js", { type: "module" });
          let ticks = 0;
          worker.onmessage = () => {
            if (++ticks % 50) return;
            for (const until = performance.now() + 200; performance.now() < until; );
          };
        }"""
    )
    # Ten notes a second.
    drop(ann, "even.mid", smf("00903C40 18803C00" + "18903C40 18803C00" * 40 + END))
    heard = starts(ben.received(80))
    times = [float(note["t"]) + float(note["d"]) for note in heard]  # type: ignore[arg-type]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    # Only a machine that stands still for long breaks the rhythm.
    assert sum(abs(gap - 100) > 20 for gap in gaps) <= len(gaps) // 20, gaps
    # Nor do the messages come in lumps, too late for the second that all wait.
    delays = sorted(note["due"] - note["t"] - note["d"] for note in heard)  # type: ignore[operator]
    assert delays[-1 - len(delays) // 20] < 1300


def test_a_file_plays_on_while_the_window_is_elsewhere(
    server: Server, room: str, invite: Invite
) -> None:
    ann, ben = invite(server).visit(room), invite(server).visit(room)
    ann.sees_people(2)
    drop(ann, "long.mid", smf(f"{LONG} {END}"))
    ann.page.keyboard.down("z")
    assert {note["n"] for note in ben.received(2)} == {"c2", "c3"}
    ann.page.evaluate("() => dispatchEvent(new Event('blur'))")
    # The key of the computer has lost its release, the file has not.
    ended = [note["n"] for note in ann.sends(3) if note["v"] is None]
    assert ended == ["c2"]
    ann.page.keyboard.up("z")
    ann.page.keyboard.down("x")
    ann.page.click("#performance-stop")
    ended = [note["n"] for note in ann.sends(5) if note["v"] is None]
    assert ended == ["c2", "c3"]
    ann.page.keyboard.up("x")


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844), (844, 390)])
def test_the_keys_stay_where_they_are_when_a_file_begins(
    server: Server, room: str, invite: Invite, width: int, height: int
) -> None:
    ann = invite(server, viewport={"width": width, "height": height}).visit(room)
    before = ann.page.locator("#piano").bounding_box()
    drop(ann, "long.mid", smf(f"{LONG} {END}"))
    ann.page.locator("#performance").wait_for()
    ann.until("fortepiano.state.concert.playing")
    assert ann.page.locator("#piano").bounding_box() == before
    bar, keys = ann.page.locator("#performance").bounding_box(), before
    assert bar is not None
    assert keys is not None
    assert bar["y"] + bar["height"] <= keys["y"]
    ann.page.get_by_role("button", name="Stop", exact=True).click()
    assert ann.page.locator("#performance").is_hidden()
    assert ann.page.locator("#piano").bounding_box() == before


def test_coming_notes_have_the_own_colour_and_fall_for_three_seconds(
    server: Server, room: str, invite: Invite
) -> None:
    ann = invite(server, stored={"instrument": "organ", "falling": True}).visit(room)
    ann.rename("Ann", "#ff2010")
    # One note two seconds and a half after the beginning.
    drop(ann, "late.mid", smf(f"8930903C40 8160803C00 {END}"))
    ann.until("fortepiano.state.concert.playing")
    ann.until(
        """(() => {
          const canvas = document.getElementById("trails");
          const { data } = canvas.getContext("2d")
            .getImageData(0, 0, canvas.width, canvas.height >> 1);
          for (let i = 0; i < data.length; i += 4) {
            if (data[i + 3] && data[i] > 240 && data[i + 1] < 60 && data[i + 2] < 60) return true;
          }
        })()""",
        timeout=3,
    )
    assert ann.state["concert"]["position"] < 1200


def test_a_crowd_of_notes_at_once_keeps_the_connection(
    server: Server, room: str, invite: Invite
) -> None:
    ann, ben = invite(server).visit(room), invite(server).visit(room)
    ann.sees_people(2)
    strikes = "".join(f"0090{21 + number % 88:02X}40" for number in range(3000))
    ends = "01803C00" + "".join(f"0080{21 + number:02X}00" for number in range(88))
    drop(ann, "crowd.mid", smf(strikes + ends + END))
    ann.sends(3000)
    ben.received(3000)
    assert ann.state["status"] == "online"
    assert ann.complaints == []


def test_ten_megabytes_of_black_notes_do_not_freeze_the_page(
    chromium: Browser, server: Server, room: str, invite: Invite
) -> None:
    ann = invite(server, stored={"instrument": "organ", "falling": True}).visit(room)
    # Two hundred notes in each of 6700 fiftieths of a second.
    block = "".join(f"0090{21 + number % 88:02X}40" for number in range(176))
    block += "".join(f"{5 if number == 0 else 0:02X}80{21 + number:02X}00" for number in range(88))
    content = smf(block + END)
    head, body = content[:18] + b"\xff" * 4, bytes.fromhex(block)
    ann.page.evaluate(
        """([head, body]) => {
          const parts = [head, ...Array(9500).fill(body)].map((bytes) => new Uint8Array(bytes));
          window.black = new File(parts, "black.mid");
        }""",
        [list(head), list(body)],
    )
    assert ann.page.evaluate("() => black.size") > 10_000_000

    def play() -> None:
        ann.page.evaluate(
            """() => {
              const dataTransfer = new DataTransfer();
              dataTransfer.items.add(black);
              document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true }));
            }"""
        )
        ann.page.get_by_text("Reading:").wait_for()
        ann.until("fortepiano.state.concert.position > 3000")

    tasks = tasks_during(chromium, ann.page, play)
    assert len(tasks) > 100
    assert max(tasks) < 100


def test_the_reading_of_a_file_can_be_stopped(server: Server, room: str, invite: Invite) -> None:
    ann = invite(server).visit(room)
    ann.page.evaluate(
        """() => {
          const dataTransfer = new DataTransfer();
          const head = new Uint8Array([...new TextEncoder().encode("MThd"), 0, 0, 0, 6, 0, 1, 0, 1,
            0, 96, ...new TextEncoder().encode("MTrk"), 255, 255, 255, 255]);
          const notes = new Uint8Array(30_000_000);
          const note = [1, 0x90, 60, 64, 1, 0x80, 60, 0];
          for (let i = 0; i < notes.length; i++) notes[i] = note[i & 7];
          dataTransfer.items.add(new File([head, notes], "black.mid"));
          document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true }));
        }"""
    )
    ann.until("document.querySelector('#performance-progress').value > 0")
    ann.page.get_by_role("button", name="Stop", exact=True).click()
    assert ann.page.locator("#performance").is_hidden()
    # Another file begins at once.
    drop(ann, "small.mid", smf(NOTE + END))
    assert len(ann.sends(2)) == 2
    assert ann.complaints == []


def test_a_server_without_libraries_says_what_is_missing(
    server: Server, room: str, invite: Invite
) -> None:
    ann = invite(server)
    ann.page.route(
        "**/libraries.js",
        lambda route: route.fulfill(
            content_type="text/javascript", body='export const LIBRARIES = { midi: "", qr: "" };'
        ),
    )
    ann.visit(room)
    ann.page.click("#studio-open")
    assert ann.page.locator("#studio-file").is_disabled()
    assert ann.page.locator("#studio-missing").inner_text() == (
        "This server lacks the library for MIDI files."
    )
    ann.page.click("#studio-record")
    ann.until("document.querySelector('#studio-record').textContent === 'Stop recording'")
    ann.page.click("#studio-record")
    assert ann.page.locator("#studio-midi").is_disabled()
    ann.page.keyboard.press("Escape")
    drop(ann, "song.mid", TWO)
    ann.page.locator(".notice", has_text="lacks the library for MIDI files").wait_for()
    ann.page.click("#share-open")
    assert ann.page.locator("#share-code").is_hidden()
    assert ann.page.locator("#share-text").inner_text() == ann.page.url
    ann.page.keyboard.press("Escape")
    # All else works.
    ann.page.keyboard.press("z")
    assert len(ann.sends(2)) == 2
    assert ann.complaints == []


def test_a_lost_library_is_explained_and_asked_for_again(
    server: Server, room: str, invite: Invite
) -> None:
    ann: Visitor = invite(server)
    ann.page.context.route("**/midifile-ts-*/**", lambda route: route.abort())
    ann.visit(room)
    drop(ann, "song.mid", TWO)
    ann.page.locator(".notice", has_text="could not be loaded").wait_for()
    ann.page.context.unroute("**/midifile-ts-*/**")
    drop(ann, "song.mid", TWO)
    assert len(ann.sends(4)) == 4


@pytest.mark.parametrize("touch", [False, True])
def test_all_names_and_kinds_of_midi_files_can_be_chosen(
    server: Server, room: str, invite: Invite, touch: bool
) -> None:
    ann = invite(server, has_touch=touch, is_mobile=touch).visit(room)
    accepted = ann.page.get_attribute("#studio-file", "accept")
    if touch:
        assert accepted is None
        return
    kinds = {"audio/midi", "audio/x-midi", "audio/mid", "audio/sp-midi"}
    assert {".mid", ".midi", ".kar", ".rmi", ".smf"} | kinds <= set((accepted or "").split(","))

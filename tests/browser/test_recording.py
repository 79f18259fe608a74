"""Recordings: begun by one click or two, without the worklet, and very long ones."""

from __future__ import annotations

import time
import wave
from pathlib import Path

import mido
import pytest
from visitor import Invite, Visitor

from support.player import connected
from support.server import Server

pytestmark = pytest.mark.needs("chromium")


def start(visitor: Visitor, clicks: int = 1) -> None:
    visitor.page.click("#studio-open")
    visitor.page.click("#studio-record", click_count=clicks, delay=5)
    visitor.until("document.querySelector('#studio-record').textContent === 'Stop recording'")


def saved(visitor: Visitor, kind: str, path: Path) -> Path:
    with visitor.page.expect_download() as download:
        visitor.page.click(f"#studio-{kind}")
    download.value.save_as(path)
    return path


@pytest.mark.parametrize("scripted", [False, True])
def test_a_double_click_records_once(
    server: Server, room: str, invite: Invite, tmp_path: Path, scripted: bool
) -> None:
    ann = invite(server).visit(room)
    began = time.monotonic()
    if scripted:
        ann.page.click("#studio-open")
        ann.page.evaluate(
            "() => { const b = document.querySelector('#studio-record'); b.click(); b.click(); }"
        )
        ann.until("document.querySelector('#studio-record').textContent === 'Stop recording'")
    else:
        start(ann, clicks=2)
    ann.until("document.querySelector('#studio-time').textContent === '0:02'")
    ann.page.click("#studio-record")
    longest = time.monotonic() - began
    for _ in range(2):
        with wave.open(str(saved(ann, "wav", tmp_path / "x.wav"))) as recorded:
            seconds = recorded.getnframes() / recorded.getframerate()
        assert 1.5 < seconds < longest
        # A second later there is not more of it.
        ann.page.evaluate("() => new Promise((resolve) => setTimeout(resolve, 600))")
    assert ann.complaints == []


def test_without_the_worklet_the_notes_are_recorded(
    server: Server, room: str, invite: Invite, tmp_path: Path
) -> None:
    ann = invite(server)
    ann.page.add_init_script(
        "AudioWorklet.prototype.addModule = () => Promise.reject(new DOMException('offline'));"
    )
    ann.visit(room)
    start(ann)
    ann.page.locator(".notice", has_text="sound cannot be recorded now, only the notes").wait_for()
    ann.page.keyboard.press("Escape")
    ann.page.keyboard.press("z")
    ann.sends(2)
    ann.page.click("#studio-open")
    ann.page.click("#studio-record")
    assert ann.page.locator("#studio-wav").is_disabled()
    (track,) = mido.MidiFile(saved(ann, "midi", tmp_path / "x.mid")).tracks
    assert [message.note for message in track if message.type == "note_on"] == [48]
    assert ann.complaints == []


SAVED = """async () => {
  const bytes = new Promise((resolve) => {
    const make = URL.createObjectURL.bind(URL);
    URL.createObjectURL = (blob) => (resolve(blob.size), make(blob));
  });
  const began = performance.now();
  document.querySelector("#studio-midi").click();
  return [performance.now() - began, await bytes, performance.now() - began];
}"""


def test_a_recording_of_seventy_thousand_notes_is_saved_within_a_second(
    server: Server, room: str, invite: Invite
) -> None:
    ann = invite(server).visit(room)
    start(ann)
    with connected(server, "127.0.0.9", "Bot", room) as bot:
        # The quota of a user is 4000 note events a second, beside the first 24 000.
        notes = [{"n": f"{'cdefgab'[i % 7]}{i % 5}", "v": 0.5, "d": i % 200} for i in range(3500)]
        sent = 0
        while sent < 70_000:
            server_now = int(time.time() * 1000)
            bot.send({"m": "n", "t": server_now, "n": notes})
            sent += len(notes)
            time.sleep(0.9 if sent > 20_000 else 0.05)
        ann.until(f"fortepiano.schedule.length >= {4096}")
        ann.page.evaluate("() => new Promise((resolve) => setTimeout(resolve, 1500))")
    ann.page.click("#studio-record")
    # The better one of two, because the machine has other work.
    saves = [ann.page.evaluate(SAVED) for _ in range(2)]
    assert all(size > 70_000 * 7 for _, size, _ in saves)
    assert min(blocked for blocked, _, _ in saves) < 100
    assert min(ms for _, _, ms in saves) < 1000

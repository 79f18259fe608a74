"""The sound of the piano: recordings where they were fetched, computed sounds elsewhere."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from visitor import Invite, Visitor

from fortepiano.http import public_site
from support.server import Server

pytestmark = pytest.mark.needs("chromium")

WEB = Path(public_site.__file__).parents[1] / "web"


def plays(visitor: Visitor) -> None:
    visitor.page.keyboard.press("z")
    visitor.sends(2)
    assert visitor.complaints == []


def test_recordings_replace_the_computed_note(server: Server, room: str, invite: Invite) -> None:
    if not list(WEB.glob("samples/*/C4.mp3")):
        pytest.skip("the recorded piano is missing: make samples")
    began = time.monotonic()
    ann = invite(server, stored={}).visit(room)
    assert ann.state["sound"]["ready"] >= 1, "one cannot play yet"
    playable = time.monotonic() - began
    plays(ann)
    ann.until("fortepiano.state.sound.recorded")
    assert ann.state["sound"] == {"instrument": "piano", "ready": 30, "recorded": True}
    assert len([url for url in ann.requested if url.endswith(".mp3")]) == 30
    print(f"playable {playable:.1f} s after the address was entered")


def point_to(visitor: Visitor, samples: str) -> None:
    """Make the page take another folder of recordings than the server's."""
    visitor.page.add_init_script(
        f"""new MutationObserver(() => {{
          const meta = document.querySelector("meta[name=samples]");
          if (meta && meta.content !== {json.dumps(samples)}) meta.content = {json.dumps(samples)};
        }}).observe(document, {{ childList: true, subtree: true }});"""
    )


def test_without_recordings_the_piano_is_computed(
    server: Server, room: str, invite: Invite
) -> None:
    ann = invite(server, stored={})
    point_to(ann, "")
    ann.visit(room)
    plays(ann)
    ann.until("fortepiano.state.sound.ready === 30")
    assert ann.state["sound"]["recorded"] is False
    assert not [url for url in ann.requested if url.endswith(".mp3")]


def test_recordings_that_do_not_come_are_replaced(
    server: Server, room: str, invite: Invite
) -> None:
    ann = invite(server, stored={})
    point_to(ann, "/assets/samples/nowhere/")
    ann.visit(room)
    ann.until("fortepiano.state.sound.ready === 30")
    assert ann.state["sound"]["recorded"] is False
    assert ann.complaints and all("404" in complaint for complaint in ann.complaints)


def test_every_instrument_sounds_and_is_remembered(
    server: Server, room: str, invite: Invite
) -> None:
    ann = invite(server).visit(room)
    ann.page.click("#preferences-open")
    names = ann.page.locator("select[name=instrument] option").evaluate_all(
        "options => options.map((option) => option.value)"
    )
    assert len(names) == 8
    # The output of the instruments themselves, computed faster than real time.
    levels: dict[str, float] = ann.page.evaluate(
        """async (names) => {
          const { Instruments } = await import("/assets/audio/instruments.js");
          const levels = {};
          for (const name of names) {
            const context = new OfflineAudioContext(1, 24000, 48000);
            const instruments = new Instruments(context, "");
            instruments.choose(name);
            const { source, gain, fade } = instruments.strike(64, 0.6, 0);
            gain.connect(context.destination);
            source.start(0);
            gain.gain.setTargetAtTime(0, 0.3, fade);
            const data = (await context.startRendering()).getChannelData(0).slice(2400, 12000);
            levels[name] = Math.sqrt(data.reduce((sum, x) => sum + x * x, 0) / data.length);
          }
          return levels;
        }""",
        names,
    )
    loudest, softest = max(levels.values()), min(levels.values())
    assert 0.005 < softest < loudest < 0.5, levels
    assert loudest / softest < 12, levels
    ann.page.select_option("select[name=instrument]", "synth")
    ann.page.locator("input[name=attack]").fill("0.5")
    ann.reload()
    ann.until("fortepiano.state.sound.instrument === 'synth'")
    assert ann.page.locator("input[name=attack]").input_value() == "0.5"
    plays(ann)


def test_ten_thousand_notes_do_not_hurt(server: Server, room: str, invite: Invite) -> None:
    ann = invite(server).visit(room)
    peak = ann.page.evaluate(
        """async () => {
          const { Engine } = await import("/assets/audio/engine.js");
          const { Voices } = await import("/assets/audio/voices.js");
          const { Instruments } = await import("/assets/audio/instruments.js");
          const context = new OfflineAudioContext(2, 48000, 48000);
          // The real engine with another output.
          const Real = window.AudioContext;
          window.AudioContext = function () { return context; };
          const engine = new Engine();
          window.AudioContext = Real;
          const instruments = new Instruments(context, "");
          instruments.choose("organ");
          const voices = new Voices(engine, instruments);
          for (let i = 0; i < 2000; i += 1) {
            voices.start(String(i), 21 + (i % 88), 1, (i % 40) / 50);
          }
          const sound = await context.startRendering();
          return Math.max(...sound.getChannelData(0).slice(4800).map(Math.abs));
        }"""
    )
    assert 0.1 < peak < 1.3

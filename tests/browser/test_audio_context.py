"""Audio contexts that misbehave as those of phones do; browsers here need stubs for that."""

from __future__ import annotations

import pytest
from visitor import Invite

from support.server import Server

pytestmark = pytest.mark.needs("chromium")


def test_a_frozen_context_brings_the_start_button_back(
    server: Server, room: str, invite: Invite
) -> None:
    ann = invite(server)
    ann.page.add_init_script(
        """const { prototype } = BaseAudioContext;
        const time = Object.getOwnPropertyDescriptor(prototype, "currentTime").get;
        window.frozen = null;
        Object.defineProperty(AudioContext.prototype, "currentTime", {
          get() { return window.frozen ?? time.call(this); },
        });
        const calls = (window.calls = []);
        for (const name of ["suspend", "resume"]) {
          const real = AudioContext.prototype[name];
          AudioContext.prototype[name] = function () { calls.push(name); return real.call(this); };
        }"""
    )
    ann.visit(room)
    start = ann.page.locator("#start")
    start.wait_for(state="hidden")
    ann.page.evaluate("() => { window.frozen = 1; window.calls.length = 0; }")
    start.wait_for()
    assert ann.state["audio"] == "running"
    ann.page.click("#play")
    ann.until("window.calls.length >= 2")
    assert ann.page.evaluate("() => window.calls.slice(0, 2)") == ["suspend", "resume"]
    ann.page.evaluate("() => { window.frozen = null; }")
    start.wait_for(state="hidden")


def test_an_interrupted_context_is_left_alone_until_it_is_suspended(
    server: Server, room: str, invite: Invite
) -> None:
    ann = invite(server)
    ann.page.add_init_script(
        """const state = Object.getOwnPropertyDescriptor(BaseAudioContext.prototype, "state").get;
        window.forced = null;
        Object.defineProperty(AudioContext.prototype, "state", {
          get() { return window.forced ?? state.call(this); },
        });
        const calls = (window.calls = []);
        const resume = AudioContext.prototype.resume;
        AudioContext.prototype.resume = function () {
          calls.push(window.forced);
          return resume.call(this);
        };"""
    )
    ann.visit(room)
    ann.page.evaluate("() => { window.forced = 'interrupted'; window.calls.length = 0; }")
    ann.page.keyboard.press("z")
    ann.page.mouse.click(*ann.key_at(20))
    assert ann.page.evaluate("() => window.calls") == []
    ann.page.evaluate("() => { window.forced = 'suspended'; }")
    ann.page.keyboard.press("z")
    assert ann.page.evaluate("() => window.calls")[0] == "suspended"


def test_the_page_sounds_in_spite_of_the_silent_switch(
    server: Server, room: str, invite: Invite
) -> None:
    ann = invite(server)
    ann.page.add_init_script("navigator.audioSession = { type: 'auto' };")
    ann.visit(room)
    ann.page.keyboard.press("z")
    assert ann.page.evaluate("() => navigator.audioSession.type") == "playback"

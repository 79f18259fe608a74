"""Notes between tabs: one schedules the notes of the other, in the same order and time."""

from __future__ import annotations

from typing import Any

import pytest
from visitor import Invite

from support.server import Server

pytestmark = pytest.mark.needs("chromium")

DELAY = 1000.0
"""Milliseconds after which others hear a note (docs/protocol.md)."""


def notes(entries: list[dict[str, Any]]) -> list[tuple[str, float | None]]:
    """Return the key names and velocities of entries; None where the key goes up."""
    return [(entry["n"], entry["v"]) for entry in entries]


def test_the_other_tab_schedules_exactly_the_played_notes(
    server: Server, room: str, invite: Invite
) -> None:
    ann, ben = invite(server).visit(room), invite(server).visit(room)
    for visitor in (ann, ben):
        visitor.sees_people(2)
        # An offset that still eases would bend the measured phrase.
        visitor.until("fortepiano.state.latency !== null && !fortepiano.state.easing")
    keyboard = ann.page.keyboard
    for chord in ("z", "xb", "q2w"):
        for letter in chord:
            keyboard.down(letter)
            ann.page.wait_for_timeout(30)  # a rhythm: the distances must arrive as they are
        for letter in chord:
            keyboard.up(letter)
    expected: list[tuple[str, float | None]] = [("c2", 0.5), ("c2", None)]
    expected += [("d2", 0.5), ("g2", 0.5), ("d2", None), ("g2", None)]
    expected += [("c3", 0.5), ("cs3", 0.5), ("d3", 0.5), ("c3", None), ("cs3", None), ("d3", None)]

    sent, heard = ann.sends(12), ben.received(12)

    assert notes(sent) == expected
    assert notes(heard) == expected
    assert {entry["p"] for entry in heard} == {ann.id}
    assert [(e["t"], e["d"]) for e in heard] == [(e["t"], e["d"]) for e in sent]
    assert all(entry["d"] <= 200 for entry in sent)
    first = heard[0]
    offset = ben.state["offset"]
    for entry in heard:
        played = entry["t"] + entry["d"]
        # The audio clock preserves the distances, and the first note lies at its time stamp.
        distance = played - (first["t"] + first["d"])
        assert (entry["at"] - first["at"]) * 1000 == pytest.approx(distance, abs=10)
        assert entry["due"] == pytest.approx(played - offset + DELAY, abs=10)
    assert ann.schedule == []


def test_two_tabs_of_one_participant_hear_each_other(
    server_by_address: Server, room: str, invite: Invite
) -> None:
    left, right = invite(server_by_address).visit(room), invite(server_by_address).visit(room)
    left.sees_people(1)
    right.sees_people(1)
    assert left.id == right.id
    left.page.keyboard.press("z")
    assert notes(right.received(2)) == [("c2", 0.5), ("c2", None)]
    right.page.keyboard.press("q")
    assert notes(left.received(2)) == [("c3", 0.5), ("c3", None)]
    assert {entry["p"] for entry in left.schedule} == {left.id}


def test_mouse_plays_louder_near_the_front_and_glides(
    server: Server, room: str, invite: Invite
) -> None:
    ann = invite(server).visit(room)
    mouse = ann.page.mouse
    mouse.move(*ann.key_at(23, 0.95))
    mouse.down()
    for place in (24, 25, 26):
        mouse.move(*ann.key_at(place, 0.95))
    mouse.up()
    mouse.move(*ann.key_at(2, 0.7))
    mouse.down()
    mouse.up()
    sent = ann.sends(10)
    glide = [entry["n"] for entry in sent if not entry["stop"]]
    assert glide == ["c3", "d3", "e3", "f3", "c0"]
    assert [entry["n"] for entry in sent if entry["stop"]] == glide
    assert sent[0]["v"] > sent[8]["v"] > 0


def test_each_finger_plays(server: Server, room: str, invite: Invite) -> None:
    phone = {"width": 390, "height": 844}
    ann = invite(server, viewport=phone, has_touch=True, is_mobile=True).visit(room)
    fingers = ann.page.context.new_cdp_session(ann.page)
    points = [dict(zip("xy", ann.key_at(place), strict=True)) for place in (23, 25, 27)]
    points = [point | {"id": number} for number, point in enumerate(points)]
    fingers.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": points})
    assert sorted(entry["n"] for entry in ann.sends(3)) == ["c3", "e3", "g3"]
    fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert sorted(entry["n"] for entry in ann.sends(6)[3:]) == ["c3", "e3", "g3"]


def test_space_sustains_and_a_held_key_sounds_once(
    server: Server, room: str, invite: Invite
) -> None:
    ann = invite(server).visit(room)
    keyboard = ann.page.keyboard
    keyboard.down("Space")
    for _ in range(3):
        keyboard.down("z")  # the second and third are what a held key repeats
    keyboard.up("z")
    keyboard.press("b")
    assert notes(ann.sends(2)) == [("c2", 0.5), ("g2", 0.5)]
    keyboard.up("Space")
    assert notes(ann.sends(4)[2:]) == [("c2", None), ("g2", None)]


def test_typing_plays_nothing(server: Server, room: str, invite: Invite) -> None:
    ann = invite(server).visit(room)
    ann.page.keyboard.press("Enter")
    ann.page.keyboard.type("zxcvb q2w3")
    assert ann.page.input_value("#chat-input") == "zxcvb q2w3"
    ann.page.keyboard.press("Escape")
    ann.page.keyboard.press("m")
    assert notes(ann.sends(2)) == [("b2", 0.5), ("b2", None)]


def test_the_quota_is_the_one_of_the_protocol(server: Server, room: str, invite: Invite) -> None:
    ann = invite(server).visit(room)
    assert ann.state["quota"] == {"points": 24000, "max": 24000, "allowance": 8000}
    # The module itself, ticking on demand: 100 points a tick, 300 at most, a history of 3.
    outcome = ann.page.evaluate(
        """async () => {
          const { NoteQuota } = await import("/assets/quota.js");
          const { Emitter } = await import("/assets/emitter.js");
          const quota = new NoteQuota({ wire: new Emitter() });
          quota.apply({ allowance: 100, max: 300, maxHistLen: 3 });
          const told = [quota.spend(301), quota.spend(300), quota.spend(1)];
          quota.tick();
          told.push(quota.points, quota.spend(100));
          for (let i = 0; i < 3; i += 1) { quota.tick(); quota.spend(quota.points); }
          quota.apply({ allowance: 100, max: 300, maxHistLen: 3 });
          quota.tick();
          told.push(quota.points);
          // Other numbers add no points, and cut those above the new bound.
          quota.apply({ allowance: 200, max: 600, maxHistLen: 3, tick: 250 });
          told.push(quota.points, quota.pace);
          quota.apply({ allowance: 10, max: 30, maxHistLen: 5, tick: 0 });
          return [...told, quota.points, quota.pace];
        }"""
    )
    assert outcome == [False, True, False, 100, True, 100, 100, 250, 30, 250]


def test_the_quotas_tick_is_the_servers(server: Server, room: str, invite: Invite) -> None:
    ann = invite(server).visit(room)
    assert ann.page.get_by_role("meter").get_attribute("title") == (
        "24000 of 24000 notes left, 8000 more every 1 s"
    )


def test_a_refusal_is_known_by_its_code(server: Server, room: str, invite: Invite) -> None:
    ann = invite(server).visit(room)
    outcome = ann.page.evaluate(
        """async () => {
          const { NoteQuota, showQuota } = await import("/assets/quota.js");
          const { Emitter } = await import("/assets/emitter.js");
          const net = { wire: new Emitter() };
          const bar = document.createElement("div");
          bar.append(document.createElement("div"));
          showQuota(net, new NoteQuota(net), bar);
          const told = [];
          for (const message of [
            { text: "You're playing too fast! Slow down." },
            { code: "muted", text: "too_fast" },
            { code: "too_fast", text: "Langsamer!" },
          ]) {
            net.wire.emit("notification", message);
            told.push(bar.dataset.refused ?? null);
          }
          return told;
        }"""
    )
    assert outcome == [None, None, "true"]


def test_no_message_has_more_notes_than_servers_take(
    server: Server, room: str, invite: Invite
) -> None:
    ann = invite(server).visit(room)
    sizes = ann.page.evaluate(
        """async () => {
          const { Outgoing } = await import("/assets/piano/outgoing.js");
          const sent = [];
          const net = { status: "online", send: (message) => sent.push(message) };
          const outgoing = new Outgoing(net, { toServer: (time) => time }, () => {});
          for (let i = 0; i < 2500; i += 1) outgoing.start("as-1", 0.123, 1000 + i / 20);
          outgoing.flush();
          return sent.map((message) => [message.n.length, JSON.stringify([message]).length]);
        }"""
    )
    assert [size for size, _ in sizes] == [1000, 1000, 500]
    assert all(length < 48_000 for _, length in sizes)


def test_one_button_starts_the_sound(
    server: Server, room: str, invite: Invite, strict_chromium: object
) -> None:
    ann = invite(server, browser=strict_chromium).visit(room, silent=True)
    button = ann.page.get_by_role("button", name="Play", exact=True)
    button.click()
    ann.until("fortepiano.state.audio === 'running'")
    button.wait_for(state="hidden")
    ann.page.keyboard.press("z")
    assert notes(ann.sends(2)) == [("c2", 0.5), ("c2", None)]

"""The piano on the screen, and the computer's keyboard: no key stays lit or loses its edge."""

from __future__ import annotations

import time

import pytest
from key_pixels import difference, keep, wait_for_rest
from visitor import Invite, Visitor

from support.player import connected
from support.server import Server

pytestmark = pytest.mark.needs("chromium")

HIDE = """(hidden) => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def starts_and_stops(visitor: Visitor, number: int) -> list[tuple[str, bool]]:
    """Wait for sent notes, and return their keys and whether the keys go up."""
    return [(entry["n"], entry["stop"]) for entry in visitor.sends(number)]


@pytest.mark.parametrize("scale", [1, 1.25, 2])
@pytest.mark.parametrize("width", [1280, 1366, 1920])
def test_played_keys_look_as_before(
    server: Server, room: str, invite: Invite, width: int, scale: float
) -> None:
    size = {"width": width, "height": 800}
    ann = invite(server, viewport=size, device_scale_factor=scale).visit(room)
    keep(ann)
    for _ in range(4):
        for letter in "zsxdcvgbhnjm":
            ann.page.keyboard.press(letter)
    assert difference(ann) > 20, "no key was lit"
    wait_for_rest(ann)


def test_no_key_stays_lit_after_a_change_of_tab(server: Server, room: str, invite: Invite) -> None:
    ann = invite(server).visit(room)
    keep(ann)
    with connected(server, "127.0.0.1", "Bot", room) as bot:
        ann.sees_people(2)
        now = round(time.time() * 1000)
        notes = [{"n": "c3", "v": 1}, {"n": "c3", "s": 1, "d": 900}]
        bot.send({"m": "n", "t": now, "n": notes})
        ann.until("window.difference() > 20")
        ann.page.evaluate(HIDE, True)
        ann.page.evaluate(HIDE, False)
        wait_for_rest(ann)


def test_command_held_while_a_letter_goes_up_leaves_no_note(
    server: Server, room: str, invite: Invite
) -> None:
    ann = invite(server).visit(room)
    ann.page.keyboard.down("r")
    ann.page.keyboard.down("Meta")
    # macOS sends no `keyup` of the letter now.
    ann.page.keyboard.up("Meta")
    assert starts_and_stops(ann, 2) == [("f3", False), ("f3", True)]


def test_a_key_held_while_the_focus_goes_into_the_chat_is_released(
    server: Server, room: str, invite: Invite
) -> None:
    ann = invite(server).visit(room)
    ann.page.keyboard.down("z")
    ann.page.focus("#chat-input")
    ann.page.keyboard.up("z")
    assert starts_and_stops(ann, 2) == [("c2", False), ("c2", True)]


@pytest.mark.parametrize("layout", ["qwertz", "azerty"])
def test_letters_of_another_script_play_by_their_place(
    server: Server, room: str, invite: Invite, layout: str
) -> None:
    ann = invite(server, stored={"instrument": "organ", "layout": layout}).visit(room)
    ann.page.evaluate(
        """() => {
          for (const type of ["keydown", "keyup"])
            document.body.dispatchEvent(
              new KeyboardEvent(type, { code: "KeyC", key: "\\u0441", bubbles: true }),
            );
        }"""
    )
    assert starts_and_stops(ann, 2) == [("e2", False), ("e2", True)]


def test_the_pedal_of_the_space_bar_ends_with_the_focus(
    server: Server, room: str, invite: Invite
) -> None:
    """Otherwise a space that is typed later would lift a pedal of the button."""
    ann = invite(server).visit(room)
    ann.page.keyboard.down("Space")
    ann.page.evaluate("() => window.dispatchEvent(new Event('blur'))")
    sustain = ann.page.locator("#sustain")
    assert sustain.get_attribute("aria-pressed") == "false"
    sustain.click()
    ann.page.fill("#chat-input", "a")
    ann.page.press("#chat-input", "Space")
    assert sustain.get_attribute("aria-pressed") == "true"


def test_a_used_slider_gives_the_keys_back(server: Server, room: str, invite: Invite) -> None:
    ann = invite(server).visit(room)
    box = ann.page.locator("#volume").bounding_box()
    assert box is not None
    ann.page.mouse.move(box["x"] + 10, box["y"] + box["height"] / 2)
    ann.page.mouse.down()
    ann.page.mouse.move(box["x"] + 60, box["y"] - 40)
    ann.page.mouse.up()
    chosen = ann.page.input_value("#volume")
    ann.page.keyboard.press("ArrowUp")
    assert ann.page.input_value("#volume") == chosen
    assert ann.page.text_content("#octave") == "+1"
    ann.page.keyboard.press("Enter")
    assert ann.page.evaluate("() => document.activeElement.id") == "chat-input"


def test_enter_goes_from_the_log_to_the_box(server: Server, room: str, invite: Invite) -> None:
    ann = invite(server).visit(room)
    ann.write("a line to click on")
    ann.page.locator(".line-text").last.click()
    ann.page.keyboard.press("Enter")
    assert ann.page.evaluate("() => document.activeElement.id") == "chat-input"


def test_labels_of_fading_black_keys_can_be_read(server: Server, room: str, invite: Invite) -> None:
    """The dark label of a bright light must not stay on the dark key."""
    ann = invite(server).visit(room)
    ann.rename("Ann", "#ffff00")
    bright = """() => {
      const canvas = document.getElementById("piano");
      const unit = canvas.width / 52, bottom = Math.round(canvas.height * 0.63 - 2);
      const place = [Math.round(23.72 * unit), bottom - 22, Math.round(0.56 * unit), 16];
      const { data } = canvas.getContext("2d").getImageData(...place);
      return data.filter((value, i) => i % 4 === 2 && value > 110).length;
    }"""
    at_rest = ann.page.evaluate(bright)
    ann.page.keyboard.press("2")
    seen: list[int] = ann.page.evaluate(
        f"""async () => {{
          const bright = {bright};
          const seen = [], began = performance.now();
          while (performance.now() - began < 600) {{
            await new Promise(requestAnimationFrame);
            if (performance.now() - began > 300) seen.push(bright());
          }}
          return seen;
        }}"""
    )
    assert at_rest > 5
    assert min(seen) > at_rest / 2, (at_rest, seen)

"""Phones and large print: everything can be read and reached."""

from __future__ import annotations

import pytest
from visitor import Invite, Visitor

from support.server import Server, run_server

pytestmark = pytest.mark.needs("chromium")

PHONE = {"width": 390, "height": 844}
SIDEWAYS = {"width": 844, "height": 390}


def lines_in_view(visitor: Visitor) -> int:
    """Return how many lines of chat can be seen at once."""
    count: int = visitor.page.evaluate(
        """() => {
          const log = document.getElementById("chat-log").getBoundingClientRect();
          return [...document.querySelectorAll(".line")].filter((line) => {
            const { top, bottom } = line.getBoundingClientRect();
            return top >= log.top && bottom <= log.bottom + 1 && bottom <= innerHeight;
          }).length;
        }"""
    )
    return count


@pytest.mark.parametrize(
    ("width", "height"),
    [(844, 390), (667, 375), (932, 430), (640, 400), (740, 360)],
)
def test_chat_can_be_read_beside_the_piano(
    server: Server, room: str, invite: Invite, width: int, height: int
) -> None:
    size = {"width": width, "height": height}
    ann = invite(server, viewport=size, has_touch=True, is_mobile=True).visit(room)
    for number in range(6):
        ann.write(f"line {number}")
        ann.reads(f"line {number}")
    assert lines_in_view(ann) >= 3
    piano = ann.page.locator("#piano").bounding_box()
    assert piano is not None
    assert piano["height"] >= 100
    # A tap on each corner of "Send" sends.
    send = ann.page.locator("#chat-form [type=submit]").bounding_box()
    assert send is not None
    for x in (3, send["width"] - 3):
        for y in (3, send["height"] - 3):
            hit = ann.page.evaluate(
                "([x, y]) => document.elementFromPoint(x, y).type", [send["x"] + x, send["y"] + y]
            )
            assert hit == "submit"


def test_at_400_percent_the_page_scrolls_in_one_direction(
    server: Server, room: str, invite: Invite
) -> None:
    ann = invite(server, viewport={"width": 320, "height": 256}).visit(room)
    ann.write("a line to read")
    ann.page.locator(".line-text").scroll_into_view_if_needed()
    assert lines_in_view(ann) == 1
    ann.page.locator("#chat-input").scroll_into_view_if_needed()
    box = ann.page.locator("#chat-input").bounding_box()
    assert box is not None
    assert -1 <= box["y"] <= 257 - box["height"]
    assert ann.page.evaluate("() => document.documentElement.scrollWidth") <= 320
    ann.page.locator("#piano").scroll_into_view_if_needed()
    assert ann.page.locator("#piano").is_visible()


@pytest.mark.parametrize("size", [PHONE, SIDEWAYS, {"width": 320, "height": 568}])
def test_a_refusal_can_be_read(invite: Invite, size: dict[str, int]) -> None:
    with run_server(NODE_ENV="production") as server:
        with server.command_of("bans", "add", "127.0.0.1") as command:
            assert command.wait() == 0
        ann = invite(server, viewport=size, has_touch=True, is_mobile=True)
        ann.page.goto(server.url)
        text = ann.page.locator("#status-text")
        text.wait_for()
        ann.until("fortepiano.state.status === 'refused'")
        assert "You are banned from this server" in (text.text_content() or "")
        box = text.bounding_box()
        assert box is not None
        assert box["width"] > 100
        assert 0 <= box["x"] <= box["x"] + box["width"] <= size["width"]
        found = ann.page.evaluate(
            "([x, y]) => document.elementFromPoint(x, y).id",
            [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2],
        )
        assert found == "status-text"


@pytest.mark.parametrize("width", [320, 360, 390])
def test_nothing_in_the_bar_lies_over_anything_else(
    server: Server, room: str, invite: Invite, width: int
) -> None:
    size = {"width": width, "height": 844}
    name = f"a very long name of a room {room}"
    ann = invite(server, viewport=size, has_touch=True, is_mobile=True).visit(name)
    ann.rename("A person with a name of forty characters")
    ann.until("document.getElementById('crown').hidden === false")
    boxes: list[list[float]] = ann.page.evaluate(
        """() => [...document.querySelectorAll(".bar > *, .me-button .swatch, .status .dot")]
          .filter((node) => node.checkVisibility() && node.getBoundingClientRect().width > 1)
          .map((node) => {
            const { left, top, right, bottom } = node.getBoundingClientRect();
            const parent = node.parentElement.getBoundingClientRect();
            return [left, top, right, bottom, parent.left, parent.right];
          })"""
    )
    for left, _, right, _, least, most in boxes:
        assert least - 1 <= left <= right <= most + 1
    outer = [box for box in boxes if (box[4], box[5]) == (boxes[0][4], boxes[0][5])]
    for number, one in enumerate(outer):
        for other in outer[number + 1 :]:
            apart = (
                one[2] <= other[0] + 1
                or other[2] <= one[0] + 1
                or one[3] <= other[1] + 1
                or other[3] <= one[1] + 1
            )
            assert apart, (one, other)
    room_name = ann.page.locator("#room-name").bounding_box()
    assert room_name is not None
    assert room_name["width"] >= 60


def test_the_chat_box_stays_in_view_above_the_screens_keyboard(
    server: Server, room: str, invite: Invite
) -> None:
    """Browsers shrink the page for their keyboard, or let it be moved: it must not be cut off."""
    ann = invite(server, viewport=PHONE, has_touch=True, is_mobile=True).visit(room)
    ann.page.focus("#chat-input")
    ann.page.set_viewport_size({"width": 390, "height": 430})
    ann.page.locator("#chat-input").scroll_into_view_if_needed()
    box = ann.page.locator("#chat-input").bounding_box()
    assert box is not None
    assert -1 <= box["y"] <= 431 - box["height"]
    ann.page.keyboard.type("hello")
    ann.page.keyboard.press("Enter")
    ann.reads("hello")


def test_forced_colours_keep_the_borders_of_buttons(
    server: Server, room: str, invite: Invite
) -> None:
    ann = invite(server, forced_colors="active").visit(room)
    for name in ("sustain", "octave-up", "studio-open", "preferences-open"):
        border = ann.page.locator(f"#{name}").evaluate(
            "node => getComputedStyle(node).borderTopWidth"
        )
        assert border != "0px", name
    send = ann.page.locator("#chat-form [type=submit]")
    assert send.evaluate("node => getComputedStyle(node).borderTopWidth") != "0px"

"""The box for chat lines: nothing that was typed is lost, and a storm of lines is not read out."""

from __future__ import annotations

import json

import pytest
from network import Network
from visitor import Invite, Visitor

from support.player import connected
from support.server import Server

pytestmark = pytest.mark.needs("chromium")

MANY = 20
"""Lines at once: more than the rate of chat lets through."""


def box(visitor: Visitor) -> str:
    return visitor.page.input_value("#chat-input")


def write_at_once(visitor: Visitor, count: int) -> None:
    """Send lines as fast as a page can."""
    visitor.page.evaluate(
        """(count) => {
          for (let i = 0; i < count; i += 1) {
            document.getElementById("chat-input").value = `line ${i}`;
            document.getElementById("chat-form").requestSubmit();
          }
        }""",
        count,
    )


def test_the_arrows_keep_the_draft(server: Server, room: str, invite: Invite) -> None:
    ann = invite(server).visit(room)
    ann.page.fill("#chat-input", "a draft")
    for key in ("ArrowUp", "ArrowDown", "ArrowDown"):
        ann.page.press("#chat-input", key)
        assert box(ann) == "a draft"
    for line in ("one", "two"):
        ann.write(line)
    ann.page.fill("#chat-input", "another draft")
    for key, expected in [
        ("ArrowUp", "two"),
        ("ArrowUp", "one"),
        ("ArrowUp", "one"),
        ("ArrowDown", "two"),
        ("ArrowDown", "another draft"),
        ("ArrowDown", "another draft"),
    ]:
        ann.page.press("#chat-input", key)
        assert box(ann) == expected


def test_an_edited_old_line_is_kept_too(server: Server, room: str, invite: Invite) -> None:
    ann = invite(server).visit(room)
    ann.write("one")
    ann.page.fill("#chat-input", "draft")
    ann.page.press("#chat-input", "ArrowUp")
    ann.page.fill("#chat-input", "one more")
    ann.page.press("#chat-input", "ArrowDown")
    assert box(ann) == "draft"
    ann.page.press("#chat-input", "ArrowUp")
    assert box(ann) == "one more"


def test_a_refused_line_comes_back(server: Server, room: str, invite: Invite) -> None:
    ann = invite(server).visit(room)
    write_at_once(ann, MANY)
    ann.until(f"document.querySelector('#chat-input').value.includes('line {MANY - 1}')", timeout=6)
    said = ann.page.locator("#chat-log .line-text").all_text_contents()
    assert said == [f"line {number}" for number in range(len(said))]
    assert box(ann) == " ".join(f"line {number}" for number in range(len(said), MANY))


def test_a_refusal_is_told_in_the_readers_words(server: Server, room: str, invite: Invite) -> None:
    for locale, words in (("en-US", "too fast"), ("de-DE", "zu schnell")):
        ann = invite(server, locale=locale).visit(f"{room} {locale}")
        write_at_once(ann, MANY)
        notice = ann.page.locator(".notice").first
        notice.wait_for()
        text = notice.text_content() or ""
        assert words in text
        assert "`" not in text


def test_a_line_into_a_dead_connection_comes_back(
    server: Server, room: str, invite: Invite
) -> None:
    ann = invite(server)
    network = Network(ann)
    ann.visit(room)
    network.cut()
    ann.page.fill("#chat-input", "is anybody there?")
    ann.page.press("#chat-input", "Enter")
    ann.until("fortepiano.state.status === 'reconnecting'", timeout=5)
    ann.until("document.querySelector('#chat-input').value === 'is anybody there?'", timeout=2)
    ann.until("fortepiano.state.status === 'online'")
    ann.page.press("#chat-input", "Enter")
    ann.reads("is anybody there?")
    assert box(ann) == ""


def test_a_private_line_that_was_lost_stays_private(
    server: Server, room: str, invite: Invite
) -> None:
    ann = invite(server)
    network = Network(ann)
    ann.visit(room)
    with connected(server, "127.0.0.1", "Bea", room) as bea:
        ann.page.locator(".plate").filter(has_text="Bea").click()
        ann.page.click("#person-dm")
        network.cut()
        ann.page.fill("#chat-input", "for you alone")
        ann.page.press("#chat-input", "Enter")
        ann.page.click("#chat-target-cancel")
        ann.until("fortepiano.state.status === 'reconnecting'", timeout=5)
        ann.until("document.querySelector('#chat-input').value === 'for you alone'", timeout=2)
        ann.page.get_by_text("Only Bea will read this").wait_for()
        ann.until("fortepiano.state.status === 'online'")
        ann.page.press("#chat-input", "Enter")
        assert bea.receive("dm")["a"] == "for you alone"


def test_no_badge_before_the_first_line(server: Server, room: str, invite: Invite) -> None:
    ann = invite(server)
    ann.page.route_web_socket("**/ws", lambda route: route.close())  # the page cannot connect
    ann.page.goto(f"{server.url}/{room}")
    toggle = ann.page.locator("#chat-toggle")
    toggle.wait_for()
    badge = "element => getComputedStyle(element, '::after').content"
    assert toggle.evaluate(badge) == "none"


def test_names_from_right_to_left_keep_their_distance(
    server: Server, room: str, invite: Invite
) -> None:
    ann = invite(server).visit(room)
    ann.rename("مريم")
    ann.write("lol")
    ann.reads("lol")
    gap = ann.page.evaluate(
        """() => {
          const line = document.querySelector(".line:last-child");
          const box = (name) => line.querySelector(name).getBoundingClientRect();
          return box(".line-text").left - box(".line-name").right;
        }"""
    )
    assert gap >= 8


def test_a_storm_of_lines_is_counted_not_read(server: Server, room: str, invite: Invite) -> None:
    ann = invite(server).visit(room)
    ann.page.evaluate(
        """() => {
          window.spoken = 0;
          const log = document.getElementById("chat-log");
          new MutationObserver((changes) => {
            if (log.ariaLive === "off") return;
            for (const { addedNodes } of changes) window.spoken += addedNodes.length;
          }).observe(log, { childList: true });
        }"""
    )
    lines = 20
    with connected(server, "127.0.0.1", "Bot", room) as bot:
        ann.sees_people(2)
        for first in range(0, lines, 4):  # as many as the rate lets through
            bot.send(*({"m": "a", "message": f"line {n}"} for n in range(first, first + 4)))
            ann.page.wait_for_timeout(400)
        ann.until("document.querySelectorAll('#chat-log .line').length >= 8")
        ann.until("document.getElementById('chat-count').textContent !== ''", timeout=5)
    assert ann.page.evaluate("() => window.spoken") <= 4
    assert "new lines" in (ann.page.text_content("#chat-count") or "")
    ann.until("document.getElementById('chat-log').ariaLive === 'polite'", timeout=8)
    # One line in each window is no storm.
    for _ in range(2):
        ann.page.evaluate("() => { window.spoken = 0; }")
        with connected(server, "127.0.0.1", "Bot", room) as bot:
            bot.send({"m": "a", "message": "a single line"})
            ann.until("window.spoken === 1", timeout=5)
        ann.page.wait_for_timeout(2100)


def test_a_bot_reads_what_the_box_sent(server: Server, room: str, invite: Invite) -> None:
    ann = invite(server).visit(room)
    with connected(server, "127.0.0.1", "Bot", room) as bot:
        ann.write("once")
        assert bot.receive("a")["a"] == "once"
        ann.page.wait_for_timeout(3500)  # longer than the box waits for a line to come back
        bot.send({"m": "a", "message": json.dumps("last")})
        assert bot.receive("a")["a"] == '"last"'
    assert box(ann) == ""

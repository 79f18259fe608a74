"""Chat and names: all participants read them, and all of their contents stay text."""

from __future__ import annotations

import pytest
from visitor import Invite

from support.server import Server

pytestmark = pytest.mark.needs("chromium")


def test_a_line_reaches_everybody_and_the_history_newcomers(
    server: Server, room: str, invite: Invite
) -> None:
    ann, ben = invite(server).visit(room), invite(server).visit(room)
    ann.write("Shall we?")
    ann.reads("Shall we?")
    ben.reads("Shall we?")
    ben.write("🎹 na klar")
    ann.reads("🎹 na klar")
    late = invite(server).visit(room)
    late.reads("🎹 na klar")
    lines = late.page.locator("#chat-log .line-text").all_text_contents()
    assert lines == ["Shall we?", "🎹 na klar"]
    assert late.page.get_attribute("#chat-log", "aria-live") == "polite"


def test_an_unsent_line_stays_in_the_box(server: Server, room: str, invite: Invite) -> None:
    ann = invite(server).visit(room)
    ann.write("   ")
    ann.page.fill("#chat-input", "x" * 600)
    assert ann.page.input_value("#chat-input") == "x" * 512
    ann.page.press("#chat-input", "Enter")
    ann.reads("x" * 512)
    assert ann.page.locator("#chat-log .line").count() == 1


def test_a_notification_is_shown_as_text(server: Server, room: str, invite: Invite) -> None:
    ann = invite(server).visit(room)
    # No message of a user makes the server send markup; this notice tests the page's own defence.
    ann.page.evaluate(
        """async () => {
          const { Notices } = await import("/assets/notices.js");
          const { Emitter } = await import("/assets/emitter.js");
          const wire = new Emitter();
          new Notices({ wire });
          const html = "<b>So</b> <img src=x onerror=window.hit=1>fast";
          wire.emit("notification", { m: "notification", id: "a", title: "Old", text: "gone" });
          wire.emit("notification", { m: "notification", id: "a", title: "<i>Slow</i>", html });
          wire.emit("notification", { m: "notification", text: "down", duration: -1 });
        }"""
    )
    cards = ann.page.locator(".notice")
    assert cards.locator("strong, p").all_text_contents() == ["<i>Slow</i>", "So fast", "down"]
    cards.last.get_by_role("button", name="Close").click()
    assert cards.count() == 1
    assert ann.page.evaluate("() => window.hit") is None


def test_the_title_of_a_room_with_a_number_keeps_it(
    server: Server, room: str, invite: Invite
) -> None:
    name = f"(12) {room}"
    ann, ben = invite(server).visit(name), invite(server).visit(name)
    assert ann.page.title() == f"{name} · fortepiano"
    ben.write("hi")
    ann.reads("hi")
    assert ann.page.title() == f"{name} · fortepiano"


def test_a_name_like_the_holders_is_marked(server: Server, room: str, invite: Invite) -> None:
    ann, ben = invite(server).visit(room), invite(server).visit(room)
    ann.rename("Ann")
    ben.rename("\u0410nn")
    plate = ann.page.locator(".plate").filter(has_text="\u0410nn")
    plate.get_by_text("looks like the crown's holder").wait_for(state="attached")
    assert ann.page.get_by_text("looks like the crown's holder").count() == 1

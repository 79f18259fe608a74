"""Rights in a room: the menu on a participant, the crown, the settings of the room."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Locator
from visitor import Invite, Visitor

from support.server import Server

pytestmark = pytest.mark.needs("chromium")


def pair(server: Server, room: str, invite: Invite) -> tuple[Visitor, Visitor]:
    """Let Ann, the holder of the crown, and Ben into a room."""
    ann = invite(server).visit(room)
    ben = invite(server).visit(room)
    ann.rename("Ann")
    ben.rename("Ben")
    for visitor in (ann, ben):
        visitor.until(
            "fortepiano.state.people.filter(({ name }) => name !== 'Anonymous').length === 2"
        )
    return ann, ben


def menu(visitor: Visitor, name: str) -> None:
    """Open the menu on `name`."""
    visitor.page.locator(".plate").filter(has_text=name).click()
    visitor.page.locator("#person[open]").wait_for()


def beside(visitor: Visitor, name: str) -> Locator:
    """Return the mark of `name` as a co-owner."""
    return visitor.page.locator(".plate", has_text=name).get_by_text("rules too", exact=True)


def enter(visitor: Visitor, room: str) -> None:
    """Go to a room through the list of rooms."""
    visitor.page.click("#rooms-open")
    visitor.page.fill("#rooms-name", room)
    visitor.page.click("#rooms-go")


def test_the_menu_offers_only_allowed_acts(server: Server, room: str, invite: Invite) -> None:
    ann, ben = pair(server, room, invite)
    menu(ben, "Ann")
    assert ben.page.locator("#person-crown").is_hidden()
    assert ben.page.locator("#person-ban").is_hidden()
    assert ben.page.locator("#rules-open").is_hidden()
    ben.page.keyboard.press("Escape")
    # Rights change with the crown while the page is open.
    menu(ann, "Ben")
    ann.page.click("#person-crown")
    ben.until("fortepiano.state.crown.participantId === fortepiano.state.me")
    assert ben.page.locator(".plate.crowned .plate-name").text_content() == "Ben"
    ben.page.locator("#rules-open").wait_for()
    ann.page.locator("#rules-open").wait_for(state="hidden")
    menu(ben, "Ann")
    assert ben.page.locator("#person-ban").is_visible()


def test_a_co_owner_rules_beside(server: Server, room: str, invite: Invite) -> None:
    ann, ben = pair(server, room, invite)
    eve = invite(server).visit(room)
    menu(ann, "Ben")
    assert ann.page.locator("#person-alone").is_hidden()
    ann.page.click("#person-beside")
    ben.page.locator("#rules-open").wait_for()
    ben.page.locator(".notice", has_text="You rule this room beside its owner.").wait_for()
    # All see the co-owners, newcomers with a freshly loaded page included.
    for visitor in (ann, ben, eve, invite(server).visit(room)):
        beside(visitor, "Ben").wait_for(state="attached")
        assert beside(visitor, "Ann").count() == 0
    assert eve.page.locator("#rules-open").is_hidden()
    menu(ben, "Ann")
    assert ben.page.locator("#person-ban").is_visible()
    assert ben.page.locator("#person-crown").is_hidden()
    ben.page.keyboard.press("Escape")
    ben.page.click("#rules-open")
    ben.page.fill("[name=notice]", "Ben says hello")
    ben.page.click("#rules-form [type=submit]")
    eve.until("fortepiano.state.settings.notice === 'Ben says hello'")
    menu(ann, "Ben")
    assert ann.page.locator("#person-beside").is_hidden()
    ann.page.click("#person-alone")
    ben.page.locator("#rules-open").wait_for(state="hidden")
    beside(eve, "Ben").wait_for(state="detached")


def test_the_words_of_a_notice_make_no_co_owner(server: Server, room: str, invite: Invite) -> None:
    ann, ben = pair(server, room, invite)
    text = "You rule this room beside its owner."
    ann.page.click("#rules-open")
    ann.page.fill("[name=notice]", text)
    ann.page.click("#rules-form [type=submit]")
    ben.until(f"fortepiano.state.settings.notice === {text!r}")
    eve = invite(server).visit(room)
    eve.page.locator(".notice", has_text=text).wait_for()
    assert eve.page.locator("#rules-open").is_hidden()


def test_elsewhere_a_co_owner_rules_nothing(server: Server, room: str, invite: Invite) -> None:
    ann, ben = pair(server, room, invite)
    eve = invite(server).visit(f"{room} of Eve")
    menu(ann, "Ben")
    ann.page.click("#person-beside")
    ben.page.locator("#rules-open").wait_for()
    enter(ben, f"{room} of Eve")
    eve.sees_people(2)
    ben.page.locator("#rules-open").wait_for(state="hidden")
    enter(ben, room)
    ben.page.locator("#rules-open").wait_for()


def test_a_dropped_crown_lies_there_and_is_taken(server: Server, room: str, invite: Invite) -> None:
    ann, ben = pair(server, room, invite)
    ann.page.click("#rules-open")
    ann.page.click("#rules-drop")
    for visitor in (ann, ben):
        visitor.page.locator(".fallen").wait_for()
    # Others wait for 15 seconds; the last holder need not.
    assert ben.page.locator(".fallen").is_disabled()
    assert ben.page.locator(".fallen-left").text_content() in {str(s) for s in range(10, 16)}
    ben.page.get_by_role("button", name="The crown is free in").wait_for()
    ann.page.get_by_role("button", name="Take the crown").press("Enter")
    ann.until("fortepiano.state.crown.participantId === fortepiano.state.me")
    ben.page.locator(".fallen").wait_for(state="hidden")


def test_thrown_out_with_minutes_and_let_in_again(
    server: Server, room: str, invite: Invite
) -> None:
    ann, ben = pair(server, room, invite)
    menu(ann, "Ben")
    ann.page.fill("#person-minutes", "10")
    ann.page.click("#person-ban")
    ben.until("fortepiano.state.room === 'test/awkward'")
    ben.page.locator(".notice", has_text="Banned from").wait_for()
    assert ben.page.url.endswith("/test/awkward")
    ann.sees_people(1)
    ben.page.locator(".notice .close").last.click()
    enter(ben, room)
    ben.page.locator(".notice", has_text="Banned from").wait_for()
    assert ben.state["room"] == "test/awkward"
    ann.page.click("#rules-open")
    ban = ann.page.locator(".ban", has_text="Ben")
    ban.get_by_role("button", name="Unban").click()
    ban.wait_for(state="detached")
    ann.page.keyboard.press("Escape")
    enter(ben, room)
    ann.sees_people(2)


def test_muted_people_are_neither_heard_nor_read(server: Server, room: str, invite: Invite) -> None:
    ann, ben = pair(server, room, invite)
    ben.write("first")
    ann.reads("first")
    menu(ann, "Ben")
    ann.page.click("#person-notes")
    menu(ann, "Ben")
    ann.page.click("#person-chat")
    assert ann.page.locator(".plate", has_text="Ben").get_by_text("muted").count() == 1
    ben.page.keyboard.press("z")
    ben.sends(2)
    ben.write("second")
    ann.reads("second")
    assert ann.page.locator("#chat-log .line:visible").count() == 0
    assert ann.schedule == []
    menu(ann, "Ben")
    ann.page.get_by_role("button", name="Hear again").click()
    ben.page.keyboard.press("x")
    assert ann.received(1)[0]["n"] == "d2"
    menu(ann, "Ben")
    ann.page.get_by_role("button", name="Show messages").click()
    assert ann.page.locator("#chat-log .line:visible").count() == 2


def chosen(visitor: Visitor) -> dict[str, Any]:
    settings: dict[str, Any] = visitor.state["settings"]
    return settings


def test_every_setting_of_a_room_can_be_changed(server: Server, room: str, invite: Invite) -> None:
    ann, ben = pair(server, room, invite)
    ann.page.click("#rules-open")
    form = ann.page.locator("#rules-form")
    for name in ("visible", "allowBots"):
        form.locator(f'[name="{name}"]').uncheck()
    for name in ("crownsolo", "no cussing", "noindex", "outer"):
        form.locator(f'[name="{name}"]').check()
    values = {
        "notice": "Play softly",
        "color": "#225577",
        "color2": "#112233",
        "limit": "7",
        "minOnlineTime": "2",
        "slowMode": "3",
        "noteQuota": "500",
    }
    for name, value in values.items():
        form.locator(f'[name="{name}"]').fill(value)
    ann.page.click("#rules-form [type=submit]")
    ben.until("fortepiano.state.settings.limit === 7")
    expected = {
        "visible": False,
        "chat": True,
        "crownsolo": True,
        "no cussing": True,
        "noindex": True,
        "inviteOnly": False,
        "allowBots": False,
        "notice": "Play softly",
        "color": "#225577",
        "color2": "#112233",
        "limit": 7,
        "minOnlineTime": 120_000,
        "slowMode": 3,
        "noteQuota": 500,
    }
    assert expected.items() <= chosen(ben).items()
    # Only the holder plays, and the page does not show notes that nobody would hear.
    ben.page.keyboard.press("z")
    ann.page.keyboard.press("z")
    ben.received(2)
    assert ben.sent == []
    # Settings can be taken back, and an empty field removes its bound.
    ann.page.click("#rules-open")
    assert form.locator('[name="minOnlineTime"]').input_value() == "2"
    form.locator('[name="outer"]').uncheck()
    form.locator('[name="slowMode"]').fill("")
    form.locator('[name="chat"]').uncheck()
    ann.page.click("#rules-form [type=submit]")
    ben.until("fortepiano.state.settings.slowMode === undefined")
    assert "color2" not in chosen(ben)
    ben.page.locator("#chat-input:disabled").wait_for()


def test_the_form_has_the_bounds_that_the_server_checks(
    server: Server, room: str, invite: Invite
) -> None:
    ann = invite(server).visit(room)
    ann.page.click("#rules-open")
    form = ann.page.locator("#rules-form")
    most = {"limit": "99", "minOnlineTime": "1440", "slowMode": "3600", "noteQuota": "1000000"}
    for name, bound in most.items():
        assert form.locator(f'[name="{name}"]').get_attribute("min") == "0"
        assert form.locator(f'[name="{name}"]').get_attribute("max") == bound
    assert form.locator('[name="notice"]').get_attribute("maxlength") == "512"


def test_the_notice_of_the_owner_is_shown_on_entry(
    server: Server, room: str, invite: Invite
) -> None:
    ann = invite(server).visit(room)
    ann.page.click("#rules-open")
    ann.page.fill("[name=notice]", "Welcome, <b>play</b> softly")
    ann.page.click("#rules-form [type=submit]")
    ann.until("fortepiano.state.settings.notice")
    ben = invite(server).visit(room)
    ben.page.locator(".notice", has_text="Welcome, <b>play</b> softly").wait_for()


def test_direct_lines_answers_and_unread_lines(server: Server, room: str, invite: Invite) -> None:
    ann, ben = pair(server, room, invite)
    eve = invite(server).visit(room)
    menu(ann, "Ben")
    ann.page.click("#person-dm")
    assert ann.page.text_content("#chat-target-text") == "Only Ben will read this"
    ann.write("a secret")
    ben.reads("a secret")
    assert ann.page.is_hidden("#chat-target"), "Escape leaves the direct line"
    ben.page.click("#chat-toggle")
    ann.write("see https://example.org/a?b=c, or javascript:alert(1)")
    ben.until("document.querySelector('#chat-toggle').dataset.unread === '1'")
    assert ben.page.title().startswith("(1) ")
    ben.page.click("#chat-toggle")
    assert not ben.page.title().startswith("(")
    link = ben.page.locator("#chat-log a")
    assert link.get_attribute("href") == "https://example.org/a?b=c"
    assert link.get_attribute("rel") == "noopener noreferrer nofollow"
    row = ben.page.locator(".line").last
    row.hover()
    row.get_by_role("button", name="Answer Ann").click()
    ben.write("thanks")
    ann.page.locator(".line-quote", has_text="see https://example.org").wait_for()
    eve.reads("thanks")
    assert "a secret" not in (eve.page.text_content("#chat-log") or "")
    # The arrow brings back the last written line.
    ben.page.focus("#chat-input")
    ben.page.keyboard.press("ArrowUp")
    assert ben.page.input_value("#chat-input") == "thanks"

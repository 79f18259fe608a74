"""HTML stays text on both pages, whoever wrote it (tests/support/markup.py)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest
from playwright.sync_api import Browser, Page, expect
from staff_page import TIMEOUT_MS, AdminPage, administration, opened
from visitor import Invite, Visitor

from support.markup import MARKUP, OWNED, SMUGGLED
from support.player import Player, connected
from support.server import Server

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.timeout(240)]

NAMES = [text[:40] for text in MARKUP]
MOTD = "".join(MARKUP[:4])


@pytest.fixture(scope="module")
def staffed() -> Iterator[Server]:
    """A server whose message of the day is hostile too."""
    with closing(opened(f"motd = {json.dumps(MOTD)}\n")) as server:
        yield server


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def staff(staffed: Server, stack: ExitStack) -> Player:
    token = staffed.tokens["admin"]
    return stack.enter_context(connected(staffed, "127.78.0.1", "Staff", "salon", token))


@pytest.fixture
def admin(staffed: Server, chromium: Browser) -> Iterator[AdminPage]:
    with administration(staffed, chromium) as admin:
        yield admin
        # Nothing was loaded, and nothing was tried that the page's policy forbids.
        assert [line for line in admin.complaints if "404" not in line] == []


def assert_inert(page: Page) -> None:
    """Assert that no text has run, and that none has become an element."""
    assert page.evaluate(OWNED) is None
    assert page.locator(f"body {SMUGGLED}, head base").count() == 0


def assert_harmless(visitor: Visitor) -> None:
    assert_inert(visitor.page)
    assert visitor.complaints == []


def shown(page: Page, selector: str) -> list[str]:
    """Return the texts of all elements of a kind, once there is one."""
    expect(page.locator(selector).first).to_be_visible(timeout=TIMEOUT_MS)
    return page.locator(selector).all_text_contents()


def test_names_rooms_and_lines_on_the_page(
    staffed: Server, stack: ExitStack, invite: Invite
) -> None:
    visitor = invite(staffed).visit("concert")
    for number, text in enumerate(MARKUP):
        address = f"127.78.1.{number + 1}"
        player = stack.enter_context(connected(staffed, address, NAMES[number], "concert"))
        player.send({"m": "a", "message": text}, {"m": "m", "x": "50", "y": "50"})
        visitor.reads(text)
        player.send({"m": "dm", "_id": visitor.id, "message": text})
        elsewhere = f"127.78.2.{number + 1}"
        stack.enter_context(connected(staffed, elsewhere, "Elsewhere", f"room {text}"))
    visitor.page.click("#rooms-open")
    assert {f"room {text}" for text in MARKUP} <= set(shown(visitor.page, ".room-title"))
    assert set(NAMES) <= set(shown(visitor.page, ".plate-name"))
    assert set(NAMES) <= set(shown(visitor.page, "#chat-log .line-name"))
    assert_harmless(visitor)


def test_texts_of_owners_and_staff_on_the_page(
    staffed: Server, staff: Player, stack: ExitStack, invite: Invite
) -> None:
    visitor = invite(staffed).visit("concert")
    cards = visitor.page.locator(".notice p")
    for number, text in enumerate(MARKUP):
        owner = stack.enter_context(
            connected(staffed, f"127.78.3.{number + 1}", NAMES[number], f"hall {number}")
        )
        owner.send({"m": "chset", "set": {"notice": text}})
        owner.receive("ch")
        visitor.visit(f"hall {number}")
        cards.get_by_text(text, exact=True).wait_for()
        tag = {"m": "tag", "_id": visitor.id, "tag": {"text": NAMES[number], "color": "#f00"}}
        note = {"m": "notification", "text": f"Note: {text}", "title": text}
        note["targetUser"] = visitor.id
        staff.send({"m": "admin message", "msg": tag}, {"m": "admin message", "msg": note})
        cards.get_by_text(f"Note: {text}", exact=True).wait_for()
        assert text in shown(visitor.page, ".notice strong")
        assert NAMES[number] in shown(visitor.page, ".plate-tag")
    reason = " ".join(MARKUP)[:400]
    staff.send({"m": "siteban", "id": visitor.id, "duration": 1, "reason": reason})
    visitor.until(f"document.body.textContent.includes({json.dumps(reason)})")
    assert_harmless(visitor)


def test_html_of_staff_is_text_too(
    staffed: Server, staff: Player, room: str, invite: Invite
) -> None:
    visitor = invite(staffed).visit(room)
    for number, text in enumerate(MARKUP):
        note = {"m": "notification", "html": f"<p>Number {number}</p>{text}"}
        note["targetUser"] = visitor.id
        staff.send({"m": "admin message", "msg": note})
        visitor.page.locator(".notice p", has_text=f"Number {number}").last.wait_for()
        # The parser that makes text of it complains about handlers, which it never calls.
        assert_inert(visitor.page)


def test_names_rooms_and_lines_on_the_administration_page(admin: AdminPage) -> None:
    page = admin.enter()
    for number, text in enumerate(MARKUP):
        player = admin.player(f"127.78.4.{number + 1}", NAMES[number], f"room {text}")
        player.send({"m": "a", "message": text})
        player.receive("a")
    expect(page.get_by_label("What happens")).to_contain_text(MARKUP[-1], timeout=TIMEOUT_MS)
    admin.open("Users")
    assert set(NAMES) <= set(shown(page, ".person bdi"))
    for text, name in zip(MARKUP, NAMES, strict=True):
        admin.open("Rooms")
        rooms = shown(page, "button.link")
        page.locator("button.link").nth(rooms.index(f"room {text}")).click()
        expect(page.get_by_role("heading", level=2)).to_have_text(f"room {text}")
        row = page.locator("table").get_by_role("row").filter(has=page.locator(".person"))
        row.get_by_role("button", name="Kick").click()
        expect(page.locator("dialog h2")).to_contain_text(name)
        page.get_by_label("Reason").fill(text)
        page.get_by_role("button", name="Do it").click()
        # The room is empty now, hence gone, and the list is shown.
        expect(page.get_by_label("Search rooms")).to_be_visible()
    admin.open("Audit")
    assert set(MARKUP) <= set(shown(page, "td bdi"))
    assert_inert(page)


def test_stored_texts_on_the_administration_page(admin: AdminPage, staff: Player) -> None:
    for number, text in enumerate(MARKUP):
        ban = {"m": "siteban", "id": f"{number:024x}", "duration": 3_600_000}
        staff.send(ban | {"reason": text, "note": text})
        assert staff.receive("notification")["code"] == "done"
    page = admin.enter()
    admin.open("Bans")
    assert set(MARKUP) <= set(shown(page, "td bdi"))
    admin.open("Audit")
    details = shown(page, "td bdi")
    assert all(any(f"note: {text}" in cell for cell in details) for text in MARKUP)
    admin.open("Configuration")
    row = page.get_by_role("row").filter(has=page.get_by_role("cell", name="motd", exact=True))
    expect(row.locator("code")).to_have_text(json.dumps(MOTD))
    assert_inert(page)

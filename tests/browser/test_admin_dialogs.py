"""The dialogs of the administration page by keyboard alone: Enter does the act, Escape does not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect
from staff_page import AdminPage, administration, opened

from support.server import Server

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.timeout(120)]

REASON = "noise all night"


class Dialog(NamedTuple):
    """A dialog, and what it asks the server to do.

    Attributes:
        section: The section of the page.
        button: The button that opens it.
        method: The method of the call.
        path: The end of the call's path.
        texts: What is typed into the fields before the reason; empty to leave one as it is.
        has_reason: Whether the call has the reason.
    """

    section: str
    button: str
    method: str
    path: str
    texts: tuple[str, ...] = ()
    has_reason: bool = True


USERS = [
    Dialog("Users", "Kick", "POST", "/kick"),
    Dialog("Users", "Ban …", "POST", "/bans", ("", "")),
    Dialog("Users", "Rename …", "PATCH", "/users/{id}", ("Quiet", ""), has_reason=False),
    Dialog("Users", "Move …", "POST", "/move", ("elsewhere",)),
    Dialog("Users", "Tag …", "PUT", "/tag", ("guest", ""), has_reason=False),
    Dialog("Users", "Tell …", "POST", "/notices", ("Please stop",), has_reason=False),
]
ROOM = [
    Dialog("Rooms", "Kick", "POST", "/kick"),
    Dialog("Rooms", "Ban …", "POST", "/bans", ("",)),
    Dialog("Rooms", "Site ban …", "POST", "/bans", ("", "")),
    Dialog("Rooms", "Mute", "PUT", "/mute"),
    Dialog("Rooms", "Tell all …", "POST", "/notices", ("Please stop",), has_reason=False),
    Dialog("Rooms", "Close …", "POST", "/room/close"),
]
OTHERS = [
    Dialog("Overview", "Tell everybody …", "POST", "/notices", ("Good night",), has_reason=False),
    Dialog("Configuration", "Reload …", "POST", "/configuration/reload", has_reason=False),
]
ALL = [*USERS, *ROOM, *OTHERS]


class Calls:
    """Calls that would change something: noted, answered, and kept from the server."""

    def __init__(self, page: Page) -> None:
        self.found: list[tuple[str, str, dict[str, object]]] = []
        page.route("**/api/**", self._take)

    def _take(self, route: Route) -> None:
        request = route.request
        if request.method == "GET":
            route.continue_()
            return
        path = request.url.split("/api/v1")[1].partition("?")[0]
        self.found.append((request.method, path, json.loads(request.post_data or "{}")))
        route.fulfill(status=200, content_type="application/json", body="{}")


@pytest.fixture(scope="module")
def staffed() -> Iterator[Server]:
    with closing(opened()) as server:
        yield server


@pytest.fixture
def admin(staffed: Server, chromium: Browser) -> Iterator[AdminPage]:
    with administration(staffed, chromium) as made:
        yield made
        assert made.complaints == []


def show(admin: AdminPage, section: str) -> str:
    """Open a section, in it the one user or room; return the user's id."""
    player = admin.player("127.78.0.1", "Noisy", "the noisy room")
    page = admin.enter()
    admin.open(section)
    if section == "Users":
        page.get_by_label("Search users by name or id").fill(player.id)
        expect(page.get_by_role("button", name="Kick")).to_have_count(1)
    elif section == "Rooms":
        page.get_by_role("button", name="the noisy room").click()
    elif section == "Configuration":
        page.get_by_role("button", name="Look for changes …").click()
    return player.id


def reach(page: Page, wanted: Locator) -> None:
    """Press Tab until an element has the focus."""
    wanted.wait_for()
    for _ in range(100):
        if wanted.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{wanted} is not reached by Tab")


def open_by_key(page: Page, dialog: Dialog) -> None:
    reach(page, page.get_by_role("button", name=dialog.button, exact=True))
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()


@pytest.mark.parametrize("dialog", ALL, ids=lambda one: f"{one.section} {one.button}")
def test_enter_does_the_act_and_escape_does_not(admin: AdminPage, dialog: Dialog) -> None:
    user_id = show(admin, dialog.section)
    page = admin.page
    calls = Calls(page)
    open_by_key(page, dialog)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert calls.found == []

    open_by_key(page, dialog)
    reason = page.get_by_label("Reason")
    for text in dialog.texts:
        expect(reason).not_to_be_focused()
        if text:
            page.keyboard.press("Control+A")
            page.keyboard.type(text)
        page.keyboard.press("Tab")
    expect(reason).to_be_focused()
    page.keyboard.type(REASON)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(".toast")).to_have_count(1)
    ((method, path, body),) = calls.found
    assert (method, path.endswith(dialog.path.format(id=user_id))) == (dialog.method, True), path
    assert {text for text in dialog.texts if text} <= {str(value) for value in flat(body)}
    assert (body.get("reason") == REASON) == dialog.has_reason


def flat(body: dict[str, object]) -> Iterator[object]:
    """Yield the values of an object, and of the objects in it."""
    for value in body.values():
        if isinstance(value, dict):
            yield from flat(value)
        else:
            yield value


WITH_TEXT = [one for one in ALL if any(one.texts)]


@pytest.mark.parametrize("dialog", WITH_TEXT, ids=lambda one: f"{one.section} {one.button}")
def test_enter_in_a_text_does_the_act(admin: AdminPage, dialog: Dialog) -> None:
    show(admin, dialog.section)
    page = admin.page
    calls = Calls(page)
    open_by_key(page, dialog)
    page.keyboard.press("Control+A")
    page.keyboard.type("a text")
    page.keyboard.press("Enter")
    expect(page.locator(".toast")).to_have_count(1)
    assert len(calls.found) == 1


def test_the_two_dialogs_of_a_ban_of_a_network(admin: AdminPage) -> None:
    page = admin.enter()
    calls = Calls(page)
    admin.open("Bans")
    open_by_key(page, Dialog("Bans", "Ban an id or a network …", "POST", "/bans"))
    page.keyboard.type("192.0.2.0/24")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Ban 192.0.2.0/24 from the site")).to_be_visible()
    reach(page, page.get_by_label("Reason"))
    page.keyboard.type(REASON)
    page.keyboard.press("Enter")
    expect(page.locator(".toast")).to_have_count(1)
    ((_, _, body),) = calls.found
    assert (body["subject"], body["reason"]) == ("192.0.2.0/24", REASON)


def test_an_empty_text_is_asked_for_again(admin: AdminPage) -> None:
    page = admin.enter()
    calls = Calls(page)
    open_by_key(page, OTHERS[0])
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    assert calls.found == []
    page.keyboard.press("Escape")


def test_cancel_needs_no_text(admin: AdminPage) -> None:
    page = admin.enter()
    calls = Calls(page)
    open_by_key(page, OTHERS[0])
    reach(page, page.get_by_role("button", name="Cancel"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert calls.found == []


def test_the_key_that_opens_a_dialog_may_be_held(admin: AdminPage) -> None:
    show(admin, "Users")
    page = admin.page
    calls = Calls(page)
    reach(page, page.get_by_role("button", name="Kick", exact=True))
    for _ in range(5):  # the second and further ones are repeats
        page.keyboard.down("Enter")
    page.keyboard.up("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.type(REASON)
    for _ in range(5):
        page.keyboard.down("Enter")
    page.keyboard.up("Enter")
    expect(page.locator(".toast")).to_have_count(1)
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert len(calls.found) == 1


def test_enter_lets_staff_in(admin: AdminPage) -> None:
    page = admin.page
    page.goto(admin.url)
    expect(page.get_by_label("Token")).to_be_focused()
    page.keyboard.type(admin.server.tokens["read"])
    page.keyboard.press("Enter")
    expect(page.get_by_role("tab", name="Overview")).to_be_visible()

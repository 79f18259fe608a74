"""The administration page in chromium: its views and acts, and names that stay text."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from staff_page import TIMEOUT_MS, AdminPage, administration, opened

from support.server import Server

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.timeout(120)]

SCREENSHOT = Path(__file__).parents[2] / "docs" / "screenshots" / "admin.png"


@pytest.fixture(scope="module")
def staffed() -> Iterator[Server]:
    """A server for the tests of this file."""
    with closing(opened()) as server:
        yield server


@pytest.fixture
def admin(staffed: Server, chromium: Browser) -> Iterator[AdminPage]:
    with administration(staffed, chromium) as made:
        yield made
        assert made.complaints == []


def test_the_page_can_do_nothing_without_a_token(admin: AdminPage) -> None:
    page = admin.page
    page.goto(admin.url)
    expect(page.get_by_role("tab")).to_have_count(0)
    page.get_by_label("Token").fill("fp_00000000_" + 64 * "0")
    page.get_by_role("button", name="Enter").click()
    expect(page.get_by_role("alert")).to_have_text("This token is not valid, or not any more.")
    assert page.evaluate("sessionStorage.length") == 0
    (complaint,) = admin.complaints
    assert "401" in complaint
    admin.complaints.clear()


def test_the_headers_forbid_unneeded_sources(admin: AdminPage) -> None:
    answer = admin.page.goto(admin.url)
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    script = admin.page.request.get(f"{admin.url}/main.js")
    assert script.headers["content-security-policy"] == policy
    assert script.headers["x-content-type-options"] == "nosniff"


def test_live_numbers_and_events(admin: AdminPage) -> None:
    page = admin.enter()
    plot = page.locator("figure").filter(has=page.get_by_text("Clients", exact=True))
    before = plot.get_by_role("status").text_content()
    player = admin.player("127.77.0.1", "Clara", "salon")
    expect(page.get_by_label("What happens")).to_contain_text("Clara", timeout=TIMEOUT_MS)
    expect(plot.get_by_role("status")).not_to_have_text(str(before), timeout=TIMEOUT_MS)
    player.send({"m": "a", "message": "Guten Abend"})
    expect(page.get_by_label("What happens")).to_contain_text("Guten Abend", timeout=TIMEOUT_MS)


def test_the_token_survives_a_reload_and_is_forgotten_on_demand(admin: AdminPage) -> None:
    page = admin.enter("read")
    page.reload()
    expect(page.get_by_role("tab", name="Overview")).to_be_visible(timeout=TIMEOUT_MS)
    page.get_by_role("button", name="Forget the token").click()
    expect(page.get_by_label("Token")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0


def test_a_spammer_is_thrown_out_with_a_reason(admin: AdminPage) -> None:
    spammer = admin.player("127.77.0.2", "Spammer of the page", "salon")
    page = admin.enter("moderate")
    admin.open("Users")
    page.get_by_label("Search users by name or id").fill("spammer of")
    row = page.get_by_role("row").filter(has_text="Spammer of the page")
    row.get_by_role("button", name="Ban …").click()
    page.get_by_label("For how long").select_option("1 hour")
    page.get_by_label("Reason").fill("noise all night")
    page.get_by_role("button", name="Do it").click()
    expect(page.locator(".toast")).to_have_text("Spammer of the page is banned from the site.")
    text = str(spammer.receive("notification")["text"])
    assert "noise all night" in text
    admin.open("Bans")
    expect(page.get_by_role("row").filter(has_text=spammer.id)).to_contain_text("noise all night")
    admin.open("Audit")
    acts = page.get_by_role("row").filter(has_text=spammer.id)
    expect(acts.first).to_contain_text("siteban")
    admin.open("Bans")
    page.get_by_role("row").filter(has_text=spammer.id).get_by_role("button", name="Lift").click()
    expect(page.get_by_role("row").filter(has_text=spammer.id)).to_have_count(0)


def test_a_noisy_participant_is_muted_and_kicked(admin: AdminPage) -> None:
    admin.player("127.77.0.3", "Holder", "the noisy room")
    noisy = admin.player("127.77.0.4", "Noisy", "the noisy room")
    page = admin.enter()
    admin.open("Rooms")
    page.get_by_label("Search rooms").fill("noisy")
    page.get_by_role("button", name="the noisy room").click()
    row = page.get_by_role("row").filter(has_text="Noisy")
    row.get_by_role("button", name="Mute").click()
    page.get_by_role("button", name="Do it").click()
    expect(row).to_contain_text("notes muted")
    row.get_by_role("button", name="Crown").click()
    expect(row).to_contain_text("crown")
    row.get_by_role("button", name="Kick").click()
    page.get_by_label("Reason").fill("enough")
    page.get_by_role("button", name="Do it").click()
    expect(row).to_have_count(0)
    assert "enough" in str(noisy.receive("notification")) or "enough" in str(
        noisy.receive("notification")
    )


def test_the_settings_are_shown_without_secrets(admin: AdminPage) -> None:
    page = admin.enter()
    admin.open("Configuration")
    expect(page.get_by_role("row").filter(has_text="limits.lag_hard_bytes")).to_contain_text(
        "2097152"
    )
    expect(page.get_by_role("row").filter(has_text="internal_port")).to_contain_text(
        str(admin.server.internal_port)
    )


def test_a_missing_scope_is_explained(admin: AdminPage) -> None:
    admin.player("127.77.0.5", "Somebody", "salon")
    page = admin.enter("read")
    admin.open("Users")
    row = page.get_by_role("row").filter(has_text="Somebody")
    row.get_by_role("button", name="Kick").click()
    page.get_by_role("button", name="Do it").click()
    expect(page.locator(".toast.bad")).to_contain_text("scope moderate")
    (complaint,) = admin.complaints
    assert "403" in complaint
    admin.complaints.clear()


def test_the_picture_in_the_documents(admin: AdminPage, tmp_path: Path) -> None:
    names = ["Clara", "Frédéric", "Сергей", "Nina", "Бела", "Fanny"]
    people = [
        admin.player(f"127.77.2.{number + 1}", name, room)
        for number, (name, room) in enumerate(
            zip(names, 2 * ["salon", "lobby", "duo"], strict=True)
        )
    ]
    page = admin.enter()
    page.emulate_media(color_scheme="dark")
    for turn in range(6):
        for number, player in enumerate(people):
            keys = [{"n": "c4", "v": 0.5}] * (1 + (turn * 7 + number) % 5)
            player.send(*[{"m": "n", "t": 0, "n": keys}] * (turn % 4 + 1))
        people[turn % len(people)].send({"m": "a", "message": f"number {turn + 1}!"})
        # The page gets numbers once a second; a plot needs more than one point.
        expect(page.get_by_label("What happens")).to_contain_text(f"number {turn + 1}!")
        before = page.locator("path").first.get_attribute("d")
        expect(page.locator("path").first).not_to_have_attribute("d", str(before))
    picture = tmp_path / "admin.png"
    page.screenshot(path=picture)
    assert picture.stat().st_size > 10_000
    if not SCREENSHOT.exists():
        SCREENSHOT.parent.mkdir(exist_ok=True)
        SCREENSHOT.write_bytes(picture.read_bytes())


def test_changes_of_the_settings_are_shown_before_a_reload(chromium: Browser) -> None:
    with (
        closing(opened('motd = "Before"\n')) as server,
        administration(server, chromium) as admin,
    ):
        settings = server.folder / "fortepiano.toml"
        page = admin.enter()
        admin.open("Configuration")
        settings.write_text('motd = "<b>After</b>"\n')
        page.get_by_role("button", name="Look for changes …").click()
        row = page.get_by_role("row").filter(has_text="<b>After</b>")
        expect(row).to_contain_text("Before")
        page.get_by_role("button", name="Reload …").click()
        page.get_by_role("button", name="Do it").click()
        expect(page.locator(".toast")).to_have_text("The settings are applied.")
        row = page.get_by_role("row").filter(has_text="motd")
        expect(row).to_have_count(1)
        expect(row).to_contain_text("<b>After</b>")
        assert admin.complaints == []

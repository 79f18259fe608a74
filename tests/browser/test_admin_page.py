"""The staff's page in chromium: what it shows and does, and that no name becomes more than text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from websockets.sync.client import ClientConnection, connect

from support.server import Server

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.timeout(120)]

HOSTILE = [
    "<img src=x onerror=window.owned=1>",
    "<script>window.owned=1</script>",
    '"><svg/onload=window.owned=1>',
    "javascript:window.owned=1",
    "{{[].at.constructor('owned=1')()}}",
    "';window.owned=1;//",
    "&lt;b&gt;bold&lt;/b&gt;",
    "\u05e9\u05dc\u05d5\u05dd backwards <i>",
]
SCREENSHOT = Path(__file__).parents[2] / "docs" / "screenshots" / "admin.png"
PATIENCE = 15_000


class Guest:
    """Somebody who plays."""

    def __init__(self, connection: ClientConnection, name: str, room: str) -> None:
        self._socket = connection
        self.say({"m": "hi"}, {"m": "userset", "set": {"name": name}}, {"m": "ch", "_id": room})
        self.id = str(self.hear("hi")["u"]["_id"])
        self.hear("ch")

    def say(self, *messages: dict[str, object]) -> None:
        self._socket.send(json.dumps(messages))

    def hear(self, kind: str) -> dict[str, object]:
        """Return the next message of a kind."""
        while True:
            for message in json.loads(self._socket.recv(timeout=10)):
                if message["m"] == kind:
                    return message


class Office:
    """A server, its staff's page, and people to look at."""

    def __init__(self, server: Server, context: BrowserContext, stack: ExitStack) -> None:
        self.server = server
        self.page: Page = context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.complaints: list[str] = []
        self.hosts: set[str] = set()
        self._stack = stack
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on(
            "console",
            lambda line: self.complaints.append(line.text) if line.type == "error" else None,
        )
        self.page.on("request", lambda request: self.hosts.add(request.url.split("/")[2]))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.internal_port}/admin"

    def guest(self, address: str, name: str, room: str) -> Guest:
        url = f"{self.server.ws_url}/ws"
        opened = connect(
            url,
            source_address=(address, 0),
            compression=None,
            proxy=None,
            max_queue=None,  # else what nobody reads would keep the close frame back
        )
        return Guest(self._stack.enter_context(opened), name, room)

    def enter(self, scope: str = "admin") -> Page:
        self.page.goto(self.url)
        self.page.get_by_label("Token").fill(self.server.tokens[scope])
        self.page.get_by_role("button", name="Enter").click()
        expect(self.page.get_by_role("tab", name="Overview")).to_be_visible(timeout=PATIENCE)
        return self.page

    def open(self, section: str) -> Page:
        self.page.get_by_role("tab", name=section).click()
        return self.page


def opened(toml: str = "") -> Server:
    """Start a server; its tokens are made before, since a running one takes a moment to see."""
    server = Server()
    (server.folder / "fortepiano.toml").write_text(toml)
    server.tokens = {scope: server.make_token(scope) for scope in ("read", "moderate", "admin")}
    server.start()
    return server


@pytest.fixture(scope="module")
def staffed() -> Iterator[Server]:
    """A server for the tests of this file."""
    with closing(opened()) as server:
        yield server


@pytest.fixture
def office(staffed: Server, chromium: Browser) -> Iterator[Office]:
    with ExitStack() as stack:
        context = chromium.new_context(viewport={"width": 1280, "height": 900})
        stack.callback(context.close)
        made = Office(staffed, context, stack)
        yield made
        assert made.complaints == []
        assert made.hosts == {f"127.0.0.1:{staffed.internal_port}"}


def test_it_can_do_nothing_without_a_token(office: Office) -> None:
    page = office.page
    page.goto(office.url)
    expect(page.get_by_role("tab")).to_have_count(0)
    page.get_by_label("Token").fill("fp_00000000_" + 64 * "0")
    page.get_by_role("button", name="Enter").click()
    expect(page.get_by_role("alert")).to_have_text("This token is not valid, or not any more.")
    assert page.evaluate("sessionStorage.length") == 0
    (complaint,) = office.complaints
    assert "401" in complaint
    office.complaints.clear()


def test_its_headers_forbid_what_it_does_not_need(office: Office) -> None:
    answer = office.page.goto(office.url)
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    script = office.page.request.get(f"{office.url}/main.js")
    assert script.headers["content-security-policy"] == policy
    assert script.headers["x-content-type-options"] == "nosniff"


def test_live_numbers_and_what_happens(office: Office) -> None:
    page = office.enter()
    plot = page.locator("figure").filter(has=page.get_by_text("Clients", exact=True))
    before = plot.get_by_role("status").text_content()
    guest = office.guest("127.77.0.1", "Clara", "salon")
    expect(page.get_by_label("What happens")).to_contain_text("Clara", timeout=PATIENCE)
    expect(plot.get_by_role("status")).not_to_have_text(str(before), timeout=PATIENCE)
    guest.say({"m": "a", "message": "Guten Abend"})
    expect(page.get_by_label("What happens")).to_contain_text("Guten Abend", timeout=PATIENCE)


def test_the_token_survives_a_reload_and_is_forgotten_on_demand(office: Office) -> None:
    page = office.enter("read")
    page.reload()
    expect(page.get_by_role("tab", name="Overview")).to_be_visible(timeout=PATIENCE)
    page.get_by_role("button", name="Forget the token").click()
    expect(page.get_by_label("Token")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0


def test_a_spammer_is_thrown_out_with_a_reason(office: Office) -> None:
    spammer = office.guest("127.77.0.2", "Spammer of the page", "salon")
    page = office.enter("moderate")
    office.open("Users")
    page.get_by_label("Search users by name or id").fill("spammer of")
    row = page.get_by_role("row").filter(has_text="Spammer of the page")
    row.get_by_role("button", name="Ban …").click()
    page.get_by_label("For how long").select_option("1 hour")
    page.get_by_label("Reason").fill("noise all night")
    page.get_by_role("button", name="Do it").click()
    expect(page.locator(".toast")).to_have_text("Spammer of the page is banned from the site.")
    text = str(spammer.hear("notification")["text"])
    assert "noise all night" in text
    office.open("Bans")
    expect(page.get_by_role("row").filter(has_text=spammer.id)).to_contain_text("noise all night")
    office.open("Audit")
    acts = page.get_by_role("row").filter(has_text=spammer.id)
    expect(acts.first).to_contain_text("siteban")
    office.open("Bans")
    page.get_by_role("row").filter(has_text=spammer.id).get_by_role("button", name="Lift").click()
    expect(page.get_by_role("row").filter(has_text=spammer.id)).to_have_count(0)


def test_a_room_is_kept_in_order(office: Office) -> None:
    office.guest("127.77.0.3", "Holder", "the noisy room")
    noisy = office.guest("127.77.0.4", "Noisy", "the noisy room")
    page = office.enter()
    office.open("Rooms")
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
    assert "enough" in str(noisy.hear("notification")) or "enough" in str(
        noisy.hear("notification")
    )


def test_the_settings_are_shown_without_secrets(office: Office) -> None:
    page = office.enter()
    office.open("Configuration")
    expect(page.get_by_role("row").filter(has_text="limits.lag_hard_bytes")).to_contain_text(
        "2097152"
    )
    expect(page.get_by_role("row").filter(has_text="internal_port")).to_contain_text(
        str(office.server.internal_port)
    )


def test_what_a_scope_lacks_is_told(office: Office) -> None:
    office.guest("127.77.0.5", "Somebody", "salon")
    page = office.enter("read")
    office.open("Users")
    row = page.get_by_role("row").filter(has_text="Somebody")
    row.get_by_role("button", name="Kick").click()
    page.get_by_role("button", name="Do it").click()
    expect(page.locator(".toast.bad")).to_contain_text("scope moderate")
    (complaint,) = office.complaints
    assert "403" in complaint
    office.complaints.clear()


def texts(page: Page, selector: str) -> set[str]:
    """Return what stands in all elements of a kind, once there is one."""
    expect(page.locator(selector).first).to_be_visible()
    return set(page.locator(selector).all_text_contents())


def test_hostile_names_are_text(office: Office) -> None:
    page = office.enter()
    for number, name in enumerate(HOSTILE):
        guest = office.guest(f"127.77.1.{number + 1}", name, f"room {name}")
        guest.say({"m": "a", "message": name})
        guest.hear("a")
    expect(page.get_by_label("What happens")).to_contain_text(HOSTILE[-1], timeout=PATIENCE)
    office.open("Users")
    assert set(HOSTILE) <= texts(page, ".person bdi")
    for name in HOSTILE:
        office.open("Rooms")
        rooms = page.locator("button.link")
        expect(rooms.first).to_be_visible()
        rooms.nth(rooms.all_text_contents().index(f"room {name}")).click()
        expect(page.get_by_role("heading", level=2)).to_have_text(f"room {name}")
        row = page.locator("table").get_by_role("row").filter(has=page.locator(".person"))
        row.get_by_role("button", name="Kick").click()
        expect(page.locator("dialog h2")).to_contain_text(name)
        page.get_by_label("Reason").fill(name)
        page.get_by_role("button", name="Do it").click()
        # The room is empty now, hence gone, and the list is shown.
        expect(page.get_by_label("Search rooms")).to_be_visible()
    assert all("404" in complaint for complaint in office.complaints)
    office.complaints.clear()
    office.open("Audit")
    assert set(HOSTILE) <= texts(page, "td bdi")
    assert page.evaluate("window.owned") is None
    tags = "main img, main svg:not(figure svg), main script, main iframe, main a"
    assert page.locator(tags).count() == 0


def test_the_picture_in_the_documents(office: Office, tmp_path: Path) -> None:
    names = ["Clara", "Frédéric", "Сергей", "Nina", "Бела", "Fanny"]
    people = [
        office.guest(f"127.77.2.{number + 1}", name, room)
        for number, (name, room) in enumerate(
            zip(names, 2 * ["salon", "lobby", "duo"], strict=True)
        )
    ]
    page = office.enter()
    page.emulate_media(color_scheme="dark")
    for turn in range(6):
        for number, guest in enumerate(people):
            keys = [{"n": "c4", "v": 0.5}] * (1 + (turn * 7 + number) % 5)
            guest.say(*[{"m": "n", "t": 0, "n": keys}] * (turn % 4 + 1))
        people[turn % len(people)].say({"m": "a", "message": f"number {turn + 1}!"})
        # The page hears of it once a second; a plot wants more than one point.
        expect(page.get_by_label("What happens")).to_contain_text(f"number {turn + 1}!")
        before = page.locator("path").first.get_attribute("d")
        expect(page.locator("path").first).not_to_have_attribute("d", str(before))
    picture = tmp_path / "admin.png"
    page.screenshot(path=picture)
    assert picture.stat().st_size > 10_000
    if not SCREENSHOT.exists():
        SCREENSHOT.parent.mkdir(exist_ok=True)
        SCREENSHOT.write_bytes(picture.read_bytes())


def test_changes_of_the_settings_are_seen_before_they_are_taken_over(chromium: Browser) -> None:
    with closing(opened('motd = "Before"\n')) as server, ExitStack() as stack:
        settings = server.folder / "fortepiano.toml"
        context = chromium.new_context()
        stack.callback(context.close)
        office = Office(server, context, stack)
        page = office.enter()
        office.open("Configuration")
        settings.write_text('motd = "<b>After</b>"\n')
        page.get_by_role("button", name="Look for changes …").click()
        row = page.get_by_role("row").filter(has_text="<b>After</b>")
        expect(row).to_contain_text("Before")
        page.get_by_role("button", name="Reload …").click()
        page.get_by_role("button", name="Do it").click()
        expect(page.locator(".toast")).to_have_text("The settings are taken over.")
        row = page.get_by_role("row").filter(has_text="motd")
        expect(row).to_have_count(1)
        expect(row).to_contain_text("<b>After</b>")
        assert office.complaints == []

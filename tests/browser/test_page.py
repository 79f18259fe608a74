"""The page itself: its addresses, the files that it loads, its reconnects."""

from __future__ import annotations

import http.client
import re
from importlib.resources import files
from pathlib import Path

import httpx
import pytest
from visitor import Invite

from support.server import Server, run_server

pytestmark = pytest.mark.needs("chromium")


def get(server: Server, path: str) -> str:
    """Return the text at `path`, which must be there."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    assert answer.status == 200, path
    return text


def test_the_piano_stands_in_the_served_page(server: Server) -> None:
    page = get(server, "/")
    assert re.search(r'<canvas id="piano"[^>]* data-keys="88"', page)
    for asset in re.findall(r'(?:src|href)="(/assets/[^"]+)"', page):
        assert get(server, asset), asset
    # The page holds nothing that a strict policy would refuse.
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]* src=)", page)


def test_the_script_is_small_and_knows_no_other_host() -> None:
    assets = Path(str(files("fortepiano"))) / "web" / "assets"
    scripts = list(assets.rglob("*.js"))
    assert sum(script.stat().st_size for script in scripts) <= 200_000
    for script in scripts:
        hosts = set(re.findall(r"\w+://[^\"'`\s]*", script.read_text()))
        assert hosts <= {"http://www.w3.org/2000/svg"}, script.name


def test_caches_keep_what_the_page_names(server: Server) -> None:
    page = httpx.get(server.url)
    (script,) = re.findall(r'<script type="module" src="([^"]+)"', page.text)
    cached = httpx.get(server.url + script)
    assert page.headers["cache-control"] == "no-cache"
    assert cached.headers["cache-control"] == "public, max-age=31536000, immutable"
    # Caches revalidate the same file without a digest, or with that of another version.
    for path in ("/assets/main.js", "/assets/0123456789ab/main.js"):
        other = httpx.get(server.url + path)
        assert other.text == cached.text
        assert other.headers["cache-control"] == "no-cache"
        known = {"if-none-match": other.headers["etag"]}
        assert httpx.get(server.url + path, headers=known).status_code == 304
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy and "*" not in policy and "data:" not in policy


def test_an_ordinary_visit_raises_no_complaint(server: Server, room: str, invite: Invite) -> None:
    ann, ben = invite(server).visit(), invite(server).visit(room)
    ann.page.click("#rooms-open")
    ann.page.get_by_role("button", name=f"{room} 1 person").click()
    ann.sees_people(2)
    ben.sees_people(2)
    ann.rename("Clara")
    ben.page.locator(".plate", has_text="Clara").wait_for()
    ben.page.mouse.move(640, 250)
    ann.page.locator(".cursor").wait_for()
    ben.page.keyboard.press("z")
    ann.received(2)
    ann.write("Good evening")
    ben.reads("Good evening")
    ben.page.click("#sustain")
    ben.page.fill("#volume", "30")
    for visitor in (ann, ben):
        assert visitor.complaints == []
        assert {url for url in visitor.requested if not url.startswith(server.url)} == set()


def test_the_path_is_the_room(server: Server, invite: Invite) -> None:
    ann = invite(server).visit()
    for room in ["some room", "ä/ö?#&%", "test/awkward", "<b>", "..", "assets/x"]:
        ann.page.click("#rooms-open")
        ann.page.fill("#rooms-name", room)
        ann.page.click("#rooms-go")
        ann.until("fortepiano.state.room !== 'lobby'")
        assert ann.state["room"] == room
        assert ann.page.text_content("#room-name") == room
        ann.reload()
        assert ann.state["room"] == room
        ann.page.go_back()
        ann.until("fortepiano.state.room === 'lobby'")


def test_an_address_with_a_blank_shows_that_room(server: Server, invite: Invite) -> None:
    ann = invite(server).visit("some room")
    assert ann.page.url == f"{server.url}/some%20room"
    assert ann.page.title() == "some room · fortepiano"


def test_the_room_list_is_live(server: Server, room: str, invite: Invite) -> None:
    ann = invite(server).visit()
    ann.page.click("#rooms-open")
    entry = ann.page.locator("#rooms-list .room").filter(has=ann.page.get_by_text(room, exact=True))
    ben = invite(server).visit(room)
    entry.get_by_text("1 person").wait_for()
    eve = invite(server).visit(room)
    entry.get_by_text("2 people").wait_for()
    ben.page.close()
    eve.page.close()
    entry.wait_for(state="detached")


def test_a_private_room_comes_back_after_a_restart(room: str, invite: Invite) -> None:
    settings = {"NODE_ENV": "development", "FORTEPIANO_LIMITS__DRAIN_SECONDS": "0.5"}
    with run_server(**settings) as server:
        ann = invite(server).visit()
        ann.page.click("#rooms-open")
        ann.page.fill("#rooms-name", room)
        ann.page.check("#rooms-hidden")
        ann.page.click("#rooms-go")
        ann.until("fortepiano.state.settings.visible === false")
        server.stop()
        ann.until("document.querySelector('#status').textContent.startsWith('Reconnecting')")
        server.start()
        ann.until("fortepiano.state.status === 'online' && fortepiano.state.people.length === 1")
        assert ann.state["room"] == room
        assert ann.state["settings"]["visible"] is False
        ben = invite(server).visit(room)
        ann.sees_people(2)
        ann.page.keyboard.press("z")
        assert [entry["n"] for entry in ben.received(2)] == ["c2", "c2"]


def test_the_holder_of_the_crown_is_shown(server: Server, room: str, invite: Invite) -> None:
    ann = invite(server).visit(room)
    ann.rename("Clara")
    ben = invite(server).visit(room)
    assert ben.page.locator("#crown-holder").text_content() == "Clara"
    assert ben.page.locator(".plate.crowned .plate-name").text_content() == "Clara"
    ann.page.close()
    ben.until("fortepiano.state.crown.participantId === fortepiano.state.me")
    assert ben.page.locator(".plate.crowned .plate-you").count() == 1


def test_everything_is_within_the_window(server: Server, room: str, invite: Invite) -> None:
    ann = invite(server).visit(room)
    for number in range(8):
        ann.write(f"line {number}")
        ann.reads(f"line {number}")
    for width, height in [(1280, 800), (390, 844), (844, 390)]:
        ann.page.set_viewport_size({"width": width, "height": height})
        for what in ("#rooms-open", "#me-open", "#piano", "#volume", "#chat-input"):
            box = ann.page.locator(what).bounding_box()
            assert box is not None
            assert 0 <= box["y"] < box["y"] + box["height"] <= height, what
        assert ann.page.evaluate("() => document.documentElement.scrollWidth") == width
    ann.page.set_viewport_size({"width": 1280, "height": 800})
    for line in ann.page.locator("#chat-log .line").all()[-4:]:
        box, log = line.bounding_box(), ann.page.locator("#chat-log").bounding_box()
        assert box is not None and log is not None
        assert log["y"] <= box["y"] and box["y"] + box["height"] <= log["y"] + log["height"]

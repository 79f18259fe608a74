"""Keys that the others do not hear: they sound in grey for the player, and the page says why."""

from __future__ import annotations

import pytest
from ear import level, listen
from visitor import Invite, Visitor

from support.player import connected
from support.server import Server, run_server

pytestmark = pytest.mark.needs("chromium")

COLOR = """() => {
  const canvas = document.getElementById("piano");
  const x = Math.round((16.5 / 52) * canvas.width);
  const { data } = canvas.getContext("2d").getImageData(x, Math.round(canvas.height * 0.8), 1, 1);
  return [...data.slice(0, 3)];
}"""


def is_grey(visitor: Visitor) -> bool:
    """Return whether the lowest key of the computer's keyboard is lit in grey."""
    red, green, blue = visitor.page.evaluate(COLOR)
    return max(red, green, blue) - min(red, green, blue) < 60 and max(red, green, blue) < 200


def sounds_for_oneself(visitor: Visitor, words: str) -> None:
    """Hold a key, and assert that it sounds, is grey and is explained."""
    visitor.page.keyboard.down("z")
    visitor.until("window.level() > 0.01", timeout=3)
    visitor.until(f"document.getElementById('unheard').textContent.includes({words!r})", timeout=3)
    assert is_grey(visitor)
    visitor.page.keyboard.up("z")
    visitor.until("window.level() < 0.002", timeout=6)


def test_only_the_holder_plays(server: Server, room: str, invite: Invite) -> None:
    ann = invite(server).visit(room)
    ann.page.click("#rules-open")
    ann.page.check("#rules-form input[name=crownsolo]")
    ann.page.click("#rules-form [type=submit]")
    ann.until("fortepiano.state.settings.crownsolo === true")
    ben = listen(invite(server)).visit(room)
    ben.rename("Ben", "#ff0000")
    sounds_for_oneself(ben, "Only the holder of the crown plays here")
    assert ben.sent == []
    ann.page.keyboard.press("z")
    ann.sends(2)
    assert ann.page.locator("#unheard").is_hidden()


def test_an_empty_quota(room: str, invite: Invite) -> None:
    with run_server(
        NODE_ENV="development",
        FORTEPIANO_RULES__QUOTA_HOLDER__ALLOWANCE="1",
        FORTEPIANO_RULES__QUOTA_HOLDER__MAX="4",
        FORTEPIANO_RULES__QUOTA_TICK_MS="60000",
    ) as server:
        ann = listen(invite(server, viewport={"width": 390, "height": 844})).visit(room)
        ann.until("fortepiano.state.quota.max === 4")
        for _ in range(2):
            ann.page.keyboard.press("x")
        ann.until("window.level() < 0.002", timeout=6)
        sounds_for_oneself(ann, "too much at once")
        assert [entry["n"] for entry in ann.sends(4)] == ["d2"] * 4


def test_a_held_key_that_was_sent_is_released_for_all(room: str, invite: Invite) -> None:
    """Struck again without quota, it must not sound on at the others."""
    with run_server(
        NODE_ENV="development",
        FORTEPIANO_RULES__QUOTA_HOLDER__ALLOWANCE="1",
        FORTEPIANO_RULES__QUOTA_HOLDER__MAX="2",
        FORTEPIANO_RULES__QUOTA_TICK_MS="60000",
    ) as server:
        ann = invite(server).visit(room)
        ann.until("fortepiano.state.quota.max === 2")
        ann.page.keyboard.down("z")
        ann.page.mouse.move(*ann.key_at(16))
        ann.page.mouse.down()
        ann.page.mouse.up()
        ann.page.keyboard.up("z")
        assert [entry["stop"] for entry in ann.sends(2)] == [False, True]


def test_a_muted_player(server: Server, room: str, invite: Invite) -> None:
    ann = invite(server).visit(room)
    ben = listen(invite(server)).visit(room)
    ben.rename("Ben", "#ff0000")
    ann.page.locator(".plate").filter(has_text="Ben").click()
    ann.page.click("#person-silence")
    ben.page.locator(".notice").first.wait_for()
    ben.page.wait_for_timeout(5100)  # a server tells the same refusal once in five seconds
    ben.page.keyboard.press("x")
    ben.until("document.querySelectorAll('.notice').length >= 2", timeout=5)
    ben.until("window.level() < 0.002", timeout=6)
    sounds_for_oneself(ben, "You are muted here")
    ann.page.locator(".plate").filter(has_text="Ben").click()
    ann.page.click("#person-unsilence")
    ben.until("document.body.textContent.includes('You are no longer muted.')")
    ben.page.keyboard.down("z")
    ben.until(
        f"(([red, green, blue]) => red - Math.max(green, blue) >= 60)(({COLOR})())", timeout=3
    )


def test_without_a_connection(room: str, invite: Invite) -> None:
    with run_server(NODE_ENV="development") as server:
        ann = listen(invite(server)).visit(room)
        server.kill()
        ann.until("fortepiano.state.status !== 'online'")
        sounds_for_oneself(ann, "Not connected")
        assert level(ann) < 0.002


def test_only_invited_people_and_an_invitation(server: Server, room: str, invite: Invite) -> None:
    """An invited user comes back into a room that lets only invited people in."""
    ann = invite(server).visit(room)
    with connected(server, "127.0.0.1", "Bea", room) as bea:
        ann.sees_people(2)
        ann.page.click("#rules-open")
        ann.page.check("#rules-form input[name=inviteOnly]")
        ann.page.click("#rules-form [type=submit]")
        ann.until("fortepiano.state.settings.inviteOnly === true")
        ann.page.locator(".plate").filter(has_text="Bea").click()
        ann.page.click("#person-invite")
        assert bea.receive("notification")["code"] == "invited"
        bea.send({"m": "ch", "_id": f"{room} elsewhere"})
        ann.sees_people(1)
        bea.send({"m": "ch", "_id": room})
        ann.sees_people(2)


def test_the_menu_closes_with_its_person(server: Server, room: str, invite: Invite) -> None:
    ann = invite(server).visit(room)
    with connected(server, "127.0.0.1", "Bea", room):
        ann.page.locator(".plate").filter(has_text="Bea").click()
        ann.page.locator("#person[open]").wait_for()
    ann.page.locator("#person").wait_for(state="hidden")

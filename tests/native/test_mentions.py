"""Who comes and goes is told at once after quiet, and otherwise with what else is said."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.hub_harness import Guest, Stage, payloads

REST = 0.02
A, B, C = b'[{"m":"p","id":"a"}]', b'[{"m":"p","id":"b"}]', b'[{"m":"bye","p":"c"}]'


class Scene:
    """A room with two people who listen."""

    def __init__(self) -> None:
        self.stage = Stage(rest_seconds=REST)
        self.hub = self.stage.hub
        self.room = self.hub.open_room()
        self.ann, self.bea = self.enter(b"ann"), self.enter(b"bea")

    def enter(self, name: bytes) -> Guest:
        guest = self.stage.open()
        self.hub.start_session(guest.client, self.hub.add_quota(8000, 24000))
        person = self.hub.add_participant(
            self.room, b'"%b"' % name, b'{"id":"%b"' % name, b"0", b"0"
        )
        self.hub.enter(guest.client, self.room, person)
        return guest

    def broadcast_soon(self, payload: bytes, but: Guest | None = None) -> None:
        self.hub.broadcast_soon(self.room, payload, -1 if but is None else but.client)

    def heard(self) -> tuple[list[bytes], list[bytes]]:
        return payloads(self.ann.hear()), payloads(self.bea.hear())


@pytest.fixture
def scene() -> Iterator[Scene]:
    scene = Scene()
    yield scene
    scene.stage.close()


def test_after_quiet_it_goes_at_once(scene: Scene) -> None:
    scene.broadcast_soon(A)
    assert scene.heard() == ([A], [A])
    scene.stage.turn(REST)
    scene.broadcast_soon(B)
    assert scene.heard() == ([B], [B])


def test_soon_after_it_waits_and_goes_with_the_next(scene: Scene) -> None:
    scene.broadcast_soon(A)
    assert scene.heard() == ([A], [A])
    scene.broadcast_soon(B)
    scene.stage.turn(REST / 2)
    scene.broadcast_soon(C)
    assert scene.heard() == ([], [])
    scene.stage.turn(REST / 2)
    assert scene.heard() == ([B, C], [B, C])


def test_whatever_else_is_said_takes_it_along_in_order(scene: Scene) -> None:
    scene.broadcast_soon(A)
    scene.heard()
    scene.broadcast_soon(B)
    scene.hub.broadcast(scene.room, b"[1]")
    assert scene.heard() == ([B, b"[1]"], [B, b"[1]"])


def test_a_private_word_comes_after_it_and_brings_it_to_nobody_else(scene: Scene) -> None:
    scene.broadcast_soon(A)
    scene.heard()
    scene.broadcast_soon(B)
    scene.hub.send(scene.ann.client, b"[1]")
    assert scene.heard() == ([B, b"[1]"], [])
    scene.stage.turn(REST)
    assert scene.heard() == ([], [B])


def test_one_may_be_left_out(scene: Scene) -> None:
    scene.broadcast_soon(A, but=scene.ann)
    assert scene.heard() == ([], [A])


def test_an_unknown_room_is_ignored(scene: Scene) -> None:
    scene.hub.broadcast_soon(99, A)
    assert scene.heard() == ([], [])

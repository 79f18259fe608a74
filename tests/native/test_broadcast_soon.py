"""`broadcast_soon`: sent at once after quiet, otherwise together with the next broadcast."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.hub_harness import HubClient, HubHarness, payloads

REST = 0.02
A, B, C = b'[{"m":"p","id":"a"}]', b'[{"m":"p","id":"b"}]', b'[{"m":"bye","p":"c"}]'


class Scene:
    """A room with two clients."""

    def __init__(self) -> None:
        self.harness = HubHarness(rest_ms=1000 * REST)
        self.hub = self.harness.hub
        self.room = self.hub.open_room()
        self.ann, self.bea = self.enter(b"ann"), self.enter(b"bea")

    def enter(self, name: bytes) -> HubClient:
        client = self.harness.open()
        self.hub.start_session(client.number, self.hub.add_quota(8000, 24000))
        participant = self.hub.add_participant(
            self.room, b'"%b"' % name, b'{"id":"%b"' % name, b"0", b"0"
        )
        self.hub.enter(client.number, self.room, participant)
        return client

    def broadcast_soon(self, payload: bytes, but: HubClient | None = None) -> None:
        self.hub.broadcast_soon(self.room, payload, None if but is None else but.number)

    def received(self) -> tuple[list[bytes], list[bytes]]:
        return payloads(self.ann.received()), payloads(self.bea.received())


@pytest.fixture
def scene() -> Iterator[Scene]:
    scene = Scene()
    yield scene
    scene.harness.close()


def test_after_quiet_it_goes_at_once(scene: Scene) -> None:
    scene.broadcast_soon(A)
    assert scene.received() == ([A], [A])
    scene.harness.turn(REST)
    scene.broadcast_soon(B)
    assert scene.received() == ([B], [B])


def test_soon_after_it_waits_and_goes_with_the_next(scene: Scene) -> None:
    scene.broadcast_soon(A)
    assert scene.received() == ([A], [A])
    scene.broadcast_soon(B)
    scene.harness.turn(REST / 2)
    scene.broadcast_soon(C)
    assert scene.received() == ([], [])
    scene.harness.turn(REST / 2)
    assert scene.received() == ([B, C], [B, C])


def test_whatever_else_is_said_takes_it_along_in_order(scene: Scene) -> None:
    scene.broadcast_soon(A)
    scene.received()
    scene.broadcast_soon(B)
    scene.hub.broadcast(scene.room, b"[1]")
    assert scene.received() == ([B, b"[1]"], [B, b"[1]"])


def test_a_private_word_comes_after_it_and_brings_it_to_nobody_else(scene: Scene) -> None:
    scene.broadcast_soon(A)
    scene.received()
    scene.broadcast_soon(B)
    scene.hub.send(scene.ann.number, b"[1]")
    assert scene.received() == ([B, b"[1]"], [])
    scene.harness.turn(REST)
    assert scene.received() == ([], [B])


def test_one_may_be_left_out(scene: Scene) -> None:
    scene.broadcast_soon(A, but=scene.ann)
    assert scene.received() == ([], [A])


def test_an_unknown_room_is_ignored(scene: Scene) -> None:
    scene.hub.broadcast_soon(99, A)
    assert scene.received() == ([], [])

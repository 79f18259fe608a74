"""The server for Autobahn's suite, which needs Python 2.7: messages come back in order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest

from support.echo_server import run_echo_server
from support.raw_peer import BINARY, CONTINUATION, PING, PONG, TEXT, Frame, RawPeer, frame


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The port of an echo server."""
    with run_echo_server() as port:
        yield port


async def echoes(port: int, *sent: bytes) -> list[Frame]:
    """Send frames in one segment, and return as many frames of the server."""
    peer = await RawPeer.connect(cast("Any", None), port=port)
    await peer.handshake(*sent)
    frames = [await peer.receive() for _ in sent]
    await peer.vanish()
    return frames


async def test_messages_of_all_kinds_come_back_in_order(port: int) -> None:
    text = "κόσμε".encode()
    sent = [frame(TEXT, text), frame(PING, b"1"), frame(BINARY, b"\xff" * 300), frame(TEXT, b"[]")]
    expected = [(TEXT, text), (PONG, b"1"), (BINARY, b"\xff" * 300), (TEXT, b"[]")]
    assert await echoes(port, *sent) == [Frame(0x80 | kind, payload) for kind, payload in expected]


async def test_fragments_come_back_whole_and_a_violation_closes(port: int) -> None:
    peer = await RawPeer.connect(cast("Any", None), port=port)
    await peer.handshake(frame(TEXT, b"for", fin=False), frame(CONTINUATION, b"te"))
    assert await peer.expect(TEXT) == b"forte"
    await peer.send(frame(3))
    assert await peer.close_code() == 1002
    assert await peer.ended()
    await peer.vanish()

"""A connection that speaks HTTP, whose peer takes responses when a test says so."""

from __future__ import annotations

from typing import Any

import pytest

from fortepiano.net import http_connection
from fortepiano.net.front_door import FrontDoor
from fortepiano.net.http_connection import HttpConnection
from fortepiano.net.visitor_state import VisitorState

HEAD_BYTES = 1000

FIRST = b"GET /one HTTP/1.1\r\nHost: a\r\n\r\n"
HALF = b"GET /two HTTP/1.1\r\nHost: a\r\nX: "


class Transport:
    """A transport that counts what its peer has not taken."""

    def __init__(self) -> None:
        self.unsent = 0
        self.is_closed = False

    def get_extra_info(self, _name: str) -> tuple[str, int]:
        return "192.0.2.1", 1

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    def pause_reading(self) -> None:
        """Do nothing: bytes that were read at the same time still come."""

    def resume_reading(self) -> None:
        """Do nothing: a test sends bytes by itself."""


class Anything:
    """Stands for a part that is not under test: has every method, and answers None."""

    def __getattr__(self, _name: str) -> Any:
        return lambda *_args, **_more: None


class Admission(Anything):
    """Lets every request in, in this turn."""

    pending = Anything()

    class Budget(Anything):
        def has_time(self) -> bool:
            return True

    budget = Budget()


class Door(Anything):
    """The bounds of a port, without counts."""

    admission = Admission()
    stalled = Anything()
    head_bytes = HEAD_BYTES
    is_internal = False
    unix_peer = ""
    objection = FrontDoor.objection

    def peer_of(self, _transport: Transport) -> str:
        return "192.0.2.1"


class Page(Anything):
    """uvicorn's part, which remembers the requests that it was given."""

    requests: list[bytes]
    is_answering = False

    def __init__(self, *_parts: Any) -> None:
        Page.requests = []

    def data_received(self, data: bytes) -> None:
        self.requests.append(data.split(b"\r\n")[0])
        self.is_answering = True


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> HttpConnection:
    monkeypatch.setattr(http_connection, "PageConnection", Page)
    connection = HttpConnection(None, None, {}, door=Door())  # type: ignore[arg-type]
    connection.connection_made(Transport())  # type: ignore[arg-type]
    return connection


def receive(connection: HttpConnection, data: bytes) -> None:
    connection.get_buffer(-1)[: len(data)] = data
    connection.buffer_updated(len(data))


def answer(connection: HttpConnection, *, is_taken: bool) -> None:
    """Complete the response of the request in the works."""
    page = connection._page
    assert isinstance(page, Page)
    page.is_answering = False
    connection.transport.unsent = 0 if is_taken else 100  # type: ignore[attr-defined]
    connection._on_answered()


def test_the_next_request_is_read_when_the_response_is_taken(connection: HttpConnection) -> None:
    receive(connection, FIRST)
    receive(connection, HALF + b"1\r\n\r\n")
    answer(connection, is_taken=False)
    assert Page.requests == [b"GET /one HTTP/1.1"]
    connection.transport.unsent = 0  # type: ignore[attr-defined]
    connection.resume_writing()
    assert Page.requests == [b"GET /one HTTP/1.1", b"GET /two HTTP/1.1"]


@pytest.mark.parametrize("is_taken", [True, False])
def test_no_request_is_made_of_bytes_around_dropped_ones(
    connection: HttpConnection, is_taken: bool
) -> None:
    receive(connection, FIRST)
    receive(connection, HALF)
    if not is_taken:
        answer(connection, is_taken=False)
    receive(connection, b"x" * HEAD_BYTES)  # more than is kept
    if is_taken:
        answer(connection, is_taken=True)
    else:
        connection.transport.unsent = 0  # type: ignore[attr-defined]
        connection.resume_writing()
    assert connection.transport.is_closing()
    receive(connection, b"tail\r\n\r\n")
    assert Page.requests == [b"GET /one HTTP/1.1"]


def test_another_process_may_go_on_between_responses(connection: HttpConnection) -> None:
    connection._door.admission.pending.seconds_left = lambda _one: 4.5  # type: ignore[method-assign]
    receive(connection, FIRST[:9])
    state = connection.state()
    assert state is not None
    assert (state.data, state.seconds_left, state.peer) == (FIRST[:9], 4.5, "192.0.2.1")
    receive(connection, FIRST[9:])
    assert connection.is_owed
    assert connection.state() is None
    receive(connection, HALF)
    answer(connection, is_taken=False)
    assert connection.is_owed
    assert connection.state() is None
    connection.transport.unsent = 0  # type: ignore[attr-defined]
    connection.resume_writing()
    assert not connection.is_owed
    state = connection.state()
    assert state is not None
    assert state.data == HALF


def test_a_connection_that_ends_is_not_handed_over(connection: HttpConnection) -> None:
    connection.transport.close()
    assert connection.state() is None


def test_a_connection_goes_on_where_another_process_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_connection, "PageConnection", Page)
    state = VisitorState(False, FIRST + HALF, 2.0, "198.51.100.7")
    connection = HttpConnection(None, None, {}, door=Door(), peer=state.peer, resumed=state)  # type: ignore[arg-type]
    connection.connection_made(Transport())  # type: ignore[arg-type]
    assert Page.requests == [b"GET /one HTTP/1.1"]
    assert connection.peer == "198.51.100.7"
    answer(connection, is_taken=True)
    receive(connection, b"\r\n\r\n")
    assert Page.requests == [b"GET /one HTTP/1.1", b"GET /two HTTP/1.1"]

"""Handlers and the model without sockets or an event loop, on a clock that tests advance."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from fortepiano.config import ChatSettings, ClusterSettings, RuleSettings, Settings
from fortepiano.handlers.dispatch import Dispatch
from fortepiano.model.identity import Identity
from fortepiano.model.notice_codes import Code
from fortepiano.model.permissions import permissions_of
from fortepiano.model.room import Room
from fortepiano.model.session import Session
from fortepiano.native import subscriber
from fortepiano.protocol.outbound import Outbound
from fortepiano.server.assembly import make_context
from fortepiano.store.keyring import KeyRing
from fortepiano.store.memory import MemoryStore
from fortepiano.store.records import Scope
from support.native_parts import make_test_hub, make_test_throttle

__all__ = ["START", "DispatchHarness", "FakeClient"]

START = 1_795_300_000_000
"""Time at which the clock begins: milliseconds since 1970."""

_UNKNOWN_CLIENT = 1_000_000
"""First number of clients that the hub does not know, so that it sends them nothing."""


class _Connection:
    """A connection that remembers the code with which it was closed."""

    code: int | None = None

    def close(self, code: int, reason: str = "") -> None:
        self.code = code


class _RecordingOutbound(Outbound):
    """Remembers what is sent to each session and broadcast to each room."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.sent: dict[Session, list[dict[str, Any]]] = {}
        self.broadcasts: dict[str, list[dict[str, Any]]] = {}

    def broadcast(self, room: Room, message: dict[str, Any]) -> None:
        self.broadcasts.setdefault(room.name, []).append(message)
        super().broadcast(room, message)

    def send(self, session: Session, messages: list[dict[str, Any]]) -> None:
        self.sent.setdefault(session, []).extend(messages)

    def send_serialised(self, session: Session, payload: bytes) -> None:
        self.sent.setdefault(session, []).extend(orjson.loads(payload))

    def _may_notify(self, session: Session, code: Code) -> bool:
        # The hub does not know these clients, so it would refuse each notice.
        return self._is_due(session, code)


class FakeClient:
    """A session without a socket, and what was sent to it.

    Attributes:
        session: The session.
        id: The user id.
        token: The token that the reply to `hi` gave it.
        reply: The messages that answered its `hi`.
    """

    def __init__(self, harness: DispatchHarness, session: Session) -> None:
        """Wrap a session; see `DispatchHarness.open`."""
        self._harness = harness
        self.session = session
        self.id = ""
        self.token: str | None = None
        self.reply: list[dict[str, Any]] = []

    def send(self, m: str, **fields: Any) -> None:
        """Send a message; `id_` is the key `_id`."""
        if "id_" in fields:
            fields["_id"] = fields.pop("id_")
        self._harness.dispatch.receive(self.session, orjson.dumps({"m": m} | fields))

    def received(self) -> list[dict[str, Any]]:
        """Return what was sent to this session alone since the last call."""
        return self._harness.outbound.sent.pop(self.session, [])

    @property
    def closed(self) -> int | None:
        """The close code; None while the connection is open."""
        connection = self.session.connection
        assert isinstance(connection, _Connection)
        return connection.code

    @property
    def room(self) -> str | None:
        """The name of the room that the session is in; None outside of rooms."""
        participant = self.session.participant
        return None if participant is None else participant.room.name


class DispatchHarness:
    """Handlers and the model, without an event loop.

    Attributes:
        context: What the handlers work with.
        dispatch: Passes messages to handlers.
        planned: Calls that were put off: seconds and function.
    """

    def __init__(
        self,
        *,
        words: Path | None = None,
        identity: Identity | None = None,
        store: MemoryStore | None = None,
        cluster: str = "",
        **rules: Any,
    ) -> None:
        """Begin without clients.

        Args:
            words: The list of words that the text filter removes.
            identity: How users get their ids.
            store: A store with data from before a restart.
            cluster: The URL of the broker; empty for a server alone.
            rules: Rules that differ from the preset quick.
        """
        self._hub = make_test_hub(standing_at=START)
        self.throttle = make_test_throttle(standing_at=START)
        self.planned: list[tuple[float, Callable[[], None]]] = []
        self.context = make_context(
            Settings(
                rules=RuleSettings(**rules),
                chat=ChatSettings(keep="permanent"),
                cluster=ClusterSettings(url=cluster),
                words_file=words,
            ),
            store or MemoryStore(),
            KeyRing(None, 1),
            self._later,
            lambda: None,
            hub=self._hub,
            throttle=self.throttle,
            identity=identity or Identity("ip", "one", "two", subscriber),
            outbound=_RecordingOutbound,
        )
        self.dispatch = Dispatch(self.context)
        self._clients = 0

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        self.planned.append((seconds, call))

    @property
    def outbound(self) -> _RecordingOutbound:
        """The recorder of what handlers send."""
        outbound = self.context.outbound
        assert isinstance(outbound, _RecordingOutbound)
        return outbound

    def wait(self, seconds: float) -> None:
        """Advance the clock."""
        self._hub.advance_clock(seconds)
        self.throttle.advance_clock(seconds)

    def open(self, user_id: str = "", **session: Any) -> FakeClient:
        """Open a session that has not sent `hi` yet; without an id the user is new."""
        self._clients += 1
        number = _UNKNOWN_CLIENT + self._clients
        user_id = user_id or f"{self._clients:024x}"
        return FakeClient(self, Session(number, _Connection(), user_id, **session))

    def enter(self, room: str | None = None, *, user_id: str = "", **wanted: Any) -> FakeClient:
        """Open a session that has sent `hi` and, if a room is given, has joined it."""
        client = self.open(user_id)
        client.send("hi")
        client.id = client.received()[0]["u"]["_id"]
        if room is not None:
            client.send("ch", id_=room, set=wanted)
        return client

    def staff(self, room: str | None = None, *, scope: Scope = "admin") -> FakeClient:
        """Open a session of staff with this scope."""
        client = self.enter(room)
        client.session.scope = scope
        client.session.permissions = permissions_of(scope)
        return client

    def end(self, client: FakeClient) -> None:
        """End a client's connection."""
        self.dispatch.ended(client.session)

    def holder(self, room: str) -> str | None:
        """Return the id of the holder of a room's crown."""
        holder = self.context.directory.rooms[room].holder
        return None if holder is None else holder.id

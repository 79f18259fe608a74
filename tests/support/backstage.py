"""The world without a server: messages go straight to their handlers, and the clock stands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from fortepiano.config import ChatSettings, RuleSettings, Settings
from fortepiano.handlers.dispatch import Dispatch
from fortepiano.model.identity import Identity
from fortepiano.model.notice_codes import Code
from fortepiano.model.permissions import permissions_of
from fortepiano.model.room import Room
from fortepiano.model.session import Session
from fortepiano.native import Hub, Throttle
from fortepiano.protocol.outbound import Outbound
from fortepiano.server.assembly import make_context
from fortepiano.store.keyring import KeyRing
from fortepiano.store.memory import MemoryStore
from fortepiano.store.records import Scope

__all__ = ["START", "Actor", "Backstage"]

START = 1_795_300_000_000
"""Where the clock stands at first: milliseconds since 1970."""

_UNKNOWN_CLIENT = 1_000_000
"""The hub knows nobody of such a number, and so says nothing to him."""


class _Closed:
    """A connection under a session, of which only its end is of interest."""

    code: int | None = None

    def close(self, code: int, reason: str = "") -> None:
        self.code = code


class _Overheard(Outbound):
    """Remembers what is said to one session alone, and to all in a room."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.told: dict[Session, list[dict[str, Any]]] = {}
        self.said: dict[str, list[dict[str, Any]]] = {}

    def broadcast(self, room: Room, message: dict[str, Any]) -> None:
        self.said.setdefault(room.name, []).append(message)
        super().broadcast(room, message)

    def send(self, session: Session, messages: list[dict[str, Any]]) -> None:
        self.told.setdefault(session, []).extend(messages)

    def _may_notify(self, session: Session, code: Code) -> bool:
        # The hub knows nobody of these numbers, and so keeps no time for them.
        return self._is_due(session, code)


class Actor:
    """Somebody with one connection.

    Attributes:
        session: The connection.
        id: The user id.
        token: What `hi` gave it to keep.
        reply: What it was told upon `hi`.
    """

    def __init__(self, backstage: Backstage, session: Session) -> None:
        """Take part; see `Backstage.enter`."""
        self._backstage = backstage
        self.session = session
        self.id = ""
        self.token: str | None = None
        self.reply: list[dict[str, Any]] = []

    def send(self, m: str, **fields: Any) -> None:
        """Send a message; `id_` is the key `_id`."""
        if "id_" in fields:
            fields["_id"] = fields.pop("id_")
        self._backstage.dispatch.receive(self.session, orjson.dumps({"m": m} | fields))

    def heard(self) -> list[dict[str, Any]]:
        """Return what was said to this session alone since the last time."""
        return self._backstage.outbound.told.pop(self.session, [])

    @property
    def closed(self) -> int | None:
        """The code it was closed with."""
        connection = self.session.connection
        assert isinstance(connection, _Closed)
        return connection.code

    @property
    def room(self) -> str | None:
        """The name of the room it is in."""
        participant = self.session.participant
        return None if participant is None else participant.room.name


class Backstage:
    """Handlers and the model, without an event loop.

    Attributes:
        context: The world.
        dispatch: Where messages go.
        planned: What was to be called later: seconds and the function.
    """

    def __init__(
        self,
        *,
        words: Path | None = None,
        identity: Identity | None = None,
        store: MemoryStore | None = None,
        **rules: Any,
    ) -> None:
        """Begin with nobody; `rules` differ from the preset quick.

        What is in the `store`, if there is one, is as it was before a restart.
        """
        self._hub = Hub(standing_at=START)
        self.throttle = Throttle(standing_at=START)
        self.planned: list[tuple[float, Callable[[], None]]] = []
        self.context = make_context(
            Settings(
                rules=RuleSettings(**rules),
                chat=ChatSettings(keep="permanent"),
                words_file=words,
            ),
            store or MemoryStore(),
            KeyRing(None, 1),
            self._later,
            lambda: None,
            hub=self._hub,
            throttle=self.throttle,
            identity=identity or Identity("ip", "one", "two"),
            outbound=_Overheard,
        )
        self.dispatch = Dispatch(self.context)
        self._actors = 0

    def _later(self, seconds: float, what: Callable[[], None]) -> None:
        self.planned.append((seconds, what))

    @property
    def outbound(self) -> _Overheard:
        """What is said."""
        outbound = self.context.outbound
        assert isinstance(outbound, _Overheard)
        return outbound

    def wait(self, seconds: float) -> None:
        """Turn the clock on."""
        self._hub.advance_clock(seconds)
        self.throttle.advance_clock(seconds)

    def open(self, user_id: str = "", **session: Any) -> Actor:
        """Let in somebody who has not said `hi` yet; without an id he is new."""
        self._actors += 1
        client = _UNKNOWN_CLIENT + self._actors
        known_as = user_id or f"{self._actors:024x}"
        return Actor(self, Session(client, _Closed(), known_as, **session))

    def enter(self, room: str | None = None, *, user_id: str = "", **wanted: Any) -> Actor:
        """Let in somebody who has said `hi` and gone into a room."""
        actor = self.open(user_id)
        actor.send("hi")
        actor.id = actor.heard()[0]["u"]["_id"]
        if room is not None:
            actor.send("ch", id_=room, set=wanted)
        return actor

    def staff(self, room: str | None = None, *, scope: Scope = "admin") -> Actor:
        """Let in somebody of the staff."""
        actor = self.enter(room)
        actor.session.scope = scope
        actor.session.permissions = permissions_of(scope)
        return actor

    def end(self, actor: Actor) -> None:
        """End somebody's connection."""
        self.dispatch.ended(actor.session)

    def holder(self, room: str) -> str | None:
        """Return the id of who holds a room's crown."""
        holder = self.context.directory.rooms[room].holder
        return None if holder is None else holder.id

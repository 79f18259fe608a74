"""From a message to its handler: the table, and what happens when a handler fails."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fortepiano.handlers import chat, hello, profile, rooms
from fortepiano.logs import logger
from fortepiano.protocol import shapes
from fortepiano.protocol.decode import decode, kind_of, shaped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fortepiano.model.session import Session
    from fortepiano.protocol.context import Context
    from fortepiano.protocol.outbound import Message

__all__ = ["TABLE", "Dispatch", "Entry"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A kind of message.

    Attributes:
        shape: What it looks like.
        handler: What it does. A list that it returns answers the sender, None answers nothing.
        before_hello: Whether it counts before `hi`.
    """

    shape: type[shapes.Shape]
    handler: Callable[[Context, Session, Any], list[Message] | None]
    before_hello: bool = False


TABLE: Mapping[str, Entry] = {
    "hi": Entry(shapes.Hello, hello.hi, before_hello=True),
    "devices": Entry(shapes.Devices, hello.devices, before_hello=True),
    "bye": Entry(shapes.Bye, hello.bye, before_hello=True),
    "ch": Entry(shapes.Join, rooms.ch),
    "+ls": Entry(shapes.ListOn, rooms.list_on),
    "-ls": Entry(shapes.ListOff, rooms.list_off),
    "userset": Entry(shapes.Profile, profile.userset),
    "a": Entry(shapes.Chat, chat.a),
}
"""All messages that Python handles; `n`, `m` and `t` end in the native core."""


class Dispatch:
    """Hands messages to handlers.

    Args:
        context: What handlers work with.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._log = logger(__name__)
        self._reported: set[tuple[str, type[BaseException], int]] = set()

    def receive(self, session: Session, raw: bytes) -> None:
        """Handle one message; one that is malformed is ignored, and one that fails is lost.

        Args:
            session: Where it came from.
            raw: A JSON object, strict UTF-8.
        """
        kind = ""
        try:
            message = decode(raw)
            kind = kind_of(message)
            entry = TABLE.get(kind)
            if entry is None or not (entry.before_hello or session.user is not None):
                return
            shape = shaped(message, entry.shape)
            if shape is None:
                return
            answer = entry.handler(self._context, session, shape)
            if answer:
                self._context.outbound.tell(session, answer)
        except Exception as error:
            self._report(kind, error)

    def ended(self, session: Session) -> None:
        """Take a session whose connection has ended out of the world."""
        try:
            hello.ended(self._context, session)
        except Exception as error:
            self._report("", error)

    def _report(self, kind: str, error: Exception) -> None:
        """Log a failure with its cause, once for each place, so that nobody can flood the log."""
        frames = traceback.extract_tb(error.__traceback__)
        place = (frames[-1].filename, type(error), frames[-1].lineno or 0)
        if place not in self._reported:
            self._reported.add(place)
            self._log.error("handler failed", m=kind, exc_info=error)

"""From a message to its handler: the table, and what happens when a handler fails."""

from __future__ import annotations

import sys
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fortepiano.handlers import (
    admin,
    chat,
    crown,
    custom,
    hello,
    moderation,
    networks,
    profile,
    rooms,
    staff,
)
from fortepiano.logs import logger
from fortepiano.model.identity import OFFERED_BITS
from fortepiano.native import scan
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
        handler: What it does. A list that it returns answers the sender, None answers nothing; a
            single message is handled in its place, without rate limits.
        before_hello: Whether it counts before `hi`.
    """

    shape: type[shapes.Shape]
    handler: Callable[[Context, Session, Any], list[Message] | Message | None]
    before_hello: bool = False


TABLE: Mapping[str, Entry] = {
    "hi": Entry(shapes.Hello, hello.hi, before_hello=True),
    "devices": Entry(shapes.Devices, hello.devices, before_hello=True),
    "bye": Entry(shapes.Bye, hello.bye, before_hello=True),
    "ch": Entry(shapes.Join, rooms.ch),
    "+ls": Entry(shapes.ListOn, rooms.list_on),
    "-ls": Entry(shapes.ListOff, rooms.list_off),
    "chset": Entry(shapes.RoomSettings, crown.chset),
    "chown": Entry(shapes.Crowning, crown.chown),
    "coowner": Entry(shapes.CoOwner, crown.coowner),
    "invite": Entry(shapes.Invite, crown.invite),
    "userset": Entry(shapes.Profile, profile.userset),
    "a": Entry(shapes.Chat, chat.a),
    "dm": Entry(shapes.Direct, chat.dm),
    "kickban": Entry(shapes.Ban, moderation.kickban),
    "unban": Entry(shapes.Unban, moderation.unban),
    "bans": Entry(shapes.Bans, moderation.bans),
    "mute": Entry(shapes.MuteOne, moderation.mute),
    "+custom": Entry(shapes.CustomOn, custom.custom_on),
    "-custom": Entry(shapes.CustomOff, custom.custom_off),
    "custom": Entry(shapes.Custom, custom.custom),
    "clearchat": Entry(shapes.ClearChat, staff.clearchat),
    "v": Entry(shapes.Vanish, staff.v),
    "siteban": Entry(shapes.SiteBan, staff.siteban),
    "setcolor": Entry(shapes.SetColor, staff.setcolor),
    "setname": Entry(shapes.SetName, staff.setname),
    "admin message": Entry(shapes.Admin, admin.admin_message),
}
"""All messages that Python handles; `n`, `m` and `t` end in the native core."""

_LENGTH_BYTES = 4


def _nothing() -> None:
    """Stir nobody."""


class Dispatch:
    """Hands messages to handlers.

    Args:
        context: What handlers work with.

    Attributes:
        stir: Called at each message, and at the end of each session.
    """

    def __init__(self, context: Context) -> None:
        self.stir: Callable[[], None] = _nothing
        self._context = context
        self._log = logger(__name__)
        self._reported: set[tuple[str, type[BaseException], int]] = set()

    def receive(self, session: Session, raw: bytes) -> None:
        """Handle one message; one that is malformed is ignored, and one that fails is lost.

        Args:
            session: Where it came from.
            raw: A JSON object, strict UTF-8.
        """
        self.stir()
        kind = ""
        try:
            message = decode(raw)
            kind = kind_of(message)
            self._context.counters.received[kind if kind in TABLE else "other"] += 1
            self._handle(session, kind, message, is_limited=session.scope is None)
        except Exception as error:
            self._report(kind, error)

    def receive_binary(self, session: Session, data: bytes) -> None:
        """Handle a binary message; only the binary form of `custom` is one, others are ignored.

        Args:
            session: Where it came from.
            data: A big-endian length in 4 bytes, a JSON object of that length, a payload.
        """
        self.stir()
        try:
            if session.user is None:
                return
            end = _LENGTH_BYTES + int.from_bytes(data[:_LENGTH_BYTES])
            elements = scan(b"[%b]" % data[_LENGTH_BYTES:end])
            if len(data) < end or elements is None or len(elements) != 1:
                return
            element = elements[0]
            if element[0] != "cold":
                return
            message = decode(element[1])
            shape = shaped(message, shapes.Custom) if kind_of(message) == "custom" else None
            if isinstance(shape, shapes.Custom) and shape.is_valid(self._context.rules):
                self._context.counters.received["custom"] += 1
                custom.custom_binary(self._context, session, shape, data[end:])
        except Exception as error:
            self._report("custom", error)

    def _handle(
        self, session: Session, kind: str, message: dict[str, Any], *, is_limited: bool
    ) -> None:
        entry = TABLE.get(kind)
        if entry is None or not (entry.before_hello or session.user is not None):
            return
        shape = shaped(message, entry.shape)
        if shape is None or not shape.is_valid(self._context.rules):
            return
        if is_limited and self._is_too_fast(session, kind):
            self._context.counters.too_fast[kind] += 1
            self._context.outbound.refuse(
                session, f"rate {kind}", f"You are sending `{kind}` too fast."
            )
            return
        answer = entry.handler(self._context, session, shape)
        if isinstance(answer, dict):
            # A message within a message of staff.
            self._handle(session, kind_of(answer), answer, is_limited=False)
        elif answer:
            self._context.outbound.tell(session, answer)

    def _is_too_fast(self, session: Session, kind: str) -> bool:
        """Take a token out of the session's bucket for a kind; whether there was none.

        A bucket is one number: the time at which it will be full again.
        """
        participant = session.participant
        is_holder = participant is not None and participant.room.holder is participant
        rate = self._context.rules.rate(kind, holder=is_holder)
        if rate is None:
            return False
        if session.buckets is None:
            session.buckets = {}
        now, interval = self._context.now(), 1000 / rate.per_second
        full = max(session.buckets.get(kind, 0.0), now) + interval
        if full - now > rate.burst * interval:
            return True
        # Interned: else ten thousand sessions keep ten thousand copies of each kind.
        session.buckets[sys.intern(kind)] = full
        return False

    def ended(self, session: Session) -> None:
        """Take a session whose connection has ended out of the world."""
        self.stir()
        try:
            hello.ended(self._context, session)
        except Exception as error:
            self._report("", error)

    def follow_store(self) -> None:
        """Take over the bans that other processes have put into the store."""
        staff.take_over_bans(self._context)

    def networks_of(self, who: str, bits: int) -> tuple[str, list[str]]:
        """Return the networks around somebody, for the operator: see `staff.networks_of`."""
        if bits not in OFFERED_BITS:
            return f"of a network {', '.join(map(str, OFFERED_BITS))} bits can be banned", []
        return staff.networks_of(self._context, "admin", who, bits)

    def follow_networks(self) -> None:
        """Show those out whose networks are kept out by now."""
        networks.keep_out(self._context)

    def _report(self, kind: str, error: Exception) -> None:
        """Log a failure with its cause, once for each place, so that nobody can flood the log."""
        self._context.counters.failures += 1
        frames = traceback.extract_tb(error.__traceback__)
        place = (frames[-1].filename, type(error), frames[-1].lineno or 0)
        if place not in self._reported:
            self._reported.add(place)
            self._log.error("handler failed", m=kind, exc_info=error)

"""Dispatches messages to their handlers, by a table; logs handlers that fail."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from fortepiano.actions.ban import networks_of
from fortepiano.actions.ban_enforcement import merge_bans
from fortepiano.actions.refusal import RefusedError
from fortepiano.actions.staff_rights import enforce_tokens
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
from fortepiano.handlers.decode import decode, kind_of, shaped
from fortepiano.handlers.from_nodes import FromNodes
from fortepiano.model.elsewhere import Postponed
from fortepiano.model.identity import OFFERED_BITS
from fortepiano.model.notice_codes import Code
from fortepiano.observe.logs import logger
from fortepiano.protocol import custom_binary, incoming, staff_incoming
from fortepiano.protocol.notices import MALFORMED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fortepiano.model.session import Session
    from fortepiano.protocol.context import Context
    from fortepiano.protocol.room_messages import Message
    from fortepiano.protocol.shape import Shape

__all__ = ["TABLE", "Dispatch", "Entry"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A type of message.

    Attributes:
        shape: The class of the message.
        handler: The function that handles it, from the context, the session and the message. The
            messages that it returns are sent to the sender; so is the notice of a `RefusedError`.
        before_hello: Whether it is handled before `hi`.
        is_lenient: Whether it is handled even if a value is malformed; the sender gets a notice.
        is_envelope: Whether another message is in it: then the handler is given `redispatch` too.
        of_room: Whether the home of the sender's room handles it.
        user_named: Returns the user, if any, who has to be looked for at all nodes before the
            handler is called, from the session and the message.
        may_go: Tells whether it may go there if that is another node, which does not know the
            sender's address; sends a notice if not. None if it always may.
    """

    shape: type[Shape]
    handler: Callable[..., list[Message] | None]
    before_hello: bool = False
    is_lenient: bool = False
    is_envelope: bool = False
    of_room: bool = False
    user_named: Callable[[Session, Any], str | None] | None = None
    may_go: Callable[[Context, Session], bool] | None = None

    def __post_init__(self) -> None:
        """Resolve the shape before the first message of its type."""
        self.shape.resolve()


TABLE: Mapping[str, Entry] = {
    "hi": Entry(incoming.Hello, hello.hello, before_hello=True),
    "devices": Entry(incoming.Devices, hello.devices, before_hello=True),
    "bye": Entry(incoming.Bye, hello.bye, before_hello=True),
    "ch": Entry(incoming.JoinRoom, rooms.join_room),
    "+ls": Entry(incoming.ListOn, rooms.list_on),
    "-ls": Entry(incoming.ListOff, rooms.list_off),
    "chset": Entry(incoming.RoomSettings, crown.chset, of_room=True),
    "chown": Entry(incoming.Chown, crown.chown, is_lenient=True, of_room=True),
    "coowner": Entry(incoming.CoOwner, crown.coowner, of_room=True),
    "invite": Entry(incoming.Invite, crown.invite, of_room=True),
    "userset": Entry(incoming.Profile, profile.userset),
    "a": Entry(incoming.Chat, chat.chat, of_room=True, may_go=chat.may_chat_from_network),
    "dm": Entry(incoming.DirectMessage, chat.dm, of_room=True, may_go=chat.may_chat_from_network),
    "kickban": Entry(
        incoming.KickBan, moderation.kickban, of_room=True, user_named=moderation.user_named
    ),
    "unban": Entry(incoming.Unban, moderation.unban, of_room=True),
    "bans": Entry(incoming.Bans, moderation.bans, of_room=True),
    "mute": Entry(incoming.MuteUser, moderation.mute, of_room=True),
    "+custom": Entry(incoming.CustomOn, custom.custom_on),
    "-custom": Entry(incoming.CustomOff, custom.custom_off),
    "custom": Entry(incoming.Custom, custom.custom),
    "clearchat": Entry(staff_incoming.ClearChat, staff.clearchat, of_room=True),
    "v": Entry(staff_incoming.Vanish, staff.vanish),
    "siteban": Entry(staff_incoming.SiteBan, staff.siteban, user_named=staff.user_named),
    "setcolor": Entry(staff_incoming.SetColor, staff.setcolor, user_named=staff.user_named),
    "setname": Entry(staff_incoming.SetName, staff.setname, user_named=staff.user_named),
    "admin message": Entry(
        staff_incoming.Admin, admin.admin_message, is_envelope=True, user_named=admin.user_named
    ),
}
"""All messages that Python handles; the native core handles `n`, `m` and `t` itself."""


_NEVER_WAIT = frozenset({"hi", "devices", "bye"})
"""Kinds that are handled at once, whatever the subscriber has made the server send."""


def _is_of_room(entry: Entry, shape: Shape) -> bool:
    """Tell whether the home of the sender's room handles a message."""
    if not isinstance(shape, staff_incoming.Admin):
        return entry.of_room
    if admin.is_act(shape):
        return admin.is_about_own_room(shape)
    inner = TABLE.get(kind_of(shape.msg))
    return inner is not None and inner.of_room


def _has_budget(session: Session) -> bool:
    """Tell whether what a session makes the server send is bounded, as staff's is not."""
    return session.is_limited and session.scope is None


def _nothing() -> None:
    """Default `on_activity`: do nothing."""


class Dispatch:
    """Passes messages to their handlers.

    Args:
        context: The context of the handlers.
        on_activity: Called at each message, and at the end of each session.

    Attributes:
        from_nodes: Handles what other nodes of a cluster ask for.
    """

    def __init__(self, context: Context, on_activity: Callable[[], None] = _nothing) -> None:
        self._on_activity = on_activity
        self._context = context
        self._log = logger(__name__)
        self._reported: set[tuple[str, type[BaseException], int]] = set()
        self.from_nodes = FromNodes(context, self._forwarded, self._report, self.follow_store)

    def receive(self, session: Session, raw: bytes) -> None:
        """Handle one message; a malformed one changes nothing, and a failing handler is logged.

        Args:
            session: The session that sent the message.
            raw: A JSON object, strict UTF-8.
        """
        self._on_activity()
        kind = ""
        try:
            message = decode(raw)
            kind = kind_of(message)
            may_wait = kind in TABLE and kind not in _NEVER_WAIT
            if may_wait and self._must_wait(session):
                handle = partial(self._receive, session, kind, message, raw)
                self._wait(session, kind, len(raw), handle)
                return
        except Exception as error:
            self._report(kind, error)
            return
        self._receive(session, kind, message, raw)

    def _receive(self, session: Session, kind: str, message: dict[str, Any], raw: bytes) -> None:
        """Handle a decoded message, and charge its subscriber for what the server sends."""
        if self._context.elsewhere.is_waiting(session):
            handle = partial(self._receive, session, kind, message, raw)
            self._context.elsewhere.postpone(session, Postponed(raw, handle))
            return
        queued = self._context.hub.queued_bytes
        try:
            self._context.counters.received[kind if kind in TABLE else "other"] += 1
            self._handle(session, kind, message, raw, is_limited=session.scope is None)
        except Exception as error:
            self._report(kind, error)
        self._charge(session, queued)

    def _must_wait(self, session: Session) -> bool:
        return _has_budget(session) and self._context.waiting.must_wait(session)

    def _wait(self, session: Session, kind: str, size: int, handle: Callable[[], None]) -> None:
        """Let a message wait; refuse it if too many of its session wait already."""
        self._context.counters.waited += 1
        if not self._context.waiting.add(session, kind, size, handle):
            self._refuse_haste(session, kind)

    def _charge(self, session: Session, queued: int) -> None:
        """Charge a subscriber for the bytes queued since the hub had queued so many."""
        context = self._context
        caused = context.hub.queued_bytes - queued
        if caused and _has_budget(session):
            context.budget.charge(session, caused, context.now())

    def receive_binary(self, session: Session, data: bytes) -> None:
        """Handle a binary message: the binary form of `custom`; all others are ignored.

        Args:
            session: The session that sent the message.
            data: The message; see `protocol/custom_binary.py`.
        """
        self._on_activity()
        if self._must_wait(session):
            handle = partial(self._receive_binary, session, data)
            self._wait(session, "custom", len(data), handle)
        else:
            self._receive_binary(session, data)

    def _receive_binary(self, session: Session, data: bytes) -> None:
        if self._context.elsewhere.is_waiting(session):
            handle = partial(self._receive_binary, session, data)
            self._context.elsewhere.postpone(session, Postponed(data, handle, is_binary=True))
            return
        queued = self._context.hub.queued_bytes
        try:
            if session.user is None:
                return
            decoded = custom_binary.decode(data, self._context.hub.strict_object)
            if decoded is None:
                return
            message, payload = decoded
            shape = shaped(message, incoming.Custom)
            if shape is not None:
                self._context.counters.received["custom"] += 1
                custom.custom_binary(self._context, session, shape, payload)
        except Exception as error:
            self._report("custom", error)
        self._charge(session, queued)

    def _handle(
        self,
        session: Session,
        kind: str,
        message: dict[str, Any],
        raw: bytes | None = None,
        *,
        is_limited: bool,
    ) -> None:
        """Check a message and handle it here, or let the home of its room do so.

        Args:
            session: The session that sent the message.
            kind: The message's `m`.
            message: The message.
            raw: The message as JSON; None to handle it here in any case.
            is_limited: Whether the kind's rate applies.
        """
        entry = TABLE.get(kind)
        if entry is None or not (entry.before_hello or session.user is not None):
            return
        outbound, rules = self._context.outbound, self._context.rules
        shape = shaped(message, entry.shape)
        fault = entry.shape.misfit(message) if shape is None else shape.fault(rules)
        if fault is not None:
            outbound.notify_once(session, fault, MALFORMED[fault])
        if shape is None or (fault is not None and not entry.is_lenient):
            return
        if fault is None and is_limited and self._is_too_fast(session, kind):
            self._refuse_haste(session, kind)
            return
        if raw is None or not self._forward(session, entry, shape, raw):
            self._run(session, entry, shape)

    def _forward(self, session: Session, entry: Entry, shape: Shape, raw: bytes) -> bool:
        """Pass a message to the home of its room; return False to handle it here."""
        if isinstance(shape, staff_incoming.Admin):
            named = admin.room_named(self._context, session, shape)
            if named is not None:
                call = partial(self._try_to_run, session, entry, shape)
                self._context.elsewhere.at_home(session, named, raw, call)
                return True
        if session.stay is None or not _is_of_room(entry, shape):
            return False
        may_go = entry.may_go is None or entry.may_go(self._context, session)
        return not may_go or self._context.elsewhere.forward(session, raw)

    def _run(self, session: Session, entry: Entry, shape: Shape) -> None:
        """Call the handler of a message; look before for the user whom the message names."""
        named = None if entry.user_named is None else entry.user_named(session, shape)
        if named is None or self._context.directory.online(named) is not None:
            self._call(session, entry, shape)
        else:
            call = partial(self._try_to_run, session, entry, shape)
            self._context.elsewhere.when_online(session, named, call)

    def _try_to_run(self, session: Session, entry: Entry, shape: Shape) -> None:
        """Call the handler of a message that may have waited, unless its session has ended."""
        if session.user is not None:
            try:
                self._call(session, entry, shape)
            except Exception as error:
                self._report(entry.shape.__name__, error)

    def _call(self, session: Session, entry: Entry, shape: Shape) -> None:
        """Call the handler of a message, and send its answer."""
        more = (self.redispatch,) if entry.is_envelope else ()
        try:
            answer = entry.handler(self._context, session, shape, *more)
        except RefusedError as refused:
            refused.send(self._context, session)
            return
        if answer:
            self._context.outbound.send(session, answer)

    def _forwarded(self, session: Session, raw: bytes) -> None:
        """Handle a message that another node has checked, where its notices and rates were."""
        message = decode(raw)
        entry = TABLE.get(kind_of(message))
        shape = None if entry is None else shaped(message, entry.shape)
        if entry is not None and shape is not None and session.user is not None:
            self._run(session, entry, shape)

    def _refuse_haste(self, session: Session, kind: str) -> None:
        self._context.counters.too_fast[kind] += 1
        self._context.outbound.notify_once(
            session, Code.TOO_FAST, f"You are sending `{kind}` too fast."
        )

    def redispatch(self, session: Session, message: dict[str, Any]) -> None:
        """Handle the message inside another one, without rate limits.

        Args:
            session: The session that sent both.
            message: The inner message, decoded.
        """
        kind = kind_of(message)
        if kind in TABLE:
            self._handle(session, kind, message, is_limited=False)
        else:
            self._context.outbound.notify_once(session, Code.NOT_FOUND, "There is no such message.")

    def _is_too_fast(self, session: Session, kind: str) -> bool:
        """Take a token for a message; return whether there was none."""
        context, participant, stay = self._context, session.participant, session.stay
        is_holder = participant is not None and participant.room.holder is participant
        is_holder = is_holder or (stay is not None and stay.is_holder)
        rate = context.rules.rate(kind, holder=is_holder)
        return rate is not None and not context.rates.take(session, kind, rate, context.now())

    def ended(self, session: Session) -> None:
        """Remove a session whose connection has ended."""
        self._on_activity()
        self._context.waiting.discard(session)
        queued = self._context.hub.queued_bytes
        try:
            hello.ended(self._context, session)
        except Exception as error:
            self._report("", error)
        self._charge(session, queued)

    def follow_store(self) -> None:
        """Enforce the bans and the ends of tokens that other processes have written."""
        if enforce_tokens(self._context):
            # A network list lets some in for their tokens.
            self.follow_networks()
        merge_bans(self._context)

    def networks_of(self, user_id: str, bits: int) -> tuple[str, list[str]]:
        """Return the ids of the networks around a user, for a command of the operator.

        Args:
            user_id: The user.
            bits: The prefix length; a key of `OFFERED_BITS`.

        Returns:
            A problem in words, empty if there is none, and the ids.
        """
        if bits not in OFFERED_BITS:
            return f"of a network {', '.join(map(str, OFFERED_BITS))} bits can be banned", []
        try:
            return "", networks_of(self._context, "admin", user_id, bits)
        except RefusedError as refused:
            return refused.why, []

    def follow_networks(self) -> None:
        """Close the sessions that the present network lists refuse."""
        networks.enforce_network_lists(self._context)

    def _report(self, kind: str, error: Exception) -> None:
        """Log a failure with its cause, once per line of code, so that nobody can flood the log."""
        self._context.counters.failures += 1
        frames = traceback.extract_tb(error.__traceback__)
        key = (frames[-1].filename, type(error), frames[-1].lineno or 0)
        if key not in self._reported:
            self._reported.add(key)
            self._log.error("handler failed", m=kind, exc_info=error)

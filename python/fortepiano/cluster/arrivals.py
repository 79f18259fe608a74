"""All that comes from other nodes, and the part that handles each of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from fortepiano.cluster import messages
from fortepiano.cluster.stays import quota_class
from fortepiano.observe.logs import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fortepiano.cluster.bus import Event
    from fortepiano.cluster.parts import Parts
    from fortepiano.cluster.stays import OwnStay

__all__ = ["Arrivals"]

_Handle: TypeAlias = "Callable[[int, Any], object]"
"""Handles a message; given the number of its node first."""

_HandleOfStay: TypeAlias = "Callable[[OwnStay, Any], object]"
"""Handles a message of a home about a stay that has not ended."""

_log = logger(__name__)


class Arrivals:
    """Hands out what comes from other nodes.

    Args:
        parts: The parts of this node.

    Attributes:
        resyncs: How often a home was asked for all about a room since the start.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.resyncs = 0
        self._events: dict[str, Callable[..., object]] = {
            "message": self._on_payload,
            "entered": self._on_entered,
            "close": self._on_close,
            "gap": self._on_gap,
            "unheard": self._on_unheard,
        }
        self._messages = self._of_sessions() | self._of_nodes() | parts.everybody.routes()
        self._answers = self._of_homes()

    def _of_sessions(self) -> dict[type[messages.Message], _Handle]:
        """Return what handles the messages about sessions of other nodes."""
        remotes = self._parts.remotes
        return {
            messages.Join: remotes.on_join,
            messages.Leave: remotes.on_leave,
            messages.Forward: remotes.on_forward,
            messages.Rights: remotes.on_rights,
            messages.Resync: remotes.on_resync,
            messages.Errand: remotes.on_errand,
            messages.Present: remotes.on_present,
        }

    def _of_nodes(self) -> dict[type[messages.Message], _Handle]:
        """Return what handles the messages of nodes, and of operators at them."""
        parts = self._parts
        return {
            messages.Profile: lambda _, message: parts.profiles.adopt(message),
            messages.Merge: lambda _, message: parts.islands.on_merge(message),
            messages.Handed: parts.islands.on_handed,
            messages.Lost: lambda _, message: self._lose(message.stays),
            messages.Unsynced: lambda nid, _: self._on_unsynced(nid),
            messages.Ask: parts.asking.on_ask,
            messages.Told: parts.asking.on_told,
            messages.Watch: lambda nid, _: parts.watching.on_watch(nid),
            messages.Happened: parts.watching.on_happened,
        }

    def _of_homes(self) -> dict[type[messages.Message], _HandleOfStay]:
        """Return what handles the messages of homes about stays."""
        journeys, outbound = self._parts.journeys, self._parts.context.outbound
        return {
            messages.Admitted: lambda stay, _: self._on_admitted(stay),
            messages.Refused: lambda stay, it: journeys.on_refused(stay, may_stay=it.may_stay),
            messages.Redirect: lambda stay, it: journeys.on_redirected(stay, it.room),
            messages.NotHome: lambda stay, _: journeys.on_not_home(stay),
            messages.Move: self._on_move,
            messages.Standing: self._on_standing,
            messages.Notice: lambda stay, it: outbound.notify_once(stay.session, it.code, it.why),
            messages.Charge: lambda stay, it: self._parts.handlers().charge(stay.session, it.size),
        }

    def on_event(self, event: Event) -> None:
        """Handle what the hub leaves to Python of the publications of other nodes.

        Args:
            event: The result of `Hub.receive_publication`.
        """
        kind, *rest = event
        handle = self._events.get(kind)
        if handle is not None and rest[0] not in self._parts.homes.gone:
            handle(*rest)

    def _on_payload(self, nid: int, payload: bytes) -> None:
        try:
            message = messages.decode(payload)
        except msgspec.MsgspecError as error:
            _log.warning("a message of another node is not understood", why=str(error))
            return
        handle, answer = self._messages.get(type(message)), self._answers.get(type(message))
        if handle is not None:
            handle(nid, message)
        elif answer is not None:
            stay = self._parts.stays.get(getattr(message, "stay", 0))
            if stay is not None:
                answer(stay, message)

    # Events of the hub

    def _on_entered(self, _nid: int, number: int, _epoch: int, participant: int) -> None:
        stay = self._parts.stays.get(number)
        if stay is not None:
            self._parts.journeys.on_entered(stay, participant)

    def _on_close(self, _nid: int, number: int, code: int, reason: str) -> None:
        stay = self._parts.stays.get(number)
        if stay is not None:
            stay.session.connection.close(code, reason)

    def _on_gap(self, nid: int, epoch: int) -> None:
        """Ask for what is missing of a room, or of all that two nodes have in common."""
        if epoch:
            self.resync(epoch)
            return
        self._resync_all(nid)
        self._parts.mail.post(nid, messages.Unsynced())

    def _on_unheard(self, nid: int) -> None:
        """Let people go on without a home that does not hear this node."""
        self._parts.context.hub.cut_replicas(nid)
        for replica in self._parts.stays.replicas(nid):
            replica.is_silent = True

    # Gaps

    def _on_unsynced(self, nid: int) -> None:
        """Ask a node for everything that it may not have been able to send."""
        self._resync_all(nid)
        self._parts.mail.post(nid, messages.Present(self._parts.stays.numbers()))

    def _resync_all(self, nid: int) -> None:
        for replica in self._parts.stays.replicas(nid):
            self.resync(replica.home.epoch)
        self._parts.everybody.listings.ask(nid)

    def resync(self, epoch: int) -> None:
        """Ask the home of a room for all about it.

        Args:
            epoch: The home's reign.
        """
        replica = self._parts.stays.replica(epoch)
        if replica is None or replica.is_orphan:
            return
        here = [one for one in replica.stays.values() if one.session.stay is one]
        replica.is_new = not here
        for stay in list(replica.stays.values()):
            if stay not in here:
                # The question or its answer may be what is missing: the home may have the stay.
                leave = messages.Leave(stay.number)
                self._parts.mail.post(replica.home.nid, leave, replica.room)
                self._parts.journeys.on_lost(stay)
        if here:
            resync = messages.Resync(replica.name, epoch, [stay.number for stay in here])
            self.resyncs += 1
            self._parts.mail.post(replica.home.nid, resync, replica.room)
        self._parts.islands.send_kept(replica)

    def _lose(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            stay = self._parts.stays.get(number)
            if stay is not None:
                self._parts.journeys.on_lost(stay)

    # Messages of a home about a stay

    def _on_admitted(self, stay: OwnStay) -> None:
        self._parts.journeys.on_admitted(stay)
        self._parts.islands.on_admitted(stay)

    def _on_move(self, stay: OwnStay, message: messages.Move) -> None:
        self._parts.stays.end(stay)
        self._parts.handlers().place(stay.session, message.room, message.wanted)

    def _on_standing(self, stay: OwnStay, message: messages.Standing) -> None:
        stay.is_holder = message.is_holder
        stay.quota = quota_class(message.allowance, message.max)
        user = stay.session.user
        if user is not None and stay.session.stay is stay:
            self._parts.context.hub.set_quota(user.quota, message.allowance, message.max)

"""The list of rooms (`+ls`), and its changes for the sessions that have it open."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import orjson

from fortepiano.protocol.room_messages import channel, is_listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from fortepiano.config.live import Live
    from fortepiano.config.rules import Rules
    from fortepiano.model.ban_list import BanList
    from fortepiano.model.room import Room
    from fortepiano.model.session import Session
    from fortepiano.protocol.clock import Clock
    from fortepiano.protocol.outbound import Outbound

__all__ = ["RoomElsewhere", "RoomList", "people_of"]

_COLLECT_SECONDS = 0.25
"""How long changes of the list are collected before they are sent."""

_COLLECT_ELSEWHERE_SECONDS = 0.125
"""The same for changes that come from other nodes, which may have collected them for as long."""


class RoomElsewhere(msgspec.Struct, frozen=True):
    """A room whose home is another node of the cluster, as that node describes it.

    Attributes:
        name: The room's name.
        epoch: The reign of the home: of two nodes, the one with the greater number is right.
        count: The number of participants whom others see.
        is_listed: Whether the list shows the room.
        entry: The room as in `ls`, as JSON.
        people: The participants for known bots, as JSON; None where nobody may see them, or where
            no node has asked.
    """

    name: str
    epoch: int
    count: int
    is_listed: bool
    entry: bytes
    people: bytes | None = None


class _Shown(NamedTuple):
    """A room as the list shows it.

    Attributes:
        name: The room's name.
        entry: The room as in `ls`, as JSON.
        people: Returns the participants for known bots, as JSON; None if nobody may see them.
    """

    name: str
    entry: bytes
    people: Callable[[], bytes | None]


@dataclass(slots=True)
class _Complete:
    """The complete list, which all share who ask for it.

    Serialising 2000 rooms takes 3 ms, in which nobody else is served. Therefore only the entries of
    rooms that have changed are made anew.

    Attributes:
        rules: The rules of play that were in force when the list was made.
        changed: Names of rooms whose entries are out of date, in the order of the list.
        entries: The serialised entry of each room, by name.
        payload: The whole message; None if an entry has changed since it was made.
    """

    rules: Rules
    changed: dict[str, None]
    entries: dict[str, bytes] = field(default_factory=dict[str, bytes])
    payload: bytes | None = None

    def update(self, rooms: Mapping[str, Room], elsewhere: Mapping[str, RoomElsewhere]) -> None:
        """Serialise the rooms that have changed, and remove those that are not shown any more."""
        # An empty room ends without notice.
        gone = self.entries.keys() - rooms.keys() - elsewhere.keys()
        self.changed |= dict.fromkeys(gone)
        for name in self.changed:
            entry = self._entry(rooms.get(name), elsewhere.get(name))
            if entry is not None:
                self.entries[name] = entry
            else:
                self.entries.pop(name, None)
        if self.changed:
            self.payload = None
        self.changed.clear()

    def _entry(self, here: Room | None, elsewhere: RoomElsewhere | None) -> bytes | None:
        if elsewhere is not None:
            return elsewhere.entry if elsewhere.is_listed else None
        if here is None or not is_listed(here):
            return None
        return orjson.dumps(channel(here, self.rules))

    def message(self) -> bytes:
        """Return the whole message for a user who is not banned from any of the rooms."""
        if self.payload is None:
            self.payload = _message(self.entries.values(), is_complete=True)
        return self.payload


class RoomList:
    """Sends the list of rooms and its changes.

    Args:
        outbound: Sends messages to one client.
        live: The rules of play in force.
        bans: The bans; the list marks rooms from which its reader is banned.
        clock: The server's time.

    Attributes:
        elsewhere: The rooms whose homes are other nodes, by name; see `adopt`.
        on_change: Called with each room that the list shows differently, or that has ended.
        awaits_people: Asks other nodes for the participants of their rooms, for a known bot; tells
            whether they have yet to answer.
    """

    def __init__(
        self,
        outbound: Outbound,
        live: Live,
        bans: BanList,
        clock: Clock,
    ) -> None:
        self.elsewhere: dict[str, RoomElsewhere] = {}
        self.on_change: Callable[[Room], object] = lambda room: None
        self.awaits_people: Callable[[], bool] = lambda: False
        self._outbound = outbound
        self._live = live
        self._bans = bans
        self._clock = clock
        self._readers: dict[Session, None] = {}
        self._changes: dict[str, _Shown] = {}
        self._complete: _Complete | None = None
        self._awaiting: set[Session] = set()
        self._is_due, self._is_due_soon = False, False  # whether changes will be sent

    def start(self, session: Session, rooms: Mapping[str, Room]) -> None:
        """Send the list of rooms, and its changes from now on.

        A client that is behind gets the list a moment later, and one list for all requests until
        then. Otherwise many requests for a long list would close the client as too slow.

        Args:
            session: The session.
            rooms: All rooms of this node by name.
        """
        self._readers[session] = None
        if session in self._awaiting:
            return
        must_wait = _sees_people(session) and self.awaits_people()
        if must_wait or self._outbound.is_behind(session):
            self._awaiting.add(session)
            self._clock.later(_COLLECT_SECONDS, partial(self._resume, session, rooms))
        else:
            self._send_all(session, rooms)

    def _resume(self, session: Session, rooms: Mapping[str, Room]) -> None:
        """Answer the requests of a session that was behind."""
        if session in self._awaiting:
            self._awaiting.discard(session)
            self.start(session, rooms)

    def _send_all(self, session: Session, rooms: Mapping[str, Room]) -> None:
        complete = self._complete_list(rooms)
        if _sees_people(session):
            shown = [self._shown(name, entry, rooms) for name, entry in complete.entries.items()]
            self._send(session, shown, is_complete=True)
        else:
            self._send_complete(session, complete)

    def _shown(self, name: str, entry: bytes, rooms: Mapping[str, Room]) -> _Shown:
        """Return a room of the complete list."""
        elsewhere = self.elsewhere.get(name)
        if elsewhere is not None:
            return _Shown(name, entry, lambda: elsewhere.people)
        return _Shown(name, entry, partial(people_of, rooms[name], self._outbound))

    def _complete_list(self, rooms: Mapping[str, Room]) -> _Complete:
        """Return the list of all rooms; new rules of play make all entries anew."""
        rules, complete = self._live.rules, self._complete
        if complete is None or complete.rules is not rules:
            complete = self._complete = _Complete(rules, dict.fromkeys((*rooms, *self.elsewhere)))
        complete.update(rooms, self.elsewhere)
        return complete

    def _send_complete(self, session: Session, complete: _Complete) -> None:
        """Send the complete list; the rooms from which the user is banned are marked."""
        user_id = session.user.id if session.user else ""
        banned = [
            name
            for name in self._bans.rooms_banning(user_id)
            if name in complete.entries and self._is_banned(name, user_id)
        ]
        payload = complete.message()
        if banned:
            marked = {name: _with(complete.entries[name], _BANNED) for name in banned}
            payload = _message((complete.entries | marked).values(), is_complete=True)
        self._outbound.send_serialised(session, payload)

    def _send(self, session: Session, rooms: Iterable[_Shown], *, is_complete: bool) -> None:
        user_id = session.user.id if session.user else ""
        entries: list[bytes] = []
        for name, entry, people in rooms:
            shown = _with(entry, _BANNED) if self._is_banned(name, user_id) else entry
            there = people() if _sees_people(session) else None
            entries.append(shown if there is None else _with(shown, b'"ppl":%b' % there))
        self._outbound.send_serialised(session, _message(entries, is_complete=is_complete))

    def _is_banned(self, room: str, user_id: str) -> bool:
        return self._bans.banned_until(room, user_id, self._clock.now()) is not None

    def readers(self) -> Iterable[Session]:
        """Return the sessions that have the list open."""
        return self._readers

    def resume(self, session: Session) -> None:
        """Send changes to a session that got the list from the old process, before an upgrade."""
        self._readers[session] = None

    def stop(self, session: Session) -> None:
        """Send no more changes to a session."""
        self._readers.pop(session, None)
        self._awaiting.discard(session)

    def note_change(self, room: Room, *, was_listed: bool = False) -> None:
        """Note a change of a room, to be sent a moment later.

        Args:
            room: The room. A room that is closed or no longer visible is sent once with a count of
                0, since clients never remove a room.
            was_listed: Whether the room was visible before this change.
        """
        self.on_change(room)
        if self._complete is not None:
            self._complete.changed[room.name] = None
        if not self._readers or not (is_listed(room) or was_listed):
            return
        if not self._is_due:
            self._is_due = True
            self._clock.later(_COLLECT_SECONDS, self.send_changes)
        entry = channel(room, self._live.rules)
        if not is_listed(room):
            entry["count"] = 0
        people = partial(people_of, room, self._outbound)
        self._changes[room.name] = _Shown(room.name, orjson.dumps(entry), people)

    def note_bans(self, name: str, rooms: Mapping[str, Room]) -> None:
        """Note that others are banned from a room now: the list marks it for them.

        Args:
            name: The room's name.
            rooms: All rooms of this node by name.
        """
        elsewhere = self.elsewhere.get(name)
        if elsewhere is not None:
            self._note_elsewhere(name, elsewhere, elsewhere)
        elif name in rooms:
            self.note_change(rooms[name])

    def adopt(self, rooms: Mapping[str, RoomElsewhere | None], here: Mapping[str, Room]) -> None:
        """Show rooms of other nodes as they are now.

        Args:
            rooms: The rooms by name; None for one that is not another node's any more.
            here: All rooms of this node by name.
        """
        for name, room in rooms.items():
            before = self.elsewhere.pop(name, None)
            if room is not None:
                self.elsewhere[name] = room
            if self._complete is not None:
                self._complete.changed[name] = None
            if room is None and name in here:
                self.note_change(here[name], was_listed=before is not None and before.is_listed)
            else:
                self._note_elsewhere(name, before, room)

    def _note_elsewhere(
        self, name: str, before: RoomElsewhere | None, now: RoomElsewhere | None
    ) -> None:
        """Note how a room of another node is shown; one that is not shown any more, once."""
        if not self._readers:
            return
        if not self._is_due_soon:
            self._is_due_soon = True
            self._clock.later(_COLLECT_ELSEWHERE_SECONDS, self._send_soon)
        if now is not None and now.is_listed:
            self._changes[name] = _Shown(name, now.entry, lambda: now.people)
        elif before is not None and before.is_listed and (now is not None or before.count):
            entry = orjson.loads((now or before).entry) | {"count": 0}
            self._changes[name] = _Shown(name, orjson.dumps(entry), lambda: None)

    def _send_soon(self) -> None:
        self._is_due_soon = False
        self.send_changes()

    def send_changes(self) -> None:
        """Send the collected changes to the sessions that have the list open."""
        self._is_due = False
        if not self._changes:
            return
        changes, self._changes = list(self._changes.values()), {}
        payload = _message((entry for _, entry, _ in changes), is_complete=False)
        banned = {user for name, *_ in changes for user, _ in self._bans.bans_of(name)}
        for session in self._readers:
            is_banned = session.user is not None and session.user.id in banned
            if is_banned or _sees_people(session):
                self._send(session, changes, is_complete=False)
            else:
                self._outbound.send_serialised(session, payload)


_BANNED = b'"banned":true'


def _with(entry: bytes, member: bytes) -> bytes:
    """Return a serialised object with one more member."""
    return b"%b,%b}" % (entry[:-1], member)


def _message(entries: Iterable[bytes], *, is_complete: bool) -> bytes:
    c = b"true" if is_complete else b"false"
    return b'[{"m":"ls","c":%b,"u":[%b]}]' % (c, b",".join(entries))


def people_of(room: Room, outbound: Outbound) -> bytes | None:
    """Return the participants of a room for known bots, as JSON; None if nobody may see them."""
    if not is_listed(room) or room.settings.get("noindex") is True:
        return None
    return orjson.dumps(
        [
            outbound.identity(participant.user, room)
            for participant in room.participants.values()
            if not participant.user.is_hidden
        ]
    )


def _sees_people(session: Session) -> bool:
    """Tell whether a session's list includes participants: for bots with a token of the operator.

    Such bots need not enter a room to see its participants.
    """
    return session.is_known_bot

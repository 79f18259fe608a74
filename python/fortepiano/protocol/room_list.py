"""The list of rooms (`+ls`), and its changes for the sessions that have it open."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import orjson

from fortepiano.protocol.room_messages import Message, channel, is_listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fortepiano.config.live import Live
    from fortepiano.config.rules import Rules
    from fortepiano.model.ban_list import BanList
    from fortepiano.model.room import Room
    from fortepiano.model.session import Session
    from fortepiano.protocol.clock import Clock
    from fortepiano.protocol.outbound import Outbound

__all__ = ["RoomList"]

_COLLECT_SECONDS = 0.25
"""How long changes of the list are collected before they are sent."""


@dataclass(slots=True)
class _Complete:
    """The complete list, which all share who ask for it.

    Serialising 2000 rooms takes 3 ms, in which nobody else is served. Therefore only the entries of
    rooms that have changed are made anew.

    Attributes:
        rules: The rules of play that were in force when the list was made.
        changed: Rooms whose entries are out of date.
        entries: The serialised entry of each room, by name.
        payload: The whole message; None if an entry has changed since it was made.
    """

    rules: Rules
    changed: dict[str, Room]
    entries: dict[str, bytes] = field(default_factory=dict[str, bytes])
    payload: bytes | None = None

    def update(self, rooms: Mapping[str, Room]) -> None:
        """Serialise the rooms that have changed, and remove those that are not shown any more."""
        shown = {
            name: room
            for name, room in self.changed.items()
            if rooms.get(name) is room and is_listed(room)
        }
        # An empty room ends without notice.
        gone = (self.entries.keys() - rooms.keys()) | (self.changed.keys() - shown.keys())
        for name, room in shown.items():
            self.entries[name] = orjson.dumps(channel(room, self.rules))
        for name in gone:
            self.entries.pop(name, None)
        if gone or shown:
            self.payload = None
        self.changed.clear()

    def message(self) -> bytes:
        """Return the whole message for a user who is not banned from any of the rooms."""
        if self.payload is None:
            self.payload = _complete_message(self.entries)
        return self.payload


class RoomList:
    """Sends the list of rooms and its changes.

    Args:
        outbound: Sends messages to one client.
        live: The rules of play in force.
        bans: The bans; the list marks rooms from which its reader is banned.
        clock: The server's time.
    """

    def __init__(
        self,
        outbound: Outbound,
        live: Live,
        bans: BanList,
        clock: Clock,
    ) -> None:
        self._outbound = outbound
        self._live = live
        self._bans = bans
        self._clock = clock
        self._readers: dict[Session, None] = {}
        self._changes: dict[str, tuple[Room, Message]] = {}
        self._complete: _Complete | None = None
        self._awaiting: set[Session] = set()

    def start(self, session: Session, rooms: Mapping[str, Room]) -> None:
        """Send the list of rooms, and its changes from now on.

        A client that is behind gets the list a moment later, and one list for all requests until
        then. Otherwise many requests for a long list would close the client as too slow.

        Args:
            session: The session.
            rooms: All rooms by name.
        """
        self._readers[session] = None
        if session in self._awaiting:
            return
        if self._outbound.is_behind(session):
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
        if _sees_people(session):
            rules = self._live.rules
            listed = [(room, channel(room, rules)) for room in rooms.values() if is_listed(room)]
            self._send(session, listed, is_complete=True)
        else:
            self._send_complete(session, self._complete_list(rooms))

    def _complete_list(self, rooms: Mapping[str, Room]) -> _Complete:
        """Return the list of all rooms; new rules of play make all entries anew."""
        rules, complete = self._live.rules, self._complete
        if complete is None or complete.rules is not rules:
            complete = self._complete = _Complete(rules, dict(rooms))
        complete.update(rooms)
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
            marked = {name: complete.entries[name][:-1] + b',"banned":true}' for name in banned}
            payload = _complete_message(complete.entries | marked)
        self._outbound.send_serialised(session, payload)

    def _send(
        self, session: Session, rooms: Iterable[tuple[Room, Message]], *, is_complete: bool
    ) -> None:
        user_id = session.user.id if session.user else ""
        shown: list[Message] = []
        for room, info in rooms:
            more: Message = {}
            if self._is_banned(room.name, user_id):
                more["banned"] = True
            if (
                _sees_people(session)
                and is_listed(room)
                and room.settings.get("noindex") is not True
            ):
                more["ppl"] = [
                    self._outbound.identity(participant.user, room)
                    for participant in room.participants.values()
                    if not participant.user.is_hidden
                ]
            shown.append(info | more)
        self._outbound.send(session, [{"m": "ls", "c": is_complete, "u": shown}])

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
        if self._complete is not None:
            self._complete.changed[room.name] = room
        if not self._readers or not (is_listed(room) or was_listed):
            return
        if not self._changes:
            self._clock.later(_COLLECT_SECONDS, self.send_changes)
        entry = channel(room, self._live.rules)
        if not is_listed(room):
            entry["count"] = 0
        self._changes[room.name] = room, entry

    def send_changes(self) -> None:
        """Send the collected changes to the sessions that have the list open."""
        if not self._changes:
            return
        changes, self._changes = list(self._changes.values()), {}
        payload = orjson.dumps([{"m": "ls", "c": False, "u": [entry for _, entry in changes]}])
        banned = {user for room, _ in changes for user, _ in self._bans.bans_of(room.name)}
        for session in self._readers:
            is_banned = session.user is not None and session.user.id in banned
            if is_banned or _sees_people(session):
                self._send(session, changes, is_complete=False)
            else:
                self._outbound.send_serialised(session, payload)


def _complete_message(entries: dict[str, bytes]) -> bytes:
    return b'[{"m":"ls","c":true,"u":[%b]}]' % b",".join(entries.values())


def _sees_people(session: Session) -> bool:
    """Tell whether a session's list includes participants: for bots with a token of the operator.

    Such bots need not enter a room to see its participants.
    """
    return session.is_known_bot

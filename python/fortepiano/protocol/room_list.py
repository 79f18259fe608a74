"""The list of rooms (`+ls`), and its changes for the sessions that have it open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from fortepiano.protocol.room_messages import Message, channel, is_listed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fortepiano.config.live import Live
    from fortepiano.model.ban_list import BanList
    from fortepiano.model.room import Room
    from fortepiano.model.session import Session
    from fortepiano.native import Hub
    from fortepiano.protocol.clock import Clock
    from fortepiano.protocol.outbound import Outbound

__all__ = ["RoomList"]

_COLLECT_SECONDS = 0.25
"""How long changes of the list are collected before they are sent."""


class RoomList:
    """Sends the list of rooms and its changes.

    Args:
        hub: The hub.
        outbound: Sends messages to one client.
        live: The rules of play in force.
        bans: The bans; the list marks rooms from which its reader is banned.
        clock: The server's time.
    """

    def __init__(
        self,
        hub: Hub,
        outbound: Outbound,
        live: Live,
        bans: BanList,
        clock: Clock,
    ) -> None:
        self._hub = hub
        self._outbound = outbound
        self._live = live
        self._bans = bans
        self._clock = clock
        self._readers: dict[Session, None] = {}
        self._changes: dict[str, tuple[Room, Message]] = {}

    def start(self, session: Session, rooms: Iterable[Room]) -> None:
        """Send the list of rooms, and its changes from now on."""
        self._readers[session] = None
        listed = [(room, channel(room, self._live.rules)) for room in rooms if is_listed(room)]
        self._send(session, listed, is_complete=True)

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

    def note_change(self, room: Room, *, was_listed: bool = False) -> None:
        """Note a change of a room, to be sent a moment later.

        Args:
            room: The room. A room that is closed or no longer visible is sent once with a count of
                0, since clients never remove a room.
            was_listed: Whether the room was visible before this change.
        """
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
                self._hub.send(session.client, payload)


def _sees_people(session: Session) -> bool:
    """Tell whether a session's list includes participants: for bots with a token of the operator.

    Such bots need not enter a room to see its participants.
    """
    return session.is_known_bot

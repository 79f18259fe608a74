"""Rooms that go on although their home is gone, or no other node can be reached.

People of one node hear each other at once: their hub sees to that (`Hub.cut_replicas`). This part
gives their rooms a home again.

- A home is gone: whichever node claims its room first goes on with it, as its replica has it. The
  people of all others follow.
- No broker: after a second this node goes on alone with all rooms that it has people in. When it
  is back, these rooms are claimed. Where another node is the home, people follow, and what they
  have said meanwhile is merged into the chat there.

Participants whose tabs are at other nodes are awaited for a while, then they leave.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import orjson

from fortepiano.cluster.messages import Handed, Merge
from fortepiano.model.elsewhere import Postponed

if TYPE_CHECKING:
    from collections.abc import Callable

    from fortepiano.cluster.homes import Homes
    from fortepiano.cluster.journeys import Journeys
    from fortepiano.cluster.mail import Mail
    from fortepiano.cluster.registry import Home
    from fortepiano.cluster.remote_sessions import RemoteSessions
    from fortepiano.cluster.stays import OwnStay, Replica, Stays
    from fortepiano.model.room import Room
    from fortepiano.model.session import Session
    from fortepiano.protocol.context import Context
    from fortepiano.protocol.node_handlers import NodeHandlers

__all__ = ["Islands"]

_ALONE_SECONDS = 1.0
"""How long after the loss of the broker this node goes on alone."""

_APART_SECONDS = 10.0
"""How long after that loss the people of other nodes leave."""

_RETURN_SECONDS = 1.0
"""How long people of other nodes are awaited in a room that has a new home."""

_AGAIN_SECONDS = 3.0
"""How long they are awaited where nodes have found each other again."""

_PAUSE_SECONDS = 0.25
"""The time after which a home that was not found is looked for again."""

_MOST_UNSENT = 200
"""The most messages of a room that wait for a home."""


class Islands:
    """The rooms whose home is gone.

    Args:
        context: The context.
        homes: Finds homes.
        stays: The stays of this node's sessions.
        journeys: The ways of these sessions.
        remotes: The sessions of other nodes.
        mail: Posts messages to other nodes.
        handlers: Returns the handlers in force.
        settle: Called with the name of each room of which this node may be the home.
    """

    def __init__(
        self,
        context: Context,
        homes: Homes,
        stays: Stays,
        journeys: Journeys,
        remotes: RemoteSessions,
        mail: Mail,
        handlers: Callable[[], NodeHandlers],
        settle: Callable[[str], None],
    ) -> None:
        self._context = context
        self._homes = homes
        self._stays = stays
        self._journeys = journeys
        self._remotes = remotes
        self._mail = mail
        self._handlers = handlers
        self._settle = settle
        self._cuts = 0
        self._is_cut = False
        self._awaited: dict[str, int] = {}  # until when, by room; milliseconds since 1970
        self._since: dict[str, int] = {}  # when a room became one of this node
        self._unmerged: dict[str, list[bytes]] = {}  # lines of chat, by room

    # A home is gone

    def orphan(self, replica: Replica) -> None:
        """Look for another home of a room."""
        replica.is_orphan = replica.is_silent = True
        self._context.hub.cut_replica(replica.room)
        self._homes.forget(replica.name)
        self._find_for(replica)

    def _find_for(self, replica: Replica) -> None:
        if self._is_there(replica):
            self._homes.find(replica.name, partial(self._on_home, replica))

    def _is_there(self, replica: Replica) -> bool:
        return self._stays.replica(replica.home.epoch) is replica

    def _on_home(self, replica: Replica, home: Home | None) -> None:
        if home is not None and home.nid == self._homes.nid:
            self._settle(replica.name)
        if not self._is_there(replica):
            return
        if home is None:
            self._context.clock.later(_PAUSE_SECONDS, partial(self._find_for, replica))
        elif home.nid == self._homes.nid:
            self._lose(replica)
        else:
            self._follow(replica)

    def _follow(self, replica: Replica) -> None:
        """Let the people of a replica go over to the new home."""
        unsent, replica.unsent = replica.unsent, []
        for stay in list(replica.stays.values()):
            if stay.session.stay is stay:
                self._journeys.follow(stay.session, replica.name)
            else:
                self._journeys.on_lost(stay)
        for session, raw in unsent:
            handle = partial(self._handle, session, raw)
            self._journeys.postpone(session, Postponed(raw, handle))

    def _lose(self, replica: Replica) -> None:
        """Let the people of a replica, of which too little is known, enter their room anew."""
        for stay in list(replica.stays.values()):
            session = stay.session
            if session.stay is stay:
                self._stays.end(stay)
                self._handlers().enter(session, replica.name, None)
            else:
                self._journeys.on_lost(stay)

    def renew(self, room: str, then: Callable[[], object]) -> None:
        """Make ready for a room of which this node has become the home; then call a function."""
        replica = self._stays.named(room)
        if replica is not None and self._promote(replica, _RETURN_SECONDS):
            then()
        else:
            self._handlers().renew(room, then)

    def _promote(self, replica: Replica, awaits: float) -> bool:
        """Make a replica a room of this node; return false if too little is known of it."""
        hub, name = self._context.hub, replica.name
        stored, lines = hub.records(replica.room)
        room = self._context.directory.rooms.get(name)
        if not stored or (room is not None and room.participants):
            return False
        people, stays = replica.people(), list(replica.stays.values())
        self._stays.release(replica)
        hub.promote_replica(replica.room)
        self._handlers().promote(name, replica.room, stored, lines, people)
        self._since[name] = self._context.now()
        self.await_people(name, awaits)
        for session in people:
            if session.participant is None:
                self._handlers().place(session, name)
        for stay in stays:
            if stay.session not in people:
                self._journeys.look_again_for(stay)
        for session, raw in replica.unsent:
            self._handle(session, raw)
        return True

    def _handle(self, session: Session, raw: bytes) -> None:
        if session.stay is not None:
            self._context.elsewhere.forward(session, raw)
        elif session.participant is not None:
            self._handlers().handle(session, raw)

    # Participants of other nodes

    def await_people(self, name: str, seconds: float) -> None:
        """Let those who have no tab in a room leave it after a while."""
        until = self._context.now() + round(seconds * 1000)
        self._awaited[name] = until
        self._context.clock.later(seconds, partial(self._end_wait, name, until))

    def _end_wait(self, name: str, until: int) -> None:
        if self._awaited.get(name) != until:
            return
        del self._awaited[name]
        room = self._context.directory.rooms.get(name)
        if room is not None:
            self._handlers().remove_awaited(room)

    # No other node can be reached

    def cut(self) -> None:
        """Go on without the broker."""
        if not self._is_cut:
            self._is_cut = True
            self._cuts += 1
            self._context.hub.cut_replicas(None)
            self._context.clock.later(_ALONE_SECONDS, partial(self._be_alone, self._cuts))

    def _be_alone(self, cut: int) -> None:
        if not self._is_cut or cut != self._cuts:
            return
        self._homes.is_alone = True
        rest = _APART_SECONDS - _ALONE_SECONDS
        for replica in self._stays.replicas():
            if not (self._is_there(replica) and self._promote(replica, rest)):
                self._lose(replica)
        self._journeys.look_again()
        self._context.clock.later(rest, partial(self._be_apart, cut))

    def _be_apart(self, cut: int) -> None:
        if self._is_cut and cut == self._cuts:
            self._remotes.end_all()

    def join_again(self) -> None:
        """Bring the rooms of this node, and those of others, together again."""
        self._is_cut = self._homes.is_alone = False
        for name, epoch in self._homes.own():
            self._confirm(name, epoch)
        self.claim_rooms()

    def _confirm(self, name: str, epoch: int) -> None:
        if self._homes.epoch(name) == epoch and not self._is_cut:
            self._homes.confirm(name, partial(self._on_confirmed, name, epoch))

    def _on_confirmed(self, name: str, epoch: int, home: Home | None) -> None:
        room = self._context.directory.rooms.get(name)
        if home is None:
            self._context.clock.later(_PAUSE_SECONDS, partial(self._confirm, name, epoch))
        elif room is not None and home.nid != self._homes.nid:
            self.demote(room, home)

    def claim_rooms(self) -> None:
        """Find the homes of all rooms in which people are, and this node has no reign."""
        for room in list(self._context.directory.rooms.values()):
            if room.participants and not self._homes.is_own(room.name):
                self._find_of(room)

    def _is_open(self, room: Room) -> bool:
        return self._context.directory.rooms.get(room.name) is room and bool(room.participants)

    def _find_of(self, room: Room) -> None:
        if self._is_open(room):
            self._homes.find(room.name, partial(self._on_found, room))

    def _on_found(self, room: Room, home: Home | None) -> None:
        if not self._is_open(room):
            self._settle(room.name)
        elif home is None:
            self._context.clock.later(_PAUSE_SECONDS, partial(self._find_of, room))
        elif home.nid == self._homes.nid:
            self._settle(room.name)
            self.await_people(room.name, _AGAIN_SECONDS)
        else:
            self.demote(room, home)

    def demote(self, room: Room, home: Home) -> None:
        """Let the people of a room go over to its home, which is another node.

        Args:
            room: The room.
            home: Its home.
        """
        since = self._since.pop(room.name, 0)
        self._awaited.pop(room.name, None)
        lines = [orjson.dumps(line) for line in room.history if line["t"] >= since]
        if lines:
            self._unmerged[room.name] = lines
        self._remotes.dismiss(room.name)
        self._lead(room, home)

    def _lead(self, room: Room, home: Home) -> None:
        """Let the people of a room go over to another node, which is its home now."""
        tabs = [tab for each in room.participants.values() for tab in each.tabs]
        for tab in tabs:
            self._journeys.follow(tab, room.name)
        if not tabs:
            self._merge(room.name, home)
            self._handlers().remove_awaited(room)

    def hand_over(self, room: Room, home: Home) -> None:
        """Let the people of a room, which was handed to another node, go over to it."""
        self._since.pop(room.name, None)
        self._awaited.pop(room.name, None)
        self._remotes.forget(room.name)
        self._lead(room, home)

    def on_handed(self, nid: int, message: Handed) -> None:
        """Find the home of a room that the node before has handed over, perhaps to this one."""
        replica = self._stays.replica(message.epoch)
        self._homes.forget(message.room)
        if replica is not None and replica.home.nid == nid:
            self.orphan(replica)
        elif message.nid == self._homes.nid:
            # Nobody is there any more.
            self._homes.find(message.room, lambda _home: self._settle(message.room))

    def on_admitted(self, stay: OwnStay) -> None:
        """Send the home what was said apart, as it surely hears this node now."""
        self._merge(stay.room, stay.replica.home)

    def _merge(self, name: str, home: Home) -> None:
        lines = self._unmerged.pop(name, None)
        if lines is not None:
            self._mail.post(home.nid, Merge(name, lines))

    def on_merge(self, message: Merge) -> None:
        """Add to the chat of a room what was said elsewhere."""
        room = self._context.directory.rooms.get(message.room)
        if room is not None and self._homes.is_own(message.room):
            self._handlers().merge_chat(room, message.lines)

    def on_close(self, name: str) -> None:
        """Forget a room that is closed."""
        self._awaited.pop(name, None)
        self._since.pop(name, None)

    # An upgrade

    def since(self) -> dict[str, int]:
        """Return when rooms became rooms of this node; milliseconds since 1970."""
        return dict(self._since)

    def unmerged(self) -> dict[str, list[bytes]]:
        """Return the lines of chat that homes have yet to get, by room."""
        return dict(self._unmerged)

    def restore(self, since: dict[str, int], unmerged: dict[str, list[bytes]]) -> None:
        """Go on where another process was, with rooms and replicas that are here already.

        Args:
            since: The result of `since` there.
            unmerged: That of `unmerged`.
        """
        self._since, self._unmerged = since, unmerged
        for room in self._context.directory.rooms.values():
            if not all(participant.tabs for participant in room.participants.values()):
                self.await_people(room.name, _AGAIN_SECONDS)
        for replica in self._stays.replicas():
            if replica.is_orphan:
                self.orphan(replica)

    # Messages to a home that cannot be reached

    def keep(self, replica: Replica, session: Session, raw: bytes) -> bool:
        """Keep a message until a home can be reached; return false if that is so now."""
        is_kept = replica.is_silent or self._is_cut
        if is_kept and len(replica.unsent) < _MOST_UNSENT:
            replica.unsent.append((session, raw))
        return is_kept

    def send_kept(self, replica: Replica) -> None:
        """Send what was kept for a home that can be reached again."""
        replica.is_silent = False
        unsent, replica.unsent = replica.unsent, []
        for session, raw in unsent:
            self._handle(session, raw)

"""The list of rooms of all nodes: each home publishes its own, and all others show them too.

No request leaves a node for `+ls`. Only the first known bot of a node makes it ask for the people
in the rooms of others, which nobody else is shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from fortepiano.cluster.messages import Rooms, RoomsWanted
from fortepiano.cluster.node_state import ListingsState
from fortepiano.protocol.room_list import RoomElsewhere, people_of
from fortepiano.protocol.room_messages import channel, is_listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fortepiano.cluster.homes import Homes
    from fortepiano.cluster.mail import Mail
    from fortepiano.model.room import Room
    from fortepiano.protocol.context import Context

__all__ = ["Listings"]

_COLLECT_SECONDS = 0.125
"""How long changes are collected before other nodes are sent them, where there are many."""

_BURST = 20
"""How often in a second changes are sent to other nodes at once, instead of being collected."""

_BURST_MS = 1000

_PAGE = 500
"""The most rooms in one message."""

_ANSWERS_MS = 200
"""How long a known bot waits for the people in rooms of other nodes, if it is the first one."""


class Listings:
    """The rooms of this node in the lists of others, and theirs in the list of this one.

    Args:
        context: The context.
        homes: The homes of rooms.
        mail: Posts messages to other nodes.
        on_ended: Called with the name of each room of another node that is none any more.
    """

    def __init__(
        self, context: Context, homes: Homes, mail: Mail, on_ended: Callable[[str], object]
    ) -> None:
        self._context = context
        self._homes = homes
        self._mail = mail
        self._on_ended = on_ended
        self._changed: set[str] = set()
        self._ended: dict[str, int] = {}
        self._published: dict[str, int] = {}  # the rooms that others show, each with its epoch
        self._wanting: set[int] = set()  # the nodes that show people to known bots
        self._asked_at: int | None = None
        self._burst_since, self._burst = 0, 0
        self._owners: dict[str, int] = {}  # the nodes of rooms of others
        self._unnamed: dict[int, set[str]] = {}  # rooms that a complete list has yet to name
        context.room_list.on_change = self.note
        context.room_list.awaits_people = self._await_people

    # The rooms of this node

    def note(self, room: Room) -> None:
        """Note that others have to show a room differently, if this node is its home."""
        if self._homes.is_own(room.name):
            self._schedule()
            self._changed.add(room.name)

    def begin(self, room: Room) -> None:
        """Note that this node is the home of a room from now on."""
        self._owners.pop(room.name, None)
        if room.name in self._context.room_list.elsewhere:
            self._context.room_list.adopt({room.name: None}, self._context.directory.rooms)
        self.note(room)

    def end(self, name: str, epoch: int | None) -> None:
        """Note that a room has ended.

        Args:
            name: The room's name.
            epoch: The reign that has ended; None if this node was not the home.
        """
        if epoch is not None and self._published.get(name) == epoch:
            self._schedule()
            self._ended[name] = epoch

    def reset(self) -> None:
        """Begin anew, as others know nothing of this node any more."""
        self._changed.clear()
        self._ended.clear()
        self._published.clear()

    def _schedule(self) -> None:
        if self._changed or self._ended:
            return
        now = self._context.now()
        if now - self._burst_since >= _BURST_MS:
            self._burst_since, self._burst = now, 0
        self._burst += 1
        # Even at once means all of this turn together: a departure may end a room, too.
        pause = 0.0 if self._burst <= _BURST else _COLLECT_SECONDS
        self._context.clock.later(pause, self._publish)

    def _publish(self) -> None:
        """Send all nodes what has changed."""
        ended, self._ended = self._ended, {}
        rooms, self._changed = self._described(self._changed, bool(self._wanting)), set()
        there = {room.name: room.epoch for room in rooms}
        # A reign goes on if people come before it is over.
        ended = {name: epoch for name, epoch in ended.items() if there.get(name) != epoch}
        for name in ended:
            self._published.pop(name, None)
        self._published |= there
        for page in _pages(rooms):
            self._mail.post_all(Rooms(page))
        if ended:
            self._mail.post_all(Rooms([], ended))

    def _described(self, names: Iterable[str], has_people: bool) -> list[RoomElsewhere]:
        """Describe those rooms of which this node is the home."""
        found: list[RoomElsewhere] = []
        for name in names:
            epoch, room = self._homes.epoch(name), self._context.directory.rooms.get(name)
            if epoch is not None and room is not None:
                found.append(self._description(room, epoch, has_people))
        return found

    def _description(self, room: Room, epoch: int, has_people: bool) -> RoomElsewhere:
        entry = orjson.dumps(channel(room, self._context.rules))
        people = people_of(room, self._context.outbound) if has_people else None
        return RoomElsewhere(room.name, epoch, room.count, is_listed(room), entry, people)

    # Questions of nodes to each other

    def ask(self, nid: int | None = None) -> None:
        """Ask a node, or all, for their rooms: messages about them may be missing."""
        wanted = RoomsWanted(self._asked_at is not None)
        if nid is None:
            self._mail.post_all(wanted)
        else:
            self._mail.post(nid, wanted)

    def on_wanted(self, nid: int, message: RoomsWanted) -> None:
        """Send a node all rooms of this one."""
        (self._wanting.add if message.has_people else self._wanting.discard)(nid)
        rooms = self._described(self._context.directory.rooms, message.has_people)
        self._published |= {room.name: room.epoch for room in rooms}
        pages = list(_pages(rooms)) or [[]]
        for number, page in enumerate(pages):
            is_last = number == len(pages) - 1
            self._mail.post(nid, Rooms(page, begins=number == 0, is_complete=is_last))

    def _await_people(self) -> bool:
        """Ask for people once; tell whether the answers may still be on their way."""
        if self._homes.nid is None:
            return False
        now = self._context.now()
        if self._asked_at is None:
            self._asked_at = now
            self.ask()
        return now - self._asked_at < _ANSWERS_MS

    # An upgrade

    def flush(self) -> None:
        """Send all nodes now what has changed."""
        self._publish()

    def state(self) -> ListingsState:
        """Return everything for another process."""
        there = self._context.room_list.elsewhere
        return ListingsState(
            dict(self._published),
            list(self._wanting),
            self._asked_at,
            [(nid, there[name]) for name, nid in self._owners.items() if name in there],
        )

    def restore(self, state: ListingsState) -> None:
        """Go on where another process was.

        Args:
            state: The result of `state` there.
        """
        self._published, self._asked_at = state.published, state.asked_at
        self._wanting = set(state.wanting)
        self._owners = {room.name: nid for nid, room in state.rooms}
        # Nobody has the list open who does not know these.
        self._context.room_list.elsewhere.update({room.name: room for _, room in state.rooms})

    # The rooms of other nodes

    def on_rooms(self, nid: int, message: Rooms) -> None:
        """Show rooms of another node as they are now."""
        if message.begins:
            self._unnamed[nid] = self._of(nid)
        changes: dict[str, RoomElsewhere | None] = {}
        for room in message.rooms:
            self._unnamed.get(nid, set[str]()).discard(room.name)
            if self._is_newer(room.name, room.epoch):
                self._owners[room.name] = nid
                changes[room.name] = room
        for name, epoch in message.ended.items():
            if self._owners.get(name) == nid and self._is_newer(name, epoch):
                changes[name] = None
        if message.is_complete:
            changes |= dict.fromkeys(self._unnamed.pop(nid, ()))
        self._adopt(changes)

    def on_node_gone(self, nid: int) -> None:
        """Show the rooms of a node no more that is gone."""
        self._wanting.discard(nid)
        self._unnamed.pop(nid, None)
        self._adopt(dict.fromkeys(self._of(nid)))

    def _of(self, nid: int) -> set[str]:
        return {name for name, owner in self._owners.items() if owner == nid}

    def _is_newer(self, name: str, epoch: int) -> bool:
        """Tell whether a reign is not over as far as this node knows."""
        own, known = self._homes.epoch(name), self._context.room_list.elsewhere.get(name)
        return (own is None or own < epoch) and (known is None or known.epoch <= epoch)

    def _adopt(self, changes: dict[str, RoomElsewhere | None]) -> None:
        there = self._context.room_list.elsewhere
        changes = {name: room for name, room in changes.items() if room or name in there}
        if not changes:
            return
        self._context.room_list.adopt(changes, self._context.directory.rooms)
        for name, room in changes.items():
            if room is None:
                self._owners.pop(name, None)
                self._on_ended(name)


def _pages(rooms: list[RoomElsewhere]) -> Iterable[list[RoomElsewhere]]:
    return (rooms[start : start + _PAGE] for start in range(0, len(rooms), _PAGE))

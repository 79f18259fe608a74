"""The directory: all users by id, all rooms by name, and when each of them is forgotten."""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING

from fortepiano.model.room import AWKWARD, LOBBY, Room
from fortepiano.model.room_settings import NORMAL_SETTINGS, SPECIAL_SETTINGS
from fortepiano.model.texts import mended
from fortepiano.model.user import User
from fortepiano.model.user_ids import default_color
from fortepiano.store.records import RoomRecord, UserRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from fortepiano.config.live import Live
    from fortepiano.model.room_settings import Wanted
    from fortepiano.model.session import Session
    from fortepiano.native import Hub
    from fortepiano.store.base import Store

__all__ = ["ANONYMOUS", "Directory"]

ANONYMOUS = "Anonymous"
"""The name of a user who has not chosen one."""

_NUMBERED = re.compile(LOBBY + "([0-9]+|NaN)", re.ASCII)
_DIGITS = 6

_RESTART_MS = 600_000
"""How long rooms that are not permanent are stored while the server is stopped."""

_REMEMBERED_MS = 60_000
"""How long a user without a connection is remembered, so that a reconnect refills no quota."""

_STORE_MS = 5000
"""How long what other nodes have stored may not have been read; usually less than a second."""

_MOST_REMEMBERED = 20_000
"""The most users without a connection that are remembered.

Thousands of new users a second who never come back must not fill the memory.
"""


class Directory:
    """All users and rooms.

    Args:
        hub: Numbers rooms and quotas.
        store: Keeps names, colours and permanent rooms.
        live: The rules of play in force.

    Attributes:
        users: All users by id.
        rooms: All rooms by name.
        returning: Rooms restored after a restart, which wait for their people to return.
        departed: When each remembered user's last connection ended, by user id, oldest first.
        empty_tests: Names of the empty special rooms that still exist, the last used one last.
        on_close: Called with the name of each room that is closed.
        on_change: Called with each room whose record differs now.
    """

    def __init__(self, hub: Hub, store: Store, live: Live) -> None:
        self._hub = hub
        self._store = store
        self._live = live
        self.users: dict[str, User] = {}
        self.rooms: dict[str, Room] = {}
        self.departed: OrderedDict[str, int] = OrderedDict()
        self.empty_tests: OrderedDict[str, None] = OrderedDict()
        self.on_close: Callable[[str], object] = lambda name: None
        self.on_change: Callable[[Room], object] = lambda room: None
        self._is_frozen = False
        for name in (LOBBY, AWKWARD):
            self.open_room(name, {})
        self.returning: list[Room] = []
        self._restore(hub.now_ms())

    def is_special(self, name: str) -> bool:
        """Tell whether a name is that of a special room (docs/protocol.md, "Special rooms")."""
        if name == LOBBY or name.startswith("test/"):
            return True
        has_numbers = self._live.rules.lobby_names == "numbered" or self._live.rules.lobby_limit > 0
        return has_numbers and _NUMBERED.fullmatch(name) is not None

    def lobby_for(self, name: str, user: User) -> str:
        """Return the first lobby with a free place, counting on from the wanted one.

        Other rooms' names are returned as they are.

        Args:
            name: The name of the wanted room.
            user: The user; a lobby that they are already in always has a place for them.
        """
        limit = self._live.rules.lobby_limit
        while limit and (number := _number_of(name)) is not None:
            room = self.rooms.get(name)
            if room is None or user.id in room.participants or len(room.participants) < limit:
                break
            name = f"{LOBBY}{number + 1}" if number else LOBBY
        return name

    def arrive(self, session: Session, now: int) -> User:
        """Return the user of a new session: from memory, from the store, or newly made.

        Args:
            session: The session.
            now: Milliseconds since 1970.
        """
        user_id = session.user_id
        self._forget_departed(now)
        user = self.users.get(user_id)
        if user is None:
            record = self._store.user(user_id)
            name, color, since = (
                (mended(record.name) or ANONYMOUS, record.color, record.first_seen or now)
                if record
                else (ANONYMOUS, default_color(user_id), now)
            )
            quota = self._new_quota()
            user = self.users[user_id] = User(user_id, name, color, quota, since)
        elif not (user.sessions or user.participations):
            self._recall(user, now)  # others who see them would not learn of a change
        user.sessions.append(session)
        self.departed.pop(user_id, None)
        return user

    def _new_quota(self) -> int:
        """Return the number of a full quota.

        A change of quota class never adds points. So a new user starts with those of the largest
        class, and the first room cuts them to its own maximum.
        """
        rules = self._live.rules
        classes = (rules.quota_lobby, rules.quota_normal, rules.quota_holder)
        largest = max(classes, key=lambda quota: quota.max)
        return self._hub.add_quota(largest.allowance, largest.max)

    def meet(self, user_id: str, make: Callable[[int], User], now: int) -> User:
        """Return a user of whom another node has told, with or without a connection here.

        Args:
            user_id: The user.
            make: Returns the user for the number of a quota, if they are not known.
            now: Milliseconds since 1970.
        """
        user = self.users.get(user_id)
        if user is None:
            self._forget_departed(now)
            user = self.users[user_id] = make(self._new_quota())
            self.departed[user_id] = now
        return user

    def expect(self, user_id: str, make: Callable[[int], User], now: int) -> User:
        """Return a user who is in a room here, and whose sessions are at other nodes.

        Args:
            user_id: The user.
            make: Returns the user for the number of a quota, if they are not known.
            now: Milliseconds since 1970.
        """
        user = self.meet(user_id, make, now)
        self.departed.pop(user_id, None)
        return user

    def forget(self, user: User, now: int) -> None:
        """Note that a user who was expected does not come."""
        if not user.sessions:
            self.departed[user.id] = now

    def _recall(self, user: User, now: int) -> None:
        """Give a remembered user the stored name: they may have been on another server meanwhile.

        What another node of the cluster has just told of them is later than what is read here.
        """
        record = self._store.user(user.id)
        if record is not None and now - user.version > _STORE_MS:
            user.name, user.color = mended(record.name) or ANONYMOUS, record.color

    def depart(self, user: User, session: Session, now: int, *, has_ended: bool = True) -> None:
        """Note that a session of a user is no more on this node.

        Args:
            user: The user.
            session: The session.
            now: Milliseconds since 1970.
            has_ended: Whether its connection has ended; else it is in a room of another node.
        """
        user.sessions.remove(session)
        if not user.sessions:
            user.is_afk = user.is_afk and not has_ended
            self.departed[user.id] = now
            self._note_seen(user, now)
        self._forget_departed(now)

    def _note_seen(self, user: User, now: int) -> None:
        """Store when a user was last seen, and nothing else: another server may have renamed them.

        What another node of the cluster has told of them is at least as new as what is read here.
        """
        record = self._store.user(user.id)
        if record is None:
            return
        if user.version:
            record = replace(record, name=user.name, color=user.color)
        since = record.first_seen or user.since
        self._store.save_user(replace(record, first_seen=since, last_seen=now))

    def remember(self, user: User, now: int) -> None:
        """Store a user's name and colour, and that they were seen now, over restarts.

        Args:
            user: The user. Users who never changed anything about themselves are not stored.
            now: Milliseconds since 1970.
        """
        self._store.save_user(UserRecord(user.id, user.name, user.color, user.since, now))

    @property
    def people(self) -> int:
        """The number of people in all rooms, once for each room."""
        return sum(len(room.participants) for room in self.rooms.values())

    def online(self, user_id: str) -> User | None:
        """Return a user if they have a connection; else None."""
        user = self.users.get(user_id)
        return user if user is not None and user.sessions else None

    def _forget_departed(self, now: int) -> None:
        while self.departed:
            user_id, since = next(iter(self.departed.items()))
            if now - since < _REMEMBERED_MS and len(self.departed) <= _MOST_REMEMBERED:
                return
            del self.departed[user_id]
            self._hub.remove_quota(self.users.pop(user_id).quota)

    def open_room(self, name: str, settings: Wanted) -> Room:
        """Create a room.

        Args:
            name: The room's name, which no other room may have.
            settings: The creator's settings; special rooms ignore them.
        """
        room = self._made(name, self._hub.open_room())
        if not room.is_special:
            room.change(settings)
        self.rooms[name] = room
        return room

    def adopt_room(self, name: str, number: int, record: RoomRecord, now: int) -> Room:
        """Open a room that the hub knows already, of which another node was the home.

        Args:
            name: The room's name; nobody is in a room of that name here.
            number: The room's number in the hub.
            record: The room's record.
            now: Milliseconds since 1970.
        """
        old = self.rooms.pop(name, None)
        if old is not None:
            self._hub.close_room(old.number)
            self.empty_tests.pop(name, None)
        room = self.rooms[name] = self._made(name, number)
        room.restore(record, now)
        return room

    def _made(self, name: str, number: int) -> Room:
        is_special = self.is_special(name)
        chosen = dict(SPECIAL_SETTINGS if is_special else NORMAL_SETTINGS)
        if self._live.rules.lobby_limit and _number_of(name) is not None:
            chosen["limit"] = self._live.rules.lobby_limit
        return Room(
            name,
            number,
            is_special=is_special,
            settings=chosen,
            history=self._live.rules.chat_history,
        )

    def set_permanent(self, room: Room, *, is_permanent: bool) -> None:
        """Make a room permanent, so that it outlives its people and restarts; or no longer."""
        room.is_permanent = is_permanent
        if is_permanent:
            self.save(room)
        else:
            self._store.remove_room(room.name)

    def save(self, room: Room) -> None:
        """Write a permanent room into the store; to be called after each change of a room."""
        self.on_change(room)
        if room.is_permanent and not self._is_frozen:
            self._store.save_room(room.record())

    def renew(self, name: str, now: int) -> Room | None:
        """Open a stored room as its record says: another node of the cluster may have had it since.

        A room without a record is closed, so that nothing old of it stays.

        Args:
            name: The name of a room that is to open here; a room with people stays as it is.
            now: Milliseconds since 1970.

        Returns:
            The room; None if there is none yet.
        """
        room = self.rooms.get(name)
        if room is not None and room.participants:
            return room
        if room is not None:
            self.empty_tests.pop(name, None)
            self._close(room)
        record = self._record_of(name, now)
        if record is None and name not in (LOBBY, AWKWARD):
            return None
        room = self.open_room(name, {})
        if record is not None:
            room.restore(record, now)
        return room

    def _record_of(self, name: str, now: int) -> RoomRecord | None:
        """Return the record of a room; that of a room that is not permanent opens it once."""
        record = self._store.room(name)
        if record is None or record.until is None:
            return record
        self._store.remove_room(name)
        return record if now < record.until else None

    def freeze(self, now: int) -> None:
        """Store all rooms as they are now, before the server closes all connections and stops.

        Rooms that are not permanent are stored too, for users who come back after a restart.
        Otherwise each crown would go to the last user to leave, or the first to return.

        Args:
            now: Milliseconds since 1970.
        """
        self._is_frozen = True
        for room in self.rooms.values():
            if room.participants and not (room.is_permanent or room.is_special):
                self._store.save_room(room.record(until=now + _RESTART_MS))

    def _restore(self, now: int) -> None:
        is_node = bool(self._live.settings.cluster.url)
        for record in self._store.rooms():
            if record.until is not None:
                is_over = now >= record.until
                if is_node and not is_over:
                    continue  # the node that becomes its home opens it
                self._store.remove_room(record.name)
                if is_over:
                    continue
            room = self.rooms.get(record.name) or self.open_room(record.name, {})
            room.restore(record, now)
            if not room.is_permanent:
                self.returning.append(room)

    def occupy(self, room: Room) -> None:
        """Note that a room is not empty."""
        self.empty_tests.pop(room.name, None)

    def vacate(self, room: Room, now: int) -> list[Room]:
        """Note that a room is empty; return the rooms that were closed because of it.

        Of the empty special rooms only those used last stay, so that made-up names cannot fill the
        memory. Other rooms close at once, or after a while (`sweep`).

        Args:
            room: The room.
            now: Milliseconds since 1970.
        """
        room.empty_since = now
        if room.name in (LOBBY, AWKWARD) or room.is_permanent:
            return []
        if room.is_special and _number_of(room.name) is None:
            self.empty_tests[room.name] = None
            surplus = len(self.empty_tests) - self._live.rules.test_rooms_kept
            return [
                self._close(self.rooms[self.empty_tests.popitem(last=False)[0]])
                for _ in range(surplus)
            ]
        return [] if self._live.rules.empty_room_ms else [self._close(room)]

    def sweep(self, room: Room, now: int) -> bool:
        """Close a room that has been empty for long enough; return whether it was closed.

        Args:
            room: The room, which was empty when this call was scheduled.
            now: Milliseconds since 1970.
        """
        is_over = now - room.empty_since >= self._live.rules.empty_room_ms
        is_current = self.rooms.get(room.name) is room
        lasts = room.is_permanent or room.name in (LOBBY, AWKWARD) or room.name in self.empty_tests
        if room.participants or lasts or not is_over or not is_current:
            return False
        self._close(room)
        return True

    def _close(self, room: Room) -> Room:
        del self.rooms[room.name]
        self._hub.close_room(room.number)
        self.on_close(room.name)
        return room


def _number_of(name: str) -> int | None:
    """Return a lobby's number, for lobbies that overflow into the next; None for other rooms."""
    if name == LOBBY:
        return 1
    match = _NUMBERED.fullmatch(name)
    if match is None:
        return None
    # `lobbyNaN` and very long numbers count as 0: what follows them is the first lobby.
    digits = match[1]
    return int(digits) if digits.isdigit() and len(digits) <= _DIGITS else 0

"""The directory: all users and rooms by name, and how long they are kept."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from fortepiano.model.identity import default_color
from fortepiano.model.room import AWKWARD, LOBBY, NORMAL_SETTINGS, SPECIAL_SETTINGS, Room, Settings
from fortepiano.model.user import User

if TYPE_CHECKING:
    from fortepiano.native import Hub
    from fortepiano.rules import Rules
    from fortepiano.store.base import Store

__all__ = ["ANONYMOUS", "Directory"]

ANONYMOUS = "Anonymous"
"""The name of whoever has not chosen one."""

_KEPT_FOR_MS = 60_000
"""How long a user without a connection is remembered, so that a reconnect refills no quota."""


class Directory:
    """All users and rooms.

    Args:
        hub: Where rooms and quotas have their numbers.
        store: Where names and colours are kept.
        rules: The rules of play.
    """

    def __init__(self, hub: Hub, store: Store, rules: Rules) -> None:
        self._hub = hub
        self._store = store
        self._rules = rules
        self.users: dict[str, User] = {}
        self.rooms: dict[str, Room] = {}
        self._departed: OrderedDict[str, int] = OrderedDict()
        self._empty_tests: OrderedDict[str, None] = OrderedDict()
        for name in (LOBBY, AWKWARD):
            self.open_room(name, {})

    def is_special(self, name: str) -> bool:
        """Whether a name is a special room's (docs/protocol.md, "Special rooms")."""
        return name == LOBBY or name.startswith("test/")

    def arrive(self, user_id: str, now: int) -> User:
        """Return the user of a new session, from memory, from the store, or a new one.

        Args:
            user_id: His id.
            now: Milliseconds since 1970.
        """
        self._forget_departed(now)
        user = self.users.get(user_id)
        if user is None:
            record = self._store.user(user_id)
            name, color = (
                (record.name, record.color) if record else (ANONYMOUS, default_color(user_id))
            )
            normal = self._rules.quota_normal
            user = User(user_id, name, color, self._hub.add_quota(normal.allowance, normal.max))
            self.users[user_id] = user
        user.sessions += 1
        self._departed.pop(user_id, None)
        return user

    def depart(self, user: User, now: int) -> None:
        """Record that a session of a user has ended.

        Args:
            user: The user.
            now: Milliseconds since 1970.
        """
        user.sessions -= 1
        if user.sessions == 0:
            self._departed[user.id] = now
        self._forget_departed(now)

    def _forget_departed(self, now: int) -> None:
        while self._departed:
            user_id, since = next(iter(self._departed.items()))
            if now - since < _KEPT_FOR_MS:
                return
            del self._departed[user_id]
            self._hub.remove_quota(self.users.pop(user_id).quota)

    def open_room(self, name: str, settings: Settings) -> Room:
        """Make a room.

        Args:
            name: Its name, which no room has yet.
            settings: What its creator wants; special rooms take no notice.
        """
        is_special = self.is_special(name)
        chosen = dict(SPECIAL_SETTINGS) if is_special else NORMAL_SETTINGS | settings
        room = Room(
            name,
            self._hub.open_room(),
            is_special=is_special,
            settings=chosen,
            history=self._rules.chat_history,
        )
        self.rooms[name] = room
        return room

    def occupy(self, room: Room) -> None:
        """Record that somebody is in a room."""
        self._empty_tests.pop(room.name, None)

    def vacate(self, room: Room) -> list[Room]:
        """Record that a room is empty; returns the rooms that are gone because of it.

        Of the empty special rooms the ones used last are kept, so that made-up names cannot fill
        the memory; other rooms go at once.
        """
        if room.name in (LOBBY, AWKWARD):
            return []
        gone = [room]
        if room.is_special:
            self._empty_tests[room.name] = None
            surplus = len(self._empty_tests) - self._rules.test_rooms_kept
            gone = [self.rooms[self._empty_tests.popitem(last=False)[0]] for _ in range(surplus)]
        for old in gone:
            del self.rooms[old.name]
            self._hub.close_room(old.number)
        return gone

"""Bounds of how many bans from rooms there are: the oldest ones give way."""

from __future__ import annotations

from typing import NamedTuple

from fortepiano.model.user_ids import is_user_id

__all__ = ["BanBounds", "Key", "RoomBans"]

Key = tuple[str, str]
"""The room and the subject of a ban."""


class BanBounds(NamedTuple):
    """How many bans from rooms there may be.

    Attributes:
        each: Of one room, and by one user.
        in_all: Of all rooms, those that are closed included: a ban outlives its room.
    """

    each: int = 1000
    in_all: int = 20_000


class RoomBans:
    """The bans from rooms in the order in which they were made."""

    def __init__(self) -> None:
        self._authors: dict[Key, str] = {}  # the oldest ban first
        self._by_room: dict[str, dict[Key, None]] = {}
        self._by_author: dict[str, dict[Key, None]] = {}
        self._by_subject: dict[str, dict[Key, None]] = {}

    def __len__(self) -> int:
        """Return the number of bans."""
        return len(self._authors)

    def add(self, key: Key, author: str) -> None:
        """Add a ban as the newest one.

        Args:
            key: The room and the subject.
            author: The id of the user or token that made the ban.
        """
        self.discard(key)
        self._authors[key] = author
        self._by_room.setdefault(key[0], {})[key] = None
        self._by_author.setdefault(author, {})[key] = None
        self._by_subject.setdefault(key[1], {})[key] = None

    def discard(self, key: Key) -> None:
        """Forget a ban, if it is known."""
        author = self._authors.pop(key, None)
        if author is not None:
            _remove(self._by_room, key[0], key)
            _remove(self._by_author, author, key)
            _remove(self._by_subject, key[1], key)

    def rooms_of(self, subject: str) -> list[str]:
        """Return the rooms from which a subject is banned."""
        return [room for room, _ in self._by_subject.get(subject, ())]

    def surplus(self, room: str, author: str, bounds: BanBounds) -> list[Key]:
        """Return the bans that have to give way after one was added, the newest of the room.

        One of each group at most, however many there are: an operator may import more, and no call
        takes long. Where all rooms together have too many, an author with several bans gives up one
        of them: so nobody can push out the bans of others. The operator's tokens and commands have
        no bound of their own; their ids are no user ids.

        Args:
            room: The room of the ban that was added.
            author: Its author.
            bounds: How many bans there may be.
        """
        own = self._by_author[author]
        found: dict[Key, None] = {}
        if len(self._by_room[room]) > bounds.each:
            found[_first(self._by_room[room])] = None
        if len(own) > bounds.each and is_user_id(author):
            found[_first(own)] = None
        if len(self._authors) > bounds.in_all and not found:
            found[_first(own) if len(own) > 1 else next(iter(self._authors))] = None
        return list(found)


def _first(group: dict[Key, None]) -> Key:
    return next(iter(group))


def _remove(groups: dict[str, dict[Key, None]], name: str, key: Key) -> None:
    group = groups[name]
    del group[key]
    if not group:
        del groups[name]

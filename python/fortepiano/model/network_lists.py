"""Lists of networks, such as data centres, whose people may not enter, or may not speak."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from fortepiano.model.identity import subscriber

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fortepiano.native import Networks, NetworkTable, ParsedNetworks

__all__ = ["WORDS", "Effect", "NetworkList", "NetworkLists"]

Effect: TypeAlias = Literal["enter", "chat"]
"""What people of a listed network may not do: enter, or chat."""

WORDS: dict[Effect, str] = {
    "enter": "Connections from your network are not let in here.",
    "chat": "Chat is closed to your network.",
}
"""What they are told where a list has no words of its own."""

_TOLD_MS = 600_000
"""Whoever was told why comes no further than the gate for so long: stock clients take a connection
that was accepted for a success, and would come back every 50 ms."""

_TOLD_MOST = 10_000
"""How many are remembered to have been told."""


@dataclass(frozen=True, slots=True)
class NetworkList:
    """A list of networks.

    Attributes:
        name: What it is called.
        effect: What people of these networks may not do.
        words: What they are told.
    """

    name: str
    effect: Effect = "enter"
    words: str = ""

    @property
    def refusal_text(self) -> str:
        """What people are told."""
        return self.words or WORDS[self.effect]


class NetworkLists:
    """All lists of networks, as the gate and the handlers ask them.

    Attributes:
        allowed: Networks that no list concerns.
        lists: The lists, with their networks.
    """

    def __init__(self) -> None:
        self.allowed: Networks | None = None
        self.lists: dict[NetworkList, ParsedNetworks] = {}
        self._order: Sequence[NetworkList] = ()
        self._table: NetworkTable | None = None
        self._masks: dict[Effect, int] = {"enter": 0, "chat": 0}
        self._told: dict[str, int] = {}

    def adopt(self, lists: dict[NetworkList, ParsedNetworks], table: NetworkTable) -> None:
        """Go by other lists from now on.

        Args:
            lists: The lists.
            table: The same, in this order, in one table.
        """
        self.lists = lists
        self._order = tuple(lists)
        self._table = table if len(table) else None
        self._masks = {"enter": 0, "chat": 0}
        for number, one in enumerate(self._order):
            self._masks[one.effect] |= 1 << number

    def keeping_out(self, address: str) -> NetworkList | None:
        """Return the list by which somebody at an address may not enter; None where they may."""
        return self._of(address, "enter")

    def silencing(self, address: str) -> NetworkList | None:
        """Return the list by which somebody at an address may not chat; None where they may."""
        return self._of(address, "chat")

    def _of(self, address: str, effect: Effect) -> NetworkList | None:
        if self._table is None:
            return None
        found = self._table.around(address) & self._masks[effect]
        if not found or (self.allowed is not None and self.allowed.holds(address)):
            return None
        # The first of them in the settings: the lowest bit.
        return self._order[(found & -found).bit_length() - 1]

    def note_refused(self, address: str, now: int) -> None:
        """Remember that somebody was told why they may not enter."""
        place = subscriber(address)
        self._told.pop(place, None)
        self._told[place] = now
        while len(self._told) > _TOLD_MOST:
            del self._told[next(iter(self._told))]

    def was_refused(self, address: str, now: int) -> bool:
        """Whether somebody was told lately why they may not enter."""
        told = self._told.get(subscriber(address))
        return told is not None and now - told < _TOLD_MS

    def prune(self, now: int) -> None:
        """Forget those who were told long ago."""
        self._told = {place: told for place, told in self._told.items() if now - told < _TOLD_MS}

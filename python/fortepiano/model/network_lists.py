"""Network lists: networks, such as those of data centres, that may not enter, or not chat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fortepiano.native import Networks, NetworkTable, ParsedNetworks

__all__ = ["DEFAULT_TEXTS", "Effect", "NetworkList", "NetworkLists"]

Effect: TypeAlias = Literal["enter", "chat"]
"""Forbidden to users of a listed network: to enter, or to chat."""

DEFAULT_TEXTS: dict[Effect, str] = {
    "enter": "Connections from your network are not let in here.",
    "chat": "Chat is closed to your network.",
}
"""Notices to these users where a list has no text of its own."""

_REFUSED_MS = 600_000
"""How long after the notice a subscriber's handshakes are refused.

Stock clients take an accepted handshake for a success, and would reconnect every 50 ms.
"""

_MOST_REFUSED = 10_000
"""The most subscribers that are remembered as refused."""


@dataclass(frozen=True, slots=True)
class NetworkList:
    """A list of networks.

    Attributes:
        name: The list's name.
        effect: Whether users of these networks may not enter, or not chat.
        words: The text of the notice to these users; empty for the default.
    """

    name: str
    effect: Effect = "enter"
    words: str = ""

    @property
    def refusal_text(self) -> str:
        """The text of the notice to users of these networks."""
        return self.words or DEFAULT_TEXTS[self.effect]


class NetworkLists:
    """All network lists; admission control and handlers look up addresses here.

    Attributes:
        allowed: Networks that are exempt from all lists.
        lists: The lists, with their networks.
    """

    def __init__(self) -> None:
        self.allowed: Networks | None = None
        self.lists: dict[NetworkList, ParsedNetworks] = {}
        self._order: Sequence[NetworkList] = ()
        self._table: NetworkTable | None = None
        self._masks: dict[Effect, int] = {"enter": 0, "chat": 0}
        self._refused: dict[str, int] = {}  # subscribers -> when they got the notice

    def replace(self, lists: dict[NetworkList, ParsedNetworks], table: NetworkTable) -> None:
        """Use other lists from now on.

        Args:
            lists: The lists.
            table: The same lists, in the same order, as one table.
        """
        self.lists = lists
        self._order = tuple(lists)
        self._table = table if len(table) else None
        self._masks = {"enter": 0, "chat": 0}
        for number, network_list in enumerate(self._order):
            self._masks[network_list.effect] |= 1 << number

    def refusing(self, address: str) -> NetworkList | None:
        """Return the list that keeps an address from entering; None if there is none."""
        return self._find(address, "enter")

    def silencing(self, address: str) -> NetworkList | None:
        """Return the list that keeps an address from chatting; None if there is none."""
        return self._find(address, "chat")

    def _find(self, address: str, effect: Effect) -> NetworkList | None:
        if self._table is None:
            return None
        found = self._table.around(address) & self._masks[effect]
        if not found or (self.allowed is not None and self.allowed.holds(address)):
            return None
        # The lowest bit stands for the list that comes first in the settings.
        return self._order[(found & -found).bit_length() - 1]

    def note_refused(self, subscriber: str, now: int) -> None:
        """Remember that a client of a subscriber got the notice that it may not enter."""
        self._refused.pop(subscriber, None)
        self._refused[subscriber] = now
        while len(self._refused) > _MOST_REFUSED:
            del self._refused[next(iter(self._refused))]

    def was_refused(self, subscriber: str, now: int) -> bool:
        """Tell whether a subscriber got that notice lately."""
        time = self._refused.get(subscriber)
        return time is not None and now - time < _REFUSED_MS

    def prune(self, now: int) -> None:
        """Forget subscribers who got the notice long ago."""
        self._refused = {
            key: time for key, time in self._refused.items() if now - time < _REFUSED_MS
        }

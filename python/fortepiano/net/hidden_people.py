"""People who are hidden behind one address, because a proxy or a bridge does not report theirs.

They are one user, so a ban of one of them bans all. No header shows it: the last proxy may be
trusted, and the address that it reports is that of the proxy before it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from fortepiano.config.known_networks import CLOUDFLARE, is_private, parsed
from fortepiano.native import Networks
from fortepiano.observe.logs import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fortepiano.native import Engine

__all__ = ["HiddenPeople"]

_DAY_MS: Final = 86_400_000

_LEAST_BEHIND_EDGES = 4
"""How many sockets from Cloudflare's networks are more than a chance."""

_LEAST_AT_ONE_ADDRESS = 12
"""How many sockets of one private address are hardly one person's tabs. The 17th is refused."""

_log = logger(__name__)


class HiddenPeople:
    """Counts the sockets of people who are hidden, and logs that there are some once a day.

    Args:
        engine: All connections.
        now: Returns the time; milliseconds since 1970.

    Attributes:
        sockets: The number at the last look.
    """

    def __init__(self, engine: Engine, now: Callable[[], int]) -> None:
        self.sockets = 0
        self._engine = engine
        self._now = now
        self._edges = Networks(list(CLOUDFLARE))
        self._logged: dict[str, int] = {}

    def look(self) -> None:
        """Count the sockets that share addresses of proxies."""
        sessions = (link.session for link in self._engine.connections())
        counts = Counter[str](one.address for one in sessions if one is not None)
        self.sockets = self._behind_edges(counts) + self._behind_bridges(counts)

    def _behind_edges(self, counts: Mapping[str, int]) -> int:
        found = sum(count for address, count in counts.items() if self._edges.holds(address))
        if found < _LEAST_BEHIND_EDGES:
            return 0
        self._warn_daily(
            "clients have addresses of Cloudflare: all people behind one of them are one user",
            sockets=found,
            see="docs/operating.md, Cloudflare",
        )
        return found

    def _behind_bridges(self, counts: Mapping[str, int]) -> int:
        crowded = {
            address: count
            for address, count in counts.items()
            if count >= _LEAST_AT_ONE_ADDRESS and _is_near(address)
        }
        for address, count in crowded.items():
            self._warn_daily(
                "many clients share one address of this machine or its network: if a proxy or a"
                " bridge stands there, all people behind it are one user",
                address=address,
                sockets=count,
                see="docs/operating.md, Behind a proxy",
            )
        return sum(crowded.values())

    def _warn_daily(self, event: str, **values: object) -> None:
        now = self._now()
        if now - self._logged.get(event, now - _DAY_MS) >= _DAY_MS:
            self._logged[event] = now
            _log.warning(event, **values)


def _is_near(address: str) -> bool:
    """Return whether an address is not one of the internet; a Unix socket's peer has none."""
    try:
        return is_private(parsed(address))
    except ValueError:
        return True

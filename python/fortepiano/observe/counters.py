"""Counters of Python for metrics; the hub counts hot messages itself."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

__all__ = ["Counters"]


@dataclass(slots=True)
class Counters:
    """Counts since the start.

    Attributes:
        received: Messages from clients, by kind. Kinds without a handler count as `other`, since
            clients can make up any number of them.
        too_fast: Messages that a rate limit refused, by kind.
        waited: Messages that waited because their subscriber made the server send too much.
        bans_enforced: How often a ban kept a user out of a `room` or of the `site`. Likewise, how
            often a network list kept a client out (`network`) or silenced one (`chat`).
        near_bans: How often a client came from the /24, or the IPv6 /48, of a banned user.
        failures: Messages that were lost because their handler failed.
        file_shortages: How often no open file was left; asked once a second.
    """

    received: Counter[str] = field(default_factory=Counter[str])
    too_fast: Counter[str] = field(default_factory=Counter[str])
    bans_enforced: Counter[str] = field(default_factory=Counter[str])
    waited: int = 0
    near_bans: int = 0
    failures: int = 0
    file_shortages: int = 0

"""What Python counts of its own for metrics; what is hot is counted natively."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

__all__ = ["Counters"]


@dataclass(slots=True)
class Counters:
    """Counts since the start.

    Attributes:
        received: Messages that clients sent, by kind; `other` for kinds that nobody handles, since
            clients make up as many as they like.
        too_fast: Messages that a rate limit refused, by kind.
        bans_enforced: How often somebody who is banned was kept out, of a `room` or of the `site`;
            how often a list of networks kept somebody out (`network`) or silenced them (`chat`).
        near_bans: How often somebody came from the same /24, or /48 of IPv6, as one who is banned.
        failures: Messages that were lost because their handler failed.
    """

    received: Counter[str] = field(default_factory=Counter[str])
    too_fast: Counter[str] = field(default_factory=Counter[str])
    bans_enforced: Counter[str] = field(default_factory=Counter[str])
    near_bans: int = 0
    failures: int = 0

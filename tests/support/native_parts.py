"""The compiled parts for tests: with the defaults of an operator's settings, except for changes.

A change may be out of the bounds that an operator has, such as a rest of an hour.
"""

from __future__ import annotations

from typing import Any

from fortepiano.config import Settings
from fortepiano.config.parts import Part, settings_of
from fortepiano.native import Hub, HubSettings, Throttle, ThrottleSettings

__all__ = ["hub_settings", "make_test_hub", "make_test_throttle", "throttle_settings"]


def hub_settings(**changes: Any) -> dict[str, Any]:
    """Return the settings of a hub by name: the defaults, except for the changes."""
    return settings_of(Part.HUB, Settings()) | changes


def throttle_settings(**changes: Any) -> dict[str, Any]:
    """Return the settings of a throttle by name: the defaults, except for the changes."""
    return settings_of(Part.THROTTLE, Settings()) | changes


def make_test_hub(
    *, linger_seconds: float | None = None, standing_at: int | None = None, **changes: Any
) -> Hub:
    """Return a hub.

    Args:
        linger_seconds: As for the compiled class.
        standing_at: The time of a stopped clock; ms since 1970. None for a running one.
        **changes: Settings that differ from their defaults.
    """
    settings = HubSettings(**hub_settings(**changes))
    return Hub(settings, linger_seconds=linger_seconds, standing_at=standing_at)


def make_test_throttle(*, standing_at: int | None = None, **changes: Any) -> Throttle:
    """Return a throttle.

    Args:
        standing_at: The time of a stopped clock; ms since 1970. None for a running one.
        **changes: Settings that differ from their defaults.
    """
    return Throttle(ThrottleSettings(**throttle_settings(**changes)), standing_at=standing_at)

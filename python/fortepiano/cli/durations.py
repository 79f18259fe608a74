"""Durations as people write them, such as `1h30m`."""

import re

__all__ = ["PERMANENT", "duration"]

PERMANENT = "permanent"
"""The text for a duration without end."""

_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_LONGEST_DAYS = 36_500
_PARTS = re.compile(r"(?:\d{1,6}[smhdw])+", re.ASCII)


def duration(text: str) -> int | None:
    """Read a duration such as `30m`, `1h30m`, `7d` or `permanent`.

    Returns:
        Milliseconds; None for `permanent`.

    Raises:
        ValueError: The text is no duration; the message is for people.
    """
    plain = text.strip().lower()
    if plain == PERMANENT:
        return None
    if not _PARTS.fullmatch(plain):
        raise ValueError(
            f"{text!r} is no duration: write a number and s, m, h, d or w, such as 30m, 1h30m or "
            f"7d, or `{PERMANENT}`"
        )
    milliseconds = sum(
        int(part[:-1]) * _UNITS[part[-1]] for part in re.findall(r"\d+[smhdw]", plain)
    )
    if not 0 < milliseconds <= _LONGEST_DAYS * _UNITS["d"]:
        raise ValueError(f"{text!r} must be more than nothing, and at most {_LONGEST_DAYS}d")
    return milliseconds

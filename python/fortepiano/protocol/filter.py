"""What chat is cleaned by: swear words where a room wants it, and towers of accents everywhere."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Filter"]

_ACCENTS = 4
"""Combining marks on one letter that some language may need; more only climb over other lines."""


class Filter:
    """Cleans chat.

    Args:
        words: A file with one word on each line, `#` for comments; None for the list that comes
            with the package.
    """

    def __init__(self, words: Path | None = None) -> None:
        source = words if words is not None else files("fortepiano") / "protocol" / "words.txt"
        lines = (line.strip() for line in source.read_text("utf-8").splitlines())
        listed = [re.escape(line) for line in lines if line and not line.startswith("#")]
        # Words that nothing matches stand for an empty list.
        pattern = "|".join(sorted(listed, key=len, reverse=True)) or r"(?!)"
        self._words = re.compile(rf"\b(?:{pattern})\w*", re.IGNORECASE)

    def masked(self, text: str) -> str:
        """Replace each letter of a swear word by an asterisk (`no cussing`)."""
        return self._words.sub(lambda match: "*" * len(match[0]), text)

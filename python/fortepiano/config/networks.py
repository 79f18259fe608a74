"""The section `networks`: networks whose people are kept out or silenced."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator

from fortepiano.config.section import Networks, Section, Tables

__all__ = ["LIST_NAME", "LONGEST_WORDS", "NetworkListSettings", "NetworkSettings"]

LIST_NAME = "[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
"""The regular expression of a whole name of a network list."""

LONGEST_WORDS = 256
"""The longest text of a network list that people are shown; characters."""

_MOST_LISTS = 32
"""The most lists in the settings; together with imported lists, 64 are allowed."""


class NetworkListSettings(Section):
    """A file of networks, one in each line; the file is read again when it has changed."""

    name: str = Field(pattern=f"^{LIST_NAME}$")
    path: Annotated[Path, AfterValidator(Path.expanduser)]
    effect: Literal["enter", "chat"] = "enter"
    words: str = Field(default="", max_length=LONGEST_WORDS)
    refresh_seconds: float = Field(default=60, ge=1, le=86_400, allow_inf_nan=False)


class NetworkSettings(Section):
    """The section `networks`: lists of networks, such as data centres."""

    lists: Annotated[tuple[NetworkListSettings, ...], Tables] = Field(
        default=(),
        max_length=_MOST_LISTS,
        description="Files of networks whose people may not enter, or not chat; each has `name` and"
        " `path`, and perhaps `effect` (`enter` or `chat`), `words` and `refresh_seconds`.",
    )
    allowed: Networks = Field(
        default=(), description="Networks whose people no list keeps out or silences."
    )

    @field_validator("lists")
    @classmethod
    def _each_once(cls, lists: tuple[NetworkListSettings, ...]) -> tuple[NetworkListSettings, ...]:
        for name, count in Counter(one.name for one in lists).items():
            if count > 1:
                raise ValueError(f"two lists are called {name!r}")
        return lists

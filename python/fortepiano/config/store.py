"""What survives a restart, and where."""

from typing import Literal

from pydantic import Field

from fortepiano.config.section import Section

__all__ = ["StoreSettings"]


class StoreSettings(Section):
    """The section `store`: what survives a restart, and where."""

    url: Literal["", "memory:"] = Field(
        default="", description="Empty for SQLite in the data folder; `memory:` keeps nothing."
    )

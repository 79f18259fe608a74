"""The section `chat`: which chat is stored."""

from typing import Literal

from pydantic import Field

from fortepiano.config.section import Section

__all__ = ["ChatSettings"]


class ChatSettings(Section):
    """The section `chat`: which chat is stored."""

    keep: Literal["none", "permanent"] = Field(
        default="none",
        description=(
            "Rooms whose chat survives a restart: `none`, or `permanent` for the permanent ones,"
            " `lobby` and `test/awkward`."
        ),
    )

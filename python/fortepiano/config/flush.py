"""The section `flush`: how often a room's messages are written to its clients."""

from typing import Annotated

from pydantic import Field

from fortepiano.config.parts import Part
from fortepiano.config.section import Section

__all__ = ["FlushSettings"]


class FlushSettings(Section):
    """The section `flush`: how often a room's messages are written to its clients."""

    duty: Annotated[float, Part.HUB] = Field(
        default=0.75, gt=0, le=1, description="Share of the event loop's time for writing; 0 to 1."
    )
    rest_ms: Annotated[float, Part.HUB] = Field(
        default=20,
        ge=0,
        le=1000,
        description="Longest rest between two writes of a room; milliseconds.",
    )
    move_ms: Annotated[float, Part.HUB] = Field(
        default=40,
        ge=0,
        le=1000,
        description="Time between two positions of one pointer; milliseconds.",
    )

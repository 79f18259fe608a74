"""The settings of the compiled parts: marked where they are declared, and handed over by name.

A part declares the names that it takes a second time, in Rust, with the same units. Both
declarations must agree, else the server does not start.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic.fields import FieldInfo

    from fortepiano.config import Settings

__all__ = ["Part", "settings_of"]


class Part(Enum):
    """A compiled part with settings; a field whose type is annotated with it is one of them."""

    HUB = "hub"
    THROTTLE = "throttle"


def settings_of(part: Part, settings: Settings) -> dict[str, object]:
    """Return the settings of a part by name, as the operator gave them.

    Args:
        part: The part.
        settings: All settings; of the rules, those of the preset count where none are set.

    Raises:
        ValueError: Two sections have a setting of the same name for this part.
    """
    found: dict[str, object] = {}
    for section in (getattr(settings, name) for name in _fields(settings)):
        for name, field in _fields(section).items():
            if part not in field.metadata:
                continue
            if name in found:
                raise ValueError(f"two settings of the {part.value} are called {name}")
            found[name] = getattr(section, name)
    return found


def _fields(section: Any) -> Mapping[str, FieldInfo]:
    """Return the fields of a section by name; none of a value that is no section."""
    return cast("Mapping[str, FieldInfo]", getattr(section.__class__, "__pydantic_fields__", {}))

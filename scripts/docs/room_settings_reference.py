"""Write the table of room settings: `room_settings_reference.py docs/protocol.md`.

The table is generated from `model/room_settings.py` and stands between two marks. A test checks
that the file is up to date.
"""

from __future__ import annotations

from fortepiano.model.room_settings import (
    SETTINGS,
    Color,
    Kind,
    RoomSetting,
    Switch,
    Text,
    WholeNumber,
)
from marked_section import replace_section, update_document

__all__ = ["reference", "updated"]

_BEGIN = "<!-- room settings: made by `make docs` -->"
_END = "<!-- room settings: end -->"


def reference() -> str:
    """Return the table of all room settings, as Markdown."""
    head = "| key | type | in a new room | removable | set by | meaning |"
    return "\n".join((head, "|" + "---|" * 6, *map(_row, SETTINGS.values())))


def _row(setting: RoomSetting) -> str:
    cells = (
        f"`{setting.name}`",
        _type_name(setting.kind),
        _default(setting.default),
        "yes" if setting.is_removable else "no",
        setting.setter.value,
        setting.meaning,
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _type_name(kind: Kind) -> str:
    match kind:
        case Switch():
            return "bool"
        case Color():
            return "colour"
        case WholeNumber(most):
            return f"0 to {most}"
        case Text(longest):
            return f"text, at most {longest}"


def _default(value: bool | int | str | None) -> str:
    if value is None:
        return "absent"
    return str(value).lower() if isinstance(value, bool) else f"`{value}`"


def updated(text: str) -> str:
    """Return a document with the table between its marks replaced by a new one.

    Raises:
        ValueError: The marks are missing.
    """
    return replace_section(text, _BEGIN, _END, reference())


if __name__ == "__main__":
    update_document(updated)

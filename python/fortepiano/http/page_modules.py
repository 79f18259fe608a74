"""The page's modules that the server makes from its own declarations: GENERATED.

`http/assets.py` serves them beside the files of `web/assets/`. The types of each stand there in a
`.d.ts` of its name.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from fortepiano.model.room_settings import Color, Switch, Text, WholeNumber, moderator_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from fortepiano.model.room_settings import Kind

__all__ = ["GENERATED"]


def _room_settings_schema() -> str:
    schema = {
        setting.name: {**_kind(setting.kind), "default": setting.default}
        for setting in moderator_settings()
    }
    return f"export const SETTINGS = {json.dumps(schema)};\n"


def _kind(kind: Kind) -> dict[str, str | int]:
    match kind:
        case Switch():
            return {"kind": "switch"}
        case Color():
            return {"kind": "color"}
        case WholeNumber(most):
            return {"kind": "number", "most": most}
        case Text(longest):
            return {"kind": "text", "longest": longest}


GENERATED: dict[str, Callable[[], str]] = {"room_settings_schema.js": _room_settings_schema}
"""Functions that return the text of a module, by the module's path below `/assets/`."""

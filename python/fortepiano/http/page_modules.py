"""The page's modules that the server makes from its own declarations: GENERATED.

`http/assets.py` serves them beside the files of `web/assets/`. The types of each stand there in a
`.d.ts` of its name.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from fortepiano.model.close_codes import CloseCode
from fortepiano.model.room_settings import Color, Switch, Text, WholeNumber, moderator_settings
from fortepiano.net.refusal_codes import RefusalCode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fortepiano.model.room_settings import Kind

__all__ = ["GENERATED", "LIBRARIES", "libraries_module"]

LIBRARIES = {"midi": "midifile-ts", "qr": "qrcode-generator"}
"""npm packages that the page uses, by what for; `scripts/samples.py` fetches them."""


def libraries_module(web: Path) -> str:
    """Return the module `libraries.js`: the address of each library, empty where it is missing.

    Args:
        web: The folder of the browser client.
    """
    addresses = {use: _library(web, package) for use, package in LIBRARIES.items()}
    return f"export const LIBRARIES = {json.dumps(addresses)};\n"


def _library(web: Path, package: str) -> str:
    found = sorted(web.glob(f"libraries/{package}-[0-9]*/index.js"))
    return f"/assets/{found[-1].relative_to(web).as_posix()}" if found else ""


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


def _codes() -> str:
    """Return what the page does after each close code, and after each refusal.

    A close code has its meaning; the words of a refusal come with it.
    """
    table: dict[str, dict[str, object]] = {
        str(int(code)): {"meaning": code.meaning, "retry": code.retry} for code in CloseCode
    }
    table |= {code.value: {"retry": code.retry_after > 0} for code in RefusalCode if code.you}
    return f"export const CODES = {json.dumps(table)};\n"


GENERATED: dict[str, Callable[[], str]] = {
    "codes.js": _codes,
    "room_settings_schema.js": _room_settings_schema,
}
"""Functions that return the text of a module, by the module's path below `/assets/`."""

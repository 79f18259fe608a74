"""The example settings file of `fortepiano gen-config`, made from the declared settings."""

from __future__ import annotations

import json
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import Any, cast

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from fortepiano.config import Settings
from fortepiano.config.limits import SHARED
from fortepiano.config.running import needs_restart
from fortepiano.config.sources import DELIMITER, PREFIX, Keys

__all__ = ["Setting", "example", "settings", "toml_value"]

_WIDTH = 100
_BOUNDS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
_LENGTHS = {"min_length": "at least {} long", "max_length": "at most {} long"}

_HEAD = """\
The settings of fortepiano, each with what it means, what it may be, and its default. "fortepiano
check-config -c FILE" tells whether all is well. Flags of the command line win over variables such
as FORTEPIANO_LIMITS__FRAGMENTS, those over .env, those over this file. A change is taken over by
"fortepiano reload" or SIGHUP while people play, unless it says that it takes effect at a restart.
"""

_SHARED = """\
Not set here, it is made as large as "people_per_address" needs; remove the # to set it."""

_RULES = """\
The rules of play: a preset, and any of its numbers set otherwise. Remove the # before a number to
set it; the defaults shown are those of the preset "quick"."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One value that can be set.

    Attributes:
        keys: Its path, such as `("limits", "fragments")`.
        default: What it is where nobody sets it.
        description: What it means, and in which unit.
        allowed: What it may be; empty where the description tells.
        sample: A value for where nothing is the default.
    """

    keys: Keys
    default: object
    description: str
    allowed: str
    sample: object

    @property
    def variable(self) -> str:
        """The variable of the environment that sets it."""
        return PREFIX + DELIMITER.join(self.keys).upper()


def settings() -> list[Setting]:
    """Return all settings, in the order of the model."""
    return list(_walk(Settings, Settings(), (), ""))


def _walk(model: Any, default: Any, above: Keys, said: str) -> Iterator[Setting]:
    fields = cast("Mapping[str, FieldInfo]", model.__pydantic_fields__)
    for name, field in sorted(fields.items(), key=_place):
        keys, value = (*above, name), getattr(default, name)
        description = " ".join(filter(None, [said, field.description]))
        if _is_section(field):
            yield from _walk(field.annotation, value, keys, field.description or "")
        else:
            samples = field.examples or _choices(field.annotation) or [None]
            yield Setting(keys, value, description, _allowed(field), samples[0])


def _place(item: tuple[str, FieldInfo]) -> int:
    """What stands before what: the preset before what it sets, and sections last, as in TOML."""
    name, field = item
    return 0 if name == "preset" else 2 if _is_section(field) else 1


def _is_section(field: FieldInfo) -> bool:
    return hasattr(field.annotation, "__pydantic_fields__")


def _allowed(field: FieldInfo) -> str:
    """Say what a value may be."""
    arguments = _choices(field.annotation)
    if arguments:
        *others, last = (f"`{choice}`" for choice in arguments)
        return f"{', '.join(others)} or {last}"
    if field.annotation is bool:
        return "`true` or `false`"
    bounds: dict[str, Any] = {}
    for constraint in field.metadata:
        for name in (*_BOUNDS, *_LENGTHS):
            value = getattr(constraint, name, None)
            if value is not None:
                bounds[name] = value
    if "ge" in bounds and "le" in bounds:
        return f"{bounds['ge']} to {bounds['le']}"
    said = [f"{words} {bounds[name]}" for name, words in _BOUNDS.items() if name in bounds]
    said += [words.format(bounds[name]) for name, words in _LENGTHS.items() if name in bounds]
    return ", ".join(said)


def _choices(annotation: Any) -> tuple[str, ...]:
    """Return the names that a value must be one of."""
    if typing.get_origin(annotation) is typing.Literal:
        return typing.get_args(annotation)
    for inner in typing.get_args(annotation):
        if typing.get_origin(inner) is typing.Literal:
            return typing.get_args(inner)
    return ()


def example() -> str:
    """Return a settings file in which everything stands, at its default."""
    lines = [*_comment(_HEAD)]
    section: Keys = ()
    for setting in settings():
        if setting.keys[:1] != section and len(setting.keys) > 1:
            section = setting.keys[:1]
            lines += ["", "", f"[{section[0]}]"]
            if section == ("rules",):
                lines += [*_comment(_RULES)]
        lines += ["", *_comment(_explained(setting))]
        name = ".".join(setting.keys[1:] or setting.keys)
        text = toml_value(setting.sample if setting.default is None else setting.default)
        lines.append(f"{name} = {text}" if _is_set(setting) else f"#{name} = {text}")
    return "\n".join(lines) + "\n"


def _is_set(setting: Setting) -> bool:
    """Whether a setting stands in the file as more than a comment.

    A rule that stands there would win over the preset, whichever somebody chooses, and a limit over
    `people_per_address`.
    """
    is_of_preset = setting.keys[0] == "rules" and setting.keys != ("rules", "preset")
    return setting.default is not None and not is_of_preset and not _is_shared(setting)


def _is_shared(setting: Setting) -> bool:
    """Whether a setting is a limit that rises with `people_per_address`."""
    return setting.keys[0] == "limits" and setting.keys[1] in SHARED


def _explained(setting: Setting) -> str:
    when = " Takes effect at a restart." if needs_restart(setting.keys) else ""
    allowed = f" Allowed: {setting.allowed}." if setting.allowed else ""
    shared = f" {_SHARED}" if _is_shared(setting) else ""
    return f"{setting.description}{allowed}{when}{shared}".replace("`", '"')


def _comment(text: str) -> Iterator[str]:
    for line in wrap(text, _WIDTH - 2):
        yield f"# {line}"


def toml_value(value: object) -> str:
    """Write a value as TOML does; None, which TOML lacks, as nothing."""
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, Path):
        value = str(value)
    # For texts, numbers, truth values and lists of them both notations are the same.
    return json.dumps(value, ensure_ascii=False)

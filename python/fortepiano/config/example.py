"""The example settings file of `fortepiano gen-config`, made from the declared settings."""

from __future__ import annotations

import json
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import Any, cast

from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo

from fortepiano.config import Settings
from fortepiano.config.limits import SHARED
from fortepiano.config.proxy import ProxySettings
from fortepiano.config.running import needs_restart
from fortepiano.config.sources import DELIMITER, PREFIX, Keys
from fortepiano.errors import ConfigError

__all__ = ["Setting", "example", "settings", "toml_value"]

_WIDTH = 100
_BOUNDS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
_LENGTHS = {"min_length": "at least {} long", "max_length": "at most {} long"}

_HEAD = """\
The settings of fortepiano, each with what it means, what it may be, and its default. A line that
begins with # and no space sets nothing: remove the # to set it. What is not set follows the
defaults of the version that runs. "fortepiano check-config -c FILE" tells whether all is well.
Flags of the command line win over variables such as FORTEPIANO_LIMITS__FRAGMENTS, those over .env,
those over this file. "fortepiano reload" or a SIGHUP applies a change while people play, unless it
says that it takes effect at a restart.
"""

_SHARED = """\
Not set here, it is made as large as "people_per_address" needs."""

_RULES = """\
The rules of play: a preset, and any of its numbers set otherwise. The defaults shown are those of
the preset "quick"."""

_CHOSEN = {("data_dir",), ("proxy", "trusted")}
"""The settings for which each server needs a value of its own."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One value that can be set.

    Attributes:
        keys: The path, such as `("limits", "fragments")`.
        default: The default value.
        description: The meaning and the unit.
        allowed: The allowed values; empty where the description names them.
        sample: An example value, shown where the default is None.
    """

    keys: Keys
    default: object
    description: str
    allowed: str
    sample: object

    @property
    def variable(self) -> str:
        """The name of the environment variable of the setting."""
        return PREFIX + DELIMITER.join(self.keys).upper()


def settings() -> list[Setting]:
    """Return all settings, in the order of the model."""
    return list(_walk(Settings, Settings(), (), ""))


def _walk(model: Any, default: Any, above: Keys, section: str) -> Iterator[Setting]:
    """Yield the settings of a model; `section` is the description of the section above them."""
    fields = cast("Mapping[str, FieldInfo]", model.__pydantic_fields__)
    for name, field in sorted(fields.items(), key=_position):
        keys, value = (*above, name), getattr(default, name)
        description = " ".join(filter(None, [section, field.description]))
        if _is_section(field):
            yield from _walk(field.annotation, value, keys, field.description or "")
        else:
            samples = field.examples or _choices(field.annotation) or [None]
            yield Setting(keys, value, description, _allowed(field), samples[0])


def _position(item: tuple[str, FieldInfo]) -> int:
    """Return the sort key of a field: the preset first, and sections last, as TOML wants them."""
    name, field = item
    return 0 if name == "preset" else 2 if _is_section(field) else 1


def _is_section(field: FieldInfo) -> bool:
    return hasattr(field.annotation, "__pydantic_fields__")


def _allowed(field: FieldInfo) -> str:
    """Return the allowed values of a field, for people."""
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
    parts = [f"{words} {bounds[name]}" for name, words in _BOUNDS.items() if name in bounds]
    parts += [words.format(bounds[name]) for name, words in _LENGTHS.items() if name in bounds]
    return ", ".join(parts)


def _choices(annotation: Any) -> tuple[str, ...]:
    """Return the values of a `Literal`; none for other annotations."""
    if typing.get_origin(annotation) is typing.Literal:
        return typing.get_args(annotation)
    for inner in typing.get_args(annotation):
        if typing.get_origin(inner) is typing.Literal:
            return typing.get_args(inner)
    return ()


def example(data_dir: Path | None = None, trusted: Sequence[str] = ()) -> str:
    """Return a settings file that sets only what must be chosen, and has all defaults as comments.

    Args:
        data_dir: The data folder; None for the default.
        trusted: The trusted proxies.

    Raises:
        ConfigError: An argument is wrong.
    """
    given: dict[Keys, object] = {}
    if data_dir is not None:
        given["data_dir",] = data_dir
    if trusted:
        given["proxy", "trusted"] = _checked_proxies(trusted)
    lines = [*_comment(_HEAD)]
    section: Keys = ()
    for setting in settings():
        if setting.keys[:1] != section and len(setting.keys) > 1:
            section = setting.keys[:1]
            lines += ["", "", f"[{section[0]}]"]
            if section == ("rules",):
                lines += [*_comment(_RULES)]
        lines += ["", *_comment(_explained(setting)), _assignment(setting, given)]
    return "\n".join(lines) + "\n"


def _assignment(setting: Setting, given: Mapping[Keys, object]) -> str:
    name = ".".join(setting.keys[1:] or setting.keys)
    default = setting.sample if setting.default is None else setting.default
    mark = "" if setting.keys in _CHOSEN else "#"
    return f"{mark}{name} = {toml_value(given.get(setting.keys, default))}"


def _checked_proxies(trusted: Sequence[str]) -> Sequence[str]:
    try:
        _ = ProxySettings.model_validate({"trusted": list(trusted)})
    except ValidationError as error:
        problems = [f"--trusted: {detail['msg']}" for detail in error.errors(include_url=False)]
        raise ConfigError([text.replace("Value error, ", "") for text in problems]) from None
    return list(trusted)


def _is_shared(setting: Setting) -> bool:
    """Tell whether a setting is a limit that rises with `people_per_address`."""
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
    # JSON and TOML write texts, numbers, booleans and lists of them in the same way.
    return json.dumps(value, ensure_ascii=False)

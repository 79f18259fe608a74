"""The sources of settings: layers of values, each with its name as the user wrote it.

The strongest first: flags, environment, `.env`, a TOML file. Every layer is flattened to paths such
as `("limits", "message_bytes")`, so that layers merge value by value. A problem is reported with
the name that the user wrote and the place where it stands.
"""

import difflib
import io
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as data_field
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, TypeVar, cast

from dotenv.parser import Binding, parse_stream
from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from fortepiano.config.settings_text import key_lines, read_text
from fortepiano.errors import ConfigError

__all__ = [
    "DEFAULT_FILE",
    "DELIMITER",
    "DOTENV_FILE",
    "PREFIX",
    "SEED_NAMES",
    "Keys",
    "Layer",
    "Origin",
    "build",
    "origins",
    "read",
]

PREFIX = "FORTEPIANO_"
"""The prefix of our environment variables."""
DELIMITER = "__"
"""The separator between a section and a name in an environment variable."""
DEFAULT_FILE = Path("fortepiano.toml")
DOTENV_FILE = Path(".env")

SEED_NAMES = {"WS_PORT": "port", "NODE_ENV": "node_env", "SALT1": "salt1", "SALT2": "salt2"}
"""Variables of older servers, which still work.

The ids of quick-mpp-server stay only if `::ffff:` is added to its SALT1 (docs/moving.md).
"""

_LONGEST_VALUE = 60
"""The most characters of a wrong value in an error message."""

Keys: TypeAlias = tuple[str, ...]
"""The path of a setting."""

Model = TypeVar("Model", bound=BaseModel)


class Origin(NamedTuple):
    """Where a value comes from.

    Attributes:
        name: The name of the setting as the user wrote it.
        place: The file and the line, the variable or the flag, for people.
    """

    name: str
    place: str


class Given(NamedTuple):
    """A value, and its name as the user wrote it."""

    value: object
    name: str


@dataclass(frozen=True)
class Layer:
    """One source of settings.

    Attributes:
        place: The name of the source in error messages.
        kind: The spelling of its names: "flag", "variable" or "key".
        values: The values that it sets, by path.
        problems: Errors of reading it.
        lines: Where names stand in a file, by path; a variable is a path of one name.
    """

    place: str
    kind: str
    values: Mapping[Keys, Given]
    problems: Sequence[str] = ()
    lines: Mapping[Keys, int] = data_field(default_factory=dict[Keys, int])

    def spell(self, keys: Keys) -> str:
        """Return a path in the spelling of this layer."""
        if self.kind == "flag":
            return "--" + "-".join(keys).replace("_", "-")
        if self.kind == "variable":
            return PREFIX + DELIMITER.join(keys).upper()
        return ".".join(key if key.isprintable() else repr(key) for key in keys)

    def whereabouts(self, given: Given, path: Keys) -> str:
        """Return where one of the layer's values stands, for people.

        Args:
            given: The value.
            path: The path of the value, or of a part of it.
        """
        if self.kind == "flag":
            return given.name
        place = self.place_of(given, path)
        return f"{given.name} in {place}" if self.kind == "variable" else place

    def place_of(self, given: Given, path: Keys) -> str:
        """Return the name of the layer, and in a file the line of a value."""
        if self.kind == "variable":
            path = (given.name,)
        depths = range(len(path), 0, -1)
        line = next((self.lines[path[:at]] for at in depths if path[:at] in self.lines), 0)
        return f"{self.place}, line {line}" if line else self.place


def read(config_file: Path | None, flags: Mapping[str, object]) -> list[Layer]:
    """Read all layers, the weakest first.

    Args:
        config_file: The TOML file; None for the default one, which may be missing.
        flags: Settings by dotted name; None stands for a flag not given.

    Returns:
        The layers; errors of reading are among their problems.
    """
    return [
        _toml(config_file),
        _dotenv(DOTENV_FILE),
        Layer("the environment", "variable", dict(_variables(os.environ))),
        Layer("the command line", "flag", dict(_given_flags(flags))),
    ]


def build(model: type[Model], layers: Sequence[Layer]) -> Model:
    """Merge layers and check the result.

    Args:
        model: The class to build; every name that is not one of its fields is refused.
        layers: The layers, the weakest first.

    Returns:
        The checked instance.

    Raises:
        ConfigError: At least one layer has a problem; has one line per problem.
    """
    known = dict(_fields(model))
    chosen, problems = _merged(layers, known)
    try:
        built = model(**_nested({keys: given.value for keys, (_, given) in chosen.items()}))
    except ValidationError as error:
        raise ConfigError([*problems, *_explained(error, chosen, known)]) from None
    if problems:
        raise ConfigError(problems)
    return built


def origins(model: type[BaseModel], layers: Sequence[Layer]) -> dict[Keys, Origin]:
    """Return the origin of each setting that is set in any layer.

    Args:
        model: The class that `build` makes from the layers.
        layers: The layers, the weakest first.
    """
    chosen, _ = _merged(layers, dict(_fields(model)))
    return {
        keys: Origin(given.name, layer.whereabouts(given, keys))
        for keys, (layer, given) in chosen.items()
    }


def _merged(
    layers: Sequence[Layer], known: Mapping[Keys, FieldInfo]
) -> tuple[dict[Keys, tuple[Layer, Given]], list[str]]:
    """Return the strongest layer and value of each setting, and the problems of all layers."""
    sections = {keys[:depth] for keys in known for depth in range(1, len(keys))}
    chosen: dict[Keys, tuple[Layer, Given]] = {}
    problems: list[str] = []
    for layer in layers:
        problems += layer.problems
        for keys, given in layer.values.items():
            if keys in known:
                chosen[keys] = layer, given
            elif keys not in sections or given.value != {}:  # an empty section sets nothing
                problems.append(_unknown(layer, keys, given, known))
    return chosen, problems


def _fields(model: object, above: Keys = ()) -> Iterator[tuple[Keys, FieldInfo]]:
    """Yield the path and the field of every value; sections themselves are left out."""
    fields = cast("dict[str, FieldInfo]", getattr(model, "__pydantic_fields__", {}))
    for name, field in fields.items():
        keys = (*above, name)
        if hasattr(field.annotation, "__pydantic_fields__"):
            yield from _fields(field.annotation, keys)
        else:
            yield keys, field


def _toml(config_file: Path | None) -> Layer:
    path = config_file or DEFAULT_FILE
    text, problem = "", ""
    content: dict[str, Any] = {}
    try:
        text = read_text(path)
        content = tomllib.loads(text)
    except FileNotFoundError:
        problem = "no such file" if config_file else ""
    except OSError as error:
        problem = error.strerror or str(error)
    except tomllib.TOMLDecodeError as error:
        problem = f"not TOML: {error}"
    except ValueError as error:
        problem = str(error)
    problems = [f"{path}: {problem}"] if problem else []
    values = {keys: Given(value, ".".join(keys)) for keys, value in _flat(content)}
    return Layer(str(path), "key", values, problems, key_lines(text) if content else {})


def _flat(table: Mapping[str, Any], above: Keys = ()) -> Iterator[tuple[Keys, object]]:
    for key, value in table.items():
        keys = (*above, key)
        if isinstance(value, dict) and value:
            yield from _flat(cast("dict[str, Any]", value), keys)
        else:
            yield keys, value


def _dotenv(path: Path) -> Layer:
    problems: list[str] = []
    variables: dict[str, str] = {}
    lines: dict[Keys, int] = {}
    try:
        for binding in parse_stream(io.StringIO(read_text(path))):
            if binding.error:
                problems.append(f"{path}: line {binding.original.line} is not NAME=value")
            elif binding.key is not None:
                # No interpolation: a `$` in a salt stays a `$`.
                variables[binding.key] = binding.value or ""
                lines[binding.key,] = _line_of(binding)
    except FileNotFoundError:
        pass
    except OSError as error:
        problems.append(f"{path}: {error.strerror or error}")
    except ValueError as error:
        problems.append(f"{path}: {error}")
    return Layer(str(path), "variable", dict(_variables(variables)), problems, lines)


def _line_of(binding: Binding) -> int:
    """Return the line of a variable: empty lines before it belong to its binding."""
    text = binding.original.string
    return binding.original.line + text.count("\n", 0, len(text) - len(text.lstrip()))


def _variables(variables: Mapping[str, str]) -> Iterator[tuple[Keys, Given]]:
    """Yield the settings that environment variables set, the strongest last.

    The variables of the replaced server come first, so that those of this project win over them.
    An empty value counts as not set: templates of containers leave unused variables empty.
    """
    for name, field in SEED_NAMES.items():
        if value := variables.get(name):
            yield (field,), Given(value, name)
    for name, value in variables.items():
        if value and name.startswith(PREFIX):
            keys = tuple(name.removeprefix(PREFIX).lower().split(DELIMITER))
            yield keys, Given(value, name)


def _given_flags(flags: Mapping[str, object]) -> Iterator[tuple[Keys, Given]]:
    for name, value in flags.items():
        if value is not None:
            keys = tuple(name.split("."))
            yield keys, Given(value, "--" + keys[-1].replace("_", "-"))


def _nested(flat: Mapping[Keys, object]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for (*sections, key), value in flat.items():
        table = tree
        for section in sections:
            table = table.setdefault(section, {})
        table[key] = value
    return tree


def _unknown(layer: Layer, keys: Keys, given: Given, known: Mapping[Keys, FieldInfo]) -> str:
    name = layer.spell(keys) if layer.kind == "key" else given.name
    place = layer.place_of(given, keys)
    if any(path[: len(keys)] == keys for path in known):
        example = layer.spell(next(path for path in known if path[: len(keys)] == keys))
        return f"{name}: is a section, set its names such as {example} (from {place})"
    spelled = [layer.spell(path) for path in known]
    # No cut-off: even a poor match shows what names look like.
    nearest = difflib.get_close_matches(layer.spell(keys), spelled, n=1, cutoff=0.0)[0]
    return f"{name}: no such setting, the nearest is {nearest} (from {place})"


def _explained(
    error: ValidationError,
    chosen: Mapping[Keys, tuple[Layer, Given]],
    known: Mapping[Keys, FieldInfo],
) -> Iterator[str]:
    """Yield one line for each error: the key, the allowed values, the given value, the place."""
    for detail in error.errors(include_url=False):
        path = tuple(str(part) for part in detail["loc"])
        line = f"{'.'.join(path) or 'settings'}: {_allowed(detail['msg'])}"
        keys = next((path[:at] for at in range(len(path), 0, -1) if path[:at] in chosen), None)
        if keys is None:
            yield line
            continue
        layer, given = chosen[keys]
        if known[keys].annotation is not SecretStr and detail["type"] != "value_error":
            line += f", not {_shown(given.value if keys == path else detail['input'])}"
        yield f"{line} (from {layer.whereabouts(given, path)})"


def _allowed(message: str) -> str:
    """Turn pydantic's message into "must …"."""
    message = message.removeprefix("Value error, ").partition(", unable to")[0]
    return message.replace("Input should", "must", 1).replace("String should", "must", 1)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "…"

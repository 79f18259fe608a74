"""Write the tables of records in backups: `records_reference.py docs/records.md`.

The tables are generated from the classes of records and their docstrings, and stand between two
marks. A test checks that the file is up to date.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import types
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from fortepiano.store.dump import VERSION
from fortepiano.store.record_kinds import KEY, KINDS, AnyKind
from marked_section import replace_section, update_document

__all__ = ["reference", "updated"]

_BEGIN = "<!-- records: made by `make docs` -->"
_END = "<!-- records: end -->"

_PLAIN = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    bytes: "text in base64",
    type(None): "null",
}


def reference() -> str:
    """Return the tables of all kinds, as Markdown."""
    version = f"The present version of the format is {VERSION}."
    return "\n\n".join([version, *(_table(kind) for kind in (*KINDS, KEY))])


def updated(text: str) -> str:
    """Return a document with the tables between its marks replaced by new ones.

    Raises:
        ValueError: The marks are missing.
    """
    return replace_section(text, _BEGIN, _END, reference())


def _table(kind: AnyKind) -> str:
    about = (inspect.getdoc(kind.type) or "").partition("\n")[0]
    head = "| field | type | default | meaning |"
    rows = (f"| `{name}` | {' | '.join(cells)} |" for name, *cells in _rows(kind.type, ""))
    return "\n".join((f"### `{kind.name}`\n\n{about}\n", head, "|---|---|---|---|", *rows))


def _rows(record: Any, above: str) -> Iterator[tuple[str, str, str, str]]:
    """Yield the name, type, default and meaning of each field, with the fields of objects in it."""
    hints, meanings = get_type_hints(record), _meanings(record)
    for field in dataclasses.fields(record):
        name = above + field.name
        hint = hints[field.name]
        yield name, _type(hint), _default(field), meanings[field.name]
        key = "…." if get_origin(hint) is Mapping else ""
        for inner in _inner(hint):
            yield from _rows(inner, f"{name}.{key}")


def _meanings(record: Any) -> dict[str, str]:
    """Return the meaning of each field, as the docstring has it."""
    section = (inspect.getdoc(record) or "").partition("Attributes:\n")[2].partition("\n\n")[0]
    entries = re.split(r"^ {4}(?=\w)", section, flags=re.MULTILINE)[1:]
    pairs = (entry.partition(": ") for entry in entries)
    # A file has null in the place of Python's None.
    return {name: " ".join(meaning.split()).replace("None", "null") for name, _, meaning in pairs}


def _inner(hint: Any) -> list[Any]:
    """Return the classes of the objects in a type."""
    if dataclasses.is_dataclass(hint):
        return [hint]
    return [inner for part in get_args(hint) for inner in _inner(part)]


def _type(hint: Any) -> str:
    """Return a type in words."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(_type(part) for part in parts)
    if origin is Literal:
        return ", ".join(f"`{json.dumps(part)}`" for part in parts)
    if origin is tuple and parts[-1] is ...:
        return f"list of {_type(parts[0])}s" if parts[0] is str else f"list of {_type(parts[0])}"
    if origin is tuple:
        return f"[{', '.join(_type(part) for part in parts)}]"
    if origin is Mapping:
        return f"object, each value {_type(parts[1])}"
    return "object" if dataclasses.is_dataclass(hint) else _PLAIN[hint]


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        return f"`{json.dumps(field.default)}`"
    if field.default_factory is not dataclasses.MISSING:
        return f"`{json.dumps(field.default_factory())}`"
    return "needed"


if __name__ == "__main__":
    update_document(updated)

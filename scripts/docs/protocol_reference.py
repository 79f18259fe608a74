"""Write the tables of messages and codes: `protocol_reference.py docs/protocol.md`.

All are generated from the code and stand between two marks each. A test checks that the file is up
to date.
"""

from __future__ import annotations

import inspect
import re
import typing
from typing import Any

import msgspec

from fortepiano.config.rules import PRESETS, Rate
from fortepiano.handlers.dispatch import TABLE
from fortepiano.model.close_codes import CloseCode
from fortepiano.model.notice_codes import Code
from marked_section import replace_section, update_document

__all__ = ["BEGIN", "END", "close_codes", "codes", "reference", "updated"]

BEGIN = "<!-- reference: made by `make docs` -->"
END = "<!-- reference: end -->"

_CODES_BEGIN = "<!-- codes: made by `make docs` -->"
_CODES_END = "<!-- codes: end -->"

_CLOSE_CODES_BEGIN = "<!-- close codes: made by `make docs` -->"
_CLOSE_CODES_END = "<!-- close codes: end -->"

_ATTRIBUTE = re.compile(r"^    (\w+): (.+(?:\n        .+)*)", re.MULTILINE)


def reference() -> str:
    """Return the reference of all messages that Python handles, as Markdown."""
    parts: list[str] = []
    for kind, entry in sorted(TABLE.items()):
        documentation = inspect.getdoc(entry.shape) or ""
        summary = documentation.split("\n\nAttributes:")[0].split(": ", 1)[-1]
        parts += [f"### `{kind}` in full", "", _sentence(summary), ""]
        rows = _fields(entry.shape)
        if rows:
            parts += ["| field | type | meaning |", "| --- | --- | --- |", *rows, ""]
        parts += [f"Before `hi`: {'yes' if entry.before_hello else 'ignored'}. {_rates(kind)}", ""]
    return "\n".join(parts).rstrip()


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text[:1].upper() + text[1:]


def _fields(shape: type[msgspec.Struct]) -> list[str]:
    """Return a table row for each field; the fields of a nested object follow its row."""
    meanings: dict[str, str] = {}
    for base in reversed(shape.__mro__):
        for name, text in _ATTRIBUTE.findall(inspect.getdoc(base) or ""):
            meanings[name] = " ".join(text.split()).replace("|", "\\|")
    rows: list[str] = []
    for field in msgspec.structs.fields(shape):
        optional = "" if field.required else ", optional"
        name, type_name = f"`{field.encode_name}`", _type_name(field.type)
        rows.append(f"| {name} | {type_name}{optional} | {meanings.get(field.name, '')} |")
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            rows += [
                row.replace("| `", f"| `{field.encode_name}.", 1) for row in _fields(field.type)
            ]
    return rows


def _type_name(hint: Any) -> str:
    names = {str: "text", int: "whole number", float: "number", bool: "true or false", Any: "any"}
    if hint in names:
        return names[hint]
    if hint is type(None):
        return ""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is list:
        return f"array of {_type_name(arguments[0])}"
    if origin is dict or (isinstance(hint, type) and issubclass(hint, msgspec.Struct)):
        return "object"
    kinds = [
        _type_name(argument)
        for argument in arguments
        if argument is not int or float not in arguments
    ]
    return " or ".join(kind for kind in kinds if kind)


def _rates(kind: str) -> str:
    """Return the rate limit of a kind of message, for each preset if they differ."""
    rates = {name: _rate(rules.rate(kind)) for name, rules in PRESETS.items()}
    if len(set(rates.values())) == 1:
        return f"Rate: {next(iter(rates.values()))}."
    return "Rate: " + "; ".join(f"{rate} (`{name}`)" for name, rate in rates.items()) + "."


def _rate(rate: Rate | None) -> str:
    return (
        "no limit of its own"
        if rate is None
        else f"{rate.burst}, then {rate.per_second:g} a second"
    )


def codes() -> str:
    """Return all codes of notifications, as a table in Markdown."""
    rows = [f"| `{code}` | {code.meaning} | {code.advice} |" for code in Code]
    return "\n".join(["| code | what happened | what to do |", "| --- | --- | --- |", *rows])


def close_codes() -> str:
    """Return all close codes that the server sends, as a table in Markdown."""
    rows = (
        f"| {int(code)} | {code.meaning} | {'yes' if code.retry else 'no'} |" for code in CloseCode
    )
    return "\n".join(("| close code | meaning | come back? |", "| --- | --- | --- |", *rows))


def updated(text: str) -> str:
    """Return a document with its generated sections replaced by new ones.

    Raises:
        ValueError: The marks are missing.
    """
    text = replace_section(text, _CODES_BEGIN, _CODES_END, codes())
    text = replace_section(text, _CLOSE_CODES_BEGIN, _CLOSE_CODES_END, close_codes())
    return replace_section(text, BEGIN, END, reference())


if __name__ == "__main__":
    update_document(updated)

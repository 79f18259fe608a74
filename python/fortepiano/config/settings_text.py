"""The text of a settings file: how it is encoded, and on which line each setting stands."""

import codecs
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

__all__ = ["key_lines", "read_text"]

_WIDE_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
"""Byte order marks of encodings with two or four bytes a character; the longer marks first."""


def read_text(path: Path) -> str:
    """Return the text of a file in UTF-8, without a byte order mark and with plain line ends.

    Args:
        path: The file; editors of Windows put a mark at its head and CRLF at its line ends.

    Raises:
        OSError: The file cannot be read.
        ValueError: The file is in another encoding; the message says what to do.
    """
    content = path.read_bytes()
    for mark, encoding in _WIDE_MARKS.items():
        if content.startswith(mark):
            raise ValueError(f"not UTF-8 but {encoding}; save it as UTF-8")
    content = content.removeprefix(codecs.BOM_UTF8)
    if b"\0" in content:
        raise ValueError("not UTF-8: it holds zero bytes, as UTF-16 does; save it as UTF-8")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"not UTF-8: line {line} is in another encoding") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def key_lines(text: str) -> dict[tuple[str, ...], int]:
    """Return the line on which each key of a TOML document begins, counted from 1.

    An expression of TOML is a document by itself. So lines are collected until they parse.

    Args:
        text: A valid document.

    Returns:
        Lines by path; the number of a table in an array of tables is part of the path.
    """
    found: dict[tuple[str, ...], int] = {}
    tables = Counter[tuple[str, ...]]()
    above: tuple[str, ...] = ()
    for line, expression, content in _expressions(text):
        if not expression.startswith("["):
            _note(content, above, line, found)
            continue
        above = next(iter(_paths(content)))
        if expression.startswith("[["):
            _ = found.setdefault(above, line)
            above = (*above, str(tables[above]))
            tables[above[:-1]] += 1
        _ = found.setdefault(above, line)
    return found


def _expressions(text: str) -> Iterator[tuple[int, str, Mapping[str, Any]]]:
    """Yield the line, the text and the content of each expression of a TOML document."""
    begun, lines = 1, list[str]()
    for number, line in enumerate(text.split("\n"), 1):
        if not lines:
            begun = number
        lines.append(line)
        try:
            content = tomllib.loads("\n".join(lines))
        except tomllib.TOMLDecodeError:
            continue  # the expression goes on in the next line
        if content:
            yield begun, lines[0].lstrip(), content
        lines.clear()


def _note(
    content: Mapping[str, Any],
    above: tuple[str, ...],
    line: int,
    found: dict[tuple[str, ...], int],
) -> None:
    for path in _paths(content):
        for depth in range(1, len(path) + 1):
            _ = found.setdefault((*above, *path[:depth]), line)


def _paths(table: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the paths of all values of a table that are no table themselves, or an empty one."""
    for key, value in table.items():
        if isinstance(value, dict) and value:
            yield from _paths(cast("dict[str, Any]", value), (*above, key))
        else:
            yield (*above, key)

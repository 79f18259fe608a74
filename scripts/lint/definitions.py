"""The functions that a file defines, by its language."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

from comments import Source, statements


class Definition(NamedTuple):
    """A function or method."""

    line: int
    name: str


_ARROW = r"\s*(?:async\s*)?(?:function\b|(?:\([^\n]*\)|[\w$]+)(?:\s*:[^\n=]+)?\s*=>)"
_METHOD = r"^[ \t]*(?:(?:static|async|get|set)[ \t]+)*[*#]?([\w$]+)\??[ \t]*\([^;]*?\)"
_PATTERNS = {
    "rust": (r"\bfn\s+(\w+)",),
    "cython": (r"^[ \t]*(?:cp?def|def)\b[^\n(=]*?\b(\w+)[ \t]*\(",),
    "javascript": (
        r"\bfunction\b\s*\*?\s*([\w$]+)",
        rf"{_METHOD}[ \t]*(?:\{{|:[ \t]*[^\n]+;)[ \t]*$",
        rf"([\w$]+)\s*=(?!=|>){_ARROW}",
        rf"([\w$]+)\??:{_ARROW}",
    ),
}
_COMPILED = {
    language: [re.compile(pattern, re.MULTILINE) for pattern in patterns]
    for language, patterns in _PATTERNS.items()
}


def definitions(source: Source) -> Iterator[Definition]:
    """Yield the functions and methods that a file defines."""
    for statement in statements(source.tree) if source.tree else ():
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            yield Definition(statement.lineno, statement.name)
    patterns = _COMPILED.get(source.language or "", [])
    code = source.code() if patterns else ""
    for pattern in patterns:
        for found in pattern.finditer(code):
            yield Definition(code.count("\n", 0, found.start(1)) + 1, found[1])

"""Sentences of docstrings, comments and documents, and how many words they have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from comments import Block, Line


class Sentence(NamedTuple):
    """One sentence, with the line of the file on which it begins."""

    line: int
    text: str
    words: int


_DIRECTIVE = re.compile(
    r"^\s*(?:noqa\b(?::\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*)?|type:\s*ignore(?:\[[^\]]*\])?|pragma:.*"
    r"|(?:pyright|mypy|ruff|cython|distutils|fmt|isort|shellcheck|actionlint|eslint\S*|@ts-\S+)\b.*"
    r"|clippy::\S+|[A-Z]{3,}:)\s*(?:[-#]+\s*)?"
)
"""Directives for tools at the start of a comment, and labels like `SAFETY:`; prose may follow."""


def opening(block: Block) -> Line | None:
    """Return the first line of a block that has words, without directives for tools."""
    for line in block.lines:
        text = _prose(line.text).strip()
        if re.search(r"\w", text):
            return Line(line.number, text)
    return None


def sentences(block: Block) -> Iterator[Sentence]:
    """Yield the sentences of a block."""
    for paragraph in _Paragraphs(block).all():
        yield from _split(paragraph)


_ITEM = re.compile(r"\s*(?:[-*+•]|\d{1,3}[.)])\s+")
_FENCE = re.compile(r"\s*(?:```|~~~)")
_HEADING = re.compile(r"\s*#{1,6}\s")
_ENTRIES = re.compile(r"\s*(?:Args|Arguments|Attributes|Parameters|Keyword Args|Raises):$")
_SECTION = re.compile(r"\s*(?:Examples?|Notes?|Returns|Warnings?|Yields):$")
_COLUMNS = re.compile(r"\s+\S+\s{2,}\S|\S+\s{3,}\S")
_CONSOLE = re.compile(r"\s*(?:>>>|\.\.\. |\$ )")


class _Paragraphs:
    """Divides a block into paragraphs, items of lists, headings and cells of tables."""

    def __init__(self, block: Block) -> None:
        self._document = block.kind == "document"
        self._lines = block.lines
        self._done: list[list[Line]] = []
        self._open: list[Line] = []
        self._fenced = False
        self._code = False
        self._in_list = False
        self._entries: int | None = None
        """The indentation of entries in a section like "Args:"; -1 until the first entry."""

    def all(self) -> list[list[Line]]:
        for line in self._lines:
            self._take(line if self._document else Line(line.number, _prose(line.text)))
        self._close()
        return self._done

    def _take(self, line: Line) -> None:
        if _FENCE.match(line.text):
            self._close()
            self._fenced = not self._fenced
        elif self._fenced or not line.text.strip() or _CONSOLE.match(line.text):
            self._close()
        elif self._is_code(line.text):
            self._close()
            self._code = True
        else:
            self._code = False
            self._take_text(line)

    def _is_code(self, text: str) -> bool:
        """Tell whether an indented line is code, and no part of a list or a section."""
        if not text.startswith(("    ", "\t")) or self._in_list or self._entries is not None:
            return False
        if self._code or self._document:
            return self._code or not self._open
        last = self._open or (self._done[-1] if self._done else [])
        return bool(last) and last[-1].text.endswith(":") and not _SECTION.match(last[-1].text)

    def _take_text(self, line: Line) -> None:
        if line.text.lstrip().startswith("|"):
            self._close()
            self._done += [[Line(line.number, cell)] for cell in re.split(r"(?<!\\)\|", line.text)]
        elif any(kind.match(line.text) for kind in (_HEADING, _ENTRIES, _SECTION)):
            self._close()
            self._done.append([line])
            self._entries = -1 if _ENTRIES.match(line.text) else None
        else:
            self._add(line)

    def _add(self, line: Line) -> None:
        item = _ITEM.match(line.text)
        if item or _COLUMNS.match(line.text) or self._is_entry(line.text):
            self._close()
        if not self._open:
            self._in_list = bool(item) or (self._in_list and line.text.startswith("  "))
        self._open.append(Line(line.number, line.text[item.end() :]) if item else line)

    def _is_entry(self, text: str) -> bool:
        indent = len(text) - len(text.lstrip())
        if self._entries == -1:
            self._entries = indent
        return self._entries == indent

    def _close(self) -> None:
        if self._open:
            self._done.append(self._open)
        self._open = []


def _prose(text: str) -> str:
    """Return a line of a comment without directives for tools."""
    return _DIRECTIVE.sub("", text)


_CODE = r"(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`)"
_BRACES = r"\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}"
_TYPE = rf"(?<=@)\w+\s+{_BRACES}"
_URL = r"https?://[^\s)>\]]*[^\s)>\].,;:!?]"
_TAG = r"</?[a-z][^<>]*>"
_ONE_WORD = re.compile("|".join((_CODE, _TYPE, _URL, _TAG)), re.DOTALL)
# A sentence ends behind its closing quotes and brackets, or before a tag of JSDoc.
_END = re.compile(
    r"""[.!?]+["'\u201d\u2019\u00bb)\]*_]*(?=\s|$)"""
    r"|(?=(?<!\S)@(?:type|param|returns?|typedef|property|template|throws|implements)\b)"
)
_SHORT = re.compile(r"\b(?:e\.g|i\.e|cf|vs|ca|approx|resp|incl)\.$")
_MAYBE_SHORT = re.compile(r"\b(?:etc|No|no|Nos|Fig|Sec|sec|pp?)\.$")


def _split(paragraph: list[Line]) -> Iterator[Sentence]:
    text = "\n".join(line.text for line in paragraph)
    masked = _ONE_WORD.sub(lambda found: "x" * len(found[0]), text)
    start = 0
    for end in _ends(masked):
        words = sum(1 for word in masked[start:end].split() if re.search(r"[^\W_]", word))
        if words:
            first = start + len(text[start:end]) - len(text[start:end].lstrip())
            line = paragraph[text.count("\n", 0, first)].number
            yield Sentence(line, " ".join(text[start:end].split()), words)
        start = end


def _ends(masked: str) -> Iterator[int]:
    """Yield the ends of sentences."""
    for found in _END.finditer(masked):
        before, after = masked[: found.end()], masked[found.end() :].lstrip()
        if _SHORT.search(before[-12:]):
            continue
        if _MAYBE_SHORT.search(before[-12:]) and (after[:1].islower() or after[:1].isdigit()):
            continue
        yield found.end()
    yield len(masked)

"""Docstrings and comments of a file, by its language, with their lines."""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import cached_property, lru_cache
from pathlib import PurePosixPath
from textwrap import dedent
from typing import Literal, NamedTuple

Kind = Literal["docstring", "comment", "document"]


class Line(NamedTuple):
    """One line of a block, without the marks of a comment."""

    number: int
    text: str


class Block(NamedTuple):
    """A docstring, a comment of one or several lines, or a whole document."""

    kind: Kind
    lines: list[Line]


class Token(NamedTuple):
    """One comment as it stands in a file."""

    line: int
    column: int
    text: str
    alone: bool
    """Whether the comment stands on a line of its own."""


_TRIPLE = r'"""(?:\\.|[^\\])*?"""' + r"|'''(?:\\.|[^\\])*?'''"
_DOUBLE = r'"(?:\\.|[^"\\\n])*"'
_SINGLE = r"'(?:\\.|[^'\\\n])*'"
_HASH = r"(?P<line>#[^\n]*)"
_SLASHES = r"(?P<line>//[^\n]*)"
_STARS = r"(?P<block>/\*(?:/\*.*?\*/|(?!/\*).)*?\*/)"
_RUST_RAW = r'(?<!\w)[bc]?r(?P<fence>#*)".*?"(?P=fence)'
_RUST_TEXT = r'"(?:\\.|[^"\\])*"'
_RUST_CHARACTER = r"'(?:\\(?:x\w\w|u\{[^}\n]*\}|.)|[^\\'\n])'"
# A slash begins a regular expression if the text before it is no value that could be divided.
_REGEX = (
    r"(?:^|(?<=[(,=:\[!&|?{};+*%<>~^-])|(?<=\breturn))[ \t\n]*/(?![*/\n])"
    r"(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n\[])+/"
)


def _lexer(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(alternatives), re.DOTALL | re.MULTILINE)


LEXERS = {
    "python": _lexer(_TRIPLE, _DOUBLE, _SINGLE, _HASH),
    "cython": _lexer(_TRIPLE, _DOUBLE, _SINGLE, _HASH),
    "rust": _lexer(_RUST_RAW, _RUST_TEXT, _RUST_CHARACTER, _SLASHES, _STARS),
    "c": _lexer(_DOUBLE, _SINGLE, _SLASHES, _STARS),
    "javascript": _lexer(_DOUBLE, _SINGLE, _SLASHES, _STARS, "(?P<template>`)", _REGEX),
    "css": _lexer(_DOUBLE, _SINGLE, _STARS),
    "html": _lexer(r"(?P<block><!--.*?-->)"),
    "toml": _lexer(r'"""(?:\\.|[^\\])*?"""', "'''.*?'''", _DOUBLE, r"'[^'\n]*'", _HASH),
    "hash": _lexer(_DOUBLE, r"'[^'\n]*'", rf"(?:^|(?<=\s)){_HASH}"),
}
"""Patterns of comments, as named groups, and of string literals, in which no comment begins."""

_LANGUAGES = {
    "python": ".py .pyi",
    "cython": ".pyx .pxd",
    "rust": ".rs",
    "c": ".h .c",
    "javascript": ".js .mjs .cjs .ts .json",
    "css": ".css",
    "html": ".html",
    "toml": ".toml",
    "markdown": ".md",
    "hash": ".cfg .conf .in .ini .mk .service .sh .socket .timer .txt .yaml .yml Caddyfile "
    "Containerfile Dockerfile Makefile .dockerignore .editorconfig .env.example .gitignore",
}
_BY_ENDING = {end: language for language, ends in _LANGUAGES.items() for end in ends.split()}


def language_of(path: str, text: str) -> str | None:
    """Return the language of a file, from its name or its first line."""
    name = PurePosixPath(path)
    found = _BY_ENDING.get(name.name) or _BY_ENDING.get(name.suffix)
    if found is None and text.startswith("#!"):
        found = "python" if "python" in text.partition("\n")[0] else "hash"
    return found


class Source:
    """The text of a file, with its language."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self.language = language_of(path, text)

    @cached_property
    def tree(self) -> ast.Module | None:
        """The syntax tree of Python; None for other languages and for invalid Python."""
        if self.language != "python":
            return None
        try:
            return ast.parse(self.text)
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            return None

    def blocks(self) -> Iterator[Block]:
        """Yield all docstrings and comments, or the document."""
        if self.language is None:
            return
        if self.language == "markdown":
            yield Block("document", _numbered(self.text, 1))
            return
        yield from self._docstrings()
        yield from _comments(self.text, self.language)

    def code(self) -> str:
        """Return the text with blanks in place of comments and string literals."""
        lexer = LEXERS.get(self.language or "")
        return self.text if lexer is None else _blank(self.text, lexer)

    def _docstrings(self) -> Iterator[Block]:
        if self.language == "cython":
            for found in _CYTHON_DOCSTRING.finditer(self.text):
                yield _docstring(found[1], _line_at(self.text, found.start(1)))
        for statement in statements(self.tree) if self.tree else ():
            if (text := _standing_text(statement)) is not None:
                yield _docstring(text, statement.lineno)


_CYTHON_DOCSTRING = re.compile(r'^[ \t]*"""((?:\\.|[^\\])*?)"""', re.MULTILINE | re.DOTALL)


def statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """Yield all statements, including nested ones."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.stmt):
            yield node
        for field in ("body", "orelse", "finalbody", "handlers", "cases"):
            inner: list[ast.AST] | ast.AST = getattr(node, field, [])
            # The body of a lambda or of a condition is an expression.
            waiting += inner if isinstance(inner, list) else []


def _standing_text(statement: ast.stmt) -> str | None:
    """Return the text of a statement that is only a string: a docstring, also of an attribute."""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        value = statement.value.value
        return value if isinstance(value, str) else None
    return None


def _docstring(text: str, first: int) -> Block:
    """Return a docstring without the indentation of the code around it."""
    summary, below, rest = text.partition("\n")
    return Block("docstring", _numbered(summary + below + dedent(rest), first))


def _comments(text: str, language: str) -> Iterator[Block]:
    if language == "html":
        yield from _embedded(text)
    for tokens in _joined(comment_tokens(text, language)):
        yield Block("comment", [line for token in tokens for line in _bare(token)])


_EMBEDDED = re.compile(r"<(script|style)\b[^>]*>(.*?)</\1>", re.DOTALL)


def _embedded(text: str) -> Iterator[Block]:
    """Yield the comments of scripts and styles that are embedded in a page."""
    for found in _EMBEDDED.finditer(text):
        before = _line_at(text, found.start(2)) - 1
        for block in _comments(found[2], "javascript" if found[1] == "script" else "css"):
            lines = [Line(line.number + before, line.text) for line in block.lines]
            yield Block(block.kind, lines)


def comment_tokens(text: str, language: str) -> Iterator[Token]:
    """Yield the comments of a text one by one, but no shebang."""
    for found in _matches(text, LEXERS[language]):
        if found.lastgroup in ("line", "block"):
            start = found.start(found.lastgroup)
            begin = text.rfind("\n", 0, start) + 1
            alone = not text[begin:start].strip()
            if start == 0 and text.startswith("#!"):
                continue
            yield Token(_line_at(text, start), start - begin, found[found.lastgroup], alone)


def _matches(text: str, lexer: re.Pattern[str], at: int = 0) -> Iterator[re.Match[str]]:
    while found := lexer.search(text, at):
        yield found
        at = found.end()
        if found.lastgroup == "template":
            at = _template_end(text, at)


_TEMPLATE = re.compile(r"\\.|`|\$\{", re.DOTALL)
_EXPRESSION = _lexer(LEXERS["javascript"].pattern, r"(?P<open>\{)", r"(?P<close>\})")


def _template_end(text: str, at: int) -> int:
    """Return the end of the JavaScript template whose text begins at `at`."""
    while found := _TEMPLATE.search(text, at):
        at = found.end()
        if found[0] == "`":
            return at
        if found[0] == "${":
            at = _expression_end(text, at)
    return len(text)


def _expression_end(text: str, at: int) -> int:
    """Return the end of the template's expression that begins at `at`."""
    depth = 1
    for found in _matches(text, _EXPRESSION, at):
        depth += (found.lastgroup == "open") - (found.lastgroup == "close")
        if depth == 0:
            return found.end()
    return len(text)


def _blank(text: str, lexer: re.Pattern[str]) -> str:
    """Return `text` with blanks for all matches of `lexer`; line numbers stay the same."""
    parts: list[str] = []
    at = 0
    for found in _matches(text, lexer):
        end = _template_end(text, found.end()) if found.lastgroup == "template" else found.end()
        parts += [text[at : found.start()], re.sub(r"[^\n]", " ", text[found.start() : end])]
        at = end
    return "".join([*parts, text[at:]])


_MARK = re.compile(r"#+@?|//[/!]?")


def _joined(tokens: Iterable[Token]) -> Iterator[list[Token]]:
    """Yield groups of comments on consecutive lines, with the same mark."""
    group: list[Token] = []
    for token in tokens:
        if group and not _continues(group[-1], token):
            yield group
            group = []
        group.append(token)
    if group:
        yield group


def _continues(last: Token, token: Token) -> bool:
    before, mark = _MARK.match(last.text), _MARK.match(token.text)
    below = token.alone and token.line == last.line + 1 and token.column == last.column
    return below and before is not None and mark is not None and before[0] == mark[0]


_EDGES = re.compile(r"^(?:/\*+!?|<!--)|(?:\*+/|-->)$")
_STAR = re.compile(r"^[ \t]*\*(?!\*)[ ]?")


def _bare(token: Token) -> list[Line]:
    """Return the lines of a comment without its marks."""
    mark = _MARK.match(token.text)
    if mark is not None:
        return [Line(token.line, token.text[mark.end() :].removeprefix(" ").rstrip())]
    lines = _numbered(_EDGES.sub("", token.text), token.line)
    return [Line(number, _STAR.sub("", text)) for number, text in lines]


def _numbered(text: str, first: int) -> list[Line]:
    return [Line(first + at, line.rstrip()) for at, line in enumerate(text.split("\n"))]


def _line_at(text: str, offset: int) -> int:
    return bisect_right(_line_starts(text), offset)


@lru_cache(maxsize=2)
def _line_starts(text: str) -> list[int]:
    return [0, *(found.end() for found in re.finditer("\n", text))]

"""A model of the scanner: tokens by regular expression, rules one by one."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass

MAX_DEPTH = 32
MAX_NUMBER = 40

SPACE = re.compile(r"[ \t\n\r]*")
LITERAL = re.compile(r"true|false|null")
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*"')

KEYS = {"a-1", "as-1", "b-1", "c7"} | {
    f"{letter}{octave}"
    for letter in ("c", "cs", "d", "ds", "e", "f", "fs", "g", "gs", "a", "as", "b")
    for octave in range(7)
}

Element = tuple[str, bytes, bytes, int] | tuple[str, bytes, bytes] | tuple[str, bytes | None]


class RefusedError(Exception):
    """The message is to be ignored whole."""


class MalformedError(Exception):
    """The element is to be left out."""


@dataclass
class Node:
    """A value with the text it came as; `members` of an object keep repeated keys."""

    raw: str
    string: str | None = None
    number: float | None = None
    items: list[Node] | None = None
    members: list[tuple[str, Node]] | None = None

    def fields(self) -> dict[str, Node]:
        """Return the members as any decoder reports them: the last of a key wins."""
        if self.members is None:
            raise MalformedError
        return dict(self.members)


class Parser:
    """Reads strict JSON into nodes."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.pos = 0

    def token(self, pattern: re.Pattern[str]) -> str | None:
        """Consume what `pattern` matches here, if anything."""
        match = pattern.match(self.text, self.pos)
        if match is None:
            return None
        self.pos = match.end()
        return match[0]

    def eat(self, character: str) -> bool:
        """Consume `character`, and white space on both sides, if it comes next."""
        self.token(SPACE)
        found = self.text.startswith(character, self.pos)
        if found:
            self.pos += 1
            self.token(SPACE)
        return found

    def need(self, character: str) -> None:
        """Consume `character`, which has to come next."""
        if not self.eat(character):
            raise RefusedError

    def document(self) -> Node:
        """Read the whole text."""
        self.token(SPACE)
        node = self.value(0)
        self.token(SPACE)
        if self.pos != len(self.text):
            raise RefusedError
        return node

    def value(self, depth: int) -> Node:
        """Read the value that begins here, inside of `depth` containers."""
        start = self.pos
        node = Node("")
        if (token := self.token(STRING)) is not None:
            node.string = decoded(token)
        elif (token := self.token(NUMBER)) is not None:
            node.number = float(token)
            if not math.isfinite(node.number):
                raise RefusedError
        elif self.token(LITERAL) is None:
            self.container(node, depth + 1)
        node.raw = self.text[start : self.pos]
        return node

    def container(self, node: Node, depth: int) -> None:
        """Read an array or an object into `node`."""
        first = self.text[self.pos : self.pos + 1]
        if depth > MAX_DEPTH or first not in ("[", "{"):
            raise RefusedError
        self.pos += 1
        self.token(SPACE)
        # A bracket is consumed without the white space after it, which is not part of the node.
        closing = "]" if first == "[" else "}"
        node.items, node.members = ([], None) if first == "[" else (None, [])
        if not self.text.startswith(closing, self.pos):
            self.part(node, depth)
            while self.eat(","):
                self.part(node, depth)
        if not self.text.startswith(closing, self.pos):
            raise RefusedError
        self.pos += 1

    def part(self, node: Node, depth: int) -> None:
        """Read one item or member."""
        if node.items is not None:
            node.items.append(self.value(depth))
        elif node.members is not None:
            token = self.token(STRING)
            if token is None:
                raise RefusedError
            self.need(":")
            node.members.append((decoded(token), self.value(depth)))


def decoded(token: str) -> str:
    """Return the content of a string; half a surrogate pair is not text."""
    content: str = json.loads(token)
    try:
        content.encode()
    except UnicodeEncodeError:
        raise RefusedError from None
    return content


def scan(text: bytes) -> list[Element] | None:
    """Split a message into its elements as docs/protocol.md has it; None to ignore it whole."""
    try:
        root = Parser(text.decode()).document()
    except (UnicodeDecodeError, RefusedError):
        return None
    if root.items is None:
        return None
    elements = []
    for node in root.items:
        try:
            elements.append(element(node))
        except MalformedError:
            continue
    return elements


def element(node: Node) -> Element:
    """Read one message."""
    fields = node.fields()
    kind = fields["m"].string if "m" in fields else None
    match kind:
        case None:
            raise MalformedError
        case "n":
            count, outgoing = notes(fields.get("n"))
            return ("n", passable(fields.get("t")).encode(), outgoing.encode(), count)
        case "m":
            x, y = coordinate(fields.get("x")), coordinate(fields.get("y"))
            return ("m", x.encode(), y.encode())
        case "t":
            try:
                return ("t", passable(fields.get("e")).encode())
            except MalformedError:
                return ("t", None)
        case _:
            return ("cold", node.raw.encode())


def passable(node: Node | None) -> str:
    """Return the text of a number that may be passed on."""
    if node is None or node.number is None or len(node.raw) > MAX_NUMBER:
        raise MalformedError
    return node.raw


def coordinate(node: Node | None) -> str:
    """Return the text of a number or a numeric string."""
    if node is None or node.string is None:
        return passable(node)
    content = node.raw[1:-1]
    # In a string nothing that is no digit, sign or point may be written, an escape least of all.
    if not NUMBER.fullmatch(content) or len(content) > MAX_NUMBER:
        raise MalformedError
    if not math.isfinite(float(content)):
        raise MalformedError
    return node.raw


def notes(node: Node | None) -> tuple[int, str]:
    """Return how many notes there are, and how they go out."""
    if node is None or not node.items:
        raise MalformedError
    anew = "[" + ",".join(note(item) for item in node.items) + "]"
    return len(node.items), node.raw if is_plain(node) else anew


def note(node: Node) -> str:
    """Check a note and write it anew."""
    fields = node.fields()
    name = fields["n"].string if "n" in fields else None
    if name not in KEYS:
        raise MalformedError
    out = [f'"n":"{name}"']
    for key, low, high in (("v", 0, 1), ("d", 0, 10_000), ("s", 1, 1)):
        if key in fields:
            digits = passable(fields[key])
            if not low <= float(digits) <= high:
                raise MalformedError
            out.append(f'"{key}":{digits}')
    return "{" + ",".join(out) + "}"


def is_plain(array: Node) -> bool:
    """Tell whether valid notes can go out as they came."""
    plain = []
    for item in array.items or []:
        members = item.members or []
        keys = [key for key, _ in members]
        if len(set(keys)) != len(keys) or not set(keys) <= {"n", "v", "d", "s"}:
            return False
        plain.append("{" + ",".join(f'"{key}":{value.raw}' for key, value in members) + "}")
    return array.raw == "[" + ",".join(plain) + "]" and "\\" not in array.raw

"""A model of the scanner: tokens by regular expression, one rule after the other."""

from __future__ import annotations

import json
import math
import re
from contextlib import suppress
from dataclasses import dataclass

MAX_DEPTH = 64
MAX_NUMBER = 40
MAX_CUSTOM_NAME = 64
MAX_NUMERIC = 400

SPACE = re.compile(r"[ \t\n\r]*")
LITERAL = re.compile(r"true|false|null")
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
# Numbers in strings, as people and programs write them.
NUMERIC = re.compile(r" *[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)? *")
HALF = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a complete pair stays
    r"|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*"')

KEYS = {"a-1", "as-1", "b-1", "c7"} | {
    f"{letter}{octave}"
    for letter in ("c", "cs", "d", "ds", "e", "f", "fs", "g", "gs", "a", "as", "b")
    for octave in range(7)
}

Element = (
    tuple[str] | tuple[str, bytes, bytes, int] | tuple[str, bytes, bytes] | tuple[str, bytes | None]
)


class RefusedError(Exception):
    """The whole message must be ignored."""


class MalformedError(Exception):
    """The element, or the note, must be left out."""


class BadNotesError(Exception):
    """An `n` has no time, or no array of notes."""


@dataclass
class Node:
    """A value with its source text; the `members` of an object include repeated keys."""

    raw: str
    string: str | None = None
    number: float | None = None
    items: list[Node] | None = None
    members: list[tuple[str, Node]] | None = None
    truth: bool | None = None

    def fields(self) -> dict[str, Node]:
        """Return the members as decoders do: of repeated keys the last wins."""
        if self.members is None:
            raise MalformedError
        return dict(self.members)


class Parser:
    """Parses strict JSON into nodes."""

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
        elif (literal := self.token(LITERAL)) is None:
            self.container(node, depth + 1)
        elif literal != "null":
            node.truth = literal == "true"
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
    """Return the content of a string token, after `mended`."""
    content: str = json.loads(token)
    return content


def mended(text: str) -> str:
    """Replace each escaped lone surrogate by the escape of U+FFFD."""
    return HALF.sub(lambda match: "\\ufffd" if match[1] else match[0], text)


def scan(text: bytes, custom_notes: bool = False) -> list[Element] | None:
    """Split a message into its elements as docs/protocol.md has it; None to ignore it whole."""
    try:
        root = Parser(mended(text.decode())).document()
    except (UnicodeDecodeError, RefusedError):
        return None
    if root.items is None:
        return None
    elements: list[Element] = []
    for node in root.items:
        try:
            elements.append(element(node, custom_notes))
        except MalformedError:
            continue
        except BadNotesError:
            elements.append(("bad notes",))
    return elements


def element(node: Node, custom: bool) -> Element:
    """Read one message."""
    fields = node.fields()
    kind = fields["m"].string if "m" in fields else None
    match kind:
        case None:
            raise MalformedError
        case "n":
            time = fields.get("t")
            if time is None or time.number is None:
                raise BadNotesError
            count, outgoing = notes(fields.get("n"), custom)
            digits = time.raw if len(time.raw) <= MAX_NUMBER else shortest(time.number)
            return ("n", digits.encode(), outgoing.encode(), count)
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
    # A numeric string must be a plain number: no spaces and no escapes.
    if not NUMBER.fullmatch(content) or len(content) > MAX_NUMBER:
        raise MalformedError
    if not math.isfinite(float(content)):
        raise MalformedError
    return node.raw


def notes(node: Node | None, custom: bool) -> tuple[int, str]:
    """Return the number of notes, and the JSON with which they are passed on."""
    if node is None or node.items is None:
        raise BadNotesError
    if not node.items:
        raise MalformedError
    kept = []
    for item in node.items:
        with suppress(MalformedError):
            kept.append(note(item, custom))
    anew = "[" + ",".join(kept) + "]"
    is_whole = len(kept) == len(node.items)
    return len(node.items), node.raw if is_whole and is_plain(node, kept) else anew


def note(node: Node, custom: bool) -> str:
    """Check and repair a note, and return its JSON."""
    fields = node.fields()
    name = fields["n"] if "n" in fields else Node("")
    is_key = name.string in KEYS
    if not is_key and not (
        custom and name.string and len(name.raw[1:-1].encode()) <= MAX_CUSTOM_NAME
    ):
        raise MalformedError
    out = [f'"n":"{name.string}"' if is_key else f'"n":{name.raw}']
    for key, most in (("v", 1), ("d", 10_000)):
        if key in fields and (value := quantity(fields[key], most if is_key else None)) is not None:
            out.append(f'"{key}":{value}')
    if "s" in fields and (value := stop(fields["s"])) is not None:
        out.append(f'"s":{value}')
    return "{" + ",".join(out) + "}"


def quantity(node: Node, most: int | None) -> str | None:
    """Return the JSON of a velocity or delay, cut to 0 to `most`; None for null."""
    if node.raw == "null":
        return None
    number = node.number
    text = node.string
    if text is not None and len(text) <= MAX_NUMERIC and NUMERIC.fullmatch(text):
        number = float(text)
    if number is None or not math.isfinite(number):
        raise MalformedError
    is_good = most is None or 0 <= number <= most
    if node.number is not None and is_good and len(node.raw) <= MAX_NUMBER:
        return node.raw
    return shortest(number if most is None else min(max(number, 0), most))


def stop(node: Node) -> str | None:
    """Return the JSON of a release; None if it is not one."""
    if node.number is not None:
        if node.number == 1 and len(node.raw) <= MAX_NUMBER:
            return node.raw
        return "1" if node.number else None
    if node.string is not None:
        return None if node.string in ("", "0", "false") else "1"
    return None if node.raw == "null" or node.truth is False else "1"


def shortest(number: float) -> str:
    """Return the shortest JSON of a number."""
    if number == int(number) and abs(number) < 1e15:
        return str(int(number))
    return repr(float(number)).replace("e+", "e").replace("e-0", "e-")


def is_plain(array: Node, kept: list[str]) -> bool:
    """Return whether notes can be passed on unchanged: repaired ones have the same members."""
    plain = []
    for item, written in zip(array.items or [], kept, strict=True):
        members = [f'"{key}":{value.raw}' for key, value in item.members or []]
        if sorted(members) != sorted(parts(written)):
            return False
        plain.append("{" + ",".join(members) + "}")
    return array.raw == "[" + ",".join(plain) + "]"


def parts(written: str) -> list[str]:
    """Return the members of a repaired note."""
    return [f'"{key}":{value.raw}' for key, value in Parser(written).document().members or []]

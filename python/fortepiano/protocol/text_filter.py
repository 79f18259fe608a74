"""What masks swear words, in disguise too, where a room wants it."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, NamedTuple

from fortepiano.model.looks import folded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["TextFilter"]

_ENDINGS = ("s", "es", "ed", "er", "ers", "ing", "in", "y")
"""What is added to a listed word that names no endings of its own."""

_STANDS_FOR = str.maketrans(
    {"@": "a", "4": "a", "8": "b", "(": "c", "<": "c", "3": "e", "1": "i", "!": "i", "|": "i"}
    | {"9": "g", "#": "h", "0": "o", "5": "s", "$": "s", "7": "t", "+": "t", "v": "u"}
)
"""What digits and signs are taken for within a word, and v for u as on Roman stones."""

_SHORTEST = 3
_MOST_BETWEEN = 3
"""So many signs between two letters still make one word of them."""

_WORD = re.compile(r"(?:[^\W_]|[@!#$+|(<])+")
_STARRED = re.compile(r"(?<![^\W_])[a-z]+\*{1,3}[a-z]+(?![^\W_])")
_PART = re.compile(r"[^\W_]+")
_FIRST_SIGNS = "!#+|(<0123456789"
_LAST_SIGNS = "@!#$+|(<0123456789"
_PARTING = frozenset("._-*~=\u00b7\u2022")
"""What parts a word but is no apostrophe: who're is none of them."""

_CAMEL = re.compile(r"[A-Z]?[a-z]+")
_BEFORE_SPELLED = frozenset("aiouy")
"""Words of one letter, which may stand before or behind a word that is spelled letter by letter."""


class _Piece(NamedTuple):
    """A part of a text that may be a word.

    Attributes:
        letters: What it looks like.
        start: Where it begins in the text as it looks.
        end: Where it ends there.
    """

    letters: str
    start: int
    end: int


class TextFilter:
    """Masks words.

    Args:
        words: A file with one word on each line, `#` for comments, endings behind a colon, `-`
            before a word that stays; None for the list that comes with the package.

    Attributes:
        masked_name: As `masked`, for what is asked for again and again.
    """

    def __init__(self, words: Path | None = None) -> None:
        source = words if words is not None else files("fortepiano") / "protocol" / "words.txt"
        self._forms: dict[str, list[tuple[int, ...]]] = {}
        self._spared: set[str] = set()
        self._whole: set[str] = set()
        phrases: list[str] = []
        for line in map(str.strip, source.read_text("utf-8").splitlines()):
            if line and not line.startswith("#"):
                phrases.extend(self._read(line))
        pattern = "|".join(sorted(phrases, key=len, reverse=True))
        self._phrases = (
            re.compile(rf"(?<!\w)(?:{pattern})(?!\w)", re.IGNORECASE) if phrases else None
        )
        self._first = {form[0] for form in self._forms}
        self._first |= {chr(sign) for sign, letter in _STANDS_FOR.items() if letter in self._first}
        self._first -= set("(<")  # brackets around a word are more common than a c
        self._first |= {"1"} if "l" in self._first else set()
        self._longest = max(map(len, self._forms), default=0) + _MOST_BETWEEN
        self._looks_listed = lru_cache(maxsize=2048)(self._judge)
        self.masked_name = lru_cache(maxsize=1024)(self.masked)

    def _read(self, line: str) -> Iterator[str]:
        """Take a line of the list; yield it as a pattern if it is no word."""
        if line.startswith("-"):
            self._spared.add(_look(line[1:].strip()))
            return
        word, colon, endings = line.partition(":")
        if not word.isalnum():
            yield re.escape(line)
            return
        base = _look(word)
        for ending in ("", *(endings.split() if colon else _ENDINGS)):
            self._whole.add(base + ending)
            letters, counts = _squeezed(base + ending)
            self._forms.setdefault(letters, []).append(counts)

    def masked(self, text: str) -> str:
        """Replace each character of a swear word by an asterisk."""
        look, places = _looked_through(text)
        spans = [match.span() for match in self._phrases.finditer(text)] if self._phrases else []
        spans += ((places[start], places[end]) for start, end in self._found(text, look, places))
        for start, end in spans:
            text = text[:start] + "*" * (end - start) + text[end:]
        return text

    def _found(self, text: str, look: str, places: list[int]) -> Iterator[tuple[int, int]]:
        pieces = [_Piece(match[0], match.start(), match.end()) for match in _WORD.finditer(look)]
        for piece in pieces:
            letters = piece.letters
            if len(letters) < _SHORTEST:
                continue
            if letters.isalpha():
                yield from self._in_word(text, piece, places)
            else:
                yield from self._among_signs(text, piece, places)
        for starred in _STARRED.finditer(look) if "*" in look else ():
            if self._is_starred(starred[0]):
                yield starred.span()
        if len(pieces) > 1:
            yield from self._spelled(pieces)
            yield from self._parted(pieces, look)

    def _in_word(self, text: str, piece: _Piece, places: list[int]) -> Iterator[tuple[int, int]]:
        """Yield where a piece of letters is a listed word, or one with a capital begins in it."""
        letters, start, end = piece
        if self._is_listed(letters):
            yield start, end
        elif len(letters) > _SHORTEST and not text[places[start] + 1 : places[end]].islower():
            yield from self._in_camel_case(text[places[start] : places[end]], piece)

    def _among_signs(
        self, text: str, piece: _Piece, places: list[int]
    ) -> Iterator[tuple[int, int]]:
        """Yield where a piece with digits or signs is a listed word, or holds some."""
        letters = piece.letters
        first = len(letters) - len(letters.lstrip(_FIRST_SIGNS))
        last = len(letters.rstrip(_LAST_SIGNS))
        for start, end in ((0, len(letters)), (0, last), (first, len(letters)), (first, last)):
            if self._is_listed(letters[start:end]):
                yield piece.start + start, piece.start + end
                return
        for part in _PART.finditer(letters):
            bare = part[0].strip("0123456789")
            start = piece.start + part.start() + part[0].find(bare)
            yield from self._in_word(text, _Piece(bare, start, start + len(bare)), places)

    def _in_camel_case(self, written: str, piece: _Piece) -> Iterator[tuple[int, int]]:
        """Yield where words that are written together have a capital each, and one is listed."""
        if len(written) != len(piece.letters) or not written.isascii():
            return
        for part in _CAMEL.finditer(written):
            if self._is_listed(part[0].lower()):
                yield piece.start + part.start(), piece.start + part.end()

    def _spelled(self, pieces: list[_Piece]) -> Iterator[tuple[int, int]]:
        """Yield where single letters that follow each other are listed words."""
        run: list[_Piece] = []
        for piece in pieces:
            letter = piece.letters
            if len(letter) > 1:
                letter = letter.rstrip("!$+|(<")
            is_one = letter.isalpha() and letter.count(letter[0]) == len(letter)
            if run and not (is_one and piece.start - run[-1].end <= _MOST_BETWEEN):
                yield from self._in_run(run)
                run = []
            if is_one:
                run.append(_Piece(letter, piece.start, piece.start + len(letter)))
        yield from self._in_run(run)

    def _in_run(self, run: list[_Piece]) -> Iterator[tuple[int, int]]:
        """Yield where a run of single letters is made of listed words, but for one beside them."""
        if len(run) < _SHORTEST:
            return
        at = 1 if run[0].letters in _BEFORE_SPELLED and self._length(run, 0) == 0 else 0
        while length := self._length(run, at):
            yield run[at].start, run[at + length - 1].end
            at += length

    def _length(self, run: list[_Piece], at: int) -> int:
        """Return how many letters of a run from one on are a listed word, the most there are.

        What follows must be another word, or none, else this is a part of a word.
        """
        letters = [piece.letters for piece in run[at : at + self._longest + _SHORTEST]]
        if not letters or letters[0][0] not in self._first:
            return 0
        for length in range(min(len(letters), self._longest), _SHORTEST - 1, -1):
            rest = letters[length : length + _SHORTEST]
            is_whole = len(rest) in (0, _SHORTEST) or rest[0] in _BEFORE_SPELLED
            if is_whole and self._is_listed("".join(letters[:length])):
                return length
        return 0

    def _parted(self, pieces: list[_Piece], look: str) -> Iterator[tuple[int, int]]:
        """Yield where a sign that is no blank stands within a listed word."""
        for one, other in pairwise(pieces):
            if other.start - one.end != 1 or look[one.end] not in _PARTING:
                continue
            are_parts = len(one.letters) > 1 and len(other.letters) > 1
            if are_parts and self._is_listed(one.letters + other.letters):
                yield one.start, other.end

    def _is_starred(self, letters: str) -> bool:
        """Tell whether a listed word has stars for some of its letters."""
        return any(
            len(word) == len(letters)
            and all(one in ("*", other) for one, other in zip(letters, word, strict=True))
            for word in self._whole
        )

    def _is_listed(self, letters: str) -> bool:
        """Tell whether something is a listed word as it stands, or in disguise."""
        if not _SHORTEST <= len(letters) or letters[0] not in self._first:
            return False
        return self._looks_listed(letters)

    def _judge(self, letters: str) -> bool:
        if letters in self._spared:
            return False
        for squeezed, found in _readings(letters):
            for wanted in self._forms.get(squeezed, ()):
                if _is_drawn_out(found, wanted):
                    return True
        return False


def _look(word: str) -> str:
    return "".join(map(folded, word))


def _looked_through(text: str) -> tuple[str, list[int]]:
    """Return what a text looks like, and where in the text each character of that comes from.

    What looks like nothing belongs to what stands before it.
    """
    if text.isascii():
        return text.lower(), list(range(len(text) + 1))
    look: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        found = folded(character)
        look.append(found)
        places.extend([place] * len(found))
    places.append(len(text))
    return "".join(look), places


def _squeezed(letters: str) -> tuple[str, tuple[int, ...]]:
    """Return a word with each letter once in a row, and how many there were."""
    runs = [(letter, len(list(run))) for letter, run in groupby(letters)]
    return "".join(letter for letter, _ in runs), tuple(count for _, count in runs)


def _readings(letters: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield what a word may be read as: digits and signs as letters, two letters as one."""
    yield _squeezed(letters)
    if any(letter.isalpha() for letter in letters):
        single = letters.replace("ph", "f").replace("vv", "w")
        for written in (letters, single, single.replace("1", "l")):
            plain = written.translate(_STANDS_FOR)
            if plain != letters:
                yield _squeezed(plain)


def _is_drawn_out(found: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Tell whether letters are repeated so that it is the same word still.

    One letter more at the end makes another word, or a name: Twatt, Crapp.
    """
    if len(found) != len(wanted) or any(map(int.__lt__, found, wanted)):
        return False
    more = [count - least for count, least in zip(found, wanted, strict=True)]
    return sum(more[:-1]) > 0 or more[-1] != 1

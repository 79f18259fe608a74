"""The filter that masks swear words, also disguised ones, in rooms with `no cussing`."""

from __future__ import annotations

import re
from functools import lru_cache, partial
from importlib.resources import files
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, NamedTuple

from fortepiano.model.looks import folded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence, Set
    from importlib.resources.abc import Traversable
    from pathlib import Path

__all__ = ["TextFilter"]

_ENDINGS = ("s", "es", "ed", "er", "ers", "ing", "in", "y")
"""The endings of a listed word that names no endings of its own."""

_STANDS_FOR = str.maketrans(
    {"@": "a", "4": "a", "8": "b", "(": "c", "<": "c", "3": "e", "1": "i", "!": "i", "|": "i"}
    | {"9": "g", "#": "h", "0": "o", "5": "s", "$": "s", "7": "t", "+": "t", "v": "u"}
)
"""The letters that digits and signs stand for within a word; also v for u."""

_SHORTEST = 3
_MOST_BETWEEN = 3
"""The most characters between two single letters that still belong to one spelled word."""

_WORD = re.compile(r"(?:[^\W_]|[@!#$+|(<])+")
_STARRED = re.compile(r"(?<![^\W_])[a-z]+\*{1,3}[a-z]+(?![^\W_])")
_PART = re.compile(r"[^\W_]+")
_FIRST_SIGNS = "!#+|(<0123456789"
_LAST_SIGNS = "@!#$+|(<0123456789"
_SEPARATORS = frozenset("._-*~=\u00b7\u2022")
"""Signs that people put within a word to disguise it. An apostrophe is none: see who're."""

_CAMEL = re.compile(r"[A-Z]?[a-z]+")
_ONE_LETTER_WORDS = frozenset("aiouy")
"""Words of one letter, which may stand before or behind a word that is spelled letter by letter."""


class _Piece(NamedTuple):
    """A part of the folded text (`_folded_text`) that may be a word.

    Attributes:
        letters: The part.
        start: Its start in the folded text.
        end: Its end in the folded text.
    """

    letters: str
    start: int
    end: int


class TextFilter:
    """Masks swear words.

    A text is first folded: each character becomes the small ASCII letters that it looks like
    (`model/looks.py`). The folded text is searched for the words of a list.

    Args:
        words: A file with one word on each line; None for the list that comes with the package.
            A line has endings behind a colon; `#` begins a comment, `-` a word that is not masked.

    Attributes:
        masked: Returns a text with each character of a swear word replaced by an asterisk.
        masked_name: Like `masked`, but with a cache, for names, which are masked again and again.
    """

    def __init__(self, words: Path | None = None) -> None:
        source = words if words is not None else files("fortepiano") / "protocol" / "words.txt"
        search = _WordSearch(source)
        self.masked: Callable[[str], str] = search.masked
        self.masked_name: Callable[[str], str] = lru_cache(maxsize=1024)(search.masked)


class _WordSearch:
    """Finds the words of a list.

    A cache here must not call a method of the object that owns it. Such a cycle would outlive each
    reload (`server/garbage_collector.py`).
    """

    def __init__(self, source: Path | Traversable) -> None:
        self._forms: dict[str, list[tuple[int, ...]]] = {}  # squeezed words -> counts of letters
        self._never_masked: set[str] = set()
        self._words: set[str] = set()
        phrases: list[str] = []
        for line in map(str.strip, source.read_text("utf-8").splitlines()):
            if line and not line.startswith("#"):
                phrases.extend(self._add_line(line))
        pattern = "|".join(sorted(phrases, key=len, reverse=True))
        self._phrases = (
            re.compile(rf"(?<!\w)(?:{pattern})(?!\w)", re.IGNORECASE) if phrases else None
        )
        self._first = {form[0] for form in self._forms}  # characters that can begin a listed word
        self._first |= {chr(sign) for sign, letter in _STANDS_FOR.items() if letter in self._first}
        self._first -= set("(<")  # brackets around a word are more common than a c
        self._first |= {"1"} if "l" in self._first else set()
        self._longest = max(map(len, self._forms), default=0) + _MOST_BETWEEN
        matches = partial(_matches, self._forms, self._never_masked)
        self._matches = lru_cache(maxsize=2048)(matches)

    def _add_line(self, line: str) -> Iterator[str]:
        """Add a line of the list; yield a pattern for it if it is more than one word."""
        if line.startswith("-"):
            self._never_masked.add(_folded_word(line[1:].strip()))
            return
        word, colon, endings = line.partition(":")
        if not word.isalnum():
            yield re.escape(line)
            return
        base = _folded_word(word)
        for ending in ("", *(endings.split() if colon else _ENDINGS)):
            self._words.add(base + ending)
            letters, counts = _squeezed(base + ending)
            self._forms.setdefault(letters, []).append(counts)

    def masked(self, text: str) -> str:
        """Return a text with each character of a swear word replaced by an asterisk."""
        folded_text, positions = _folded_text(text)
        spans = [match.span() for match in self._phrases.finditer(text)] if self._phrases else []
        spans += (
            (positions[start], positions[end])
            for start, end in self._find(text, folded_text, positions)
        )
        for start, end in spans:
            text = text[:start] + "*" * (end - start) + text[end:]
        return text

    def _find(self, text: str, folded_text: str, positions: list[int]) -> Iterator[tuple[int, int]]:
        """Yield start and end of each swear word in the folded text; so do all methods below."""
        pieces = [
            _Piece(match[0], match.start(), match.end()) for match in _WORD.finditer(folded_text)
        ]
        for piece in pieces:
            letters = piece.letters
            if len(letters) < _SHORTEST:
                continue
            if letters.isalpha():
                yield from self._in_word(text, piece, positions)
            else:
                yield from self._among_signs(text, piece, positions)
        for starred in _STARRED.finditer(folded_text) if "*" in folded_text else ():
            if self._is_starred(starred[0]):
                yield starred.span()
        if len(pieces) > 1:
            yield from self._spelled(pieces)
            yield from self._separated(pieces, folded_text)

    def _in_word(self, text: str, piece: _Piece, positions: list[int]) -> Iterator[tuple[int, int]]:
        """Find listed words in a piece of letters: the whole piece, or parts in camel case."""
        letters, start, end = piece
        if self._is_listed(letters):
            yield start, end
        elif len(letters) > _SHORTEST and not text[positions[start] + 1 : positions[end]].islower():
            yield from self._in_camel_case(text[positions[start] : positions[end]], piece)

    def _among_signs(
        self, text: str, piece: _Piece, positions: list[int]
    ) -> Iterator[tuple[int, int]]:
        """Find listed words in a piece with digits or signs: the whole piece, or parts of it."""
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
            yield from self._in_word(text, _Piece(bare, start, start + len(bare)), positions)

    def _in_camel_case(self, written: str, piece: _Piece) -> Iterator[tuple[int, int]]:
        """Find listed words among words that are written together with a capital each."""
        if len(written) != len(piece.letters) or not written.isascii():
            return
        for part in _CAMEL.finditer(written):
            if self._is_listed(part[0].lower()):
                yield piece.start + part.start(), piece.start + part.end()

    def _spelled(self, pieces: list[_Piece]) -> Iterator[tuple[int, int]]:
        """Find listed words that are spelled letter by letter, such as `d a m n`."""
        run: list[_Piece] = []
        for piece in pieces:
            letter = piece.letters
            if len(letter) > 1:
                letter = letter.rstrip("!$+|(<")
            is_one_letter = letter.isalpha() and letter.count(letter[0]) == len(letter)
            if run and not (is_one_letter and piece.start - run[-1].end <= _MOST_BETWEEN):
                yield from self._in_run(run)
                run = []
            if is_one_letter:
                run.append(_Piece(letter, piece.start, piece.start + len(letter)))
        yield from self._in_run(run)

    def _in_run(self, run: list[_Piece]) -> Iterator[tuple[int, int]]:
        """Find listed words at the start of a run of letters, or behind a word of one letter."""
        if len(run) < _SHORTEST:
            return
        index = 1 if run[0].letters in _ONE_LETTER_WORDS and self._length(run, 0) == 0 else 0
        while length := self._length(run, index):
            yield run[index].start, run[index + length - 1].end
            index += length

    def _length(self, run: list[_Piece], index: int) -> int:
        """Return the length of the longest listed word that starts at an index of a run; else 0.

        The rest of the run must be empty or be able to begin with a word of its own. Otherwise the
        letters are only a part of a longer word.
        """
        letters = [piece.letters for piece in run[index : index + self._longest + _SHORTEST]]
        if not letters or letters[0][0] not in self._first:
            return 0
        for length in range(min(len(letters), self._longest), _SHORTEST - 1, -1):
            rest = letters[length : length + _SHORTEST]
            is_whole = len(rest) in (0, _SHORTEST) or rest[0] in _ONE_LETTER_WORDS
            if is_whole and self._is_listed("".join(letters[:length])):
                return length
        return 0

    def _separated(self, pieces: list[_Piece], folded_text: str) -> Iterator[tuple[int, int]]:
        """Find listed words with one of `_SEPARATORS` within."""
        for left, right in pairwise(pieces):
            if right.start - left.end != 1 or folded_text[left.end] not in _SEPARATORS:
                continue
            are_parts = len(left.letters) > 1 and len(right.letters) > 1
            if are_parts and self._is_listed(left.letters + right.letters):
                yield left.start, right.end

    def _is_starred(self, letters: str) -> bool:
        """Tell whether letters with stars among them can be a listed word."""
        return any(
            len(word) == len(letters)
            and all(written in ("*", letter) for written, letter in zip(letters, word, strict=True))
            for word in self._words
        )

    def _is_listed(self, letters: str) -> bool:
        """Tell whether letters are a listed word, plain or in disguise."""
        if not _SHORTEST <= len(letters) or letters[0] not in self._first:
            return False
        return self._matches(letters)


def _matches(
    forms: Mapping[str, Sequence[tuple[int, ...]]], never_masked: Set[str], letters: str
) -> bool:
    """Tell whether letters are one of the listed forms, and no word that is never masked."""
    if letters in never_masked:
        return False
    for squeezed, counts in _readings(letters):
        for listed_counts in forms.get(squeezed, ()):
            if _is_drawn_out(counts, listed_counts):
                return True
    return False


def _folded_word(word: str) -> str:
    return "".join(map(folded, word))


def _folded_text(text: str) -> tuple[str, list[int]]:
    """Return the folded text, and for each of its characters the position in the original text.

    Characters that fold to nothing, such as accents, belong to the character before them.
    """
    if text.isascii():
        return text.lower(), list(range(len(text) + 1))
    folded_characters: list[str] = []
    positions: list[int] = []
    for position, character in enumerate(text):
        letters = folded(character)
        folded_characters.append(letters)
        positions.extend([position] * len(letters))
    positions.append(len(text))
    return "".join(folded_characters), positions


def _squeezed(letters: str) -> tuple[str, tuple[int, ...]]:
    """Return a word with repeated letters written once, and how often each letter was repeated."""
    runs = [(letter, len(list(run))) for letter, run in groupby(letters)]
    return "".join(letter for letter, _ in runs), tuple(count for _, count in runs)


def _readings(letters: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield all readings of a word, squeezed: digits and signs as letters, two letters as one."""
    yield _squeezed(letters)
    if any(letter.isalpha() for letter in letters):
        single = letters.replace("ph", "f").replace("vv", "w")
        for written in (letters, single, single.replace("1", "l")):
            plain = written.translate(_STANDS_FOR)
            if plain != letters:
                yield _squeezed(plain)


def _is_drawn_out(counts: tuple[int, ...], listed: tuple[int, ...]) -> bool:
    """Tell whether a word is a listed one, with or without further repetitions of its letters.

    A single further letter at the end makes another word, or a name: Twatt, Crapp.

    Args:
        counts: How often each letter of the word is repeated.
        listed: How often each letter of the listed word is repeated.
    """
    if len(counts) != len(listed) or any(map(int.__lt__, counts, listed)):
        return False
    more = [count - least for count, least in zip(counts, listed, strict=True)]
    return sum(more[:-1]) > 0 or more[-1] != 1

"""The looks of characters: finds names that look alike, and words written in disguise.

The library decancer knows which letters of all scripts look alike. Look-alikes within ASCII (a
capital I and a small l, rn and m) are listed here, after Unicode's list of confusables.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

import regex
from decancer_py import parse

__all__ = ["are_alike", "folded", "keys"]

# Letters that stand for a syllable or a word, and vowel signs. Reading these as the Latin letters
# that they resemble would make names alike that nobody confuses.
_NEVER_LATIN = regex.compile(
    r"[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}]"
    r"|[\p{M}--[\p{Script=Inherited}]]",
    regex.V1,
)
_WITHOUT_LOOKS = regex.compile(r"[\p{M}\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}]")
_SPACES = regex.compile(r"[\p{White_Space}\p{P}\u2800]+")
_LETTER_PAIRS = (("rn", "m"), ("vv", "w"))


@lru_cache(maxsize=4096)
def folded(character: str) -> str:
    """Return the small ASCII letters that a character looks like; else the character itself.

    Accents and other marks alone give an empty text.
    """
    if character.isascii():
        return character.lower()
    if _NEVER_LATIN.match(character):
        return character
    # Unicode's decomposition is exact and comes first; the library knows what only looks alike.
    parts = unicodedata.normalize("NFKD", character)
    base = "".join(part for part in parts if not _WITHOUT_LOOKS.match(part))
    if base.isascii():
        return base.lower()
    for written in (base.casefold(), base):
        found = str(parse(written))
        if found and found.isascii():
            return found
    return character.casefold()


@lru_cache(maxsize=16_384)
def keys(name: str) -> frozenset[str]:
    """Return the folded forms of a name; names that share one of them look alike."""
    plain = unicodedata.normalize("NFKC", name)
    return frozenset((_key(plain, has_bars=False), _key(plain, has_bars=True)))


def are_alike(name: str, other: str) -> bool:
    """Tell whether two names look so much alike that one could be taken for the other."""
    return not keys(name).isdisjoint(keys(other))


def _key(name: str, *, has_bars: bool) -> str:
    """Return a name in which all letters that look alike are the same letter.

    Args:
        name: The name.
        has_bars: Whether a capital I counts as a bar, as in most sans-serif fonts; else as an i.
    """
    letters = "".join(_letter(character, has_bars=has_bars) for character in name)
    for pair, letter in _LETTER_PAIRS:
        letters = letters.replace(pair, letter)
    # Spaces and punctuation are easily overlooked; a name of nothing else stays as it is.
    return _SPACES.sub("", letters) or letters


def _letter(character: str, *, has_bars: bool) -> str:
    letter = folded(character)
    if letter in "1|" or (has_bars and letter == "i" and not character.islower()):
        return "l" if has_bars or letter != "1" else "i"
    return "o" if letter == "0" else letter

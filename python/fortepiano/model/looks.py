"""What characters look like: which names can be taken for one another, what a word is in disguise.

Which letters of all scripts look alike is known to the library decancer; what ASCII itself holds of
the kind (a capital I and a small l, rn and m) is in Unicode's list of confusables, and here.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

import regex

__all__ = ["are_alike", "folded", "keys"]

# Letters that stand for a syllable or a word, and vowels that are written on their own sign: to
# take them for what some Latin letter resembles would make names alike that are not.
_OF_ITS_OWN = regex.compile(
    r"[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}]"
    r"|[\p{M}--[\p{Script=Inherited}]]",
    regex.V1,
)
_NOTHING = regex.compile(r"[\p{M}\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}]")
_SPACES = regex.compile(r"[\p{White_Space}\p{P}\u2800]+")
_LETTER_PAIRS = (("rn", "m"), ("vv", "w"))


@lru_cache(maxsize=4096)
def folded(character: str) -> str:
    """Return what a character looks like: small ASCII letters if it can, itself if not.

    Accents and other marks are nothing by themselves.
    """
    if character.isascii():
        return character.lower()
    if _OF_ITS_OWN.match(character):
        return character
    # First what Unicode itself says, which is exact; the library knows what only looks alike.
    parts = unicodedata.normalize("NFKD", character)
    base = "".join(part for part in parts if not _NOTHING.match(part))
    if base.isascii():
        return base.lower()
    # Here, because its tables are of no use to an idle server.
    from decancer_py import parse

    for written in (base.casefold(), base):
        found = str(parse(written))
        if found and found.isascii():
            return found
    return character.casefold()


@lru_cache(maxsize=16_384)
def keys(name: str) -> frozenset[str]:
    """Return what a name may be taken for; names that share one of these look alike."""
    plain = unicodedata.normalize("NFKC", name)
    return frozenset((_key(plain, has_bars=False), _key(plain, has_bars=True)))


def are_alike(one: str, other: str) -> bool:
    """Tell whether somebody could take one name for the other."""
    return not keys(one).isdisjoint(keys(other))


def _key(name: str, *, has_bars: bool) -> str:
    """Return a name with one letter for all that look alike.

    Args:
        name: The name.
        has_bars: Whether a capital I is a bar, as in most sans-serif fonts, or a letter i.
    """
    letters = "".join(_letter(character, has_bars=has_bars) for character in name)
    for pair, letter in _LETTER_PAIRS:
        letters = letters.replace(pair, letter)
    # Where words end is easily overlooked; a name without any letters is compared as it is.
    return _SPACES.sub("", letters) or letters


def _letter(character: str, *, has_bars: bool) -> str:
    letter = folded(character)
    if letter in "1|" or (has_bars and letter == "i" and not character.islower()):
        return "l" if has_bars or letter != "1" else "i"
    return "o" if letter == "0" else letter

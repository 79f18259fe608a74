"""What people write, in the one form in which it is shown, compared and kept.

The rules are those of docs/protocol.md ("Texts"); what Unicode says of a character is asked of the
library `regex`, so nothing here is a list of characters but for U+2800.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

import regex

__all__ = ["MARKS", "chat", "line", "mended", "normalised", "settled"]

MARKS = 4
"""Combining marks on one base that some language may need; more only climb over other lines."""

_MARK_OF_BOTS = "\u034f"

_MOST_PASSES = 6
"""What one pass removes may leave a joiner with nothing to join; more passes no text needs."""

# Line breaks and other controls break log lines and chat boxes, half surrogates are no text at all;
# the others turn the direction of all text that follows, other people's too.
_REFUSED = regex.compile(r"[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u202e\u2066\u2067\u202b\u200f]")

# Unicode has U+2800, a Braille cell without dots, for a symbol: it looks like a space.
_FIRST = regex.compile(r"[^\p{White_Space}\u2800]")
_LAST = regex.compile(r"(?r)[^\p{White_Space}\u2800]")
_VISIBLE = regex.compile(r"[^\p{Z}\p{C}\u2800]|[\p{Co}\p{Cn}\p{Prepended_Concatenation_Mark}]")

_ODD = regex.compile(rf"\p{{Default_Ignorable_Code_Point}}|\p{{M}}{{{MARKS + 1}}}")

_JOINERS = r"[\u200c\u200d]"
_RUN_OF_JOINERS = regex.compile(rf"({_JOINERS}){_JOINERS}+")
_SURPLUS_MARKS = regex.compile(rf"(?<=(?:\p{{M}}{_JOINERS}?){{{MARKS}}})\p{{M}}")

# Which invisible characters change what is seen, by what stands beside them.

_MONGOLIAN = r"[\p{Script=Mongolian}&&\p{L}]"
_BESIDE_ITS_BASE = (
    # The flags of England, Scotland, Texas: a black flag, the region in tag characters, an end.
    r"\U0001F3F4[\U000E0030-\U000E0039\U000E0061-\U000E007A]{3,6}\U000E007F",
    # A symbol as text or as an emoji; a digit only within a keycap.
    r"(?<=[\p{Emoji}--[\p{ASCII}\p{Regional_Indicator}\p{Emoji_Modifier}]])[\uFE0E\uFE0F]",
    r"(?<=[0-9#*])[\uFE0E\uFE0F](?=\u20E3)",
    # Other shapes of ideographs and their punctuation, hieroglyphs, letters and signs.
    r"(?<=\p{Unified_Ideograph})[\uFE00-\uFE02\U000E0100-\U000E01EF]",
    r"(?<=[[\p{P}\p{S}]&&[\p{ea=W}\p{ea=F}]])[\uFE00\uFE01]",
    r"(?<=\p{Script=Egyptian_Hieroglyphs})[\uFE00-\uFE06]",
    r"(?<=[\p{Script=Myanmar}\p{Script=Phags_Pa}\p{Script=Manichaean}[\p{Math}--\p{ASCII}]])\uFE00",
    rf"(?<={_MONGOLIAN})[\u180B-\u180D\u180F]",
    # What parts a last vowel from its word, which then has another shape.
    rf"(?<={_MONGOLIAN}[\u180B-\u180D\u180F]?)\u180E(?={_MONGOLIAN})",
)
_OTHERS = rf"[\p{{Default_Ignorable_Code_Point}}--{_JOINERS}]"
_IGNORABLE = regex.compile(
    rf"(?=[\U0001F3F4{_OTHERS}])(?:({'|'.join(_BESIDE_ITS_BASE)})|{_OTHERS})", regex.V1
)

_TO_NEXT = r"[\p{jt=L}\p{jt=D}[\p{jt=C}--\u200d]]\p{jt=T}{0,4}"
_TO_LAST = r"\p{jt=T}{0,4}[\p{jt=R}\p{jt=D}[\p{jt=C}--\u200d]]"
_LETTER = r"[\p{L}--\p{InSC=Other}]"
_VIRAMA = rf"{_LETTER}\p{{M}}{{0,3}}\p{{ccc=9}}\p{{M}}?"
_JOINING = regex.compile(
    rf"(?={_JOINERS})(?:("
    + "|".join(
        (
            # Arabic and its like: apart what would join, joined what would stand apart (UAX 31).
            rf"(?<={_TO_NEXT})\u200c(?={_TO_LAST})",
            rf"(?<={_TO_NEXT})\u200d(?!{_TO_LAST})",
            rf"(?<!{_TO_NEXT})\u200d(?={_TO_LAST})",
            # Conjuncts of the scripts of India, as halves or not at all (UAX 31, A2 and B).
            rf"(?<={_VIRAMA})\u200c(?=\p{{M}}?{_LETTER})",
            rf"(?<={_VIRAMA})\u200d(?!\p{{InSC=Vowel_Dependent}})",
            # A ra that keeps its shape before a virama: Bengali, Kannada (Unicode, chapter 12).
            rf"(?<={_LETTER}\p{{M}}?){_JOINERS}(?=\p{{ccc=9}}\p{{M}}?{_LETTER})",
            # A vowel sign on a vowel, as Marathi writes it; what follows a chillu of Malayalam.
            r"(?<=[\p{L}&&\p{InSC=Vowel_Independent}])\u200d(?=\p{InSC=Vowel_Dependent})",
            rf"(?<=[\p{{L}}&&\p{{InSC=Consonant_Dead}}])\u200c(?={_LETTER})",
            # Where the register shifters of Khmer stand (Unicode, chapter 16).
            rf"(?<={_LETTER}\p{{M}}{{0,3}}){_JOINERS}(?=\p{{InSC=Register_Shifter}})",
            rf"(?<=\p{{InSC=Register_Shifter}}){_JOINERS}(?=\p{{M}})",
            # Families, professions, flags with a rainbow.
            r"(?<=\p{Extended_Pictographic}[\uFE0F\p{Emoji_Modifier}]{0,2})\u200d"
            r"(?=\p{Extended_Pictographic})",
        )
    )
    + rf")|{_JOINERS})",
    regex.V1,
)


def normalised(text: str) -> str | None:
    """Return the one form of a name; None where nobody may have it, or nothing of it is seen."""
    found = line(text)
    return None if found is None else _trimmed(found)


@lru_cache(maxsize=64)
def line(text: str) -> str | None:
    """Return the one form of a line of text, which is a name's but for blanks at its ends."""
    is_refused = not text.isprintable() if text.isascii() else _REFUSED.search(text)
    if is_refused:
        return None
    found = _formed(text)
    return found if _VISIBLE.search(found) else None


def chat(text: str) -> str | None:
    """Return the one form of a line of chat, which may begin with the mark of a bot.

    Bots begin what they say with an invisible character, by which other bots know not to answer.
    Without it two of them would talk to each other for ever.
    """
    mark = _MARK_OF_BOTS if text.startswith(_MARK_OF_BOTS) else ""
    found = line(text.removeprefix(mark))
    return None if found is None else mark + found


def settled(text: str) -> str:
    """Return the one form of what may be a name; what can be no name stays, and is nobody's."""
    found = normalised(text)
    return text if found is None else found


def mended(text: str) -> str:
    """Return what is left of a text from a time of other rules; empty where nothing is seen."""
    return normalised(_REFUSED.sub(" ", text)) or ""


def _formed(text: str) -> str:
    if text.isascii():
        return text
    text = unicodedata.normalize("NFC", text)
    return _cleared(text) if _ODD.search(text) else text


def _trimmed(text: str) -> str:
    first, last = _FIRST.search(text), _LAST.search(text)
    return text[first.start() : last.end()] if first and last else ""


def _cleared(text: str) -> str:
    """Take out what changes nothing that is seen, and what stands on top of too much else."""
    for _ in range(_MOST_PASSES):
        before = text
        text = _RUN_OF_JOINERS.sub(r"\1", _IGNORABLE.sub(r"\1", text))
        text = _SURPLUS_MARKS.sub("", unicodedata.normalize("NFC", text))
        text = unicodedata.normalize("NFC", _JOINING.sub(r"\1", text))
        if text == before:
            return text
    bare = regex.sub(r"\p{Default_Ignorable_Code_Point}", "", text)
    return _SURPLUS_MARKS.sub("", unicodedata.normalize("NFC", bare))

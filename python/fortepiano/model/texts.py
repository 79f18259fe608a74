"""Normalisation of all texts of users: one form in which they are shown, compared and stored.

docs/protocol.md has the rules ("Texts"). The library `regex` knows what Unicode says of each
character, so U+2800 is the only character that is listed here for its looks.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

import regex

__all__ = ["MARKS", "chat", "line", "mended", "normalised", "settled"]

MARKS = 4
"""The most combining marks on one base that any language needs; more only cover other lines."""

_MARK_OF_BOTS = "\u034f"

_MOST_PASSES = 6
"""The most passes of `_cleared`: after a pass, a joiner may have nothing left to join.

No sensible text needs more passes.
"""

# Line breaks and other controls break log lines and chat boxes. Half surrogates are no text at all.
# The others turn the direction of all text that follows, that of other users too.
_REFUSED = regex.compile(r"[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u202e\u2066\u2067\u202b\u200f]")

# U+2800, a Braille cell without dots, is a symbol in Unicode but looks like a space.
_FIRST = regex.compile(r"[^\p{White_Space}\u2800]")
_LAST = regex.compile(r"(?r)[^\p{White_Space}\u2800]")
_VISIBLE = regex.compile(r"[^\p{Z}\p{C}\u2800]|[\p{Co}\p{Cn}\p{Prepended_Concatenation_Mark}]")

_ODD = regex.compile(rf"\p{{Default_Ignorable_Code_Point}}|\p{{M}}{{{MARKS + 1}}}")

_JOINERS = r"[\u200c\u200d]"
_RUN_OF_JOINERS = regex.compile(rf"({_JOINERS}){_JOINERS}+")
_SURPLUS_MARKS = regex.compile(rf"(?<=(?:\p{{M}}{_JOINERS}?){{{MARKS}}})\p{{M}}")

# Invisible characters that change what is seen, depending on their neighbours.

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
    # The vowel separator: a last vowel behind it has another shape.
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
            # Arabic and related scripts: a joiner changes whether two letters connect (UAX 31).
            rf"(?<={_TO_NEXT})\u200c(?={_TO_LAST})",
            rf"(?<={_TO_NEXT})\u200d(?!{_TO_LAST})",
            rf"(?<!{_TO_NEXT})\u200d(?={_TO_LAST})",
            # Scripts of India: a conjunct is shown as halves, or not at all (UAX 31, A2 and B).
            rf"(?<={_VIRAMA})\u200c(?=\p{{M}}?{_LETTER})",
            rf"(?<={_VIRAMA})\u200d(?!\p{{InSC=Vowel_Dependent}})",
            # A ra that keeps its shape before a virama: Bengali, Kannada (Unicode, chapter 12).
            rf"(?<={_LETTER}\p{{M}}?){_JOINERS}(?=\p{{ccc=9}}\p{{M}}?{_LETTER})",
            # A vowel sign on a vowel, as in Marathi; a letter after a chillu of Malayalam.
            r"(?<=[\p{L}&&\p{InSC=Vowel_Independent}])\u200d(?=\p{InSC=Vowel_Dependent})",
            rf"(?<=[\p{{L}}&&\p{{InSC=Consonant_Dead}}])\u200c(?={_LETTER})",
            # The position of Khmer register shifters (Unicode, chapter 16).
            rf"(?<={_LETTER}\p{{M}}{{0,3}}){_JOINERS}(?=\p{{InSC=Register_Shifter}})",
            rf"(?<=\p{{InSC=Register_Shifter}}){_JOINERS}(?=\p{{M}})",
            # Emojis made of several: families, professions, the rainbow flag.
            r"(?<=\p{Extended_Pictographic}[\uFE0F\p{Emoji_Modifier}]{0,2})\u200d"
            r"(?=\p{Extended_Pictographic})",
        )
    )
    + rf")|{_JOINERS})",
    regex.V1,
)


def normalised(text: str) -> str | None:
    """Return the normal form of a name; None if it is refused, or nothing of it is visible."""
    found = line(text)
    return None if found is None else _trimmed(found)


@lru_cache(maxsize=64)
def line(text: str) -> str | None:
    """Return the normal form of a line of text: as of a name, but blanks at its ends stay."""
    is_refused = not text.isprintable() if text.isascii() else _REFUSED.search(text)
    if is_refused:
        return None
    found = _formed(text)
    return found if _VISIBLE.search(found) else None


def chat(text: str) -> str | None:
    """Return the normal form of a line of chat, which may begin with the mark of a bot.

    Bots begin their lines with an invisible character, so that other bots do not answer. Without it
    two bots would talk to each other for ever.
    """
    mark = _MARK_OF_BOTS if text.startswith(_MARK_OF_BOTS) else ""
    found = line(text.removeprefix(mark))
    return None if found is None else mark + found


def settled(text: str) -> str:
    """Return the normal form of a name; a text that no name can have is returned unchanged.

    To look a name up: no user and no room has such a text for a name.
    """
    found = normalised(text)
    return text if found is None else found


def mended(text: str) -> str:
    """Return a text that earlier rules allowed, without all that is refused now.

    The result is empty if nothing visible is left.
    """
    if text.isascii() and text.isprintable():
        return text.strip(" ")  # at the start of a server this is called for every stored name
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
    """Remove invisible characters that change nothing, and combining marks beyond `MARKS`."""
    for _ in range(_MOST_PASSES):
        before = text
        text = _RUN_OF_JOINERS.sub(r"\1", _IGNORABLE.sub(r"\1", text))
        text = _SURPLUS_MARKS.sub("", unicodedata.normalize("NFC", text))
        text = unicodedata.normalize("NFC", _JOINING.sub(r"\1", text))
        if text == before:
            return text
    bare = regex.sub(r"\p{Default_Ignorable_Code_Point}", "", text)
    return _SURPLUS_MARKS.sub("", unicodedata.normalize("NFC", bare))

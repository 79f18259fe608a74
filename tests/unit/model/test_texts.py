"""The one form of names, rooms and lines (docs/protocol.md, "Texts")."""

from __future__ import annotations

import time
import unicodedata

import pytest
import regex
from hypothesis import example, given
from hypothesis import strategies as st

from fortepiano.model.texts import MARKS, chat, line, mended, normalised, settled

ZWNJ, ZWJ = "\u200c", "\u200d"
ENGLAND, SCOTLAND = (
    "\U0001f3f4" + "".join(chr(0xE0000 + ord(letter)) for letter in region) + "\U000e007f"
    for region in ("gbeng", "gbsct")
)

SCRIPTS = {
    "Persian": ("می‌خواهم کتاب‌ها را بخوانم", "نیم‌فاصله", "علی‌رضا"),
    "Arabic with harakat": ("السَّلَامُ عَلَيْكُمْ", "مُحَمَّدٌ", "اللَّهِ"),
    "Arabic, a letter of a word": ("١٤٤٥ ه‍",),
    "Urdu": ("اردو میں لکھیں",),
    "Syriac": ("ܫܠܡܐ",),
    "Hebrew with points": ("שָׁלוֹם עֲלֵיכֶם", "בְּרֵאשִׁית בָּרָא"),
    "Yiddish": ("ייִדיש",),
    "Hindi": ("हिन्दी में लिखिए", "क्‍ष", "क्‌ष", "श्रीमान्"),
    "Marathi": ("दुसऱ्या", "कर्‍हाड", "वाङ्‌मय", "अ\u200dॅक्टो"),
    "Nepali": ("गर्‍यो",),
    "Bengali": ("বাংলা ক্ষুদ্র", "র‍্যাব", "অ‍্যাপ", "র‌্যাঁদা"),
    "Gujarati": ("ગુજરાતી ક્ષ",),
    "Punjabi": ("ਪੰਜਾਬੀ",),
    "Tamil": ("தமிழ் க்‌ஷ ஸ்ரீ",),
    "Telugu": ("తెలుగు క్‌ష",),
    "Kannada": ("ಕನ್ನಡ", "ರ‍್ಕ"),
    "Malayalam": ("മലയാളം", "അവന്‍", "എന്‍റെ", "ഡെൻ\u200cവർ"),
    "Sinhala": ("ශ්‍රී ලංකාව", "ක්‍ෂ", "විද්‍යා"),
    "Thai": ("ภาษาไทย ที่นี่ น้ำ", "ก็ได้"),
    "Lao": ("ພາສາລາວ",),
    "Burmese": ("မြန်မာဘာသာ", "ကြွေး"),
    "Khmer": ("ភាសាខ្មែរ ស្ត្រី", "ប៉‌ី"),
    "Tibetan": ("བསྒྲུབས་", "བོད་སྐད་", "ཧཱུྃ"),
    "Vietnamese": ("Tiếng Việt ở đường", "Nguyễn Thị Hường"),
    "Yoruba": ("Ọ̀ṣun àti Ṣẹ̀gbọ́n",),
    "Korean": ("한국어", "안녕하세요"),
    "Japanese": ("がぎぐ パピプ", "葛󠄀城", "辻󠄁"),
    "Chinese": ("漢字︀", "中文"),
    "Mongolian": ("ᠮᠣᠩᠭᠣᠯ", "ᠪᠠ᠋", "ᠰᠠᠷ\u180eᠠ"),
    "Greek": ("Ἑλλάς ᾧ", "Ελλάδα"),
    "Georgian": ("საქართველო",),
    "Armenian": ("Հայաստան",),
    "Amharic": ("አማርኛ",),
    "Mathematics": ("∩︀", "≨︀"),
    "Families": ("👨‍👩‍👧‍👦", "👩‍❤️‍💋‍👨", "🧑🏽‍🤝‍🧑🏿"),
    "Professions": ("👩🏽‍🔬", "🧑‍🚀", "🏃🏿‍♀️"),
    "Skin tones": ("☝🏿", "👍🏽", "🤘🏻"),
    "Keycaps": ("1️⃣", "#️⃣", "*️⃣", "0⃣"),
    "Flags": ("🇩🇪🇳🇵", "🏳️‍🌈", "🏴‍☠️", "🏳️‍⚧️", ENGLAND, SCOTLAND),
    "Symbols as emoji and as text": ("❤️", "❤︎", "☺️", "⚡️", "©️", "❤️‍🔥", "👁️‍🗨️"),
}
"""Lines whose joiners, marks and selectors are needed, by script."""

FORBIDDEN = ["\u202e", "\u2066", "\u2067", "\u202b", "\u200f"]
CONTROLS = ["\n", "\r", "\v", "\f", "\0", "\t", "\x1b", "\x7f", "\x85", "\x9f", "\u2028", "\u2029"]


class TestScripts:
    @pytest.mark.parametrize("script", SCRIPTS)
    @pytest.mark.parametrize("form", ["NFC", "NFD"])
    def test_come_through_unharmed(self, script: str, form: str) -> None:
        for one in SCRIPTS[script]:
            written = unicodedata.normalize(form, one)  # type: ignore[arg-type]
            assert normalised(written) == unicodedata.normalize("NFC", one)

    def test_jamo_one_by_one(self) -> None:
        assert normalised("\u1112\u1161\u11ab\u1100\u116e\u11a8") == "한국"

    def test_next_to_each_other(self) -> None:
        everything = " ".join(one for lines in SCRIPTS.values() for one in lines)
        assert normalised(everything) == unicodedata.normalize("NFC", everything)


class TestInvisible:
    @pytest.mark.parametrize(
        "text",
        [
            *("", " ", "   ", "\u00a0", "\u3000\u2003", "\u200b\u200b", "\u3164", "\uffa0"),
            *("\ufeff", "\u00ad", "\u034f", "\u061c", "\u115f\u1160", "\u17b4", "\u180e"),
            *("\u2060\u2061\u2062\u2063\u2064", "\u206a", "\u2800", "\u2800 \u200b\u2800"),
            *(ZWJ, ZWNJ, ZWJ + ZWNJ, "\ufe0f", "\ufe0e\ufe0f", "\U000e0100", "\U000e0041"),
            *("\U0001d173", "\U0001bca0", "\u180b", "\U000e0001\U000e0067", "\ufff9"),
        ],
    )
    def test_what_nobody_sees_is_refused(self, text: str) -> None:
        assert normalised(text) is None
        assert mended(text) == ""

    @pytest.mark.parametrize(
        "text",
        [
            *(
                "Ann\u200b",
                "\u200bAnn",
                "A\u200bnn",
                " Ann ",
                "Ann\u00a0",
                "Ann\u2800",
                "Ann\ufeff",
            ),
            *("An\u00adn", "A\u034fnn", "Ann\u3164", "Ann" + ZWJ, "A" + ZWNJ + "nn", "Ann\ufe0f"),
            *("Ann\ufe00", "Ann\U000e0100", "A\u2060nn", "Ann\u200e", "\u202aAnn\u202c"),
            *("\u2068Ann\u2069", "Ann\U000e0061\U000e007f", "A\u180bnn", "\u3000Ann\u2003 "),
            *("Ann " + ZWJ, "\u2800\u200b Ann \u200b\u2800", "A\u180enn", "Ann\u17b5"),
        ],
    )
    def test_the_same_look_is_the_same_name(self, text: str) -> None:
        assert normalised(text) == "Ann"

    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("7\ufe0f", "7"),
            ("#\ufe0fx", "#x"),
            ("❤\ufe0f\ufe0f", "❤\ufe0f"),
            ("🇩\ufe0f🇪", "🇩🇪"),
            ("👍🏽\ufe0f", "👍🏽"),
            ("👍" + ZWJ, "👍"),
            ("👍" + ZWJ + "a", "👍a"),
            ("👨" + ZWJ + ZWJ + "👩", "👨" + ZWJ + "👩"),
            ("د" + ZWNJ + "ا", "دا"),  # neither would have joined
            ("ب" + ZWNJ, "ب"),
            ("ب" + ZWNJ + "a", "بa"),
            ("ب" + ZWNJ * 3 + "ت", "ب" + ZWNJ + "ت"),
            ("د" + ZWJ, "د"),
            ("ب" + ZWJ + "ت", "بت"),
            ("क" + ZWJ + "ष", "कष"),
            ("क्" + ZWNJ, "क्"),
            ("क्" + ZWNJ + "a", "क्a"),
            ("क" + ZWNJ + "ि", "कि"),
            ("a\u094d" + ZWJ + "b", "a\u094db"),
            ("\U0001f3f4\U000e0067\U000e0062", "\U0001f3f4"),
            ("x\U000e0067\U000e0062\U000e0065\U000e007f", "x"),
            ("山\U000e0100\U000e0101", "山\U000e0100"),
            ("あ\ufe00", "あ\ufe00"),
        ],
    )
    def test_joiners_and_selectors_stay_where_they_change_something(
        self, text: str, shown: str
    ) -> None:
        if text.startswith("あ"):
            assert normalised(text) == "あ"  # no variants of it are standardised
        else:
            assert normalised(text) == shown


class TestRefused:
    @pytest.mark.parametrize("character", CONTROLS + FORBIDDEN + ["\ud800", "\udfff"])
    @pytest.mark.parametrize("form", ["{}", "{}x", "x{}", "x{}x", "é{}é"])
    def test_line_breaks_controls_and_turns(self, character: str, form: str) -> None:
        text = form.format(character)
        assert normalised(text) is None
        assert settled(text) == text

    def test_all_controls(self) -> None:
        for number in range(0x110000):
            character = chr(number)
            if unicodedata.category(character) in ("Cc", "Zl", "Zp", "Cs"):
                assert normalised(f"a{character}b") is None

    @pytest.mark.parametrize("text", ["\u0301", "\U0010ffff", "\ue000", "\u0600", "\ufffd", "."])
    def test_whatever_is_drawn_may_stay(self, text: str) -> None:
        assert normalised(text) == text


class TestForms:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("Caf\u00e9", "Cafe\u0301"),
            ("\u00c5", "\u212b"),
            ("\u1e69", "s\u0307\u0323"),
            ("\uac00", "\u1100\u1161"),
            ("が", "か\u3099"),
            ("豈", "\uf900"),
        ],
    )
    def test_composed_and_decomposed_are_the_same(self, one: str, other: str) -> None:
        assert normalised(one) == normalised(other)

    @pytest.mark.parametrize("text", ["ｆｕｌｌ", "ﬁ", "①", "Straße", "ANN", "x²"])
    def test_what_only_means_the_same_stays_as_it_is(self, text: str) -> None:
        assert normalised(text) == text


class TestTowers:
    @pytest.mark.parametrize(
        "mark", ["\u0301", "\u0e47", "\u0489", "\u20dd", "\u0f71", "\u064b", "\u0903", "\ua670"]
    )
    def test_at_most_four_marks_on_a_base(self, mark: str) -> None:
        found = normalised("Z" + mark * 200 + "a" + mark * 200)
        assert found is not None
        assert longest_run(found) <= MARKS

    def test_a_lone_tower(self) -> None:
        assert normalised("\u0301" * 512) == "\u0301" * MARKS

    def test_with_joiners_in_between(self) -> None:
        found = normalised("क" + ("्" + ZWJ) * 200)
        assert found is not None
        assert longest_run(found.replace(ZWJ, "")) <= MARKS


def longest_run(text: str) -> int:
    """Return how many combining marks stand on one base at most."""
    longest = run = 0
    for character in text:
        is_mark = unicodedata.category(character) in ("Mn", "Mc", "Me")
        run = run + 1 if is_mark else 0
        longest = max(longest, run)
    return longest


IGNORABLE = regex.compile(r"\p{Default_Ignorable_Code_Point}")
ODD = regex.compile(
    r"[\p{M}\p{Cf}\p{Emoji}\p{Default_Ignorable_Code_Point}\p{Script=Arabic}"
    r"\p{Script=Devanagari}\p{Script=Khmer}\p{Script=Mongolian}\p{White_Space}\u2800]"
)
ODDITIES = [chr(number) for number in range(0x110000) if ODD.match(chr(number))]
TEXTS = st.text(max_size=40) | st.text(
    st.sampled_from(ODDITIES)
    | st.sampled_from("aक्षبتد👩❤1山ᠠ\u094d\u200c\u200d\ufe0f\u0301\u1100\u1161"),
    max_size=40,
)


@given(TEXTS)
@example("क" + "\u094d" * 9 + ZWJ)
@example("👩" + "\u0301" * 5 + ZWJ + "👩")
@example("\u0958\u0301\u0301\u0301\u0301")
def test_what_comes_out(text: str) -> None:
    found = normalised(text)
    left = mended(text)
    assert found in (None, left)
    if not left:
        return
    assert unicodedata.is_normalized("NFC", left)
    assert normalised(left) == mended(left) == settled(left) == left
    assert longest_run(left) <= MARKS
    assert left == left.strip().strip("\u2800")
    assert len(left) <= 3 * len(text)
    for at in IGNORABLE.finditer(left):
        needs_a_neighbour(left, at.start())


def needs_a_neighbour(text: str, at: int) -> None:
    """Hold that what is invisible by itself is of the kinds that may change what is seen."""
    it, before, after = text[at], text[:at][-1:], text[at + 1 :][:1]
    if it in (ZWNJ, ZWJ):
        assert (before + after).strip(ZWNJ + ZWJ)
        assert before not in (ZWNJ, ZWJ)
        assert not (before + after).isascii()
    elif "\U000e0020" <= it <= "\U000e007f":
        assert regex.search("\U0001f3f4[\U000e0020-\U000e007f]*$", text[:at])
    elif it == "\u180e":
        assert regex.match(r"\p{Script=Mongolian}", before + after)
    else:
        assert regex.match(r"\p{Variation_Selector}", it)
        assert before
        assert not regex.match(r"\p{Variation_Selector}|[\p{L}&&\p{ASCII}]", before, regex.V1)


def test_every_character_between_letters() -> None:
    for number in range(0x110000):
        character = chr(number)
        found = normalised(f"a{character}b")
        if IGNORABLE.match(character):
            assert found in (None, "ab")
        elif found is not None:
            assert unicodedata.is_normalized("NFC", found)
            assert normalised(found) == found


@pytest.mark.parametrize(
    "text",
    [
        "ب" + (ZWNJ + "ب") * 1000,
        "क" + ("्" + ZWJ) * 1000,
        "\u0301" * 2000,
        ZWNJ * 2000,
        "❤\ufe0f" * 1000,
        " " * 1000 + "é" + " " * 1000,
        "\u2800 " * 1000 + "x",
        "🏴" + "\U000e0067" * 2000,
    ],
    ids=["Arabic", "Hindi", "marks", "joiners", "emoji", "blanks", "Braille", "tags"],
)
def test_no_text_takes_long(text: str) -> None:
    """Four times the longest line is all that is ever looked at."""
    started = time.perf_counter()
    line.__wrapped__(text)
    assert time.perf_counter() - started < 0.1


def test_text_of_older_rules_is_mended() -> None:
    assert mended("a\nb\t\u202ec\u200b") == "a b  c"
    assert mended("\n\u200b") == ""
    assert mended("Caf\u0065\u0301 ") == "Café"


def test_lines_keep_their_blanks() -> None:
    """Bots draw tables with them."""
    assert line("  x \u2800") == "  x \u2800"
    assert line(" \u200b\u2800 ") is None
    assert line(" e\u0301\u200b ") == " é "


class TestChat:
    """Lines of chat, which bots begin with an invisible mark."""

    @pytest.mark.parametrize(
        ("typed", "shown"),
        [
            ("\u034fline 1", "\u034fline 1"),
            ("\u034f\u034f\u200bline", "\u034fline"),
            ("line\u034f 1", "line 1"),
            ("line", "line"),
            ("\u034f", None),
            ("\u034f\u200b \u3164", None),
            ("\u034fa\nb", None),
        ],
    )
    def test_the_mark_of_a_bot_stays_where_the_line_begins(
        self, typed: str, shown: str | None
    ) -> None:
        assert chat(typed) == shown
        assert normalised(typed) == (None if shown is None else shown.removeprefix("\u034f"))

    @given(st.text(max_size=40))
    def test_it_is_a_line_but_for_the_mark(self, typed: str) -> None:
        found = chat(typed)
        if found is not None:
            assert chat(found) == found
            assert line(found) == line(typed)

import math
from typing import Any

import pytest

from fortepiano.protocol import validate

BIDI = ["\u202e", "\u2066", "\u2067", "\u202b", "\u200f"]
CONTROLS = ["\n", "\r", "\v", "\0", "\t", "\x1b", "\x7f", "\x85", "\u2028", "\u2029"]


class TestUnits:
    @pytest.mark.parametrize(
        ("text", "length"), [("", 0), ("abc", 3), ("é", 1), ("\uffff", 1), ("🎹", 2), ("a🎹b🎹", 6)]
    )
    def test_as_browsers_count(self, text: str, length: int) -> None:
        assert validate.units(text) == length == len(text.encode("utf-16-le")) // 2


class TestText:
    @pytest.mark.parametrize(
        "text", ["x", " x ", "x" * 40, "🎹" * 20, "<b>", "'\"\\", "\u0301", "ж" * 40]
    )
    def test_good(self, text: str) -> None:
        assert validate.text(text, 40) == text

    @pytest.mark.parametrize(
        "text", ["", " ", "   ", "\u00a0", "x" * 41, "🎹" * 20 + "x", "🎹" * 21]
    )
    def test_empty_or_too_long(self, text: str) -> None:
        assert validate.text(text, 40) is None

    @pytest.mark.parametrize(
        ("text", "form"),
        [
            ("x\u200b", "x"),
            ("e\u0301" * 40, "\u00e9" * 40),
            ("\u1112\u1161\u11ab" * 40, "\ud55c" * 40),
            ("x" + "\u200b" * 100, "x"),
        ],
    )
    def test_what_counts_is_the_one_form(self, text: str, form: str) -> None:
        assert validate.text(text, 40) == validate.name(text, 40) == form

    @pytest.mark.parametrize(
        "text", ["\u200b", "\u3164", "\u2800", "x" + "\u200b" * 160, "e\u0301" * 41]
    )
    def test_invisible_or_still_too_long(self, text: str) -> None:
        assert validate.text(text, 40) is None
        assert validate.name(text, 40) is None

    def test_names_are_trimmed_and_lines_are_not(self) -> None:
        assert validate.text("  x ", 40) == "  x "
        assert validate.name("  x " + " " * 60, 40) == "x"

    @pytest.mark.parametrize("character", CONTROLS + BIDI)
    @pytest.mark.parametrize("form", ["{}", "{}x", "x{}", "x{}x"])
    def test_forbidden_characters(self, character: str, form: str) -> None:
        assert validate.text(form.format(character), 40) is None

    @pytest.mark.parametrize("value", [None, 5, 1.5, True, ["x"], {"x": 1}, b"x"])
    def test_other_types(self, value: Any) -> None:
        assert validate.text(value, 40) is None


class TestSwitch:
    @pytest.mark.parametrize("value", [True, False])
    def test_good(self, value: bool) -> None:
        assert validate.switch(value) is value

    @pytest.mark.parametrize("value", [None, 0, 1, 1.0, "true", "", [], [True], {}])
    def test_other_types(self, value: Any) -> None:
        assert validate.switch(value) is None


class TestColor:
    @pytest.mark.parametrize("color", ["#000000", "#ABCDEF", "#abcdef", "#0aF9b1"])
    def test_good(self, color: str) -> None:
        assert validate.color(color) == color

    @pytest.mark.parametrize(
        "color",
        [
            *("", "#", "#abc", "#abcde", "#abcdef0", "abcdef", "#abcdeg", "#abcdef\n", " #abcdef"),
            *("red", "rgb(0,0,0)", "#١٢٣٤٥٦", None, 0, ["#000000"]),
        ],
    )
    def test_bad(self, color: Any) -> None:
        assert validate.color(color) is None


class TestUserId:
    @pytest.mark.parametrize(
        ("value", "is_good"),
        [
            ("0123456789abcdef01234567", True),
            ("0123456789ABCDEF01234567", False),
            ("0" * 23, False),
            ("0" * 25, False),
            ("0" * 24 + "\n", False),
            ("", False),
            (None, False),
            (0, False),
        ],
    )
    def test_form(self, value: Any, is_good: bool) -> None:
        assert validate.user_id(value) == (value if is_good else None)


NUMBERS = {"limit": 99, "minOnlineTime": 86_400_000, "slowMode": 3600, "noteQuota": 1_000_000}
SWITCHES = ["visible", "chat", "crownsolo", "no cussing", "noindex", "allowBots", "inviteOnly"]


class TestSettings:
    @pytest.mark.parametrize(("key", "most"), NUMBERS.items())
    def test_numbers(self, key: str, most: int) -> None:
        for value, number in [
            (0, 0),
            (most, most),
            (float(most), most),
            (str(most), most),
            ("0", 0),
            ("07", 7),
            (-0.0, 0),
        ]:
            assert validate.settings({key: value}) == {key: number}
            assert type(validate.settings({key: value})[key]) is int

    @pytest.mark.parametrize("key", NUMBERS)
    @pytest.mark.parametrize(
        "value",
        [
            *(-1, 0.5, 1e300, math.inf, -math.inf, math.nan, 10**30),
            *(" ", " 5", "5 ", "+5", "-5", "5.0", "5e0", "0x5", "\u0665", "²", "9" * 5000),
            *(True, False, [5], {"limit": 5}),
        ],
    )
    def test_no_numbers(self, key: str, value: Any) -> None:
        assert validate.settings({key: value}) == {}

    @pytest.mark.parametrize("key", [*NUMBERS, "color2"])
    @pytest.mark.parametrize("value", [None, ""])
    def test_what_takes_one_away(self, key: str, value: Any) -> None:
        assert validate.settings({key: value}) == {key: None}

    @pytest.mark.parametrize(("key", "most"), NUMBERS.items())
    def test_too_great(self, key: str, most: int) -> None:
        assert validate.settings({key: most + 1}) == {}
        assert validate.settings({key: str(most + 1)}) == {}

    @pytest.mark.parametrize("key", SWITCHES)
    def test_switches(self, key: str) -> None:
        for value in (True, False):
            assert validate.settings({key: value}) == {key: value}
        for value in (0, 1, "true", "", None, [], {}):
            assert validate.settings({key: value}) == {}

    @pytest.mark.parametrize("key", ["color", "color2"])
    def test_colors(self, key: str) -> None:
        assert validate.settings({key: "#AbCdEf"}) == {key: "#AbCdEf"}
        assert validate.settings({key: "red"}) == {}

    def test_notice(self) -> None:
        for text in ("", "Be kind.", "x" * 512, "🎹" * 256):
            assert validate.settings({"notice": text}) == {"notice": text}
        for value in (" ", "x" * 513, "🎹" * 257, "a\nb", "\u202e", None, 5, True):
            assert validate.settings({"notice": value}) == {}

    @pytest.mark.parametrize(
        "key", ["lobby", "owner_id", "_id", "Visible", "visible ", "", "__proto__", "constructor"]
    )
    def test_other_keys(self, key: str) -> None:
        assert validate.settings({key: True}) == {}
        assert validate.settings({key: "x"}) == {}

    def test_the_rest_is_dropped_key_by_key(self) -> None:
        given = {"visible": False, "chat": 1, "limit": "15", "color": "red", "lobby": True}
        assert validate.settings(given) == {"visible": False, "limit": 15}

    @pytest.mark.parametrize("given", [None, [], [["visible", True]], "visible", 5, True])
    def test_what_is_no_object(self, given: Any) -> None:
        assert validate.settings(given) == {}

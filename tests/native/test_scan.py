"""The scanner, compiled and as a model: the same cases for both, and chance messages for all."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from fortepiano import native
from support.reference import scan as reference

Scan = Callable[[bytes], list[Any] | None]


@pytest.fixture(params=[native.scan, reference.scan], ids=["native", "reference"])
def scan(request: pytest.FixtureRequest) -> Scan:
    return request.param


@pytest.fixture(params=[native.scan, reference.scan], ids=["native", "reference"])
def custom(request: pytest.FixtureRequest) -> Callable[[bytes, bool], list[Any] | None]:
    return request.param


def nested(levels: int, opening: str = "[", closing: str = "]") -> str:
    return opening * levels + closing * levels


LONGEST = "0." + "1" * 38
TOO_LONG = LONGEST + "1"

IGNORED = [
    *["", " ", "{}", "1", '"n"', "null", "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1]]"],
    *["[}", "[1]x", "[1]\0", "\ufeff[]", "\xa0[]", "[]\x0b", "[]\x0c", "[1]//", "[/**/]", "[{}"],
    *["[{]", "[NaN]", "[Infinity]", "[-Infinity]", "[nul]", "[True]", "[undefined]", "[01]"],
    *["[-01]", "[+1]", "[.5]", "[1.]", "[1.e5]", "[-]", "[1e]", "[1e+]", "[0x10]", "[1_0]"],
    *["[1e999]", "[-1e999]", "[1" + "0" * 309 + "]", "[1.7976931348623159e308]"],
    *['[{"a":[1e400]}]', "[{,}]", '[{"a"}]', '[{"a":}]', '[{"a":1,}]', '[{"a":1 "b":2}]'],
    *["[{a:1}]", "[{1:1}]", "[{'a':1}]", '["', '["a', '["a\nb"]', '["a\tb"]', '["\0"]', '["\\"]'],
    *['["\\x"]', '["\\u12"]', '["\\u12g4"]', '["\\u+123"]', '["\\u 123"]', '["\\ud80"]'],
    *['["\\ud800\\"]', '["\\ud800\\u12"]', '["\\ud800\\x"]', '["\\ud83d\\uDE0g"]'],
    *[nested(65), nested(64, '[{"a":', "}]"), '[{"m":"t"},]'],
    *['[{"m":"t"},NaN]', '[{"m":"t"}][]'],
]

WITHOUT_ELEMENTS = [
    *["[]", " [ ] ", "\r\n\t[\n]\r", '[null,true,false,"m",[],{},1,-0,0.5,1E5,1e-999]'],
    *[nested(64), '["\\ud83d\\ude00 \\"\\\\\\/\\b\\f\\n\\r\\t \x7f\x80é🎹"]'],
    *["[18446744073709551616]", "[1" + "0" * 308 + "]", "[1.7976931348623158e308]", "[0e999]"],
    *["[[" + '{"m":"t"}' + "]]", '[{"m":1}]', '[{"m":null}]', '[{"m":["t"]}]', '[{"M":"t"}]'],
    *['[{"":"t"}]', '[{"mm":"t"}]', '[{"m":"t","m":1}]', '[{"m":"m"}]'],
    *[nested(32, '[{"a":', "}]").replace(":}", ":1}")],
]

SENSELESS_NOTES = [
    *["null", "1", "true", '"c4"', "[]", '[{"n":"c4"}]', "{}", '{"n":null}', '{"n":5}', '{"n":""}'],
    *['{"n":"zz9"}', '{"n":"C4"}', '{"n":"es4"}', '{"n":"bs4"}', '{"n":"c-1"}', '{"n":"g-1"}'],
    *['{"n":"cs7"}', '{"n":"d7"}', '{"n":"c44"}', '{"n":"c4 "}', '{"n":"c\\n"}', '{"n":"ndraw"}'],
    *['{"n":"c\\u0664"}', '{"n":"\\ud800"}', '{"n":"c4","n":"x"}', '{"v":1}', '{"N":"c4"}'],
    *['{"d":5,"v":0.5}', '{"n":["c4"]}', '{"n":"c4","n":null}'],
    *[
        f'{{"n":"c4","{key}":{value}}}'
        for key in ("v", "d")
        for value in [
            *['""', '" "', '"loud"', '"0x1"', '"0,5"', '"1_0"', '"NaN"', '"inf"', '"-Infinity"'],
            *['"1e999"', '"1 2"', '"5\\n"', '"\uff11"', '"--1"', '"."', '"e5"', '"+"', '"\\ud800"'],
            *["true", "false", "[]", "[0.5]", "{}", '{"v":1}'],
        ]
    ],
]

# Members besides "n":"c4" as they come, and as they are passed on.
MENDED: list[tuple[str, str]] = [
    *[('"v":"0.500"', ',"v":0.5'), ('"v":"0.6"', ',"v":0.6'), ('"v":"1"', ',"v":1')],
    *[('"v":"1.27"', ',"v":1'), ('"v":"-1"', ',"v":0'), ('"v":" +.5 "', ',"v":0.5')],
    *[('"v":"5."', ',"v":1'), ('"v":"00.25"', ',"v":0.25'), ('"v":"1E-3"', ',"v":0.001')],
    *[('"v":"\\u0030.25"', ',"v":0.25'), ('"v":"1e-7"', ',"v":1e-7'), ('"v":"-0"', ',"v":0')],
    *[('"v":1.27', ',"v":1'), ('"v":1.0000001', ',"v":1'), ('"v":1.0000000000000002', ',"v":1')],
    *[
        ('"v":9', ',"v":1'),
        ('"v":1e308', ',"v":1'),
        ('"v":-0.1', ',"v":0'),
        ('"v":-1e-300', ',"v":0'),
    ],
    *[(f'"v":{TOO_LONG}', ',"v":0.1111111111111111'), ('"v":null', ""), ('"v":2,"v":null', "")],
    *[('"s":true', ',"s":1'), ('"s":2', ',"s":1'), ('"s":-1', ',"s":1'), ('"s":1.5', ',"s":1')],
    *[
        ('"s":"1"', ',"s":1'),
        ('"s":"true"', ',"s":1'),
        ('"s":"no"', ',"s":1'),
        ('"s":" "', ',"s":1'),
    ],
    *[
        ('"s":"0.0"', ',"s":1'),
        ('"s":[]', ',"s":1'),
        ('"s":{}', ',"s":1'),
        ('"s":1e-300', ',"s":1'),
    ],
    *[('"s":1.' + "0" * 39, ',"s":1'), ('"s":0', ""), ('"s":-0.0', ""), ('"s":0e5', "")],
    *[('"s":false', ""), ('"s":null', ""), ('"s":""', ""), ('"s":"0"', ""), ('"s":"false"', "")],
    *[('"s":"\\u0030"', ""), ('"s":1,"s":0', "")],
    *[('"d":"12"', ',"d":12'), ('"d":"12.50"', ',"d":12.5'), ('"d":-3', ',"d":0')],
    *[('"d":10001', ',"d":10000'), ('"d":10000.1', ',"d":10000'), ('"d":1e5', ',"d":10000')],
    *[
        ('"d":"99999"', ',"d":10000'),
        ('"d":"-1"', ',"d":0'),
        ('"d":null', ""),
        ('"d":" 7 "', ',"d":7'),
    ],
    *[('"d":0.' + "0" * 39, ',"d":0'), ('"v":"0.5","d":7.50', ',"v":0.5,"d":7.50')],
    ('"s":1.0,"d":-5,"v":0.50', ',"v":0.50,"d":0,"s":1.0'),
]

HALVES: list[tuple[str, str]] = [
    *[('"\\ud800"', '"\\ufffd"'), ('"\\uDC00"', '"\\ufffd"'), ('"x\\ud83dy"', '"x\\ufffdy"')],
    *[('"\\ud83d\\n"', '"\\ufffd\\n"'), ('"\\ud800\\u0041"', '"\\ufffd\\u0041"')],
    *[('"\\ud800\\ud800"', '"\\ufffd\\ufffd"'), ('"\\udead\\ud800"', '"\\ufffd\\ufffd"')],
    ('"\\ud83d\\ud83d\\ude00\\ude00"', '"\\ufffd\\ud83d\\ude00\\ufffd"'),
    *[('"\\\\ud800"', '"\\\\ud800"'), ('"\\\\\\ud800"', '"\\\\\\ufffd"')],
    *[
        ('"\\ud835\\udcd3\\ud835"', '"\\ud835\\udcd3\\ufffd"'),
        ('{"\\ud800":[1]}', '{"\\ufffd":[1]}'),
    ],
]

# Notes as they come, and as they are passed on; None if unchanged.
GOOD_NOTES: list[tuple[str, str | None]] = [
    ('[{"n":"c4"}]', None),
    ('[{"n":"a-1","v":0},{"n":"as-1","v":1},{"n":"c7","v":0.512,"d":200}]', None),
    ('[{"v":1,"n":"cs4"},{"s":1,"d":10000,"n":"b6"}]', None),
    ('[{"n":"c4","v":1e-3,"s":1.0,"d":1E4},{"n":"c4","v":-0.0,"s":10e-1,"d":-0}]', None),
    (f'[{{"n":"c4","v":{LONGEST},"d":9999.99}}]', None),
    ('[{"n":"c4","v":1e-999,"d":10000.000,"s":0.1e1}]', None),
    ('[ {"n":"c4"}]', '[{"n":"c4"}]'),
    ('[\n{ "n" : "c4" , "v" : 0.5 }\t, {"n":"d4"}\r]', '[{"n":"c4","v":0.5},{"n":"d4"}]'),
    ('[{"s":1,"d":5,"v":0.50,"n":"c4","x":{"y":[null,"}"]}}]', '[{"n":"c4","v":0.50,"d":5,"s":1}]'),
    ('[{"n":5,"n":"c4","v":9,"v":0.5,"d":null,"d":0}]', '[{"n":"c4","v":0.5,"d":0}]'),
    ('[{"n":"c4","n":"c4"}]', '[{"n":"c4"}]'),
    ('[{"\\u006e":"\\u0063s4","\\u0076":1},{"n":"c4"}]', '[{"n":"cs4","v":1},{"n":"c4"}]'),
    ('[{"n":"\\u0061\\u0073\\u002D\\u0031"}]', '[{"n":"as-1"}]'),
    ('[{"n":"c4","":1,"V":2,"é":3}]', '[{"n":"c4"}]'),
]


class TestScan:
    @pytest.mark.parametrize("text", IGNORED)
    def test_ignores_whole(self, scan: Scan, text: str) -> None:
        assert scan(text.encode()) is None

    @pytest.mark.parametrize("text", [b"[\xff]", b'["\xc3"]', b'["\xed\xa0\x80"]', b'["\xc0\x80"]'])
    def test_ignores_what_is_not_utf8(self, scan: Scan, text: bytes) -> None:
        assert scan(text) is None

    @pytest.mark.parametrize("text", WITHOUT_ELEMENTS)
    def test_leaves_out(self, scan: Scan, text: str) -> None:
        assert scan(text.encode()) == []

    def test_keeps_the_order(self, scan: Scan) -> None:
        text = (
            b'[{"m":"hi"},{"m":"t"},5,{"m":"m","x":1,"y":"2"},'
            b'{"m":"n","t":3,"n":[{"n":"c4"}],"x":"extra"}, { "a": 1,"m":"" }]'
        )
        assert scan(text) == [
            ("cold", b'{"m":"hi"}'),
            ("t", None),
            ("m", b"1", b'"2"'),
            ("n", b"3", b'[{"n":"c4"}]', 1),
            ("cold", b'{ "a": 1,"m":"" }'),
        ]

    @pytest.mark.parametrize(
        "message", ['{"m":"\\n"}', '{"m":"\\u0174"}', '{"m":"tt"}', '{"m":"T"}']
    )
    def test_leaves_other_kinds_to_others(self, scan: Scan, message: str) -> None:
        assert scan(f"[{message}]".encode()) == [("cold", message.encode())]

    @pytest.mark.parametrize(
        "message",
        [
            '{"m":"t","e":1}',
            '{"\\u006d":"\\u0074","\\u0065":1}',
            '{"e":"x","m":"n","m":"t","e":1}',
            '{ "e" :\n1 ,\t"m" : "t" }',
        ],
    )
    def test_understands_every_spelling(self, scan: Scan, message: str) -> None:
        assert scan(f"[{message}]".encode()) == [("t", b"1")]

    @pytest.mark.parametrize("echo", ["0", "1e5", "-0.0", LONGEST])
    def test_echoes_numbers(self, scan: Scan, echo: str) -> None:
        assert scan(f'[{{"m":"t","e":{echo}}}]'.encode()) == [("t", echo.encode())]

    @pytest.mark.parametrize("echo", ["null", '"1"', "[1]", "true", TOO_LONG])
    def test_answers_without_an_echo(self, scan: Scan, echo: str) -> None:
        assert scan(f'[{{"m":"t","e":{echo}}}]'.encode()) == [("t", None)]

    @pytest.mark.parametrize(
        "x", ["0", "-12.5", "1e3", '"12.34"', '"-0.00"', '"1e308"', LONGEST, f'"{LONGEST}"']
    )
    def test_positions(self, scan: Scan, x: str) -> None:
        assert scan(f'[{{"m":"m","x":{x},"y":0}}]'.encode()) == [("m", x.encode(), b"0")]
        assert scan(f'[{{"m":"m","x":0,"y":{x}}}]'.encode()) == [("m", b"0", x.encode())]

    @pytest.mark.parametrize(
        "x",
        [
            *["null", "true", "[1]", "{}", '""', '"NaN"', '"inf"', '" 1"', '"1 "', '"1e999"'],
            *['"01"', '".5"', '"+1"', '"0x1"', '"1_000"', '"\\u0031"', '"\uff11"', '"1\\n"'],
            *[TOO_LONG, f'"{TOO_LONG}"'],
        ],
    )
    def test_bad_positions(self, scan: Scan, x: str) -> None:
        assert scan(f'[{{"m":"m","x":{x},"y":0}},{{"m":"m","x":0,"y":{x}}}]'.encode()) == []

    @pytest.mark.parametrize("key", sorted(reference.KEYS))
    def test_plays_all_keys(self, scan: Scan, key: str) -> None:
        array = f'[{{"n":"{key}"}}]'.encode()
        assert scan(b'[{"m":"n","t":1,"n":' + array + b"}]") == [("n", b"1", array, 1)]

    @pytest.mark.parametrize("t", ["0", "-1.5e3", "1795300001000", LONGEST])
    def test_times_of_notes(self, scan: Scan, t: str) -> None:
        found = scan(f'[{{"m":"n","t":{t},"n":[{{"n":"c4"}}]}}]'.encode())
        assert found == [("n", t.encode(), b'[{"n":"c4"}]', 1)]

    @pytest.mark.parametrize("t", ["null", '"now"', '"1"', "[]", "true", '""'])
    def test_bad_times_of_notes(self, scan: Scan, t: str) -> None:
        text = f'[{{"m":"n","t":{t},"n":[{{"n":"c4"}}]}},{{"m":"n","n":[{{"n":"c4"}}]}}]'
        assert scan(text.encode()) == [("bad notes",), ("bad notes",)]

    def test_a_time_too_long_to_be_passed_on(self, scan: Scan) -> None:
        found = scan(f'[{{"m":"n","t":{TOO_LONG},"n":[{{"n":"c4"}}]}}]'.encode())
        assert found == [("n", b"0.1111111111111111", b'[{"n":"c4"}]', 1)]

    @pytest.mark.parametrize(("array", "outgoing"), GOOD_NOTES)
    def test_good_notes(self, scan: Scan, array: str, outgoing: str | None) -> None:
        found = scan(f'[{{"m":"n","t":1,"n":{array}}}]'.encode())
        outgoing = array if outgoing is None else outgoing
        assert found == [("n", b"1", outgoing.encode(), len(json.loads(array)))]

    @pytest.mark.parametrize("bad", SENSELESS_NOTES)
    def test_senseless_notes_are_left_out(self, scan: Scan, bad: str) -> None:
        good = '{"n":"c4"}'
        for array, count, left in [
            (f"[{bad}]", 1, "[]"),
            (f"[{good},{bad}]", 2, f"[{good}]"),
            (f"[{bad},{good}]", 2, f"[{good}]"),
            (f"[{bad},{good},{bad},{good},{bad}]", 5, f"[{good},{good}]"),
        ]:
            text = f'[{{"m":"n","t":1,"n":{array}}},{{"m":"t"}}]'
            assert scan(text.encode()) == [("n", b"1", left.encode(), count), ("t", None)]

    @pytest.mark.parametrize(("came", "goes"), MENDED)
    def test_notes_are_mended(self, scan: Scan, came: str, goes: str) -> None:
        # The neighbour keeps its digits.
        text = f'[{{"m":"n","t":1,"n":[{{"n":"c4",{came}}},{{"v":0.50,"n":"d4"}}]}}]'
        mended = f'[{{"n":"c4"{goes}}},{{"n":"d4","v":0.50}}]'
        assert scan(text.encode()) == [("n", b"1", mended.encode(), 2)]

    @pytest.mark.parametrize(("came", "becomes"), HALVES)
    def test_half_a_character_is_replaced(self, scan: Scan, came: str, becomes: str) -> None:
        text = f'[{{"m":"a","message":{came}}},{{"m":"t"}}]'
        whole = f'{{"m":"a","message":{becomes}}}'
        assert scan(text.encode()) == [("cold", whole.encode()), ("t", None)]
        orjson.loads(whole)

    @pytest.mark.parametrize("array", ["[]", "[ ]"])
    def test_no_notes_are_no_message(self, scan: Scan, array: str) -> None:
        assert scan(f'[{{"m":"n","t":1,"n":{array}}}]'.encode()) == []

    @pytest.mark.parametrize("array", ["{}", '"x"', "null", "1", '{"n":"c4"}', "true"])
    def test_what_is_no_array_is_bad(self, scan: Scan, array: str) -> None:
        assert scan(f'[{{"m":"n","t":1,"n":{array}}}]'.encode()) == [("bad notes",)]
        assert scan(b'[{"m":"n","t":1}]') == [("bad notes",)]

    def test_custom_notes(self, custom: Callable[[bytes, bool], list[Any] | None]) -> None:
        drawn = (
            '[{"n":"ndraw","v":0},{"n":"MIM[","v":2,"d":2},{"n":"si2","v":-1.5,"d":16777215},'
            '{"n":"c4","v":0.5}]'
        )
        text = f'[{{"m":"n","t":1,"n":{drawn}}}]'.encode()
        assert custom(text, True) == [("n", b"1", drawn.encode(), 4)]
        assert custom(text, False) == [("n", b"1", b'[{"n":"c4","v":0.5}]', 4)]
        mended = (
            b'[{"m":"n","t":1,"n":[{"n":"\xc3\xa9\\ud800","v":"1e300","d":null,"s":true,"x":1},'
            b'{"n":"c4","v":2},{"n":"","v":1},{"n":"ldraw","v":"red"},{"n":"%b"}]}]' % (b"x" * 65)
        )
        out = b'[{"n":"\xc3\xa9\\ufffd","v":1e300,"s":1},{"n":"c4","v":1}]'
        assert custom(mended, True) == [("n", b"1", out, 5)]

    def test_the_last_array_of_notes_counts(self, scan: Scan) -> None:
        text = (
            b'[{"n":[null],"t":1,"n":[{"n":"c4"}],"m":"n"}, {"m":"n","t":1,"n":[{"n":"c4"}],"n":5}]'
        )
        assert scan(text) == [("n", b"1", b'[{"n":"c4"}]', 1), ("bad notes",)]


spaces = st.sampled_from([""] * 12 + [" ", "\n", "\t\r", "\x0b", "\xa0"])
numbers = st.one_of(
    st.sampled_from(["0", "1", "-0", "1.0", "10e-1", "0.5", "1.0000000000000002", "9999.9"]),
    st.sampled_from(["10000", "10000.1", "1e308", "1e309", "1e999", "-1e999", "1e-999", "01"]),
    st.sampled_from([".5", "1.", "+1", "NaN", "Infinity", str(2**64), str(10**39), str(10**40)]),
    st.sampled_from([LONGEST, TOO_LONG]),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.floats(0, 1).map(lambda v: f"{v:.3f}"),
    st.integers(-5, 10_005).map(str),
    st.from_regex(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?", fullmatch=True),
)
strings = st.one_of(
    st.sampled_from(["n", "m", "t", "a", "hi", "c4", "as-1", "c7", "cs7", "h4", "12.5", "1e999"]),
    st.sampled_from(
        [
            " 1",
            "",
            "0",
            "false",
            "+.5",
            "1.",
            "ndraw",
            "\\u006e",
            "\\u006D",
            "\\u0074",
            "\\u0063s4",
            "c\\u0034",
        ]
    ),
    st.sampled_from(["\\u0031", "\\n", "\\/", "\\ud83d\\ude00", "\\ud800", "\\udc00"]),
    st.sampled_from(["\\ud800\\u0041", "\\", "\\x", "\n", "\0"]),
    numbers,
    st.text(max_size=5).map(lambda text: json.dumps(text)[1:-1]),
    st.text(max_size=5).map(lambda text: json.dumps(text, ensure_ascii=False)[1:-1]),
).map(lambda content: f'"{content}"')
leaves = st.one_of(
    numbers, strings, st.sampled_from(["null", "true", "false", "[]", "{}", "nul", "True", "", "]"])
)


def arrays(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    items = st.tuples(spaces, values, spaces).map("".join)
    return st.lists(items, max_size=5).map(lambda items: f"[{','.join(items)}]")


def objects(keys: list[str], values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    names = st.sampled_from([f'"{key}"' for key in keys])
    members = st.tuples(spaces, names, spaces, st.just(":"), spaces, values, spaces).map("".join)
    return st.lists(members, max_size=6).map(lambda members: f"{{{','.join(members)}}}")


@st.composite
def hot_notes(draw: st.DrawFn) -> str:
    """A note that is nearly always valid."""
    name = draw(st.sampled_from(["a-1", "c4", "as5", "c7", "\\u0063s4", "c8", "ndraw"]))
    members = [f'"n":"{name}"']
    members += draw(
        st.lists(
            st.sampled_from(
                [
                    *['"v":0.5', '"v":1', '"d":20', '"s":1', '"x":[0]', '"v":9', '"\\u0064":5'],
                    *['"v":"0.500"', '"v":1.27', '"v":null', '"s":true', '"s":0', '"d":-3'],
                ]
            ),
            max_size=3,
        )
    )
    return "{" + ",".join(draw(st.permutations(members))) + "}"


KEYS = ["m", "n", "t", "x", "y", "e", "v", "é", "\\u006d", "\\ud800"]
anything = st.recursive(leaves, lambda inner: arrays(inner) | objects(KEYS, inner), max_leaves=12)
notes = hot_notes() | hot_notes() | objects(["n", "v", "s", "d", "\\u0076", "x"], leaves) | leaves
messages = st.one_of(
    st.builds('{{"m":"n","t":{},"n":{}}}'.format, numbers, arrays(hot_notes())),
    st.builds('{{"m":"n","n":{},"t":{}}}'.format, arrays(notes), leaves),
    st.builds('{{"m":"m","x":{},"y":{}}}'.format, leaves, leaves),
    st.builds('{{"m":"t","e":{}}}'.format, leaves),
    objects(KEYS, leaves),
    anything,
)
texts = st.one_of(
    arrays(messages),
    arrays(messages),
    st.tuples(arrays(messages), st.text('[]{},:"\\ 0a', min_size=1, max_size=3)).map("".join),
    st.tuples(arrays(messages), st.integers(0, 200)).map(lambda both: both[0][: both[1]]),
    st.integers(60, 68).map(nested),
    st.builds(nested, st.integers(29, 34), st.just('[{"n":'), st.just("}]")),
    st.text('[]{},:"\\0123456789.eEu+- \nmnt', max_size=40),
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A message with one byte gone wrong."""
    text = bytearray(draw(arrays(messages)).encode())
    text[draw(st.integers(0, len(text) - 1))] = draw(st.integers(0, 255))
    return bytes(text)


frames = texts.map(str.encode) | mutated() | st.binary(max_size=40)


class TestAgreement:
    @given(frames, st.booleans())
    def test_with_the_model(self, text: bytes, custom_notes: bool) -> None:
        assert native.scan(text, custom_notes) == reference.scan(text, custom_notes)

    @given(frames)
    @example(b'[{"m":"hi","x":"\\ud800"}]')
    @example(b"[1e999]")
    def test_with_orjson(self, text: bytes) -> None:
        try:
            # The one thing that orjson refuses and a browser's `send` mends.
            decoded = orjson.loads(reference.mended(text.decode()))
        except (orjson.JSONDecodeError, UnicodeDecodeError):
            decoded = None
        if isinstance(decoded, list):
            # The one thing orjson lets through: it counts to 1024 where we stop at 64.
            assume(deepest(text) <= reference.MAX_DEPTH)
        assert (native.scan(text) is not None) == isinstance(decoded, list)

    @given(frames, st.booleans())
    def test_what_goes_out_is_json(self, text: bytes, custom_notes: bool) -> None:
        for kind, *parts in native.scan(text, custom_notes) or []:
            values = [orjson.loads(part) for part in parts if isinstance(part, bytes)]
            if kind == "n":
                time, notes = values
                assert isinstance(time, int | float)
                assert parts[2] >= len(notes)
                assert parts[2] > 0
                assert all(set(note) <= {"n", "v", "d", "s"} for note in notes)
                for note in notes:
                    if note["n"] in reference.KEYS:
                        assert 0 <= note.get("v", 0) <= 1
                        assert 0 <= note.get("d", 0) <= 10_000
                        assert note.get("s", 1) == 1
                    else:
                        assert custom_notes


def deepest(text: bytes) -> int:
    """Return the nesting of a valid text."""
    outside = reference.STRING.sub("", text.decode())
    depth = found = 0
    for character in outside:
        depth += (character in "[{") - (character in "]}")
        found = max(found, depth)
    return found

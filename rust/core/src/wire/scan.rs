//! Split one text message into its elements: notes, pointer positions, time requests, and the rest for
//! Python.
//!
//! One strict pass over untrusted bytes: every JSON decoder reads the accepted text the same way. The
//! rules are those of docs/protocol.md; differential tests compare the result with `serde_json` and
//! orjson.

use crate::wire::json::{letter, replace_lone_surrogates, Parser, Span};
use crate::wire::note_array::{NoteArray, Notes};
use crate::wire::number::{is_numeric, Number};

/// One element of the message's array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// `n`: notes.
    Notes(Notes),
    /// `n` without a time, or without an array of notes.
    BadNotes,
    /// `m`: a pointer position; numbers, or strings with their quotes, as the client sent them.
    Pointer {
        /// Percent of the window's width.
        x: Span,
        /// Percent of the window's height.
        y: Span,
    },
    /// `t`: a request for the time.
    Time {
        /// The number `e` that the answer repeats.
        echo: Option<Span>,
    },
    /// Any other message: the whole object, decoded elsewhere.
    Cold(Span),
}

/// Split `text`, which must be valid UTF-8, into its elements in order; `out` is cleared first.
///
/// Escapes of lone surrogates in `text` become U+FFFD. Notes off the keyboard count if `custom` is set.
/// Meaningless elements (no object, no string `m`, no notes at all, a malformed `m`) are left out.
///
/// Return false, and leave `out` empty, if the whole message must be ignored. That is the case if the
/// text is not one strict JSON array, if it is nested deeper than
/// [`MAX_DEPTH`](crate::wire::json::MAX_DEPTH), or if a number exceeds the range of a double.
pub fn scan(text: &mut [u8], custom: bool, out: &mut Vec<Element>) -> bool {
    out.clear();
    let has_lone_surrogates = u32::try_from(text.len()).ok().and_then(|_| elements(text, custom, out));
    match has_lone_surrogates {
        None => out.clear(),
        Some(true) => replace_lone_surrogates(text),
        Some(false) => {}
    }
    has_lone_surrogates.is_some()
}

/// Check that `text`, which must be valid UTF-8, is one object as strict as an element of a message.
///
/// Escapes of lone surrogates in `text` become U+FFFD. White space around the object is allowed. Return
/// the object, or `None`.
pub fn strict_object(text: &mut [u8]) -> Option<&[u8]> {
    u32::try_from(text.len()).ok()?;
    let mut parser = Parser::of_element(text);
    parser.whitespace();
    let start = parser.mark();
    parser.object(|parser, _| parser.value())?;
    let object = parser.since(start);
    parser.whitespace();
    if !parser.at_end() {
        return None;
    }
    if parser.has_lone_surrogates() {
        replace_lone_surrogates(text);
    }
    Some(object.of(text))
}

/// Read the elements; return whether escapes of lone surrogates are among them.
fn elements(text: &[u8], custom: bool, out: &mut Vec<Element>) -> Option<bool> {
    let mut parser = Parser::new(text, 0);
    parser.whitespace();
    parser.array(
        |parser| {
            if parser.peek() == b'{' {
                element(parser, custom, out)
            } else {
                parser.value()
            }
        },
    )?;
    parser.whitespace();
    parser.at_end().then(|| parser.has_lone_surrogates())
}

/// The value of a hot message under one of its keys.
#[derive(Clone, Copy)]
enum Scalar {
    Other,
    Number(Number),
    String(Span),
}

/// Consume an object and append its meaning, if it has one.
///
/// The kind may come after the fields; therefore all of them are stored first.
#[inline]
fn element(parser: &mut Parser, custom: bool, out: &mut Vec<Element>) -> Option<()> {
    let start = parser.mark();
    let (mut kind, mut t, mut x) = (Scalar::Other, Scalar::Other, Scalar::Other);
    let (mut y, mut e, mut notes) = (Scalar::Other, Scalar::Other, None);
    parser.object(|parser, key| {
        let field = match key {
            b'm' => &mut kind,
            b't' => &mut t,
            b'x' => &mut x,
            b'y' => &mut y,
            b'e' => &mut e,
            b'n' => {
                notes = Some(NoteArray::read(parser, custom)?);
                return Some(());
            }
            _ => return parser.value(),
        };
        *field = scalar(parser)?;
        Some(())
    })?;
    let Scalar::String(kind) = kind else {
        return Some(());
    };
    let text = parser.text();
    out.extend(match letter(kind.inner().of(text)) {
        b'n' => notes_element(t, notes, custom),
        b'm' => coordinate(x, text).zip(coordinate(y, text)).map(|(x, y)| Element::Pointer { x, y }),
        b't' => Some(Element::Time { echo: number(e) }),
        _ => Some(Element::Cold(parser.since(start))),
    });
    Some(())
}

/// Return the element of an `n` message; `None` if it has no notes at all.
#[inline]
fn notes_element(t: Scalar, notes: Option<NoteArray>, custom: bool) -> Option<Element> {
    let (Scalar::Number(t), Some(array)) = (t, notes.filter(|array| array.is_list)) else {
        return Some(Element::BadNotes);
    };
    let NoteArray { span: notes, count, kept, .. } = array;
    let verbatim = array.verbatim && t.passable().is_some();
    let has_no_valid_notes = kept == 0;
    (count > 0).then_some(Element::Notes(Notes {
        t: t.span,
        notes,
        count,
        has_no_valid_notes,
        verbatim,
        custom,
    }))
}

#[inline]
fn scalar(parser: &mut Parser) -> Option<Scalar> {
    Some(match parser.peek() {
        b'"' => Scalar::String(parser.string()?),
        b'0'..=b'9' | b'-' => Scalar::Number(parser.number()?),
        _ => {
            parser.value()?;
            Scalar::Other
        }
    })
}

#[inline]
fn number(scalar: Scalar) -> Option<Span> {
    match scalar {
        Scalar::Number(number) => number.passable(),
        _ => None,
    }
}

#[inline]
fn coordinate(scalar: Scalar, text: &[u8]) -> Option<Span> {
    match scalar {
        Scalar::Number(number) => number.passable(),
        Scalar::String(span) => is_numeric(span.inner().of(text)).then_some(span),
        Scalar::Other => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{scan, Element};

    /// Describe the scanned elements in words; `None` if the message is ignored as a whole.
    fn described(text: &str) -> Option<Vec<String>> {
        described_with(text, false)
    }

    fn described_with(text: &str, custom: bool) -> Option<Vec<String>> {
        let mut text = text.as_bytes().to_vec();
        let mut elements = Vec::new();
        if !scan(&mut text, custom, &mut elements) {
            assert!(elements.is_empty());
            return None;
        }
        let text = text.as_slice();
        let of = |span: crate::wire::json::Span| String::from_utf8_lossy(span.of(text)).into_owned();
        let describe = |element: &Element| match element {
            Element::Notes(notes) => {
                let (mut time, mut out) = (Vec::new(), Vec::new());
                notes.write_time(text, &mut time);
                notes.write(text, &mut out);
                assert_eq!(out == b"[]", notes.has_no_valid_notes);
                let sort = if notes.verbatim { "as is" } else { "anew" };
                let [time, out] = [time, out].map(|bytes| String::from_utf8(bytes).expect("text"));
                format!("{time} {}x {sort} {out}", notes.count)
            }
            Element::BadNotes => "bad notes".into(),
            Element::Pointer { x, y } => format!("at {} {}", of(*x), of(*y)),
            Element::Time { echo } => format!("time {}", echo.map_or("-".into(), of)),
            Element::Cold(span) => of(*span),
        };
        Some(elements.iter().map(describe).collect())
    }

    /// Return the broadcast form of one `n` message with `t` 1 and these notes.
    fn notes(array: &str) -> Option<String> {
        notes_with(array, false)
    }

    fn notes_with(array: &str, custom: bool) -> Option<String> {
        let text = format!(r#"[{{"m":"n","t":1,"n":{array}}}]"#);
        let mut described = described_with(&text, custom).expect("valid JSON");
        described.pop().map(|described| described.strip_prefix("1 ").expect("t is 1").to_owned())
    }

    #[test]
    fn messages_ignored_as_a_whole() {
        let deep = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        let too_deep = deep(65);
        let cases = [
            "",
            " ",
            "{}",
            "1",
            "null",
            "\"n\"",
            "[",
            "]",
            "[1",
            "[1,",
            "[1,]",
            "[,1]",
            "[1 2]",
            "[1]]",
            "[1]x",
            "[}",
            "[1]\0",
            "\u{feff}[]",
            "\u{a0}[]",
            "[]\u{b}",
            "[tru]",
            "[True]",
            "[nul",
            "[NaN]",
            "[Infinity]",
            "[-Infinity]",
            "[01]",
            "[-01]",
            "[+1]",
            "[.5]",
            "[1.]",
            "[1.e5]",
            "[-]",
            "[1e]",
            "[1e+]",
            "[0x10]",
            "[1e999]",
            "[-1e999]",
            "[{}",
            "[{]",
            "[{,}]",
            "[{\"a\"}]",
            "[{\"a\":}]",
            "[{\"a\":1,}]",
            "[{\"a\":1 \"b\":2}]",
            "[{a:1}]",
            "[{1:1}]",
            "[{'a':1}]",
            "[{\"a\":1]",
            "[\"",
            "[\"a",
            "[\"a\nb\"]",
            "[\"a\tb\"]",
            "[\"\0\"]",
            "[\"\\",
            "[\"\\\"]",
            "[\"\\x\"]",
            "[\"\\u12\"]",
            "[\"\\u12g4\"]",
            "[\"\\u+123\"]",
            "[1]//",
            "[/**/]",
            "[{\"m\":\"t\"},]",
            "[{\"m\":\"t\"}]{\"m\":\"t\"}",
            &too_deep,
        ];
        for case in cases {
            assert_eq!(described(case), None, "{case:?}");
        }
        let large = format!("[1{}]", "0".repeat(309));
        assert_eq!(described(&large), None);
    }

    #[test]
    fn elements_without_a_meaning() {
        let deep = format!("{}{}", "[".repeat(64), "]".repeat(64));
        let mixed = format!("{}{}", "[{\"a\":".repeat(32), "1".to_owned() + &"}]".repeat(32));
        let large = format!("[{}, -1{}]", "9".repeat(308), "0".repeat(308));
        let cases = [
            "[]",
            " [ ] ",
            "\r\n\t[\n]\r",
            "[1,-0,0.5,1E5,1e-999,18446744073709551616]",
            "[null,true,false,\"m\",[],{}]",
            "[{\"m\":1},{\"m\":null},{\"M\":\"n\"},{\"\":\"n\"}]",
            "[[{\"m\":\"t\"}]]",
            "[\"\\ud83d\\ude00 \\\"\\\\\\/\\b\\f\\n\\r\\t\"]",
            "[\"\u{7f}\u{80}é🎹\"]",
            "[{\"m\":\"t\",\"m\":1}]",
            &deep,
            &mixed,
            &large,
        ];
        for case in cases {
            assert_eq!(described(case), Some(vec![]), "{case:?}");
        }
    }

    #[test]
    fn elements_come_in_order() {
        let text = r#"[{"m":"hi"},{"m":"t"},5,{"m":"m","x":1,"y":2},{"m":"n","t":3,"n":[{"n":"c4"}]}, {"a": 1,"m":""}]"#;
        let expected =
            [r#"{"m":"hi"}"#, "time -", "at 1 2", r#"3 1x as is [{"n":"c4"}]"#, r#"{"a": 1,"m":""}"#];
        assert_eq!(described(text).unwrap(), expected);
    }

    #[test]
    fn kinds_are_recognised_in_any_spelling() {
        assert_eq!(described(r#"[{"\u006d":"\u0074","e":1}]"#).unwrap(), ["time 1"]);
        assert_eq!(described(r#"[{"e":1,"m":"n","m":"t"}]"#).unwrap(), ["time 1"]);
        assert_eq!(described(r#"[ { "e" : 1 , "m" : "t" } ]"#).unwrap(), ["time 1"]);
        // Names that only resemble a hot one are left for Python to ignore.
        for cold in
            [r#"{"m":"\n"}"#, r#"{"m":"\u0101"}"#, r#"{"m":"tt"}"#, r#"{"m":"\u006e\u006e"}"#, r#"{"m":"T"}"#]
        {
            assert_eq!(described(&format!("[{cold}]")).unwrap(), [cold]);
        }
    }

    #[test]
    fn times_echo_short_numbers_only() {
        let long = format!("0.{}", "1".repeat(38));
        let longer = format!("{long}1");
        let cases = [
            ("1e5", "1e5"),
            ("-0.0", "-0.0"),
            (&*long, &*long),
            (&*longer, "-"),
            ("\"1\"", "-"),
            ("null", "-"),
            ("[1]", "-"),
        ];
        for (echo, expected) in cases {
            let expected = format!("time {expected}");
            assert_eq!(described(&format!(r#"[{{"m":"t","e":{echo}}}]"#)).unwrap(), [expected]);
        }
    }

    #[test]
    fn positions_are_numbers_or_numeric_strings() {
        let long = format!("\"0.{}\"", "1".repeat(38));
        let good =
            ["0", "-12.5", "1e3", "\"12.34\"", "\"-0.00\"", "\"1e308\"", "123456789012345678901", &long];
        for x in good {
            assert_eq!(described(&format!(r#"[{{"m":"m","x":{x},"y":0}}]"#)).unwrap(), [format!("at {x} 0")]);
        }
        let longer = format!("\"0.{}\"", "1".repeat(39));
        let bad = [
            "null",
            "true",
            "[1]",
            "{}",
            "\"\"",
            "\"NaN\"",
            "\"inf\"",
            "\" 1\"",
            "\"1 \"",
            "\"1e999\"",
            "\"01\"",
            "\".5\"",
            "\"+1\"",
            "\"0x1\"",
            "\"\\u0031\"",
            "\"1_000\"",
            "\"１\"",
            &longer,
            &longer[1..longer.len() - 1],
        ];
        for x in bad {
            assert_eq!(described(&format!(r#"[{{"m":"m","x":{x},"y":0}}]"#)).unwrap(), [""; 0], "{x}");
            assert_eq!(described(&format!(r#"[{{"m":"m","y":{x},"x":0}}]"#)).unwrap(), [""; 0], "{x}");
        }
        assert_eq!(
            described(r#"[{"m":"m","x":1},{"m":"m"},{"m":"m","x":"a","x":7,"y":8}]"#).unwrap(),
            ["at 7 8"]
        );
    }

    #[test]
    fn the_time_of_notes_is_a_number() {
        for t in ["null", "\"now\"", "\"1\"", "[]", "true"] {
            let text = format!(r#"[{{"m":"n","t":{t},"n":[{{"n":"c4"}}]}}]"#);
            assert_eq!(described(&text).unwrap(), ["bad notes"], "{t}");
        }
        assert_eq!(described(r#"[{"m":"n","n":[{"n":"c4"}]}]"#).unwrap(), ["bad notes"]);
        assert_eq!(
            described(r#"[{"n":[{"n":"c4"}],"t":"x","t":1.5e3,"m":"n"}]"#).unwrap(),
            [r#"1.5e3 1x as is [{"n":"c4"}]"#]
        );
        let long = format!(r#"[{{"m":"n","t":1{},"n":[{{"n":"c4"}}]}}]"#, "0".repeat(40));
        assert_eq!(described(&long).unwrap(), [r#"1e40 1x anew [{"n":"c4"}]"#], "too long to be passed on");
    }

    #[test]
    fn lone_surrogates_are_replaced() {
        let cases = [
            (r#""\ud800""#, r#""\ufffd""#),
            (r#""\ud83dx""#, r#""\ufffdx""#),
            (r#""\uD83D\n""#, r#""\ufffd\n""#),
            (r#""\ud800\u0041""#, r#""\ufffd\u0041""#),
            (r#""\ud83d\ud83d\ude00\ude00""#, r#""\ufffd\ud83d\ude00\ufffd""#),
            (r#""\\ud800\udfff\\""#, r#""\\ud800\ufffd\\""#),
            (r#"{"\udead":"\ud800"}"#, r#"{"\ufffd":"\ufffd"}"#),
        ];
        for (came, becomes) in cases {
            let described = described(&format!(r#"[{{"m":"a","x":{came}}},{{"m":"t"}}]"#)).unwrap();
            assert_eq!(described, [format!(r#"{{"m":"a","x":{becomes}}}"#), "time -".into()]);
        }
        for broken in [r#"["\ud8"]"#, r#"["\ud800\"]"#, r#"["\ud800\u12"]"#, r#"["\ud800\x"]"#] {
            assert_eq!(described(broken), None, "{broken}");
        }
    }

    #[test]
    fn valid_notes_are_broadcast_unchanged() {
        let cases = [
            r#"[{"n":"c4"}]"#,
            r#"[{"n":"a-1","v":0},{"n":"as-1","v":1},{"n":"c7","v":0.512,"d":200}]"#,
            r#"[{"v":1,"n":"cs4"}]"#,
            r#"[{"s":1,"d":10000,"n":"b6","v":0.5}]"#,
            r#"[{"n":"c4","v":1e-3,"s":1.0,"d":1E4}]"#,
            r#"[{"n":"c4","v":-0.0,"s":10e-1,"d":-0}]"#,
            r#"[{"n":"c4","v":0.1234567890123456789012345678901234567,"d":9999.99}]"#,
            r#"[{"n":"c4","v":1e-999,"d":10000.000}]"#,
        ];
        for case in cases {
            assert_eq!(
                notes(case),
                Some(format!("{}x as is {case}", case.matches("\"n\"").count())),
                "{case}"
            );
        }
    }

    #[test]
    fn unknown_keys_are_not_broadcast() {
        let cases = [
            (r#"[ {"n":"c4"}]"#, r#"[{"n":"c4"}]"#),
            (
                "[\n{ \"n\" : \"c4\" , \"v\" : 0.5 }\t, {\"n\":\"d4\"}\r]",
                r#"[{"n":"c4","v":0.5},{"n":"d4"}]"#,
            ),
            (
                r#"[{"s":1,"d":5,"v":0.50,"n":"c4","x":{"y":[null,"}"]}}]"#,
                r#"[{"n":"c4","v":0.50,"d":5,"s":1}]"#,
            ),
            (r#"[{"n":5,"n":"c4","v":9,"v":0.5,"d":null,"d":0}]"#, r#"[{"n":"c4","v":0.5,"d":0}]"#),
            (r#"[{"\u006e":"\u0063s4"},{"n":"c4"}]"#, r#"[{"n":"cs4"},{"n":"c4"}]"#),
            (r#"[{"n":"c4","":1}]"#, r#"[{"n":"c4"}]"#),
        ];
        for (case, expected) in cases {
            let described = notes(case).unwrap();
            assert_eq!(described.split_once("x anew ").unwrap().1, expected, "{case}");
        }
    }

    #[test]
    fn numbers_are_corrected() {
        let cases = [
            (r#""v":"0.500""#, r#","v":0.5"#),
            (r#""v":"1.27""#, r#","v":1"#),
            (r#""v":" +.5 ""#, r#","v":0.5"#),
            (r#""v":"5.""#, r#","v":1"#),
            (r#""v":"\u0030.25""#, r#","v":0.25"#),
            (r#""v":"1e-3""#, r#","v":0.001"#),
            (r#""v":1.27"#, r#","v":1"#),
            (r#""v":1.0000001"#, r#","v":1"#),
            (r#""v":-0.1"#, r#","v":0"#),
            (r#""v":-1e-300"#, r#","v":0"#),
            (r#""v":0.123456789012345678901234567890123456789"#, r#","v":0.12345678901234568"#),
            (r#""v":null"#, ""),
            (r#""s":true"#, r#","s":1"#),
            (r#""s":2"#, r#","s":1"#),
            (r#""s":-0.5"#, r#","s":1"#),
            (r#""s":"1""#, r#","s":1"#),
            (r#""s":"true""#, r#","s":1"#),
            (r#""s":[]"#, r#","s":1"#),
            (r#""s":0"#, ""),
            (r#""s":-0.0"#, ""),
            (r#""s":false"#, ""),
            (r#""s":null"#, ""),
            (r#""s":"""#, ""),
            (r#""s":"0""#, ""),
            (r#""s":"false""#, ""),
            (r#""d":"12""#, r#","d":12"#),
            (r#""d":-3"#, r#","d":0"#),
            (r#""d":10001"#, r#","d":10000"#),
            (r#""d":1e5"#, r#","d":10000"#),
            (r#""d":"-1""#, r#","d":0"#),
            (r#""d":null"#, ""),
            (r#""v":"0.5","d":7.50,"s":1.0"#, r#","v":0.5,"d":7.50,"s":1.0"#),
        ];
        for (came, becomes) in cases {
            let described = notes(&format!(r#"[{{"n":"c4",{came}}},{{"n":"d4","v":0.50}}]"#)).unwrap();
            assert_eq!(
                described,
                format!(r#"2x anew [{{"n":"c4"{becomes}}},{{"n":"d4","v":0.50}}]"#),
                "{came}"
            );
        }
    }

    const SENSELESS: [&str; 38] = [
        "null",
        "1",
        "true",
        "\"c4\"",
        "[]",
        r#"[{"n":"c4"}]"#,
        "{}",
        r#"{"n":null}"#,
        r#"{"n":5}"#,
        r#"{"n":""}"#,
        r#"{"n":"zz9"}"#,
        r#"{"n":"C4"}"#,
        r#"{"n":"es4"}"#,
        r#"{"n":"c-1"}"#,
        r#"{"n":"cs7"}"#,
        r#"{"n":"c44"}"#,
        r#"{"n":"c\n"}"#,
        r#"{"n":"\ud800"}"#,
        r#"{"n":"c4","n":"x"}"#,
        r#"{"v":1}"#,
        r#"{"d":5,"v":0.5}"#,
        r#"{"n":"c4","v":""}"#,
        r#"{"n":"c4","v":" "}"#,
        r#"{"n":"c4","v":"loud"}"#,
        r#"{"n":"c4","v":"0x1"}"#,
        r#"{"n":"c4","v":"0,5"}"#,
        r#"{"n":"c4","v":"NaN"}"#,
        r#"{"n":"c4","v":"inf"}"#,
        r#"{"n":"c4","v":"-Infinity"}"#,
        r#"{"n":"c4","v":"1e999"}"#,
        r#"{"n":"c4","v":true}"#,
        r#"{"n":"c4","v":[0.5]}"#,
        r#"{"n":"c4","v":{}}"#,
        r#"{"n":"c4","d":"soon"}"#,
        r#"{"n":"c4","d":[]}"#,
        r#"{"n":"c4","d":false}"#,
        r#"{"n":"c4","d":""}"#,
        r#"{"n":"c4","d":"1\n"}"#,
    ];

    #[test]
    fn invalid_notes_are_left_out_and_their_neighbours_are_not() {
        let good = r#"{"n":"c4"}"#;
        for bad in SENSELESS {
            assert_eq!(notes(&format!("[{bad}]")).unwrap(), "1x anew []", "{bad}");
            assert_eq!(notes(&format!("[{good},{bad}]")).unwrap(), format!("2x anew [{good}]"));
            assert_eq!(notes(&format!("[{bad},{good}]")).unwrap(), format!("2x anew [{good}]"));
            let both = format!("[{bad},{good},{bad},{good}]");
            assert_eq!(notes(&both).unwrap(), format!("4x anew [{good},{good}]"));
        }
    }

    #[test]
    fn a_missing_array_is_bad_and_an_empty_one_is_ignored() {
        let bad = |array: &str| described(&format!(r#"[{{"m":"n","t":1,"n":{array}}}]"#)).unwrap();
        for array in ["{}", "\"x\"", "null", "1", r#"{"n":"c4"}"#] {
            assert_eq!(bad(array), ["bad notes"], "{array}");
        }
        assert_eq!(described(r#"[{"m":"n","t":1},{"m":"n"}]"#).unwrap(), ["bad notes", "bad notes"]);
        assert_eq!((bad("[]"), bad("[ ]")), (vec![], vec![]));
        // Its neighbours are scanned all the same, and the last `n` decides.
        let text = r#"[{"m":"n","t":1,"n":5},{"m":"t"},{"m":"n","t":1,"n":5,"n":[{"n":"c4"}]}]"#;
        assert_eq!(described(text).unwrap(), ["bad notes", "time -", r#"1 1x as is [{"n":"c4"}]"#]);
    }

    #[test]
    fn custom_notes_are_broadcast_if_allowed() {
        let custom = |array: &str| notes_with(array, true).unwrap();
        let as_is = r#"[{"n":"ndraw","v":0},{"n":"MIM[","v":2,"d":2},{"n":"ldraw","v":-1.5,"d":16777215}]"#;
        assert_eq!(custom(as_is), format!("3x as is {as_is}"));
        assert_eq!(
            custom(r#"[{"n":"é\ud800","v":"1e300","d":null,"x":1},{"n":"c4","v":2}]"#),
            r#"2x anew [{"n":"é\ufffd","v":1e300},{"n":"c4","v":1}]"#
        );
        let long = "x".repeat(65);
        for bad in
            [r#"{"n":""}"#, r#"{"n":5}"#, "{}", r#"{"n":"ldraw","v":"red"}"#, &format!(r#"{{"n":"{long}"}}"#)]
        {
            assert_eq!(custom(&format!("[{bad}]")), "1x anew []", "{bad}");
        }
    }
}

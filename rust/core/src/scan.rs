//! One text message into its elements: notes, positions, time requests, and the rest for Python.
//!
//! One pass over untrusted bytes, strict where JSON is strict: what this scanner lets through every
//! JSON decoder reads the same way. The rules are those of docs/protocol.md; the differential tests
//! hold them against `serde_json` and orjson.

use crate::notes::{Array, Notes};
use crate::number::{is_numeric, Number};
use crate::text::{letter, Cursor, Span};

/// One message of the frame's array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// `n`: notes.
    Notes(Notes),
    /// `m`: a position; numbers, or strings with their quotes, as they came.
    Mouse {
        /// Percent of the window's width.
        x: Span,
        /// Percent of the window's height.
        y: Span,
    },
    /// `t`: a request for the time.
    Time {
        /// The number `e` that the sender wants back.
        echo: Option<Span>,
    },
    /// Any other message: the whole object, to be decoded elsewhere.
    Cold(Span),
}

/// Splits `text`, which has to be valid UTF-8, into its elements, in order; `out` is cleared first.
///
/// Elements that cannot mean anything (no object, no string `m`, a malformed `n` or `m`) are left
/// out. Returns false, and leaves `out` empty, if the whole message is to be ignored: it is not one
/// strict JSON array, or it is nested deeper than [`MAX_DEPTH`](crate::text::MAX_DEPTH), or it has
/// a number beyond the range of a double.
pub fn scan(text: &[u8], out: &mut Vec<Element>) -> bool {
    out.clear();
    let accepted = u32::try_from(text.len()).is_ok() && elements(text, out).is_some();
    if !accepted {
        out.clear();
    }
    accepted
}

fn elements(text: &[u8], out: &mut Vec<Element>) -> Option<()> {
    let mut cursor = Cursor::new(text, 0);
    cursor.whitespace();
    cursor.array(|cursor| if cursor.peek() == b'{' { element(cursor, out) } else { cursor.value() })?;
    cursor.whitespace();
    cursor.at_end().then_some(())
}

/// What a hot message has under one of its keys.
#[derive(Clone, Copy)]
enum Scalar {
    Other,
    Number(Number),
    String(Span),
}

/// Consumes an object and appends what it means, if anything. The kind may come after the fields, so
/// all of them are noted.
#[inline]
fn element(cursor: &mut Cursor, out: &mut Vec<Element>) -> Option<()> {
    let start = cursor.mark();
    let (mut kind, mut t, mut x) = (Scalar::Other, Scalar::Other, Scalar::Other);
    let (mut y, mut e, mut notes) = (Scalar::Other, Scalar::Other, None);
    cursor.object(|cursor, key| {
        let field = match key {
            b'm' => &mut kind,
            b't' => &mut t,
            b'x' => &mut x,
            b'y' => &mut y,
            b'e' => &mut e,
            b'n' => {
                notes = Some(Array::read(cursor)?);
                return Some(());
            }
            _ => return cursor.value(),
        };
        *field = scalar(cursor)?;
        Some(())
    })?;
    let Scalar::String(kind) = kind else {
        return Some(());
    };
    let text = cursor.text();
    out.extend(match letter(kind.inner().of(text)) {
        b'n' => number(t).zip(notes.filter(|array| array.valid)).map(|(t, array)| {
            let Array { span: notes, count, verbatim, .. } = array;
            Element::Notes(Notes { t, notes, count, verbatim })
        }),
        b'm' => coordinate(x, text).zip(coordinate(y, text)).map(|(x, y)| Element::Mouse { x, y }),
        b't' => Some(Element::Time { echo: number(e) }),
        _ => Some(Element::Cold(cursor.since(start))),
    });
    Some(())
}

#[inline]
fn scalar(cursor: &mut Cursor) -> Option<Scalar> {
    Some(match cursor.peek() {
        b'"' => Scalar::String(cursor.string()?),
        b'0'..=b'9' | b'-' => Scalar::Number(cursor.number()?),
        _ => {
            cursor.value()?;
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

    /// Scans and tells what was found in words; `None` where the message is ignored whole.
    fn told(text: &str) -> Option<Vec<String>> {
        let text = text.as_bytes();
        let mut elements = Vec::new();
        if !scan(text, &mut elements) {
            assert!(elements.is_empty());
            return None;
        }
        let of = |span: crate::text::Span| String::from_utf8_lossy(span.of(text)).into_owned();
        let tell = |element: &Element| match element {
            Element::Notes(notes) => {
                let mut out = Vec::new();
                notes.write(text, &mut out);
                let sort = if notes.verbatim { "as is" } else { "anew" };
                format!("{} {}x {sort} {}", of(notes.t), notes.count, String::from_utf8_lossy(&out))
            }
            Element::Mouse { x, y } => format!("at {} {}", of(*x), of(*y)),
            Element::Time { echo } => format!("time {}", echo.map_or("-".into(), of)),
            Element::Cold(span) => of(*span),
        };
        Some(elements.iter().map(tell).collect())
    }

    /// What becomes of one `n` message with `t` 1 and these notes.
    fn notes(array: &str) -> Option<String> {
        let mut told = told(&format!(r#"[{{"m":"n","t":1,"n":{array}}}]"#)).expect("valid JSON");
        told.pop().map(|told| told.strip_prefix("1 ").expect("t is 1").to_owned())
    }

    #[test]
    fn messages_that_are_ignored_whole() {
        let deep = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        let too_deep = deep(33);
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
            "[\"\\ud800\"]",
            "[\"\\ud800x\"]",
            "[\"\\ud800\\n\"]",
            "[\"\\ud800\\u0041\"]",
            "[\"\\udc00\"]",
            "[\"\\ud800\\ud800\"]",
            "[{\"\\udead\":1}]",
            "[1]//",
            "[/**/]",
            "[{\"m\":\"t\"},]",
            "[{\"m\":\"t\"}]{\"m\":\"t\"}",
            &too_deep,
        ];
        for case in cases {
            assert_eq!(told(case), None, "{case:?}");
        }
        let large = format!("[1{}]", "0".repeat(309));
        assert_eq!(told(&large), None);
    }

    #[test]
    fn messages_without_a_message_in_them() {
        let deep = format!("{}{}", "[".repeat(32), "]".repeat(32));
        let mixed = format!("{}{}", "[{\"a\":".repeat(16), "1".to_owned() + &"}]".repeat(16));
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
            assert_eq!(told(case), Some(vec![]), "{case:?}");
        }
    }

    #[test]
    fn elements_come_in_order() {
        let text = r#"[{"m":"hi"},{"m":"t"},5,{"m":"m","x":1,"y":2},{"m":"n","t":3,"n":[{"n":"c4"}]}, {"a": 1,"m":""}]"#;
        let expected =
            [r#"{"m":"hi"}"#, "time -", "at 1 2", r#"3 1x as is [{"n":"c4"}]"#, r#"{"a": 1,"m":""}"#];
        assert_eq!(told(text).unwrap(), expected);
    }

    #[test]
    fn kinds_are_understood_however_they_are_written() {
        assert_eq!(told(r#"[{"\u006d":"\u0074","e":1}]"#).unwrap(), ["time 1"]);
        assert_eq!(told(r#"[{"e":1,"m":"n","m":"t"}]"#).unwrap(), ["time 1"]);
        assert_eq!(told(r#"[ { "e" : 1 , "m" : "t" } ]"#).unwrap(), ["time 1"]);
        // Names that only look like a hot one are for Python to ignore.
        for cold in
            [r#"{"m":"\n"}"#, r#"{"m":"\u0101"}"#, r#"{"m":"tt"}"#, r#"{"m":"\u006e\u006e"}"#, r#"{"m":"T"}"#]
        {
            assert_eq!(told(&format!("[{cold}]")).unwrap(), [cold]);
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
            assert_eq!(told(&format!(r#"[{{"m":"t","e":{echo}}}]"#)).unwrap(), [expected]);
        }
    }

    #[test]
    fn positions_are_numbers_or_numeric_strings() {
        let long = format!("\"0.{}\"", "1".repeat(38));
        let good =
            ["0", "-12.5", "1e3", "\"12.34\"", "\"-0.00\"", "\"1e308\"", "123456789012345678901", &long];
        for x in good {
            assert_eq!(told(&format!(r#"[{{"m":"m","x":{x},"y":0}}]"#)).unwrap(), [format!("at {x} 0")]);
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
            assert_eq!(told(&format!(r#"[{{"m":"m","x":{x},"y":0}}]"#)).unwrap(), [""; 0], "{x}");
            assert_eq!(told(&format!(r#"[{{"m":"m","y":{x},"x":0}}]"#)).unwrap(), [""; 0], "{x}");
        }
        assert_eq!(told(r#"[{"m":"m","x":1},{"m":"m"},{"m":"m","x":"a","x":7,"y":8}]"#).unwrap(), ["at 7 8"]);
    }

    #[test]
    fn the_time_of_notes_is_a_number() {
        let long = "1".repeat(41);
        for t in ["null", "\"now\"", "\"1\"", "[]", &long] {
            assert_eq!(told(&format!(r#"[{{"m":"n","t":{t},"n":[{{"n":"c4"}}]}}]"#)).unwrap(), [""; 0]);
        }
        assert_eq!(told(r#"[{"m":"n","n":[{"n":"c4"}]}]"#).unwrap(), [""; 0]);
        assert_eq!(
            told(r#"[{"n":[{"n":"c4"}],"t":"x","t":1.5e3,"m":"n"}]"#).unwrap(),
            [r#"1.5e3 1x as is [{"n":"c4"}]"#]
        );
    }

    #[test]
    fn good_notes_go_out_as_they_came() {
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
    fn unasked_things_do_not_go_out() {
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
            let told = notes(case).unwrap();
            assert_eq!(told.split_once("x anew ").unwrap().1, expected, "{case}");
        }
    }

    #[test]
    fn one_bad_note_drops_its_message() {
        let good = r#"{"n":"c4"}"#;
        let bad = [
            "null",
            "1",
            "\"c4\"",
            "[]",
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
            r#"{"n":"c4","n":"x"}"#,
            r#"{"v":1}"#,
            r#"{"n":"c4","v":null}"#,
            r#"{"n":"c4","v":"0.5"}"#,
            r#"{"n":"c4","v":1.01}"#,
            r#"{"n":"c4","v":1.0000000000000002}"#,
            r#"{"n":"c4","v":-0.1}"#,
            r#"{"n":"c4","v":2}"#,
            r#"{"n":"c4","v":0e1,"v":1e1}"#,
            r#"{"n":"c4","v":-1e-300}"#,
            r#"{"n":"c4","v":0.123456789012345678901234567890123456789}"#,
            r#"{"n":"c4","s":0}"#,
            r#"{"n":"c4","s":true}"#,
            r#"{"n":"c4","s":1.5}"#,
            r#"{"n":"c4","s":"1"}"#,
            r#"{"n":"c4","d":-5}"#,
            r#"{"n":"c4","d":10000.1}"#,
            r#"{"n":"c4","d":99999}"#,
            r#"{"n":"c4","d":1e5}"#,
            r#"{"n":"c4","d":null}"#,
            r#"{"n":"c4","d":[]}"#,
            r#"{"n":"c4","d":true}"#,
        ];
        for bad in bad {
            for array in [format!("[{bad}]"), format!("[{good},{bad}]"), format!("[{bad},{good}]")] {
                assert_eq!(notes(&array), None, "{array}");
            }
        }
        for array in ["[]", "[ ]", "{}", "\"x\"", "null", "1", r#"{"n":"c4"}"#] {
            assert_eq!(notes(array), None, "{array}");
        }
        // Its neighbours are heard all the same, and the last `n` decides.
        let text = r#"[{"m":"n","t":1,"n":[null]},{"m":"t"},{"m":"n","t":1,"n":[null],"n":[{"n":"c4"}]}]"#;
        assert_eq!(told(text).unwrap(), ["time -", r#"1 1x as is [{"n":"c4"}]"#]);
    }
}

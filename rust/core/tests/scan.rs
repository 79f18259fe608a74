//! The scanner and `serde_json` agree on which texts are JSON, and on their meaning.

mod oracle;

use fortepiano_core::wire::scan::{scan, strict_object};
use oracle::{expected, is_beyond_values, scanned};
use proptest::prelude::*;
use proptest::string::string_regex;

fn pick(words: &'static [&'static str]) -> BoxedStrategy<String> {
    prop::sample::select(words).prop_map(str::to_owned).boxed()
}

fn space() -> BoxedStrategy<String> {
    prop_oneof![20 => Just(String::new()), 1 => pick(&[" ", "\n", "\t\r", "  ", "\u{b}", "\u{a0}"])].boxed()
}

fn number() -> BoxedStrategy<String> {
    let edges = pick(&[
        "0",
        "1",
        "-0",
        "0.0",
        "1.0",
        "1e0",
        "10e-1",
        "0.5",
        "1.0000000000000002",
        "9999.9",
        "10000",
        "10000.1",
        "1e4",
        "-1",
        "2",
        "1e308",
        "1e309",
        "1e999",
        "-1e999",
        "1e-999",
        "18446744073709551615",
        "18446744073709551616",
        "01",
        ".5",
        "1.",
        "+1",
        "NaN",
        "1.7976931348623157e308",
        "1.7976931348623158e308",
        "1.7976931348623159e308",
        "Infinity",
        "1795300001000",
        "1.27",
        "-3",
        "10001",
        "1e15",
        "123456789012345678",
    ]);
    let grammar = string_regex("-?(0|[1-9][0-9]{0,6})(\\.[0-9]{1,6})?([eE][+-]?[0-9]{1,3})?").unwrap();
    prop_oneof![edges, grammar].boxed()
}

fn string() -> BoxedStrategy<String> {
    let content = prop_oneof![
        pick(&[
            "n", "m", "t", "a", "hi", "c4", "as-1", "c7", "cs7", "h4", "12.5", "1e9", "1e999", " 1", "", "0",
            "false", "+.5", "1."
        ]),
        pick(&["\\u006e", "\\u006d", "\\u0074", "\\u0063s4", "c\\u0034", "\\u0031", "\\n", "\\u00e9", "é🎹"]),
        pick(&[
            "\\ud83d\\ude00",
            "\\ud800",
            "\\udc00",
            "\\ud800\\u0041",
            "\\ud800\\",
            "\\x",
            "\\u12",
            "\n",
            "\u{0}",
            "\u{7f}"
        ]),
    ];
    content.prop_map(|content| format!("\"{content}\"")).boxed()
}

fn leaf() -> BoxedStrategy<String> {
    prop_oneof![4 => number(), 4 => string(), 1 => pick(&["null", "true", "false", "[]", "{}", "nul", "True", "", "]"])].boxed()
}

fn object(keys: &'static [&'static str], value: BoxedStrategy<String>) -> BoxedStrategy<String> {
    let member = (space(), prop::sample::select(keys), space(), value, space());
    let member = member.prop_map(|(a, key, b, value, c)| format!("{a}\"{key}\"{b}:{c}{value}{a}"));
    prop::collection::vec(member, 0..6).prop_map(|members| format!("{{{}}}", members.join(","))).boxed()
}

fn array(value: BoxedStrategy<String>) -> BoxedStrategy<String> {
    let item = (space(), value, space()).prop_map(|(a, value, b)| format!("{a}{value}{b}"));
    prop::collection::vec(item, 0..5).prop_map(|items| format!("[{}]", items.join(","))).boxed()
}

fn good_note() -> BoxedStrategy<String> {
    let name = pick(&["a-1", "c4", "as5", "c7", "\\u0063s4", "ndraw", "c8", "MIM[\\udead"]);
    let rest = pick(&[
        "",
        ",\"v\":\"0.500\"",
        ",\"v\":1.27,\"s\":0",
        ",\"s\":true,\"d\":null",
        ",\"v\":0.5",
        ",\"d\":20,\"s\":1",
        ", \"v\":1",
        ",\"x\":[0]",
        ",\"v\":9,\"v\":0",
    ]);
    (name, rest).prop_map(|(name, rest)| format!("{{\"n\":\"{name}\"{rest}}}")).boxed()
}

fn message() -> BoxedStrategy<String> {
    let note = prop_oneof![8 => good_note(), 1 => object(&["n", "v", "s", "d", "\\u0076", "x"], leaf()), 1 => leaf()].boxed();
    let notes =
        (number(), array(note)).prop_map(|(t, notes)| format!("{{\"m\":\"n\",\"t\":{t},\"n\":{notes}}}"));
    let mouse = (leaf(), leaf()).prop_map(|(x, y)| format!("{{\"m\":\"m\",\"x\":{x},\"y\":{y}}}"));
    let time = leaf().prop_map(|e| format!("{{\"m\":\"t\",\"e\":{e}}}"));
    let any = leaf().prop_recursive(6, 40, 4, |inner| {
        prop_oneof![
            array(inner.clone().boxed()),
            object(&["m", "n", "t", "x", "y", "e", "\\u006d", "\\ud800"], inner.boxed())
        ]
    });
    prop_oneof![3 => notes, 2 => mouse, 1 => time, 2 => object(&["m", "n", "t", "x", "y", "e", "é"], leaf()), 2 => any].boxed()
}

fn nested() -> BoxedStrategy<String> {
    (55_usize..72, pick(&["[", "{\"a\":"]), leaf())
        .prop_map(|(levels, open, leaf)| {
            let close = if open == "[" { "]" } else { "}" };
            format!("[{}{leaf}{}]", open.repeat(levels), close.repeat(levels))
        })
        .boxed()
}

fn nested_element() -> BoxedStrategy<String> {
    nested().prop_map(|text| text[1..text.len() - 1].to_owned()).boxed()
}

fn text() -> BoxedStrategy<String> {
    prop_oneof![
        12 => array(message()),
        1 => (array(message()), "[\\[\\]{},:\"\\\\0-9a-z]{1,3}").prop_map(|(text, tail)| text + &tail),
        1 => (array(message()), 0..200_usize).prop_map(|(text, cut)| text.chars().take(cut).collect()),
        1 => nested(),
        1 => "[\\[\\]{},:\"\\\\0-9.eEu+ mnt\\-]{0,40}",
        1 => "\\PC{0,30}",
    ]
    .boxed()
}

fn agree(text: &str, custom: bool) -> Result<(), TestCaseError> {
    let (ours, theirs) = (scanned(text, custom), expected(text, custom));
    if is_beyond_values(text, custom) {
        prop_assert_eq!(ours.is_some(), theirs.is_some(), "{}", text);
    } else {
        prop_assert_eq!(ours, theirs, "{}", text);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_serde_json(text in text(), custom in any::<bool>()) {
        agree(&text, custom)?;
    }

    #[test]
    fn agrees_after_a_byte_went_wrong(text in array(message()), index in any::<prop::sample::Index>(), byte in 0_u8..128) {
        let mut bytes = text.into_bytes();
        let index = index.index(bytes.len());
        bytes[index] = byte;
        if let Ok(text) = std::str::from_utf8(&bytes) {
            agree(text, false)?;
        }
    }

    #[test]
    fn an_object_by_itself_is_as_strict_as_in_a_message(text in prop_oneof![message(), nested_element()]) {
        let is_object = text.trim_start_matches([' ', '\t', '\n', '\r']).starts_with('{');
        let is_strict = is_object && scanned(&format!("[{text}]"), false).is_some();
        let mut bytes = text.clone().into_bytes();
        prop_assert_eq!(strict_object(&mut bytes).is_some(), is_strict, "{}", text);
    }

    #[test]
    fn survives_bytes_that_are_not_utf8(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let (mut bytes, mut out) = (bytes, Vec::new());
        scan(&mut bytes, true, &mut out);
        strict_object(&mut bytes);
    }
}

#[test]
fn lone_surrogates_become_the_replacement_character() {
    for text in [r#"[{"m":"a","x":"\ud800"}]"#, r#"[{"m":"a","\udfff":"\ud83d\ud83d\ude00"}]"#] {
        assert!(scanned(text, false).is_some());
        assert_eq!(scanned(text, false), expected(text, false));
    }
}

#[test]
fn an_object_by_itself_is_one_object() {
    for text in ["", " ", "1", "[]", "[{}]", "{}{}", "{},{}", "{},1", "1,{}", "{} x", "{}]"] {
        assert_eq!(strict_object(&mut text.as_bytes().to_vec()), None, "{text}");
    }
    assert_eq!(strict_object(&mut b" {\"m\": 1}\r\n".to_vec()), Some(&b"{\"m\": 1}"[..]));
    assert_eq!(strict_object(&mut br#"{"m":"\ud800"}"#.to_vec()), Some(&br#"{"m":"\ufffd"}"#[..]));
}

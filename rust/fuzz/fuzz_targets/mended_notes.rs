//! Messages that are nearly right: the scanner mends notes as the reference does, and only once.

#![no_main]

#[path = "../../core/tests/oracle/mod.rs"]
mod oracle;

use fortepiano_core::wire::note_array::Notes;
use fortepiano_core::wire::scan::{scan, strict_object, Element};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use oracle::{expected, is_beyond_values, scanned};

#[derive(Arbitrary, Debug)]
enum Value {
    Word(u8),
    Integer(i32),
    Number(f64),
    Text(String),
    Array(Vec<Value>),
    Note(Vec<(u8, Value)>),
    Notes(Vec<Vec<(u8, Value)>>),
}

const KEYS: [&str; 14] = ["m", "t", "n", "v", "d", "s", "x", "y", "e", "\\u006d", "\\u006E", "_id", "", "nn"];

const WORDS: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1",
    "1.0",
    "1e0",
    "0.5",
    "10000",
    "10001",
    "-1",
    "1e-400",
    "1e308",
    "1.5E+3",
    "[]",
    "{}",
    "\"\"",
    "\"n\"",
    "\"m\"",
    "\"t\"",
    "\"hi\"",
    "\"c4\"",
    "\"a-1\"",
    "\"c7\"",
    "\"cs7\"",
    "\"C4\"",
    "\"0.5\"",
    "\" 1 \"",
    "\"false\"",
    "\"\\u0063\\u0034\"",
    "\"\\ud83d\"",
    "\"\\ud83c\\udfb9\"",
    "\"\\udfb9\\ud83c\"",
    "\"🎹\"",
    "\"1e5\"",
    "\"-1\"",
    "\"nan\"",
    " 7\t",
    "1.",
];

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Word(number) => out.push_str(WORDS[usize::from(*number) % WORDS.len()]),
        Value::Integer(number) => out.push_str(&number.to_string()),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::Text(text) => out.push_str(&serde_json::to_string(text).expect("a text")),
        Value::Array(values) => write_all('[', values, ']', out, write),
        Value::Note(fields) => write_object(fields, out),
        Value::Notes(notes) => {
            write_all('[', notes, ']', out, |note, out| {
                write_object(note, out);
            });
        }
    }
}

fn write_object(fields: &[(u8, Value)], out: &mut String) {
    write_all('{', fields, '}', out, |(key, value), out| {
        out.push('"');
        out.push_str(KEYS[usize::from(*key) % KEYS.len()]);
        out.push_str("\":");
        write(value, out);
    });
}

fn write_all<T>(open: char, all: &[T], close: char, out: &mut String, each: fn(&T, &mut String)) {
    out.push(open);
    for (index, one) in all.iter().enumerate() {
        out.push_str(if index > 0 { "," } else { "" });
        each(one, out);
    }
    out.push(close);
}

/// Check that what is broadcast is broadcast as it is if somebody sends it again.
fn check_mended_once(text: &str, custom: bool) {
    let (mut bytes, mut elements) = (text.as_bytes().to_vec(), Vec::new());
    scan(&mut bytes, custom, &mut elements);
    for element in &elements {
        let Element::Notes(notes) = element else { continue };
        if notes.has_no_valid_notes {
            continue;
        }
        let sent = message(notes, &bytes);
        let (mut again, mut found) = (sent.clone(), Vec::new());
        assert!(scan(&mut again, custom, &mut found), "what is broadcast is no message");
        let [Element::Notes(notes)] = &found[..] else { panic!("what is broadcast are no notes") };
        assert_eq!(String::from_utf8_lossy(&message(notes, &again)), String::from_utf8_lossy(&sent));
    }
}

/// Return the message that is broadcast for notes in `bytes`.
fn message(notes: &Notes, bytes: &[u8]) -> Vec<u8> {
    let mut out = b"[{\"m\":\"n\",\"t\":".to_vec();
    notes.write_time(bytes, &mut out);
    out.extend_from_slice(b",\"n\":");
    notes.write(bytes, &mut out);
    out.extend_from_slice(b"}]");
    out
}

fuzz_target!(|input: (Vec<Vec<(u8, Value)>>, bool)| {
    let (messages, custom) = input;
    let mut text = String::new();
    write(&Value::Notes(messages), &mut text);
    let (ours, theirs) = (scanned(&text, custom), expected(&text, custom));
    if is_beyond_values(&text, custom) {
        assert_eq!(ours.is_some(), theirs.is_some());
    } else {
        assert_eq!(ours, theirs, "{text}");
    }
    check_mended_once(&text, custom);
    // An object is as strict by itself as in an array.
    let mut object = format!(" {}", text.trim_start_matches('[').trim_end_matches(']')).into_bytes();
    let inner = String::from_utf8(object.clone()).expect("text");
    let is_strict = scanned(&format!("[{inner}]"), custom).is_some() && inner.trim().starts_with('{');
    if let Some(object) = strict_object(&mut object) {
        assert!(is_strict, "{inner}");
        serde_json::from_slice::<serde_json::Value>(object).expect("an object is JSON");
    }
});

//! What `serde_json` makes of a message: the peer that the scanner is held against, by proptest here and by the fuzzer.

use fortepiano_core::scan::{scan, Element};
use fortepiano_core::text::{Span, MAX_DEPTH};
use serde_json::{json, Map, Value};

/// The elements of `text`, as JSON values in an order of their own: `[kind, …]`.
///
/// `None` where the message is ignored whole. For the texts of [`is_beyond_values`] only acceptance
/// is to be compared.
pub fn expected(text: &str) -> Option<Vec<Value>> {
    if depth(text) > MAX_DEPTH {
        return None;
    }
    let Value::Array(messages) = serde_json::from_str(text).ok()? else {
        return None;
    };
    Some(messages.iter().filter_map(Value::as_object).filter_map(element).collect())
}

/// What the scanner makes of `text`, told in the same way.
///
/// # Panics
/// If what would go out is not JSON.
pub fn scanned(text: &str) -> Option<Vec<Value>> {
    let bytes = text.as_bytes();
    let mut elements = Vec::new();
    if !scan(bytes, &mut elements) {
        return None;
    }
    let parse = |span: Span| -> Value { serde_json::from_slice(span.of(bytes)).expect("a span is a value") };
    let tell = |element: &Element| match element {
        Element::Notes(notes) => {
            let mut out = Vec::new();
            notes.write(bytes, &mut out);
            let array: Value = serde_json::from_slice(&out).expect("outgoing notes are JSON");
            assert_eq!(array.as_array().map(Vec::len), Some(notes.count as usize));
            assert!(notes.verbatim || out.len() < notes.notes.len(), "nothing was left out");
            assert!(!out.iter().any(|byte| matches!(byte, b' ' | b'\n' | b'\\')), "not compact");
            json!(["n", parse(notes.t), array])
        }
        Element::Mouse { x, y } => json!(["m", parse(*x), parse(*y)]),
        Element::Time { echo } => json!(["t", echo.map(parse)]),
        Element::Cold(span) => json!(["cold", parse(*span)]),
    };
    Some(elements.iter().map(tell).collect())
}

/// Whether the words of `text` may matter and not only its values, which are all that is compared: it
/// has a number too long to be passed on, or a digit that is written as an escape.
pub fn is_beyond_values(text: &str) -> bool {
    let numeric = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
    text.as_bytes().split(|byte| !numeric(*byte)).any(|run| run.len() > 40)
        || ["\\u002", "\\u003", "\\u0045", "\\u0065"].iter().any(|escape| text.contains(escape))
}

fn element(message: &Map<String, Value>) -> Option<Value> {
    match message.get("m")?.as_str()? {
        "n" => {
            let (time, notes) = (message.get("t")?, message.get("n")?.as_array()?);
            let notes: Option<Vec<Value>> = notes.iter().map(note).collect();
            let notes = notes.filter(|notes| time.is_number() && !notes.is_empty())?;
            Some(json!(["n", time, notes]))
        }
        "m" => {
            let (x, y) = (message.get("x")?, message.get("y")?);
            (is_coordinate(x) && is_coordinate(y)).then(|| json!(["m", x, y]))
        }
        "t" => Some(json!(["t", message.get("e").filter(|echo| echo.is_number())])),
        _ => Some(json!(["cold", message])),
    }
}

fn note(value: &Value) -> Option<Value> {
    let object = value.as_object()?;
    let name = object.get("n")?.as_str()?;
    let (key, octave) = name.split_at_checked(name.find(|c: char| c == '-' || c.is_ascii_digit())?)?;
    let octave: i32 = octave.parse().ok().filter(|number: &i32| number.to_string() == octave)?;
    let letters = ["c", "cs", "d", "ds", "e", "f", "fs", "g", "gs", "a", "as", "b"];
    let place = i32::try_from(letters.iter().position(|letter| *letter == key)?).ok()?;
    let on_keyboard = (9..=96).contains(&(octave * 12 + 12 + place));
    let in_range = |key: &str, low: f64, high: f64| match object.get(key) {
        Some(value) => value.as_f64().is_some_and(|number| (low..=high).contains(&number)),
        None => true,
    };
    let valid = in_range("v", 0.0, 1.0) && in_range("s", 1.0, 1.0) && in_range("d", 0.0, 10000.0);
    let kept = object.iter().filter(|(key, _)| ["n", "v", "s", "d"].contains(&key.as_str()));
    (on_keyboard && valid)
        .then(|| Value::Object(kept.map(|(key, value)| (key.clone(), value.clone())).collect()))
}

fn is_coordinate(value: &Value) -> bool {
    match value {
        Value::Number(_) => true,
        // A string is numeric if it would be a number without its quotes; JSON's white space is none of it.
        Value::String(content) => {
            !content.contains([' ', '\t', '\n', '\r'])
                && serde_json::from_str::<Value>(content).is_ok_and(|value| value.is_number())
        }
        _ => false,
    }
}

/// Deepest nesting of a text that is valid JSON.
fn depth(text: &str) -> u32 {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_u32, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

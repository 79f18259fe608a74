//! Messages as `serde_json` reads them: the reference for the scanner, used by proptest and the fuzzer.

use fortepiano_core::wire::json::{Span, MAX_DEPTH};
use fortepiano_core::wire::scan::{scan, Element};
use serde_json::{json, Map, Value};

/// Return the elements of `text`, as JSON values in a form of their own: `[kind, …]`.
///
/// The result is `None` if the message is ignored as a whole. For texts of [`is_beyond_values`] only
/// acceptance may be compared.
pub fn expected(text: &str, custom: bool) -> Option<Vec<Value>> {
    if depth(text) > MAX_DEPTH {
        return None;
    }
    let Value::Array(messages) = serde_json::from_str(&without_halves(text)).ok()? else {
        return None;
    };
    let elements = messages.iter().filter_map(Value::as_object);
    Some(elements.filter_map(|message| element(message, custom)).collect())
}

/// Return the scanner's elements of `text` in the same form.
///
/// # Panics
/// If the text to broadcast is not JSON.
pub fn scanned(text: &str, custom: bool) -> Option<Vec<Value>> {
    let mut bytes = text.as_bytes().to_vec();
    let mut elements = Vec::new();
    if !scan(&mut bytes, custom, &mut elements) {
        assert_eq!(bytes, text.as_bytes(), "what is ignored is left as it was");
        return None;
    }
    let parse = |span: Span| -> Value { serde_json::from_slice(span.of(&bytes)).expect("a span is a value") };
    let describe = |element: &Element| match element {
        Element::Notes(notes) => {
            let (mut time, mut out) = (Vec::new(), Vec::new());
            notes.write_time(&bytes, &mut time);
            notes.write(&bytes, &mut out);
            let time: Value = serde_json::from_slice(&time).expect("the outgoing time is JSON");
            let array: Value = serde_json::from_slice(&out).expect("outgoing notes are JSON");
            let kept = array.as_array().map_or(0, Vec::len);
            assert_eq!(notes.has_no_valid_notes, kept == 0);
            assert!(!notes.verbatim || kept == notes.count as usize, "something was left out");
            assert!(custom || !out.iter().any(|byte| matches!(byte, b' ' | b'\n' | b'\\')), "not compact");
            json!(["n", time, array, notes.count])
        }
        Element::BadNotes => json!(["bad notes"]),
        Element::Pointer { x, y } => json!(["m", parse(*x), parse(*y)]),
        Element::Time { echo } => json!(["t", echo.map(parse)]),
        Element::Cold(span) => json!(["cold", parse(*span)]),
    };
    Some(elements.iter().map(describe).collect())
}

/// Return `text` with escapes of lone surrogates replaced by U+FFFD.
fn without_halves(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(index) = rest.find('\\') {
        let (before, escape) = rest.split_at(index);
        out.push_str(before);
        let unit = |text: &str| -> Option<u16> {
            let digits = text.strip_prefix("\\u")?.get(..4)?;
            let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            u16::from_str_radix(digits, 16).ok().filter(|_| is_hex)
        };
        let length = match unit(escape) {
            Some(0xd800..=0xdbff) if escape.get(6..).and_then(unit).is_some_and(|low| low >> 10 == 0x37) => {
                12
            }
            Some(0xd800..=0xdfff) => {
                out.push_str("\\ufffd");
                rest = &escape[6..];
                continue;
            }
            _ => 1 + escape.chars().nth(1).map_or(0, char::len_utf8),
        };
        out.push_str(&escape[..length]);
        rest = &escape[length..];
    }
    out + rest
}

/// Return whether the spelling of `text` matters and not only its values, which are all that is
/// compared.
///
/// Such a text has a number too long to be broadcast, or a digit written as an escape. With `custom`
/// notes, the name of one may be too long, which is measured as it is written.
pub fn is_beyond_values(text: &str, custom: bool) -> bool {
    let numeric = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
    text.as_bytes().split(|byte| !numeric(*byte)).any(|run| run.len() > 40)
        || custom && text.split('"').any(|part| part.len() > 64)
        || ["\\u002", "\\u003", "\\u0045", "\\u0065"].iter().any(|escape| text.contains(escape))
}

fn element(message: &Map<String, Value>, custom: bool) -> Option<Value> {
    match message.get("m")?.as_str()? {
        "n" => {
            let time = message.get("t").filter(|time| time.is_number());
            let (Some(time), Some(Value::Array(notes))) = (time, message.get("n")) else {
                return Some(json!(["bad notes"]));
            };
            let kept: Vec<Value> = notes.iter().filter_map(|value| note(value, custom)).collect();
            (!notes.is_empty()).then(|| json!(["n", time, kept, notes.len()]))
        }
        "m" => {
            let (x, y) = (message.get("x")?, message.get("y")?);
            (is_coordinate(x) && is_coordinate(y)).then(|| json!(["m", x, y]))
        }
        "t" => Some(json!(["t", message.get("e").filter(|echo| echo.is_number())])),
        _ => Some(json!(["cold", message])),
    }
}

/// Return the broadcast form of a note, if the note is valid.
fn note(value: &Value, custom: bool) -> Option<Value> {
    let object = value.as_object()?;
    let name = object.get("n")?.as_str()?;
    if !is_on_keyboard(name) && (!custom || name.is_empty()) {
        return None;
    }
    let mut out = Map::from_iter([("n".to_owned(), json!(name))]);
    for (key, most) in [("v", 1.0), ("d", 10000.0)] {
        let range = if is_on_keyboard(name) { 0.0..=most } else { f64::MIN..=f64::MAX };
        match object.get(key) {
            None | Some(Value::Null) => {}
            Some(value) => {
                let number = match value {
                    Value::Number(number) => number.as_f64(),
                    Value::String(text) => {
                        text.trim_matches(' ').parse().ok().filter(|it: &f64| it.is_finite())
                    }
                    _ => None,
                }?;
                let is_good = value.is_number() && range.contains(&number);
                let corrected = number.clamp(*range.start(), *range.end());
                out.insert(key.to_owned(), if is_good { value.clone() } else { plain(corrected) });
            }
        }
    }
    match object.get("s") {
        Some(Value::Number(number)) if number.as_f64() == Some(1.0) => {
            out.insert("s".to_owned(), json!(number));
        }
        Some(value) if is_stop(value) => {
            out.insert("s".to_owned(), json!(1));
        }
        _ => {}
    }
    Some(Value::Object(out))
}

fn plain(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() < 1e15 {
        json!(number as i64)
    } else {
        json!(number)
    }
}

fn is_stop(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(truth) => *truth,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !["", "0", "false"].contains(&text.as_str()),
        Value::Array(_) | Value::Object(_) => true,
    }
}

fn is_on_keyboard(name: &str) -> bool {
    let index = || {
        let octave = name.find(|c: char| c == '-' || c.is_ascii_digit())?;
        let (key, octave) = name.split_at_checked(octave)?;
        let octave: i32 = octave.parse().ok().filter(|number: &i32| number.to_string() == octave)?;
        let letters = ["c", "cs", "d", "ds", "e", "f", "fs", "g", "gs", "a", "as", "b"];
        let index = letters.iter().position(|letter| *letter == key)?;
        octave.checked_mul(12)?.checked_add(12 + i32::try_from(index).ok()?)
    };
    index().is_some_and(|index| (9..=96).contains(&index))
}

fn is_coordinate(value: &Value) -> bool {
    match value {
        Value::Number(_) => true,
        // A string is numeric if its content is a JSON number; JSON's white space is not allowed in it.
        Value::String(content) => {
            !content.contains([' ', '\t', '\n', '\r'])
                && serde_json::from_str::<Value>(content).is_ok_and(|value| value.is_number())
        }
        _ => false,
    }
}

/// Return the deepest nesting of a text that is valid JSON.
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

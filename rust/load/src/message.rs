//! Messages of Multiplayer Piano (docs/protocol.md): what people send, and what is found in what they hear.

use memchr::memmem::Finder;
use std::fmt::Write;

const KEYS: [&str; 8] = ["c3", "e3", "g3", "c4", "e4", "g4", "as4", "c5"];

/// What a person says first: hello, and into the room.
pub fn enter(room: &str) -> String {
    format!(r#"[{{"m":"hi"}},{{"m":"ch","_id":"{room}"}}]"#)
}

pub const HELLO: &str = r#"[{"m":"hi"}]"#;

/// Asks the time, as every client does once in 20 s; some servers close those who never do.
pub const TIME: &str = r#"[{"m":"t","e":1}]"#;

pub fn join(room: &str) -> String {
    format!(r#"[{{"m":"ch","_id":"{room}"}}]"#)
}

/// A chord of so many notes, keys pressed and released in turn; `t` goes in front.
pub fn chord(notes: usize) -> String {
    let notes: Vec<String> = (0..notes)
        .map(|note| match (KEYS[note / 2 % KEYS.len()], note % 2) {
            (key, 0) => format!(r#"{{"n":"{key}","v":0.62}}"#),
            (key, _) => format!(r#"{{"n":"{key}","s":1,"d":120}}"#),
        })
        .collect();
    format!(r#","n":[{}]}}]"#, notes.join(","))
}

/// Notes of that time. Servers pass `t` on as it came, so it can carry microseconds.
pub fn notes(text: &mut String, at_us: u64, chord: &str) {
    text.clear();
    let _ = write!(text, r#"[{{"m":"n","t":{}.{:03}{chord}"#, at_us / 1000, at_us % 1000);
}

/// A cursor at a place that tells the time: seconds of the run, to a microsecond.
pub fn position(text: &mut String, run_us: u64) {
    text.clear();
    let _ = write!(text, r#"[{{"m":"m","x":{}.{:06},"y":50}}]"#, run_us / 1_000_000, run_us % 1_000_000);
}

/// Where a cursor rests after a run: a place that no running time is.
pub const REST: u64 = 1_000_000_000_000;

/// A message in a frame of a server.
#[derive(Debug, PartialEq, Eq)]
pub struct Heard<'a> {
    /// Its kind, the value of `m`.
    pub kind: &'a [u8],
    /// The rest of it, and of it alone.
    pub rest: &'a [u8],
}

impl Heard<'_> {
    /// The number behind a key, times 10 to the power of `digits`.
    ///
    /// Numbers may have passed through somebody's doubles: digits may be gone at the end.
    pub fn number(&self, key: &str, digits: usize) -> Option<u64> {
        let at = memchr::memmem::find(self.rest, key.as_bytes())? + key.len();
        let mut text = self.rest[at..].iter().skip_while(|byte| **byte == b'"').peekable();
        let mut value = 0u64;
        let mut digit = |byte: &u8| {
            value = value.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
            Some(())
        };
        let mut seen = 0;
        while let Some(byte) = text.next_if(|byte| byte.is_ascii_digit()) {
            digit(byte)?;
            seen += 1;
        }
        let mut decimals = 0;
        if text.next_if(|byte| **byte == b'.').is_some() {
            while let Some(byte) = text.next_if(|byte| byte.is_ascii_digit()) {
                if decimals < digits {
                    digit(byte)?;
                    decimals += 1;
                }
            }
        }
        (decimals..digits).try_for_each(|_| digit(&b'0'))?;
        (seen > 0).then_some(value)
    }

    /// The string behind a key such as `"p":"`.
    pub fn string(&self, key: &str) -> Option<&[u8]> {
        let at = memchr::memmem::find(self.rest, key.as_bytes())? + key.len();
        let end = memchr::memchr(b'"', &self.rest[at..])?;
        Some(&self.rest[at..at + end])
    }
}

/// Finds messages in payloads.
///
/// Inside a JSON string quotes are escaped, so `"m":"` can only be the key `m` of some object;
/// nothing that is nested in a message has one. White space beside the colon is not looked for.
pub struct Finding(Finder<'static>);

const KIND: &str = r#""m":""#;

impl Finding {
    pub fn new() -> Self {
        Self(Finder::new(KIND))
    }

    /// The messages of a payload.
    pub fn messages<'a>(&self, payload: &'a [u8]) -> impl Iterator<Item = Heard<'a>> + use<'a, '_> {
        let mut next = self.0.find(payload);
        std::iter::from_fn(move || {
            let at = next? + KIND.len();
            let rest = &payload[at..];
            next = self.0.find(rest).map(|found| at + found);
            let rest = next.map_or(rest, |next| &payload[at..next]);
            let end = memchr::memchr(b'"', rest)?;
            Some(Heard { kind: &rest[..end], rest: &rest[end..] })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn what_is_sent_is_json() {
        let mut text = String::new();
        notes(&mut text, 1_795_300_001_000_042, &chord(5));
        let sent: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(sent[0]["m"], "n");
        assert_eq!(sent[0]["t"], 1_795_300_001_000.042);
        assert_eq!(sent[0]["n"].as_array().unwrap().len(), 5);
        position(&mut text, 12_000_345);
        let sent: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(sent[0]["x"], 12.000_345);
        for text in [HELLO, TIME, &enter("a room"), &join("a room")] {
            let sent: Value = serde_json::from_str(text).unwrap();
            assert!(sent.as_array().unwrap().iter().all(|each| each["m"].is_string()));
        }
    }

    #[test]
    fn messages_of_a_frame_are_told_apart() {
        let payload =
            br#"[{"m":"n","t":5.25,"p":"ab","n":[{"n":"c4"}]},{"m":"a","a":"\"m\":\"n\""},{"m":"bye","p":"x"}]"#;
        let finding = Finding::new();
        let heard: Vec<_> = finding.messages(payload).collect();
        let kinds: Vec<_> = heard.iter().map(|each| each.kind).collect();
        assert_eq!(kinds, [b"n".as_slice(), b"a", b"bye"]);
        assert_eq!(heard[0].number(r#""t":"#, 3), Some(5250));
        assert_eq!(heard[1].number(r#""t":"#, 3), None);
        assert_eq!(heard[2].string(r#""p":""#), Some(b"x".as_slice()));
        assert_eq!(finding.messages(b"[]").count(), 0);
    }

    #[test]
    fn numbers_survive_what_servers_do_to_them() {
        let number = |text: &str| {
            let payload = format!(r#"{{"m":"m","x":{text},"y":1}}"#);
            let finding = Finding::new();
            let heard = finding.messages(payload.as_bytes()).next().unwrap();
            heard.number(r#""x":"#, 6)
        };
        assert_eq!(number("12.000345"), Some(12_000_345));
        assert_eq!(number("12"), Some(12_000_000));
        assert_eq!(number("\"12.5\""), Some(12_500_000));
        assert_eq!(number("1.00000049999"), Some(1_000_000));
        assert_eq!(number("null"), None);
        assert_eq!(number("99999999999999999999"), None);
    }
}

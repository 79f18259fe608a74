//! Messages of Multiplayer Piano (docs/protocol.md): those that clients send, and a search in received
//! ones.

use memchr::memmem::Finder;
use std::fmt::Write;

const KEYS: [&str; 8] = ["c3", "e3", "g3", "c4", "e4", "g4", "as4", "c5"];

/// Return the first message of a client: `hi` and `ch`.
pub fn enter(room: &str) -> String {
    format!(r#"[{{"m":"hi"}},{{"m":"ch","_id":"{room}"}}]"#)
}

pub const HELLO: &str = r#"[{"m":"hi"}]"#;

/// Ask for the time, as every client does once in 20 s; some servers close clients that never do.
pub const TIME: &str = r#"[{"m":"t","e":1}]"#;

pub fn join(room: &str) -> String {
    format!(r#"[{{"m":"ch","_id":"{room}"}}]"#)
}

/// Return a chord of `notes` notes, keys pressed and released in turn; `t` goes in front.
pub fn chord(notes: usize) -> String {
    let notes: Vec<String> = (0..notes)
        .map(|note| match (KEYS[note / 2 % KEYS.len()], note % 2) {
            (key, 0) => format!(r#"{{"n":"{key}","v":0.62}}"#),
            (key, _) => format!(r#"{{"n":"{key}","s":1,"d":120}}"#),
        })
        .collect();
    format!(r#","n":[{}]}}]"#, notes.join(","))
}

/// Write notes with a time. Servers broadcast `t` unchanged, so that it can carry microseconds.
pub fn notes(text: &mut String, at_us: u64, chord: &str) {
    text.clear();
    let _ = write!(text, r#"[{{"m":"n","t":{}.{:03}{chord}"#, at_us / 1000, at_us % 1000);
}

/// Write a pointer position that encodes the time: seconds of the run, to a microsecond.
pub fn position(text: &mut String, run_us: u64) {
    text.clear();
    let _ = write!(text, r#"[{{"m":"m","x":{}.{:06},"y":50}}]"#, run_us / 1_000_000, run_us % 1_000_000);
}

/// The resting position of pointers after a run: no time of a run has this value.
pub const REST: u64 = 1_000_000_000_000;

/// A message in a frame of a server.
#[derive(Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// The kind, which is the value of `m`.
    pub kind: &'a [u8],
    /// The rest of this message alone.
    pub rest: &'a [u8],
}

impl Message<'_> {
    /// Return the number after a key, times 10 to the power of `digits`.
    ///
    /// Numbers may have passed through a server's doubles: the last digits may be missing.
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

    /// Return the string after a key such as `"p":"`.
    pub fn string(&self, key: &str) -> Option<&[u8]> {
        let at = memchr::memmem::find(self.rest, key.as_bytes())? + key.len();
        let end = memchr::memchr(b'"', &self.rest[at..])?;
        Some(&self.rest[at..at + end])
    }
}

/// A search for messages in payloads.
///
/// Inside a JSON string quotes are escaped. Therefore `"m":"` can only be the key `m` of an object, and
/// nothing nested in a message has such a key. White space beside the colon is not searched for.
pub struct MessageFinder(Finder<'static>);

const KIND: &str = r#""m":""#;

impl MessageFinder {
    pub fn new() -> Self {
        Self(Finder::new(KIND))
    }

    /// Return the messages of a payload.
    pub fn messages<'a>(&self, payload: &'a [u8]) -> impl Iterator<Item = Message<'a>> + use<'a, '_> {
        let mut next = self.0.find(payload);
        std::iter::from_fn(move || {
            let at = next? + KIND.len();
            let rest = &payload[at..];
            next = self.0.find(rest).map(|found| at + found);
            let rest = next.map_or(rest, |next| &payload[at..next]);
            let end = memchr::memchr(b'"', rest)?;
            Some(Message { kind: &rest[..end], rest: &rest[end..] })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn sent_texts_are_json() {
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
    fn messages_of_a_frame_are_separated() {
        let payload =
            br#"[{"m":"n","t":5.25,"p":"ab","n":[{"n":"c4"}]},{"m":"a","a":"\"m\":\"n\""},{"m":"bye","p":"x"}]"#;
        let finder = MessageFinder::new();
        let message: Vec<_> = finder.messages(payload).collect();
        let kinds: Vec<_> = message.iter().map(|each| each.kind).collect();
        assert_eq!(kinds, [b"n".as_slice(), b"a", b"bye"]);
        assert_eq!(message[0].number(r#""t":"#, 3), Some(5250));
        assert_eq!(message[1].number(r#""t":"#, 3), None);
        assert_eq!(message[2].string(r#""p":""#), Some(b"x".as_slice()));
        assert_eq!(finder.messages(b"[]").count(), 0);
    }

    #[test]
    fn numbers_survive_what_servers_do_to_them() {
        let number = |text: &str| {
            let payload = format!(r#"{{"m":"m","x":{text},"y":1}}"#);
            let finder = MessageFinder::new();
            let message = finder.messages(payload.as_bytes()).next().unwrap();
            message.number(r#""x":"#, 6)
        };
        assert_eq!(number("12.000345"), Some(12_000_345));
        assert_eq!(number("12"), Some(12_000_000));
        assert_eq!(number("\"12.5\""), Some(12_500_000));
        assert_eq!(number("1.00000049999"), Some(1_000_000));
        assert_eq!(number("null"), None);
        assert_eq!(number("99999999999999999999"), None);
    }
}

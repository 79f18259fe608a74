//! The scanner and `serde_json` agree on every text: validity, meaning, and the text to broadcast.

#![no_main]

#[path = "../../core/tests/oracle/mod.rs"]
mod oracle;

use libfuzzer_sys::fuzz_target;
use oracle::{expected, is_beyond_values, scanned};

fuzz_target!(|input: (&str, bool)| {
    let (text, custom) = input;
    let (ours, theirs) = (scanned(text, custom), expected(text, custom));
    if is_beyond_values(text, custom) {
        assert_eq!(ours.is_some(), theirs.is_some());
    } else {
        assert_eq!(ours, theirs);
    }
});

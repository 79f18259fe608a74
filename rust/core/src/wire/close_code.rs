//! Close codes (RFC 6455 section 7.4); codes from 4000 on belong to this protocol.
//!
//! The one table of them: `make docs` writes Python's `CloseCode` and a table of docs/protocol.md from it.

/// A close code that has a meaning here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseCode {
    /// The number in the close frame.
    pub number: u16,
    /// The name of its constant.
    pub name: &'static str,
    /// The meaning in one line for people: the reason in close frames that the server begins.
    pub meaning: &'static str,
    /// Whether a client should connect again, after pauses that grow.
    ///
    /// False if each new connection would end in the same way, until a person changes something.
    pub retry: bool,
    /// Whether close frames have this code; other codes stand for the lack of one.
    pub is_sent: bool,
}

/// Make a constant of each row, and the table of all rows.
macro_rules! close_codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $meaning:literal,
        retry: $retry:literal, is_sent: $is_sent:literal;)*) => {
        $($(#[$doc])* pub const $name: u16 = $number;)*

        /// All of them, which metrics count one by one; a peer may choose among thousands.
        pub const ALL: &[CloseCode] = &[$(CloseCode {
            number: $number,
            name: stringify!($name),
            meaning: $meaning,
            retry: $retry,
            is_sent: $is_sent,
        }),*];
    };
}

close_codes! {
    /// The connection did its work.
    NORMAL = 1000, "The connection was ended", retry: false, is_sent: true;
    /// One end goes away: a page is left, or a server stops.
    GOING_AWAY = 1001, "One end goes away", retry: true, is_sent: true;
    /// The client sent a frame that RFC 6455 forbids.
    PROTOCOL_ERROR = 1002, "A frame violates RFC 6455", retry: false, is_sent: true;
    /// The close frame carried no code; never sent on the wire.
    NO_STATUS = 1005, "The connection was ended without a code", retry: true, is_sent: false;
    /// The connection ended without a close frame; never sent on the wire.
    ABNORMAL = 1006, "The connection broke off", retry: true, is_sent: false;
    /// The client sent text that is not UTF-8.
    INVALID_TEXT = 1007, "A text is not UTF-8", retry: false, is_sent: true;
    /// The client sent a message over the size limit, or one in too many fragments.
    TOO_BIG = 1009, "A message is too large", retry: false, is_sent: true;
    /// The server failed.
    INTERNAL_ERROR = 1011, "An error inside the server", retry: true, is_sent: true;
    /// The client reads too slowly.
    TOO_SLOW = 1013, "The connection was too slow", retry: true, is_sent: true;
    /// The server restarts.
    RESTART = 4000, "The server restarts", retry: true, is_sent: true;
    /// The client sent too many bytes per second.
    BYTE_RATE = 4002, "Too many bytes per second", retry: false, is_sent: true;
    /// The client did not send in time what the protocol expects.
    SILENT = 4004, "The server heard nothing", retry: true, is_sent: true;
    /// The client's network is on a network list.
    NETWORK_REFUSED = 4005, "Nobody is let in from this network", retry: false, is_sent: true;
    /// The client sent too many messages per second.
    MESSAGE_RATE = 4007, "Too many messages per second", retry: false, is_sent: true;
    /// The client's user, address or network is banned from the site.
    BANNED = 4008, "Banned from this site", retry: false, is_sent: true;
    /// The client's user has too many connections.
    TOO_MANY_SOCKETS = 4009, "Too many connections of one user", retry: false, is_sent: true;
}

/// Return the meaning of a code, empty where it has none here.
#[must_use]
pub fn meaning(code: u16) -> &'static str {
    ALL.iter().find(|known| known.number == code).map_or("", |known| known.meaning)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::frame;

    #[test]
    fn the_table_ascends_and_its_meanings_fit_close_frames() {
        assert!(ALL.is_sorted_by(|one, next| one.number < next.number));
        for code in ALL {
            let mut frame = Vec::new();
            frame::append_close(&mut frame, 4000, code.meaning);
            assert!(frame.ends_with(code.meaning.as_bytes()), "{}", code.name);
        }
    }
}

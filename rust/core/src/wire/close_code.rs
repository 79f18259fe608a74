//! Close codes (RFC 6455 section 7.4); codes from 4000 on belong to this protocol.

/// The connection did its work.
pub const NORMAL: u16 = 1000;
/// One end goes away: a page is left, or a server stops.
pub const GOING_AWAY: u16 = 1001;
/// The client sent a frame that RFC 6455 forbids.
pub const PROTOCOL_ERROR: u16 = 1002;
/// The close frame carried no code; never sent on the wire.
pub const NO_STATUS: u16 = 1005;
/// The connection ended without a close frame; never sent on the wire.
pub const ABNORMAL: u16 = 1006;
/// The client sent text that is not UTF-8.
pub const INVALID_TEXT: u16 = 1007;
/// The client sent a message over the size limit, or one in too many fragments.
pub const TOO_BIG: u16 = 1009;
/// The server failed.
pub const INTERNAL_ERROR: u16 = 1011;
/// The client reads too slowly.
pub const TRY_AGAIN_LATER: u16 = 1013;
/// The server restarts.
pub const RESTART: u16 = 4000;
/// The client sent too many bytes per second.
pub const BYTE_RATE: u16 = 4002;
/// The client did not send in time what the protocol expects.
pub const SILENT: u16 = 4004;
/// The client's network is on a network list.
pub const NETWORK_REFUSED: u16 = 4005;
/// The client sent too many messages per second.
pub const MESSAGE_RATE: u16 = 4007;
/// The client's user, address or network is banned from the site.
pub const BANNED: u16 = 4008;
/// The client's user has too many connections.
pub const TOO_MANY_SOCKETS: u16 = 4009;

/// All of them, which metrics count one by one; a peer may choose among thousands.
pub const ALL: [u16; 16] = [
    NORMAL,
    GOING_AWAY,
    PROTOCOL_ERROR,
    NO_STATUS,
    ABNORMAL,
    INVALID_TEXT,
    TOO_BIG,
    INTERNAL_ERROR,
    TRY_AGAIN_LATER,
    RESTART,
    BYTE_RATE,
    SILENT,
    NETWORK_REFUSED,
    MESSAGE_RATE,
    BANNED,
    TOO_MANY_SOCKETS,
];

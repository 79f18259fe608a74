//! Close codes (RFC 6455 section 7.4); codes from 4000 on belong to this protocol.

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
/// The client reads too slowly.
pub const TRY_AGAIN_LATER: u16 = 1013;
/// The client sent too many bytes per second.
pub const BYTE_RATE: u16 = 4002;
/// The client did not send in time what the protocol expects.
pub const SILENT: u16 = 4004;
/// The client sent too many messages per second.
pub const MESSAGE_RATE: u16 = 4007;

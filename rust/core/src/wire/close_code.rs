//! Close codes (RFC 6455 section 7.4; those from 4000 on are this protocol's own).

/// A frame that the protocol forbids.
pub const PROTOCOL_ERROR: u16 = 1002;
/// No code was given; never on the wire.
pub const NO_STATUS: u16 = 1005;
/// The connection ended without a close frame; never on the wire.
pub const ABNORMAL: u16 = 1006;
/// Text that is not UTF-8.
pub const INVALID_TEXT: u16 = 1007;
/// A message over the size limit, or in too many fragments.
pub const TOO_BIG: u16 = 1009;
/// A reader that is too slow.
pub const TRY_AGAIN_LATER: u16 = 1013;
/// Too many bytes per second.
pub const BYTE_RATE: u16 = 4002;
/// A client that does not say what the protocol expects in time.
pub const SILENT: u16 = 4004;
/// Too many messages per second.
pub const MESSAGE_RATE: u16 = 4007;

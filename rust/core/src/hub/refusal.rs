//! Why the hub refuses hot messages.

/// Why a hot message was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The note quota is used up.
    Quota = 0,
    /// Only the holder of the crown may play.
    Solo = 1,
    /// The sender is muted.
    Muted = 2,
    /// The time is asked for too often.
    Time = 3,
    /// Too many bytes come per second; the connection ends.
    Bytes = 4,
    /// Too many messages come per second; the connection ends.
    Messages = 5,
    /// No note of a message was understood.
    Notes = 6,
}

impl Refusal {
    /// How many kinds there are.
    pub const COUNT: usize = 7;

    /// The kind with which it shares its notices: both have one code for clients.
    pub(super) fn notice_kind(self) -> usize {
        match self {
            Self::Time => Self::Quota as usize,
            Self::Messages => Self::Bytes as usize,
            other => other as usize,
        }
    }
}

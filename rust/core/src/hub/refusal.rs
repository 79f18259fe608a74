//! Reasons for refusing hot messages.

/// The reason why a hot message was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The note quota is used up.
    Quota = 0,
    /// Only the holder of the crown may play.
    Solo = 1,
    /// The sender is muted.
    Muted = 2,
    /// The client asks for the time too often.
    Time = 3,
    /// The client sends too many bytes per second; the connection ends.
    Bytes = 4,
    /// The client sends too many messages per second; the connection ends.
    Messages = 5,
    /// The message contains no valid note.
    Notes = 6,
}

impl Refusal {
    /// The number of reasons.
    pub const COUNT: usize = 7;

    /// Return the index of the notice's rate limit: reasons with the same code for clients share one.
    pub(super) fn notice_kind(self) -> usize {
        match self {
            Self::Time => Self::Quota as usize,
            Self::Messages => Self::Bytes as usize,
            other => other as usize,
        }
    }
}

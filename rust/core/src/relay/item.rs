//! The items of a room's stream: what the room's log received, and what changed between.
//!
//! Both are in one sequence, so that an edge finds each of its participants as the home had them there.

use crate::relay::fields::{put_bytes, Fields, Malformed};

const ENTRY: u8 = 0;
const ROSTER: u8 = 1;
const POINTER: u8 = 2;
const POSITION: u8 = 3;
const ADDED: u8 = 4;
const HEAD: u8 = 5;
const FLAGS: u8 = 6;
const REMOVED: u8 = 7;
const PLAYERS: u8 = 8;
const RECORD: u8 = 9;
const LINE: u8 = 10;

/// The bits of an item's first byte that say which kind it is.
const KIND: u8 = 0x0F;
/// The entry may wait for the next flush; see [`Hub::broadcast_soon`](crate::hub::Hub::broadcast_soon).
const SOON: u8 = 0x10;
/// The entry has an origin.
const ORIGIN: u8 = 0x20;

/// No participant, where the number of one is sent.
const NOBODY: u32 = u32::MAX;

/// A stay of a connection at an edge, known by the same numbers at the home.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The node of the edge.
    pub nid: u16,
    /// The edge's number of the stay.
    pub stay: u32,
}

/// A participant as edges know them. Numbers are the home's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Described<'a> {
    /// The home's number of the participant.
    pub number: u32,
    /// Whether the participant's notes are refused.
    pub muted: bool,
    /// Whether the participant is invisible to others.
    pub hidden: bool,
    /// The participant id as JSON.
    pub id: &'a [u8],
    /// The entry of `ppl` without `x`, `y` and the closing brace.
    pub head: &'a [u8],
    /// The horizontal pointer position, as JSON.
    pub x: &'a [u8],
    /// The vertical pointer position, as JSON.
    pub y: &'a [u8],
}

impl<'a> Described<'a> {
    /// Append the participant to a message.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.number.to_le_bytes());
        out.push(flags(self.muted, self.hidden));
        for bytes in [self.id, self.head, self.x, self.y] {
            put_bytes(out, bytes);
        }
    }

    /// Read a participant.
    ///
    /// # Errors
    /// The message is cut.
    pub fn read(fields: &mut Fields<'a>) -> Result<Self, Malformed> {
        let number = fields.u32()?;
        let (muted, hidden) = read_flags(fields)?;
        let (id, head) = (fields.bytes()?, fields.bytes()?);
        Ok(Self { number, muted, hidden, id, head, x: fields.bytes()?, y: fields.bytes()? })
    }
}

/// One item of a stream. Participants have the home's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// A text frame for all members but the one at the origin.
    Entry {
        /// The connection that does not receive the frame.
        origin: Option<Origin>,
        /// Whether the frame may wait for the next flush.
        soon: bool,
        /// The payload.
        payload: &'a [u8],
    },
    /// A text frame with the entries of all participants, which are filled in where it is read.
    Roster {
        /// The JSON before the entries.
        before: &'a [u8],
        /// The JSON after the entries.
        after: &'a [u8],
    },
    /// A pointer position for all but the participant's own connections.
    Pointer {
        /// The participant.
        number: u32,
        /// The horizontal position, as JSON.
        x: &'a [u8],
        /// The vertical position, as JSON.
        y: &'a [u8],
    },
    /// A pointer position that is in the home's entry of `ppl`, and not in its log yet.
    Position {
        /// The participant.
        number: u32,
        /// The horizontal position, as JSON.
        x: &'a [u8],
        /// The vertical position, as JSON.
        y: &'a [u8],
    },
    /// A new participant.
    Added(Described<'a>),
    /// Another entry of `ppl` for a participant.
    Head {
        /// The participant.
        number: u32,
        /// The entry without `x`, `y` and the closing brace.
        head: &'a [u8],
    },
    /// Whether a participant may play, and whether others see it.
    Flags {
        /// The participant.
        number: u32,
        /// Whether the participant's notes are refused.
        muted: bool,
        /// Whether the participant is invisible to others.
        hidden: bool,
    },
    /// A participant that is gone.
    Removed(u32),
    /// The participants that may play.
    Players {
        /// Whether only the holder of the crown may play.
        solo: bool,
        /// The participant that holds the crown.
        holder: Option<u32>,
    },
    /// All that Python knows of the room beside chat, for the next home.
    Record(&'a [u8]),
    /// A line of chat, for the next home; an empty one forgets all lines.
    Line {
        /// How many lines are kept.
        most: u16,
        /// The line.
        line: &'a [u8],
    },
}

fn flags(muted: bool, hidden: bool) -> u8 {
    u8::from(muted) | u8::from(hidden) << 1
}

fn read_flags(fields: &mut Fields<'_>) -> Result<(bool, bool), Malformed> {
    let flags = fields.u8()?;
    Ok((flags & 1 != 0, flags & 2 != 0))
}

/// Append who may play, as in items and snapshots.
pub fn put_players(out: &mut Vec<u8>, solo: bool, holder: Option<u32>) {
    out.push(u8::from(solo));
    out.extend_from_slice(&holder.unwrap_or(NOBODY).to_le_bytes());
}

/// Read who may play.
///
/// # Errors
/// The message is cut.
pub fn read_players(fields: &mut Fields<'_>) -> Result<(bool, Option<u32>), Malformed> {
    let solo = fields.u8()? != 0;
    let holder = fields.u32()?;
    Ok((solo, (holder != NOBODY).then_some(holder)))
}

impl<'a> Item<'a> {
    /// Append the item to a message.
    #[inline]
    pub fn write(&self, out: &mut Vec<u8>) {
        match *self {
            Self::Entry { origin, soon, payload } => {
                out.reserve(payload.len() + 12);
                let soon = if soon { SOON } else { 0 };
                out.push(ENTRY | soon | if origin.is_some() { ORIGIN } else { 0 });
                if let Some(origin) = origin {
                    out.extend_from_slice(&origin.nid.to_le_bytes());
                    out.extend_from_slice(&origin.stay.to_le_bytes());
                }
                put_bytes(out, payload);
            }
            Self::Roster { before, after } => {
                out.push(ROSTER);
                put_bytes(out, before);
                put_bytes(out, after);
            }
            Self::Pointer { number, x, y } => write_position(out, POINTER, number, x, y),
            Self::Position { number, x, y } => write_position(out, POSITION, number, x, y),
            Self::Added(participant) => {
                out.push(ADDED);
                participant.write(out);
            }
            Self::Head { number, head } => {
                write_number(out, HEAD, number);
                put_bytes(out, head);
            }
            Self::Flags { number, muted, hidden } => {
                write_number(out, FLAGS, number);
                out.push(flags(muted, hidden));
            }
            Self::Removed(number) => write_number(out, REMOVED, number),
            Self::Players { solo, holder } => {
                out.push(PLAYERS);
                put_players(out, solo, holder);
            }
            Self::Record(record) => {
                out.push(RECORD);
                put_bytes(out, record);
            }
            Self::Line { most, line } => {
                out.push(LINE);
                out.extend_from_slice(&most.to_le_bytes());
                put_bytes(out, line);
            }
        }
    }

    /// Read an item.
    ///
    /// # Errors
    /// The message is cut, or the item has an unknown kind.
    #[inline]
    pub fn read(fields: &mut Fields<'a>) -> Result<Self, Malformed> {
        let first = fields.u8()?;
        Ok(match first & KIND {
            ENTRY => {
                let origin = match first & ORIGIN {
                    0 => None,
                    _ => Some(Origin { nid: fields.u16()?, stay: fields.u32()? }),
                };
                Self::Entry { origin, soon: first & SOON != 0, payload: fields.bytes()? }
            }
            ROSTER => Self::Roster { before: fields.bytes()?, after: fields.bytes()? },
            POINTER => Self::Pointer { number: fields.u32()?, x: fields.bytes()?, y: fields.bytes()? },
            POSITION => Self::Position { number: fields.u32()?, x: fields.bytes()?, y: fields.bytes()? },
            ADDED => Self::Added(Described::read(fields)?),
            HEAD => Self::Head { number: fields.u32()?, head: fields.bytes()? },
            FLAGS => {
                let number = fields.u32()?;
                let (muted, hidden) = read_flags(fields)?;
                Self::Flags { number, muted, hidden }
            }
            REMOVED => Self::Removed(fields.u32()?),
            PLAYERS => {
                let (solo, holder) = read_players(fields)?;
                Self::Players { solo, holder }
            }
            RECORD => Self::Record(fields.bytes()?),
            LINE => Self::Line { most: fields.u16()?, line: fields.bytes()? },
            _ => return Err("an item has an unknown kind"),
        })
    }
}

fn write_number(out: &mut Vec<u8>, kind: u8, number: u32) {
    out.push(kind);
    out.extend_from_slice(&number.to_le_bytes());
}

fn write_position(out: &mut Vec<u8>, kind: u8, number: u32, x: &[u8], y: &[u8]) {
    write_number(out, kind, number);
    put_bytes(out, x);
    put_bytes(out, y);
}

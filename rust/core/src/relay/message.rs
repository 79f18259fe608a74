//! The messages between nodes.
//!
//! Each begins with the version, its kind, the sender and the sender's number on that channel. Decoding
//! checks the whole message before anything of it is applied, and allocates nothing.

use crate::relay::fields::{put_bytes, put_length, Fields, Malformed};
use crate::relay::item::{put_players, read_players, Described, Item};

/// The version of this format.
const VERSION: u8 = 1;

/// The kinds of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Items of a room's stream.
    Log = 1,
    /// Notes and pointer positions of connections, from an edge to a home.
    Up = 2,
    /// A frame for one connection at an edge.
    Send = 3,
    /// A frame with the entries of a room's participants, for one connection at an edge.
    Participants = 4,
    /// A connection at an edge is in the room.
    Entered = 5,
    /// A connection at an edge is out of its room.
    Left = 6,
    /// A connection at an edge must be closed.
    Close = 7,
    /// All that an edge must know of a room.
    Snapshot = 8,
    /// A message of Python.
    Post = 9,
    /// Notes of a connection at an edge, which the home does not broadcast.
    Refused = 10,
    /// A message of the registry, which has no sender and no number.
    Registry = 100,
}

impl Kind {
    fn of(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Log,
            2 => Self::Up,
            3 => Self::Send,
            4 => Self::Participants,
            5 => Self::Entered,
            6 => Self::Left,
            7 => Self::Close,
            8 => Self::Snapshot,
            9 => Self::Post,
            10 => Self::Refused,
            100 => Self::Registry,
            _ => return None,
        })
    }
}

/// The beginning of each message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The kind of message.
    pub kind: Kind,
    /// The sender.
    pub nid: u16,
    /// The sender's running number on the channel.
    pub seq: u32,
}

impl Header {
    /// Append the header to a message.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[VERSION, self.kind as u8]);
        out.extend_from_slice(&self.nid.to_le_bytes());
        out.extend_from_slice(&self.seq.to_le_bytes());
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self, Malformed> {
        if fields.u8()? != VERSION {
            return Err("the message has an unknown version");
        }
        let kind = Kind::of(fields.u8()?).ok_or("the message has an unknown kind")?;
        Ok(Self { kind, nid: fields.u16()?, seq: fields.u32()? })
    }
}

/// The items of a room's stream in one publication.
#[derive(Clone, Copy, Debug)]
pub struct Log<'a> {
    /// The home's reign.
    pub epoch: u64,
    /// The number of items before the first one.
    pub from: u64,
    /// The sender's time since 1970, µs modulo 2³².
    pub stamp: u32,
    /// The number of items.
    pub count: u32,
    /// The items.
    pub items: Fields<'a>,
}

impl Log<'_> {
    /// Append all but the items, which follow.
    pub fn write_head(out: &mut Vec<u8>, epoch: u64, from: u64, stamp: u32, count: u32) {
        out.extend_from_slice(&epoch.to_le_bytes());
        out.extend_from_slice(&from.to_le_bytes());
        out.extend_from_slice(&stamp.to_le_bytes());
        out.extend_from_slice(&count.to_le_bytes());
    }
}

/// The place of a message about a stay in the stream of its room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The reign of the room's home.
    pub epoch: u64,
    /// The number of items that the home had published before.
    pub position: u64,
    /// The stay of the connection.
    pub stay: u32,
}

impl Place {
    /// Append the place to a message.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.epoch.to_le_bytes());
        out.extend_from_slice(&self.position.to_le_bytes());
        out.extend_from_slice(&self.stay.to_le_bytes());
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self, Malformed> {
        Ok(Self { epoch: fields.u64()?, position: fields.u64()?, stay: fields.u32()? })
    }
}

/// One of the hot messages that connections at an edge have sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Played<'a> {
    /// A finished message with notes.
    Notes {
        /// The number of notes.
        count: u32,
        /// The message.
        payload: &'a [u8],
    },
    /// A pointer position.
    Pointer {
        /// The horizontal position, as JSON.
        x: &'a [u8],
        /// The vertical position, as JSON.
        y: &'a [u8],
    },
}

impl<'a> Played<'a> {
    /// Append the message of a stay.
    pub fn write(&self, out: &mut Vec<u8>, stay: u32) {
        let kind = matches!(self, Self::Pointer { .. });
        out.push(u8::from(kind));
        out.extend_from_slice(&stay.to_le_bytes());
        match *self {
            Self::Notes { count, payload } => {
                put_length(out, count as usize);
                put_bytes(out, payload);
            }
            Self::Pointer { x, y } => {
                put_bytes(out, x);
                put_bytes(out, y);
            }
        }
    }

    /// Read the number of a stay and its message.
    ///
    /// # Errors
    /// The message is cut, or its kind is unknown.
    pub fn read(fields: &mut Fields<'a>) -> Result<(u32, Self), Malformed> {
        let kind = fields.u8()?;
        let stay = fields.u32()?;
        let played = match kind {
            0 => Self::Notes { count: fields.length()?, payload: fields.bytes()? },
            1 => Self::Pointer { x: fields.bytes()?, y: fields.bytes()? },
            _ => return Err("a hot message has an unknown kind"),
        };
        Ok((stay, played))
    }
}

/// All that an edge must know of a room.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot<'a> {
    /// The home's reign.
    pub epoch: u64,
    /// The number of items that the snapshot includes.
    pub position: u64,
    /// Whether only the holder of the crown may play.
    pub solo: bool,
    /// The participant that holds the crown.
    pub holder: Option<u32>,
    /// The number of participants.
    pub count: u32,
    /// The participants, in order.
    pub participants: Fields<'a>,
    /// The record for the next home; see [`Item::Record`].
    pub record: &'a [u8],
    /// The number of lines of chat.
    pub line_count: u32,
    /// The lines of chat, oldest first.
    pub lines: Fields<'a>,
}

impl Snapshot<'_> {
    /// Append all but participants and records, which follow.
    pub fn write_head(
        out: &mut Vec<u8>,
        epoch: u64,
        position: u64,
        (solo, holder): (bool, Option<u32>),
        count: u32,
    ) {
        out.extend_from_slice(&epoch.to_le_bytes());
        out.extend_from_slice(&position.to_le_bytes());
        put_players(out, solo, holder);
        out.extend_from_slice(&count.to_le_bytes());
    }
}

/// The content of a message.
#[derive(Clone, Copy, Debug)]
pub enum Content<'a> {
    /// See [`Kind::Log`].
    Log(Log<'a>),
    /// See [`Kind::Up`]; each one as [`Played::read`] reads it.
    Up(Fields<'a>),
    /// See [`Kind::Send`].
    Send {
        /// The stay of the connection.
        stay: u32,
        /// The opcode of the frame.
        opcode: u8,
        /// The payload of the frame.
        payload: &'a [u8],
    },
    /// See [`Kind::Participants`].
    Participants {
        /// The stay, and where its room is.
        place: Place,
        /// Whether hidden participants are included.
        sees_all: bool,
        /// The JSON before the entries.
        before: &'a [u8],
        /// The JSON after the entries.
        after: &'a [u8],
    },
    /// See [`Kind::Entered`].
    Entered {
        /// The stay, and where its room is.
        place: Place,
        /// The home's number of the participant.
        participant: u32,
    },
    /// See [`Kind::Left`].
    Left(Place),
    /// See [`Kind::Close`].
    Close {
        /// The stay of the connection.
        stay: u32,
        /// The close code.
        code: u16,
        /// The reason.
        reason: &'a str,
    },
    /// See [`Kind::Snapshot`].
    Snapshot(Snapshot<'a>),
    /// See [`Kind::Post`].
    Post(&'a [u8]),
    /// See [`Kind::Refused`].
    Refused {
        /// The stay of the connection.
        stay: u32,
        /// The message with the notes.
        payload: &'a [u8],
    },
    /// See [`Kind::Registry`].
    Registry(&'a [u8]),
}

/// Read a whole message.
///
/// # Errors
/// The reason why the bytes are no message.
pub fn decode(message: &[u8]) -> Result<(Header, Content<'_>), Malformed> {
    let mut fields = Fields::new(message);
    let header = Header::read(&mut fields)?;
    let content = match header.kind {
        Kind::Registry => return Ok((header, Content::Registry(fields.rest()))),
        Kind::Post => Content::Post(fields.bytes()?),
        Kind::Refused => Content::Refused { stay: fields.u32()?, payload: fields.bytes()? },
        Kind::Send => {
            Content::Send { stay: fields.u32()?, opcode: fields.u8()? & 0x0F, payload: fields.bytes()? }
        }
        Kind::Close => {
            let (stay, code) = (fields.u32()?, fields.u16()?);
            let reason = std::str::from_utf8(fields.bytes()?).map_err(|_| "a reason is no text")?;
            Content::Close { stay, code, reason }
        }
        Kind::Log => Content::Log(read_log(&mut fields)?),
        Kind::Up => Content::Up(read_up(&mut fields)?),
        Kind::Snapshot => Content::Snapshot(read_snapshot(&mut fields)?),
        Kind::Participants => Content::Participants {
            place: Place::read(&mut fields)?,
            sees_all: fields.u8()? != 0,
            before: fields.bytes()?,
            after: fields.bytes()?,
        },
        Kind::Entered => Content::Entered { place: Place::read(&mut fields)?, participant: fields.u32()? },
        Kind::Left => Content::Left(Place::read(&mut fields)?),
    };
    if fields.is_empty() {
        Ok((header, content))
    } else {
        Err("something follows the message")
    }
}

fn read_log<'a>(fields: &mut Fields<'a>) -> Result<Log<'a>, Malformed> {
    let (epoch, from, stamp) = (fields.u64()?, fields.u64()?, fields.u32()?);
    let count = fields.u32()?;
    let items = *fields;
    for _ in 0..count {
        Item::read(fields)?;
    }
    from.checked_add(count.into()).ok_or("a position is too large")?;
    Ok(Log { epoch, from, stamp, count, items })
}

fn read_up<'a>(fields: &mut Fields<'a>) -> Result<Fields<'a>, Malformed> {
    let count = fields.u32()?;
    let played = *fields;
    for _ in 0..count {
        Played::read(fields)?;
    }
    Ok(played)
}

fn read_snapshot<'a>(fields: &mut Fields<'a>) -> Result<Snapshot<'a>, Malformed> {
    let (epoch, position) = (fields.u64()?, fields.u64()?);
    let (solo, holder) = read_players(fields)?;
    let count = fields.u32()?;
    let participants = *fields;
    for _ in 0..count {
        Described::read(fields)?;
    }
    let (record, line_count) = (fields.bytes()?, fields.u32()?);
    let lines = *fields;
    for _ in 0..line_count {
        fields.bytes()?;
    }
    Ok(Snapshot { epoch, position, solo, holder, count, participants, record, line_count, lines })
}

//! The fields that messages between nodes consist of: little-endian numbers, and bytes with their length.

/// The reason why a message is not one.
pub type Malformed = &'static str;

const CUT: Malformed = "the message is cut";

/// Append a length in as many bytes as it needs, seven bits each.
pub fn put_length(out: &mut Vec<u8>, length: usize) {
    let mut rest = length;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Append bytes behind their length.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_length(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// The unread rest of a message.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Begin to read at the first byte.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Return whether nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Return all that is left.
    #[must_use]
    pub fn rest(self) -> &'a [u8] {
        self.rest
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (first, rest) = self.rest.split_first_chunk::<N>().ok_or(CUT)?;
        self.rest = rest;
        Ok(*first)
    }

    /// Read one byte.
    ///
    /// # Errors
    /// The message is cut, as for all methods of this type.
    pub fn u8(&mut self) -> Result<u8, Malformed> {
        self.array().map(u8::from_le_bytes)
    }

    /// Read two bytes.
    ///
    /// # Errors
    /// The message is cut.
    pub fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_le_bytes)
    }

    /// Read four bytes.
    ///
    /// # Errors
    /// The message is cut.
    pub fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_le_bytes)
    }

    /// Read eight bytes.
    ///
    /// # Errors
    /// The message is cut.
    pub fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_le_bytes)
    }

    /// Read a length, or another number that is mostly small.
    ///
    /// # Errors
    /// The message is cut, or the number has more than 32 bits.
    pub fn length(&mut self) -> Result<u32, Malformed> {
        let mut value = 0_u64;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.u8()?;
            value |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return u32::try_from(value).map_err(|_| "a length is too large");
            }
        }
        Err("a length is too large")
    }

    /// Read bytes behind their length.
    ///
    /// # Errors
    /// The message is cut.
    pub fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.length()? as usize;
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(CUT)?;
        self.rest = rest;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_survive() {
        for length in [0, 1, 127, 128, 16_383, 16_384, 70_000, u32::MAX as usize] {
            let mut bytes = Vec::new();
            put_length(&mut bytes, length);
            let mut fields = Fields::new(&bytes);
            assert_eq!(fields.length().map(|it| it as usize), Ok(length));
            assert!(fields.is_empty());
        }
        assert!(Fields::new(&[0xFF; 5]).length().is_err());
        assert!(Fields::new(&[0x80, 0x80, 0x80, 0x80, 0x10]).length().is_err());
    }

    #[test]
    fn bytes_beyond_the_end_are_an_error() {
        assert_eq!(Fields::new(&[3, 1, 2]).bytes(), Err(CUT));
        assert_eq!(Fields::new(&[2, 1, 2]).bytes(), Ok(&[1, 2][..]));
        assert_eq!(Fields::new(&[1, 2, 3]).u32(), Err(CUT));
    }
}

//! A cursor over bytes of a protocol: each step takes some from the front, or says that there are too few.

/// What is still to be read.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// The next `length` bytes.
    pub fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// As many of the next bytes as an array has.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    /// The next byte.
    pub fn u8(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    /// Two bytes in network order.
    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// Four bytes in network order.
    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// Two bytes, the least first.
    pub fn u16_le(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    /// Four bytes, the least first.
    pub fn u32_le(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_takes_what_it_says_or_nothing() {
        let mut reader = Reader(b"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e");
        assert_eq!((reader.u8(), reader.u16()), (Some(1), Some(0x0203)));
        assert_eq!((reader.u32(), reader.u16_le()), (Some(0x0405_0607), Some(0x0908)));
        assert_eq!(reader.u32_le(), Some(0x0d0c_0b0a));
        assert_eq!((reader.u16(), reader.bytes(2), reader.0), (None, None, &b"\x0e"[..]));
        assert_eq!((reader.bytes(1), reader.bytes(0)), (Some(&b"\x0e"[..]), Some(&b""[..])));
        assert_eq!((reader.u8(), reader.array::<0>()), (None, Some([])));
    }
}

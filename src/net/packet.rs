//! A TLS handshake within the packets of TDS, as SQL Server has it ([MS-TDS] sections 2.2.3.1 and 2.2.6.5):
//! what comes behind the handshake stands in TLS alone.

use std::io::{self, Read, Write};

/// A packet's head: PRELOGIN, a status, a length in two bytes, and four that mean nothing here.
const HEAD: usize = 8;
const PRELOGIN: u8 = 0x12;

/// The largest packet before another size is agreed on.
const LARGEST: usize = 4096;

/// Reads some of a packet, of which `left` bytes are still to come, or of the next one; and says how
/// many are to come then.
pub(super) fn read(
    socket: &mut dyn Read,
    mut left: usize,
    buffer: &mut [u8],
) -> io::Result<(usize, usize)> {
    if left == 0 {
        let mut head = [0; HEAD];
        // The end in front of a packet is the end.
        if socket.read(head.get_mut(..1).unwrap_or_default())? == 0 {
            return Ok((0, 0));
        }
        socket.read_exact(head.get_mut(1..).unwrap_or_default())?;
        let [_, _, high, low, ..] = head;
        // An empty one is no end: no handshake has one.
        left = usize::from(u16::from_be_bytes([high, low]))
            .checked_sub(HEAD)
            .filter(|left| *left > 0)
            .ok_or(io::ErrorKind::InvalidData)?;
    }
    let most = left.min(buffer.len());
    let read = socket.read(buffer.get_mut(..most).unwrap_or_default())?;
    Ok((read, left - read))
}

/// Writes a packet with as much of `bytes` as fits.
pub(super) fn write(socket: &mut dyn Write, bytes: &[u8]) -> io::Result<usize> {
    let most = bytes.len().min(LARGEST - HEAD);
    let [.., high, low] = (most + HEAD).to_be_bytes();
    // The last of its message, or not.
    let head = [PRELOGIN, u8::from(most == bytes.len()), high, low, 0, 0, 0, 0];
    socket.write_all(&[&head, bytes.get(..most).unwrap_or_default()].concat())?;
    Ok(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read of `bytes`, three at a time, until the end.
    fn unpacked(mut bytes: &[u8]) -> io::Result<Vec<u8>> {
        let (mut all, mut left) = (Vec::new(), 0);
        loop {
            let mut buffer = [0; 3];
            let (read, more) = super::read(&mut bytes, left, &mut buffer)?;
            if read == 0 {
                return Ok(all);
            }
            all.extend_from_slice(&buffer[..read]);
            left = more;
        }
    }

    #[test]
    fn what_is_packed_is_what_comes_out() {
        for length in [1, 100, LARGEST - HEAD, LARGEST, 10_000] {
            let bytes: Vec<u8> = (0..length).map(|i| i.to_le_bytes()[0]).collect();
            let (mut packed, mut written) = (Vec::new(), 0);
            while written < length {
                written += write(&mut packed, &bytes[written..]).expect("memory");
            }
            assert_eq!(packed.len(), length + length.div_ceil(LARGEST - HEAD) * HEAD);
            assert_eq!(unpacked(&packed).expect("whole"), bytes, "{length}");
        }
        let (mut one, mut two) = (Vec::new(), Vec::new());
        write(&mut one, b"hello").expect("memory");
        assert_eq!(one, b"\x12\x01\0\x0d\0\0\0\0hello");
        write(&mut two, &[0; 5000]).expect("memory");
        assert_eq!(two[..4], [0x12, 0, 0x10, 0]);
    }

    #[test]
    fn packets_that_are_none() {
        assert_eq!(unpacked(b"").expect("an end"), b"");
        for wrong in
            [&b"\x12\x01\0\x0d\0\0\0"[..], b"\x12\x01\0\x08\0\0\0\0", b"\x12\x01\0\x07\0\0\0\0x"]
        {
            assert!(unpacked(wrong).is_err(), "{wrong:?}");
        }
    }
}

//! The socket below a stream; and a TLS handshake within the packets of TDS, as SQL Server has it ([MS-TDS]
//! sections 2.2.3.1 and 2.2.6.5): what comes behind the handshake stands in TLS alone.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};

use rustix::buffer::spare_capacity;
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use crate::attempt::Attempt;
use crate::deadline::Deadline;

/// A non-blocking socket that waits no longer than its attempt allows.
///
/// Its [`io::Read`] and [`io::Write`] never say `WouldBlock`; at the deadline they say `TimedOut`.
#[derive(Debug)]
pub struct Socket<'w> {
    pub(super) fd: OwnedFd,
    pub(super) attempt: &'w Attempt<'w>,
    /// When reading is given up; the attempt's own deadline, or sooner.
    pub(super) until: Deadline,
    /// Between two peers that pack a handshake: how much of the present packet is still to be read.
    pub(super) packed: Option<usize>,
}

/// As much room there is for what comes next.
const ROOM: usize = 8192;

impl Socket<'_> {
    /// Waits, then reads by `recv`: an answer is hardly ever there already.
    fn receive(
        &mut self,
        mut recv: impl FnMut(&OwnedFd) -> Result<usize, Errno>,
    ) -> io::Result<usize> {
        loop {
            self.attempt.wait(self.fd.as_fd(), PollFlags::IN, self.until)?;
            match recv(&self.fd) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                end => return end.map_err(io::Error::from),
            }
        }
    }

    /// Appends to `inbox` what comes next; 0 at the end. The room for it is not filled with zeros
    /// first: 1,000 instructions.
    pub(super) fn append(&mut self, inbox: &mut Vec<u8>) -> io::Result<usize> {
        inbox.reserve(ROOM);
        self.receive(|fd| Ok(recv(fd, spare_capacity(inbox), RecvFlags::empty())?.1))
    }
}

impl io::Read for Socket<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let (true, Some(left)) = (cfg!(feature = "tls"), self.packed.take()) {
            let (read, left) = read(self, left, buffer)?;
            self.packed = Some(left);
            return Ok(read);
        }
        self.receive(|fd| Ok(recv(fd, &mut *buffer, RecvFlags::empty())?.1))
    }
}

impl io::Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let (true, Some(left)) = (cfg!(feature = "tls"), self.packed.take()) {
            let written = write(self, bytes)?;
            self.packed = Some(left);
            return Ok(written);
        }
        loop {
            match send(&self.fd, bytes, SendFlags::NOSIGNAL) {
                Ok(n) => return Ok(n),
                Err(Errno::AGAIN) => {
                    self.attempt.wait(self.fd.as_fd(), PollFlags::OUT, self.until)?
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A packet's head: PRELOGIN, a status, a length in two bytes, and four that mean nothing here.
const HEAD: usize = 8;
const PRELOGIN: u8 = 0x12;

/// The largest packet before another size is agreed on.
const LARGEST: usize = 4096;

/// Reads some of a packet, of which `left` bytes are still to come, or of the next one; and says how
/// many are to come then.
fn read(socket: &mut dyn Read, mut left: usize, buffer: &mut [u8]) -> io::Result<(usize, usize)> {
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
fn write(socket: &mut dyn Write, bytes: &[u8]) -> io::Result<usize> {
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

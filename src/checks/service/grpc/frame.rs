//! HTTP/2 frames (RFC 9113): as many as one call over one stream needs.

use crate::net::conversation::Decoded;
use crate::text::parts;
use crate::wire::Reader;

/// The only stream we open; the client's are odd (section 5.1.1).
pub const CALL: u32 = 1;

/// The client's preface (section 3.4); a SETTINGS frame follows it.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The largest payload, since our SETTINGS do not allow more (section 4.2).
pub const PAYLOAD: usize = 16_384;

/// The types of section 6. Others are skipped (section 4.1).
pub mod kind {
    #![allow(missing_docs, reason = "the names of RFC 9113")]
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PUSH_PROMISE: u8 = 5;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}

/// The names of the types, by number.
const KINDS: &str = "DATA HEADERS PRIORITY RST_STREAM SETTINGS PUSH_PROMISE PING GOAWAY \
     WINDOW_UPDATE CONTINUATION";

/// The flags of section 6 that matter here; ACK and END_STREAM share a bit.
pub mod flags {
    #![allow(missing_docs, reason = "the names of RFC 9113")]
    pub const ACK: u8 = 0x1;
    pub const END_STREAM: u8 = 0x1;
    pub const END_HEADERS: u8 = 0x4;
    pub const PADDED: u8 = 0x8;
    pub const PRIORITY: u8 = 0x20;
}

/// The names of error codes, by number (section 7).
pub const ERRORS: &str = "NO_ERROR PROTOCOL_ERROR INTERNAL_ERROR FLOW_CONTROL_ERROR \
     SETTINGS_TIMEOUT STREAM_CLOSED FRAME_SIZE_ERROR REFUSED_STREAM CANCEL COMPRESSION_ERROR \
     CONNECT_ERROR ENHANCE_YOUR_CALM INADEQUATE_SECURITY HTTP_1_1_REQUIRED";

/// A frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What it is: one of [`kind`], or another.
    pub kind: u8,
    /// What its type makes of them.
    pub flags: u8,
    /// The stream it belongs to; 0: the connection.
    pub stream: u32,
    /// Padding and priority included.
    pub payload: Vec<u8>,
}

impl Frame {
    /// Reads one frame (section 4.1). What could never become one is refused at its first byte: no
    /// frame allowed here is of 64 KiB or more, and every greeting in text starts with a letter.
    pub fn parse(bytes: &[u8]) -> Decoded<Self> {
        if !matches!(bytes, [] | [0, ..]) {
            return Err("that is no gRPC".into());
        }
        let mut reader = Reader(bytes);
        let (_, length, kind) = (reader.u8(), reader.u16(), reader.array());
        let (Some(length), Some([kind, flags]), Some(stream)) = (length, kind, reader.u32()) else {
            return Ok(None);
        };
        let length = usize::from(length);
        // The first bit is reserved.
        let stream = stream & 0x7fff_ffff;
        if !fits(kind, flags, stream, length) {
            let kind = name(KINDS, u64::from(kind)).unwrap_or("further");
            return Err(format!(
                "a {kind} frame of {length} bytes on stream {stream}, which RFC 9113 forbids"
            )
            .into());
        }
        let payload = reader.bytes(length).map(<[u8]>::to_vec);
        Ok(payload.map(|payload| (Self { kind, flags, stream, payload }, length + 9)))
    }

    /// Whether `flag` is set.
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The payload of DATA and HEADERS without padding and priority (sections 6.1 and 6.2); `None`
    /// when it is shorter than these.
    pub fn content(&self) -> Option<&[u8]> {
        let mut content = self.payload.as_slice();
        let mut padding = 0;
        if self.has(flags::PADDED) {
            let (length, rest) = content.split_first()?;
            (padding, content) = (usize::from(*length), rest);
        }
        if self.kind == kind::HEADERS && self.has(flags::PRIORITY) {
            content = content.get(5..)?;
        }
        content.get(..content.len().checked_sub(padding)?)
    }

    /// The number at `at` of the payload: error codes and last streams.
    pub fn number(&self, at: usize) -> u32 {
        let number = self.payload.get(at..).and_then(|rest| Reader(rest).u32());
        number.unwrap_or_default()
    }
}

/// The rules of section 6 about streams and sizes; nothing is allocated before they hold.
fn fits(kind: u8, flags: u8, stream: u32, length: usize) -> bool {
    let of_the_call = stream == CALL;
    length <= PAYLOAD
        && match kind {
            kind::DATA | kind::HEADERS | kind::CONTINUATION => of_the_call,
            kind::RST_STREAM => of_the_call && length == 4,
            kind::SETTINGS if flags & flags::ACK != 0 => stream == 0 && length == 0,
            kind::SETTINGS => stream == 0 && length.is_multiple_of(6),
            kind::PING => stream == 0 && length == 8,
            kind::GOAWAY => stream == 0 && length >= 8,
            kind::WINDOW_UPDATE => length == 4,
            _ => true,
        }
}

/// Appends a frame; `payload` is at most [`PAYLOAD`] long.
pub fn write(kind: u8, flags: u8, stream: u32, payload: &[u8], out: &mut Vec<u8>) {
    let [.., high, low] = payload.len().to_be_bytes();
    let [a, b, c, d] = stream.to_be_bytes();
    out.extend_from_slice(&[0, high, low, kind, flags, a, b, c, d]);
    out.extend_from_slice(payload);
}

/// The name at place `number` of `names`.
pub fn name(names: &'static str, number: u64) -> Option<&'static str> {
    parts(names, b' ').nth(usize::try_from(number).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Frame {
        Frame { kind, flags, stream: CALL, payload: payload.to_vec() }
    }

    #[test]
    fn frames_are_read_as_they_are_written() {
        for (kind, stream, length) in [
            (kind::DATA, CALL, 3),
            (kind::HEADERS, CALL, 3),
            (2, 7, 5),
            (kind::RST_STREAM, CALL, 4),
            (kind::SETTINGS, 0, 6),
            (kind::PUSH_PROMISE, CALL, 4),
            (kind::PING, 0, 8),
            (kind::GOAWAY, 0, 9),
            (kind::WINDOW_UPDATE, CALL, 4),
            (kind::CONTINUATION, CALL, 3),
            (0xfa, 9, 1),
        ] {
            let payload = vec![7; length];
            let mut bytes = Vec::new();
            write(kind, 0x20, stream, &payload, &mut bytes);
            let want = Frame { kind, flags: 0x20, stream, payload };
            assert_eq!(Frame::parse(&bytes), Ok(Some((want, bytes.len()))));
            for end in 0..bytes.len() {
                assert_eq!(Frame::parse(&bytes[..end]), Ok(None), "{kind} {end}");
            }
        }
    }

    #[test]
    fn the_reserved_bit_is_ignored_and_unknown_types_pass() {
        let (frame, length) = Frame::parse(b"\0\0\x01\xfa\xff\xff\xff\xff\xffxy").unwrap().unwrap();
        assert_eq!((frame.kind, frame.stream, length), (0xfa, 0x7fff_ffff, 10));
    }

    #[test]
    fn what_is_no_frame_is_refused_at_once() {
        for (bytes, want) in [
            (&b"+"[..], "that is no gRPC"),
            (b"HTTP/1.1 400", "that is no gRPC"),
            (b"\x7f\xff\xff\x04\0\0\0\0\0", "that is no gRPC"),
            (
                b"\0\x40\x01\0\0\0\0\0\x01",
                "a DATA frame of 16385 bytes on stream 1, which RFC 9113 forbids",
            ),
            (
                b"\0\xff\xff\xfa\0\0\0\0\0",
                "a further frame of 65535 bytes on stream 0, which RFC 9113 forbids",
            ),
            (
                b"\0\0\0\0\0\0\0\0\x03",
                "a DATA frame of 0 bytes on stream 3, which RFC 9113 forbids",
            ),
            (
                b"\0\0\0\x01\0\0\0\0\0",
                "a HEADERS frame of 0 bytes on stream 0, which RFC 9113 forbids",
            ),
            (
                b"\0\0\0\x04\0\0\0\0\x01",
                "a SETTINGS frame of 0 bytes on stream 1, which RFC 9113 forbids",
            ),
            (
                b"\0\0\0\x09\0\0\0\0\x02",
                "a CONTINUATION frame of 0 bytes on stream 2, which RFC 9113 forbids",
            ),
            (
                b"\0\0\x07\x06\0\0\0\0\0",
                "a PING frame of 7 bytes on stream 0, which RFC 9113 forbids",
            ),
            (
                b"\0\0\x06\x04\x01\0\0\0\0",
                "a SETTINGS frame of 6 bytes on stream 0, which RFC 9113 forbids",
            ),
            (
                b"\0\0\x01\x04\0\0\0\0\0",
                "a SETTINGS frame of 1 bytes on stream 0, which RFC 9113 forbids",
            ),
            (
                b"\0\0\0\x03\0\0\0\0\x01",
                "a RST_STREAM frame of 0 bytes on stream 1, which RFC 9113 forbids",
            ),
            (
                b"\0\0\x01\x07\0\0\0\0\0",
                "a GOAWAY frame of 1 bytes on stream 0, which RFC 9113 forbids",
            ),
            (
                b"\0\0\0\x08\0\0\0\0\0",
                "a WINDOW_UPDATE frame of 0 bytes on stream 0, which RFC 9113 forbids",
            ),
        ] {
            assert_eq!(Frame::parse(bytes), Err(want.into()));
        }
    }

    #[test]
    fn padding_and_priority_are_taken_off() {
        let padded = flags::PADDED | flags::PRIORITY;
        for (frame, want) in [
            (frame(kind::DATA, 0, b"ab"), Some(&b"ab"[..])),
            (frame(kind::DATA, flags::PADDED, b"\x02ab\0\0"), Some(b"ab")),
            (frame(kind::DATA, flags::PADDED, b"\x02\0\0"), Some(b"")),
            // Of DATA the bit means nothing.
            (frame(kind::DATA, flags::PRIORITY, b"ab"), Some(b"ab")),
            (frame(kind::HEADERS, flags::PRIORITY, b"12345ab"), Some(b"ab")),
            (frame(kind::HEADERS, padded, b"\x0112345ab\0"), Some(b"ab")),
            (frame(kind::HEADERS, padded, b"\x0312345ab"), None),
            (frame(kind::DATA, flags::PADDED, b"\x01"), None),
            (frame(kind::DATA, flags::PADDED, b""), None),
            (frame(kind::HEADERS, flags::PRIORITY, b"1234"), None),
        ] {
            assert_eq!(frame.content(), want, "{frame:?}");
        }
    }
}

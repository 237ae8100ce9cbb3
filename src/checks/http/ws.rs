//! `ws://`, `wss://`: what the upgrade of a request to WebSocket needs, and the closing handshake (RFC 6455).

use hmac_sha1_compact::Hash;

use crate::net::conversation::{Conversation, Decoded};
use crate::net::unpredictable;
use crate::text::base64;
use crate::verdict::{Failure, Healthy, Verdict, quote};
use crate::wire::Reader;

/// A close frame, by its opcode (section 11.8).
const CLOSE: u8 = 8;

/// Sixteen bytes that nobody can guess (section 4.1).
pub(super) fn key() -> String {
    let bits = u128::from(unpredictable()) << 64 | u128::from(unpredictable());
    base64(&bits.to_ne_bytes())
}

/// What a server answers to `key` (section 4.2.2). SHA-1 protects nothing here: it shows that
/// the server speaks this protocol.
pub fn accept(key: &str) -> String {
    base64(&Hash::hash([key, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"].concat().as_bytes()))
}

/// The closing handshake (section 7): what the server sends is read past, up to its close frame.
pub(super) fn close(mut talk: Conversation<'_>) -> Verdict {
    const WHAT: &str = "the close frame of a WebSocket"; // not a verdict: part of one
    let [a, b, c, d, ..] = unpredictable().to_ne_bytes();
    // 1000, a normal closure, masked as a client's frames are (section 5.3). Whether it arrives shows
    // in what comes back.
    let _ = talk.send(&[0x80 | CLOSE, 0x80 | 2, a, b, c, d, a ^ 3, b ^ 0xe8]);
    let mut rest = 0;
    let code = loop {
        match talk.receive(WHAT, |bytes| frame(bytes, rest))? {
            Frame::Rest(left) => rest = left,
            Frame::Close(code) => break code,
        }
    };
    // Nothing is sent behind a close frame: all that is left is the reason, which comes with it.
    let why = quote(talk.unread());
    talk.close();
    let got = ["closed with ", &code.to_string()].concat(); // not a verdict: part of one
    match code {
        1000 | 1005 | 1008 | 3000..=4999 => {
            let colon = if why.is_empty() { "" } else { ": " };
            Healthy::saw(["a WebSocket, ", &got, colon, &why].concat())
        }
        _ => Err(Failure::mismatch("WebSocket", &got, "1000").with(&why)),
    }
}

/// What was read of a server's frames.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    /// So many bytes of the present frame are still to be read past.
    Rest(u64),
    /// The status of a close frame, 1005 where it has none (section 7.1.5); the reason stands behind it.
    Close(u16),
}

/// Some of a server's frames (section 5.2), of the present one of which `rest` bytes are left. Their
/// payloads are not kept: a server may send much before it closes.
pub fn frame(bytes: &[u8], rest: u64) -> Decoded<Frame> {
    const NO_FRAME: &str = "that is no frame of a WebSocket server";
    if rest > 0 {
        let n = usize::try_from(rest).unwrap_or(usize::MAX).min(bytes.len());
        return Ok((n > 0).then_some((Frame::Rest(rest - n as u64), n)));
    }
    let mut reader = Reader(bytes);
    let Some([first, second]) = reader.array() else { return Ok(None) };
    let opcode = first & 0x0f;
    // A control frame comes in one piece and is short (section 5.5).
    let whole = opcode < CLOSE || first & 0x80 != 0 && second < 126;
    // No extension was agreed on, and a server masks nothing.
    if first & 0x70 != 0 || matches!(opcode, 3..=7 | 11..) || !whole || second & 0x80 != 0 {
        return Err(NO_FRAME.into());
    }
    let length = match second {
        127 => reader.array().map(u64::from_be_bytes),
        126 => reader.u16().map(u64::from),
        length => Some(length.into()),
    };
    let Some(length) = length else { return Ok(None) };
    if opcode != CLOSE {
        return Ok(Some((Frame::Rest(length), bytes.len() - reader.0.len())));
    }
    match second {
        0 => Ok(Some((Frame::Close(1005), 2))),
        1 => Err(NO_FRAME.into()),
        _ => Ok(reader.u16().map(|code| (Frame::Close(code), 4))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_the_key_of_the_rfc() {
        // Section 1.3.
        assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!((key().len(), key() == key()), (24, false));
    }

    #[test]
    fn frames() {
        let close = |code| Ok(Some((Frame::Close(code), 4)));
        assert_eq!(frame(b"\x88\x02\x03\xe8", 0), close(1000));
        assert_eq!(frame(b"\x88\x06\x03\xf3down", 0), close(1011));
        assert_eq!(frame(b"\x88\0", 0), Ok(Some((Frame::Close(1005), 2))));
        let rest = |rest, used| Ok(Some((Frame::Rest(rest), used)));
        assert_eq!(frame(b"\x81\x05hello", 0), rest(5, 2));
        assert_eq!(frame(b"hello", 5), rest(0, 5));
        assert_eq!(frame(b"hel", 5), rest(2, 3));
        assert_eq!(frame(b"hello\x88", 5), rest(0, 5));
        assert_eq!(frame(b"", 5), Ok(None));
        assert_eq!(frame(b"\x02\x7e\x01\0x", 0), rest(256, 4));
        assert_eq!(frame(b"\x80\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", 0), rest(u64::MAX >> 1, 10));
        assert_eq!(frame(b"\x89\x01x", 0), rest(1, 2));
        for short in
            [&b""[..], b"\x88", b"\x88\x02\x03", b"\x81\x7e\x01", b"\x81\x7f\0\0\0\0\0\0\0"]
        {
            assert_eq!(frame(short, 0), Ok(None), "{short:?}");
        }
        for wrong in [
            // A reserved bit, a reserved opcode, a mask, a close frame in pieces, half a code, a long one.
            &b"\xc1\x05"[..],
            b"\x83\0",
            b"\x8b\0",
            b"\x81\x85\0\0\0\0",
            b"\x08\x02\x03\xe8",
            b"\x88\x01\x03",
            b"\x88\x7e\x01\0",
            b"HTTP/1.1 400",
        ] {
            let said = frame(wrong, 0);
            assert_eq!(said, Err("that is no frame of a WebSocket server".into()), "{wrong:?}");
        }
    }
}

//! Whether a server that said nothing to plain text answers TLS: a look, not a handshake.

use std::time::Duration;

use super::stream::Stream;
use crate::deadline::Deadline;
use crate::verdict::Failure;

/// A ClientHello of TLS 1.2 with one cipher suite (RFC 5246 section 7.4.1.2). Whoever speaks TLS
/// answers it with a handshake record or with an alert, even where it would not agree to it. The
/// random bytes keep no secret: the connection ends here.
const HELLO: &[u8; 50] = b"\x16\x03\x01\0\x2d\x01\0\0\x29\x03\x03\
    healthcheck looks who is there..\0\0\x02\xc0\x2f\x01\0";

/// How long a server that said nothing to plain text has for an answer to TLS.
const SECOND_LOOK: Duration = Duration::from_millis(200);

/// Says hello over a fresh connection; whether a record of TLS comes back in time.
pub fn is_answered(opened: Result<Stream<'_>, Failure>) -> bool {
    let Ok(mut stream) = opened else { return false };
    let until = Deadline::after(SECOND_LOOK).min(stream.attempt().deadline());
    let mut answer = Vec::new();
    let answered = stream.write(HELLO).is_ok()
        && stream.read_until(&mut answer, until).is_ok()
        && matches!(*answer, [0x15 | 0x16, 3, _, ..]);
    stream.close();
    answered
}

#[cfg(test)]
mod tests {
    use super::HELLO;

    #[test]
    fn lengths_are_those_of_what_follows() {
        assert_eq!(usize::from(HELLO[4]) + 5, HELLO.len());
        assert_eq!(usize::from(HELLO[8]) + 9, HELLO.len());
        assert_eq!(HELLO[11..43].len(), 32);
    }
}

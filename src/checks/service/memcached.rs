//! `memcached://`: `version` answers VERSION (memcached's doc/protocol.txt); where only the binary
//! protocol is spoken, as with SASL, its own version (doc/protocol-binary.txt).

use super::{answered, ask, line, once, open};
use crate::attempt::Attempt;
use crate::checks::Check;
use crate::input::{Options, Target, Usage};
use crate::net::Peer;
use crate::net::conversation::{Decoded, claimed};
use crate::verdict::{Failure, Healthy, Verdict, quote};
use crate::wire::Reader;

/// A memcached server.
#[derive(Debug)]
pub struct Memcached(Box<Peer>);

impl Check for Memcached {
    /// Takes what the peer takes.
    fn parse(target: &Target, options: &mut Options<'_>) -> Result<Self, Usage> {
        Ok(Self(Peer::parse(target, options)?))
    }

    /// Asks for the version, and says goodbye with it: in the text protocol, and where that is hung
    /// up on, in the binary one.
    fn run(&self, attempt: &Attempt<'_>) -> Verdict {
        /// 24 bytes, which is the head of a binary request: with fewer of them, a server that reads
        /// no text would wait for more before it sees that they are none.
        const TEXT: &[u8] = b"version\r\nversion\r\nquit\r\n";
        let mut talk = open(&self.0, attempt)?;
        let answer = ask(&mut talk, TEXT, "an answer of memcached", &reply);
        let refused = answer.is_err() && talk.is_mute();
        talk.close();
        let answer = match answer {
            // Where that brings no answer either, the first one's absence is told of.
            Err(failure) if refused => binary(&self.0, attempt).map_err(|_| failure)?,
            answer => answer?,
        };
        match answer.as_str() {
            // With `-Y FILE`, before a user has shown a password: a server that asks is up.
            "CLIENT_ERROR unauthenticated" => Healthy::saw("up, wants a password"), // not a verdict
            answer if answer.starts_with("VERSION ") => Healthy::saw(answer),
            answer => Err(answered("version", answer, "VERSION")),
        }
    }
}

/// What a server says that speaks the binary protocol.
fn binary(peer: &Peer, attempt: &Attempt<'_>) -> Result<String, Failure> {
    // Magic and opcode, Version and Quit: no key, no extras, no body.
    const MAGIC: u8 = 0x80;
    let request = [&[MAGIC, VERSION], &[0; 22][..], &[MAGIC, 7], &[0; 22]].concat();
    once(peer, attempt, &request, ("an answer of memcached", ""), &binary_reply)
}

/// Version's opcode.
const VERSION: u8 = 0x0b;

/// The version in the binary protocol, or the status of an error and its words. It needs no login.
pub fn binary_reply(bytes: &[u8]) -> Decoded<String> {
    if bytes.iter().zip([0x81, VERSION]).any(|(got, want)| *got != want) {
        return Err("that is no memcached".into());
    }
    let mut reader = Reader(bytes);
    // Magic, opcode, key; extras, type; status, body.
    let (_, _, status, length) = (reader.u32(), reader.u16(), reader.u16(), reader.u32());
    let (Some(status), Some(length)) = (status, length) else { return Ok(None) };
    let end = usize::try_from(length).unwrap_or(usize::MAX).saturating_add(HEAD);
    let Some(body) = claimed(bytes, HEAD, end)? else { return Ok(None) };
    let said = quote(body);
    let text = match status {
        0 => ["VERSION ", &said, " (binary protocol)"].concat(),
        // not a verdict: part of one
        _ => ["status ", &status.to_string(), ": ", &said].concat(),
    };
    Ok(Some((text, end)))
}

/// The length of a head.
const HEAD: usize = 24;

/// The version, or one of the three errors.
pub fn reply(bytes: &[u8]) -> Decoded<String> {
    let starts = ["VERSION ", "ERROR", "CLIENT_ERROR", "SERVER_ERROR"];
    line(bytes, &starts, "that is no memcached")
}

#[cfg(test)]
mod tests {
    use super::super::torture;
    use super::*;

    #[test]
    fn replies() {
        for valid in [
            "VERSION 1.6.18\r\n",
            "ERROR\r\n",
            "ERROR Too many open connections\r\n",
            "SERVER_ERROR out of memory\r\n",
            "CLIENT_ERROR unauthenticated\r\n",
        ] {
            torture(valid.as_bytes(), reply);
            assert_eq!(reply(valid.as_bytes()), Ok(Some((valid.trim_end().into(), valid.len()))));
        }
        let valid = b"\x81\x0b\0\0\0\0\0\0\0\0\0\x06\0\0\0\0\0\0\0\0\0\0\0\x001.6.18";
        torture(valid, binary_reply);
        assert_eq!(binary_reply(valid), Ok(Some(("VERSION 1.6.18 (binary protocol)".into(), 30))));
        let unauthorised = b"\x81\x0b\0\0\0\0\0\x20\0\0\0\x03\0\0\0\0\0\0\0\0\0\0\0\0no\n";
        assert_eq!(binary_reply(unauthorised), Ok(Some(("status 32: no\\n".into(), 27))));
        for wrong in
            [&b"VERSION 1"[..], b"\x80", b"\x81\x0a", b"\x81\x0b\0\0\0\0\0\0\xff\xff\xff\xff"]
        {
            assert!(binary_reply(wrong).is_err(), "{wrong:?}");
        }
        for wrong in ["HTTP/1.1 400", "\0", "+PONG\r\n", "VERSION\r\n", "-ERR unknown"] {
            assert_eq!(reply(wrong.as_bytes()), Err("that is no memcached".into()));
        }
    }
}

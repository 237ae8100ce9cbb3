//! `mssql://`, `sqlserver://`: PRELOGIN is answered, which comes before any login ([MS-TDS] sections
//! 2.2.3.1 and 2.2.6.5).

use super::once;
use crate::attempt::Attempt;
use crate::checks::Check;
use crate::input::{Options, Target, Usage};
use crate::net::Peer;
use crate::net::stream::Decoded;
use crate::text::Wrong;
use crate::verdict::{Healthy, Verdict};

/// SQL Server, or one that speaks its protocol.
#[derive(Debug)]
pub struct Mssql(Box<Peer>);

/// A packet's head: PRELOGIN, the last of its message, 26 bytes. Where VERSION (6 bytes) and ENCRYPTION
/// (1 byte) stand, and the terminator; then those: no version of a client, encryption of the login
/// alone, which every server can do.
const REQUEST: &[u8; 26] = b"\x12\x01\0\x1a\0\0\x01\0\
    \0\0\x0b\0\x06\x01\0\x11\0\x01\xff\0\0\0\0\0\0\0";

impl Check for Mssql {
    /// Takes what the peer takes; the rest of an application's URL is for others.
    fn parse(target: &Target, options: &mut Options<'_>) -> Result<Self, Usage> {
        Ok(Self(Peer::parse(target, options)?))
    }

    /// Asks for the server's version.
    fn run(&self, attempt: &Attempt<'_>) -> Verdict {
        let what = ("an answer of SQL Server", "");
        let [major, minor, high, low] = once(&self.0, attempt, REQUEST, what, &decode)?;
        let build = u16::from_be_bytes([high, low]);
        Healthy::saw(format!("SQL Server {major}.{minor}.{build}"))
    }
}

/// Major and minor version and the two bytes of the build, of the answer to PRELOGIN.
pub fn decode(bytes: &[u8]) -> Decoded<[u8; 4]> {
    const NO_TDS: &str = "that is no SQL Server";
    // A tabular result, the last packet of its message.
    if !matches!(bytes, [] | [4] | [4, 1, ..]) {
        return Err(NO_TDS.into());
    }
    let Some([_, _, high, low, ..]) = bytes.first_chunk::<8>() else { return Ok(None) };
    let used = usize::from(u16::from_be_bytes([*high, *low]));
    let wrong = || Wrong::from(NO_TDS);
    if used < 8 {
        return Err(wrong());
    }
    let Some(options) = bytes.get(8..used) else { return Ok(None) };
    // VERSION must be the first.
    let [0, high, low, 0, 6, ..] = options else { return Err(wrong()) };
    let at = usize::from(u16::from_be_bytes([*high, *low]));
    let version = options.get(at..at + 6).and_then(|version| version.first_chunk());
    // One answer to one question: more behind it is of a length that is wrong.
    match version {
        Some(version) if bytes.len() == used => Ok(Some((*version, used))),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::torture;
    use super::*;

    /// SQL Server 16.0.1000: version and encryption.
    const ANSWER: &[u8] = b"\x04\x01\0\x1a\0\0\x01\0\
        \0\0\x0b\0\x06\x01\0\x11\0\x01\xff\x10\0\x03\xe8\0\0\0";

    #[test]
    fn answers() {
        assert_eq!(decode(ANSWER), Ok(Some(([16, 0, 3, 232], 26))));
        for bytes in [
            &b"HTTP/1.1"[..],
            b"\x04\0",
            b"\x04\x01\0\x07\0\0\x01\0",
            b"\x04\x01\0\x0b\0\0\x01\0\xff\0\0",
            b"\x04\x01\0\x0e\0\0\x01\0\0\x7f\0\0\x06\xff",
        ] {
            assert_eq!(decode(bytes), Err("that is no SQL Server".into()), "{bytes:?}");
        }
    }

    #[test]
    fn anything_is_survived() {
        torture(ANSWER, decode);
    }

    #[test]
    fn the_request_is_as_long_as_it_says() {
        assert_eq!(usize::from(REQUEST[3]), REQUEST.len());
    }
}

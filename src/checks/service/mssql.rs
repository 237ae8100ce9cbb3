//! `mssql://`, `sqlserver://`: PRELOGIN is answered, which comes before any login ([MS-TDS] sections
//! 2.2.3.1 and 2.2.6.5).

use super::{ask, open};
use crate::attempt::Attempt;
use crate::checks::Check;
use crate::input::{Options, Target, Usage};
use crate::net::Peer;
use crate::net::conversation::Decoded;
use crate::text::Wrong;
use crate::verdict::{Failure, Healthy, Verdict};
use crate::wire::Reader;

/// SQL Server, or one that speaks its protocol.
#[derive(Debug)]
pub struct Mssql(Box<Peer>);

/// A packet's head: PRELOGIN, the last of its message, 26 bytes. Where VERSION (6 bytes) and ENCRYPTION
/// (1 byte) stand, and the terminator; then those: no version of a client, encryption of the login
/// alone, which every server can do.
const REQUEST: &[u8; 26] = b"\x12\x01\0\x1a\0\0\x01\0\
    \0\0\x0b\0\x06\x01\0\x11\0\x01\xff\0\0\0\0\0\0\0";
/// The same with encryption of everything.
const ENCRYPTED: &[u8; 26] = b"\x12\x01\0\x1a\0\0\x01\0\
    \0\0\x0b\0\x06\x01\0\x11\0\x01\xff\0\0\0\0\0\0\x01";

/// A server whose encryption is off.
const NOTHING: u8 = 2;

/// Kinds of options (section 2.2.6.5), and what ends their list.
const VERSION: u8 = 0;
const ENCRYPTION: u8 = 1;
const END: u8 = 0xff;

impl Check for Mssql {
    /// Takes `--tls` and what the peer takes; the rest of an application's URL is for others.
    fn parse(target: &Target, options: &mut Options<'_>) -> Result<Self, Usage> {
        Ok(Self(Peer::parse(target, options)?))
    }

    /// Asks for the server's version; with `--tls` agrees on it then, as a login would.
    fn run(&self, attempt: &Attempt<'_>) -> Verdict {
        let mut talk = open(&self.0, attempt)?;
        let tls = self.0.tls.as_ref();
        let request = if tls.is_some() { ENCRYPTED } else { REQUEST };
        let answer = ask(&mut talk, request, "an answer of SQL Server", &decode)?;
        let [major, minor, high, low, encryption] = answer;
        if let Some(tls) = tls {
            if encryption == NOTHING {
                talk.close();
                return Err(Failure::mismatch("server", "offers no TLS", "it, as --tls says"));
            }
            talk = talk.secure_in_packets(tls)?;
        }
        talk.close();
        let build = u16::from_be_bytes([high, low]);
        Healthy::saw(format!("SQL Server {major}.{minor}.{build}"))
    }
}

/// Major and minor version, the two bytes of the build, and what is encrypted, of the answer to PRELOGIN.
pub fn decode(bytes: &[u8]) -> Decoded<[u8; 5]> {
    const NO_TDS: &str = "that is no SQL Server";
    // A tabular result, the last packet of its message.
    if !matches!(bytes, [] | [4] | [4, 1, ..]) {
        return Err(NO_TDS.into());
    }
    let Some([_, _, high, low, ..]) = bytes.first_chunk::<8>() else { return Ok(None) };
    let used = usize::from(u16::from_be_bytes([*high, *low]));
    if used < 8 {
        return Err(NO_TDS.into());
    }
    let Some(options) = bytes.get(8..used) else { return Ok(None) };
    let version = version(options).ok_or_else(|| Wrong::from(NO_TDS))?;
    Ok(Some((version, used)))
}

/// The values of VERSION, which must be the first, and of ENCRYPTION; each option stands inside the
/// packet, and the list ends.
fn version(options: &[u8]) -> Option<[u8; 5]> {
    let mut list = Reader(options);
    let mut first: Option<&[u8; 4]> = None;
    let mut encryption = NOTHING;
    loop {
        let kind = list.u8()?;
        if kind == END {
            let [major, minor, high, low] = *first?;
            return Some([major, minor, high, low, encryption]);
        }
        let (at, length) = (usize::from(list.u16()?), usize::from(list.u16()?));
        let value = options.get(at..at + length)?;
        if first.is_none() {
            if kind != VERSION || length != 6 {
                return None;
            }
            first = value.first_chunk();
        }
        if let (ENCRYPTION, [one]) = (kind, value) {
            encryption = *one;
        }
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
        assert_eq!(decode(ANSWER), Ok(Some(([16, 0, 3, 232, 0], 26))));
        for bytes in [
            &b"HTTP/1.1"[..],
            b"\x04\0",
            b"\x04\x01\0\x07\0\0\x01\0",
            b"\x04\x01\0\x0b\0\0\x01\0\xff\0\0",
            b"\x04\x01\0\x0e\0\0\x01\0\0\x7f\0\0\x06\xff",
            // No end of the list; an option outside the packet.
            b"\x04\x01\0\x13\0\0\x01\0\0\0\x05\0\x06\x10\0\x03\xe8\0\0",
            b"\x04\x01\0\x19\0\0\x01\0\0\0\x0b\0\x06\x01\0\x11\0\x01\xff\x10\0\x03\xe8\0\0",
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

//! `ldap://`, `ldaps://`: an anonymous bind is answered, whatever its result, and the session ends with
//! an unbind (RFC 4511 sections 4.2 and 4.3). A server that forbids such binds is up all the same.

use super::{ask, open, or_tls, parts};
use crate::attempt::Attempt;
use crate::checks::Check;
use crate::input::{Options, Target, Usage};
use crate::net::Peer;
use crate::net::conversation::{Decoded, MESSAGE};
use crate::text::Wrong;
use crate::verdict::{Failure, Healthy, Verdict};

/// A directory server.
#[derive(Debug)]
pub struct Ldap(Box<Peer>);

/// Message 1, BindRequest: version 3, no name, simple authentication without a password.
const BIND: &[u8; 14] = b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\0\x80\0";
/// Message 2, UnbindRequest.
const UNBIND: &[u8; 7] = b"\x30\x05\x02\x01\x02\x42\0";

/// Result codes (RFC 4511 appendix A.2) of a server that cannot work now.
const BUSY: u8 = 51;
const UNAVAILABLE: u8 = 52;

impl Check for Ldap {
    /// Takes what the peer takes; a distinguished name behind the host is for others.
    fn parse(target: &Target, options: &mut Options<'_>) -> Result<Self, Usage> {
        let (authority, peer) = parts(target, options)?;
        match authority.user {
            Some(_) => Err(target.wrong("want no user: the bind is anonymous")),
            None => Ok(Self(peer)),
        }
    }

    /// Binds and unbinds.
    fn run(&self, attempt: &Attempt<'_>) -> Verdict {
        let mut talk = open(&self.0, attempt)?;
        let answer = ask(&mut talk, BIND, "an answer of an LDAP server", &decode);
        let code = answer.map_err(|failure| or_tls(failure, &mut talk, &self.0, "ldaps://"))?;
        // The verdict is known, whether this arrives or not.
        let _ = talk.send(UNBIND);
        talk.close();
        let name = match code {
            0 => return Healthy::saw("up, lets anybody bind"),
            BUSY => "busy (51)",
            UNAVAILABLE => "unavailable (52)",
            code => return Healthy::saw(format!("up, answers a bind with result {code}")),
        };
        Err(Failure::mismatch("the server is", name, "it ready"))
    }
}

/// The result code of a BindResponse, or of a notice of disconnection (section 4.4.1).
pub fn decode(bytes: &[u8]) -> Decoded<u8> {
    const NO_LDAP: &str = "that is no LDAP";
    let Some((head, length)) = element(bytes, &[0x30])? else { return Ok(None) };
    let used = head + length;
    if used > MESSAGE {
        return Err(NO_LDAP.into());
    }
    let Some(rest) = bytes.get(head..used) else { return Ok(None) };
    // messageID, then what it is.
    let (id, operation) = rest.split_at_checked(3).unwrap_or_default();
    let kinds: &[u8] = match id {
        [2, 1, 1] => &[0x61],
        [2, 1, 0] => &[0x78],
        _ => return Err(NO_LDAP.into()),
    };
    let Some((head, length)) = element(operation, kinds)? else { return Err(NO_LDAP.into()) };
    // Behind it there may be controls, and nothing else.
    match operation.get(head..).and_then(|rest| rest.split_at_checked(length)) {
        Some((result, [] | [0xa0, ..])) if strings(result) => match result {
            [0x0a, 1, code, ..] => Ok(Some((*code, used))),
            _ => Err(NO_LDAP.into()),
        },
        _ => Err(NO_LDAP.into()),
    }
}

/// Whether a result has its name and its message behind the code (section 4.1.9).
fn strings(result: &[u8]) -> bool {
    let mut rest = result.get(3..).unwrap_or_default();
    for _ in 0..2 {
        let Ok(Some((head, length))) = element(rest, &[4]) else { return false };
        let Some(behind) = rest.get(head + length..) else { return false };
        rest = behind;
    }
    true
}

/// The length of the head of an element of one of these types, and of what it holds (X.690 section
/// 8.1.3): Active Directory writes all lengths in four bytes.
fn element(bytes: &[u8], kinds: &[u8]) -> Result<Option<(usize, usize)>, Wrong> {
    let (kind, rest) = match bytes {
        [] => return Ok(None),
        [kind, rest @ ..] => (kind, rest),
    };
    if !kinds.contains(kind) {
        return Err("that is no LDAP".into());
    }
    match rest {
        [] => Ok(None),
        [short @ ..=0x7f, ..] => Ok(Some((2, usize::from(*short)))),
        [long @ 0x81..=0x84, rest @ ..] => {
            let digits = usize::from(*long & 0x7f);
            let Some(length) = rest.get(..digits) else { return Ok(None) };
            let length = length.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit));
            Ok(Some((2 + digits, length)))
        }
        _ => Err("that is no LDAP".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::torture;
    use super::*;

    /// As slapd answers.
    const ANSWER: &[u8] = b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\0\x04\0\x04\0";
    /// As Active Directory does.
    const LONG: &[u8] = b"\x30\x84\0\0\0\x10\x02\x01\x01\x61\x84\0\0\0\x07\x0a\x01\x31\x04\0\x04\0";
    /// A notice of disconnection, its name left out.
    const NOTICE: &[u8] = b"\x30\x0c\x02\x01\0\x78\x07\x0a\x01\x34\x04\0\x04\0";

    #[test]
    fn answers() {
        assert_eq!(decode(ANSWER), Ok(Some((0, ANSWER.len()))));
        assert_eq!(decode(LONG), Ok(Some((49, LONG.len()))));
        assert_eq!(decode(NOTICE), Ok(Some((UNAVAILABLE, NOTICE.len()))));
        for bytes in [
            &b"HTTP/1.1"[..],
            b"\x30\x80",
            b"\x30\x85\0\0\0\0\0",
            b"\x30\x84\x7f\0\0\0",
            b"\x30\x03\x02\x01\x01",
            b"\x30\x0c\x02\x01\x02\x61\x07\x0a\x01\0\x04\0\x04\0",
            b"\x30\x0c\x02\x01\x01\x65\x07\x0a\x01\0\x04\0\x04\0",
            // Lengths that contradict each other; no name and no message.
            b"\x30\x0b\x02\x01\x01\x61\x07\x0a\x01\0\x04\0\x04\0",
            b"\x30\x0d\x02\x01\x01\x61\x07\x0a\x01\0\x04\0\x04\0\0",
            b"\x30\x08\x02\x01\x01\x61\x03\x0a\x01\0",
        ] {
            assert_eq!(decode(bytes), Err("that is no LDAP".into()), "{bytes:?}");
        }
    }

    #[test]
    fn anything_is_survived() {
        torture(ANSWER, decode);
        torture(LONG, decode);
    }
}

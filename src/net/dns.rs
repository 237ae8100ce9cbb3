//! DNS messages (RFC 1035 section 4): pure functions over bytes, for `dns://` and for names.

use crate::text::Wrong;

/// The type of an IPv4 address record.
pub const A: u16 = 1;
/// The type of an IPv6 address record.
pub const AAAA: u16 = 28;

/// The code of an answer without error.
pub const NOERROR: u8 = 0;
/// The code that says there is no such name.
pub const NXDOMAIN: u8 = 3;

/// RFC 1035 section 3.1: labels of 1 to 63 bytes, 255 in all; `.` is the root, which has none.
pub fn encode(name: &str) -> Option<Vec<u8>> {
    if name == "." {
        return Some(vec![0]);
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    let mut out = Vec::with_capacity(name.len() + 2);
    for label in name.split('.') {
        let plain =
            label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'*'));
        let length = u8::try_from(label.len()).ok().filter(|n| (1..=63).contains(n) && plain)?;
        out.push(length);
        out.extend_from_slice(label.as_bytes());
    }
    out.push(0);
    (out.len() <= 255).then_some(out)
}

/// A query for the records of type `kind` of an encoded name, recursion desired. Its identity is
/// unpredictable, as the source port is: a guessed answer would be a wrong verdict.
pub fn query(name: &[u8], kind: u16) -> Vec<u8> {
    let random = super::unpredictable().to_be_bytes();
    let mut query = vec![0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for (byte, random) in query.iter_mut().zip(random).take(2) {
        *byte = random;
    }
    query.extend_from_slice(name);
    query.extend_from_slice(&kind.to_be_bytes());
    // The class IN.
    query.extend_from_slice(&[0, 1]);
    query
}

/// What a server answered.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// More than fits into a datagram: `records` may be cut short.
    pub truncated: bool,
    /// RCODE; [`NOERROR`] or what [`rcode`] names.
    pub code: u8,
    /// Type and data of the answer section's records.
    pub records: Vec<(u16, Vec<u8>)>,
}

impl Answer {
    /// Reads the answer to `query`; `None` when the message answers something else.
    pub fn parse(message: &[u8], query: &[u8]) -> Result<Option<Self>, Wrong> {
        let (Some([id @ .., flags, code, c, d, a, b, _, _, _, _]), Some(question)) =
            (message.first_chunk::<12>(), query.get(12..))
        else {
            return Err(format!("{} bytes are no DNS message", message.len()).into());
        };
        if query.first_chunk::<2>() != Some(id) || flags & 0x80 == 0 {
            return Ok(None);
        }
        let (truncated, code) = (flags & 2 != 0, code & 15);
        let mut rest = message.get(12..).unwrap_or_default();
        let mut records = Vec::new();
        match rest.get(..question.len()) {
            Some(echo) if [*c, *d] == [0, 1] && echo.eq_ignore_ascii_case(question) => {
                rest = rest.get(question.len()..).unwrap_or_default();
            }
            // A server that refuses may leave the question out.
            _ if code != NOERROR => return Ok(Some(Self { truncated, code, records })),
            _ => return Ok(None),
        }
        for _ in 0..u16::from_be_bytes([*a, *b]) {
            match record(rest) {
                Some((kind @ (A | AAAA), data, _))
                    if data.len() != if kind == A { 4 } else { 16 } =>
                {
                    return Err("a record whose address has a wrong length".into());
                }
                Some((kind, data, after)) => {
                    records.push((kind, data.to_vec()));
                    rest = after;
                }
                None if truncated => break,
                None => return Err("a DNS message that ends within a record".into()),
            }
        }
        Ok(Some(Self { truncated, code, records }))
    }
}

/// One record: its type, its data, and what follows (RFC 1035 section 3.2.1).
fn record(mut bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    // The owner's name: labels up to an empty one or a pointer of two bytes.
    loop {
        match bytes {
            [0, rest @ ..] | [0xc0..=0xff, _, rest @ ..] => {
                bytes = rest;
                break;
            }
            [length @ 1..=63, rest @ ..] => bytes = rest.get(usize::from(*length)..)?,
            _ => return None,
        }
    }
    let [high, low, _, _, _, _, _, _, long, short, rest @ ..] = bytes else { return None };
    let (data, after) = rest.split_at_checked(usize::from(u16::from_be_bytes([*long, *short])))?;
    Some((u16::from_be_bytes([*high, *low]), data, after))
}

/// The names of IANA's registry.
pub fn rcode(code: u8) -> String {
    let names = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"];
    names.get(usize::from(code)).map_or_else(|| format!("RCODE {code}"), |name| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question() -> Vec<u8> {
        let mut query = query(&encode("a.example").expect("a name"), A);
        query[..2].copy_from_slice(&[7, 9]);
        query
    }

    fn reply(flags: u8, code: u8, answers: &[u8]) -> Vec<u8> {
        let mut reply = question();
        reply[2..8].copy_from_slice(&[flags, code, 0, 1, 0, u8::from(!answers.is_empty())]);
        reply.extend_from_slice(answers);
        reply
    }

    const RECORD: &[u8] = &[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1];

    #[test]
    fn names() {
        assert_eq!(encode("a.bc."), Some(b"\x01a\x02bc\0".to_vec()));
        assert_eq!(encode("."), Some(vec![0]));
        let long = "x".repeat(64);
        for name in ["", "..", ".a", "a..b", long.as_str(), "a b", &"abc.".repeat(64)] {
            assert_eq!(encode(name), None, "{name}");
        }
    }

    #[test]
    fn answers() {
        let answer = |message: &[u8]| Answer::parse(message, &question());
        let one = Answer { truncated: false, code: 0, records: vec![(A, vec![127, 0, 0, 1])] };
        assert_eq!(answer(&reply(0x81, 0x80, RECORD)), Ok(Some(one)));
        let none = Answer { truncated: false, code: 3, records: vec![] };
        assert_eq!(answer(&reply(0x81, 0x83, &[])), Ok(Some(none)));
        let cut = Answer { truncated: true, code: 0, records: vec![] };
        assert_eq!(answer(&reply(0x83, 0x80, &RECORD[..9])), Ok(Some(cut)));
        assert!(answer(&reply(0x81, 0x80, &RECORD[..9])).is_err());
        // An address that is none.
        let mut short = RECORD.to_vec();
        short[11] = 3;
        let wrong = Err("a record whose address has a wrong length".into());
        assert_eq!(answer(&reply(0x81, 0x80, &short)), wrong);
        // A query, another identity, another number of questions, another question.
        assert_eq!(answer(&question()), Ok(None));
        for at in [0, 5, 13] {
            let mut other = reply(0x81, 0x80, RECORD);
            other[at] ^= 1;
            assert_eq!(answer(&other), Ok(None));
        }
        assert_eq!(rcode(5), "REFUSED");
        assert_eq!(rcode(9), "RCODE 9");
    }

    #[test]
    fn every_prefix_and_every_changed_byte_is_survived() {
        let whole = reply(0x81, 0x80, RECORD);
        for end in 0..whole.len() {
            let cut = Answer::parse(&whole[..end], &question());
            assert!(!matches!(cut, Ok(Some(Answer { code: 0, .. }))), "{end}");
        }
        for i in 0..whole.len() {
            for byte in 0..=255 {
                let mut changed = whole.clone();
                changed[i] = byte;
                let _ = Answer::parse(&changed, &question());
            }
        }
    }
}

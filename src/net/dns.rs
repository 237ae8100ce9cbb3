//! DNS messages (RFC 1035 section 4): pure functions over bytes, for `dns://` and for names.

use super::random::unpredictable;
use crate::text::{Wrong, parts};

/// The type of an IPv4 address record.
pub const A: u16 = 1;
/// The type of an IPv6 address record.
pub const AAAA: u16 = 28;

/// The type of a record that gives a name its real one.
const CNAME: u16 = 5;
/// The type of a record that gives all names below its owner others (RFC 6672).
const DNAME: u16 = 39;

/// What a server says of the whole question (RFC 6895 section 2.3): four bits of the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rcode(u8);

impl Rcode {
    /// An answer without error.
    pub const NOERROR: Self = Self(0);
    /// There is no such name.
    pub const NXDOMAIN: Self = Self(3);

    /// Its name in IANA's registry.
    pub fn name(self) -> String {
        let names = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"];
        match names.get(usize::from(self.0)) {
            Some(name) => (*name).to_owned(),
            None => format!("RCODE {}", self.0),
        }
    }
}

/// RFC 1035 section 3.1: labels of 1 to 63 bytes, 255 in all; `.` is the root, which has none.
pub fn encode(name: &str) -> Option<Vec<u8>> {
    if name == "." {
        return Some(vec![0]);
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    let mut out = Vec::with_capacity(name.len() + 2);
    for label in parts(name, b'.') {
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
    let random = unpredictable().to_be_bytes();
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
    /// Whether it is one.
    pub code: Rcode,
    /// Type and data of the answer section's records.
    pub records: Vec<(u16, Vec<u8>)>,
}

impl Answer {
    /// Reads the answer to `query`; `None` when the message answers something else. Two readers
    /// would understand records of another owner or class differently: they are refused.
    pub fn parse(message: &[u8], query: &[u8]) -> Result<Option<Self>, Wrong> {
        let (Some([id @ .., flags, code, c, d, a, b, _, _, _, _]), Some(question)) =
            (message.first_chunk::<12>(), query.get(12..))
        else {
            return Err(format!("{} bytes are no DNS message", message.len()).into());
        };
        if query.first_chunk::<2>() != Some(id) || flags & 0x80 == 0 {
            return Ok(None);
        }
        if flags & 0x78 != 0 {
            return Err("a DNS message that answers no query (opcode)".into());
        }
        let (truncated, code) = (flags & 2 != 0, Rcode(code & 15));
        let mut answer = Self { truncated, code, records: Vec::new() };
        let mut at = 12 + question.len();
        match message.get(12..at) {
            Some(echo) if [*c, *d] == [0, 1] && echo.eq_ignore_ascii_case(question) => {}
            // A server that refuses may leave the question out.
            _ if code != Rcode::NOERROR => return Ok(Some(answer)),
            _ => return Ok(None),
        }
        // Whose records count: the name asked for, then the one that it stands for.
        let (mut owner, _) = name(query, 12).unwrap_or_default();
        for _ in 0..u16::from_be_bytes([*a, *b]) {
            let Some(record) = Record::parse(message, at) else {
                if truncated {
                    break;
                }
                return Err("a DNS message that ends within a record".into());
            };
            let Record { owner: whose, kind, class, data, end } = record;
            match kind {
                _ if class != 1 => return Err("a DNS record of another class".into()),
                // It only explains the CNAME behind it.
                DNAME => {}
                _ if whose != owner => return Err("a DNS record of another name".into()),
                A | AAAA if data.len() != if kind == A { 4 } else { 16 } => {
                    return Err("a record whose address has a wrong length".into());
                }
                CNAME => {
                    let (real, _) = name(message, end - data.len()).unwrap_or_default();
                    owner = real;
                }
                _ => {}
            }
            answer.records.push((kind, data.to_vec()));
            at = end;
        }
        Ok(Some(answer))
    }
}

/// One record (RFC 1035 section 3.2.1).
struct Record<'a> {
    owner: Vec<u8>,
    kind: u16,
    class: u16,
    data: &'a [u8],
    /// Where the next one starts.
    end: usize,
}

impl<'a> Record<'a> {
    fn parse(message: &'a [u8], at: usize) -> Option<Self> {
        let (owner, at) = name(message, at)?;
        let [a, b, c, d, _, _, _, _, e, f, rest @ ..] = message.get(at..)? else {
            return None;
        };
        let length = usize::from(u16::from_be_bytes([*e, *f]));
        Some(Self {
            owner,
            kind: u16::from_be_bytes([*a, *b]),
            class: u16::from_be_bytes([*c, *d]),
            data: rest.get(..length)?,
            end: at + 10 + length,
        })
    }
}

/// The name that starts `at`, in lower case and with its labels' lengths, and where its field ends.
/// A pointer of two bytes leads to the rest of it (RFC 1035 section 4.1.4).
fn name(message: &[u8], mut at: usize) -> Option<(Vec<u8>, usize)> {
    let mut name = Vec::new();
    let mut end = None;
    // As many steps as a name of 255 bytes can have: pointers in a circle end too.
    for _ in 0..255 {
        let first = *message.get(at)?;
        match first {
            0 => return Some((name.to_ascii_lowercase(), end.unwrap_or(at + 1))),
            1..=63 if name.len() < 255 => {
                let next = at + 1 + usize::from(first);
                name.extend_from_slice(message.get(at..next)?);
                at = next;
            }
            0xc0.. => {
                end = end.or(Some(at + 2));
                at = usize::from(u16::from_be_bytes([first & 63, *message.get(at + 1)?]));
            }
            _ => return None,
        }
    }
    None
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
        let one = Answer {
            truncated: false,
            code: Rcode::NOERROR,
            records: vec![(A, vec![127, 0, 0, 1])],
        };
        assert_eq!(answer(&reply(0x81, 0x80, RECORD)), Ok(Some(one)));
        let none = Answer { truncated: false, code: Rcode::NXDOMAIN, records: vec![] };
        assert_eq!(answer(&reply(0x81, 0x83, &[])), Ok(Some(none)));
        let cut = Answer { truncated: true, code: Rcode::NOERROR, records: vec![] };
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
        // Without its question an answer counts where it refuses.
        let bare = |code: u8| [7, 9, 0x81, code, 0, 0, 0, 0, 0, 0, 0, 0];
        let refused = Answer { truncated: false, code: Rcode(5), records: vec![] };
        assert_eq!(answer(&bare(0x85)), Ok(Some(refused)));
        assert_eq!(answer(&bare(0x80)), Ok(None));
        assert_eq!(Rcode(5).name(), "REFUSED");
        assert_eq!(Rcode(9).name(), "RCODE 9");
    }

    /// A record with this owner, type and class.
    fn of(owner: &[u8], kind: u16, class: u16, data: &[u8]) -> Vec<u8> {
        let numbers = [kind.to_be_bytes(), class.to_be_bytes(), [0, 0], [0, 60]].concat();
        [owner, &numbers, &[0, u8::try_from(data.len()).expect("short")], data].concat()
    }

    #[test]
    fn only_what_the_name_asked_for_leads_to_counts() {
        let kinds = |records: &[Vec<u8>]| {
            let mut reply = reply(0x81, 0x80, &records.concat());
            reply[7] = u8::try_from(records.len()).expect("few");
            let answer = Answer::parse(&reply, &question())?;
            let records = answer.expect("an answer").records;
            Ok::<_, Wrong>(records.iter().map(|(kind, _)| *kind).collect::<Vec<_>>())
        };
        let (own, ip) = (b"\xc0\x0c", [127, 0, 0, 1]);
        // The question's name again in full, and in another case.
        assert_eq!(kinds(&[of(b"\x01A\x07exAmple\0", A, 1, &ip)]), Ok(vec![A]));
        // A chain; the second step is written as a pointer into the first (offset 27 + 12).
        let chain = [
            of(own, CNAME, 1, b"\x01b\xc0\x0e"),
            of(b"\xc0\x27", CNAME, 1, b"\x01c\0"),
            of(b"\x01C\0", A, 1, &ip),
            of(b"\x01c\0", A, 1, &ip),
        ];
        assert_eq!(kinds(&chain), Ok(vec![CNAME, CNAME, A, A]));
        assert_eq!(kinds(&[of(b"\x07example\0", DNAME, 1, b"\x01b\0")]), Ok(vec![DNAME]));
        let another = || Err("a DNS record of another name".into());
        assert_eq!(kinds(&[of(b"\x01b\0", A, 1, &ip)]), another());
        assert_eq!(kinds(&[of(own, A, 1, &ip), of(b"\0", A, 1, &ip)]), another());
        assert_eq!(kinds(&[of(own, CNAME, 1, b"\x01b\0"), of(own, A, 1, &ip)]), another());
        let class = Err("a DNS record of another class".into());
        assert_eq!(kinds(&[of(own, A, 3, &ip)]), class);
        // A pointer to itself, one beyond the end, and a name that is too long.
        for owner in [&b"\xc0\x1b"[..], b"\xff\xff", &[b"\x3f".repeat(64 * 5), vec![0]].concat()] {
            assert!(kinds(&[of(owner, A, 1, &ip)]).is_err());
        }
        let opcode = Err("a DNS message that answers no query (opcode)".into());
        assert_eq!(Answer::parse(&reply(0x91, 0x80, &[]), &question()), opcode);
    }

    #[test]
    fn every_prefix_and_every_changed_byte_is_survived() {
        let whole = reply(0x81, 0x80, RECORD);
        for end in 0..whole.len() {
            let cut = Answer::parse(&whole[..end], &question());
            assert!(!matches!(cut, Ok(Some(Answer { code: Rcode::NOERROR, .. }))), "{end}");
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

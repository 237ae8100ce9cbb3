//! `mongodb://`: `hello` answers ok:1; with `--primary`, and the server is writable.
//!
//! OP_MSG: <https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/>. BSON:
//! <https://bsonspec.org/spec.html>. `hello` needs no login.

use super::{ask, open, or_tls};
use crate::attempt::Attempt;
use crate::checks::Check;
use crate::input::{Flag, Options, Secure, Target, Usage};
use crate::net::Peer;
use crate::net::conversation::{Decoded, claimed};
use crate::verdict::{Failure, Healthy, Verdict, quote};
use crate::wire::Reader;

/// A MongoDB server, or a router of a sharded cluster.
#[derive(Debug)]
pub struct Mongodb {
    peer: Box<Peer>,
    primary: bool,
    member: bool,
}

/// What the request is answered with; older servers hang up.
const ANSWER: &str = "an answer of MongoDB 3.6 or later";

impl Check for Mongodb {
    /// Takes `--primary`, `--member`, `--tls` and what the peer takes.
    fn parse(target: &Target, options: &mut Options<'_>) -> Result<Self, Usage> {
        // It starts with TLS: there is no upgrade.
        let secure = if options.has(Flag::Tls) { Secure::Always } else { Secure::Never };
        let peer = Peer::parse_as(target, options, secure)?;
        let (primary, member) = (options.has(Flag::Primary), options.has(Flag::Member));
        Ok(Self { peer, primary, member })
    }

    /// Says hello.
    fn run(&self, attempt: &Attempt<'_>) -> Verdict {
        let mut talk = open(&self.peer, attempt)?;
        let hello = ask(&mut talk, &request(b"hello"), ANSWER, &decode);
        let mut hello = hello.map_err(|failure| or_tls(failure, &mut talk, &self.peer, "--tls"))?;
        // `hello` came with 4.4.2; what is older knows it by its former name.
        if hello.code == COMMAND_NOT_FOUND {
            hello = ask(&mut talk, &request(b"isMaster"), ANSWER, &decode)?;
        }
        talk.close();
        if !hello.ok {
            return Err(Failure::mismatch("hello", "is refused (ok:0)", "ok:1").with(&hello.error));
        }
        let what = hello.role();
        if self.primary && !hello.writable {
            return Err(Failure::mismatch("server", &what, "a writable one (--primary)"));
        }
        let member = !hello.router && (hello.writable || hello.secondary);
        if self.member && !member {
            let want = "a primary or a secondary (--member)";
            return Err(Failure::mismatch("server", &what, want));
        }
        Healthy::saw(format!("{what}, wire version {}", hello.wire_version))
    }
}

const COMMAND_NOT_FOUND: u32 = 59;

/// OP_MSG's number.
const OP_MSG: [u8; 4] = 2013_u32.to_le_bytes();

/// The request's identity, which the answer repeats.
const REQUEST_ID: [u8; 4] = *b"hc01";

/// `{command: 1, $db: "admin"}` as the only section of an OP_MSG.
fn request(command: &[u8]) -> Vec<u8> {
    let elements = [b"\x10", command, b"\0\x01\0\0\0\x02$db\0\x06\0\0\0admin\0\0"].concat();
    let document = [&length(elements.len() + 4)[..], &elements].concat();
    // Header: length, identity, answer to nothing, number; then flags and the section's kind.
    let all = length(document.len() + 21);
    [&all[..], &REQUEST_ID, &[0; 4], &OP_MSG, &[0; 5], &document].concat()
}

fn length(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes()
}

/// What a server says of itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Hello {
    ok: bool,
    /// Of an error; 0 is none.
    code: u32,
    /// Of an error, quoted.
    error: String,
    writable: bool,
    secondary: bool,
    router: bool,
    /// The replica set's name, quoted; empty for a server that is in none.
    set: String,
    wire_version: u32,
}

impl Hello {
    fn role(&self) -> String {
        let role = match (self.router, self.writable, self.secondary) {
            (true, _, _) => "a mongos",
            (_, true, _) => "writable",
            (_, _, true) => "a secondary",
            _ => "neither writable nor a secondary",
        };
        match self.set.as_str() {
            "" => role.into(),
            set => [role, " in ", set].concat(),
        }
    }
}

/// One message: the answer to `hello`.
pub fn decode(bytes: &[u8]) -> Decoded<Hello> {
    /// Header, flags, kind of section, the shortest document.
    const SHORTEST: usize = 26;
    /// flagBits: a CRC-32C follows. The others in the lower half must be understood.
    const CHECKSUM: u16 = 1;
    let Some(size) = Reader(bytes).u32_le() else { return Ok(None) };
    let end = size as usize;
    claimed(bytes, SHORTEST, end)?;
    // Read before the rest has come: what is no OP_MSG shall not be waited for.
    if bytes.get(12..16).is_some_and(|number| number != OP_MSG) {
        return Err("that is no MongoDB, or an older one".into());
    }
    let Some(message) = claimed(bytes, 8, end)? else { return Ok(None) };
    let mut reader = Reader(message);
    if reader.array() != Some(REQUEST_ID) {
        return Err("an answer to another request".into());
    }
    // The number was looked at; the upper half of the flags may mean anything.
    let (_, flags, _, kind) = (reader.u32(), reader.u16_le(), reader.u16(), reader.u8());
    let document = match flags {
        Some(0) => Some(reader.0),
        Some(CHECKSUM) => reader.0.len().checked_sub(4).and_then(|end| reader.bytes(end)),
        _ => None,
    };
    match document {
        Some(document) if kind == Some(0) => {
            let hello = hello(document)
                .ok_or("an answer that is no BSON, without ok, or that says something twice")?;
            Ok(Some((hello, end)))
        }
        _ => Err("an answer with flags or sections that are not known".into()),
    }
}

/// Reads the elements of the outermost document; those within others are skipped as a whole, so
/// nothing is nested.
fn hello(document: &[u8]) -> Option<Hello> {
    let (0, elements) = document.split_last().map(|(end, rest)| (*end, rest))? else {
        return None;
    };
    let mut elements = Reader(elements);
    if elements.u32_le()? as usize != document.len() {
        return None;
    }
    let mut hello = Hello::default();
    let mut told: Vec<&[u8]> = Vec::new();
    while let Some(kind) = elements.u8() {
        let (name, rest) = cstring(elements.0)?;
        elements = Reader(rest);
        let value = elements.bytes(size_of_value(kind, rest)?)?;
        match name {
            b"ok" => hello.ok = is_one(kind, value),
            b"code" => hello.code = whole(kind, value),
            b"errmsg" => hello.error = text(kind, value),
            b"isWritablePrimary" | b"ismaster" => hello.writable = is_one(kind, value),
            b"secondary" => hello.secondary = is_one(kind, value),
            b"msg" => hello.router = text(kind, value) == "isdbgrid",
            b"setName" => hello.set = text(kind, value),
            b"maxWireVersion" => hello.wire_version = whole(kind, value),
            _ => continue,
        }
        // Of two, one reader would believe the first and another the second.
        if told.contains(&name) {
            return None;
        }
        told.push(name);
    }
    told.contains(&&b"ok"[..]).then_some(hello)
}

/// A text up to its NUL, and what follows.
fn cstring(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    Some((bytes.get(..end)?, bytes.get(end + 1..)?))
}

const DOUBLE: u8 = 1;
const STRING: u8 = 2;
const BOOL: u8 = 8;
const INT32: u8 = 16;
const INT64: u8 = 18;

/// How many bytes a value of this kind takes; no more than 2^32 and a few, so nothing overflows.
fn size_of_value(kind: u8, rest: &[u8]) -> Option<usize> {
    let counted = || Reader(rest).u32_le().map(|size| size as usize);
    Some(match kind {
        // Undefined, null, the least and the greatest key.
        6 | 10 | 0xff | 0x7f => 0,
        BOOL => 1,
        INT32 => 4,
        // Also a date and a timestamp.
        DOUBLE | INT64 | 9 | 17 => 8,
        // An object's identity, a decimal.
        7 => 12,
        19 => 16,
        // String, code, symbol; binary with its kind; a pointer with its identity.
        STRING | 13 | 14 => counted()?.checked_add(4)?,
        5 => counted()?.checked_add(5)?,
        12 => counted()?.checked_add(16)?,
        // A document, an array, code with its scope: the count is that of the whole.
        3 | 4 | 15 => counted().filter(|size| *size >= 5)?,
        // A regular expression and its options.
        11 => {
            let (pattern, rest) = cstring(rest)?;
            pattern.len() + cstring(rest)?.0.len() + 2
        }
        _ => return None,
    })
}

/// Whether a value is true or 1; MongoDB answers ok as a double, others as a number.
fn is_one(kind: u8, value: &[u8]) -> bool {
    /// 1.0.
    const ONE: [u8; 8] = [0, 0, 0, 0, 0, 0, 0xf0, 0x3f];
    match kind {
        DOUBLE => value == ONE,
        BOOL => value == [1],
        _ => whole(kind, value) == 1,
    }
}

/// A number that is no double; 0 when it is none or does not fit.
fn whole(kind: u8, value: &[u8]) -> u32 {
    match (kind, value) {
        (INT32, _) | (INT64, [_, _, _, _, 0, 0, 0, 0]) => Reader(value).u32_le().unwrap_or(0),
        _ => 0,
    }
}

/// A string without its length and NUL, quoted; empty when it is none.
fn text(kind: u8, value: &[u8]) -> String {
    match value {
        [_, _, _, _, text @ .., 0] if kind == STRING => quote(text),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::torture;
    use super::*;

    // No MongoDB was at hand: the bson of pymongo 4.20.0 encoded what the manual shows as the answer
    // to hello, an error, and what came before 4.4.2, with a checksum.
    const PRIMARY: &[u8] = b"\x96\x01\0\0\x07\0\0\0hc01\xdd\x07\0\0\0\0\0\0\0\x81\x01\0\0\
        \x03topologyVersion\0-\0\0\0\x07processId\0\x01#Eg\x89\xab\x01#Eg\x89\xab\
        \x12counter\0\x06\0\0\0\0\0\0\0\0\x04hosts\0%\0\0\0\x020\0\x09\0\0\0m1:27017\0\
        \x021\0\x09\0\0\0m2:27017\0\0\x02setName\0\x04\0\0\0rs0\0\x10setVersion\0\x01\0\0\0\
        \x08isWritablePrimary\0\x01\x08secondary\0\0\x02primary\0\x09\0\0\0m1:27017\0\
        \x10maxBsonObjectSize\0\0\0\0\x01\x09localTime\0\0\xf4Q\xc2\x8c\x01\0\0\
        \x10maxWireVersion\0\x15\0\0\0\x08readOnly\0\0\x01ok\0\0\0\0\0\0\0\xf0?\
        \x03$clusterTime\0X\0\0\0\x11clusterTime\0\x01\0\0\0\x01\0\0\0\x03signature\x003\0\0\0\
        \x05hash\0\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
        \x12keyId\0\0\0\0\0\0\0\0\0\0\0\0";
    const NOT_FOUND: &[u8] = b"s\0\0\0\x07\0\0\0hc01\xdd\x07\0\0\0\0\0\0\0^\0\0\0\
        \x01ok\0\0\0\0\0\0\0\0\0\x02errmsg\0\x19\0\0\0no such command: 'hello'\0\x10code\0;\0\0\0\
        \x02codeName\0\x10\0\0\0CommandNotFound\0\0";
    const SECONDARY: &[u8] = b"f\0\0\0\x07\0\0\0hc01\xdd\x07\0\0\x01\0\0\0\0M\0\0\0\
        \x08ismaster\0\0\x08secondary\0\x01\x02setName\0\x04\0\0\0rs0\0\x10maxWireVersion\0\x08\0\0\0\
        \x01ok\0\0\0\0\0\0\0\xf0?\0crc4";

    #[test]
    fn the_request_is_what_bson_encodes() {
        assert_eq!(
            request(b"hello"),
            b"4\0\0\0hc01\0\0\0\0\xdd\x07\0\0\0\0\0\0\0\x1f\0\0\0\x10hello\0\x01\0\0\0\
                \x02$db\0\x06\0\0\0admin\0\0"
        );
        assert_eq!(request(b"isMaster")[..4], [55, 0, 0, 0]);
    }

    #[test]
    fn answers() {
        let one = |bytes: &[u8]| decode(bytes).map(|done| done.map(|(hello, _)| hello));
        let primary = Hello {
            ok: true,
            writable: true,
            set: "rs0".into(),
            wire_version: 21,
            ..Hello::default()
        };
        assert_eq!(primary.role(), "writable in rs0");
        assert_eq!(one(PRIMARY), Ok(Some(primary)));
        let error = "no such command: 'hello'".into();
        assert_eq!(one(NOT_FOUND), Ok(Some(Hello { code: 59, error, ..Hello::default() })));
        let secondary = Hello {
            ok: true,
            secondary: true,
            set: "rs0".into(),
            wire_version: 8,
            ..Hello::default()
        };
        assert_eq!(secondary.role(), "a secondary in rs0");
        assert_eq!(one(SECONDARY), Ok(Some(secondary)));
        assert_eq!(Hello::default().role(), "neither writable nor a secondary");
        let router = Hello { router: true, writable: true, ..Hello::default() };
        assert_eq!(router.role(), "a mongos");
    }

    #[test]
    fn every_kind_of_value_is_skipped() {
        for value in [
            &b"\x01\0\0\0\0\0\0\0\0"[..],
            b"\x02\x02\0\0\0a\0",
            b"\x03\x05\0\0\0\0",
            b"\x04\x05\0\0\0\0",
            b"\x05\x01\0\0\0\0a",
            b"\x06",
            b"\x07123456789012",
            b"\x08\x01",
            b"\x0912345678",
            b"\x0a",
            b"\x0ba\0i\0",
            b"\x0c\x02\0\0\0a\x00123456789012",
            b"\x0d\x02\0\0\0a\0",
            b"\x0e\x02\0\0\0a\0",
            b"\x0f\x0e\0\0\0\x01\0\0\0\0\x05\0\0\0\0",
            b"\x101234",
            b"\x1112345678",
            b"\x1212345678",
            b"\x131234567890123456",
            b"\xff",
            b"\x7f",
        ] {
            let (kind, value) = value.split_first().expect("a kind");
            let elements = [&[*kind], &b"x\0"[..], value, b"\x10ok\0\x01\0\0\0\0"].concat();
            let document = [&length(elements.len() + 4)[..], &elements].concat();
            assert!(hello(&document).is_some_and(|hello| hello.ok), "kind {kind}");
        }
    }

    #[test]
    fn ok_is_one_in_any_kind_of_number_and_nothing_else() {
        for (element, ok) in [
            (&b"\x01ok\0\0\0\0\0\0\0\xf0?"[..], true),
            (b"\x10ok\0\x01\0\0\0", true),
            (b"\x12ok\0\x01\0\0\0\0\0\0\0", true),
            (b"\x08ok\0\x01", true),
            (b"\x08ok\0\0", false),
            (b"\x10ok\0\x02\0\0\0", false),
            (b"\x12ok\0\x01\0\0\0\x01\0\0\0", false),
            (b"\x02ok\0\x02\0\0\x001\0", false),
            (b"\x01ok\0\0\0\0\0\0\0\0@", false),
        ] {
            let document = [&length(element.len() + 5)[..], element, &[0]].concat();
            assert_eq!(hello(&document).map(|hello| hello.ok), Some(ok), "{element:?}");
        }
        assert_eq!(hello(b"\x05\0\0\0\0"), None);
    }

    #[test]
    fn what_is_said_twice_is_not_believed() {
        let of =
            |elements: &[u8]| hello(&[&length(elements.len() + 5)[..], elements, &[0]].concat());
        let (good, bad) = (&b"\x10ok\0\x01\0\0\0"[..], &b"\x10ok\0\0\0\0\0"[..]);
        assert!(of(good).is_some_and(|hello| hello.ok));
        for both in [[good, bad], [bad, good], [good, good]] {
            assert_eq!(of(&both.concat()), None, "{both:?}");
        }
        let (yes, no) = (&b"\x08isWritablePrimary\0\x01"[..], &b"\x08isWritablePrimary\0\0"[..]);
        assert_eq!(of(&[good, no, yes].concat()), None);
        // What nobody asks about may come as often as it likes.
        assert!(of(&[good, b"\x0aa\0", b"\x0aa\0"].concat()).is_some());
    }

    #[test]
    fn what_is_no_such_answer_is_refused_at_once() {
        let with = |at: usize, byte: u8| {
            let mut bytes = NOT_FOUND.to_vec();
            bytes[at] = byte;
            bytes
        };
        for (bytes, wrong) in [
            (b"\0\0\0\x80".to_vec(), "a message of 2147483648 bytes"),
            (b"\x19\0\0\0".to_vec(), "a message of 25 bytes"),
            (b"HTTP/1.1 400".to_vec(), "a message of 1347703880 bytes"),
            (with(12, 1), "that is no MongoDB, or an older one"),
            (with(8, 0), "an answer to another request"),
            // Flags that are not known, more to come, a section of another kind.
            (with(16, 4), "an answer with flags or sections"),
            (with(16, 2), "an answer with flags or sections"),
            (with(20, 1), "an answer with flags or sections"),
            // The document's length, a string's of 2^31 and an unknown kind.
            (with(21, 1), "an answer that is no BSON"),
            (with(27, b'x'), "an answer that is no BSON, without ok"),
            (with(48, 0x80), "an answer that is no BSON"),
            (with(25, 0x20), "an answer that is no BSON"),
        ] {
            let error = decode(&bytes).expect_err("refused");
            assert!(error.starts_with(wrong), "{error}");
        }
    }

    #[test]
    fn anything_is_survived() {
        for valid in [PRIMARY, NOT_FOUND, SECONDARY] {
            torture(valid, decode);
        }
    }
}

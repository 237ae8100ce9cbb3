//! `cassandra://`: OPTIONS is answered SUPPORTED, which needs no login (CQL binary protocol v4,
//! sections 2, 4.1.3 and 4.2.4; Apache Cassandra's doc/native_protocol_v4.spec). ScyllaDB too.

use super::once;
use crate::attempt::Attempt;
use crate::checks::Check;
use crate::input::{Options, Target, Usage};
use crate::net::Peer;
use crate::net::conversation::{Decoded, claimed};
use crate::verdict::{Failure, Healthy, Verdict, quote};
use crate::wire::Reader;

/// A node that speaks CQL.
#[derive(Debug)]
pub struct Cassandra(Box<Peer>);

/// Version 4, no flags, a stream of our own, OPTIONS, no body.
const REQUEST: &[u8; 9] = b"\x04\0hc\x05\0\0\0\0";

/// What an answer is (section 2.4).
const ERROR: u8 = 0;
const SUPPORTED: u8 = 6;

/// Error codes (section 9): the version is not spoken, as old nodes say of 4.
const PROTOCOL_ERROR: u32 = 0x0a;

impl Check for Cassandra {
    /// Takes what the peer takes.
    fn parse(target: &Target, options: &mut Options<'_>) -> Result<Self, Usage> {
        Ok(Self(Peer::parse(target, options)?))
    }

    /// Asks for the options.
    fn run(&self, attempt: &Attempt<'_>) -> Verdict {
        let what = ("an answer of Cassandra or ScyllaDB", "a port without TLS");
        match once(&self.0, attempt, REQUEST, what, &decode)? {
            Answer::Supported => Healthy::saw("answers SUPPORTED"),
            Answer::Error(PROTOCOL_ERROR, _) => Healthy::saw("answers, but speaks no version 4"),
            Answer::Error(code, text) => {
                let got = format!("answers with error {code:#06x}: {}", quote(&text));
                Err(Failure::mismatch("node", &got, "none"))
            }
        }
    }
}

/// What a node says to OPTIONS.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// What it supports.
    Supported,
    /// A code and a message (section 9).
    Error(u32, Vec<u8>),
}

/// A frame that answers our stream; one of an error may be of another version, and of none.
pub fn decode(bytes: &[u8]) -> Decoded<Answer> {
    let sound = bytes.first().is_none_or(|version| matches!(version, 0x81..=0x86));
    if !sound {
        return Err("that is no Cassandra".into());
    }
    let Some([_, _, high, low, opcode, a, b, c, d]) = bytes.first_chunk() else {
        return Ok(None);
    };
    let end = (u32::from_be_bytes([*a, *b, *c, *d]) as usize).saturating_add(9);
    match ([*high, *low], *opcode) {
        ([b'h', b'c'], SUPPORTED) => match claimed(bytes, 9, end)?.map(multimap) {
            None => Ok(None),
            Some(Some([])) => Ok(Some((Answer::Supported, end))),
            Some(_) => Err("an answer that its length does not fit".into()),
        },
        // What cannot read the head of a frame cannot repeat its stream.
        (_, ERROR) => {
            let Some(body) = claimed(bytes, 9, end)? else { return Ok(None) };
            let error = match body {
                [a, b, c, d, _, _, text @ ..] => {
                    Answer::Error(u32::from_be_bytes([*a, *b, *c, *d]), text.to_vec())
                }
                _ => return Err("an error without a code".into()),
            };
            Ok(Some((error, end)))
        }
        _ => Err("an answer to another question".into()),
    }
}

/// What stands behind a string multimap: strings, each with a list of strings (section 3).
fn multimap(body: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader(body);
    for _ in 0..reader.u16()? {
        let length = reader.u16()?;
        reader.bytes(length.into())?;
        for _ in 0..reader.u16()? {
            let length = reader.u16()?;
            reader.bytes(length.into())?;
        }
    }
    Some(reader.0)
}

#[cfg(test)]
mod tests {
    use super::super::torture;
    use super::*;

    /// As the specification has a string multimap: COMPRESSION, and one algorithm.
    const ANSWER: &[u8] = b"\x84\0hc\x06\0\0\0\x16\0\x01\0\x0bCOMPRESSION\0\x01\0\x03lz4";
    const OLD: &[u8] = b"\x83\0\0\0\0\0\0\0\x0b\0\0\0\x0a\0\x05v3 ok";
    const STARTS: &[u8] = b"\x84\0hc\0\0\0\0\x0b\0\0\x10\x02\0\x05boots";

    #[test]
    fn answers() {
        assert_eq!(decode(ANSWER), Ok(Some((Answer::Supported, ANSWER.len()))));
        let old = Answer::Error(PROTOCOL_ERROR, b"v3 ok".to_vec());
        assert_eq!(decode(OLD), Ok(Some((old, OLD.len()))));
        let starts = Answer::Error(0x1002, b"boots".to_vec());
        assert_eq!(decode(STARTS), Ok(Some((starts, STARTS.len()))));
        for (bytes, wrong) in [
            (&b"HTTP/1.1"[..], "that is no Cassandra"),
            (b"\x84\0xx\x06\0\0\0\0", "an answer to another question"),
            (b"\x84\0hc\x02\0\0\0\0", "an answer to another question"),
            (b"\x84\0hc\x06\x7f\0\0\0", "a message of 2130706441 bytes"),
            (b"\x84\0hc\0\0\0\0\x02ab", "an error without a code"),
            (b"\x84\0hc\x06\0\0\0\0", "an answer that its length does not fit"),
            (b"\x84\0hc\x06\0\0\0\x03\0\0x", "an answer that its length does not fit"),
            (b"\x84\0hc\x06\0\0\0\x06\0\x01\0\x01k\0", "an answer that its length does not fit"),
        ] {
            let error = decode(bytes).expect_err("refused");
            assert!(error.starts_with(wrong), "{error}");
        }
    }

    #[test]
    fn anything_is_survived() {
        torture(ANSWER, decode);
        torture(STARTS, decode);
    }
}

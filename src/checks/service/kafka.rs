//! `kafka://`: the broker answers ApiVersions, which every client asks first and which needs no
//! login. Version 0 of the request, which every broker since 0.10 knows.
//!
//! <https://kafka.apache.org/protocol.html#The_Messages_ApiVersions>

use super::once;
use crate::attempt::Attempt;
use crate::checks::Check;
use crate::input::{Options, Target, Usage};
use crate::net::Peer;
use crate::net::conversation::{Decoded, claimed};
use crate::verdict::{Failure, Healthy, Verdict};
use crate::wire::Reader;

/// A Kafka broker or controller.
#[derive(Debug)]
pub struct Kafka {
    peer: Box<Peer>,
}

/// Size, API key 18, version 0, correlation id, client id.
const REQUEST: &[u8; 25] = b"\0\0\0\x15\0\x12\0\0hc18\0\x0bhealthcheck";

/// The correlation id of the request, which the answer repeats.
const CORRELATION: [u8; 4] = *b"hc18";

impl Check for Kafka {
    /// Takes what the peer takes.
    fn parse(target: &Target, options: &mut Options<'_>) -> Result<Self, Usage> {
        Ok(Self { peer: Peer::parse(target, options)? })
    }

    /// Asks for the versions.
    fn run(&self, attempt: &Attempt<'_>) -> Verdict {
        let what = ("an answer of a Kafka broker", "tls://, or a listener without TLS (PLAINTEXT)");
        let (code, apis) = once(&self.peer, attempt, REQUEST, what, &decode)?;
        match (code, apis) {
            (0, 1..) => Healthy::saw(format!("answers {apis} APIs")),
            // KIP-511: a broker that has dropped this version answers in it all the same, and may
            // list the versions that it has.
            (UNSUPPORTED_VERSION, _) => Healthy::saw("answers, but wants a newer ApiVersions"),
            (0, 0) => Err(Failure::mismatch("broker", "knows no API", "at least one")),
            (code, _) => {
                Err(Failure::mismatch("broker", &format!("answers with error {code}"), "none (0)"))
            }
        }
    }
}

const UNSUPPORTED_VERSION: u16 = 35;

/// The error code and the number of APIs: ApiVersionsResponse of version 0, a key, a lowest and a
/// highest version each.
pub fn decode(bytes: &[u8]) -> Decoded<(u16, u32)> {
    let Some(size) = Reader(bytes).u32() else {
        return Ok(None);
    };
    let end = (size as usize).saturating_add(4);
    let Some(body) = claimed(bytes, 4, end)? else {
        return Ok(None);
    };
    let mut body = Reader(body);
    match body.array() {
        Some(CORRELATION) => {}
        Some(_) => return Err("an answer to another request".into()),
        None => return Err("an answer without a correlation id".into()),
    }
    let (Some(code), Some(count)) = (body.u16(), body.u32()) else {
        return Err("an answer that ends early".into());
    };
    let Reader(apis) = body;
    if (count as usize).checked_mul(6) != Some(apis.len()) {
        return Err(format!("{count} APIs in {} bytes", apis.len()).into());
    }
    Ok(Some(((code, count), end)))
}

#[cfg(test)]
mod tests {
    use super::super::torture;
    use super::*;

    // No broker was at hand: kafka-python 3.0.12 encoded it, and decoded the request (see
    // tests/peers/kafka_peer.py).
    const ANSWER: &[u8] =
        b"\0\0\0\x1chc18\0\0\0\0\0\x03\0\0\0\0\0\x0b\0\x01\0\0\0\x10\0\x12\0\0\0\x04";

    #[test]
    fn answers() {
        assert_eq!(decode(ANSWER), Ok(Some(((0, 3), 32))));
        assert_eq!(decode(b"\0\0\0\x0ahc18\0\x23\0\0\0\0"), Ok(Some(((35, 0), 14))));
        let newer = b"\0\0\0\x10hc18\0\x23\0\0\0\x01\0\x12\0\0\0\x04";
        assert_eq!(decode(newer), Ok(Some(((35, 1), 20))));
    }

    #[test]
    fn what_is_no_such_answer_is_refused_at_once() {
        for (bytes, wrong) in [
            (&b"\x80\0\0\0"[..], "a message of 2147483652 bytes"),
            (b"HTTP/1.1 400", "a message of 1213486164 bytes"),
            (b"\0\0\0\x02xx", "an answer without a correlation id"),
            (b"\0\0\0\x0ahc19\0\0\0\0\0\0", "an answer to another request"),
            (b"\0\0\0\x05hc18\0", "an answer that ends early"),
            (b"\0\0\0\x0ahc18\0\0\x80\0\0\0", "2147483648 APIs in 0 bytes"),
            (b"\0\0\0\x0ahc18\0\0\xff\xff\xff\xff", "4294967295 APIs in 0 bytes"),
        ] {
            let error = decode(bytes).expect_err("refused");
            assert!(error.starts_with(wrong), "{error}");
        }
    }

    #[test]
    fn anything_is_survived() {
        torture(ANSWER, decode);
    }
}

//! `amqp://`, `amqps://`: Connection.Start arrives (AMQP 0-9-1, sections 2.2.4 and 4.2); a broker of
//! AMQP 1.0 answers its protocol header with the same (its part 2, section 2.2).

use super::once;
use crate::attempt::Attempt;
use crate::checks::Check;
use crate::input::{Options, Target, Usage};
use crate::net::Peer;
use crate::net::conversation::{Decoded, MESSAGE};
use crate::verdict::{Healthy, Verdict, quote};
use crate::wire::Reader;

/// An AMQP broker, of 0-9-1 or 1.0.
#[derive(Debug)]
pub struct Amqp(Box<Peer>);

impl Check for Amqp {
    /// Takes what the peer takes.
    fn parse(target: &Target, options: &mut Options<'_>) -> Result<Self, Usage> {
        Ok(Self(Peer::parse(target, options)?))
    }

    /// Introduces itself and waits to be asked who it is. The FIN that follows is the quietest end
    /// there is: RabbitMQ warns of a client that closed; of Connection.Close at this point, or of
    /// a login that is none, it logs an error, and answers late.
    fn run(&self, attempt: &Attempt<'_>) -> Verdict {
        let what = ("the greeting of an AMQP broker", "amqps://");
        match once(&self.0, attempt, b"AMQP\0\0\x09\x01", what, &start)? {
            Answer::Start(server) => return Healthy::saw(server),
            Answer::Header(_) => {}
        }
        // The answer to what a broker does not speak is no more than a name: asked for what it does.
        // With SASL, since Qpid's that want a login close at once on who comes without.
        let ask = |id| {
            let what = ("an answer in AMQP 1.0", "amqps://");
            once(&self.0, attempt, &[b'A', b'M', b'Q', b'P', id, 1, 0, 0], what, &start)
        };
        if matches!(ask(3), Ok(Answer::Header(3))) {
            return Healthy::saw("speaks AMQP 1.0, with SASL");
        }
        match ask(0)? {
            Answer::Header(0) => Healthy::saw("speaks AMQP 1.0"),
            _ => Err(attempt.protocol("it names AMQP 1.0 and does not speak it")),
        }
    }
}

/// What a broker says first.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// Connection.Start: which server it is from, as far as it says so.
    Start(String),
    /// The header of AMQP 1.0, with 0 or with SASL's 3.
    Header(u8),
}

/// A frame with Connection.Start, or the header of AMQP 1.0.
pub fn start(bytes: &[u8]) -> Decoded<Answer> {
    if let Some(version) = bytes.strip_prefix(b"AMQP") {
        // A protocol header in answer to ours names the version that is spoken instead.
        return match version {
            [id @ (0 | 3), 1, 0, 0, ..] => Ok(Some((Answer::Header(*id), 8))),
            [id, major, minor, revision, ..] => {
                let sasl = if *id == 0 { "" } else { " (with TLS)" };
                Err(format!(
                    "the broker speaks AMQP {major}.{minor}.{revision}{sasl}, not 0.9.1 or 1.0"
                )
                .into())
            }
            _ => Ok(None),
        };
    }
    // A method frame on channel 0: connection, start, version 0-9.
    let fits = |want: &[u8], from: usize| {
        want.iter().zip(bytes.get(from..).unwrap_or_default()).all(|(want, got)| want == got)
    };
    let method = [0, 10, 0, 10, 0, 9];
    let header = b"AMQP".starts_with(bytes);
    let frame = fits(&[1, 0, 0], 0) && fits(&method, 7);
    if !(header || frame) {
        return Err("that is no AMQP 0-9-1".into());
    }
    let Some(length) = Reader(bytes.get(3..).unwrap_or_default()).u32() else {
        return Ok(None);
    };
    let length = length as usize;
    if length > MESSAGE - 8 {
        return Err(format!("a frame of {length} bytes, more than 64 KiB").into());
    }
    let Some(payload) = bytes.get(7..7 + length) else {
        return Ok(None);
    };
    match bytes.get(7 + length) {
        None => return Ok(None),
        Some(0xce) if payload.len() > method.len() => {}
        Some(_) => return Err("a frame with a malformed end".into()),
    }
    let named = |key| quote(property(payload, key).unwrap_or_default());
    let server = [named(b"\x07productS"), named(b"\x07versionS")].join(" ");
    let server = match server.trim_ascii() {
        "" => "Connection.Start".to_owned(),
        server => server.to_owned(),
    };
    Ok(Some((Answer::Start(server), length + 8)))
}

/// The long string behind `key` among the server's properties: its name and type as they are on
/// the wire, looked for rather than walked to, since the words are for show only.
fn property<'a>(payload: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let at = payload.windows(key.len()).position(|window| window == key)? + key.len();
    let mut value = Reader(payload.get(at..)?);
    let length = value.u32()?;
    value.bytes(length as usize)
}

#[cfg(test)]
mod tests {
    use super::super::torture;
    use super::*;

    /// What RabbitMQ 3.10.8 sends, its lesser properties left out.
    fn frame(properties: &[u8]) -> Vec<u8> {
        let mut payload = b"\0\x0a\0\x0a\0\x09".to_vec();
        payload.extend_from_slice(&u32::try_from(properties.len()).expect("short").to_be_bytes());
        payload.extend_from_slice(properties);
        payload.extend_from_slice(b"\0\0\0\x0eAMQPLAIN PLAIN\0\0\0\x05en_US");
        let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
        [b"\x01\0\0", &length[..], &payload, b"\xce"].concat()
    }

    const RABBIT: &[u8] = b"\x0ccapabilitiesF\0\0\0\x0d\x0abasic.nackt\x01\
        \x07productS\0\0\0\x08RabbitMQ\x07versionS\0\0\0\x063.10.8";

    #[test]
    fn the_server_is_named_as_far_as_it_names_itself() {
        let whole = frame(RABBIT);
        torture(&whole, start);
        assert_eq!(start(&whole), Ok(Some((Answer::Start("RabbitMQ 3.10.8".into()), whole.len()))));
        let nameless = frame(b"");
        assert_eq!(
            start(&nameless),
            Ok(Some((Answer::Start("Connection.Start".into()), nameless.len())))
        );
        // A length that leads out of the payload.
        let lies = frame(b"\x07productS\x7f\xff\xff\xffRabbitMQ");
        assert_eq!(start(&lies), Ok(Some((Answer::Start("Connection.Start".into()), lies.len()))));
    }

    #[test]
    fn other_versions_are_named() {
        let wrong = |bytes: &[u8]| start(bytes).expect_err("another version");
        assert_eq!(wrong(b"AMQP\0\x02\0\0"), "the broker speaks AMQP 2.0.0, not 0.9.1 or 1.0");
        assert_eq!(
            wrong(b"AMQP\x02\x01\0\0"),
            "the broker speaks AMQP 1.0.0 (with TLS), not 0.9.1 or 1.0"
        );
        for id in [0, 3] {
            let header = [b'A', b'M', b'Q', b'P', id, 1, 0, 0];
            torture(&header, start);
            assert_eq!(start(&header), Ok(Some((Answer::Header(id), 8))));
        }
        assert_eq!(start(b"AMQP\x03\x01\0"), Ok(None));
        assert_eq!(start(b"AM"), Ok(None));
    }

    #[test]
    fn what_is_no_start_is_refused_at_once() {
        let mut unended = frame(RABBIT);
        *unended.last_mut().expect("an end") = 0;
        for (bytes, wrong) in [
            (&b"HTTP/1.1 400"[..], "that is no AMQP 0-9-1"),
            // A heartbeat, and Connection.Close.
            (b"\x08\0\0\0\0\0\0\xce", "that is no AMQP 0-9-1"),
            (b"\x01\0\0\0\0\0\x06\0\x0a\0\x32", "that is no AMQP 0-9-1"),
            (b"\x01\0\0\x80\0\0\0", "a frame of 2147483648 bytes, more than 64 KiB"),
            (&unended, "a frame with a malformed end"),
        ] {
            assert_eq!(start(bytes), Err(wrong.into()));
        }
    }
}

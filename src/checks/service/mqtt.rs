//! `mqtt://`, `mqtts://`: CONNACK accepts a clean session (MQTT 3.1.1, the OASIS standard of 2014).

use super::{ask, no_path, open, or_tls, parts};
use crate::attempt::Attempt;
use crate::checks::Check;
use crate::input::{Options, Target, Usage};
use crate::net::conversation::Decoded;
use crate::net::{Peer, unpredictable};
use crate::text::{among, row};
use crate::verdict::{Failure, Healthy, Verdict};

/// An MQTT broker.
#[derive(Debug)]
pub struct Mqtt {
    peer: Box<Peer>,
    user: Option<String>,
    password: Option<String>,
}

impl Check for Mqtt {
    /// Takes user and password from the URL, and what the peer takes.
    fn parse(target: &Target, options: &mut Options<'_>) -> Result<Self, Usage> {
        let (authority, peer) = parts(target, options)?;
        no_path(target, authority)?;
        let long = |text: &Option<String>| text.as_ref().is_some_and(|text| text.len() > 65_535);
        if long(&authority.user) || long(&authority.password) {
            return Err(target.wrong("want a user and a password of at most 65535 bytes"));
        }
        Ok(Self { peer, user: authority.user.clone(), password: authority.password.clone() })
    }

    /// Connects as a client that nobody knows, and disconnects.
    fn run(&self, attempt: &Attempt<'_>) -> Verdict {
        let mut talk = open(&self.peer, attempt)?;
        // A client identifier that is in use would throw its owner out (section 3.1.4): letters and
        // digits, at most 23 of them, which every broker takes (section 3.1.3.1).
        let client = ["healthcheck", &(unpredictable() as u32).to_string()].concat();
        let request = connect(&client, self.user.as_deref(), self.password.as_deref());
        let code = ask(&mut talk, &request, "an answer of an MQTT broker", &connack)
            .map_err(|failure| or_tls(failure, &mut talk, &self.peer, "mqtts://"));
        let verdict = code.and_then(|code| self.judge(code));
        if verdict.is_ok() {
            // DISCONNECT (section 3.14), without which the client's will would be published, had it
            // one. The verdict stands, whatever becomes of it.
            let _ = talk.send(&[0xe0, 0]);
        }
        talk.close();
        verdict
    }
}

impl Mqtt {
    fn judge(&self, code: u8) -> Verdict {
        match code {
            0 => Healthy::saw("connection accepted"),
            4 | 5 | 134 | 135 if self.user.is_none() => Healthy::saw("up, wants user and password"),
            code => {
                let code = code.to_string();
                let known = row(CODES, &|codes| among(codes, &code));
                let words = known.map_or("not known", |(_, words)| words);
                let who = if self.user.is_some() { " with the user given" } else { "" };
                let got =
                    ["refuses the connection", who, ": ", words, " (code ", &code, ")"].concat();
                Err(Failure::mismatch("broker", &got, "it accepted"))
            }
        }
    }
}

/// The return codes of MQTT 3.1.1 (section 3.2.2.3), and the reason codes of MQTT 5.0 (its section
/// 3.2.2.2) with which a broker refuses those who speak an older version or come at a bad time.
const CODES: &str = "1=unacceptable protocol version\
    |2=client identifier rejected\
    |3 136=server unavailable\
    |4 134=bad user name or password\
    |5 135=not authorized, to most brokers a wrong user or password\
    |128=unspecified error\
    |129=malformed packet\
    |130=protocol error\
    |132=unsupported protocol version: MQTT 5 is wanted\
    |133=client identifier not valid\
    |137=server busy\
    |138=banned\
    |151=quota exceeded\
    |156=use another server\
    |157=server moved\
    |159=connection rate exceeded";

/// CONNECT (section 3.1): a clean session, no will, a keep-alive of a minute.
fn connect(client: &str, user: Option<&str>, password: Option<&str>) -> Vec<u8> {
    let flags = 2 | u8::from(user.is_some()) << 7 | u8::from(password.is_some()) << 6;
    let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', 4, flags, 0, 60];
    for text in [Some(client), user, password].into_iter().flatten() {
        let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
        body.extend_from_slice(&length.to_be_bytes());
        body.extend_from_slice(text.as_bytes());
    }
    // The remaining length: seven bits a byte, the least first (section 2.2.3).
    let mut packet = vec![0x10];
    let mut length = body.len();
    while length > 127 {
        packet.push((length & 127) as u8 | 128);
        length >>= 7;
    }
    packet.push(length as u8);
    packet.append(&mut body);
    packet
}

/// CONNACK (section 3.2): its return code. One that accepts must be as 3.1.1 has it; one that
/// refuses may be MQTT 5's, with properties behind it.
pub fn connack(bytes: &[u8]) -> Decoded<u8> {
    let (length, head) = match bytes {
        [] | [0x20] => return Ok(None),
        [0x20, length @ 2..=127, ..] => (usize::from(*length), 2),
        [0x20, 128..=255] => return Ok(None),
        [0x20, low @ 128..=255, high @ 1..=127, ..] => {
            (usize::from(low & 127) | usize::from(*high) << 7, 3)
        }
        [0x20, ..] => return Err("an answer to the login of no sound length".into()),
        _ => return Err("that is no MQTT".into()),
    };
    match bytes.get(head..head + length) {
        Some([0, 0]) => Ok(Some((0, head + length))),
        Some([_, code @ 1..=255, ..]) => Ok(Some((*code, head + length))),
        Some(_) => Err("a malformed answer to the login".into()),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::super::torture;
    use super::*;
    use crate::checks::kinds;
    use crate::input::Text;

    fn parse(target: &str) -> Result<Mqtt, Usage> {
        let (_, target) = kinds::read(&Text::plain(target)).expect(target);
        Mqtt::parse(&target, &mut Options::new(&[], &[]))
    }

    #[test]
    fn requests() {
        assert_eq!(connect("ab", None, None), b"\x10\x0e\0\x04MQTT\x04\x02\0\x3c\0\x02ab");
        assert_eq!(
            connect("ab", Some("u"), Some("")),
            b"\x10\x13\0\x04MQTT\x04\xc2\0\x3c\0\x02ab\0\x01u\0\0"
        );
        assert_eq!(connect("a", Some("u"), None)[9], 0x82);
        // 10 + 3 + 2 + 200 bytes follow.
        assert_eq!(connect("a", Some(&"u".repeat(200)), None)[..3], [0x10, 0xd7, 0x01]);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        assert!(parse("mqtt://u:p@h/").is_ok());
        for target in ["mqtt://h/topic", "mqtt://h?x", &format!("mqtt://{}@h", "u".repeat(65_536))]
        {
            assert!(parse(target).is_err());
        }
    }

    #[test]
    fn answers() {
        for (valid, code) in [
            (&b"\x20\x02\0\0"[..], 0),
            (b"\x20\x02\0\x05", 5),
            (b"\x20\x03\0\x84\0", 0x84),
            (&[&b"\x20\x80\x01\0\x88"[..], &[0; 126]].concat(), 0x88),
        ] {
            torture(valid, connack);
            assert_eq!(connack(valid), Ok(Some((code, valid.len()))));
        }
        for wrong in [
            &b"HTTP/1.1 400"[..],
            b"\x20\0",
            b"\x20\x01\0",
            b"\x20\xff\xff\xff\x7f",
            // A session that a clean one cannot find, and acceptance in MQTT 5's form.
            b"\x20\x02\x01\0",
            b"\x20\x03\0\0\0",
        ] {
            assert!(connack(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn only_missing_credentials_may_be_refused() {
        let (without, with) =
            (parse("mqtt://h").expect("one"), parse("mqtt://u:p@h").expect("one"));
        for code in 0..=255 {
            assert_eq!(
                without.judge(code).is_ok(),
                matches!(code, 0 | 4 | 5 | 134 | 135),
                "{code}"
            );
            assert_eq!(with.judge(code).is_ok(), code == 0, "{code}");
        }
        assert_eq!(
            with.judge(5).expect_err("refused").to_string(),
            "broker refuses the connection with the user given: not authorized, to most brokers a wrong user or password (code 5), want it accepted"
        );
    }
}

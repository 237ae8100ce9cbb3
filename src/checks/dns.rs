//! `dns://server/name`: the server answers NOERROR with a record (RFC 1035).

use crate::attempt::Attempt;
use crate::checks::Check;
use crate::input::{Flag, Options, Target, Usage, value};
use crate::net::Peer;
use crate::net::conversation::{Conversation, Decoded};
use crate::net::dns::{self, Answer, Rcode};
use crate::text::{before, parts, row};
use crate::verdict::{Failure, Healthy, Verdict};
use crate::wire::Reader;

/// A question to a name server.
#[derive(Debug)]
pub struct Dns {
    peer: Box<Peer>,
    name: String,
    /// The name as labels with their lengths.
    encoded: Vec<u8>,
    kind: (&'static str, u16),
}

/// The types that may be asked for, by the names of IANA's registry.
// not a verdict
const TYPES: &str = "A=1|NS=2|CNAME=5|SOA=6|PTR=12|MX=15|TXT=16|AAAA=28|SRV=33|NAPTR=35|DS=43\
    |DNSKEY=48|SVCB=64|HTTPS=65|CAA=257";

impl Check for Dns {
    /// Takes `--type` and what the peer takes.
    fn parse(target: &Target, options: &mut Options<'_>) -> Result<Self, Usage> {
        let authority = target.authority()?;
        let name = authority.path.strip_prefix('/').unwrap_or_default().to_owned();
        let encoded = dns::encode(&name).ok_or_else(|| {
            target.wrong("want dns://server/name with a name of labels up to 63 bytes")
        })?;
        if authority.user.is_some() {
            return Err(target.wrong("want dns://server/name without a user"));
        }
        let kind = options.last(Flag::Type, |value| {
            let wanted = value::utf8(value)?;
            let known = row(TYPES, &|name| name.eq_ignore_ascii_case(wanted));
            let known = known.and_then(|(name, number)| {
                let number = value::number(number.as_bytes()).ok()?;
                Some((name, u16::try_from(number).ok()?))
            });
            known.ok_or_else(|| {
                let mut text = String::from("one of"); // not a verdict
                for row in parts(TYPES, b'|') {
                    text.push(' ');
                    text.push_str(before(row, b"=").0);
                }
                (text + " is wanted").into() // not a verdict
            })
        })?;
        Ok(Self {
            peer: Peer::parse_datagram(target, options)?,
            name,
            encoded,
            kind: kind.unwrap_or(("A", dns::A)),
        })
    }

    /// Asks over UDP; over TCP too when the answer is truncated (RFC 7766).
    fn run(&self, attempt: &Attempt<'_>) -> Verdict {
        let query = dns::query(&self.encoded, self.kind.1);
        let mut answer = None;
        self.peer.ask(attempt, &query, |_, reply| {
            answer = Answer::parse(reply, &query)?;
            Ok(answer.is_some())
        })?;
        let mut answer = answer.ok_or_else(|| attempt.protocol("no answer"))?;
        if answer.truncated {
            answer = self.over_tcp(&query, attempt)?;
        }
        self.judge(&answer)
    }
}

impl Dns {
    fn over_tcp(&self, query: &[u8], attempt: &Attempt<'_>) -> Result<Answer, Failure> {
        let mut talk = Conversation::new(self.peer.open(attempt)?, Vec::new());
        let length = u16::try_from(query.len()).unwrap_or(u16::MAX).to_be_bytes();
        talk.send(&[&length, query].concat())?;
        let answer = talk.receive("a DNS message", |bytes| framed(bytes, query))?;
        talk.close();
        Ok(answer)
    }

    fn judge(&self, answer: &Answer) -> Verdict {
        let Self { name, kind: (kind, number), .. } = self;
        let what = format!("{kind} {name}");
        if answer.code != Rcode::NOERROR {
            return Err(Failure::mismatch(&what, &answer.code.name(), "NOERROR"));
        }
        match answer.records.iter().filter(|(found, _)| found == number).count() {
            0 => {
                Err(Failure::mismatch(&what, &format!("NOERROR with no {kind} record"), "a record"))
            }
            n => Healthy::saw(format!("NOERROR with {n} {kind} record(s)")),
        }
    }
}

/// RFC 1035 section 4.2.2: two bytes of length in front.
pub fn framed(bytes: &[u8], query: &[u8]) -> Decoded<Answer> {
    let mut rest = Reader(bytes);
    let Some(length) = rest.u16().map(usize::from) else { return Ok(None) };
    let Some(message) = rest.bytes(length) else { return Ok(None) };
    match Answer::parse(message, query)? {
        Some(answer) => Ok(Some((answer, length + 2))),
        None => Err("an answer to another question".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_tcp_a_message_has_its_length_in_front() {
        let query = dns::query(&dns::encode("a").expect("a name"), dns::A);
        let mut reply = query.clone();
        reply[2] = 0x81;
        let whole = [&[0, reply.len() as u8], reply.as_slice()].concat();
        for end in 0..whole.len() {
            assert_eq!(framed(&whole[..end], &query), Ok(None));
        }
        let answer = Answer { truncated: false, code: Rcode::NOERROR, records: vec![] };
        assert_eq!(framed(&whole, &query), Ok(Some((answer, whole.len()))));
        assert!(framed(&[0, 0], &query).is_err());
    }
}

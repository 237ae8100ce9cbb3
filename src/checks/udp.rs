//! `udp://`: a reply comes. Silence proves nothing, so there is no check without `--send`.

use super::stream::Wanted;
use crate::attempt::Attempt;
use crate::checks::Check;
use crate::input::{Flag, Options, Target, Usage, value};
use crate::net::Peer;
use crate::text::found;
use crate::verdict::{Healthy, Verdict, quote};

/// A datagram, and what must come back.
#[derive(Debug)]
pub struct Udp {
    peer: Box<Peer>,
    send: Vec<u8>,
    expect: Vec<Vec<u8>>,
}

impl Check for Udp {
    /// Takes `--send`, `--expect` and what the peer takes.
    fn parse(target: &Target, options: &mut Options<'_>) -> Result<Self, Usage> {
        target.authority()?.nothing_but_a_port(target)?;
        Ok(Self {
            peer: Peer::parse_datagram(target, options)?,
            send: options.last(Flag::Send, value::escaped)?.ok_or_else(|| {
                target.wrong("want --send TEXT: without a request, silence proves nothing")
            })?,
            expect: options.each(Flag::Expect, value::escaped)?,
        })
    }

    /// Sends, and reads replies until one address gave all texts, each within one datagram: those
    /// of two addresses, or the answer to a request that was repeated, make no text together.
    fn run(&self, attempt: &Attempt<'_>) -> Verdict {
        let mut wanted = Wanted::new(&self.expect);
        let mut missing = Vec::new();
        let mut from = None;
        let asked = self.peer.ask(attempt, &self.send, |address, reply| {
            if from.replace(address) != Some(address) {
                missing = self.expect.iter().map(Vec::as_slice).collect();
            }
            found(&mut missing, reply);
            wanted.seen = reply.to_vec();
            Ok(missing.is_empty())
        });
        match (asked, missing.first()) {
            (Ok(peer), _) => {
                // As a String, as everywhere: an address in a format string costs 700 bytes.
                let peer = peer.to_string();
                Healthy::saw(format!("{peer} answered {}", quote(&wanted.seen)))
            }
            (Err(_), Some(missing)) => Err(wanted.mismatch(missing, "by the deadline")),
            (Err(failure), None) => Err(failure),
        }
    }
}

impl Udp {}

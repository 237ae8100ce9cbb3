//! `udp://`: a reply comes. Silence proves nothing, so there is no check without `--send`.

use super::stream::Wanted;
use crate::input::{Flag, Options, Target, Usage, value};
use crate::net::Peer;
use crate::net::stream::MESSAGE;
use crate::verdict::{Healthy, Verdict, quote};
use crate::watch::Watch;

/// A datagram, and what must come back.
#[derive(Debug)]
pub struct Udp {
    peer: Box<Peer>,
    send: Vec<u8>,
    expect: Vec<Vec<u8>>,
}

impl Udp {
    /// Takes `--send`, `--expect` and what the peer takes.
    pub fn parse(target: &Target, options: &Options<'_>) -> Result<Self, Usage> {
        let authority = target.authority()?;
        authority.nothing_but_a_port(target)?;
        Ok(Self {
            peer: Peer::parse_datagram(target, authority, options, None)?,
            send: options.last(Flag::Send, value::escaped)?.ok_or_else(|| {
                target.wrong("want --send TEXT: without a request, silence proves nothing")
            })?,
            expect: options.each(Flag::Expect, value::escaped)?,
        })
    }

    /// Sends, and reads replies until all texts were seen.
    pub fn run(&self, watch: &Watch<'_>) -> Verdict {
        let mut wanted = Wanted::new(&self.expect);
        let asked = self.peer.ask(watch, &self.send, |reply| {
            wanted.push(reply);
            Ok(wanted.missing().is_none() || wanted.seen.len() > MESSAGE)
        });
        match (asked, wanted.missing()) {
            (Ok(peer), None) => Healthy::saw(format!("{peer} answered {}", quote(&wanted.seen))),
            (Ok(_), Some(missing)) => Err(wanted.mismatch(missing, "over 64 KiB")),
            (Err(_), Some(missing)) if !wanted.seen.is_empty() => {
                Err(wanted.mismatch(missing, "by the deadline"))
            }
            (Err(failure), _) => Err(failure),
        }
    }
}

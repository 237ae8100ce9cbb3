//! `tcp://`, `unix://` and `tls://`: a connection opens; with `--send` and `--expect` it answers.

use crate::attempt::Attempt;
use crate::checks::Check;
use crate::input::pattern::Pattern;
use crate::input::{Flag, Options, Target, Usage, value};
use crate::net::stream::MESSAGE;
use crate::net::{self, Peer, UnixName};
use crate::text::contains;
use crate::verdict::{Failure, Healthy, Step, Verdict, quote};

/// A connection, and what is said over it.
#[derive(Debug)]
pub struct Stream {
    peer: Box<Peer>,
    send: Option<Vec<u8>>,
    expect: Vec<Vec<u8>>,
    grep: Vec<Pattern>,
}

impl Check for Stream {
    /// Takes `--send`, `--expect`, `--grep` and what the peer takes.
    fn parse(target: &Target, options: &mut Options<'_>) -> Result<Self, Usage> {
        let peer = if target.scheme.opaque {
            let path = target.rest.strip_prefix(b"//").unwrap_or(&target.rest);
            // `unix:///@name` is the abstract socket `name`.
            let name = match path {
                [b'/', name @ ..] if name.starts_with(b"@") => name,
                path => path,
            };
            Peer::unix(UnixName::parse(name).map_err(|wrong| target.wrong(&wrong))?)
        } else {
            target.authority()?.nothing_but_a_port(target)?;
            Peer::parse(target, options)?
        };
        Ok(Self {
            peer,
            send: options.last(Flag::Send, value::escaped)?,
            expect: options.each(Flag::Expect, value::escaped)?,
            grep: options.each(Flag::Grep, Pattern::parse)?,
        })
    }

    /// Connects, sends, and reads until all texts were seen.
    fn run(&self, attempt: &Attempt<'_>) -> Verdict {
        let mut stream = self.peer.open(attempt)?;
        if self.expect.is_empty() && self.grep.is_empty() {
            // No answer will tell whether the server takes this client.
            stream.confirm()?;
        }
        if let Some(bytes) = &self.send {
            stream.write(bytes)?;
        }
        let mut wanted = Wanted::new(&self.expect);
        // While more may come, a line is one behind its end only.
        let unmatched = |seen: &[u8]| {
            let missing = self.grep.iter().find(|pattern| !pattern.matches(seen));
            missing.map(Pattern::given)
        };
        let lines = |seen: &[u8]| {
            let end = seen.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            unmatched(seen.get(..end).unwrap_or_default())
        };
        while let Some(missing) = wanted.missing().or_else(|| lines(&wanted.seen)) {
            let mut buffer = [0; 4096];
            attempt.enter(Step::Read, stream.peer());
            let n = stream.hear(&mut buffer, wanted.seen.len()).map_err(|failure| {
                // What came tells who is there, though it is not what was wanted.
                let who = net::recognise::recognise(&wanted.seen).unwrap_or_default();
                failure.with(&quote(&wanted.seen)).with(who)
            })?;
            if n == 0 {
                if wanted.missing().or_else(|| unmatched(&wanted.seen)).is_none() {
                    break;
                }
                return Err(wanted.mismatch(missing, "closed"));
            }
            wanted.push(buffer.get(..n).unwrap_or(&[]));
            if wanted.seen.len() > MESSAGE {
                return Err(wanted.mismatch(missing, "over 64 KiB"));
            }
        }
        let healthy = match wanted.seen.as_slice() {
            [] => format!("connected to {}", stream.peer()),
            seen => format!("{} answered {}", stream.peer(), quote(seen)),
        };
        stream.close();
        Healthy::saw(healthy)
    }
}

/// What has come back, and the texts that must appear in it.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    texts: &'a [Vec<u8>],
    pub(super) seen: Vec<u8>,
}

impl<'a> Wanted<'a> {
    pub(super) fn new(texts: &'a [Vec<u8>]) -> Self {
        Self { texts, seen: Vec::new() }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.seen.extend_from_slice(bytes);
    }

    /// The first text that is not there yet.
    pub(super) fn missing(&self) -> Option<&'a [u8]> {
        self.texts.iter().map(Vec::as_slice).find(|text| !contains(&self.seen, text))
    }

    pub(super) fn mismatch(&self, missing: &[u8], why: &str) -> Failure {
        let got = format!("of {} bytes, {why}", self.seen.len());
        let failure = Failure::lacks("reply", &got, missing, &self.seen);
        failure.with(net::recognise::recognise(&self.seen).unwrap_or_default())
    }
}

//! `tcp://`, `unix://` and `tls://`: a connection opens; with `--send` and `--expect` it answers.

use crate::attempt::Attempt;
use crate::checks::Check;
use crate::input::pattern::Pattern;
use crate::input::{Flag, Options, Target, Usage, value};
use crate::net::conversation::MESSAGE;
use crate::net::{self, Peer, UnixName};
use crate::text::contains;
use crate::verdict::{Failure, Healthy, Step, Verdict, quote};

/// A connection, and what is said over it.
#[derive(Debug)]
pub struct Stream {
    peer: Box<Peer>,
    send: Option<Vec<u8>>,
    bye: Option<Vec<u8>>,
    expect: Vec<Vec<u8>>,
    grep: Vec<Pattern>,
}

impl Check for Stream {
    /// Takes `--send`, `--bye`, `--expect`, `--grep`, `--reject` and what the peer takes.
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
            bye: options.last(Flag::Bye, value::escaped)?,
            expect: options.each(Flag::Expect, value::escaped)?,
            grep: Pattern::all(options, value::escaped)?,
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
        let whole = self.grep.iter().any(Pattern::rejects);
        loop {
            let seen = wanted.seen.as_slice();
            if let Some(pattern) = self.unmatched(seen, true) {
                let got = ["of ", &seen.len().to_string(), " bytes"].concat();
                return Err(pattern.failure("reply", &got, seen));
            }
            // While more may come, a line is one behind its end only.
            let end = seen.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            let lines = || self.unmatched(seen.get(..end).unwrap_or_default(), false);
            let missing = wanted.missing().or_else(|| lines().map(Pattern::text));
            if missing.is_none() && !whole {
                break;
            }
            if seen.len() > MESSAGE {
                return Err(match missing {
                    Some(missing) => wanted.mismatch(missing, "over 64 KiB"),
                    None => Failure::mismatch("reply", "over 64 KiB", "its end (--reject)"),
                });
            }
            let at = match missing {
                Some(text) => [stream.peer(), ", want \"", &quote(text), "\""].concat(),
                None => stream.peer().to_owned(),
            };
            attempt.enter(Step::Read, &at);
            let read = stream.hear(&mut wanted.seen, false);
            let seen = wanted.seen.as_slice();
            let n = read.map_err(|failure| {
                // What came tells who is there, though it is not what was wanted.
                let who = net::recognise::recognise(seen).unwrap_or_default();
                let end = if missing.is_none() { UNENDED } else { "" };
                failure.with(&quote(seen)).with(who).with(end)
            })?;
            if n == 0 {
                let last = || self.unmatched(seen, false).map(Pattern::text);
                match wanted.missing().or_else(last) {
                    None => break,
                    Some(missing) => return Err(wanted.mismatch(missing, "closed")),
                }
            }
        }
        let healthy = match wanted.seen.as_slice() {
            [] => format!("connected to {}", stream.peer()),
            seen => format!("{} answered {}", stream.peer(), quote(seen)),
        };
        if let Some(bytes) = &self.bye {
            part(&mut stream, bytes);
        }
        stream.close();
        Healthy::saw(healthy)
    }
}

/// Takes leave, and lets the server close first: else what it answers meets nobody, and some log that.
/// The verdict is known: nothing that goes wrong here changes it.
fn part(stream: &mut net::Stream<'_>, bye: &[u8]) {
    let until = stream.attempt().courtesy();
    let mut said = stream.write(bye).is_ok();
    while said {
        said = matches!(stream.read_until(&mut Vec::new(), until), Ok(1..));
    }
}

/// Why a reply in which nothing is wrong, or missing, is waited for.
const UNENDED: &str = "--reject reads to the end of the connection";

impl Stream {
    /// The first pattern that `seen` is not as asked by, among those that reject a text or the others.
    fn unmatched(&self, seen: &[u8], rejects: bool) -> Option<&Pattern> {
        let mut all = self.grep.iter().filter(|pattern| pattern.rejects() == rejects);
        all.find(|pattern| !pattern.matches(seen))
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

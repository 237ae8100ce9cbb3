//! `zookeeper://`: `srvr` says the server's mode, which one without a quorum does not have
//! (<https://zookeeper.apache.org/doc/current/zookeeperAdmin.html#sc_4lw>).

use super::{answered, once};
use crate::attempt::Attempt;
use crate::checks::Check;
use crate::input::{Options, Target, Usage};
use crate::net::Peer;
use crate::net::conversation::Decoded;
use crate::text::find;
use crate::verdict::{Healthy, Verdict, quote};

/// A server of a ZooKeeper ensemble, or one that stands alone.
#[derive(Debug)]
pub struct Zookeeper(Box<Peer>);

impl Check for Zookeeper {
    /// Takes what the peer takes.
    fn parse(target: &Target, options: &mut Options<'_>) -> Result<Self, Usage> {
        Ok(Self(Peer::parse(target, options)?))
    }

    /// Asks for the mode. Of the four-letter words it is the one that is on by default.
    fn run(&self, attempt: &Attempt<'_>) -> Verdict {
        let what = ("an answer of ZooKeeper (to srvr)", "");
        match once(&self.0, attempt, b"srvr", what, &reply)? {
            Ok(mode) => Healthy::saw(quote(mode.as_bytes())),
            Err(other) => Err(answered("srvr", &other, "its mode")),
        }
    }
}

/// The mode, or the line that says why there is none.
pub fn reply(bytes: &[u8]) -> Decoded<Result<String, String>> {
    const MODE: &[u8] = b"\nMode: ";
    // The first is the answer; the others say that there is no quorum, and that the word is off.
    let starts: [&[u8]; 3] = [b"Zookeeper version: ", b"This ZooKeeper ", b"srvr is not "];
    let fits = |start: &&[u8]| start.iter().zip(bytes).all(|(want, got)| want == got);
    let Some(start) = starts.iter().position(fits) else {
        return Err("that is no ZooKeeper".into());
    };
    let from = match (start, find(bytes, MODE)) {
        (0, Some(at)) => at + MODE.len(),
        (0, None) => return Ok(None),
        _ => 0,
    };
    let rest = bytes.get(from..).unwrap_or_default();
    let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(rest.get(..end).unwrap_or_default()).into_owned();
    Ok(Some((if start == 0 { Ok(text) } else { Err(text) }, from + end + 1)))
}

#[cfg(test)]
mod tests {
    use super::super::torture;
    use super::*;

    /// As ZooKeeper 3.8.0 says it, up to the mode.
    const ANSWER: &[u8] = b"Zookeeper version: 3.8.0-1, built on 2022-06-14 20:45 UTC\n\
        Latency min/avg/max: 0/0.0/0\nReceived: 1\nSent: 0\nConnections: 1\nOutstanding: 0\n\
        Zxid: 0x0\nMode: standalone\n";

    #[test]
    fn answers() {
        assert_eq!(reply(ANSWER), Ok(Some((Ok("standalone".into()), ANSWER.len()))));
        for line in [
            "This ZooKeeper instance is not currently serving requests",
            "srvr is not executed because it is not in the whitelist.",
        ] {
            let bytes = format!("{line}\n");
            assert_eq!(reply(bytes.as_bytes()), Ok(Some((Err(line.into()), bytes.len()))));
        }
        assert_eq!(reply(b"HTTP/1.1 400"), Err("that is no ZooKeeper".into()));
    }

    #[test]
    fn anything_is_survived() {
        torture(ANSWER, reply);
    }
}

//! `memcached://`: `version` answers VERSION (memcached's doc/protocol.txt).

use super::{answered, line, once, parts};
use crate::attempt::Attempt;
use crate::checks::Check;
use crate::input::{Options, Target, Usage};
use crate::net::Peer;
use crate::net::stream::Decoded;
use crate::verdict::{Healthy, Verdict};

/// A memcached server that speaks the text protocol.
#[derive(Debug)]
pub struct Memcached(Box<Peer>);

impl Check for Memcached {
    /// Takes what the peer takes.
    fn parse(target: &Target, options: &mut Options<'_>) -> Result<Self, Usage> {
        let (authority, peer) = parts(target, options)?;
        authority.nothing_but_a_port(target)?;
        Ok(Self(peer))
    }

    /// Asks for the version, and says goodbye with it.
    fn run(&self, attempt: &Attempt<'_>) -> Verdict {
        let what = ("an answer to version", "");
        let answer = once(&self.0, attempt, b"version\r\nquit\r\n", what, &reply)?;
        match answer.as_str() {
            // With `-Y FILE`, before a user has shown a password: a server that asks is up.
            "CLIENT_ERROR unauthenticated" => Healthy::saw("up, wants a password"), // not a verdict
            answer if answer.starts_with("VERSION ") => Healthy::saw(answer),
            answer => Err(answered("version", answer, "VERSION")),
        }
    }
}

/// The version, or one of the three errors.
pub fn reply(bytes: &[u8]) -> Decoded<String> {
    let starts = ["VERSION ", "ERROR", "CLIENT_ERROR", "SERVER_ERROR"];
    line(bytes, &starts, "no memcached answer")
}

#[cfg(test)]
mod tests {
    use super::super::torture;
    use super::*;

    #[test]
    fn replies() {
        for valid in [
            "VERSION 1.6.18\r\n",
            "ERROR\r\n",
            "ERROR Too many open connections\r\n",
            "SERVER_ERROR out of memory\r\n",
            "CLIENT_ERROR unauthenticated\r\n",
        ] {
            torture(valid.as_bytes(), reply);
            assert_eq!(reply(valid.as_bytes()), Ok(Some((valid.trim_end().into(), valid.len()))));
        }
        for wrong in ["HTTP/1.1 400", "\0", "+PONG\r\n", "VERSION\r\n", "-ERR unknown"] {
            assert_eq!(reply(wrong.as_bytes()), Err("no memcached answer".into()));
        }
    }
}

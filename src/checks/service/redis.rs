//! `redis://`, `rediss://`: PING gets PONG (RESP2, <https://redis.io/docs/reference/protocol-spec>).

use super::{answered, ask, line, open, or_tls, parts};
use crate::attempt::Attempt;
use crate::checks::Check;
use crate::input::pattern::Pattern;
use crate::input::{Flag, Options, Target, Usage, value};
use crate::net::Peer;
use crate::net::conversation::{Conversation, Decoded};
use crate::text::split_once_str;
use crate::verdict::{Healthy, Verdict};

/// A Redis server, or one that speaks its protocol: Valkey, KeyDB, Dragonfly, a sentinel.
#[derive(Debug)]
pub struct Redis {
    peer: Box<Peer>,
    /// AUTH and SELECT where they are wanted, then PING, in one piece.
    request: Vec<u8>,
    /// What is in it.
    steps: Vec<Step>,
    /// What PONG must match. With any of these the answer to PING alone counts, and one that only asks for
    /// a password is none, as for who reads what redis-cli puts out.
    grep: Vec<Pattern>,
}

/// A command, and the answer that is wanted.
#[derive(Debug)]
struct Step {
    name: &'static str,
    want: &'static str,
}

const AUTH: Step = Step { name: "AUTH", want: "OK" };
const SELECT: Step = Step { name: "SELECT", want: "OK" };
const PING: Step = Step { name: "PING", want: "PONG" };

impl Check for Redis {
    /// Takes user, password and database from the URL, `--grep`, and what the peer takes.
    fn parse(target: &Target, options: &mut Options<'_>) -> Result<Self, Usage> {
        let (authority, peer) = parts(target, options)?;
        let (mut request, mut steps) = (Vec::new(), Vec::new());
        if let Some(user) = &authority.user {
            let password = authority.password.as_deref().unwrap_or_default();
            // An empty one is a secret that did not arrive: to go on without it would call a server
            // healthy that would refuse it.
            if password.is_empty() {
                return Err(target.wrong("want user and password as [user]:password@, not empty"));
            }
            match user.as_str() {
                // Servers before version 6 know no users.
                "" => command(&[AUTH.name, password], &mut request),
                user => command(&[AUTH.name, user, password], &mut request),
            }
            steps.push(AUTH);
        }
        let database = authority.path.strip_prefix('/').unwrap_or(&authority.path);
        match database {
            "" => {}
            _ if value::number(database.as_bytes()).is_ok() => {
                command(&[SELECT.name, database], &mut request);
                steps.push(SELECT);
            }
            _ => return Err(target.wrong("want the number of a database as path, or none")),
        }
        command(&[PING.name], &mut request);
        steps.push(PING);
        let grep = options.each(Flag::Grep, Pattern::parse)?;
        Ok(Self { peer, request, steps, grep })
    }

    /// Sends all at once and reads the answers in turn.
    fn run(&self, attempt: &Attempt<'_>) -> Verdict {
        let mut talk = open(&self.peer, attempt)?;
        let verdict = self.talk(&mut talk);
        talk.close();
        verdict
    }
}

impl Redis {
    fn talk(&self, talk: &mut Conversation<'_>) -> Verdict {
        let mut request = self.request.as_slice();
        let anonymous = !self.steps.iter().any(|step| step.name == AUTH.name);
        for Step { name, want } in &self.steps {
            let answer = ask(talk, request, &["an answer to ", name].concat(), &reply);
            let answer = answer.map_err(|failure| match request {
                [] => failure,
                _ => or_tls(failure, talk, &self.peer, "rediss://"),
            })?;
            request = &[];
            if !self.grep.is_empty() && *name != PING.name {
                continue;
            }
            if anonymous && self.grep.is_empty() && answer.starts_with("-NOAUTH") {
                return Healthy::saw("up, wants a password (NOAUTH)");
            }
            if answer.strip_prefix('+') != Some(want) {
                // What follows repeats the arguments, the password among them.
                let said =
                    // not a verdict: part of one
                    split_once_str(&answer, ", with args").map_or(&*answer, |(said, _)| said);
                return Err(answered(name, said.trim_start_matches('-'), want));
            }
        }
        match Pattern::unmatched(&self.grep, PING.want.as_bytes()) {
            Some(pattern) => Err(pattern.failure("reply", PING.want, b"")),
            None => Healthy::saw(PING.want),
        }
    }
}

/// Appends a command as an array of bulk strings.
fn command(words: &[&str], out: &mut Vec<u8>) {
    let mut put = |parts: [&str; 3]| out.extend_from_slice(parts.concat().as_bytes());
    put(["*", &words.len().to_string(), "\r\n"]);
    for word in words {
        put(["$", &word.len().to_string(), "\r\n"]);
        put([word, "\r\n", ""]);
    }
}

/// A simple string or an error, with its sign in front: nothing else answers these commands.
pub fn reply(bytes: &[u8]) -> Decoded<String> {
    line(bytes, &["+", "-"], "that is no Redis")
}

#[cfg(test)]
mod tests {
    use super::super::torture;
    use super::*;
    use crate::checks::kinds;
    use crate::input::Text;

    fn parse(target: &str) -> Result<Redis, Usage> {
        let (_, target) = kinds::read(&Text::plain(target)).expect(target);
        Redis::parse(&target, &mut Options::new(&[], &[]))
    }

    fn request(target: &str) -> String {
        String::from_utf8(parse(target).expect(target).request).expect("text")
    }

    #[test]
    fn requests() {
        assert_eq!(request("redis://h"), "*1\r\n$4\r\nPING\r\n");
        assert_eq!(
            request("redis://:p%40s@h/"),
            "*2\r\n$4\r\nAUTH\r\n$3\r\np@s\r\n*1\r\n$4\r\nPING\r\n"
        );
        assert_eq!(
            request("redis://u:p@h/12"),
            "*3\r\n$4\r\nAUTH\r\n$1\r\nu\r\n$1\r\np\r\n\
             *2\r\n$6\r\nSELECT\r\n$2\r\n12\r\n*1\r\n$4\r\nPING\r\n"
        );
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for target in [
            "redis://u@h",
            "redis://:@h",
            "redis://u:@h",
            "redis://h/x",
            "redis://h/1/2",
            "redis://h?db=1",
        ] {
            assert!(parse(target).is_err(), "{target}");
        }
    }

    #[test]
    fn replies() {
        for valid in ["+PONG\r\n", "-NOAUTH Authentication required.\r\n", "-ERR x\n"] {
            torture(valid.as_bytes(), reply);
            assert_eq!(reply(valid.as_bytes()), Ok(Some((valid.trim_end().into(), valid.len()))));
        }
        for wrong in ["HTTP/1.1 400", "\0", "ERROR\r\n", ":1\r\n", "$-1\r\n"] {
            assert_eq!(reply(wrong.as_bytes()), Err("that is no Redis".into()));
        }
    }
}

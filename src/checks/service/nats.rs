//! `nats://`: INFO, then PING gets PONG (<https://docs.nats.io/reference/reference-protocols/nats-protocol>).

use std::time::Duration;

use super::{answered, ask, line, no_path, open, parts};
use crate::attempt::Attempt;
use crate::checks::Check;
use crate::deadline::Deadline;
use crate::input::{Options, Target, Usage};
use crate::net::Peer;
use crate::net::conversation::{Conversation, Decoded};
use crate::text::{before, contains, hex_digits, split_once, split_once_str};
use crate::verdict::{Failure, Healthy, Verdict, quote};

/// A NATS server.
#[derive(Debug)]
pub struct Nats {
    peer: Box<Peer>,
    login: Login,
}

/// Who we say we are, as clients of NATS read it from a URL.
#[derive(Debug)]
enum Login {
    Nobody,
    Token(String),
    User(String, String),
}

/// How long `--tls` waits for INFO before it takes the server for one that wants TLS first: at
/// most this, and at most a quarter of the time there is. Four times what a server waits that takes
/// both (`handshake_first: auto`).
const TLS_FIRST: Duration = Duration::from_millis(200);

impl Check for Nats {
    /// Takes user and password, or a token, from the URL, and what the peer takes.
    fn parse(target: &Target, options: &mut Options<'_>) -> Result<Self, Usage> {
        let (authority, peer) = parts(target, options)?;
        no_path(target, authority)?;
        let login = match (authority.user.clone(), authority.password.clone()) {
            (None, _) => Login::Nobody,
            // An empty one is a secret that did not arrive.
            (Some(user), password) if user.is_empty() || password.as_deref() == Some("") => {
                return Err(target.wrong("want token@ or user:password@, neither of them empty"));
            }
            (Some(token), None) => Login::Token(token),
            (Some(user), Some(password)) => Login::User(user, password),
        };
        Ok(Self { peer, login })
    }

    /// Reads INFO, agrees on TLS where asked to, and sends CONNECT and PING.
    fn run(&self, attempt: &Attempt<'_>) -> Verdict {
        let mut talk = open(&self.peer, attempt)?;
        let tls = self.peer.tls.as_ref();
        let mut first = false;
        if let Some(tls) = tls {
            let until = Deadline::after(TLS_FIRST).min(attempt.deadline().share(4));
            if !talk.wait_readable(until)? {
                attempt.say(&"no INFO: taken for a server that wants TLS first");
                talk = talk.secure(tls)?;
                first = true;
            }
        }
        let info = ask(&mut talk, &[], "the greeting of a NATS server", &info).map_err(
            |failure| match (tls, attempt.remaining()) {
                (None, None) => failure.with("want --tls if the server starts with TLS"),
                _ => failure,
            },
        )?;
        let says = |name: &str| field(&info, name).is_some_and(|rest| rest.starts_with("true"));
        let required = says("tls_required");
        let verdict = match tls {
            Some(_) if !first && !required && !says("tls_available") => {
                Err(Failure::mismatch("server", "offers no TLS", "it, as --tls says"))
            }
            // Those of clusters, leaf nodes and gateways refuse a client as one without credentials.
            _ if ["lnoc", "leafnode_urls", "gateway"]
                .iter()
                .any(|name| field(&info, name).is_some()) =>
            {
                Err(Failure::mismatch(
                    "port",
                    "for other NATS servers",
                    "the one for clients (4222)",
                ))
            }
            None if required => Err(Failure::mismatch("server", "requires TLS", "--tls")),
            tls => {
                if let (Some(tls), false) = (tls, first) {
                    talk = talk.secure(tls)?;
                }
                match self.login {
                    Login::Nobody if says("auth_required") => last_word(&info, &mut talk),
                    _ => self.ping(&info, &mut talk),
                }
            }
        };
        talk.close();
        verdict
    }
}

impl Nats {
    fn ping(&self, info: &str, talk: &mut Conversation<'_>) -> Verdict {
        /// The most lines that are read past in search of the answer: +OK, INFO, PING.
        const LINES: usize = 16;
        let mut request = self.connect();
        for _ in 0..LINES {
            let answer = ask(talk, &request, "PONG", &reply)?;
            request.clear();
            match before(&answer, b" \t").0 {
                "PONG" => return Healthy::saw(["PONG from NATS ", &version(info)].concat()),
                "-ERR" => {
                    if matches!(self.login, Login::Nobody) && wants_login(&answer) {
                        return Healthy::saw("up, wants credentials");
                    }
                    return Err(answered("PING", &answer, "PONG"));
                }
                _ => {}
            }
        }
        Err(answered("PING", "+OK, INFO and PING only", "PONG"))
    }

    /// CONNECT and PING in one piece.
    fn connect(&self) -> Vec<u8> {
        let mut text = String::from(
            "CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"healthcheck\",\"version\":\"",
        );
        text.push_str(concat!(env!("CARGO_PKG_VERSION"), "\",\"name\":\"healthcheck\""));
        let fields: &[(&str, &str)] = match &self.login {
            Login::Nobody => &[],
            Login::Token(token) => &[("auth_token", token)],
            Login::User(user, password) => &[("user", user), ("pass", password)],
        };
        for (name, value) in fields {
            text.push_str(&[",\"", name, "\":\""].concat());
            for c in value.chars() {
                // RFC 8259 section 7; the URL's grammar leaves out CR, LF and NUL.
                match c {
                    '"' | '\\' => text.extend(['\\', c]),
                    '\0'..='\x1f' => {
                        text.push_str("\\u00");
                        hex_digits(c as u8, &mut text);
                    }
                    c => text.push(c),
                }
            }
            text.push('"');
        }
        text.push_str("}\r\nPING\r\n");
        text.into_bytes()
    }
}

/// A server that wants a login which was not given: to go on would be an authentication error in its
/// log, at every check. One that is full or about to end says so behind its INFO.
fn last_word(info: &str, talk: &mut Conversation<'_>) -> Verdict {
    /// A server that is asked nothing more closes at once.
    const PATIENCE: Duration = Duration::from_millis(200);
    let until = Deadline::after(PATIENCE).min(talk.attempt().deadline());
    if talk.last_word(until)? {
        let answer = ask(talk, &[], "PONG", &reply)?;
        if answer.starts_with("-ERR") && !wants_login(&answer) {
            return Err(answered("greeting", &answer, "no error"));
        }
    }
    Healthy::saw(["NATS ", &version(info), ", wants credentials"].concat())
}

/// Whether it is the login that an error is about: one that is missing, or did not come in time.
fn wants_login(error: &str) -> bool {
    ["'Authorization ", "'Authentication "]
        .iter()
        .any(|kind| contains(error.as_bytes(), kind.as_bytes()))
}

/// The first line of a server.
pub fn info(bytes: &[u8]) -> Decoded<String> {
    line(bytes, &["INFO {"], "that is no NATS")
}

/// What may come instead of, and before, PONG.
pub fn reply(bytes: &[u8]) -> Decoded<String> {
    line(bytes, &["PONG\r", "PONG\n", "-ERR ", "+OK", "INFO ", "PING"], "that is no NATS")
}

/// What follows `"name":` in `json`. Inside a string of it the quotes would be escaped.
fn field<'a>(json: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = split_once_str(json, &["\"", name, "\""].concat())?;
    Some(rest.trim_ascii_start().strip_prefix(':')?.trim_ascii_start())
}

/// The server's version, as far as it says so.
pub fn version(info: &str) -> String {
    let text = field(info, "version")
        .and_then(|rest| split_once(rest, b'"'))
        .map(|(_, text)| before(text, b"\"").0);
    quote(text.unwrap_or_default().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::super::torture;
    use super::*;
    use crate::checks::kinds;
    use crate::input::Text;

    fn parse(target: &str) -> Result<Nats, Usage> {
        let (_, target) = kinds::read(&Text::plain(target)).expect(target);
        Nats::parse(&target, &mut Options::new(&[], &[]))
    }

    #[test]
    fn requests() {
        let text =
            |target| String::from_utf8(parse(target).expect(target).connect()).expect("text");
        let rest = |target| {
            let text = text(target);
            let (_, rest) = text.split_once("\"name\":\"healthcheck\"").expect("a name");
            rest.to_owned()
        };
        assert!(text("nats://h").starts_with("CONNECT {\"verbose\":false,\"pedantic\":false,"));
        assert_eq!(rest("nats://h"), "}\r\nPING\r\n");
        assert_eq!(rest("nats://t%22ok@h"), ",\"auth_token\":\"t\\\"ok\"}\r\nPING\r\n");
        assert_eq!(
            rest("nats://u:p%5C%1b@h/"),
            ",\"user\":\"u\",\"pass\":\"p\\\\\\u001b\"}\r\nPING\r\n"
        );
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for target in ["nats://h/subject", "nats://h?x", "nats://@h", "nats://:p@h", "nats://u:@h"]
        {
            assert!(parse(target).is_err(), "{target}");
        }
    }

    const INFO: &str = "INFO {\"server_id\":\"NAB\",\"server_name\":\"\\\"tls_required\\\":true\",\
        \"version\":\"2.9.10\",\"auth_required\" : true,\"tls_available\":false} \r\n";

    #[test]
    fn greetings() {
        torture(INFO.as_bytes(), info);
        let Ok(Some((text, _))) = info(INFO.as_bytes()) else { panic!("refused") };
        assert_eq!(version(&text), "2.9.10");
        assert_eq!(field(&text, "auth_required").map(|rest| &rest[..4]), Some("true"));
        assert_eq!(field(&text, "tls_available").map(|rest| &rest[..5]), Some("false"));
        // In a value of somebody's choice.
        assert_eq!(field(&text, "tls_required"), None);
        assert_eq!(version("INFO {\"version\":"), "");
    }

    #[test]
    fn replies() {
        for valid in ["PONG\r\n", "-ERR 'Authorization Violation'\r\n", "+OK\r\n", "PING\r\n"] {
            torture(valid.as_bytes(), reply);
            assert_eq!(reply(valid.as_bytes()), Ok(Some((valid.trim_end().into(), valid.len()))));
        }
        for wrong in ["HTTP/1.1 400", "\0", "PONGO\r\n", "-NOAUTH x", "MSG a 1 0\r\n"] {
            assert_eq!(reply(wrong.as_bytes()), Err("that is no NATS".into()));
        }
    }
}

//! `postgres://`: the server accepts connections, as libpq's PQping judges and `pg_isready` prints.
//!
//! The messages: <https://www.postgresql.org/docs/current/protocol-message-formats.html>. A password
//! is never sent: the check stops where the protocol wants one.

use super::{ask, open};
use crate::attempt::Attempt;
use crate::checks::Check;
use crate::input::{Options, Target, Usage, value};
use crate::net::conversation::{Conversation, Decoded, claimed};
use crate::net::{Peer, Tls};
use crate::text::{Wrong, before, pieces};
use crate::verdict::{Failure, Healthy, Verdict, quote};
use crate::wire::Reader;

/// A PostgreSQL server, or a pooler that speaks its protocol.
#[derive(Debug)]
pub struct Postgres {
    peer: Box<Peer>,
    startup: Vec<u8>,
}

/// SSLRequest: its length and the code that stands in place of a protocol version.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// Terminate: an end that the server does not call an unexpected one.
const TERMINATE: [u8; 5] = [b'X', 0, 0, 0, 4];

/// What a StartupMessage, or an SSLRequest, is answered with.
const ANSWER: &str = "an answer of PostgreSQL";

impl Check for Postgres {
    /// Takes `--tls` and what the peer takes. The user is `postgres` when none is given, the
    /// database the one of the user's name.
    fn parse(target: &Target, options: &mut Options<'_>) -> Result<Self, Usage> {
        let authority = target.authority()?;
        let database = authority.path.strip_prefix('/').unwrap_or(&authority.path);
        if !before(database, b"/?").1.is_empty() {
            return Err(target.wrong(
                "want postgres://[user@]host[:port][/database] without a query; --tls asks for TLS",
            ));
        }
        let database = value::percent_decoded(database);
        if database.contains(&0) {
            return Err(target.wrong("want a database without NUL"));
        }
        let user = authority.user.as_deref().filter(|user| !user.is_empty()).unwrap_or("postgres");
        let startup = startup(user.as_bytes(), &database);
        let peer = Peer::parse(target, options)?;
        Ok(Self { peer, startup })
    }

    /// Says who connects, and reads until the server wants a password, refuses or is ready.
    fn run(&self, attempt: &Attempt<'_>) -> Verdict {
        let mut talk = open(&self.peer, attempt)?;
        if let Some(tls) = &self.peer.tls {
            talk = upgrade(talk, tls)?;
        }
        let mut request = self.startup.as_slice();
        let mut welcome = false;
        let mut version = String::new();
        let saw = loop {
            let message = ask(&mut talk, request, ANSWER, &decode)?;
            request = &[];
            match message {
                Message::Welcome => welcome = true,
                Message::Version(text) => version = text,
                Message::Other => {}
                // Hanging up without a Terminate is how psql does it, and not logged.
                Message::Asks(what) => break ["asks for ", &what].concat(),
                Message::Refuses { code: NOT_NOW, text } => {
                    return Err(attempt
                        .protocol(["the server accepts no connections now ", &text].concat()));
                }
                Message::Refuses { code: FULL, text } => {
                    break ["up, but no connection is left ", &text].concat();
                }
                Message::Refuses { code: _, text } => {
                    break ["up, refuses this login ", &text].concat();
                }
                Message::Ready if welcome => {
                    // The verdict is known: an end that did not get through changes nothing.
                    let _ = talk.send(&TERMINATE);
                    break ["accepts connections, version ", &version].concat();
                }
                Message::Ready => {
                    return Err(attempt.protocol("ready for queries before it let anybody in"));
                }
            }
        };
        talk.close();
        Healthy::saw(saw)
    }
}

/// cannot_connect_now: starting up, shutting down, recovering. PQping calls every other error a
/// server that accepts connections.
const NOT_NOW: [u8; 5] = *b"57P03";

/// too_many_connections: whoever comes next may be let in.
const FULL: [u8; 5] = *b"53300";

/// SSLRequest, its answer of one byte, and the handshake.
fn upgrade<'w>(mut talk: Conversation<'w>, tls: &Tls) -> Result<Conversation<'w>, Failure> {
    let answer = ask(&mut talk, &SSL_REQUEST, ANSWER, &|bytes| match bytes {
        [] => Ok(None),
        // The error itself is left for the next decoder.
        [b'E', ..] => Ok(Some((b'E', 0))),
        [answer @ (b'S' | b'N'), ..] => Ok(Some((*answer, 1))),
        _ => Err("that is no PostgreSQL".into()),
    })?;
    let no = match answer {
        b'S' => return talk.secure(tls),
        b'N' => "the server does not offer TLS".to_owned(),
        _ => match ask(&mut talk, &[], ANSWER, &decode)? {
            Message::Refuses { text, .. } => {
                ["the server refuses to speak of TLS ", &text].concat()
            }
            _ => "the server answers a question for TLS with something else".to_owned(),
        },
    };
    let failure = talk.attempt().protocol(&no);
    talk.close();
    Err(failure)
}

/// StartupMessage of protocol 3.0.
fn startup(user: &[u8], database: &[u8]) -> Vec<u8> {
    let mut parameters = vec![0, 3, 0, 0];
    for (name, value) in
        [(&b"user"[..], user), (b"database", database), (b"application_name", b"healthcheck")]
    {
        if !value.is_empty() {
            for part in [name, &[0], value, &[0]] {
                parameters.extend_from_slice(part);
            }
        }
    }
    parameters.push(0);
    let length = u32::try_from(parameters.len() + 4).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), parameters.as_slice()].concat()
}

/// What a server says before the first query.
#[derive(Debug, PartialEq, Eq)]
pub enum Message {
    /// AuthenticationOk.
    Welcome,
    /// Any other Authentication request; what it asks for.
    Asks(String),
    /// ErrorResponse: its SQLSTATE; the same with the text.
    Refuses {
        /// SQLSTATE.
        code: [u8; 5],
        /// `(SQLSTATE): text`, quoted.
        text: String,
    },
    /// ParameterStatus of `server_version`.
    Version(String),
    /// ReadyForQuery.
    Ready,
    /// NegotiateProtocolVersion, NoticeResponse, BackendKeyData, other parameters.
    Other,
}

/// One message of the server.
pub fn decode(bytes: &[u8]) -> Decoded<Message> {
    /// As libpq's MAX_ERRLEN: what claims to be longer is the text of an error without a length.
    const LONGEST_ERROR: u32 = 30_000;
    let Some(kind) = bytes.first() else {
        return Ok(None);
    };
    if !b"RESKvNZ".contains(kind) {
        return Err("that is no PostgreSQL".into());
    }
    let Some(length) = bytes.get(1..).and_then(|rest| Reader(rest).u32()) else {
        return Ok(None);
    };
    // Before protocol 3.0, and still when the postmaster cannot fork.
    if *kind == b'E' && length > LONGEST_ERROR {
        return Err("an error without a code".into());
    }
    let end = (length as usize).saturating_add(1);
    let Some(body) = claimed(bytes, 5, end)? else {
        return Ok(None);
    };
    let message = match kind {
        b'R' => authentication(body)?,
        b'E' => error(body)?,
        b'Z' => Message::Ready,
        b'S' => match body.strip_prefix(b"server_version\0") {
            Some(version) => Message::Version(text(version)),
            None => Message::Other,
        },
        _ => Message::Other,
    };
    Ok(Some((message, end)))
}

/// What the kinds of authentication ask for.
fn authentication(body: &[u8]) -> Result<Message, Wrong> {
    let mut body = Reader(body);
    let Some(code) = body.u32() else {
        return Err("the server asks for a login without saying which".into());
    };
    Ok(Message::Asks(match code {
        0 => return Ok(Message::Welcome),
        2 => "Kerberos V5".into(),
        3 => "a password".into(),
        5 => "an MD5 password".into(),
        7 => "GSSAPI".into(),
        9 => "SSPI".into(),
        // The first mechanism is the one that the server likes best.
        10 => text(body.0),
        code => return Err(format!("the server asks for a login of unknown kind {code}").into()),
    }))
}

/// The fields of an ErrorResponse: a letter, a text, a NUL each. SQLSTATE and the primary message.
fn error(body: &[u8]) -> Result<Message, Wrong> {
    let field = |letter: u8| {
        let mut fields = pieces(body, 0);
        fields.find_map(|field| field.strip_prefix(&[letter]))
    };
    let Some(code) = field(b'C').and_then(|code| <[u8; 5]>::try_from(code).ok()) else {
        return Err("an error without a code".into());
    };
    let text = ["(", &quote(&code), "): ", &quote(field(b'M').unwrap_or_default())].concat();
    Ok(Message::Refuses { code, text })
}

/// A string up to its NUL.
fn text(bytes: &[u8]) -> String {
    quote(pieces(bytes, 0).next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::super::torture;
    use super::*;
    use crate::checks::kinds;
    use crate::input::Text;
    use crate::net::recognise::recognise;

    // What PostgreSQL 15.18 sent.
    const NO_DATABASE: &[u8] =
        b"E\x00\x00\x00\x59SFATAL\x00VFATAL\x00C3D000\x00Mdatabase \"nodb\" \
        does not exist\x00Fpostinit.c\x00L948\x00RInitPostgres\x00\x00";
    const VERSION: &[u8] = b"S\x00\x00\x00\x32server_version\x0015.18 (Debian 15.18-0+deb12u1)\x00";
    const NEGOTIATE: &[u8] = b"v\x00\x00\x00\x13\x00\x03\x00\x00\x00\x00\x00\x01_pq_.x\x00";

    fn parse(text: &str) -> Result<Postgres, String> {
        let (_, target) = kinds::read(&Text::plain(text)).expect(text);
        Postgres::parse(&target, &mut Options::new(&[], &[])).map_err(|usage| usage.to_string())
    }

    #[test]
    fn a_startup_message() {
        assert_eq!(
            startup(b"u", b"d"),
            b"\0\0\0\x38\0\x03\0\0user\0u\0database\0d\0application_name\0healthcheck\0\0"
        );
        assert_eq!(
            startup(b"u", b""),
            b"\0\0\0\x2d\0\x03\0\0user\0u\0application_name\0healthcheck\0\0"
        );
    }

    #[test]
    fn targets() {
        for (target, user, database) in [
            ("postgres://h", "postgres", ""),
            ("postgresql://h/", "postgres", ""),
            ("postgres://a%20b:pw@h:1/c%2Fd", "a b", "c/d"),
            ("postgres://:pw@h/x", "postgres", "x"),
        ] {
            let made = parse(target).expect(target);
            assert_eq!(made.startup, startup(user.as_bytes(), database.as_bytes()), "{target}");
            assert!(!made.startup.windows(2).any(|two| two == b"pw"));
        }
        for wrong in ["postgres://h/a?sslmode=require", "postgres://h?x", "postgres://h/a/b"] {
            assert!(parse(wrong).is_err_and(|usage| usage.contains("without a query")), "{wrong}");
        }
        assert!(parse("postgres://h/a%00").is_err());
    }

    #[test]
    fn messages() {
        let one = |bytes: &[u8]| decode(bytes).map(|done| done.map(|(message, _)| message));
        let asks = |what: &str| Ok(Some(Message::Asks(what.into())));
        assert_eq!(one(b"R\0\0\0\x08\0\0\0\0"), Ok(Some(Message::Welcome)));
        assert_eq!(one(b"R\0\0\0\x08\0\0\0\x03"), asks("a password"));
        assert_eq!(one(b"R\0\0\0\x0c\0\0\0\x05salt"), asks("an MD5 password"));
        assert_eq!(one(b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0"), asks("SCRAM-SHA-256"));
        let refuses = Message::Refuses {
            code: *b"3D000",
            text: "(3D000): database \"nodb\" does not exist".into(),
        };
        assert_eq!(one(NO_DATABASE), Ok(Some(refuses)));
        let version = Message::Version("15.18 (Debian 15.18-0+deb12u1)".into());
        assert_eq!(one(VERSION), Ok(Some(version)));
        assert_eq!(one(NEGOTIATE), Ok(Some(Message::Other)));
        assert_eq!(one(b"Z\0\0\0\x05I"), Ok(Some(Message::Ready)));
    }

    #[test]
    fn what_is_no_such_message_is_refused_at_once() {
        for (bytes, wrong) in [
            (&b"H"[..], "that is no PostgreSQL"),
            (b"R\x80\0\0\0", "a message of 2147483649 bytes"),
            (b"R\xff\xff\xff\xff", "a message of 4294967296 bytes"),
            (b"R\0\0\0\x03", "a message of 4 bytes"),
            (b"S\0\x01\0\0", "a message of 65537 bytes"),
            // A MySQL greeting of 82 bytes.
            (b"R\0\0\0\x0a8.0.36\0", "the server asks for a login of unknown kind 942551086"),
            (b"Ecould not fork new process for connection: x\n\0", "an error without a code"),
            (b"E\0\0\0\x08Mno\0", "an error without a code"),
            (b"ERROR\r\n", "an error without a code"),
        ] {
            let error = decode(bytes).expect_err("refused");
            assert!(error.starts_with(wrong), "{error}");
        }
    }

    #[test]
    fn other_checks_recognise_such_a_server() {
        assert_eq!(recognise(NO_DATABASE), Some("a PostgreSQL server answers here"));
    }

    #[test]
    fn anything_is_survived() {
        for valid in [NO_DATABASE, VERSION, NEGOTIATE, b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0"] {
            torture(valid, decode);
        }
    }
}

//! One request and its answer: the head, then as much of the body as is asked for.

use super::request::{Request, Url};
use super::response::{Body, HEAD, Head};
use crate::attempt::Attempt;
use crate::deadline::Deadline;
use crate::net::conversation::Conversation;
use crate::net::recognise::recognise;
use crate::net::stream::Stream;
use crate::net::{Peer, hello};
use crate::text::{contains, pieces};
use crate::verdict::{Failure, quote};

use std::time::Duration;

/// The largest body that is judged.
const JUDGED: usize = 1 << 20;

/// How long the first bytes of a rejected answer's body are waited for: they say what is down.
const REASON: Duration = Duration::from_millis(250);

/// How much of a body that nobody asked for is taken in, so that the server can finish what it is
/// writing.
const COURTESY: usize = 65_536;

/// An answer whose head was read.
pub(super) struct Exchange<'w> {
    stream: Stream<'w>,
    pub(super) head: Head,
    body: Body,
    inbox: Vec<u8>,
    /// What was read of the body.
    pub(super) decoded: Vec<u8>,
}

/// Where a request goes: whom to dial, and what is asked there.
pub(super) struct Call<'c> {
    pub(super) peer: &'c Peer,
    pub(super) url: &'c Url,
    pub(super) request: &'c Request,
    /// A redirect made a GET of it.
    pub(super) get: bool,
    /// Not the origin that the credentials are for.
    pub(super) stranger: bool,
    /// What an upgrade to WebSocket is asked for with; empty where none is.
    pub(super) key: &'c str,
}

impl<'w> Exchange<'w> {
    /// Sends the request and reads the head of its final answer.
    pub(super) fn start(call: &Call<'_>, attempt: &'w Attempt<'w>) -> Result<Self, Failure> {
        let Call { peer, url, request, get, stranger, key } = *call;
        let mut stream = peer.open_as(url.port, url.secure, attempt)?;
        let bytes = request.encode(url, get, stranger, key);
        // The head.
        let lines = pieces(&bytes, b'\n').take_while(|line| attempt.verbose() && *line != b"\r");
        for line in lines {
            attempt.say(&format_args!("request: {}", request.shown(line)));
        }
        // A server may answer and close before it has read everything: its answer counts.
        let sent = stream.write(&bytes);
        let mut inbox = Vec::new();
        let head = match (read_head(&mut stream, &mut inbox, call), sent) {
            (Err(_), Err(unsent)) => return Err(unsent),
            (Err(Unread { failure, mute: true }), Ok(())) => {
                // A server that takes one connection after another waits for the end of this one.
                drop(stream);
                return Err(failure.with(&call.mute(attempt)));
            }
            (Err(Unread { failure, .. }), Ok(())) => return Err(failure),
            (Ok(head), _) => head,
        };
        let body = head.framing(request.is_head()).map_err(|wrong| attempt.protocol(wrong))?;
        Ok(Self { stream, head, body, inbox, decoded: Vec::new() })
    }

    /// The attempt that this is part of.
    pub(super) fn attempt(&self) -> &'w Attempt<'w> {
        self.stream.attempt()
    }

    /// As [`Stream::lacks`].
    pub(super) fn lacks(&self) -> &'static str {
        self.stream.lacks()
    }

    /// What comes behind the head, where the connection is no longer HTTP's.
    pub(super) fn upgraded(self) -> Conversation<'w> {
        Conversation::new(self.stream, self.inbox)
    }

    /// Decodes what has come; whether the body is complete.
    pub(super) fn decode(&mut self) -> Result<bool, Failure> {
        let attempt = self.attempt();
        self.body
            .decode(&mut self.inbox, &mut self.decoded)
            .map_err(|wrong| attempt.protocol(wrong))?;
        if self.decoded.len() > JUDGED {
            return Err(attempt.protocol("a body over 1 MiB, which is not judged"));
        }
        Ok(self.body.is_complete())
    }

    /// Reads more of the body. Its end is one only where nothing tells its length.
    pub(super) fn fill(&mut self) -> Result<(), Failure> {
        let read = self.stream.read(&mut self.inbox);
        let n = self.decoded.len();
        let of = match self.body {
            Body::Length(left) => format!("of {}", left + n as u64),
            _ => "in the middle of its chunks".into(),
        };
        match read {
            Ok(1..) => Ok(()),
            Ok(0) if self.body == Body::Close => {
                self.body = Body::Length(0);
                Ok(())
            }
            Ok(0) => {
                let wrong = format!("the connection was closed after {n} body bytes {of}");
                Err(self.attempt().protocol(wrong))
            }
            Err(failure) if self.body == Body::Close => {
                Err(failure.with(&format!("{n} bytes of the body came")))
            }
            Err(failure) => Err(failure.with(&format!("{n} body bytes {of} came"))),
        }
    }

    /// The start of the body, as far as it comes without much waiting.
    pub(super) fn reason(&mut self) -> String {
        let until = Deadline::after(REASON);
        self.take_in(201, until);
        if until.remaining().is_none() {
            // It had its time: as if nothing told where it ends, it is left.
            self.body = Body::Close;
        }
        quote(&self.decoded)
    }

    /// Ends in order. A server that is still writing a body whose end is known may finish first:
    /// else it logs a broken pipe, and a proxy in front of it counts an abort. Nothing that goes
    /// wrong here changes a verdict, nor does it outlast the deadline.
    pub(super) fn close(mut self) {
        let framed = match self.body {
            Body::Length(left) => (1..=COURTESY as u64).contains(&left),
            Body::Close => false,
            _ => true,
        };
        let stream = |value: &[u8]| contains(&value.to_ascii_lowercase(), b"text/event-stream");
        let most = self.decoded.len() + COURTESY;
        // Most bodies came with the head: then nothing else is looked at.
        let begun = framed && matches!(self.decode(), Ok(false));
        if begun && !self.head.all("content-type").any(stream) {
            self.take_in(most, self.attempt().courtesy());
        }
        self.stream.close();
    }

    /// Reads the body until it is complete, until `most` bytes of it came, or until `until`.
    fn take_in(&mut self, most: usize, until: Deadline) {
        while let Ok(false) = self.decode() {
            let enough = self.decoded.len() >= most;
            if enough || !matches!(self.stream.read_until(&mut self.inbox, until), Ok(1..)) {
                break;
            }
        }
    }
}

impl Call<'_> {
    /// What a server that took the request and said nothing may want instead. Whether it wants TLS
    /// is seen by a second look, made only here.
    fn mute(&self, attempt: &Attempt<'_>) -> String {
        let opened = || self.peer.open_as(self.url.port, false, attempt);
        let (who, instead, else_says) = match self.url.secure {
            true => ("does it speak HTTP/2 only?", "", ""),
            false if hello::is_answered(opened()) => (TLS, secured(self.key), ""),
            false => (
                "does it speak TLS? then write ",
                secured(self.key),
                "; else its own log may tell why",
            ),
        };
        ["the request was sent, no byte came back: ", who, instead, else_says].concat()
    }
}

/// The scheme over TLS of a request, which is an upgrade to WebSocket where it has a key.
pub(super) fn secured(key: &str) -> &'static str {
    if key.is_empty() { "https://" } else { "wss://" }
}

/// Whom a request in plain text has met.
pub(super) const TLS: &str = "a TLS server answers here: write ";

/// What a listener has met that knows no such header.
pub(super) const PROXIED: &str =
    "a PROXY header went ahead (--proxy-protocol), which this listener may not take";

/// Why there is no head; whether not even one byte came before the connection ended.
struct Unread {
    failure: Failure,
    mute: bool,
}

impl From<Failure> for Unread {
    fn from(failure: Failure) -> Self {
        Self { failure, mute: false }
    }
}

/// Reads heads until the final one (RFC 9110 section 15.2).
fn read_head(
    stream: &mut Stream<'_>,
    inbox: &mut Vec<u8>,
    call: &Call<'_>,
) -> Result<Head, Unread> {
    let attempt = stream.attempt();
    let mut searched = 0;
    let mut informational = 0;
    loop {
        match Head::parse(inbox, searched) {
            Ok(Some((head, length))) => {
                tell(&head, attempt);
                inbox.drain(..length.min(inbox.len()));
                if !matches!(head.status, 100 | 102..=199) {
                    return Ok(head);
                }
                searched = 0;
                informational += length;
                if informational > HEAD {
                    let wrong = "over 64 KiB of informational responses without a final one";
                    return Err(attempt.protocol(wrong).into());
                }
            }
            Ok(None) => {
                searched = inbox.len();
                let late = match stream.read(inbox) {
                    Ok(1..) => continue,
                    Ok(0) => None,
                    Err(failure) => Some(failure),
                };
                return Err(ended(late, searched, informational, attempt));
            }
            Err(wrong) => return Err(attempt.protocol(foreign(&wrong, inbox, call)).into()),
        }
    }
}

/// The end before a head was complete: the system's failure, or an orderly one. What had come
/// tells a server that hangs from one that is slow.
fn ended(
    failure: Option<Failure>,
    came: usize,
    informational: usize,
    attempt: &Attempt<'_>,
) -> Unread {
    let timely = attempt.remaining().is_some();
    let mute = (came, informational) == (0, 0);
    let failure = match (failure, came, informational) {
        (None, 0, 0) => attempt.protocol("the connection was closed without a response"),
        (None, 0, _) => {
            attempt.protocol("the connection was closed after informational responses only")
        }
        (None, n, _) => attempt
            .protocol(format!("the connection was closed after {n} bytes of a response head")),
        (Some(failure), 0, 0) if timely => failure,
        (Some(failure), 0, 0) => failure.with("no byte of an answer came"),
        (Some(failure), 0, _) => failure.with("informational responses only came"),
        (Some(failure), n, _) => failure.with(&format!("{n} bytes of a response head came")),
    };
    // With a client certificate missing there is nothing else to guess.
    let mute = mute && timely && !contains(failure.words().as_bytes(), b"--cert");
    Unread { failure, mute }
}

/// What is no HTTP, and whose it is, where the first bytes tell.
fn foreign(wrong: &str, inbox: &[u8], call: &Call<'_>) -> String {
    let shown = match recognise(inbox) {
        Some(who) if contains(who.as_bytes(), b"a TLS server") => [TLS, secured(call.key)].concat(),
        Some(who) if !contains(who.as_bytes(), b"an HTTP/1 server") => who.to_owned(),
        _ if call.peer.proxied && !inbox.starts_with(b"HTTP/") => {
            [PROXIED, ": ", &quote(inbox)].concat()
        }
        _ => quote(inbox),
    };
    [wrong, ": ", &shown].concat()
}

/// The head, for `--verbose`.
fn tell(head: &Head, attempt: &Attempt<'_>) {
    for (name, value) in head.headers().iter().filter(|_| attempt.verbose()) {
        let secret = name.eq_ignore_ascii_case("set-cookie");
        let shown = if secret { "***".into() } else { quote(value) };
        attempt.say(&format_args!("response: {}: {name}: {shown}", head.status));
    }
}

//! A connection, plain or TLS, every call of which ends by the deadline.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::net::{RecvFlags, Shutdown, recv, shutdown};

use super::diag;
use super::packet::Socket;
use super::recognise::recognise;
use super::tls::{self, Tls};
use crate::attempt::{Attempt, is_late};
use crate::deadline::Deadline;
use crate::text::Wrong;
use crate::verdict::{Failure, Step, quote};

#[derive(Debug)]
enum Layer<'w> {
    Plain(Socket<'w>),
    Tls(Box<tls::Session<Socket<'w>>>),
}

/// A connection to a peer; its failures name the step and the peer.
#[derive(Debug)]
pub struct Stream<'w> {
    layer: Layer<'w>,
    /// What TLS will need, if it is to come.
    files: Option<tls::Files>,
    peer: String,
    attempt: &'w Attempt<'w>,
}

impl<'w> Stream<'w> {
    pub(super) fn new(
        fd: OwnedFd,
        files: Option<tls::Files>,
        peer: String,
        attempt: &'w Attempt<'w>,
    ) -> Self {
        let socket = Socket { fd, attempt, until: attempt.deadline(), packed: None };
        Self { layer: Layer::Plain(socket), files, peer, attempt }
    }

    /// The attempt this stream lives under.
    pub fn attempt(&self) -> &'w Attempt<'w> {
        self.attempt
    }

    /// The address connected to.
    pub fn peer(&self) -> &str {
        &self.peer
    }

    /// Agrees on TLS, at once or in the middle of a conversation.
    pub fn secure(self, tls: &Tls) -> Result<Self, Failure> {
        let Self { layer, files, peer, attempt } = self;
        let layer = match layer {
            Layer::Plain(socket) => {
                let files = files.map_or_else(|| tls.files(attempt), Ok)?;
                let mut session = Box::new(tls.handshake(socket, files, &peer, attempt)?);
                session.socket_mut().packed = None;
                Layer::Tls(session)
            }
            secure @ Layer::Tls(_) => secure,
        };
        Ok(Self { layer, files: None, peer, attempt })
    }

    /// For a conversation that ends without an answer: whether the server went on once it saw the
    /// client's certificate, or saw none. It is waited for at most a second, since a server that
    /// hands out no tickets says nothing; without TLS 1.3 and a server that asks for a certificate
    /// there is nothing to wait for.
    pub fn confirm(&mut self) -> Result<(), Failure> {
        const PATIENCE: Duration = Duration::from_secs(1);
        let Layer::Tls(session) = &mut self.layer else { return Ok(()) };
        self.attempt.enter(Step::Read, &self.peer);
        session.socket_mut().until = self.attempt.deadline().min(Deadline::after(PATIENCE));
        match session.confirm() {
            // Silence; at the deadline of the check there is no telling.
            Err(error) if is_late(&error) && self.attempt.remaining().is_some() => Ok(()),
            end => end.map_err(|error| self.attempt.io(error)),
        }
    }

    /// The application protocol agreed upon by ALPN (RFC 7301).
    pub fn alpn(&self) -> Option<&[u8]> {
        match &self.layer {
            Layer::Plain(_) => None,
            Layer::Tls(session) => session.alpn(),
        }
    }

    /// Where the server asked for a client certificate and none was sent, that it did; else empty.
    pub fn lacks(&self) -> &'static str {
        match &self.layer {
            Layer::Plain(_) => "",
            Layer::Tls(session) => session.lacks(),
        }
    }

    /// Writes all of `bytes`.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.attempt.enter(Step::Send, &self.peer);
        let written = match &mut self.layer {
            Layer::Plain(socket) => io::Write::write_all(socket, bytes),
            Layer::Tls(session) => session.write_all(bytes),
        };
        written.map_err(|error| self.attempt.io(error))
    }

    /// Appends to `inbox` what is there, waiting for the first byte; 0 is the orderly end of the
    /// stream. Under TLS an end without close_notify is no orderly one and fails (RFC 8446 section
    /// 6.1).
    pub fn read(&mut self, inbox: &mut Vec<u8>) -> Result<usize, Failure> {
        self.attempt.enter(Step::Read, &self.peer);
        self.read_until(inbox, self.attempt.deadline()).map_err(|error| self.unread(error, ""))
    }

    /// Why nothing was read. A server of this machine that is late may have
    /// others waiting; where it has none, `else_says` is all there is to say.
    fn unread(&self, error: io::Error, else_says: &str) -> Failure {
        let late = is_late(&error);
        let failure = self.attempt.io(error);
        if !late {
            return failure;
        }
        match diag::queue(&self.peer, self.attempt).as_str() {
            "" => failure.with(else_says),
            queue => failure.with(queue),
        }
    }

    /// As [`Stream::read`] of a conversation of which `inbox` has all that has come so far: silence
    /// may be that of a server which waits for a first word of another protocol.
    pub fn hear(&mut self, inbox: &mut Vec<u8>) -> Result<usize, Failure> {
        let seen = inbox.len();
        self.read_until(inbox, self.attempt.deadline()).map_err(|error| match seen {
            0 => self.unread(error, SILENCE),
            n => self.unread(error, &[&n.to_string(), " bytes of an answer came"].concat()),
        })
    }

    /// As [`Stream::read`], given up at `until`.
    pub fn read_until(&mut self, inbox: &mut Vec<u8>, until: Deadline) -> io::Result<usize> {
        self.socket_mut().until = until;
        let read = match &mut self.layer {
            Layer::Plain(socket) => socket.append(inbox),
            Layer::Tls(session) => session.append(inbox),
        };
        // What comes next has the whole time again.
        self.socket_mut().until = self.attempt.deadline();
        read
    }

    fn socket_mut(&mut self) -> &mut Socket<'w> {
        match &mut self.layer {
            Layer::Plain(socket) => socket,
            Layer::Tls(session) => session.socket_mut(),
        }
    }

    /// Says that nothing more will be asked: a server that has nothing to add closes.
    fn finish(&mut self) {
        match &mut self.layer {
            // Where it is closed already, the next read says so.
            Layer::Plain(socket) => drop(shutdown(&socket.fd, Shutdown::Write)),
            Layer::Tls(session) => session.close_notify(),
        }
    }

    /// Ends the conversation in order: close_notify where it applies, and what is still unread is
    /// taken in, so that the kernel closes with FIN and not with RST. Nothing is waited for, and
    /// nothing that goes wrong here changes a verdict.
    pub fn close(mut self) {
        if let Layer::Tls(session) = &mut self.layer {
            session.close_notify();
        }
        let fd = match &self.layer {
            Layer::Plain(socket) => &socket.fd,
            Layer::Tls(session) => &session.socket().fd,
        };
        // Not filled with zeros first: 1,000 instructions.
        let mut sink = Vec::with_capacity(4096);
        for _ in 0..16 {
            sink.clear();
            match recv(fd, spare_capacity(&mut sink), RecvFlags::DONTWAIT) {
                Ok((_, 1..)) => {}
                _ => break,
            }
        }
    }
}

/// What nothing may mean: HTTP servers and others wait for the end of a request that is none to them.
const SILENCE: &str =
    "no byte of an answer came: the port of another protocol (HTTP?), or the server hangs";

/// A decoder's answer: what was decoded and how many bytes it took; `None` when more are needed;
/// an error in words when no further byte can mend it.
pub type Decoded<T> = Result<Option<(T, usize)>, Wrong>;

/// At most this much of one message is held: a length beyond it is refused before anything is
/// allocated.
pub const MESSAGE: usize = 65_536;

/// The bytes from `from` to `to` of a message whose own length field says that it ends at `to`;
/// `None` until they are there. What cannot be held, or ends before `from`, is an error.
pub fn claimed(bytes: &[u8], from: usize, to: usize) -> Result<Option<&[u8]>, Wrong> {
    if !(from..=MESSAGE).contains(&to) {
        return Err(format!("a message of {to} bytes, want {from} to {MESSAGE}").into());
    }
    Ok(bytes.get(from..to))
}

/// A stream with what was read from it and not used yet: for protocols of messages.
#[derive(Debug)]
pub struct Conversation<'w> {
    stream: Stream<'w>,
    inbox: Vec<u8>,
}

impl<'w> Conversation<'w> {
    /// Talks over `stream`, of which this much was read already.
    pub fn new(stream: Stream<'w>, inbox: Vec<u8>) -> Self {
        Self { stream, inbox }
    }

    /// The attempt this conversation lives under.
    pub fn attempt(&self) -> &'w Attempt<'w> {
        self.stream.attempt
    }

    /// The stream below, for its ALPN and peer.
    pub fn stream(&self) -> &Stream<'w> {
        &self.stream
    }

    /// Whether the peer ended the conversation, in time and without a word that is unread.
    pub fn is_mute(&self) -> bool {
        self.inbox.is_empty() && self.attempt().remaining().is_some()
    }

    /// What has come and was not used.
    pub fn unread(&self) -> &[u8] {
        &self.inbox
    }

    /// Writes all of `bytes`.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.stream.write(bytes)
    }

    /// Reads until `decode` has a message. What it refuses, and an end before it is complete, are
    /// failures that name `what` was awaited and what came instead; so does the deadline.
    pub fn receive<T>(
        &mut self,
        what: &str,
        decode: impl Fn(&[u8]) -> Decoded<T>,
    ) -> Result<T, Failure> {
        loop {
            match decode(&self.inbox) {
                Ok(Some((message, used))) => {
                    self.inbox.drain(..used.min(self.inbox.len()));
                    // It came: what it says is no longer about what was awaited.
                    self.attempt().note(Step::Read, self.stream.peer());
                    return Ok(message);
                }
                Ok(None) => self.fill(what)?,
                Err(wrong) => return Err(self.refused(what, &wrong)),
            }
        }
    }

    /// Waits until `until`, which is sooner than the deadline, for the peer to say something of
    /// its own accord; whether it did.
    pub fn wait_readable(&mut self, until: Deadline) -> Result<bool, Failure> {
        self.attempt().enter(Step::Read, self.stream.peer());
        match self.stream.read_until(&mut self.inbox, until) {
            Ok(_) => Ok(true),
            Err(error) if is_late(&error) => Ok(false),
            Err(error) => Err(self.attempt().io(error)),
        }
    }

    /// Says that nothing more will be asked.
    pub fn finish(&mut self) {
        self.stream.finish();
    }

    /// Asks for nothing more; whether the peer has a last word before `until`.
    pub fn last_word(&mut self, until: Deadline) -> Result<bool, Failure> {
        self.finish();
        if self.inbox.is_empty() {
            self.wait_readable(until)?;
        }
        Ok(!self.inbox.is_empty())
    }

    /// Agrees on TLS in the middle of the conversation. What came before it would be unprotected
    /// text taken for protected text (CVE-2011-0411 and its kin), so there must be none.
    pub fn secure(self, tls: &Tls) -> Result<Self, Failure> {
        if !self.inbox.is_empty() {
            return Err(self.refused("the start of TLS", "bytes came ahead of it"));
        }
        Ok(Self { stream: self.stream.secure(tls)?, inbox: self.inbox })
    }

    /// As [`Conversation::secure`], with a handshake that stands in packets ([`packet`]).
    pub fn secure_in_packets(mut self, tls: &Tls) -> Result<Self, Failure> {
        self.stream.socket_mut().packed = Some(0);
        self.secure(tls)
    }

    /// Ends in order.
    pub fn close(self) {
        self.stream.close();
    }

    /// Reads once more.
    fn fill(&mut self, what: &str) -> Result<(), Failure> {
        // A record of FastCGI has a head and padding around as much content.
        if self.inbox.len() >= MESSAGE + 512 {
            return Err(self.refused(what, "more than 64 KiB without an end"));
        }
        self.awaits(what);
        if self.stream.hear(&mut self.inbox)? != 0 {
            return Ok(());
        }
        let wrong = match self.inbox.len() {
            0 => "the connection was closed without a word".to_owned(),
            n => format!("the connection was closed after {n} bytes"),
        };
        Err(self.refused(what, &wrong))
    }

    /// Every failure and notice from here on says that `what` is awaited.
    fn awaits(&self, what: &str) {
        self.attempt().enter(Step::Read, &[self.stream.peer(), ", want ", what].concat());
    }

    /// A failure that says what was wanted, what is wrong with it, and who seems to be there
    /// instead.
    fn refused(&self, what: &str, wrong: &str) -> Failure {
        self.awaits(what);
        let mut message = wrong.to_owned();
        if let Some(who) = recognise(&self.inbox) {
            message = format!("{message} ({who})");
        } else if !self.inbox.is_empty() {
            message = format!("{message}: {}", quote(&self.inbox));
        }
        self.attempt().protocol(message)
    }
}

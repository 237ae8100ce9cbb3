//! A connection, plain or TLS, every call of which ends by the deadline.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::net::{RecvFlags, Shutdown, recv, shutdown};

use super::diag;
use super::socket::Socket;
use super::tls::{self, Tls};
use crate::attempt::{Attempt, is_late};
use crate::deadline::Deadline;
use crate::verdict::{Failure, Step};

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

    /// As [`Stream::read`] of a conversation of which `inbox` has all that has come so far, but for
    /// messages that were `heard`: silence ahead of them may be that of a server which waits for a first
    /// word of another protocol.
    pub fn hear(&mut self, inbox: &mut Vec<u8>, heard: bool) -> Result<usize, Failure> {
        let seen = inbox.len();
        self.read_until(inbox, self.attempt.deadline()).map_err(|error| match seen {
            0 if heard => self.unread(error, "no further byte of an answer came"),
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

    pub(super) fn socket_mut(&mut self) -> &mut Socket<'w> {
        match &mut self.layer {
            Layer::Plain(socket) => socket,
            Layer::Tls(session) => session.socket_mut(),
        }
    }

    /// Says that nothing more will be asked: a server that has nothing to add closes.
    pub(super) fn finish(&mut self) {
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

//! A connection on which messages come and go: what was read is kept until it makes a whole one.

use super::recognise::recognise;
use super::stream::Stream;
use super::tls::Tls;
use crate::attempt::{Attempt, is_late};
use crate::deadline::Deadline;
use crate::text::Wrong;
use crate::verdict::{Failure, Step, quote};

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
    /// A message has come: it is the protocol that is spoken here.
    heard: bool,
}

impl<'w> Conversation<'w> {
    /// Talks over `stream`, of which this much was read already.
    pub fn new(stream: Stream<'w>, inbox: Vec<u8>) -> Self {
        Self { stream, inbox, heard: false }
    }

    /// The attempt this conversation lives under.
    pub fn attempt(&self) -> &'w Attempt<'w> {
        self.stream.attempt()
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
            let wrong = match decode(&self.inbox) {
                Ok(Some((message, used))) => {
                    self.took(used);
                    return Ok(message);
                }
                Ok(None) => None,
                Err(wrong) => Some(wrong),
            };
            self.fill(what, wrong)?;
        }
    }

    /// A message of so many bytes came: what it says is no longer about what was awaited. Not once
    /// for each kind of message: 1 KB.
    #[inline(never)]
    fn took(&mut self, used: usize) {
        self.inbox.drain(..used.min(self.inbox.len()));
        self.heard = true;
        self.attempt().note(Step::Read, self.stream.peer());
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
        Ok(Self { stream: self.stream.secure(tls)?, ..self })
    }

    /// As [`Conversation::secure`], with a handshake that stands in packets ([`packet`]).
    ///
    /// [`packet`]: super::packet
    pub fn secure_in_packets(mut self, tls: &Tls) -> Result<Self, Failure> {
        self.stream.socket_mut().packed = Some(0);
        self.secure(tls)
    }

    /// Ends in order.
    pub fn close(self) {
        self.stream.close();
    }

    /// Reads once more, unless something is wrong already.
    fn fill(&mut self, what: &str, wrong: Option<Wrong>) -> Result<(), Failure> {
        if let Some(wrong) = wrong {
            return Err(self.refused(what, &wrong));
        }
        // A record of FastCGI has a head and padding around as much content.
        if self.inbox.len() >= MESSAGE + 512 {
            return Err(self.refused(what, "more than 64 KiB without an end"));
        }
        self.awaits(what);
        if self.stream.hear(&mut self.inbox, self.heard)? != 0 {
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

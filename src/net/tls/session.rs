//! A connection under TLS: its handshake, what is read and written, its end.

use std::fmt;
use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::sync::Arc;

use rustls::{ClientConnection, ProtocolVersion};

use super::credentials::Credentials;
use super::explain;
use super::verify::Verifier;
use crate::attempt::Attempt;
use crate::text::Wrong;
use crate::verdict::Failure;

/// A connection under TLS.
#[derive(Debug)]
pub(in crate::net) struct Session<S> {
    wire: Wire<S>,
    tls: ClientConnection,
    credentials: Arc<Credentials>,
    /// Why nothing more can be read.
    broken: Option<String>,
}

impl<S: Read + Write> Session<S> {
    /// Over `socket`, before anything is sent.
    pub(super) fn new(socket: S, tls: ClientConnection, credentials: Arc<Credentials>) -> Self {
        let wire = Wire { socket, first: [0; FIRST], seen: 0 };
        Self { wire, tls, credentials, broken: None }
    }

    /// Carries the handshake out.
    pub(super) fn agree(
        &mut self,
        verifier: &Verifier,
        attempt: &Attempt<'_>,
    ) -> Result<(), Failure> {
        while self.tls.is_handshaking() {
            let lost = match self.flush() {
                Err(error) if !is_gone(&error) => return Err(self.unheard(error, attempt)),
                flushed => flushed.err(),
            };
            // A server that hung up may have left an alert: it says more than the system does.
            match (self.tls.read_tls(&mut self.wire), lost) {
                (Ok(1..), _) => {}
                (_, Some(error)) | (Err(error), None) => {
                    return Err(self.unheard(error, attempt));
                }
                (Ok(0), None) => return Err(attempt.protocol(match self.wire.seen {
                    0 => "the server closed the connection in answer to the TLS greeting; does it speak TLS on this port?",
                    _ if self.credentials.missing() => explain::CERTIFICATE_WANTED,
                    _ => "the server closed the connection in the middle of the TLS handshake",
                })),
            }
            if let Err(error) = self.tls.process_new_packets() {
                // The alert tells the server's log what was wrong; that it arrives is not needed.
                let _ = self.flush();
                return Err(attempt.protocol(
                    match (verifier.fault(), explain::not_tls(self.wire.first())) {
                        (Some(fault), _) => fault.to_owned(),
                        (None, Some(other)) => other,
                        (None, None) => explain::of(&error, self.credentials.missing()),
                    },
                ));
            }
        }
        self.deliver().map_err(|error| attempt.io(error))
    }

    /// The handshake met the deadline or the system's refusal. Where nothing was said, who is there
    /// may wait for another protocol's first words.
    fn unheard(&self, error: io::Error, attempt: &Attempt<'_>) -> Failure {
        let failure = attempt.io(error);
        match self.wire.seen {
            0 => failure.with("no byte of an answer; does it speak TLS on this port?"),
            _ => failure,
        }
    }

    /// Appends to `inbox` the plaintext that comes next. `Ok(0)` is the peer's close_notify; a
    /// connection that ends without one is an error, since what arrived may be cut short (RFC 8446
    /// section 6.1).
    pub(in crate::net) fn append(&mut self, inbox: &mut Vec<u8>) -> io::Result<usize> {
        loop {
            match self.tls.reader().fill_buf() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                    let why = match self.credentials.missing() {
                        true => {
                            "the connection ended without close_notify; the server asked for a client certificate (--cert, --key)"
                        }
                        false => "the connection ended without close_notify",
                    };
                    return Err(io::Error::new(ErrorKind::UnexpectedEof, Wrong::from(why)));
                }
                Err(error) => return Err(error),
                Ok(bytes) => {
                    let n = bytes.len();
                    inbox.extend_from_slice(bytes);
                    self.tls.reader().consume(n);
                    return Ok(n);
                }
            }
            self.more()?;
        }
    }

    pub(in crate::net) fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let taken = self.tls.writer().write(bytes)?;
            bytes = bytes.get(taken..).unwrap_or_default();
            self.deliver()?;
        }
        Ok(())
    }

    /// Writes what is to be said. Where nobody hears it, the alert that the server left before it
    /// hung up says more than the system does.
    fn deliver(&mut self) -> io::Result<()> {
        let Err(error) = self.flush() else { return Ok(()) };
        while is_gone(&error) {
            match self.more() {
                Ok(1..) => {}
                Err(why) if why.kind() == ErrorKind::InvalidData => return Err(why),
                _ => break,
            }
        }
        Err(error)
    }

    /// TLS 1.3 lets a client finish before the server has judged its certificate (RFC 8446 section
    /// 4.4.2). Reads, whatever the server greets with, until it has shown that it went on, by a
    /// ticket, or has refused; at the socket's end of time it says `TimedOut`.
    pub(in crate::net) fn confirm(&mut self) -> io::Result<()> {
        let late = self.late_verdict();
        while late && self.credentials.requested() && self.tls.tls13_tickets_received() == 0 {
            if self.more()? == 0 {
                let why = match self.credentials.missing() {
                    true => explain::CERTIFICATE_WANTED,
                    false => "the server closed the connection after it saw the client certificate",
                };
                return Err(io::Error::new(ErrorKind::InvalidData, Wrong::from(why)));
            }
            while let Ok(1..) = self.tls.reader().read(&mut [0; 4096]) {}
        }
        Ok(())
    }

    /// Whether the server judges the client's certificate after the handshake, as in TLS 1.3.
    fn late_verdict(&self) -> bool {
        self.tls.protocol_version() == Some(ProtocolVersion::TLSv1_3)
    }

    /// Reads from the socket once; 0 is its end.
    fn more(&mut self) -> io::Result<usize> {
        if let Some(why) = &self.broken {
            return Err(io::Error::new(ErrorKind::InvalidData, Wrong::from(why.as_str())));
        }
        // What was left to say, an answer to a key update perhaps: what can be read comes first.
        let _ = self.flush();
        let n = self.tls.read_tls(&mut self.wire)?;
        if let Err(error) = self.tls.process_new_packets() {
            let _ = self.flush();
            // Said when all that came before it was read.
            let missing = self.credentials.missing();
            self.broken = Some(explain::afterwards(&error, missing, self.late_verdict()));
        }
        Ok(n)
    }

    /// Says goodbye. That the peer hears it is not needed.
    pub(in crate::net) fn close_notify(&mut self) {
        self.tls.send_close_notify();
        let _ = self.flush();
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.wire)?;
        }
        Ok(())
    }
}

impl<S> Session<S> {
    /// Where the server asked for a client certificate and none was sent, that it did.
    pub(in crate::net) fn lacks(&self) -> &'static str {
        if self.credentials.missing() { explain::CERTIFICATE_WANTED } else { "" }
    }

    pub(in crate::net) fn alpn(&self) -> Option<&[u8]> {
        self.tls.alpn_protocol()
    }

    pub(in crate::net) fn socket(&self) -> &S {
        &self.wire.socket
    }

    pub(in crate::net) fn socket_mut(&mut self) -> &mut S {
        &mut self.wire.socket
    }
}

/// `TLS 1.3, AES-128-GCM, X25519, ALPN none`, for `--verbose`.
impl<S> fmt::Display for Session<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let suite = self.tls.negotiated_cipher_suite().map(|suite| suite.suite());
        let group = self.tls.negotiated_key_exchange_group().map(|group| group.name());
        let alpn = self.alpn().map_or("none".into(), String::from_utf8_lossy);
        let version = match self.tls.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLS 1.3", // not a verdict: part of one
            _ => "TLS 1.2",
        };
        let (suite, group) = (explain::suite(suite), explain::group(group));
        write!(f, "{version}, {suite}, {group}, ALPN {alpn}")
    }
}

/// Whether the peer hung up; what it said before can be read all the same.
fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)
}

/// Enough of the first answer to recognise what is spoken.
const FIRST: usize = 64;

/// The socket, remembering the first bytes that came: they tell what a peer speaks that is no TLS.
#[derive(Debug)]
struct Wire<S> {
    socket: S,
    first: [u8; FIRST],
    seen: usize,
}

impl<S> Wire<S> {
    fn first(&self) -> &[u8] {
        self.first.get(..self.seen).unwrap_or_default()
    }
}

impl<S: Read> Read for Wire<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.socket.read(buffer)?;
        for (kept, byte) in self.first.iter_mut().skip(self.seen).zip(buffer.iter().take(n)) {
            *kept = *byte;
            self.seen += 1;
        }
        Ok(n)
    }
}

impl<S: Write> Write for Wire<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.write(bytes)
    }

    /// The records of a flight leave together: fewer calls, and no server hangs up in between.
    fn write_vectored(&mut self, records: &[io::IoSlice<'_>]) -> io::Result<usize> {
        let flight: Vec<&[u8]> = records.iter().map(|record| &**record).collect();
        self.socket.write(&flight.concat())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

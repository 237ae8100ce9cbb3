//! TLS: makes a verified, encrypted stream of a plain one, and says precisely why it cannot.
//!
//! This file and those under `tls/` are the only ones that name rustls. Who is trusted is decided
//! by webpki; what `shown` reads out of a certificate is for display and never for the verdict.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustls::client::{ResolvesClientCert, Resumption};
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ClientConnection, Error, ProtocolVersion, SignatureScheme};

use crate::attempt::Attempt;
use crate::input::{Flag, Host, Options, Target, Usage};
use crate::text::Wrong;
use crate::verdict::{Failure, Step};

use verify::Verifier;
pub use verify::roots_in_file;

pub mod certificate;
mod der;
pub mod explain;
mod files;
mod keys;
mod provider;
mod roots;
mod verify;

/// What is asked of the handshake.
#[derive(Debug)]
pub struct Tls {
    /// The application protocol offered (RFC 7301); none when empty.
    pub alpn: &'static [u8],
    /// To send and to verify. An address is verified only: RFC 6066 section 3 allows no literal.
    name: ServerName<'static>,
    trust: Trust,
    identity: Option<Identity>,
}

/// Whose certificates are believed.
#[derive(Debug)]
enum Trust {
    /// `--insecure`: any certificate; that the peer holds its key is verified all the same.
    Any,
    /// Chains to these roots.
    Roots {
        /// `--cacert`, in place of the roots in the binary.
        file: Option<PathBuf>,
        /// The chain must still verify this far in the future.
        min_validity: Option<Duration>,
    },
}

/// A client certificate chain and its key, both PEM; both may be in the same file.
#[derive(Debug)]
struct Identity {
    cert: PathBuf,
    key: PathBuf,
}

/// What the files say.
#[derive(Debug)]
pub(super) struct Files {
    verifier: Arc<Verifier>,
    credentials: Arc<Credentials>,
}

impl Tls {
    /// Takes the TLS options; `host` is the name to verify unless `--server-name` says another.
    /// The files are read later, by [`Tls::files`].
    pub fn parse(target: &Target, host: &Host, options: &mut Options<'_>) -> Result<Self, Usage> {
        let named = options.last(Flag::ServerName, |name| {
            let name =
                std::str::from_utf8(name).ok().and_then(|name| ServerName::try_from(name).ok());
            name.map(|name| name.to_owned())
                .ok_or_else(|| "a DNS name or an IP address is wanted".into())
        })?;
        let name = match (named, host) {
            (Some(name), _) => name,
            (None, Host::Ip(ip)) => ServerName::from(*ip),
            (None, host) => ServerName::try_from(host.to_string()).map_err(|_| {
                target.wrong("want a host that can stand in a certificate, or --server-name")
            })?,
        };
        let loose = options.scope(Flag::Insecure);
        let strict = [Flag::MinValidity, Flag::Cacert].map(|flag| (options.scope(flag), flag));
        let strict = strict.into_iter().max_by_key(|(scope, _)| *scope);
        // What stands after the target overrides what stands before it, either way.
        let any = match (loose, strict) {
            (Some(loose), Some((Some(strict), flag))) if loose == strict => {
                return Err(contradiction(target, flag));
            }
            (loose, strict) => loose > strict.and_then(|(scope, _)| scope),
        };
        options.has(Flag::Insecure);
        let file = options.path(Flag::Cacert)?;
        let min_validity = options.duration(Flag::MinValidity)?;
        let trust = if any { Trust::Any } else { Trust::Roots { file, min_validity } };
        let identity = match (options.path(Flag::Cert)?, options.path(Flag::Key)?) {
            (Some(cert), key) => Some(Identity { key: key.unwrap_or_else(|| cert.clone()), cert }),
            (None, Some(_)) => {
                return Err(target.wrong("--key: its certificate is wanted too: --cert FILE"));
            }
            (None, None) => None,
        };
        Ok(Self { alpn: b"", name, trust, identity })
    }

    /// Reads the files, on every try: with `--wait` they may yet appear.
    pub(super) fn files(&self, attempt: &Attempt<'_>) -> Result<Files, Failure> {
        let verifier = Arc::new(Verifier::new(&self.trust, attempt)?);
        let key = self.identity.as_ref().map(|identity| files::identity(identity, attempt));
        let key = key.transpose()?.map(Arc::new);
        let credentials = Arc::new(Credentials { key, requested: AtomicBool::new(false) });
        Ok(Files { verifier, credentials })
    }

    /// Completes a handshake with `peer`. When it fails, nothing of the application was sent.
    pub(super) fn handshake<S: Read + Write>(
        &self,
        socket: S,
        Files { verifier, credentials }: Files,
        peer: &str,
        attempt: &Attempt<'_>,
    ) -> Result<Session<S>, Failure> {
        attempt.enter(Step::Handshake, peer);
        let config = self.config(&verifier, &credentials);
        let wire = Wire { socket, first: [0; FIRST], seen: 0 };
        let mut session = config
            .and_then(|config| ClientConnection::new(Arc::new(config), self.name.clone()))
            .map(|tls| Session { wire, tls, credentials, broken: None })
            .map_err(|error| attempt.protocol(explain::of(&error, false)))?;
        let agreed = session.agree(&verifier, attempt);
        if attempt.verbose() {
            if agreed.is_ok() {
                attempt.say(&session);
            }
            verifier.chain().iter().for_each(|line| attempt.say(line));
        }
        agreed.map(|()| session)
    }

    fn config(
        &self,
        verifier: &Arc<Verifier>,
        credentials: &Arc<Credentials>,
    ) -> Result<ClientConfig, Error> {
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider::provider()))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
            .dangerous()
            .with_custom_certificate_verifier(verifier.clone())
            .with_client_cert_resolver(credentials.clone());
        // A check is one connection: a ticket would never be used.
        config.resumption = Resumption::disabled();
        if !self.alpn.is_empty() {
            config.alpn_protocols = vec![self.alpn.to_vec()];
        }
        Ok(config)
    }
}

fn contradiction(target: &Target, flag: Flag) -> Usage {
    target.wrong(&format!("--insecure verifies nothing: want it or {}, not both", flag.spelled()))
}

/// The client certificate, and whether the server asked for one.
#[derive(Debug)]
struct Credentials {
    key: Option<Arc<CertifiedKey>>,
    requested: AtomicBool,
}

impl Credentials {
    fn requested(&self) -> bool {
        self.requested.load(Ordering::Relaxed)
    }

    /// The server asked and got nothing.
    fn missing(&self) -> bool {
        self.key.is_none() && self.requested()
    }
}

impl ResolvesClientCert for Credentials {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.requested.store(true, Ordering::Relaxed);
        self.key.clone()
    }

    fn has_certs(&self) -> bool {
        self.key.is_some()
    }
}

/// A connection under TLS.
#[derive(Debug)]
pub(super) struct Session<S> {
    wire: Wire<S>,
    tls: ClientConnection,
    credentials: Arc<Credentials>,
    /// Why nothing more can be read.
    broken: Option<String>,
}

impl<S: Read + Write> Session<S> {
    fn agree(&mut self, verifier: &Verifier, attempt: &Attempt<'_>) -> Result<(), Failure> {
        while self.tls.is_handshaking() {
            self.flush().map_err(|error| attempt.io(error))?;
            if self.tls.read_tls(&mut self.wire).map_err(|error| attempt.io(error))? == 0 {
                return Err(attempt.protocol(match self.wire.seen {
                    0 => "the server closed the connection in answer to the TLS greeting; does it speak TLS on this port?",
                    _ if self.credentials.missing() => explain::CERTIFICATE_WANTED,
                    _ => "the server closed the connection in the middle of the TLS handshake",
                }));
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
        self.flush().map_err(|error| attempt.io(error))
    }

    /// Reads plaintext. `Ok(0)` is the peer's close_notify; a connection that ends without one is
    /// an error, since what arrived may be cut short (RFC 8446 section 6.1).
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.tls.reader().read(buffer) {
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
                result => return result,
            }
            self.more()?;
        }
    }

    pub(super) fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let taken = self.tls.writer().write(bytes)?;
            bytes = bytes.get(taken..).unwrap_or_default();
            if let Err(error) = self.flush() {
                // The alert that the server left before it hung up says more than the system does.
                while matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) {
                    match self.more() {
                        Ok(1..) => {}
                        Err(why) if why.kind() == ErrorKind::InvalidData => return Err(why),
                        _ => break,
                    }
                }
                return Err(error);
            }
        }
        Ok(())
    }

    /// TLS 1.3 lets a client finish before the server has judged its certificate (RFC 8446 section
    /// 4.4.2). Reads, whatever the server greets with, until it has shown that it went on, by a
    /// ticket, or has refused; at the socket's end of time it says `TimedOut`.
    pub(super) fn confirm(&mut self) -> io::Result<()> {
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
    pub(super) fn close_notify(&mut self) {
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
    pub(super) fn alpn(&self) -> Option<&[u8]> {
        self.tls.alpn_protocol()
    }

    pub(super) fn socket(&self) -> &S {
        &self.wire.socket
    }

    pub(super) fn socket_mut(&mut self) -> &mut S {
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
            Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
            _ => "TLS 1.2",
        };
        let (suite, group) = (explain::suite(suite), explain::group(group));
        write!(f, "{version}, {suite}, {group}, ALPN {alpn}")
    }
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

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

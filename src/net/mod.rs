//! Whom to dial and how: an endpoint becomes a [`Stream`] under a deadline.

pub mod conf;
pub mod conversation;
pub mod diag;
pub mod dns;
pub mod hello;
mod packet;
mod random;
pub mod recognise;
pub mod resolve;
mod socket;
pub mod stream;
pub mod tls;
mod udp;

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use crate::attempt::{Attempt, is_late};
use crate::deadline::Deadline;
use crate::file;
use crate::input::{Flag, Host, Options, Secure, Target, Usage, target};
use crate::text::Wrong;
use crate::verdict::{Failure, Step, quote};

pub use random::unpredictable;
pub use resolve::Family;
pub use stream::Stream;
pub use tls::Tls;

use socket::{connect_tcp, permitted};

/// Where to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// TCP or UDP.
    Inet(Host, u16),
    /// A stream socket in the file system, or an abstract one (`@name`, unix(7)).
    Unix(UnixName),
}

/// The name of a Unix socket, known to fit into an address: at most 107 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnixName(SocketAddrUnix, String);

impl UnixName {
    /// `/path.sock`, or `@name` for the abstract name space.
    pub fn parse(name: &[u8]) -> Result<Self, Wrong> {
        let address = match name {
            [b'@', name @ ..] if !name.is_empty() => SocketAddrUnix::new_abstract_name(name),
            [b'/', _, ..] => SocketAddrUnix::new(OsStr::from_bytes(name)),
            _ => return Err("want an absolute path or @name of a Unix socket".into()),
        };
        let address =
            address.map_err(|_| "want at most 107 bytes, none of them NUL, for a Unix socket")?;
        Ok(Self(address, String::from_utf8_lossy(name).into_owned()))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Inet(host, port) => write!(f, "{host}:{port}"),
            Endpoint::Unix(UnixName(_, name)) => f.write_str(name),
        }
    }
}

impl Endpoint {
    /// The value of `--connect-to`: `HOST:PORT` or `unix:/path.sock`.
    fn parse(value: &[u8]) -> Result<Self, Wrong> {
        if let Some(name) = value.strip_prefix(b"unix:") {
            return UnixName::parse(name).map(Endpoint::Unix);
        }
        // not a verdict
        let text = str::from_utf8(value).map_err(|_| "HOST:PORT or unix:/path.sock is wanted")?;
        match target::split_port(text)? {
            (host, Some(port)) => Ok(Endpoint::Inet(host, port)),
            (_, None) => Err("HOST:PORT or unix:/path.sock is wanted".into()), // not a verdict
        }
    }
}

/// Whom to talk to, over what.
#[derive(Debug)]
pub struct Peer {
    endpoint: Endpoint,
    /// `--connect-to` decides: no redirect leads elsewhere.
    fixed: bool,
    /// `--proxy-protocol`
    pub proxied: bool,
    family: Family,
    /// Agreed upon at once by [`Peer::open`], or later by [`Stream::secure`].
    pub tls: Option<Tls>,
    secure: Secure,
}

impl Peer {
    /// Takes `--connect-to`, `--proxy-protocol`, `-4`, `-6` and the TLS options that the scheme has use for.
    pub fn parse(target: &Target, options: &mut Options<'_>) -> Result<Box<Self>, Usage> {
        Self::parse_as(target, options, target.scheme.secure)
    }

    /// As [`Peer::parse`], with TLS at another time than the scheme says.
    pub fn parse_as(
        target: &Target,
        options: &mut Options<'_>,
        secure: Secure,
    ) -> Result<Box<Self>, Usage> {
        let authority = target.authority()?;
        let instead = options.last(Flag::ConnectTo, Endpoint::parse)?;
        let fixed = instead.is_some();
        let endpoint = match (instead, authority.port.or(target.scheme.port)) {
            (Some(endpoint), _) => endpoint,
            (None, Some(port)) => Endpoint::Inet(authority.host.clone(), port),
            (None, None) => {
                let scheme = target.scheme.name;
                return Err(target.wrong(&format!("want a port: {scheme}://host:port")));
            }
        };
        let tls = match secure {
            Secure::Never => None,
            Secure::Always | Secure::OnRedirect => {
                Some(Tls::parse(target, &authority.host, options)?)
            }
            Secure::StartTls if options.has(Flag::Tls) => {
                Some(Tls::parse(target, &authority.host, options)?)
            }
            Secure::StartTls => None,
        };
        // A datagram has no place for it.
        let proxied =
            !matches!(target.scheme.name, "udp" | "dns") && options.has(Flag::ProxyProtocol);
        let family = Family::parse(options)?;
        Ok(Box::new(Self { endpoint, fixed, proxied, family, tls, secure }))
    }

    /// The Unix socket of a `unix:` target.
    pub fn unix(name: UnixName) -> Box<Self> {
        let endpoint = Endpoint::Unix(name);
        let (family, secure) = (Family::Both, Secure::Never);
        Box::new(Self { endpoint, fixed: true, proxied: false, family, tls: None, secure })
    }

    /// Connects, and completes the TLS handshake where the scheme starts with one.
    pub fn open<'w>(&self, attempt: &'w Attempt<'w>) -> Result<Stream<'w>, Failure> {
        self.dial(&self.endpoint, self.secure == Secure::Always, attempt)
    }

    /// As [`Peer::open`], to another port of the same host, with TLS or without: after a redirect.
    pub fn open_as<'w>(
        &self,
        port: u16,
        secure: bool,
        attempt: &'w Attempt<'w>,
    ) -> Result<Stream<'w>, Failure> {
        match &self.endpoint {
            Endpoint::Inet(host, _) if !self.fixed => {
                self.dial(&Endpoint::Inet(host.clone(), port), secure, attempt)
            }
            endpoint => self.dial(endpoint, secure, attempt),
        }
    }

    fn dial<'w>(
        &self,
        endpoint: &Endpoint,
        secure: bool,
        attempt: &'w Attempt<'w>,
    ) -> Result<Stream<'w>, Failure> {
        // Before the peer hears anything: a server counts a client that asks for TLS and then goes
        // as an error, and some block it for that. After a redirect only where it leads to TLS.
        let files = match &self.tls {
            Some(tls) if secure || self.secure != Secure::OnRedirect => Some(tls.files(attempt)?),
            _ => None,
        };
        let (socket, address) = match endpoint {
            Endpoint::Unix(name) => connect_unix(name, attempt)?,
            Endpoint::Inet(host, port) => {
                each_address(host, *port, self.family, attempt, |address, until| {
                    connect_tcp(address, attempt, until)
                })?
            }
        };
        let mut stream = Stream::new(socket, files, address, attempt);
        if self.proxied {
            stream.write(PROXY)?;
        }
        match (secure, &self.tls) {
            (true, Some(tls)) => stream.secure(tls),
            (true, None) => {
                let wrong = ["the redirect leads to https, and ", NO_TLS].concat();
                Err(attempt.protocol(wrong).setup())
            }
            (false, _) => Ok(stream),
        }
    }
}

/// What a build without TLS is, and which to take: by image tag and by file it is told by one word.
const NO_TLS: &str = match cfg!(feature = "tls") {
    true => "", // never said
    false => "this build of healthcheck has no TLS; want the image tag or file without \"-plain\"",
};

/// A header of the PROXY protocol, version 1, of a sender that says nothing of whom it is for, as a
/// health check of a proxy's does (its specification, section 2.1).
const PROXY: &[u8] = b"PROXY UNKNOWN\r\n";

/// Calls `connect` for each address until one succeeds, each for a share of the time; what those
/// that fail at once leave over is for those that said nothing. When none succeeds, the first
/// failure is reported, since it is the address that was meant; those of further addresses follow
/// where they say something else.
fn each_address<T>(
    host: &Host,
    port: u16,
    family: Family,
    attempt: &Attempt<'_>,
    mut connect: impl FnMut(SocketAddr, Deadline) -> io::Result<T>,
) -> Result<(T, String), Failure> {
    let addresses = resolve::resolve(host, port, family, attempt)?;
    let here = addresses.iter().find(|address| address.ip().is_loopback()).copied();
    let mut failed: Option<Failed> = None;
    let mut turn = addresses;
    while !turn.is_empty() {
        let mut silent = Vec::new();
        for (i, address) in turn.iter().enumerate() {
            let name = address.to_string();
            let until = attempt.deadline().share(turn.len() - i);
            attempt.enter(Step::Connect, &name);
            let allowed = permitted(address);
            let forbidden = allowed.is_err();
            let error = match allowed.and_then(|()| connect(*address, until)) {
                Ok(done) => return Ok((done, name)),
                Err(error) => error,
            };
            let (number, late) = (error.raw_os_error(), is_late(&error));
            let mut failure = attempt.io(error);
            if forbidden {
                failure = failure.setup();
            }
            attempt.say(&failure);
            let this = Failed { failure, number };
            failed = Some(match failed {
                None => this,
                Some(first) => first.and(this, late, address.ip().is_loopback()),
            });
            if late && attempt.remaining().is_some() {
                silent.push(*address);
            }
        }
        turn = silent;
    }
    let Some(Failed { failure, number }) = failed else {
        return Err(attempt.protocol("no address"));
    };
    Err(match here {
        // Over UDP it is the reading that is refused.
        Some(_) if number == REFUSED && failure.step() == Step::Connect => {
            failure.with(&diag::instead(port, attempt))
        }
        Some(address) if number.is_none() => {
            failure.with(&diag::queue(&address.to_string(), attempt))
        }
        _ => failure,
    })
}

/// Why no address so far was connected to: what is said of them all, and the first one's error.
struct Failed {
    failure: Failure,
    number: Option<i32>,
}

const REFUSED: Option<i32> = Some(Errno::CONNREFUSED.raw_os_error());

impl Failed {
    /// What another address, or one of them once more, adds to it.
    fn and(self, Self { failure, number }: Self, late: bool, here: bool) -> Self {
        let failure = match self.number {
            // Silent as the first: each had a share of the time, and the last names all of it.
            None if late => failure,
            // A server that hangs on 127.0.0.1 is the matter, not that it has no ::1.
            None if number == REFUSED && here => self.failure,
            known if known == number || number.is_some_and(says_nothing) => self.failure,
            _ => self.failure.with(failure.words()),
        };
        Self { failure, number: self.number }
    }
}

/// Whether an error on a further address only says that there is no such network here: a container
/// without IPv6 is no news.
fn says_nothing(number: i32) -> bool {
    [Errno::ADDRNOTAVAIL, Errno::AFNOSUPPORT, Errno::NETUNREACH]
        .iter()
        .any(|errno| errno.raw_os_error() == number)
}

/// A Unix connect does not wait, but says EAGAIN while the listener's backlog is full (connect(2)):
/// asked again until the deadline.
fn connect_unix(name: &UnixName, attempt: &Attempt<'_>) -> Result<(OwnedFd, String), Failure> {
    let UnixName(address, text) = name;
    let shown = quote(text.as_bytes());
    let at = ["the Unix socket ", &shown].concat();
    attempt.enter(Step::Connect, &at);
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
        .map_err(|error| attempt.io(error))?;
    let mut full = false;
    loop {
        match connect(&socket, address) {
            Ok(()) => return Ok((socket, shown)),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                if !full {
                    full = true;
                    attempt.enter(Step::Connect, &[&at, ", whose backlog is full"].concat());
                }
                attempt.sleep(Duration::from_millis(10)).map_err(|error| attempt.io(error))?;
            }
            Err(error) => {
                let hint = match error {
                    // An abstract one has no file.
                    _ if !text.starts_with('/') => "",
                    Errno::NOENT => file::whereabouts(text.as_bytes()),
                    Errno::CONNREFUSED => "nobody listens on it: the file is left over",
                    _ => "",
                };
                return Err(attempt.io(error).with(hint));
            }
        }
    }
}

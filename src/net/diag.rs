//! Who listens in this network namespace, asked of the kernel (sock_diag(7)): what it says is exact
//! where `/proc/net` has names and guesses, and it needs no `/proc`.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with,
};

use crate::attempt::Attempt;
use crate::input::value;
use crate::text::{Wrong, pieces, rsplit_once};

/// A socket that takes connections, or datagrams from anybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Where it is bound; IPv4-mapped IPv6 as IPv4.
    pub address: SocketAddr,
    /// Bound to `::`, it does not get IPv4 too (`IPV6_V6ONLY`, ipv6(7)).
    pub only_v6: bool,
    /// TCP: how many connections wait to be accepted.
    pub waiting: u32,
}

/// A Unix stream socket that takes connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnixListener {
    /// As it was bound: a path, perhaps a relative one, or `@` and an abstract name. It says nothing
    /// of whether a file of that name is still this socket's.
    pub name: Vec<u8>,
    /// The socket's own file, of those that have one.
    pub file: Option<File>,
}

/// A file as sock_diag(7) names it (`UNIX_DIAG_VFS`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct File {
    /// The low 32 bits of its inode's number.
    pub inode: u32,
    /// The device of its file system, as the kernel holds it: 12 bits of major, 20 of minor number.
    pub device: u32,
}

/// `SOCK_DIAG_BY_FAMILY` of linux/sock_diag.h.
const BY_FAMILY: u16 = 20;
/// `NLM_F_REQUEST | NLM_F_DUMP` of linux/netlink.h.
const DUMP: u16 = 0x301;
/// `NLMSG_ERROR` and `NLMSG_DONE`.
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// A header of a message: length, type, flags, sequence and port.
const HEADER: usize = 16;
/// What an inet_diag_msg and a unix_diag_msg are long, attributes left out.
const INET: usize = 72;
const UNIX: usize = 16;
/// `TCP_LISTEN`, and `TCP_CLOSE` that a UDP socket without a peer is in, of net/tcp_states.h.
const LISTENS: u8 = 10;
const UNCONNECTED: u8 = 7;
/// Attributes: `INET_DIAG_SKV6ONLY`, `UNIX_DIAG_NAME`, `UNIX_DIAG_VFS`.
const V6ONLY: u16 = 11;
const NAME: u16 = 0;
const VFS: u16 = 1;
/// The kernel writes no larger piece of a dump.
const PIECE: usize = 32_768;

/// Every listener on TCP, or on UDP with `udp`, of both families. An error where the kernel does not
/// answer: without the modules for it, behind a filter of system calls, in a sandbox.
pub fn inet(udp: bool, attempt: &Attempt<'_>) -> io::Result<Vec<Listener>> {
    let (protocol, state) = if udp { (17, UNCONNECTED) } else { (6, LISTENS) };
    let mut found = Vec::new();
    for family in [AddressFamily::INET, AddressFamily::INET6] {
        let family = u8::try_from(family.as_raw()).unwrap_or_default();
        let mut request = vec![family, protocol, 0, 0];
        request.extend_from_slice(&(1_u32 << state).to_ne_bytes());
        // No particular socket: inet_diag_sockid.
        request.resize(request.len() + 48, 0);
        dump(&request, attempt, &mut |message| {
            found.extend(Listener::parse(message).filter(|_| message.get(1) == Some(&state)));
        })?;
    }
    Ok(found)
}

/// Every Unix stream socket that listens.
pub fn unix(attempt: &Attempt<'_>) -> io::Result<Vec<UnixListener>> {
    let family = u8::try_from(AddressFamily::UNIX.as_raw()).unwrap_or_default();
    let mut request = vec![family, 0, 0, 0];
    // udiag_states, udiag_ino, udiag_show (`UDIAG_SHOW_NAME | UDIAG_SHOW_VFS`), no cookie.
    for word in [1_u32 << LISTENS, 0, 3, 0, 0] {
        request.extend_from_slice(&word.to_ne_bytes());
    }
    let mut found = Vec::new();
    dump(&request, attempt, &mut |message| found.extend(UnixListener::parse(message)))?;
    Ok(found)
}

/// Who listens on TCP in place of the one that refused on `port` of this machine; empty where the
/// kernel does not say.
pub fn instead(port: u16, attempt: &Attempt<'_>) -> String {
    let Ok(all) = inet(false, attempt) else {
        return String::new();
    };
    let same = all.iter().any(|one| one.address.port() == port);
    let mut text = String::from(match same {
        true => "on another address only",
        false if all.is_empty() => "nobody listens here on TCP",
        false => "listening here",
    });
    let mut before = ": ";
    for one in all.iter().filter(|one| !same || one.address.port() == port).take(5) {
        text.push_str(before);
        text.push_str(&one.address.to_string());
        before = ", ";
    }
    if !same && all.len() > 5 {
        text.push_str(", ...");
    }
    text
}

/// How many connections wait to be accepted on the port of `peer`, an address and a port, in words;
/// empty where none do, on another machine, and where the kernel does not say.
pub fn queue(peer: &str, attempt: &Attempt<'_>) -> String {
    let (host, port) = rsplit_once(peer, b':').unwrap_or_default();
    if !host.starts_with("127.") && host != "[::1]" {
        return String::new();
    }
    let all = inet(false, attempt).unwrap_or_default();
    let here = all.iter().filter(|one| Ok(one.address.port()) == value::port(port.as_bytes()));
    match here.map(|one| one.waiting).max().unwrap_or(0) {
        0 => String::new(),
        n => format!("the server takes no connections: {n} wait to be accepted"),
    }
}

/// Hands each message of the answer to `each`.
fn dump(request: &[u8], attempt: &Attempt<'_>, each: &mut dyn FnMut(&[u8])) -> io::Result<()> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket: OwnedFd =
        socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, Some(netlink::SOCK_DIAG))?;
    let length = u32::try_from(HEADER + request.len()).unwrap_or_default();
    let mut message = length.to_ne_bytes().to_vec();
    for half in [BY_FAMILY, DUMP, 0, 0, 0, 0] {
        message.extend_from_slice(&half.to_ne_bytes());
    }
    message.extend_from_slice(request);
    send(&socket, &message, SendFlags::empty())?;
    let mut buffer = vec![0; PIECE];
    loop {
        // What is asked for is there at once, as a rule: also where the time is up.
        match recv(&socket, &mut buffer[..], RecvFlags::empty()) {
            Ok((_, n)) => {
                if messages(buffer.get(..n).unwrap_or_default(), each)? {
                    return Ok(());
                }
            }
            Err(Errno::AGAIN) => {
                attempt.wait(socket.as_fd(), PollFlags::IN, attempt.deadline())?;
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Goes through the messages of one piece; whether the last of the dump is among them.
fn messages(mut piece: &[u8], each: &mut dyn FnMut(&[u8])) -> io::Result<bool> {
    while let Some(length) = word(piece, 0) {
        let length = length as usize;
        let Some(body) = piece.get(HEADER..length) else {
            break;
        };
        match half(piece, 4) {
            Some(DONE) => return Ok(true),
            Some(ERROR) => {
                let number = word(body, 0).map_or(0, |number| (number as i32).wrapping_neg());
                return Err(io::Error::from_raw_os_error(number));
            }
            _ => each(body),
        }
        piece = piece.get(padded(length)..).unwrap_or_default();
    }
    match piece.is_empty() {
        true => Ok(false),
        false => Err(Wrong::from("want whole messages of the kernel's list of sockets").into()),
    }
}

impl Listener {
    /// An `inet_diag_msg`.
    fn parse(message: &[u8]) -> Option<Self> {
        let family = u16::from(*message.first()?);
        let port = u16::from_be_bytes(*message.get(4..)?.first_chunk()?);
        let address = message.get(8..)?;
        let ip = match family == AddressFamily::INET.as_raw() {
            true => IpAddr::from(*address.first_chunk::<4>()?),
            false => IpAddr::from(*address.first_chunk::<16>()?).to_canonical(),
        };
        let waiting = word(message, 56)?;
        let only_v6 = attribute(message.get(INET..)?, V6ONLY).is_some_and(|only| only != [0]);
        Some(Self { address: SocketAddr::new(ip, port), only_v6, waiting })
    }
}

impl UnixListener {
    /// A `unix_diag_msg`.
    fn parse(message: &[u8]) -> Option<Self> {
        let attributes = message.get(UNIX..)?;
        let name = attribute(attributes, NAME).unwrap_or_default();
        let name = match name {
            [0, name @ ..] => [b"@", name].concat(),
            name => pieces(name, 0).next().unwrap_or_default().to_vec(),
        };
        let file = attribute(attributes, VFS)
            .and_then(|file| Some(File { inode: word(file, 0)?, device: word(file, 4)? }));
        Some(Self { name, file })
    }
}

/// The attribute of that type (`struct rtattr`).
fn attribute(mut all: &[u8], kind: u16) -> Option<&[u8]> {
    loop {
        let (length, is) = (half(all, 0)?, half(all, 2)?);
        let value = all.get(4..usize::from(length))?;
        if is == kind {
            return Some(value);
        }
        all = all.get(padded(length.into())..)?;
    }
}

/// The next multiple of four: where what follows starts.
fn padded(length: usize) -> usize {
    length.saturating_add(3) & !3
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|word| u32::from_ne_bytes(*word))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|half| u16::from_ne_bytes(*half))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net;
    use std::time::Duration;

    use super::*;
    use crate::attempt::Log;

    fn attempt() -> Attempt<'static> {
        let log = Log { line: |_| {}, verbose: false, waiting: false };
        Attempt::new("x", Duration::from_secs(30), log)
    }

    #[test]
    fn the_kernel_lists_what_this_test_opened() {
        let tcp = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = tcp.local_addr().expect("an address");
        let found = |udp, address: SocketAddr| {
            let all = inet(udp, &attempt()).expect("a list");
            all.into_iter().find(|one| one.address == address)
        };
        let waiting = |n| Some(Listener { address, only_v6: false, waiting: n });
        assert_eq!(found(false, address), waiting(0));
        let at = address.to_string();
        assert_eq!(queue(&at, &attempt()), "");
        assert_eq!(queue("/run/x.sock", &attempt()), "");
        let _one = TcpStream::connect(address).expect("a connection");
        assert_eq!(
            queue(&at, &attempt()),
            "the server takes no connections: 1 wait to be accepted"
        );
        let _two = TcpStream::connect(address).expect("a connection");
        assert_eq!(
            queue(&at, &attempt()),
            "the server takes no connections: 2 wait to be accepted"
        );
        assert_eq!(found(false, address), waiting(2));
        assert_eq!(
            instead(address.port(), &attempt()),
            format!("on another address only: {address}")
        );
        let udp = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let address = udp.local_addr().expect("an address");
        assert!(found(true, address).is_some());
        udp.connect("127.0.0.1:9").expect("a peer");
        assert_eq!(found(true, address), None, "it is for one peer only");
    }

    #[test]
    fn unix_sockets_have_their_names() {
        let name = format!("healthcheck-diag-{}", std::process::id());
        let address = net::SocketAddr::from_abstract_name(&name).expect("a name");
        let _socket = net::UnixListener::bind_addr(&address).expect("a socket");
        let all = unix(&attempt()).expect("a list");
        let name = format!("@{name}").into_bytes();
        assert!(all.contains(&UnixListener { name, file: None }));
    }

    #[test]
    fn what_is_no_whole_message_is_an_error() {
        let mut piece = 20_u32.to_ne_bytes().to_vec();
        piece.extend_from_slice(&[20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]);
        let mut seen = Vec::new();
        let done = messages(&piece, &mut |message| seen.push(message.to_vec()));
        assert!(!done.expect("a piece"), "more is to come");
        assert_eq!(seen, [[1, 2, 3, 4]]);
        for end in 1..piece.len() {
            assert!(messages(&piece[..end], &mut |_| panic!("{end}")).is_err(), "{end}");
        }
        // Refused: ENOENT, where the kernel lacks the module.
        piece[4] = 2;
        piece[16..].copy_from_slice(&(-2_i32).to_ne_bytes());
        let refused = messages(&piece, &mut |_| {}).expect_err("an error");
        assert_eq!(refused.raw_os_error(), Some(2));
        assert_eq!(attribute(&[5, 0, 1, 0, 7, 0, 0, 0, 4, 0, 2, 0], 2), Some(&[][..]));
        for bad in [&[3, 0, 2, 0][..], &[9, 0, 2, 0, 1], &[4, 0], &[0; 4]] {
            assert_eq!(attribute(bad, 2), None, "{bad:?}");
        }
    }
}

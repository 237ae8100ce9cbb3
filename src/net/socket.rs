//! Sockets: on the way to an address none waits, and none leads where this build may not go; then one waits
//! no longer than its attempt allows.

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, connect, getsockname, netdevice,
    recv, send, socket_with, sockopt,
};

use super::packet;
use crate::attempt::Attempt;
use crate::deadline::Deadline;
use crate::input::{Address, value};
use crate::text::Wrong;

/// The socket address of `port` at an address; its zone becomes the interface's number.
pub(super) fn address(Address { ip, zone }: &Address, port: u16) -> io::Result<SocketAddr> {
    let (IpAddr::V6(v6), Some(zone)) = (ip, zone) else { return Ok(SocketAddr::new(*ip, port)) };
    let number = match value::number(zone.as_bytes()).map(u32::try_from) {
        Ok(Ok(number)) => number,
        _ => {
            let any = SocketAddr::new(*ip, port);
            netdevice::name_to_index(open_socket(any, SocketType::DGRAM)?, zone)?
        }
    };
    Ok(SocketAddrV6::new(*v6, port, 0, number).into())
}

/// What a build with `loopback-only` is, and, behind what it does, which one does more.
pub(super) const LOOPBACK: &str = "this build of healthcheck ";
pub(super) const WITHOUT: &str = "; want the image tag or file without \"-loopback\"";

/// A build with `loopback-only` is no tool for reaching other machines: every address is asked
/// here, after redirects and name resolution, before a socket is made.
pub(super) fn permitted(address: &SocketAddr) -> io::Result<()> {
    if cfg!(feature = "loopback-only") && !address.ip().to_canonical().is_loopback() {
        let wrong = [LOOPBACK, "connects to loopback addresses only", WITHOUT].concat();
        return Err(Wrong::from(wrong).into());
    }
    Ok(())
}

fn open_socket(address: SocketAddr, kind: SocketType) -> io::Result<OwnedFd> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    Ok(socket_with(family, kind, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)?)
}

/// A connection to `address`, made by `until`.
pub(super) fn connect_tcp(
    address: SocketAddr,
    attempt: &Attempt<'_>,
    until: Deadline,
) -> io::Result<OwnedFd> {
    let socket = open_socket(address, SocketType::STREAM)?;
    // A request is one write or a conversation of small ones: neither gains from Nagle's delay.
    sockopt::set_tcp_nodelay(&socket, true)?;
    match connect(&socket, &address) {
        Ok(()) => {}
        Err(Errno::INPROGRESS | Errno::INTR) => {
            attempt.wait(socket.as_fd(), PollFlags::OUT, until)?;
            sockopt::socket_error(&socket)??;
        }
        Err(error) => return Err(error.into()),
    }
    refuse_itself(socket, address)
}

/// A socket that takes datagrams from `address` only, and its refusals: a port-unreachable answer
/// comes back as an error.
pub(super) fn connect_udp(address: SocketAddr) -> io::Result<OwnedFd> {
    let socket = open_socket(address, SocketType::DGRAM)?;
    connect(&socket, &address)?;
    refuse_itself(socket, address)
}

/// Where nobody listens on a port that the kernel may pick for its own side of a connection, it may
/// pick that very port: the socket is connected to itself and would hear what it says. It ends by a
/// reset, since its TIME-WAIT would keep the port from the server that is to come.
fn refuse_itself(socket: OwnedFd, address: SocketAddr) -> io::Result<OwnedFd> {
    let own: SocketAddr = getsockname(&socket)?.try_into()?;
    // Who dials 0.0.0.0 reaches the loopback address.
    let same = own.ip() == address.ip() || address.ip().is_unspecified();
    if same && own.port() == address.port() {
        let _ = sockopt::set_socket_linger(&socket, Some(Duration::ZERO));
        return Err(Errno::CONNREFUSED.into());
    }
    Ok(socket)
}

/// A non-blocking socket that waits no longer than its attempt allows.
///
/// Its [`io::Read`] and [`io::Write`] never say `WouldBlock`; at the deadline they say `TimedOut`.
#[derive(Debug)]
pub struct Socket<'w> {
    pub(super) fd: OwnedFd,
    pub(super) attempt: &'w Attempt<'w>,
    /// When reading is given up; the attempt's own deadline, or sooner.
    pub(super) until: Deadline,
    /// Between two peers that pack a handshake: how much of the present packet is still to be read.
    pub(super) packed: Option<usize>,
}

/// As much room there is for what comes next.
const ROOM: usize = 8192;

impl Socket<'_> {
    /// Waits, then reads by `recv`: an answer is hardly ever there already.
    fn receive(
        &mut self,
        mut recv: impl FnMut(&OwnedFd) -> Result<usize, Errno>,
    ) -> io::Result<usize> {
        loop {
            self.attempt.wait(self.fd.as_fd(), PollFlags::IN, self.until)?;
            match recv(&self.fd) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                end => return end.map_err(io::Error::from),
            }
        }
    }

    /// Appends to `inbox` what comes next; 0 at the end. The room for it is not filled with zeros
    /// first: 1,000 instructions.
    pub(super) fn append(&mut self, inbox: &mut Vec<u8>) -> io::Result<usize> {
        inbox.reserve(ROOM);
        self.receive(|fd| Ok(recv(fd, spare_capacity(inbox), RecvFlags::empty())?.1))
    }
}

impl io::Read for Socket<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let (true, Some(left)) = (cfg!(feature = "tls"), self.packed.take()) {
            let (read, left) = packet::read(self, left, buffer)?;
            self.packed = Some(left);
            return Ok(read);
        }
        self.receive(|fd| Ok(recv(fd, &mut *buffer, RecvFlags::empty())?.1))
    }
}

impl io::Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let (true, Some(left)) = (cfg!(feature = "tls"), self.packed.take()) {
            let written = packet::write(self, bytes)?;
            self.packed = Some(left);
            return Ok(written);
        }
        loop {
            match send(&self.fd, bytes, SendFlags::NOSIGNAL) {
                Ok(n) => return Ok(n),
                Err(Errno::AGAIN) => {
                    self.attempt.wait(self.fd.as_fd(), PollFlags::OUT, self.until)?
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

//! A [`Peer`] that is asked in datagrams.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use super::socket::connect_udp;
use super::{Endpoint, Peer, each_address};
use crate::attempt::Attempt;
use crate::deadline::Deadline;
use crate::input::{Options, Target, Usage};
use crate::verdict::{Failure, Step};

impl Peer {
    /// As [`Peer::parse`], for UDP: no Unix socket, no TLS.
    pub fn parse_datagram(target: &Target, options: &mut Options<'_>) -> Result<Box<Self>, Usage> {
        let peer = Self::parse(target, options)?;
        match peer.endpoint {
            Endpoint::Inet(..) => Ok(peer),
            Endpoint::Unix(_) => {
                Err(target.wrong("want --connect-to HOST:PORT: UDP has no Unix socket"))
            }
        }
    }

    /// Asks over UDP, again every second since datagrams get lost, until `enough` says so of a
    /// reply and the address it came from; that address. One that was silent is listened to until
    /// the deadline, whatever becomes of the others.
    pub fn ask(
        &self,
        attempt: &Attempt<'_>,
        request: &[u8],
        mut enough: impl FnMut(SocketAddr, &[u8]) -> io::Result<bool>,
    ) -> Result<SocketAddr, Failure> {
        let (host, port) = match &self.endpoint {
            Endpoint::Inet(host, port) => (host, *port),
            // not a verdict
            Endpoint::Unix(_) => return Err(attempt.protocol("UDP has no Unix socket")),
        };
        let mut open = Vec::new();
        let asked = each_address(host, port, self.family, attempt, |address, until| {
            open.push((address, connect_udp(address)?));
            exchange(&mut open, request, attempt, until, &mut enough)
        });
        let mut failure = match asked {
            Ok((address, _)) => return Ok(address),
            Err(failure) => failure,
        };
        while !open.is_empty() && attempt.remaining().is_some() {
            match exchange(&mut open, request, attempt, attempt.deadline(), &mut enough) {
                Ok(address) => return Ok(address),
                Err(error) => failure = attempt.io(error),
            }
        }
        Err(failure)
    }
}

/// The addresses that are asked and have not failed.
type Open = Vec<(SocketAddr, OwnedFd)>;

/// Asks all in `open` until one has answered, one has failed, or it is `until`.
fn exchange(
    open: &mut Open,
    request: &[u8],
    attempt: &Attempt<'_>,
    until: Deadline,
    enough: &mut dyn FnMut(SocketAddr, &[u8]) -> io::Result<bool>,
) -> io::Result<SocketAddr> {
    const AGAIN: Duration = Duration::from_secs(1);
    let mut reply = vec![0; 65_536];
    loop {
        visit(open, attempt, &mut |_, socket| {
            send(socket, request, SendFlags::NOSIGNAL)?;
            Ok(false)
        })?;
        if let Some((address, _)) = open.last() {
            attempt.enter(Step::Read, &address.to_string());
        }
        let again = Deadline::after(AGAIN);
        loop {
            match attempt.wait_readable(open, until.min(again)) {
                Err(_) if until.remaining().is_some() && attempt.remaining().is_some() => break,
                ready => ready?,
            }
            let answered = visit(open, attempt, &mut |address, socket| match recv(
                socket,
                &mut reply[..],
                RecvFlags::empty(),
            ) {
                Ok((_, n)) => enough(address, reply.get(..n).unwrap_or(&[])),
                Err(Errno::AGAIN | Errno::INTR) => Ok(false),
                Err(error) => Err(error.into()),
            })?;
            if let Some(address) = answered {
                return Ok(address);
            }
        }
    }
}

/// The first of `open` for which `work` holds; one for which it fails is asked no more.
fn visit(
    open: &mut Open,
    attempt: &Attempt<'_>,
    work: &mut dyn FnMut(SocketAddr, &OwnedFd) -> io::Result<bool>,
) -> io::Result<Option<SocketAddr>> {
    for (i, (address, socket)) in open.iter().enumerate() {
        let address = *address;
        match work(address, socket) {
            Ok(false) => {}
            Ok(true) => return Ok(Some(address)),
            Err(error) => {
                open.remove(i);
                attempt.enter(Step::Read, &address.to_string());
                return Err(error);
            }
        }
    }
    Ok(None)
}

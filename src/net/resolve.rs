//! A host becomes addresses, within the deadline.
//!
//! Names are looked up here and not by the C library: `getaddrinfo` has no deadline, does not say
//! which name server failed or how, and its code is larger than this file's (DESIGN.md). What it
//! does that a container needs is done: hosts(5), resolv.conf(5) with search domains and ndots,
//! all name servers at once, A and AAAA.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use super::conf::{Conf, in_hosts};
use super::dns::{self, Answer, Rcode};
use super::socket::{LOOPBACK, WITHOUT, address, connect_udp};
use crate::attempt::Attempt;
use crate::deadline::Deadline;
use crate::file;
use crate::input::{Address, Flag, Host, Options, Usage};
use crate::verdict::{Failure, Step};

/// Which addresses may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Any.
    Both,
    /// `-4`.
    V4,
    /// `-6`.
    V6,
}

impl Family {
    /// Takes `-4` and `-6`.
    pub fn parse(options: &mut Options<'_>) -> Result<Self, Usage> {
        match (options.has(Flag::Ipv4), options.has(Flag::Ipv6)) {
            (false, false) => Ok(Family::Both),
            (true, false) => Ok(Family::V4),
            (false, true) => Ok(Family::V6),
            (true, true) => Err(Usage::new("-4 and -6 exclude each other")), // not a verdict
        }
    }

    fn allows(self, ip: IpAddr) -> bool {
        match self {
            Family::Both => true,
            Family::V4 => ip.is_ipv4(),
            Family::V6 => ip.is_ipv6(),
        }
    }

    /// The records to ask for.
    fn records(self) -> &'static [u16] {
        match self {
            Family::Both => &[dns::A, dns::AAAA],
            Family::V4 => &[dns::A],
            Family::V6 => &[dns::AAAA],
        }
    }
}

/// A name with a hundred addresses would leave none of them the time to answer.
const ADDRESSES: usize = 8;

/// The addresses of `host`, at least one. IPv4 comes first: where both are given, it is the one
/// that works in more containers, and the other one follows at once when it does not. `localhost`
/// and what ends in it (RFC 6761 section 6.3) is never looked up: an image need not have
/// `/etc/hosts`, and a server that listens on one family only is found on either.
pub fn resolve(
    host: &Host,
    port: u16,
    family: Family,
    attempt: &Attempt<'_>,
) -> Result<Vec<SocketAddr>, Failure> {
    let known = match host {
        Host::Ip(address) => vec![address.clone()],
        Host::Name(name) if !is_localhost(name) => look_up(name, family, attempt)?,
        _ => [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()]
            .map(Address::from)
            .into(),
    };
    let mut addresses = Vec::new();
    for first in [true, false] {
        addresses
            .extend(known.iter().filter(|at| at.ip.is_ipv4() == first && family.allows(at.ip)));
    }
    addresses.truncate(ADDRESSES);
    if addresses.is_empty() {
        attempt.enter(Step::Resolve, &host.to_string());
        return Err(attempt.protocol(match family {
            Family::Both => "the name has no address",
            Family::V4 => "no IPv4 address",
            Family::V6 => "no IPv6 address",
        }));
    }
    let mut found = Vec::with_capacity(addresses.len());
    for known in addresses {
        found.push(address(known, port).map_err(|error| {
            attempt.enter(Step::Resolve, &known.to_string());
            attempt.io(error)
        })?);
    }
    Ok(found)
}

/// `app.localhost`, `localhost.`: names of this machine.
fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name == "localhost" || name.ends_with(".localhost")
}

/// The largest of the two files that is read.
const FILE: usize = 4 << 20;

/// What came of asking for one name.
enum Answered {
    /// At least one.
    Addresses(Vec<IpAddr>),
    /// There is no such name; with [`Rcode::NOERROR`] there is, without an address.
    Denied(Rcode),
    /// The servers cannot say.
    Unable(Rcode),
}

/// `/etc/hosts`, then the name servers.
fn look_up(name: &str, family: Family, attempt: &Attempt<'_>) -> Result<Vec<Address>, Failure> {
    attempt.enter(Step::Resolve, name);
    // Either file may be missing: scratch images have neither.
    let hosts = file::read(Path::new("/etc/hosts"), FILE).unwrap_or_default();
    let found = in_hosts(&hosts, name);
    if found.iter().any(|address| family.allows(address.ip)) {
        return Ok(found);
    }
    if cfg!(feature = "loopback-only") {
        // A query is a message to the outside, even if sent to a server on this machine.
        let wrong = ["not in /etc/hosts, and ", LOOPBACK, "asks no name server", WITHOUT].concat();
        return Err(attempt.protocol(wrong).setup());
    }
    let conf = file::read(Path::new("/etc/resolv.conf"), FILE).unwrap_or_default();
    let conf = Conf::parse(&conf);
    // Of several candidates, what says most: a name that exists, then one that nobody could tell of,
    // then those that do not exist; of equals, the name as it was given.
    let mut most = None;
    for candidate in conf.candidates(name) {
        let Some(encoded) = dns::encode(&candidate) else { continue };
        let (weight, code) = match ask(name, &encoded, family.records(), &conf.servers, attempt)? {
            Answered::Addresses(found) => {
                return Ok(found.into_iter().map(Address::from).collect());
            }
            Answered::Denied(code) => (if code == Rcode::NOERROR { 2 } else { 0 }, code),
            Answered::Unable(code) => (1, code),
        };
        most = most.max(Some((weight, candidate == name, code)));
    }
    Err(attempt.protocol(match most {
        None => "want a name of labels up to 63 bytes".into(),
        Some((.., Rcode::NOERROR)) => "the name has no address".into(),
        Some((.., Rcode::NXDOMAIN)) => "no such name (NXDOMAIN)".into(),
        Some((.., code)) => ["the name server says ", &code.name()].concat(),
    }))
}

/// Asks all servers for all `kinds` of records of one name, again twice a second. An address counts
/// whoever gives it. That there is none is for the server listed first to say, as elsewhere; for
/// another one where nobody else is left, or nobody else spoke within half a second.
fn ask(
    shown: &str,
    name: &[u8],
    kinds: &[u16],
    servers: &[Address],
    attempt: &Attempt<'_>,
) -> Result<Answered, Failure> {
    const AGAIN: Duration = Duration::from_millis(500);
    /// A server that drops one of the two queries does not hold up the other one's answer.
    const GRACE: Duration = Duration::from_millis(250);

    let names: Vec<String> = servers.iter().map(Address::to_string).collect();
    attempt.enter(Step::Resolve, &[shown, " by ", &names.join(", ")].concat());
    let mut search = Search::new(name, kinds);
    let mut sockets = Vec::new();
    for server in servers {
        match address(server, 53).and_then(connect_udp) {
            Ok(socket) => {
                let bit = 1 << sockets.len();
                search.servers |= bit;
                sockets.push((bit, socket));
            }
            Err(error) => search.refused = Some(error),
        }
    }
    loop {
        search.each(&mut sockets, &|search, _, socket| search.send(socket));
        let again = Deadline::after(AGAIN);
        loop {
            search.each(&mut sockets, &Search::receive);
            if search.is_settled(false) {
                return search.end(attempt);
            }
            let until =
                if search.found.is_empty() { again } else { Deadline::after(GRACE).min(again) };
            if let Err(error) = attempt.wait_readable(&sockets, until) {
                let over = attempt.remaining().is_none() || !search.found.is_empty();
                if over || search.is_settled(true) {
                    search.refused = Some(error);
                    return search.end(attempt);
                }
                break;
            }
        }
    }
}

/// One query, and what has come back.
struct Query {
    kind: u16,
    message: Vec<u8>,
    /// Nothing that comes can change it.
    settled: bool,
    /// Somebody says there is no such record.
    denied: bool,
    /// The servers that have given no address since they were asked last, a bit for each.
    without: u8,
}

/// The queries for one name, and what has come back.
struct Search {
    queries: Vec<Query>,
    /// The servers that can be asked, a bit for each; the lowest is the one listed first.
    servers: u8,
    found: Vec<IpAddr>,
    /// The code of a denial, the highest of the server listed first if there are several.
    denial: Option<(bool, Rcode)>,
    /// The highest code of a server that could not say.
    failure: Option<Rcode>,
    /// Why the last server was given up.
    refused: Option<io::Error>,
}

/// What is done with the socket of one server, known by its bit.
type Work<'w> = &'w dyn Fn(&mut Search, u8, &OwnedFd) -> io::Result<()>;

impl Search {
    fn new(name: &[u8], kinds: &[u16]) -> Self {
        let query = |kind: &u16| Query {
            kind: *kind,
            message: dns::query(name, *kind),
            settled: false,
            denied: false,
            without: 0,
        };
        let queries = kinds.iter().map(query).collect();
        Self { queries, servers: 0, found: Vec::new(), denial: None, failure: None, refused: None }
    }

    /// Does `work` with each server; one where it goes wrong is asked no more.
    fn each(&mut self, sockets: &mut Vec<(u8, OwnedFd)>, work: Work<'_>) {
        let mut i = 0;
        // Not retain(): 900 bytes.
        while let Some((bit, socket)) = sockets.get(i) {
            match work(self, *bit, socket) {
                Ok(()) => i += 1,
                Err(error) => {
                    self.servers &= !bit;
                    self.refused = Some(error);
                    sockets.remove(i);
                }
            }
        }
    }

    /// Sends what is not settled. A refusal of what was sent before comes back here too.
    fn send(&mut self, socket: &OwnedFd) -> io::Result<()> {
        for query in self.queries.iter_mut().filter(|query| !query.settled) {
            query.without = 0;
            send(socket, &query.message, SendFlags::NOSIGNAL)?;
        }
        Ok(())
    }

    /// Takes what has come.
    fn receive(&mut self, bit: u8, socket: &OwnedFd) -> io::Result<()> {
        let mut reply = [0; 1500];
        // The clock is looked at between two visits, however fast more comes.
        for _ in 0..64 {
            match recv(socket, &mut reply[..], RecvFlags::empty()) {
                Ok((_, n)) => self.take(bit, reply.get(..n).unwrap_or_default()),
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn take(&mut self, bit: u8, message: &[u8]) {
        let first = self.servers.trailing_zeros() == bit.trailing_zeros();
        for query in self.queries.iter_mut().filter(|query| !query.settled) {
            let answer = match Answer::parse(message, &query.message) {
                Ok(Some(answer)) => answer,
                Ok(None) => continue,
                // No answer at all; said where nobody has a better one.
                Err(wrong) => {
                    self.refused = Some(wrong.into());
                    query.without |= bit;
                    continue;
                }
            };
            let records = answer.records.iter().filter(|(kind, _)| *kind == query.kind);
            let before = self.found.len();
            if !is_answer(answer.code) {
                self.failure = self.failure.max(Some(answer.code));
            } else {
                self.found.extend(records.filter_map(|(_, data)| ip(data)));
                query.settled = first || self.found.len() > before;
                if self.found.len() == before {
                    query.denied = true;
                    self.denial = self.denial.max(Some((first, answer.code)));
                }
            }
            query.without |= bit;
        }
    }

    /// Whether there is nothing to wait for. A denial that is not the first server's counts when it
    /// is `late`, and where it outvotes nobody, since an address of the other kind was found.
    fn is_settled(&self, late: bool) -> bool {
        self.queries.iter().all(|query| {
            query.settled
                || query.denied && (late || !self.found.is_empty())
                || self.servers & !query.without == 0
        })
    }

    fn end(self, attempt: &Attempt<'_>) -> Result<Answered, Failure> {
        // Half a denial is none, but somebody may have said why it is not whole.
        let denial = self.denial.filter(|_| self.queries.iter().all(|query| query.denied));
        match (self.found.is_empty(), denial, self.failure, self.refused) {
            (false, ..) => Ok(Answered::Addresses(self.found)),
            (true, Some((_, code)), ..) => Ok(Answered::Denied(code)),
            (true, None, Some(code), _) => Ok(Answered::Unable(code)),
            (true, None, None, Some(error)) => Err(attempt.io(error)),
            (true, None, None, None) => Err(attempt.protocol("no name server")),
        }
    }
}

/// Whether a code is a server's last word on a name; the others say that it cannot tell.
fn is_answer(code: Rcode) -> bool {
    matches!(code, Rcode::NOERROR | Rcode::NXDOMAIN)
}

/// The address in an A or AAAA record.
fn ip(data: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(data).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(data).map(IpAddr::from)).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::attempt::Log;

    fn addresses(host: &Host, family: Family) -> Result<Vec<String>, String> {
        let log = Log { line: |_| {}, verbose: false, waiting: false };
        let attempt = Attempt::new("test", Duration::from_secs(10), log);
        resolve(host, 1, family, &attempt)
            .map(|found| found.iter().map(SocketAddr::to_string).collect())
            .map_err(|failure| failure.to_string())
    }

    #[test]
    fn localhost_is_both_families_in_order() {
        let both = ["127.0.0.1:1".to_owned(), "[::1]:1".to_owned()];
        assert_eq!(addresses(&Host::Localhost, Family::Both).as_deref(), Ok(&both[..]));
        assert_eq!(addresses(&Host::Localhost, Family::V4).as_deref(), Ok(&both[..1]));
        assert_eq!(addresses(&Host::Localhost, Family::V6).as_deref(), Ok(&both[1..]));
    }

    #[test]
    fn an_address_of_the_other_family_is_named() {
        let host = Host::Ip(IpAddr::from(Ipv4Addr::LOCALHOST).into());
        assert_eq!(
            addresses(&host, Family::V6),
            Err("resolving 127.0.0.1: no IPv6 address".into())
        );
    }
}

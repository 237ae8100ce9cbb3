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
use rustix::net::{RecvFlags, SendFlags, SocketType, connect, recv, send};

use super::dns::{self, Answer};
use super::open_socket;
use crate::attempt::Attempt;
use crate::deadline::Deadline;
use crate::file;
use crate::input::{Flag, Host, Options, Usage};
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
            (true, true) => Err(Usage::new("-4 and -6 exclude each other")),
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
/// that works in more containers, and the other one follows at once when it does not. `localhost` is never looked up: an image need not have
/// `/etc/hosts`, and a server that listens on one family only is found on either.
pub fn resolve(
    host: &Host,
    port: u16,
    family: Family,
    attempt: &Attempt<'_>,
) -> Result<Vec<SocketAddr>, Failure> {
    let known = match host {
        Host::Localhost => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
        Host::Ip(ip) => vec![*ip],
        Host::Name(name) => look_up(name, family, attempt)?,
    };
    let mut addresses = Vec::new();
    for first in [true, false] {
        addresses.extend(known.iter().filter(|ip| ip.is_ipv4() == first && family.allows(**ip)));
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
    Ok(addresses.into_iter().map(|ip: &IpAddr| SocketAddr::new(*ip, port)).collect())
}

/// The largest of the two files that is read.
const FILE: usize = 4 << 20;

/// `/etc/hosts`, then the name servers.
fn look_up(name: &str, family: Family, attempt: &Attempt<'_>) -> Result<Vec<IpAddr>, Failure> {
    attempt.enter(Step::Resolve, name);
    // Either file may be missing: scratch images have neither.
    let hosts = file::read(Path::new("/etc/hosts"), FILE).unwrap_or_default();
    let found = in_hosts(&hosts, name);
    if found.iter().any(|ip| family.allows(*ip)) {
        return Ok(found);
    }
    if cfg!(feature = "loopback-only") {
        // A query is a message to the outside, even if sent to a server on this machine.
        return Err(attempt.protocol("not in /etc/hosts, and this build asks no name server"));
    }
    let conf = file::read(Path::new("/etc/resolv.conf"), FILE).unwrap_or_default();
    let conf = Conf::parse(&conf);
    // Of several candidates the least code says most: one that exists, then one that could not be
    // asked for (SERVFAIL), then those that do not exist.
    let mut least = None;
    for candidate in conf.candidates(name) {
        let Some(encoded) = dns::encode(&candidate) else { continue };
        let code = match ask(name, &encoded, family.records(), &conf.servers, attempt)? {
            Ok(addresses) if !addresses.is_empty() => return Ok(addresses),
            Ok(_) => dns::NOERROR,
            Err(code) => code,
        };
        least = Some(least.map_or(code, |least: u8| least.min(code)));
    }
    Err(attempt.protocol(match least {
        None => "want a name of labels up to 63 bytes".into(),
        Some(dns::NOERROR) => "the name has no address".into(),
        Some(dns::NXDOMAIN) => "no such name (NXDOMAIN)".into(),
        Some(code) => format!("the name server says {}", dns::rcode(code)),
    }))
}

/// The addresses of `name` in hosts(5).
pub fn in_hosts(hosts: &[u8], name: &str) -> Vec<IpAddr> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let mut found = Vec::new();
    for mut words in words(hosts) {
        let ip = words.next().and_then(|word| word.parse().ok());
        if let Some(ip) = ip.filter(|ip| !found.contains(ip))
            && words.any(|alias| alias.eq_ignore_ascii_case(name))
        {
            found.push(ip);
        }
        // Many more than are ever asked.
        if found.len() == 64 {
            break;
        }
    }
    found
}

/// The words of each line, comments left out.
fn words(text: &[u8]) -> impl Iterator<Item = std::str::SplitAsciiWhitespace<'_>> {
    text.split(|byte| *byte == b'\n').map(|line| {
        let end = line.iter().position(|byte| matches!(byte, b'#' | b';')).unwrap_or(line.len());
        str::from_utf8(line.get(..end).unwrap_or_default()).unwrap_or("").split_ascii_whitespace()
    })
}

/// What counts of resolv.conf(5).
#[derive(Debug, PartialEq, Eq)]
pub struct Conf {
    /// At most three, as the manual has it.
    servers: Vec<IpAddr>,
    search: Vec<String>,
    ndots: usize,
}

impl Conf {
    /// Reads the file; what is not understood does not count.
    pub fn parse(text: &[u8]) -> Self {
        let mut conf = Self { servers: Vec::new(), search: Vec::new(), ndots: 1 };
        for mut words in words(text) {
            match words.next() {
                Some("nameserver") => {
                    conf.servers.extend(words.next().and_then(|word| word.parse::<IpAddr>().ok()))
                }
                // The last one of these lines counts.
                Some("search" | "domain") => conf.search = words.map(str::to_owned).collect(),
                Some("options") => {
                    for ndots in words.filter_map(|word| word.strip_prefix("ndots:")?.parse().ok())
                    {
                        conf.ndots = usize::min(ndots, 15);
                    }
                }
                _ => {}
            }
        }
        conf.servers.truncate(3);
        if conf.servers.is_empty() {
            conf.servers.push(Ipv4Addr::LOCALHOST.into());
        }
        conf
    }

    /// The names to ask for, in order: below `ndots` dots the search domains come first.
    pub fn candidates(&self, name: &str) -> Vec<String> {
        let mut all = Vec::new();
        if !name.ends_with('.') {
            for domain in &self.search {
                all.push(format!("{name}.{domain}"));
            }
        }
        let dots = name.bytes().filter(|byte| *byte == b'.').count();
        let at = if dots >= self.ndots { 0 } else { all.len() };
        all.insert(at, name.to_owned());
        all
    }
}

/// Asks all servers for all `kinds` of records of one name, again twice a second. An address counts
/// whoever gives it. That there is none is for the server listed first to say, as elsewhere; for
/// another one where nobody else is left, or nobody else spoke within half a second: `Ok(Err(code))`.
fn ask(
    shown: &str,
    name: &[u8],
    kinds: &[u16],
    servers: &[IpAddr],
    attempt: &Attempt<'_>,
) -> Result<Result<Vec<IpAddr>, u8>, Failure> {
    const AGAIN: Duration = Duration::from_millis(500);
    /// A server that drops one of the two queries does not hold up the other one's answer.
    const GRACE: Duration = Duration::from_millis(250);

    let names: Vec<String> = servers.iter().map(IpAddr::to_string).collect();
    attempt.enter(Step::Resolve, &[shown, " by ", &names.join(", ")].concat());
    let mut search = Search::new(name, kinds);
    let mut sockets = Vec::new();
    for server in servers {
        match open(*server) {
            Ok(socket) => {
                let bit = 1 << sockets.len();
                search.servers |= bit;
                sockets.push((bit, socket));
            }
            Err(error) => search.refused = Some(error),
        }
    }
    loop {
        sockets.retain(|(bit, socket)| search.keeps(*bit, |search| search.send(socket)));
        let again = Deadline::after(AGAIN);
        loop {
            sockets.retain(|(bit, socket)| search.keeps(*bit, |s| s.receive(*bit, socket)));
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

/// A socket that takes datagrams from this server only, and its refusals.
fn open(server: IpAddr) -> io::Result<OwnedFd> {
    let address = SocketAddr::new(server, 53);
    let socket = open_socket(address, SocketType::DGRAM)?;
    connect(&socket, &address)?;
    Ok(socket)
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
    denial: Option<(bool, u8)>,
    /// The highest code of a server that could not say.
    failure: Option<u8>,
    /// Why the last server was given up.
    refused: Option<io::Error>,
}

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

    /// Whether the server is still to be asked after `work` with it.
    fn keeps(&mut self, bit: u8, work: impl Fn(&mut Self) -> io::Result<()>) -> bool {
        match work(self) {
            Ok(()) => true,
            Err(error) => {
                self.servers &= !bit;
                self.refused = Some(error);
                false
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
            let Ok(Some(answer)) = Answer::parse(message, &query.message) else { continue };
            let records = answer.records.iter().filter(|(kind, _)| *kind == query.kind);
            let before = self.found.len();
            if !is_answer(answer.code) {
                self.failure = self.failure.max(Some(answer.code));
            } else {
                self.found.extend(records.filter_map(|(_, data)| address(data)));
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

    fn end(self, attempt: &Attempt<'_>) -> Result<Result<Vec<IpAddr>, u8>, Failure> {
        // Half a denial is none, but somebody may have said why it is not whole.
        let denial = self.denial.filter(|_| self.queries.iter().all(|query| query.denied));
        let code = denial.map(|(_, code)| code).or(self.failure);
        match (self.found.is_empty(), code, self.refused) {
            (false, ..) | (true, Some(dns::NOERROR), _) => Ok(Ok(self.found)),
            (true, Some(code), _) => Ok(Err(code)),
            (true, None, Some(error)) => Err(attempt.io(error)),
            (true, None, None) => Err(attempt.protocol("no name server")),
        }
    }
}

/// Whether a code is a server's last word on a name; the others say that it cannot tell.
fn is_answer(code: u8) -> bool {
    matches!(code, dns::NOERROR | dns::NXDOMAIN)
}

/// The address in an A or AAAA record.
fn address(data: &[u8]) -> Option<IpAddr> {
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
        let host = Host::Ip(Ipv4Addr::LOCALHOST.into());
        assert_eq!(
            addresses(&host, Family::V6),
            Err("resolving 127.0.0.1: no IPv6 address".into())
        );
    }

    #[test]
    fn hosts() {
        let text = b"# comment\n127.0.0.1 localhost\n10.0.0.1\tapi API.example # x\n::1 api\n\xff\n10.0.0.1 api\nbad api";
        let found: Vec<String> = in_hosts(text, "Api").iter().map(IpAddr::to_string).collect();
        assert_eq!(found, ["10.0.0.1", "::1"]);
        assert_eq!(in_hosts(text, "api.example.").len(), 1);
        assert!(in_hosts(text, "comment").is_empty() && in_hosts(b"", "x").is_empty());
        let many: String = (0..=255).map(|n| format!("127.0.0.{n} api\n")).collect();
        assert_eq!(in_hosts(many.as_bytes(), "api").len(), 64);
    }

    #[test]
    fn resolv_conf() {
        let text = b"; x\nnameserver 10.0.0.2\nnameserver fe80::1%eth0\nnameserver ::1\nsearch a.b c\noptions edns0 ndots:5 timeout:2\n";
        let conf = Conf::parse(text);
        let servers: Vec<String> = conf.servers.iter().map(IpAddr::to_string).collect();
        assert_eq!(servers, ["10.0.0.2", "::1"]);
        assert_eq!(conf.candidates("x.y"), ["x.y.a.b", "x.y.c", "x.y"]);
        assert_eq!(conf.candidates("x.y."), ["x.y."]);
        assert_eq!(
            conf.candidates("1.2.3.4.5.6"),
            ["1.2.3.4.5.6", "1.2.3.4.5.6.a.b", "1.2.3.4.5.6.c"]
        );
        let none = Conf::parse(b"");
        assert_eq!(none.servers, [IpAddr::V4(Ipv4Addr::LOCALHOST)]);
        assert_eq!(none.candidates("x"), ["x"]);
        let many = Conf::parse("nameserver 1.1.1.1\n".repeat(9).as_bytes());
        assert_eq!(many.servers.len(), 3);
    }
}

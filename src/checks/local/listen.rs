//! `listen:PORT`, `listen:ADDR:PORT`, `listen:/path.sock`, `listen:@name`: a socket of this
//! network namespace listens there; the server sees no connection. The kernel is asked (sock_diag(7)),
//! and where it does not answer `/proc/net`, which is less exact and said to be the source.

use std::io;
use std::net::{IpAddr, SocketAddr};

use rustix::fs::{FileType, major, minor};

use super::look_for;
use super::procfs::{self, ROOT, Root};
use crate::attempt::{Attempt, is_late};
use crate::checks::Check;
use crate::file::open_now;
use crate::input::target::split_port;
use crate::input::{Flag, Host, Options, Target, Usage, value};
use crate::net::diag::{self, Listener, UnixListener};
use crate::text::pieces;
use crate::verdict::{Failure, Healthy, Step, Verdict, quote};

/// A place where a server should listen.
#[derive(Debug)]
pub enum Listen {
    /// A port, on one of these addresses; none: on any.
    Port {
        /// The addresses, each good enough.
        ips: Vec<IpAddr>,
        /// The port.
        port: u16,
        /// `--udp`
        udp: bool,
    },
    /// A Unix socket: a path, or `@` and an abstract name.
    Unix(Vec<u8>),
}

/// A line is longer only if someone else's socket has a name full of blanks.
const LINE: usize = 4096;

impl Check for Listen {
    /// Takes `--udp`.
    fn parse(target: &Target, options: &mut Options<'_>) -> Result<Self, Usage> {
        let udp = options.has(Flag::Udp);
        let rest = target.rest.as_slice();
        if let ([b'@', _, ..] | [b'/', ..], false) = (rest, udp) {
            let path = match rest {
                // `listen:///path`, as the other kinds have it.
                [b'/', b'/', ..] => target.absolute_path()?,
                path => path,
            };
            return Ok(Listen::Unix(path.to_vec()));
        }
        // An address in digits alone there is none.
        if rest.iter().all(u8::is_ascii_digit) && !rest.is_empty() {
            let port = value::port(rest).map_err(|wrong| target.wrong(&wrong))?;
            return Ok(Listen::Port { ips: Vec::new(), port, udp });
        }
        const WANT: &str = "want listen:PORT, listen:ADDRESS:PORT or, without --udp, listen:/path.sock or listen:@name";
        let text = value::utf8(rest).map_err(|_| target.wrong(WANT))?;
        let (host, port) = split_port(text).map_err(|wrong| target.wrong(&wrong))?;
        let ips = match host {
            Host::Localhost => {
                vec![IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])]
            }
            Host::Ip(address) => vec![address.ip.to_canonical()],
            Host::Name(_) => return Err(target.wrong(WANT)),
        };
        let port = port.ok_or_else(|| target.wrong(WANT))?;
        Ok(Listen::Port { ips, port, udp })
    }

    /// Asks the kernel, else looks through the tables of sockets.
    fn run(&self, attempt: &Attempt<'_>) -> Verdict {
        attempt.enter(Step::Open, "the kernel's list of sockets");
        let exact = match self {
            Listen::Port { ips, port, udp } => {
                diag::inet(*udp, attempt).map(|all| judge(&all, ips, *port))
            }
            Listen::Unix(name) => diag::unix(attempt).map(|all| judge_unix(&all, name, attempt)),
        };
        match exact {
            Ok(verdict) => return verdict,
            Err(late) if is_late(&late) => return Err(attempt.io(late)),
            Err(_) => {}
        }
        let verdict = match self {
            Listen::Port { ips, port, udp } => port_at(ROOT, ips, *port, *udp, attempt),
            Listen::Unix(name) => unix_at(ROOT, name, attempt),
        };
        match verdict {
            Ok(Healthy(saw)) => Healthy::saw([&saw, ", ", BY_PROC].concat()),
            Err(failure) => Err(failure.with(BY_PROC)),
        }
    }
}

/// What stands behind a verdict that names alone support.
const BY_PROC: &str = "as /proc/net has it: the kernel did not answer";

/// Whether one of the sockets is bound to the port, on one of these addresses.
fn judge(all: &[Listener], ips: &[IpAddr], port: u16) -> Verdict {
    let mut got = String::new();
    for one in all.iter().filter(|one| one.address.port() == port) {
        let (ip, only_v6) = (one.address.ip(), one.only_v6);
        let address = one.address.to_string();
        if ips.is_empty() || ips.iter().any(|wanted| covers(ip, only_v6, *wanted)) {
            return Healthy::saw(address + " listens");
        }
        let note = if only_v6 && ip.is_unspecified() { " (IPv6 only)" } else { "" };
        if got.len() < 100 {
            got = [&got, " ", &address, note].concat();
        }
    }
    let got = if got.is_empty() { "nobody".into() } else { ["only", &got].concat() };
    let want = match ips {
        [ip] => SocketAddr::new(*ip, port).to_string(),
        [] => format!("port {port}"),
        _ => format!("localhost:{port}"),
    };
    Err(Failure::mismatch("listening:", &got, &want))
}

fn port_at(root: Root<'_>, ips: &[IpAddr], port: u16, udp: bool, attempt: &Attempt<'_>) -> Verdict {
    /// `TCP_LISTEN` and, for a UDP socket without a peer, `TCP_CLOSE` of the kernel's
    /// net/tcp_states.h.
    const STATES: [u8; 2] = [0x0a, 0x07];
    let (tables, state) = match udp {
        false => (["/proc/net/tcp", "/proc/net/tcp6"], STATES[0]),
        true => (["/proc/net/udp", "/proc/net/udp6"], STATES[1]),
    };
    root.own_pid(attempt)?;
    let mut bound = Vec::new();
    for table in tables {
        let read = lines(root, table, attempt, &mut |line| {
            let found = procfs::inet(line).filter(|(_, at, is)| (*at, *is) == (port, state));
            // That one on `::` may be for IPv6 alone is not in this table.
            if let Some((ip, _, _)) = found {
                let address = SocketAddr::new(ip, port);
                bound.push(Listener { address, only_v6: false, waiting: 0 });
            }
            false
        });
        match read {
            // Without IPv6 in the kernel its table is missing.
            Err(error) if error.kind() == io::ErrorKind::NotFound && table.ends_with('6') => {}
            read => read.map_err(|error| attempt.io(error))?,
        }
    }
    judge(&bound, ips, port)
}

/// Whether a socket bound to `bound` gets what is sent to `wanted`: the same address, or any. A
/// socket on `::` gets IPv4 too unless it is for IPv6 alone.
fn covers(bound: IpAddr, only_v6: bool, wanted: IpAddr) -> bool {
    let both = bound.is_ipv6() && !only_v6;
    bound == wanted || bound.is_unspecified() && (both || bound.is_ipv4() == wanted.is_ipv4())
}

/// Whether one of the sockets is called so and, of those with a file, still has the file of that name:
/// the name stays when the file is removed or replaced, and is that of a relative path as it was
/// bound. The device may be another one than stat(2) says, on file systems that are laid over others.
fn judge_unix(all: &[UnixListener], name: &[u8], attempt: &Attempt<'_>) -> Verdict {
    if name.starts_with(b"@") {
        return match all.iter().any(|one| one.name == name) {
            true => Healthy::saw(format!("{} listens", quote(name))),
            false => Err(Failure::mismatch("listening:", "nobody", &quote(name))),
        };
    }
    let file = look_for(FileType::Socket, name, attempt)?;
    let device = (major(file.st_dev) << 20) | (minor(file.st_dev) & 0xf_ffff);
    let is_here = |one: &UnixListener| {
        one.file.is_some_and(|known| {
            u64::from(known.inode) == file.st_ino & u64::from(u32::MAX)
                && (known.device == device || one.name == name)
        })
    };
    match all.iter().any(is_here) {
        true => Healthy::saw(format!("{} listens", quote(name))),
        false => Err(Failure::mismatch("listening:", "nobody", &quote(name))
            .with("the file is left over: no socket holds it")),
    }
}

fn unix_at(root: Root<'_>, name: &[u8], attempt: &Attempt<'_>) -> Verdict {
    root.own_pid(attempt)?;
    let mut found = false;
    lines(root, "/proc/net/unix", attempt, &mut |line| {
        found |= procfs::unix(line) == Some(name);
        found
    })
    .map_err(|error| attempt.io(error))?;
    if !found {
        return Err(Failure::mismatch("listening:", "nobody", &quote(name)));
    }
    if name.starts_with(b"/") {
        // The table keeps the name when the file is removed or replaced: nobody can connect then.
        look_for(FileType::Socket, name, attempt)?;
    }
    Healthy::saw(format!("{} listens", quote(name)))
}

/// Hands the lines of a table to `each`, until one is what was looked for. What stands after the
/// last newline was split_once, and proves nothing.
fn lines(
    root: Root<'_>,
    table: &str,
    attempt: &Attempt<'_>,
    each: &mut dyn FnMut(&[u8]) -> bool,
) -> io::Result<()> {
    attempt.enter(Step::Open, table);
    let file = open_now(&root.path(table))?;
    let mut buffer = vec![0; 32_768 + LINE];
    let mut filled = 0;
    loop {
        if attempt.remaining().is_none() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let free = buffer.get_mut(filled..).unwrap_or_default();
        match rustix::io::read(&file, free)? {
            0 => return Ok(()),
            n => filled += n,
        }
        let seen = buffer.get(..filled).unwrap_or_default();
        let end = seen.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let whole = seen.get(..end).unwrap_or_default();
        if pieces(whole, b'\n').any(&mut *each) {
            return Ok(());
        }
        // A line that fills the buffer is nobody's.
        let from = if filled == buffer.len() { filled } else { end };
        buffer.copy_within(from..filled, 0);
        filled -= from;
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Tree, attempt, parsed};
    use super::*;

    fn listen(target: &str, options: &[(Flag, &str)]) -> Listen {
        parsed(Listen::parse, target, options).expect(target)
    }

    /// A table of sockets as this machine writes it.
    fn table(sockets: &[(&str, u16, u8)]) -> String {
        let mut text = String::from("  sl  local_address rem_address   st\n");
        for (ip, port, state) in sockets {
            let bytes = match ip.parse().expect("an address") {
                IpAddr::V4(ip) => ip.octets().to_vec(),
                IpAddr::V6(ip) => ip.octets().to_vec(),
            };
            text += "   0: ";
            for word in bytes.chunks(4) {
                text += &format!("{:08X}", u32::from_ne_bytes(word.try_into().expect("four")));
            }
            text +=
                &format!(":{port:04X} 00000000:0000 {state:02X} 00000000:00000000 00:00000000\n");
        }
        text
    }

    fn say(tree: &Tree, target: &str, options: &[(Flag, &str)]) -> String {
        let verdict = match listen(target, options) {
            Listen::Port { ips, port, udp } => port_at(Root(&tree.0), &ips, port, udp, &attempt()),
            Listen::Unix(name) => unix_at(Root(&tree.0), &name, &attempt()),
        };
        match verdict {
            Ok(healthy) => format!("healthy: {}", healthy.0),
            Err(failure) => failure.to_string(),
        }
    }

    fn tree(name: &str) -> Tree {
        let tree = Tree::new(name);
        tree.write("/proc/net/unix", "");
        tree.write("/proc/self/stat", "7 (x) R");
        tree
    }

    #[test]
    fn ports() {
        let tree = tree("listen");
        // Established, and in another protocol: neither listens.
        tree.write(
            "/proc/net/tcp",
            table(&[
                ("127.0.0.1", 80, 1),
                ("10.0.0.1", 81, 10),
                ("0.0.0.0", 82, 10),
                ("127.0.0.1", 85, 10),
            ]),
        );
        tree.write(
            "/proc/net/tcp6",
            table(&[("::", 83, 10), ("::ffff:127.0.0.1", 84, 10), ("::1", 86, 10)]),
        );
        tree.write("/proc/net/udp", table(&[("0.0.0.0", 80, 7), ("127.0.0.1", 87, 1)]));
        for (target, healthy) in [
            ("listen:81", "10.0.0.1:81"),
            ("listen:10.0.0.1:81", "10.0.0.1:81"),
            ("listen:82", "0.0.0.0:82"),
            ("listen:127.0.0.1:82", "0.0.0.0:82"),
            ("listen:0.0.0.0:82", "0.0.0.0:82"),
            ("listen:83", "[::]:83"),
            ("listen:[::]:83", "[::]:83"),
            ("listen:[::1]:83", "[::]:83"),
            ("listen:127.0.0.1:83", "[::]:83"),
            ("listen:0.0.0.0:83", "[::]:83"),
            ("listen:127.0.0.1:84", "127.0.0.1:84"),
            ("listen:[::ffff:127.0.0.1]:84", "127.0.0.1:84"),
            ("listen:localhost:85", "127.0.0.1:85"),
            ("listen::86", "[::1]:86"),
        ] {
            assert_eq!(say(&tree, target, &[]), format!("healthy: {healthy} listens"), "{target}");
        }
        for (target, message) in [
            ("listen:80", "listening: nobody, want port 80"),
            ("listen:127.0.0.1:81", "listening: only 10.0.0.1:81, want 127.0.0.1:81"),
            ("listen:0.0.0.0:81", "listening: only 10.0.0.1:81, want 0.0.0.0:81"),
            ("listen:[::1]:82", "listening: only 0.0.0.0:82, want [::1]:82"),
            ("listen:[::]:86", "listening: only [::1]:86, want [::]:86"),
            ("listen:localhost:81", "listening: only 10.0.0.1:81, want localhost:81"),
        ] {
            assert_eq!(say(&tree, target, &[]), message, "{target}");
        }
        // There is no table of UDP over IPv6.
        let udp = [(Flag::Udp, "")];
        assert_eq!(say(&tree, "listen:80", &udp), "healthy: 0.0.0.0:80 listens");
        assert_eq!(say(&tree, "listen:87", &udp), "listening: nobody, want port 87");
        std::fs::remove_file(tree.path("/proc/net/udp")).expect("a file");
        assert!(say(&tree, "listen:80", &udp).starts_with("opening /proc/net/udp: No such file"));
        std::fs::remove_file(tree.path("/proc/self/stat")).expect("a file");
        assert!(say(&tree, "listen:80", &[]).ends_with("want proc(5) mounted on /proc"));
    }

    #[test]
    fn tables_that_are_cut_or_long() {
        let tree = tree("listen-cut");
        tree.write("/proc/net/tcp", "");
        let whole = table(&[("::", 8080, 10)]);
        for end in 0..=whole.len() {
            tree.write("/proc/net/tcp6", &whole[..end]);
            let healthy = say(&tree, "listen:8080", &[]).starts_with("healthy");
            assert_eq!(healthy, end == whole.len(), "{end}");
        }
        let mut long = table(&vec![("10.0.0.1", 1, 10); 20_000]);
        long += &table(&[("10.0.0.1", 2, 10)]);
        tree.write("/proc/net/tcp", long);
        assert_eq!(say(&tree, "listen:2", &[]), "healthy: 10.0.0.1:2 listens");
    }

    #[test]
    fn unix_sockets() {
        let tree = tree("listen-unix");
        let socket = tree.path("/a.sock");
        let path = socket.to_str().expect("UTF-8");
        let line = |flags, name: &str| format!("0: 00000002 00000000 {flags} 0001 01 999 {name}\n");
        tree.write(
            "/proc/net/unix",
            "x".repeat(200_000)
                + "\n"
                + &line("00010000", "@app")
                + &line("00000000", "@other")
                + &line("00010000", path),
        );
        assert_eq!(say(&tree, "listen:@app", &[]), "healthy: @app listens");
        assert_eq!(say(&tree, "listen:@other", &[]), "listening: nobody, want @other");
        let target = format!("listen:{path}");
        // The socket file is gone, then it is none.
        assert!(
            say(&tree, &target, &[])
                .ends_with("No such file or directory (os error 2): its folder is there")
        );
        tree.write("/a.sock", "");
        assert_eq!(say(&tree, &target, &[]), "file type regular file, want socket");
        std::fs::remove_file(&socket).expect("a file");
        let _server = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
        assert_eq!(say(&tree, &target, &[]), format!("healthy: {path} listens"));
        assert_eq!(
            say(&tree, &format!("listen://{path}"), &[]),
            format!("healthy: {path} listens")
        );
    }

    #[test]
    fn targets() {
        for text in [
            "listen:",
            "listen:0",
            "listen:70000",
            "listen:x",
            "listen:host:80",
            "listen:127.0.0.1",
            "listen:::1:80",
            "listen:[::1]",
            "listen:[x]:80",
            "listen:@",
            "listen:80x",
            "listen:127.0.0.1:0",
        ] {
            let wrong = parsed(Listen::parse, text, &[]).map(drop).expect_err(text);
            assert!(wrong.contains(": ") && wrong.contains("want"), "{wrong}");
        }
        let wrong = parsed(Listen::parse, "listen:70000", &[]).expect_err("no such port");
        assert!(wrong.ends_with(": a port from 1 to 65535 is wanted"), "{wrong}");
        for text in ["listen:/run/a.sock", "listen:@a"] {
            assert!(parsed(Listen::parse, text, &[(Flag::Udp, "")]).is_err(), "{text}");
        }
    }
}

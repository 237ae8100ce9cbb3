//! What `/proc` and the cgroup files say: parsers over bytes, and the one place that reads them.
//!
//! Sources: proc(5) and its pages proc_pid_stat, proc_pid_status, proc_pid_mountinfo, proc_net;
//! cgroups(7); the kernel's Documentation/networking/proc_net_tcp.rst, admin-guide/cgroup-v1/
//! memory.rst and admin-guide/cgroup-v2.rst.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use crate::attempt::Attempt;
use crate::file;
use crate::input::value;
use crate::verdict::{Failure, Step};

/// The folder under which `/proc` and the cgroup mounts are looked for: none; unit tests put a tree
/// of their own there.
#[derive(Debug, Clone, Copy)]
pub struct Root<'a>(pub &'a str);

/// The root of every real run.
pub const ROOT: Root<'static> = Root("");

/// More than any of these files has but `/proc/net`'s, which are read by the line.
const FILE: usize = 1 << 20;

impl Root<'_> {
    /// `path`, which starts with a slash, under this root.
    pub fn path(self, path: &str) -> PathBuf {
        PathBuf::from(String::from(self.0) + path)
    }

    /// All of a small file.
    pub fn read(self, path: &str) -> io::Result<Vec<u8>> {
        file::read(&self.path(path), FILE)
    }

    /// What one read yields: all of a process's `stat`, the first arguments of its `cmdline`.
    pub fn start<'b>(self, path: &str, buffer: &'b mut [u8]) -> io::Result<&'b [u8]> {
        file::start(&self.path(path), buffer)
    }

    /// The number of this process, as `/proc` counts. Fails when there is no `/proc`, or an empty
    /// folder in its place.
    pub fn own_pid(self, attempt: &Attempt<'_>) -> Result<Vec<u8>, Failure> {
        const OWN: &str = "/proc/self/stat";
        attempt.enter(Step::Open, OWN);
        match self.start(OWN, &mut [0; 64]) {
            Ok(mut stat) => Ok(word(&mut stat).to_vec()),
            Err(error) => {
                let absent = error.kind() == io::ErrorKind::NotFound;
                let failure = attempt.io(error);
                Err(match absent {
                    true => failure.with("want proc(5) mounted on /proc").setup(),
                    false => failure,
                })
            }
        }
    }
}

/// Whether the process of this `/proc/PID/stat` lives: fields 3 and 20 of `42 (a) b) S 1 ...`. The
/// last `)` ends the name, whatever is in it, since only numbers follow.
pub fn stat(line: &[u8]) -> Option<bool> {
    let close = line.iter().rposition(|byte| *byte == b')')?;
    let mut rest = line.get(close + 1..)?;
    let [state] = word(&mut rest) else { return None };
    skip(&mut rest, 16);
    Some(lives(*state, number(word(&mut rest))?))
}

/// A zombie (`Z`) or dead (`X`, `x`) process lives no more; unless other threads of it run on,
/// after its first one has ended.
pub fn lives(state: u8, threads: u64) -> bool {
    !matches!(state, b'Z' | b'X' | b'x') || threads > 1
}

/// The value of `name` in a file of lines `name: value` or `name value`: `/proc/PID/status`,
/// `/proc/meminfo`, `memory.stat`.
pub fn field<'a>(mut lines: &'a [u8], name: &str) -> Option<&'a [u8]> {
    while !lines.is_empty() {
        let mut line = until(&mut lines, b'\n');
        let first = word(&mut line);
        if first.strip_suffix(b":").unwrap_or(first) == name.as_bytes() {
            return Some(line.trim_ascii());
        }
    }
    None
}

/// The number in front of a value: `123 kB` is 123.
pub fn number(mut value: &[u8]) -> Option<u64> {
    value::number(word(&mut value)).ok()
}

/// Takes what stands before the next `end`, and that too.
fn until<'a>(rest: &mut &'a [u8], end: u8) -> &'a [u8] {
    let text = *rest;
    let at = text.iter().position(|byte| *byte == end).unwrap_or(text.len());
    *rest = text.get(at + 1..).unwrap_or_default();
    text.get(..at).unwrap_or_default()
}

/// Takes the next word, blanks before it dropped.
fn word<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let text = rest.trim_ascii_start();
    let end = text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len());
    *rest = text.get(end..).unwrap_or_default();
    text.get(..end).unwrap_or_default()
}

/// Takes `n` words.
fn skip(rest: &mut &[u8], n: usize) {
    for _ in 0..n {
        word(rest);
    }
}

/// A hexadecimal number that fills a field of `width` digits; one that was cut does not.
fn hex(digits: &[u8], width: usize) -> Option<u32> {
    let mut number = 0;
    for digit in digits {
        number = number << 4 | u32::from(value::hex_digit(Some(*digit))?);
    }
    (digits.len() == width).then_some(number)
}

/// Whether `name` is one of a list with commas.
fn lists(mut list: &[u8], name: &[u8]) -> bool {
    while !list.is_empty() {
        if until(&mut list, b',') == name {
            return true;
        }
    }
    false
}

/// A line of `/proc/net/tcp`, `tcp6`, `udp` or `udp6`: the local address and port, and the state.
/// `None` for the heading and for a line that was cut.
pub fn inet(mut line: &[u8]) -> Option<(IpAddr, u16, u8)> {
    word(&mut line);
    let mut port = word(&mut line);
    let ip = until(&mut port, b':');
    word(&mut line);
    let state = hex(word(&mut line), 2)?;
    // An address is words of 32 bits, each in the order of this machine.
    let mut bytes = [0; 16];
    for (word, digits) in bytes.chunks_exact_mut(4).zip(ip.chunks(8)) {
        word.copy_from_slice(&hex(digits, 8)?.to_ne_bytes());
    }
    let ip = match (ip.len(), bytes) {
        (8, [a, b, c, d, ..]) => Ipv4Addr::new(a, b, c, d).into(),
        // `::ffff:127.0.0.1` listens for IPv4.
        (32, bytes) => Ipv6Addr::from(bytes).to_canonical(),
        _ => return None,
    };
    Some((ip, u16::try_from(hex(port, 4)?).ok()?, u8::try_from(state).ok()?))
}

/// A line of `/proc/net/unix`: the name of a socket that listens, a path or `@` and an abstract
/// name. Connected and other sockets, and those without a name, are `None`.
pub fn unix(mut line: &[u8]) -> Option<&[u8]> {
    /// `__SO_ACCEPTCON` of the kernel: listen(2) was called.
    const LISTENS: u32 = 1 << 16;
    skip(&mut line, 3);
    let flags = hex(word(&mut line), 8)?;
    skip(&mut line, 3);
    // One blank, and the rest is the name, blanks and all.
    line.strip_prefix(b" ").filter(|_| flags & LISTENS != 0)
}

/// The version of cgroups that governs memory, and the path of this process in it, from
/// `/proc/self/cgroup`. The old hierarchy wins where it has the memory controller.
pub fn cgroup(mut lines: &[u8]) -> Option<(Version, &[u8])> {
    let mut found = None;
    while !lines.is_empty() {
        let mut path = until(&mut lines, b'\n');
        let id = until(&mut path, b':');
        let controllers = until(&mut path, b':');
        if lists(controllers, b"memory") {
            return Some((Version::V1, path));
        }
        if (id, controllers) == (b"0", b"") {
            found = Some((Version::V2, path));
        }
    }
    found
}

/// The two hierarchies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// The memory controller's own.
    V1,
    /// The unified one.
    V2,
}

/// Where the cgroup `path` is found, from `/proc/self/mountinfo`: a mount point, and what of the
/// path is below it.
///
/// A container has its own cgroup mounted; a mount of others, of the whole host's say, does not
/// count where there is a better one. A path that no mount has (it begins with `/..` outside of
/// the cgroup namespace) is taken for what is mounted. A mount whose root begins so is of cgroups
/// above this process's own, the host's: which of them is its own cannot be seen.
pub fn mount<'a>(
    mut lines: &'a [u8],
    version: Version,
    path: &'a [u8],
) -> Option<(&'a [u8], &'a [u8])> {
    let mut found = None;
    while !lines.is_empty() {
        let mut line = until(&mut lines, b'\n');
        skip(&mut line, 3);
        let (root, at) = (word(&mut line), word(&mut line));
        while !matches!(word(&mut line), b"-" | b"") {}
        let memory = match (word(&mut line), version) {
            (b"cgroup2", Version::V2) => true,
            (b"cgroup", Version::V1) => {
                skip(&mut line, 1);
                lists(word(&mut line), b"memory")
            }
            _ => false,
        };
        if !memory || root.starts_with(b"/..") {
            continue;
        }
        let top = root.strip_suffix(b"/").unwrap_or(root);
        match path.strip_suffix(b"/").unwrap_or(path).strip_prefix(top) {
            Some(below @ ([] | [b'/', ..])) => return Some((at, below)),
            _ => found = Some((at, [].as_slice())),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_lines() {
        let tail = "1 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 100 0 0 18446744073709551615";
        for comm in ["nginx", "a) Z 1 (b", "Web Content", "", ")", "a\nb"] {
            let line = |state| format!("42 ({comm}) {state} {tail}").into_bytes();
            assert_eq!(stat(&line('S')), Some(true), "{comm}");
            assert_eq!(stat(&line('Z')), Some(false), "{comm}");
            let line = line('S');
            // Up to the field before the number of threads.
            for end in 0..line.len() - tail.len() + tail.find(" 1 0 100").expect("it") {
                assert_eq!(stat(&line[..end]), None, "{comm} {end}");
            }
        }
        let threads = tail.replace(" 20 0 1 0", " 20 0 3 0");
        assert_eq!(stat(format!("42 (x) Z {threads}").as_bytes()), Some(true));
        for line in ["", ") S (", "42 (x", "42 (x) SS 1"] {
            assert_eq!(stat(line.as_bytes()), None);
        }
    }

    #[test]
    fn the_dead() {
        for state in b"RSDTtI" {
            assert!(lives(*state, 1));
        }
        for state in b"ZXx" {
            assert!(!lives(*state, 1) && !lives(*state, 0));
            // The first thread has ended, another one runs.
            assert!(lives(*state, 2));
        }
    }

    #[test]
    fn fields() {
        let status = b"Name:\tmy app\nUmask:\t0022\nState:\tZ (zombie)\nTgid:\t42\n";
        assert_eq!(field(status, "Name"), Some(&b"my app"[..]));
        assert_eq!(field(status, "State"), Some(&b"Z (zombie)"[..]));
        assert_eq!(field(status, "Tgid").and_then(number), Some(42));
        assert_eq!(field(status, "Threads"), None);
        let stat = b"anon 1\nfile 2\ninactive_file 3\ntotal_inactive_file 4";
        assert_eq!(field(stat, "inactive_file").and_then(number), Some(3));
        assert_eq!(field(stat, "total_inactive_file").and_then(number), Some(4));
        assert_eq!(field(b"MemTotal:   24 kB\n", "MemTotal").and_then(number), Some(24));
        for text in [&b""[..], b"x", b"-1", b"1x", b"\xff", b"99999999999999999999"] {
            assert_eq!(number(text), None);
        }
    }

    /// Lines as a machine of either byte order writes them.
    fn inet_line(ip: &str, port: u16, state: u8) -> String {
        let ip: IpAddr = ip.parse().expect("an address");
        let bytes = match ip {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        let words: String = bytes
            .chunks(4)
            .map(|word| format!("{:08X}", u32::from_ne_bytes(word.try_into().expect("four"))))
            .collect();
        format!(
            "   0: {words}:{port:04X} 00000000:0000 {state:02X} 00000000:00000000 00:00000000 00000000  1000"
        )
    }

    #[test]
    fn sockets_of_the_internet() {
        for (ip, canonical) in [
            ("127.0.0.1", "127.0.0.1"),
            ("0.0.0.0", "0.0.0.0"),
            ("::1", "::1"),
            ("::", "::"),
            ("2001:db8::1:2", "2001:db8::1:2"),
            ("::ffff:10.1.2.3", "10.1.2.3"),
            ("::ffff:0.0.0.0", "0.0.0.0"),
        ] {
            let line = inet_line(ip, 8080, 10);
            let wanted = Some((canonical.parse().expect("an address"), 8080, 10));
            assert_eq!(inet(line.as_bytes()), wanted, "{ip}");
            // Cut before the state is complete, it says nothing.
            let end = line.find(" 0A ").expect("the state") + 3;
            for cut in 0..end {
                assert_eq!(inet(&line.as_bytes()[..cut]), None, "{}", &line[..cut]);
            }
        }
        if cfg!(target_endian = "little") {
            let line =
                b"   1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0";
            assert_eq!(inet(line), Some(([127, 0, 0, 1].into(), 8080, 10)));
        }
        for line in [
            "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt",
            "0: 0100007F:1F90:1 x 0A",
            "0: \u{e9}100007:1F90 x 0A",
            "0: 0100007:1F90 x 0A",
            "0: 0100007F:1F9 x 0A",
            "0: 0100007F:1F90 x 0",
            "0: 0100007G:1F90 x 0A",
            "",
        ] {
            assert_eq!(inet(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn unix_sockets() {
        let line = |flags: &str, name: &str| {
            format!("0000000000000000: 00000002 00000000 {flags} 0001 01   212{name}").into_bytes()
        };
        assert_eq!(unix(&line("00010000", " /run/a b.sock")), Some(&b"/run/a b.sock"[..]));
        assert_eq!(unix(&line("00010000", " @abstract")), Some(&b"@abstract"[..]));
        assert_eq!(unix(&line("00010000", " @")), Some(&b"@"[..]));
        assert_eq!(unix(&line("00010000", "  /two")), Some(&b" /two"[..]));
        // Not listening, without a name, the heading, cut.
        assert_eq!(unix(&line("00000000", " /run/a")), None);
        assert_eq!(unix(&line("00010000", "")), None);
        assert_eq!(unix(b"Num       RefCount Protocol Flags    Type St Inode Path"), None);
        assert_eq!(unix(b"0000000000000000: 00000002 00000000 000100"), None);
    }

    #[test]
    fn cgroups() {
        for (lines, found) in [
            ("0::/\n", Some((Version::V2, "/"))),
            ("10::/x\n", None),
            ("0::/a.slice/b c.scope", Some((Version::V2, "/a.slice/b c.scope"))),
            ("9:name=systemd:/s\n4:cpu,memory:/m:x\n0::/u\n", Some((Version::V1, "/m:x"))),
            ("0::/u\n4:memory:/m\n", Some((Version::V1, "/m"))),
            ("1:cpu:/c\n", None),
            ("", None),
        ] {
            let found = found.map(|(version, path): (_, &str)| (version, path.as_bytes()));
            assert_eq!(cgroup(lines.as_bytes()), found, "{lines}");
        }
    }

    #[test]
    fn mounts() {
        const V2: &str = "25 1 0:22 / /sys rw - sysfs sysfs rw\n\
            30 25 0:26 / /sys/fs/cgroup ro,nosuid shared:9 master:2 - cgroup2 cgroup rw,nsdelegate\n";
        const V1: &str = "31 1 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
            32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
            35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n\
            41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        const TWO: &str = "1 1 0:1 /../.. /host/cg rw - cgroup2 cgroup2 rw\n\
            2 1 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n\
            3 1 0:1 /../.. /host/cg2 rw - cgroup2 cgroup2 rw\n";
        for (lines, version, path, found) in [
            (V2, Version::V2, "/", Some(("/sys/fs/cgroup", ""))),
            (V2, Version::V2, "/a/b", Some(("/sys/fs/cgroup", "/a/b"))),
            (V2, Version::V1, "/", None),
            (V1, Version::V1, "/docker/abc", Some(("/sys/fs/cgroup/memory", ""))),
            (V1, Version::V1, "/docker/abc/d", Some(("/sys/fs/cgroup/memory", "/d"))),
            // Not below the mount, even if the letters are.
            (V1, Version::V1, "/docker/abcd", Some(("/sys/fs/cgroup/memory", ""))),
            (V1, Version::V2, "/x", Some(("/sys/fs/cgroup/unified", "/x"))),
            (TWO, Version::V2, "/", Some(("/sys/fs/cgroup", ""))),
            ("", Version::V2, "/", None),
            ("garbage - cgroup2", Version::V2, "/", None),
        ] {
            let found = found.map(|(at, below): (&str, &str)| (at.as_bytes(), below.as_bytes()));
            assert_eq!(mount(lines.as_bytes(), version, path.as_bytes()), found, "{lines} {path}");
        }
    }
}

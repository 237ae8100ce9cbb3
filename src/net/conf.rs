//! What a machine says of names: hosts(5) and resolv.conf(5).

use std::net::Ipv4Addr;
use std::str::SplitAsciiWhitespace;

use crate::input::{Address, value};
use crate::text::pieces;

/// The addresses of `name` in hosts(5).
pub fn in_hosts(hosts: &[u8], name: &str) -> Vec<Address> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let mut found = Vec::new();
    for mut words in words(hosts) {
        let address = words.next().and_then(Address::parse);
        if let Some(address) = address.filter(|address| !found.contains(address))
            && words.any(|alias| alias.eq_ignore_ascii_case(name))
        {
            found.push(address);
        }
        // Many more than are ever asked.
        if found.len() == 64 {
            break;
        }
    }
    found
}

/// The words of each line, comments left out.
fn words(text: &[u8]) -> impl Iterator<Item = SplitAsciiWhitespace<'_>> {
    pieces(text, b'\n').map(|line| {
        let end = line.iter().position(|byte| matches!(byte, b'#' | b';')).unwrap_or(line.len());
        str::from_utf8(line.get(..end).unwrap_or_default()).unwrap_or("").split_ascii_whitespace()
    })
}

/// What counts of resolv.conf(5).
#[derive(Debug, PartialEq, Eq)]
pub struct Conf {
    /// At least one, and at most three, as the manual has it.
    pub servers: Vec<Address>,
    search: Vec<String>,
    ndots: usize,
}

impl Conf {
    /// Reads the file; what is not understood does not count.
    pub fn parse(text: &[u8]) -> Self {
        let mut conf = Self { servers: Vec::new(), search: Vec::new(), ndots: 1 };
        for mut words in words(text) {
            match words.next() {
                Some("nameserver") => conf.servers.extend(words.next().and_then(Address::parse)),
                // The last one of these lines counts.
                Some("search" | "domain") => conf.search = words.map(str::to_owned).collect(),
                Some("options") => {
                    for ndots in words.filter_map(|word| word.strip_prefix("ndots:")) {
                        if let Ok(ndots) = value::number(ndots.as_bytes()) {
                            conf.ndots = ndots.min(15) as usize;
                        }
                    }
                }
                _ => {}
            }
        }
        conf.servers.truncate(3);
        if conf.servers.is_empty() {
            conf.servers.push(Address { ip: Ipv4Addr::LOCALHOST.into(), zone: None });
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

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(addresses: &[Address]) -> Vec<String> {
        addresses.iter().map(Address::to_string).collect()
    }

    #[test]
    fn hosts() {
        let text = b"# comment\n127.0.0.1 localhost\n10.0.0.1\tapi API.example # x\n::1 api\n\xff\n10.0.0.1 api\nbad api\nfe80::1%eth0 link";
        assert_eq!(texts(&in_hosts(text, "Api")), ["10.0.0.1", "::1"]);
        assert_eq!(texts(&in_hosts(text, "link")), ["fe80::1%eth0"]);
        assert_eq!(in_hosts(text, "api.example.").len(), 1);
        assert!(in_hosts(text, "comment").is_empty() && in_hosts(b"", "x").is_empty());
        let many: String = (0..=255).map(|n| format!("127.0.0.{n} api\n")).collect();
        assert_eq!(in_hosts(many.as_bytes(), "api").len(), 64);
    }

    #[test]
    fn resolv_conf() {
        let text = b"; x\nnameserver 10.0.0.2\nnameserver fe80::1%eth0\nnameserver x\nnameserver ::1\nsearch a.b c\noptions edns0 ndots:5 timeout:2\n";
        let conf = Conf::parse(text);
        assert_eq!(texts(&conf.servers), ["10.0.0.2", "fe80::1%eth0", "::1"]);
        assert_eq!(conf.candidates("x.y"), ["x.y.a.b", "x.y.c", "x.y"]);
        assert_eq!(conf.candidates("x.y."), ["x.y."]);
        assert_eq!(
            conf.candidates("1.2.3.4.5.6"),
            ["1.2.3.4.5.6", "1.2.3.4.5.6.a.b", "1.2.3.4.5.6.c"]
        );
        let none = Conf::parse(b"");
        assert_eq!(texts(&none.servers), ["127.0.0.1"]);
        assert_eq!(none.candidates("x"), ["x"]);
        let many = Conf::parse("nameserver 1.1.1.1\n".repeat(9).as_bytes());
        assert_eq!(many.servers.len(), 3);
    }
}

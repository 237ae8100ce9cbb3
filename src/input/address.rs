//! An address with its zone: `fe80::1%eth0`.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use crate::text::split_once;

/// An address as people and files write it (RFC 4007 section 11).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Without its zone.
    pub ip: IpAddr,
    /// The interface, by name or number, on which a link-local address is one.
    pub zone: Option<String>,
}

impl Address {
    /// `127.0.0.1`, `::1`, `fe80::1%eth0`; `None` when it is none of them.
    pub fn parse(text: &str) -> Option<Self> {
        let Some((ip, zone)) = split_once(text, b'%') else {
            return text.parse().ok().map(|ip: IpAddr| ip.into());
        };
        let ip: Ipv6Addr = ip.parse().ok()?;
        // What an interface may be called (dev_valid_name() in Linux): 15 bytes, no blank, no slash.
        let fits = (1..=15).contains(&zone.len())
            && zone.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/');
        fits.then(|| Self { ip: ip.into(), zone: Some(zone.to_owned()) })
    }
}

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Self {
        Self { ip, zone: None }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ip.fmt(f)?;
        match &self.zone {
            Some(zone) => f.write_str(&["%", zone].concat()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ipv6_has_zones() {
        for text in ["127.0.0.1", "::1", "fe80::1%eth0", "fe80::1%2", "::1%a.b-c_d"] {
            assert_eq!(Address::parse(text).map(|address| address.to_string()), Some(text.into()));
        }
        for text in ["", "x", "fe80::1%", "127.0.0.1%lo", "fe80::1%a b", "fe80::1%a/b"] {
            assert_eq!(Address::parse(text), None, "{text}");
        }
        assert!(Address::parse(&format!("fe80::1%{}", "x".repeat(15))).is_some());
        assert_eq!(Address::parse(&format!("fe80::1%{}", "x".repeat(16))), None);
    }
}

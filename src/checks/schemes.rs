//! How the rows of the table of kinds write their schemes.

use crate::input::{Scheme, Secure};

/// `name://`, without a port of its own.
pub const fn host(name: &'static str) -> Scheme {
    Scheme { name, opaque: false, port: None, secure: Secure::Never }
}

/// `name://`, whose port is known.
pub const fn at(name: &'static str, port: u16) -> Scheme {
    Scheme { port: Some(port), ..host(name) }
}

/// The same over TLS.
pub const fn tls(scheme: Scheme) -> Scheme {
    Scheme { secure: Secure::Always, ..scheme }
}

/// The same, which `--tls` makes TLS of.
#[cfg(feature = "services")]
pub const fn upgraded(scheme: Scheme) -> Scheme {
    Scheme { secure: Secure::StartTls, ..scheme }
}

/// `name:` with a path or a name.
pub const fn opaque(name: &'static str) -> Scheme {
    Scheme { opaque: true, ..host(name) }
}

//! Every kind of key that a server may have under every kind that its CA may have, in both versions.

use super::{Row, ok};
use crate::tls::servers::Server::OpenSsl;

macro_rules! handshakes {
    ($($leaf:literal by $ca:literal)*) => {
        &[$(
            ok(
                OpenSsl(concat!("-cert ", $leaf, "-under-", $ca, ".pem -key ", $leaf, ".key -tls1_2")),
                concat!("localhost -v --cacert ", $ca, ".pem"),
                "TLS 1.2, ECDHE-",
            ),
            ok(
                OpenSsl(concat!("-cert ", $leaf, "-under-", $ca, ".pem -key ", $leaf, ".key -tls1_3")),
                concat!("localhost -v --cacert ", $ca, ".pem"),
                "TLS 1.3, AES-",
            ),
        )*]
    };
}

pub(super) const ALL: &[Row] = handshakes! {
    "rsa2048" by "root-rsa4096"
    "rsa2048" by "root"
    "rsa2048" by "root-p384"
    "rsa2048" by "root-ed"
    "p256" by "root-rsa4096"
    "p256" by "root"
    "p256" by "root-p384"
    "p256" by "root-ed"
    "p384" by "root-rsa4096"
    "p384" by "root"
    "p384" by "root-p384"
    "p384" by "root-ed"
    "ed" by "root-rsa4096"
    "ed" by "root"
    "ed" by "root-p384"
    "ed" by "root-ed"
};

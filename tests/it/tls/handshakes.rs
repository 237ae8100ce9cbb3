//! Every kind of key that a server may have under every kind that its CA may have, in both versions;
//! and every way in which a server may sign with RSA. Groups, suites and the clients' keys stand in
//! the matrix itself.

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

pub(super) const KEYS: &[Row] = handshakes! {
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

macro_rules! signatures {
    ($($sigalgs:literal $version:literal)*) => {
        &[$(ok(
            OpenSsl(concat!("-cert rsa2048.pem -key rsa2048.key -sigalgs ", $sigalgs, " -", $version)),
            "localhost --cacert root.pem",
            "200 ok",
        ),)*]
    };
}

/// TLS 1.3 knows no PKCS#1 in handshakes (RFC 8446 section 4.2.3).
pub(super) const SIGNATURES: &[Row] = signatures! {
    "RSA-PSS+SHA256" "tls1_2"
    "RSA-PSS+SHA384" "tls1_2"
    "RSA-PSS+SHA512" "tls1_2"
    "RSA+SHA256" "tls1_2"
    "RSA+SHA384" "tls1_2"
    "RSA+SHA512" "tls1_2"
    "RSA-PSS+SHA256" "tls1_3"
    "RSA-PSS+SHA384" "tls1_3"
    "RSA-PSS+SHA512" "tls1_3"
};

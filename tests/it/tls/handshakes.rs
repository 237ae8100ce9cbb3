//! Whatever is computed in a handshake: every kind of key that a server may have under every kind
//! that its CA may have, in both versions; every way in which a server may sign with RSA; groups,
//! suites, and the keys of clients.

use super::{CA, CA_V, COMMON, Row, WANTED, no, ok};
use crate::tls::servers::Server::OpenSsl;

pub(super) const ALL: &[&[Row]] = &[SUITES, CLIENTS, KEYS, SIGNATURES];

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

const KEYS: &[Row] = handshakes! {
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
const SIGNATURES: &[Row] = signatures! {
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

#[rustfmt::skip]
const SUITES: &[Row] = &[
    // Certificate types, each in both versions.
    ok(OpenSsl("-cert p256.pem -key p256.key -tls1_2"), CA, "200 ok"),
    ok(OpenSsl("-cert p256.pem -key p256.key -tls1_3"), CA, "200 ok"),
    ok(OpenSsl("-cert p384.pem -key p384.key -tls1_2"), CA, "200 ok"),
    ok(OpenSsl("-cert p384.pem -key p384.key -tls1_3"), CA, "200 ok"),
    ok(OpenSsl("-cert ed.pem -key ed.key -tls1_2"), CA, "200 ok"),
    ok(OpenSsl("-cert ed.pem -key ed.key -tls1_3"), CA, "200 ok"),
    ok(OpenSsl("-cert rsa2048.pem -key rsa2048.key -tls1_2"), CA, "200 ok"),
    ok(OpenSsl("-cert rsa2048.pem -key rsa2048.key -tls1_3"), CA, "200 ok"),
    ok(OpenSsl("-cert rsa3072.pem -key rsa3072.key -tls1_2"), CA, "200 ok"),
    ok(OpenSsl("-cert rsa3072.pem -key rsa3072.key -tls1_3"), CA, "200 ok"),
    ok(OpenSsl("-cert rsa4096.pem -key rsa4096.key -tls1_2"), CA, "200 ok"),
    ok(OpenSsl("-cert rsa4096.pem -key rsa4096.key -tls1_3"), CA, "200 ok"),
    no(OpenSsl("-cert rsa1024.pem -key rsa1024.key -cipher DEFAULT:@SECLEVEL=0"), CA, "the server has an RSA key shorter than 2048 bits, want RSA of 2048 bits or more, P-256, P-384 or Ed25519"),
    no(OpenSsl("-cert p521.pem -key p521.key"), CA, COMMON),
    ok(OpenSsl("-cert p256-by-p384.pem -key p256-by-p384.key"), "localhost --cacert root-p384.pem", "200 ok"),
    ok(OpenSsl("-cert p256-by-rsa.pem -key p256-by-rsa.key"), "localhost --cacert root-rsa.pem", "200 ok"),
    ok(OpenSsl("-cert p256-by-ed.pem -key p256-by-ed.key"), "localhost --cacert root-ed.pem", "200 ok"),

    // Groups, suites, versions; --verbose says which.
    ok(OpenSsl("-cert p256.pem -key p256.key -groups X25519 -tls1_2"), CA_V, "TLS 1.2, ECDHE-ECDSA-AES-128-GCM, X25519, ALPN none"),
    ok(OpenSsl("-cert p256.pem -key p256.key -groups X25519 -tls1_3"), CA_V, "TLS 1.3, AES-128-GCM, X25519, ALPN none"),
    ok(OpenSsl("-cert p256.pem -key p256.key -groups P-256 -tls1_2"), CA_V, ", P-256, ALPN none"),
    ok(OpenSsl("-cert p256.pem -key p256.key -groups P-256 -tls1_3"), CA_V, ", P-256, ALPN none"),
    ok(OpenSsl("-cert p256.pem -key p256.key -groups P-384 -tls1_2"), CA_V, ", P-384, ALPN none"),
    ok(OpenSsl("-cert p256.pem -key p256.key -groups P-384 -tls1_3"), CA_V, ", P-384, ALPN none"),
    no(OpenSsl("-cert p256.pem -key p256.key -groups P-521 -tls1_2"), CA, COMMON),
    no(OpenSsl("-cert p256.pem -key p256.key -groups P-521 -tls1_3"), CA, COMMON),
    ok(OpenSsl("-cert p256.pem -key p256.key -tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256"), CA_V, "ECDHE-ECDSA-AES-128-GCM"),
    ok(OpenSsl("-cert p256.pem -key p256.key -tls1_2 -cipher ECDHE-ECDSA-AES256-GCM-SHA384"), CA_V, "ECDHE-ECDSA-AES-256-GCM"),
    ok(OpenSsl("-cert rsa2048.pem -key rsa2048.key -tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256"), CA_V, "ECDHE-RSA-AES-128-GCM"),
    ok(OpenSsl("-cert rsa2048.pem -key rsa2048.key -tls1_2 -cipher ECDHE-RSA-AES256-GCM-SHA384"), CA_V, "ECDHE-RSA-AES-256-GCM"),
    ok(OpenSsl("-cert p256.pem -key p256.key -ciphersuites TLS_AES_128_GCM_SHA256"), CA_V, "TLS 1.3, AES-128-GCM"),
    ok(OpenSsl("-cert p256.pem -key p256.key -ciphersuites TLS_AES_256_GCM_SHA384"), CA_V, "TLS 1.3, AES-256-GCM"),
    no(OpenSsl("-cert p256.pem -key p256.key -ciphersuites TLS_CHACHA20_POLY1305_SHA256 -tls1_3"), CA, COMMON),
    no(OpenSsl("-cert rsa2048.pem -key rsa2048.key -tls1_2 -cipher AES128-SHA"), CA, COMMON),
    no(OpenSsl("-cert rsa2048.pem -key rsa2048.key -tls1_2 -cipher AES128-GCM-SHA256"), CA, COMMON),
    no(OpenSsl("-cert rsa2048.pem -key rsa2048.key -tls1_1 -cipher ALL:@SECLEVEL=0"), CA, "the server speaks neither TLS 1.2 nor 1.3"),
    ok(OpenSsl("-cert p256.pem -key p256.key -num_tickets 0"), CA, "200 ok"),
    ok(OpenSsl("-cert p256.pem -key p256.key -num_tickets 8"), CA, "200 ok"),
];

#[rustfmt::skip]
const CLIENTS: &[Row] = &[
    // Client certificates.
    ok(OpenSsl("-cert p256.pem -key p256.key -tls1_2 -verify 1 -CAfile root.pem"), CA, "200 ok"),
    ok(OpenSsl("-cert p256.pem -key p256.key -tls1_3 -verify 1 -CAfile root.pem"), CA, "200 ok"),
    no(OpenSsl("-cert p256.pem -key p256.key -tls1_2 -Verify 1 -CAfile root.pem -verify_return_error"), CA, WANTED),
    no(OpenSsl("-cert p256.pem -key p256.key -tls1_3 -Verify 1 -CAfile root.pem -verify_return_error"), CA, WANTED),
    no(OpenSsl("-cert p256.pem -key p256.key -tls1_3 -Verify 1 -CAfile root.pem -verify_return_error"), "localhost -k", WANTED),
    ok(OpenSsl("-cert p256.pem -key p256.key -tls1_2 -Verify 1 -CAfile root.pem -verify_return_error"), "localhost -k --cert p256.pem --key p256.key", "200 ok"),
    ok(OpenSsl("-cert p256.pem -key p256.key -tls1_3 -Verify 1 -CAfile root.pem -verify_return_error"), "localhost -k --cert p256.pem --key p256.key", "200 ok"),
    ok(OpenSsl("-cert p256.pem -key p256.key -tls1_2 -Verify 1 -CAfile root.pem -verify_return_error"), "localhost --cacert root.pem --cert p256.pem --key p256.sec1.key", "200 ok"),
    ok(OpenSsl("-cert p256.pem -key p256.key -tls1_3 -Verify 1 -CAfile root.pem -verify_return_error"), "localhost --cacert root.pem --cert p256.both.pem", "200 ok"),
    ok(OpenSsl("-cert p256.pem -key p256.key -tls1_2 -Verify 1 -CAfile root.pem -verify_return_error"), "localhost --cacert root.pem --cert p384.pem --key p384.key", "200 ok"),
    ok(OpenSsl("-cert p256.pem -key p256.key -tls1_3 -Verify 1 -CAfile root.pem -verify_return_error"), "localhost --cacert root.pem --cert p384.pem --key p384.sec1.key", "200 ok"),
    ok(OpenSsl("-cert p256.pem -key p256.key -tls1_3 -Verify 1 -CAfile root.pem -verify_return_error"), "localhost --cacert root.pem --cert p384.both.pem --key p384.both.pem", "200 ok"),
    ok(OpenSsl("-cert p256.pem -key p256.key -tls1_2 -Verify 1 -CAfile root.pem -verify_return_error"), "localhost --cacert root.pem --cert rsa2048.pem --key rsa2048.key", "200 ok"),
    ok(OpenSsl("-cert p256.pem -key p256.key -tls1_3 -Verify 1 -CAfile root.pem -verify_return_error"), "localhost --cacert root.pem --cert rsa2048.pem --key rsa2048.pkcs1.key", "200 ok"),
    ok(OpenSsl("-cert p256.pem -key p256.key -tls1_2 -Verify 1 -CAfile root.pem -verify_return_error"), "localhost --cacert root.pem --cert rsa4096.pem --key rsa4096.key", "200 ok"),
    ok(OpenSsl("-cert p256.pem -key p256.key -tls1_2 -Verify 1 -CAfile root.pem -verify_return_error"), "localhost --cacert root.pem --cert ed.pem --key ed.key", "200 ok"),
    ok(OpenSsl("-cert p256.pem -key p256.key -tls1_3 -Verify 1 -CAfile root.pem -verify_return_error"), "localhost --cacert root.pem --cert ed.pem --key ed.key", "200 ok"),
    ok(OpenSsl("-cert p256.pem -key p256.key -tls1_3 -Verify 1 -CAfile root.pem -verify_return_error -num_tickets 0"), "localhost --cacert root.pem --cert ed.pem --key ed.key", "200 ok"),
    // Each way to sign with RSA that a server may ask for; the last two are not there.
    ok(OpenSsl("-cert p256.pem -key p256.key -tls1_2 -Verify 1 -CAfile root.pem -client_sigalgs RSA+SHA256"), "localhost --cacert root.pem --cert rsa2048.pem --key rsa2048.key", "200 ok"),
    ok(OpenSsl("-cert p256.pem -key p256.key -tls1_2 -Verify 1 -CAfile root.pem -client_sigalgs RSA+SHA384"), "localhost --cacert root.pem --cert rsa2048.pem --key rsa2048.key", "200 ok"),
    ok(OpenSsl("-cert p256.pem -key p256.key -tls1_2 -Verify 1 -CAfile root.pem -client_sigalgs RSA+SHA512"), "localhost --cacert root.pem --cert rsa2048.pem --key rsa2048.key", "200 ok"),
    ok(OpenSsl("-cert p256.pem -key p256.key -tls1_3 -Verify 1 -CAfile root.pem -client_sigalgs RSA-PSS+SHA256"), "localhost --cacert root.pem --cert rsa2048.pem --key rsa2048.key", "200 ok"),
    ok(OpenSsl("-cert p256.pem -key p256.key -tls1_3 -Verify 1 -CAfile root.pem -client_sigalgs RSA-PSS+SHA384"), "localhost --cacert root.pem --cert rsa2048.pem --key rsa2048.key", "200 ok"),
    ok(OpenSsl("-cert p256.pem -key p256.key -tls1_2 -Verify 1 -CAfile root.pem -client_sigalgs RSA-PSS+SHA512"), "localhost --cacert root.pem --cert rsa2048.pem --key rsa2048.key", "200 ok"),
    no(OpenSsl("-cert p256.pem -key p256.key -tls1_2 -Verify 1 -CAfile root.pem -client_sigalgs RSA+SHA1 -cipher DEFAULT:@SECLEVEL=0"), "localhost --cacert root.pem --cert rsa2048.pem --key rsa2048.key", COMMON),
    no(OpenSsl("-cert p256.pem -key p256.key -tls1_3 -Verify 1 -CAfile root.pem -client_sigalgs ECDSA+SHA256"), "localhost --cacert root.pem --cert rsa2048.pem --key rsa2048.key", "the server cannot use the client certificate"),
];

//! TLS against real stacks: OpenSSL, nginx, GnuTLS and Node on loopback, with certificates that the
//! suite makes. One table: who is asked, how, and what is said.

mod handshakes;
mod pki;
mod servers;

use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::{command, emulated, exe, heavy, run};
use Server::{Behind, GnuTls, Go, Nginx, Node, OpenSsl, Peer, Typed};
use Wire::{Drip, Flip, Mute, Plain, Stall};
use servers::{Server, Wire};

/// A greeting longer than what is held of it.
const FLOOD: &str = match str::from_utf8(&[b'x'; 60_000]) {
    Ok(text) => text,
    Err(_) => "",
};

/// One line of the matrix: `https://HOST:PORT/PATH OPTIONS` asked of a server.
struct Row {
    server: Server,
    /// The target's host and path, or a whole target with `PORT` in it, and the options.
    ask: &'static str,
    healthy: bool,
    /// What stdout and stderr have in them.
    says: &'static str,
}

const fn ok(server: Server, ask: &'static str, says: &'static str) -> Row {
    Row { server, ask, healthy: true, says }
}

const fn no(server: Server, ask: &'static str, says: &'static str) -> Row {
    Row { server, ask, healthy: false, says }
}

/// What most rows ask.
const CA: &str = "localhost --cacert root.pem";
const CA_V: &str = "localhost --cacert root.pem -v";

const COMMON: &str =
    "nothing in common; offered TLS 1.2 and 1.3, ECDHE with AES-GCM, X25519, P-256, P-384";
const WANTED: &str = "the server wants a client certificate (--cert, --key)";
const NOT_TLS: &str = "the server does not speak TLS on this port";

#[rustfmt::skip]
const MATRIX: &[Row] = &[
    // Whom to believe.
    ok(OpenSsl("-cert p256.pem -key p256.key"), "localhost --cacert bundle.pem", "200 ok"),
    no(OpenSsl("-cert p256.pem -key p256.key"), "localhost", "the certificate's issuer \"CN=Test-root, O=Suite\" is not trusted; name its CA with --cacert FILE (PEM)"),
    no(OpenSsl("-cert p256.pem -key p256.key"), "localhost --cacert other.pem", "the certificate's issuer \"CN=Test-root, O=Suite\" is not in other.pem (--cacert)"),
    no(OpenSsl("-cert stranger.pem -key stranger.key"), CA, "issuer \"CN=Test-other, O=Suite\" is not in root.pem (--cacert)"),
    no(OpenSsl("-cert p256.pem -key p256.key"), "localhost --cacert anew.pem", "its issuer has the right name but another key"),
    no(OpenSsl("-cert p256.pem -key p256.key"), "localhost --cacert none.pem", "opening \"none.pem\" (--cacert): No such file or directory (os error 2)"),
    // Each form in which a file of roots comes.
    ok(OpenSsl("-cert p256.pem -key p256.key"), "localhost --cacert bom.pem", "200 ok"),
    ok(OpenSsl("-cert p256.pem -key p256.key"), "localhost --cacert old-label.pem", "200 ok"),
    ok(OpenSsl("-cert p256.pem -key p256.key"), "localhost --cacert trusted.pem", "200 ok"),
    ok(OpenSsl("-cert p256.pem -key p256.key"), "localhost --cacert trusted-any.pem", "200 ok"),
    no(OpenSsl("-cert p256.pem -key p256.key"), "localhost --cacert distrusted.pem", "opening \"distrusted.pem\" (--cacert): no certificate in it"),
    no(OpenSsl("-cert p256.pem -key p256.key"), "localhost --cacert trusted-client.pem", "opening \"trusted-client.pem\" (--cacert): no certificate in it"),
    // Only a CA vouches for others.
    no(OpenSsl("-cert by-leaf.pem -key by-leaf.key"), "localhost --cacert p256.pem", "the certificate's issuer \"CN=p256\" is in p256.pem (--cacert), but is no CA (basicConstraints)"),
    ok(OpenSsl("-cert p256.pem -key p256.key"), "localhost --cacert root-version1.pem", "200 ok"),
    no(OpenSsl("-cert p256.pem -key p256.key"), "localhost --cacert none.pem", "healthcheck: https://localhost:"),
    no(OpenSsl("-cert p256.pem -key p256.key"), "localhost --cacert none.pem", "(os error 2): its folder is there\n"),
    no(OpenSsl("-cert p256.pem -key p256.key"), "localhost --cacert /none/ca.pem", "opening \"/none/ca.pem\" (--cacert): No such file or directory (os error 2): its folder is missing too\n"),
    no(OpenSsl("-cert p256.pem -key p256.key"), "localhost --cacert junk.pem", "opening \"junk.pem\" (--cacert): no certificate in it; want PEM"),
    no(OpenSsl("-cert p256.pem -key p256.key"), "localhost --cacert /dev/zero", "opening \"/dev/zero\" (--cacert): want a regular file"),
    no(OpenSsl("-cert p256.pem -key p256.key"), "localhost --cacert .", "opening \".\" (--cacert): want a regular file"),
    ok(OpenSsl("-cert stranger.pem -key stranger.key"), "localhost --insecure", "200 ok"),
    ok(OpenSsl("-cert expired.pem -key p256.key"), "nonsense.test --connect-to localhost:PORT -k", "200 ok"),

    // Dates.
    no(OpenSsl("-cert expired.pem -key p256.key"), CA, "the certificate expired 2024-02-01 00:00:00 UTC; the clock here says "),
    no(OpenSsl("-cert future.pem -key p256.key"), CA, "the certificate is not valid before 2040-01-01 00:00:00 UTC; the clock here says "),
    ok(OpenSsl("-cert p256.pem -key p256.key"), "localhost --cacert root.pem --min-validity 14d", "200 ok"),
    no(OpenSsl("-cert p256.pem -key p256.key"), "localhost --cacert root.pem --min-validity 30000d", "the certificate expires 2050-01-01 00:00:00 UTC, in "),
    no(OpenSsl("-cert p256.pem -key p256.key"), "localhost --cacert root.pem --min-validity 30000d", "want it valid for 30000 d more"),
    no(OpenSsl("-cert p256.pem -key p256.key"), "localhost --cacert root.pem --min-validity 30000.5d", "want it valid for 720012 h more"),
    no(OpenSsl("-cert expired.pem -key p256.key"), "localhost --cacert root.pem --min-validity 14d", "expired 2024-02-01"),
    // Roots of a file have dates too.
    no(OpenSsl("-cert p256.pem -key p256.key"), "localhost --cacert root-old.pem", "the certificate of \"CN=Test-root, O=Suite\" in root-old.pem (--cacert) expired 2024-02-01 00:00:00 UTC; the clock here says "),
    no(OpenSsl("-cert p256.pem -key p256.key"), "localhost --cacert root-future.pem", "the certificate of \"CN=Test-root, O=Suite\" in root-future.pem (--cacert) is not valid before 2040-01-01 00:00:00 UTC; the clock here says "),
    ok(OpenSsl("-cert p256.pem -key p256.key"), "localhost --cacert renewed.pem", "200 ok"),
    ok(OpenSsl("-cert p256.pem -key p256.key"), "localhost --cacert root-2040.pem --min-validity 14d", "200 ok"),
    no(OpenSsl("-cert p256.pem -key p256.key"), "localhost --cacert root-2040.pem --min-validity 6000d", "the certificate of \"CN=Test-root, O=Suite\" in root-2040.pem (--cacert) expires 2040-01-01 00:00:00 UTC; want it valid for 6000 d more"),
    ok(OpenSsl("-cert via.pem -key via.key -cert_chain inter.pem"), "localhost --cacert renewed.pem", "200 ok"),
    no(OpenSsl("-cert via.pem -key via.key"), "localhost --cacert inter-expired.pem", "the certificate of \"CN=inter\" in inter-expired.pem (--cacert) expired 2024-03-01"),

    // Names.
    no(OpenSsl("-cert wrong.pem -key wrong.key"), CA, "the certificate is for a.test, b.test, c.test, 10.0.0.1, d.test and 2 more, not for localhost"),
    ok(OpenSsl("-cert wrong.pem -key wrong.key"), "localhost --cacert root.pem --server-name c.test", "200 ok"),
    ok(OpenSsl("-cert wrong.pem -key wrong.key"), "c.test --cacert root.pem --connect-to localhost:PORT", "200 ok"),
    ok(OpenSsl("-cert wrong.pem -key wrong.key"), "x.test --cacert root.pem --connect-to localhost:PORT --server-name c.test", "200 ok"),
    no(OpenSsl("-cert wrong.pem -key wrong.key"), "c.test --cacert root.pem --connect-to localhost:PORT --server-name x.test", "not for x.test"),
    no(OpenSsl("-cert nameless.pem -key nameless.key"), CA, "the certificate of \"CN=nameless\" has no subjectAltName, so it is not for localhost"),
    no(OpenSsl("-cert by-mail.pem -key by-mail.key"), CA, "the subjectAltName of \"CN=by-mail\" names no host, so it is not for localhost"),
    no(OpenSsl("-cert in-letters.pem -key in-letters.key"), "127.0.0.1 --cacert root.pem", "the certificate is for the DNS name 127.0.0.1, not for the address; want it among the IP addresses of subjectAltName"),
    no(OpenSsl("-cert many-names.pem -key many-names.key"), CA, "n1.test, n2.test, n3.test, n4.test, n5.test and 145 more, not for localhost (see --server-name)"),
    ok(OpenSsl("-cert p256.pem -key p256.key"), "127.0.0.1 --cacert root.pem", "200 ok"),
    ok(OpenSsl("-cert p256.pem -key p256.key"), "[::1] --cacert root.pem --connect-to 127.0.0.1:PORT", "200 ok"),
    no(OpenSsl("-cert p256.pem -key p256.key"), "127.0.0.2 --cacert root.pem --connect-to 127.0.0.1:PORT", "not for 127.0.0.2"),
    no(OpenSsl("-cert p256.pem -key p256.key"), "[::2] --cacert root.pem --connect-to 127.0.0.1:PORT", "not for ::2"),
    ok(OpenSsl("-cert wrong.pem -key wrong.key"), "10.0.0.1 --cacert root.pem --connect-to 127.0.0.1:PORT", "200 ok"),
    ok(OpenSsl("-cert p256.pem -key p256.key"), "a.wild.test --cacert root.pem --connect-to localhost:PORT", "200 ok"),
    no(OpenSsl("-cert p256.pem -key p256.key"), "wild.test --cacert root.pem --connect-to localhost:PORT", "not for wild.test"),
    no(OpenSsl("-cert p256.pem -key p256.key"), "a.b.wild.test --cacert root.pem --connect-to localhost:PORT", "not for a.b.wild.test"),
    ok(OpenSsl("-cert limited-good.pem -key limited-good.key -cert_chain limited.pem"), "good.test --cacert root.pem --connect-to localhost:PORT", "200 ok"),
    no(OpenSsl("-cert limited-bad.pem -key limited-bad.key -cert_chain limited.pem"), CA, "outside what its CA may issue (name constraints)"),
    // The server picks by SNI: the first certificate is for no SNI and other names.
    ok(OpenSsl("-cert wrong.pem -key wrong.key -servername localhost -cert2 p256.pem -key2 p256.key"), CA, "200 ok"),
    ok(OpenSsl("-cert p256.pem -key p256.key -servername 127.0.0.1 -cert2 wrong.pem -key2 wrong.key"), "127.0.0.1 --cacert root.pem", "200 ok"),
    no(OpenSsl("-cert p256.pem -key p256.key -servername other.test -cert2 wrong.pem -key2 wrong.key"), "localhost --cacert root.pem --server-name other.test", "not for other.test"),

    // Chains.
    ok(OpenSsl("-cert via.pem -key via.key -cert_chain inter.pem"), CA_V, "certificate 1: CN=inter; issued by CN=Test-root, O=Suite; valid 2024-01-01 00:00:00 UTC to 2050-01-01 00:00:00 UTC"),
    no(OpenSsl("-cert via.pem -key via.key"), CA, "the certificate's issuer \"CN=inter\" is not in root.pem (--cacert), which has \"CN=Test-root, O=Suite\" alone; the server sent no intermediate certificate: if that issuer is no root, it must send that one too (full chain)\n"),
    ok(OpenSsl("-cert via.pem -key via.key"), "localhost --cacert inter.pem", "200 ok"),
    no(OpenSsl("-cert via.pem -key via.key -cert_chain inter-expired.pem"), CA, "the certificate of \"CN=inter\" expired 2024-03-01 00:00:00 UTC"),
    no(OpenSsl("-cert via.pem -key via.key -cert_chain inter.pem"), "localhost", "the certificate's issuer \"CN=Test-root, O=Suite\" is not trusted"),
    no(OpenSsl("-cert public.pem -key public.key"), "app.example.org --connect-to localhost:PORT", "the server sent no intermediate certificate: the issuer \"CN=inter\" of its own is no root; it must send that one too"),
    no(OpenSsl("-cert via.pem -key via.key"), "localhost", "issuer \"CN=inter\" is not trusted; name its CA with --cacert FILE (PEM); the server sent no intermediate certificate: if that issuer is no root, it must send that one too (full chain)\n"),
    ok(OpenSsl("-cert via.pem -key via.key -cert_chain sixteenth.pem"), CA, "200 ok"),
    no(OpenSsl("-cert via.pem -key via.key -cert_chain seventeenth.pem"), CA, "the certificate's issuer \"CN=inter\" is not in root.pem (--cacert)"),
    no(OpenSsl("-cert client-only.pem -key client-only.key"), CA, "not meant for servers (extended key usage)"),
    ok(OpenSsl("-cert server-only.pem -key server-only.key"), CA, "200 ok"),
    no(OpenSsl("-cert inter.pem -key inter.key"), CA, "the server sent the certificate of a CA in place of its own"),
    no(OpenSsl("-cert p256.pem -key p256.key -cert_chain huge.pem"), CA, "the server sent an oversized TLS message"),
    no(OpenSsl("-cert p256.pem -key p256.key -cert_chain huge.pem -tls1_2"), "localhost -k", "the server sent an oversized TLS message"),

    // What a CA should not have issued, each in its own words.
    no(OpenSsl("-cert by-leaf.pem -key by-leaf.key -cert_chain p256.pem"), CA, "a certificate of the chain is signed by one that is no CA"),
    no(OpenSsl("-cert by-too-far.pem -key by-too-far.key -cert_chain too-far-chain.pem"), CA, "the certificate chain is longer than its CA allows (path length)"),
    no(OpenSsl("-cert by-deep.pem -key by-deep.key -cert_chain deep-chain.pem"), CA, "the certificate chain is too long to be verified"),
    no(OpenSsl("-cert by-p521.pem -key by-p521.key"), "localhost --cacert root-p521.pem", "the CA \"CN=Test-root-p521, O=Suite\" has a P-521 key, want RSA of 2048 bits or more, P-256, P-384 or Ed25519"),
    no(OpenSsl("-cert by-ed448.pem -key by-ed448.key"), "localhost --cacert root-ed448.pem", "the CA \"CN=Test-root-ed448, O=Suite\" has an Ed448 key, want RSA of 2048 bits or more, P-256, P-384 or Ed25519\n"),
    no(OpenSsl("-cert by-pss.pem -key by-pss.key"), "localhost --cacert root-pss.pem", "the CA \"CN=Test-root-pss, O=Suite\" has an RSA key for RSASSA-PSS only, want RSA of 2048 bits or more, P-256, P-384 or Ed25519\n"),
    no(OpenSsl("-cert by-short.pem -key by-short.key"), "localhost --cacert root-short.pem", "the CA \"CN=Test-root-short, O=Suite\" has an RSA key shorter than 2048 bits, want RSA of 2048 bits or more"),
    no(OpenSsl("-cert unknown-extension.pem -key unknown-extension.key"), CA, "the certificate has a critical extension that is not known here"),
    no(OpenSsl("-cert version1.pem -key p256.key"), CA, "the certificate is not of X.509 version 3"),
    no(OpenSsl("-cert backwards.pem -key p256.key"), CA, "the certificate expires before it becomes valid"),
    no(OpenSsl("-cert p256.pem -key p256.key"), "localhost --cacert hollow.pem", "opening \"hollow.pem\" (--cacert): malformed certificate"),
    no(OpenSsl("-cert p256.pem -key p256.key"), "localhost --cacert endless.pem", "opening \"endless.pem\" (--cacert): want a file of at most 4096 KiB"),

    // Self-signed: a hint; trusted where it is named itself, and then its name and dates count.
    no(OpenSsl("-cert self.pem -key self.key"), "localhost", "the server's certificate is self-signed and not trusted; name its CA with --cacert FILE (PEM)"),
    no(OpenSsl("-cert self.pem -key self.key"), CA, "the server's certificate is self-signed and not in root.pem (--cacert)"),
    no(OpenSsl("-cert self.pem -key self.key"), "localhost --cacert self-other.pem", "self-signed and not in self-other.pem"),
    ok(OpenSsl("-cert self.pem -key self.key"), "localhost --cacert self.pem", "200 ok"),
    no(OpenSsl("-cert self.pem -key self.key"), "127.0.0.1 --cacert self.pem", "the certificate is for localhost, not for 127.0.0.1"),
    no(OpenSsl("-cert self-ca.pem -key self-ca.key"), "localhost", "self-signed and that of a CA, and not trusted; name its CA with --cacert FILE (PEM)"),
    no(OpenSsl("-cert self-ca.pem -key self-ca.key"), CA, "self-signed and that of a CA, and not in root.pem (--cacert)"),
    ok(OpenSsl("-cert self-ca.pem -key self-ca.key"), "localhost --cacert self-ca.pem", "200 ok"),
    no(OpenSsl("-cert self-ca.pem -key self-ca.key"), "127.0.0.1 --cacert self-ca.pem", "the certificate is for localhost, not for 127.0.0.1"),
    no(OpenSsl("-cert self-ca.pem -key self-ca.key"), "localhost --cacert self-ca.pem --min-validity 91d", "want it valid for 91 d more"),
    no(OpenSsl("-cert self-ca.pem -key self-ca.key"), "localhost --cacert again.pem", "and not in again.pem (--cacert), which has another certificate of that name"),
    no(OpenSsl("-cert self-client.pem -key self-client.key"), "localhost --cacert self-client.pem", "not meant for servers (extended key usage)"),
    ok(OpenSsl("-cert self-server.pem -key self-server.key"), "localhost --cacert self-server.pem", "200 ok"),
    no(OpenSsl("-cert self-old.pem -key self-ca.key"), "localhost --cacert self-old.pem", "the certificate expired 2024-02-01 00:00:00 UTC"),
    no(OpenSsl("-cert self-ca.pem -key self-ca.key"), "localhost --cacert self-old.pem", "self-signed"),
    ok(OpenSsl("-cert p256.pem -key p256.key"), "localhost --cacert p256.pem", "200 ok"),
    no(OpenSsl("-cert p256.pem -key p256.key"), "localhost --cacert p384.pem", "is not in p384.pem"),
    no(OpenSsl("-cert expired.pem -key p256.key"), "localhost --cacert expired.pem", "expired 2024-02-01"),
    no(OpenSsl("-cert client-only.pem -key client-only.key"), "localhost --cacert client-only.pem", "extended key usage"),

    // A server that has the certificate and not its key: no option lets that pass.
    no(OpenSsl("-cert p256.pem -key forged.der -keyform DER -tls1_3"), CA, "the handshake signature is wrong"),
    no(OpenSsl("-cert p256.pem -key forged.der -keyform DER -tls1_2"), CA, "the handshake signature is wrong"),
    no(OpenSsl("-cert p256.pem -key forged.der -keyform DER -tls1_3"), "localhost --insecure", "the handshake signature is wrong"),
    no(OpenSsl("-cert p256.pem -key forged.der -keyform DER -tls1_2"), "localhost --insecure", "the handshake signature is wrong"),
    ok(Behind(Plain, "-cert rsa2048.pem -key rsa2048.key"), "localhost/known -k", "200 Known"),
    no(Behind(Flip, "-cert rsa2048.pem -key rsa2048.key"), "localhost/known -k", "the handshake signature is wrong"),
    ok(Behind(Plain, "-cert p256.pem -key p256.key"), "localhost/known --cacert root.pem", "200 Known"),
    no(Behind(Flip, "-cert p256.pem -key p256.key"), "localhost/known --cacert root.pem", "the handshake signature is wrong"),

    // Files of client certificates and keys, and servers that refuse them.
    no(OpenSsl("-cert p256.pem -key p256.key"), "localhost --cacert root.pem --cert hollow.pem --key p256.key", "opening \"hollow.pem\" (--cert): malformed certificate"),
    ok(OpenSsl("-cert p256.pem -key p256.key -tls1_2 -Verify 1 -CAfile root.pem -verify_return_error"), "localhost --cacert root.pem --cert version1.pem --key p256.key", "200 ok"),
    ok(OpenSsl("-cert p256.pem -key p256.key -tls1_3 -Verify 1 -CAfile root.pem -verify_return_error"), "localhost --cacert root.pem --cert version1.pem --key p256.key", "200 ok"),
    no(OpenSsl("-cert p256.pem -key p256.key -tls1_2 -Verify 1 -CAfile root.pem -verify_return_error"), "localhost --cacert root.pem --cert stranger.pem --key stranger.key", "the server refuses the client certificate: it does not know its issuer"),
    no(OpenSsl("-cert p256.pem -key p256.key -tls1_3 -Verify 1 -CAfile root.pem -verify_return_error"), "localhost --cacert root.pem --cert stranger.pem --key stranger.key", "the server refuses the client certificate: it does not know its issuer"),
    no(OpenSsl("-cert p256.pem -key p256.key -tls1_3 -Verify 1 -CAfile root.pem -verify_return_error"), "localhost --cacert root.pem --cert expired.pem --key p256.key", "the server refuses the client certificate: expired"),
    no(OpenSsl("-cert p256.pem -key p256.key"), "localhost --cacert root.pem --cert p256.pem --key p256.locked.key", "opening \"p256.locked.key\" (--key): the key is encrypted; want one without a passphrase"),
    no(OpenSsl("-cert p256.pem -key p256.key"), "localhost --cacert root.pem --cert rsa2048.pem --key rsa2048.locked.key", "the key is encrypted; want one without a passphrase"),
    no(OpenSsl("-cert p256.pem -key p256.key"), "localhost --cacert root.pem --cert p384.pem --key p256.key", "opening \"p256.key\" (--key): not the key of the certificate in p384.pem"),
    no(OpenSsl("-cert p256.pem -key p256.key"), "localhost --cacert root.pem --cert p256.pem", "opening \"p256.pem\" (--cert): no private key in it; want PEM"),
    no(OpenSsl("-cert p256.pem -key p256.key"), "localhost --cacert root.pem --cert p256.key", "opening \"p256.key\" (--cert): no certificate in it; want PEM"),
    no(OpenSsl("-cert p256.pem -key p256.key"), "localhost --cacert root.pem --cert p521.pem --key p521.key", "want a key of RSA (2048 bits or more), ECDSA P-256, P-384 or Ed25519"),
    no(OpenSsl("-cert p256.pem -key p256.key"), "localhost --cacert root.pem --cert rsa1024.pem --key rsa1024.key", "want a key of RSA (2048 bits or more)"),
    no(OpenSsl("-cert p256.pem -key p256.key"), "localhost --cacert root.pem --cert none.pem", "opening \"none.pem\" (--cert): No such file or directory (os error 2)"),

    // The end of the body.
    ok(Behind(Mute, "-cert p256.pem -key p256.key"), "localhost/known --cacert root.pem -e hello", "200 Known"),
    no(Behind(Mute, "-cert p256.pem -key p256.key"), "localhost/known --cacert root.pem -e absent", "want \"absent\""),
    ok(Behind(Plain, "-cert p256.pem -key p256.key"), "localhost/open --cacert root.pem -e hello", "200 Open"),
    no(Behind(Plain, "-cert p256.pem -key p256.key"), "localhost/open --cacert root.pem -e absent", "want \"absent\""),
    no(Behind(Mute, "-cert p256.pem -key p256.key"), "localhost/open --cacert root.pem -e absent", "the connection ended without close_notify"),

    // Slow and broken peers: over by the deadline.
    no(Behind(Drip, "-cert p256.pem -key p256.key"), "localhost/known --cacert root.pem -t 1500ms", "timed out after 1.5 s in the TLS handshake with 127.0.0.1:"),
    no(Behind(Stall, "-cert p256.pem -key p256.key"), "localhost/known --cacert root.pem -t 500ms", "ms in the TLS handshake with 127.0.0.1:"),
    no(Peer(|_| pause()), "localhost -k -t 500ms", "ms in the TLS handshake with 127.0.0.1:"),
    no(Peer(hear), "localhost -k", "the server closed the connection in answer to the TLS greeting; does it speak TLS on this port?"),
    no(Peer(|_| pause()), "localhost -k -t 500ms", ": no byte of an answer; does it speak TLS on this port?"),
    no(Peer(|peer| drop(peer.read(&mut [0]))), "localhost -k", "Connection reset by peer (os error 104): no byte of an answer; does it speak TLS on this port?"),
    no(Peer(|peer| answer(peer, b"\x16\x03\x03\x00\x80\x02")), "localhost -k", "the server closed the connection in the middle of the TLS handshake"),
    no(Peer(|peer| answer(peer, b"\x16\x03\x03\x00\x04\x02\0\0\0")), "localhost -k", "the server sent a malformed TLS message"),
    no(Peer(|peer| answer(peer, b"\x17\x03\x03\x00\x04spam")), "localhost -k", "the server sent a TLS message out of order"),
    no(Peer(|peer| answer(peer, b"\x16\x03\x03\xff\xff")), "localhost -k", "the server sent an oversized TLS message"),
    no(Peer(|peer| answer(peer, b"\x15\x03\x03\x00\x02\x02\x28")), "localhost -k", COMMON),
    no(Peer(|peer| answer(peer, b"\x15\x03\x03\x00\x02\x02\x46")), "localhost -k", "the server speaks neither TLS 1.2 nor 1.3\n"),
    no(Peer(|peer| answer(peer, b"\x15\x03\x03\x00\x02\x02\x50")), "localhost -k", "the server reports an internal error\n"),
    no(Peer(|peer| answer(peer, b"\x15\x03\x03\x00\x02\x02\xc8")), "localhost -k", "the server broke off (an alert without a name: 200)\n"),
    no(Peer(|peer| answer(peer, b"HTTP/1.1 400 Bad Request\r\n\r\n")), "localhost -k", "the server does not speak TLS on this port (an HTTP/1 server answers here): HTTP/1.1 400 Bad Request"),
    no(Peer(|peer| answer(peer, b"SSH-2.0-OpenSSH_9.2\r\n")), "localhost -k", "(an SSH server answers here): SSH-2.0-OpenSSH_9.2"),
    no(Peer(|peer| answer(peer, b"\x4a\0\0\0\x0a8.0.36\0")), "localhost -k", NOT_TLS),
    no(Peer(|peer| answer(peer, b"E")), "localhost -k", NOT_TLS),

    // TLS where plain text is spoken to it, and tls:// with a conversation.
    no(OpenSsl("-cert p256.pem -key p256.key"), "http://localhost:PORT/", "the connection was closed without a response"),
    no(Peer(|peer| answer(peer, b"\x15\x03\x01\x00\x02\x02\x46")), "http://localhost:PORT/", "a TLS server answers here: write https://"),
    no(Nginx("ssl_certificate PKI/p256.pem; ssl_certificate_key PKI/p256.key;"), "http://localhost:PORT/", "status 400, want 200-399: "),
    ok(OpenSsl("-cert p256.pem -key p256.key"), "tls://localhost:PORT --cacert root.pem", "connected to 127.0.0.1:"),
    ok(OpenSsl("-cert p256.pem -key p256.key"), r"tls://localhost:PORT --cacert root.pem --send GET\x20/\x20HTTP/1.0\r\n\r\n -e 200\x20ok", "answered HTTP/1.0 200 ok"),
    no(OpenSsl("-cert p256.pem -key p256.key"), r"tls://localhost:PORT --cacert root.pem --send GET\x20/\x20HTTP/1.0\r\n\r\n -e 200\x20no", "closed, want \"200 no\" in it"),
    no(Peer(|peer| answer(peer, b"220 mail ESMTP\r\n")), "tls://localhost:PORT -k", "(an SMTP or FTP server answers here): 220 mail ESMTP"),

    // Peers that change keys (RFC 8446 section 4.6.3), and that insist on renegotiating.
    ok(Typed("k", "-cert p256.pem -key p256.key -tls1_3"), "tls://localhost:PORT --cacert root.pem -e hello", "answered hello"),
    ok(Typed("K", "-cert p256.pem -key p256.key -tls1_3"), "tls://localhost:PORT --cacert root.pem -e hello", "answered hello"),
    ok(Typed(FLOOD, "-cert p256.pem -key p256.key -tls1_3 -verify 1 -num_tickets 0"), "tls://localhost:PORT --cacert root.pem", "connected to "),
    no(Typed("r", "-cert p256.pem -key p256.key -tls1_2"), "tls://localhost:PORT --cacert root.pem -e hello", "the server broke off; perhaps it wants to renegotiate, which is refused\n"),

    // What contradicts itself is refused before anybody is asked.
    no(Peer(|_| pause()), "localhost -k --cacert root.pem", "--insecure verifies nothing: want it or --cacert, not both"),
    no(Peer(|_| pause()), "localhost -k --min-validity 14d", "--insecure verifies nothing: want it or --min-validity, not both"),
    no(Peer(|_| pause()), "localhost --key p256.key", "--key: its certificate is wanted too: --cert FILE"),
    no(Peer(|_| pause()), "localhost --server-name not..one", "--server-name: a DNS name or an IP address is wanted"),
    no(Peer(|_| pause()), "http://localhost:PORT/ -k", "--insecure"),

    // nginx.
    ok(Nginx("ssl_certificate PKI/p256.pem; ssl_certificate_key PKI/p256.key; ssl_protocols TLSv1.3;"), CA_V, "TLS 1.3"),
    ok(Nginx("ssl_certificate PKI/p256.pem; ssl_certificate_key PKI/p256.key; ssl_protocols TLSv1.2;"), CA_V, "TLS 1.2"),
    ok(Nginx("ssl_certificate PKI/rsa2048.pem; ssl_certificate_key PKI/rsa2048.key; ssl_session_tickets off;"), CA, "200 OK"),
    ok(Nginx("ssl_certificate PKI/via-chain.pem; ssl_certificate_key PKI/via.key;"), CA, "200 OK"),
    no(Nginx("ssl_certificate PKI/via-expired.pem; ssl_certificate_key PKI/via.key;"), CA, "the certificate of \"CN=inter\" expired 2024-03-01"),
    no(Nginx("ssl_certificate PKI/expired.pem; ssl_certificate_key PKI/p256.key;"), CA, "expired 2024-02-01"),
    no(Nginx("ssl_certificate PKI/p256.pem; ssl_certificate_key PKI/p256.key;"), "localhost", "is not trusted"),
    no(Nginx("ssl_reject_handshake on;"), CA, "the server does not know the name that was asked for; see --server-name\n"),
    no(Nginx("ssl_certificate PKI/p256.pem; ssl_certificate_key PKI/p256.key;"), "http://localhost:PORT/", "status 400, want 200-399: a TLS server answers here: write https://: <html>"),
    no(Nginx("ssl_certificate PKI/p256.pem; ssl_certificate_key PKI/p256.key; ssl_client_certificate PKI/root.pem; ssl_verify_client on;"), CA, "status 400, want 200-399: the server wants a client certificate (--cert, --key): the Host sent was \"localhost:"),
    ok(Nginx("ssl_certificate PKI/p256.pem; ssl_certificate_key PKI/p256.key; ssl_client_certificate PKI/root.pem; ssl_verify_client on;"), "localhost --cacert root.pem --cert rsa2048.pem --key rsa2048.key", "200 OK"),
    ok(Nginx("ssl_certificate PKI/p256.pem; ssl_certificate_key PKI/p256.key; ssl_client_certificate PKI/root.pem; ssl_verify_client optional;"), CA, "200 OK"),

    // Redirects: from https to https, never to http.
    ok(Nginx("ssl_certificate PKI/p256.pem; ssl_certificate_key PKI/p256.key; location /old { return 302 https://$http_host/new; }"), "localhost/old --cacert root.pem --follow", "200 OK"),
    ok(Nginx("ssl_certificate PKI/p256.pem; ssl_certificate_key PKI/p256.key; location /old { return 302 http://$http_host/new; }"), "localhost/old --cacert root.pem --follow", "302 Moved Temporarily"),
    no(Nginx("ssl_certificate PKI/p256.pem; ssl_certificate_key PKI/p256.key; location /old { return 302 http://$http_host/new; }"), "localhost/old --cacert root.pem --follow --status 200", "status 302, want 200"),

    // GnuTLS.
    ok(GnuTls("--x509certfile p256.pem --x509keyfile p256.key --disable-client-cert"), CA_V, "TLS 1.3"),
    ok(Go("12"), CA_V, "TLS 1.2"),
    ok(Go("13"), CA_V, "TLS 1.3"),
    ok(Go("12 root.pem"), "localhost --cacert root.pem --cert p256.both.pem", "200 OK"),
    no(Go("13 root.pem"), CA, "the server wants a client certificate (--cert, --key)\n"),
    ok(Go("12 root.pem"), "localhost --cacert root.pem --cert bom.both.pem", "200 OK"),
    ok(GnuTls("--x509certfile rsa2048.pem --x509keyfile rsa2048.key --disable-client-cert --priority NORMAL:-VERS-TLS1.3"), CA_V, "TLS 1.2"),
    ok(GnuTls("--x509certfile p384.pem --x509keyfile p384.key --disable-client-cert --priority NORMAL:-GROUP-ALL:+GROUP-SECP256R1"), CA_V, ", P-256,"),
    no(GnuTls("--x509certfile p256.pem --x509keyfile p256.key --disable-client-cert --priority NORMAL:-GROUP-ALL:+GROUP-SECP521R1"), CA, COMMON),
    no(GnuTls("--x509certfile p256.pem --x509keyfile p256.key --disable-client-cert --priority NORMAL:-CIPHER-ALL:+CHACHA20-POLY1305"), CA, COMMON),
    no(GnuTls("--x509certfile stranger.pem --x509keyfile stranger.key --disable-client-cert"), CA, "is not in root.pem"),
    no(GnuTls("--x509certfile p256.pem --x509keyfile p256.key --require-client-cert --x509cafile root.pem"), CA, WANTED),
    no(GnuTls("--x509certfile p256.pem --x509keyfile p256.key --require-client-cert --x509cafile root.pem"), "tls://localhost:PORT --cacert root.pem", WANTED),
    ok(GnuTls("--x509certfile p256.pem --x509keyfile p256.key --require-client-cert --x509cafile root.pem"), "localhost --cacert root.pem --cert p384.pem --key p384.key", "200 OK"),
    ok(GnuTls("--x509certfile p256.pem --x509keyfile p256.key --require-client-cert --x509cafile root.pem"), "tls://localhost:PORT --cacert root.pem --cert p384.pem --key p384.key", "connected to"),

    // Node.
    ok(Node("cert: f('p256.pem'), key: f('p256.key')"), CA_V, "TLS 1.3"),
    ok(Node("cert: f('rsa2048.pem'), key: f('rsa2048.key'), maxVersion: 'TLSv1.2'"), CA_V, "TLS 1.2"),
    ok(Node("cert: f('ed.pem'), key: f('ed.key'), ecdhCurve: 'prime256v1'"), CA_V, ", P-256,"),
    no(Node("cert: f('p256.pem'), key: f('p256.key'), IncomingMessage: class extends require('http').IncomingMessage { constructor(s) { super(s); s.destroy(); } }"), CA, "the connection ended without close_notify: the request was sent, no byte came back: does it speak HTTP/2 only?\n"),
    no(Node("cert: f('wrong.pem'), key: f('wrong.key')"), CA, "not for localhost"),
    no(Node("cert: f('p256.pem'), key: f('p256.key'), ciphers: 'TLS_CHACHA20_POLY1305_SHA256', minVersion: 'TLSv1.3'"), CA, COMMON),
    no(Node("cert: f('p256.pem'), key: f('p256.key'), ca: f('root.pem'), requestCert: true"), CA, WANTED),
    no(Node("cert: f('p256.pem'), key: f('p256.key'), ca: f('root.pem'), requestCert: true"), "tls://localhost:PORT --cacert root.pem", WANTED),
    ok(Node("cert: f('p256.pem'), key: f('p256.key'), ca: f('root.pem'), requestCert: true"), "localhost --cacert root.pem --cert ed.pem --key ed.key", "200 OK"),
    ok(Node("cert: f('p256.pem'), key: f('p256.key'), ca: f('root.pem'), requestCert: true, rejectUnauthorized: false"), CA, "200 OK"),
];

fn pause() {
    thread::sleep(Duration::from_secs(20));
}

fn hear(peer: &mut std::net::TcpStream) {
    let _ = peer.read(&mut [0; 4096]);
}

/// Hears the greeting, answers, and hangs up in order.
fn answer(peer: &mut std::net::TcpStream, bytes: &[u8]) {
    hear(peer);
    let _ = peer.write_all(bytes);
}

/// Exit code and output, and how long it took.
fn healthcheck(args: &[String], env: &[(&str, &str)]) -> (Option<i32>, String, Duration) {
    let done = run(command(args).current_dir(pki::folder()).envs(env.iter().copied()));
    (done.code, [done.out, done.err].concat(), done.took)
}

impl Row {
    /// The command line, for `https` or the target that is written out.
    fn args(&self, port: u16) -> Vec<String> {
        let (whom, options) = self.ask.split_once(' ').unwrap_or((self.ask, ""));
        let target = match whom.contains("://") {
            true => whom.to_owned(),
            false => {
                let (host, path) = whom.split_once('/').unwrap_or((whom, ""));
                format!("https://{host}:PORT/{path}")
            }
        };
        let patience: &[&str] = match emulated() && !options.contains("-t ") {
            true => &["-t", "20s"],
            false => &[],
        };
        let words = std::iter::once(target.as_str()).chain(options.split_whitespace());
        let words = words.chain(patience.iter().copied());
        words.map(|word| word.replace("PORT", &port.to_string())).collect()
    }

    /// What is wrong, if something is.
    fn judge(&self) -> Result<(), String> {
        let server = self.server.start();
        let args = self.args(server.port);
        let (code, text, time) = healthcheck(&args, &[]);
        let fits = code == Some(i32::from(!self.healthy)) && text.contains(self.says);
        if !fits || time > Duration::from_secs(if emulated() { 25 } else { 4 }) {
            return Err(format!("exit {code:?} in {time:?}, want \"{}\"\n    {text}", self.says));
        }
        match self.server {
            OpenSsl(args) if !self.ask.contains("://") => self.nothing_is_sent_unless_healthy(args),
            _ => Ok(()),
        }
    }

    /// Once more with `tls://`: the server prints what it is sent, and may print it only when all
    /// was well.
    fn nothing_is_sent_unless_healthy(&self, server: &str) -> Result<(), String> {
        const MARK: &str = "the-request-itself";
        let server = servers::openssl_once(server);
        let mut args = self.args(server.port);
        args[0] = args[0].trim_end_matches('/').replace("https", "tls");
        args.extend(["--send".to_owned(), format!("{MARK}\\n")]);
        let (code, text, _) = healthcheck(&args, &[]);
        // Where no connection was made, the server still waits for its only one.
        let _ = std::net::TcpStream::connect(("127.0.0.1", server.port));
        let arrived = server.printed().contains(MARK);
        match code == Some(i32::from(!self.healthy)) && arrived == self.healthy {
            true => Ok(()),
            false => {
                Err(format!("{args:?}: exit {code:?}, request arrived: {arrived}\n    {text}"))
            }
        }
    }
}

#[test]
fn the_matrix() {
    judge(&[MATRIX]);
}

/// Apart from the rest for scripts/qemu: what is computed, not what is made of it.
#[test]
fn each_handshake() {
    judge(handshakes::ALL);
}

fn judge(tables: &[&[Row]]) {
    let _alone = heavy();
    // Once, before the clock of any row runs.
    pki::folder();
    servers::go_program();
    let next = AtomicUsize::new(0);
    let only = std::env::var("TLS_ROWS").unwrap_or_default();
    let rows: Vec<&Row> = tables.iter().copied().flatten().collect();
    let wrong: Vec<String> = thread::scope(|scope| {
        let work = || {
            let mut wrong = Vec::new();
            while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
                let label = format!("{} {}", row.server, row.ask);
                if !label.contains(&only) {
                    continue;
                }
                if let Err(what) = row.judge() {
                    wrong.push(format!("{label}: {what}"));
                }
            }
            wrong
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a thread")).collect()
    });
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

#[test]
fn ssl_cert_file_is_read_where_no_cacert_is_given() {
    let server = OpenSsl("-cert p256.pem -key p256.key").start();
    let ask = |options: &[&str], file: &str| {
        let mut args = vec![format!("https://localhost:{}/", server.port)];
        args.extend(options.iter().map(|option| option.to_string()));
        let (code, text, _) = healthcheck(&args, &[("SSL_CERT_FILE", file)]);
        (code == Some(0), text)
    };
    assert!(ask(&[], "root.pem").0);
    let (healthy, text) = ask(&[], "other.pem");
    assert!(!healthy && text.contains("is not in other.pem (SSL_CERT_FILE)"), "{text}");
    assert!(ask(&["--cacert", "root.pem"], "other.pem").0);
    let (healthy, text) = ask(&[], "none.pem");
    assert!(
        !healthy && text.contains("opening \"none.pem\" (SSL_CERT_FILE): No such file"),
        "{text}"
    );
    let (healthy, text) = ask(&[], "");
    assert!(!healthy && text.contains("is not trusted; name its CA"), "{text}");
    assert!(ask(&["-k"], "none.pem").0);
}

#[test]
fn what_stands_after_the_target_overrides_what_stands_before() {
    let server = OpenSsl("-cert p256.pem -key p256.key").start();
    let target = format!("https://localhost:{}/", server.port);
    for (args, healthy) in [
        (["--cacert", "other.pem", &target, "-k", "-t", "5s"], true),
        (["-k", &target, "--cacert", "other.pem", "-t", "5s"], false),
        (["-k", &target, "--cacert", "root.pem", "-t", "5s"], true),
    ] {
        let args = args.map(str::to_owned);
        let (code, text, _) = healthcheck(&args, &[]);
        assert_eq!(code, Some(i32::from(!healthy)), "{args:?}: {text}");
    }
}

/// In TLS 1.2 the server refuses while the client's flight is still on its way.
#[test]
fn a_server_that_hangs_up_in_the_middle_of_a_flight_is_heard_all_the_same() {
    let _alone = heavy();
    let gnutls = "--x509certfile p256.pem --x509keyfile p256.key --require-client-cert \
                  --x509cafile root.pem --priority NORMAL:-VERS-TLS1.3";
    for server in [Go("12 root.pem"), GnuTls(gnutls)] {
        let running = server.start();
        for _ in 0..60 {
            let target = format!("https://localhost:{}/", running.port);
            let (code, text, _) = healthcheck(&[target, "-k".to_owned()], &[]);
            assert!(code == Some(1) && text.contains(WANTED), "{server}: {text}");
        }
    }
}

/// In a mount namespace of the test's own, the system's store has the suite's root.
#[test]
fn the_store_of_the_system_is_named_where_it_would_have_helped() {
    let server = OpenSsl("-cert p256.pem -key p256.key").start();
    let store = "/etc/ssl/certs/ca-certificates.crt";
    let ask = |file: &str| {
        let script = format!("mount --bind {file} {store}; exec \"$X\" https://localhost:$PORT/");
        let mut command = std::process::Command::new("unshare");
        command.args(["--mount", "sh", "-c", &script]).current_dir(pki::folder());
        command.env("X", exe()).env("PORT", server.port.to_string()).env_remove("SSL_CERT_FILE");
        let done = run(&mut command);
        assert_eq!(done.code, Some(1), "{done:?}");
        done.out
    };
    let issuer = "the certificate's issuer \"CN=Test-root, O=Suite\" is not trusted;";
    let helps =
        format!("{issuer} this system's own store, which is not read, has it: --cacert {store}");
    let out = ask("bundle.pem");
    assert!(out.contains(&helps), "{out}");
    let out = ask("other.pem");
    assert!(out.contains(&format!("{issuer} name its CA with --cacert FILE (PEM)")), "{out}");
}

#[test]
fn files_may_appear_while_waiting() {
    let server = OpenSsl("-cert p256.pem -key p256.key").start();
    let late = pki::folder().join("late.pem");
    let writer = thread::spawn({
        let late = late.clone();
        move || {
            thread::sleep(Duration::from_millis(300));
            std::fs::copy(pki::folder().join("root.pem"), late).expect("a copy");
        }
    });
    let target = format!("https://localhost:{}/", server.port);
    let args = [&target, "--cacert", "late.pem", "--wait", "10s", "--interval", "100ms"];
    let (code, text, _) = healthcheck(&args.map(str::to_owned), &[]);
    writer.join().expect("the writer");
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("opening \"late.pem\" (--cacert): No such file"), "{text}");
}

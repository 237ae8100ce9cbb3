//! The certificates of the suite: made by `openssl` once, in a folder of the build's.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::support::openssl;

/// Names for which the ordinary certificates are.
const SAN: &str = "DNS:localhost,DNS:*.wild.test,DNS:other.test,IP:127.0.0.1,IP:::1";
const P256: &str = "ec -pkeyopt ec_paramgen_curve:P-256";
const P384: &str = "ec -pkeyopt ec_paramgen_curve:P-384";
const P521: &str = "ec -pkeyopt ec_paramgen_curve:P-521";

/// The folder that holds them all.
pub(crate) fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tls");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("ca")).expect("a folder");
        Pki(&folder).make();
        folder
    })
}

struct Pki<'a>(&'a Path);

impl Pki<'_> {
    fn openssl(&self, args: &str) {
        openssl(self.0, args);
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.0.join(name), text).expect("a file");
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.join(name)).expect(name)
    }

    fn concat(&self, name: &str, parts: &[&str]) {
        let parts: Vec<Vec<u8>> = parts.iter().map(|part| self.read(part)).collect();
        self.write(name, parts.concat());
    }

    fn ca(&self, name: &str, key: &str) {
        self.openssl(&format!(
            "req -x509 -newkey {key} -nodes -keyout {name}.key -out {name}.pem -subj /CN=Test-{name}/O=Suite \
             -days 3650 -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign"
        ));
    }

    /// A certificate of `ca` with these extensions, valid from 2024 to 2050 or as said.
    fn issue(&self, name: &str, ca: &str, key: &str, extensions: &str) {
        self.openssl(&format!(
            "req -newkey {key} -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}"
        ));
        self.write(&format!("{name}.ext"), extensions.replace(' ', "\n"));
        self.dated(name, name, ca, "20240101", "20500101");
    }

    /// The request `csr` once more, with these dates.
    fn dated(&self, name: &str, csr: &str, ca: &str, from: &str, to: &str) {
        self.openssl(&format!(
            "ca -batch -config ca.cnf -in {csr}.csr -cert {ca}.pem -keyfile {ca}.key -notext \
             -startdate {from}000000Z -enddate {to}000000Z -extfile {csr}.ext -out {name}.pem"
        ));
    }

    fn leaf(&self, name: &str, ca: &str, key: &str) {
        self.issue(name, ca, key, &format!("subjectAltName={SAN} basicConstraints=CA:FALSE"));
    }

    fn self_signed(&self, name: &str, extensions: &str) {
        self.openssl(&format!(
            "req -x509 -newkey {P256} -nodes -keyout {name}.key -out {name}.pem -subj /CN={name} -days 90 {extensions}"
        ));
    }

    fn make(&self) {
        self.write(
            "ca.cnf",
            "[ca]\ndefault_ca=d\n[d]\ndatabase=ca/index\nserial=ca/serial\nnew_certs_dir=ca\n\
             default_md=sha256\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied\n",
        );
        self.write("ca/index", "");
        self.write("ca/serial", "01");
        self.authorities();
        self.leaves();
        self.chains();
        self.faulty();
        self.keys();
        self.forms();
        // `-HTTP` of s_server sends a file as the whole answer.
        self.write("known", "HTTP/1.1 200 Known\r\nContent-Length: 5\r\n\r\nhello");
        self.write("open", "HTTP/1.1 200 Open\r\n\r\nhello");
        self.write("junk.pem", "no PEM at all\n");
        self.write("hollow.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        self.write("endless.pem", vec![b'\n'; (4 << 20) + 1]);
    }

    fn authorities(&self) {
        self.ca("root", P256);
        self.ca("other", P256);
        self.ca("root-p384", P384);
        self.ca("root-p521", P521);
        self.ca("root-ed448", "ed448");
        self.ca("root-pss", "rsa-pss -pkeyopt rsa_keygen_bits:2048");
        self.ca("root-rsa", "rsa:2048");
        self.ca("root-rsa4096", "rsa:4096");
        self.ca("root-ed", "ed25519");
        let ca = "basicConstraints=critical,CA:TRUE keyUsage=keyCertSign";
        self.issue("inter", "root", P256, ca);
        self.dated("inter-expired", "inter", "root", "20240101", "20240301");
        self.issue(
            "limited",
            "root",
            P256,
            &format!("{ca} nameConstraints=critical,permitted;DNS:good.test"),
        );
        self.ca("root-short", "rsa:1024");
        // The root again, with the same name and key and other dates, and as version 1.
        self.openssl("req -new -key root.key -subj /CN=Test-root/O=Suite -out root-again.csr");
        self.write("root-again.ext", "basicConstraints=critical,CA:TRUE");
        for (name, from, to) in [
            ("root-old", "20240101", "20240201"),
            ("root-future", "20400101", "20500101"),
            ("root-2040", "20240101", "20400101"),
        ] {
            self.openssl(&format!(
                "ca -batch -config ca.cnf -preserveDN -in root-again.csr -selfsign -keyfile root.key \
                 -notext -startdate {from}000000Z -enddate {to}000000Z -extfile root-again.ext \
                 -out {name}.pem"
            ));
        }
        self.concat("renewed.pem", &["root-old.pem", "root.pem"]);
        self.openssl("x509 -req -in root-again.csr -signkey root.key -out root-version1.pem");
        // Same name and another key: what is left when a CA was made anew.
        self.openssl(&format!(
            "req -x509 -newkey {P256} -nodes -keyout anew.key -out anew.pem -subj /CN=Test-root/O=Suite -days 90"
        ));
    }

    fn leaves(&self) {
        self.leaf("p256", "root", P256);
        self.leaf("p384", "root", P384);
        self.leaf("p521", "root", P521);
        self.leaf("ed", "root", "ed25519");
        for bits in ["1024", "2048", "3072", "4096"] {
            self.leaf(&format!("rsa{bits}"), "root", &format!("rsa:{bits}"));
        }
        self.leaf("p256-by-p384", "root-p384", P256);
        self.leaf("p256-by-rsa", "root-rsa", P256);
        self.leaf("by-short", "root-short", P256);
        self.leaf("p256-by-ed", "root-ed", P256);
        // Each kind of key under each kind of CA: handshakes.rs.
        for leaf in ["rsa2048", "p256", "p384", "ed"] {
            for ca in ["root-rsa4096", "root", "root-p384", "root-ed"] {
                self.dated(&format!("{leaf}-under-{ca}"), leaf, ca, "20240101", "20500101");
            }
        }
        self.dated("expired", "p256", "root", "20240101", "20240201");
        self.dated("future", "p256", "root", "20400101", "20500101");
        let names = "DNS:a.test,DNS:b.test,DNS:c.test,IP:10.0.0.1,DNS:d.test,DNS:e.test,DNS:f.test";
        self.issue("wrong", "root", P256, &format!("subjectAltName={names}"));
        self.issue("nameless", "root", P256, "basicConstraints=CA:FALSE");
        self.issue(
            "client-only",
            "root",
            P256,
            &format!("subjectAltName={SAN} extendedKeyUsage=clientAuth"),
        );
        self.issue(
            "server-only",
            "root",
            P256,
            &format!("subjectAltName={SAN} extendedKeyUsage=serverAuth"),
        );
        self.issue("by-mail", "root", P256, "subjectAltName=email:a@mail.test,URI:http://a.test/");
        self.issue("in-letters", "root", P256, "subjectAltName=DNS:127.0.0.1");
        let many: Vec<String> = (1..=150).map(|n| format!("DNS:n{n}.test")).collect();
        let many = format!("subjectAltName={}", many.join(","));
        self.issue("many-names", "root", P256, &many);
        self.issue("public", "inter", P256, "subjectAltName=DNS:app.example.org");
        self.leaf("via", "inter", P256);
        self.leaf("limited-bad", "limited", P256);
        self.issue("limited-good", "limited", P256, "subjectAltName=DNS:good.test");
        self.issue("stranger", "other", P256, &format!("subjectAltName={SAN}"));
        self.self_signed("self-ca", "-addext subjectAltName=DNS:localhost");
        for (name, usage) in [("self-client", "clientAuth"), ("self-server", "serverAuth")] {
            let usage = format!("-addext extendedKeyUsage={usage}");
            self.self_signed(name, &format!("-addext subjectAltName=DNS:localhost {usage}"));
        }
        self.openssl(&format!(
            "req -x509 -newkey {P256} -nodes -keyout again.key -out again.pem -subj /CN=self-ca \
             -days 90 -addext subjectAltName=DNS:localhost"
        ));
        let leaf =
            "-addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE";
        self.self_signed("self", leaf);
        self.self_signed("self-other", leaf);
        // A self-signed CA that expired: made by having it sign itself with dates.
        self.openssl("req -new -key self-ca.key -subj /CN=self-ca -out self-old.csr");
        self.write("self-old.ext", "subjectAltName=DNS:localhost\nbasicConstraints=CA:TRUE");
        self.openssl(
            "ca -batch -config ca.cnf -in self-old.csr -selfsign -keyfile self-ca.key -notext \
             -startdate 20240101000000Z -enddate 20240201000000Z -extfile self-old.ext -out self-old.pem",
        );
    }

    fn chains(&self) {
        self.concat("via-chain.pem", &["via.pem", "inter.pem"]);
        self.concat("via-expired.pem", &["via.pem", "inter-expired.pem"]);
        self.concat("limited-good-chain.pem", &["limited-good.pem", "limited.pem"]);
        self.concat("limited-bad-chain.pem", &["limited-bad.pem", "limited.pem"]);
        // As far as a chain is looked at, and one further.
        let one = self.read("rsa4096.pem");
        let inter = self.read("inter.pem");
        self.write("sixteenth.pem", [one.repeat(14), inter.clone()].concat());
        self.write("seventeenth.pem", [one.repeat(15), inter].concat());
        self.concat("bundle.pem", &["other.pem", "root-rsa.pem", "root.pem"]);
        // A chain of a mebibyte: 900 certificates after the server's own.
        let one = self.read("rsa4096.pem");
        let parts: Vec<&[u8]> = std::iter::repeat_n(one.as_slice(), 900).collect();
        self.write("huge.pem", parts.concat());
    }

    /// What a CA should not have issued.
    fn faulty(&self) {
        let san = format!("subjectAltName={SAN}");
        self.issue("by-leaf", "p256", P256, &san);
        let ca = "basicConstraints=critical,CA:TRUE";
        self.issue("last-ca", "root", P256, &format!("{ca},pathlen:0"));
        self.issue("too-far", "last-ca", P256, ca);
        self.issue("by-too-far", "too-far", P256, &san);
        self.concat("too-far-chain.pem", &["too-far.pem", "last-ca.pem"]);
        for kind in ["p521", "ed448", "pss"] {
            self.issue(&format!("by-{kind}"), &format!("root-{kind}"), P256, &san);
        }
        self.issue("unknown-extension", "root", P256, &format!("{san} 1.2.3.4=critical,ASN1:NULL"));
        self.dated("backwards", "p256", "root", "20260101", "20250101");
        // Without extensions, OpenSSL makes one of version 1.
        self.openssl("x509 -req -in p256.csr -CA root.pem -CAkey root.key -out version1.pem");
        let mut above = "root".to_owned();
        let mut chain = Vec::new();
        for depth in 1..=8 {
            let name = format!("deep{depth}");
            self.issue(&name, &above, P256, ca);
            chain.insert(0, format!("{name}.pem"));
            above = name;
        }
        self.issue("by-deep", &above, P256, &san);
        self.concat("deep-chain.pem", &chain.iter().map(String::as_str).collect::<Vec<_>>());
    }

    /// PEM as it is found, too.
    fn forms(&self) {
        for (name, options) in [
            ("trusted", "-trustout"),
            ("trusted-any", "-trustout -addtrust anyExtendedKeyUsage"),
            ("distrusted", "-trustout -addreject serverAuth"),
            ("trusted-client", "-trustout -addtrust clientAuth"),
        ] {
            self.openssl(&format!("x509 -in root.pem {options} -out {name}.pem"));
            assert!(self.read(&format!("{name}.pem")).starts_with(b"-----BEGIN TRUSTED CERT"));
        }
        let root = String::from_utf8(self.read("root.pem")).expect("PEM");
        self.write("old-label.pem", root.replace("CERTIFICATE", "X509 CERTIFICATE"));
        for name in ["root", "p256.both"] {
            let marked = [&b"\xef\xbb\xbf"[..], &self.read(&format!("{name}.pem"))].concat();
            self.write(
                &format!("{}.pem", name.replace("root", "bom").replace("p256", "bom")),
                marked,
            );
        }
    }

    fn keys(&self) {
        for name in ["p256", "p384"] {
            self.openssl(&format!("ec -in {name}.key -out {name}.sec1.key"));
            self.concat(
                &format!("{name}.both.pem"),
                &[&format!("{name}.pem"), &format!("{name}.key")],
            );
        }
        self.openssl("rsa -in rsa2048.key -traditional -out rsa2048.pkcs1.key");
        self.openssl("pkey -in p256.key -aes256 -passout pass:x -out p256.locked.key");
        self.openssl(
            "rsa -in rsa2048.key -traditional -aes128 -passout pass:x -out rsa2048.locked.key",
        );
        // The private half of another key under the public half of the certificate's: a server that
        // claims a certificate without its key. Both files have the same layout (RFC 5915).
        for (name, out) in [("other", "a.der"), ("p256", "b.der")] {
            self.openssl(&format!("ec -in {name}.key -outform DER -out {out}"));
        }
        let (mut forged, own) = (self.read("a.der"), self.read("b.der"));
        let at = own.len() - 65;
        forged.truncate(at);
        forged.extend_from_slice(&own[at..]);
        self.write("forged.der", forged);
    }
}

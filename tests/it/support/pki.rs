//! Certificates, made by `openssl`: what most servers want. The many of the matrix are its own.

use std::path::Path;
use std::process::Command;

use super::{Folder, must, open_up};

/// A new P-256 key, not locked.
const NEW: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";

/// Runs `openssl` in a folder to its end, with success.
pub fn openssl(folder: &Path, args: &str) {
    must(Command::new("openssl").args(args.split_whitespace()).current_dir(folder).env_clear());
}

/// Who vouches (`root.pem`), and what it vouches for: a server's certificate for localhost and
/// 127.0.0.1 (`server.pem`, `server.key`), and a client's (`client.pem`, `client.key`). By their
/// paths.
pub struct Certificates {
    pub root: String,
    pub cert: String,
    pub key: String,
    pub client: String,
    pub client_key: String,
}

impl Certificates {
    /// Makes them. Whoever the server runs as may read them.
    pub fn in_folder(folder: &Folder) -> Self {
        let run = |args: &str| openssl(&folder.0, args);
        run(&format!("req -x509 {NEW} -keyout root.key -out root.pem -days 2 -subj /CN=root"));
        folder.file(
            "extensions",
            "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n",
        );
        for who in ["server", "client"] {
            run(&format!("req {NEW} -keyout {who}.key -out {who}.csr -subj /CN=localhost"));
            run(&format!(
                "x509 -req -in {who}.csr -CA root.pem -CAkey root.key -CAcreateserial -days 2 \
                 -extfile extensions -out {who}.pem"
            ));
            open_up(&folder.0.join(format!("{who}.key")));
        }
        let [root, cert, key, client, client_key] =
            ["root.pem", "server.pem", "server.key", "client.pem", "client.key"]
                .map(|name| folder.path(name));
        Self { root, cert, key, client, client_key }
    }
}

/// A P-256 key and a certificate for `localhost` that is its own issuer.
pub fn self_signed(key: &Path, cert: &Path) {
    let (key, cert) = (key.display(), cert.display());
    let san = "-subj /CN=localhost -addext subjectAltName=DNS:localhost";
    openssl(Path::new("/"), &format!("req -x509 {NEW} -keyout {key} -out {cert} -days 2 {san}"));
}

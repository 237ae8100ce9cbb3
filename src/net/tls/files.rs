//! The PEM files that the command line names: roots, a client certificate and its key.

use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustls::pki_types::pem::{PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, Error, InconsistentKeys};

use super::config::Identity;
use super::der::{Der, SEQUENCE, SERVER_AUTH};
use super::keys;
use crate::attempt::Attempt;
use crate::file;
use crate::text::find;
use crate::verdict::{Failure, Step, quote};

/// A PEM file larger than this is not one.
const MAX_PEM: usize = 4 << 20;

/// What PEM calls a section (RFC 7468), and its content.
type Section = (SectionKind, Vec<u8>);

/// All certificates in the file.
pub(super) fn certificates(
    path: &Path,
    option: &str,
    attempt: &Attempt<'_>,
) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let text = read(path, option, attempt)?;
    let found = in_pem(&text).ok_or_else(|| attempt.protocol("malformed PEM"))?;
    match found.is_empty() {
        true => Err(attempt.protocol("no certificate in it; want PEM")),
        false => Ok(found),
    }
}

/// All certificates in PEM; `None` where it is broken.
pub(super) fn in_pem(text: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let mut found = Vec::new();
    for section in Section::pem_slice_iter(&relabelled(text)) {
        if let (SectionKind::Certificate, mut der) = section.ok()? {
            // Behind a certificate that is called trusted stands for what.
            if let Some((_, _, settings)) = Der(&der).next() {
                if !is_for_servers(settings) {
                    continue;
                }
                der.truncate(der.len() - settings.len());
            }
            found.push(CertificateDer::from(der));
        }
    }
    Some(found)
}

/// The text with the label of RFC 7468 on each certificate: `openssl x509 -trustout` writes
/// `TRUSTED CERTIFICATE`, old programs `X509 CERTIFICATE`.
fn relabelled(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let other = [&b"TRUSTED "[..], b"X509 "].into_iter().find_map(|word| {
            let at = find(line, word).filter(|_| line.starts_with(b"-----"))?;
            Some((line.get(..at)?, line.get(at + word.len()..)?))
        });
        let (before, after) = other.unwrap_or((line, &[]));
        plain.extend_from_slice(before);
        plain.extend_from_slice(after);
    }
    plain
}

/// OpenSSL's X509_CERT_AUX: what a certificate is trusted for, and in `[0]` what it is not.
fn is_for_servers(settings: &[u8]) -> bool {
    const REJECTED: u8 = 0xa0;
    /// anyExtendedKeyUsage (RFC 5280 section 4.2.1.12).
    const ANY: &[u8] = &[0x55, 0x1d, 0x25, 0x00];
    let (settings, _) = Der(settings).expect(SEQUENCE).unwrap_or_default();
    Der(settings).elements().all(|(tag, uses)| {
        let named = Der(uses).elements().any(|(_, usage)| [SERVER_AUTH, ANY].contains(&usage));
        match tag {
            SEQUENCE => named,
            REJECTED => !named,
            _ => true,
        }
    })
}

/// The client certificate with its key.
pub(super) fn identity(
    identity: &Identity,
    attempt: &Attempt<'_>,
) -> Result<CertifiedKey, Failure> {
    let chain = certificates(&identity.cert, "--cert", attempt)?;
    // Not as paths, which std compares part by part: 1 KB.
    let same = identity.key.as_os_str() == identity.cert.as_os_str();
    let option = if same { "--cert" } else { "--key" };
    let text = read(&identity.key, option, attempt)?;
    let key = private_key(&text).map_err(|wrong| attempt.protocol(wrong))?;
    let key = keys::signing_key(&key).ok_or_else(|| {
        attempt.protocol("want a key of RSA (2048 bits or more), ECDSA P-256, P-384 or Ed25519")
    })?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        Ok(()) => Ok(certified),
        Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            let cert = quote(identity.cert.as_os_str().as_bytes());
            Err(attempt.protocol(["not the key of the certificate in ", &cert].concat()))
        }
        // One that is no X.509 version 3, as OpenSSL makes where no extensions are asked for: webpki
        // does not read it, the server may. Whether the key is its own shows there only.
        Err(Error::InvalidCertificate(CertificateError::Other(_))) => Ok(certified),
        Err(_) => {
            attempt.enter(Step::Open, &at(&identity.cert, "--cert"));
            Err(attempt.protocol("malformed certificate"))
        }
    }
}

/// The first private key in the file.
fn private_key(text: &[u8]) -> Result<PrivateKeyDer<'static>, &'static str> {
    // `ENCRYPTED PRIVATE KEY` (RFC 5958), or a header `Proc-Type: 4,ENCRYPTED` (RFC 1421).
    let or_encrypted = |wrong| match text.windows(9).any(|window| window == b"ENCRYPTED") {
        true => "the key is encrypted; want one without a passphrase",
        false => wrong,
    };
    for section in Section::pem_slice_iter(text) {
        let (kind, der) = section.map_err(|_| or_encrypted("malformed PEM"))?;
        match kind {
            SectionKind::PrivateKey => return Ok(PrivateKeyDer::Pkcs8(der.into())),
            SectionKind::RsaPrivateKey => return Ok(PrivateKeyDer::Pkcs1(der.into())),
            SectionKind::EcPrivateKey => return Ok(PrivateKeyDer::Sec1(der.into())),
            _ => {}
        }
    }
    Err(or_encrypted("no private key in it; want PEM"))
}

/// `"/ca.pem" (--cacert)`.
fn at(path: &Path, option: &str) -> String {
    ["\"", &quote(path.as_os_str().as_bytes()), "\" (", option, ")"].concat()
}

/// The whole file.
fn read(path: &Path, option: &str, attempt: &Attempt<'_>) -> Result<Vec<u8>, Failure> {
    attempt.enter(Step::Open, &at(path, option));
    let mut text = file::read(path, MAX_PEM).map_err(|error| {
        let hint = match error.kind() {
            ErrorKind::NotFound => file::whereabouts(path.as_os_str().as_bytes()),
            _ => "",
        };
        attempt.io(error).with(hint)
    })?;
    // The byte order mark that editors put in front.
    if text.starts_with(b"\xef\xbb\xbf") {
        text.drain(..3);
    }
    Ok(text)
}

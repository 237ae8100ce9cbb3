//! Whether the server is who it should be. The judge is webpki; here are its inputs, and the words
//! for what it says, since rustls' own error has no room for them.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use webpki::{EndEntityCert, Error as E, KeyUsage, anchor_from_trusted_cert};

use super::certificate::Certificate;
use super::chain::{Chain, WANT_KEY};
use super::config::Trust;
use super::provider::ALGORITHMS;
use super::{files, roots};
use crate::attempt::Attempt;
use crate::file;
use crate::verdict::{Failure, quote};

/// Certificates that count of those a server sends with its own: real chains have one to three.
const MOST_SENT: usize = 15;

/// Decides, and keeps what it has to say.
#[derive(Debug)]
pub(super) struct Verifier {
    /// `None`: any certificate will do.
    roots: Option<Roots>,
    verbose: bool,
    fault: OnceLock<String>,
    chain: OnceLock<Vec<String>>,
}

/// Who is believed.
#[derive(Debug)]
struct Roots {
    /// The certificates of a file, and what messages call it; `None`: the roots in the binary.
    file: Option<(Vec<CertificateDer<'static>>, String)>,
    min_validity: Option<Duration>,
}

/// Whether the roots are in a file though no option names one.
pub fn roots_in_file() -> bool {
    // Empty is unset, as for OpenSSL.
    std::env::var_os("SSL_CERT_FILE").is_some_and(|path| !path.is_empty())
}

impl Verifier {
    /// Reads the file of roots: the one of `--cacert`, else the one that `SSL_CERT_FILE` names.
    pub(super) fn new(trust: &Trust, attempt: &Attempt<'_>) -> Result<Self, Failure> {
        let roots = match trust {
            Trust::Any => None,
            Trust::Roots { file, min_validity } => {
                let variable = std::env::var_os("SSL_CERT_FILE");
                let file = match (file, &variable) {
                    (Some(path), _) => Some(own_roots(path, "--cacert", attempt)?),
                    // Empty is unset, as for OpenSSL.
                    (None, Some(path)) if path != OsStr::new("") => {
                        Some(own_roots(Path::new(path), "SSL_CERT_FILE", attempt)?)
                    }
                    _ => None,
                };
                Some(Roots { file, min_validity: *min_validity })
            }
        };
        let (fault, chain) = (OnceLock::new(), OnceLock::new());
        Ok(Self { roots, verbose: attempt.verbose(), fault, chain })
    }

    /// What is wrong with the server's certificate, if something is.
    pub(super) fn fault(&self) -> Option<&str> {
        self.fault.get().map(String::as_str)
    }

    /// A line on each certificate that the server sent, when `--verbose` wants them.
    pub(super) fn chain(&self) -> &[String] {
        self.chain.get().map_or(&[], Vec::as_slice)
    }

    /// A signature by a key too short to be believed fails like a wrong one: says which it was.
    fn weak(&self, error: Error, cert: &CertificateDer<'_>) -> Error {
        if let Some(fault) = Certificate::of(cert).and_then(|cert| cert.key_fault) {
            let _ = self.fault.set(["the server has ", fault, WANT_KEY].concat());
        }
        error
    }
}

fn own_roots(
    path: &Path,
    option: &str,
    attempt: &Attempt<'_>,
) -> Result<(Vec<CertificateDer<'static>>, String), Failure> {
    let found = files::certificates(path, option, attempt)?;
    // A bundle may hold one that webpki cannot read; while another is left, that is no reason to
    // fail.
    match found.iter().any(|der| anchor_from_trusted_cert(der).is_ok()) {
        true => {
            let path = quote(path.as_os_str().as_bytes());
            Ok((found, ["in ", &path, " (", option, ")"].concat()))
        }
        false => Err(attempt.protocol("malformed certificate")),
    }
}

impl Roots {
    /// Verifies the chain and the name at present, and the chain at the end of `--min-validity`.
    fn judge(
        &self,
        leaf: &CertificateDer<'_>,
        sent: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), (E, String)> {
        let (file, roots) = match &self.file {
            Some((roots, hint)) => (Some(hint.as_str()), roots.as_slice()),
            None => (None, &[][..]),
        };
        let chain = Chain { leaf, sent, file, roots };
        let cert =
            EndEntityCert::try_from(leaf).map_err(|error| chain.explain(error, name, now))?;
        let verify = |time| self.verify(leaf, &cert, sent, name, time);
        verify(now).map_err(|error| match self.untimely(&cert, sent, now.as_secs(), &error) {
            Some(root) => {
                let why = chain.untimely_root(&root, now.as_secs());
                (error, why)
            }
            None if file.is_none() && error == E::UnknownIssuer => {
                let why = chain.unknown_issuer(system_store(&cert, sent, now));
                (error, why)
            }
            None => chain.explain(error, name, now),
        })?;
        let Some(wanted) = self.min_validity else { return Ok(()) };
        let then = Duration::from_secs(now.as_secs()).saturating_add(wanted);
        verify(UnixTime::since_unix_epoch(then)).map_err(|error| {
            let why = match (&error, self.untimely(&cert, sent, then.as_secs(), &error)) {
                (E::CertExpired { not_after, .. }, _) => {
                    chain.expires(not_after.as_secs(), now.as_secs(), wanted)
                }
                (_, Some(root)) => chain.root_expires(&root, wanted),
                _ => return chain.explain(error, name, now),
            };
            (error, why)
        })
    }

    /// The chain at one time, then the name.
    fn verify(
        &self,
        leaf: &CertificateDer<'_>,
        cert: &EndEntityCert<'_>,
        sent: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        time: UnixTime,
    ) -> Result<(), E> {
        match &self.file {
            None => path(cert, &roots::named(sent.iter().chain([leaf])), sent, time),
            // The operator named this very certificate: it vouches for itself, as with curl and
            // OpenSSL. Without a root or an intermediate, webpki looks at the certificate alone and
            // its validity first; then it stops at what a self-signed one is: that of a CA, before
            // it looks at what for, or of an issuer not known.
            Some((trusted, _)) if trusted.contains(leaf) => match path(cert, &[], &[], time) {
                Err(E::CaUsedAsEndEntity)
                    if Certificate::of(leaf).is_none_or(|cert| !cert.serves) =>
                {
                    Err(E::EmptyEkuExtension)
                }
                Err(E::CaUsedAsEndEntity | E::UnknownIssuer) => Ok(()),
                verdict => verdict,
            },
            // An anchor has no dates and no constraints: webpki does not ask whether it is a CA.
            Some((trusted, _)) => {
                let timely = |der: &&CertificateDer<'static>| {
                    authority(der).is_some_and(|root| root.is_valid(time.as_secs()))
                };
                path(cert, &anchors(trusted.iter().filter(timely)), sent, time)
            }
        }?;
        cert.verify_is_valid_for_subject_name(name)
    }

    /// The root of the file that would have ended the chain, were it valid at that time.
    fn untimely(
        &self,
        cert: &EndEntityCert<'_>,
        sent: &[CertificateDer<'_>],
        seconds: u64,
        error: &E,
    ) -> Option<Certificate> {
        let (trusted, _) = self.file.as_ref().filter(|_| *error == E::UnknownIssuer)?;
        trusted.iter().find_map(|der| {
            let root = authority(der).filter(|root| !root.is_valid(seconds))?;
            let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
            path(cert, &anchors(std::iter::once(der)), sent, time).ok().map(|()| root)
        })
    }
}

/// A certificate that may vouch for others, apart from its dates.
fn authority(der: &CertificateDer<'_>) -> Option<Certificate> {
    Certificate::of(der).filter(|root| root.is_ca)
}

/// Those of them that webpki can read.
fn anchors<'a>(found: impl Iterator<Item = &'a CertificateDer<'static>>) -> Vec<TrustAnchor<'a>> {
    found.filter_map(|der| anchor_from_trusted_cert(der).ok()).collect()
}

/// Whether a path leads from the certificate to one of `roots`.
fn path(
    cert: &EndEntityCert<'_>,
    roots: &[TrustAnchor<'_>],
    sent: &[CertificateDer<'_>],
    time: UnixTime,
) -> Result<(), E> {
    let usage = KeyUsage::server_auth();
    cert.verify_for_usage(ALGORITHMS.all, roots, sent, time, usage, None, None).map(|_| ())
}

/// Whether the store of this system, which is not read for a verdict, would have trusted the chain:
/// the file of it, as Debian, Alpine and Arch have it, or Red Hat.
fn system_store(
    cert: &EndEntityCert<'_>,
    sent: &[CertificateDer<'_>],
    time: UnixTime,
) -> Option<&'static str> {
    const STORES: [&str; 2] =
        ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];
    STORES.into_iter().find(|store| {
        let text = file::read(Path::new(store), 4 << 20).unwrap_or_default();
        let roots = files::in_pem(&text).unwrap_or_default();
        path(cert, &anchors(roots.iter()), sent, time).is_ok()
    })
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        sent: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        // Each that claims the right name may cost a signature to be verified.
        let sent = sent.get(..MOST_SENT).unwrap_or(sent);
        if self.verbose {
            let _ = self.chain.set(Chain { leaf, sent, file: None, roots: &[] }.lines());
        }
        let Some(roots) = &self.roots else { return Ok(ServerCertVerified::assertion()) };
        match roots.judge(leaf, sent, name, now) {
            Ok(()) => Ok(ServerCertVerified::assertion()),
            Err((error, why)) => {
                let _ = self.fault.set(why);
                Err(Error::InvalidCertificate(for_alert(&error)))
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &ALGORITHMS)
            .map_err(|error| self.weak(error, cert))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &ALGORITHMS)
            .map_err(|error| self.weak(error, cert))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ALGORITHMS.supported_schemes()
    }
}

/// The error from which rustls picks the alert that the server will log.
fn for_alert(error: &E) -> CertificateError {
    match error {
        E::CertExpired { .. } => CertificateError::Expired,
        E::CertNotValidYet { .. } => CertificateError::NotValidYet,
        E::UnknownIssuer => CertificateError::UnknownIssuer,
        E::InvalidSignatureForPublicKey => CertificateError::BadSignature,
        E::RequiredEkuNotFoundContext(_) | E::EmptyEkuExtension => CertificateError::InvalidPurpose,
        E::CertNotValidForName(_) => CertificateError::NotValidForName,
        _ => CertificateError::BadEncoding,
    }
}

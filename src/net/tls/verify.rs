//! Whether the server is who it should be. The judge is webpki; here are its inputs, and the words
//! for what it says, since rustls' own error has no room for them.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use super::certificate::Certificate;
use super::config::Trust;
use super::explain::Chain;
use super::provider::ALGORITHMS;
use super::{files, roots};
use crate::attempt::Attempt;
use crate::verdict::Failure;

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
        if Certificate::of(cert).is_some_and(|cert| cert.weak) {
            let _ = self.fault.set("the server's RSA key is shorter than 2048 bits".to_owned());
        }
        error
    }
}

fn own_roots(
    path: &Path,
    option: &str,
    attempt: &Attempt<'_>,
) -> Result<(Vec<CertificateDer<'static>>, String), Failure> {
    let found = files::certificates(path, attempt)?;
    // A bundle may hold one that webpki cannot read; while another is left, that is no reason to
    // fail.
    match found.iter().any(|der| anchor_from_trusted_cert(der).is_ok()) {
        true => Ok((found, format!("in {} ({option})", path.display()))),
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
    ) -> Result<(), (webpki::Error, String)> {
        let hint = self.file.as_ref().map(|(_, hint)| hint.as_str());
        let chain = Chain { leaf, sent, file: hint };
        let cert =
            EndEntityCert::try_from(leaf).map_err(|error| chain.explain(error, name, now))?;
        self.verify(leaf, &cert, sent, name, now)
            .map_err(|error| chain.explain(error, name, now))?;
        let Some(wanted) = self.min_validity else { return Ok(()) };
        let then = Duration::from_secs(now.as_secs()).saturating_add(wanted);
        self.verify(leaf, &cert, sent, name, UnixTime::since_unix_epoch(then)).map_err(|error| {
            match error {
                webpki::Error::CertExpired { not_after, .. } => {
                    let why = chain.expires(not_after.as_secs(), now.as_secs(), wanted);
                    (error, why)
                }
                error => chain.explain(error, name, now),
            }
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
    ) -> Result<(), webpki::Error> {
        let usage = KeyUsage::server_auth();
        let chain = |roots: &[TrustAnchor<'_>], sent: &[CertificateDer<'_>]| {
            cert.verify_for_usage(ALGORITHMS.all, roots, sent, time, usage, None, None).map(|_| ())
        };
        match &self.file {
            None => chain(&roots::built_in(), sent),
            // The operator named this very certificate: it vouches for itself, as with curl and
            // OpenSSL. Without a root or an intermediate, webpki looks at the certificate alone and
            // its validity first; then it stops at what a self-signed one is: that of a CA, or of
            // an issuer not known.
            Some((trusted, _)) if trusted.contains(leaf) => match chain(&[], &[]) {
                Err(webpki::Error::CaUsedAsEndEntity | webpki::Error::UnknownIssuer) => Ok(()),
                verdict => verdict,
            },
            Some((trusted, _)) => {
                let roots: Vec<_> =
                    trusted.iter().filter_map(|der| anchor_from_trusted_cert(der).ok()).collect();
                chain(&roots, sent)
            }
        }?;
        cert.verify_is_valid_for_subject_name(name)
    }
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
        if self.verbose {
            let _ = self.chain.set(Chain { leaf, sent, file: None }.lines());
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
fn for_alert(error: &webpki::Error) -> CertificateError {
    use webpki::Error as E;
    match error {
        E::CertExpired { .. } => CertificateError::Expired,
        E::CertNotValidYet { .. } => CertificateError::NotValidYet,
        E::UnknownIssuer => CertificateError::UnknownIssuer,
        E::InvalidSignatureForPublicKey => CertificateError::BadSignature,
        E::RequiredEkuNotFoundContext(_) => CertificateError::InvalidPurpose,
        E::CertNotValidForName(_) => CertificateError::NotValidForName,
        _ => CertificateError::BadEncoding,
    }
}

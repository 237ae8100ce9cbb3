//! What went wrong, in words that a person can act on.

use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, CertificateError, CipherSuite, Error, InvalidMessage, NamedGroup,
    PeerIncompatible,
};

use super::certificate::{Certificate, date};
use crate::net::recognise::recognise;
use crate::verdict::quote;

/// Names of a certificate that a message lists at most.
const MAX_NAMES: usize = 5;
/// Certificates of a chain that are looked at for words: a peer may send hundreds.
const MAX_SHOWN: usize = 8;
/// 2024-01-01, before this program was written: an earlier clock was never set, as on boards
/// without a battery.
const EARLIEST_SANE_CLOCK: u64 = 1_704_067_200;

/// A chain that was sent, for putting its refusal into words.
pub(super) struct Chain<'a> {
    /// The server's own certificate.
    pub(super) leaf: &'a CertificateDer<'a>,
    /// What it sent with it.
    pub(super) sent: &'a [CertificateDer<'a>],
    /// What messages call the file of roots: `in /ca.pem (--cacert)`; none: those in the binary.
    pub(super) file: Option<&'a str>,
}

impl Chain<'_> {
    /// Puts webpki's error into words.
    pub(super) fn explain(
        &self,
        error: webpki::Error,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> (webpki::Error, String) {
        use webpki::Error as E;
        let now = now.as_secs();
        let why = match &error {
            E::CertExpired { not_after, .. } => {
                let when = date(not_after.as_secs());
                let whose = self.whose(&when, |cert| &cert.not_after);
                format!("the certificate{whose} expired {when}; the clock here says {}", date(now))
            }
            E::CertNotValidYet { not_before, .. } => {
                let when = date(not_before.as_secs());
                let whose = self.whose(&when, |cert| &cert.not_before);
                not_yet(&whose, &when, now)
            }
            E::CertNotValidForName(_) => self.wrong_name(&name.to_str()),
            E::UnknownIssuer => self.unknown_issuer(),
            E::CaUsedAsEndEntity if self.self_signed() => format!(
                "the server's certificate is self-signed and that of a CA, and not {}",
                self.file.unwrap_or("known here; name it with --cacert")
            ),
            error => plain(error).to_owned(),
        };
        (error, why)
    }

    /// The message of `--min-validity`.
    pub(super) fn expires(&self, not_after: u64, now: u64, wanted: Duration) -> String {
        let when = date(not_after);
        let whose = self.whose(&when, |cert| &cert.not_after);
        let left = span(not_after.saturating_sub(now));
        let wanted = span(wanted.as_secs());
        format!("the certificate{whose} expires {when}, in {left}; want it valid for {wanted} more")
    }

    /// A line on each certificate, for `--verbose`.
    pub(super) fn lines(&self) -> Vec<String> {
        let shown = self.all().into_iter().enumerate().map(|(depth, cert)| {
            let Certificate { subject, issuer, not_before, not_after, .. } = cert;
            format!("certificate {depth}: {subject}; issued by {issuer}; valid {not_before} to {not_after}")
        });
        shown.collect()
    }

    fn wrong_name(&self, name: &str) -> String {
        let Some(leaf) = Certificate::of(self.leaf) else {
            return plain(&webpki::Error::BadDer).to_owned();
        };
        if leaf.names.is_empty() {
            // RFC 9525 section 2: the common name is no identifier.
            let subject = leaf.subject;
            return format!(
                "the certificate of \"{subject}\" has no subjectAltName, so it is not for {name}"
            );
        }
        let more = match leaf.names.len().saturating_sub(MAX_NAMES) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let names = leaf.names.get(..MAX_NAMES).unwrap_or(&leaf.names).join(", ");
        format!("the certificate is for {names}{more}, not for {name}")
    }

    fn unknown_issuer(&self) -> String {
        let hint = match self.file {
            Some(file) => format!("not {file}"),
            None => "no root in this program; name its CA with --cacert".to_owned(),
        };
        let mut chain = self.all().into_iter();
        let Some(mut top) = chain.next() else {
            return format!("the certificate's issuer is {hint}");
        };
        if top.subject == top.issuer {
            return format!("the server's certificate is self-signed and {hint}");
        }
        // Climb as far as the chain that was sent goes: the last issuer is the one nobody knows.
        let above: Vec<Certificate> = chain.collect();
        for _ in 0..MAX_SHOWN {
            let next = above.iter().find(|cert| cert.subject == top.issuer);
            match next.filter(|cert| cert.subject != top.subject) {
                Some(cert) => top = cert.clone(),
                None => break,
            }
        }
        format!("the certificate's issuer \"{}\" is {hint}", top.issuer)
    }

    fn self_signed(&self) -> bool {
        Certificate::of(self.leaf).is_some_and(|leaf| leaf.subject == leaf.issuer)
    }

    /// ` of "subject"` when another certificate than the server's own is meant.
    fn whose(&self, when: &str, field: fn(&Certificate) -> &String) -> String {
        match self.all().into_iter().enumerate().find(|(_, cert)| field(cert) == when) {
            Some((1.., cert)) => format!(" of \"{}\"", cert.subject),
            _ => String::new(),
        }
    }

    /// The readable certificates, the server's own first.
    fn all(&self) -> Vec<Certificate> {
        let chain = std::iter::once(self.leaf).chain(self.sent).take(MAX_SHOWN);
        chain.filter_map(|der| Certificate::of(der)).collect()
    }
}

fn not_yet(whose: &str, when: &str, now: u64) -> String {
    let hint = match now < EARLIEST_SANE_CLOCK {
        true => ", which is probably wrong",
        false => "",
    };
    let clock = date(now);
    format!("the certificate{whose} is not valid before {when}; the clock here says {clock}{hint}")
}

/// The errors of webpki that need no more than a sentence.
fn plain(error: &webpki::Error) -> &'static str {
    use webpki::Error as E;
    match error {
        E::CaUsedAsEndEntity => "the server sent the certificate of a CA in place of its own",
        E::EndEntityUsedAsCa => "a certificate of the chain is signed by one that is no CA",
        E::InvalidSignatureForPublicKey => {
            "a signature in the certificate chain is wrong: its issuer has the right name but another key"
        }
        E::RequiredEkuNotFoundContext(_) => {
            "the certificate is not meant for servers (extended key usage)"
        }
        E::NameConstraintViolation => {
            "a name in the certificate is outside what its CA may issue (name constraints)"
        }
        E::PathLenConstraintViolated => {
            "the certificate chain is longer than its CA allows (path length)"
        }
        E::UnsupportedSignatureAlgorithmContext(_)
        | E::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            "the certificate chain uses a signature that is not accepted (SHA-1, a short RSA key or another curve?)"
        }
        E::UnsupportedCriticalExtension => {
            "the certificate has a critical extension that is not known here"
        }
        E::UnsupportedCertVersion => "the certificate is not of X.509 version 3",
        E::InvalidCertValidity => "the certificate expires before it becomes valid",
        E::MaximumPathBuildCallsExceeded
        | E::MaximumPathDepthExceeded
        | E::MaximumSignatureChecksExceeded
        | E::MaximumNameConstraintComparisonsExceeded => {
            "the certificate chain is too long to be verified"
        }
        _ => "the certificate is malformed",
    }
}

/// `14 d`, `5 h`, `30 s`: the largest unit that is not zero.
fn span(seconds: u64) -> String {
    let (n, unit) = match seconds {
        86_400.. => (seconds / 86_400, "d"),
        3_600.. => (seconds / 3_600, "h"),
        60.. => (seconds / 60, "min"),
        _ => (seconds, "s"),
    };
    format!("{n} {unit}")
}

/// What a client certificate that is missing is answered with.
pub(super) const CERTIFICATE_WANTED: &str = "the server wants a client certificate (--cert, --key)";

/// What this program offers: kept beside the tables in `provider`, of which a test knows.
const NOTHING_IN_COMMON: &str = "the server found nothing in common; offered TLS 1.2 and 1.3, \
                                 ECDHE with AES-GCM, X25519, P-256, P-384";
const OTHER_VERSION: &str = "the server speaks neither TLS 1.2 nor 1.3";

/// rustls' error, and whether the server asked for a client certificate and got none.
pub(super) fn of(error: &Error, certificate_missing: bool) -> String {
    if let Error::AlertReceived(alert) = error {
        let words = of_alert(*alert, certificate_missing);
        return format!("{words} (TLS alert {})", u8::from(*alert));
    }
    let words = match error {
        Error::PeerIncompatible(why) => match why {
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled => OTHER_VERSION,
            PeerIncompatible::NoKxGroupsInCommon | PeerIncompatible::NoCipherSuitesInCommon => {
                NOTHING_IN_COMMON
            }
            PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon
            | PeerIncompatible::NoSignatureSchemesInCommon => "no signature scheme in common",
            _ => "the server's TLS lacks something that is needed",
        },
        Error::InvalidCertificate(CertificateError::BadSignature) => {
            "the handshake signature is wrong: the server does not hold its certificate's key"
        }
        Error::InvalidCertificate(_) => {
            "the server's certificate cannot be used for the signature of the handshake"
        }
        Error::NoCertificatesPresented => "the server sent no certificate",
        Error::DecryptError => "a TLS record was damaged on the way",
        Error::PeerSentOversizedRecord
        | Error::InvalidMessage(
            InvalidMessage::MessageTooLarge
            | InvalidMessage::HandshakePayloadTooLarge
            | InvalidMessage::CertificatePayloadTooLarge,
        ) => "the server sent an oversized TLS message",
        Error::InvalidMessage(_) => "the server sent a malformed TLS message",
        Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
            "the server sent a TLS message out of order"
        }
        Error::PeerMisbehaved(_) => "the server breaks the TLS protocol",
        Error::NoApplicationProtocol => {
            "the server chose no application protocol that was offered (ALPN)"
        }
        Error::FailedToGetRandomBytes => "the system gives no random bytes",
        Error::FailedToGetCurrentTime => "the system's clock is before 1970",
        _ => "the TLS handshake went wrong",
    };
    words.to_owned()
}

/// As `of`, when the handshake is over: nothing is left to find in common then, but with TLS 1.2 a
/// server may want to start again, and with TLS 1.3 it looks at the client's certificate only now.
pub(super) fn afterwards(error: &Error, certificate_missing: bool, late_verdict: bool) -> String {
    let words = match (error, late_verdict) {
        (Error::AlertReceived(AlertDescription::HandshakeFailure), _) if certificate_missing => {
            CERTIFICATE_WANTED
        }
        (Error::AlertReceived(AlertDescription::HandshakeFailure), false) => {
            "the server broke off; perhaps it wants to renegotiate, which is refused"
        }
        (Error::AlertReceived(AlertDescription::HandshakeFailure), true) => {
            "the server broke off after the handshake"
        }
        _ => return of(error, certificate_missing),
    };
    format!("{words} (TLS alert 40)")
}

/// A server's alert (RFC 8446 section 6.2) is all that it tells.
fn of_alert(alert: AlertDescription, certificate_missing: bool) -> &'static str {
    use AlertDescription as A;
    match alert {
        A::CertificateRequired
        | A::HandshakeFailure
        | A::BadCertificate
        | A::NoCertificate
        | A::CertificateUnknown
        | A::AccessDenied
            if certificate_missing =>
        {
            CERTIFICATE_WANTED
        }
        A::CertificateRequired => "the server cannot use the client certificate",
        A::HandshakeFailure | A::InsufficientSecurity => NOTHING_IN_COMMON,
        A::ProtocolVersion => OTHER_VERSION,
        A::UnrecognisedName => {
            "the server does not know the name that was asked for; see --server-name"
        }
        A::NoApplicationProtocol => {
            "the server speaks none of the protocols that were offered (ALPN)"
        }
        A::UnknownCA => "the server refuses the client certificate: it does not know its issuer",
        A::CertificateExpired => "the server refuses the client certificate: expired",
        A::CertificateRevoked => "the server refuses the client certificate: revoked",
        A::BadCertificate | A::UnsupportedCertificate | A::CertificateUnknown | A::AccessDenied => {
            "the server refuses the client certificate"
        }
        A::DecryptError => "the server could not verify what it was sent",
        A::InternalError => "the server reports an internal error",
        _ => "the server broke off",
    }
}

/// Recognises an answer that is no TLS record, and shows its first line.
pub fn not_tls(first: &[u8]) -> Option<String> {
    // RFC 8446 section 5.1: a record starts with its type, 20 to 24, and the major version 3.
    if let [20..=24] | [20..=24, 3, ..] | [] = first {
        return None;
    }
    let words = "the server does not speak TLS on this port";
    let line = first.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    Some(match recognise(first) {
        Some(who) => format!("{words} ({who}): {}", quote(line)),
        None => format!("{words}: {}", quote(line)),
    })
}

/// Entry like the tables in `provider`.
pub(super) fn suite(suite: Option<CipherSuite>) -> &'static str {
    match suite {
        Some(CipherSuite::TLS13_AES_128_GCM_SHA256) => "AES-128-GCM",
        Some(CipherSuite::TLS13_AES_256_GCM_SHA384) => "AES-256-GCM",
        Some(CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256) => "ECDHE-ECDSA-AES-128-GCM",
        Some(CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384) => "ECDHE-ECDSA-AES-256-GCM",
        Some(CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256) => "ECDHE-RSA-AES-128-GCM",
        Some(CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384) => "ECDHE-RSA-AES-256-GCM",
        _ => "unknown suite",
    }
}

/// The group of the key exchange.
pub(super) fn group(group: Option<NamedGroup>) -> &'static str {
    match group {
        Some(NamedGroup::X25519) => "X25519",
        Some(NamedGroup::secp256r1) => "P-256",
        Some(NamedGroup::secp384r1) => "P-384",
        _ => "unknown group",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::tls::provider;

    #[test]
    fn a_clock_that_was_never_set_is_named() {
        let hint = ", which is probably wrong";
        let never = not_yet("", "2026-01-01 00:00:00 UTC", 3_600);
        assert_eq!(
            never,
            "the certificate is not valid before 2026-01-01 00:00:00 UTC; \
             the clock here says 1970-01-01 01:00:00 UTC, which is probably wrong"
        );
        assert!(not_yet("", "x", EARLIEST_SANE_CLOCK - 1).ends_with(hint));
        assert!(!not_yet("", "x", EARLIEST_SANE_CLOCK).ends_with(hint));
    }

    #[test]
    fn what_is_no_tls_is_recognised() {
        let http = not_tls(b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n").unwrap_or_default();
        assert_eq!(
            http,
            "the server does not speak TLS on this port (an HTTP server answers here): \
             HTTP/1.1 400 Bad Request"
        );
        assert_eq!(not_tls(b"\x16\x03\x01"), None);
        assert_eq!(not_tls(b"\x15"), None);
        assert_eq!(not_tls(b""), None);
        assert!(not_tls(b"\x16\x02").is_some());
        assert!(not_tls(b"E").is_some());
    }

    #[test]
    fn all_that_is_offered_has_a_name() {
        for one in provider::GROUPS {
            assert!(NOTHING_IN_COMMON.contains(group(Some(one.name()))), "{:?}", one.name());
        }
        for one in provider::SUITES {
            assert!(suite(Some(one.suite())).contains("-GCM"), "{:?}", one.suite());
        }
    }

    #[test]
    fn spans() {
        for (seconds, text) in
            [(59, "59 s"), (60, "1 min"), (3_600, "1 h"), (86_400, "1 d"), (172_799, "1 d")]
        {
            assert_eq!(span(seconds), text);
        }
    }

    #[test]
    fn an_alert_after_a_certificate_was_asked_for_is_about_it() {
        assert_eq!(of_alert(AlertDescription::HandshakeFailure, true), CERTIFICATE_WANTED);
        assert_eq!(of_alert(AlertDescription::HandshakeFailure, false), NOTHING_IN_COMMON);
        let alert = of(&Error::AlertReceived(AlertDescription::Unknown(200)), false);
        assert_eq!(alert, "the server broke off (TLS alert 200)");
    }

    #[test]
    fn each_alert_says_what_it_is_about() {
        use AlertDescription as A;
        let other = A::Unknown(200);
        for (alert, part) in [
            (A::CertificateRequired, "cannot use the client certificate (TLS alert 116)"),
            (A::InsufficientSecurity, "found nothing in common; offered"),
            (A::ProtocolVersion, "neither TLS 1.2 nor 1.3 (TLS alert 70)"),
            (A::UnrecognisedName, "see --server-name (TLS alert 112)"),
            (A::NoApplicationProtocol, "(ALPN) (TLS alert 120)"),
            (A::UnknownCA, "it does not know its issuer (TLS alert 48)"),
            (A::CertificateExpired, "client certificate: expired (TLS alert 45)"),
            (A::CertificateRevoked, "client certificate: revoked (TLS alert 44)"),
            (A::BadCertificate, "refuses the client certificate (TLS alert 42)"),
            (A::AccessDenied, "refuses the client certificate (TLS alert 49)"),
            (A::DecryptError, "could not verify what it was sent (TLS alert 51)"),
            (A::InternalError, "reports an internal error (TLS alert 80)"),
        ] {
            let error = Error::AlertReceived(alert);
            for words in [of(&error, false), afterwards(&error, false, true)] {
                assert!(words.contains(part), "{words}");
            }
        }
        for (alert, missing, late, words) in [
            (A::HandshakeFailure, true, true, CERTIFICATE_WANTED),
            (A::HandshakeFailure, false, true, "the server broke off after the handshake"),
            (
                A::HandshakeFailure,
                false,
                false,
                "the server broke off; perhaps it wants to renegotiate, which is refused",
            ),
            (other, false, true, "the server broke off"),
        ] {
            let said = afterwards(&Error::AlertReceived(alert), missing, late);
            assert_eq!(said, format!("{words} (TLS alert {})", u8::from(alert)));
        }
    }

    #[test]
    fn each_error_has_words_of_its_own() {
        let errors = [
            Error::PeerIncompatible(PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig),
            Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon),
            Error::PeerIncompatible(PeerIncompatible::NoSignatureSchemesInCommon),
            Error::PeerIncompatible(PeerIncompatible::KeyShareExtensionRequired),
            Error::InvalidCertificate(CertificateError::BadSignature),
            Error::InvalidCertificate(CertificateError::BadEncoding),
            Error::NoCertificatesPresented,
            Error::DecryptError,
            Error::PeerSentOversizedRecord,
            Error::InvalidMessage(InvalidMessage::InvalidCcs),
            Error::InappropriateMessage {
                expect_types: Vec::new(),
                got_type: rustls::ContentType::Alert,
            },
            Error::PeerMisbehaved(rustls::PeerMisbehaved::InvalidKeyShare),
            Error::NoApplicationProtocol,
            Error::FailedToGetRandomBytes,
            Error::FailedToGetCurrentTime,
            Error::EncryptError,
        ];
        let mut words: Vec<_> = errors.iter().map(|error| of(error, false)).collect();
        assert_eq!(words.last().map(String::as_str), Some("the TLS handshake went wrong"));
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), errors.len(), "{words:#?}");
    }
}

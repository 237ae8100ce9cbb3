//! What went wrong in a handshake or after it, in words that a person can act on.

use rustls::{
    AlertDescription, CertificateError, CipherSuite, Error, InvalidMessage, NamedGroup,
    PeerIncompatible,
};

use crate::net::recognise::recognise;
use crate::text::row;
use crate::verdict::quote;

/// What a client certificate that is missing is answered with.
pub(super) const CERTIFICATE_WANTED: &str = "the server wants a client certificate (--cert, --key)";

/// What this program offers: kept beside the tables in `provider`, of which a test knows.
const NOTHING_IN_COMMON: &str = "the server found nothing in common; offered TLS 1.2 and 1.3, \
                                 ECDHE with AES-GCM, X25519, P-256, P-384, and certificates of \
                                 RSA, P-256, P-384 and Ed25519";
const OTHER_VERSION: &str = "the server speaks neither TLS 1.2 nor 1.3";

/// rustls' error, and whether the server asked for a client certificate and got none.
pub(super) fn of(error: &Error, certificate_missing: bool) -> String {
    if let Error::AlertReceived(alert) = error {
        return match of_alert(*alert, certificate_missing) {
            Some(words) => words.to_owned(),
            None => broke_off(*alert),
        };
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
    match (error, late_verdict) {
        (Error::AlertReceived(AlertDescription::HandshakeFailure), _) if certificate_missing => {
            CERTIFICATE_WANTED.to_owned()
        }
        (Error::AlertReceived(AlertDescription::HandshakeFailure), false) => {
            "the server broke off; perhaps it wants to renegotiate, which is refused".to_owned()
        }
        (Error::AlertReceived(AlertDescription::HandshakeFailure), true) => {
            "the server broke off after the handshake".to_owned()
        }
        _ => of(error, certificate_missing),
    }
}

/// A server's alert (RFC 8446 section 6.2) is all that it tells. `None` for one whose name alone says
/// what there is to say.
fn of_alert(alert: AlertDescription, certificate_missing: bool) -> Option<&'static str> {
    use AlertDescription as A;
    Some(match alert {
        // GnuTLS calls a certificate that is not there one that it cannot decode.
        A::CertificateRequired
        | A::HandshakeFailure
        | A::BadCertificate
        | A::NoCertificate
        | A::CertificateUnknown
        | A::AccessDenied
        | A::DecodeError
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
        A::DecryptError => "the server could not verify what it was sent",
        A::InternalError => "the server reports an internal error",
        _ => return None,
    })
}

/// The alert's name.
fn broke_off(alert: AlertDescription) -> String {
    /// The registry of TLS alerts (RFC 8446 section 6), without those that have words of their own.
    const NAMES: &str = "0=close_notify|10=unexpected_message|20=bad_record_mac|22=record_overflow\
        |42=bad_certificate|43=unsupported_certificate|46=certificate_unknown|47=illegal_parameter\
        |49=access_denied|50=decode_error|86=inappropriate_fallback|90=user_canceled\
        |100=no_renegotiation|109=missing_extension|110=unsupported_extension";
    let number = u8::from(alert).to_string();
    let words = match u8::from(alert) {
        42 | 43 | 46 | 49 => "the server refuses the client certificate (",
        _ => "the server broke off (",
    };
    match row(NAMES, &|known| known == number) {
        Some((_, name)) => [words, name, ")"].concat(),
        None => [words, "an alert without a name: ", &number, ")"].concat(),
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
        _ => "unknown suite", // not a verdict: part of one
    }
}

/// The group of the key exchange.
pub(super) fn group(group: Option<NamedGroup>) -> &'static str {
    match group {
        Some(NamedGroup::X25519) => "X25519",
        Some(NamedGroup::secp256r1) => "P-256",
        Some(NamedGroup::secp384r1) => "P-384",
        _ => "unknown group", // not a verdict: part of one
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::tls::provider;

    #[test]
    fn what_is_no_tls_is_recognised() {
        let http = not_tls(b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n").unwrap_or_default();
        assert_eq!(
            http,
            "the server does not speak TLS on this port (an HTTP/1 server answers here): \
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
    fn an_alert_after_a_certificate_was_asked_for_is_about_it() {
        for alert in [AlertDescription::HandshakeFailure, AlertDescription::DecodeError] {
            assert_eq!(of_alert(alert, true), Some(CERTIFICATE_WANTED));
        }
        assert_eq!(of_alert(AlertDescription::HandshakeFailure, false), Some(NOTHING_IN_COMMON));
        let alert = of(&Error::AlertReceived(AlertDescription::Unknown(200)), false);
        assert_eq!(alert, "the server broke off (an alert without a name: 200)");
    }

    #[test]
    fn each_alert_says_what_it_is_about() {
        use AlertDescription as A;
        let other = A::Unknown(200);
        for (alert, part) in [
            (A::CertificateRequired, "cannot use the client certificate"),
            (A::InsufficientSecurity, "found nothing in common; offered"),
            (A::ProtocolVersion, "neither TLS 1.2 nor 1.3"),
            (A::UnrecognisedName, "see --server-name"),
            (A::NoApplicationProtocol, "(ALPN)"),
            (A::UnknownCA, "it does not know its issuer"),
            (A::CertificateExpired, "client certificate: expired"),
            (A::CertificateRevoked, "client certificate: revoked"),
            (A::BadCertificate, "refuses the client certificate (bad_certificate)"),
            (A::AccessDenied, "refuses the client certificate (access_denied)"),
            (A::UnexpectedMessage, "the server broke off (unexpected_message)"),
            (A::MissingExtension, "the server broke off (missing_extension)"),
            (A::DecryptError, "could not verify what it was sent"),
            (A::InternalError, "reports an internal error"),
        ] {
            let error = Error::AlertReceived(alert);
            for words in [of(&error, false), afterwards(&error, false, true)] {
                assert!(words.contains(part) && !words.contains("without a name"), "{words}");
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
            (other, false, true, "the server broke off (an alert without a name: 200)"),
        ] {
            let said = afterwards(&Error::AlertReceived(alert), missing, late);
            assert_eq!(said, words);
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

//! Why a chain of certificates is refused, in words that a person can act on.

use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

use super::certificate::{Certificate, date};

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
    /// The certificates in that file.
    pub(super) roots: &'a [CertificateDer<'static>],
}

/// The keys whose signatures are believed, behind one that is of none of these kinds.
pub(super) const WANT_KEY: &str = ", want RSA of 2048 bits or more, P-256, P-384 or Ed25519";

/// How to name a CA.
const NAME_IT: &str = "not trusted; name its CA with --cacert FILE (PEM)";

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
            E::CertNotValidForName(_) => self.wrong_name(name),
            E::UnknownIssuer => self.unknown_issuer(None),
            E::CaUsedAsEndEntity if self.self_signed() => {
                let found = "the server's certificate is self-signed and that of a CA, and ";
                [found, &self.not_in_file(&self.subject())].concat()
            }
            // The server shows a certificate that it made for itself, the file holds an older one.
            E::InvalidSignatureForPublicKey if self.self_signed() => {
                let found = "the server's certificate is self-signed and ";
                [found, &self.not_in_file(&self.subject())].concat()
            }
            error => match self.refused_key(error) {
                Some(why) => why,
                None => plain(error).to_owned(),
            },
        };
        (error, why)
    }

    /// The message of `--min-validity`.
    pub(super) fn expires(&self, not_after: u64, now: u64, wanted: Duration) -> String {
        let when = date(not_after);
        let whose = self.whose(&when, |cert| &cert.not_after);
        let left = span(not_after.saturating_sub(now), false);
        let wanted = span(wanted.as_secs(), true);
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

    /// A root of the file is the end of the chain, and not valid now.
    pub(super) fn untimely_root(&self, root: &Certificate, now: u64) -> String {
        let whose = self.of_root(root);
        let clock = date(now);
        match root.not_after < clock {
            true => format!(
                "the certificate{whose} expired {}; the clock here says {clock}",
                root.not_after
            ),
            false => not_yet(&whose, &root.not_before, now),
        }
    }

    /// As [`Chain::expires`], of a root of the file.
    pub(super) fn root_expires(&self, root: &Certificate, wanted: Duration) -> String {
        let (whose, when) = (self.of_root(root), &root.not_after);
        let wanted = span(wanted.as_secs(), true);
        format!("the certificate{whose} expires {when}; want it valid for {wanted} more")
    }

    /// ` of "CN=root", which is in /ca.pem (--cacert),`.
    fn of_root(&self, root: &Certificate) -> String {
        [" of \"", &root.subject, "\" ", self.file.unwrap_or_default()].concat()
    }

    fn wrong_name(&self, name: &ServerName<'_>) -> String {
        let Some(leaf) = Certificate::of(self.leaf) else {
            return plain(&webpki::Error::BadDer).to_owned();
        };
        let (subject, wanted) = (&leaf.subject, name.to_str());
        let Some(names) = leaf.names else {
            // RFC 9525 section 2: the common name is no identifier.
            return format!(
                "the certificate of \"{subject}\" has no subjectAltName, so it is not for {wanted}"
            );
        };
        if names.is_empty() {
            return format!(
                "the subjectAltName of \"{subject}\" names no host, so it is not for {wanted}"
            );
        }
        // An address in letters is a name to those who compare addresses (RFC 9525 section 6.5).
        if names.iter().any(|name| *name == *wanted) {
            return format!(
                "the certificate is for the DNS name {wanted}, not for the address; \
                 want it among the IP addresses of subjectAltName"
            );
        }
        let more = match names.len().saturating_sub(MAX_NAMES) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let names = names.get(..MAX_NAMES).unwrap_or(&names).join(", ");
        format!("the certificate is for {names}{more}, not for {wanted} (see --server-name)")
    }

    /// Nobody knows who issued it. `store`: the file of the system's own roots that does.
    pub(super) fn unknown_issuer(&self, store: Option<&str>) -> String {
        let mut chain = self.all().into_iter();
        let Some(mut top) = chain.next() else {
            return ["the certificate's issuer is ", self.file.unwrap_or(NAME_IT)].concat();
        };
        if top.self_issued {
            let found = "the server's certificate is self-signed and ";
            return [found, &self.not_in_file(&top.subject)].concat();
        }
        let public =
            top.names.as_ref().is_some_and(|names| names.iter().all(|name| is_public(name)));
        // Climb as far as the chain that was sent goes: the last issuer is the one nobody knows.
        let above: Vec<Certificate> = chain.collect();
        for _ in 0..MAX_SHOWN {
            let next = above.iter().find(|cert| cert.subject == top.issuer);
            match next.filter(|cert| cert.subject != top.subject) {
                Some(cert) => top = cert.clone(),
                None => break,
            }
        }
        let issuer = top.issuer;
        match (store, self.sent.is_empty()) {
            (Some(store), _) => format!(
                "the certificate's issuer \"{issuer}\" is not trusted; this system's own store, \
                 which is not read, has it: --cacert {store}"
            ),
            // A CA that all the world knows issues no certificate by its root.
            (None, true) if public && self.file.is_none() => format!(
                "the server sent no intermediate certificate: the issuer \"{issuer}\" of its own is \
                 no root; it must send that one too"
            ),
            (None, alone) => {
                let hint = self.no_issuer(&issuer);
                // Which of the two nobody can see from here.
                let alone = match alone {
                    true => {
                        "; the server sent no intermediate certificate: if that issuer is no root, \
                         it must send that one too (full chain)"
                    }
                    false => "",
                };
                format!("the certificate's issuer \"{issuer}\" is {hint}{alone}")
            }
        }
    }

    /// `not in /ca.pem (--cacert)`, and what is there of that name.
    fn not_in_file(&self, subject: &str) -> String {
        let Some(file) = self.file else { return NAME_IT.to_owned() };
        let mut roots = self.roots.iter().filter_map(|der| Certificate::of(der));
        let has = match (roots.any(|root| root.subject == subject), self.roots) {
            (true, _) => "another certificate of that name".to_owned(),
            (false, [one]) => match Certificate::of(one) {
                Some(root) => ["\"", &root.subject, "\" alone"].concat(),
                None => "no readable one".to_owned(),
            },
            (false, all) => [&all.len().to_string(), " others"].concat(),
        };
        ["not ", file, ", which has ", &has].concat()
    }

    /// As `not_in_file`, of one that signed another: it may be there without being a CA.
    fn no_issuer(&self, subject: &str) -> String {
        let mut roots = self.roots.iter().filter_map(|der| Certificate::of(der));
        match self.file.filter(|_| roots.any(|root| root.subject == subject && !root.is_ca)) {
            Some(file) => [file, ", but is no CA (basicConstraints)"].concat(),
            None => self.not_in_file(subject),
        }
    }

    /// A certificate that should have signed another has a key that nobody here believes.
    fn refused_key(&self, error: &webpki::Error) -> Option<String> {
        use webpki::Error as E;
        let (E::InvalidSignatureForPublicKey
        | E::UnsupportedSignatureAlgorithmContext(_)
        | E::UnsupportedSignatureAlgorithmForPublicKeyContext(_)) = error
        else {
            return None;
        };
        let chain = self.all();
        let roots = self.roots.iter().filter_map(|der| Certificate::of(der));
        let mut signers = chain.iter().skip(1).cloned().chain(roots);
        let signer = signers.find(|signer| {
            signer.key_fault.is_some() && chain.iter().any(|cert| cert.issuer == signer.subject)
        })?;
        let (subject, fault) = (&signer.subject, signer.key_fault?);
        Some(["the CA \"", subject, "\" has ", fault, WANT_KEY].concat())
    }

    fn self_signed(&self) -> bool {
        Certificate::of(self.leaf).is_some_and(|leaf| leaf.self_issued)
    }

    fn subject(&self) -> String {
        Certificate::of(self.leaf).map(|leaf| leaf.subject).unwrap_or_default()
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

/// A name in the DNS that all the world has, as far as its last label tells.
fn is_public(name: &str) -> bool {
    const OTHERS: [&str; 8] =
        ["localhost", "local", "internal", "test", "example", "invalid", "lan", "home"];
    name.rsplit_once('.').is_some_and(|(_, last)| {
        last.bytes().all(|byte| byte.is_ascii_alphabetic()) && !OTHERS.contains(&last)
    })
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
        E::RequiredEkuNotFoundContext(_) | E::EmptyEkuExtension => {
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
            "the certificate chain uses a signature that is not accepted (SHA-1?)"
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

/// `14 d`, `5 h`, `30 s`: in the largest unit that is not zero; what was asked for in the largest that
/// leaves nothing off, `60 h` of 2.5 d.
fn span(seconds: u64, exact: bool) -> String {
    let units = [("d", 86_400), ("h", 3_600), ("min", 60)];
    let fits = |size: u64| seconds >= size && (!exact || seconds.is_multiple_of(size));
    let (unit, size) = units.into_iter().find(|(_, size)| fits(*size)).unwrap_or(("s", 1));
    format!("{} {unit}", seconds / size)
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn spans() {
        for (seconds, text, exact) in [
            (59, "59 s", "59 s"),
            (60, "1 min", "1 min"),
            (3_600, "1 h", "1 h"),
            (5_400, "1 h", "90 min"),
            (86_400, "1 d", "1 d"),
            (172_799, "1 d", "172799 s"),
            (216_000, "2 d", "60 h"),
            (1_209_600, "14 d", "14 d"),
        ] {
            assert_eq!([span(seconds, false), span(seconds, true)], [text, exact]);
        }
    }

    #[test]
    fn what_all_the_world_may_look_up_is_public() {
        for name in ["example.org", "a.b.example.com", "*.example.net"] {
            assert!(is_public(name), "{name}");
        }
        for name in
            ["localhost", "db", "a.local", "x.svc.cluster.local", "a.test", "10.0.0.1", "::1"]
        {
            assert!(!is_public(name), "{name}");
        }
    }
}

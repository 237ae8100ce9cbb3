//! Mozilla's roots, packed by `build.rs`: only those that a chain names are unpacked.
//!
//! `INDEX` has four bytes for each: a hash of its subject, the number of its key's form, and the
//! lengths of its packed subject and of its name constraints. `NAMES` are the subjects, in which a
//! byte stands for the two that `PAIRS` has for it, or for itself when it is the first of them.
//! `FORMS` say how long a key is without what keys of that form have in common, and what that is,
//! before and after it. `KEYS` are what remains, each with its constraints after it.

use rustls::pki_types::{CertificateDer, Der, TrustAnchor};
use webpki::EndEntityCert;

include!(concat!(env!("OUT_DIR"), "/roots.rs"));
static NAMES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/names"));
static KEYS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/keys"));

/// Those that a certificate of the chain may be issued by: no other can end it.
pub(super) fn named<'a>(
    chain: impl Iterator<Item = &'a CertificateDer<'a>>,
) -> Vec<TrustAnchor<'static>> {
    let mut wanted: Vec<u8> = Vec::new();
    for der in chain {
        if let Ok(cert) = EndEntityCert::try_from(der) {
            wanted.push(hash(cert.issuer()));
        }
    }
    by_hash(&wanted)
}

fn by_hash(wanted: &[u8]) -> Vec<TrustAnchor<'static>> {
    let mut found = Vec::new();
    let (mut names, mut keys) = (NAMES, KEYS);
    for [hash, form, name, constraints] in INDEX {
        let Some((length, before, after, common)) = FORMS.get(usize::from(form)) else { break };
        let Some((before, common)) = common.split_at_checked(*before) else { break };
        let after = common.get(..*after).unwrap_or_default();
        let (Some((name, more_names)), Some((key, more_keys))) =
            (names.split_at_checked(name.into()), keys.split_at_checked(*length))
        else {
            break;
        };
        let Some((constraints, more_keys)) = more_keys.split_at_checked(constraints.into()) else {
            break;
        };
        (names, keys) = (more_names, more_keys);
        if wanted.contains(&hash) {
            let mut subject = Vec::new();
            name.iter().for_each(|byte| unpack(*byte, &mut subject));
            found.push(TrustAnchor {
                subject: Der::from(subject),
                subject_public_key_info: Der::from([before, key, after].concat()),
                // None may not be written as an empty list, which would permit no name at all.
                name_constraints: (!constraints.is_empty()).then(|| Der::from_slice(constraints)),
            });
        }
    }
    found
}

fn hash(name: &[u8]) -> u8 {
    name.iter().fold(0, |hash: u8, byte| hash.wrapping_mul(31) ^ byte)
}

/// A pair's bytes are ones that were there before it, so this ends.
fn unpack(byte: u8, name: &mut Vec<u8>) {
    match PAIRS.get(usize::from(byte)) {
        Some([first, second]) if *first != byte => {
            unpack(*first, name);
            unpack(*second, name);
        }
        _ => name.push(byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_is_what_comes_out() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(by_hash(&all), webpki_roots::TLS_SERVER_ROOTS);
    }

    #[test]
    fn a_root_is_found_by_its_name_and_few_others_are_unpacked() {
        for root in webpki_roots::TLS_SERVER_ROOTS {
            let found = by_hash(&[hash(&root.subject)]);
            assert!(found.contains(root));
            assert!(found.len() < 6, "{}", found.len());
        }
        assert_eq!(by_hash(&[]), []);
    }
}

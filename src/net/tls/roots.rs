//! Mozilla's roots, packed by `build.rs`.

use rustls::pki_types::{Der, TrustAnchor};

static PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/roots"));

/// All of them.
pub(super) fn built_in() -> Vec<TrustAnchor<'static>> {
    let mut roots = Vec::new();
    let mut rest = PACKED;
    while let Some(root) = next(&mut rest) {
        roots.push(root);
    }
    roots
}

fn next(rest: &mut &'static [u8]) -> Option<TrustAnchor<'static>> {
    let mut part = || {
        let (length, after) = rest.split_first_chunk()?;
        let (part, after) = after.split_at_checked(u16::from_be_bytes(*length).into())?;
        *rest = after;
        Some(part)
    };
    let (subject, key, constraints) = (part()?, part()?, part()?);
    Some(TrustAnchor {
        subject: Der::from_slice(subject),
        subject_public_key_info: Der::from_slice(key),
        // None may not be written as an empty list, which would permit no name at all.
        name_constraints: (!constraints.is_empty()).then(|| Der::from_slice(constraints)),
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_was_packed_is_what_comes_out() {
        assert_eq!(super::built_in(), webpki_roots::TLS_SERVER_ROOTS);
    }
}

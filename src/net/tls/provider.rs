//! The cryptography of TLS, picked by hand so that nothing else is linked.
//!
//! Everything is ring's but P-256, which is RustCrypto's, and X25519 and Ed25519, which are
//! curve25519-dalek's: ring's come with tables of 151,552 and 24,576 bytes.

use std::fmt;
use std::sync::Arc;

use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::elliptic_curve::point::AffineCoordinates;
use p256::elliptic_curve::sec1::ToSec1Point;
use p256::elliptic_curve::zeroize::{Zeroize, Zeroizing};
use ring::digest::{self, SHA256, SHA384, digest};
use ring::rand::{SecureRandom as _, SystemRandom};
use rustls::crypto::ring::{cipher_suite, kx_group};
use rustls::crypto::{
    ActiveKeyExchange, CryptoProvider, GetRandomFailed, KeyProvider, SecureRandom, SharedSecret,
    SupportedKxGroup, WebPkiSupportedAlgorithms,
};
use rustls::ffdhe_groups::FfdheGroup;
use rustls::pki_types::{
    AlgorithmIdentifier, InvalidSignature, PrivateKeyDer, SignatureVerificationAlgorithm, alg_id,
};
use rustls::sign::SigningKey;
use rustls::{
    CipherSuiteCommon, Error, NamedGroup, PeerMisbehaved, SignatureScheme, SupportedCipherSuite,
    Tls13CipherSuite,
};
use webpki::ring as verify;

use super::curve25519::{Ed25519, X25519};
use super::der;

/// What a connection may use. AES-128 stands first: half the work, and strong enough.
pub(super) fn provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: SUITES.to_vec(),
        kx_groups: GROUPS.to_vec(),
        signature_verification_algorithms: ALGORITHMS,
        secure_random: &System,
        key_provider: &System,
    }
}

pub(super) static SUITES: &[SupportedCipherSuite] = &[
    SupportedCipherSuite::Tls13(&AES_128),
    SupportedCipherSuite::Tls13(&AES_256),
    cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
];

static AES_128: Tls13CipherSuite = without_quic(cipher_suite::TLS13_AES_128_GCM_SHA256);
static AES_256: Tls13CipherSuite = without_quic(cipher_suite::TLS13_AES_256_GCM_SHA384);

/// A suite of rustls', less what QUIC encrypts with: 1.7 KB.
#[expect(clippy::panic, reason = "called by the compiler alone, which would say so")]
const fn without_quic(suite: SupportedCipherSuite) -> Tls13CipherSuite {
    let SupportedCipherSuite::Tls13(Tls13CipherSuite { common, hkdf_provider, aead_alg, .. }) =
        suite
    else {
        panic!()
    };
    let CipherSuiteCommon { suite, hash_provider, confidentiality_limit } = *common;
    let common = CipherSuiteCommon { suite, hash_provider, confidentiality_limit };
    Tls13CipherSuite { common, hkdf_provider: *hkdf_provider, aead_alg: *aead_alg, quic: None }
}

pub(super) static GROUPS: &[&dyn SupportedKxGroup] = &[&X25519, &P256, kx_group::SECP384R1];

/// Signatures that are believed, of certificates and of handshakes.
pub(super) static ALGORITHMS: WebPkiSupportedAlgorithms = WebPkiSupportedAlgorithms {
    all: &[
        P256_SHA256,
        P256_SHA384,
        verify::ECDSA_P384_SHA256,
        verify::ECDSA_P384_SHA384,
        &Ed25519,
        verify::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
        verify::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
        verify::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
        verify::RSA_PKCS1_2048_8192_SHA256,
        verify::RSA_PKCS1_2048_8192_SHA384,
        verify::RSA_PKCS1_2048_8192_SHA512,
        verify::RSA_PKCS1_2048_8192_SHA256_ABSENT_PARAMS,
        verify::RSA_PKCS1_2048_8192_SHA384_ABSENT_PARAMS,
        verify::RSA_PKCS1_2048_8192_SHA512_ABSENT_PARAMS,
    ],
    // TLS 1.2 leaves the curve open, so each ECDSA scheme lists both; TLS 1.3 takes the first.
    mapping: &[
        (SignatureScheme::ECDSA_NISTP384_SHA384, &[verify::ECDSA_P384_SHA384, P256_SHA384]),
        (SignatureScheme::ECDSA_NISTP256_SHA256, &[P256_SHA256, verify::ECDSA_P384_SHA256]),
        (SignatureScheme::ED25519, &[&Ed25519]),
        (SignatureScheme::RSA_PSS_SHA512, &[verify::RSA_PSS_2048_8192_SHA512_LEGACY_KEY]),
        (SignatureScheme::RSA_PSS_SHA384, &[verify::RSA_PSS_2048_8192_SHA384_LEGACY_KEY]),
        (SignatureScheme::RSA_PSS_SHA256, &[verify::RSA_PSS_2048_8192_SHA256_LEGACY_KEY]),
        (SignatureScheme::RSA_PKCS1_SHA512, &[verify::RSA_PKCS1_2048_8192_SHA512]),
        (SignatureScheme::RSA_PKCS1_SHA384, &[verify::RSA_PKCS1_2048_8192_SHA384]),
        (SignatureScheme::RSA_PKCS1_SHA256, &[verify::RSA_PKCS1_2048_8192_SHA256]),
    ],
};

static P256_SHA256: &dyn SignatureVerificationAlgorithm =
    &P256Verification { signature: alg_id::ECDSA_SHA256, hash: &SHA256 };
static P256_SHA384: &dyn SignatureVerificationAlgorithm =
    &P256Verification { signature: alg_id::ECDSA_SHA384, hash: &SHA384 };

/// ECDSA on P-256: public data only.
struct P256Verification {
    signature: AlgorithmIdentifier,
    hash: &'static digest::Algorithm,
}

impl SignatureVerificationAlgorithm for P256Verification {
    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_P256
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature
    }

    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let key = p256::ecdsa::VerifyingKey::from(point(public_key).ok_or(InvalidSignature)?);
        let [r, s] = der::signature(signature).ok_or(InvalidSignature)?;
        let signature = p256::ecdsa::Signature::from_scalars(r, s).map_err(|_| InvalidSignature)?;
        key.verify_prehash(digest(self.hash, message).as_ref(), &signature)
            .map_err(|_| InvalidSignature)
    }
}

impl fmt::Debug for P256Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("P256Verification")
    }
}

/// ECDHE on P-256 (RFC 8446 section 4.2.8.2). p256's scalar multiplication is constant-time, and the
/// secret lives for one handshake.
#[derive(Debug)]
struct P256;

impl SupportedKxGroup for P256 {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let secret = random_scalar()?;
        let public = (p256::ProjectivePoint::GENERATOR * *secret).to_affine().to_sec1_point(false);
        Ok(Box::new(P256Exchange { secret, public }))
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::secp256r1
    }
}

/// Uniform among the numbers from 1 to the order of P-256 less one (FIPS 186-5 appendix A.2.2): a
/// draw that is none of them, one in 2^32, is drawn again.
pub(super) fn random_scalar() -> Result<p256::NonZeroScalar, Error> {
    let mut bytes = p256::FieldBytes::default();
    let scalar = loop {
        SystemRandom::new().fill(&mut bytes).map_err(|_| Error::FailedToGetRandomBytes)?;
        if let Some(scalar) = p256::NonZeroScalar::from_repr(bytes).into_option() {
            break scalar;
        }
    };
    bytes.zeroize();
    Ok(scalar)
}

struct P256Exchange {
    secret: p256::NonZeroScalar,
    public: p256::Sec1Point,
}

impl ActiveKeyExchange for P256Exchange {
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        let point = point(peer).ok_or(PeerMisbehaved::InvalidKeyShare)?;
        let x = Zeroizing::new((point.to_projective() * *self.secret).to_affine().x());
        Ok(SharedSecret::from(x.as_slice()))
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn pub_key(&self) -> &[u8] {
        self.public.as_bytes()
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::secp256r1
    }
}

/// Also where the exchange never came to an end.
impl Drop for P256Exchange {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

/// A point on the curve from its uncompressed form, the only one that TLS knows (RFC 8446 section
/// 4.2.8.2) and that ring takes in certificates; reading compressed ones costs 5 KB.
fn point(bytes: &[u8]) -> Option<p256::PublicKey> {
    let (&4, coordinates) = bytes.split_first()? else { return None };
    let (x, y) = coordinates.split_at_checked(32)?;
    let (x, y) = (x.try_into().ok()?, y.try_into().ok()?);
    // Looks whether it is on the curve; the identity has no such form.
    let point = p256::AffinePoint::from_coordinates(&x, &y).into_option()?;
    p256::PublicKey::from_affine(point).ok()
}

/// The system's random numbers; it loads no keys, since `keys` does.
#[derive(Debug)]
struct System;

impl SecureRandom for System {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
        SystemRandom::new().fill(bytes).map_err(|_| GetRandomFailed)
    }
}

impl KeyProvider for System {
    fn load_private_key(&self, _key: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, Error> {
        Err(Error::General(String::new()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The public half of `p256::SecretKey`, uncompressed.
    fn public(secret: u8) -> Vec<u8> {
        let secret = p256::SecretKey::from_slice(&[secret; 32]).unwrap();
        secret.public_key().to_sec1_point(false).as_bytes().to_vec()
    }

    #[test]
    fn only_uncompressed_points_on_the_curve_are_points() {
        let good = public(7);
        assert!(point(&good).is_some());
        let with = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            bytes
        };
        assert!(point(&with(0, 2)).is_none());
        assert!(point(&with(64, good[64] ^ 1)).is_none());
        assert!(point(&good[..64]).is_none());
        assert!(point(&[&good[..], &[0]].concat()).is_none());
        assert!(point(&[&[4][..], &[0; 64]].concat()).is_none());
        assert!(point(&[&[4][..], &[0xff; 64]].concat()).is_none());
        assert!(point(&[0]).is_none());
        assert!(point(&[]).is_none());
    }

    #[test]
    fn both_ends_of_an_exchange_agree_and_a_broken_share_is_refused() {
        let (ours, theirs) = (P256.start().unwrap(), P256.start().unwrap());
        let (our_share, their_share) = (ours.pub_key().to_vec(), theirs.pub_key().to_vec());
        assert_ne!(our_share, their_share);
        let (ours, theirs) = (ours.complete(&their_share), theirs.complete(&our_share));
        assert_eq!(ours.unwrap().secret_bytes(), theirs.unwrap().secret_bytes());
        let mut broken = our_share;
        broken[40] ^= 1;
        assert!(P256.start().unwrap().complete(&broken).is_err());
    }

    /// ring's own verification of P-256 judges what ours does: it is not linked outside of tests.
    #[test]
    fn a_signature_is_judged_as_ring_judges_it() {
        let secret = p256::SecretKey::from_slice(&[9; 32]).unwrap();
        let (key, message) = (public(9), b"what is signed".as_slice());
        let mut seen = Vec::new();
        for hash in [&SHA256, &SHA384] {
            let digest = digest(hash, message);
            let number = random_scalar().unwrap();
            let scalar = secret.to_nonzero_scalar();
            let (signature, _) =
                ecdsa::hazmat::sign_prehashed::<p256::NistP256>(&scalar, &number, digest.as_ref())
                    .unwrap();
            let signature = signature.to_der().as_bytes().to_vec();
            let (ours, rings) = match hash == &SHA256 {
                true => (P256_SHA256, verify::ECDSA_P256_SHA256),
                false => (P256_SHA384, verify::ECDSA_P256_SHA384),
            };
            for at in 0..=signature.len() {
                let mut bytes = signature.clone();
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1;
                }
                let verdict = ours.verify_signature(&key, message, &bytes).is_ok();
                assert_eq!(verdict, rings.verify_signature(&key, message, &bytes).is_ok(), "{at}");
                assert_eq!(verdict, at == signature.len());
            }
            assert!(ours.verify_signature(&key, b"another", &signature).is_err());
            assert!(ours.verify_signature(&public(8), message, &signature).is_err());
            seen.push(signature);
        }
        assert_ne!(seen[0], seen[1]);
    }
}

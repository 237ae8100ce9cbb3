//! The client's private key: how it is read, and how it signs.

use std::fmt;
use std::sync::Arc;

use p256::elliptic_curve::sec1::ToSec1Point;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384,
    RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use rustls::pki_types::{PrivateKeyDer, SubjectPublicKeyInfoDer, alg_id};
use rustls::sign::{Signer, SigningKey, public_key_to_spki};
use rustls::{Error, SignatureAlgorithm, SignatureScheme};

use super::curve25519::Ed25519Key;
use super::der::{
    BIT_STRING, Der, EC_PUBLIC_KEY, ED25519, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SECP256R1,
    SECP384R1, SEQUENCE, signed,
};
use super::provider::random_scalar;

/// A client's private key, or `None` when it is of no kind that TLS here can use. That it is the
/// key of the certificate is yet to be seen (`CertifiedKey::keys_match`).
pub(super) fn signing_key(der: &PrivateKeyDer<'_>) -> Option<Arc<dyn SigningKey>> {
    let key = match der {
        PrivateKeyDer::Pkcs1(der) => Key::Rsa(RsaKeyPair::from_der(der.secret_pkcs1_der()).ok()?),
        PrivateKeyDer::Pkcs8(der) => pkcs8(der.secret_pkcs8_der())?,
        PrivateKeyDer::Sec1(der) => sec1(der.secret_sec1_der(), None)?,
        _ => return None,
    };
    Some(Arc::new(Shared(Arc::new(key))))
}

/// PrivateKeyInfo (RFC 5208 section 5): the algorithm, and a key in that algorithm's own form.
fn pkcs8(der: &[u8]) -> Option<Key> {
    let (info, _) = Der(der).expect(SEQUENCE)?;
    let (_version, info) = Der(info).expect(INTEGER)?;
    let (algorithm, info) = Der(info).expect(SEQUENCE)?;
    let (kind, parameters) = Der(algorithm).expect(OBJECT_IDENTIFIER)?;
    match kind {
        EC_PUBLIC_KEY => {
            let (curve, _) = Der(parameters).expect(OBJECT_IDENTIFIER)?;
            let (key, _) = Der(info).expect(OCTET_STRING)?;
            sec1(key, Some(curve))
        }
        // CurvePrivateKey (RFC 8410 section 7); OpenSSL writes no public half.
        ED25519 => {
            let (key, _) = Der(info).expect(OCTET_STRING)?;
            let (seed, _) = Der(key).expect(OCTET_STRING)?;
            Ed25519Key::from_seed(seed).map(Key::Ed25519)
        }
        // What is not RSA either is refused there.
        _ => RsaKeyPair::from_pkcs8(der).ok().map(Key::Rsa),
    }
}

/// ECPrivateKey (RFC 5915 section 3). The curve stands in it, or in what it is wrapped in.
fn sec1(der: &[u8], curve: Option<&[u8]>) -> Option<Key> {
    const PARAMETERS: u8 = 0xa0;
    const PUBLIC_KEY: u8 = 0xa1;
    let (key, _) = Der(der).expect(SEQUENCE)?;
    let (_version, key) = Der(key).expect(INTEGER)?;
    let (secret, key) = Der(key).expect(OCTET_STRING)?;
    let curve = match (curve, Der(key).find(PARAMETERS)) {
        (Some(curve), _) => curve,
        (None, parameters) => Der(parameters?).expect(OBJECT_IDENTIFIER)?.0,
    };
    match curve {
        SECP256R1 => p256::SecretKey::from_slice(secret).ok().map(Key::P256),
        SECP384R1 => {
            let (public, _) = Der(Der(key).find(PUBLIC_KEY)?).expect(BIT_STRING)?;
            // The first octet counts unused bits, of which there are none.
            let (_unused, public) = public.split_first()?;
            let (algorithm, random) = (&ECDSA_P384_SHA384_ASN1_SIGNING, SystemRandom::new());
            // ring verifies that both halves belong together.
            EcdsaKeyPair::from_private_key_and_public_key(algorithm, secret, public, &random)
                .ok()
                .map(Key::P384)
        }
        _ => None,
    }
}

/// A private key and how it signs.
enum Key {
    Rsa(RsaKeyPair),
    P256(p256::SecretKey),
    P384(EcdsaKeyPair),
    Ed25519(Ed25519Key),
}

struct Shared(Arc<Key>);

impl SigningKey for Shared {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let ours: &[SignatureScheme] = match &*self.0 {
            Key::Rsa(_) => &[
                SignatureScheme::RSA_PSS_SHA256,
                SignatureScheme::RSA_PSS_SHA384,
                SignatureScheme::RSA_PSS_SHA512,
                SignatureScheme::RSA_PKCS1_SHA256,
                SignatureScheme::RSA_PKCS1_SHA384,
                SignatureScheme::RSA_PKCS1_SHA512,
            ],
            Key::P256(_) => &[SignatureScheme::ECDSA_NISTP256_SHA256],
            Key::P384(_) => &[SignatureScheme::ECDSA_NISTP384_SHA384],
            Key::Ed25519(_) => &[SignatureScheme::ED25519],
        };
        let scheme = *ours.iter().find(|scheme| offered.contains(scheme))?;
        Some(Box::new(Signing { key: self.0.clone(), scheme }))
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(match &*self.0 {
            Key::Rsa(key) => public_key_to_spki(&alg_id::RSA_ENCRYPTION, key.public_key()),
            Key::P256(key) => {
                public_key_to_spki(&alg_id::ECDSA_P256, key.public_key().to_sec1_point(false))
            }
            Key::P384(key) => public_key_to_spki(&alg_id::ECDSA_P384, key.public_key()),
            Key::Ed25519(key) => public_key_to_spki(&alg_id::ED25519, key.public()),
        })
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        match &*self.0 {
            Key::Rsa(_) => SignatureAlgorithm::RSA,
            Key::P256(_) | Key::P384(_) => SignatureAlgorithm::ECDSA,
            Key::Ed25519(_) => SignatureAlgorithm::ED25519,
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("private key") // not a verdict: part of one
    }
}

struct Signing {
    key: Arc<Key>,
    scheme: SignatureScheme,
}

impl Signer for Signing {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let failed = || Error::General(String::new());
        let random = SystemRandom::new();
        match &*self.key {
            Key::Rsa(key) => {
                let encoding: &dyn RsaEncoding = match self.scheme {
                    SignatureScheme::RSA_PSS_SHA256 => &RSA_PSS_SHA256,
                    SignatureScheme::RSA_PSS_SHA384 => &RSA_PSS_SHA384,
                    SignatureScheme::RSA_PSS_SHA512 => &RSA_PSS_SHA512,
                    SignatureScheme::RSA_PKCS1_SHA256 => &RSA_PKCS1_SHA256,
                    SignatureScheme::RSA_PKCS1_SHA384 => &RSA_PKCS1_SHA384,
                    _ => &RSA_PKCS1_SHA512,
                };
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(encoding, &random, message, &mut signature).map_err(|_| failed())?;
                Ok(signature)
            }
            // ECDSA with a random number per message (FIPS 186-5 section 6.4.1), as ring does it;
            // RFC 6979 would bring a second SHA-256 and an HMAC.
            Key::P256(key) => {
                let (secret, number) = (key.to_nonzero_scalar(), random_scalar()?);
                let hash = digest(&SHA256, message);
                let (signature, _) = ecdsa::hazmat::sign_prehashed::<p256::NistP256>(
                    &secret,
                    &number,
                    hash.as_ref(),
                )
                .map_err(|_| failed())?;
                let (r, s) = signature.split_bytes();
                Ok(signed([&r, &s]))
            }
            Key::P384(key) => key
                .sign(&random, message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| failed()),
            Key::Ed25519(key) => Ok(key.sign(message).to_vec()),
        }
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}

impl fmt::Debug for Signing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("signer")
    }
}

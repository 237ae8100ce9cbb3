//! X25519 and Ed25519 by curve25519-dalek, without tables: ring's bring one of 24,576 bytes, and
//! field arithmetic of their own.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use curve25519_dalek::constants::X25519_BASEPOINT;
use curve25519_dalek::digest::typenum::U64;
use curve25519_dalek::digest::{FixedOutput, HashMarker, Output, OutputSizeUser, Update};
use curve25519_dalek::montgomery::MontgomeryPoint;
use ed25519_dalek::hazmat::{ExpandedSecretKey, raw_sign, raw_verify};
use ed25519_dalek::{Signature, VerifyingKey};
use p256::elliptic_curve::zeroize::Zeroizing;
use ring::digest::{Context, SHA512, digest};
use ring::rand::{SecureRandom as _, SystemRandom};
use rustls::crypto::{ActiveKeyExchange, SharedSecret, SupportedKxGroup};
use rustls::ffdhe_groups::FfdheGroup;
use rustls::pki_types::{
    AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id,
};
use rustls::{Error, NamedGroup, PeerMisbehaved};

/// ECDHE on Curve25519 (RFC 8446 section 4.2.8.2). The ladder is constant-time, and a secret is used
/// once.
#[derive(Debug)]
pub(super) struct X25519;

impl SupportedKxGroup for X25519 {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let unused = UNUSED.lock().unwrap_or_else(PoisonError::into_inner).take();
        let pair = match unused {
            Some(pair) => pair,
            None => Pair::random()?,
        };
        Ok(Box::new(Exchange(Some(pair))))
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}

/// A pair whose public half was offered, and whose secret one never met a peer's. A greeting has one
/// for TLS 1.3; with a server that speaks TLS 1.2 another is wanted later, and this one is as good:
/// 0.65 million instructions.
static UNUSED: Mutex<Option<Pair>> = Mutex::new(None);

struct Pair {
    secret: Zeroizing<[u8; 32]>,
    public: [u8; 32],
}

impl Pair {
    fn random() -> Result<Self, Error> {
        let mut secret = Zeroizing::new([0; 32]);
        SystemRandom::new().fill(&mut *secret).map_err(|_| Error::FailedToGetRandomBytes)?;
        Ok(Self { public: multiply(&secret, X25519_BASEPOINT.to_bytes()), secret })
    }
}

/// The function X25519 of RFC 7748 section 5.
fn multiply(secret: &[u8; 32], point: [u8; 32]) -> [u8; 32] {
    MontgomeryPoint(point).mul_clamped(*secret).to_bytes()
}

/// Holds a pair until it is used.
struct Exchange(Option<Pair>);

impl ActiveKeyExchange for Exchange {
    fn complete(mut self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        let pair = self.0.take();
        let (Some(Pair { secret, .. }), Ok(point)) = (pair, peer.try_into()) else {
            return Err(PeerMisbehaved::InvalidKeyShare.into());
        };
        let shared = Zeroizing::new(multiply(&secret, point));
        // A point of small order, which makes the secret everybody's (RFC 7748 section 6.1, RFC 8446
        // section 7.4.2). Which it was is no secret of ours.
        if *shared == [0; 32] {
            return Err(PeerMisbehaved::InvalidKeyShare.into());
        }
        Ok(SharedSecret::from(shared.as_slice()))
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn pub_key(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |pair| &pair.public)
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if let Some(pair) = self.0.take() {
            *UNUSED.lock().unwrap_or_else(PoisonError::into_inner) = Some(pair);
        }
    }
}

/// Ed25519 (RFC 8032): public data only.
#[derive(Debug)]
pub(super) struct Ed25519;

impl SignatureVerificationAlgorithm for Ed25519 {
    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ED25519
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ED25519
    }

    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let key = public_key.try_into().map_err(|_| InvalidSignature)?;
        let key = VerifyingKey::from_bytes(key).map_err(|_| InvalidSignature)?;
        let signature = Signature::from_slice(signature).map_err(|_| InvalidSignature)?;
        raw_verify::<Sha512>(&key, message, &signature).map_err(|_| InvalidSignature)
    }
}

/// A private key of Ed25519, zeroed when it is dropped, and its public half.
pub(super) struct Ed25519Key {
    secret: ExpandedSecretKey,
    public: VerifyingKey,
}

impl Ed25519Key {
    /// From the 32 bytes of RFC 8032 section 5.1.5.
    pub(super) fn from_seed(seed: &[u8]) -> Option<Self> {
        let expanded = digest(&SHA512, seed);
        let secret = ExpandedSecretKey::from_slice(expanded.as_ref()).ok()?;
        let public = VerifyingKey::from(&secret);
        (seed.len() == 32).then_some(Self { secret, public })
    }

    pub(super) fn public(&self) -> &[u8] {
        self.public.as_bytes()
    }

    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        raw_sign::<Sha512>(&self.secret, message, &self.public).to_bytes()
    }
}

/// ring's SHA-512, which is linked anyway, as what ed25519-dalek asks for.
struct Sha512(Context);

impl Default for Sha512 {
    fn default() -> Self {
        Self(Context::new(&SHA512))
    }
}

impl OutputSizeUser for Sha512 {
    type OutputSize = U64;
}

impl HashMarker for Sha512 {}

impl Update for Sha512 {
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }
}

impl FixedOutput for Sha512 {
    fn finalize_into(self, out: &mut Output<Self>) {
        for (byte, of) in out.iter_mut().zip(self.0.finish().as_ref()) {
            *byte = *of;
        }
    }
}

impl fmt::Debug for Sha512 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SHA-512")
    }
}

#[cfg(test)]
mod tests {
    use ring::signature::{Ed25519KeyPair, KeyPair};
    use webpki::ring as verify;

    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits = hex.as_bytes().chunks(2).map(|two| std::str::from_utf8(two).unwrap());
        digits.map(|two| u8::from_str_radix(two, 16).unwrap()).collect()
    }

    fn array(hex: &str) -> [u8; 32] {
        bytes(hex).try_into().unwrap()
    }

    /// The vectors of RFC 7748 section 5.2, the second with a bit set that is to be ignored.
    #[test]
    fn x25519_is_that_of_rfc_7748() {
        for (secret, point, product) in [
            (
                "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
                "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
                "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
            ),
            (
                "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
                "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
                "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
            ),
        ] {
            assert_eq!(multiply(&array(secret), array(point)), array(product));
        }
    }

    /// Each product is the next secret, and each secret the next point.
    #[test]
    fn x25519_iterated_is_that_of_rfc_7748() {
        let (mut secret, mut point) = (X25519_BASEPOINT.to_bytes(), X25519_BASEPOINT.to_bytes());
        for turn in 1..=1_000 {
            (secret, point) = (multiply(&secret, point), secret);
            if turn == 1 {
                let once = "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079";
                assert_eq!(secret, array(once));
            }
        }
        let last = "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51";
        assert_eq!(secret, array(last));
    }

    /// All that meets `UNUSED` in one test, since tests run at once.
    #[test]
    fn an_exchange_agrees_uses_its_secret_once_and_refuses_what_is_no_share() {
        let share = |exchange: &dyn ActiveKeyExchange| exchange.pub_key().to_vec();
        let (ours, theirs) = (X25519.start().unwrap(), X25519.start().unwrap());
        let (our_share, their_share) = (share(&*ours), share(&*theirs));
        assert_ne!(our_share, their_share);
        let (ours, theirs) = (ours.complete(&their_share), theirs.complete(&our_share));
        assert_eq!(ours.unwrap().secret_bytes(), theirs.unwrap().secret_bytes());

        // What was offered in vain is offered again, what was used is not.
        let vain = X25519.start().unwrap();
        assert!(![&our_share, &their_share].contains(&&share(&*vain)));
        let vain_share = share(&*vain);
        drop(vain);
        let again = X25519.start().unwrap();
        assert_eq!(share(&*again), vain_share);
        let beside = X25519.start().unwrap();
        assert_ne!(share(&*beside), vain_share);
        assert!(again.complete(&their_share).is_ok());

        // The example of RFC 7748 section 6.1.
        let secret = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
        let alice = || {
            let secret = Zeroizing::new(array(secret));
            let public = multiply(&secret, X25519_BASEPOINT.to_bytes());
            Box::new(Exchange(Some(Pair { secret, public })))
        };
        assert_eq!(
            share(&*alice()),
            bytes("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")
        );
        let bob = bytes("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
        assert_eq!(
            alice().complete(&bob).unwrap().secret_bytes(),
            bytes("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742")
        );

        // Every encoding of every point of small order, with the ignored bit and without.
        for small in [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0100000000000000000000000000000000000000000000000000000000000000",
            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
            "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        ] {
            let mut small = bytes(small);
            for _ in 0..2 {
                assert!(alice().complete(&small).is_err(), "{small:x?}");
                small[31] ^= 0x80;
            }
        }
        for length in [0, 31, 33, 64] {
            assert!(alice().complete(&vec![9; length]).is_err(), "{length}");
        }
    }

    /// Seed, public key, message, signature: RFC 8032 section 7.1, tests 1 to 3.
    const VECTORS: [[&str; 4]; 3] = [
        [
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555\
             fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ],
        [
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da0\
             85ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ],
        [
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac1\
             8ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ],
    ];

    #[test]
    fn ed25519_signs_and_verifies_as_in_rfc_8032_and_as_ring_does() {
        for vector in VECTORS {
            let [seed, public, message, signature] = vector.map(bytes);
            let key = Ed25519Key::from_seed(&seed).unwrap();
            assert_eq!((key.public(), key.sign(&message).to_vec()), (&public[..], signature));
            assert!(Ed25519.verify_signature(&public, &message, &key.sign(&message)).is_ok());

            let rings = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
            let long = message.repeat(300);
            assert_eq!(rings.public_key().as_ref(), key.public());
            assert_eq!(rings.sign(&long).as_ref(), key.sign(&long));
        }
        assert!(Ed25519Key::from_seed(&[1; 31]).is_none());
        assert!(Ed25519Key::from_seed(&[1; 33]).is_none());
    }

    /// Both verdicts, which are one.
    fn verdict(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
        let ours = Ed25519.verify_signature(key, message, signature).is_ok();
        let rings = verify::ED25519.verify_signature(key, message, signature).is_ok();
        assert_eq!(ours, rings, "{key:x?} {signature:x?}");
        ours
    }

    #[test]
    fn each_changed_bit_of_a_signature_and_of_a_key_is_refused() {
        let [_, public, message, signature] = VECTORS[2].map(bytes);
        assert!(verdict(&public, &message, &signature));
        for bit in 0..512 {
            let mut changed = signature.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!verdict(&public, &message, &changed), "{bit}");
        }
        for bit in 0..256 {
            let mut changed = public.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!verdict(&changed, &message, &signature), "{bit}");
        }
        assert!(!verdict(&public, b"\xaf", &signature));
        for length in [0, 63, 65] {
            let mut changed = signature.clone();
            changed.resize(length, 0);
            assert!(!verdict(&public, &message, &changed), "{length}");
        }
        assert!(!verdict(&public[..31], &message, &signature));
    }

    /// S and S plus the order of the base point make the same point: only the lesser is a signature.
    #[test]
    fn a_signature_has_one_form() {
        let order = bytes("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
        let [_, public, message, mut signature] = VECTORS[0].map(bytes);
        let mut carry = 0;
        for (byte, more) in signature[32..].iter_mut().zip(order) {
            let sum = u16::from(*byte) + u16::from(more) + carry;
            (*byte, carry) = (sum as u8, sum >> 8);
        }
        assert_eq!(carry, 0);
        assert!(!verdict(&public, &message, &signature));
    }

    /// Keys of small order sign anything, for whoever made them: as with ring, whose verdict of each
    /// is ours, and of the forms that exceed the field.
    #[test]
    fn odd_keys_are_judged_as_ring_judges_them() {
        let mut accepted = 0;
        let ends = [0_u8, 1, 2, 0xec, 0xed, 0xee, 0xef, 0xf0];
        for (first, rest) in ends.into_iter().flat_map(|end| [(end, 0), (end, 0xff)]) {
            for sign in [0, 0x80] {
                let mut key = [rest; 32];
                (key[0], key[31]) = (first, (rest & 0x7f) | sign);
                let mut signature = [0; 64];
                signature[..32].copy_from_slice(&key);
                accepted += u8::from(verdict(&key, b"anything", &signature));
                signature[..32].copy_from_slice(&[&[1][..], &[0; 31]].concat());
                accepted += u8::from(verdict(&key, b"anything", &signature));
            }
        }
        assert!(accepted > 0, "the odd keys are met at all");
    }
}

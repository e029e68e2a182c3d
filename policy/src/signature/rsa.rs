//! RSASSA-PKCS1-v1_5 and RSASSA-PSS (RFC 8017 §8).

use rsa::sha2::{Digest, Sha256, Sha384, Sha512};
use rsa::traits::{PublicKeyParts, SignatureScheme};
use rsa::{BigUint, Pkcs1v15Sign, Pss, RsaPublicKey};

use crate::algorithm::Algorithm;

/// Whether it is the key's; false for any algorithm that is not RSA's.
pub(super) fn verify(
    algorithm: Algorithm,
    key: &RsaPublicKey,
    signed: &[u8],
    signature: &[u8],
) -> bool {
    let digest = match algorithm {
        Algorithm::Rs256 | Algorithm::Ps256 => Sha256::digest(signed).to_vec(),
        Algorithm::Rs384 | Algorithm::Ps384 => Sha384::digest(signed).to_vec(),
        Algorithm::Rs512 | Algorithm::Ps512 => Sha512::digest(signed).to_vec(),
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => return false,
    };
    let pkcs1 = |padding: Pkcs1v15Sign| holds(padding, key, &digest, signature);
    // Salt and mask are made with the same hash, and the salt is as long as it (RFC 7518 §3.5).
    let pss = |padding: Pss| has_whole_bytes(key) && holds(padding, key, &digest, signature);
    match algorithm {
        Algorithm::Rs256 => pkcs1(Pkcs1v15Sign::new::<Sha256>()),
        Algorithm::Rs384 => pkcs1(Pkcs1v15Sign::new::<Sha384>()),
        Algorithm::Rs512 => pkcs1(Pkcs1v15Sign::new::<Sha512>()),
        Algorithm::Ps256 => pss(Pss::new_with_salt::<Sha256>(digest.len())),
        Algorithm::Ps384 => pss(Pss::new_with_salt::<Sha384>(digest.len())),
        Algorithm::Ps512 => pss(Pss::new_with_salt::<Sha512>(digest.len())),
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => false,
    }
}

fn holds(
    padding: impl SignatureScheme,
    key: &RsaPublicKey,
    digest: &[u8],
    signature: &[u8],
) -> bool {
    // The crate does not check this for PSS: there, a number larger by the modulus would be a second signature
    // (RFC 8017 §5.2.2 step 1).
    let in_range = signature.len() == key.size() && BigUint::from_bytes_be(signature) < *key.n();
    in_range && key.verify(padding, digest, signature).is_ok()
}

/// Where a modulus has one bit more, the message that PSS encodes has a byte less than it (RFC 8017 §8.1.1), which
/// the crate cuts off unseen.
fn has_whole_bytes(key: &RsaPublicKey) -> bool {
    key.n().bits() % 8 != 1
}

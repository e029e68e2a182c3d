//! RSASSA-PKCS1-v1_5 and RSASSA-PSS (RFC 8017 §8).

use rsa::sha2::{Digest, Sha256, Sha384, Sha512};
use rsa::traits::PublicKeyParts;
use rsa::{BigUint, Pkcs1v15Sign, Pss, RsaPublicKey};

use crate::algorithm::Algorithm;

/// Whether it is the key's; false for any algorithm that is not RSA's.
pub(super) fn verify(
    algorithm: Algorithm,
    key: &RsaPublicKey,
    signed: &[u8],
    signature: &[u8],
) -> bool {
    if signature.len() != key.size() {
        return false;
    }
    let digest = match algorithm {
        Algorithm::Rs256 | Algorithm::Ps256 => Sha256::digest(signed).to_vec(),
        Algorithm::Rs384 | Algorithm::Ps384 => Sha384::digest(signed).to_vec(),
        Algorithm::Rs512 | Algorithm::Ps512 => Sha512::digest(signed).to_vec(),
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => return false,
    };
    // The crate does not check this for PSS, where a number larger by the modulus would be a second signature
    // (RFC 8017 §5.2.2 step 1).
    let number = BigUint::from_bytes_be(signature);
    if number >= *key.n() {
        return false;
    }
    let pkcs1 = |padding: Pkcs1v15Sign| key.verify(padding, &digest, signature).is_ok();
    // Salt and mask are made with the same hash, and the salt is as long as it (RFC 7518 §3.5).
    let pss = |padding: Pss| {
        is_message_short(key, &number) && key.verify(padding, &digest, signature).is_ok()
    };
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

/// The message that PSS encodes has a bit less than the modulus (RFC 8017 §8.1.2 step 2c). Where that bit is a byte
/// of its own, the crate cuts it off unseen.
fn is_message_short(key: &RsaPublicKey, signature: &BigUint) -> bool {
    let bits = key.n().bits();
    bits % 8 != 1 || signature.modpow(key.e(), key.n()).bits() < bits
}

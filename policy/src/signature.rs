//! Is this signature the key's? All algorithms in pure Rust, for hosts that do not verify themselves.
//!
//! Nothing here is secret, so nothing needs constant time. Nothing here needs random numbers either.

mod ecdsa;
mod rsa;
#[cfg(test)]
mod tests;

pub use self::ecdsa::der as ecdsa_der;
use ::rsa::traits::PublicKeyParts;
use p256::ecdsa::signature::Verifier;

use crate::algorithm::Algorithm;
use crate::keys::{Material, PublicKey};

/// Whether a signature is as long as all of the key's are, which costs nothing to find out.
pub fn has_length(algorithm: Algorithm, key: &PublicKey, signature: &[u8]) -> bool {
    key.fits(algorithm)
        && signature.len()
            == match &key.material {
                Material::Rsa(key) => key.size(),
                Material::P256(_) | Material::Ed25519(_) => 64,
                Material::P384(_) => 96,
            }
}

/// Whether `signature` over `signed` was made with the private part of `key`.
///
/// A signature has one length and one form in each algorithm (RFC 7518 §3.3 to §3.5, RFC 8032 §5.1.7), and a key
/// fits no algorithm but those of its type; everything else is false.
pub fn verify(algorithm: Algorithm, key: &PublicKey, signed: &[u8], signature: &[u8]) -> bool {
    match (&key.material, algorithm) {
        (Material::Rsa(key), _) => rsa::verify(algorithm, key, signed, signature),
        (Material::P256(key), Algorithm::Es256) => p256::ecdsa::Signature::from_slice(signature)
            .is_ok_and(|signature| key.verify(signed, &signature).is_ok()),
        (Material::P384(key), Algorithm::Es384) => p384::ecdsa::Signature::from_slice(signature)
            .is_ok_and(|signature| key.verify(signed, &signature).is_ok()),
        // Strict: no second signature can be made from one, and no point of small order takes part.
        (Material::Ed25519(key), Algorithm::EdDsa) => {
            ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(signed, &signature).is_ok())
        }
        (Material::P256(_) | Material::P384(_) | Material::Ed25519(_), _) => false,
    }
}

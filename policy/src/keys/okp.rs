//! Edwards curve public keys: the JWK members `crv` and `x` (RFC 8037 §2).

use ed25519_dalek::VerifyingKey;
use serde_json::Value;

use super::jwk::{self, Unusable, beginning};
use super::{Material, PublicKey};

/// Reads a key: a point of Ed25519 in its one encoding.
///
/// # Errors
///
/// What is wrong with it.
pub(super) fn read(jwk: &Value) -> Result<PublicKey, Unusable> {
    let unusable = |why| Unusable::Material("Ed25519", why);
    match jwk::text(jwk, "crv")? {
        "Ed25519" => {}
        other => {
            return Err(Unusable::Curve {
                curve: beginning(other),
                supported: "for OKP, Ed25519 is",
            });
        }
    }
    let bytes = <[u8; 32]>::try_from(jwk::bytes(jwk, "x")?)
        .map_err(|_| unusable("`x` does not have 32 bytes"))?;
    let key =
        VerifyingKey::from_bytes(&bytes).map_err(|_| unusable("its point is not on the curve"))?;
    // Under such a key, a signature can be made without any private key that is right for almost every text.
    if key.is_weak() {
        return Err(unusable("its point has a small order"));
    }
    // The crate also takes numbers that were not reduced, which RFC 8032 §5.1.3 does not.
    if key.to_edwards().compress().to_bytes() != bytes {
        return Err(unusable("its point is not encoded as RFC 8032 has it"));
    }
    Ok(PublicKey {
        material: Material::Ed25519(key),
        spki: None,
    })
}

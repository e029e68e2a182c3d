//! Elliptic curve public keys: the JWK members `crv`, `x` and `y` (RFC 7518 §6.2.1).

use p256::pkcs8::EncodePublicKey;
use serde_json::Value;

use super::jwk::{self, Unusable, beginning};
use super::{Material, PublicKey};

/// Marks a point with both coordinates (SEC 1 §2.3.3).
const UNCOMPRESSED: u8 = 4;

/// Reads a key: a point that is on its curve.
///
/// # Errors
///
/// What is wrong with it.
pub(super) fn read(jwk: &Value) -> Result<PublicKey, Unusable> {
    match jwk::text(jwk, "crv")? {
        "P-256" => p256(&point(jwk, "P-256", 32)?),
        "P-384" => p384(&point(jwk, "P-384", 48)?),
        other => Err(Unusable::Curve {
            curve: beginning(other),
            supported: "for EC, P-256 and P-384 are",
        }),
    }
}

fn p256(point: &[u8]) -> Result<PublicKey, Unusable> {
    let key = p256::PublicKey::from_sec1_bytes(point).map_err(|_| off_curve("P-256"))?;
    Ok(PublicKey {
        spki: Some(spki("P-256", &key)?),
        material: Material::P256(key.into()),
    })
}

fn p384(point: &[u8]) -> Result<PublicKey, Unusable> {
    let key = p384::PublicKey::from_sec1_bytes(point).map_err(|_| off_curve("P-384"))?;
    Ok(PublicKey {
        spki: Some(spki("P-384", &key)?),
        material: Material::P384(key.into()),
    })
}

/// Both coordinates have the length of the field exactly, leading zeros and all (RFC 7518 §6.2.1.2).
fn point(jwk: &Value, curve: &'static str, length: usize) -> Result<Vec<u8>, Unusable> {
    let mut point = vec![UNCOMPRESSED];
    for coordinate in [jwk::bytes(jwk, "x")?, jwk::bytes(jwk, "y")?] {
        if coordinate.len() != length {
            let why = "`x` or `y` is not as long as the curve's numbers are";
            return Err(Unusable::Material(curve, why));
        }
        point.extend_from_slice(&coordinate);
    }
    Ok(point)
}

fn off_curve(curve: &'static str) -> Unusable {
    Unusable::Material(curve, "its point is not on the curve")
}

fn spki(curve: &'static str, key: &impl EncodePublicKey) -> Result<Vec<u8>, Unusable> {
    key.to_public_key_der()
        .map(p256::pkcs8::Document::into_vec)
        .map_err(|_| Unusable::Material(curve, "it cannot be written in DER"))
}

//! RSA public keys: the JWK members `n` and `e` (RFC 7518 §6.3.1).

use rsa::pkcs8::EncodePublicKey;
use rsa::{BigUint, RsaPublicKey};
use serde_json::Value;

use super::jwk::{self, Unusable};
use super::{Material, PublicKey};

/// RFC 7518 §3.3 demands as much.
const MINIMUM_BITS: usize = 2048;

/// Verifying costs with the square of the size; nobody signs tokens with more.
const MAXIMUM_BITS: usize = 8192;

/// Reads a key.
///
/// # Errors
///
/// What is wrong with it.
pub(super) fn read(jwk: &Value) -> Result<PublicKey, Unusable> {
    let unusable = |why| Unusable::Material("RSA", why);
    let modulus = jwk::bytes(jwk, "n")?;
    let exponent = jwk::bytes(jwk, "e")?;
    let modulus = BigUint::from_bytes_be(&modulus);
    if modulus.bits() < MINIMUM_BITS {
        return Err(unusable("it has fewer than 2048 bits"));
    }
    if modulus.bits() > MAXIMUM_BITS {
        return Err(unusable("it has more than 8192 bits"));
    }
    if !is_odd(&modulus) {
        return Err(unusable("the modulus is even"));
    }
    let exponent = BigUint::from_bytes_be(&exponent);
    if !is_odd(&exponent) || exponent.bits() < 2 || exponent.bits() > 32 {
        return Err(unusable("the exponent is not an odd number from 3 to 2^32"));
    }
    let key = RsaPublicKey::new_with_max_size(modulus, exponent, MAXIMUM_BITS)
        .map_err(|_| unusable("the exponent does not fit the modulus"))?;
    let spki = key
        .to_public_key_der()
        .map_err(|_| unusable("it cannot be written in DER"))?;
    Ok(PublicKey {
        spki: Some(spki.into_vec()),
        material: Material::Rsa(key),
    })
}

fn is_odd(number: &BigUint) -> bool {
    number.to_bytes_le().first().is_some_and(|low| low % 2 == 1)
}

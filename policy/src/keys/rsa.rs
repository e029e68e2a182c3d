//! RSA public keys: JWK members `n` and `e` (RFC 7518 §6.3.1) as SubjectPublicKeyInfo.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pkcs1::der::asn1::{BitStringRef, UintRef};
use pkcs1::der::{AnyRef, Encode};
use spki::{AlgorithmIdentifierRef, ObjectIdentifier, SubjectPublicKeyInfoRef};

/// `rsaEncryption` (RFC 8017 appendix C).
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// RFC 7518 §3.3 demands as much.
const MINIMUM_BITS: usize = 2048;

/// Verifying costs with the square of the size; nobody signs tokens with more.
const MAXIMUM_BITS: usize = 8192;

/// The key in DER, from modulus and exponent in base64url.
///
/// # Errors
///
/// What is wrong with it.
pub(super) fn spki(modulus: &str, exponent: &str) -> Result<Vec<u8>, &'static str> {
    let modulus = unsigned(modulus).ok_or("`n` is not base64url")?;
    let exponent = unsigned(exponent).ok_or("`e` is not base64url")?;
    if bits(&modulus) < MINIMUM_BITS {
        return Err("it has fewer than 2048 bits");
    }
    if bits(&modulus) > MAXIMUM_BITS {
        return Err("it has more than 8192 bits");
    }
    if !is_usable_exponent(&exponent) {
        return Err("the exponent is not an odd number from 3 to 2^32");
    }
    encode(&modulus, &exponent).map_err(|_| "it cannot be encoded")
}

fn encode(modulus: &[u8], exponent: &[u8]) -> pkcs1::der::Result<Vec<u8>> {
    let key = pkcs1::RsaPublicKey {
        modulus: UintRef::new(modulus)?,
        public_exponent: UintRef::new(exponent)?,
    }
    .to_der()?;
    SubjectPublicKeyInfoRef {
        algorithm: AlgorithmIdentifierRef {
            oid: RSA_ENCRYPTION,
            parameters: Some(AnyRef::NULL),
        },
        subject_public_key: BitStringRef::from_bytes(&key)?,
    }
    .to_der()
}

/// Big-endian bytes without leading zeros.
fn unsigned(text: &str) -> Option<Vec<u8>> {
    let mut bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.drain(..zeros);
    Some(bytes)
}

fn bits(number: &[u8]) -> usize {
    match number.first() {
        None => 0,
        Some(first) => number.len() * 8 - first.leading_zeros() as usize,
    }
}

fn is_usable_exponent(exponent: &[u8]) -> bool {
    let odd = exponent.last().is_some_and(|last| last % 2 == 1);
    odd && exponent.len() <= 4 && exponent != [1]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{RSA_N, RSA_SPKI};
    use base64::engine::general_purpose::STANDARD;

    #[test]
    fn the_der_is_what_openssl_writes() {
        let expected = STANDARD.decode(RSA_SPKI).unwrap();
        assert_eq!(spki(RSA_N, "AQAB"), Ok(expected));
    }

    #[test]
    fn leading_zeros_change_nothing() {
        assert_eq!(spki(RSA_N, "AAEAAQ"), spki(RSA_N, "AQAB"));
    }
}

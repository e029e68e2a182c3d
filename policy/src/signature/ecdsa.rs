//! The two forms of an ECDSA signature. In a JWS it is the numbers r and s in full length, one after the other
//! (RFC 7518 §3.4).

use crate::algorithm::Algorithm;

/// An ECDSA signature in DER (RFC 3279 §2.2.3), the form in which Envoy takes it.
///
/// None if it can be nobody's: of another length than the algorithm's, or with a number that is zero or not less than
/// the curve's order; and none for algorithms other than ECDSA.
pub fn der(algorithm: Algorithm, signature: &[u8]) -> Option<Vec<u8>> {
    match algorithm {
        Algorithm::Es256 => {
            let signature = p256::ecdsa::Signature::from_slice(signature).ok()?;
            Some(signature.to_der().as_bytes().to_vec())
        }
        Algorithm::Es384 => {
            let signature = p384::ecdsa::Signature::from_slice(signature).ok()?;
            Some(signature.to_der().as_bytes().to_vec())
        }
        _ => None,
    }
}

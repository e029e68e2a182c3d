//! Signatures that cost next to nothing: ES256 with a nonce that is never changed.
//!
//! Whoever sees two of them can compute the private key (it signs nothing that matters), and whoever verifies them
//! sees no difference. So what is measured is the gate, and not the load.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use p256::elliptic_curve::ops::{Invert, Reduce};
use p256::elliptic_curve::point::AffineCoordinates;
use p256::elliptic_curve::sec1::ToEncodedPoint;
use p256::{FieldBytes, NonZeroScalar, ProjectivePoint, Scalar, U256};
use rsa::rand_core::OsRng;
use rsa::sha2::{Digest, Sha256};
use serde_json::{Value, json};

/// The id of the key.
pub(in crate::trials) const KID: &str = "soak";

/// A key, and what of a signature is the same in all.
///
/// A signature is r = (k·G).x and s = k⁻¹·(h + r·d) for the nonce k, the hash h and the private key d (FIPS 186-5
/// §6.4.1); so with one k, s = slope·h + offset.
pub(in crate::trials) struct Signer {
    public: ProjectivePoint,
    r: FieldBytes,
    slope: Scalar,
    offset: Scalar,
}

// === impl Signer ===

impl Signer {
    pub(in crate::trials) fn generate() -> Self {
        let key = NonZeroScalar::random(&mut OsRng);
        let nonce = NonZeroScalar::random(&mut OsRng);
        let point = (ProjectivePoint::GENERATOR * *nonce).to_affine();
        let r = <Scalar as Reduce<U256>>::reduce_bytes(&point.x());
        let slope = *Invert::invert(&nonce);
        Self {
            public: ProjectivePoint::GENERATOR * *key,
            r: r.to_bytes(),
            slope,
            offset: slope * r * *key,
        }
    }

    /// A signature as JWS has it (RFC 7518 §3.4).
    pub(in crate::trials) fn sign(&self, text: &[u8]) -> [u8; 64] {
        let hash = <Scalar as Reduce<U256>>::reduce_bytes(&Sha256::digest(text));
        let s = (self.slope * hash + self.offset).to_bytes();
        let mut signature = [0; 64];
        let (first, second) = signature.split_at_mut(32);
        first.copy_from_slice(&self.r);
        second.copy_from_slice(&s);
        signature
    }

    pub(in crate::trials) fn jwk(&self) -> Value {
        let point = self.public.to_affine().to_encoded_point(false);
        let coordinate = |bytes: Option<&FieldBytes>| {
            bytes.map_or_else(String::new, |bytes| BASE64_URL_SAFE_NO_PAD.encode(bytes))
        };
        json!({
            "use": "sig", "kty": "EC", "crv": "P-256", "alg": "ES256", "kid": KID,
            "x": coordinate(point.x()), "y": coordinate(point.y()),
        })
    }
}

#[cfg(test)]
mod tests {
    use p256::ecdsa::signature::Verifier;
    use p256::ecdsa::{Signature, VerifyingKey};

    use super::*;

    #[test]
    fn others_can_verify_what_it_signs() {
        let signer = Signer::generate();
        let key = VerifyingKey::from_affine(signer.public.to_affine()).unwrap();
        for text in [b"one".as_slice(), b"another", b""] {
            let signature = Signature::from_slice(&signer.sign(text)).unwrap();
            key.verify(text, &signature).unwrap();
            assert!(key.verify(b"a third", &signature).is_err());
        }
    }
}

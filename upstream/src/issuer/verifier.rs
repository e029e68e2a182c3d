//! What the gate's rules need to verify a token here: the clock, the keys, and their signatures.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tollgate_policy::algorithm::Algorithm;
use tollgate_policy::keys::{KeyError, KeySet, PublicKey};
use tollgate_policy::signature;
use tollgate_policy::token::{Unverifiable, Verifier};

/// Verifies by a key set, where there is one.
pub(super) struct Verifying<'a>(pub(super) Option<&'a KeySet>);

impl Verifier for Verifying<'_> {
    fn now(&self) -> Option<Duration> {
        SystemTime::now().duration_since(UNIX_EPOCH).ok()
    }

    fn with_key<T>(
        &self,
        _issuer: usize,
        algorithm: Algorithm,
        key_id: Option<&str>,
        verify: impl FnOnce(&PublicKey) -> T,
    ) -> Result<T, KeyError> {
        let keys = self.0.ok_or(KeyError::NotFetched)?;
        let key = keys.find(algorithm, key_id).ok_or(KeyError::Unknown)?;
        Ok(verify(key.public()))
    }

    fn verify(
        &self,
        algorithm: Algorithm,
        key: &PublicKey,
        signed: &[u8],
        signature: &[u8],
    ) -> Result<bool, Unverifiable> {
        Ok(signature::verify(algorithm, key, signed, signature))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issuer::testing::{TOKEN, key_set};
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    fn verifies(signed: &str, signature: &[u8]) -> bool {
        let keys = KeySet::parse(&key_set("a")).unwrap();
        let verifying = Verifying(Some(&keys));
        let verify =
            |key: &PublicKey| verifying.verify(Algorithm::Rs256, key, signed.as_bytes(), signature);
        let found = verifying.with_key(0, Algorithm::Rs256, Some("a"), verify);
        found.unwrap().unwrap()
    }

    #[test]
    fn openssls_signature_is_right_and_one_bit_makes_it_wrong() {
        let (signed, signature) = TOKEN.rsplit_once('.').unwrap();
        let mut signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        assert!(verifies(signed, &signature));
        assert!(!verifies(&signed[1..], &signature));
        signature[100] ^= 1;
        assert!(!verifies(signed, &signature));
        assert!(!verifies(signed, b""));
    }
}
